//! Reads the answers of a token endpoint, tolerantly: what no platform should leave out, nest or misname, some do. A
//! pair that came is never thrown away for a detail; what says nothing about the grant never ends it.

use causeway_protocol::UnixTime;
use causeway_protocol::profile::PartnerRules;
use causeway_protocol::refusal::allowed_ascii;
use causeway_protocol::secret::Secret;
use serde_json::{Map, Value};

use super::{Answer, TokenFailure, Tokens, is_success, life};
use crate::platform::Platform;

/// The longest token, in bytes.
const MOST: usize = 8_192;

/// Codes that mean "later", whatever the status.
const LATER: &[&str] = &[
    "temporarily_unavailable",
    "server_error",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "slow_down",
    "ratelimited",
    "rate_limited",
];

/// Token types that are no bearer tokens: who holds one must prove a key besides, and we have none.
const BOUND: &[&str] = &["mac", "dpop", "pop"];

/// Reads the answer to a code exchange, or to whatever else begins a grant.
pub fn tokens(platform: &Platform, answer: &Answer, now: UnixTime) -> Result<Tokens, TokenFailure> {
    let mut tokens = read(platform, answer, now)?;
    if tokens.refresh.is_none() {
        tokens.refresh_ends = None;
    } else if tokens.refresh_ends.is_none() {
        tokens.refresh_ends = platform.profile.partner.refresh_life.map(|life| now + life);
    }
    Ok(tokens)
}

/// Reads the answer to a refresh. Where the life slides it begins anew, whether a new refresh token came or the old one
/// stays (ORC-16); where it does not, the end that is known stays.
pub fn renewed(platform: &Platform, answer: &Answer, now: UnixTime) -> Result<Tokens, TokenFailure> {
    let mut tokens = read(platform, answer, now)?;
    let partner = &platform.profile.partner;
    if tokens.refresh_ends.is_none() && partner.refresh_slides {
        tokens.refresh_ends = partner.refresh_life.map(|life| now + life);
    }
    Ok(tokens)
}

fn read(platform: &Platform, answer: &Answer, now: UnixTime) -> Result<Tokens, TokenFailure> {
    let transient = |why: &str| TokenFailure::Transient { why: why.to_owned(), retry_after: answer.retry_after };
    match answer.status {
        429 => return Err(transient("the platform asks for fewer requests")),
        408 | 425 | 500.. => return Err(transient(&format!("the platform answered {}", answer.status))),
        300..=399 => return Err(transient("the platform answered with a redirect, which is not followed")),
        _ => {}
    }
    let partner = &platform.profile.partner;
    let all = fields(answer).map_err(transient)?;
    let inside = token_fields(&all, partner);
    if let Some(said) = refusal(&all, inside) {
        return Err(said.meaning(partner, answer));
    }
    if !is_success(answer.status) {
        return Err(transient(&format!("the platform answered {} without an error code", answer.status)));
    }
    let access = text(inside, "access_token").filter(|token| is_sendable(token));
    let access = access.ok_or_else(|| transient("no usable access_token in the answer"))?;
    if text(inside, "token_type").is_some_and(|kind| BOUND.iter().any(|bound| kind.eq_ignore_ascii_case(bound))) {
        return Err(transient("tokens in the answer that are bound to a key"));
    }
    let (access_ends, life_from) = life::of_access(inside, access, partner, now);
    Ok(Tokens {
        access: Secret::new(access),
        refresh: text(inside, "refresh_token").filter(|token| (1..=MOST).contains(&token.len())).map(Secret::new),
        access_ends,
        life_from,
        refresh_ends: life::of_refresh(inside, now),
        scope: scope(inside, &platform.profile.authorize.scope_separators),
    })
}

/// The fields of an answer: a JSON object, or a form (RFC 6749 has JSON; GitHub answers a form unless asked otherwise).
pub(super) fn fields(answer: &Answer) -> Result<Map<String, Value>, &'static str> {
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => return Ok(fields),
        Ok(_) => return Err("the answer is not a JSON object"),
        Err(_) => {}
    }
    let kind = answer.content_type.as_deref().unwrap_or_default();
    if kind.contains("html") || body.trim_ascii_start().starts_with(b"<") {
        return Err("the answer is a web page, not tokens: either this is not the token endpoint, or something \
                    stands in between");
    }
    let form: Map<String, Value> =
        url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into())).collect();
    let is_form = ["access_token", "error"].iter().any(|name| form.contains_key(*name));
    if is_form { Ok(form) } else { Err("the answer is neither a JSON object nor a form") }
}

/// Where the token fields stand: below the profile's root if there are tokens there, else at the top. Never some here
/// and some there: the token of a bot must not be renewed with the refresh token of a person.
pub(super) fn token_fields<'a>(all: &'a Map<String, Value>, partner: &PartnerRules) -> &'a Map<String, Value> {
    let nested = partner.reply_root.as_deref().and_then(|path| dig(all, path)).and_then(Value::as_object);
    nested.filter(|fields| text(fields, "access_token").is_some()).unwrap_or(all)
}

/// The value that dotted names lead to.
pub(crate) fn dig<'a>(fields: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = fields.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// What an answer says went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// A word for programs; may be empty.
    pub(crate) code: String,
    /// A sentence for people; may be empty.
    pub(crate) words: String,
}

impl Said {
    /// The error in an answer's fields, in whichever of the common shapes: `{error, error_description}`,
    /// `{error: {type, message, code}}`, `{ok: false, error}`, `{message}` with or without a code before the sentence.
    pub(crate) fn of(fields: &Map<String, Value>) -> Option<Self> {
        let first = |fields: &Map<String, Value>, names: &[&str]| {
            names.iter().find_map(|name| plain(fields.get(*name)?)).unwrap_or_default()
        };
        let words = first(fields, &["error_description", "error_message", "message"]);
        match fields.get("error") {
            Some(Value::Object(inner)) => {
                let words = first(inner, &["message", "error_description", "description"]);
                Some(Self { code: first(inner, &["code", "type", "error", "status"]), words })
            }
            Some(Value::String(code)) if !code.is_empty() => Some(Self { code: code.clone(), words }),
            _ if fields.get("ok") == Some(&Value::Bool(false)) || !words.is_empty() => {
                let code = first(fields, &["code"]);
                Some(if code.is_empty() { Self::of_sentence(words) } else { Self { code, words } })
            }
            _ => None,
        }
    }

    /// "invalid_grant: The authorization was revoked."
    fn of_sentence(words: String) -> Self {
        let is_code =
            |text: &str| text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        match words.split_once(':') {
            Some((code, rest)) if is_code(code) => Self { code: code.to_owned(), words: rest.trim().to_owned() },
            _ => Self { code: String::new(), words },
        }
    }

    /// Whether one of these words is its code or its sentence.
    pub(crate) fn is_one_of(&self, words: &[String]) -> bool {
        let same = |word: &String| [&self.code, &self.words].iter().any(|said| said.trim().eq_ignore_ascii_case(word));
        words.iter().any(same)
    }

    fn meaning(self, partner: &PartnerRules, answer: &Answer) -> TokenFailure {
        let over = self.is_one_of(&partner.ended);
        let (code, said) = (allowed_ascii(&self.code), allowed_ascii(&self.words));
        if over {
            let code = if code == "invalid_grant" { "" } else { &code };
            TokenFailure::InvalidGrant(both(code, &said))
        } else if LATER.contains(&code.as_str()) {
            let why = format!("the platform answered {code}");
            TokenFailure::Transient { why, retry_after: answer.retry_after }
        } else {
            TokenFailure::Other { code, said }
        }
    }
}

/// Code and sentence in one line; either may be empty.
pub(crate) fn both(code: &str, said: &str) -> String {
    match (code, said) {
        ("", text) | (text, "") => text.to_owned(),
        _ => format!("{code}: {said}"),
    }
}

/// An error counts whatever the status, unless tokens came with it: some platforms put it into a 200.
pub(super) fn refusal(all: &Map<String, Value>, inside: &Map<String, Value>) -> Option<Said> {
    let denied = all.get("ok") == Some(&Value::Bool(false));
    let came = text(inside, "access_token").is_some_and(|token| !token.is_empty());
    if came && !denied { None } else { Said::of(all) }
}

/// Space-separated words, whether they came with spaces, with commas or as a list. Nothing at all says nothing.
fn scope(fields: &Map<String, Value>, separators: &[char]) -> Option<String> {
    let joined = match fields.get("scope").or_else(|| fields.get("scopes"))? {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    let cut = |c: char| c.is_whitespace() || c == ',' || separators.contains(&c);
    let words: Vec<&str> = joined.split(cut).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| allowed_ascii(&words.join(" ")))
}

/// Whether the token can stand in a header (RFC 6750 2.1, and a little more).
fn is_sendable(token: &str) -> bool {
    (1..=MOST).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// A text or a number, as text.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
