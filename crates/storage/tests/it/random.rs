//! Random sequences of changes on two engines: every outcome and every read must be equal after every step.

mod legacy;

use std::collections::BTreeMap;

use causeway_protocol::change::Allow;
use causeway_protocol::records::{App, AppStatus, Decision, FamilyDigest, Membership, RetryDigest, Role, SubjectKey};
use causeway_protocol::secret::PasswordHash;
use causeway_protocol::time::Seconds;
use causeway_protocol::{
    ApiKeyId, AppId, Change, ConnectionId, ConsumerId, CustomerId, Outcome, Position, ScopeSet, SiteId, Subject,
    UnixTime, UserId,
};
use causeway_storage::{Engine, Model, Page, Sqlite, Store};

use crate::fixture::{
    IDLE, NOW, TempDir, World, act, app, customer, digest, everything_else, family_id, person, session, sweep, verifier,
};

/// Numbers without pattern, the same for the same seed: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (n ^ (n >> 31)) % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len() as u64) as usize]
    }
}

/// What the driver believes, often wrongly, so that stale changes come up as well.
struct Driver {
    random: Random,
    now: UnixTime,
    head: Position,
    /// Per family: its connection, the generation last seen, the position of its last token.
    families: Vec<(u32, ConnectionId, u32, Position)>,
    connections: Vec<(ConnectionId, Position)>,
    next: u32,
    accounts: Vec<(CustomerId, AppId)>,
    /// Temporary credentials: number, consumer, who allowed them.
    temporaries: Vec<(u8, ConsumerId, UserId)>,
}

impl Driver {
    fn subject(&mut self) -> Subject {
        let n = self.random.below(3) as i64 + 1;
        let subjects =
            [AppId(n).into(), CustomerId(n).into(), UserId(n).into(), SiteId(n).into(), ConnectionId(n).into()];
        if self.random.one_in(4) {
            // Accounts are customers, too, some of them deleted.
            let others = [ConsumerId(n).into(), ApiKeyId(n).into(), CustomerId(n + 3).into()];
            return self.random.pick::<Subject>(&others);
        }
        self.random.pick::<Subject>(&subjects)
    }

    fn act(&self, verb: &'static str) -> causeway_protocol::records::Act {
        causeway_protocol::records::Act { at: self.now, ..act(verb) }
    }

    fn change(&mut self, world: &World<Engine>) -> (&'static str, Change) {
        self.now = self.now + Seconds(self.random.below(20) as i64);
        match self.random.below(60) {
            0..8 => ("MoveFamily", self.refresh(world)),
            8..14 => ("Decide", self.consent(world)),
            14..20 => ("CreateFamily", self.redemption(world)),
            20..23 => {
                let subject = self.subject();
                let active = self.random.below(4) > 0;
                ("Switch", Change::Switch { subject, active, act: self.act("switched") })
            }
            23 if self.random.one_in(3) => {
                let (app, n) = (AppId(self.random.below(2) as i64 + 1), self.random.below(12));
                let as_of = Position(self.head.0 - self.random.below(3) as i64);
                let (bearer, budget) = (world.own_token(app, n, as_of), self.random.below(4) as u32);
                ("CutToken", Change::CutToken { bearer, budget, act: self.act("token.revoked") })
            }
            23 => {
                let family = family_id(self.next.saturating_sub(self.random.below(6) as u32));
                ("RepudiateFamily", Change::RepudiateFamily { family, act: self.act("family.repudiated") })
            }
            24 => {
                let connection = ConnectionId(self.random.below(8) as i64);
                ("CutConnection", Change::CutConnection { connection, act: self.act("connection.cut") })
            }
            25 => {
                let scopes = ScopeSet(u128::from(self.random.below(16)));
                let app = AppId(self.random.below(4) as i64);
                ("SetAppScopes", Change::SetAppScopes { app, scopes, act: self.act("app.scopes") })
            }
            26 => {
                let mut one = || (0..self.random.below(3)).map(|n| verifier(n as u8)).collect::<Vec<_>>();
                let (expected, secrets) = (one(), one());
                let app = AppId(self.random.below(4) as i64);
                ("SetAppSecrets", Change::SetAppSecrets { app, expected, secrets, act: self.act("app.secret") })
            }
            27 => {
                let person = UserId(self.random.below(4) as i64);
                let password = PasswordHash(format!("hash {}", self.random.below(3)));
                let end_sessions = self.random.one_in(2);
                let act = end_sessions.then(|| self.act("person.password"));
                ("SetPassword", Change::SetPassword { person, password, end_sessions, act })
            }
            28..30 => {
                let mut one = session(self.random.below(20) as u8, UserId(self.random.below(4) as i64));
                (one.created_at, one.seen_at) = (self.now, self.now);
                ("StartSession", Change::StartSession(one))
            }
            30 => {
                let digest = [self.random.below(20) as u8; 32];
                ("TouchSession", Change::TouchSession { digest, seen_at: self.now })
            }
            31 => ("EndSession", Change::EndSession([self.random.below(20) as u8; 32])),
            32 => {
                let name = self.random.pick(&["one", "two", "three"]);
                let mut app = app(name);
                app.active = !self.random.one_in(10);
                app.scopes = ScopeSet(u128::from(self.random.below(16)));
                app.secrets.truncate(self.random.below(3) as usize);
                app.redirect_uris.truncate(self.random.below(3) as usize);
                ("PutApp", Change::PutApp(app, self.act("app.put")))
            }
            33 => {
                let sites = &["s1", "s2", "s3", "s4"][self.random.below(4) as usize..];
                let mut customer = customer(self.random.pick(&["c1", "c2", "c3"]), sites);
                customer.active = !self.random.one_in(10);
                customer.sites.iter_mut().for_each(|site| site.creator = self.random.one_in(4).then_some(UserId(1)));
                customer.sites.iter_mut().for_each(|site| site.active = !self.random.one_in(10));
                ("PutCustomer", Change::PutCustomer(customer, self.act("customer.put")))
            }
            34 => {
                let mut person =
                    person(self.random.pick(&["admin@one.example", "Admin@two.example", "new@one.example"]));
                person.active = !self.random.one_in(10);
                let role = self.random.pick(&[Role::CustomerAdmin, Role::Member]);
                let teams = (0..self.random.below(3)).map(|n| Membership { customer: CustomerId(3 - n as i64), role });
                (person.teams, person.role) = (teams.collect(), role);
                person.password = PasswordHash(format!("hash {}", self.random.below(3)));
                ("PutPerson", Change::PutPerson(person, self.act("person.put")))
            }
            35 => {
                let words = (0..self.random.below(4)).map(|_| format!("word{}", self.random.below(200))).collect();
                ("RegisterScopes", Change::RegisterScopes(words))
            }
            36 => ("MarkSeed", Change::MarkSeed([self.random.below(10) as u8; 32])),
            37 => {
                let used =
                    (0..3).map(|n| (ConnectionId(self.random.below(8) as i64), self.now - Seconds(n * 50))).collect();
                ("RecordUse", Change::RecordUse(used))
            }
            38 => ("RaiseAccessLife", Change::RaiseAccessLife(Seconds(self.random.below(300) as i64))),
            40.. => self.legacy_change(world),
            _ => {
                let mut sweep = sweep(self.now);
                sweep.limit = self.random.below(6) as u32;
                ("Sweep", Change::Sweep(sweep))
            }
        }
    }

    fn consent(&mut self, world: &World<Engine>) -> Change {
        let mut change = world.consent(self.random.below(250) as u8, u128::from(self.random.below(16)));
        let id = self.random.below(3) as i64 + 1;
        change.decided.at = self.now;
        change.decided.expires_at = self.now + Seconds(300);
        change.act = self.act("connection.allowed");
        change.allow = Some(Allow {
            app: AppId(self.random.below(3) as i64 + 1),
            subject: if self.random.one_in(2) {
                SubjectKey::Customer(CustomerId(id))
            } else {
                SubjectKey::User(UserId(id))
            },
            customer: CustomerId(self.random.below(3) as i64 + 1),
            person: UserId(self.random.below(4) as i64),
            scopes: ScopeSet(u128::from(self.random.below(16))),
        });
        if self.random.one_in(6) {
            (change.allow, change.decided.decision) = (None, Decision::Deny);
        }
        Change::Decide(change)
    }

    fn redemption(&mut self, world: &World<Engine>) -> Change {
        let known = self.connections.len().max(1) as u64;
        let at = self.random.below(known) as usize;
        let (connection, as_of) = self.connections.get(at).copied().unwrap_or_default();
        if !self.random.one_in(5) {
            self.next += 1;
        }
        let mut change = world.redemption(self.next, connection, as_of);
        change.app = AppId(self.random.below(3) as i64 + 1);
        change.customer = CustomerId(self.random.below(3) as i64 + 1);
        change.user = UserId(self.random.below(3) as i64 + 1);
        change.max_families = self.random.below(4) as u32;
        change.family.moved_at = self.now;
        change.family.ends_at = self.now + Seconds(self.random.below(5000) as i64);
        change.act = self.act("family.created");
        Change::CreateFamily(change)
    }

    fn refresh(&mut self, world: &World<Engine>) -> Change {
        // Mostly of the last few: the older ones are dead.
        let known = self.families.len();
        let recent = if self.random.one_in(4) { known } else { known.min(4) }.max(1);
        let at = known.saturating_sub(1 + self.random.below(recent as u64) as usize);
        let (n, connection, generation, as_of) = self.families.get(at).copied().unwrap_or_default();
        let mut change = world.refresh(n, generation, connection, as_of);
        (change.now, change.idle) = (self.now, IDLE);
        change.app = AppId(self.random.below(3) as i64 + 1);
        if self.random.one_in(4) {
            change.wanted = ScopeSet(1 << self.random.below(4));
        }
        change.retry = self.random.one_in(3).then_some(RetryDigest([n as u8 + 1; 8]));
        match self.random.below(20) {
            0 => change.generation += 1,
            1 => change.generation = change.generation.saturating_sub(1),
            2 => change.digest = FamilyDigest([0; 16]),
            3 => change.connection = ConnectionId(self.random.below(8) as i64),
            4 => change.now = self.now + IDLE,
            _ => {}
        }
        Change::MoveFamily(change)
    }

    /// Learns from what happened.
    fn learn(&mut self, change: &Change, outcome: &Outcome) {
        let Outcome::Applied(applied) = outcome else { return };
        self.head = applied.position;
        match &applied.row {
            causeway_protocol::Row::Decided(decided) => {
                self.connections.extend(decided.connection.map(|id| (id, decided.as_of)));
            }
            causeway_protocol::Row::Family { family, .. } => {
                let n = (0..=self.next).rev().find(|n| digest(*n) == family.digest).expect("ours");
                self.families.retain(|known| known.0 != n);
                self.families.push((n, family.connection, family.generation, applied.position));
            }
            _ => self.learn_legacy(change, &applied.row),
        }
    }
}

/// As many kinds of changes as the driver has.
const KINDS: usize = 37;

/// Everything that can be read, as text.
async fn everything(store: &Engine, driver: &Driver) -> String {
    let all = Page { after: None, limit: 500 };
    let mut seen = format!("{:?}", store.boot().await.expect("boot"));
    seen += &format!("{:?}", store.counts().await.expect("counts"));
    seen += &format!("{:?}", store.feed(Position::ZERO, 500).await.expect("feed"));
    seen += &format!("{:?}", store.connections(None, false, all).await.expect("connections"));
    seen += &format!("{:?}", store.audit_tail(3).await.expect("audit"));
    for id in 4..=6 {
        seen += &format!("{:?}", store.customer(CustomerId(id)).await.expect("customer"));
        seen += &format!("{:?}", store.account(CustomerId(id)).await.expect("account"));
    }
    for id in 1..=3 {
        seen += &format!("{:?}", store.person(UserId(id)).await.expect("person"));
        seen += &format!("{:?}", store.connections(Some(CustomerId(id)), true, all).await.expect("connections"));
        seen += &format!("{:?}", store.connections_allowed_by(UserId(id)).await.expect("connections"));
    }
    for (n, connection, ..) in driver.families.iter().rev().take(5) {
        let standing = store.standing(family_id(*n), *connection, AppId(1), CustomerId(2), UserId(3)).await;
        seen += &format!("{:?}", standing.expect("standing"));
    }
    for n in 0..3 {
        seen += &format!("{:?}", store.session([n; 32]).await.expect("session"));
        seen += &format!("{:?}", store.decided([n; 16]).await.expect("decided"));
    }
    seen
}

/// Drives an engine and the model alike. How often each kind of change was applied and was stale is added to `kinds`.
async fn compare(engine: Engine, seed: u64, steps: u32, kinds: &mut BTreeMap<&'static str, [u32; 2]>) {
    let engine = World::new(engine).await;
    let model = World::new(Engine::Model(Model::default())).await;
    let mut driver = Driver {
        random: Random(seed),
        now: NOW,
        head: Position::ZERO,
        families: Vec::new(),
        connections: Vec::new(),
        next: 0,
        accounts: Vec::new(),
        temporaries: Vec::new(),
    };
    for step in 0..steps {
        let (kind, mut change) = driver.change(&model);
        if let Change::SetAppSecrets { app, expected, .. } = &mut change
            && let Some(app) = model.store.app(*app).await.expect("app")
            && driver.random.one_in(2)
        {
            expected.clone_from(&app.secrets);
        }
        if let Change::ReplaceApp { expected, app, .. } = &mut change
            && let Some(stands) = model.store.app(AppId(driver.random.below(3) as i64 + 1)).await.expect("app")
            && !driver.random.one_in(3)
        {
            **expected = stands.clone();
            let scopes = ScopeSet(u128::from(driver.random.below(16)));
            let status = driver.random.pick(&[AppStatus::Approved, AppStatus::Pending, AppStatus::Rejected]);
            **app = App { scopes, status, home: driver.random.one_in(2).then_some(CustomerId(1)), ..stands };
        }
        let outcome = engine.apply(change.clone()).await;
        assert_eq!(outcome, model.apply(change.clone()).await, "seed {seed}, step {step}: {change:?}");
        kinds.entry(kind).or_default()[usize::from(outcome == Outcome::Stale)] += 1;
        driver.learn(&change, &outcome);
        let seen = everything(&engine.store, &driver).await;
        assert_eq!(seen, everything(&model.store, &driver).await, "seed {seed}, step {step}: {change:?}");
        if step % 8 == 0 {
            let rest = everything_else(&engine.store).await;
            assert_eq!(rest, everything_else(&model.store).await, "seed {seed}, step {step}: {change:?}");
        }
    }
    let audited = engine.store.audit_check().await.expect("audit");
    assert_eq!(audited, model.store.audit_check().await.expect("audit"));
    assert!(audited.is_ok(), "{audited:?}");
}

#[tokio::test]
async fn random_sequences_leave_both_engines_alike() {
    let mut kinds = BTreeMap::new();
    for seed in 1..=4 {
        let dir = TempDir::new();
        compare(Engine::Sqlite(Sqlite::open(&dir.data()).expect("opens")), seed, 800, &mut kinds).await;
    }
    for (kind, [applied, stale]) in &kinds {
        println!("{kind:>16} {applied:>5} applied {stale:>5} stale");
    }
    assert_eq!(kinds.len(), KINDS, "every change came up");
    let both_ways = [
        "MoveFamily",
        "CreateFamily",
        "Decide",
        "CutConnection",
        "RepudiateFamily",
        "Switch",
        "SetAppSecrets",
        "ReplaceApp",
        "SpendOnce",
        "BeginLegacy",
        "AllowLegacy",
        "FinishLegacy",
        "Exchange",
        "ReopenExchange",
        "RegisterAccount",
        "EditAccount",
        "DeleteAccount",
    ];
    for kind in both_ways {
        let [applied, stale] = kinds[kind];
        assert!(applied >= 5 && stale >= 5, "{kind}: {applied} applied, {stale} stale: the driver is blind");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_sequences_leave_postgres_and_the_model_alike() {
    let mut kinds = BTreeMap::new();
    compare(Engine::Postgres(crate::postgres::fresh().await), 5, 800, &mut kinds).await;
    assert_eq!(kinds.len(), KINDS, "every change came up");
}
