//! `GET /.well-known/oauth-authorization-server` (RFC 8414 3). What it says stands in the flow.

use axum::extract::State;
use axum::response::Response;

use causeway_protocol::time::Seconds;

use super::reply;
use crate::flows::metadata::document;
use crate::shared::Edge;

/// Clients may keep it for this long: a new endpoint or method is known to everybody soon after.
const MAX_AGE: Seconds = Seconds(300);

/// The document.
pub async fn show(State(edge): State<Edge>) -> Response {
    reply::public_json(document(&edge.node), MAX_AGE)
}
