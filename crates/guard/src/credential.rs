//! Reads the one credential of a call. Whether it is good does not belong here.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use causeway_protocol::profile::{ApiKeyRules, Profile};
use causeway_protocol::{Reason, ScopeSet, Scopes};

use crate::call::Carried;
use crate::denied::Denied;
use crate::query::Query;

/// Schemes that are credentials, only not ours (RFC 7617, RFC 5849).
const OTHERS: [&[u8]; 2] = [b"basic", b"oauth"];

/// Which credentials besides tokens a platform takes.
pub(crate) struct Foreign {
    oauth1: bool,
    keys: Option<ApiKeyRules>,
    /// Every scope of the profile.
    words: Vec<String>,
}

impl Foreign {
    pub(crate) fn of(profile: &Profile) -> Self {
        let words = profile.scopes.iter().map(|scope| scope.name.clone()).collect();
        Self { oauth1: profile.oauth1.is_some(), keys: profile.api_keys.clone(), words }
    }

    /// Whether calls may be signed by OAuth 1.0.
    pub(crate) fn oauth1(&self) -> bool {
        self.oauth1
    }

    /// What an API key may do: everything, unless the profile says less. `None` where there are none.
    pub(crate) fn key_scopes(&self, registry: &Scopes) -> Option<ScopeSet> {
        let rules = self.keys.as_ref()?;
        let words = if rules.scopes.is_empty() { &self.words } else { &rules.scopes };
        Some(words.iter().filter_map(|word| registry.find(word)).fold(ScopeSet::EMPTY, ScopeSet::union))
    }
}

/// What a call carries. A platform without anything but tokens never looks; a plain bearer token is found by its scheme alone.
pub(crate) fn carried<'a>(
    headers: &'a HeaderMap,
    query: Option<&'a str>,
    foreign: &Foreign,
) -> Result<Carried<'a>, Denied> {
    if !foreign.oauth1 && foreign.keys.is_none() {
        return Ok(Carried::Token);
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let header = values.next().map(|value| value.as_bytes());
    if values.next().is_some() {
        return Err(Reason::CredentialsTwice.into());
    }
    let scheme =
        |word: &[u8]| header.is_some_and(|text| text.get(..word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word)));
    // A bearer token beside parameters of OAuth 1.0 is refused where the token is read, with the one look at the query.
    let signed = foreign.oauth1 && (scheme(b"oauth ") || !scheme(b"bearer ") && Query::read(query, None).oauth);
    let key = match &foreign.keys {
        Some(rules) => api_key(headers, query, header, rules)?,
        None => None,
    };
    match (signed, key) {
        (true, None) => Ok(Carried::OAuth1),
        (true, Some(_)) => Err(Reason::CredentialsTwice.into()),
        (false, Some(key)) => Ok(Carried::ApiKey(key)),
        (false, None) => Ok(Carried::Token),
    }
}

/// The API key of a call, from the one place where it stands.
fn api_key<'a>(
    headers: &'a HeaderMap,
    query: Option<&'a str>,
    authorization: Option<&'a [u8]>,
    rules: &ApiKeyRules,
) -> Result<Option<&'a str>, Denied> {
    let mut found: Option<&'a str> = None;
    let mut take = |key: &'a str| match found.replace(key) {
        Some(_) => Err(Denied::from(Reason::CredentialsTwice)),
        None => Ok(()),
    };
    let mut others = authorization.is_some_and(|text| !text.is_empty());
    if let Some(prefix) = &rules.bearer_prefix {
        let text = authorization.and_then(|text| std::str::from_utf8(text).ok());
        let behind = text.filter(|text| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer ")));
        if let Some(key) = behind.map(|text| text[7..].trim()).filter(|key| key.starts_with(prefix.as_str())) {
            others = false;
            take(key)?;
        }
    }
    if let Some(name) = &rules.header {
        for value in headers.get_all(name.as_str()) {
            take(value.to_str().map_err(|_| Reason::CredentialsMalformed)?.trim())?;
        }
    }
    if let Some(name) = &rules.query {
        // The name in every spelling that a reader behind us would decode. Keys are plain ASCII: an escaped one is none of
        // ours, and will not be found.
        for pair in query.unwrap_or_default().split('&') {
            let (sent, key) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = form_urlencoded::parse(sent.as_bytes()).next();
            if decoded.is_some_and(|(sent, _)| sent == name.as_str()) {
                take(key)?;
            }
        }
    }
    match found {
        Some(_) if others => Err(Reason::CredentialsTwice.into()),
        Some(key) if key.is_empty() || key.len() > MAX_KEY => Err(Reason::CredentialsMalformed.into()),
        found => Ok(found),
    }
}

/// The longest API key, in bytes.
const MAX_KEY: usize = 256;

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

/// The bytes of b64token (RFC 6750 2.1). Every call's token is looked through.
const PROPER: [bool; 256] = {
    let mut proper = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        proper[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut others = b"-._~+/=".as_slice();
    while let [byte, rest @ ..] = others {
        proper[*byte as usize] = true;
        others = rest;
    }
    proper
};

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
    let proper = |byte: &u8| PROPER[usize::from(*byte)];
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

    fn carried_by(headers: &[(&'static str, &'static str)], query: Option<&'static str>) -> Result<String, Reason> {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let keys = ApiKeyRules {
            query: Some("apiKey".to_owned()),
            header: Some("x-api-key".to_owned()),
            bearer_prefix: Some("live_sk_".to_owned()),
            scopes: Vec::new(),
        };
        let foreign = Foreign { oauth1: true, keys: Some(keys), words: Vec::new() };
        let found = carried(&map, query, &foreign).map_err(|denied| denied.reason)?;
        Ok(match found {
            Carried::Token => "token".to_owned(),
            Carried::OAuth1 => "signed".to_owned(),
            Carried::ApiKey(key) => format!("key {key}"),
        })
    }

    #[test]
    fn cal_10_bg_12_a_call_carries_one_credential_wherever_it_stands() {
        let is = |headers: &[(&'static str, &'static str)], query, wanted: &str| {
            assert_eq!(carried_by(headers, query).as_deref(), Ok(wanted), "{headers:?} {query:?}");
        };
        is(&[], None, "token");
        is(&[("authorization", "Bearer abc")], Some("a=b"), "token");
        is(&[("authorization", "Bearer live_sk_1")], None, "key live_sk_1");
        is(&[("authorization", "bearer live_sk_1")], None, "key live_sk_1");
        is(&[("x-api-key", "k1")], None, "key k1");
        is(&[], Some("a=b&apiKey=k1"), "key k1");
        is(&[("authorization", "OAuth oauth_consumer_key=\"k\"")], None, "signed");
        is(&[], Some("oauth_consumer_key=k"), "signed");
        let twice = |headers: &[(&'static str, &'static str)], query| {
            assert_eq!(carried_by(headers, query), Err(Reason::CredentialsTwice), "{headers:?} {query:?}");
        };
        twice(&[("authorization", "Bearer abc"), ("x-api-key", "k1")], None);
        twice(&[("authorization", "Bearer abc")], Some("apiKey=k1"));
        twice(&[("authorization", "Bearer live_sk_1"), ("x-api-key", "k1")], None);
        twice(&[("x-api-key", "k1")], Some("apiKey=k1"));
        twice(&[("x-api-key", "k1"), ("x-api-key", "k2")], None);
        twice(&[], Some("apiKey=k1&apiKey=k2"));
        twice(&[], Some("api%4Bey=k1&apiKey=k2"));
        twice(&[], Some("apiKey=k1&apiKey"));
        twice(&[("x-api-key", "k1")], Some("oauth_consumer_key=k"));
        is(&[("authorization", "Bearer abc")], Some("oauth_consumer_key=k"), "token");
        assert_eq!(read(&[b"Bearer abc"], Some("oauth_consumer_key=k")), Err(Reason::CredentialsTwice));
        twice(&[("authorization", "OAuth a=\"b\""), ("x-api-key", "k1")], None);
        for (headers, query) in [(&[("x-api-key", "")][..], None), (&[], Some("apiKey="))] {
            assert_eq!(carried_by(headers, query), Err(Reason::CredentialsMalformed), "{headers:?} {query:?}");
        }
    }
}
