//! Introspection (RFC 7662): the intersection of what a token says with what stands now, told only to the app that the
//! token was issued to. Everything else is exactly `{"active":false}`.

use serde_json::{Value, json};

use crate::change::Standing;
use crate::client_auth::Client;
use crate::client_credentials;
use crate::records::RefreshLife;
use crate::redeem::liveness;
use crate::taken_back::{TakenBack, Verdict};
use crate::token::{AccessToken, RefreshToken};
use crate::{ScopeSet, Scopes, UnixTime};

/// What is said of anything that is not a living token of the caller.
pub const INACTIVE: &str = r#"{"active":false}"#;

/// Names and times that an active answer shows.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The issuer of the metadata.
    pub issuer: &'a str,
    /// The API's address.
    pub audience: &'a str,
    /// The registry.
    pub scopes: &'a Scopes,
}

/// An access token: no database is asked.
pub fn access(
    token: &AccessToken,
    client: Client<'_>,
    taken_back: &TakenBack,
    now: UnixTime,
    shown: Shown<'_>,
) -> Option<Value> {
    let live = taken_back.access(token.bearer.as_of, token.bearer.subjects(token.audience)) == Verdict::Live;
    let of = token.bearer;
    if of.app != client.id() || now >= token.expires_at() || !live || !client_credentials::stands(&of, client.app()) {
        return None;
    }
    let scopes = token.scopes.intersect(client.app().scopes);
    let mut answer = json!({
        "active": true,
        "scope": shown.scopes.text(scopes),
        "client_id": client.app().client_id,
        "token_type": "Bearer",
        "exp": token.expires_at().0,
        "iat": token.issued.0,
        "aud": shown.audience,
        "iss": shown.issuer,
    });
    // A token of the app itself stands for no person, and must not be taken for one (RFC 9068 5).
    if !of.family.is_lone() {
        answer["sub"] = of.user.to_string().into();
    }
    Some(answer)
}

/// A refresh token, by its row. It has no `token_type`, so nothing takes it for a bearer token (SECURITY IN-04).
pub fn refresh(
    token: &RefreshToken,
    client: Client<'_>,
    standing: &Standing,
    life: RefreshLife,
    now: UnixTime,
    shown: Shown<'_>,
) -> Option<Value> {
    let family = standing.family.as_ref()?;
    let ends_at = family.ends_at.min(family.moved_at + life.idle).min(family.id.created_at() + life.absolute);
    let same = family.digest.is(&token.secret.digest()) && family.generation == token.generation;
    let foreign = token.bearer.app != client.id() || !client.app().active;
    if foreign || !same || family.repudiated || now >= ends_at || liveness(token.bearer.as_of, standing).is_err() {
        return None;
    }
    let connection = standing.connection.map_or(ScopeSet::EMPTY, |(scopes, _)| scopes);
    let scopes = token.scopes.intersect(connection).intersect(client.app().scopes);
    Some(json!({
        "active": true,
        "scope": shown.scopes.text(scopes),
        "client_id": client.app().client_id,
        "exp": ends_at.0,
        "iat": family.moved_at.0,
        "sub": token.bearer.user.to_string(),
        "iss": shown.issuer,
    }))
}
