//! `POST` token endpoint: HTTP in, the flow, HTTP out. `answer` is shared with revocation and introspection.

use axum::extract::{Request, State};
use axum::response::Response;

use causeway_protocol::Reason;

use super::{body, reply};
use crate::flows::caller::{Asked, Refused};
use crate::flows::token::token;
use crate::shared::Edge;

/// Every method comes here: all but POST are refused with `Allow`.
pub async fn handle(State(edge): State<Edge>, request: Request) -> Response {
    match read(request).await {
        Ok(asked) => answer(token(&edge, &asked).await.map(reply::json)),
        Err(refused) => answer(Err(refused)),
    }
}

/// What a machine-facing endpoint was asked.
pub(crate) async fn read(request: Request) -> Result<Asked, Refused> {
    Ok(body::ask(request).await?)
}

/// The reply of a flow. The request's log line names the refusal by its number; what was sent is in no log.
pub(crate) fn answer(result: Result<Response, Refused>) -> Response {
    let refused = match result {
        Ok(reply) => return reply,
        Err(refused) => refused,
    };
    match refused.refusal.reason {
        Reason::MethodNotAllowed => reply::method_not_allowed("POST"),
        _ => reply::refused_until(&refused.refusal, refused.wait),
    }
}
