//! The reads that span tables: what a node loads at start, how a token's subjects stand, the feed, the audit, counts.

use causeway_protocol::change::Standing;
use causeway_protocol::records::FeedEntry;
use causeway_protocol::{AppId, ConnectionId, CustomerId, FamilyId, Position, Scopes, UserId};

use super::db::{Db, Row as _, Sql, values};
use super::txn::{Head, cuts};
use super::{accounts, apps, families, records, rows};
use crate::{AuditRow, Boot, PAGE_MAX, Tail, audit, rules};

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

/// What is switched off, audiences' keys, and cuts that the feed still holds. Families and connections (kinds 1 and 2) are never
/// switched off, and cuts of connections stay for ever: so theirs are found from the feed, or a start would read as many
/// rows as were ever cut.
const STILL_MATTERS: &str = "SELECT kind, id, cut_access, cut_all, off FROM cuts
      WHERE kind > 2 AND (off = 1 OR kind = 7 OR cut_access >= (SELECT min(position) FROM feed)
         OR cut_all >= (SELECT min(position) FROM feed))
      UNION ALL
     SELECT c.kind, c.id, cut_access, cut_all, off
       FROM (SELECT DISTINCT kind, id FROM feed WHERE kind <= 2) f CROSS JOIN cuts c
      WHERE c.kind = f.kind AND c.id = f.id
        AND (cut_access >= (SELECT min(position) FROM feed) OR cut_all >= (SELECT min(position) FROM feed))
      ORDER BY kind, id";

pub(crate) async fn boot<D: Db>(db: &mut D) -> Sql<Boot> {
    let cuts = db.rows(STILL_MATTERS, &[]).await?;
    Ok(Boot {
        head: Head::load(db).await?.position,
        cuts: cuts.iter().map(|row| Ok((rows::subject(row, 0)?, rows::cuts(row, 2)?))).collect::<Sql<_>>()?,
        apps: apps::all(db).await?,
        api_keys: accounts::api_keys(db).await?,
        scopes: Scopes::new(records::scopes(db).await?),
        longest_access_life: records::longest_access_life(db).await?,
    })
}

pub(crate) async fn tail<D: Db>(db: &mut D, after: Position, limit: u32) -> Sql<Tail> {
    Ok(Tail { entries: feed(db, after, limit).await?, head: Head::load(db).await?.position })
}

pub(crate) async fn standing<D: Db>(
    db: &mut D,
    family: FamilyId,
    connection: ConnectionId,
    app: AppId,
    customer: CustomerId,
    user: UserId,
) -> Sql<Standing> {
    let family = families::family(db, family).await?;
    let found = db.row("SELECT scopes, live FROM connections WHERE id = ?1", &values![connection.0]).await?;
    let held = found.map(|row| Sql::Ok((rows::scopes(&row, 0)?, row.flag(1)?))).transpose()?;
    let cuts = cuts(db, [connection.into(), app.into(), customer.into(), user.into()]).await?;
    Ok(Standing {
        family,
        connection: held,
        cut_all: cuts.iter().map(|cuts| cuts.all).max().unwrap_or_default(),
        off: cuts.iter().any(|cuts| cuts.off),
        position: Head::load(db).await?.position,
    })
}

/// In one statement, so that the oldest entry is the one of the others' snapshot.
pub(crate) async fn feed<D: Db>(db: &mut D, after: Position, limit: u32) -> Sql<Vec<FeedEntry>> {
    let limit = limit.min(PAGE_MAX);
    let found = db
        .rows(
            "SELECT position, at, kind, id, event, (SELECT min(position) FROM feed) FROM feed
              WHERE position > ?1 ORDER BY position LIMIT ?2",
            &values![after.0, limit],
        )
        .await?;
    let oldest = found.first().map_or(Ok(0), |row| row.int(5))?;
    let entries = found.iter().map(rows::feed_entry).collect::<Sql<Vec<_>>>()?;
    Ok(rules::without_holes(after, Position(oldest), entries, limit))
}

pub(crate) async fn counts<D: Db>(db: &mut D) -> Sql<Vec<(&'static str, u64)>> {
    let mut counts = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        let count = db.one(&format!("SELECT count(*) FROM {table}"), &[]).await?.int(0)?;
        counts.push((table, count.unsigned_abs()));
    }
    Ok(counts)
}

/// In slices, since the trail grows for ever.
pub(crate) async fn audit_check<D: Db>(db: &mut D) -> Sql<Result<u64, String>> {
    let head = Head::load(db).await?;
    let mut check = audit::Check::new();
    let mut last = i64::MIN;
    loop {
        let slice = db
            .rows(
                "SELECT number, at, actor, verb, subject_kind, subject_id, detail, hash FROM audit
                  WHERE number > ?1 ORDER BY number LIMIT ?2",
                &values![last, PAGE_MAX],
            )
            .await?;
        for row in &slice {
            let line = audit::Line {
                number: row.int(0)?,
                at: row.int(1)?,
                actor: row.text(2)?,
                verb: row.text(3)?,
                subject: row.int_or_null(4)?.zip(row.int_or_null(5)?),
                detail: row.text(6)?,
            };
            if let Err(why) = check.follow(&line, row.slice(7)?) {
                return Ok(Err(why));
            }
            last = line.number;
        }
        if slice.len() < PAGE_MAX as usize {
            return Ok(check.ends_at(head.audit_rows, &head.audit_hash));
        }
    }
}

pub(crate) async fn audit_tail<D: Db>(db: &mut D, limit: u32) -> Sql<Vec<AuditRow>> {
    let newest = db
        .rows(
            "SELECT number, at, actor, verb, detail FROM audit ORDER BY number DESC LIMIT ?1",
            &values![limit.min(PAGE_MAX)],
        )
        .await?;
    newest.iter().map(|row| Ok((row.int(0)?, row.int(1)?, row.text(2)?, row.text(3)?, row.text(4)?))).collect()
}
