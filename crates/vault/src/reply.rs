//! What a platform's answers mean: tokens, refusals, and whether to try again. Pure; the only place that knows HTTP's
//! numbers. Strict in what must be there (an access token, Bearer), open to fields that it does not know.

use bytes::Bytes;
use causeway_protocol::UnixTime;
use causeway_protocol::refusal::allowed_ascii;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use serde_json::{Map, Value};

use crate::platform::Platform;
use crate::show;

/// So many characters of an error's body are shown.
const EXCERPT: usize = 400;

/// A platform's answer, its body bounded.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP's number.
    pub status: u16,
    /// `Retry-After` in seconds; a date is not read, and our own back-off counts.
    pub retry_after: Option<Seconds>,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// As sent.
    pub content_type: Option<String>,
    /// All of it.
    pub body: Bytes,
}

/// What a token endpoint hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Goes with API calls.
    pub access: Secret,
    /// `None`: none was handed out, or a refresh left the present one as it is.
    pub refresh: Option<Secret>,
    /// When the access token ends.
    pub access_ends: UnixTime,
    /// When the refresh token ends, if the reply or the profile says so.
    pub refresh_ends: Option<UnixTime>,
    /// Space-separated, if the reply says it.
    pub scope: Option<String>,
}

/// Why a token request gave no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// `invalid_grant`: the code or the refresh token is not good (any more). Holds the platform's own words.
    InvalidGrant(String),
    /// Another refusal: its code and words. Trying again changes nothing.
    Other {
        /// `error`, as sent.
        code: String,
        /// `error_description`, as sent.
        said: String,
    },
    /// Nothing is known about the grant: try again, at the earliest after this.
    Transient {
        /// Safe to show.
        why: String,
        /// The platform's own wish.
        retry_after: Option<Seconds>,
    },
}

/// What an API answer means for the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallMeaning {
    /// The platform dealt with the call: data, or an error of the caller's.
    Answered,
    /// The access token is not good.
    TokenRefused,
    /// The token is good, but not for this. Holds the scope that is wanted, if it is said.
    PermissionMissing(Option<String>),
    /// Too many calls.
    Throttled(Option<Seconds>),
    /// The platform is in trouble.
    Failing(Option<Seconds>),
}

/// Reads the answer to a code exchange or a refresh.
pub fn tokens(platform: &Platform, answer: &Answer, now: UnixTime) -> Result<Tokens, TokenFailure> {
    let transient = |why: &str| TokenFailure::Transient { why: why.to_owned(), retry_after: answer.retry_after };
    match answer.status {
        429 => return Err(transient("the platform asks for fewer requests")),
        500.. => return Err(transient(&format!("the platform answered {}", answer.status))),
        300..=399 => return Err(transient("the platform answered with a redirect, which is not followed")),
        _ => {}
    }
    let fields = object(&answer.body).ok_or_else(|| transient("the answer is not a JSON object"))?;
    if let Some(refused) = refusal(&fields) {
        return Err(refused);
    }
    if !(200..=299).contains(&answer.status) {
        return Err(transient(&format!("the platform answered {} without an error code", answer.status)));
    }
    read_tokens(platform, &fields, now).map_err(|what| transient(&format!("{what} in the answer")))
}

/// `error` counts whatever the status: some platforms put it into a 200.
fn refusal(fields: &Map<String, Value>) -> Option<TokenFailure> {
    let code = text(fields, "error")?;
    let said = allowed_ascii(text(fields, "error_description").unwrap_or_default());
    Some(match code {
        "invalid_grant" => TokenFailure::InvalidGrant(said),
        "temporarily_unavailable" | "server_error" => {
            TokenFailure::Transient { why: format!("the platform answered {code}"), retry_after: None }
        }
        _ => TokenFailure::Other { code: allowed_ascii(code), said },
    })
}

fn read_tokens(platform: &Platform, fields: &Map<String, Value>, now: UnixTime) -> Result<Tokens, &'static str> {
    let access = text(fields, "access_token").filter(|token| is_sendable(token)).ok_or("no usable access_token")?;
    if !text(fields, "token_type").unwrap_or("Bearer").eq_ignore_ascii_case("bearer") {
        return Err("a token_type other than Bearer");
    }
    let life = match fields.get("expires_in") {
        None | Some(Value::Null) => platform.profile.partner.default_access_life,
        Some(value) => seconds(value).ok_or("an expires_in that is no number of seconds")?,
    };
    let refresh = text(fields, "refresh_token").filter(|token| !token.is_empty()).map(Secret::new);
    let said = ["refresh_expires_in", "refresh_token_expires_in"].iter().find_map(|name| seconds(fields.get(*name)?));
    let refresh_life = said.unwrap_or(platform.profile.token.refresh_life.idle);
    Ok(Tokens {
        access: Secret::new(access),
        refresh_ends: refresh.is_some().then(|| now + refresh_life),
        refresh,
        access_ends: now + life,
        scope: text(fields, "scope").map(allowed_ascii),
    })
}

/// Whether the token can stand in a header (RFC 6750 2.1, and a little more).
fn is_sendable(token: &str) -> bool {
    (1..=8_192).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A whole number of seconds, up to ten years; some platforms send it as text.
fn seconds(value: &Value) -> Option<Seconds> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64))?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    (0..=3_650 * Seconds::DAY.0).contains(&number).then_some(Seconds(number))
}

/// Reads an API answer for what it says of the connection.
pub fn meaning(answer: &Answer) -> CallMeaning {
    match answer.status {
        401 => CallMeaning::TokenRefused,
        403 if is_insufficient_scope(answer) => CallMeaning::PermissionMissing(wanted_scope(answer)),
        429 => CallMeaning::Throttled(answer.retry_after),
        500 | 502 | 503 | 504 => CallMeaning::Failing(answer.retry_after),
        _ => CallMeaning::Answered,
    }
}

/// Whether the platform did what was asked.
pub fn is_success(status: u16) -> bool {
    (200..=299).contains(&status)
}

/// RFC 6750 3.1 says it in the challenge, others in the body.
fn is_insufficient_scope(answer: &Answer) -> bool {
    const CODE: &str = "insufficient_scope";
    answer.challenge.as_ref().is_some_and(|challenge| challenge.contains(CODE))
        || answer.body.windows(CODE.len()).any(|part| part == CODE.as_bytes())
}

fn wanted_scope(answer: &Answer) -> Option<String> {
    let (_, rest) = answer.challenge.as_ref()?.split_once("scope=\"")?;
    rest.split_once('"').map(|(scope, _)| allowed_ascii(scope))
}

/// An answer of the token endpoint for people: names, values, secrets masked. Values of unknown fields are left out.
pub fn shown_tokens(platform: &Platform, answer: &Answer) -> String {
    let prefixes = &platform.profile.token.prefixes;
    let mut lines = vec![answer.status.to_string()];
    let Some(fields) = object(&answer.body) else {
        if !answer.body.is_empty() {
            lines.push(format!("{} bytes that are not a JSON object", answer.body.len()));
        }
        return lines.join("\n");
    };
    let named = |name: &str| fields.get(name).map(|value| (name.to_owned(), plain(value)));
    for (name, prefix) in [("access_token", &prefixes.access), ("refresh_token", &prefixes.refresh)] {
        lines.extend(named(name).map(|(name, value)| format!("{name} = {}", show::hidden(&value, prefix))));
    }
    for name in ["token_type", "expires_in", "scope", "created_at", "error", "error_description"] {
        lines.extend(named(name).map(|(name, value)| format!("{name} = {}", show::excerpt(&value, 300))));
    }
    lines.join("\n")
}

/// An answer of the API for people: an error as it is, data in outline.
pub fn shown_call(answer: &Answer) -> String {
    let mut lines = vec![answer.status.to_string()];
    lines.extend(answer.challenge.as_ref().map(|text| format!("WWW-Authenticate: {}", show::excerpt(text, 300))));
    lines.extend(answer.retry_after.map(|wait| format!("Retry-After: {}", wait.0)));
    if is_success(answer.status) {
        // The customer's data stay out of the timeline: their outline is enough to understand the call.
        lines.push(format!("{} bytes", answer.body.len()));
        lines.extend(serde_json::from_slice(&answer.body).ok().map(|value| outline(&value)));
    } else if !answer.body.is_empty() {
        let beginning = &answer.body[..answer.body.len().min(4 * EXCERPT)];
        lines.push(show::excerpt(&String::from_utf8_lossy(beginning), EXCERPT));
    }
    lines.join("\n")
}

/// The shape of an answer without its values: names, and how many of what.
fn outline(value: &Value) -> String {
    let names = |fields: &Map<String, Value>| {
        let names: Vec<String> = fields.keys().take(20).map(|name| show::excerpt(name, 40)).collect();
        format!("{{ {}{} }}", names.join(", "), if fields.len() > 20 { ", …" } else { "" })
    };
    let of = |value: &Value| match value {
        Value::Array(items) => match items.first() {
            Some(Value::Object(first)) => format!("{} × {}", items.len(), names(first)),
            _ => format!("{} items", items.len()),
        },
        Value::Object(fields) => names(fields),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "text".to_owned(),
        other => other.to_string(),
    };
    match value {
        Value::Object(fields) => {
            let line = |(name, value): (&String, &Value)| format!("{} = {}", show::excerpt(name, 40), of(value));
            fields.iter().take(20).map(line).collect::<Vec<_>>().join("\n")
        }
        other => of(other),
    }
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
