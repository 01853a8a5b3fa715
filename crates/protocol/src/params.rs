//! Request parameters, however they arrived: form, multipart and JSON bodies and queries all become one of these.
//! A repeated parameter is an error, an empty one is absent, an unknown one is ignored (RFC 6749 3.1, 3.2).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use crate::{Reason, Refusal};

/// At most this many parameters are read.
pub const MAX_PARAMS: usize = 100;
/// The longest value, in bytes.
pub const MAX_VALUE: usize = 8_192;

/// Names and values in the order in which they came.
#[derive(Clone, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

impl Params {
    /// Reads application/x-www-form-urlencoded text: a query or a body. `+` is a space, `%2B` a plus.
    pub fn form(text: &[u8]) -> Result<Self, Refusal> {
        let mut params = Self::default();
        for pair in text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            params.push(decode(&pair[..equals])?, decode(pair.get(equals + 1..).unwrap_or_default())?)?;
        }
        Ok(params)
    }

    /// Adds one, refusing what no parameter of ours can hold: too many, too long, control characters.
    pub fn push(&mut self, name: String, value: String) -> Result<(), Refusal> {
        if self.pairs.len() >= MAX_PARAMS {
            return Err(Reason::ParameterMalformed.about("more than 100 parameters"));
        }
        if value.len() > MAX_VALUE || name.len() > 200 {
            return Err(Reason::ParameterMalformed.about(format!("{} is too long", shown(&name))));
        }
        if holds_control(&value) || holds_control(&name) {
            return Err(Reason::ParameterMalformed.about(format!("{} holds a control character", shown(&name))));
        }
        self.pairs.push((name, value));
        Ok(())
    }

    /// These and those: the same name in both counts as repeated.
    pub fn extend(&mut self, other: Params) -> Result<(), Refusal> {
        other.pairs.into_iter().try_for_each(|(name, value)| self.push(name, value))
    }

    /// The value, `None` when absent or empty, refused when repeated.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut found = self.pairs.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Reason::ParameterRepeated.about(shown(name))),
            (first, _) => Ok(first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())),
        }
    }

    /// The value, refused when absent, empty or repeated.
    pub fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name)?.ok_or_else(|| Reason::ParameterMissing.about(shown(name)))
    }

    /// Refuses a second one of any of these names, wherever it counts.
    pub fn none_twice(&self, names: &[&str]) -> Result<(), Refusal> {
        let repeated = |(at, (name, _)): &(usize, &(String, String))| {
            self.pairs[..*at].iter().any(|(earlier, _)| earlier == name) && names.contains(&name.as_str())
        };
        match self.pairs.iter().enumerate().find(repeated) {
            Some((_, (name, _))) => Err(Reason::ParameterRepeated.about(shown(name))),
            None => Ok(()),
        }
    }

    /// Whether the name occurs at all, with whatever value.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known == name)
    }
}

fn holds_control(text: &str) -> bool {
    // Without a way out of the loop, it is done many bytes at a time.
    let ascii = text.bytes().fold(false, |found, byte| found | byte.is_ascii_control());
    ascii || (!text.is_ascii() && text.chars().any(char::is_control))
}

fn decode(part: &[u8]) -> Result<String, Refusal> {
    // Tokens, ids and secrets stand as they are.
    if !part.iter().fold(false, |found, byte| found | matches!(byte, b'+' | b'%')) {
        let plain = std::str::from_utf8(part).map(str::to_owned);
        return plain.map_err(|_| Reason::ParameterMalformed.about("not UTF-8"));
    }
    let spaced: Vec<u8> = part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&spaced)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| Reason::ParameterMalformed.about("not UTF-8"))
}

/// A parameter's name as it may be repeated in an error: short and plain.
fn shown(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(40).collect()
}

/// Everything but RFC 3986's unreserved characters. A space becomes %20, which every decoder reads alike.
pub(crate) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One value, percent-encoded for a query or a form.
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

/// Appends parameters to a URI, keeping the query that it has (RFC 6749 3.1.2).
pub fn append_query(uri: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = uri.to_owned();
    let mut separator = match uri.find('?') {
        None => "?",
        Some(_) if uri.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    for (name, value) in pairs {
        out.push_str(separator);
        out.push_str(name);
        out.push('=');
        out.push_str(&encode(value));
        separator = "&";
    }
    out
}
