//! Is it alive, can it serve, what has it counted.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;
use causeway_protocol::{Reason, Refusal};
use causeway_storage::Store;

use super::reply;
use crate::cluster::tail;
use crate::metrics::{CONTENT_TYPE, Live};
use crate::shared::{Edge, Shared};

const PLAIN: &str = "text/plain; charset=utf-8";

/// `GET /healthz`: the process answers.
pub async fn alive() -> Response {
    reply::text(PLAIN, "alive\n".to_owned())
}

/// `GET /readyz`: the store answers and takes writes, the taken-back set has reached the feed's head, the clock is right, and
/// nobody asked us to stop. One sentence says which of these does not hold.
pub async fn ready(State(edge): State<Edge>) -> Response {
    match standing(&edge).await {
        Ok(()) => reply::text(PLAIN, "ready\n".to_owned()),
        Err(refusal) => reply::refused(&refusal),
    }
}

async fn standing(edge: &Shared) -> Result<(), Refusal> {
    let (node, monotonic) = (&edge.node, edge.node.clock.monotonic_nanos());
    if edge.is_draining() {
        return Err(Reason::Draining.refuse());
    }
    if let Some(head) = node.cluster.behind() {
        return Err(Reason::StoreFailed.about(format!(
            "the store stands at {}, and this node has read it up to {}: it was set back, and calls are refused",
            head.counter(),
            node.held.head().counter()
        )));
    }
    if node.writes_fail.load(Ordering::Relaxed) {
        let full = node.disk_full.load(Ordering::Relaxed);
        return Err(Reason::StoreFailed.about(if full { "its disk is full" } else { "the last write failed" }));
    }
    if node.store.is_slow() {
        return Err(Reason::StoreFailed.about("it is slow: what cannot be in the next commit is refused"));
    }
    let clocks = node.cluster.watch().clocks(monotonic);
    if clocks.is_apart() {
        return Err(Reason::ClockApart.about(format!("{:+.1} s from their median", clocks.ahead as f64 / 1_000.0)));
    }
    // Somebody else may be reading at this moment: not ready is only who cannot catch up.
    if let Err(why) = tail::read(node).await {
        let age = node.cluster.age_nanos(monotonic) / 1_000_000_000;
        let limit = node.cluster.stale_limit.as_secs();
        let state = if node.speaks().is_ok() { "calls are still checked" } else { "calls are refused" };
        tracing::debug!(%why, "not ready");
        return Err(
            Reason::StoreFailed.about(format!("the feed was last read {age} s ago, {state}; the limit is {limit} s"))
        );
    }
    node.speaks()
}

/// `GET /metrics`: for Prometheus.
pub async fn metrics(State(edge): State<Edge>) -> Response {
    let (node, held) = (&edge.node, &edge.node.held);
    let monotonic = node.clock.monotonic_nanos();
    let (nodes, clocks) = {
        let watch = node.cluster.watch();
        (watch.nodes(monotonic), watch.clocks(monotonic))
    };
    let live = Live {
        take_backs: node.take_backs.load(Ordering::Relaxed),
        feed_position: held.head().counter(),
        taken_back: held.taken_back_len(),
        customer_misses: held.customer_misses(),
        feed_head: node.cluster.head().max(held.head()).counter(),
        feed_age: node.cluster.age_nanos(monotonic) as f64 / 1e9,
        nodes,
        edges: edge.edges.seats.count(),
        clock_ahead: clocks.ahead as f64 / 1_000.0,
        clocks_apart: clocks.apart,
    };
    reply::text(CONTENT_TYPE, edge.metrics.render(live))
}

/// Another method than GET on one of these.
pub async fn wrong_method() -> Response {
    reply::method_not_allowed("GET, HEAD")
}
