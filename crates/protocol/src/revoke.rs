//! Revocation by the client (RFC 7009): any authentic token of a family, whatever its age, presented by its own app
//! repudiates the family (TOKENS 4, "Revoke"). The answer is always 200.

use crate::client_auth::Client;
use crate::records::Act;
use crate::token::Bearer;
use crate::{Change, UnixTime};

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
    Some(if family.is_lone() { Change::CutToken { family, act } } else { Change::RepudiateFamily { family, act } })
}
