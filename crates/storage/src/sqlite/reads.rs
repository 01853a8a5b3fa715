//! The reads that span tables: what a node loads at start, how a token's subjects stand, the feed, the audit, counts.

use causeway_protocol::change::Standing;
use causeway_protocol::records::FeedEntry;
use causeway_protocol::{AppId, ConnectionId, CustomerId, FamilyId, Position, Scopes, Subject, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use super::txn::Head;
use super::{accounts, apps, families, records, rows};
use crate::{AuditRow, Boot, Tail, audit};

/// The tables of `counts`.
const TABLES: [&str; 23] = [
    "account_ids",
    "accounts",
    "api_keys",
    "apps",
    "audit",
    "connections",
    "consumer_tokens",
    "consumers",
    "customers",
    "cuts",
    "decisions",
    "exchanges",
    "families",
    "feed",
    "legacy_use",
    "logos",
    "people",
    "scopes",
    "seeds",
    "sessions",
    "sites",
    "spent",
    "temporaries",
];

pub(super) fn boot(db: &Connection) -> rusqlite::Result<Boot> {
    let cuts = db
        .prepare_cached(
            "SELECT kind, id, cut_access, cut_all, off FROM cuts
              WHERE off = 1 OR max(cut_access, cut_all) >= (SELECT min(position) FROM feed) ORDER BY kind, id",
        )?
        .query_map([], |row| Ok((rows::subject(row, 0)?, rows::cuts(row, 2)?)))?
        .collect::<Result<_, _>>()?;
    Ok(Boot {
        head: Head::load(db)?.position,
        cuts,
        apps: apps::all(db)?,
        api_keys: accounts::api_keys(db)?,
        scopes: Scopes::new(records::scopes(db)?),
        longest_access_life: records::longest_access_life(db)?,
    })
}

pub(super) fn tail(db: &Connection, after: Position, limit: u32) -> rusqlite::Result<Tail> {
    Ok(Tail { entries: feed(db, after, limit)?, head: Head::load(db)?.position })
}

pub(super) fn standing(
    db: &Connection,
    family: FamilyId,
    connection: ConnectionId,
    app: AppId,
    customer: CustomerId,
    user: UserId,
) -> rusqlite::Result<Standing> {
    let mut standing = Standing {
        family: families::family(db, family)?,
        connection: db
            .prepare_cached("SELECT scopes, live FROM connections WHERE id = ?1")?
            .query_row([connection.0], |row| Ok((rows::scopes(row, 0)?, row.get(1)?)))
            .optional()?,
        position: Head::load(db)?.position,
        ..Standing::default()
    };
    let subjects: [Subject; 4] = [connection.into(), app.into(), customer.into(), user.into()];
    let mut find = db.prepare_cached("SELECT cut_access, cut_all, off FROM cuts WHERE kind = ?1 AND id = ?2")?;
    for subject in subjects {
        let cuts = find.query_row(params![subject.kind as i64, subject.id], |row| rows::cuts(row, 0)).optional()?;
        let cuts = cuts.unwrap_or_default();
        standing.cut_all = standing.cut_all.max(cuts.all);
        standing.off |= cuts.off;
    }
    Ok(standing)
}

pub(super) fn feed(db: &Connection, after: Position, limit: u32) -> rusqlite::Result<Vec<FeedEntry>> {
    db.prepare_cached("SELECT position, at, kind, id, event FROM feed WHERE position > ?1 ORDER BY position LIMIT ?2")?
        .query_map(params![after.0, limit.min(crate::PAGE_MAX)], rows::feed_entry)?
        .collect()
}

pub(super) fn counts(db: &Connection) -> rusqlite::Result<Vec<(&'static str, u64)>> {
    TABLES
        .into_iter()
        .map(|table| {
            let count: i64 =
                db.prepare_cached(&format!("SELECT count(*) FROM {table}"))?.query_one([], |row| row.get(0))?;
            Ok((table, count.unsigned_abs()))
        })
        .collect()
}

pub(super) fn audit_check(db: &Connection) -> rusqlite::Result<Result<u64, String>> {
    let head = Head::load(db)?;
    let mut rows = db
        .prepare("SELECT number, at, actor, verb, subject_kind, subject_id, detail, hash FROM audit ORDER BY number")?;
    let mut rows = rows.query([])?;
    let mut check = audit::Check::new();
    while let Some(row) = rows.next()? {
        let line = audit::Line {
            number: row.get(0)?,
            at: row.get(1)?,
            actor: row.get(2)?,
            verb: row.get(3)?,
            subject: row.get::<_, Option<i64>>(4)?.zip(row.get(5)?),
            detail: row.get(6)?,
        };
        if let Err(why) = check.follow(&line, row.get_ref(7)?.as_blob()?) {
            return Ok(Err(why));
        }
    }
    Ok(check.ends_at(head.audit_rows, &head.audit_hash))
}

pub(super) fn audit_tail(db: &Connection, limit: u32) -> rusqlite::Result<Vec<AuditRow>> {
    db.prepare_cached("SELECT number, at, actor, verb, detail FROM audit ORDER BY number DESC LIMIT ?1")?
        .query_map([limit.min(crate::PAGE_MAX)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?
        .collect()
}
