//! The platform's own API behind the guard: one streaming hop. What was matched is what is sent; who calls stands in headers
//! that only the guard writes. When the caller goes away, so does the request.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Request, Uri, Version};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, Sleep, sleep_until};

use causeway_guard::{Denied, Pass};
use causeway_protocol::Reason;

use super::{Content, Limits, fault_of_the_body, hygiene};
use crate::http::front::Front;
use crate::http::headers::{X_REQUEST_ID, request_id, source};

/// Connections kept open between requests.
const IDLE_CONNECTIONS: usize = 256;
/// For how long: shorter than servers usually keep theirs, so that we seldom meet one that is just closing.
const KEPT: Duration = Duration::from_secs(20);

const BETWEEN_COMPLAINTS: Duration = Duration::from_secs(1);

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// See the module.
pub(super) struct Upstream {
    /// `None`: the address makes no sense, and every call fails.
    base: Option<Base>,
    limits: Limits,
    complaints: Complaints,
}

/// Says at most once a second that the upstream fails: while it is down, every call would.
#[derive(Default)]
struct Complaints(Mutex<(Option<Instant>, u64)>);

impl Complaints {
    fn say(&self, upstream: &Authority, what: &str, why: &dyn fmt::Display) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, unsaid) = &mut *state;
        let now = Instant::now();
        if last.is_some_and(|last| now - last < BETWEEN_COMPLAINTS) {
            *unsaid += 1;
            return;
        }
        let more = std::mem::take(unsaid);
        *last = Some(now);
        drop(state);
        tracing::warn!(%upstream, %why, failed_since_the_last_line = more, "{what}");
    }
}

struct Base {
    scheme: Scheme,
    authority: Authority,
    /// Before every path; without a slash at its end.
    path: String,
    client: Transport,
}

enum Transport {
    Plain(Client<HttpConnector, Body>),
    Tls(Client<HttpsConnector<HttpConnector>, Body>),
}

impl Upstream {
    pub(super) fn new(base: &str, limits: Limits) -> Self {
        let base = parse(base, limits).map_err(|why| tracing::error!(%why, "the upstream cannot be called")).ok();
        Self { base, limits, complaints: Complaints::default() }
    }

    /// Sends the call on and hands the answer back as it comes.
    pub(super) async fn forward(
        &self,
        edge: &impl Front,
        pass: &Pass,
        parts: Parts,
        content: Content,
    ) -> Result<Response, Denied> {
        let base = self.base.as_ref().ok_or(Denied::from(Reason::UpstreamFailed))?;
        let began = Instant::now();
        let sent = Arc::new(AtomicU64::new(0));
        let body = match content {
            Content::Whole(bytes) => Body::new(Full::new(bytes)),
            Content::Stream(body) if body.is_end_stream() => Body::empty(),
            Content::Stream(body) => {
                Body::new(Watched { body: Limited::new(body, self.limits.body), began, sent: sent.clone() })
            }
        };
        let request = base.request(edge, pass, parts, body)?;
        let answer = tokio::select! {
            answer = base.client.request(request) => answer,
            () = silence(began, &sent, self.limits.head) => {
                self.complaints.say(&base.authority, "the upstream did not answer in time", &"silence");
                return Err(Reason::UpstreamFailed.into());
            }
        };
        let (mut parts, body) = answer.map_err(|error| self.failed(&base.authority, &error))?.into_parts();
        if parts.status.is_informational() {
            // 101: nothing was asked to be upgraded.
            return Err(Reason::UpstreamFailed.into());
        }
        parts.version = Version::default();
        parts.extensions.clear();
        hygiene::clean_response(&mut parts.headers);
        Ok(Response::from_parts(parts, Body::new(Idle { body, limit: self.limits.idle, timer: None })))
    }

    /// Whose fault it was: the caller's body, or the upstream.
    fn failed(&self, upstream: &Authority, error: &Error) -> Denied {
        if let Some(reason) = fault_of_the_body(error) {
            return reason.into();
        }
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        self.complaints.say(upstream, "the upstream failed", &format_args!("{error}: {cause}"));
        Reason::UpstreamFailed.into()
    }
}

/// The next piece of the body is the caller's to send: a slow body is paced elsewhere, and is no silence of the upstream's.
const WITH_THE_CALLER: u64 = u64::MAX;

/// Ends when the upstream took and gave nothing for so long.
async fn silence(began: Instant, sent: &AtomicU64, limit: Duration) {
    loop {
        let now = Instant::now();
        let deadline = due(began, sent.load(Ordering::Relaxed), now, limit);
        if deadline <= now {
            return;
        }
        sleep_until(deadline).await;
    }
}

/// When the upstream's silence becomes too long, as far as can be told now.
fn due(began: Instant, sent: u64, now: Instant, limit: Duration) -> Instant {
    match sent {
        WITH_THE_CALLER => now + limit,
        millis => began + Duration::from_millis(millis) + limit,
    }
}

impl Base {
    fn request(&self, edge: &impl Front, pass: &Pass, parts: Parts, body: Body) -> Result<Request<Body>, Denied> {
        let client = source(&parts).0;
        let id = request_id(&parts);
        let keys = edge.profile().api_keys.as_ref();
        let target = hygiene::target(&parts.uri, keys);
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        let uri = uri.path_and_query(format!("{}{target}", self.path)).build();
        let mut request = Request::new(body);
        *request.uri_mut() = uri.map_err(|_| Denied::from(Reason::PathMalformed))?;
        *request.method_mut() = parts.method;
        let mut headers = parts.headers;
        hygiene::clean_request(&mut headers);
        hygiene::take_key(&mut headers, keys);
        headers.extend(pass.identity(&edge.held().scopes()));
        let (proto, host) = edge.api_origin().split_once("://").unwrap_or_default();
        let ours = [(X_FORWARDED_FOR, client.to_string()), (X_FORWARDED_PROTO, proto.to_owned())];
        let more = [(X_FORWARDED_HOST, host.to_owned()), (X_REQUEST_ID, id)];
        for (name, text) in ours.into_iter().chain(more) {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl Transport {
    fn request(&self, request: Request<Body>) -> impl Future<Output = Result<http::Response<Incoming>, Error>> + Send {
        match self {
            Transport::Plain(client) => client.request(request),
            Transport::Tls(client) => client.request(request),
        }
    }
}

/// `https://api.example/base` with a client for it.
fn parse(base: &str, limits: Limits) -> Result<Base, String> {
    let parts = base.parse::<Uri>().map_err(|error| error.to_string())?.into_parts();
    let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
        return Err("it is not an address such as http://127.0.0.1:9000".to_owned());
    };
    let path = parts.path_and_query.map(|path| path.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(limits.connect));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(KEPT).pool_max_idle_per_host(IDLE_CONNECTIONS);
    let client = match scheme.as_str() {
        "http" => Transport::Plain(builder.build(tcp)),
        "https" => Transport::Tls(builder.build(secured(tcp).map_err(|error| error.to_string())?)),
        other => return Err(format!("{other} is neither http nor https")),
    };
    Ok(Base { scheme, authority, path, client })
}

/// TLS with the machine's own roots.
fn secured(tcp: HttpConnector) -> Result<HttpsConnector<HttpConnector>, io::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_native_roots()?
        .with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().wrap_connector(tcp))
}

/// A request's body that says when it last moved.
struct Watched<B> {
    body: B,
    began: Instant,
    /// Milliseconds after `began`, or [`WITH_THE_CALLER`].
    sent: Arc<AtomicU64>,
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let millis = if frame.is_pending() { WITH_THE_CALLER } else { self.began.elapsed().as_millis() as u64 };
        self.sent.store(millis, Ordering::Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body that may not fall silent.
struct Idle {
    body: Incoming,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

/// The upstream fell silent in the middle of its answer: the caller's connection ends as well, so that nobody takes a part for
/// the whole.
#[derive(Clone, Copy, Debug)]
struct Silent;

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the upstream fell silent")
    }
}

impl std::error::Error for Silent {}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl http_body::Body for Idle {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(Silent.into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_slow_body_is_no_silence_of_the_upstreams() {
        let (began, limit) = (Instant::now(), Duration::from_secs(30));
        let later = began + Duration::from_secs(100);
        assert_eq!(due(began, 0, later, limit), began + limit, "nothing was ever sent");
        assert_eq!(due(began, 90_000, later, limit), later + Duration::from_secs(20), "counted from the last piece");
        assert_eq!(due(began, WITH_THE_CALLER, later, limit), later + limit);
    }

    #[test]
    fn only_addresses_of_web_servers_are_upstreams() {
        for good in ["http://127.0.0.1:9000", "https://api.example/base/", "http://[::1]:80/"] {
            assert!(parse(good, Limits::default()).is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:9000", "ftp://x", "/x", "http://"] {
            assert!(parse(bad, Limits::default()).is_err(), "{bad}");
        }
        assert_eq!(parse("http://x/base//", Limits::default()).map(|base| base.path).ok().as_deref(), Some("/base"));
    }
}
