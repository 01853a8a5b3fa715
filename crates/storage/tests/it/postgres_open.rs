//! Opening a database: everything that may be wrong, told in one line without the password; and that both engines' tables are
//! the same. What happens afterwards is not tested here.

use std::collections::{BTreeMap, BTreeSet};

use causeway_storage::postgres::{KeyLayout, Options};
use causeway_storage::{Postgres, Sqlite, Store};
use causeway_testbed::postgres::{self as testbed, Cluster, PASSWORD};

use crate::fixture::TempDir;
use crate::postgres::{cluster, node, options};

async fn refusal(url: &str) -> String {
    let why = match Postgres::open(url, options()).await {
        Ok(_) => panic!("{url} was opened"),
        Err(why) => why.to_string(),
    };
    assert!(!why.contains('\n') && !why.contains(PASSWORD) && !why.contains("hunter2"), "{why}");
    why
}

async fn sql(database: &str, statements: &str) -> String {
    let (database, statements) = (database.to_owned(), statements.to_owned());
    tokio::task::spawn_blocking(move || cluster().sql(&database, &statements)).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_is_told_in_one_line() {
    let database = cluster().database();
    let (port, user) = (cluster().port(), testbed::USER);
    let why = refusal(&format!("postgres://{user}:hunter2@127.0.0.1:{port}/{database}")).await;
    assert!(why.contains("wrong password") && why.contains(user), "{why}");
    let why = refusal(&format!("postgres://{user}@127.0.0.1:{port}/{database}")).await;
    assert!(why.contains("asks for a password"), "{why}");
    let why = refusal(&cluster().url("nowhere")).await;
    assert!(why.contains("there is no database nowhere"), "{why}");
    // Port 1 of loopback is nobody's.
    let why = refusal("postgres://u:hunter2@127.0.0.1:1/d").await;
    assert!(why.contains("127.0.0.1:1/d") && why.contains("cannot be reached"), "{why}");
    let why = refusal("u:hunter2@h/d").await;
    assert!(why.contains("must begin with postgres://"), "{why}");
    // Somebody else's database.
    sql(&database, "CREATE TABLE people (name text)").await;
    let why = refusal(&cluster().url(&database)).await;
    assert!(why.contains("somebody else's table people"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_rights_are_told_at_the_start() {
    let database = cluster().database();
    sql(&database, "CREATE ROLE guest LOGIN PASSWORD 'hunter2'; REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    let url = format!("postgres://guest:hunter2@127.0.0.1:{}/{database}", cluster().port());
    let why = refusal(&url).await;
    assert!(why.contains("tables cannot be made here"), "{why}");
    drop(node(cluster(), &database).await);
    sql(&database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest").await;
    let why = refusal(&url).await;
    assert!(why.contains("cannot be written"), "{why}");
    sql(&database, "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest").await;
    drop(Postgres::open(&url, options()).await.expect("opens with every right but that to make tables"));
    sql(&database, &format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
    let why = refusal(&url).await;
    assert!(why.contains("takes no writes"), "{why}");
    let alter = format!("ALTER DATABASE {database}");
    sql("postgres", &format!("{alter} RESET ALL; {alter} SET synchronous_commit = off")).await;
    let why = refusal(&url).await;
    assert!(why.contains("synchronous_commit = off"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused_only_when_it_took_something_away() {
    let database = cluster().database();
    drop(node(cluster(), &database).await);
    sql(&database, "UPDATE schema_state SET number = 99").await;
    drop(node(cluster(), &database).await);
    sql(&database, "UPDATE schema_state SET compatible_from = 99").await;
    let why = refusal(&cluster().url(&database)).await;
    assert!(why.contains("schema 99") && why.contains("use a newer one"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_layout_of_keys_is_the_databases() {
    let database = cluster().database();
    let url = cluster().url(&database);
    let sharded = Options { keys: Some(KeyLayout::Sharded), ..options() };
    drop(Postgres::open(&url, sharded).await.expect("makes it"));
    drop(Postgres::open(&url, options()).await.expect("takes it as it is"));
    drop(Postgres::open(&format!("{url}?causeway_keys=sharded"), options()).await.expect("agrees"));
    let why = refusal(&format!("{url}?causeway_keys=ordered")).await;
    assert!(why.contains("made with sharded keys"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_10_a_wrong_certificate_is_refused() {
    let cluster = Cluster::start_with(&testbed::Options { tls: true, ..testbed::Options::default() });
    let database = cluster.database();
    let url = |host: &str, more: &str| cluster.url(&database).replace("127.0.0.1", host) + more;
    let (right, wrong) = (cluster.certificate(), cluster.strange_certificate());
    let right = format!("&sslrootcert={}", right.display());
    let wrong = format!("&sslrootcert={}", wrong.display());
    for mode in ["require", "verify-full", "verify-ca"] {
        let opened = Postgres::open(&url("127.0.0.1", &format!("?sslmode={mode}{right}")), options()).await;
        let store = opened.map_err(|why| why.to_string()).expect("opens");
        assert!(store.boot().await.is_ok());
        let why = refusal(&url("127.0.0.1", &format!("?sslmode={mode}{wrong}"))).await;
        assert!(why.contains("certificate is not accepted"), "{why}");
        // What this machine trusts does not hold it.
        let why = refusal(&url("127.0.0.1", &format!("?sslmode={mode}"))).await;
        assert!(why.contains("certificate"), "{why}");
    }
    // 127.0.0.2 is the same server under a name that the certificate does not have.
    let elsewhere = |mode: &str| url("db.example", &format!("?sslmode={mode}{right}&hostaddr=127.0.0.1"));
    let why = refusal(&elsewhere("verify-full")).await;
    assert!(why.contains("certificate is not accepted"), "{why}");
    drop(Postgres::open(&elsewhere("verify-ca"), options()).await.expect("the name is forgiven, on demand"));
    // Every session is encrypted, and one without TLS is not fallen back to.
    let why = refusal(&format!("{}?sslmode=require{right}", crate::postgres::cluster().url("postgres"))).await;
    assert!(why.contains("offers no TLS"), "{why}");
}

/// Tables with their columns.
type Tables = BTreeMap<String, BTreeSet<String>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_tables_and_columns() {
    let database = cluster().database();
    drop(node(cluster(), &database).await);
    let columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'";
    let mut of_postgres = Tables::new();
    for line in sql(&database, columns).await.lines() {
        let (table, column) = line.split_once('|').expect("two columns");
        of_postgres.entry(table.to_owned()).or_default().insert(column.to_owned());
    }
    let dir = TempDir::new();
    drop(Sqlite::open(&dir.data()).expect("opens"));
    let db = rusqlite::Connection::open(dir.data().join("causeway.db")).expect("opens");
    let names = "SELECT t.name, c.name FROM pragma_table_list t JOIN pragma_table_info(t.name) c
                  WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite%'";
    let mut names = db.prepare(names).expect("fine");
    let mut of_sqlite = Tables::new();
    for row in names.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("read") {
        let (table, column): (String, String) = row.expect("fine");
        of_sqlite.entry(table).or_default().insert(column);
    }
    // One process needs neither signs of life nor a lock for who migrates.
    for only in ["nodes", "shares", "schema_state"] {
        assert!(of_postgres.remove(only).is_some(), "{only} is missing");
    }
    assert_eq!(of_postgres, of_sqlite);
}
