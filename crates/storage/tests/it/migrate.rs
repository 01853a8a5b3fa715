//! A store of an older schema: it opens with everything in it and becomes what a new one is; a failure leaves it as it
//! was.

use causeway_protocol::records::{AppStatus, ClientKind, Visibility};
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, ConnectionId, CustomerId, Position, ScopeSet, UserId};
use causeway_storage::sqlite::ReadOnly;
use causeway_storage::{Page, Sqlite, Store};
use rusqlite::Connection;

use crate::fixture::{NOW, TempDir, World, account, app, consumer, family_id};

fn file_of_schema_1(dir: &TempDir) -> Connection {
    std::fs::create_dir(dir.data()).expect("made");
    let db = Connection::open(dir.data().join("causeway.db")).expect("opens");
    db.execute_batch(include_str!("store_of_schema_1.sql")).expect("the old store");
    db
}

fn schema(db: &Connection) -> i32 {
    db.pragma_query_value(None, "user_version", |row| row.get(0)).expect("read")
}

/// Every table and index with its columns, however it was written.
fn shape(db: &Connection) -> Vec<String> {
    let mut names = db.prepare("SELECT type, name FROM sqlite_schema ORDER BY type, name").expect("fine");
    let names: Vec<(String, String)> = names
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("read")
        .map(|row| row.expect("fine"))
        .collect();
    let mut shape = Vec::new();
    for (kind, name) in names {
        let pragma = if kind == "table" { "table_xinfo" } else { "index_xinfo" };
        let mut about = db.prepare(&format!("SELECT * FROM pragma_{pragma}('{name}')")).expect("fine");
        let columns = about.column_count();
        let rows = about.query_map([], |row| (0..columns).map(|n| row.get::<_, rusqlite::types::Value>(n)).collect());
        let rows: Vec<Vec<rusqlite::types::Value>> = rows.expect("read").map(|row| row.expect("fine")).collect();
        shape.push(format!("{kind} {name}: {rows:?}"));
    }
    let strict = "SELECT name || ' ' || wr || ' ' || strict FROM pragma_table_list WHERE schema = 'main' ORDER BY name";
    let mut strict = db.prepare(strict).expect("fine");
    shape.extend(strict.query_map([], |row| row.get::<_, String>(0)).expect("read").map(|row| row.expect("fine")));
    shape
}

#[tokio::test]
async fn a_filled_store_of_schema_1_opens_whole() {
    let dir = TempDir::new();
    drop(file_of_schema_1(&dir));
    let store = Sqlite::open(&dir.data()).expect("opens");
    let counts = store.counts().await.expect("counts");
    let count = |table| counts.iter().find(|(name, _)| *name == table).expect("a table").1;
    let old =
        ["apps", "audit", "connections", "customers", "cuts", "decisions", "families", "feed", "people", "scopes"];
    assert_eq!(old.map(count), [3, 18, 2, 3, 5, 2, 5, 8, 2, 2]);
    let new = [
        "account_ids",
        "accounts",
        "api_keys",
        "consumers",
        "exchanges",
        "legacy_use",
        "logos",
        "spent",
        "temporaries",
    ];
    assert_eq!(new.map(count), [0; 9]);
    assert_eq!(store.audit_check().await.expect("read"), Ok(18));
    // Everything that the program before it wrote, and nothing in the new fields.
    let boot = store.boot().await.expect("boot");
    assert_eq!((boot.head, boot.longest_access_life), (Position(8), Seconds(7200)));
    assert_eq!(boot.scopes.words(), ["read", "write"]);
    assert_eq!(boot.apps[0], causeway_protocol::records::App { id: boot.apps[0].id, ..app("one") });
    assert!(!boot.apps[1].active);
    let third = &boot.apps[2];
    let facts = (third.kind, third.visibility, third.status, third.secrets.len());
    assert_eq!(facts, (ClientKind::Public, Visibility::Private(CustomerId(1)), AppStatus::Pending, 0));
    let third = store.customer_by_external("c3").await.expect("read").expect("stands");
    let sites: Vec<_> = third.sites.iter().map(|site| (site.external_id.as_str(), site.active, site.creator)).collect();
    assert_eq!((third.active, sites), (false, vec![("s8", true, None), ("s9", false, None)]));
    let person = store.person(UserId(1)).await.expect("read").expect("stands");
    assert_eq!((person.email.as_str(), person.name.as_str(), person.teams.len()), ("admin@one.example", "", 0));
    let connection = store.connection(ConnectionId(1)).await.expect("read").expect("stands");
    assert_eq!((connection.scopes, connection.live, connection.last_used), (ScopeSet(0b11), true, Some(NOW)));
    assert!(!store.connection(ConnectionId(2)).await.expect("read").expect("stands").live);
    let families = store.families(ConnectionId(1)).await.expect("read");
    assert_eq!(families.iter().map(|one| one.id).collect::<Vec<_>>(), [2, 3, 4, 5].map(family_id));
    assert_eq!(families[1].generation, 1);
    assert!(store.seed_loaded([7; 32]).await.expect("read"));
    assert!(store.session([1; 32]).await.expect("read").is_some());
    drop(store);
    // It goes on where it stood, with the new tables, and is a store of schema 2 the next time.
    let world = World::new(Sqlite::open(&dir.data()).expect("opens again")).await;
    let position = world.store.boot().await.expect("boot").head;
    world.applied(Change::MoveFamily(world.refresh(3, 1, ConnectionId(1), position))).await;
    let consumer = world.put_consumer(consumer("ck", world.customer)).await;
    let exchange = world.exchange(9, consumer, 0b11);
    world.applied(Change::Exchange(exchange)).await;
    world.register(account(world.app, "acc-1")).await;
    assert!(world.store.audit_check().await.expect("read").is_ok());
}

#[tokio::test]
async fn a_report_reads_beside_a_running_store_and_migrates_nothing() {
    let dir = TempDir::new();
    let refusal = || ReadOnly::open(&dir.data()).err().map(|why| why.to_string()).unwrap_or_default();
    assert!(refusal().contains("no Causeway database"), "{}", refusal());
    drop(file_of_schema_1(&dir));
    assert!(refusal().contains("schema 1"), "{}", refusal());
    let world = World::new(Sqlite::open(&dir.data()).expect("opens")).await;
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let beside = ReadOnly::open(&dir.data()).expect("opens beside it");
    let page = Page { after: None, limit: 500 };
    let lines = beside.legacy(0, page).await.expect("read");
    assert_eq!(lines.iter().map(|line| line.consumer).collect::<Vec<_>>(), [id]);
    assert_eq!(world.store.legacy(0, page).await.expect("read"), lines);
}

#[test]
fn a_migrated_store_is_what_a_new_one_is() {
    let (old, new) = (TempDir::new(), TempDir::new());
    drop(file_of_schema_1(&old));
    drop(Sqlite::open(&old.data()).expect("opens"));
    drop(Sqlite::open(&new.data()).expect("opens"));
    let db = |dir: &TempDir| Connection::open(dir.data().join("causeway.db")).expect("opens");
    assert_eq!((schema(&db(&old)), schema(&db(&new))), (2, 2));
    assert_eq!(shape(&db(&old)), shape(&db(&new)));
}

#[test]
fn a_migration_that_fails_leaves_the_old_store() {
    let dir = TempDir::new();
    let db = file_of_schema_1(&dir);
    // The last of the new tables stands in its own way.
    db.execute_batch("CREATE TABLE accounts (x INTEGER)").expect("made");
    let before = shape(&db);
    drop(db);
    let Err(why) = Sqlite::open(&dir.data()) else { panic!("opened") };
    assert!(why.to_string().contains("stays at schema 1"), "{why}");
    let db = Connection::open(dir.data().join("causeway.db")).expect("opens");
    assert_eq!((schema(&db), shape(&db)), (1, before));
    db.execute_batch("DROP TABLE accounts").expect("dropped");
    drop(db);
    Sqlite::open(&dir.data()).expect("opens now");
}
