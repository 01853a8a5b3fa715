//! The accept loop of the dashboard's own listener: how long a client may take, how many there may be, and a drain at
//! the end. What a request means is the router's business.

mod seats;
mod stall;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use self::seats::{Seat, Seats};
use self::stall::Stalling;
use crate::form::WITH_LIST;
use crate::reply;

/// How long a stop waits for requests in flight.
const DRAIN: Duration = Duration::from_secs(8);
/// The longest body: forms are far smaller, but for lists.
const BODY: usize = 64 * 1024;
/// Where lists are sent to.
const LISTS: [&str; 2] = ["/migrate/", "/accounts/"];

/// What one client may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections at once. When there are as many, the one that has kept us waiting longest makes room.
    connections: usize,
    /// A head must arrive within this, and an idle connection is closed after it.
    head: Duration,
    /// A body must arrive within this.
    body: Duration,
    /// Without a byte of our reply being taken.
    stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 512, head: seconds(20), body: seconds(10), stall: seconds(30) }
    }
}

/// Serves plain HTTP until `stop` completes, then drains.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    serve_within(Limits::default(), listener, router, stop).await;
}

async fn serve_within(limits: Limits, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let seats = Seats::new(limits.connections);
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(64 * 1024);
    let mut stop = std::pin::pin!(stop);
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        // Out of descriptors, or the client was gone already: neither is a reason to stop.
        let Ok((socket, _)) = socket else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _slower_at_worst = socket.set_nodelay(true);
        let Some(seat) = seats.take() else {
            tokio::spawn(turn_away(socket));
            continue;
        };
        let seat = Arc::new(seat);
        let number = seat.number();
        let router = router.clone();
        let service = service_fn(move |request| answer(limits, router.clone(), Arc::clone(&seat), request));
        let io = TokioIo::new(Stalling::new(socket, limits.stall));
        let connection = graceful.watch(http.serve_connection(io, service));
        let task = tokio::spawn(async move {
            let _ended_by_the_peer = connection.await;
        });
        seats.is_served_by(number, task.abort_handle());
    }
    drop(listener);
    let _some_were_busy = timeout(DRAIN, graceful.shutdown()).await;
}

/// The whole request first: nobody's slowness costs more than a seat that can be taken back.
async fn answer(
    limits: Limits,
    router: Router,
    seat: Arc<Seat>,
    request: http::Request<Incoming>,
) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let takes_lists = LISTS.iter().any(|place| parts.uri.path().starts_with(place));
    let most = if takes_lists { WITH_LIST } else { BODY };
    let body = match timeout(limits.body, to_bytes(Body::new(body), most)).await {
        Ok(Ok(bytes)) => Body::from(bytes),
        Ok(Err(_)) => return Ok(reply::too_long()),
        Err(_) => return Ok(reply::too_slow()),
    };
    seat.is_busy();
    let answered = TowerToHyperService::new(router).call(http::Request::from_parts(parts, body)).await;
    seat.waits();
    answered
}

/// Every seat is taken by a request that is being answered: say so, and close.
async fn turn_away(mut socket: TcpStream) {
    let _as_good_as_it_gets = timeout(Duration::from_secs(1), socket.write_all(reply::FULL)).await;
}
