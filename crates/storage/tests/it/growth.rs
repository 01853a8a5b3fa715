//! Storage grows with connections, never with traffic: a hundred thousand refreshes of a hundred connections.

use std::path::Path;
use std::sync::Arc;

use causeway_protocol::{Change, Outcome, Position};
use causeway_storage::{Sqlite, Store};

use crate::fixture::{TempDir, World};

const CONNECTIONS: u32 = 100;
const REFRESHES: u32 = 1000;

fn size(file: &Path) -> u64 {
    file.metadata().expect("stands").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshes_leave_rows_and_file_where_they_were() {
    let dir = TempDir::new();
    let world = World::new(Sqlite::open(&dir.data()).expect("opens")).await;
    let mut families = Vec::new();
    for n in 0..CONNECTIONS {
        // A family each, on connections of different people.
        let mut change = world.consent(n as u8, 0b1);
        change.allow.as_mut().expect("allows").subject =
            causeway_protocol::records::SubjectKey::User(causeway_protocol::UserId(i64::from(n) + 1));
        let decided = world.decide(change).await;
        let connection = decided.connection.expect("allowed");
        world.applied(Change::CreateFamily(world.redemption(n, connection, decided.as_of))).await;
        families.push((n, connection, decided.as_of));
    }
    // Closing copies the log into the file: only then its size says something.
    let mut sizes = Vec::new();
    let mut generations = 0..0;
    let mut world = world;
    for refreshes in [REFRESHES / 100, REFRESHES] {
        generations = generations.end..generations.end + refreshes;
        let before = world.store.counts().await.expect("counts");
        let shared = Arc::new(world);
        refresh_all(&shared, &families, generations.clone()).await;
        world = Arc::into_inner(shared).expect("every task has ended");
        assert_eq!(world.store.counts().await.expect("counts"), before, "refreshes made rows");
        // The log is emptied at 16 MiB and re-used; a batch and a reader may overrun it.
        let log = size(&dir.data().join("causeway.db-wal"));
        assert!(log < 24 << 20, "the log grew to {log} bytes");
        let World { store, .. } = world;
        drop(store);
        sizes.push(size(&dir.data().join("causeway.db")));
        world = World::again(Sqlite::open(&dir.data()).expect("opens again")).await;
    }
    assert_eq!(sizes[1], sizes[0], "the file grew");
    for (n, connection, _) in families {
        assert_eq!(world.family(n, connection).await.expect("stands").generation, generations.end);
    }
}

async fn refresh_all(
    world: &Arc<World<Sqlite>>,
    families: &[(u32, causeway_protocol::ConnectionId, Position)],
    generations: std::ops::Range<u32>,
) {
    let tasks: Vec<_> = families
        .iter()
        .map(|(n, connection, as_of)| {
            let (world, n, connection, as_of) = (Arc::clone(world), *n, *connection, *as_of);
            let generations = generations.clone();
            tokio::spawn(async move {
                for generation in generations {
                    let outcome =
                        world.apply(Change::MoveFamily(world.refresh(n, generation, connection, as_of))).await;
                    assert!(matches!(outcome, Outcome::Applied(_)), "family {n}, generation {generation}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}
