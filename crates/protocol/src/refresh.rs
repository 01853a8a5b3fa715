//! Refreshing (RFC 6749 6, RFC 9700 4.14.2; TOKENS 4, "Refresh" to "rotation = never").
//! One conditional write moves the family from generation n to n+1; everything here is either before it or explains why
//! it did not happen.

use crate::change::{MoveFamily, Standing};
use crate::client_auth::Client;
use crate::family::{IdempotencyKey, Retry, retry};
use crate::profile::{Profile, Rotation, TokenRules};
use crate::records::{Act, Family};
use crate::redeem::liveness;
use crate::token::RefreshToken;
use crate::{Change, Reason, Refusal, ScopeSet, Scopes, UnixTime};

/// What the token request says beside the refresh token.
#[derive(Clone, Copy, Debug)]
pub struct Refreshing<'a> {
    /// Who asks; proven.
    pub client: Client<'a>,
    /// `scope`, as sent.
    pub scope: Option<&'a str>,
    /// `Idempotency-Key`
    pub key: Option<&'a IdempotencyKey>,
    /// The time.
    pub now: UnixTime,
}

/// What to do in the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Rotation: the conditional write.
    Move(MoveFamily),
    /// No rotation: read the authoritative row, then [`unrotated`].
    Read,
}

/// Every check that needs no store. A refusal here changes nothing.
pub fn decide(
    request: &Refreshing<'_>,
    token: &RefreshToken,
    profile: &Profile,
    scopes: &Scopes,
    key_id: u16,
) -> Result<(Step, ScopeSet), Refusal> {
    let rules = &profile.token;
    let app = request.client.app();
    if token.bearer.app != app.id {
        return Err(Reason::RefreshOtherClient.refuse());
    }
    let asked = asked_scopes(request.scope, token.scopes, scopes, profile)?;
    if !app.active {
        return Err(Reason::GrantSuspended.refuse());
    }
    // Enforced from the family's own age as well, so that a shortened life acts on the living.
    if request.now >= token.bearer.family.created_at() + rules.refresh_life.absolute {
        return Err(Reason::RefreshExpired.refuse());
    }
    if !rotates(request.client, rules) {
        return Ok((Step::Read, asked));
    }
    Ok((
        Step::Move(MoveFamily {
            family: token.bearer.family,
            generation: token.generation,
            digest: token.secret.digest(),
            as_of: token.bearer.as_of,
            connection: token.bearer.connection,
            app: token.bearer.app,
            customer: token.bearer.customer,
            user: token.bearer.user,
            now: request.now,
            idle: rules.refresh_life.idle,
            key_id,
            retry: offered(request, token.generation + 1),
            wanted: asked.intersect(app.scopes),
        }),
        asked,
    ))
}

/// Public apps rotate under every profile (RFC 9700 2.2.2).
fn rotates(client: Client<'_>, rules: &TokenRules) -> bool {
    rules.rotation == Rotation::Always || !client.confidential()
}

/// RFC 6749 6: absent means unchanged, narrower is served, wider is refused and burns nothing (PLATFORMS A14).
fn asked_scopes(
    asked: Option<&str>,
    granted: ScopeSet,
    scopes: &Scopes,
    profile: &Profile,
) -> Result<ScopeSet, Refusal> {
    let Some(text) = asked else { return Ok(granted) };
    let set = profile.read_scope(text, scopes).map_err(|word| Reason::ScopeWider.about(word))?;
    match scopes.names(set.without(granted)).next() {
        Some(word) => Err(Reason::ScopeWider.about(word)),
        None if set.is_empty() => Err(Reason::ScopeWider.about("scope")),
        None => Ok(set),
    }
}

fn offered(request: &Refreshing<'_>, generation: u32) -> Option<crate::records::RetryDigest> {
    let key = request.key.filter(|key| key.proves(request.client.confidential()))?;
    Some(key.digest(request.client.id(), generation, request.scope))
}

/// What follows when the move found another state.
#[derive(Clone, Debug, PartialEq)]
pub enum AfterStale {
    /// Nothing speaks against it any more: decide once more.
    Again,
    /// The immediate predecessor, honestly repeated: the same successor once more.
    Resend(Family),
    /// No; possibly with a repudiation.
    Refuse(Refusal),
}

/// Explains a stale move, in the order in which the answers matter: a wrong secret learns and changes nothing; what was
/// revoked is never honoured by any grace; only then does the generation count.
pub fn after_stale(
    request: &Refreshing<'_>,
    token: &RefreshToken,
    asked: ScopeSet,
    standing: &Standing,
    rules: &TokenRules,
) -> AfterStale {
    let wanted = asked.intersect(request.client.app().scopes);
    let nothing = standing.connection.is_some_and(|(scopes, _)| !scopes.touches(wanted));
    match row_stands(request, token, standing, rules) {
        Err(reason) => AfterStale::Refuse(reason.refuse()),
        Ok(family) if token.generation == family.generation && nothing => {
            AfterStale::Refuse(Reason::NothingGranted.refuse())
        }
        Ok(family) if token.generation == family.generation => AfterStale::Again,
        // Only a store older than this token can be behind it: nothing is revoked, the operator is told (TOKENS 6).
        Ok(family) if token.generation > family.generation => AfterStale::Refuse(Reason::RefreshAhead.refuse()),
        Ok(family) if token.generation + 1 == family.generation => predecessor(request, family, rules),
        Ok(family) => AfterStale::Refuse(repudiate(request, family)),
    }
}

/// The row that the token belongs to, if it and everything behind it still stand.
fn row_stands<'a>(
    request: &Refreshing<'_>,
    token: &RefreshToken,
    standing: &'a Standing,
    rules: &TokenRules,
) -> Result<&'a Family, Reason> {
    let family = standing.family.as_ref().ok_or(Reason::RefreshInvalid)?;
    if !family.digest.is(&token.secret.digest()) {
        return Err(Reason::RefreshInvalid);
    }
    if family.repudiated {
        return Err(Reason::RefreshRevoked);
    }
    if request.now >= family.ends_at || request.now >= family.moved_at + rules.refresh_life.idle {
        return Err(Reason::RefreshExpired);
    }
    liveness(token.bearer.as_of, standing)?;
    Ok(family)
}

/// The token just before the living one: a lost reply, a race between honest workers, or theft.
fn predecessor(request: &Refreshing<'_>, family: &Family, rules: &TokenRules) -> AfterStale {
    let age = request.now.since(family.moved_at);
    let expired = request.now >= family.moved_at + rules.access_life;
    match retry(family.retry, offered(request, family.generation)) {
        Retry::OtherScope => return AfterStale::Refuse(Reason::RetryScope.refuse()),
        // The key proves the honest sender, so a retry that comes too late is refused without harm.
        Retry::Same if expired => return AfterStale::Refuse(Reason::RefreshSuperseded.refuse()),
        Retry::Same => return AfterStale::Resend(family.clone()),
        Retry::Unknown => {}
    }
    if request.client.confidential() {
        if age < rules.reuse_grace && !expired {
            return AfterStale::Resend(family.clone());
        }
        if age < rules.race_window {
            return AfterStale::Refuse(Reason::RefreshSuperseded.refuse());
        }
    }
    AfterStale::Refuse(repudiate(request, family))
}

fn repudiate(request: &Refreshing<'_>, family: &Family) -> Refusal {
    let act = Act {
        at: request.now,
        actor: format!("app:{}", request.client.id()),
        verb: "family.repudiated",
        subject: Some(family.id.into()),
        detail: format!("refresh token reused; the family stands at generation {}", family.generation),
    };
    Reason::RefreshReused.refuse().with(Change::RepudiateFamily { family: family.id, act })
}

/// `rotation = never`: the same conditions, read instead of written; nothing slides.
pub fn unrotated(
    request: &Refreshing<'_>,
    token: &RefreshToken,
    standing: &Standing,
    rules: &TokenRules,
) -> Result<Family, Refusal> {
    let family = row_stands(request, token, standing, rules)?;
    if token.generation == family.generation { Ok(family.clone()) } else { Err(Reason::RefreshInvalid.refuse()) }
}
