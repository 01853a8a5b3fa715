//! Our store alone: conditional moves of families chosen at random, so many to a commit, without HTTP. And a year of them.

use std::path::Path;
use std::time::Duration;

use causeway_protocol::change::{MoveFamily, Outcome};
use causeway_protocol::records::FamilyDigest;
use causeway_protocol::time::Seconds;
use causeway_protocol::{AppId, Change, ConnectionId, CustomerId, FamilyId, Position, ScopeSet, UnixTime, UserId};
use causeway_storage::Sqlite;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Chance;
use crate::Result;

/// The offset with which generations are stored (crates/storage, schema).
const GENERATION_OFFSET: i64 = 32_768;
/// The idle life that no family reaches.
const NEVER_IDLE: Seconds = Seconds(i64::MAX / 4);
/// A family is refreshed so often in the simulated year.
const EVERY: Seconds = Seconds(2 * 3600);
const YEAR: Seconds = Seconds(365 * 24 * 3600);

/// A family as a move needs it.
struct Standing {
    id: i64,
    generation: u32,
    digest: [u8; 16],
    connection: i64,
    scopes: ScopeSet,
    app: i64,
    customer: i64,
    user: i64,
    moved_at: i64,
}

/// Moves a second, `batch` to a commit.
pub async fn run(dir: &Path, batch: usize, time: Duration) -> Result<Value> {
    let mut families = read(dir, usize::MAX)?;
    let store = Sqlite::open(dir).map_err(|e| e.to_string())?;
    let position = head(&store).await?;
    let mut chance = Chance(families.len() as u64);
    let (start, mut done) = (Instant::now(), 0_usize);
    while start.elapsed() < time {
        // A family stands at most once in a commit: its second move would name a generation that is not there yet.
        let mut chosen: Vec<usize> = (0..batch).map(|_| chance.below(families.len())).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let moves = chosen.iter().map(|at| families[*at].advance(position, 1)).collect();
        done += apply(&store, moves).await?;
        for at in chosen {
            families[at].generation += 1;
        }
    }
    Ok(
        json!({"rotations": done, "per_s": done as f64 / start.elapsed().as_secs_f64(), "rows": families.len(), "batch": batch}),
    )
}

/// Moves the first `count` families as often as a year of refreshes every two hours does.
pub async fn year(dir: &Path, count: usize) -> Result<Value> {
    live_long(dir)?;
    let mut families = read(dir, count)?;
    let store = Sqlite::open(dir).map_err(|e| e.to_string())?;
    let position = head(&store).await?;
    let mut done = 0;
    for _ in 0..YEAR.0 / EVERY.0 {
        for some in families.chunks_mut(256) {
            let moves = some.iter().map(|family| family.advance(position, EVERY.0)).collect();
            done += apply(&store, moves).await?;
            for family in some {
                family.generation += 1;
                family.moved_at += EVERY.0;
            }
        }
    }
    Ok(json!({"families": families.len(), "refreshes": done}))
}

impl Standing {
    fn advance(&self, as_of: Position, later: i64) -> Change {
        Change::MoveFamily(MoveFamily {
            family: FamilyId(self.id),
            generation: self.generation,
            digest: FamilyDigest(self.digest),
            as_of,
            connection: ConnectionId(self.connection),
            app: AppId(self.app),
            customer: CustomerId(self.customer),
            user: UserId(self.user),
            now: UnixTime(self.moved_at + later),
            idle: NEVER_IDLE,
            key_id: 1,
            retry: None,
            wanted: self.scopes,
        })
    }
}

async fn head(store: &Sqlite) -> Result<Position> {
    use causeway_storage::Store as _;
    Ok(store.boot().await.map_err(|e| e.to_string())?.head)
}

async fn apply(store: &Sqlite, moves: Vec<Change>) -> Result<usize> {
    let outcomes = store.apply_many(moves).await.map_err(|e| e.to_string())?;
    match outcomes.iter().find(|outcome| !matches!(outcome, Outcome::Applied(_))) {
        None => Ok(outcomes.len()),
        Some(other) => Err(format!("the store refused a move: {other:?}")),
    }
}

/// The families' ends are put off, so that a year fits before them.
fn live_long(dir: &Path) -> Result<()> {
    let db = Connection::open(dir.join("causeway.db")).map_err(|e| e.to_string())?;
    db.execute("UPDATE families SET ends_at = ends_at + ?1", [2 * YEAR.0]).map(drop).map_err(|e| e.to_string())
}

fn read(dir: &Path, most: usize) -> Result<Vec<Standing>> {
    let say = |e: rusqlite::Error| format!("{}: {e}", dir.display());
    let db = Connection::open_with_flags(dir.join("causeway.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(say)?;
    let mut ask = db
        .prepare(
            "SELECT f.id, f.generation, f.digest, f.connection, f.scopes, c.app, c.customer, c.authorized_by, f.moved_at
               FROM families f JOIN connections c ON c.id = f.connection WHERE c.live = 1 AND f.repudiated = 0 LIMIT ?1",
        )
        .map_err(say)?;
    let rows = ask.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| {
        Ok(Standing {
            id: row.get(0)?,
            generation: u32::try_from(row.get::<_, i64>(1)? - GENERATION_OFFSET).unwrap_or_default(),
            digest: row.get(2)?,
            connection: row.get(3)?,
            scopes: ScopeSet::from_bytes(&row.get::<_, Vec<u8>>(4)?).unwrap_or_default(),
            app: row.get(5)?,
            customer: row.get(6)?,
            user: row.get(7)?,
            moved_at: row.get(8)?,
        })
    });
    let found: rusqlite::Result<Vec<Standing>> = rows.map_err(say)?.collect();
    let found = found.map_err(say)?;
    if found.is_empty() { Err(format!("{}: no living family", dir.display())) } else { Ok(found) }
}
