//! Envoy's `ext_authz` over gRPC (`envoy.service.auth.v3.Authorization/Check`), HTTP/2 on a listener of its own: for proxies on
//! the same machine and those that are trusted, and only with the key where there is one. It says what `/guard/check` says.
//!
//! Messages are `message`, gRPC is `grpc`, and what one means for the other is `check`'s business.

mod check;
mod grpc;
mod message;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use causeway_guard::MAX_SITE_BODY;
use causeway_protocol::Reason;
use causeway_protocol::secret::Secret;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message as _;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::front::Front;
use super::headers::X_REQUEST_ID;
use super::listen::{admit, stopped};
use super::tls::Tls;
use super::{admin, forward_auth, log};
use check::Asked;
use grpc::Code;

/// The one method.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// The largest message: a body in which a site may stand, and headers.
const MAX_MESSAGE: usize = MAX_SITE_BODY + 128 * 1024;
/// Calls at once on a connection; a proxy holds a few connections.
const MAX_STREAMS: u32 = 1_024;
/// Until a message has to be there.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether anybody is there, and how long it may take to answer.
const KEEP_ALIVE: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(10)];

/// A bound socket, and who answers there: a node, or a guard at the edge.
pub struct Authz<F> {
    /// Bound already.
    pub socket: TcpListener,
    /// Who answers.
    pub edge: Arc<F>,
    /// `None`: HTTP/2 in the clear.
    pub tls: Option<Arc<Tls>>,
    /// What each call must bear (`authorization: Bearer …` in gRPC's metadata); `None`: nothing.
    pub key: Option<Secret>,
    /// Connections at once.
    pub connections: usize,
    /// How long calls may take once the process is asked to stop.
    pub drain: Duration,
}

impl<F: Front> Authz<F> {
    /// Serves until `stop` says true, then answers what is under way.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let Self { socket, edge, tls, key, connections, drain } = self;
        let seats = Arc::new(Semaphore::new(connections));
        let door = Door { edge, tls, key: Arc::new(key), stop: stop.clone() };
        let let_in = |stream, peer, seat| door.let_in(stream, peer, seat);
        admit(socket, (&seats, connections), drain, &mut stop, let_in).await;
    }
}

/// Who is let in, and how.
struct Door<F> {
    edge: Arc<F>,
    tls: Option<Arc<Tls>>,
    key: Arc<Option<Secret>>,
    stop: watch::Receiver<bool>,
}

impl<F: Front> Door<F> {
    fn let_in(&self, stream: TcpStream, peer: SocketAddr, seat: OwnedSemaphorePermit) {
        if !is_trusted(self.edge.as_ref(), peer.ip()) {
            self.edge.metrics().shed.inc();
            return;
        }
        let asker =
            Asker { edge: self.edge.clone(), key: self.key.clone(), peer, stop: self.stop.clone(), _seat: seat };
        let _best_effort = stream.set_nodelay(true);
        match &self.tls {
            None => drop(tokio::spawn(asker.serve(stream))),
            Some(tls) => drop(tokio::spawn(asker.greet(stream, tls.current_http2()))),
        }
    }
}

/// Who may ask: somebody on this machine, a trusted proxy, and who may ask the guard elsewhere.
fn is_trusted(edge: &impl Front, address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || edge.proxies().trusts(address) || edge.askers().trusts(address)
}

/// One connection of a proxy.
struct Asker<F> {
    edge: Arc<F>,
    key: Arc<Option<Secret>>,
    peer: SocketAddr,
    stop: watch::Receiver<bool>,
    _seat: OwnedSemaphorePermit,
}

impl<F: Front> Asker<F> {
    async fn greet(self, stream: TcpStream, tls: Arc<ServerConfig>) {
        match tokio::time::timeout(PATIENCE, TlsAcceptor::from(tls).accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "a proxy's TLS handshake"),
            Err(_) => tracing::debug!("a proxy's TLS handshake took too long"),
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self { edge, key, peer, mut stop, _seat } = self;
        let service = service_fn(move |request| {
            let (edge, key) = (edge.clone(), key.clone());
            async move { Ok::<_, Infallible>(answer(edge.as_ref(), key.as_ref().as_ref(), peer, request).await) }
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let [interval, timeout] = KEEP_ALIVE;
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(16 * 1024)
            .keep_alive_interval(interval)
            .keep_alive_timeout(timeout);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, "a proxy's connection");
        }
    }
}

async fn answer(edge: &impl Front, key: Option<&Secret>, peer: SocketAddr, request: Request<Incoming>) -> grpc::Reply {
    let (parts, body) = request.into_parts();
    // An address says little where many stand behind one.
    if key.is_some() && !admin::holds(key, &parts.headers).unwrap_or(false) {
        tracing::debug!(%peer, "a question without the key");
        edge.metrics().request(log::GUARD_CHECK, 401);
        return grpc::failed(Code::Unauthenticated);
    }
    if parts.method != Method::POST || parts.uri.path() != CHECK || !grpc::is_grpc(&parts.headers) {
        return grpc::failed(Code::Unimplemented);
    }
    let read = tokio::time::timeout(PATIENCE, grpc::message(body, MAX_MESSAGE));
    let message = match read.await {
        Ok(Ok(message)) => message,
        Ok(Err(code)) => return grpc::failed(code),
        Err(_) => return grpc::failed(Code::DeadlineExceeded),
    };
    // Anything but a good answer is a no for Envoy.
    let Ok(asked) = message::CheckRequest::decode(message) else { return grpc::failed(Code::InvalidArgument) };
    let Some(asked) = Asked::of(asked) else { return grpc::failed(Code::InvalidArgument) };
    let began = edge.monotonic_nanos();
    let none = http::HeaderMap::new();
    let caller = asked.as_ref().map_or(&none, |asked| &asked.headers);
    let id = log::request_id(edge.entropy(), caller, true);
    let question = asked.as_ref().map_err(Clone::clone).and_then(Asked::question);
    let mut judged = forward_auth::judge(edge, question).await;
    if !judged.status().is_success() {
        judged.headers_mut().extend([(X_REQUEST_ID, id.0.clone())]);
    }
    note(edge, peer, id.as_str(), &judged, began);
    grpc::reply(&check::answer(&judged, caller, edge.profile().api_keys.as_ref()))
}

/// The log line and the counters, as for a question by HTTP.
fn note(edge: &impl Front, peer: SocketAddr, id: &str, judged: &Response<Bytes>, began: u64) {
    let refused = judged.extensions().get::<Reason>().copied();
    let status = judged.status().as_u16();
    edge.metrics().request(log::GUARD_CHECK, status);
    if let Some(reason) = refused {
        edge.metrics().refusal(reason);
    }
    let micros = edge.monotonic_nanos().saturating_sub(began) / 1000;
    let (method, path, endpoint, source) = ("POST", CHECK, log::GUARD_CHECK, peer.ip());
    log::write(&log::Line { method, path, endpoint, status, micros, id, source, refused, prefixes: &[] });
}
