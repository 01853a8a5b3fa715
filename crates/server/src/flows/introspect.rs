//! Introspection (RFC 7662): what a token says, intersected with what stands now, told to its own app only. The rules
//! stand in `causeway_protocol::introspect`.

use causeway_protocol::client_auth::Client;
use causeway_protocol::introspect::{self, INACTIVE, Shown};
use causeway_protocol::token::{AccessToken, RefreshToken};
use causeway_protocol::{Reason, Refusal};
use causeway_storage::Store;

use super::caller::{Asked, Caller, Refused, octets, open};
use crate::node::{Node, refusal_of};
use crate::shared::Shared;
use crate::throttle::Key;

/// The reply's JSON text.
pub async fn introspect(shared: &Shared, asked: &Asked) -> Result<String, Refused> {
    let node = &shared.node;
    let caller = Caller::read(node, asked)?;
    let client = caller.prove(shared, asked.source).await?;
    // RFC 7662 2.1 wants the caller authorized, and a public app proves nothing.
    if !client.confidential() {
        return Err(Reason::ClientAuthMissing.into());
    }
    let text = asked.params.get("token")?.ok_or(Reason::TokenMissing)?;
    match look(node, client, text).await? {
        Found::Active(answer) => Ok(answer),
        Found::Inactive => Ok(INACTIVE.to_owned()),
        // RFC 7662 4: whoever tries texts that nobody sealed is slowed down; real tokens are always answered.
        Found::Junk => {
            let key = Key::of(&[b"scan", &client.id().0.to_be_bytes(), &octets(asked.source)]);
            match shared.scans.failed(key, node.clock.monotonic_nanos()) {
                None => Ok(INACTIVE.to_owned()),
                Some(wait) => Err(Refused { refusal: Reason::ClientThrottled.refuse(), wait: Some(wait) }),
            }
        }
    }
}

enum Found {
    Active(String),
    Inactive,
    Junk,
}

impl From<Option<String>> for Found {
    fn from(answer: Option<String>) -> Self {
        answer.map_or(Self::Inactive, Self::Active)
    }
}

async fn look(node: &Node, client: Client<'_>, text: &str) -> Result<Found, Refusal> {
    let (now, prefixes, scopes) = (node.now(), &node.profile.token.prefixes, node.held.scopes());
    let shown = Shown { issuer: &node.origins.login, audience: &node.origins.api, scopes: &scopes };
    match open::<AccessToken>(node, &prefixes.access, text, now, Reason::TokenInvalid).await {
        Ok(token) => {
            let answer = |taken_back: &_| introspect::access(&token, client, taken_back, now, shown);
            return Ok(node.held.with_taken_back(answer).into());
        }
        Err(refusal) if refusal.reason != Reason::TokenInvalid => return Err(refusal),
        Err(_) => {}
    }
    let token = match open::<RefreshToken>(node, &prefixes.refresh, text, now, Reason::TokenInvalid).await {
        Ok(token) => token,
        Err(refusal) if refusal.reason != Reason::TokenInvalid => return Err(refusal),
        Err(_) => return Ok(Found::Junk),
    };
    // Another app's token costs no read, and tells nothing.
    if token.bearer.app != client.id() {
        return Ok(Found::Inactive);
    }
    let of = token.bearer;
    let standing = Box::pin(node.store.standing(of.family, of.connection, of.app, of.customer, of.user)).await;
    let life = node.profile.token.refresh_life;
    Ok(introspect::refresh(&token, client, &standing.map_err(refusal_of)?, life, now, shown).into())
}
