//! That waiting redemptions and exchanges cost a constant number of round trips, and come out as if each had been
//! alone; and which of them other nodes are told of.

use std::pin::pin;
use std::task::{Context, Waker};

use causeway_protocol::cluster::NodeId;
use causeway_protocol::records::{Act, SubjectKey};
use causeway_protocol::{AppId, ConnectionId, ConsumerId, CustomerId, UnixTime};

use super::*;
use crate::postgres::Options;
use crate::postgres::migrate::tests::cluster;
use crate::postgres::plain::tests::{exchange, redemption, rows, world};
use crate::sql::db::{Db as _, Row as _};

/// Connections and consumers 100 to 199, beside those of the world.
const MANY: &str = "
    INSERT INTO connections (id, app, subject_kind, subject_id, customer, authorized_by, created_at, allowed_at, last_used,
                             live, scopes, families)
    SELECT n, 1, 1, n, 1, 1, 0, 0, 0, 1, '\\x03', '\\x0000000000000000' FROM generate_series(100, 199) AS s (n);
    INSERT INTO consumers SELECT n, 1, 'k' || n, '', NULL FROM generate_series(100, 199) AS s (n)";

async fn task(keys: KeyLayout) -> (Task, Link) {
    let (database, mut link) = world(keys).await;
    link.run(MANY).await.expect("more of a world");
    let target = Target::parse(&cluster().socket_url(&database)).expect("fine");
    let options = Options::new(NodeId(1), Arc::new(|| UnixTime(0)));
    let task = Task {
        target,
        layout: keys,
        link: None,
        sweep_cursor: sql::SWEEP_START,
        batch: options.batch,
        tell: Arc::default(),
        plain: Plain::new(keys),
        gate: Arc::new(Gate::new(options.batch)),
    };
    (task, link)
}

fn job(change: Change) -> Job {
    let (reply, answer) = oneshot::channel();
    // Somebody waits for it as long as the test runs.
    std::mem::forget(answer);
    Job { changes: vec![change], reply }
}

/// The redemption of family `n` on a connection.
fn redeem(n: i64, connection: i64) -> Job {
    let Change::CreateFamily(mut change) = redemption(n) else { unreachable!("a redemption") };
    change.family.connection = ConnectionId(connection);
    job(Change::CreateFamily(change))
}

/// The exchange of a consumer into a connection for a subject of its own, with family `n`.
fn convert(n: i64, consumer: i64, subject: i64) -> Job {
    let Change::Exchange(mut change) = exchange(n) else { unreachable!("an exchange") };
    (change.consumer, change.allow.subject) = (ConsumerId(consumer), SubjectKey::Customer(CustomerId(subject)));
    job(Change::Exchange(change))
}

/// Whether each was applied, and the round trips that it took.
async fn applied(task: &mut Task, jobs: &[Job]) -> (Vec<bool>, u64) {
    let before = task.link.as_ref().map_or(0, Link::round_trips);
    let outcomes = task.attempt(jobs).await.unwrap_or_else(|trouble| panic!("{}", StoreError::from(trouble)));
    let after = task.link.as_ref().expect("a connection that is of use is kept").round_trips();
    (outcomes.iter().map(|outcome| outcome[0] != Outcome::Stale).collect(), after - before)
}

#[tokio::test]
async fn waiting_redemptions_and_exchanges_take_two_round_trips() {
    for keys in KeyLayout::ALL {
        let (mut task, mut link) = task(keys).await;
        // Statements are prepared once a connection.
        applied(&mut task, &[redeem(1, 100), redeem(2, 101), convert(3, 100, 1000), convert(4, 101, 1001)]).await;
        let jobs: Vec<Job> = (0..32).map(|n| redeem(100 + n, 110 + n)).collect();
        assert_eq!(applied(&mut task, &jobs).await, (vec![true; 32], 2), "redemptions, {keys:?}");
        let jobs: Vec<Job> = (0..32).map(|n| convert(200 + n, 110 + n, 1010 + n)).collect();
        assert_eq!(applied(&mut task, &jobs).await, (vec![true; 32], 2), "exchanges, {keys:?}");
        let both = (0..16).flat_map(|n| [redeem(300 + n, 150 + n), convert(400 + n, 150 + n, 1050 + n)]);
        assert_eq!(applied(&mut task, &both.collect::<Vec<_>>()).await, (vec![true; 32], 2), "both, {keys:?}");
        assert_eq!(rows(&mut link).await, [100, 50, 151, 100]);
        // Each connection holds its own family, and each mark names both.
        let crossed = "SELECT count(*) FROM exchanges AS e JOIN connections AS c ON c.id = e.connection
            JOIN families AS f ON f.id = e.family
           WHERE f.connection = c.id AND c.subject_id = e.consumer + 900 AND c.families = int8send(f.id)";
        assert_eq!(link.one(crossed, &[]).await.and_then(|row| row.int(0)).expect("a count"), 50);
        let named =
            "SELECT count(*) FROM audit AS a JOIN exchanges AS e ON e.connection = a.subject_id WHERE subject_kind = 2";
        assert_eq!(link.one(named, &[]).await.and_then(|row| row.int(0)).expect("a count"), 50);
    }
}

#[tokio::test]
async fn what_is_not_plain_comes_out_as_if_it_were_alone() {
    for keys in KeyLayout::ALL {
        let (mut task, mut link) = task(keys).await;
        link.run(
            "UPDATE connections SET live = 0 WHERE id = 120;
             INSERT INTO cuts VALUES (2, 121, 5, 5, 0), (8, 122, 0, 0, 1)",
        )
        .await
        .expect("taken back");
        let jobs = [
            redeem(1, 100),
            // The same code again; another family of the same connection; one that is dead, one that was cut.
            redeem(1, 100),
            redeem(2, 100),
            redeem(3, 120),
            redeem(4, 121),
            // The same pair again; another pair for the same connection; one that is off; one that is unknown.
            convert(11, 101, 1001),
            convert(12, 101, 1001),
            convert(13, 102, 1001),
            convert(14, 122, 1022),
            convert(15, 999, 1023),
            // A connection that stands already under the subject; the id of a family that was redeemed beside it.
            convert(16, 103, 105),
            convert(1, 104, 1024),
            job(Change::SpendOnce { digest: [1; 16], expires_at: UnixTime(1) }),
        ];
        let expected = [true, false, true, false, false, true, false, true, false, false, true, false, true].to_vec();
        assert_eq!(applied(&mut task, &jobs).await.0, expected, "{keys:?}");
        assert_eq!(rows(&mut link).await, [5, 3, 102, 5]);
        // One of a kind with what is not plain: nothing of it depends on its company.
        let late = [redeem(1, 106), redeem(5, 106)];
        assert_eq!(applied(&mut task, &late).await.0, [false, true], "{keys:?}");
        assert_eq!(rows(&mut link).await, [6, 3, 102, 6]);
    }
}

#[tokio::test]
async fn only_what_the_feed_got_is_news() {
    let (mut task, _link) = task(KeyLayout::Ordered).await;
    let told =
        |task: &Task| std::future::Future::poll(pin!(task.tell.notified()), &mut Context::from_waker(Waker::noop()));
    let act = Act { at: UnixTime(0), actor: String::new(), verb: "app.switched", subject: None, detail: String::new() };
    applied(&mut task, &[job(Change::SpendOnce { digest: [1; 16], expires_at: UnixTime(1) })]).await;
    assert!(told(&task).is_pending(), "nobody need look");
    applied(&mut task, &[job(Change::Switch { subject: AppId(1).into(), active: false, act })]).await;
    assert!(told(&task).is_ready());
    assert!(told(&task).is_pending(), "once");
}
