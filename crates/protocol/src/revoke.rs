//! Revocation by the client (RFC 7009): any authentic token of a family, whatever its age, presented by its own app
//! repudiates the family (TOKENS 4, "Revoke"); a token without one goes alone, up to a budget. The answer is always 200.

use crate::client_auth::Client;
use crate::records::Act;
use crate::token::Bearer;
use crate::{Change, UnixTime};

/// So many tokens of one app that have no family stand in the feed one by one; past it, everything that the app has for itself
/// is cut (TOKENS 6). An entry is about 64 bytes in each node and edge, and as much on disk: 64 KB an app, 64 MB where a thousand
/// apps use theirs up. An app that ends each token after its job may do so every seven seconds under a life of two hours.
pub const TOKEN_ENTRIES: u32 = 1_000;

/// The change, or `None` when the token is another app's: then nothing happens and nothing is told.
pub fn decide(client: Client<'_>, bearer: &Bearer, now: UnixTime) -> Option<Change> {
    if bearer.app != client.id() {
        return None;
    }
    let family = bearer.family;
    let act = Act {
        at: now,
        actor: format!("app:{}", client.id()),
        verb: if family.is_lone() { "token.revoked" } else { "family.revoked" },
        subject: Some(family.into()),
        detail: "revoked by its app".to_owned(),
    };
    Some(match family.is_lone() {
        true => Change::CutToken { bearer: *bearer, budget: TOKEN_ENTRIES, act },
        false => Change::RepudiateFamily { family, act },
    })
}
