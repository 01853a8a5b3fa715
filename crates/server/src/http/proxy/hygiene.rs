//! Which headers cross the guard, and which never do. Hop-by-hop headers are each connection's own (RFC 9110 7.6.1); what says
//! who calls, or from where, is ours to say.

use http::header::{CACHE_CONTROL, CONNECTION};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use causeway_guard::{Denied, is_identity, plain_header};
use causeway_protocol::Reason;
use causeway_protocol::profile::ApiKeyRules;

/// What a caller's `Connection` may name. A name of a header that goes on to the API would take it off after the guard read it.
const CONNECTION_OPTIONS: &[&str] = &["close", "keep-alive", "te", "upgrade", "proxy-connection", "http2-settings"];

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Never passed on from a caller. Credentials were the guard's; the others tell some servers another address, method or path
/// than the one that was checked.
const OURS: &[&str] = &[
    "authorization",
    "cf-connecting-ip",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "remote-user",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-remote-user",
    "x-rewrite-url",
    "x-user",
];

/// What begins like these is never passed on either: where from, and commands to a server behind.
const OUR_FAMILIES: &[&str] = &["x-forwarded-", "x-accel-"];

/// Passed on in their own spelling only: what the body is must not be said twice.
const OF_THE_BODY: &[&str] = &["content-encoding", "content-length", "content-type"];

/// Refuses a caller's `Connection` that names anything but the connection's own options (RFC 9110 7.6.1 lets it name any
/// header, and forbids those that are meant for whoever stands behind).
pub(super) fn own_hop(headers: &HeaderMap) -> Result<(), Denied> {
    let fine = |value: &HeaderValue| {
        let mut names = value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty());
        let known = |name: &str| CONNECTION_OPTIONS.iter().any(|option| option.eq_ignore_ascii_case(name));
        names.all(known).then_some(())
    };
    let all = headers.get_all(CONNECTION).iter().all(|value| fine(value).is_some());
    if all { Ok(()) } else { Err(Denied::from(Reason::HeaderMalformed).about("connection")) }
}

/// Leaves of a caller's headers what the API behind the guard may see.
pub(super) fn clean_request(headers: &mut HeaderMap) {
    let kept = |name: &HeaderName| {
        let text = name.as_str();
        let plain = plain_header(text);
        !is_identity(text)
            && !OUR_FAMILIES.iter().any(|family| plain.starts_with(family))
            && !OURS.contains(&plain.as_str())
            && !HOP_BY_HOP.contains(&plain.as_str())
            && (text == plain || !OF_THE_BODY.contains(&plain.as_str()))
    };
    retain(headers, kept);
}

/// The path and query that go on. An API key was the guard's: it is in no log of whoever stands behind.
pub(super) fn target(uri: &Uri, keys: Option<&ApiKeyRules>) -> String {
    let query = uri.query().map(|query| match keys.and_then(|rules| rules.query.as_deref()) {
        Some(name) => without(query, name),
        None => query.to_owned(),
    });
    match query {
        Some(query) if !query.is_empty() => format!("{}?{query}", uri.path()),
        _ => uri.path().to_owned(),
    }
}

/// A query less every parameter of this name, however it is escaped; the rest byte for byte.
fn without(query: &str, name: &str) -> String {
    let named = |pair: &str| form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(found, _)| found == name);
    query.split('&').filter(|pair| !named(pair)).collect::<Vec<_>>().join("&")
}

/// Takes off the header that carries API keys, in every spelling.
pub(super) fn take_key(headers: &mut HeaderMap, keys: Option<&ApiKeyRules>) {
    if let Some(name) = keys.and_then(|rules| rules.header.as_deref()) {
        let name = plain_header(name);
        retain(headers, |header| plain_header(header.as_str()) != name);
    }
}

/// Leaves of the answer's headers what the caller may see; no cache in between keeps it (RFC 6750 5.2).
pub(super) fn clean_response(headers: &mut HeaderMap) {
    let listed = listed_by_connection(headers);
    // Caches that are told apart have headers of their own (RFC 9213).
    let for_caches = |name: &HeaderName| name.as_str().ends_with("-cache-control") || name == "surrogate-control";
    retain(headers, |name| !HOP_BY_HOP.contains(&name.as_str()) && !listed.contains(name) && !for_caches(name));
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = values.flat_map(|value| value.split(','));
    if !directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-store")) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
}

/// The names in `Connection`: the sender's own hop's.
fn listed_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

fn retain(headers: &mut HeaderMap, kept: impl Fn(&HeaderName) -> bool) {
    let going: Vec<HeaderName> = headers.keys().filter(|name| !kept(name)).cloned().collect();
    going.iter().for_each(|name| drop(headers.remove(name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn cal_10_an_api_key_goes_no_further() {
        let keys = |query: &str, header: &str| ApiKeyRules {
            query: Some(query.to_owned()),
            header: Some(header.to_owned()),
            bearer_prefix: None,
            scopes: Vec::new(),
        };
        let rules = keys("apiKey", "x-api-key");
        for (asked, sent) in [
            ("/v1/a", "/v1/a"),
            ("/v1/a?b=1&c=%20", "/v1/a?b=1&c=%20"),
            ("/v1/a?apiKey=s", "/v1/a"),
            ("/v1/a?b=1&apiKey=s&c", "/v1/a?b=1&c"),
            ("/v1/a?api%4Bey=s&APIKEY=1", "/v1/a?APIKEY=1"),
        ] {
            assert_eq!(target(&asked.parse().unwrap(), Some(&rules)), sent);
        }
        assert_eq!(
            target(&"/a?apiKey=s".parse().unwrap(), None),
            "/a?apiKey=s",
            "a platform without keys has no such name"
        );
        let mut all = headers(&[("x-api-key", "s"), ("x_api_key", "s"), ("x-api-keys", "1")]);
        take_key(&mut all, Some(&rules));
        assert_eq!(names(&all), ["x-api-keys"]);
    }

    #[test]
    fn bg_15_t_02_what_is_ours_to_say_never_comes_from_a_caller() {
        let mut all = headers(&[
            ("accept", "*/*"),
            ("content-type", "text/plain"),
            ("idempotency-key", "k"),
            ("authorization", "Bearer x"),
            ("proxy-authorization", "Basic x"),
            ("cookie", "session=x"),
            ("x-causeway-customer", "9"),
            ("x_causeway_customer", "9"),
            ("x-causeway_new", "9"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x_forwarded_host", "evil"),
            ("forwarded", "for=1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
            ("x-original-url", "/admin"),
            ("x-http-method-override", "DELETE"),
            ("host", "evil"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("connection", "upgrade, close"),
            ("x.causeway.customer", "9"),
            ("x!causeway!site", "9"),
            ("x.forwarded.for", "1.2.3.4"),
            ("x-accel-redirect", "/"),
            ("x-client-ip", "1.2.3.4"),
            ("true-client-ip", "1.2.3.4"),
            ("cf-connecting-ip", "1.2.3.4"),
            ("x-cluster-client-ip", "1.2.3.4"),
            ("remote_user", "root"),
            ("x-remote-user", "root"),
            ("x-user", "root"),
            ("x-forwarded-user", "root"),
            ("content_type", "application/json"),
            ("x-user-agent", "stays"),
        ]);
        clean_request(&mut all);
        assert_eq!(names(&all), ["accept", "content-type", "idempotency-key", "x-user-agent"]);
    }

    #[test]
    fn a_connection_header_takes_nothing_away() {
        for fine in ["close", "Keep-Alive, TE", "Upgrade, HTTP2-Settings", "proxy-connection", "", " ,close"] {
            assert!(own_hop(&headers(&[("connection", fine)])).is_ok(), "{fine}");
        }
        for named in ["content-type", "close, Content-Type", "host", "x-private", "content-length;x", "authorization"] {
            assert!(own_hop(&headers(&[("connection", named)])).is_err(), "{named}");
        }
    }

    #[test]
    fn bg_11_answers_stay_out_of_caches() {
        for (sent, left) in [
            (None, "private, no-store"),
            (Some("public, max-age=600"), "private, no-store"),
            (Some("max-age=600, NO-STORE"), "max-age=600, NO-STORE"),
            (Some("no-store"), "no-store"),
            (Some("x-no-store"), "private, no-store"),
        ] {
            let mut all = HeaderMap::new();
            all.extend(sent.map(|value| (CACHE_CONTROL, HeaderValue::from_static(value))));
            clean_response(&mut all);
            assert_eq!(all[CACHE_CONTROL], left);
        }
        let mut all = headers(&[
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("cdn-cache-control", "max-age=600"),
            ("surrogate-control", "max-age=600"),
            ("etag", "\"a\""),
        ]);
        clean_response(&mut all);
        assert_eq!(names(&all), ["cache-control", "etag"]);
    }
}
