//! `GET` and `POST` userinfo endpoint: a bearer token in, the flow, JSON out; refusals in the API's own shape. Whom a token
//! stands for is the guard's decision.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use causeway_guard::{Call, Denied, Identified};
use causeway_protocol::Reason;
use http::Method;
use http::request::Parts;

use super::identify::with_ring;
use super::reply;
use crate::flows::userinfo::userinfo;
use crate::shared::{Edge, Shared};

/// Every method comes here: others are refused with `Allow`. A body is not read.
pub async fn handle(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(&edge, &parts).await.unwrap_or_else(|denied| edge.api.guard.reply(&denied).map(Body::from))
}

async fn answer(edge: &Shared, parts: &Parts) -> Result<Response, Denied> {
    if !matches!(parts.method, Method::GET | Method::HEAD | Method::POST) {
        let allow = Some("GET, HEAD, POST".to_owned());
        return Err(Denied { allow, ..Denied::from(Reason::MethodNotAllowed) });
    }
    let rules = edge.node.profile.userinfo.as_ref().ok_or(Reason::RouteUnknown)?;
    let who = identify(edge, parts).await?;
    edge.api.guard.spend(&who, edge.node.clock.monotonic_nanos())?;
    Ok(reply::json_as(rules.status, userinfo(&edge.node, rules, &who).await?))
}

async fn identify(edge: &Shared, parts: &Parts) -> Result<Identified, Denied> {
    let node = &edge.node;
    let call = Call {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        now: node.now(),
        monotonic_nanos: node.clock.monotonic_nanos(),
    };
    with_ring(edge, &call, |ring| edge.api.guard.identify(&call, &node.held, ring)).await
}
