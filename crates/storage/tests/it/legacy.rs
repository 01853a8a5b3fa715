//! The contract of OAuth 1.0: what is used once, consumers and their tokens, exchanges, who still calls.

use causeway_protocol::change::{Allow, Exchange};
use causeway_protocol::legacy::{
    Consumer, ConsumerStanding, ConsumerToken, Exchanged, LegacyLine, LegacyUse, Temporary,
};
use causeway_protocol::records::{Family, FeedEvent, SubjectKey};
use causeway_protocol::time::Seconds;
use causeway_protocol::{
    Applied, Change, ConnectionId, ConsumerId, CustomerId, Row, ScopeSet, Subject, UnixTime, UserId,
};
use causeway_storage::{Page, Store};

use crate::fixture::{DAY, NOW, World, act, calls, consumer, consumer_token, family, family_id, sweep, temporary};

fn events(applied: &Applied) -> Vec<(Subject, FeedEvent)> {
    applied.feed.iter().map(|entry| (entry.subject, entry.event)).collect()
}

fn spend(n: u8, expires_at: UnixTime) -> Change {
    Change::SpendOnce { digest: [n; 16], expires_at }
}

pub(crate) async fn o1_06_spent_once<S: Store>(world: World<S>) {
    world.applied(spend(1, NOW + Seconds(300))).await;
    world.stale(spend(1, NOW + Seconds(300))).await;
    world.stale(spend(1, NOW + Seconds(900))).await;
    world.applied(spend(2, NOW)).await;
    // It is remembered up to and with the second that it names.
    for (now, stands) in [(NOW, 2), (NOW + Seconds(1), 1), (NOW + Seconds(300), 1), (NOW + Seconds(301), 0)] {
        world.applied(Change::Sweep(sweep(now))).await;
        assert_eq!(world.count("spent").await, stands, "at {now:?}");
    }
    world.applied(spend(1, NOW)).await;
}

pub(crate) async fn consumers<S: Store>(world: World<S>) {
    let put = async |one: Consumer| world.applied(Change::PutConsumer(one, act("consumer.put"))).await;
    let wanted = consumer("ck", world.customer);
    assert!(put(wanted.clone()).await.feed.is_empty(), "a new one is nobody's news");
    let read = async || world.store.consumer("ck").await.expect("read").expect("stands");
    let id = read().await.consumer.id;
    let stands = ConsumerStanding { consumer: Consumer { id, ..wanted.clone() }, extended_until: None };
    assert_eq!(read().await, stands);
    assert_eq!(world.store.consumer_by_id(id).await.expect("read"), Some(stands));
    assert_eq!(world.store.consumer("CK").await.expect("read"), None);
    assert_eq!(world.store.consumer_by_id(ConsumerId(99)).await.expect("read"), None);
    let audited = world.count("audit").await;
    put(wanted.clone()).await;
    assert_eq!(world.count("audit").await, audited, "the same again is no act");
    let other = Consumer { secret: consumer("other", world.customer).secret, ..wanted };
    assert_eq!(events(&put(other.clone()).await), [(id.into(), FeedEvent::Changed)]);
    assert_eq!(read().await.consumer, Consumer { id, ..other.clone() });
    // On and off, either way.
    let has = async |customer| world.store.has_consumer(customer).await.expect("read");
    assert_eq!((has(world.customer).await, has(world.other_customer).await), (true, false));
    let off = world.switch(id, false).await;
    assert_eq!(events(&off), [(id.into(), FeedEvent::Off)]);
    assert_eq!((read().await.consumer.active, has(world.customer).await), (false, false));
    assert_eq!(events(&put(other.clone()).await), [(id.into(), FeedEvent::On)]);
    let switch = |id: ConsumerId, active| Change::Switch { subject: id.into(), active, act: act("switched") };
    world.stale(switch(id, true)).await;
    world.stale(switch(ConsumerId(99), false)).await;
    assert_eq!(events(&put(Consumer { active: false, ..other }).await), [(id.into(), FeedEvent::Off)]);
    let second = put(consumer("ck2", world.customer)).await;
    assert!(second.feed.is_empty());
    assert!(has(world.customer).await, "another one is on");
    assert_eq!(world.count("consumers").await, 2);
}

pub(crate) async fn consumer_tokens<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let token = consumer_token(1, id, UserId::NOBODY);
    let put = |token: ConsumerToken| Change::PutConsumerToken(token, act("consumer_token.put"));
    world.applied(put(token.clone())).await;
    assert_eq!(world.store.consumer_token([1; 32]).await.expect("read"), Some(token.clone()));
    assert_eq!(world.store.consumer_token([2; 32]).await.expect("read"), None);
    let audited = world.count("audit").await;
    world.applied(put(ConsumerToken { user: world.user, ..token.clone() })).await;
    assert_eq!(world.store.consumer_token([1; 32]).await.expect("read"), Some(token), "one that is there stays");
    assert_eq!(world.count("audit").await, audited);
}

/// Allows temporary credentials `n` as `person`.
fn allow(n: u8, person: UserId, at: UnixTime) -> Change {
    let act = causeway_protocol::records::Act { at, ..act("consumer_token.allowed") };
    Change::AllowLegacy { digest: [n; 32], person, verifier: [n + 100; 32], act }
}

/// Turns temporary credentials `n` into token `n`.
fn finish(n: u8, consumer: ConsumerId, user: UserId, at: UnixTime) -> Change {
    let act = causeway_protocol::records::Act { at, ..act("consumer_token.created") };
    Change::FinishLegacy { digest: [n; 32], token: consumer_token(n, consumer, user), act }
}

pub(crate) async fn o1_12_temporaries<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let audited = world.count("audit").await;
    let first = temporary(1, id);
    let plain = Temporary { callback: None, wants_verifier: false, ..temporary(2, id) };
    for one in [&first, &plain] {
        world.applied(Change::BeginLegacy(one.clone())).await;
        assert_eq!(world.store.temporary(one.digest).await.expect("read").as_ref(), Some(one));
    }
    assert_eq!(world.store.temporary([3; 32]).await.expect("read"), None);
    assert_eq!(world.count("audit").await, audited, "nobody decided anything yet");
    world.applied(allow(1, world.user, NOW + Seconds(599))).await;
    let allowed = Temporary { allowed: Some((world.user, [101; 32])), ..first };
    assert_eq!(world.store.temporary([1; 32]).await.expect("read"), Some(allowed));
    world.applied(finish(1, id, world.user, NOW + Seconds(599))).await;
    assert_eq!(world.store.temporary([1; 32]).await.expect("read"), None, "single-use");
    let token = consumer_token(1, id, world.user);
    assert_eq!(world.store.consumer_token([1; 32]).await.expect("read"), Some(token));
    assert_eq!(world.count("audit").await, audited + 2);
    world.stale(finish(1, id, world.user, NOW)).await;
}

pub(crate) async fn o1_12_temporaries_stale<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let other = world.put_consumer(consumer("other", world.customer)).await;
    world.applied(Change::BeginLegacy(temporary(1, id))).await;
    world.stale(Change::BeginLegacy(temporary(1, other))).await;
    world.stale(Change::BeginLegacy(temporary(2, ConsumerId(99)))).await;
    world.stale(finish(1, id, world.user, NOW)).await;
    world.stale(allow(2, world.user, NOW)).await;
    world.stale(allow(1, world.user, NOW + Seconds(600))).await;
    world.switch(id, false).await;
    world.stale(Change::BeginLegacy(temporary(2, id))).await;
    world.stale(allow(1, world.user, NOW)).await;
    world.switch(id, true).await;
    world.applied(allow(1, world.user, NOW)).await;
    world.stale(allow(1, world.other_user, NOW)).await;
    world.stale(finish(1, id, world.other_user, NOW)).await;
    world.stale(finish(1, other, world.user, NOW)).await;
    world.stale(finish(1, id, world.user, NOW + Seconds(600))).await;
    world.switch(id, false).await;
    world.stale(finish(1, id, world.user, NOW)).await;
    world.switch(id, true).await;
    let taken = Change::PutConsumerToken(consumer_token(1, other, world.user), act("consumer_token.put"));
    world.applied(taken).await;
    world.stale(finish(1, id, world.user, NOW)).await;
}

/// Applies an exchange; its family and the connection's scopes.
async fn exchanged<S: Store>(world: &World<S>, change: Exchange) -> (Family, ScopeSet, Applied) {
    let applied = world.applied(Change::Exchange(change)).await;
    match applied.row.clone() {
        Row::Family { family, connection_scopes } => (family, connection_scopes, applied),
        row => panic!("{row:?}"),
    }
}

pub(crate) async fn tsm_07_exchange_connects<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let audited = world.count("audit").await;
    assert_eq!(world.store.exchanged(world.app, id).await.expect("read"), None);
    let (made, scopes, applied) = exchanged(&world, world.exchange(1, id, 0b1111)).await;
    assert_eq!((&made, scopes), (&family(1, made.connection), ScopeSet(0b1111)));
    assert!(applied.feed.is_empty(), "nothing was taken back");
    assert_eq!(world.count("audit").await, audited + 1, "one act");
    let connection = world.store.connection(made.connection).await.expect("read").expect("stands");
    assert_eq!(
        (connection.app, connection.customer, connection.authorized_by, connection.scopes, connection.live),
        (world.app, world.customer, world.other_user, ScopeSet(0b1111), true)
    );
    let mark = Exchanged {
        app: world.app,
        consumer: id,
        family: family_id(1),
        connection: connection.id,
        at: NOW,
        reopened: false,
    };
    assert_eq!(world.store.exchanged(world.app, id).await.expect("read"), Some(mark));
    assert_eq!(world.store.families(connection.id).await.expect("read"), [made]);
    // It refreshes like any other (TSM-08).
    let mut refresh = world.refresh(1, 0, connection.id, applied.position);
    refresh.user = world.other_user;
    world.applied(Change::MoveFamily(refresh)).await;
    // Once per app and pair; another app and another pair are other exchanges.
    world.stale(Change::Exchange(world.exchange(2, id, 0b1111))).await;
    let mut others = world.exchange(2, id, 0b1);
    others.allow.app = world.other_app;
    exchanged(&world, others).await;
    let second = world.put_consumer(consumer("ck2", world.customer)).await;
    let (again, ..) = exchanged(&world, world.exchange(3, second, 0b1)).await;
    assert_eq!(again.connection, connection.id, "two pairs of a customer leave one connection");
    assert_eq!((world.count("connections").await, world.count("exchanges").await), (2, 3));
}

pub(crate) async fn tsm_12_exchange_widens<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let before = world.store.connection(connection).await.expect("read").expect("stands");
    let mut later = world.exchange(2, id, 0b110);
    later.act.at = NOW + Seconds(50);
    let (made, scopes, applied) = exchanged(&world, later).await;
    assert_eq!((made.connection, scopes), (connection, ScopeSet(0b111)), "never fewer than before");
    assert_eq!(events(&applied), [(connection.into(), FeedEvent::Changed)]);
    let stands = world.store.connection(connection).await.expect("read").expect("stands");
    assert_eq!(stands, causeway_protocol::records::Connection { scopes: ScopeSet(0b111), ..before });
    // The families of the consent live on, and what is there already is no news.
    world.applied(Change::MoveFamily(world.refresh(1, 0, connection, as_of))).await;
    let second = world.put_consumer(consumer("ck2", world.customer)).await;
    let (_, scopes, applied) = exchanged(&world, world.exchange(3, second, 0b1)).await;
    assert_eq!((scopes, applied.feed.len()), (ScopeSet(0b111), 0));
}

pub(crate) async fn exchange_stale<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let right = world.exchange(1, id, 0b11);
    let wrong = |change: &dyn Fn(&mut Exchange)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        Change::Exchange(wrong)
    };
    world.stale(wrong(&|change| change.consumer = ConsumerId(99))).await;
    world.stale(wrong(&|change| change.allow.app = causeway_protocol::AppId(99))).await;
    world.stale(wrong(&|change| change.allow.customer = CustomerId(99))).await;
    world.stale(wrong(&|change| change.allow.person = UserId(99))).await;
    for subject in [Subject::from(id), world.app.into(), world.customer.into(), world.other_user.into()] {
        world.switch(subject, false).await;
        world.stale(Change::Exchange(right.clone())).await;
        world.switch(subject, true).await;
    }
    // A family id that exists is a collision, whoever's it is.
    let mut other = world.consent(1, 0b1);
    other.allow.as_mut().expect("allows").app = world.other_app;
    let decided = world.decide(other).await;
    let taken = world.redemption(1, decided.connection.expect("allowed"), decided.as_of);
    world.applied(Change::CreateFamily(taken)).await;
    world.stale(Change::Exchange(right.clone())).await;
    // A live connection of another customer's data is not the pair's to widen.
    let key = SubjectKey::User(world.user);
    let mut foreign = world.consent(2, 0b1);
    let wanted = Allow { subject: key, customer: world.other_customer, ..right.allow.clone() };
    foreign.allow = Some(wanted);
    world.decide(foreign).await;
    world.stale(wrong(&|change| (change.allow.subject, change.family.id) = (key, family_id(5)))).await;
    let nobody = wrong(&|change| (change.allow.person, change.family.id) = (UserId::NOBODY, family_id(5)));
    world.applied(nobody).await;
}

pub(crate) async fn tsm_12_exchange_undoes_no_revocation<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let second = world.put_consumer(consumer("ck2", world.customer)).await;
    let reopen = || Change::ReopenExchange { app: world.app, consumer: id, act: act("exchange.reopened") };
    world.stale(reopen()).await;
    let (first, ..) = exchanged(&world, world.exchange(1, id, 0b111)).await;
    let connection = first.connection;
    world.applied(Change::CutConnection { connection, act: act("connection.cut") }).await;
    world.stale(Change::Exchange(world.exchange(2, id, 0b11))).await;
    world.stale(Change::Exchange(world.exchange(2, second, 0b11))).await;
    // Only staff can say so, once, audited.
    let audited = world.count("audit").await;
    assert!(world.applied(reopen()).await.feed.is_empty());
    assert_eq!(world.count("audit").await, audited + 1);
    assert!(world.store.exchanged(world.app, id).await.expect("read").expect("stays").reopened);
    world.stale(reopen()).await;
    world.stale(Change::ReopenExchange { app: world.other_app, consumer: id, act: act("exchange.reopened") }).await;
    world.stale(Change::Exchange(world.exchange(2, second, 0b11))).await;
    let mut again = world.exchange(2, id, 0b11);
    again.act.at = NOW + Seconds(9);
    let (made, scopes, applied) = exchanged(&world, again).await;
    assert_eq!((made.connection, scopes), (connection, ScopeSet(0b11)), "what was cut gives no scope back");
    assert_eq!(events(&applied), [(connection.into(), FeedEvent::Changed)]);
    let row = world.store.connection(connection).await.expect("read").expect("stands");
    assert_eq!((row.live, row.cut_at, row.allowed_at), (true, None, NOW + Seconds(9)));
    let mark = world.store.exchanged(world.app, id).await.expect("read").expect("stays");
    assert_eq!((mark.family, mark.at, mark.reopened), (family_id(2), NOW + Seconds(9), false));
    world.stale(Change::Exchange(world.exchange(3, id, 0b11))).await;
    // The old family died with the cut, the new one lives.
    let user = world.other_user;
    let refresh = |n| {
        Change::MoveFamily(causeway_protocol::change::MoveFamily {
            user,
            ..world.refresh(n, 0, connection, applied.position)
        })
    };
    assert_eq!(world.store.families(connection).await.expect("read"), [made]);
    world.applied(refresh(2)).await;
    // A pair may be re-opened while its connection lives, too.
    world.applied(reopen()).await;
    let (_, scopes, _) = exchanged(&world, world.exchange(3, id, 0b1000)).await;
    assert_eq!(scopes, ScopeSet(0b1011));
}

pub(crate) async fn exchange_makes_room<S: Store>(world: World<S>) {
    let (connection, as_of) = world.connect(1, 0b11).await;
    for n in 1..=4 {
        world.applied(Change::CreateFamily(world.redemption(n, connection, as_of))).await;
    }
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let (.., applied) = exchanged(&world, world.exchange(5, id, 0b11)).await;
    assert_eq!(events(&applied), [(family_id(1).into(), FeedEvent::CutAll)]);
    assert!(world.family(1, connection).await.expect("stands").repudiated);
}

pub(crate) async fn tsm_17_extension<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    let extend = |customer, until| Change::ExtendLegacy { customer, until, act: act("legacy.extended") };
    let until = async || world.store.consumer_by_id(id).await.expect("read").expect("stands").extended_until;
    let audited = world.count("audit").await;
    world.applied(extend(world.customer, Some(NOW + Seconds(86_400)))).await;
    assert_eq!(until().await, Some(NOW + Seconds(86_400)));
    // It is the customer's, and putting customer or consumer again says nothing about it.
    let customer = world.store.customer(world.customer).await.expect("read").expect("stands");
    let renamed = causeway_protocol::records::Customer { name: "Renamed".to_owned(), ..customer };
    world.put_customer(renamed).await;
    world
        .put_consumer(Consumer { secret: consumer("x", world.customer).secret, ..consumer("ck", world.customer) })
        .await;
    let other = world.put_consumer(consumer("ck2", world.other_customer)).await;
    assert_eq!(until().await, Some(NOW + Seconds(86_400)));
    assert_eq!(world.store.consumer_by_id(other).await.expect("read").expect("stands").extended_until, None);
    world.applied(extend(world.customer, None)).await;
    assert_eq!((until().await, world.count("audit").await), (None, audited + 5));
    world.stale(extend(CustomerId(99), Some(NOW))).await;
}

pub(crate) async fn report<S: Store>(world: World<S>) {
    let first = world.put_consumer(consumer("ck", world.customer)).await;
    let second = world.put_consumer(consumer("ck2", world.other_customer)).await;
    let record = async |uses: Vec<LegacyUse>| world.applied(Change::RecordLegacy(uses)).await;
    let lines = async |since, after, limit| world.store.legacy(since, Page { after, limit }).await.expect("read");
    let quiet = LegacyLine {
        consumer: first,
        key: "ck".to_owned(),
        customer: world.customer,
        customer_external: "c1".to_owned(),
        customer_name: "Customer c1".to_owned(),
        active: true,
        extended_until: None,
        calls: 0,
        route: None,
        last_at: None,
        exchanges: 0,
    };
    assert_eq!(lines(0, None, 1).await, std::slice::from_ref(&quiet));
    // Counts add up: by consumer, day and route; nothing for nobody, and no call is no row.
    let before = LegacyUse { day: DAY - 1, last_at: NOW - Seconds(86_400), ..calls(first, "GET /b", 7) };
    record(vec![calls(first, "GET /a", 2), calls(first, "GET /b", 3), before.clone(), calls(second, "GET /a", 1)])
        .await;
    record(vec![calls(first, "GET /a", 2), calls(ConsumerId(99), "GET /a", 5), calls(second, "GET /z", 0)]).await;
    assert_eq!(world.count("legacy_use").await, 4);
    let audited = world.count("audit").await;
    let today = LegacyLine { calls: 7, route: Some("GET /a".to_owned()), last_at: Some(NOW), ..quiet.clone() };
    assert_eq!(lines(DAY, None, 1).await, std::slice::from_ref(&today));
    let both = LegacyLine { calls: 14, route: Some("GET /b".to_owned()), ..today.clone() };
    assert_eq!(lines(DAY - 1, None, 1).await, [both]);
    let last_known = LegacyLine { calls: 0, route: None, ..today.clone() };
    assert_eq!(lines(DAY + 1, None, 1).await, [last_known], "the last call ever");
    // Of equally busy routes, the first; a last call only goes on.
    record(vec![LegacyUse { last_at: NOW - Seconds(9), ..calls(first, "GET /c", 4) }]).await;
    assert_eq!(lines(DAY, None, 1).await, [LegacyLine { calls: 11, ..today.clone() }]);
    // Exchanged, extended, switched off: it is all in the line.
    exchanged(&world, world.exchange(1, first, 0b1)).await;
    let until = Some(NOW + Seconds(5));
    world.applied(Change::ExtendLegacy { customer: world.customer, until, act: act("legacy.extended") }).await;
    world.switch(first, false).await;
    let full = LegacyLine { calls: 11, exchanges: 1, extended_until: until, active: false, ..today };
    assert_eq!(lines(DAY, None, 1).await, [full]);
    assert_eq!(world.count("audit").await, audited + 3, "counting is no act");
    // Pages.
    let ids = |lines: Vec<LegacyLine>| lines.into_iter().map(|line| line.consumer).collect::<Vec<_>>();
    assert_eq!(ids(lines(DAY, None, u32::MAX).await), [first, second]);
    assert_eq!(ids(lines(DAY, Some(first), 500).await), [second]);
    assert_eq!(ids(lines(DAY, Some(second), 500).await), []);
    // No sum overflows.
    record(vec![calls(second, "GET /a", u64::MAX), calls(second, "GET /a", u64::MAX)]).await;
    assert!(lines(DAY, Some(first), 1).await[0].calls > u64::from(u32::MAX));
}

pub(crate) async fn sweep_slices<S: Store>(world: World<S>) {
    let id = world.put_consumer(consumer("ck", world.customer)).await;
    for n in 1..=5 {
        world.applied(spend(n, NOW + Seconds(i64::from(n)))).await;
        world.applied(Change::BeginLegacy(temporary(n, id))).await;
        let day = DAY - 402 + i64::from(n);
        let uses = vec![LegacyUse { day, ..calls(id, "GET /a", 1) }, LegacyUse { day, ..calls(id, "GET /b", 1) }];
        world.applied(Change::RecordLegacy(uses)).await;
    }
    exchanged(&world, world.exchange(1, id, 0b1)).await;
    world.applied(Change::PutConsumerToken(consumer_token(1, id, world.user), act("consumer_token.put"))).await;
    let counts =
        async || [world.count("spent").await, world.count("temporaries").await, world.count("legacy_use").await];
    let mut change = sweep(NOW);
    change.limit = 2;
    world.applied(Change::Sweep(change)).await;
    // Of the days, only the first is older than 400.
    assert_eq!(counts().await, [5, 5, 8]);
    change.now = NOW + Seconds(604);
    world.applied(Change::Sweep(change)).await;
    assert_eq!(counts().await, [3, 3, 8], "two of a kind");
    assert_eq!(world.store.temporary([1; 32]).await.expect("read"), None);
    world.stale(spend(3, NOW)).await;
    for left in [[1, 1, 8], [0, 0, 8]] {
        world.applied(Change::Sweep(change)).await;
        assert_eq!(counts().await, left);
    }
    change.now = NOW + Seconds(86_400 * 1000);
    for left in [6, 4, 2, 0] {
        world.applied(Change::Sweep(change)).await;
        assert_eq!(counts().await[2], left);
    }
    // What stays, stays.
    assert_eq!((world.count("consumers").await, world.count("consumer_tokens").await), (1, 1));
    assert!(world.store.exchanged(world.app, id).await.expect("read").is_some());
    let line = world.store.legacy(0, Page { after: None, limit: 1 }).await.expect("read").remove(0);
    assert_eq!((line.calls, line.last_at), (0, Some(NOW)));
    assert_eq!(world.store.families(ConnectionId(1)).await.expect("read"), [], "families leave as ever");
}
