//! Which headers cross the guard, and which never do. Hop-by-hop headers are each connection's own (RFC 9110 7.6.1); what says
//! who calls, or from where, is ours to say.

use http::header::{CACHE_CONTROL, CONNECTION};
use http::{HeaderMap, HeaderName, HeaderValue};

use causeway_guard::is_identity;

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
    "cookie",
    "expect",
    "forwarded",
    "host",
    "via",
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
    "x-rewrite-url",
];

/// Leaves of a caller's headers what the API behind the guard may see.
pub(super) fn clean_request(headers: &mut HeaderMap) {
    let listed = listed_by_connection(headers);
    let kept = |name: &HeaderName| {
        let text = name.as_str();
        // CGI and its heirs do not tell `_` from `-`.
        let plain = text.replace('_', "-");
        !is_identity(text)
            && !plain.starts_with("x-forwarded-")
            && !OURS.contains(&plain.as_str())
            && !HOP_BY_HOP.contains(&plain.as_str())
            && !listed.contains(name)
    };
    retain(headers, kept);
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
            ("connection", "upgrade, X-Private"),
            ("x-private", "1"),
        ]);
        clean_request(&mut all);
        assert_eq!(names(&all), ["accept", "content-type", "idempotency-key"]);
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
