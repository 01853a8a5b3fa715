//! The token endpoint: authenticate, then the grant (RFC 6749 3.2). Client authentication comes before any code or
//! token is touched: a failed attempt burns nothing. The grants stand in `redeem` and `refresh`, what they hand out in
//! `hand_out`.

use causeway_protocol::{Reason, Refusal};

use super::caller::{Asked, Caller, Refused};
use super::{client_credentials, exchange, redeem, refresh};
use crate::node::Node;
use crate::shared::Shared;

/// How often a decision is made anew when the state moved under it.
pub(crate) const ATTEMPTS: usize = 4;

/// The reply's JSON text.
pub async fn token(shared: &Shared, asked: &Asked) -> Result<String, Refused> {
    let grant_type = asked.params.get("grant_type")?.ok_or(Reason::GrantTypeMissing)?;
    let retry_key = asked.retry_key()?;
    let caller = Caller::read(&shared.node, asked)?;
    let client = caller.prove(shared, asked.source).await?;
    match grant_type {
        "authorization_code" => Box::pin(redeem::run(shared, client, &asked.params, retry_key.as_ref())).await,
        "refresh_token" => Box::pin(refresh::run(shared, client, asked, retry_key.as_ref())).await,
        "oauth1_exchange" => Box::pin(exchange::run(shared, client, &asked.params, asked.source)).await,
        "client_credentials" => client_credentials::run(shared, client, &asked.params),
        _ => Err(Reason::GrantTypeUnsupported.into()),
    }
}

/// The reply of a second token path that only refreshes (`endpoints.refresh`).
pub async fn refresh_only(shared: &Shared, asked: &Asked) -> Result<String, Refused> {
    match asked.params.get("grant_type")? {
        None | Some("refresh_token") => token(shared, asked).await,
        Some(_) => Err(Reason::GrantTypeUnsupported.into()),
    }
}

/// Applies what a refusal demands, then hands the refusal on. Stale means that somebody else did it already.
pub(crate) async fn refuse(node: &Node, mut refusal: Refusal) -> Refused {
    if matches!(refusal.reason, Reason::RefreshAhead | Reason::FamilyCollision) {
        // Only a store that was restored from a backup, or another one, stands behind its own tokens (TOKENS 6).
        tracing::error!(reason = refusal.reason.name(), "the store does not know what this platform sealed");
    }
    if let Some(change) = refusal.change.take()
        && let Err(failed) = node.apply(*change).await
    {
        // Not revoked, so not to be called revoked: the caller tries again.
        return failed.into();
    }
    refusal.into()
}
