//! Introspection (RFC 7662): the intersection of what a token says with what stands now, told only to the app that the
//! token was issued to. Everything else is exactly `{"active":false}`.

use crate::change::Standing;
use crate::client_auth::Client;
use crate::client_credentials;
use crate::flat_json::{Said, object};
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

/// An access token: no database is asked. The answer is its JSON text.
pub fn access(
    token: &AccessToken,
    client: Client<'_>,
    taken_back: &TakenBack,
    now: UnixTime,
    shown: Shown<'_>,
) -> Option<String> {
    let live = taken_back.access(token.bearer.as_of, token.bearer.subjects(token.audience)) == Verdict::Live;
    let of = token.bearer;
    if of.app != client.id() || now >= token.expires_at() || !live || !client_credentials::stands(&of, client.app()) {
        return None;
    }
    let scopes = token.scopes.intersect(client.app().scopes);
    let scope = shown.scopes.text(scopes);
    // A token of the app itself stands for no person, and must not be taken for one (RFC 9068 5).
    let subject = (!of.family.is_lone()).then(|| of.user.to_string());
    Some(object(&[
        ("active", Said::Yes),
        ("scope", Said::Text(&scope)),
        ("client_id", Said::Text(&client.app().client_id)),
        ("token_type", Said::Text("Bearer")),
        ("exp", Said::Number(token.expires_at().0)),
        ("iat", Said::Number(token.issued.0)),
        ("sub", subject.as_deref().map_or(Said::Nothing, Said::Text)),
        ("aud", Said::Text(shown.audience)),
        ("iss", Said::Text(shown.issuer)),
    ]))
}

/// A refresh token, by its row. It has no `token_type`, so nothing takes it for a bearer token (SECURITY IN-04).
pub fn refresh(
    token: &RefreshToken,
    client: Client<'_>,
    standing: &Standing,
    life: RefreshLife,
    now: UnixTime,
    shown: Shown<'_>,
) -> Option<String> {
    let family = standing.family.as_ref()?;
    let ends_at = family.ends_at.min(family.moved_at + life.idle).min(family.id.created_at() + life.absolute);
    let same = family.digest.is(&token.secret.digest()) && family.generation == token.generation;
    let foreign = token.bearer.app != client.id() || !client.app().active;
    if foreign || !same || family.repudiated || now >= ends_at || liveness(token.bearer.as_of, standing).is_err() {
        return None;
    }
    let connection = standing.connection.map_or(ScopeSet::EMPTY, |(scopes, _)| scopes);
    let scopes = token.scopes.intersect(connection).intersect(client.app().scopes);
    Some(object(&[
        ("active", Said::Yes),
        ("scope", Said::Text(&shown.scopes.text(scopes))),
        ("client_id", Said::Text(&client.app().client_id)),
        ("exp", Said::Number(ends_at.0)),
        ("iat", Said::Number(family.moved_at.0)),
        ("sub", Said::Text(&token.bearer.user.to_string())),
        ("iss", Said::Text(shown.issuer)),
    ]))
}
