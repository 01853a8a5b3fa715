//! Reads the one credential of a call. Whether it is good does not belong here.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use causeway_protocol::Reason;

use crate::denied::Denied;
use crate::query::Query;

/// Schemes that are credentials, only not ours (RFC 7617, RFC 5849).
const OTHERS: [&[u8]; 2] = [b"basic", b"oauth"];

/// The bearer token (RFC 6750 2.1). Two credentials are an error, whichever (2, SECURITY BG-02, BG-12); a URL is no place for
/// one; a credential of a known other kind is none.
pub(crate) fn bearer<'a>(headers: &'a HeaderMap, query: &Query) -> Result<&'a str, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let token = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => token(value.as_bytes())?,
        (Some(_), Some(_)) => return Err(Reason::CredentialsTwice.into()),
    };
    match token {
        Some(_) if query.access_token || query.oauth => Err(Reason::CredentialsTwice.into()),
        Some(token) => Ok(token),
        None if query.access_token => Err(Reason::CredentialsInQuery.into()),
        None => Err(Reason::TokenAbsent.into()),
    }
}

/// The token behind the scheme `Bearer` (case-insensitive, RFC 9110 11.1); `None` where somebody signs in otherwise. A scheme
/// that nobody knows is a mistake of the caller's, and is named as one.
fn token(header: &[u8]) -> Result<Option<&str>, Denied> {
    let end = header.iter().position(|byte| *byte == b' ').unwrap_or(header.len());
    let (scheme, rest) = header.split_at(end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        let known = header.is_empty() || OTHERS.iter().any(|other| scheme.eq_ignore_ascii_case(other));
        return if known { Ok(None) } else { Err(Reason::CredentialsMalformed.into()) };
    }
    let token = rest.trim_ascii();
    // b64token, RFC 6750 2.1: a space or comma inside means two credentials in one line, or none.
    let proper = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    match std::str::from_utf8(token) {
        Ok(text) if !text.is_empty() && token.iter().all(proper) => Ok(Some(text)),
        _ => Err(Reason::CredentialsMalformed.into()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]], query: Option<&str>) -> Result<String, Reason> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer(&headers, &Query::read(query, None)).map(str::to_owned).map_err(|denied| denied.reason)
    }

    #[test]
    fn bg_01_the_scheme_is_case_insensitive_and_stands_once() {
        for header in ["Bearer abc", "bearer abc", "BEARER abc", "bEaReR   abc", "Bearer abc "] {
            assert_eq!(read(&[header.as_bytes()], None).as_deref(), Ok("abc"), "{header}");
        }
        assert_eq!(read(&[b"Bearer abc", b"Bearer abc"], None), Err(Reason::CredentialsTwice));
        assert_eq!(read(&[b"Bearer abc", b"Basic YTpi"], None), Err(Reason::CredentialsTwice));
    }

    #[test]
    fn bg_02_a_token_in_the_query_is_refused() {
        for query in
            ["access_token=abc", "a=1&access_token=abc", "access%5Ftoken=abc", "access_token", "a;access_token=x"]
        {
            assert_eq!(read(&[], Some(query)), Err(Reason::CredentialsInQuery), "{query}");
            assert_eq!(read(&[b"Bearer abc"], Some(query)), Err(Reason::CredentialsTwice), "{query}");
        }
        assert_eq!(read(&[b"Bearer abc"], Some("my_access_token=1&Access_Token=2")).as_deref(), Ok("abc"));
    }

    #[test]
    fn bg_03_no_bearer_is_no_credential() {
        for header in ["", "Basic YTpi", "basic", "OAuth oauth_token=\"x\""] {
            assert_eq!(read(&[header.as_bytes()], None), Err(Reason::TokenAbsent), "{header}");
        }
        assert_eq!(read(&[], None), Err(Reason::TokenAbsent));
        assert_eq!(read(&[], Some("oauth_token=1")), Err(Reason::TokenAbsent), "OAuth 1.0 is not a bearer token");
    }

    #[test]
    fn bg_06_a_malformed_header_is_a_bad_request() {
        for header in [
            &b"Bearer"[..],
            b"Bearer ",
            b"Bearerabc",
            b"Token abc",
            b"Bearer,abc",
            b"token=abc",
            b"Bearer a b",
            b"Bearer a, Bearer b",
            b"Bearer \"a\"",
            b"Bearer a\xff",
        ] {
            assert_eq!(read(&[header], None), Err(Reason::CredentialsMalformed), "{header:?}");
        }
    }

    #[test]
    fn bg_12_oauth_1_and_bearer_in_one_call_are_refused() {
        let oauth = b"OAuth oauth_consumer_key=\"k\"";
        assert_eq!(read(&[b"Bearer abc", oauth], None), Err(Reason::CredentialsTwice));
        assert_eq!(read(&[b"Bearer abc"], Some("oauth_signature=x")), Err(Reason::CredentialsTwice));
        assert_eq!(read(&[b"Bearer abc"], Some("page=2&oauth%5Fnonce=x")), Err(Reason::CredentialsTwice));
    }
}
