//! Replies: the only place of this crate that knows HTTP's statuses.
//! What a page says is decided where it is made.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use causeway_protocol::refusal::WireError;
use http::header::{CONNECTION, LOCATION};
use http::{HeaderValue, StatusCode};

/// A page, or our own failure to make one.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made. Please try again.\n").into_response()
        }
    }
}

/// A page that is as it should be.
pub(crate) fn good(template: &impl Template) -> Response {
    page(StatusCode::OK, template)
}

/// What a refusal is in HTTP.
pub(crate) fn status(error: WireError) -> StatusCode {
    match error {
        WireError::AccessDenied | WireError::Forbidden | WireError::InsufficientScope => StatusCode::FORBIDDEN,
        WireError::NotFound => StatusCode::NOT_FOUND,
        WireError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        WireError::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        WireError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        WireError::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        WireError::BadGateway => StatusCode::BAD_GATEWAY,
        WireError::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        WireError::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        WireError::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Onwards by GET, whatever the method was (SECURITY T-10).
pub(crate) fn see_other(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Machines asked, and get one line.
pub(crate) fn plain(ready: bool) -> Response {
    if ready {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the vault cannot be read\n").into_response()
    }
}

/// To a connection for which there is no room, ahead of any request.
pub(crate) const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 5\r\n\
    content-type: text/plain\r\ncontent-length: 29\r\n\r\nToo many at once. Try again.\n";

/// The body did not come in time.
pub(crate) fn too_slow() -> Response {
    (StatusCode::REQUEST_TIMEOUT, [(CONNECTION, "close")], "The request came too slowly.\n").into_response()
}

/// The body is longer than any form of ours, or broke off.
pub(crate) fn too_long() -> Response {
    (StatusCode::PAYLOAD_TOO_LARGE, [(CONNECTION, "close")], "The request is too long.\n").into_response()
}

/// No such file.
pub(crate) fn no_file() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
