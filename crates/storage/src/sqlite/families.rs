//! Families: redeem, refresh, repudiate. The write decides; nothing is read first that the write does not ask again.

use causeway_protocol::change::{CreateFamily, MoveFamily, Outcome, Row};
use causeway_protocol::records::{Act, Family, FeedEvent};
use causeway_protocol::{FamilyId, ScopeSet, SubjectKind, UnixTime};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::rows::{self, FAMILY};
use super::txn::Txn;
use crate::rules;

/// One conditional write: everything that must hold stands in its WHERE.
const MOVE: &str = "
    UPDATE families
       SET generation = generation + 1, moved_at = :now, key_id = :key, retry = :retry
     WHERE id = :family AND generation = :generation AND digest = :digest AND repudiated = 0
       AND connection = :connection AND ends_at > :now AND moved_at > :unused_since
       AND EXISTS (SELECT 1 FROM connections WHERE id = :connection AND live = 1)
       AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 2 AND id = :connection AND (off = 1 OR cut_all > :as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 3 AND id = :app AND (off = 1 OR cut_all > :as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 4 AND id = :customer AND (off = 1 OR cut_all > :as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 5 AND id = :user AND (off = 1 OR cut_all > :as_of))
 RETURNING ends_at, scopes, (SELECT scopes FROM connections WHERE id = :connection)";

pub(super) fn advance(txn: Txn<'_>, change: &MoveFamily) -> rusqlite::Result<Outcome> {
    let moved = txn
        .db
        .prepare_cached(MOVE)?
        .query_row(
            named_params! {
                ":now": change.now.0,
                ":key": rows::stored_key(change.key_id),
                ":retry": rows::stored_retry(change.retry),
                ":family": change.family.0,
                ":generation": rows::stored_generation(change.generation),
                ":digest": change.digest.0,
                ":connection": change.connection.0,
                ":unused_since": (change.now - change.idle).0,
                ":as_of": change.as_of.0,
                ":app": change.app.0,
                ":customer": change.customer.0,
                ":user": change.user.0,
            },
            |row| Ok((UnixTime(row.get(0)?), rows::scopes(row, 1)?, rows::scopes(row, 2)?)),
        )
        .optional()?;
    let Some((ends_at, scopes, connection_scopes)) = moved else { return Ok(Outcome::Stale) };
    let family = Family {
        id: change.family,
        generation: change.generation + 1,
        digest: change.digest,
        moved_at: change.now,
        ends_at,
        connection: change.connection,
        scopes,
        repudiated: false,
        key_id: change.key_id,
        retry: change.retry,
    };
    txn.applied(Row::Family { family, connection_scopes })
}
