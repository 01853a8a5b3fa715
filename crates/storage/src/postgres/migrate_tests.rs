//! Migrations that die at every moment, two at once, old programs on new schemas; with steps made up for it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use causeway_testbed::postgres::Cluster;

use super::*;
use crate::postgres::target::Target;

const EXPAND: Step = Step {
    number: 2,
    phase: Phase::Expand,
    what: "a narrower column beside the old one",
    work: Work::Once("ALTER TABLE people ADD COLUMN short TEXT"),
};
const MIGRATE: Step = Step {
    number: 3,
    phase: Phase::Migrate,
    what: "the names",
    work: Work::Slices(
        "UPDATE people SET short = name WHERE id IN (SELECT id FROM people WHERE short IS NULL ORDER BY id LIMIT 2)",
    ),
};
const CONTRACT: Step = Step {
    number: 4,
    phase: Phase::Contract,
    what: "the old column",
    work: Work::Once("ALTER TABLE people DROP COLUMN name"),
};
/// Schema 1 as it is, and three steps that nobody will ever publish.
const ALL: [Step; 4] = [STEPS[0], EXPAND, MIGRATE, CONTRACT];

/// Longer than any machine stands still.
const PATIENCE: Duration = Duration::from_secs(120);

/// One for all tests in this crate's own files.
pub(in crate::postgres) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

/// A clock that stands still until it is moved. Each test has its own: they run beside each other.
struct Clock {
    now: Arc<AtomicI64>,
    read: Box<dyn Fn() -> UnixTime + Send + Sync>,
}

impl Clock {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000));
        let hand = Arc::clone(&now);
        Clock { now, read: Box::new(move || UnixTime(hand.load(Ordering::Relaxed))) }
    }

    /// Later than any lock holds.
    fn let_the_lock_expire(&self) {
        self.now.fetch_add(LOCK_SECONDS + 1, Ordering::Relaxed);
    }

    fn migrator<'a>(&'a self, node: i64, steps: &'a [Step]) -> Migrator<'a> {
        Migrator { steps, node: NodeId(node), clock: &*self.read, keys: None }
    }
}

pub(in crate::postgres) async fn link(database: &str, keys: KeyLayout) -> Link {
    let target = Target::parse(&cluster().socket_url(database)).expect("fine");
    let mut link = target.connect(keys, None).await.expect("connects");
    // A machine that stands still for seconds shall lose no transaction by it.
    link.set_patience(PATIENCE);
    link.run("SET idle_in_transaction_session_timeout = 0").await.expect("may be set");
    link
}

/// A database of schema 1 with some people, and its name.
async fn old(clock: &Clock) -> (String, Link) {
    let database = cluster().database();
    let mut link = link(&database, KeyLayout::Ordered).await;
    clock.migrator(1, &ALL[..1]).run(&mut link).await.expect("migrates");
    link.run(
        "INSERT INTO people (id, email, role, password, name)
         SELECT n, CAST(n AS TEXT), 1, '', 'name ' || n FROM generate_series(1, 7) AS s (n)",
    )
    .await
    .expect("people");
    (database, link)
}

async fn number(link: &mut Link, sql: &str) -> i64 {
    link.one(sql, &[]).await.and_then(|row| row.int(0)).expect("a number")
}

const NUMBER: &str = "SELECT number FROM schema_state";
const UNNAMED: &str = "SELECT count(*) FROM people WHERE short IS NULL OR short <> 'name ' || id";

#[tokio::test]
async fn a_migration_killed_at_each_step_resumes() {
    let clock = Clock::new();
    // After so many of the steps, and in the middle of the next one.
    for done in 1..ALL.len() {
        let (database, mut first) = old(&clock).await;
        clock.migrator(1, &ALL[..done]).run(&mut first).await.expect("migrates");
        // The next step is under way: the lock is taken, its statements have run, nothing is committed; then the kill.
        let dying = clock.migrator(1, &ALL);
        let state = dying.state(&mut first).await.expect("a state");
        assert!(dying.lock(&mut first, state.number).await.expect("answers"));
        assert!(dying.begin(&mut first, state).await.expect("begins"));
        match ALL[done].work {
            Work::Once(statements) => first.run(statements).await.expect("runs"),
            Work::Slices(slice) => {
                // One slice stands already.
                first.execute(slice, &[]).await.expect("runs");
                first.commit().await.expect("commits");
                assert!(dying.begin(&mut first, state).await.expect("begins"));
                first.execute(slice, &[]).await.map(drop).expect("runs");
            }
        }
        drop(first);
        let mut second = link(&database, KeyLayout::Ordered).await;
        assert_eq!(number(&mut second, NUMBER).await, done as i64);
        // The lock is held until it expires; then another node goes on.
        assert!(!clock.migrator(2, &ALL).lock(&mut second, done as i64).await.expect("answers"));
        clock.let_the_lock_expire();
        clock.migrator(2, &ALL).run(&mut second).await.expect("resumes");
        assert_eq!(number(&mut second, NUMBER).await, 4);
        assert_eq!(number(&mut second, UNNAMED).await, 0, "after {done} steps");
        let left =
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 'people' AND column_name = 'name'";
        assert_eq!(number(&mut second, left).await, 0);
        assert_eq!(number(&mut second, "SELECT count(*) FROM schema_state WHERE holder IS NULL").await, 1);
    }
}

#[tokio::test]
async fn a_new_database_killed_in_its_first_step_begins_again() {
    let clock = Clock::new();
    let database = cluster().database();
    let mut first = link(&database, KeyLayout::Ordered).await;
    let dying = clock.migrator(1, &ALL);
    let state = dying.state(&mut first).await.expect("a state");
    assert!(dying.lock(&mut first, 0).await.expect("answers"));
    assert!(dying.begin(&mut first, state).await.expect("begins"));
    first.run("CREATE TABLE apps (id BIGINT PRIMARY KEY)").await.expect("runs");
    drop(first);
    clock.let_the_lock_expire();
    let mut second = link(&database, KeyLayout::Ordered).await;
    clock.migrator(2, STEPS).run(&mut second).await.expect("begins again");
    assert_eq!(number(&mut second, "SELECT count(*) FROM apps WHERE review_note = ''").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_nodes_that_start_at_once_each_step_is_taken_by_one() {
    let clock = Arc::new(Clock::new());
    let database = cluster().database();
    let mut starting = tokio::task::JoinSet::new();
    for node in 1..=6 {
        let (clock, database) = (Arc::clone(&clock), database.clone());
        starting
            .spawn(async move { clock.migrator(node, &ALL).run(&mut link(&database, KeyLayout::Ordered).await).await });
    }
    for started in starting.join_all().await {
        started.expect("migrates, or waits for who does");
    }
    assert_eq!(number(&mut link(&database, KeyLayout::Ordered).await, NUMBER).await, 4);
}

#[tokio::test]
async fn an_old_program_works_on_an_expanded_schema_and_holds_up_the_contraction() {
    let clock = Clock::new();
    let (database, mut new) = old(&clock).await;
    // An older node lives.
    let at = (clock.read)().0 * 1000;
    let beat =
        format!("INSERT INTO nodes (node, at_millis, count, position, keys, schema) VALUES (9, {at}, 1, 0, '', 1)");
    new.run(&beat).await.expect("beats");
    clock.migrator(1, &ALL).run(&mut new).await.expect("goes as far as it can");
    assert_eq!(number(&mut new, NUMBER).await, 3);
    assert_eq!(number(&mut new, UNNAMED).await, 0);
    let mut old = link(&database, KeyLayout::Ordered).await;
    clock.migrator(2, &ALL[..1]).run(&mut old).await.expect("the older program starts once more");
    assert_eq!(number(&mut old, "SELECT count(*) FROM people WHERE name <> ''").await, 7);
    // It stops; the next start contracts, and from then on it is refused.
    new.run("DELETE FROM nodes WHERE node = 9").await.expect("leaves");
    clock.migrator(1, &ALL).run(&mut new).await.expect("contracts");
    assert_eq!(number(&mut new, NUMBER).await, 4);
    let why = clock.migrator(2, &ALL[..1]).run(&mut old).await.expect_err("too old");
    assert!(why.contains("schema 4") && why.contains("knows only 1"), "{why}");
    // And a program that begins after what this database has cannot bridge the gap.
    let mut far = ALL[3];
    far.number = 6;
    let why = clock.migrator(3, &[far]).run(&mut new).await.expect_err("a gap");
    assert!(why.contains("start one of the versions between"), "{why}");
}

#[tokio::test]
async fn a_step_that_fails_is_undone_and_says_so() {
    let clock = Clock::new();
    let (_, mut link) = old(&clock).await;
    let broken =
        Step { work: Work::Once("ALTER TABLE people ADD COLUMN short TEXT; ALTER TABLE nowhere ADD n INT"), ..EXPAND };
    let why = clock.migrator(1, &[STEPS[0], broken]).run(&mut link).await.expect_err("fails");
    assert!(why.contains("stays at schema 1") && why.contains("nowhere"), "{why}");
    assert_eq!(number(&mut link, NUMBER).await, 1);
    clock.migrator(1, &ALL).run(&mut link).await.expect("the step was undone, and the lock given back");
    assert_eq!(number(&mut link, NUMBER).await, 4);
}

#[tokio::test]
async fn a_lock_that_was_lost_stops_its_holder() {
    let clock = Clock::new();
    let (_, mut link) = old(&clock).await;
    let slow = clock.migrator(1, &ALL);
    let state = slow.state(&mut link).await.expect("a state");
    assert!(slow.lock(&mut link, 1).await.expect("answers"));
    clock.let_the_lock_expire();
    assert!(clock.migrator(2, &ALL).lock(&mut link, 1).await.expect("answers"));
    assert!(!slow.begin(&mut link, state).await.expect("answers"), "two hold the lock");
    assert!(matches!(slow.step(&mut link, state, &EXPAND).await, Ok(Ended::Overtaken)));
    assert_eq!(number(&mut link, NUMBER).await, 1);
}
