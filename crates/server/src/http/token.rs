//! `POST` token endpoint: HTTP in, the flow, HTTP out. `answer` is shared with revocation and introspection.

use axum::extract::{Request, State};
use axum::response::Response;

use super::{body, reply};
use crate::flows::caller::{Asked, Refused};
use crate::flows::token::{refresh_only, token};
use crate::shared::{Edge, Shared};

/// Every method comes here: all but POST are refused with `Allow`.
pub async fn handle(State(edge): State<Edge>, request: Request) -> Response {
    match read(request).await {
        Ok(asked) => answer(&edge, token(&edge, &asked).await.map(reply::json)),
        Err(refused) => answer(&edge, Err(refused)),
    }
}

/// The second token path of profiles that have one.
pub async fn handle_refresh(State(edge): State<Edge>, request: Request) -> Response {
    match read(request).await {
        Ok(asked) => answer(&edge, refresh_only(&edge, &asked).await.map(reply::json)),
        Err(refused) => answer(&edge, Err(refused)),
    }
}

/// What a machine-facing endpoint was asked.
pub(crate) async fn read(request: Request) -> Result<Asked, Refused> {
    Ok(body::ask(request).await?)
}

/// The reply of a flow, its errors in the profile's shape. The request's log line names the refusal by its number; what was
/// sent is in no log.
pub(crate) fn answer(edge: &Shared, result: Result<Response, Refused>) -> Response {
    let shape = edge.node.profile.token.errors;
    result.unwrap_or_else(|refused| reply::refused_token(&refused.refusal, refused.wait, shape))
}
