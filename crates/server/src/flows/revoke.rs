//! Revocation by the client (RFC 7009): who proves itself gets the same empty answer whatever the token was. The rule
//! stands in `causeway_protocol::revoke`.

use causeway_protocol::token::{AccessToken, Bearer, RefreshToken};
use causeway_protocol::{Reason, Refusal, UnixTime, revoke};

use super::caller::{Asked, Caller, Refused, open};
use crate::node::Node;
use crate::shared::Shared;

/// Done, or nothing to be done: the caller is not told which.
pub async fn revoke(shared: &Shared, asked: &Asked) -> Result<(), Refused> {
    let node = &shared.node;
    let caller = Caller::read(node, asked)?;
    let client = caller.prove(shared, asked.source).await?;
    let text = asked.params.get("token")?.ok_or(Reason::TokenMissing)?;
    let now = node.now();
    let change = bearer(node, text, now).await?.and_then(|bearer| revoke::decide(client, &bearer, now));
    if let Some(change) = change {
        // Stale: gone or repudiated already (RFC 7009 2.2).
        node.apply(change).await?;
    }
    Ok(())
}

/// Whose token it is, of either kind: `token_type_hint` is only a hint and the kinds cannot be confused, so it is not
/// needed. `None` for a text that is none of ours.
async fn bearer(node: &Node, text: &str, now: UnixTime) -> Result<Option<Bearer>, Refusal> {
    let prefixes = &node.profile.token.prefixes;
    match open::<RefreshToken>(node, &prefixes.refresh, text, now, Reason::TokenInvalid).await {
        Ok(token) => return Ok(Some(token.bearer)),
        Err(refusal) if refusal.reason != Reason::TokenInvalid => return Err(refusal),
        Err(_) => {}
    }
    match open::<AccessToken>(node, &prefixes.access, text, now, Reason::TokenInvalid).await {
        // It has no family that could outlive it.
        Ok(token) if token.bearer.family.is_lone() && now >= token.expires_at() => Ok(None),
        Ok(token) => Ok(Some(token.bearer)),
        Err(refusal) if refusal.reason != Reason::TokenInvalid => Err(refusal),
        Err(_) => Ok(None),
    }
}
