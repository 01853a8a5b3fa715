//! Redeeming an authorization code (RFC 6749 4.1.3, RFC 7636 4.6; TOKENS 4, "Redeem").
//! The insert of the family decides: its unique key is the single-use check.

use crate::authorize::ReturnTo;
use crate::change::{CreateFamily, Standing};
use crate::client_auth::Client;
use crate::family::{IdempotencyKey, Retry, retry};
use crate::profile::TokenRules;
use crate::records::{Act, Family, RetryDigest};
use crate::token::Code;
use crate::{Change, Reason, Refusal, UnixTime, pkce};

/// What the token request says beside the code.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// Who asks; proven.
    pub client: Client<'a>,
    /// `redirect_uri`
    pub redirect_uri: Option<&'a str>,
    /// `code_verifier`
    pub verifier: Option<&'a str>,
    /// `Idempotency-Key`
    pub key: Option<&'a IdempotencyKey>,
    /// The time.
    pub now: UnixTime,
}

/// Every check that needs no store; what remains is the insert. A refusal here changes nothing.
pub fn decide(request: &Redemption<'_>, code: &Code, rules: &TokenRules, key_id: u16) -> Result<CreateFamily, Refusal> {
    let app = request.client.app();
    if code.bearer.app != app.id {
        return Err(Reason::CodeOtherClient.refuse());
    }
    check_redirect(code, request)?;
    check_verifier(code, request.verifier)?;
    if request.now >= code.expires_at {
        return Err(Reason::CodeExpired.refuse());
    }
    if !app.active {
        return Err(Reason::GrantSuspended.refuse());
    }
    let family = Family {
        id: code.bearer.family,
        generation: 0,
        digest: code.secret.digest(),
        moved_at: request.now,
        ends_at: request.now + rules.refresh_life.absolute,
        connection: code.bearer.connection,
        scopes: code.scopes,
        repudiated: false,
        key_id,
        retry: offered(request),
    };
    let act = Act {
        at: request.now,
        actor: format!("app:{}", app.id),
        verb: "family.created",
        subject: Some(code.bearer.connection.into()),
        detail: format!("family {}", family.id),
    };
    let crate::token::Bearer { as_of, app, customer, user, .. } = code.bearer;
    Ok(CreateFamily { family, as_of, app, customer, user, max_families: rules.max_families, act })
}

/// RFC 6749 4.1.3: equal if it was sent; OAuth 2.1 drops it where PKCE binds the request.
fn check_redirect(code: &Code, request: &Redemption<'_>) -> Result<(), Refusal> {
    match request.redirect_uri {
        Some(uri) if ReturnTo::digest(uri) != code.redirect => Err(Reason::CodeRedirectMismatch.refuse()),
        None if code.redirect_sent && code.challenge.is_none() => {
            Err(Reason::CodeRedirectMismatch.about("redirect_uri is missing"))
        }
        _ => Ok(()),
    }
}

/// RFC 7636 4.6 and RFC 9700 4.8.2: a verifier exactly where there was a challenge.
fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), Refusal> {
    match (&code.challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Reason::VerifierUnexpected.refuse()),
        (Some(_), None) => Err(Reason::VerifierMissing.refuse()),
        (Some(challenge), Some(verifier)) if pkce::matches(challenge, verifier) => Ok(()),
        (Some(_), Some(_)) => Err(Reason::VerifierMismatch.refuse()),
    }
}

fn offered(request: &Redemption<'_>) -> Option<RetryDigest> {
    let key = request.key.filter(|key| key.proves(request.client.confidential()))?;
    Some(key.digest(request.client.id(), 0, None))
}

/// What follows when the insert found another state.
#[derive(Clone, Debug, PartialEq)]
pub enum AfterStale {
    /// Nothing speaks against it any more: decide once more.
    Again,
    /// A retry of the request that made this row: the same pair once more.
    Resend(Family),
    /// No; possibly with a repudiation.
    Refuse(Refusal),
}

/// Explains a stale insert. Only a request that passed [`decide`] comes here, so only such a one can count as a replay.
pub fn after_stale(request: &Redemption<'_>, code: &Code, standing: &Standing, rules: &TokenRules) -> AfterStale {
    let Some(family) = &standing.family else {
        return match liveness(code.bearer.as_of, standing) {
            Err(reason) => AfterStale::Refuse(reason.refuse()),
            Ok(()) => AfterStale::Again,
        };
    };
    if !family.digest.is(&code.secret.digest()) {
        return AfterStale::Refuse(Reason::FamilyCollision.refuse());
    }
    if family.repudiated {
        return AfterStale::Refuse(Reason::CodeRedeemed.refuse());
    }
    let in_grace = request.client.confidential() && request.now.since(family.moved_at) < rules.reuse_grace;
    let same = retry(family.retry, offered(request)) == Retry::Same;
    let expired = request.now >= family.moved_at + rules.access_life;
    if family.generation == 0 && (same || in_grace) && liveness(code.bearer.as_of, standing).is_ok() && !expired {
        return AfterStale::Resend(family.clone());
    }
    let act = Act {
        at: request.now,
        actor: format!("app:{}", request.client.id()),
        verb: "family.repudiated",
        subject: Some(family.id.into()),
        detail: "authorization code redeemed twice".to_owned(),
    };
    AfterStale::Refuse(Reason::CodeRedeemed.refuse().with(Change::RepudiateFamily { family: family.id, act }))
}

/// Whether connection, app, customer and user still stand behind something issued at `as_of`.
pub(crate) fn liveness(as_of: crate::Position, standing: &Standing) -> Result<(), Reason> {
    let live = standing.connection.is_some_and(|(_, live)| live);
    if !live || as_of < standing.cut_all {
        return Err(Reason::RefreshRevoked);
    }
    if standing.off { Err(Reason::GrantSuspended) } else { Ok(()) }
}
