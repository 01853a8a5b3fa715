//! Is it alive, can it serve, what has it counted.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;
use causeway_protocol::Reason;
use causeway_storage::Store;

use super::reply;
use crate::metrics::{CONTENT_TYPE, Live};
use crate::shared::Edge;

const PLAIN: &str = "text/plain; charset=utf-8";

/// `GET /healthz`: the process answers.
pub async fn alive() -> Response {
    reply::text(PLAIN, "alive\n".to_owned())
}

/// `GET /readyz`: the store answers and takes writes, the taken-back set has reached the feed's head, and nobody asked us to stop.
pub async fn ready(State(edge): State<Edge>) -> Response {
    if edge.is_draining() {
        return reply::refused(&Reason::Draining.refuse());
    }
    if edge.node.writes_fail.load(Ordering::Relaxed) {
        return reply::refused(&Reason::StoreFailed.refuse());
    }
    match edge.node.store.feed(edge.node.held.head(), 1).await {
        Err(error) => reply::refused(&crate::node::refusal_of(error)),
        Ok(behind) if behind.is_empty() => reply::text(PLAIN, "ready\n".to_owned()),
        // A write may be on its way in at this moment: not ready is only who cannot catch up.
        Ok(_) => match edge.node.read_feed().await {
            Ok(()) => reply::text(PLAIN, "ready\n".to_owned()),
            Err(refusal) => reply::refused(&refusal),
        },
    }
}

/// `GET /metrics`: for Prometheus.
pub async fn metrics(State(edge): State<Edge>) -> Response {
    let held = &edge.node.held;
    let live = Live {
        take_backs: edge.node.take_backs.load(Ordering::Relaxed),
        feed_position: held.head().counter(),
        taken_back: held.taken_back_len(),
        customer_misses: held.customer_misses(),
    };
    reply::text(CONTENT_TYPE, edge.metrics.render(live))
}

/// Another method than GET on one of these.
pub async fn wrong_method() -> Response {
    reply::method_not_allowed("GET, HEAD")
}
