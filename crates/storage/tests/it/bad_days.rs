//! A database that is slow, silent, or taken by others (SECURITY ): deadlines, early shedding, nothing that one waiting
//! caller does to another. What a node says about it is the server's business. One that dies stands in `postgres.rs`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use causeway_protocol::{Change, Outcome, Position};
use causeway_storage::postgres::Options;
use causeway_storage::{Postgres, Store, StoreError, Stored};
use causeway_testbed::postgres::{Cluster, Held};
use causeway_testbed::wire::Wire;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{interval, timeout};

use crate::fixture::{World, act, family_id};
use crate::postgres::{LONG, cluster, node, options};

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

/// The processes of these sessions.
async fn sessions(database: &str) -> Vec<String> {
    let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = ";
    let statement = format!("{waiting}'{database}'");
    let pids = spawn_blocking(move || cluster().sql("postgres", &statement)).await.expect("no panic");
    pids.lines().map(str::to_owned).collect()
}

/// What it answers without waiting for anything: then no time has passed.
fn answered<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// What came of one try.
enum Tried {
    Seen,
    /// The engine's own deadlines of four and five seconds came first, so what was to be seen in between was not there.
    StoodStill,
}

/// A machine that stands still for seconds is given another chance.
async fn in_a_few_tries(test: impl AsyncFn() -> Tried) {
    for _ in 0..5 {
        if matches!(test().await, Tried::Seen) {
            return;
        }
    }
    panic!(
        "the engine's own deadlines came first each time: nothing else ends what waits, or this machine stands still"
    );
}

fn seed(n: u8) -> Change {
    Change::MarkSeed([n; 32])
}

fn is_busy<T>(answer: &Stored<T>) -> bool {
    matches!(answer, Err(StoreError::Busy))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_07_a_pool_that_is_taken_fails_fast_and_frees_what_nobody_waits_for() {
    in_a_few_tries(async || {
        let database = cluster().database();
        let world = opened(&database, Options { readers: 2, queue: 8, ..options() }).await;
        let (connection, as_of) = world.connect(1, 0b11).await;
        world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
        let _held = hold(cluster(), &database, "LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE").await;
        let mut stuck = JoinSet::new();
        for n in 0..2 {
            let world = Arc::clone(&world);
            stuck.spawn(async move { world.store.session([n; 32]).await });
        }
        until("both connections are taken", async || waiting(&database).await == 2 || stuck.try_join_next().is_some())
            .await;
        // Eight may wait for a connection, for a while; the others hear so before anything else happens.
        let other = |world: Arc<World<Postgres>>| Box::pin(async move { world.store.person(world.user).await });
        let mut others: Vec<_> = (0..200).map(|_| other(Arc::clone(&world))).collect();
        let at_once: Vec<_> = others.iter_mut().map(|other| answered(other.as_mut())).collect();
        let wait = others.into_iter().zip(&at_once).filter(|(_, answer)| answer.is_none());
        let late = wait.map(|(other, _)| other).collect::<JoinSet<_>>().join_all().await;
        // What does not need the pool goes on: the feed, refreshes, changes.
        let tail = world.store.tail(Position::ZERO, 10).await;
        let moved = world.store.apply(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
        let marked = world.store.apply(seed(1)).await;
        let before = sessions(&database).await;
        if stuck.try_join_next().is_some() || before.len() != 2 {
            return Tried::StoodStill;
        }
        assert_eq!(at_once.iter().filter(|answer| answer.is_none()).count(), 8);
        assert!(at_once.iter().flatten().chain(&late).all(is_busy), "{at_once:?} {late:?}");
        assert!(tail.is_ok() && matches!(moved, Ok(Outcome::Applied(_))) && marked.is_ok());
        // Their callers go away: the database is told, and the connections are others'.
        stuck.shutdown().await;
        let told = |what: &str| {
            let log = std::fs::read_to_string(cluster().log()).expect("the log can be read");
            let ended = |pid: &String| format!("[{pid}] ERROR:  canceling statement due to {what}");
            before.iter().filter(|pid| log.contains(&ended(pid))).count()
        };
        until("nothing is done for those who went away", async || told("") == 2).await;
        if told("user request") < 2 {
            return Tried::StoodStill;
        }
        assert!(world.store.person(world.user).await.expect("there is a connection").is_some());
        assert!(world.store.families(connection).await.is_ok());
        Tried::Seen
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_07_who_goes_away_while_waiting_writes_nothing_and_poisons_nothing() {
    in_a_few_tries(async || {
        let database = cluster().database();
        let world = opened(&database, options()).await;
        let held = hold(cluster(), &database, "SELECT position FROM meta FOR UPDATE").await;
        let first = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.store.apply(seed(1)).await }
        });
        until("the first one is under way", async || waiting(&database).await == 1 || first.is_finished()).await;
        let mut second = Box::pin(world.store.apply(seed(2)));
        let was_queued = answered(second.as_mut()).is_none();
        drop(second);
        // The one whose change is under way goes as well: it is rolled back.
        first.abort();
        if !first.await.is_err_and(|ended| ended.is_cancelled()) {
            return Tried::StoodStill;
        }
        assert!(was_queued);
        let mut third = Box::pin(world.store.apply(Change::PutApp(crate::fixture::app("gone"), act("app.put"))));
        let was_queued = answered(third.as_mut()).is_none();
        drop(held);
        let Ok(outcome) = third.await else { return Tried::StoodStill };
        assert!(was_queued && matches!(outcome, Outcome::Applied(_)));
        world.applied(seed(3)).await;
        for n in [1, 2] {
            assert!(!world.store.seed_loaded([n; 32]).await.expect("read"), "nobody waited for {n}");
        }
        world.store.audit_check().await.expect("read").expect("whole");
        Tried::Seen
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_06_a_slow_database_sheds_early_fails_in_time_and_is_quick_again() {
    in_a_few_tries(async || {
        let database = cluster().database();
        let world = opened(&database, Options { batch: 4, queue: 64, ..options() }).await;
        let (connection, as_of) = world.connect(1, 0b11).await;
        world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
        let held = hold(cluster(), &database, "SELECT position FROM meta FOR UPDATE").await;
        let first = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.store.apply(seed(0)).await }
        });
        until("it is noticed", async || world.store.is_slow() || first.is_finished()).await;
        // What fits into the next commit may wait; the rest hears so before anything else happens.
        let mut asked: Vec<_> = (1..55).map(|n| Box::pin(world.store.apply(seed(n)))).collect();
        let at_once: Vec<_> = asked.iter_mut().map(|one| answered(one.as_mut())).collect();
        // A refresh takes no lock but its own.
        let moved = world.store.apply(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
        if first.is_finished() {
            return Tried::StoodStill;
        }
        // It was noticed before anybody was refused.
        let (queued, shed) = at_once.split_at(4);
        assert!(queued.iter().all(Option::is_none), "{queued:?}");
        assert!(shed.iter().all(|answer| answer.as_ref().is_some_and(is_busy)), "{shed:?}");
        assert!(matches!(moved, Ok(Outcome::Applied(_))), "{moved:?}");
        let first = timeout(LONG, first).await.expect("has a deadline").expect("no panic");
        assert!(first.is_err(), "never confirmed");
        drop(held);
        let mut late = Vec::new();
        for (n, one) in (1..).zip(asked.into_iter().take(4)) {
            late.push((n, timeout(LONG, one).await.expect("has a deadline")));
        }
        let again = async || world.store.apply(seed(100)).await.is_ok() && !world.store.is_slow();
        until("it is quick again", again).await;
        for (n, answer) in late {
            let stands = world.store.seed_loaded([n; 32]).await.expect("read");
            assert!(stands || answer.is_err(), "confirmed and gone");
        }
        for n in 5..55 {
            assert!(!world.store.seed_loaded([n; 32]).await.expect("read"), "it was refused");
        }
        world.store.audit_check().await.expect("read").expect("whole");
        Tried::Seen
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_06_a_silent_network_is_an_error_in_time_and_costs_nothing_afterwards() {
    let database = cluster().database();
    let wire = Wire::to(cluster().port());
    let url = cluster().url(&database).replace(&format!(":{}/", cluster().port()), &format!(":{}/", wire.port()));
    let world = Arc::new(World::new(Postgres::open(&url, options()).await.expect("opens")).await);
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    // Several connections are kept for reads.
    let person = || world.store.person(world.user);
    let (one, two, three) = tokio::join!(person(), person(), person());
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    wire.go_dark();
    // No connection ever says that it is dead: only deadlines end the wait.
    let in_time = LONG;
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
    // One of the kept connections was found silent; nobody waits for the others.
    for _ in 0..4 {
        person().await.expect("the first time");
    }
    until("it is back", async || world.store.apply(seed(2)).await.is_ok()).await;
    until("refreshes are back", async || {
        let ids = (family_id(1), connection, world.app, world.customer, world.user);
        let Ok(standing) = world.store.standing(ids.0, ids.1, ids.2, ids.3, ids.4).await else { return false };
        // Unknown is not undone: whichever of the two generations stands can be refreshed.
        let generation = standing.family.expect("stands").generation;
        let change = Change::MoveFamily(world.refresh(1, generation, connection, as_of));
        matches!(world.store.apply(change).await, Ok(Outcome::Applied(_)))
    })
    .await;
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
    // Nobody closes anything: the connection is open, and silent for ever. The database gives up its own end, that of TCP.
    wire.go_dark();
    let kill = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
          WHERE datname = '{database}' AND client_addr IS NOT NULL AND query LIKE 'LISTEN%'"
    );
    until("it listened", async || {
        let kill = kill.clone();
        spawn_blocking(move || cluster().sql("postgres", &kill)).await.expect("no panic") != "0"
    })
    .await;
    wire.come_back();
    // It has noticed by itself, and looks at once; from then on it hears.
    timeout(LONG, two.news()).await.expect("listens again");
    one.applied(switch(true)).await;
    timeout(LONG, two.news()).await.expect("hears again");
}
