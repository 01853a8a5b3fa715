//! Finds the site in a buffered body. Only the top is looked at; nothing of the body is kept.

use std::fmt;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use causeway_protocol::Reason;

use crate::denied::Denied;
use crate::query::{Given, Likeness, Query, compare, overrides_method};

/// What a body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    Form,
    Json,
    /// Another kind, plainly said.
    Other,
}

/// Whether this body must be looked into although the profile names the site elsewhere: an API behind us could read a site out
/// of it all the same. What does not say for certain that it is another kind counts as one of these.
pub(crate) fn may_name_a_site(headers: &HeaderMap) -> bool {
    !matches!(media(headers), Ok(Media::Other))
}

/// Whether this body is a form, or could be taken for one.
pub(crate) fn may_be_a_form(headers: &HeaderMap) -> bool {
    matches!(media(headers), Ok(Media::Form) | Err(_))
}

/// The site that a body names. A body that cannot be read for certain is refused: whoever stands behind us might read
/// another site out of it.
pub(crate) fn site(headers: &HeaderMap, body: &[u8], parameter: Option<&str>) -> Result<Given, Denied> {
    if body.is_empty() {
        return Ok(Given::Not);
    }
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Denied::from(Reason::MediaTypeUnknown).about("content-encoding"));
    }
    match media(headers)? {
        Media::Form => form(body, parameter),
        Media::Json => json(body, parameter),
        Media::Other => Err(Denied::from(Reason::MediaTypeUnknown).about("content-type")),
    }
}

/// What the one Content-Type says. An absent one, or one that readers could cut otherwise, says nothing: Rack takes a body
/// without any for a form.
fn media(headers: &HeaderMap) -> Result<Media, Denied> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let text = match (values.next().map(|value| value.to_str()), values.next()) {
        (Some(Ok(value)), None) => value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
        (None | Some(Err(_)), None) => return Err(Denied::from(Reason::MediaTypeUnknown).about("content-type")),
        (_, Some(_)) => return Err(Denied::from(Reason::HeaderMalformed).about("content-type")),
    };
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match text.split_once('/') {
        Some(("application", "x-www-form-urlencoded")) => Ok(Media::Form),
        // What frameworks take for JSON beside RFC 8259's own name.
        Some((_, subtype)) if subtype.ends_with("+json") && token(subtype) => Ok(Media::Json),
        Some((_, "json" | "x-json" | "jsonrequest")) => Ok(Media::Json),
        Some((kind, subtype)) if token(kind) && token(subtype) => Ok(Media::Other),
        _ => Err(Denied::from(Reason::MediaTypeUnknown).about("content-type")),
    }
}

fn form(body: &[u8], parameter: Option<&str>) -> Result<Given, Denied> {
    let text = std::str::from_utf8(body).map_err(|_| Denied::from(Reason::BodyUnreadable).about("not UTF-8"))?;
    let found = Query::read(Some(text), parameter);
    if found.method {
        return Err(Denied::from(Reason::ParameterMalformed).about("_method"));
    }
    // RFC 6750 2.2: a second credential, in the body.
    if found.access_token { Err(Reason::CredentialsTwice.into()) } else { Ok(found.site) }
}

fn json(body: &[u8], parameter: Option<&str>) -> Result<Given, Denied> {
    let unreadable = |_| Denied::from(Reason::BodyUnreadable).about("not a JSON object");
    let mut reader = serde_json::Deserializer::from_slice(body);
    let (found, method) = reader.deserialize_map(Top { parameter }).map_err(unreadable)?;
    reader.end().map_err(unreadable)?;
    if method { Err(Denied::from(Reason::ParameterMalformed).about("_method")) } else { Ok(found) }
}

/// Reads the members of the outermost object, all of them: the same name twice is two meanings.
struct Top<'a> {
    parameter: Option<&'a str>,
}

impl<'de> Visitor<'de> for Top<'_> {
    /// The site, and whether a `_method` stands there.
    type Value = (Given, bool);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<(Given, bool), M::Error> {
        let (mut found, mut seen, mut method) = (Given::Not, false, false);
        while let Some(name) = members.next_key::<String>()? {
            method |= overrides_method(&name);
            match self.parameter.map_or(Likeness::Other, |parameter| compare(parameter, &name)) {
                Likeness::Same => match members.next_value::<Value>()? {
                    Value::Null => found.add("", &mut seen),
                    Value::String(text) => found.add(&text, &mut seen),
                    // An id that is a number stands as its digits; 1.0 and 1e0 are no ids.
                    Value::Number(number) => found.add(&number.to_string(), &mut seen),
                    Value::Bool(_) | Value::Array(_) | Value::Object(_) => (found, seen) = (Given::Twice, true),
                },
                Likeness::Alike => {
                    members.next_value::<IgnoredAny>()?;
                    (found, seen) = (Given::Twice, true);
                }
                Likeness::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((found, method))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(content_type: &'static str, body: &str) -> Result<Given, Reason> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        site(&headers, body.as_bytes(), Some("site_id")).map_err(|denied| denied.reason)
    }

    fn once(value: &str) -> Result<Given, Reason> {
        Ok(Given::Once(value.to_owned()))
    }

    #[test]
    fn ms_04_a_json_body_names_one_site_or_is_refused() {
        const JSON: &str = "application/json; charset=utf-8";
        assert_eq!(read(JSON, r#"{"name":"x","site_id":5}"#), once("5"));
        assert_eq!(read(JSON, r#"{"site_id":"5","lead":{"site_id":6}}"#), once("5"), "only the top counts");
        assert_eq!(read(JSON, r#"{"site_\u0069d":"5"}"#), once("5"));
        assert_eq!(read(JSON, r#"{"site_id":1.0}"#), once("1.0"), "not of the form of an id");
        for absent in ["{}", r#"{"a":[1,{"b":null}]}"#, r#"{"site_id":null}"#, r#"{"site_id":""}"#, ""] {
            assert_eq!(read(JSON, absent), Ok(Given::Not), "{absent}");
        }
        for twice in [
            r#"{"site_id":5,"site_id":5}"#,
            r#"{"site_id":null,"site_id":5}"#,
            r#"{"site_id":5,"Site_ID":6}"#,
            r#"{"SITE_ID":6}"#,
            r#"{"site.id":6}"#,
            r#"{"[site_id]":6}"#,
            r#"{"site_id]":6}"#,
            r#"{"site_id":[5]}"#,
            r#"{"site_id":{"a":1}}"#,
            r#"{"site_id":true}"#,
        ] {
            assert_eq!(read(JSON, twice), Ok(Given::Twice), "{twice}");
        }
        let deep = format!("{{\"a\":{}}}", "[".repeat(100_000));
        for unreadable in
            ["[]", "5", "null", "{", r#"{"a":1} x"#, r#"{"a":1,}"#, "\u{feff}{}", r#"{"site_id":1e999}"#, &deep]
        {
            assert_eq!(read(JSON, unreadable), Err(Reason::BodyUnreadable), "{unreadable:.40}");
        }
    }

    #[test]
    fn ms_04_a_form_body_names_one_site_or_is_refused() {
        const FORM: &str = "application/x-www-form-urlencoded";
        assert_eq!(read(FORM, "a=b&site_id=5"), once("5"));
        assert_eq!(read(FORM, "site_id=5&site_id=6"), Ok(Given::Twice));
        assert_eq!(read(FORM, "site_id[]=5"), Ok(Given::Twice));
        assert_eq!(read(FORM, "a=b&_method=DELETE"), Err(Reason::ParameterMalformed));
        assert_eq!(read("application/json", r#"{"_method":"DELETE"}"#), Err(Reason::ParameterMalformed));
        assert_eq!(read("application/vnd.api+json", r#"{"site_id":5}"#), once("5"));
        assert_eq!(read(FORM, "a=b&access_token=x"), Err(Reason::CredentialsTwice), "BG-02");
    }

    #[test]
    fn a_body_that_cannot_be_read_for_certain_is_refused() {
        for other in ["text/plain", "multipart/form-data; boundary=x", "application/xml", ""] {
            assert_eq!(read(other, "site_id=5"), Err(Reason::MediaTypeUnknown), "{other}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(site(&headers, b"x", Some("site_id")).unwrap_err().reason, Reason::MediaTypeUnknown);
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        assert_eq!(site(&headers, b"{}", Some("site_id")).unwrap_err().reason, Reason::HeaderMalformed);
        headers.remove(CONTENT_TYPE);
        headers.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(site(&headers, b"{}", Some("site_id")).unwrap_err().reason, Reason::MediaTypeUnknown);
    }

    #[test]
    fn only_what_plainly_is_neither_goes_unread() {
        let of = |content_type: &'static str| {
            may_name_a_site(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]))
        };
        for unread in
            ["text/plain", "multipart/form-data; boundary=\"a,b\"", "application/octet-stream", "image/svg+xml"]
        {
            assert!(!of(unread), "{unread}");
        }
        for read in [
            "application/json",
            "APPLICATION/JSON;x",
            "text/json",
            "application/hal+json",
            "application/x-www-form-urlencoded; charset=utf-8",
            "application/json, text/plain",
            "text/plain, application/json",
            "",
            "x",
            "/",
        ] {
            assert!(of(read), "{read}");
        }
        assert!(may_name_a_site(&HeaderMap::new()), "none at all");
    }
}
