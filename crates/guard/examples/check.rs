//! How long one check takes: `cargo run --release -p causeway-guard --example check`. Nanoseconds a check, median of rounds;
//! the empty taken-back set beside one of a million entries. It proves nothing about a server: no socket is involved.

#![allow(clippy::print_stdout, reason = "a measurement says what it measured")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use causeway_guard::{Call, CustomerSource, Guard, Held, Unavailable};
use causeway_protocol::profile::shipped;
use causeway_protocol::records::{App, AppStatus, ClientKind, Customer, Cuts, Site, Visibility};
use causeway_protocol::seal::KeyRing;
use causeway_protocol::taken_back::TakenBack;
use causeway_protocol::time::Seconds;
use causeway_protocol::token::{AccessToken, Bearer, SiteSet};
use causeway_protocol::{
    AppId, AudienceId, ConnectionId, CustomerId, FamilyId, Position, Scopes, SiteId, UnixTime, UserId,
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

const NOW: UnixTime = UnixTime(1_800_000_000);
/// Different tokens, so that the processor's caches do not tell a fairy tale.
const TOKENS: i64 = 10_000;
const ROUNDS: usize = 9;
const CHECKS: usize = 100_000;

struct Source;

impl CustomerSource for Source {
    async fn load(&self, id: CustomerId) -> Result<Option<Customer>, Unavailable> {
        let site = |n: i64| Site {
            id: SiteId(n),
            external_id: n.to_string(),
            name: String::new(),
            active: true,
            creator: None,
        };
        let sites = vec![site(1), site(2), site(3)];
        Ok(Some(Customer { id, external_id: id.to_string(), name: String::new(), active: true, sites }))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut profile = shipped("tripleseat").ok_or("the profile is compiled in")?;
    let ring = KeyRing::parse("tripleseat", &KeyRing::line(1, &[7; 32])).map_err(|problems| problems.join("; "))?;
    let scopes = Scopes::new(profile.scopes.iter().map(|scope| scope.name.clone()).collect());
    let all = scopes.set(scopes.words().iter().map(String::as_str))?;
    let calls: Vec<HeaderMap> = (1..=TOKENS)
        .map(|n| {
            let bearer = Bearer {
                family: FamilyId(n << 22),
                connection: ConnectionId(n),
                as_of: Position(2_000_000),
                app: AppId(1),
                user: UserId(n),
                customer: CustomerId(n % 5_000),
            };
            let (sites, audience, issued, life) = (SiteSet::All, AudienceId(0), NOW, Seconds(7_200));
            let token = AccessToken { bearer, sites, scopes: all, audience, issued, life, noise: [0; 4] };
            let text = ring.seal(&profile.token.prefixes.access, &token, NOW);
            HeaderValue::from_str(&format!("Bearer {text}")).map(|value| HeaderMap::from_iter([(AUTHORIZATION, value)]))
        })
        .collect::<Result<_, _>>()?;
    let app = App {
        id: AppId(1),
        client_id: "bench".to_owned(),
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
        secrets: Vec::new(),
        redirect_uris: Vec::new(),
        scopes: all,
        registered_by: None,
        home: None,
        providers: Vec::new(),
        logo: None,
        review_note: String::new(),
    };
    for budget in &mut profile.api.budgets {
        budget.requests = 1_000_000_000;
    }
    println!("checks a round: {CHECKS}, rounds: {ROUNDS}, tokens: {TOKENS}");
    for entries in [0i64, 1_000_000] {
        let cut = |n: i64| (FamilyId((n + TOKENS) << 22 | 1).into(), Cuts { all: Position(n), ..Cuts::default() });
        let set = TakenBack::new(Position(2_000_000), (1..=entries).map(cut));
        let held = Held::new(set, vec![app.clone()], scopes.clone());
        let guard = Guard::new(&profile);
        for (what, path, query) in
            [("a site's list", "/v1/leads", Some("site_id=2")), ("the sites", "/api/v1/sites.json", None)]
        {
            let mut rounds: Vec<f64> =
                (0..=ROUNDS).map(|round| round_of(&guard, &held, &ring, &calls, path, query, round)).collect();
            rounds.remove(0);
            rounds.sort_by(f64::total_cmp);
            let (median, least) = (rounds[rounds.len() / 2], rounds[0]);
            println!("{entries:>9} taken back, {what:<13}: {median:>7.0} ns a check (least {least:.0})");
        }
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "a measurement asks the machine for the time")]
fn round_of(
    guard: &Guard,
    held: &Held,
    ring: &KeyRing,
    calls: &[HeaderMap],
    path: &str,
    query: Option<&str>,
    round: usize,
) -> f64 {
    let began = Instant::now();
    for n in 0..CHECKS {
        let headers = &calls[n.wrapping_mul(7_919) % calls.len()];
        let monotonic_nanos = ((round * CHECKS + n) * 1_000) as u64;
        let call = Call { method: "GET", path, query, headers, now: NOW, monotonic_nanos };
        let mut checking = pin!(guard.check(&call, held, ring, &Source));
        let outcome = checking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(outcome, Poll::Ready(Ok(_))), "the call passes at once");
    }
    began.elapsed().as_nanos() as f64 / CHECKS as f64
}
