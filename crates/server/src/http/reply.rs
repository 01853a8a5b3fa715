//! Replies, and the one map from refusals to HTTP statuses of this crate. No status stands anywhere else, and nothing
//! is decided here. The guard's own refusals have their file in the guard.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, LOCATION, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use causeway_protocol::profile::TokenErrors;
use causeway_protocol::refusal::{WireError, allowed_ascii};
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal};

use super::headers::NO_STORE;

/// What a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for.
    Ok,
    /// A refusal in words.
    Refused(Reason),
}

/// The status of a refusal.
pub fn status(reason: Reason) -> StatusCode {
    use WireError::*;
    match (reason, reason.wire()) {
        (Reason::RequestSlow, _) => StatusCode::REQUEST_TIMEOUT,
        (_, InvalidClient | InvalidToken | Unauthorized) => StatusCode::UNAUTHORIZED,
        (_, AccessDenied | InsufficientScope | SignInNeeded | Forbidden) => StatusCode::FORBIDDEN,
        (_, NotFound) => StatusCode::NOT_FOUND,
        (_, Conflict) => StatusCode::CONFLICT,
        (_, MethodNotAllowed) => StatusCode::METHOD_NOT_ALLOWED,
        (_, TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        (_, UnsupportedMediaType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        (_, Misdirected) => StatusCode::MISDIRECTED_REQUEST,
        (_, RateLimited) => StatusCode::TOO_MANY_REQUESTS,
        (_, ServerError) => StatusCode::INTERNAL_SERVER_ERROR,
        (_, BadGateway) => StatusCode::BAD_GATEWAY,
        (_, TemporarilyUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
        // RFC 6749 5.2: everything else of the token endpoint.
        _ => StatusCode::BAD_REQUEST,
    }
}

/// How long to wait when the refusal does not say.
const WAIT: Seconds = Seconds(1);

/// An error of the OAuth endpoints (RFC 6749 5.2): JSON with the wire's code and the numbered sentence.
pub fn refused(refusal: &Refusal) -> Response {
    refused_token(refusal, None, TokenErrors::OAuth)
}

/// An error of the token endpoint and its kin, in the profile's shape, with the time to wait.
pub fn refused_token(refusal: &Refusal, wait: Option<Seconds>, shape: TokenErrors) -> Response {
    let mut reply = match shape {
        TokenErrors::OAuth => error(refusal, wait),
        TokenErrors::Message => message(refusal, wait),
    };
    let refused_client = refusal.reason.wire() == WireError::InvalidClient || shape == TokenErrors::Message;
    if refused_client && reply.status() == StatusCode::UNAUTHORIZED {
        // RFC 6749 5.2 wants it after Basic, RFC 9110 15.5.2 with every 401. Basic is what the endpoints take.
        let challenge = HeaderValue::from_static(r#"Basic realm="token endpoint", charset="UTF-8""#);
        reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    if refusal.reason == Reason::MethodNotAllowed {
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    reply
}

/// An error as a bare message (CAL-11): a bad client, code or token is 401, a bad request 400. As in the
/// guard's envelope of that shape, the sentence begins with the wire's code.
fn message(refusal: &Refusal, wait: Option<Seconds>) -> Response {
    let status = match refusal.reason.wire() {
        WireError::InvalidClient | WireError::InvalidGrant | WireError::UnauthorizedClient => StatusCode::UNAUTHORIZED,
        _ => status(refusal.reason),
    };
    let body = json!({"message": format!("{}: {}", refusal.reason.wire().word(), refusal.description())});
    let mut reply = build(status, "application/json", body.to_string());
    finish(&mut reply, refusal.reason, wait);
    reply
}

/// An error where a bearer key is asked for: the admin door.
pub fn refused_bearer(refusal: &Refusal) -> Response {
    let mut reply = error(refusal, None);
    if refusal.reason.wire() == WireError::InvalidToken {
        reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="admin""#));
    }
    reply
}

/// An error of OAuth 1.0's endpoints (RFC 5849 3.2): the same JSON, and its own challenge.
pub fn refused_oauth1(refusal: &Refusal, realm: &str) -> Response {
    let mut reply = error(refusal, None);
    if reply.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::try_from(format!("OAuth realm=\"{}\"", allowed_ascii(realm)));
        reply.headers_mut().extend(challenge.ok().map(|challenge| (WWW_AUTHENTICATE, challenge)));
    }
    reply
}

/// 405 with the methods that would do ("POST", "GET, HEAD").
pub fn method_not_allowed(allow: &'static str) -> Response {
    let mut reply = refused(&Reason::MethodNotAllowed.refuse());
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    reply
}

fn error(refusal: &Refusal, wait: Option<Seconds>) -> Response {
    let body = json!({"error": refusal.reason.wire().word(), "error_description": refusal.description()});
    let mut reply = build(status(refusal.reason), "application/json", body.to_string());
    finish(&mut reply, refusal.reason, wait);
    reply
}

/// What goes with a refusal whatever its body is. The log and the counters find the reason among the extensions.
fn finish(reply: &mut Response, reason: Reason, wait: Option<Seconds>) {
    reply.extensions_mut().insert(reason);
    // For the log line and the counters of `listen`.
    reply.extensions_mut().insert(reason);
    let headers = reply.headers_mut();
    if matches!(reason.wire(), WireError::RateLimited | WireError::TemporarilyUnavailable) {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.unwrap_or(WAIT).0.max(1)));
    }
    // The rest of the body is not read: the connection cannot carry another request.
    if matches!(reason, Reason::BodyTooLarge | Reason::RequestSlow) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// 200 with a form that holds secrets (RFC 5849 2.1).
pub fn form(text: String) -> Response {
    build(StatusCode::OK, "application/x-www-form-urlencoded", text)
}

/// 200 with a JSON text that may hold secrets: no cache keeps it (RFC 6749 5.1).
pub fn json(text: String) -> Response {
    build(StatusCode::OK, "application/json", text)
}

/// A success with the status that the profile gives it (200 or 201), and a JSON text as in [`json`].
pub fn json_as(status: u16, text: String) -> Response {
    let status = StatusCode::from_u16(status).ok().filter(StatusCode::is_success).unwrap_or(StatusCode::OK);
    build(status, "application/json", text)
}

/// 200 with a JSON text that anybody may keep for a while.
pub fn public_json(text: String, max_age: Seconds) -> Response {
    let mut reply = build(StatusCode::OK, "application/json", text);
    let age = HeaderValue::try_from(format!("public, max-age={}", max_age.0)).unwrap_or(NO_STORE);
    reply.headers_mut().insert(CACHE_CONTROL, age);
    reply.headers_mut().remove(PRAGMA);
    reply
}

/// 200 with nothing to say (RFC 7009 2.2).
pub fn empty() -> Response {
    let mut reply = Response::new(Body::empty());
    reply.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    reply
}

/// 200 with plain text of a given kind ("text/plain; charset=utf-8", a metrics dialect).
pub fn text(content_type: &'static str, text: String) -> Response {
    build(StatusCode::OK, content_type, text)
}

/// 200 with lines of JSON that come as they come, and may hold keys.
pub fn stream(body: Body) -> Response {
    let mut reply = build(StatusCode::OK, "application/x-ndjson", String::new());
    *reply.body_mut() = body;
    reply
}

/// A page. Its security headers are the pages' own.
pub fn page(kind: Kind, html: String) -> Response {
    let status = match kind {
        Kind::Ok => StatusCode::OK,
        Kind::Refused(reason) => status(reason),
    };
    let mut reply = build(status, "text/html; charset=utf-8", html);
    if let Kind::Refused(reason) = kind {
        finish(&mut reply, reason, None);
    }
    reply
}

/// On to another address: 303, so that no form is posted again (RFC 9700 4.12). An address that is no header value
/// leads nowhere.
pub fn see_other(url: &str) -> Response {
    let Ok(location) = HeaderValue::try_from(url) else { return refused(&Reason::Internal.refuse()) };
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = StatusCode::SEE_OTHER;
    reply.headers_mut().insert(LOCATION, location);
    reply.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    reply
}

fn build(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut reply = Response::new(Body::from(text));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    reply
}
