//! What the guard looks for in a query: credentials that must not be there, and the site. One pass, nothing kept of the rest.
//!
//! Upstream may read a query otherwise than we do: `;` separates for some, `site_id[]`, `[site_id]`, `site.id` and `Site_Id` are
//! `site_id` for others. Whatever one of them could take for the site and we do not read as the site is malformed.

use std::borrow::Cow;

/// A parameter that may be given in several places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Given {
    /// Not given, or empty (RFC 6749 3.1: the same).
    #[default]
    Not,
    /// Given once.
    Once(String),
    /// Given more than once, or in a spelling that only some would read.
    Twice,
}

impl Given {
    /// One more occurrence in the same place.
    pub(crate) fn add(&mut self, value: &str, seen: &mut bool) {
        let first = !std::mem::replace(seen, true);
        *self = match (first, value) {
            (false, _) => Given::Twice,
            (true, "") => Given::Not,
            (true, value) => Given::Once(value.to_owned()),
        };
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// An `access_token` stands in it (RFC 6750 2.3, which we do not serve).
    pub(crate) access_token: bool,
    /// Parameters of OAuth 1.0 stand in it (RFC 5849 3.5.3).
    pub(crate) oauth: bool,
    /// A `_method` stands in it, which for some frameworks is the method.
    pub(crate) method: bool,
    /// The site.
    pub(crate) site: Given,
}

impl Query {
    /// Reads the raw query, or a form body.
    pub(crate) fn read(text: Option<&str>, site_parameter: Option<&str>) -> Self {
        let mut found = Self::default();
        // Most calls have none.
        let Some(text) = text.filter(|text| !text.is_empty()) else { return found };
        let mut seen = false;
        for pair in text.split('&') {
            for (index, piece) in pair.split(';').enumerate() {
                let (name, _) = decoded(piece);
                found.access_token |= name == "access_token";
                found.oauth |= name.starts_with("oauth_");
                found.method |= overrides_method(&name);
                match site_parameter.map(|site| compare(site, &name)) {
                    // After a `;` it is a parameter for some and part of a value for others.
                    Some(Likeness::Same) if index == 0 => found.site.add(&decoded(pair).1, &mut seen),
                    Some(Likeness::Same | Likeness::Alike) => (found.site, seen) = (Given::Twice, true),
                    _ => {}
                }
            }
        }
        found
    }
}

fn decoded(pair: &str) -> (Cow<'_, str>, Cow<'_, str>) {
    form_urlencoded::parse(pair.as_bytes()).next().unwrap_or_default()
}

/// How a name relates to the one we read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// Byte for byte.
    Same,
    /// Another reader could take it for the same: letter case, `site_id[]`, `site.id`, `site id`.
    Alike,
    /// Another one.
    Other,
}

/// Compares a sent name with the one that we read. PHP takes every odd character of a name for `_`; Rack drops brackets before
/// it and one after it, and takes what stands behind them for a key inside.
pub(crate) fn compare(known: &str, sent: &str) -> Likeness {
    if known == sent {
        return Likeness::Same;
    }
    let start = sent.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let stem = start.split(['[', ']', '\0']).next().unwrap_or_default();
    if plain(known).eq(plain(sent)) || plain(known).eq(plain(stem)) { Likeness::Alike } else { Likeness::Other }
}

/// Whether some framework would take this parameter for the method of the call (Rack::MethodOverride, Symfony).
pub(crate) fn overrides_method(name: &str) -> bool {
    let odd_first = name.chars().next().is_some_and(|first| !first.is_ascii_alphanumeric());
    odd_first && compare("_method", name) != Likeness::Other
}

/// A name without what readers do not agree on: its ASCII letters, small, and digits, with one `_` for whatever stands between.
fn plain(name: &str) -> impl Iterator<Item = u8> {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.enumerate().flat_map(|(at, word)| (at > 0).then_some(b'_').into_iter().chain(word.bytes()));
    joined.map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(query: &str) -> Given {
        Query::read(Some(query), Some("site_id")).site
    }

    #[test]
    fn ms_04_a_site_has_one_meaning_or_none() {
        let once = |value: &str| Given::Once(value.to_owned());
        assert_eq!(site("site_id=5"), once("5"));
        assert_eq!(site("page=2&site_id=5&x"), once("5"));
        assert_eq!(site("site%5fid=%35"), once("5"), "decoded once, name and value");
        assert_eq!(site("site_id=%2535"), once("%35"), "and only once");
        assert_eq!(site("site_id=5+"), once("5 "));
        assert_eq!(site("site_id=5;6"), once("5;6"), "no id has this form");
        for absent in ["", "site_id", "site_id=", "my_site_id=5", "site_ids=5", "siteid=5", "lead[site_id]=5", "&&"] {
            assert_eq!(site(absent), Given::Not, "{absent}");
        }
        for twice in [
            "site_id=5&site_id=5",
            "site_id=5&site_id=6",
            "site_id=&site_id=6",
            "site_id=5&site_id=",
            "site_id[]=5",
            "site_id%5B%5D=5",
            "site_id[x]=5",
            "Site_ID=5",
            "site.id=5",
            "site+id=5",
            "+site_id=5",
            "site_id%00=5",
            "site_id]=5",
            "site_id%5D=5",
            "[site_id]=5",
            "[[site_id]]=5",
            "[]site_id=5",
            "[site_id][x]=5",
            "site_id]x=5",
            "site[id=5",
            "site[id]=5",
            "site..id=5",
            "_site_id=5",
            "site_id_=5",
            "site-id=5",
            "SITE.ID=5",
            "site%C3%A9id=5",
            "page=1;site_id=5",
            "site_id=5;site_id=6",
            "site_id=5&SITE_ID=6",
        ] {
            assert_eq!(site(twice), Given::Twice, "{twice}");
        }
    }

    #[test]
    fn a_method_in_a_parameter_is_seen_in_every_spelling() {
        let seen = |query: &str| Query::read(Some(query), None).method;
        for query in
            ["_method=DELETE", "a=1&%5fmethod=PUT", "[_method]=x", ".method=x", "_METHOD", "_method[]=x", "a;_method=x"]
        {
            assert!(seen(query), "{query}");
        }
        for query in ["method=card", "payment_method=card", "x=_method", "method[]=x", "_methods=x", ""] {
            assert!(!seen(query), "{query}");
        }
    }
}
