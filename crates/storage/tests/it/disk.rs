//! The directory and its file: who may open it, what is refused, what is kept.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, Outcome, Position};
use causeway_storage::sqlite::Options;
use causeway_storage::{Page, Sqlite, Store, StoreError};

use crate::fixture::{
    NOW, TempDir, World, account, act, api_key, calls, consumer, everything_else, session, temporary,
};

/// The line that a person reads when the directory does not open.
fn refusal(dir: &Path) -> String {
    match Sqlite::open(dir) {
        Ok(_) => panic!("{} opened", dir.display()),
        Err(error) => error.to_string(),
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("stands").permissions().mode() & 0o777
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let dir = TempDir::new();
    let world = World::new(Sqlite::open(&dir.data()).expect("opens")).await;
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    world.applied(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
    world.applied(Change::StartSession(session(1, world.user))).await;
    world.applied(Change::RegisterScopes(vec!["a".to_owned()])).await;
    world.applied(Change::RaiseAccessLife(Seconds(60))).await;
    world.switch(world.other_app, false).await;
    let pair = world.put_consumer(consumer("ck", world.customer)).await;
    world.applied(Change::Exchange(world.exchange(2, pair, 0b111))).await;
    world.applied(Change::BeginLegacy(temporary(1, pair))).await;
    world.applied(Change::RecordLegacy(vec![calls(pair, "GET /a", 3)])).await;
    world.applied(Change::PutApiKey(api_key(1, None, Some(world.app)), act("api_key.put"))).await;
    world.register(account(world.app, "acc-1")).await;
    let all = Page { after: None, limit: 500 };
    let picture = async |store: &Sqlite| {
        let standing = store.standing(crate::fixture::family_id(1), connection, world.app, world.customer, world.user);
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
            store.boot().await.expect("boot"),
            store.counts().await.expect("counts"),
            store.feed(Position::ZERO, 500).await.expect("feed"),
            store.connections(None, false, all).await.expect("connections"),
            standing.await.expect("standing"),
            store.decided([1; 16]).await.expect("decided"),
            store.session([1; 32]).await.expect("session"),
            store.audit_check().await.expect("audit"),
            everything_else(store).await,
        )
    };
    let before = picture(&world.store).await;
    let World { store, .. } = world;
    drop(store);
    assert!(!dir.data().join("causeway.db-wal").exists(), "a clean end leaves one file");
    let store = Sqlite::open(&dir.data()).expect("opens again");
    assert_eq!(picture(&store).await, before);
    // And it goes on where it stood.
    let cut = Change::CutConnection { connection, act: act("connection.cut") };
    let Outcome::Applied(applied) = store.apply(cut).await.expect("works") else { panic!("stale") };
    let feed = store.feed(Position::ZERO, 500).await.expect("feed");
    assert_eq!(applied.position.0, feed.len() as i64, "no gap, nothing twice");
    assert!(store.audit_check().await.expect("audit").is_ok());
}

/// A process that is killed writes nothing more: what stands in its files at that moment is all that the next one finds.
#[tokio::test]
async fn o1_06_a_nonce_stays_used_after_a_restart() {
    let (dir, killed) = (TempDir::new(), TempDir::new());
    let store = Sqlite::open(&dir.data()).expect("opens");
    let spend = |n| Change::SpendOnce { digest: [n; 16], expires_at: NOW };
    assert!(matches!(store.apply(spend(1)).await, Ok(Outcome::Applied(_))));
    std::fs::create_dir(killed.data()).expect("made");
    for file in ["causeway.db", "causeway.db-wal"] {
        std::fs::copy(dir.data().join(file), killed.data().join(file)).expect("copied");
    }
    drop(store);
    for data in [dir.data(), killed.data()] {
        let store = Sqlite::open(&data).expect("opens again");
        assert!(matches!(store.apply(spend(1)).await, Ok(Outcome::Stale)), "a replay after a restart");
        assert!(matches!(store.apply(spend(2)).await, Ok(Outcome::Applied(_))));
    }
}

#[tokio::test]
async fn only_its_owner_can_read_it() {
    let dir = TempDir::new();
    let _world = World::new(Sqlite::open(&dir.data()).expect("opens")).await;
    assert_eq!(mode(&dir.data()), 0o700);
    for name in ["causeway.db", "causeway.db-wal", "causeway.db-shm", "causeway.lock"] {
        assert_eq!(mode(&dir.data().join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_second_opener_is_refused() {
    let dir = TempDir::new();
    let first = Sqlite::open(&dir.data()).expect("opens");
    let why = refusal(&dir.data());
    assert!(why.contains("another process uses this data directory"), "{why}");
    drop(first);
    Sqlite::open(&dir.data()).expect("free again");
}

#[test]
fn a_second_process_is_refused() {
    let dir = TempDir::new();
    let first = Sqlite::open(&dir.data()).expect("opens");
    let refused = child_opens(&["env"], &dir.data());
    assert!(refused.contains("another process uses this data directory"), "{refused}");
    drop(first);
    let opened = child_opens(&["env"], &dir.data());
    assert!(opened.contains("child: opened"), "{opened}");
}

/// What a process of its own, started through `wrapper`, says of this directory.
fn child_opens(wrapper: &[&str], data: &Path) -> String {
    let child = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "disk::child_opens_the_directory", "--ignored", "--nocapture"])
        .env("CAUSEWAY_TEST_DATA", data)
        .output();
    child.map_or_else(|error| error.to_string(), |child| String::from_utf8_lossy(&child.stdout).into_owned())
}

#[test]
#[ignore = "the child of another test"]
#[allow(clippy::disallowed_methods, reason = "a test speaks to its child through the environment")]
fn child_opens_the_directory() {
    let data = std::env::var("CAUSEWAY_TEST_DATA").expect("run by another test");
    match Sqlite::open(Path::new(&data)) {
        Ok(_) => println!("child: opened"),
        Err(error) => println!("child: {error}"),
    }
}

#[tokio::test]
async fn a_strange_file_is_refused_and_kept() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.data()).expect("made");
    let file = dir.data().join("causeway.db");
    let text = "This is not a database, but somebody's notes. ".repeat(200);
    std::fs::write(&file, &text).expect("written");
    let why = refusal(&dir.data());
    assert!(why.contains("this is not a Causeway database") && why.contains("causeway.db"), "{why}");
    assert_eq!(std::fs::read_to_string(&file).expect("kept"), text);
    std::fs::remove_file(&file).expect("removed");
    // Another program's SQLite file.
    rusqlite::Connection::open(&file).and_then(|db| db.execute_batch("CREATE TABLE notes (n INTEGER)")).expect("made");
    let before = std::fs::read(&file).expect("read");
    let why = refusal(&dir.data());
    assert!(why.contains("this is not a Causeway database"), "{why}");
    assert_eq!(std::fs::read(&file).expect("kept"), before);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let dir = TempDir::new();
    drop(Sqlite::open(&dir.data()).expect("opens"));
    let newer = |version: i32| {
        let db = rusqlite::Connection::open(dir.data().join("causeway.db")).expect("opens");
        db.pragma_update(None, "user_version", version).expect("set");
    };
    newer(99);
    let why = refusal(&dir.data());
    assert!(why.contains("schema 99") && why.contains("newer"), "{why}");
    newer(0);
    let why = refusal(&dir.data());
    assert!(why.contains("schema 0"), "{why}");
    newer(2);
    Sqlite::open(&dir.data()).expect("nothing was lost");
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let dir = TempDir::new();
    let world = World::new(Sqlite::open(&dir.data()).expect("opens")).await;
    for n in 0..50 {
        world.connect(n, 0b1).await;
    }
    drop(world);
    let file = dir.data().join("causeway.db");
    let whole = std::fs::read(&file).expect("read");
    let mut damaged = whole.clone();
    for page in damaged.chunks_exact_mut(4096).skip(1) {
        page[..8].fill(0xff);
    }
    std::fs::write(&file, damaged).expect("written");
    let why = refusal(&dir.data());
    assert!(why.contains("is damaged") && why.contains("backup"), "{why}");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("written");
    let why = refusal(&dir.data());
    assert!(why.contains("is damaged"), "{why}");
    std::fs::write(&file, whole).expect("written");
    Sqlite::open(&dir.data()).expect("the backup opens");
}

#[test]
fn a_directory_that_cannot_be_is_refused() {
    let dir = TempDir::new();
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("written");
    let why = refusal(&file);
    assert!(why.contains("the data directory cannot be made"), "{why}");
    let why = refusal(&file.join("below"));
    assert!(why.contains("the data directory cannot be made"), "{why}");
    // What stands in the file's place.
    let data = dir.path().join("taken");
    std::fs::create_dir_all(data.join("causeway.db")).expect("made");
    let why = refusal(&data);
    assert!(why.contains("the database cannot be opened for writing"), "{why}");
}

#[test]
fn an_unwritable_directory_is_refused() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.data()).expect("made");
    std::fs::set_permissions(dir.data(), std::fs::Permissions::from_mode(0o555)).expect("set");
    let why = if std::fs::write(dir.data().join("probe"), "").is_err() {
        refusal(&dir.data())
    } else {
        // This user may write everywhere: a child becomes somebody who may not.
        let somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        child_opens(&somebody, &dir.data())
    };
    if !why.contains(&*dir.data().to_string_lossy()) {
        eprintln!(
            "SKIPPED an_unwritable_directory_is_refused: this user may write everywhere, and no child became another"
        );
        return;
    }
    assert!(why.contains("the data directory cannot be written"), "{why}");
}

#[tokio::test]
async fn a_changed_audit_row_is_found() {
    let damages = [
        ("UPDATE audit SET detail = 'nothing' WHERE number = 3", "row 3 was changed"),
        ("UPDATE audit SET actor = 'person:2' WHERE number = 5", "row 5 was changed"),
        ("DELETE FROM audit WHERE number = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)", "rows were written"),
    ];
    for (damage, found) in damages {
        let dir = TempDir::new();
        let world = World::new(Sqlite::open(&dir.data()).expect("opens")).await;
        world.connect(1, 0b1).await;
        assert_eq!(world.store.audit_check().await.expect("read"), Ok(7));
        drop(world);
        let db = rusqlite::Connection::open(dir.data().join("causeway.db")).expect("opens");
        assert_eq!(db.execute(damage, []), Ok(1));
        drop(db);
        let store = Sqlite::open(&dir.data()).expect("opens");
        let why = store.audit_check().await.expect("read").expect_err("unseen");
        assert!(why.contains(found), "{why}");
    }
}

#[tokio::test]
async fn a_full_queue_sheds_and_applies_nothing_of_it() {
    let dir = TempDir::new();
    let options = Options { queue: 4, batch: 1, ..Options::default() };
    let store = Sqlite::open_with(&dir.data(), options).expect("opens");
    let waiting: Vec<_> = (0..2000_u32)
        .map(|n| {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&n.to_be_bytes());
            Box::pin(store.apply(Change::MarkSeed(digest)))
        })
        .collect();
    let (mut applied, mut shed) = (0, 0);
    for outcome in join_all(waiting).await {
        match outcome {
            Ok(Outcome::Applied(_)) => applied += 1,
            Err(StoreError::Busy) => shed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(shed > 0, "a queue of four took 2000");
    assert!(applied >= 4);
    let counts = store.counts().await.expect("counts");
    assert_eq!(counts.iter().find(|(table, _)| *table == "seeds"), Some(&("seeds", applied)));
    assert!(matches!(store.apply(Change::MarkSeed([9; 32])).await, Ok(Outcome::Applied(_))), "it goes on");
}

/// Polls all in one task, so that none is answered before all were asked.
async fn join_all<F: Future + Unpin>(mut waiting: Vec<F>) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in waiting.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = std::pin::Pin::new(future).poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn many_changes_stand_or_fall_together() {
    let dir = TempDir::new();
    let world = World::new(Sqlite::open(&dir.data()).expect("opens")).await;
    let outcomes = world.store.apply_many(vec![
        Change::MarkSeed([1; 32]),
        Change::MarkSeed([1; 32]),
        Change::TouchSession { digest: [1; 32], seen_at: NOW },
        Change::MarkSeed([2; 32]),
    ]);
    let stale: Vec<bool> = outcomes.await.expect("works").iter().map(|one| *one == Outcome::Stale).collect();
    assert_eq!(stale, [false, true, true, false]);
    assert_eq!(world.count("seeds").await, 2);
    assert_eq!(world.store.apply_many(Vec::new()).await.expect("works"), []);
}

#[tokio::test]
async fn a_change_that_fails_half_way_leaves_nothing() {
    let dir = TempDir::new();
    let world = World::new(Sqlite::open(&dir.data()).expect("opens")).await;
    let before = world.store.boot().await.expect("boot");
    // The last statement of a consent is its audit row.
    let db = rusqlite::Connection::open(dir.data().join("causeway.db")).expect("opens");
    db.execute_batch("ALTER TABLE audit RENAME TO elsewhere").expect("renamed");
    let consent = Box::pin(world.store.apply(Change::Decide(world.consent(1, 0b1))));
    let seed = Box::pin(world.store.apply(Change::MarkSeed([1; 32])));
    let outcomes = join_all(vec![consent as std::pin::Pin<Box<dyn Future<Output = _>>>, seed]).await;
    assert!(matches!(outcomes[0], Err(StoreError::Failed(_))), "{outcomes:?}");
    assert!(matches!(outcomes[1], Ok(Outcome::Applied(_))), "a neighbour in the batch is not harmed: {outcomes:?}");
    db.execute_batch("ALTER TABLE elsewhere RENAME TO audit").expect("renamed");
    assert_eq!(world.store.boot().await.expect("boot"), before);
    assert_eq!((world.count("connections").await, world.count("decisions").await), (0, 0));
    world.connect(1, 0b1).await;
    assert!(world.store.audit_check().await.expect("read").is_ok());
}
