//! The hot paths, alone and as often as asked: `hot WHAT TIMES`. `cargo xtask test instructions` counts what they execute under
//! callgrind and compares it with the committed budget. Nothing is timed here, and no server, socket or store is involved.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use causeway_guard::{Call, CustomerSource, Guard, Held, Unavailable};
use causeway_protocol::client_auth::{authenticate, claim};
use causeway_protocol::family::FamilySecret;
use causeway_protocol::params::Params;
use causeway_protocol::profile::{Profile, shipped};
use causeway_protocol::records::{App, AppStatus, ClientKind, Customer, Site, Visibility};
use causeway_protocol::refresh::{Refreshing, decide};
use causeway_protocol::seal::KeyRing;
use causeway_protocol::taken_back::TakenBack;
use causeway_protocol::time::Seconds;
use causeway_protocol::token::{AccessToken, Bearer, RefreshToken, SiteSet};
use causeway_protocol::{
    AppId, AudienceId, ConnectionId, CustomerId, FamilyId, Position, ScopeSet, Scopes, SiteId, UnixTime, UserId,
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

type Outcome = Result<(), Box<dyn std::error::Error>>;

const NOW: UnixTime = UnixTime(1_800_000_000);
const SECRET: &str = "hot-secret-0123456789abcdef0123456789";

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let times: u64 = arguments.next().unwrap_or_default().parse()?;
    let stand = Stand::new()?;
    match what.as_str() {
        "guard_check" => stand.check(times),
        "refresh_decision" => stand.refresh(times),
        "seal" => stand.seal(times),
        "open" => stand.open(times),
        _ => Err("hot guard_check|refresh_decision|seal|open TIMES".into()),
    }
}

/// One platform with one app, in memory.
struct Stand {
    profile: Profile,
    ring: KeyRing,
    scopes: Scopes,
    app: App,
}

impl Stand {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let mut profile = shipped("tripleseat").ok_or("the profile is compiled in")?;
        profile.api.budgets.iter_mut().for_each(|budget| budget.requests = 1_000_000_000);
        let ring = KeyRing::parse("tripleseat", &KeyRing::line(1, &[7; 32])).map_err(|problems| problems.join("; "))?;
        let scopes = Scopes::new(profile.scopes.iter().map(|scope| scope.name.clone()).collect());
        let all = scopes.set(scopes.words().iter().map(String::as_str))?;
        let app = app(&ring, all);
        Ok(Self { profile, ring, scopes, app })
    }

    fn bearer(n: u64) -> Bearer {
        let n = (n % 512) as i64 + 1;
        Bearer {
            family: FamilyId::at(1_799_000_000_000, n as u32),
            connection: ConnectionId(n),
            as_of: Position(1_000),
            app: AppId(1),
            user: UserId(n),
            customer: CustomerId(n % 64),
        }
    }

    fn access(&self, n: u64) -> AccessToken {
        let (sites, audience, life) = (SiteSet::All, AudienceId(0), Seconds(7_200));
        let (bearer, scopes, noise) = (Self::bearer(n), self.app.scopes, (n as u32).to_be_bytes());
        AccessToken { bearer, sites, scopes, audience, issued: NOW, life, noise }
    }

    /// What a call of the API costs before and besides HTTP.
    fn check(&self, times: u64) -> Outcome {
        let texts = (0..512).map(|n| self.ring.seal(&self.profile.token.prefixes.access, &self.access(n), NOW));
        let headers = texts.map(|text| {
            HeaderValue::from_str(&format!("Bearer {text}")).map(|value| HeaderMap::from_iter([(AUTHORIZATION, value)]))
        });
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        let held = Held::new(TakenBack::new(Position(1_000), []), vec![self.app.clone()], self.scopes.clone());
        let guard = Guard::new(&self.profile);
        for n in 0..times {
            let headers = &headers[n as usize % headers.len()];
            let monotonic_nanos = n * 1_000;
            let call = Call { method: "GET", path: "/v1/sites", query: None, headers, now: NOW, monotonic_nanos };
            let mut checking = pin!(guard.check(&call, &held, &self.ring, &Source));
            match checking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(pass)) => drop(black_box(pass)),
                _ => return Err("the call passes at once".into()),
            }
        }
        Ok(())
    }

    /// From the parameters of a token request to the conditional write.
    fn refresh(&self, times: u64) -> Outcome {
        let token = |n| RefreshToken {
            bearer: Self::bearer(n),
            generation: 7,
            scopes: self.app.scopes,
            secret: FamilySecret([9; 16]),
        };
        let prefix = &self.profile.token.prefixes.refresh;
        let body = |n| {
            let text = self.ring.seal(prefix, &token(n), NOW);
            format!("grant_type=refresh_token&refresh_token={text}&client_id=hot&client_secret={SECRET}")
        };
        let bodies: Vec<String> = (0..512).map(body).collect();
        for n in 0..times {
            let params = Params::form(bodies[n as usize % bodies.len()].as_bytes()).map_err(said)?;
            let claim = claim(None, &params).map_err(said)?;
            let client = authenticate(&claim, Some(&self.app), &self.ring).map_err(said)?;
            let text = params.require("refresh_token").map_err(said)?;
            let token: RefreshToken = self.ring.open(prefix, text, NOW).map_err(|error| format!("{error:?}"))?;
            let request = Refreshing { client, scope: None, key: None, now: NOW };
            black_box(decide(&request, &token, &self.profile, &self.scopes, 1).map_err(said)?);
        }
        Ok(())
    }

    fn seal(&self, times: u64) -> Outcome {
        (0..times).for_each(|n| drop(black_box(self.ring.seal("ts_at_", black_box(&self.access(n)), NOW))));
        Ok(())
    }

    fn open(&self, times: u64) -> Outcome {
        let texts: Vec<String> = (0..512).map(|n| self.ring.seal("ts_at_", &self.access(n), NOW)).collect();
        for n in 0..times {
            let opened = self.ring.open::<AccessToken>("ts_at_", &texts[n as usize % texts.len()], NOW);
            black_box(opened.map_err(|error| format!("{error:?}"))?);
        }
        Ok(())
    }
}

fn said(refusal: causeway_protocol::Refusal) -> String {
    refusal.description()
}

struct Source;

impl CustomerSource for Source {
    async fn load(&self, id: CustomerId) -> Result<Option<Customer>, Unavailable> {
        let site =
            Site { id: SiteId(1), external_id: "20001".to_owned(), name: String::new(), active: true, creator: None };
        Ok(Some(Customer { id, external_id: id.to_string(), name: String::new(), active: true, sites: vec![site] }))
    }
}

fn app(ring: &KeyRing, scopes: ScopeSet) -> App {
    App {
        id: AppId(1),
        client_id: "hot".to_owned(),
        name: String::new(),
        owner: String::new(),
        description: String::new(),
        info_url: String::new(),
        kind: ClientKind::Confidential,
        visibility: Visibility::Public,
        status: AppStatus::Approved,
        active: true,
        verified: true,
        pkce_required: false,
        secrets: vec![ring.verifier(SECRET)],
        redirect_uris: Vec::new(),
        scopes,
        registered_by: None,
        home: None,
        providers: Vec::new(),
        logo: None,
        review_note: String::new(),
    }
}
