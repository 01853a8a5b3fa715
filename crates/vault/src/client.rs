//! The HTTP client: only to the configured addresses, no redirects, bounded time and bounded bodies.
//! What is said and what it means stand in `speech.rs` and `reply.rs`.

use std::time::Duration;

use bytes::Bytes;
use causeway_protocol::time::Seconds;
use http::header::{
    ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE,
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::platform::Platform;
use crate::reply::Answer;
use crate::speech::Outgoing;

/// The longest answer of a token or revocation endpoint.
pub(crate) const TOKEN_ANSWER: usize = 1 << 20;

const AGENT: &str = concat!("causeway/", env!("CARGO_PKG_VERSION"));

/// Why no answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreached {
    /// The address is not one of the configured ones: nothing was sent.
    Elsewhere,
    /// No connection, or it broke. Whether the request arrived is not known.
    Broken,
    /// It took longer than allowed.
    Slow,
    /// The body is longer than allowed.
    TooLarge,
}

impl Unreached {
    /// Safe to show.
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Unreached::Elsewhere => "the address is not one of the platform's configured ones",
            Unreached::Broken => "the connection could not be made, or broke",
            Unreached::Slow => "no answer within the time allowed",
            Unreached::TooLarge => "the answer is longer than allowed",
        }
    }
}

pub(crate) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

impl Client {
    /// The system's roots are read only when a base is https.
    pub(crate) fn new(tls: bool, timeout: Duration) -> std::io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeout));
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder = if tls {
            HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?
        } else {
            let config = rustls::ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .map_err(std::io::Error::other)?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(8)
            .build(connector);
        Ok(Self { pool, timeout })
    }

    /// Sends, and reads the whole answer: at most `most` bytes, within the timeout.
    pub(crate) async fn send(&self, platform: &Platform, out: &Outgoing, most: usize) -> Result<Answer, Unreached> {
        let request = request(platform, out).ok_or(Unreached::Elsewhere)?;
        let exchange = async {
            let response = self.pool.request(request).await.map_err(|_| Unreached::Broken)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, most).collect().await.map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() { Unreached::TooLarge } else { Unreached::Broken }
            })?;
            Ok(answer(head.status.as_u16(), &head.headers, body.to_bytes()))
        };
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(Unreached::Slow))
    }
}

/// Only below the platform's own bases (SECURITY PV-07): scheme, host and port as configured.
fn request(platform: &Platform, out: &Outgoing) -> Option<http::Request<Full<Bytes>>> {
    let uri: http::Uri = out.url.parse().ok()?;
    let below = |(_, base): (&str, &str)| {
        base.parse::<http::Uri>().is_ok_and(|base| base.scheme() == uri.scheme() && base.authority() == uri.authority())
            && out.url.starts_with(base)
    };
    if !platform.bases().any(below) {
        return None;
    }
    let mut request = http::Request::builder()
        .method(out.method)
        .uri(uri)
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in &out.headers {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        request = request.header(HeaderName::from_static(name), value);
    }
    if let Some((name, key)) = &out.api_key {
        let mut value = HeaderValue::from_str(key.expose()).ok()?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    let body = match &out.body {
        Some((content_type, text)) => {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
            Bytes::copy_from_slice(text.expose().as_bytes())
        }
        None => Bytes::new(),
    };
    request.body(Full::new(body)).ok()
}

fn answer(status: u16, headers: &HeaderMap, body: Bytes) -> Answer {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let wait = text(RETRY_AFTER).and_then(|value| value.trim().parse::<u32>().ok());
    Answer {
        status,
        retry_after: wait.map(|seconds| Seconds(seconds.into())),
        challenge: text(WWW_AUTHENTICATE),
        content_type: text(CONTENT_TYPE),
        notice: crate::legacy::Notice::read(headers),
        body,
    }
}
