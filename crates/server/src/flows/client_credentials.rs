//! grant_type=client_credentials: check, seal, reply. The store is not asked: what this node holds says whether anything speaks
//! against app and customer, and where its feed stood when nothing did. The rules stand in `causeway_protocol`.

use causeway_protocol::client_auth::Client;
use causeway_protocol::client_credentials::{self, Asking};
use causeway_protocol::params::Params;
use causeway_protocol::taken_back::Verdict;
use causeway_protocol::{AudienceId, Position, Reason, issue};

use super::caller::Refused;
use crate::shared::Shared;

/// The reply's JSON text. Parameters of other grants are ignored, as everywhere at this endpoint (RFC 6749 3.2).
pub(crate) fn run(shared: &Shared, client: Client<'_>, params: &Params) -> Result<String, Refused> {
    let node = &shared.node;
    client_credentials::offered(&node.profile)?;
    let customer = client_credentials::customer(client)?;
    let subjects = [client.id().into(), customer.into(), AudienceId(0).into()];
    // Only switches count for what is issued now; a node that cannot know issues nothing.
    let position = match node.held.judge(Position(i64::MAX), subjects, node.clock.monotonic_nanos()) {
        Ok((Verdict::Live, position)) => position,
        Ok(_) => return Err(Reason::GrantSuspended.into()),
        Err(_) => return Err(Reason::GuardNotReady.into()),
    };
    let asking = Asking {
        client,
        scope: params.get("scope")?,
        now: node.now(),
        position,
        number: u64::from_be_bytes(node.random()),
        noise: node.random(),
    };
    let (rules, scopes, ring) = (&node.profile.token, node.held.scopes(), node.ring());
    let token = client_credentials::token(&asking, &node.profile, &scopes)?;
    let text = ring.seal(&rules.prefixes.access, &token, asking.now);
    Ok(issue::reply_alone(&rules.reply, &rules.token_type, &token, &text, &scopes))
}
