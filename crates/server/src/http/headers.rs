//! What the layers hang on a request for the handlers behind them, and header values that several replies share.
//! `dispatch` sets them. Statuses do not belong here.

use std::net::{IpAddr, Ipv4Addr};

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use causeway_protocol::{Reason, Refusal};

/// What is known of a request before anybody looks at what it asks. `dispatch` hangs it on, in one piece: each piece costs.
#[derive(Clone, Debug)]
pub struct About {
    /// Where it comes from.
    pub source: Source,
    /// Whether the peer is a trusted proxy, or may ask the guard: only then does any forwarding header count (SECURITY T-02).
    pub trusted: bool,
    /// Under which it is found.
    pub id: RequestId,
}

/// The id under which one request is found in the logs, as plain ASCII; every reply carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub HeaderValue);

impl RequestId {
    /// As text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Where a request comes from: the peer, or what a trusted proxy says about it. Throttles count by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(pub IpAddr);

impl Default for Source {
    fn default() -> Self {
        Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

/// The request id's header.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The retry key's header (TOKENS 4, "Resend"). A secret to the log.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tokens and secrets stay in no cache (RFC 6749 5.1).
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Where this request comes from; one fixed place when no layer said so.
pub fn source(parts: &Parts) -> Source {
    parts.extensions.get::<About>().map(|about| about.source).unwrap_or_default()
}

/// This request's id; empty when no layer gave one.
pub fn request_id(parts: &Parts) -> String {
    parts.extensions.get::<About>().map(|about| about.id.as_str().to_owned()).unwrap_or_default()
}

/// The one value of a header, as visible ASCII. Sent twice or with other bytes it is refused: two readers could differ.
pub fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Reason::HeaderMalformed.about(name.as_str())),
        (Some(_), Some(_)) => Err(Reason::HeaderMalformed.about(format!("{name} was sent twice"))),
    }
}
