//! Revocation by the client (RFC 7009): any authentic token of a family, whatever its age, presented by its own app
//! repudiates the family (TOKENS 4, "Revoke"). The answer is always 200.

use crate::client_auth::Client;
use crate::records::Act;
use crate::token::Bearer;
use crate::{Change, UnixTime};

/// The change, or `None` when the token is another app's: then nothing happens and nothing is told.
pub fn decide(client: Client<'_>, bearer: &Bearer, now: UnixTime) -> Option<Change> {
    (bearer.app == client.id()).then(|| Change::RepudiateFamily {
        family: bearer.family,
        act: Act {
            at: now,
            actor: format!("app:{}", client.id()),
            verb: "family.revoked",
            subject: Some(bearer.family.into()),
            detail: "revoked by its app".to_owned(),
        },
    })
}
