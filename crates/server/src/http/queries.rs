//! Routes that are answered with what the account's connected providers say (`api.routes.providers`): the body in, JSON out.
//! What is asked of whom is `flows::queries`'s; the guard has let the call through already.

use axum::body::Body;
use axum::response::Response;
use causeway_guard::reply::{Answer, object};
use causeway_guard::{Denied, Pass};
use causeway_protocol::Reason;
use http::request::Parts;

use super::body;
use super::proxy::Content;
use crate::flows::queries::{Query, ask};
use crate::shared::Shared;

/// Answers a call that passed.
pub(super) async fn answer(edge: &Shared, pass: &Pass, parts: &Parts, content: Content) -> Result<Response, Denied> {
    // Providers are an app's: a call without one (an API key of a customer) has none.
    let app = pass.app().ok_or(Denied::from(Reason::NotAllowedHere))?;
    let sent = match content {
        Content::Whole(bytes) => Body::from(bytes),
        Content::Stream(body) => body,
    };
    let query = Query::read(&body::read(&parts.headers, sent).await?)?;
    let said = ask(edge, app.id, pass.customer().id, &query).await?;
    Ok(object(Answer::Ok, said.to_string()).map(Body::from))
}
