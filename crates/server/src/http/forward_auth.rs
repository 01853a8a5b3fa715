//! `GET /guard/check`: the guard for a proxy that asks (nginx `auth_request`, Traefik, Caddy). It answers what the guard itself
//! would, to trusted proxies and on the admin listener only (CONTRACTS, "Forward-auth"; TOKENS 7). [`judge`] is what `authz`
//! asks too.
//!
//! The body of the call does not come along: where the profile lets it name the site, only the query counts here, and the API
//! behind the proxy must go by `X-Causeway-Site`. An OAuth 1.0 signature over a form cannot be verified here.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use causeway_guard::reply::{Answer, narrowed, object, tell_left};
use causeway_guard::{Call, Denied, Pass};
use causeway_protocol::Reason;
use causeway_protocol::params::Params;
use http::request::Parts;
use http::{HeaderMap, Request};

use super::front::Front;
use super::headers::{About, single};
use super::identify::{self, Scheme};
use super::proxy::Content;
use super::{proxy, reply};

/// Where a proxy asks: on the API host, on the admin listener, at an edge.
pub const PATH: &str = "/guard/check";

/// The two families of headers in which proxies say what was asked: method and URI.
const FAMILIES: [[&str; 2]; 2] = [["x-original-method", "x-original-uri"], ["x-forwarded-method", "x-forwarded-uri"]];

/// On the API host: for trusted proxies. To anybody else there is nothing here.
pub async fn check<F: Front>(State(edge): State<Arc<F>>, request: Request<Body>) -> Response {
    if !request.extensions().get::<About>().is_some_and(|about| about.trusted) {
        return reply::refused(&Reason::NoSuchPage.refuse());
    }
    check_on_admin(State(edge), request).await
}

/// On the admin listener, which is trusted as a whole.
pub async fn check_on_admin<F: Front>(State(edge): State<Arc<F>>, request: Request<Body>) -> Response {
    let (parts, _) = request.into_parts();
    let question = asked(&parts.headers).map(|(method, target)| Question {
        method,
        target,
        headers: &parts.headers,
        body: Seen::Nothing,
    });
    let mut answer = judge(edge.as_ref(), question).await;
    match only(&parts) {
        Ok(Some(statuses)) => answer = narrowed(answer, &statuses),
        Ok(None) => {}
        Err(denied) => answer = edge.api().guard.reply(&denied),
    }
    answer.map(Body::from)
}

/// A call that a proxy holds and asks about.
pub(super) struct Question<'a> {
    /// As the caller sent it.
    pub(super) method: &'a str,
    /// Path and query, as the caller sent them.
    pub(super) target: &'a str,
    /// The caller's own.
    pub(super) headers: &'a HeaderMap,
    /// What came along of its body.
    pub(super) body: Seen,
}

/// How much of a call's body can be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// None of it: only the query counts.
    Nothing,
    /// Not all of it.
    Part,
    /// All.
    Whole(Bytes),
}

/// May it go on? 200 with the identity headers, or the guard's own refusal. Counts what was said.
pub(super) async fn judge(edge: &impl Front, question: Result<Question<'_>, Denied>) -> Response<Bytes> {
    let mut scheme = Scheme::default();
    let asked = match question {
        Ok(question) => ask(edge, question, &mut scheme).await.map_err(|denied| scheme.denied(denied)),
        Err(denied) => Err(denied),
    };
    let mut answer = match proxy::verdict(edge, asked).await {
        Ok(pass) => {
            let mut reply = object(Answer::Ok, String::new());
            reply.headers_mut().extend(pass.identity(&edge.held().scopes()));
            if let Some(left) = pass.left().filter(|_| edge.api().guard.api().budget_headers) {
                tell_left(reply.headers_mut(), left);
            }
            reply
        }
        Err(denied) => edge.api().guard.reply(&denied),
    };
    scheme.mark(edge, answer.headers_mut());
    answer
}

async fn ask(edge: &impl Front, question: Question<'_>, scheme: &mut Scheme) -> Result<Pass, Denied> {
    let Question { method, target, headers, body } = question;
    if !target.starts_with('/') || target.contains('#') {
        return Err(Denied::from(Reason::HeaderMalformed).about("the original request's target"));
    }
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let call = Call { method, path, query, headers, now: edge.now(), monotonic_nanos: edge.monotonic_nanos() };
    let known = if let Seen::Whole(body) = &body { body.clone() } else { Bytes::new() };
    let (mut admitted, _) = identify::begin(edge, &call, Content::Whole(known), scheme).await?;
    match body {
        Seen::Whole(body) => admitted.read_body(headers, &body)?,
        Seen::Part if admitted.wants_body() => return Err(Reason::BodyWithheld.into()),
        Seen::Part | Seen::Nothing => {}
    }
    edge.api().guard.finish(admitted, edge.held(), edge.customers()).await
}

/// Method and target as the proxy says them. A caller can send these headers too, and a proxy passes on those that it does
/// not know: two families must say the same, so that nobody is asked about another call than the one that goes on.
fn asked(headers: &HeaderMap) -> Result<(&str, &str), Denied> {
    let mut found: Option<(&str, &str)> = None;
    for [method, uri] in FAMILIES {
        let said = (
            single(headers, &http::HeaderName::from_static(method))?,
            single(headers, &http::HeaderName::from_static(uri))?,
        );
        match (said, found) {
            ((None, None), _) => {}
            ((Some(method), Some(uri)), None) => found = Some((method, uri)),
            ((Some(method), Some(uri)), Some(earlier)) if earlier == (method, uri) => {}
            ((Some(_), Some(_)), Some(_)) => {
                return Err(Denied::from(Reason::HeaderMalformed).about("two original requests"));
            }
            ((None, Some(_)), _) => return Err(Denied::from(Reason::HeaderMalformed).about(method)),
            ((Some(_), None), _) => return Err(Denied::from(Reason::HeaderMalformed).about(uri)),
        }
    }
    found.ok_or_else(|| Denied::from(Reason::HeaderMalformed).about("x-original-uri"))
}

/// The statuses that the proxy can pass on, if it says which. 403 stands for all others, so it must be one of them.
fn only(parts: &Parts) -> Result<Option<Vec<u16>>, Denied> {
    let params = Params::form(parts.uri.query().unwrap_or_default().as_bytes())?;
    let Some(list) = params.get("only")? else { return Ok(None) };
    let statuses: Option<Vec<u16>> = list.split(',').map(|status| status.trim().parse().ok()).collect();
    match statuses {
        Some(statuses) if statuses.contains(&403) => Ok(Some(statuses)),
        _ => Err(Denied::from(Reason::ParameterMalformed).about("only")),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn asked_by(pairs: &[(&'static str, &'static str)]) -> Option<(String, String)> {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = pairs.iter().map(header).collect();
        asked(&headers).ok().map(|(method, target)| (method.to_owned(), target.to_owned()))
    }

    #[test]
    fn bg_14_both_families_are_read_and_may_not_differ() {
        let leads = Some(("GET".to_owned(), "/v1/leads?a=b".to_owned()));
        let original = [("x-original-method", "GET"), ("x-original-uri", "/v1/leads?a=b")];
        let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/v1/leads?a=b")];
        assert_eq!(asked_by(&original), leads);
        assert_eq!(asked_by(&forwarded), leads);
        assert_eq!(asked_by(&[original, forwarded].concat()), leads);
        for wrong in [
            &[("x-original-method", "GET"), ("x-original-uri", "/v1/sites"), forwarded[0], forwarded[1]][..],
            &[("x-original-uri", "/v1/leads?a=b"), forwarded[0], forwarded[1]],
            &[original[0]],
            &[original[1]],
            &[],
            &[original[0], original[1], original[1]],
        ] {
            assert_eq!(asked_by(wrong), None, "{wrong:?}");
        }
    }
}
