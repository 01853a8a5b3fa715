//! Bad days of the database under a node (SECURITY; TOKENS 6): no room on its disk, slow, set back to an older backup.
//! What the engine does by itself on such a day stands in storage's tests.

use std::sync::LazyLock;

use causeway_protocol::Position;
use causeway_storage::Store;
use causeway_testbed::postgres::{Cluster, Options};
use causeway_testkit::{Consent, client::Response};

use super::*;

static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);

async fn one_on(cluster: &Cluster, database: &str) -> Platform {
    Builder::new().by_itself().on(&Common::Database(cluster.url(database))).start().await
}

/// What `/readyz` says; nothing: it is ready.
async fn health(platform: &Platform) -> String {
    let reply = platform.at_login(Call::get("/readyz")).await;
    if reply.status == 200 { String::new() } else { reply.text() }
}

fn assert_come_again(reply: &Response) {
    assert_eq!((reply.status, reply.member("error").as_str()), (503, "temporarily_unavailable"), "{}", reply.text());
    assert!(!reply.header("retry-after").is_empty());
}

#[tokio::test]
async fn r_05_a_full_disk_of_the_database_is_said_loses_nothing_and_is_over_when_there_is_room() {
    let cluster = Cluster::start_with(&Options { disk: true, ..Options::default() });
    let node = one_on(&cluster, &cluster.database()).await;
    node.patient(true);
    let mut codes = Vec::new();
    for _ in 0..200 {
        codes.push(node.grant(Consent::new("acme", OLIVIA)).await);
    }
    // The oldest first: of more than four, the oldest gives way.
    codes.reverse();
    let mut last = ACME.connect(&node, OLIVIA).await;
    node.patient(false);
    cluster.fill_disk();
    // There is room on the pages that there are.
    let (code, refused) = loop {
        let code = codes.pop().expect("the disk is full before all are redeemed");
        let reply = ACME.exchange(&node, &code).await;
        if reply.status != 200 {
            break (code, reply);
        }
        last = Pair::of(&reply);
    };
    assert_come_again(&refused);
    assert!(health(&node).await.contains("its disk is full"), "{}", health(&node).await);
    assert_eq!(sites(&node, &last.access).await.0, 200, "calls are checked as before");
    cluster.make_room();
    // Nobody sends requests to a node that says so; it finds out by itself.
    until("it is ready again", async || health(&node).await.is_empty()).await;
    node.patient(true);
    assert_eq!(ACME.exchange(&node, &code).await.status, 200, "the code was not burnt");
    assert_eq!(ACME.refresh(&node, &last.refresh).await.status, 200, "what was acknowledged stands");
    node.edge.node.store.audit_check().await.expect("read").expect("whole");
}

#[tokio::test]
async fn r_06_a_slow_database_is_said_answered_in_time_and_holds_up_nobody_else() {
    let database = CLUSTER.database();
    let node = one_on(&CLUSTER, &database).await;
    node.patient(true);
    let pair = ACME.connect(&node, OLIVIA).await;
    let code = node.grant(Consent::new("acme", PRIYA)).await;
    node.patient(false);
    let held = CLUSTER.hold(&database, "SELECT position FROM meta FOR UPDATE");
    let meanwhile = async {
        until("it is said", async || health(&node).await.contains("it is slow")).await;
        assert_eq!(sites(&node, &pair.access).await.0, 200);
        // Patience of its own: `held` is not let go before, so whoever waits for the writer waits for ever.
        until("a refresh waits for nobody", async || ACME.refresh(&node, &pair.refresh).await.status == 200).await;
    };
    // It is answered, though what holds the database is still held.
    let (refused, ()) = tokio::join!(ACME.exchange(&node, &code), meanwhile);
    assert_come_again(&refused);
    drop(held);
    until("it is ready again", async || health(&node).await.is_empty()).await;
    node.patient(true);
    assert_eq!(ACME.exchange(&node, &code).await.status, 200, "the code was not burnt");
}

#[tokio::test]
async fn r_09_a_store_that_was_set_back_is_neither_believed_nor_written_to() {
    let cluster = Cluster::start();
    let database = cluster.database();
    let nodes = Builder::new().by_itself().on(&Common::Database(cluster.url(&database))).started(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    a.patient(true);
    let (pair, other) = (ACME.connect(a, OLIVIA).await, ACME.connect(a, PRIYA).await);
    cluster.save();
    for node in &nodes {
        until("the database is back", async || tail::read(&node.edge.node).await.is_ok()).await;
    }
    a.cut("acme", "4100").await;
    a.patient(false);
    read(b).await;
    for node in &nodes {
        assert_eq!(sites(node, &pair.access).await, (401, 601));
    }
    // Nothing runs here while it is done. The connection that was cut is live again in what comes back.
    cluster.restore();
    let audited = || cluster.sql(&database, "SELECT count(*) FROM audit");
    let (before, head) = (audited(), a.edge.node.held.head());
    for node in &nodes {
        until("it is noticed", async || {
            assert_ne!(ACME.refresh(node, &pair.refresh).await.status, 200, "good again");
            assert_ne!(sites(node, &pair.access).await.0, 200, "good again");
            node.edge.node.cluster.behind().is_some()
        })
        .await;
        for access in [&pair.access, &other.access] {
            assert_eq!(sites(node, access).await, (503, 611));
        }
        assert_come_again(&ACME.refresh(node, &other.refresh).await);
        assert_come_again(&ACME.revoke(node, &other.refresh).await);
        assert_come_again(&ACME.introspect(node, &pair.refresh).await);
        let says = health(node).await;
        assert!(says.contains("set back") && says.contains(&head.counter().to_string()), "{says}");
    }
    assert_eq!(audited(), before, "nothing was written");
    // Whoever accepts the restored store raises its incarnation: then it is another store, and read from its beginning.
    let raised = Position::new(head.incarnation() + 1, 0);
    cluster.sql(&database, &format!("UPDATE meta SET position = {}", raised.0));
    for node in &nodes {
        until("it is ready again", async || health(node).await.is_empty()).await;
        assert_eq!(node.edge.node.held.head(), raised);
        assert_eq!(sites(node, &other.access).await.0, 200);
    }
    b.patient(true);
    assert_eq!(ACME.refresh(b, &other.refresh).await.status, 200);
}
