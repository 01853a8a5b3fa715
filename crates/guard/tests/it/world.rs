//! A platform in memory: keys, one app, two customers, and calls made against its guard.
//! What a test wants to be different it changes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use causeway_guard::{Call, CustomerSource, Denied, Guard, Held, Pass, Unavailable};
use causeway_protocol::profile::{Profile, shipped};
use causeway_protocol::records::{App, AppStatus, ClientKind, Customer, FeedEntry, FeedEvent, Site, Visibility};
use causeway_protocol::seal::KeyRing;
use causeway_protocol::taken_back::TakenBack;
use causeway_protocol::time::Seconds;
use causeway_protocol::token::{AccessToken, Bearer, SiteSet};
use causeway_protocol::{
    AppId, AudienceId, ConnectionId, CustomerId, FamilyId, Position, Reason, Scopes, SiteId, Subject, UnixTime, UserId,
};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);
pub(crate) const APP: AppId = AppId(3);
pub(crate) const ADMIN: UserId = UserId(7);
pub(crate) const CONNECTION: ConnectionId = ConnectionId(5);
/// Two active sites, 11 and 12, and an inactive one, 13.
pub(crate) const BIG: CustomerId = CustomerId(1);
/// One active site, 21.
pub(crate) const SMALL: CustomerId = CustomerId(2);

pub(crate) struct World {
    pub(crate) profile: Profile,
    pub(crate) guard: Guard,
    pub(crate) held: Held,
    pub(crate) ring: KeyRing,
    pub(crate) source: Source,
}

/// The authority, which can be away.
#[derive(Default)]
pub(crate) struct Source {
    pub(crate) customers: Mutex<HashMap<CustomerId, Customer>>,
    pub(crate) away: AtomicBool,
}

impl CustomerSource for Source {
    async fn load(&self, id: CustomerId) -> Result<Option<Customer>, Unavailable> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Unavailable);
        }
        Ok(self.customers.lock().unwrap().get(&id).cloned())
    }
}

pub(crate) fn ring(id: u16) -> KeyRing {
    KeyRing::parse("tripleseat", &KeyRing::line(id, &[id as u8; 32])).unwrap()
}

pub(crate) fn customer(id: CustomerId, sites: &[(&str, bool)]) -> Customer {
    let site = |(at, (id, active)): (i64, &(&str, bool))| Site {
        id: SiteId(at),
        external_id: (*id).to_owned(),
        name: format!("Site {id}"),
        active: *active,
        creator: None,
    };
    let sites = (id.0 * 100..).zip(sites).map(site).collect();
    Customer { id, external_id: format!("90{id}"), name: format!("Customer {id}"), active: true, sites }
}

fn app(scopes: &Scopes) -> App {
    App {
        id: APP,
        client_id: "partner-app".to_owned(),
        name: "Partner".to_owned(),
        owner: "Partner Inc".to_owned(),
        description: String::new(),
        info_url: String::new(),
        kind: ClientKind::Confidential,
        visibility: Visibility::Public,
        status: AppStatus::Approved,
        active: true,
        verified: true,
        pkce_required: false,
        secrets: Vec::new(),
        redirect_uris: Vec::new(),
        scopes: scopes.set(scopes.words().iter().map(String::as_str)).unwrap(),
        registered_by: None,
        home: None,
        providers: Vec::new(),
        logo: None,
        review_note: String::new(),
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Profile)) -> Self {
        let mut profile = shipped("tripleseat").unwrap();
        change(&mut profile);
        let scopes = Scopes::new(profile.scopes.iter().map(|scope| scope.name.clone()).collect());
        let source = Source::default();
        let big = customer(BIG, &[("11", true), ("12", true), ("13", false)]);
        source.customers.lock().unwrap().extend([(BIG, big), (SMALL, customer(SMALL, &[("21", true)]))]);
        let held = Held::new(TakenBack::default(), vec![app(&scopes)], scopes);
        Self { guard: Guard::new(&profile), profile, held, ring: ring(1), source }
    }

    pub(crate) fn token(&self) -> AccessToken {
        let bearer = Bearer {
            family: FamilyId(9),
            connection: CONNECTION,
            as_of: self.held.head(),
            app: APP,
            user: ADMIN,
            customer: BIG,
        };
        let scopes = self.held.scopes().set(["read", "leads:write"]).unwrap();
        AccessToken {
            bearer,
            sites: SiteSet::All,
            scopes,
            audience: AudienceId(0),
            issued: NOW,
            life: Seconds(7_200),
            noise: [1; 4],
        }
    }

    /// A token whose scopes are these.
    pub(crate) fn token_for(&self, scopes: &str) -> AccessToken {
        AccessToken {
            scopes: self.held.scopes().set(scopes.split(' ').filter(|word| !word.is_empty())).unwrap(),
            ..self.token()
        }
    }

    /// A token of the customer with one site.
    pub(crate) fn small_token(&self) -> AccessToken {
        let token = self.token();
        AccessToken { bearer: Bearer { customer: SMALL, ..token.bearer }, ..token }
    }

    pub(crate) fn seal(&self, token: &AccessToken) -> String {
        self.ring.seal(&self.profile.token.prefixes.access, token, NOW)
    }

    /// One call with this token, at `NOW`.
    pub(crate) async fn call(&self, token: &AccessToken, method: &str, target: &str) -> Result<Pass, Denied> {
        self.call_with(&bearer(&self.seal(token)), method, target, NOW).await
    }

    pub(crate) async fn call_with(
        &self,
        headers: &HeaderMap,
        method: &str,
        target: &str,
        now: UnixTime,
    ) -> Result<Pass, Denied> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let call = Call { method, path, query, headers, now, monotonic_nanos: now.0 as u64 * 1_000_000_000 };
        self.guard.check(&call, &self.held, &self.ring, &self.source).await
    }

    /// Why a call is denied.
    pub(crate) async fn denied(&self, token: &AccessToken, method: &str, target: &str) -> Reason {
        self.call(token, method, target).await.expect_err("the call must not pass").reason
    }

    pub(crate) fn happens(&self, subject: impl Into<Subject>, event: FeedEvent) {
        let entry = FeedEntry { position: self.held.head().next(), at: NOW, subject: subject.into(), event };
        assert!(self.held.absorb(&[entry]).1.is_ok());
    }

    /// The authority's record changes, and the feed says so.
    pub(crate) fn changes(&self, customer: CustomerId, change: impl FnOnce(&mut Customer)) {
        change(self.source.customers.lock().unwrap().get_mut(&customer).unwrap());
        self.happens(customer, FeedEvent::Changed);
    }

    pub(crate) fn head(&self) -> Position {
        self.held.head()
    }
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    headers
}
