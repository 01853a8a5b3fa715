//! A JSON body as parameters: one object whose values are all strings (SECURITY TK-13). serde_json's own maps would
//! keep the last of two equal names without a word, so the object is walked here. Other JSON is not read in this file.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error, MapAccess, Visitor};

use causeway_protocol::params::{MAX_PARAMS, Params};
use causeway_protocol::{Reason, Refusal};

/// Reads the object. Anything else (an array, a bare string, nesting, numbers, a repeated name, text behind the end) is
/// `BodyUnreadable`.
pub(super) fn read(text: &[u8]) -> Result<Params, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let object = reader.deserialize_map(ObjectOfStrings);
    let pairs = object.and_then(|pairs| reader.end().map(|()| pairs));
    let pairs = pairs.map_err(|_| Reason::BodyUnreadable.about("want one JSON object of strings"))?;
    let mut params = Params::default();
    pairs.into_iter().try_for_each(|(name, value)| params.push(name, value))?;
    Ok(params)
}

struct ObjectOfStrings;

impl<'de> Visitor<'de> for ObjectOfStrings {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs: Self::Value = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, String>()? {
            if pairs.len() >= MAX_PARAMS || pairs.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("too many, or a name twice"));
            }
            pairs.push((name, value));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tk_13_only_one_object_of_strings_is_read() {
        let params = read(br#" {"code":"a","scope":"","code_verifier":"\u00fc"} "#).unwrap();
        assert_eq!(params.get("code").unwrap(), Some("a"));
        assert_eq!(params.get("scope").unwrap(), None);
        assert_eq!(params.get("code_verifier").unwrap(), Some("ü"));
        let others: &[&[u8]] = &[
            b"",
            b"\"grant_type=refresh_token\"",
            b"[]",
            b"[{\"code\":\"a\"}]",
            b"null",
            b"{\"code\":1}",
            b"{\"code\":true}",
            b"{\"code\":null}",
            b"{\"code\":[\"a\"]}",
            b"{\"code\":{\"a\":\"b\"}}",
            b"{\"code\":\"a\",\"code\":\"a\"}",
            b"{\"code\":\"a\",\"c\\u006fde\":\"b\"}",
            b"{\"code\":\"a\"}{}",
            b"{\"code\":\"a\"} x",
            b"{\"code\":\"a\",}",
            b"{\"code\":\"a\"",
            b"{\"code\":\"\xff\"}",
        ];
        for other in others {
            let refusal = read(other).unwrap_err();
            assert_eq!(refusal.reason, Reason::BodyUnreadable, "{}", String::from_utf8_lossy(other));
        }
    }
}
