//! The sweep of everything that ends by itself: a bounded slice of each kind.

use causeway_protocol::UnixTime;
use causeway_protocol::change::{Outcome, Row, Sweep};
use causeway_protocol::taken_back::may_leave;

use super::db::{Db, Row as _, Sql, values};
use super::records;
use super::txn::Txn;
use crate::rules;

/// Deletes a slice of each kind. `cursor` is the family at which the last slice ended: there is no index of ends, so a
/// sweep walks round the table, a bounded stretch a call.
pub(super) async fn sweep<D: Db>(txn: Txn<'_, D>, sweep: &Sweep, cursor: &mut i64) -> Sql<Outcome> {
    let Sweep { now, session_idle, session_absolute, refresh_idle, limit } = *sweep;
    let by_age = |column: &str| {
        format!(
            "DELETE FROM sessions WHERE digest IN
                (SELECT digest FROM sessions WHERE {column} < ?1 ORDER BY {column}, digest LIMIT ?2)"
        )
    };
    txn.db.write(&by_age("seen_at"), &values![(now - session_idle).0, limit]).await?;
    txn.db.write(&by_age("created_at"), &values![(now - session_absolute).0, limit]).await?;
    for (table, key) in [("decisions", "txn"), ("spent", "digest"), ("temporaries", "digest")] {
        let ended = format!(
            "DELETE FROM {table} WHERE {key} IN
                (SELECT {key} FROM {table} WHERE expires_at < ?1 ORDER BY expires_at, {key} LIMIT ?2)"
        );
        txn.db.write(&ended, &values![now.0, limit]).await?;
    }
    txn.db
        .write(
            "DELETE FROM legacy_use WHERE (consumer, day, route) IN
                (SELECT consumer, day, route FROM legacy_use WHERE day < ?1 ORDER BY day, consumer, route LIMIT ?2)",
            &values![rules::first_legacy_day(now), limit],
        )
        .await?;
    sweep_families(txn.db, now, now - refresh_idle, limit, cursor).await?;
    sweep_feed(txn.db, now, limit).await?;
    txn.applied(Row::None)
}

async fn sweep_families<D: Db>(
    db: &mut D,
    now: UnixTime,
    unused_since: UnixTime,
    limit: u32,
    cursor: &mut i64,
) -> Sql<()> {
    let look = limit.saturating_mul(rules::FAMILIES_LOOKED_AT);
    let seen = db
        .rows("SELECT id, ends_at, moved_at FROM families WHERE id > ?1 ORDER BY id LIMIT ?2", &values![*cursor, look])
        .await?;
    // At the end of the table the next sweep begins anew.
    let whole = seen.len() < look as usize;
    let (mut last, mut ended) = (i64::MIN, Vec::new());
    let mut full = false;
    for row in &seen {
        let id = row.int(0)?;
        if row.int(1)? <= now.0 || row.int(2)? <= unused_since.0 {
            full = ended.len() == limit as usize;
            if full {
                break;
            }
            ended.push(values![id, now.0, unused_since.0]);
        }
        last = id;
    }
    *cursor = if whole && !full { i64::MIN } else { last };
    drop(seen);
    // Asked again: another node may have refreshed it since it was looked at.
    db.write_each("DELETE FROM families WHERE id = ?1 AND (ends_at <= ?2 OR moved_at <= ?3)", &ended).await
}

/// Entries leave oldest first and without gaps; the cuts of families leave with theirs, since the family's own row says
/// that it is repudiated, and so do those of what apps have for themselves, which is access tokens only. Cuts of everything
/// else stay: a refresh token may be older than any access token.
async fn sweep_feed<D: Db>(db: &mut D, now: UnixTime, limit: u32) -> Sql<()> {
    let longest = records::longest_access_life(db).await?;
    let oldest = db.rows("SELECT position, at FROM feed ORDER BY position LIMIT ?1", &values![limit]).await?;
    let mut leaving = None;
    for row in &oldest {
        if !may_leave(UnixTime(row.int(1)?), longest, now) {
            break;
        }
        leaving = Some(row.int(0)?);
    }
    drop(oldest);
    let Some(last) = leaving else { return Ok(()) };
    db.write(
        "DELETE FROM cuts WHERE kind = 1 AND cut_all <= ?1
            AND id IN (SELECT id FROM feed WHERE position <= ?1 AND kind = 1)",
        &values![last],
    )
    .await?;
    db.write("DELETE FROM cuts WHERE kind = 10 AND cut_all <= ?1", &values![last]).await?;
    db.write("DELETE FROM feed WHERE position <= ?1", &values![last]).await
}
