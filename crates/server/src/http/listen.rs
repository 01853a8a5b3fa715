//! The accept loop: who gets a connection, TLS, and how a listener stops. What a request means is `dispatch`'s
//! business.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::dispatch::Site;
use super::paced::{Pace, Paced, Phase};
use super::tls::Tls;

/// The largest head of a request, in bytes; more is 431, and so are more than 100 headers (hyper's own limit).
const MAX_HEAD: usize = 32 * 1024;

/// A stopping listener waits so long for a request that may be on its way.
const LAST_CALL: Duration = Duration::from_millis(500);

/// Whoever has begun to connect is in the queue by then, unless the way to them is longer.
const HANDSHAKE: Duration = Duration::from_millis(20);

/// More than stand in the queue at any time: who goes on coming does not hold up a stop.
const MAX_QUEUED: usize = 8 * 1024;

/// What one listener allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long things may take.
    pub pace: Pace,
    /// Connections at once. More wait in the kernel's queue.
    pub connections: usize,
    /// Of one address that is neither loopback nor a trusted proxy. More are closed.
    pub per_address: u32,
    /// How long a stopping listener waits for requests in flight.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let connections = most_connections();
        let per_address = u32::try_from(connections / 4).unwrap_or(u32::MAX);
        Self { pace: Pace::default(), connections, per_address, drain: Duration::from_secs(8) }
    }
}

/// Half of the files that this process may open, where the system says how many: the other half is for the way to the
/// platform's own API. At most 10,000.
fn most_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next());
    files.and_then(|files| files.parse::<usize>().ok()).unwrap_or(1024).div_euclid(2).clamp(64, 10_000)
}

/// A bound socket and what it serves.
pub struct Listener {
    /// Bound already.
    pub socket: TcpListener,
    /// What stands there.
    pub site: Arc<Site>,
    /// `None`: plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// How much.
    pub limits: Limits,
}

/// Who holds connections, so that nobody holds them all.
struct Seats {
    free: Arc<Semaphore>,
    by_address: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection's seat: given back when dropped.
struct Seat {
    _permit: OwnedSemaphorePermit,
    seats: Arc<Seats>,
    address: Option<IpAddr>,
    site: Arc<Site>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.site.house().metrics().connection(-1);
        let Some(address) = self.address else { return };
        let mut held = self.seats.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&address);
            }
        }
    }
}

impl Listener {
    /// Serves until `stop` says true, then drains: who has come already is served, nobody else is let in, each connection ends with
    /// its next reply, and those that ask for nothing are closed.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let Self { socket, site, tls, limits } = self;
        let seats =
            Arc::new(Seats { free: Arc::new(Semaphore::new(limits.connections)), by_address: Mutex::default() });
        let free = seats.free.clone();
        let door = Door { site, tls, limits, seats, stop: stop.clone() };
        let let_in = |stream, peer, permit| door.let_in(stream, peer, permit);
        admit(socket, (&free, limits.connections), limits.drain, &mut stop, let_in).await;
    }
}

/// Lets people in, each with a seat, until `stop` says true; then who has come already, and waits for all seats, for `drain` at
/// most.
pub(crate) async fn admit(
    socket: TcpListener,
    (free, connections): (&Arc<Semaphore>, usize),
    drain: Duration,
    stop: &mut watch::Receiver<bool>,
    let_in: impl Fn(TcpStream, SocketAddr, OwnedSemaphorePermit),
) {
    let accept = async || {
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        match socket.accept().await {
            Ok((stream, peer)) => let_in(stream, peer, permit),
            Err(error) => {
                // Out of descriptors, or the client was gone already: neither is a reason to stop.
                tracing::debug!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    loop {
        tokio::select! {
            () = accept() => {}
            () = stopped(stop) => break,
        }
    }
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    let drained = async {
        for (stream, peer) in queued(socket).await {
            let Ok(permit) = free.clone().acquire_owned().await else { return };
            let_in(stream, peer, permit);
        }
        let _all_are_gone = free.acquire_many(all).await;
    };
    if tokio::time::timeout(drain, drained).await.is_err() {
        tracing::warn!("connections were still busy at the end and were closed");
    }
}

/// Who is let in, and how.
struct Door {
    site: Arc<Site>,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    seats: Arc<Seats>,
    stop: watch::Receiver<bool>,
}

impl Door {
    fn let_in(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let Some(seat) = self.seat(permit, peer.ip()) else {
            self.site.house().metrics().shed.inc();
            return;
        };
        let connection = Connection {
            site: self.site.clone(),
            peer,
            pace: self.limits.pace,
            tls: self.tls.clone(),
            stop: self.stop.clone(),
            _seat: seat,
        };
        tokio::spawn(connection.serve(stream));
    }

    fn seat(&self, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Seat> {
        let exempt = address.is_loopback() || self.site.house().proxies().trusts(address);
        if !exempt {
            let mut held = self.seats.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            let count = held.entry(address).or_default();
            if *count >= self.limits.per_address {
                return None;
            }
            *count += 1;
        }
        self.site.house().metrics().connection(1);
        let address = Some(address).filter(|_| !exempt);
        Some(Seat { _permit: permit, seats: self.seats.clone(), address, site: self.site.clone() })
    }
}

/// Who stands in the kernel's queue: their connections are made as far as they know, and their requests are on the way. Closing
/// the socket would reset them; from now on nobody else gets in.
async fn queued(socket: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(socket) = socket.into_std() else { return Vec::new() };
    match close_the_queue(&socket) {
        Ok(()) => tokio::time::sleep(HANDSHAKE).await,
        Err(error) => tracing::debug!(%error, "whoever connects between the last look and the closing is reset"),
    }
    let mut found = Vec::new();
    while found.len() < MAX_QUEUED {
        match socket.accept() {
            Ok(next) => found.push(next),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
            // Nobody, or no descriptor left to serve them with.
            Err(_) => break,
        }
    }
    drop(socket);
    let adopt = |(stream, peer): (std::net::TcpStream, SocketAddr)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    found.into_iter().filter_map(adopt).collect()
}

/// From now on nobody begins to connect. The kernel drops what asks to, and whoever asked asks again after a second: of a socket
/// that is closed then, or of the next process. Without this, a connection that is made after the last look into the queue would
/// be reset, with a request in it that nobody may send again.
#[cfg(target_os = "linux")]
fn close_the_queue(socket: &std::net::TcpListener) -> std::io::Result<()> {
    // A program for the kernel: drop a segment whose 14th byte has the SYN flag (RFC 9293 3.1), let all others through whole.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    let (load_byte, jump_if_set, end) = (0x30, 0x45, 0x06);
    socket2::SockRef::from(socket).attach_filter(&[
        socket2::SockFilter::new(load_byte, 0, 0, FLAGS),
        socket2::SockFilter::new(jump_if_set, 0, 1, SYN),
        socket2::SockFilter::new(end, 0, 0, 0),
        socket2::SockFilter::new(end, 0, 0, u32::MAX),
    ])
}

/// Other systems have no such means.
#[cfg(not(target_os = "linux"))]
fn close_the_queue(_socket: &std::net::TcpListener) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Resolves once the process is asked to stop, or whoever could ask is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _either_way = stop.wait_for(|stop| *stop).await;
}

/// Resolves when a stopping listener need not wait for a connection: for a while it has not asked anything.
async fn unasked(phase: &Phase) {
    loop {
        tokio::time::sleep(LAST_CALL).await;
        if !phase.is_busy() {
            return;
        }
    }
}

struct Connection {
    site: Arc<Site>,
    peer: SocketAddr,
    pace: Pace,
    tls: Option<Arc<Tls>>,
    stop: watch::Receiver<bool>,
    _seat: Seat,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // Replies are written whole: waiting for more would only add latency.
        let _best_effort = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.speak(stream).await };
        let handshake = TlsAcceptor::from(tls.current()).accept(stream);
        match tokio::time::timeout(self.pace.head, handshake).await {
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: S) {
        let phase = Phase::default();
        if *self.stop.borrow() {
            phase.end();
        }
        let io = TokioIo::new(Paced::new(stream, self.pace, phase.clone()));
        let (site, peer, pace, of_request) = (self.site.clone(), self.peer, self.pace, phase.clone());
        let service = service_fn(move |request| site.clone().answer(peer, pace, of_request.clone(), request));
        let mut builder = http1::Builder::new();
        // `Paced` keeps the time: it tells idle from slow, and it watches the replies as well.
        builder.header_read_timeout(None).max_buf_size(MAX_HEAD);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut self.stop) => {
                phase.end();
                // One that is idle is not closed at once: a request that is on its way would be reset.
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => ended,
                    () = unasked(&phase) => {
                        connection.as_mut().graceful_shutdown();
                        tokio::time::timeout(LAST_CALL, connection).await.unwrap_or(Ok(()))
                    }
                }
            }
        };
        if let Err(error) = ended {
            tracing::trace!(%error, "connection");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn once_the_queue_is_closed_nobody_gets_into_it_and_who_stood_there_is_served() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let early = TcpStream::connect(address).unwrap();
        close_the_queue(&socket).unwrap();
        // No answer, neither yes nor no: it would ask again after a second.
        let late = TcpStream::connect_timeout(&address, Duration::from_millis(100)).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        let (served, peer) = socket.accept().unwrap();
        assert_eq!(peer, early.local_addr().unwrap());
        assert_eq!(socket.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(socket);
        std::io::Write::write_all(&mut &served, b"still here").unwrap();
        drop(served);
        assert_eq!(std::io::read_to_string(early).unwrap(), "still here");
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}
