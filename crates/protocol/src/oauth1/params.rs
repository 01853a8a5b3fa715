//! Names and values as they are signed: bytes, decoded once and strictly, bounded in number (RFC 5849 3.4.1.3).
//! What a parameter means is not known here.

use percent_encoding::{percent_decode, percent_encode};

use crate::params::ESCAPED;
use crate::{Reason, Refusal};

/// At most this many parameters are signed: header, query and form body together.
const MAX_PAIRS: usize = 256;
/// How the names of the protocol's own parameters begin.
const PREFIX: &[u8] = b"oauth_";

/// The parameters of one request, from wherever they came.
#[derive(Clone, Default)]
pub(super) struct Pairs(Vec<(Vec<u8>, Vec<u8>)>);

impl Pairs {
    /// Adds one.
    pub(super) fn push(&mut self, name: Vec<u8>, value: Vec<u8>) -> Result<(), Refusal> {
        if self.0.len() >= MAX_PAIRS {
            return Err(Reason::OAuth1Malformed.about("more than 256 parameters"));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Adds those of a query or a form body: `+` is a space. Values may be any bytes, for they are only encoded again.
    pub(super) fn form(&mut self, text: &[u8]) -> Result<(), Refusal> {
        for (name, value) in raw_pairs(text) {
            let decoded = decode(name, true).zip(decode(value, true));
            let (name, value) = decoded.ok_or_else(|| Reason::OAuth1Malformed.about("an escape that is none"))?;
            self.push(name, value)?;
        }
        Ok(())
    }

    /// RFC 5849 3.2: no parameter of the protocol's own stands there twice.
    pub(super) fn refuse_repeated(&self) -> Result<(), Refusal> {
        let mut names: Vec<&[u8]> = self.0.iter().map(|(name, _)| &name[..]).filter(|name| is_own(name)).collect();
        names.sort_unstable();
        match names.windows(2).find(|two| two[0] == two[1]) {
            Some(two) => Err(Reason::ParameterRepeated.about(shown(two[0]))),
            None => Ok(()),
        }
    }

    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| known == name.as_bytes()).map(|(_, value)| &value[..])
    }

    /// RFC 5849 3.4.1.3.2: without the signature; encoded, then sorted by name and value, then joined.
    pub(super) fn normalised(&self) -> String {
        let signed = self.0.iter().filter(|(name, _)| name != b"oauth_signature");
        let mut encoded: Vec<(String, String)> = signed.map(|(name, value)| (encode(name), encode(value))).collect();
        encoded.sort_unstable();
        let joined: Vec<String> = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
        joined.join("&")
    }
}

/// Whether a query or form body holds a parameter of the protocol's own. Nothing is refused here, since it is asked of
/// every call, signed or not.
pub(super) fn any_own(text: &[u8]) -> bool {
    raw_pairs(text).any(|(name, _)| is_own(&percent_decode(name).collect::<Vec<u8>>()))
}

fn is_own(name: &[u8]) -> bool {
    name.starts_with(PREFIX)
}

/// Names and values as they were sent. Without `=` the value is empty; empty pairs are none.
fn raw_pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        (&pair[..equals], pair.get(equals + 1..).unwrap_or_default())
    })
}

/// Percent-decoding, once. `None` where `%` begins no escape: two readers would read it differently.
pub(super) fn decode(text: &[u8], plus_is_space: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'%' => 16 * hex(rest.next()?)? + hex(rest.next()?)?,
            b'+' if plus_is_space => b' ',
            other => *other,
        });
    }
    Some(out)
}

fn hex(digit: &u8) -> Option<u8> {
    char::from(*digit).to_digit(16).map(|value| value as u8)
}

/// RFC 5849 3.6: everything but the unreserved characters, in upper-case hex.
pub(super) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, ESCAPED).to_string()
}

/// A parameter's name as it may be repeated in an error.
fn shown(name: &[u8]) -> String {
    name.iter().filter(|b| b.is_ascii_graphic()).take(40).map(|b| char::from(*b)).collect()
}
