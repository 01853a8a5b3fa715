//! How a denied call reads on the wire: the one map from the guard's refusals to HTTP. Proxy, forward-auth and whoever embeds
//! the guard answer with the same responses; nothing is decided here.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use causeway_protocol::profile::{ApiRules, ErrorShape};
use causeway_protocol::refusal::{WireError, allowed_ascii};
use causeway_protocol::{Reason, Refusal};

use crate::budget::Left;
use crate::denied::Denied;

/// The true status of a refusal that a proxy can only pass on as 403 (CONTRACTS, "Forward-auth").
const X_CAUSEWAY_STATUS: HeaderName = HeaderName::from_static("x-causeway-status");
/// Its `Retry-After`.
const X_CAUSEWAY_RETRY_AFTER: HeaderName = HeaderName::from_static("x-causeway-retry-after");
/// How many calls are in a budget, how many of them are left, and when it is whole again (`api.budget_headers`).
const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// How an answer of ours ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200
    Ok,
    /// 201: something was made.
    Created,
    /// 204: done, and nothing to say.
    Done,
}

/// The status of a refusal.
fn status(reason: Reason, scope_missing_is_401: bool) -> StatusCode {
    match (reason, reason.wire()) {
        // Cal.com's first API: a token without the scope is no token (CAL-07).
        (Reason::ScopeInsufficient, _) if scope_missing_is_401 => StatusCode::UNAUTHORIZED,
        (Reason::RequestSlow, _) => StatusCode::REQUEST_TIMEOUT,
        (_, WireError::InvalidToken | WireError::Unauthorized) => StatusCode::UNAUTHORIZED,
        (_, WireError::InsufficientScope | WireError::Forbidden | WireError::AccessDenied) => StatusCode::FORBIDDEN,
        (_, WireError::NotFound) => StatusCode::NOT_FOUND,
        (_, WireError::Conflict) => StatusCode::CONFLICT,
        (_, WireError::MethodNotAllowed) => StatusCode::METHOD_NOT_ALLOWED,
        (_, WireError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        (_, WireError::UnsupportedMediaType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        (_, WireError::RateLimited) => StatusCode::TOO_MANY_REQUESTS,
        (_, WireError::TemporarilyUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
        (_, WireError::BadGateway) => StatusCode::BAD_GATEWAY,
        (_, WireError::ServerError) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// A denied call, in the profile's shape. `realm` is the platform's name.
pub fn denied(denied: &Denied, api: &ApiRules, realm: &str) -> Response<Bytes> {
    let mut reply = object(Answer::Ok, body(denied, api.errors).to_string());
    *reply.status_mut() = status(denied.reason, api.scope_missing_is_401);
    // For the log line and the counters of whoever sends it.
    reply.extensions_mut().insert(denied.reason);
    let headers = reply.headers_mut();
    if let Some(challenge) = challenge(denied, realm) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    if let Some(wait) = denied.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.0.max(1)));
    }
    if let Some(left) = denied.left.filter(|_| api.budget_headers) {
        tell_left(headers, left);
    }
    if let Some(allow) = denied.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.insert(ALLOW, allow);
    }
    // The rest of the body is not read: the connection cannot carry another request.
    if matches!(
        denied.reason,
        Reason::BodyWithheld | Reason::BodyTooLarge | Reason::RequestSlow | Reason::HeaderMalformed
    ) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// The challenge (RFC 6750 3): with every 401, and wherever another credential would help.
fn challenge(denied: &Denied, realm: &str) -> Option<HeaderValue> {
    let mut text = format!("Bearer realm=\"{}\"", quotable(realm));
    let code = denied.reason.wire();
    match denied.reason {
        // RFC 6750 3.1: no error code for who sent no credentials.
        Reason::TokenAbsent | Reason::OAuth1Elsewhere => {}
        // RFC 5849 3.5.1: the scheme that was tried.
        Reason::OAuth1Refused | Reason::OAuth1Ended | Reason::OAuth1Paused => {
            return HeaderValue::from_str(&format!("OAuth realm=\"{}\"", quotable(realm))).ok();
        }
        Reason::TokenInvalid
        | Reason::ApiKeyInvalid
        | Reason::ScopeInsufficient
        | Reason::CredentialsTwice
        | Reason::CredentialsMalformed
        | Reason::CredentialsInQuery => {
            let sentence = quotable(denied.reason.sentence());
            text.push_str(&format!(", error=\"{}\", error_description=\"{sentence}\"", code.word()));
        }
        _ => return None,
    }
    if let Some(scope) = &denied.scope {
        text.push_str(&format!(", scope=\"{}\"", quotable(scope)));
    }
    HeaderValue::from_str(&text).ok()
}

/// Text inside a quoted string: RFC 6749 5.2's characters have neither quote nor backslash.
fn quotable(text: &str) -> String {
    allowed_ascii(text)
}

fn body(denied: &Denied, shape: ErrorShape) -> Value {
    let code = denied.reason.wire().word();
    let refusal = Refusal { reason: denied.reason, detail: denied.detail.clone(), change: None };
    let sentence = refusal.description();
    match shape {
        ErrorShape::OAuth => json!({"error": code, "error_description": sentence}),
        ErrorShape::Message => json!({"message": format!("{code}: {sentence}")}),
        ErrorShape::Nested => nested(denied, code, &sentence),
    }
}

/// Otesse's envelope: what its page on errors lists, and the wait that its page on rate limits adds.
fn nested(denied: &Denied, code: &str, sentence: &str) -> Value {
    let about_a_parameter = matches!(denied.reason.wire(), WireError::InvalidRequest);
    let param = denied.detail.as_deref().filter(|_| about_a_parameter);
    let mut error = json!({
        "type": family(denied.reason), "message": sentence, "code": code, "param": param, "doc_url": null,
    });
    if let Some(wait) = denied.retry_after {
        error["retry_after"] = Value::from(wait.0.max(1));
    }
    json!({ "error": error })
}

/// Says what is left of a budget. The reset is in seconds from now, like `Retry-After`: a client that takes it for a point in
/// time waits too short rather than for years.
pub fn tell_left(headers: &mut HeaderMap, left: Left) {
    headers.insert(RATE_LIMIT, HeaderValue::from(left.limit));
    headers.insert(RATE_REMAINING, HeaderValue::from(left.remaining));
    headers.insert(RATE_RESET, HeaderValue::from(left.whole_in.0));
}

/// The kind of trouble, for [`ErrorShape::Nested`].
fn family(reason: Reason) -> &'static str {
    match reason.wire() {
        WireError::InvalidToken | WireError::Unauthorized => "authentication_error",
        WireError::InsufficientScope | WireError::Forbidden | WireError::AccessDenied => "authorization_error",
        WireError::RateLimited => "rate_limit_exceeded",
        WireError::NotFound => "not_found",
        WireError::Conflict => "conflict",
        WireError::TemporarilyUnavailable | WireError::BadGateway | WireError::ServerError => "api_error",
        _ => "validation_error",
    }
}

/// An answer with a JSON text, or none. It is for one caller only (RFC 6750 5.2).
pub fn object(answer: Answer, text: String) -> Response<Bytes> {
    let has_body = !text.is_empty();
    let mut reply = Response::new(Bytes::from(text));
    *reply.status_mut() = match answer {
        Answer::Ok => StatusCode::OK,
        Answer::Created => StatusCode::CREATED,
        Answer::Done => StatusCode::NO_CONTENT,
    };
    if has_body {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    reply
}

/// The same good answer under the success status that a profile's documents print (201, CAL-10).
#[must_use]
pub fn under(mut reply: Response<Bytes>, status: u16) -> Response<Bytes> {
    if let Some(status) = StatusCode::from_u16(status).ok().filter(StatusCode::is_success) {
        *reply.status_mut() = status;
    }
    reply
}

/// The same answer for a proxy that passes on only these statuses: every other refusal becomes 403 and tells its true status
/// and `Retry-After` in headers (CONTRACTS, "Forward-auth").
#[must_use]
pub fn narrowed(mut reply: Response<Bytes>, only: &[u16]) -> Response<Bytes> {
    let status = reply.status();
    if status.is_success() || only.contains(&status.as_u16()) {
        return reply;
    }
    *reply.status_mut() = StatusCode::FORBIDDEN;
    reply.headers_mut().insert(X_CAUSEWAY_STATUS, HeaderValue::from(status.as_u16()));
    if let Some(wait) = reply.headers().get(RETRY_AFTER).cloned() {
        reply.headers_mut().insert(X_CAUSEWAY_RETRY_AFTER, wait);
    }
    reply
}

#[cfg(test)]
mod tests {
    use causeway_protocol::time::Seconds;

    use super::*;

    fn api(errors: ErrorShape) -> ApiRules {
        let profile = causeway_protocol::profile::shipped("tripleseat").unwrap();
        ApiRules { errors, ..profile.api }
    }

    fn answer(no: Denied) -> (u16, String, String) {
        let reply = denied(&no, &api(ErrorShape::OAuth), "A \"Platform\"");
        let challenge = reply.headers().get(WWW_AUTHENTICATE).map_or("", |value| value.to_str().unwrap());
        (reply.status().as_u16(), challenge.to_owned(), String::from_utf8(reply.body().to_vec()).unwrap())
    }

    #[test]
    fn bg_03_no_credentials_no_error_code() {
        let (status, challenge, body) = answer(Reason::TokenAbsent.into());
        assert_eq!((status, challenge.as_str()), (401, "Bearer realm=\"A 'Platform'\""));
        assert!(body.contains("C-600"), "{body}");
    }

    #[test]
    fn bg_04_a_bad_token_is_invalid_token() {
        let (status, challenge, body) = answer(Reason::TokenInvalid.into());
        assert_eq!(status, 401);
        assert!(challenge.starts_with("Bearer realm=\"A 'Platform'\", error=\"invalid_token\""), "{challenge}");
        assert!(body.contains("\"error\":\"invalid_token\""), "{body}");
    }

    #[test]
    fn bg_05_a_missing_scope_is_named() {
        let no = Denied { scope: Some("leads:read".to_owned()), ..Reason::ScopeInsufficient.into() };
        let (status, challenge, body) = answer(no);
        assert_eq!(status, 403);
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.ends_with("scope=\"leads:read\""), "{challenge}");
        assert!(body.contains("\"error\":\"insufficient_scope\""), "{body}");
    }

    #[test]
    fn ts_11_every_shape_holds_the_code_and_the_sentence() {
        for shape in [ErrorShape::OAuth, ErrorShape::Message, ErrorShape::Nested] {
            let reply = denied(&Reason::ScopeInsufficient.into(), &api(shape), "x");
            let body = String::from_utf8(reply.body().to_vec()).unwrap();
            assert!(body.contains("insufficient_scope") && body.contains("C-602"), "{body}");
            serde_json::from_str::<Value>(&body).unwrap();
        }
    }

    #[test]
    fn cal_07_a_missing_scope_can_be_401_where_a_profile_says_so() {
        let strict = ApiRules { scope_missing_is_401: true, ..api(ErrorShape::Message) };
        assert_eq!(denied(&Reason::ScopeInsufficient.into(), &strict, "x").status().as_u16(), 401);
        assert_eq!(denied(&Reason::TokenInvalid.into(), &strict, "x").status().as_u16(), 401);
    }

    #[test]
    fn every_reason_has_a_status_and_none_is_a_success() {
        for reason in Reason::ALL {
            let status = status(*reason, false);
            assert!(status.is_client_error() || status.is_server_error(), "{reason:?}");
        }
    }

    #[test]
    fn a_proxy_that_knows_two_statuses_gets_403_and_the_truth() {
        let no = Denied { retry_after: Some(Seconds(7)), ..Reason::BudgetSpent.into() };
        let full = denied(&no, &api(ErrorShape::OAuth), "x");
        assert_eq!((full.status().as_u16(), full.headers()[RETRY_AFTER].to_str().unwrap()), (429, "7"));
        let narrow = narrowed(full, &[401, 403]);
        assert_eq!(narrow.status().as_u16(), 403);
        assert_eq!(narrow.headers()[X_CAUSEWAY_STATUS], "429");
        assert_eq!(narrow.headers()[X_CAUSEWAY_RETRY_AFTER], "7");
        let bad = narrowed(denied(&Reason::TokenInvalid.into(), &api(ErrorShape::OAuth), "x"), &[401, 403]);
        assert_eq!(bad.status().as_u16(), 401);
        assert!(bad.headers().contains_key(WWW_AUTHENTICATE) && !bad.headers().contains_key(X_CAUSEWAY_STATUS));
        assert_eq!(narrowed(object(Answer::Ok, String::new()), &[401, 403]).status().as_u16(), 200);
    }
}
