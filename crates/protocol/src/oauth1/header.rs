//! The `Authorization: OAuth` header: read, and written (RFC 5849 3.5.1). Any order, `,` or `, ` between, a realm or none.
//! What the parameters mean stands in `request.rs`.

use super::params::{Pairs, decode, encode};
use crate::{Reason, Refusal};

/// The longest header value that is read, in bytes.
const MAX_HEADER: usize = 8_192;

/// Adds the header's parameters without the realm. `rest` is what follows the scheme.
pub(super) fn read(rest: &str, into: &mut Pairs) -> Result<(), Refusal> {
    if rest.len() > MAX_HEADER {
        return Err(Reason::OAuth1Malformed.about("Authorization is longer than 8192 bytes"));
    }
    let mut rest = rest.trim_start_matches(BETWEEN);
    let mut realm_seen = false;
    while !rest.is_empty() {
        let (name, value, after) = pair(rest).ok_or_else(malformed)?;
        if name.eq_ignore_ascii_case("realm") {
            // RFC 9110 11.2: a name stands there once. The realm is not signed (RFC 5849 3.4.1.3.1).
            if std::mem::replace(&mut realm_seen, true) {
                return Err(Reason::ParameterRepeated.about("realm"));
            }
        } else {
            let (name, value) =
                decode(name.as_bytes(), false).zip(decode(value.as_bytes(), false)).ok_or_else(malformed)?;
            into.push(name, value)?;
        }
        let after = after.trim_start_matches(SPACE);
        if !after.is_empty() && !after.starts_with(',') {
            return Err(malformed());
        }
        rest = after.trim_start_matches(BETWEEN);
    }
    Ok(())
}

const SPACE: [char; 2] = [' ', '\t'];
/// Empty elements of a list count for nothing (RFC 9110 5.6.1.2).
const BETWEEN: [char; 3] = [' ', '\t', ','];

fn malformed() -> Refusal {
    Reason::OAuth1Malformed.about("Authorization")
}

/// One `name="value"`: its parts as sent, and what follows. A backslash is a quoted-pair, which only a realm needs.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once("=\"")?;
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
    if name.is_empty() || !name.bytes().all(is_word) {
        return None;
    }
    let mut escaped = false;
    let end = rest.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })?;
    let value = &rest[..end];
    let plain = name.eq_ignore_ascii_case("realm") || !value.contains('\\');
    plain.then_some((name, value, &rest[end + 1..]))
}

/// The header's value: names and values encoded, quoted, `, ` between.
pub(super) fn write(pairs: &[(&str, &str)]) -> String {
    let quote = |(name, value): &(&str, &str)| format!("{}=\"{}\"", encode(name.as_bytes()), encode(value.as_bytes()));
    format!("OAuth {}", pairs.iter().map(quote).collect::<Vec<_>>().join(", "))
}
