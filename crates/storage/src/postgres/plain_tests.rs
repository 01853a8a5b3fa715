//! That the plain case is one statement, and what happens to one that had to wait for another writer.

use causeway_protocol::change::Allow;
use causeway_protocol::cluster::NodeId;
use causeway_protocol::records::{FamilyDigest, FeedEvent, SubjectKey};
use causeway_protocol::time::Seconds;
use causeway_protocol::{AppId, ConsumerId, CustomerId, FamilyId, ScopeSet, Subject, SubjectKind, UnixTime, UserId};

use super::*;
use crate::postgres::migrate::tests::{cluster, link};
use crate::postgres::migrate::{Migrator, STEPS};
use crate::sql::{Head, reads};

const NOW: UnixTime = UnixTime(1_800_000_000);

/// A database with an app, a customer, a person, a consumer and a connection, all of number 1.
pub(in crate::postgres) async fn world(keys: KeyLayout) -> (String, Link) {
    let database = cluster().database();
    let mut link = link(&database, keys).await;
    let migrator = Migrator { steps: STEPS, node: NodeId(1), clock: &|| NOW, keys: Some(keys) };
    migrator.run(&mut link).await.expect("migrates");
    link.run(
        "INSERT INTO apps VALUES (1, 'a', '', '', '', '', 1, NULL, 2, 1, 0, '', NULL, NULL, NULL, '');
         INSERT INTO customers VALUES (1, 'c', '', NULL);
         INSERT INTO people VALUES (1, 'p', 1, NULL, '', '');
         INSERT INTO consumers VALUES (1, 1, 'k', '', NULL);
         INSERT INTO connections (id, app, subject_kind, subject_id, customer, authorized_by, created_at, allowed_at, last_used,
                                  live, scopes, families)
         VALUES (1, 1, 1, 9, 1, 1, 0, 0, 0, 1, '\\x03', '\\x0000000000000000')",
    )
    .await
    .expect("a world");
    (database, link)
}

fn family(n: i64) -> Family {
    Family {
        id: FamilyId(n),
        generation: 0,
        digest: FamilyDigest([7; 16]),
        moved_at: NOW,
        ends_at: NOW + Seconds(100),
        connection: ConnectionId(1),
        scopes: ScopeSet(1),
        repudiated: false,
        key_id: 1,
        retry: None,
    }
}

fn act() -> Act {
    Act {
        at: NOW, actor: "person:1 ä".to_owned(), verb: "family.created", subject: None, detail: "because".to_owned()
    }
}

pub(in crate::postgres) fn redemption(n: i64) -> Change {
    let (app, customer, user) = (AppId(1), CustomerId(1), UserId(1));
    let as_of = Position::ZERO;
    Change::CreateFamily(CreateFamily { family: family(n), as_of, app, customer, user, max_families: 4, act: act() })
}

pub(in crate::postgres) fn exchange(n: i64) -> Change {
    let (app, customer, person) = (AppId(1), CustomerId(1), UserId(1));
    let subject = SubjectKey::Customer(customer);
    let allow = Allow { app, subject, customer, person, scopes: ScopeSet(0b11) };
    Change::Exchange(Exchange { consumer: ConsumerId(1), allow, family: family(n), max_families: 4, act: act() })
}

/// How many families, marks, connections and audit rows there are; the chain must hold.
pub(in crate::postgres) async fn rows(link: &mut Link) -> [i64; 4] {
    reads::audit_check(link).await.expect("read").expect("the chain is whole");
    let mut counts = [0; 4];
    for (count, table) in counts.iter_mut().zip(["families", "exchanges", "connections", "audit"]) {
        *count =
            link.one(&format!("SELECT count(*) FROM {table}"), &[]).await.and_then(|row| row.int(0)).expect("a count");
    }
    counts
}

#[tokio::test]
async fn the_plain_case_is_one_statement_and_the_rest_writes_nothing() {
    for keys in KeyLayout::ALL {
        let (_, mut link) = world(keys).await;
        let plain = Plain::new(keys);
        assert!(matches!(plain.apply(&mut link, &redemption(17)).await, Ok(Some(Outcome::Applied(_)))));
        assert_eq!(rows(&mut link).await, [1, 0, 1, 1]);
        // The slot is taken.
        assert!(matches!(plain.apply(&mut link, &redemption(18)).await, Ok(None)));
        assert_eq!(rows(&mut link).await, [1, 0, 1, 1]);
        let exchanged = plain.apply(&mut link, &exchange(19)).await.expect("fine").expect("plain");
        let Outcome::Applied(applied) = exchanged else { panic!("stale") };
        assert!(matches!(applied.row, Row::Family { family, .. } if family.connection == ConnectionId(2)));
        assert_eq!(rows(&mut link).await, [2, 1, 2, 2]);
        let named = link.one("SELECT subject_kind, subject_id FROM audit WHERE number = 2", &[]).await.expect("a row");
        assert_eq!((named.int(0).expect("kind"), named.int(1).expect("id")), (2, 2));
        // The mark is there; and a family of that id already.
        assert!(matches!(plain.apply(&mut link, &exchange(20)).await, Ok(None)));
        link.run("UPDATE connections SET families = '\\x0000000000000000'").await.expect("free again");
        assert!(plain.apply(&mut link, &redemption(17)).await.is_err());
        assert_eq!(rows(&mut link).await, [2, 1, 2, 2]);
    }
}

/// What another writer does while the statement waits for it; answers the outcome, and the position of what it took back.
async fn beside(change: Change, other: &str, back: Option<Subject>) -> (Sql<Option<Outcome>>, Position, [i64; 4]) {
    let (database, mut first) = world(KeyLayout::Ordered).await;
    let mut waiting = link(&database, KeyLayout::Ordered).await;
    // It waits for as long as it takes to see that it does.
    waiting.run("SET lock_timeout = 0; SET statement_timeout = 0").await.expect("may be set");
    first.begin();
    let mut head = Head::of(&first.one(Head::LOCK, &[]).await.expect("locks")).expect("a head");
    let waiter = tokio::spawn(async move {
        let outcome = Plain::new(KeyLayout::Ordered).apply(&mut waiting, &change).await;
        (outcome, waiting)
    });
    // The statement has begun, and stands before the lock.
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = ";
    while cluster().sql("postgres", &format!("{blocked}'{database}'")) == "0" {
        tokio::task::yield_now().await;
    }
    first.run(other).await.expect("the other's rows");
    if let Some(subject) = back {
        head.position = head.position.next();
        let values = values![head.position.0, NOW.0, subject.kind as i64, subject.id, FeedEvent::CutAll as i64];
        first.execute("INSERT INTO feed VALUES (?1, ?2, ?3, ?4, ?5)", &values).await.expect("an entry");
        let values = values![subject.kind as i64, subject.id, head.position.0];
        first.execute("INSERT INTO cuts VALUES (?1, ?2, ?3, ?3, 0)", &values).await.expect("a cut");
        head.save(&mut first).await.expect("the head");
    }
    first.commit().await.expect("commits");
    let (outcome, mut waited) = waiter.await.expect("no panic");
    (outcome, head.position, rows(&mut waited).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_beside_a_take_back_is_born_dead_or_not_at_all() {
    let customer = Subject { kind: SubjectKind::Customer, id: 1 };
    for change in [redemption(1), exchange(1)] {
        let (outcome, cut_at, _) = beside(change, "SELECT 1", Some(customer)).await;
        let Ok(Some(Outcome::Applied(applied))) = outcome else { panic!("{outcome:?}") };
        assert!(applied.position < cut_at, "sealed at {:?}, cut at {cut_at:?}", applied.position);
    }
    let cut = "UPDATE connections SET live = 0";
    let (outcome, _, rows) = beside(redemption(1), cut, Some(Subject { kind: SubjectKind::Connection, id: 1 })).await;
    assert!(matches!(outcome, Ok(None)) && rows[0] == 0, "{outcome:?}, {rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_beside_its_like_goes_the_general_way() {
    let made = "INSERT INTO families (id, moved_at, ends_at, connection, generation, key_id, repudiated, retry, digest, scopes)
                VALUES (1, 0, 0, 1, 32768, 129, 0, '', '', '')";
    // The same code: the slot is taken meanwhile. An id that collides: the key breaks the whole statement.
    let taken = format!("{made}; UPDATE connections SET families = '\\x0000000000000001'");
    for other in [taken.as_str(), made] {
        let (outcome, _, rows) = beside(redemption(1), other, None).await;
        assert!(!matches!(outcome, Ok(Some(_))) && rows == [1, 0, 1, 0], "{outcome:?}, {rows:?}");
    }
    // The same pair, the same subject, or just another connection with the next number.
    let mark = "INSERT INTO exchanges VALUES (1, 1, 5, 1, 0, 0)";
    let connection =
        "INSERT INTO connections (id, app, subject_kind, subject_id, customer, authorized_by, created_at, allowed_at,
                          last_used, live, scopes, families) SELECT 2, 1, 1, 1, 1, 1, 0, 0, 0, 1, '\\x03', families
                        FROM connections WHERE id = 1";
    for (other, marks, connections) in [(mark, 1, 1), (connection, 0, 2)] {
        let (outcome, _, rows) = beside(exchange(1), other, None).await;
        assert!(!matches!(outcome, Ok(Some(_))) && rows == [0, marks, connections, 0], "{outcome:?}, {rows:?}");
    }
}
