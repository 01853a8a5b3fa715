//! `Check`: Envoy's words for a call, and ours for the answer. Whether it may go on is `forward_auth`'s decision.

use bytes::Bytes;
use causeway_guard::{Denied, is_identity, plain_header};
use causeway_protocol::Reason;
use causeway_protocol::profile::ApiKeyRules;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::grpc::Code;
use super::message;
use crate::http::forward_auth::{Question, Seen};

/// More headers than any proxy passes on.
const MAX_HEADERS: usize = 256;

/// Says that Envoy cut the body off at its own limit.
const PARTIAL_BODY: HeaderName = HeaderName::from_static("x-envoy-auth-partial-body");

/// A call as Envoy says it, read but not believed yet.
pub(super) struct Asked {
    method: String,
    target: String,
    /// The caller's own.
    pub(super) headers: HeaderMap,
    body: Bytes,
}

impl Asked {
    /// What a request says; `None` where it is about no HTTP call.
    pub(super) fn of(request: message::CheckRequest) -> Option<Result<Self, Denied>> {
        let http = request.attributes?.request?.http?;
        let headers = match http.header_map {
            Some(map) if !map.headers.is_empty() => headers(map.headers.into_iter().map(|header| {
                let value = if header.raw_value.is_empty() { header.value.into() } else { header.raw_value };
                (header.key, value)
            })),
            _ => headers(http.headers.into_iter().map(|(name, value)| (name, Bytes::from(value)))),
        };
        let body = if http.raw_body.is_empty() { http.body.into() } else { http.raw_body };
        Some(headers.map(|headers| Self { method: http.method, target: http.path, headers, body }))
    }

    /// The question that it is.
    pub(super) fn question(&self) -> Result<Question<'_>, Denied> {
        let Self { method, target, headers, .. } = self;
        Ok(Question { method, target, headers, body: self.seen()? })
    }

    /// What came along of the body. Nothing where Envoy is not told to send any (`with_request_body`), or where there is none. A
    /// GET has none (RFC 9110 9.3.1), and nobody looks into one here.
    fn seen(&self) -> Result<Seen, Denied> {
        let said = self.headers.get(CONTENT_LENGTH).map(|value| value.to_str().ok()?.parse::<usize>().ok());
        let length = match said {
            Some(None) => return Err(Denied::from(Reason::HeaderMalformed).about("content-length")),
            Some(length) => length,
            None => None,
        };
        if matches!(self.method.as_str(), "GET" | "HEAD") && (length.unwrap_or(0) > 0 || !self.body.is_empty()) {
            return Err(Denied::from(Reason::HeaderMalformed).about("content-length"));
        }
        if self.body.is_empty() {
            return Ok(Seen::Nothing);
        }
        let cut_off = self.headers.get_all(PARTIAL_BODY).iter().any(|said| said != "false");
        match cut_off || length.is_some_and(|length| length != self.body.len()) {
            true => Ok(Seen::Part),
            false => Ok(Seen::Whole(self.body.clone())),
        }
    }
}

/// Headers as a caller sent them. Those of HTTP/2 itself (`:path`) are said elsewhere.
fn headers(all: impl Iterator<Item = (String, Bytes)>) -> Result<HeaderMap, Denied> {
    let malformed = || Denied::from(Reason::HeaderMalformed);
    let mut headers = HeaderMap::new();
    for (name, value) in all.filter(|(name, _)| !name.starts_with(':')) {
        if headers.len() >= MAX_HEADERS {
            return Err(malformed().about("too many headers"));
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed())?;
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| malformed().about(name.as_str()))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// What Envoy is told: for a pass who calls, and what to take off the call; else the guard's own answer.
pub(super) fn answer(
    judged: &Response<Bytes>,
    caller: &HeaderMap,
    keys: Option<&ApiKeyRules>,
) -> message::CheckResponse {
    let (code, answer) = if judged.status().is_success() {
        (Code::Ok, message::Answer::Ok(passed(judged.headers(), caller, keys)))
    } else {
        let challenged = judged.headers().contains_key(http::header::WWW_AUTHENTICATE);
        let code = if challenged { Code::Unauthenticated } else { Code::PermissionDenied };
        (code, message::Answer::Denied(denied(judged)))
    };
    message::CheckResponse { status: Some(message::Status { code: code as i32 }), answer: Some(answer) }
}

/// A caller's own headers that could be taken for ours go, and so does the credential: it was the guard's.
fn passed(ours: &HeaderMap, caller: &HeaderMap, keys: Option<&ApiKeyRules>) -> message::Passed {
    let key = keys.and_then(|rules| rules.header.as_deref()).map(plain_header);
    let goes = |name: &&HeaderName| {
        let is_key = || key.as_ref().is_some_and(|key| plain_header(name.as_str()) == *key);
        !ours.contains_key(*name) && (is_identity(name.as_str()) || **name == AUTHORIZATION || is_key())
    };
    let (to_api, to_caller): (Vec<_>, Vec<_>) = ours.iter().partition(|(name, _)| is_identity(name.as_str()));
    let told = |(name, _): &(&HeaderName, &HeaderValue)| **name != CACHE_CONTROL && **name != CONTENT_TYPE;
    message::Passed {
        headers: to_api.into_iter().map(|(name, value)| set(name, value)).collect(),
        headers_to_remove: caller.keys().filter(goes).map(|name| name.as_str().to_owned()).collect(),
        response_headers_to_add: to_caller.into_iter().filter(told).map(|(name, value)| set(name, value)).collect(),
    }
}

fn denied(reply: &Response<Bytes>) -> message::Denied {
    // The connection is Envoy's.
    let told = reply.headers().iter().filter(|(name, _)| **name != CONNECTION && **name != CONTENT_LENGTH);
    message::Denied {
        status: Some(message::HttpStatus { code: reply.status().as_u16().into() }),
        headers: told.map(|(name, value)| set(name, value)).collect(),
        body: String::from_utf8_lossy(reply.body()).into_owned(),
    }
}

/// One header, in the place of whatever stands there.
fn set(name: &HeaderName, value: &HeaderValue) -> message::HeaderValueOption {
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let header = message::HeaderValue { key: name.as_str().to_owned(), value, ..Default::default() };
    message::HeaderValueOption {
        header: Some(header),
        append_action: message::AppendAction::OverwriteIfExistsOrAdd.into(),
    }
}

#[cfg(test)]
mod tests;
