//! A database that is slow, silent, or taken by others (SECURITY ): deadlines, early shedding, nothing that one waiting
//! caller does to another. What a node says about it is the server's business. One that dies stands in `postgres.rs`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use causeway_protocol::{Change, Outcome, Position};
use causeway_storage::postgres::Options;
use causeway_storage::{Postgres, Store, StoreError, Stored};
use causeway_testbed::postgres::{Cluster, Held};
use causeway_testbed::wire::Wire;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{interval, timeout};

use crate::fixture::{World, act};
use crate::postgres::{cluster, node, options};

/// Longer than any deadline of the engine.
const LONG: Duration = Duration::from_secs(12);

/// Looks until it is so, and no longer than [`LONG`].
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let mut looks = interval(Duration::from_millis(20));
    let looking = async {
        while !so().await {
            looks.tick().await;
        }
    };
    timeout(LONG, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn hold(cluster: &'static Cluster, database: &str, statements: &'static str) -> Held {
    let database = database.to_owned();
    spawn_blocking(move || cluster.hold(&database, statements)).await.expect("no panic")
}

/// How many sessions of a database wait for a lock.
async fn waiting(database: &str) -> usize {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = ";
    let statement = format!("{waiting}'{database}'");
    spawn_blocking(move || cluster().sql("postgres", &statement)).await.expect("no panic").parse().expect("a number")
}

async fn opened(database: &str, options: Options) -> Arc<World<Postgres>> {
    let url = cluster().socket_url(database);
    Arc::new(World::new(Postgres::open(&url, options).await.expect("opens")).await)
}

fn begins_to_wait<T>(future: Pin<&mut impl Future<Output = T>>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

fn seed(n: u8) -> Change {
    Change::MarkSeed([n; 32])
}

fn is_busy<T>(answer: &Stored<T>) -> bool {
    matches!(answer, Err(StoreError::Busy))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_07_a_pool_that_is_taken_fails_fast_and_frees_what_nobody_waits_for() {
    let database = cluster().database();
    let world = opened(&database, Options { readers: 2, queue: 8, ..options() }).await;
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let _held = hold(cluster(), &database, "LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await;
    let read = |n: u8| {
        let world = Arc::clone(&world);
        async move { world.store.session([n; 32]).await }
    };
    let mut stuck = JoinSet::new();
    (0..2).for_each(|n| drop(stuck.spawn(read(n))));
    until("both connections are taken", async || waiting(&database).await == 2).await;
    let mut others = JoinSet::new();
    for _ in 0..200 {
        let world = Arc::clone(&world);
        others.spawn(async move { world.store.person(world.user).await });
    }
    let answers = timeout(Duration::from_secs(4), others.join_all()).await.expect("nobody waits for long");
    assert!(answers.iter().all(is_busy), "{:?}", answers.iter().find(|answer| !is_busy(answer)));
    // What does not need the pool goes on: the feed, refreshes, changes.
    assert!(world.store.tail(Position::ZERO, 10).await.is_ok());
    world.applied(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
    world.applied(seed(1)).await;
    // Their callers go away: the database is told, and the connections are others'.
    stuck.shutdown().await;
    until("nothing is done for those who went away", async || waiting(&database).await == 0).await;
    assert!(world.store.person(world.user).await.expect("there is a connection").is_some());
    assert!(world.store.families(connection).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_07_who_goes_away_while_waiting_writes_nothing_and_poisons_nothing() {
    let database = cluster().database();
    let world = opened(&database, options()).await;
    let held = hold(cluster(), &database, "SELECT position FROM meta FOR UPDATE").await;
    let first = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.store.apply(seed(1)).await }
    });
    until("the first one is under way", async || waiting(&database).await == 1).await;
    let mut second = Box::pin(world.store.apply(seed(2)));
    assert!(begins_to_wait(second.as_mut()), "it is queued");
    drop(second);
    // The one whose change is under way goes as well: it is rolled back.
    first.abort();
    assert!(first.await.is_err_and(|ended| ended.is_cancelled()));
    let mut third = Box::pin(world.store.apply(Change::PutApp(crate::fixture::app("gone"), act("app.put"))));
    assert!(begins_to_wait(third.as_mut()));
    drop(held);
    assert!(matches!(third.await, Ok(Outcome::Applied(_))));
    world.applied(seed(3)).await;
    for n in [1, 2] {
        assert!(!world.store.seed_loaded([n; 32]).await.expect("read"), "nobody waited for {n}");
    }
    world.store.audit_check().await.expect("read").expect("whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_06_a_slow_database_sheds_early_fails_in_time_and_is_quick_again() {
    let database = cluster().database();
    let world = opened(&database, Options { batch: 4, queue: 64, ..options() }).await;
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let held = hold(cluster(), &database, "SELECT position FROM meta FOR UPDATE").await;
    let apply = |n: u8| {
        let world = Arc::clone(&world);
        async move { world.store.apply(seed(n)).await }
    };
    let mut first = tokio::spawn(apply(0));
    assert!(!world.store.is_slow());
    until("it is noticed", async || world.store.is_slow()).await;
    assert!(timeout(Duration::ZERO, &mut first).await.is_err(), "it is noticed before anybody is refused");
    // What fits into the next commit may wait; the rest hears so at once.
    let mut queued = JoinSet::new();
    for n in 1..5 {
        let waiting = apply(n);
        queued.spawn(async move { (n, waiting.await) });
    }
    tokio::task::yield_now().await;
    let mut shed = JoinSet::new();
    until("the next commit is full", async || {
        let answer = timeout(Duration::from_millis(50), world.store.apply(seed(99))).await;
        answer.is_ok_and(|answer| is_busy(&answer))
    })
    .await;
    (10..60).for_each(|n| drop(shed.spawn(apply(n))));
    let answers = timeout(Duration::from_millis(500), shed.join_all()).await.expect("at once");
    assert!(answers.iter().all(is_busy), "{answers:?}");
    // A refresh takes no lock but its own.
    world.applied(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
    assert!(timeout(LONG, first).await.expect("has a deadline").expect("no panic").is_err(), "never confirmed");
    drop(held);
    let late = timeout(LONG, queued.join_all()).await.expect("has a deadline");
    until("it is quick again", async || apply(100).await.is_ok() && !world.store.is_slow()).await;
    for (n, answer) in late {
        let stands = world.store.seed_loaded([n; 32]).await.expect("read");
        assert!(stands || answer.is_err(), "confirmed and gone");
    }
    assert!(!world.store.seed_loaded([99; 32]).await.expect("read"), "it was refused");
    world.store.audit_check().await.expect("read").expect("whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_06_a_silent_network_is_an_error_in_time_and_costs_nothing_afterwards() {
    let database = cluster().database();
    let wire = Wire::to(cluster().port());
    let url = cluster().url(&database).replace(&format!(":{}/", cluster().port()), &format!(":{}/", wire.port()));
    let world = Arc::new(World::new(Postgres::open(&url, options()).await.expect("opens")).await);
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    assert!(world.store.person(world.user).await.is_ok());
    wire.go_dark();
    let in_time = Duration::from_secs(7);
    let refresh = world.store.apply(Change::MoveFamily(world.refresh(1, 0, connection, as_of)));
    let (changed, refreshed, read, tail) = tokio::join!(
        timeout(in_time, world.store.apply(seed(1))),
        timeout(in_time, refresh),
        timeout(in_time, world.store.person(world.user)),
        timeout(in_time, world.store.tail(Position::ZERO, 10)),
    );
    assert!(changed.expect("in time").is_err() && refreshed.expect("in time").is_err());
    assert!(read.expect("in time").is_err() && tail.expect("in time").is_err());
    wire.come_back();
    let back = async {
        until("it is back", async || world.store.apply(seed(2)).await.is_ok()).await;
        until("refreshes are back", async || {
            // Unknown is not undone: whichever of the two generations stands can be refreshed.
            let generation = world.family(1, connection).await.expect("stands").generation;
            let change = Change::MoveFamily(world.refresh(1, generation, connection, as_of));
            matches!(world.store.apply(change).await, Ok(Outcome::Applied(_)))
        })
        .await;
    };
    timeout(Duration::from_secs(10), back).await.expect("within seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bg_09_a_listener_that_the_network_forgot_listens_again() {
    let database = cluster().database();
    let one = World::new(node(cluster(), &database).await).await;
    let wire = Wire::to(cluster().port());
    let url = cluster().url(&database).replace(&format!(":{}/", cluster().port()), &format!(":{}/", wire.port()));
    let two = Postgres::open(&url, options()).await.expect("opens");
    let switch = |active| Change::Switch { subject: one.app.into(), active, act: act("app.switched") };
    timeout(LONG, two.news()).await.expect("begins to listen");
    one.applied(switch(false)).await;
    timeout(LONG, two.news()).await.expect("hears");
    // Nobody closes anything: the connection is open, and silent for ever. The database gives up its own end.
    wire.go_dark();
    let kill = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
          WHERE datname = '{database}' AND (query LIKE 'LISTEN%' OR query LIKE 'NOTIFY%')"
    );
    let killed = spawn_blocking(move || cluster().sql("postgres", &kill)).await.expect("no panic");
    assert_eq!(killed, "2");
    wire.come_back();
    // It has noticed by itself, and looks at once; from then on it hears.
    timeout(LONG, two.news()).await.expect("listens again");
    one.applied(switch(true)).await;
    timeout(Duration::from_secs(1), two.news()).await.expect("hears again");
}
