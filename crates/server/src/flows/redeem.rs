//! grant_type=authorization_code: open the code, check it, insert its family, reply (TOKENS 4, "Redeem").
//! The insert decides; every rule stands in `causeway_protocol::redeem`.

use causeway_protocol::client_auth::Client;
use causeway_protocol::family::IdempotencyKey;
use causeway_protocol::params::Params;
use causeway_protocol::redeem::{self, AfterStale, Redemption};
use causeway_protocol::token::Code;
use causeway_protocol::{Change, Outcome, Reason};
use causeway_storage::Store;

use super::caller::{Refused, open};
use super::hand_out::{Presented, Stands};
use super::token::{ATTEMPTS, refuse};
use crate::node::refusal_of;
use crate::shared::Shared;

/// A `scope` in the request has no influence (SECURITY CG-10): the code says what was granted.
pub(crate) async fn run(
    shared: &Shared,
    client: Client<'_>,
    params: &Params,
    key: Option<&IdempotencyKey>,
) -> Result<String, Refused> {
    let node = &shared.node;
    let rules = &node.profile.token;
    let now = node.now();
    let code: Code = open(node, &rules.prefixes.code, params.require("code")?, now, Reason::CodeInvalid).await?;
    let ring = node.ring();
    let request = Redemption {
        client,
        redirect_uri: params.get("redirect_uri")?,
        verifier: params.get("code_verifier")?,
        key,
        now,
    };
    let presented =
        Presented { client, bearer: code.bearer, secret: code.secret, asked: code.scopes, ring: &ring, now };
    for _ in 0..ATTEMPTS {
        let insert = redeem::decide(&request, &code, rules, ring.sealing())?;
        presented.something_is_left()?;
        if let Outcome::Applied(applied) = node.apply(Change::CreateFamily(insert)).await? {
            return Ok(presented.fresh(shared, &Stands::written(applied)?, &rules.reply, None)?);
        }
        let of = code.bearer;
        let standing = node.store.standing(of.family, of.connection, of.app, of.customer, of.user).await;
        let standing = standing.map_err(refusal_of)?;
        match redeem::after_stale(&request, &code, &standing, rules) {
            AfterStale::Again => {}
            AfterStale::Resend(family) => {
                return Ok(presented.resend(shared, &Stands::read(family, &standing), &rules.reply)?);
            }
            AfterStale::Refuse(refusal) => return Err(refuse(node, refusal).await),
        }
    }
    Err(Reason::StoreFailed.into())
}
