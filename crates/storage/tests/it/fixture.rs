//! A small world in a store, and short ways to change it. No assertion about what an engine should do stands here, except
//! that a stale change leaves nothing behind.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use causeway_protocol::change::{Allow, Applied, CreateFamily, Decide, Exchange, MoveFamily, Sweep};
use causeway_protocol::legacy::{
    Account, ApiKey, Consumer, ConsumerToken, LegacyUse, SealedSecret, TEMPORARY_LIFE, Temporary,
};
use causeway_protocol::records::{
    Act, App, AppStatus, ClientKind, Customer, Decided, Decision, Family, FamilyDigest, Person, Role, Session, Site,
    SubjectKey, Visibility,
};
use causeway_protocol::secret::{PasswordHash, SecretVerifier};
use causeway_protocol::time::Seconds;
use causeway_protocol::{
    ApiKeyId, AppId, Change, ConnectionId, ConsumerId, CustomerId, FamilyId, Outcome, Position, Row, ScopeSet, SiteId,
    Subject, UnixTime, UserId,
};
use causeway_storage::{Page, Store, StoreError, Tail};

/// When everything here happens.
pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);
/// The day of it.
pub(crate) const DAY: i64 = NOW.0 / 86_400;
pub(crate) const IDLE: Seconds = Seconds(1000);
pub(crate) const ABSOLUTE: Seconds = Seconds(5000);

/// A store with two apps, two customers and two people.
pub(crate) struct World<S> {
    pub(crate) store: S,
    pub(crate) app: AppId,
    pub(crate) other_app: AppId,
    pub(crate) customer: CustomerId,
    pub(crate) other_customer: CustomerId,
    pub(crate) user: UserId,
    pub(crate) other_user: UserId,
}

impl<S: Store> World<S> {
    /// The same world in a store that holds it already.
    pub(crate) async fn again(store: S) -> Self {
        let audited = store.audit_check().await.expect("audit").expect("whole");
        let world = World::new(store).await;
        assert_eq!(world.count("audit").await, audited, "putting the same world again is no act");
        world
    }

    pub(crate) async fn new(store: S) -> Self {
        let mut world = World {
            store,
            app: AppId(0),
            other_app: AppId(0),
            customer: CustomerId(0),
            other_customer: CustomerId(0),
            user: UserId(0),
            other_user: UserId(0),
        };
        world.app = world.put_app(app("one")).await;
        world.other_app = world.put_app(app("two")).await;
        world.customer = world.put_customer(customer("c1", &["s1", "s2"])).await;
        world.other_customer = world.put_customer(customer("c2", &["s3"])).await;
        world.user = world.put_person(person("admin@one.example")).await;
        world.other_user = world.put_person(person("admin@two.example")).await;
        world
    }

    pub(crate) async fn apply(&self, change: Change) -> Outcome {
        self.store.apply(change).await.expect("the store works")
    }

    pub(crate) async fn applied(&self, change: Change) -> Applied {
        match self.apply(change.clone()).await {
            Outcome::Applied(applied) => applied,
            Outcome::Stale => panic!("stale: {change:?}"),
        }
    }

    /// The change must be stale and leave nothing behind.
    pub(crate) async fn stale(&self, change: Change) {
        let before = self.picture().await;
        assert_eq!(self.apply(change.clone()).await, Outcome::Stale, "{change:?}");
        assert_eq!(self.picture().await, before, "a stale change wrote something: {change:?}");
    }

    /// Enough of the store to see that nothing was written.
    async fn picture(&self) -> String {
        let boot = self.store.boot().await.expect("boot");
        let counts = self.store.counts().await.expect("counts");
        let all = Page { after: None, limit: 500 };
        let connections = self.store.connections(None, false, all).await.expect("connections");
        let rest = everything_else(&self.store).await;
        format!("{boot:?} {counts:?} {connections:?} {rest}")
    }

    /// Of the feed. Whoever is told that too many read, because this machine stood still meanwhile, asks again.
    pub(crate) async fn tail(&self, after: Position, limit: u32) -> Tail {
        loop {
            match self.store.tail(after, limit).await {
                Err(StoreError::Busy) => tokio::task::yield_now().await,
                tail => return tail.expect("read"),
            }
        }
    }

    pub(crate) async fn count(&self, table: &str) -> u64 {
        let counts = self.store.counts().await.expect("counts");
        counts.into_iter().find(|(name, _)| *name == table).expect("a table").1
    }

    pub(crate) async fn put_app(&self, app: App) -> AppId {
        match self.applied(Change::PutApp(app, act("app.put"))).await.row {
            Row::App(app) => app.id,
            row => panic!("{row:?}"),
        }
    }

    pub(crate) async fn put_customer(&self, customer: Customer) -> CustomerId {
        match self.applied(Change::PutCustomer(customer, act("customer.put"))).await.row {
            Row::Customer(customer) => customer.id,
            row => panic!("{row:?}"),
        }
    }

    pub(crate) async fn put_person(&self, person: Person) -> UserId {
        match self.applied(Change::PutPerson(person, act("person.put"))).await.row {
            Row::Person(id) => id,
            row => panic!("{row:?}"),
        }
    }

    /// A consent of this world's admin for this world's app and customer.
    pub(crate) fn consent(&self, transaction: u8, scopes: u128) -> Decide {
        Decide {
            decided: Decided {
                transaction: [transaction; 16],
                decision: Decision::Allow,
                at: NOW,
                expires_at: NOW + Seconds(1800),
                as_of: Position::ZERO,
                connection: None,
            },
            allow: Some(Allow {
                app: self.app,
                subject: SubjectKey::Customer(self.customer),
                customer: self.customer,
                person: self.user,
                scopes: ScopeSet(scopes),
            }),
            act: act("connection.allowed"),
        }
    }

    pub(crate) async fn decide(&self, change: Decide) -> Decided {
        match self.applied(Change::Decide(change)).await.row {
            Row::Decided(decided) => decided,
            row => panic!("{row:?}"),
        }
    }

    pub(crate) async fn connect(&self, transaction: u8, scopes: u128) -> (ConnectionId, Position) {
        let decided = self.decide(self.consent(transaction, scopes)).await;
        (decided.connection.expect("allowed"), decided.as_of)
    }

    pub(crate) fn redemption(&self, n: u32, connection: ConnectionId, as_of: Position) -> CreateFamily {
        CreateFamily {
            family: family(n, connection),
            as_of,
            app: self.app,
            customer: self.customer,
            user: self.user,
            max_families: 4,
            act: act("family.created"),
        }
    }

    /// A refresh of generation `generation` of family `n`, ten seconds later.
    pub(crate) fn refresh(&self, n: u32, generation: u32, connection: ConnectionId, as_of: Position) -> MoveFamily {
        MoveFamily {
            family: family_id(n),
            generation,
            digest: digest(n),
            as_of,
            connection,
            app: self.app,
            customer: self.customer,
            user: self.user,
            now: NOW + Seconds(10),
            idle: IDLE,
            key_id: 2,
            retry: None,
            wanted: ScopeSet(0b1111),
        }
    }

    pub(crate) async fn put_consumer(&self, consumer: Consumer) -> ConsumerId {
        let key = consumer.key.clone();
        self.applied(Change::PutConsumer(consumer, act("consumer.put"))).await;
        self.store.consumer(&key).await.expect("read").expect("was put").consumer.id
    }

    /// An exchange of this pair by this world's app for this world's customer, acting as nobody in particular.
    pub(crate) fn exchange(&self, n: u32, consumer: ConsumerId, scopes: u128) -> Exchange {
        Exchange {
            consumer,
            allow: Allow {
                app: self.app,
                subject: SubjectKey::Customer(self.customer),
                customer: self.customer,
                person: self.other_user,
                scopes: ScopeSet(scopes),
            },
            family: family(n, ConnectionId(0)),
            max_families: 4,
            act: act("connection.exchanged"),
        }
    }

    pub(crate) async fn register(&self, account: Account) -> CustomerId {
        match self.applied(Change::RegisterAccount(account, act("account.registered"))).await.row {
            Row::Customer(customer) => customer.id,
            row => panic!("{row:?}"),
        }
    }

    pub(crate) async fn switch(&self, subject: impl Into<Subject>, active: bool) -> Applied {
        self.applied(Change::Switch { subject: subject.into(), active, act: act("switched") }).await
    }

    pub(crate) async fn family(&self, n: u32, connection: ConnectionId) -> Option<Family> {
        let standing = self.store.standing(family_id(n), connection, self.app, self.customer, self.user).await;
        standing.expect("standing").family
    }
}

/// What is read by keys of this fixture, as text: small worlds only.
pub(crate) async fn everything_else<S: Store>(store: &S) -> String {
    let mut seen = format!("{:?}", store.legacy(DAY, Page { after: None, limit: 500 }).await.expect("report"));
    for n in 1..=4 {
        let page = Page { after: None, limit: 500 };
        seen += &format!("{:?}", store.accounts(AppId(n), page).await.expect("accounts"));
        seen += &format!("{:?}", store.logo(AppId(n)).await.expect("logo"));
        seen += &format!("{:?}", store.has_consumer(CustomerId(n)).await.expect("read"));
        seen += &format!("{:?}", store.consumer_by_id(ConsumerId(n)).await.expect("consumer"));
        seen += &format!("{:?}", store.families(ConnectionId(n)).await.expect("families"));
        for role in [Role::CustomerAdmin, Role::Member] {
            seen += &format!("{:?}", store.first_person(CustomerId(n), role).await.expect("person"));
        }
        for other in 1..=4 {
            seen += &format!("{:?}", store.exchanged(AppId(n), ConsumerId(other)).await.expect("mark"));
        }
    }
    for n in 0..8 {
        seen += &format!("{:?}", store.temporary([n; 32]).await.expect("temporary"));
        seen += &format!("{:?}", store.consumer_token([n; 32]).await.expect("token"));
        seen += &format!("{:?}", store.api_key([n; 32]).await.expect("key"));
    }
    seen
}

pub(crate) fn consumer(key: &str, customer: CustomerId) -> Consumer {
    let secret = SealedSecret(format!("sealed secret of {key}"));
    Consumer { id: ConsumerId(0), customer, key: key.to_owned(), secret, active: true }
}

pub(crate) fn consumer_token(n: u8, consumer: ConsumerId, user: UserId) -> ConsumerToken {
    let secret = SealedSecret(format!("sealed secret {n}"));
    ConsumerToken { digest: [n; 32], consumer, customer: CustomerId(1), user, secret, created_at: NOW }
}

/// Good for ten minutes.
pub(crate) fn temporary(n: u8, consumer: ConsumerId) -> Temporary {
    Temporary {
        digest: [n; 32],
        consumer,
        secret: SealedSecret(format!("sealed temporary {n}")),
        callback: Some("https://partner.example/oauth1".to_owned()),
        wants_verifier: true,
        allowed: None,
        expires_at: NOW + TEMPORARY_LIFE,
    }
}

pub(crate) fn account(app: AppId, id: &str) -> Account {
    Account {
        customer: CustomerId(0),
        app,
        external_id: id.to_owned(),
        name: format!("Account {id}"),
        timezone: "Europe/Zurich".to_owned(),
        currency: "CHF".to_owned(),
        created_at: NOW,
    }
}

pub(crate) fn api_key(n: u8, customer: Option<CustomerId>, app: Option<AppId>) -> ApiKey {
    ApiKey { id: ApiKeyId(0), digest: [n; 32], customer, app, hint: format!("{n:04}"), active: true }
}

/// Calls of today's.
pub(crate) fn calls(consumer: ConsumerId, route: &str, calls: u64) -> LegacyUse {
    LegacyUse { consumer, day: DAY, route: route.to_owned(), calls, last_at: NOW }
}

pub(crate) fn act(verb: &'static str) -> Act {
    Act { at: NOW, actor: "person:1".to_owned(), verb, subject: None, detail: "because".to_owned() }
}

pub(crate) fn app(name: &str) -> App {
    App {
        id: AppId(0),
        client_id: format!("client-{name}"),
        name: format!("App {name}"),
        owner: "Partner".to_owned(),
        description: "What it does.".to_owned(),
        info_url: "https://partner.example".to_owned(),
        kind: ClientKind::Confidential,
        visibility: Visibility::Public,
        status: AppStatus::Approved,
        active: true,
        verified: true,
        pkce_required: false,
        secrets: vec![verifier(2), verifier(1)],
        redirect_uris: vec!["https://partner.example/callback".to_owned(), "http://127.0.0.1/cb".to_owned()],
        scopes: ScopeSet(0b1111),
        registered_by: None,
        home: None,
        providers: Vec::new(),
        logo: None,
        review_note: String::new(),
    }
}

pub(crate) fn verifier(n: u8) -> SecretVerifier {
    SecretVerifier { key_id: u16::from(n), mac: [n; 32] }
}

pub(crate) fn customer(id: &str, sites: &[&str]) -> Customer {
    let site = |id: &&str| Site {
        id: SiteId(0),
        external_id: (*id).to_owned(),
        name: format!("Site {id}"),
        active: true,
        creator: None,
    };
    Customer {
        id: CustomerId(0),
        external_id: id.to_owned(),
        name: format!("Customer {id}"),
        active: true,
        sites: sites.iter().map(site).collect(),
    }
}

pub(crate) fn person(email: &str) -> Person {
    Person {
        id: UserId(0),
        email: email.to_owned(),
        name: String::new(),
        role: Role::CustomerAdmin,
        customer: Some(CustomerId(1)),
        teams: Vec::new(),
        password: PasswordHash("$argon2id$1".to_owned()),
        active: true,
    }
}

pub(crate) fn session(n: u8, person: UserId) -> Session {
    Session { digest: [n; 32], person, created_at: NOW, seen_at: NOW }
}

pub(crate) fn family_id(n: u32) -> FamilyId {
    FamilyId::at(NOW.0 as u64 * 1000 + u64::from(n), n)
}

pub(crate) fn digest(n: u32) -> FamilyDigest {
    FamilyDigest((u128::from(n) + 1).to_be_bytes())
}

pub(crate) fn family(n: u32, connection: ConnectionId) -> Family {
    Family {
        id: family_id(n),
        generation: 0,
        digest: digest(n),
        moved_at: NOW,
        ends_at: NOW + ABSOLUTE,
        connection,
        scopes: ScopeSet(0b11),
        repudiated: false,
        key_id: 1,
        retry: None,
    }
}

/// A sweep at this time, of up to a hundred rows a kind.
pub(crate) fn sweep(now: UnixTime) -> Sweep {
    Sweep { now, session_idle: Seconds(100), session_absolute: Seconds(500), refresh_idle: IDLE, limit: 100 }
}

/// A directory of its own, removed at the end.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("causeway-storage-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a temporary directory");
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the store's data goes: not made yet.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
