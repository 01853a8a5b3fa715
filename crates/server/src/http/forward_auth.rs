//! `GET /guard/check`: the guard for a proxy that asks (nginx `auth_request`, Traefik, Caddy). It answers what the guard itself
//! would, to trusted proxies and on the admin listener only (CONTRACTS, "Forward-auth"; TOKENS 7).
//!
//! The body of the call does not come along: where the profile lets it name the site, only the query counts here, and the API
//! behind the proxy must go by `X-Causeway-Site`. An OAuth 1.0 signature over a form cannot be verified here.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use causeway_guard::reply::{Answer, narrowed, object};
use causeway_guard::{Call, Denied, Pass};
use causeway_protocol::Reason;
use causeway_protocol::params::Params;
use http::request::Parts;
use http::{HeaderMap, Request};

use super::headers::{Trusted, single};
use super::identify::{self, Scheme};
use super::proxy::Content;
use super::{proxy, reply};
use crate::shared::{Edge, Shared};

/// The two families of headers in which proxies say what was asked: method and URI.
const FAMILIES: [[&str; 2]; 2] = [["x-original-method", "x-original-uri"], ["x-forwarded-method", "x-forwarded-uri"]];

/// On the API host: for trusted proxies. To anybody else there is nothing here.
pub async fn check(State(edge): State<Edge>, request: Request<Body>) -> Response {
    if !request.extensions().get::<Trusted>().is_some_and(|trusted| trusted.0) {
        return reply::refused(&Reason::NoSuchPage.refuse());
    }
    check_on_admin(State(edge), request).await
}

/// On the admin listener, which is trusted as a whole.
pub async fn check_on_admin(State(edge): State<Edge>, request: Request<Body>) -> Response {
    let (parts, _) = request.into_parts();
    let mut scheme = Scheme::default();
    let asked = ask(&edge, &parts, &mut scheme).await.map_err(|denied| scheme.denied(denied));
    let outcome = proxy::verdict(&edge, asked).await;
    let mut answer = match outcome {
        Ok(pass) => {
            let mut reply = object(Answer::Ok, String::new());
            reply.headers_mut().extend(pass.identity(&edge.node.held.scopes()));
            reply
        }
        Err(denied) => edge.api.guard.reply(&denied),
    };
    scheme.mark(&edge, answer.headers_mut());
    match only(&parts) {
        Ok(Some(statuses)) => answer = narrowed(answer, &statuses),
        Ok(None) => {}
        Err(denied) => answer = edge.api.guard.reply(&denied),
    }
    answer.map(Body::from)
}

async fn ask(edge: &Shared, parts: &Parts, scheme: &mut Scheme) -> Result<Pass, Denied> {
    let (method, target) = asked(&parts.headers)?;
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let node = &edge.node;
    let call = Call {
        method,
        path,
        query,
        headers: &parts.headers,
        now: node.now(),
        monotonic_nanos: node.clock.monotonic_nanos(),
    };
    let no_body = Content::Whole(Bytes::new());
    let (admitted, _) = identify::begin(edge, &call, no_body, scheme).await?;
    edge.api.guard.finish(admitted, &node.held, node).await
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
    let (method, target) = found.ok_or_else(|| Denied::from(Reason::HeaderMalformed).about("x-original-uri"))?;
    if target.starts_with('/') && !target.contains('#') {
        Ok((method, target))
    } else {
        Err(Denied::from(Reason::HeaderMalformed).about("x-original-uri"))
    }
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
            &[("x-original-method", "GET"), ("x-original-uri", "http://evil/v1/leads")],
            &[("x-original-method", "GET"), ("x-original-uri", "/v1/leads#x")],
        ] {
            assert_eq!(asked_by(wrong), None, "{wrong:?}");
        }
    }
}
