//! What the layers hang on a request for the handlers behind them, and header values that several replies share.
//! `dispatch` sets them. Statuses do not belong here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use causeway_protocol::{Reason, Refusal};

/// The id under which one request is found in the logs; every reply carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Where a request comes from: the peer, or what a trusted proxy says about it. Throttles count by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(pub IpAddr);

/// The other end of the connection itself, whatever any header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Whether the peer is a trusted proxy: only then does any forwarding header count (SECURITY T-02).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trusted(pub bool);

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
    parts.extensions.get::<Source>().copied().unwrap_or_default()
}

/// This request's id; empty when no layer gave one.
pub fn request_id(parts: &Parts) -> String {
    parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
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
