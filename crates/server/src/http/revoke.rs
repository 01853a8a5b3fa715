//! `POST` revocation endpoint (RFC 7009): HTTP in, the flow, an empty 200 out. The rules stand in the flow.

use axum::extract::{Request, State};
use axum::response::Response;

use super::reply;
use super::token::{answer, read};
use crate::flows::revoke::revoke;
use crate::shared::Edge;

/// Every method comes here: all but POST are refused with `Allow`.
pub async fn handle(State(edge): State<Edge>, request: Request) -> Response {
    match read(request).await {
        Ok(asked) => answer(&edge, revoke(&edge, &asked).await.map(|()| reply::empty())),
        Err(refused) => answer(&edge, Err(refused)),
    }
}
