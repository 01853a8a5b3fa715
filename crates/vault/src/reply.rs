//! What a platform's answers mean: tokens, refusals, and whether to try again. Pure; the only place that knows HTTP's
//! numbers. `decode` reads token replies, `life` how long tokens live, `shown` puts answers before people.

mod decode;
mod life;
mod shown;

use bytes::Bytes;
use causeway_protocol::UnixTime;
use causeway_protocol::refusal::allowed_ascii;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;

use crate::platform::Platform;
pub(crate) use decode::{Said, both, dig, plain};
pub use decode::{renewed, tokens};
pub use shown::{shown_call, shown_tokens};

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
    /// What it says of the end of OAuth 1.0.
    pub notice: crate::legacy::Notice,
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
    /// When the access token ends; `None`: nobody says, and only a 401 tells.
    pub access_ends: Option<UnixTime>,
    /// Who says so.
    pub life_from: LifeFrom,
    /// When the refresh token ends, if the reply or the profile says so. After a refresh, `None` leaves the known end.
    pub refresh_ends: Option<UnixTime>,
    /// Space-separated, if the reply says it.
    pub scope: Option<String>,
}

/// Who says how long an access token lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeFrom {
    /// The platform, in its reply.
    Reply,
    /// The token itself: a JWT.
    Token,
    /// The profile, by the platform's documents.
    Profile,
    /// Nobody.
    Nobody,
}

/// Why a token request gave no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// `invalid_grant`, or what the profile says means the same: the code or the refresh token is not good (any more).
    /// Holds the platform's own words.
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

/// What an answer about an account means.
#[derive(Debug)]
pub(crate) enum AccountMeaning {
    /// Done; its fields.
    Done(serde_json::Map<String, serde_json::Value>),
    /// The API key is not good.
    KeyRefused,
    /// There is an account of that name.
    Taken,
    /// Not done: the platform's words.
    Refused(String),
    /// The platform is in trouble: why.
    Failing(String),
}

/// Reads an answer to a call about an account.
pub(crate) fn account_meaning(answer: &Answer) -> AccountMeaning {
    let fields = decode::fields(answer).ok();
    let said = fields.as_ref().and_then(Said::of).unwrap_or_default();
    match answer.status {
        _ if is_success(answer.status) => AccountMeaning::Done(fields.unwrap_or_default()),
        401 => AccountMeaning::KeyRefused,
        409 => AccountMeaning::Taken,
        429 | 500..=599 => AccountMeaning::Failing(format!("it answered {}", answer.status)),
        _ => AccountMeaning::Refused(both(&said.code, &said.words)),
    }
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

/// The same where a platform has codes of its own for a bad token and a missing permission, perhaps within a 200.
pub fn meaning_at(platform: &Platform, answer: &Answer) -> CallMeaning {
    let partner = &platform.profile.partner;
    match refusal_inside(platform, answer) {
        Some(said) if said.is_one_of(&partner.token_refused) => CallMeaning::TokenRefused,
        Some(said) if said.is_one_of(&partner.scope_refused) => CallMeaning::PermissionMissing(None),
        _ => meaning(answer),
    }
}

/// The error in a body whose status need not tell of it. Looked for only where the profile knows such errors: data may
/// well have a field of that name.
pub(crate) fn refusal_inside(platform: &Platform, answer: &Answer) -> Option<Said> {
    let partner = &platform.profile.partner;
    if partner.token_refused.is_empty() && partner.scope_refused.is_empty() {
        return None;
    }
    let fields = decode::fields(answer).ok()?;
    let refused = !is_success(answer.status)
        || match fields.get("ok") {
            Some(ok) => *ok == false,
            None => fields.contains_key("error"),
        };
    if refused { Said::of(&fields) } else { None }
}

/// Whether a revocation was done: 2xx, and no error inside.
pub(crate) fn is_given_back(answer: &Answer) -> bool {
    let refused = |fields: serde_json::Map<String, serde_json::Value>| {
        fields.get("ok") == Some(&false.into()) || fields.get("error").is_some_and(|error| !error.is_null())
    };
    is_success(answer.status) && !decode::fields(answer).is_ok_and(refused)
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

#[cfg(test)]
mod tests;
