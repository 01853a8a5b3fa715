//! Two edges that differ only in their engine, one clock, one seed; and the operations that happen to both.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use causeway_protocol::authorize::{Pending, Request, ReturnTo};
use causeway_protocol::consent::{self, Decider, Form};
use causeway_protocol::family::FamilySecret;
use causeway_protocol::params::Params;
use causeway_protocol::profile::{self, Profile};
use causeway_protocol::records::*;
use causeway_protocol::seal::KeyRing;
use causeway_protocol::secret::PasswordHash;
use causeway_protocol::taken_back::Verdict;
use causeway_protocol::time::Seconds;
use causeway_protocol::token::AccessToken;
use causeway_protocol::{
    AppId, Change, ConnectionId, CustomerId, FamilyId, Outcome, Row, ScopeSet, SiteId, Subject, UnixTime, UserId,
};
use causeway_server::flows::caller::{Asked, Refused};
use causeway_server::flows::{revoke, token};
use causeway_server::node::{Node, Origins};
use causeway_server::shared::{Options, Shared};
use causeway_storage::{Engine, Model, Page, Sqlite, Store};
use causeway_testkit::clock::{Chance, Clock};
use causeway_testkit::platform::TempDir;

use super::ledger::{Ledger, TokenText};

/// Seeded choices.
pub(super) struct Dice(Chance);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Chance::seeded(seed))
    }

    pub(super) fn below(&self, n: usize) -> usize {
        self.0.below(n.max(1) as u64) as usize
    }

    fn one_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T>(&self, list: &'a [T]) -> Option<&'a T> {
        if list.is_empty() { None } else { list.get(self.below(list.len())) }
    }

    /// Mostly the last few, sometimes any: old tokens matter, but new ones make progress.
    fn pick_late<'a, T>(&self, list: &'a [T]) -> Option<&'a T> {
        let recent = list.len().saturating_sub(3);
        if self.one_in(3) { self.pick(list) } else { self.pick(&list[recent..]) }
    }
}

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Allow { app: usize, customer: usize, scopes: ScopeSet, challenge: bool },
    Redeem { code: String, app: usize, verifier: bool, redirect: bool, key: Option<String> },
    Refresh { token: String, app: usize, scope: Option<String>, key: Option<String>, lose_reply: bool },
    Retry { token: String, app: usize, key: String },
    Revoke { token: String, app: usize },
    Call { token: String },
    Cut { customer: usize, app: usize },
    Switch { what: Switched, active: bool },
    SetScopes { app: usize, scopes: ScopeSet },
    Sleep { seconds: i64 },
    Sweep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Switched {
    App(usize),
    Customer(usize),
    Person(usize),
}

impl Operation {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Operation::Allow { .. } => "allow",
            Operation::Redeem { .. } => "redeem",
            Operation::Refresh { .. } => "refresh",
            Operation::Retry { .. } => "retry",
            Operation::Revoke { .. } => "revoke",
            Operation::Call { .. } => "call",
            Operation::Cut { .. } => "cut",
            Operation::Switch { .. } => "switch",
            Operation::SetScopes { .. } => "scopes",
            Operation::Sleep { .. } => "sleep",
            Operation::Sweep => "sweep",
        }
    }
}

pub(super) const APPS: usize = 3;
pub(super) const CUSTOMERS: usize = 2;
const REDIRECT: &str = "https://partner.example/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The third app is public.
pub(super) const PUBLIC: usize = 2;

/// See the module.
pub(super) struct World {
    pub(super) sqlite: Shared,
    pub(super) model: Shared,
    clock: Arc<Clock>,
    pub(super) all_scopes: ScopeSet,
    _dir: TempDir,
}

fn secret_of(app: usize) -> String {
    format!("secret-of-app-{app}-0123456789abcdef")
}

fn the_profile() -> Profile {
    profile::shipped("tripleseat").expect("the shipped profile is right")
}

async fn edge(engine: Engine, clock: Arc<Clock>, seed: u64) -> Shared {
    let ring = KeyRing::parse("tripleseat", &KeyRing::line(1, &[7; 32])).expect("one key");
    let origins = Origins { login: "http://login.test".into(), api: "http://api.test".into() };
    let entropy = Arc::new(Chance::seeded(seed));
    let node = Node::start(the_profile(), origins, engine, ring, clock, entropy).await.expect("starts");
    let all = node.held.scopes().set(node.profile.scopes.iter().map(|scope| scope.name.as_str())).expect("registered");
    for number in 0..CUSTOMERS {
        let external_id = format!("{number}1");
        let site = Site { id: SiteId(0), external_id, name: "Main".into(), active: true, creator: None };
        let customer = Customer {
            id: CustomerId(0),
            external_id: format!("{number}"),
            name: format!("Customer {number}"),
            active: true,
            sites: vec![site],
        };
        let Ok(Outcome::Applied(applied)) = node.apply(Change::PutCustomer(customer, act(&node, "seed"))).await else {
            panic!("customer")
        };
        let Row::Customer(customer) = applied.row else { panic!("a customer row") };
        let person = Person {
            id: UserId(0),
            email: format!("admin{number}@example.test"),
            name: String::new(),
            role: Role::CustomerAdmin,
            customer: Some(customer.id),
            teams: Vec::new(),
            password: PasswordHash(String::new()),
            active: true,
        };
        node.apply(Change::PutPerson(person, act(&node, "seed"))).await.expect("person");
    }
    for number in 0..APPS {
        let public = number == PUBLIC;
        let app = App {
            id: AppId(0),
            client_id: format!("app-{number}"),
            name: format!("App {number}"),
            owner: "Partner".into(),
            description: String::new(),
            info_url: String::new(),
            kind: if public { ClientKind::Public } else { ClientKind::Confidential },
            visibility: Visibility::Public,
            status: AppStatus::Approved,
            active: true,
            verified: true,
            pkce_required: false,
            secrets: if public { vec![] } else { vec![node.ring().verifier(&secret_of(number))] },
            redirect_uris: vec![REDIRECT.into()],
            scopes: all,
            registered_by: None,
            home: None,
            providers: Vec::new(),
            logo: None,
            review_note: String::new(),
        };
        node.apply(Change::PutApp(app, act(&node, "seed"))).await.expect("app");
    }
    Shared::new(node, Options::default())
}

impl World {
    pub(super) async fn start(seed: u64) -> Self {
        let dir = TempDir::new();
        let clock = Arc::new(Clock::at(UnixTime(1_790_000_000)));
        let sqlite = edge(Engine::Sqlite(Sqlite::open(&dir.0).expect("opens")), clock.clone(), seed).await;
        let model = edge(Engine::Model(Model::default()), clock.clone(), seed).await;
        let all_scopes = sqlite.node.app("app-0").expect("seeded").scopes;
        Self { sqlite, model, clock, all_scopes, _dir: dir }
    }

    /// What happens next: mostly progress, often mischief.
    pub(super) fn draw(&self, dice: &Dice, ledger: &Ledger) -> Operation {
        let some_scopes = |dice: &Dice| {
            let drawn = ScopeSet(u128::from(dice.0.next()) & self.all_scopes.0);
            if drawn.is_empty() || dice.one_in(2) { self.all_scopes } else { drawn }
        };
        let app = dice.below(APPS);
        let customer = dice.below(CUSTOMERS);
        let other = |dice: &Dice, right: usize| if dice.one_in(12) { dice.below(APPS) } else { right };
        let key = |dice: &Dice| dice.one_in(3).then(|| format!("key-{}", dice.below(1_000_000)));
        match dice.below(100) {
            0..=11 => Operation::Allow {
                app,
                customer,
                scopes: some_scopes(dice),
                challenge: app == PUBLIC || dice.one_in(4),
            },
            12..=27 => match dice.pick_late(&ledger.codes) {
                Some(code) => Operation::Redeem {
                    code: code.text.clone(),
                    app: other(dice, code.app),
                    verifier: code.challenge != dice.one_in(15),
                    redirect: !dice.one_in(15),
                    key: key(dice),
                },
                None => Operation::Sleep { seconds: 1 },
            },
            28..=54 => match self.living_or_any(dice, ledger) {
                Some(token) => Operation::Refresh {
                    token: token.text.clone(),
                    app: other(dice, token.app),
                    scope: dice.one_in(5).then(|| self.sqlite.node.held.scopes().text(some_scopes(dice))),
                    key: key(dice),
                    lose_reply: dice.one_in(6),
                },
                None => Operation::Sleep { seconds: 1 },
            },
            55..=61 => match dice.pick_late(&ledger.keyed) {
                Some((token, app, key)) => Operation::Retry { token: token.clone(), app: *app, key: key.clone() },
                None => Operation::Sleep { seconds: 1 },
            },
            62..=77 => match dice.pick_late(&ledger.access_tokens) {
                Some(token) => Operation::Call { token: token.text.clone() },
                None => Operation::Sleep { seconds: 1 },
            },
            78..=79 => match dice.pick(&ledger.refresh_tokens) {
                Some(token) => Operation::Revoke { token: token.text.clone(), app: other(dice, token.app) },
                None => Operation::Sleep { seconds: 1 },
            },
            80..=81 => Operation::Cut { customer, app },
            82..=89 => {
                let what =
                    [Switched::App(app), Switched::Customer(customer), Switched::Person(customer)][dice.below(3)];
                Operation::Switch { what, active: !dice.one_in(4) }
            }
            90..=92 => Operation::SetScopes { app, scopes: some_scopes(dice) },
            93..=97 => {
                let seconds = [1, 5, 11, 61, 601, 3_600, 7_201, 86_400, 40 * 86_400][dice.below(9)];
                Operation::Sleep { seconds }
            }
            _ => Operation::Sweep,
        }
    }

    /// Mostly a token that could still be good: the dead are many, and say little after the first time.
    fn living_or_any<'a>(&self, dice: &Dice, ledger: &'a Ledger) -> Option<&'a TokenText> {
        if dice.one_in(4) {
            return dice.pick_late(&ledger.refresh_tokens);
        }
        let living: Vec<&TokenText> = ledger.refresh_tokens.iter().filter(|token| ledger.may_live(token)).collect();
        dice.pick_late(&living).copied()
    }

    /// Both sides, and what each answered: a reply, `ok`, or `C-<number>`.
    pub(super) async fn perform(&self, operation: &Operation) -> (String, String) {
        if let Operation::Sleep { seconds } = operation {
            self.clock.advance(Seconds(*seconds));
            return ("ok".into(), "ok".into());
        }
        (self.on(&self.sqlite, operation).await, self.on(&self.model, operation).await)
    }

    async fn on(&self, shared: &Shared, operation: &Operation) -> String {
        let node = &shared.node;
        match operation {
            Operation::Allow { app, customer, scopes, challenge } => {
                allow(node, *app, *customer, *scopes, *challenge).await
            }
            Operation::Redeem { code, app, verifier, redirect, key } => {
                let mut fields = vec![("grant_type", "authorization_code"), ("code", code)];
                if *verifier {
                    fields.push(("code_verifier", VERIFIER));
                }
                fields.push(("redirect_uri", if *redirect { REDIRECT } else { "https://evil.example/" }));
                said(token::token(shared, &asked(*app, &fields, key.clone())).await)
            }
            Operation::Refresh { token, app, scope, key, .. } => {
                let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
                fields.extend(scope.as_deref().map(|scope| ("scope", scope)));
                said(token::token(shared, &asked(*app, &fields, key.clone())).await)
            }
            Operation::Retry { token, app, key } => {
                let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
                said(token::token(shared, &asked(*app, &fields, Some(key.clone()))).await)
            }
            Operation::Revoke { token, app } => {
                match revoke::revoke(shared, &asked(*app, &[("token", token.as_str())], None)).await {
                    Ok(()) => "ok".into(),
                    Err(refused) => number(&refused),
                }
            }
            Operation::Call { token } => call(node, token),
            Operation::Cut { customer, app } => cut(node, *customer, *app).await,
            Operation::Switch { what, active } => {
                let subject = self.subject(*what);
                outcome(node.apply(Change::Switch { subject, active: *active, act: act(node, "switch") }).await)
            }
            Operation::SetScopes { app, scopes } => {
                let id = AppId(*app as i64 + 1);
                outcome(node.apply(Change::SetAppScopes { app: id, scopes: *scopes, act: act(node, "scopes") }).await)
            }
            Operation::Sweep => outcome(
                node.apply(Change::Sweep(causeway_protocol::change::Sweep {
                    now: node.now(),
                    session_idle: Seconds(3_600),
                    session_absolute: Seconds(86_400),
                    refresh_idle: node.profile.token.refresh_life.idle,
                    limit: 100,
                }))
                .await,
            ),
            Operation::Sleep { .. } => "ok".into(),
        }
    }

    fn subject(&self, what: Switched) -> Subject {
        match what {
            Switched::App(n) => AppId(n as i64 + 1).into(),
            Switched::Customer(n) => CustomerId(n as i64 + 1).into(),
            Switched::Person(n) => UserId(n as i64 + 1).into(),
        }
    }

    /// At the end both engines hold the same rows, and both audit chains hold.
    pub(super) async fn same_rows(&self) {
        let sqlite = self.sqlite.node.store.counts().await.expect("counts");
        let model = self.model.node.store.counts().await.expect("counts");
        assert_eq!(sqlite, model, "the engines hold different numbers of rows");
        assert!(self.sqlite.node.store.audit_check().await.expect("reads").is_ok(), "the audit chain is broken");
    }
}

fn act(node: &Node, verb: &'static str) -> Act {
    Act { at: node.now(), actor: "test".into(), verb, subject: None, detail: String::new() }
}

fn asked(app: usize, fields: &[(&str, &str)], key: Option<String>) -> Asked {
    let mut params = Params::default();
    let client_id = format!("app-{app}");
    let secret = secret_of(app);
    let credentials = [("client_id", client_id.as_str()), ("client_secret", secret.as_str())];
    let credentials = if app == PUBLIC { &credentials[..1] } else { &credentials[..] };
    for (name, value) in fields.iter().chain(credentials) {
        params.push((*name).into(), (*value).into()).expect("a parameter of ours");
    }
    Asked { params, authorization: None, retry_key: key, source: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

fn number(refused: &Refused) -> String {
    format!("C-{}", refused.refusal.reason.number())
}

fn said(answer: Result<String, Refused>) -> String {
    answer.unwrap_or_else(|refused| number(&refused))
}

fn outcome(written: causeway_server::node::Written) -> String {
    match written {
        Ok(Outcome::Applied(_)) => "ok".into(),
        Ok(Outcome::Stale) => "stale".into(),
        Err(refusal) => format!("C-{}", refusal.reason.number()),
    }
}

/// Consent as the page's handler does it, without the page.
async fn allow(node: &Node, app: usize, customer: usize, scopes: ScopeSet, challenge: bool) -> String {
    let app = node.app(&format!("app-{app}")).expect("seeded");
    let person = node.store.person(UserId(customer as i64 + 1)).await.expect("reads").expect("seeded");
    let customer = node.store.customer(CustomerId(customer as i64 + 1)).await.expect("reads");
    let now = node.now();
    let request = Request {
        app: app.id,
        return_to: ReturnTo { uri: REDIRECT.into(), sent: true, state: None },
        scopes,
        challenge: challenge
            .then(|| causeway_protocol::pkce::parse_challenge(&causeway_protocol::pkce::challenge_of(VERIFIER)))
            .flatten(),
        account: None,
    };
    let decider = Decider::Person(&person);
    if let Err(refusal) = consent::may_allow(&request, &app, decider, customer.as_ref(), &node.profile) {
        return format!("C-{}", refusal.reason.number());
    }
    let pending = Pending {
        request: Ok(request.clone()),
        transaction: node.random(),
        browser: [0; 16],
        expires_at: now + causeway_protocol::authorize::PENDING_LIFE,
    };
    let form = Form {
        pending,
        session: [0; 16],
        person: person.id,
        family: node.family_id(),
        secret: FamilySecret(node.random()),
    };
    let change = consent::decide(&form, &request, Decision::Allow, decider, customer.as_ref(), &node.profile, now);
    match node.apply(change.expect("may allow")).await {
        Ok(Outcome::Applied(applied)) => {
            let Row::Decided(decided) = applied.row else { panic!("a decided row") };
            let for_whom = customer.expect("a customer allowed").id;
            let code = consent::code(&form, &request, &decided, person.id, for_whom, &node.profile);
            let code = code.expect("allowed");
            format!("{{\"code\":\"{}\"}}", node.ring().seal(&node.profile.token.prefixes.code, &code, now))
        }
        other => outcome(other),
    }
}

/// The guard's judgement of a token, without its routes.
fn call(node: &Node, text: &str) -> String {
    let now = node.now();
    let Ok(token) = node.ring().open::<AccessToken>(&node.profile.token.prefixes.access, text, now) else {
        return "C-601".into();
    };
    let verdict = node.held.access(token.bearer.as_of, token.bearer.subjects(token.audience));
    if now >= token.expires_at() || verdict != Verdict::Live { "C-601".into() } else { "ok".into() }
}

async fn cut(node: &Node, customer: usize, app: usize) -> String {
    let page = Page::<ConnectionId> { after: None, limit: 100 };
    let list = node.store.connections(Some(CustomerId(customer as i64 + 1)), true, page).await.expect("reads");
    match list.iter().find(|connection| connection.app == AppId(app as i64 + 1)) {
        Some(found) => {
            let connection = found.id;
            outcome(node.apply(Change::CutConnection { connection, act: act(node, "cut") }).await)
        }
        None => "none".into(),
    }
}

/// The family that a text of ours belongs to, and its generation.
pub(super) fn family_of(node: &Node, refresh: &str) -> (FamilyId, u32) {
    let prefix = &node.profile.token.prefixes.refresh;
    let token = node.ring().open::<causeway_protocol::token::RefreshToken>(prefix, refresh, node.now()).expect("ours");
    (token.bearer.family, token.generation)
}
