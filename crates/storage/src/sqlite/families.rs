//! Families: redeem, refresh, repudiate. The write decides; nothing is read first that the write does not ask again.

use causeway_protocol::change::{CreateFamily, MoveFamily, Outcome, Row};
use causeway_protocol::records::{Act, Family, FeedEvent};
use causeway_protocol::{ConnectionId, FamilyId, UnixTime};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::rows::{self, FAMILY};
use super::txn::Txn;
use crate::rules;

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

pub(super) fn advance(txn: Txn<'_>, change: &MoveFamily) -> rusqlite::Result<Outcome> {
    let live = txn.db.prepare_cached(LIVE)?.query_row([change.connection.0], |row| rows::scopes(row, 0)).optional()?;
    let Some(connection_scopes) = live.filter(|scopes| scopes.touches(change.wanted)) else {
        return Ok(Outcome::Stale);
    };
    let moved = txn.db.prepare_cached(MOVE)?.execute(named_params! {
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
    let (ends_at, scopes) = txn
        .db
        .prepare_cached(MOVED)?
        .query_one([change.family.0], |row| Ok((UnixTime(row.get(0)?), rows::scopes(row, 1)?)))?;
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

pub(super) fn create(mut txn: Txn<'_>, change: &CreateFamily) -> rusqlite::Result<Outcome> {
    let family = &change.family;
    let connection = txn
        .db
        .prepare_cached("SELECT live, scopes, families FROM connections WHERE id = ?1")?
        .query_row([family.connection.0], |row| Ok((row.get::<_, bool>(0)?, rows::scopes(row, 1)?, slots(row, 2)?)))
        .optional()?;
    let Some((true, connection_scopes, held)) = connection else { return Ok(Outcome::Stale) };
    let subjects = [family.connection.into(), change.app.into(), change.customer.into(), change.user.into()];
    for subject in subjects {
        let cuts = txn.cuts(subject)?;
        if cuts.off || change.as_of < cuts.all {
            return Ok(Outcome::Stale);
        }
    }
    if !add(&mut txn, family, held, change.max_families, &change.act)? {
        return Ok(Outcome::Stale);
    }
    txn.applied(Row::Family { family: family.clone(), connection_scopes })
}

/// Inserts a family beside those that its connection holds; false, and nothing written, if its id exists.
pub(super) fn add(
    txn: &mut Txn<'_>,
    family: &Family,
    held: Vec<FamilyId>,
    max_families: u32,
    act: &Act,
) -> rusqlite::Result<bool> {
    // The unique key is the single-use check of the code.
    let inserted = txn
        .db
        .prepare_cached(
            "INSERT INTO families (id, generation, moved_at, key_id, retry, digest, ends_at, connection, scopes, repudiated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            family.id.0,
            rows::stored_generation(family.generation),
            family.moved_at.0,
            rows::stored_key(family.key_id),
            rows::stored_retry(family.retry),
            family.digest.0,
            family.ends_at.0,
            family.connection.0,
            family.scopes.to_bytes(),
            family.repudiated,
        ])?;
    if inserted == 0 {
        return Ok(false);
    }
    txn.audit(act)?;
    let held = make_room(txn, held, family, max_families, act)?;
    txn.db
        .prepare_cached("UPDATE connections SET families = ?2 WHERE id = ?1")?
        .execute(params![family.connection.0, slots_blob(&held)])?;
    Ok(true)
}

/// The families that the connection holds from now on, the new one included; those too many are repudiated.
fn make_room(
    txn: &mut Txn<'_>,
    held: Vec<FamilyId>,
    new: &Family,
    max_families: u32,
    act: &Act,
) -> rusqlite::Result<Vec<FamilyId>> {
    let mut living = Vec::new();
    for id in held {
        living.extend(family(txn.db, id)?.filter(|family| rules::is_living(family, new.moved_at)));
    }
    let mut kept: Vec<FamilyId> = living.iter().map(|family| family.id).collect();
    for id in rules::giving_way(living, max_families) {
        repudiate_row(txn, id, act.at)?;
        txn.audit(&rules::gave_way(id, max_families, act))?;
        kept.retain(|held| *held != id);
    }
    kept.push(new.id);
    Ok(kept)
}

pub(super) fn repudiate(mut txn: Txn<'_>, family: FamilyId, act: &Act) -> rusqlite::Result<Outcome> {
    if !repudiate_row(&mut txn, family, act.at)? {
        return Ok(Outcome::Stale);
    }
    txn.audit(act)?;
    txn.applied(Row::None)
}

fn repudiate_row(txn: &mut Txn<'_>, family: FamilyId, at: UnixTime) -> rusqlite::Result<bool> {
    let changed = txn
        .db
        .prepare_cached("UPDATE families SET repudiated = 1 WHERE id = ?1 AND repudiated = 0")?
        .execute([family.0])?;
    if changed == 1 {
        txn.take_back(family.into(), FeedEvent::CutAll, at)?;
    }
    Ok(changed == 1)
}

/// One family's row.
pub(super) fn family(db: &Connection, id: FamilyId) -> rusqlite::Result<Option<Family>> {
    db.prepare_cached(&format!("SELECT {FAMILY} FROM families WHERE id = ?1"))?
        .query_row([id.0], rows::family)
        .optional()
}

/// What a connection holds, in the order in which it came.
pub(super) fn held(db: &Connection, connection: ConnectionId) -> rusqlite::Result<Vec<FamilyId>> {
    let held = db
        .prepare_cached("SELECT families FROM connections WHERE id = ?1")?
        .query_row([connection.0], |row| slots(row, 0))
        .optional()?;
    Ok(held.unwrap_or_default())
}

/// The rows of what it holds.
pub(super) fn of(db: &Connection, connection: ConnectionId) -> rusqlite::Result<Vec<Family>> {
    let held = held(db, connection)?;
    let found = held.into_iter().take(rules::FAMILIES_SHOWN).map(|id| family(db, id));
    found.filter_map(Result::transpose).collect()
}

/// A connection's slots, as numbers; free ones left out.
fn slots(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Vec<FamilyId>> {
    let (slots, rest) = row.get_ref(at)?.as_blob()?.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(rows::strange(at, "slots"));
    }
    Ok(slots.iter().map(|slot| FamilyId(i64::from_be_bytes(*slot))).filter(|id| id.0 != 0).collect())
}

/// Never fewer than one slot: the first family then finds its place in a row that keeps its size.
pub(super) fn slots_blob(held: &[FamilyId]) -> Vec<u8> {
    let mut blob: Vec<u8> = held.iter().flat_map(|id| id.0.to_be_bytes()).collect();
    blob.resize(blob.len().max(8), 0);
    blob
}
