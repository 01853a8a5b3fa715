//! A disk that is full: writes are refused, reads go on, nothing acknowledged is lost, and it recovers by itself.
//! The limit is a file-size limit that a shell sets for a child of this test.

use std::path::Path;
use std::process::Command;

use causeway_protocol::{Change, Outcome};
use causeway_storage::{Sqlite, Store, StoreError};

use crate::fixture::{TempDir, World, act, app};

const CHILD: &str = "full_disk::child_fills_the_disk";

#[test]
fn r_11_a_full_disk_refuses_writes_and_loses_nothing() {
    let dir = TempDir::new();
    let test = std::env::current_exe().expect("this test");
    // Without the trap the limit would kill the child; a write beyond it then fails as on a full disk.
    let script =
        format!("trap '' XFSZ; ulimit -S -f 2048; exec '{}' --exact {CHILD} --ignored --nocapture", test.display());
    let child = Command::new("sh").args(["-c", &script]).env("CAUSEWAY_TEST_DATA", dir.data()).output().expect("runs");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}\n{}", String::from_utf8_lossy(&child.stderr));
    if said.contains("SKIPPED") {
        eprintln!("SKIPPED the recovery in r_11_a_full_disk_refuses_writes_and_loses_nothing: no prlimit here");
    }
    assert!(said.contains("child: full after"), "{said}");
}

/// Writes until the disk is full, makes room, writes again, opens again; every acknowledged app must stand.
#[tokio::test]
#[ignore = "the child of another test"]
#[allow(clippy::disallowed_methods, reason = "a test speaks to its child through the environment")]
async fn child_fills_the_disk() {
    let data = std::env::var("CAUSEWAY_TEST_DATA").expect("run by another test");
    let data = Path::new(&data);
    let world = World::new(Sqlite::open(data).expect("opens")).await;
    let mut acknowledged = Vec::new();
    let why = loop {
        match put(&world.store, acknowledged.len()).await {
            Ok(()) => acknowledged.push(acknowledged.len()),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 100_000, "the disk never filled");
    };
    assert!(matches!(why, StoreError::Failed(_)), "{why}");
    println!("child: full after {} apps: {why}", acknowledged.len());
    assert!(matches!(put(&world.store, acknowledged.len()).await, Err(StoreError::Failed(_))), "still full");
    stand(&world.store, &acknowledged).await;

    let room = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), "--fsize=unlimited"]).status();
    if !room.is_ok_and(|status| status.success()) {
        println!("child: SKIPPED");
        return;
    }
    for _ in 0..10 {
        put(&world.store, acknowledged.len()).await.expect("there is room again");
        acknowledged.push(acknowledged.len());
    }
    stand(&world.store, &acknowledged).await;
    drop(world);
    stand(&Sqlite::open(data).expect("opens again"), &acknowledged).await;
}

async fn put(store: &Sqlite, n: usize) -> Result<(), StoreError> {
    let app = causeway_protocol::records::App { description: "x".repeat(2000), ..app(&format!("n{n}")) };
    match store.apply(Change::PutApp(app, act("app.put"))).await? {
        Outcome::Applied(_) => Ok(()),
        Outcome::Stale => panic!("stale"),
    }
}

async fn stand(store: &Sqlite, acknowledged: &[usize]) {
    let apps = store.boot().await.expect("reads go on").apps;
    // Two belong to the world.
    assert_eq!(apps.len(), acknowledged.len() + 2, "an acknowledged app is gone, or a refused one stands");
    let audited = store.audit_check().await.expect("reads go on");
    assert!(audited.is_ok(), "{audited:?}");
}
