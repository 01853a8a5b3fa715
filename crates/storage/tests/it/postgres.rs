//! What only the engine of several nodes can prove: the contract over each layout, connections and databases that die under
//! writes, two nodes on one database. How a URL may be wrong stands in `postgres_open.rs`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use causeway_protocol::cluster::{Beat, NodeId, Share, Used};
use causeway_protocol::records::{FamilyDigest, SubjectKey};
use causeway_protocol::{AppId, Change, ConnectionId, CustomerId, Outcome, Position, Subject, UserId};
use causeway_storage::postgres::{KeyLayout, Options};
use causeway_storage::{Engine, Postgres, Store, StoreError};
use causeway_testbed::postgres::Cluster;

use crate::contract::all;
use crate::fixture::{NOW, World, act};

/// Longer than any deadline of the engine, on a machine that stands still now and then as well.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// One for the whole binary; it ends with the process.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

pub(crate) fn options() -> Options {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    Options::new(NodeId(NEXT.fetch_add(1, Ordering::Relaxed)), Arc::new(|| NOW))
}

/// A node on a database of this cluster.
pub(crate) async fn node(cluster: &Cluster, database: &str) -> Postgres {
    Postgres::open(&cluster.socket_url(database), options()).await.expect("opens")
}

/// A node on a database of its own.
pub(crate) async fn fresh() -> Postgres {
    node(cluster(), &cluster().database()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_holds_the_contract() {
    all(async || World::new(Engine::Postgres(fresh().await)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_with_shards_and_batches_of_one_holds_the_contract() {
    let options = || Options { batch: 1, readers: 1, refreshers: 4, keys: Some(KeyLayout::Sharded), ..options() };
    all(async || {
        let url = cluster().socket_url(&cluster().database());
        World::new(Postgres::open(&url, options()).await.expect("opens")).await
    })
    .await;
}

/// Connects `n` pairs and redeems a family for each: (connection, position).
async fn connected(world: &World<Postgres>, n: u32) -> Vec<(ConnectionId, Position)> {
    let mut connections = Vec::new();
    for n in 0..n {
        let mut change = world.consent(n as u8, 0b11);
        change.allow.as_mut().expect("allows").subject = SubjectKey::User(UserId(i64::from(n) + 1));
        let decided = world.decide(change).await;
        let connection = decided.connection.expect("allowed");
        world.applied(Change::CreateFamily(world.redemption(n, connection, decided.as_of))).await;
        connections.push((connection, decided.as_of));
    }
    connections
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_asks_every_byte_of_the_scopes() {
    let world = World::new(fresh().await).await;
    let cases = [(0b1, 0b1, true), (1 << 127, 1 << 127, true), (1 << 9 | 1, 1 << 9, true), (1 << 9, 1, false)];
    let others = [(1 << 127, 1 << 126, false), (0, 1, false), (0, u128::MAX, false), (u128::MAX, 0, false)];
    for (n, (holds, wanted, moves)) in cases.into_iter().chain(others).enumerate() {
        let n = n as u32;
        let mut change = world.consent(n as u8, holds);
        change.allow.as_mut().expect("allows").subject = SubjectKey::User(UserId(i64::from(n) + 1));
        let decided = world.decide(change).await;
        let connection = decided.connection.expect("allowed");
        world.applied(Change::CreateFamily(world.redemption(n, connection, decided.as_of))).await;
        let mut refresh = world.refresh(n, 0, connection, decided.as_of);
        refresh.wanted = causeway_protocol::ScopeSet(wanted);
        let outcome = world.apply(Change::MoveFamily(refresh)).await;
        assert_eq!(outcome != Outcome::Stale, moves, "holds {holds:#b}, wanted {wanted:#b}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshes_that_wait_go_together_and_are_answered_apart() {
    let world = Arc::new(World::new(fresh().await).await);
    let connections = connected(&world, 40).await;
    let mut callers = tokio::task::JoinSet::new();
    for (n, (connection, as_of)) in connections.into_iter().enumerate() {
        let world = Arc::clone(&world);
        callers.spawn(async move {
            for generation in 0..20 {
                // Half of them also ask for what is no longer so.
                if n % 2 == 0 && generation > 0 {
                    let old = world.refresh(n as u32, generation - 1, connection, as_of);
                    assert_eq!(world.apply(Change::MoveFamily(old)).await, Outcome::Stale);
                }
                world.applied(Change::MoveFamily(world.refresh(n as u32, generation, connection, as_of))).await;
            }
            assert_eq!(world.family(n as u32, connection).await.expect("stands").generation, 20);
        });
    }
    callers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_busy_and_loses_nobody() {
    let url = cluster().socket_url(&cluster().database());
    let store = Postgres::open(&url, Options { queue: 2, batch: 1, ..options() }).await.expect("opens");
    let mut callers = tokio::task::JoinSet::new();
    let store = Arc::new(store);
    for n in 0..60 {
        let store = Arc::clone(&store);
        callers.spawn(async move { store.apply(Change::MarkSeed([n; 32])).await });
    }
    let (mut applied, mut busy) = (0, 0);
    for answer in callers.join_all().await {
        match answer {
            Ok(_) => applied += 1,
            Err(StoreError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(busy > 0 && applied > 0, "{applied} applied, {busy} busy");
    let counts: HashMap<_, _> = store.counts().await.expect("counts").into_iter().collect();
    assert_eq!(counts["seeds"], applied);
}

/// Writers that go on through every failure and remember what was confirmed.
struct Load {
    stop: Arc<AtomicBool>,
    /// How many seeds were.
    confirmed: Arc<AtomicU32>,
    tasks: tokio::task::JoinSet<Confirmed>,
}

/// What was answered well: seeds by digest, and per family the generation that the last confirmed refresh left.
#[derive(Default)]
struct Confirmed {
    seeds: Vec<[u8; 32]>,
    families: Vec<(u32, ConnectionId, u32, u32)>,
    failures: u32,
}

impl Load {
    fn start(world: &Arc<World<Postgres>>, families: &[(ConnectionId, Position)]) -> Load {
        let (stop, seeds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for caller in 0..4_u8 {
            let (world, stop, seeds) = (Arc::clone(world), Arc::clone(&stop), Arc::clone(&seeds));
            tasks.spawn(async move {
                let mut confirmed = Confirmed::default();
                for n in 0_u32.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut digest = [caller; 32];
                    digest[..4].copy_from_slice(&n.to_be_bytes());
                    match world.store.apply(Change::MarkSeed(digest)).await {
                        Ok(Outcome::Applied(_)) => {
                            confirmed.seeds.push(digest);
                            seeds.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(Outcome::Stale) => panic!("a seed was there before it was marked"),
                        Err(_) => confirmed.failures += 1,
                    }
                }
                confirmed
            });
        }
        for (n, (connection, as_of)) in families.iter().copied().enumerate() {
            let (world, stop, n) = (Arc::clone(world), Arc::clone(&stop), n as u32);
            tasks.spawn(async move {
                let mut confirmed = Confirmed::default();
                // The generation that was confirmed, and how many beyond it may have been written unconfirmed.
                let (mut generation, mut open) = (0, 0);
                while !stop.load(Ordering::Relaxed) {
                    let change = world.refresh(n, generation + open, connection, as_of);
                    match world.store.apply(Change::MoveFamily(change)).await {
                        Ok(Outcome::Applied(_)) => (generation, open) = (generation + open + 1, 0),
                        // Either the unconfirmed one stands, or it does not.
                        Ok(Outcome::Stale) => {
                            assert!(confirmed.failures > 0, "a confirmed refresh was undone");
                            open = 1 - open;
                        }
                        Err(_) => confirmed.failures += 1,
                    }
                }
                confirmed.families.push((n, connection, generation, generation + 1));
                confirmed
            });
        }
        Load { stop, confirmed: seeds, tasks }
    }

    async fn end(self) -> Confirmed {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Confirmed::default();
        for one in self.tasks.join_all().await {
            all.seeds.extend(one.seeds);
            all.families.extend(one.families);
            all.failures += one.failures;
        }
        all
    }
}

impl Confirmed {
    /// Nothing that was confirmed is missing; at most the last one of each caller is more than that.
    async fn stands_in(&self, store: &Postgres) {
        for digest in &self.seeds {
            assert!(store.seed_loaded(*digest).await.expect("read"), "a confirmed change is gone");
        }
        for (n, connection, least, most) in &self.families {
            let families = store.families(*connection).await.expect("read");
            let id = crate::fixture::family_id(*n);
            let generation = families.iter().find(|family| family.id == id).expect("stands").generation;
            assert!((*least..=*most).contains(&generation), "generation {generation}, confirmed {least}");
        }
        store.audit_check().await.expect("read").expect("the chain is whole");
    }
}

/// Waits until the database answers through this engine.
async fn answers(store: &Postgres) {
    for _ in 0..LONG.as_millis() / 50 {
        if store.boot().await.is_ok() && store.apply(Change::RegisterScopes(Vec::new())).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the engine does not come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_killed_under_writes_lose_nothing_confirmed() {
    let database = cluster().database();
    let world = Arc::new(World::new(node(cluster(), &database).await).await);
    let families = connected(&world, 8).await;
    let load = Load::start(&world, &families);
    let kill = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
    );
    let (mut killed, mut rounds) = (0, 0);
    while killed <= 12 || rounds < 12 {
        let kill = kill.clone();
        let count = tokio::task::spawn_blocking(move || cluster().sql("postgres", &kill)).await.expect("no panic");
        (killed, rounds) = (killed + count.parse::<u32>().expect("a number"), rounds + 1);
    }
    // Writes go on: each of the four callers is confirmed once more.
    let confirmed = load.confirmed.load(Ordering::Relaxed);
    while load.confirmed.load(Ordering::Relaxed) < confirmed + 4 {
        tokio::task::yield_now().await;
    }
    let confirmed = load.end().await;
    answers(&world.store).await;
    assert!(!confirmed.seeds.is_empty());
    confirmed.stands_in(&world.store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_dies_under_writes_loses_nothing_confirmed() {
    let cluster = Arc::new(Cluster::start());
    let database = cluster.database();
    let world = Arc::new(World::new(node(&cluster, &database).await).await);
    let families = connected(&world, 8).await;
    for _ in 0..3 {
        let before = world.store.counts().await.expect("counts");
        let load = Load::start(&world, &families);
        while world.store.counts().await.expect("counts") == before {}
        let dying = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || {
            dying.kill();
            dying.run();
        })
        .await
        .expect("no panic");
        answers(&world.store).await;
        let confirmed = load.end().await;
        confirmed.stands_in(&world.store).await;
        begin_anew(&cluster, &database).await;
    }
}

/// Back to generation 0, so that a load may begin anew.
async fn begin_anew(cluster: &Arc<Cluster>, database: &str) {
    let (cluster, database) = (Arc::clone(cluster), database.to_owned());
    let statements = "UPDATE families SET generation = 32768; DELETE FROM seeds";
    tokio::task::spawn_blocking(move || cluster.sql(&database, statements)).await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_write_one_feed_without_gaps_and_one_chain() {
    let database = cluster().database();
    let one = Arc::new(World::new(node(cluster(), &database).await).await);
    let two = Arc::new(World::again(node(cluster(), &database).await).await);
    let mut callers = tokio::task::JoinSet::new();
    for (n, world) in [&one, &two, &one, &two].into_iter().enumerate() {
        let world = Arc::clone(world);
        callers.spawn(async move {
            let subject: Subject = if n < 2 { world.user.into() } else { world.customer.into() };
            let mut positions = Vec::new();
            for turn in 0..40 {
                let active = turn % 2 == 1;
                if let Outcome::Applied(applied) =
                    world.apply(Change::Switch { subject, active, act: act("switched") }).await
                {
                    positions.extend(applied.feed.iter().map(|entry| entry.position.0));
                }
            }
            positions
        });
    }
    let reading = Arc::clone(&two);
    let reader = tokio::spawn(async move {
        // Whoever tails sees an unbroken row of numbers at every moment.
        let mut after = Position::ZERO;
        for _ in 0..200 {
            let tail = reading.tail(after, 500).await;
            for entry in tail.entries {
                assert_eq!(entry.position, after.next(), "a gap in the feed");
                after = entry.position;
            }
            assert_eq!(after, tail.head);
        }
    });
    let mut written: Vec<i64> = callers.join_all().await.into_iter().flatten().collect();
    reader.await.expect("no gap");
    written.sort_unstable();
    let feed = one.store.feed(Position::ZERO, 500).await.expect("read");
    let positions: Vec<i64> = feed.iter().map(|entry| entry.position.0).collect();
    assert_eq!(positions, (1..=positions.len() as i64).collect::<Vec<_>>());
    assert!(written.windows(2).all(|pair| pair[0] < pair[1]), "a position was given twice");
    assert!(written.len() > 10 && written.iter().all(|position| positions.contains(position)));
    let audited = one.store.audit_check().await.expect("read").expect("whole");
    assert_eq!(two.store.audit_check().await.expect("read"), Ok(audited));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_one_redeems_and_one_refreshes() {
    let database = cluster().database();
    let one = Arc::new(World::new(node(cluster(), &database).await).await);
    let two = Arc::new(World::again(node(cluster(), &database).await).await);
    let (connection, as_of) = one.connect(1, 0b11).await;
    let race = async |change: &dyn Fn(u8) -> Change| {
        let mut callers = tokio::task::JoinSet::new();
        for n in 0..32_u8 {
            let (world, change) = (Arc::clone(if n % 2 == 0 { &one } else { &two }), change(n));
            callers.spawn(async move { world.apply(change).await != Outcome::Stale });
        }
        callers.join_all().await.into_iter().filter(|won| *won).count()
    };
    let won = race(&|n| {
        let mut change = one.redemption(7, connection, as_of);
        change.family.digest = FamilyDigest([n; 16]);
        Change::CreateFamily(change)
    })
    .await;
    assert_eq!(won, 1, "one code was redeemed {won} times");
    let digest = one.family(7, connection).await.expect("stands").digest;
    for generation in 0..10 {
        let won = race(&|_| {
            let mut change = one.refresh(7, generation, connection, as_of);
            change.digest = digest;
            Change::MoveFamily(change)
        })
        .await;
        assert_eq!(won, 1, "generation {generation} was used {won} times");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_beside_a_revocation_is_stale_or_born_before_it() {
    let database = cluster().database();
    let one = Arc::new(World::new(node(cluster(), &database).await).await);
    let two = Arc::new(World::again(node(cluster(), &database).await).await);
    for n in 0..20_u32 {
        let mut change = one.consent(n as u8, 0b11);
        change.allow.as_mut().expect("allows").subject = SubjectKey::User(UserId(i64::from(n) + 1));
        let decided = one.decide(change).await;
        let (connection, as_of) = (decided.connection.expect("allowed"), decided.as_of);
        one.applied(Change::CreateFamily(one.redemption(n, connection, as_of))).await;
        let refreshing = Arc::clone(&two);
        let refresher = tokio::spawn(async move {
            let mut last = None;
            for generation in 0.. {
                match refreshing.apply(Change::MoveFamily(refreshing.refresh(n, generation, connection, as_of))).await {
                    Outcome::Applied(applied) => last = Some(applied.position),
                    Outcome::Stale => return last,
                }
            }
            None
        });
        let cut = one.applied(Change::CutConnection { connection, act: act("connection.cut") }).await;
        let at = cut.feed.first().expect("an entry").position;
        if let Some(last) = refresher.await.expect("no panic") {
            assert!(last < at, "a token sealed at {last:?} would outlive the cut at {at:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_writes_the_other_hears() {
    let database = cluster().database();
    let one = World::new(node(cluster(), &database).await).await;
    let two = Arc::new(node(cluster(), &database).await);
    let soon = LONG;
    let switch = |active| Change::Switch { subject: one.app.into(), active, act: act("app.switched") };
    // A listener that has just begun says so once.
    tokio::time::timeout(soon, two.news()).await.expect("begins to listen");
    one.applied(switch(false)).await;
    tokio::time::timeout(soon, two.news()).await.expect("hears");
    // A listener that was cut off listens again, and looks at once.
    let kill = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
          WHERE datname = '{database}' AND (query LIKE 'LISTEN%' OR query LIKE 'NOTIFY%')"
    );
    tokio::task::spawn_blocking(move || cluster().sql("postgres", &kill)).await.expect("no panic");
    tokio::time::timeout(soon, two.news()).await.expect("listens again");
    one.applied(switch(true)).await;
    tokio::time::timeout(soon, two.news()).await.expect("hears again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_see_each_others_signs_of_life_and_shares() {
    let database = cluster().database();
    let (one, two) = (node(cluster(), &database).await, node(cluster(), &database).await);
    let beat = |node, at_millis, count| Beat {
        node: NodeId(node),
        at_millis,
        count,
        position: Position::new(1, 7),
        keys: vec![9, 65_535],
    };
    let now = NOW.0.unsigned_abs() * 1000;
    assert_eq!(one.beat(beat(5, now, 1)).await.expect("beats"), [beat(5, now, 1)]);
    assert_eq!(two.beat(beat(-3, now + 1, 1)).await.expect("beats"), [beat(-3, now + 1, 1), beat(5, now, 1)]);
    assert_eq!(one.beat(beat(5, now + 1000, 2)).await.expect("beats"), [beat(-3, now + 1, 1), beat(5, now + 1000, 2)]);
    // Whoever is silent for long is forgotten.
    let late = now + 2 + Beat::FORGOTTEN.0.unsigned_abs() * 1000;
    assert_eq!(one.beat(beat(5, late, 3)).await.expect("beats"), [beat(5, late, 3)]);
    let used = |customer, passed| Used { customer: CustomerId(customer), app: AppId(2), passed, refused: u32::MAX };
    let share =
        |node, number| Share { node: NodeId(node), number, at_millis: late, used: vec![used(1, 3), used(-1, 0)] };
    assert_eq!(one.share(share(5, 1)).await.expect("shares"), []);
    assert_eq!(two.share(share(-3, 1)).await.expect("shares"), [share(5, 1)]);
    one.share(share(5, 2)).await.expect("shares");
    assert_eq!(two.share(share(-3, 2)).await.expect("shares"), [share(5, 2)]);
    one.leave(NodeId(5)).await.expect("leaves");
    assert_eq!(two.share(share(-3, 3)).await.expect("shares"), []);
    assert_eq!(two.beat(beat(-3, late, 4)).await.expect("beats"), [beat(-3, late, 4)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_change_takes_no_other_with_it() {
    let world = Arc::new(World::new(fresh().await).await);
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..40_u8 {
        let world = Arc::clone(&world);
        callers.spawn(async move {
            if n % 10 != 0 {
                return Some(world.store.apply(Change::MarkSeed([n; 32])).await.is_ok());
            }
            // The one text that the database cannot hold.
            let words = vec![format!("nul\0{n}")];
            assert!(world.store.apply(Change::RegisterScopes(words)).await.is_err());
            None
        });
    }
    let answers: Vec<bool> = callers.join_all().await.into_iter().flatten().collect();
    assert_eq!((answers.len(), answers.iter().all(|applied| *applied)), (36, true));
    assert_eq!(world.count("seeds").await, 36);
}
