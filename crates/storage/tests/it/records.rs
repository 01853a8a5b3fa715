//! The contract of what is configured, and of what all changes leave behind: feed, cuts, audit, sweeps.

use causeway_protocol::records::{
    App, AppStatus, ClientKind, Customer, Cuts, FeedEvent, Person, Role, Session, SubjectKey, Visibility,
};
use causeway_protocol::secret::PasswordHash;
use causeway_protocol::taken_back::PERMITTED_SKEW;
use causeway_protocol::time::Seconds;
use causeway_protocol::{
    AppId, Applied, Change, ConnectionId, CustomerId, Position, Row, ScopeSet, SiteId, Subject, SubjectKind, UserId,
};
use causeway_storage::Store;

use crate::fixture::{ABSOLUTE, IDLE, NOW, World, act, app, customer, family_id, person, session, sweep, verifier};

fn events(applied: &Applied) -> Vec<(Subject, FeedEvent)> {
    applied.feed.iter().map(|entry| (entry.subject, entry.event)).collect()
}

pub(crate) async fn switches<S: Store>(world: World<S>) {
    let site = world.store.customer(world.customer).await.expect("read").expect("stands").sites[1].id;
    let switch = |subject, active| Change::Switch { subject, active, act: act("switched") };
    let active = async |subject: Subject| {
        let sites = |customer: Customer| customer.sites.into_iter().any(|one| one.id.0 == subject.id && one.active);
        match subject.kind {
            SubjectKind::App => world.store.app(AppId(subject.id)).await.expect("read").expect("stands").active,
            SubjectKind::User => world.store.person(UserId(subject.id)).await.expect("read").expect("stands").active,
            SubjectKind::Site => sites(world.store.customer(world.customer).await.expect("read").expect("stands")),
            _ => world.store.customer(CustomerId(subject.id)).await.expect("read").expect("stands").active,
        }
    };
    for subject in [Subject::from(world.app), world.customer.into(), world.user.into(), site.into()] {
        world.stale(switch(subject, true)).await;
        let off = world.applied(switch(subject, false)).await;
        assert_eq!(events(&off), [(subject, FeedEvent::Off)]);
        assert!(!active(subject).await);
        world.stale(switch(subject, false)).await;
        let cuts = Cuts { access: off.position, all: Position::ZERO, off: true };
        assert!(world.store.boot().await.expect("boot").cuts.contains(&(subject, cuts)));
        let on = world.applied(switch(subject, true)).await;
        assert_eq!(events(&on), [(subject, FeedEvent::On)]);
        assert!(active(subject).await);
        let cuts = Cuts { off: false, ..cuts };
        assert!(world.store.boot().await.expect("boot").cuts.contains(&(subject, cuts)), "a switch clears no cut");
    }
    let missing = [AppId(99).into(), CustomerId(99).into(), UserId(99).into(), SiteId(99).into()];
    for subject in missing.into_iter().chain([ConnectionId(1).into(), family_id(1).into()]) {
        world.stale(switch(subject, false)).await;
    }
}

pub(crate) async fn apps<S: Store>(world: World<S>) {
    let stored = world.store.app(world.app).await.expect("read").expect("stands");
    assert_eq!(stored, App { id: world.app, ..app("one") });
    assert_eq!(world.store.app(AppId(99)).await.expect("read"), None);
    let strange = App {
        kind: ClientKind::Public,
        visibility: Visibility::Private(world.customer),
        status: AppStatus::Rejected,
        verified: false,
        pkce_required: true,
        secrets: Vec::new(),
        redirect_uris: Vec::new(),
        scopes: ScopeSet(u128::MAX),
        active: false,
        ..app("three")
    };
    let applied = world.applied(Change::PutApp(strange.clone(), act("app.put"))).await;
    let Row::App(made) = applied.row.clone() else { panic!("{:?}", applied.row) };
    assert_eq!(made, App { id: made.id, ..strange });
    assert_eq!(events(&applied), [(made.id.into(), FeedEvent::Off), (made.id.into(), FeedEvent::Changed)]);
    assert_eq!(world.store.app(made.id).await.expect("read"), Some(made.clone()));
    let apps = world.store.boot().await.expect("boot").apps;
    assert_eq!(apps.iter().map(|app| app.id).collect::<Vec<_>>(), [world.app, world.other_app, made.id]);
    assert_eq!(apps[2], made);
    // Scopes: a gain is news, a loss is a cut.
    let scopes = |scopes| Change::SetAppScopes { app: world.app, scopes: ScopeSet(scopes), act: act("app.scopes") };
    assert_eq!(events(&world.applied(scopes(0b11111)).await), [(world.app.into(), FeedEvent::Changed)]);
    assert_eq!(events(&world.applied(scopes(0b10000)).await), [(world.app.into(), FeedEvent::CutAccess)]);
    assert_eq!(world.store.app(world.app).await.expect("read").expect("stands").scopes, ScopeSet(0b10000));
    let unknown = Change::SetAppScopes { app: AppId(99), scopes: ScopeSet(1), act: act("app.scopes") };
    world.stale(unknown).await;
    // Secrets: only from what stands.
    let secrets = |app, expected: &[u8], secrets: &[u8]| Change::SetAppSecrets {
        app,
        expected: expected.iter().copied().map(verifier).collect(),
        secrets: secrets.iter().copied().map(verifier).collect(),
        act: act("app.secret"),
    };
    let replaced = world.applied(secrets(world.app, &[2, 1], &[3, 2])).await;
    assert_eq!(events(&replaced), [(world.app.into(), FeedEvent::Changed)]);
    let stored = world.store.app(world.app).await.expect("read").expect("stands");
    assert_eq!(stored.secrets, [verifier(3), verifier(2)]);
    world.stale(secrets(world.app, &[2, 1], &[4])).await;
    world.stale(secrets(world.app, &[2, 3], &[4])).await;
    world.stale(secrets(AppId(99), &[], &[4])).await;
    world.applied(secrets(world.app, &[3, 2], &[])).await;
}

pub(crate) async fn apps_replaced<S: Store>(world: World<S>) {
    let put = async |app: App| events(&world.applied(Change::PutApp(app, act("app.put"))).await);
    let counts = world.store.counts().await.expect("counts");
    assert_eq!(put(app("one")).await, [], "the same again is no act");
    assert_eq!(world.store.counts().await.expect("counts"), counts);
    let subject: Subject = world.app.into();
    let named = App { name: "Other".to_owned(), ..app("one") };
    assert_eq!(put(named.clone()).await, [(subject, FeedEvent::Changed)]);
    assert_eq!(world.store.app(world.app).await.expect("read"), Some(App { id: world.app, ..named.clone() }));
    let narrow = App { scopes: ScopeSet(0b1), ..named };
    assert_eq!(put(narrow.clone()).await, [(subject, FeedEvent::CutAccess)]);
    let off = App { active: false, ..narrow };
    assert_eq!(put(off.clone()).await, [(subject, FeedEvent::Off)]);
    let on = App { active: true, redirect_uris: vec!["https://x.example/".to_owned()], ..off };
    assert_eq!(put(on.clone()).await, [(subject, FeedEvent::On), (subject, FeedEvent::Changed)]);
    let rejected = App { status: AppStatus::Rejected, ..on };
    assert_eq!(put(rejected).await, [(subject, FeedEvent::CutAccess)], "a lost approval is a loss");
    assert_eq!(world.count("apps").await, 2);
}

pub(crate) async fn customers<S: Store>(world: World<S>) {
    let stored = world.store.customer(world.customer).await.expect("read").expect("stands");
    let mut wanted = Customer { id: world.customer, ..customer("c1", &["s1", "s2"]) };
    (wanted.sites[0].id, wanted.sites[1].id) = (stored.sites[0].id, stored.sites[1].id);
    assert_eq!(stored, wanted);
    assert_eq!(world.store.customer_by_external("c1").await.expect("read"), Some(stored.clone()));
    assert_eq!(world.store.customer_by_external("c9").await.expect("read"), None);
    assert_eq!(world.store.customer(CustomerId(99)).await.expect("read"), None);
    assert_eq!(world.store.customer_by_site("s2").await.expect("read"), Some(stored.clone()));
    assert_eq!(world.store.customer_by_site("s9").await.expect("read"), None);
    let put = async |customer: Customer| world.applied(Change::PutCustomer(customer, act("customer.put"))).await;
    assert_eq!(events(&put(customer("c1", &["s1"])).await), [], "sites left out stay, and nothing changed");
    // A new site, one switched off, one renamed; another's site of the same name is another site.
    let mut next = customer("c1", &["s1", "s2", "s3"]);
    next.sites[0].active = false;
    next.sites[1].name = "Renamed".to_owned();
    let applied = put(next).await;
    let Row::Customer(row) = applied.row.clone() else { panic!("{:?}", applied.row) };
    assert_eq!(
        events(&applied),
        [(row.sites[0].id.into(), FeedEvent::Off), (world.customer.into(), FeedEvent::Changed)]
    );
    assert_eq!(row.sites.len(), 3);
    assert_eq!(world.store.customer(world.customer).await.expect("read"), Some(row));
    assert_eq!(world.count("sites").await, 4);
    let first = world.store.customer_by_site("s3").await.expect("read").expect("stands");
    assert_eq!(first.id, world.other_customer, "of several, the first site made");
    let off = Customer { active: false, ..customer("c2", &[]) };
    assert_eq!(events(&put(off).await), [(world.other_customer.into(), FeedEvent::Off)]);
    let new = Customer { active: false, ..customer("c3", &["s9"]) };
    let applied = put(new).await;
    let Row::Customer(row) = applied.row.clone() else { panic!("{:?}", applied.row) };
    assert_eq!(events(&applied), [(row.id.into(), FeedEvent::Off)]);
    assert!(!world.store.customer(row.id).await.expect("read").expect("stands").active);
}

pub(crate) async fn people<S: Store>(world: World<S>) {
    let stored = world.store.person(world.user).await.expect("read").expect("stands");
    assert_eq!(stored, Person { id: world.user, ..person("admin@one.example") });
    for spelt in ["admin@one.example", "Admin@One.Example"] {
        assert_eq!(world.store.person_by_email(spelt).await.expect("read"), Some(stored.clone()));
    }
    assert_eq!(world.store.person_by_email("nobody@one.example").await.expect("read"), None);
    assert_eq!(world.store.person(UserId(99)).await.expect("read"), None);
    let put = async |person: Person| events(&world.applied(Change::PutPerson(person, act("person.put"))).await);
    assert_eq!(put(person("ADMIN@one.example")).await, [], "one address, one person");
    let demoted = Person { role: Role::Member, customer: None, ..person("admin@one.example") };
    assert_eq!(put(demoted.clone()).await, [(world.user.into(), FeedEvent::Changed)]);
    assert_eq!(world.store.person(world.user).await.expect("read"), Some(Person { id: world.user, ..demoted.clone() }));
    assert_eq!(put(Person { active: false, ..demoted.clone() }).await, [(world.user.into(), FeedEvent::Off)]);
    assert_eq!(put(demoted).await, [(world.user.into(), FeedEvent::On)]);
    assert_eq!(world.count("people").await, 2);
}

pub(crate) async fn sessions<S: Store>(world: World<S>) {
    let first = session(1, world.user);
    world.applied(Change::StartSession(first.clone())).await;
    assert_eq!(world.store.session([1; 32]).await.expect("read"), Some(first.clone()));
    assert_eq!(world.store.session([2; 32]).await.expect("read"), None);
    world.stale(Change::StartSession(first.clone())).await;
    world.stale(Change::StartSession(session(2, UserId(99)))).await;
    world.switch(world.user, false).await;
    world.stale(Change::StartSession(session(2, world.user))).await;
    world.switch(world.user, true).await;
    let touch = |seen_at| Change::TouchSession { digest: [1; 32], seen_at };
    world.applied(touch(NOW + Seconds(60))).await;
    world.applied(touch(NOW + Seconds(30))).await;
    let seen = Session { seen_at: NOW + Seconds(60), ..first };
    assert_eq!(world.store.session([1; 32]).await.expect("read"), Some(seen), "time only goes on");
    world.applied(Change::EndSession([1; 32])).await;
    world.stale(Change::EndSession([1; 32])).await;
    world.stale(touch(NOW + Seconds(90))).await;
    // A new password ends the person's sessions and nobody else's; a rehash ends none.
    for (n, person) in [(3, world.user), (4, world.user), (5, world.other_user)] {
        world.applied(Change::StartSession(session(n, person))).await;
    }
    let audited = world.count("audit").await;
    let set = |person, hash: &str, end_sessions, act| Change::SetPassword {
        person,
        password: PasswordHash(hash.to_owned()),
        end_sessions,
        act,
    };
    world.applied(set(world.user, "rehashed", false, None)).await;
    assert_eq!((world.count("sessions").await, world.count("audit").await), (3, audited));
    world.applied(set(world.user, "new", true, Some(act("person.password")))).await;
    assert_eq!((world.count("sessions").await, world.count("audit").await), (1, audited + 1));
    let stored = world.store.person(world.user).await.expect("read").expect("stands");
    assert_eq!(stored.password, PasswordHash("new".to_owned()));
    assert!(world.store.session([5; 32]).await.expect("read").is_some());
    world.stale(set(UserId(99), "new", true, Some(act("person.password")))).await;
}

pub(crate) async fn small_things<S: Store>(world: World<S>) {
    let register = |words: &[&str]| Change::RegisterScopes(words.iter().map(|word| (*word).to_owned()).collect());
    let words = |applied: Applied| match applied.row {
        Row::Scopes(words) => words,
        row => panic!("{row:?}"),
    };
    assert_eq!(words(world.applied(register(&["b", "a", "b"])).await), ["b", "a"]);
    assert_eq!(words(world.applied(register(&["c", "a"])).await), ["b", "a", "c"]);
    assert_eq!(world.store.boot().await.expect("boot").scopes.words(), ["b", "a", "c"]);
    let many: Vec<String> = (0..126).map(|n| format!("s{n}")).collect();
    world.stale(Change::RegisterScopes(many.clone())).await;
    assert_eq!(words(world.applied(Change::RegisterScopes(many[..125].to_vec())).await).len(), 128);

    assert!(!world.store.seed_loaded([7; 32]).await.expect("read"));
    world.applied(Change::MarkSeed([7; 32])).await;
    assert!(world.store.seed_loaded([7; 32]).await.expect("read"));
    world.stale(Change::MarkSeed([7; 32])).await;

    for (raised, stands) in [(60, 60), (30, 60), (90, 90)] {
        world.applied(Change::RaiseAccessLife(Seconds(raised))).await;
        assert_eq!(world.store.boot().await.expect("boot").longest_access_life, Seconds(stands));
    }

    let (connection, _) = world.connect(1, 0b1).await;
    let used = async || world.store.connection(connection).await.expect("read").expect("stands").last_used;
    for (at, stands) in [(100, 100), (50, 100), (200, 200)] {
        let seen = vec![(connection, NOW + Seconds(at)), (ConnectionId(99), NOW)];
        world.applied(Change::RecordUse(seen)).await;
        assert_eq!(used().await, Some(NOW + Seconds(stands)));
    }
    world.connect(2, 0b1).await;
    assert_eq!(used().await, Some(NOW + Seconds(200)), "allowing again forgets no use");
}

pub(crate) async fn feed_and_boot<S: Store>(world: World<S>) {
    let start = world.store.boot().await.expect("boot");
    let (connection, as_of) = world.connect(1, 0b11).await;
    assert_eq!(as_of, start.head, "nothing was taken back");
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    let mut wrote = Vec::new();
    wrote.extend(world.switch(world.app, false).await.feed);
    let family = Change::RepudiateFamily { family: family_id(1), act: act("family.repudiated") };
    wrote.extend(world.applied(family).await.feed);
    wrote.extend(world.applied(Change::CutConnection { connection, act: act("connection.cut") }).await.feed);
    assert_eq!(wrote.len(), 3);
    let feed = async |after, limit| world.store.feed(after, limit).await.expect("feed");
    assert_eq!(feed(start.head, 500).await, wrote);
    assert_eq!(feed(start.head, 2).await, wrote[..2]);
    assert_eq!(feed(wrote[0].position, 500).await, wrote[1..]);
    assert_eq!(feed(wrote[2].position, 500).await, []);
    let whole = feed(Position::ZERO, 500).await;
    for (n, entry) in (1..).zip(&whole) {
        assert_eq!(entry.position.0, n, "no gaps");
    }
    let boot = world.store.boot().await.expect("boot");
    assert_eq!(boot.head, wrote[2].position);
    let mut cuts = vec![
        (Subject::from(family_id(1)), Cuts { all: wrote[1].position, ..Cuts::default() }),
        (connection.into(), Cuts { all: wrote[2].position, ..Cuts::default() }),
        (world.app.into(), Cuts { access: wrote[0].position, off: true, ..Cuts::default() }),
    ];
    cuts.sort_by_key(|(subject, _)| *subject);
    assert_eq!(boot.cuts, cuts);
    // A set that follows the feed and a set that starts now say the same.
    let mut followed = causeway_protocol::taken_back::TakenBack::new(Position::ZERO, []);
    whole.iter().for_each(|entry| followed.absorb(entry).expect("no gap"));
    assert_eq!((followed.head(), followed.len()), (boot.head, boot.cuts.len()));
}

pub(crate) async fn audit<S: Store>(world: World<S>) {
    let before = world.count("audit").await;
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    for generation in 0..3 {
        world.applied(Change::MoveFamily(world.refresh(1, generation, connection, as_of))).await;
    }
    let mut long = act("connection.cut");
    long.detail = "ü".repeat(300);
    world.applied(Change::CutConnection { connection, act: long }).await;
    assert_eq!(world.count("audit").await, before + 3, "a refresh is no row");
    assert_eq!(world.store.audit_check().await.expect("read"), Ok(before + 3));
    let tail = world.store.audit_tail(2).await.expect("read");
    assert_eq!(tail[0], ((before + 3) as i64, NOW.0, "person:1".into(), "connection.cut".into(), "ü".repeat(200)));
    assert_eq!((tail.len(), tail[1].3.as_str()), (2, "family.created"));
    assert_eq!(world.store.audit_tail(0).await.expect("read"), []);
}

pub(crate) async fn sweep_slices<S: Store>(world: World<S>) {
    world.applied(Change::RaiseAccessLife(Seconds(300))).await;
    let (connection, as_of) = world.connect(1, 0b11).await;
    for n in 1..=3 {
        world.applied(Change::CreateFamily(world.redemption(n, connection, as_of))).await;
        world.applied(Change::StartSession(session(n as u8, world.user))).await;
    }
    // Family 2 was used later, session 2 seen later.
    let mut used = world.refresh(2, 0, connection, as_of);
    used.now = NOW + Seconds(900);
    world.applied(Change::MoveFamily(used)).await;
    world.applied(Change::TouchSession { digest: [2; 32], seen_at: NOW + Seconds(450) }).await;
    let swept = async |seconds: i64| {
        let applied = world.applied(Change::Sweep(sweep(NOW + Seconds(seconds)))).await;
        assert!(applied.feed.is_empty());
        (world.count("sessions").await, world.count("decisions").await, world.count("families").await)
    };
    assert_eq!(swept(100).await, (3, 1, 3), "idle up to its last second");
    assert_eq!(swept(101).await, (1, 1, 3));
    assert_eq!(swept(500).await, (1, 1, 3), "old up to its last second");
    assert_eq!(swept(501).await, (0, 1, 3));
    assert_eq!(swept(999).await, (0, 1, 3));
    assert_eq!(swept(1000).await, (0, 1, 1), "only what has ended");
    assert_eq!(swept(1801).await, (0, 0, 1));
    assert_eq!(swept(1900).await, (0, 0, 0));
    // Slices are bounded, and in the end everything was looked at.
    let (connection, as_of) = world.connect(2, 0b11).await;
    for n in 100..150 {
        world.applied(Change::CreateFamily(world.redemption(n, connection, as_of))).await;
    }
    let mut left = Vec::new();
    for _ in 0..8 {
        let mut slice = sweep(NOW + ABSOLUTE);
        slice.limit = 7;
        world.applied(Change::Sweep(slice)).await;
        left.push(world.count("families").await);
    }
    assert_eq!(left, [43, 36, 29, 22, 15, 8, 1, 0]);
}

pub(crate) async fn sweep_keeps_evidence<S: Store>(world: World<S>) {
    let life = Seconds(300);
    world.applied(Change::RaiseAccessLife(life)).await;
    let (connection, as_of) = world.connect(1, 0b11).await;
    world.applied(Change::CreateFamily(world.redemption(1, connection, as_of))).await;
    world.applied(Change::RepudiateFamily { family: family_id(1), act: act("family.repudiated") }).await;
    world.applied(Change::CutConnection { connection, act: act("connection.cut") }).await;
    world.switch(world.customer, false).await;
    let before = world.store.boot().await.expect("boot");
    let horizon = NOW + life + PERMITTED_SKEW;
    world.applied(Change::Sweep(sweep(horizon))).await;
    assert_eq!(world.store.boot().await.expect("boot"), before, "an access token from before could be alive");
    world.applied(Change::Sweep(sweep(horizon + Seconds(1)))).await;
    let after = world.store.boot().await.expect("boot");
    assert_eq!(after.head, before.head, "the head never goes back");
    assert_eq!(after.cuts.len(), 1, "only what is off stays in the set: {:?}", after.cuts);
    assert_eq!(world.store.feed(Position::ZERO, 500).await.expect("feed"), []);
    assert_eq!(world.count("cuts").await, 2, "connection and customer; the family's own row says it");
    assert!(world.family(1, connection).await.expect("reuse must still be seen").repudiated);
    // A refresh token or code may be older than any access token: the cut still holds.
    world.switch(world.customer, true).await;
    world.connect(2, 0b11).await;
    world.stale(Change::CreateFamily(world.redemption(2, connection, as_of))).await;
    let mut person = world.consent(3, 0b1);
    person.allow.as_mut().expect("allows").subject = SubjectKey::User(world.user);
    assert!(world.decide(person).await.as_of > before.head, "positions go on");
    assert_eq!(world.applied(Change::Sweep(sweep(NOW + IDLE))).await.feed, []);
    assert_eq!(world.family(1, connection).await, None, "gone with its end");
}
