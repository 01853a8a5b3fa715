//! An answer means that the commit stands (SECURITY R-03): whoever is answered finds it with another connection. That it
//! stands also after the current was cut is `cargo xtask prove power`'s to show.

use std::sync::Arc;

use causeway_protocol::Change;
use causeway_storage::Sqlite;
use rusqlite::{Connection, OpenFlags};

use crate::fixture::{TempDir, World};

const CALLERS: u8 = 8;
const CHANGES: u8 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r_03_nobody_is_answered_before_the_commit() {
    let dir = TempDir::new();
    let world = Arc::new(World::new(Sqlite::open(&dir.data()).expect("opens")).await);
    let file = dir.data().join("causeway.db");
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (world, file) = (world.clone(), file.clone());
        callers.spawn(async move {
            let other = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opens");
            let look = "SELECT count(*) FROM seeds WHERE digest = ?1";
            for n in 0..CHANGES {
                let mut digest = [caller; 32];
                digest[0] = n;
                world.applied(Change::MarkSeed(digest)).await;
                let stands: u8 = other.query_row(look, [&digest[..]], |row| row.get(0)).expect("can be read");
                assert_eq!(stands, 1, "change {n} of caller {caller} was answered before its commit");
            }
        });
    }
    callers.join_all().await;
    assert_eq!(world.count("seeds").await, u64::from(CALLERS) * u64::from(CHANGES));
}
