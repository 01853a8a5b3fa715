//! What nodes publish about themselves: signs of life and shares of budgets, a row each, overwritten. None of it must survive a
//! crash of the database, so none of it waits for the disk. What nodes conclude from it is not the store's business.

use causeway_protocol::cluster::{Beat, NodeId, Share, Used};
use causeway_protocol::{AppId, CustomerId, Position};
use tokio::sync::Mutex;

use super::KeyLayout;
use super::link::{Link, PgRow};
use super::migrate;
use super::target::Target;
use crate::sql::db::{Db, Row, Sql, SqlError, strange, values};

const BEAT: &str = "
    WITH gone AS (DELETE FROM nodes WHERE at_millis < ?1),
         dead AS (DELETE FROM shares WHERE at_millis < ?1),
         own AS (INSERT INTO nodes (node, at_millis, count, position, keys, schema) VALUES (?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (node) DO UPDATE SET at_millis = excluded.at_millis, count = excluded.count,
                     position = excluded.position, keys = excluded.keys, schema = excluded.schema)
    SELECT node, at_millis, count, position, keys FROM nodes WHERE at_millis >= ?1 AND node <> ?2 ORDER BY node";

const SHARE: &str = "
    WITH own AS (INSERT INTO shares (node, number, at_millis, used) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (node) DO UPDATE SET number = excluded.number, at_millis = excluded.at_millis,
                     used = excluded.used)
    SELECT node, number, at_millis, used FROM shares WHERE node <> ?1 ORDER BY node";

/// The connection for all this.
pub(super) struct Nodes {
    target: Target,
    link: Mutex<Option<Link>>,
}

impl Nodes {
    pub(super) fn new(target: Target) -> Self {
        Nodes { target, link: Mutex::default() }
    }

    /// As [`crate::Store::beat`].
    pub(super) async fn beat(&self, beat: Beat) -> Sql<Vec<Beat>> {
        let keys: Vec<u8> = beat.keys.iter().flat_map(|key| key.to_be_bytes()).collect();
        let forgotten = millis(beat.at_millis) - Beat::FORGOTTEN.0 * 1000;
        let count = millis(beat.count);
        let at = millis(beat.at_millis);
        let values = values![forgotten, beat.node.0, at, count, beat.position.0, &keys, migrate::KNOWN];
        let rows = self.ask(BEAT, &values).await?;
        let mut all: Vec<Beat> = rows.iter().map(beat_of).collect::<Sql<_>>()?;
        all.push(beat);
        all.sort_by_key(|beat| beat.node);
        Ok(all)
    }

    /// As [`crate::Store::share`].
    pub(super) async fn share(&self, own: Share) -> Sql<Vec<Share>> {
        let mut used = Vec::with_capacity(own.used.len() * ENTRY);
        for one in own.used.iter().take(Share::MOST) {
            used.extend(one.customer.0.to_be_bytes());
            used.extend(one.app.0.to_be_bytes());
            used.extend(one.passed.to_be_bytes());
            used.extend(one.refused.to_be_bytes());
        }
        let values = values![own.node.0, millis(own.number), millis(own.at_millis), &used];
        self.ask(SHARE, &values).await?.iter().map(share_of).collect()
    }

    /// As [`crate::Store::leave`].
    pub(super) async fn leave(&self, node: NodeId) -> Sql<()> {
        let leave =
            "WITH share AS (DELETE FROM shares WHERE node = ?1) DELETE FROM nodes WHERE node = ?1 RETURNING node";
        self.ask(leave, &values![node.0]).await.map(drop)
    }

    /// Each of these may be repeated: a connection that broke is worth a second one.
    async fn ask(&self, sql: &str, values: &[crate::sql::db::Value<'_>]) -> Sql<Vec<PgRow>> {
        let mut held = self.link.lock().await;
        let kept = held.take().filter(|link| !link.is_closed());
        let fresh = kept.is_none();
        let mut link = match kept {
            Some(link) => link,
            None => self.connect().await?,
        };
        let mut rows = link.rows(sql, values).await;
        if matches!(rows, Err(SqlError::Gone(_) | SqlError::Conflict(_))) && !fresh {
            link = self.connect().await?;
            rows = link.rows(sql, values).await;
        }
        if !matches!(rows, Err(SqlError::Gone(_))) {
            *held = Some(link);
        }
        rows
    }

    async fn connect(&self) -> Sql<Link> {
        let mut link = self.target.connect(KeyLayout::Ordered, None).await.map_err(SqlError::Gone)?;
        if let Err(error) = link.run("SET synchronous_commit = off").await {
            tracing::debug!(%error, "signs of life wait for the disk");
        }
        Ok(link)
    }
}

/// customer, app, passed, refused
const ENTRY: usize = 24;

fn millis(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn beat_of(row: &PgRow) -> Sql<Beat> {
    let (keys, rest) = row.slice(4)?.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(strange(4, "keys"));
    }
    Ok(Beat {
        node: NodeId(row.int(0)?),
        at_millis: row.int(1)?.unsigned_abs(),
        count: row.int(2)?.unsigned_abs(),
        position: Position(row.int(3)?),
        keys: keys.iter().map(|key| u16::from_be_bytes(*key)).collect(),
    })
}

fn share_of(row: &PgRow) -> Sql<Share> {
    let (entries, rest) = row.slice(3)?.as_chunks::<ENTRY>();
    if !rest.is_empty() {
        return Err(strange(3, "share"));
    }
    let used = entries.iter().map(|entry| {
        let long = |at: usize| i64::from_be_bytes(std::array::from_fn(|n| entry[at + n]));
        let short = |at: usize| u32::from_be_bytes(std::array::from_fn(|n| entry[at + n]));
        Used { customer: CustomerId(long(0)), app: AppId(long(8)), passed: short(16), refused: short(20) }
    });
    Ok(Share {
        node: NodeId(row.int(0)?),
        number: row.int(1)?.unsigned_abs(),
        at_millis: row.int(2)?.unsigned_abs(),
        used: used.collect(),
    })
}
