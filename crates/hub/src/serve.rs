//! The accept loop of the dashboard's own listener: header timeout, a cap on connections, and a drain at the end.
//! What a request means is the router's business.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// A head must arrive within this, and an idle connection is closed after it.
const HEAD: Duration = Duration::from_secs(20);
/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 512;
/// How long a stop waits for requests in flight.
const DRAIN: Duration = Duration::from_secs(8);

/// Serves plain HTTP until `stop` completes, then drains.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 * 1024);
    let mut stop = std::pin::pin!(stop);
    loop {
        let Ok(seat) = Arc::clone(&free).acquire_owned().await else { break };
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
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), service));
        tokio::spawn(async move {
            let _ended_by_the_peer = connection.await;
            drop(seat);
        });
    }
    drop(listener);
    let _some_were_busy = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}
