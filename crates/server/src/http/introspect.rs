//! `POST` introspection endpoint (RFC 7662): HTTP in, the flow, JSON out, in no cache. The rules stand in the flow.

use axum::extract::{Request, State};
use axum::response::Response;

use super::reply;
use super::token::{answer, read};
use crate::flows::introspect::introspect;
use crate::shared::Edge;

/// Every method comes here: all but POST are refused with `Allow`.
pub async fn handle(State(edge): State<Edge>, request: Request) -> Response {
    match read(request).await {
        Ok(asked) => answer(&edge, introspect(&edge, &asked).await.map(reply::json)),
        Err(refused) => answer(&edge, Err(refused)),
    }
}
