//! OAuth 1.0 on the wire: the two endpoints of its three legs, its challenge, and the headers that warn of its end.
//! Statuses are `reply`'s; the person's page is `pages::oauth1`.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use causeway_protocol::profile::OAuth1Rules;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal, UnixTime};
use http::header::{AUTHORIZATION, CONTENT_TYPE, LINK, WARNING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::headers::single;
use super::{body, reply};
use crate::flows::oauth1::Signed;
use crate::flows::oauth1_tokens::{self, Given};
use crate::shared::{Edge, Shared};

/// `POST request_token`.
pub async fn request_token(State(edge): State<Edge>, request: Request) -> Response {
    endpoint(edge, request, Leg::First).await
}

/// `POST access_token`.
pub async fn access_token(State(edge): State<Edge>, request: Request) -> Response {
    endpoint(edge, request, Leg::Last).await
}

#[derive(Clone, Copy)]
enum Leg {
    First,
    Last,
}

async fn endpoint(edge: Edge, request: Request, leg: Leg) -> Response {
    let Some(rules) = &edge.node.profile.oauth1 else { return reply::refused(&Reason::NoSuchPage.refuse()) };
    let (parts, body) = request.into_parts();
    let (mut response, ends_at) = match answer(&edge, rules, &parts, body, leg).await {
        Ok((form, ends_at)) => (reply::form(form), ends_at),
        Err(refusal) if refusal.reason == Reason::MethodNotAllowed => {
            (reply::method_not_allowed("POST"), rules.ends_at)
        }
        Err(refusal) => (reply::refused_oauth1(&refusal, &edge.node.profile.name), rules.ends_at),
    };
    warn(rules, ends_at, response.headers_mut());
    response
}

async fn answer(edge: &Shared, rules: &OAuth1Rules, parts: &Parts, body: Body, leg: Leg) -> Result<Given, Refusal> {
    if parts.method != Method::POST {
        return Err(Reason::MethodNotAllowed.refuse());
    }
    let form: Option<Bytes> = match is_form(single(&parts.headers, &CONTENT_TYPE)?) {
        true => Some(body::collect(&parts.headers, body, body::MAX_BODY).await?),
        false => None,
    };
    let signed = Signed {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        authorization: single(&parts.headers, &AUTHORIZATION)?,
        form: form.as_deref(),
    };
    match leg {
        Leg::First => oauth1_tokens::begin(edge, rules, &signed).await,
        Leg::Last => oauth1_tokens::finish(edge, rules, &signed).await,
    }
}

/// Whether a Content-Type is the one whose body is signed (RFC 5849 3.4.1.3.1).
pub(super) fn is_form(content_type: Option<&str>) -> bool {
    let media = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether an Authorization header is OAuth 1.0's.
pub(crate) fn is_scheme(authorization: &str) -> bool {
    authorization.split(' ').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("OAuth"))
}

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// The warning on every answer to OAuth 1.0, good or refused; the body stays as it is, so that it can be compared (TSM-16,
/// PLATFORMS A11). Headers of the API's own with these names stand beside ours, where they are lists.
pub(super) fn warn(rules: &OAuth1Rules, ends_at: Option<UnixTime>, headers: &mut HeaderMap) {
    let value = |text: String| HeaderValue::try_from(text).ok();
    // RFC 9745 2: a structured date.
    if let Some(since) = rules.deprecated_at.and_then(|at| value(format!("@{}", at.0))) {
        headers.insert(DEPRECATION, since);
    }
    // RFC 8594 3: an HTTP-date.
    if let Some(end) = ends_at.and_then(|at| value(http_date(at))) {
        headers.insert(SUNSET, end);
    }
    if rules.deprecated_at.is_none() && ends_at.is_none() {
        return;
    }
    let guide = rules.guide.as_deref();
    let links = [(rules.deprecated_at, "deprecation"), (ends_at, "sunset")];
    for (_, relation) in links.iter().filter(|(date, _)| date.is_some()) {
        let link = guide.and_then(|guide| value(format!("<{guide}>; rel=\"{relation}\"; type=\"text/html\"")));
        if let Some(link) = link {
            headers.append(LINK, link);
        }
    }
    let when = ends_at.map(|end| format!(" and ends on {}", http_date(end))).unwrap_or_default();
    let see = guide.map(|guide| format!(" See {guide}")).unwrap_or_default();
    let text = format!("OAuth 1.0 is deprecated here{when}. Move to OAuth 2.0.{see}");
    let quoted: String = text.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
    // RFC 7234 5.5: 299 is a lasting warning; the agent is not told.
    if let Some(warning) = value(format!("299 - \"{quoted}\"")) {
        headers.append(WARNING, warning);
    }
}

/// "Wed, 01 Jul 2026 00:00:00 GMT" (RFC 9110 5.6.7).
pub(super) fn http_date(at: UnixTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, rest) = (at.0.div_euclid(Seconds::DAY.0), at.0.rem_euclid(Seconds::DAY.0));
    let (year, month, day) = at.date();
    let (weekday, month) = (DAYS[days.rem_euclid(7) as usize], MONTHS[month as usize - 1]);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tsm_16_dates_are_http_dates() {
        assert_eq!(http_date(UnixTime(1_782_864_000)), "Wed, 01 Jul 2026 00:00:00 GMT");
        assert_eq!(http_date(UnixTime(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(UnixTime(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT", "RFC 9110's own example");
        assert_eq!(http_date(UnixTime(-1)), "Wed, 31 Dec 1969 23:59:59 GMT");
    }

    #[test]
    fn tsm_16_the_api_s_own_links_stay() {
        let mut rules = causeway_protocol::profile::shipped("tripleseat").and_then(|one| one.oauth1).expect("shipped");
        rules.guide = Some("https://guide.example/\"x\"".to_owned());
        let mut headers = HeaderMap::new();
        headers.append(LINK, HeaderValue::from_static("</v1/leads?page=2>; rel=\"next\""));
        warn(&rules, rules.ends_at, &mut headers);
        let links: Vec<_> = headers.get_all(LINK).iter().map(|value| value.to_str().expect("ASCII")).collect();
        assert_eq!(links.len(), 3, "{links:?}");
        assert!(!headers[WARNING].to_str().expect("ASCII")[7..].trim_end_matches('"').contains('"'));
        let mut headers = HeaderMap::new();
        let none = OAuth1Rules { deprecated_at: None, ends_at: None, ..rules };
        warn(&none, None, &mut headers);
        assert!(headers.is_empty(), "nothing is told where nothing ends");
    }
}
