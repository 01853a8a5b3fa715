//! The contract of what is granted: consents, connections, families.

use causeway_protocol::change::{Decide, Standing};
use causeway_protocol::records::{Connection, Decision, Family, FamilyDigest, FeedEvent, RetryDigest, SubjectKey};
use causeway_protocol::time::Seconds;
use causeway_protocol::{AppId, Change, ConnectionId, CustomerId, FamilyId, Position, Row, ScopeSet, Subject, UserId};
use causeway_storage::{Page, Store};

use crate::fixture::{ABSOLUTE, IDLE, NOW, World, act, digest, family, family_id};

const ALL: Page<ConnectionId> = Page { after: None, limit: 500 };

fn events(applied: &causeway_protocol::Applied) -> Vec<(Subject, FeedEvent)> {
    applied.feed.iter().map(|entry| (entry.subject, entry.event)).collect()
}

pub(crate) async fn decide<S: Store>(world: World<S>) {
    let change = world.consent(1, 0b11);
    let applied = world.applied(Change::Decide(change.clone())).await;
    assert!(applied.feed.is_empty(), "nothing was taken back");
    let Row::Decided(decided) = applied.row else { panic!("{:?}", applied.row) };
    assert_eq!(decided.as_of, applied.position);
    let id = decided.connection.expect("allowed");
    assert_eq!(world.store.decided([1; 16]).await.expect("read"), Some(decided));
    assert_eq!(
        world.store.connection(id).await.expect("read"),
        Some(Connection {
            id,
            app: world.app,
            subject: SubjectKey::Customer(world.customer),
            customer: world.customer,
            authorized_by: world.user,
            scopes: ScopeSet(0b11),
            created_at: NOW,
            allowed_at: NOW,
            live: true,
            cut_at: None,
            last_used: None,
        })
    );
    // A denial makes no connection, but spends its transaction.
    let mut denial = Decide { allow: None, ..world.consent(2, 0) };
    denial.decided.decision = Decision::Deny;
    assert_eq!(world.decide(denial.clone()).await.connection, None);
    assert_eq!(world.count("connections").await, 1);
    world.stale(Change::Decide(denial)).await;
    assert_eq!(world.store.decided([3; 16]).await.expect("read"), None);
}

/// Where nobody signs in, no person is looked for, and a person can still not be invented.
pub(crate) async fn nobody_decides<S: Store>(world: World<S>) {
    let mut change = world.consent(1, 0b11);
    change.allow.as_mut().expect("allows").person = UserId::NOBODY;
    let decided = world.decide(change).await;
    let (connection, as_of) = (decided.connection.expect("allowed"), decided.as_of);
    let made = world.store.connection(connection).await.expect("read").expect("stands");
    assert_eq!((made.authorized_by, made.live), (UserId::NOBODY, true));
    let mut redeem = world.redemption(1, connection, as_of);
    redeem.user = UserId::NOBODY;
    world.applied(Change::CreateFamily(redeem)).await;
    let mut refresh = world.refresh(1, 0, connection, as_of);
    refresh.user = UserId::NOBODY;
    world.applied(Change::MoveFamily(refresh)).await;
    let standing = world.store.standing(family_id(1), connection, world.app, world.customer, UserId::NOBODY).await;
    let standing = standing.expect("read");
    assert_eq!(
        (standing.off, standing.cut_all, standing.family.map(|one| one.generation)),
        (false, Position::ZERO, Some(1))
    );
    world.stale(Change::Switch { subject: UserId::NOBODY.into(), active: false, act: act("switched") }).await;
    assert_eq!(world.store.person(UserId::NOBODY).await.expect("read"), None);
    let mut unknown = world.consent(2, 0b11);
    unknown.allow.as_mut().expect("allows").person = UserId(99);
    world.stale(Change::Decide(unknown)).await;
}

pub(crate) async fn families_of_a_connection<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    let held = async || world.store.families(connection).await.expect("read");
    assert_eq!(held().await, []);
    assert_eq!(world.store.families(ConnectionId(99)).await.expect("read"), []);
    for n in 1..=2 {
        world.applied(Change::CreateFamily(world.redemption(n, connection, as_of))).await;
    }
    world.applied(Change::RepudiateFamily { family: family_id(1), act: act("family.repudiated") }).await;
    world.applied(Change::MoveFamily(world.refresh(2, 0, connection, as_of))).await;
    let seen = held().await;
    assert_eq!(seen.iter().map(|one| one.id).collect::<Vec<_>>(), [family_id(1), family_id(2)]);
    assert_eq!((seen[0].repudiated, seen[1].generation), (true, 1));
    world.applied(Change::CutConnection { connection, act: act("connection.cut") }).await;
    assert_eq!(held().await, [], "what is dead with its connection is not held");
    let key = SubjectKey::Customer(world.customer);
    let found = world.store.connection_of(world.app, key).await.expect("read").expect("cut, but there");
    assert_eq!((found.id, found.live), (connection, false));
    assert_eq!(world.store.connection_of(world.other_app, key).await.expect("read"), None);
    assert_eq!(world.store.connection_of(world.app, SubjectKey::User(world.user)).await.expect("read"), None);
}

pub(crate) async fn decide_again<S: Store>(world: World<S>) {
    let (id, first) = world.connect(1, 0b11).await;
    let change = |transaction, scopes| Change::Decide(world.consent(transaction, scopes));
    assert!(world.applied(change(2, 0b11)).await.feed.is_empty(), "nothing changed");
    assert_eq!(events(&world.applied(change(3, 0b111)).await), [(id.into(), FeedEvent::Changed)]);
    let narrowed = world.applied(change(4, 0b001)).await;
    assert_eq!(events(&narrowed), [(id.into(), FeedEvent::CutAccess)]);
    let Row::Decided(decided) = narrowed.row else { panic!("{:?}", narrowed.row) };
    assert_eq!(decided.connection, Some(id), "connecting again leaves one connection");
    assert!(decided.as_of >= narrowed.feed[0].position, "the code of a narrowing must not be born dead");
    assert!(decided.as_of > first);
    // Cut, then allowed again: the same row lives.
    world.applied(Change::CutConnection { connection: id, act: act("connection.cut") }).await;
    let mut later = world.consent(5, 0b1);
    later.decided.at = NOW + Seconds(50);
    later.allow.as_mut().expect("allows").person = world.other_user;
    assert_eq!(world.decide(later).await.connection, Some(id));
    let connection = world.store.connection(id).await.expect("read").expect("stands");
    assert_eq!((connection.live, connection.cut_at), (true, None));
    assert_eq!((connection.created_at, connection.allowed_at), (NOW, NOW + Seconds(50)));
    assert_eq!(connection.authorized_by, world.other_user);
    // Another subject key or another app is another connection.
    let mut person = world.consent(6, 0b1);
    person.allow.as_mut().expect("allows").subject = SubjectKey::User(world.user);
    assert_ne!(world.decide(person).await.connection, Some(id));
    let mut other = world.consent(7, 0b1);
    other.allow.as_mut().expect("allows").app = world.other_app;
    assert_ne!(world.decide(other).await.connection, Some(id));
    assert_eq!(world.count("connections").await, 3);
}

pub(crate) async fn another_customer<S: Store>(world: World<S>) {
    let consent = |transaction, customer| {
        let mut change = world.consent(transaction, 0b1);
        let allow = change.allow.as_mut().expect("allows");
        (allow.subject, allow.customer) = (SubjectKey::User(world.user), customer);
        change
    };
    let decided = world.decide(consent(1, world.customer)).await;
    let id = decided.connection.expect("allowed");
    world.applied(Change::CreateFamily(world.redemption(1, id, decided.as_of))).await;
    let moved = world.applied(Change::Decide(consent(2, world.other_customer))).await;
    assert_eq!(events(&moved), [(id.into(), FeedEvent::CutAll)], "another customer's data is another grant");
    world.stale(Change::MoveFamily(world.refresh(1, 0, id, decided.as_of))).await;
}

pub(crate) async fn decide_stale<S: Store>(world: World<S>) {
    world.connect(1, 0b11).await;
    world.stale(Change::Decide(world.consent(1, 0b11))).await;
    world.stale(Change::Decide(world.consent(1, 0b1))).await;
    let subjects: [Subject; 3] = [world.app.into(), world.customer.into(), world.user.into()];
    for (n, subject) in (10..).zip(subjects) {
        world.switch(subject, false).await;
        world.stale(Change::Decide(world.consent(n, 0b11))).await;
        world.switch(subject, true).await;
        world.connect(n, 0b11).await;
    }
    for missing in 0..3 {
        let mut change = world.consent(20, 0b1);
        let allow = change.allow.as_mut().expect("allows");
        match missing {
            0 => allow.app = AppId(99),
            1 => allow.customer = CustomerId(99),
            _ => allow.person = UserId(99),
        }
        world.stale(Change::Decide(change)).await;
    }
}

pub(crate) async fn create<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b110).await;
    let mut change = world.redemption(1, connection, as_of);
    change.family.retry = Some(RetryDigest([9; 8]));
    change.family.scopes = ScopeSet(1 << 127);
    let applied = world.applied(Change::CreateFamily(change.clone())).await;
    assert_eq!(applied.row, Row::Family { family: change.family.clone(), connection_scopes: ScopeSet(0b110) });
    assert_eq!((applied.position, applied.feed.len()), (as_of, 0));
    assert_eq!(world.family(1, connection).await, Some(change.family));
    assert_eq!(world.family(2, connection).await, None);
}

pub(crate) async fn create_stale<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let mut again = world.redemption(1, connection, as_of);
    again.family.digest = digest(5);
    world.stale(Change::CreateFamily(again)).await;
    world.stale(Change::CreateFamily(world.redemption(2, ConnectionId(99), as_of))).await;
    let subjects: [Subject; 3] = [world.app.into(), world.customer.into(), world.user.into()];
    for (n, subject) in (10..).zip(subjects) {
        world.switch(subject, false).await;
        world.stale(Change::CreateFamily(world.redemption(n, connection, as_of))).await;
        // On again, the code lives: a switch is no cut.
        world.switch(subject, true).await;
        world.applied(Change::CreateFamily(world.redemption(n, connection, as_of))).await;
    }
    world.applied(Change::CutConnection { connection, act: act("connection.cut") }).await;
    world.stale(Change::CreateFamily(world.redemption(20, connection, as_of))).await;
    let head = world.store.boot().await.expect("boot").head;
    world.stale(Change::CreateFamily(world.redemption(20, connection, head))).await;
    let (_, fresh) = world.connect(2, 0b11).await;
    world.stale(Change::CreateFamily(world.redemption(20, connection, as_of))).await;
    world.applied(Change::CreateFamily(world.redemption(20, connection, fresh))).await;
}

pub(crate) async fn too_many<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    for n in 1..=4 {
        world.applied(Change::CreateFamily(world.redemption(n, connection, as_of))).await;
    }
    // Family 1 is used, so 2 is the longest unused.
    world.applied(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
    let audited = world.count("audit").await;
    let fifth = world.applied(Change::CreateFamily(world.redemption(5, connection, as_of))).await;
    assert_eq!(events(&fifth), [(family_id(2).into(), FeedEvent::CutAll)]);
    assert_eq!(world.count("audit").await, audited + 2, "the redemption, and the family that gave way");
    let repudiated = |family: Option<Family>| family.expect("stands").repudiated;
    assert!(repudiated(world.family(2, connection).await));
    for n in [1, 3, 4, 5] {
        assert!(!repudiated(world.family(n, connection).await), "family {n}");
    }
    // One that is repudiated takes no room.
    let act = act("family.repudiated");
    world.applied(Change::RepudiateFamily { family: family_id(3), act }).await;
    assert!(world.applied(Change::CreateFamily(world.redemption(6, connection, as_of))).await.feed.is_empty());
    // A lower limit makes as much room as it needs.
    let mut strict = world.redemption(7, connection, as_of);
    strict.max_families = 1;
    assert_eq!(
        events(&world.applied(Change::CreateFamily(strict)).await),
        [
            (family_id(4).into(), FeedEvent::CutAll),
            (family_id(5).into(), FeedEvent::CutAll),
            (family_id(6).into(), FeedEvent::CutAll),
            (family_id(1).into(), FeedEvent::CutAll),
        ]
    );
    // One that has ended takes no room.
    let mut late = world.redemption(8, connection, as_of);
    late.max_families = 1;
    (late.family.moved_at, late.family.ends_at) = (NOW + ABSOLUTE, NOW + ABSOLUTE + ABSOLUTE);
    assert!(world.applied(Change::CreateFamily(late)).await.feed.is_empty());
}

pub(crate) async fn advance<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b110).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let mut change = world.refresh(1, 0, connection, as_of);
    change.retry = Some(RetryDigest([3; 8]));
    let applied = world.applied(Change::MoveFamily(change)).await;
    let moved = Family {
        generation: 1,
        moved_at: NOW + Seconds(10),
        key_id: 2,
        retry: Some(RetryDigest([3; 8])),
        ..family(1, connection)
    };
    assert_eq!(applied.row, Row::Family { family: moved.clone(), connection_scopes: ScopeSet(0b110) });
    assert_eq!((applied.position, applied.feed.len()), (as_of, 0));
    assert_eq!(world.family(1, connection).await, Some(moved));
    world.applied(Change::MoveFamily(world.refresh(1, 1, connection, as_of))).await;
    assert_eq!(
        world.family(1, connection).await.expect("stands").retry,
        None,
        "a key is remembered for one generation"
    );
    assert_eq!(world.count("families").await, 1);
}

pub(crate) async fn advance_stale<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    world.applied(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
    let right = world.refresh(1, 1, connection, as_of);
    let mut other = world.consent(2, 0b1);
    other.allow.as_mut().expect("allows").app = world.other_app;
    let other = world.decide(other).await.connection.expect("allowed");
    let wrong = |change: &dyn Fn(&mut causeway_protocol::change::MoveFamily)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        Change::MoveFamily(wrong)
    };
    world.stale(wrong(&|change| change.generation = 0)).await;
    world.stale(wrong(&|change| change.generation = 2)).await;
    world.stale(wrong(&|change| change.digest = FamilyDigest([0; 16]))).await;
    world.stale(wrong(&|change| change.family = family_id(2))).await;
    world.stale(wrong(&|change| change.connection = other)).await;
    world.stale(wrong(&|change| change.connection = ConnectionId(99))).await;
    world.stale(wrong(&|change| change.now = NOW + ABSOLUTE)).await;
    world.stale(wrong(&|change| change.now = NOW + Seconds(10) + IDLE)).await;
    for subject in [Subject::from(world.app), world.customer.into(), world.user.into()] {
        world.switch(subject, false).await;
        world.stale(Change::MoveFamily(right.clone())).await;
        world.switch(subject, true).await;
    }
    // Narrowed is not revoked: the refresh token lives, unless nothing that is wanted is left.
    world.connect(3, 0b01).await;
    world.stale(wrong(&|change| change.wanted = ScopeSet(0b10))).await;
    world.stale(wrong(&|change| change.wanted = ScopeSet::EMPTY)).await;
    world.applied(Change::MoveFamily(right.clone())).await;
    let last = causeway_protocol::change::MoveFamily { generation: 2, ..right };
    world.applied(Change::CutConnection { connection, act: act("connection.cut") }).await;
    world.stale(Change::MoveFamily(last.clone())).await;
    let head = world.connect(4, 0b11).await.1;
    world.stale(Change::MoveFamily(last.clone())).await;
    // Only a token sealed after the cut could pass, up to its last second.
    let almost = NOW + Seconds(10) + Seconds(IDLE.0 - 1);
    let fresh = causeway_protocol::change::MoveFamily { as_of: head, now: almost, ..last };
    world.applied(Change::MoveFamily(fresh)).await;
}

pub(crate) async fn repudiate<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let repudiate = |n| Change::RepudiateFamily { family: family_id(n), act: act("family.repudiated") };
    let applied = world.applied(repudiate(1)).await;
    assert_eq!(events(&applied), [(family_id(1).into(), FeedEvent::CutAll)]);
    assert_eq!(applied.position, applied.feed[0].position);
    assert_eq!(applied.feed[0].at, NOW);
    assert!(world.family(1, connection).await.expect("the evidence stays").repudiated);
    world.stale(repudiate(1)).await;
    world.stale(repudiate(2)).await;
    let head = applied.position;
    world.stale(Change::MoveFamily(world.refresh(1, 0, connection, head))).await;
}

pub(crate) async fn cut_token<S: Store>(world: World<S>) {
    let (token, other) = (FamilyId::lone(world.app, 7), FamilyId::lone(world.app, 8));
    let as_of = world.store.boot().await.expect("boot").head;
    let cut = |family| {
        let bearer = causeway_protocol::token::Bearer { family, ..world.own_token(world.app, 0, as_of) };
        Change::CutToken { bearer, budget: 2, act: act("token.revoked") }
    };
    let applied = world.applied(cut(token)).await;
    assert_eq!(events(&applied), [(token.into(), FeedEvent::CutAll)]);
    assert_eq!(applied.feed[0].at, NOW);
    world.stale(cut(token)).await;
    assert_eq!(events(&world.applied(cut(other)).await), [(other.into(), FeedEvent::CutAll)]);
    let cuts = world.store.boot().await.expect("read").cuts;
    assert!([token, other].iter().all(|one| cuts.iter().any(|(subject, _)| *subject == (*one).into())), "{cuts:?}");
}

pub(crate) async fn cut<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let cut = Change::CutConnection { connection, act: act("connection.cut") };
    let applied = world.applied(cut.clone()).await;
    assert_eq!(events(&applied), [(connection.into(), FeedEvent::CutAll)]);
    let row = world.store.connection(connection).await.expect("read").expect("stays");
    assert_eq!((row.live, row.cut_at), (false, Some(NOW)));
    world.stale(cut).await;
    world.stale(Change::CutConnection { connection: ConnectionId(99), act: act("connection.cut") }).await;
    // Its old families take no room from those that come after it.
    let (_, fresh) = world.connect(2, 0b11).await;
    for n in 2..=5 {
        let applied = world.applied(Change::CreateFamily(world.redemption(n, connection, fresh))).await;
        assert!(applied.feed.is_empty(), "family {n} needed no room");
    }
}

pub(crate) async fn standing<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let ask = || world.store.standing(family_id(1), connection, world.app, world.customer, world.user);
    let stands = Standing {
        family: Some(family(1, connection)),
        connection: Some((ScopeSet(0b11), true)),
        cut_all: Position::ZERO,
        off: false,
        position: as_of,
    };
    assert_eq!(ask().await.expect("read"), stands);
    let unknown = world.store.standing(family_id(9), ConnectionId(9), AppId(9), CustomerId(9), UserId(9)).await;
    assert_eq!(unknown.expect("read"), Standing { position: as_of, ..Standing::default() });
    for subject in [Subject::from(world.app), world.customer.into(), world.user.into()] {
        let off = world.switch(subject, false).await;
        assert_eq!(ask().await.expect("read"), Standing { off: true, position: off.position, ..stands.clone() });
        world.switch(subject, true).await;
    }
    world.applied(Change::CutConnection { connection, act: act("connection.cut") }).await;
    let cut = ask().await.expect("read");
    assert_eq!((cut.connection, cut.off), (Some((ScopeSet(0b11), false)), false));
    assert_eq!((cut.cut_all, cut.cut_all > as_of), (cut.position, true));
}

pub(crate) async fn lists<S: Store>(world: World<S>) {
    // Keyed by customer, by person, by person of another customer; the last one cut.
    let keys = [
        (SubjectKey::Customer(world.customer), world.customer, world.user),
        (SubjectKey::User(world.user), world.customer, world.user),
        (SubjectKey::User(world.other_user), world.other_customer, world.other_user),
        (SubjectKey::Customer(world.other_customer), world.customer, world.other_user),
    ];
    let mut ids = Vec::new();
    for (n, (subject, customer, person)) in (1..).zip(keys) {
        let mut change = world.consent(n, 0b1);
        let allow = change.allow.as_mut().expect("allows");
        (allow.subject, allow.customer, allow.person) = (subject, customer, person);
        ids.push(world.decide(change).await.connection.expect("allowed"));
    }
    world.applied(Change::CutConnection { connection: ids[3], act: act("connection.cut") }).await;
    let list = async |customer, live_only, page| -> Vec<ConnectionId> {
        let found = world.store.connections(customer, live_only, page).await.expect("read");
        found.into_iter().map(|connection| connection.id).collect()
    };
    assert_eq!(list(None, false, ALL).await, ids);
    assert_eq!(list(None, true, ALL).await, ids[..3]);
    assert_eq!(list(Some(world.customer), false, ALL).await, [ids[0], ids[1], ids[3]]);
    assert_eq!(list(Some(world.customer), true, ALL).await, ids[..2]);
    assert_eq!(list(Some(world.other_customer), true, ALL).await, [ids[2]]);
    assert_eq!(list(Some(CustomerId(99)), false, ALL).await, []);
    assert_eq!(list(None, false, Page { after: None, limit: 2 }).await, ids[..2]);
    assert_eq!(list(None, false, Page { after: Some(ids[1]), limit: 2 }).await, ids[2..]);
    assert_eq!(list(Some(world.customer), false, Page { after: Some(ids[0]), limit: 1 }).await, [ids[1]]);
    assert_eq!(list(None, false, Page { after: None, limit: 0 }).await, []);
    assert_eq!(list(None, false, Page { after: None, limit: u32::MAX }).await, ids);
    let allowed = async |person| -> Vec<ConnectionId> {
        let found = world.store.connections_allowed_by(person).await.expect("read");
        found.into_iter().map(|connection| connection.id).collect()
    };
    assert_eq!(allowed(world.user).await, ids[..2]);
    assert_eq!(allowed(world.other_user).await, [ids[2]], "a cut one does not count");
    assert_eq!(allowed(UserId(99)).await, []);
}
