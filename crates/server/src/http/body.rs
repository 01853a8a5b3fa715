//! Reads what a client sends to the token, revocation and introspection endpoints into parameters: form, JSON and
//! multipart bodies mean the same (CORE-02). What a parameter is good for does not belong here.

use std::error::Error;

use axum::body::Body;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use causeway_protocol::params::Params;
use causeway_protocol::{Reason, Refusal};

use super::headers::{IDEMPOTENCY_KEY, single};
use super::json_object;
use super::paced::TooSlow;
use crate::flows::caller::Asked;

/// The largest body that is read, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Every parameter that the endpoints know. In a URL each is refused, so that none ends up in a log (RFC 6749 2.3.1),
/// and sent twice each is refused, wherever it counts (RFC 6749 3.2). Others are nobody's business and are ignored.
const KNOWN: &[&str] = &[
    "access_token",
    "client_assertion",
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "grant_type",
    "password",
    "redirect_uri",
    "refresh_token",
    "scope",
    "token",
    "token_type_hint",
    "username",
];

/// A request of a machine-facing endpoint: what is asked, without HTTP.
pub async fn ask(request: Request<Body>) -> Result<Asked, Refusal> {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return Err(Reason::MethodNotAllowed.refuse());
    }
    refuse_query(&parts)?;
    let authorization = single(&parts.headers, &AUTHORIZATION)?.map(str::to_owned);
    let retry_key = single(&parts.headers, &IDEMPOTENCY_KEY)
        .map_err(|_| Reason::IdempotencyKeyMalformed.refuse())?
        .map(str::to_owned);
    let params = read(&parts.headers, body).await?;
    params.none_twice(KNOWN)?;
    Ok(Asked { params, authorization, retry_key, source: super::headers::source(&parts).0 })
}

fn refuse_query(parts: &Parts) -> Result<(), Refusal> {
    let Some(query) = parts.uri.query() else { return Ok(()) };
    let params = Params::form(query.as_bytes())?;
    match KNOWN.iter().find(|name| params.has(name)) {
        Some(name) => Err(Reason::CredentialsInQuery.about(*name)),
        None => Ok(()),
    }
}

/// The parameters of a body, whatever its Content-Type says it is. Without one it is a form.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Params, Refusal> {
    let content_type = single(headers, &CONTENT_TYPE)?.unwrap_or("application/x-www-form-urlencoded");
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let format = match media.as_str() {
        "" | "application/x-www-form-urlencoded" => Format::Form,
        "application/json" => Format::Json,
        "multipart/form-data" => Format::Multipart(
            multer::parse_boundary(content_type).map_err(|_| Reason::BodyUnreadable.about("boundary"))?,
        ),
        _ => return Err(Reason::MediaTypeUnknown.about(media)),
    };
    // A body that is packed is not unpacked: nothing here grows on its way in.
    refuse_packed(headers, &CONTENT_ENCODING)?;
    let bytes = collect(headers, body, MAX_BODY).await?;
    match format {
        Format::Form => Params::form(&bytes),
        Format::Json => json_object::read(&bytes),
        Format::Multipart(boundary) => Box::pin(multipart(bytes, boundary)).await,
    }
}

enum Format {
    Form,
    Json,
    Multipart(String),
}

fn refuse_packed(headers: &HeaderMap, name: &HeaderName) -> Result<(), Refusal> {
    match single(headers, name)? {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => Err(Reason::MediaTypeUnknown.about(name.as_str())),
        _ => Ok(()),
    }
}

/// The whole body, if it is not larger than `limit` and keeps up. A body that announces more is not read at all.
pub async fn collect(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let announced =
        headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Reason::BodyTooLarge.refuse());
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if is::<LengthLimitError>(error.as_ref()) => Err(Reason::BodyTooLarge.refuse()),
        Err(error) if is::<TooSlow>(error.as_ref()) => Err(Reason::RequestSlow.refuse()),
        Err(_) => Err(Reason::BodyUnreadable.about("the body ended early")),
    }
}

/// Whether this is what went wrong, under whatever wrapping.
fn is<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<E>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// multipart/form-data (RFC 7578) of text fields. A file is no parameter.
async fn multipart(bytes: Bytes, boundary: String) -> Result<Params, Refusal> {
    let unreadable = |_| Reason::BodyUnreadable.about("multipart");
    let once = futures_util::stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(bytes)));
    let mut fields = multer::Multipart::new(once, boundary);
    let mut params = Params::default();
    while let Some(field) = fields.next_field().await.map_err(unreadable)? {
        let name = field.name().filter(|_| field.file_name().is_none()).map(str::to_owned);
        let name = name.ok_or(Reason::BodyUnreadable.about("a part that is no text field"))?;
        let value = field.bytes().await.map_err(unreadable)?;
        let text = std::str::from_utf8(&value).map_err(|_| Reason::ParameterMalformed.about("not UTF-8"))?;
        params.push(name, text.to_owned())?;
    }
    Ok(params)
}
