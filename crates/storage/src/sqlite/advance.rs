//! The refresh on SQLite, this engine's own way, since nothing else is done so often: three plain statements without a row
//! taken apart. Every other change is shared.

use causeway_protocol::change::{Applied, MoveFamily, Outcome, Row};
use causeway_protocol::records::Family;
use causeway_protocol::{Position, ScopeSet, UnixTime};
use rusqlite::{Connection, OptionalExtension, named_params};

use crate::sql::db::{Sql, strange};
use crate::sql::rows;

/// The connection's half of the conditions. Apart from the write, because what scopes share is no question for SQL; the
/// one writer asks it in the transaction of the write.
const LIVE: &str = "SELECT scopes FROM connections WHERE id = ?1 AND live = 1";

/// One conditional write: everything else that must hold stands in its WHERE.
const MOVE: &str = "
    UPDATE families
       SET generation = generation + 1, moved_at = :now, key_id = :key, retry = :retry
     WHERE id = :family AND generation = :generation AND digest = :digest AND repudiated = 0
       AND connection = :connection AND ends_at > :now AND moved_at > :unused_since
       AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 2 AND id = :connection AND (off = 1 OR cut_all > :as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 3 AND id = :app AND (off = 1 OR cut_all > :as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 4 AND id = :customer AND (off = 1 OR cut_all > :as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 5 AND id = :user AND (off = 1 OR cut_all > :as_of))";

/// What the mover did not name. Apart, because RETURNING builds a table of its own every time.
const MOVED: &str = "SELECT ends_at, scopes FROM families WHERE id = ?1";

/// Moves a family by one generation, or not at all. `position` is the feed's head, which a refresh never moves.
pub(super) fn advance(db: &Connection, position: Position, change: &MoveFamily) -> Sql<Outcome> {
    let live = db.prepare_cached(LIVE)?.query_row([change.connection.0], |row| Ok(scopes(row, 0))).optional()?;
    let Some(connection_scopes) = live.transpose()?.filter(|scopes| scopes.touches(change.wanted)) else {
        return Ok(Outcome::Stale);
    };
    let moved = db.prepare_cached(MOVE)?.execute(named_params! {
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
    })?;
    if moved == 0 {
        return Ok(Outcome::Stale);
    }
    let (ends_at, scopes) =
        db.prepare_cached(MOVED)?.query_one([change.family.0], |row| Ok((row.get(0)?, scopes(row, 1))))?;
    let family = Family {
        id: change.family,
        generation: change.generation + 1,
        digest: change.digest,
        moved_at: change.now,
        ends_at: UnixTime(ends_at),
        connection: change.connection,
        scopes: scopes?,
        repudiated: false,
        key_id: change.key_id,
        retry: change.retry,
    };
    Ok(Outcome::Applied(Applied { position, feed: Vec::new(), row: Row::Family { family, connection_scopes } }))
}

fn scopes(row: &rusqlite::Row<'_>, at: usize) -> Sql<ScopeSet> {
    let bytes = row.get_ref(at)?.as_blob().ok();
    bytes.and_then(ScopeSet::from_bytes).ok_or_else(|| strange(at, "scopes"))
}
