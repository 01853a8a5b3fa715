//! grant_type=refresh_token: open the token, move its family from generation n to n+1, reply (TOKENS 4, "Refresh").
//! The conditional write decides; every rule stands in `causeway_protocol::refresh`.

use causeway_protocol::change::Standing;
use causeway_protocol::client_auth::{self, Client};
use causeway_protocol::family::IdempotencyKey;
use causeway_protocol::profile::{ReplyField, Rotation, TokenRules};
use causeway_protocol::refresh::{self, AfterStale, Refreshing, Step};
use causeway_protocol::token::{Bearer, RefreshToken};
use causeway_protocol::{Change, Outcome, Reason, Refusal};
use causeway_storage::Store;

use super::caller::{Asked, Refused, open};
use super::hand_out::{Presented, Stands};
use super::token::{ATTEMPTS, refuse};
use crate::node::{Node, refusal_of};
use crate::shared::Shared;

pub(crate) async fn run(
    shared: &Shared,
    client: Client<'_>,
    sent: &Asked,
    key: Option<&IdempotencyKey>,
) -> Result<String, Refused> {
    let node = &shared.node;
    let rules = &node.profile.token;
    let now = node.now();
    let text = presented_token(sent, rules)?;
    let token: RefreshToken = open(node, &rules.prefixes.refresh, text, now, Reason::RefreshInvalid).await?;
    let ring = node.ring();
    let request = Refreshing { client, scope: sent.params.get("scope")?, key, now };
    let replaced = told_when_replaced(rules);
    let scopes = node.held.scopes();
    for _ in 0..ATTEMPTS {
        let (step, asked) = refresh::decide(&request, &token, &node.profile, &scopes, ring.sealing())?;
        let presented = Presented { client, bearer: token.bearer, secret: token.secret, asked, ring: &ring, now };
        presented.something_is_left()?;
        let step = match step {
            Step::Read => {
                let standing = standing(node, &token.bearer).await?;
                let family = refresh::unrotated(&request, &token, &standing, rules)?;
                let stands = Stands::read(family, &standing);
                return Ok(presented.fresh(shared, &stands, &rules.refresh_reply, Some(text))?);
            }
            Step::Move(step) => step,
        };
        if let Outcome::Applied(applied) = Box::pin(node.apply(Change::MoveFamily(step))).await? {
            shared.metrics.refreshes.inc();
            return Ok(presented.fresh(shared, &Stands::written(applied)?, &replaced, None)?);
        }
        let standing = standing(node, &token.bearer).await?;
        match refresh::after_stale(&request, &token, asked, &standing, rules) {
            AfterStale::Again => {}
            AfterStale::Resend(family) => {
                let stands = Stands::read(family, &standing);
                return Ok(presented.resend(shared, &stands, &replaced)?);
            }
            AfterStale::Refuse(refusal) => return Err(Box::pin(refuse(node, refusal)).await),
        }
    }
    Err(Reason::StoreFailed.into())
}

/// The refresh token: in the body, or where the profile says so in `Authorization: Bearer` (A18). The body wins.
fn presented_token<'a>(sent: &'a Asked, rules: &TokenRules) -> Result<&'a str, Refusal> {
    let header = sent.authorization.as_deref().filter(|_| rules.refresh_in_header);
    let bearer = header.and_then(|value| client_auth::scheme(value, "bearer")).map(str::trim);
    match (sent.params.get("refresh_token")?, bearer) {
        (Some(token), _) => Ok(token),
        (None, Some(token)) if !token.is_empty() => Ok(token),
        (None, _) => Err(Reason::ParameterMissing.about("refresh_token")),
    }
}

/// The reply's fields where the refresh token is replaced. Public apps rotate under every profile: one that never rotates others
/// may leave the token out of its reply, and a public app would lose its connection.
fn told_when_replaced(rules: &TokenRules) -> Vec<ReplyField> {
    let fields = &rules.refresh_reply;
    let missing = rules.rotation == Rotation::Never && !fields.contains(&ReplyField::RefreshToken);
    fields.iter().copied().chain(missing.then_some(ReplyField::RefreshToken)).collect()
}

async fn standing(node: &Node, of: &Bearer) -> Result<Standing, Refusal> {
    Box::pin(node.store.standing(of.family, of.connection, of.app, of.customer, of.user)).await.map_err(refusal_of)
}
