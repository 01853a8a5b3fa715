//! The sweep of everything that ends by itself: a bounded slice of each kind.

use causeway_protocol::UnixTime;
use causeway_protocol::change::{Outcome, Row, Sweep};
use causeway_protocol::taken_back::may_leave;
use rusqlite::{Connection, params};

use super::records;
use super::txn::Txn;
use crate::rules;

/// Deletes a slice of each kind. `cursor` is the family at which the last slice ended: there is no index of ends, so a
/// sweep walks round the table, a bounded stretch a call.
pub(super) fn sweep(txn: Txn<'_>, sweep: &Sweep, cursor: &mut i64) -> rusqlite::Result<Outcome> {
    let Sweep { now, session_idle, session_absolute, refresh_idle, limit } = *sweep;
    let by_age = |column: &str| {
        format!(
            "DELETE FROM sessions WHERE digest IN
                (SELECT digest FROM sessions WHERE {column} < ?1 ORDER BY {column}, digest LIMIT ?2)"
        )
    };
    txn.db.prepare_cached(&by_age("seen_at"))?.execute(params![(now - session_idle).0, limit])?;
    txn.db.prepare_cached(&by_age("created_at"))?.execute(params![(now - session_absolute).0, limit])?;
    for (table, key) in [("decisions", "txn"), ("spent", "digest"), ("temporaries", "digest")] {
        txn.db
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE {key} IN
                    (SELECT {key} FROM {table} WHERE expires_at < ?1 ORDER BY expires_at, {key} LIMIT ?2)"
            ))?
            .execute(params![now.0, limit])?;
    }
    txn.db
        .prepare_cached(
            "DELETE FROM legacy_use WHERE (consumer, day, route) IN
                (SELECT consumer, day, route FROM legacy_use WHERE day < ?1 ORDER BY day, consumer, route LIMIT ?2)",
        )?
        .execute(params![rules::first_legacy_day(now), limit])?;
    sweep_families(txn.db, now, (now - refresh_idle).0, limit, cursor)?;
    sweep_feed(txn.db, now, limit)?;
    txn.applied(Row::None)
}

fn sweep_families(
    db: &Connection,
    now: UnixTime,
    unused_since: i64,
    limit: u32,
    cursor: &mut i64,
) -> rusqlite::Result<()> {
    let look = limit.saturating_mul(rules::FAMILIES_LOOKED_AT);
    let ended: Vec<(i64, bool)> = db
        .prepare_cached("SELECT id, ends_at <= ?2 OR moved_at <= ?3 FROM families WHERE id > ?1 ORDER BY id LIMIT ?4")?
        .query_map(params![*cursor, now.0, unused_since, look], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let (mut last, mut deleted) = (i64::MIN, 0);
    let whole = ended.len() < look as usize;
    for (id, has_ended) in ended {
        if has_ended && deleted == limit {
            *cursor = last;
            return Ok(());
        }
        if has_ended {
            db.prepare_cached("DELETE FROM families WHERE id = ?1")?.execute([id])?;
            deleted += 1;
        }
        last = id;
    }
    // At the end of the table the next sweep begins anew.
    *cursor = if whole { i64::MIN } else { last };
    Ok(())
}

/// Entries leave oldest first and without gaps; the cuts of families leave with theirs, since the family's own row says
/// that it is repudiated. Cuts of everything else stay: a refresh token may be older than any access token.
fn sweep_feed(db: &Connection, now: UnixTime, limit: u32) -> rusqlite::Result<()> {
    let longest = records::longest_access_life(db)?;
    let oldest: Vec<(i64, i64)> = db
        .prepare_cached("SELECT position, at FROM feed ORDER BY position LIMIT ?1")?
        .query_map([limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let leaving = oldest.into_iter().take_while(|(_, at)| may_leave(UnixTime(*at), longest, now)).last();
    let Some((last, _)) = leaving else { return Ok(()) };
    db.prepare_cached(
        "DELETE FROM cuts WHERE kind = 1 AND cut_all <= ?1
            AND id IN (SELECT id FROM feed WHERE position <= ?1 AND kind = 1)",
    )?
    .execute([last])?;
    db.prepare_cached("DELETE FROM feed WHERE position <= ?1")?.execute([last])?;
    Ok(())
}
