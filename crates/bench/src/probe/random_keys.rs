//! R64: rotations of a store that keeps each token under a random key: the old row is marked, a new one inserted, 64 to a
//! commit, SQLite with a write-ahead log and `synchronous=FULL`. What a server built on SQLite in the usual way could reach.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Chance;
use crate::Result;

const VALUE: [u8; 160] = [7; 160];
/// Rows inserted to a commit while the table is made.
const STRIDE: usize = 50_000;

/// Rotations a second among `rows` living rows, `batch` to a commit.
pub fn run(dir: &Path, rows: usize, batch: usize, time: Duration) -> Result<Value> {
    let file = dir.join(format!("random-keys-{rows}.db"));
    let say = |e: rusqlite::Error| format!("{}: {e}", file.display());
    let mut db = open(&file).map_err(say)?;
    let mut keys = living(&db).map_err(say)?;
    if keys.len() < rows {
        grow(&mut db, &mut keys, rows).map_err(say)?;
    }
    // What lives differs from run to run, so the new keys do.
    let seed = keys.iter().filter_map(|key| key.first_chunk()).fold(0, |all, some| all ^ u64::from_be_bytes(*some));
    let mut chance = Chance(seed);
    let (start, mut done) = (Instant::now(), 0_usize);
    while start.elapsed() < time {
        let transaction = db.transaction().map_err(say)?;
        for _ in 0..batch {
            let at = chance.below(keys.len());
            let new = chance.key();
            rotate(&transaction, &keys[at], &new).map_err(say)?;
            keys[at] = new;
        }
        transaction.commit().map_err(say)?;
        done += batch;
    }
    Ok(
        json!({"rotations": done, "per_s": done as f64 / start.elapsed().as_secs_f64(), "rows": keys.len(), "batch": batch}),
    )
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(file)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;
         CREATE TABLE IF NOT EXISTS tokens (key BLOB PRIMARY KEY, used INTEGER NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;",
    )?;
    Ok(db)
}

fn living(db: &Connection) -> rusqlite::Result<Vec<[u8; 32]>> {
    let mut ask = db.prepare("SELECT key FROM tokens WHERE used = 0")?;
    ask.query_map([], |row| row.get(0))?.collect()
}

/// Sorted, as nobody's tokens come; it only makes the table sooner there.
fn grow(db: &mut Connection, keys: &mut Vec<[u8; 32]>, rows: usize) -> rusqlite::Result<()> {
    let mut chance = Chance(rows as u64);
    let mut new: Vec<[u8; 32]> = (keys.len()..rows).map(|_| chance.key()).collect();
    new.sort_unstable();
    for some in new.chunks(STRIDE) {
        let transaction = db.transaction()?;
        for key in some {
            insert(&transaction, key)?;
        }
        transaction.commit()?;
    }
    keys.extend(new);
    Ok(())
}

fn insert(db: &Connection, key: &[u8; 32]) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO tokens VALUES (?1, 0, ?2)")?.execute(params![key, VALUE])?;
    Ok(())
}

fn rotate(db: &Connection, old: &[u8; 32], new: &[u8; 32]) -> rusqlite::Result<()> {
    let marked = db.prepare_cached("UPDATE tokens SET used = 1 WHERE key = ?1 AND used = 0")?.execute([old])?;
    if marked == 1 { insert(db, new) } else { Err(rusqlite::Error::StatementChangedRows(marked)) }
}
