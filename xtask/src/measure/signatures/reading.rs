//! The base string once more, written for this comparison alone, with a switch for each habit that a signer is known for.
//!
//! With all switches off it is RFC 5849 3.4.1 and must be what our crate says.

use super::asks::Ask;

/// What a signer does otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Sorts names and values as they are, and encodes them then.
    SortsFirst,
    /// Takes `;` for a separator of pairs, like `&`.
    SemicolonSeparates,
    /// Forgets a name without `=` beside another of the same name.
    BareNameLost,
    /// Signs a form body with POST and PUT, and with no other method.
    BodyOfPostAndPut,
    /// Names the values of a repeated query parameter `name[0]`, `name[1]`.
    NumbersRepeated,
    /// Lets a query parameter replace those of the form body with its name.
    QueryReplacesBody,
    /// Leaves the brackets of an IPv6 address out.
    NoBrackets,
    /// Escapes `'` in the path, on the wire too.
    EscapesPath,
    /// Drops a `;` at the end of the path.
    DropsSemicolon,
}

type Pair = (Vec<u8>, Option<Vec<u8>>);

/// The base string of RFC 5849.
pub(super) fn strict(ask: &Ask) -> String {
    read(ask, &[])
}

/// The base string of a signer with these habits.
pub(super) fn read(ask: &Ask, habits: &[Habit]) -> String {
    let has = |habit| habits.contains(&habit);
    let mut pairs = parameters(ask, &has);
    if has(Habit::BareNameLost) {
        forget_bare(&mut pairs);
    }
    let own = ask.own().into_iter().map(|(name, value)| (name.into(), Some(value.into())));
    let mut all: Vec<(Vec<u8>, Vec<u8>)> =
        pairs.into_iter().chain(own).map(|(name, value)| (name, value.unwrap_or_default())).collect();
    let encoded = |(name, value): &(Vec<u8>, Vec<u8>)| (encode(name), encode(value));
    if has(Habit::SortsFirst) {
        all.sort();
    } else {
        all.sort_by_key(encoded);
    }
    let joined: Vec<String> = all.iter().map(encoded).map(|(name, value)| format!("{name}={value}")).collect();
    let parts = [ask.method.to_owned(), base_uri(ask, &has), joined.join("&")];
    parts.map(|part| encode(part.as_bytes())).join("&")
}

fn parameters(ask: &Ask, has: &impl Fn(Habit) -> bool) -> Vec<Pair> {
    let split = |text: &Option<String>| form(text.as_deref().unwrap_or_default(), has(Habit::SemicolonSeparates));
    let (mut query, mut body) = (split(&ask.query), split(&ask.body));
    if has(Habit::BodyOfPostAndPut) && !["POST", "PUT"].contains(&ask.method) {
        body.clear();
    }
    if has(Habit::NumbersRepeated) {
        let before = query.clone();
        for (at, (name, _)) in query.iter_mut().enumerate() {
            if before.iter().filter(|(other, _)| *other == before[at].0).count() > 1 {
                let number = before[..at].iter().filter(|(other, _)| *other == before[at].0).count();
                name.extend(format!("[{number}]").bytes());
            }
        }
    }
    if has(Habit::QueryReplacesBody) {
        body.retain(|(name, _)| !query.iter().any(|(other, _)| other == name));
    }
    query.append(&mut body);
    query
}

fn forget_bare(pairs: &mut Vec<Pair>) {
    let all = pairs.clone();
    let mut at = 0;
    pairs.retain(|(name, value)| {
        at += 1;
        let valued = all.iter().any(|(other, value)| other == name && value.is_some());
        let again = all[..at - 1].iter().any(|(other, _)| other == name);
        value.is_some() || !(valued || again)
    });
}

fn form(text: &str, semicolon: bool) -> Vec<Pair> {
    let pairs = text.split(|c| c == '&' || (semicolon && c == ';')).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (decode(name), Some(decode(value))),
            None => (decode(pair), None),
        })
        .collect()
}

fn base_uri(ask: &Ask, has: &impl Fn(Habit) -> bool) -> String {
    let origin = ask.origin.to_ascii_lowercase();
    let own_port = if origin.starts_with("https:") { ":443" } else { ":80" };
    let mut origin = origin.strip_suffix(own_port).unwrap_or(&origin).to_owned();
    if has(Habit::NoBrackets) {
        origin = origin.replace(['[', ']'], "");
    }
    let mut path = if ask.path.is_empty() { "/".to_owned() } else { ask.path.to_owned() };
    if has(Habit::EscapesPath) {
        path = path.replace('\'', "%27");
    }
    if has(Habit::DropsSemicolon) && path.ends_with(';') {
        path.pop();
    }
    origin + &path
}

fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    out
}

fn encode(bytes: &[u8]) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let letter = |byte: &u8| if unreserved(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(letter).collect()
}
