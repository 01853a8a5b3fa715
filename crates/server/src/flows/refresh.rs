//! grant_type=refresh_token: open the token, move its family from generation n to n+1, reply (TOKENS 4, "Refresh").
//! The conditional write decides; every rule stands in `causeway_protocol::refresh`.

use causeway_protocol::change::Standing;
use causeway_protocol::client_auth::Client;
use causeway_protocol::family::IdempotencyKey;
use causeway_protocol::params::Params;
use causeway_protocol::refresh::{self, AfterStale, Refreshing, Step};
use causeway_protocol::token::{Bearer, RefreshToken};
use causeway_protocol::{Change, Outcome, Reason, Refusal};
use causeway_storage::Store;

use super::caller::{Refused, open};
use super::hand_out::{Presented, Stands};
use super::token::{ATTEMPTS, refuse};
use crate::node::{Node, refusal_of};
use crate::shared::Shared;

pub(crate) async fn run(
    shared: &Shared,
    client: Client<'_>,
    params: &Params,
    key: Option<&IdempotencyKey>,
) -> Result<String, Refused> {
    let node = &shared.node;
    let rules = &node.profile.token;
    let now = node.now();
    let text = params.require("refresh_token")?;
    let token: RefreshToken = open(node, &rules.prefixes.refresh, text, now, Reason::RefreshInvalid).await?;
    let ring = node.ring();
    let request = Refreshing { client, scope: params.get("scope")?, key, now };
    let (scopes, separators) = (node.held.scopes(), &node.profile.authorize.scope_separators);
    for _ in 0..ATTEMPTS {
        let (step, asked) = refresh::decide(&request, &token, rules, &scopes, separators, ring.newest())?;
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
        if let Outcome::Applied(applied) = node.apply(Change::MoveFamily(step)).await? {
            shared.metrics.refreshes.inc();
            return Ok(presented.fresh(shared, &Stands::written(applied)?, &rules.refresh_reply, None)?);
        }
        let standing = standing(node, &token.bearer).await?;
        match refresh::after_stale(&request, &token, asked, &standing, rules) {
            AfterStale::Again => {}
            AfterStale::Resend(family) => {
                let stands = Stands::read(family, &standing);
                return Ok(presented.resend(shared, &stands, &rules.refresh_reply)?);
            }
            AfterStale::Refuse(refusal) => return Err(refuse(node, refusal).await),
        }
    }
    Err(Reason::StoreFailed.into())
}

async fn standing(node: &Node, of: &Bearer) -> Result<Standing, Refusal> {
    node.store.standing(of.family, of.connection, of.app, of.customer, of.user).await.map_err(refusal_of)
}
