//! nginx, Caddy and Envoy with the configurations of docs/proxies, each in front of an API that shows what it was told, each
//! asking a running node. Where a program is missing the tests fail, and say how to install it.

use causeway_protocol::profile::{Budget, Profile, Route, SitePlace};
use causeway_protocol::time::Seconds;
use causeway_testbed::proxies::{Kind, Proxy};
use causeway_testkit::actors::{ACME, Pair};
use causeway_testkit::platform::Builder;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Call, Consent, Platform, Response};

use crate::proxy::backend::{Absent, Backend};

const NGINX: &str = include_str!("../../../../docs/proxies/nginx.conf");
const CADDY: &str = include_str!("../../../../docs/proxies/Caddyfile");
const ENVOY: &str = include_str!("../../../../docs/proxies/envoy.yaml");

/// The ports that stand in those files: the proxy's, of the guard by HTTP, of the guard by gRPC, of the API.
const OWN: u16 = 8000;
const GUARD: u16 = 9090;
const AUTHZ: u16 = 9091;
const API: u16 = 3000;

const LEADS: &str = "/v1/leads?site_id=2102";

/// A machine that stands still for a moment is not what these tests are about.
fn unhurried(envoy: &str) -> String {
    let mut text = envoy.to_owned();
    for (word, count) in [(" timeout: 2s", 1), (" connect_timeout: 1s", 2)] {
        assert_eq!(text.matches(word).count(), count, "{word}");
        let (name, _) = word.split_once(": ").unwrap_or_default();
        text = text.replace(word, &format!("{name}: 180s"));
    }
    text
}

/// A node, an API, and a proxy between partners and both.
struct Scene {
    platform: Platform,
    proxy: Proxy,
    _api: Backend,
}

impl Scene {
    async fn new(kind: Kind, change: impl FnOnce(&mut Profile)) -> Self {
        let platform = Builder::new()
            .profile(change)
            .tune(|settings| settings.authz_listen = Some(([127, 0, 0, 1], 0).into()))
            .start()
            .await;
        let api = Backend::echo().await;
        let (text, guard) = match kind {
            Kind::Nginx => (NGINX.to_owned(), (GUARD, platform.admin_address().port())),
            Kind::Caddy => (CADDY.to_owned(), (GUARD, platform.admin_address().port())),
            Kind::Envoy => (unhurried(ENVOY), (AUTHZ, platform.authz_address().port())),
        };
        let proxy = Proxy::start(kind, &text, OWN, &[guard, (API, api.address.port())]);
        Self { platform, proxy, _api: api }
    }

    async fn unlimited(kind: Kind) -> Self {
        Self::new(kind, |profile| profile.api.budgets.clear()).await
    }

    async fn send(&self, call: Call) -> Response {
        call.send(self.proxy.address()).await
    }

    /// The good answer's account of what the API saw.
    async fn seen(&self, call: Call) -> Seen {
        let reply = self.send(call).await;
        assert_eq!(reply.status, 200, "{reply:?}\n{}", self.proxy.log());
        Seen(reply.text())
    }

    async fn token(&self) -> String {
        ACME.connect(&self.platform, OLIVIA).await.access
    }
}

/// A request's head and body as the API saw them.
struct Seen(String);

impl Seen {
    /// The value of a header; several as they came, with `|` between.
    fn header(&self, name: &str) -> String {
        let lines = self.0.lines().filter_map(|line| line.split_once(": "));
        let values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.collect::<Vec<_>>().join("|")
    }
}

/// A good call reaches the API with who calls, whatever the caller says about that.
async fn passes(scene: &Scene) {
    let token = scene.token().await;
    let lying = |target: &str| {
        Call::get(target)
            .bearer(&token)
            .header("Accept", "application/json")
            .header("X-Causeway-Customer", "4200")
            .header("x-causeway-site", "2101")
            .header("X-Causeway-Site", "2201")
            .header("x_causeway_site", "2201")
            .header("X-Causeway.Site", "2201")
    };
    let seen = scene.seen(lying(LEADS)).await;
    assert!(seen.0.starts_with(&format!("GET {LEADS} HTTP/1.")), "{}", seen.0);
    for (name, value) in [
        ("x-causeway-app", "acme"),
        ("x-causeway-customer", "4100"),
        ("x-causeway-site", "2102"),
        ("x-causeway-sites", "2101,2102"),
        ("x-causeway-scopes", "read write leads:read leads:write events:read events:write"),
        ("accept", "application/json"),
        ("authorization", ""),
        ("x_causeway_site", ""),
        ("x-causeway.site", ""),
    ] {
        assert_eq!(seen.header(name), value, "{name}: {}", seen.0);
    }
    assert!(seen.header("x-causeway-user").parse::<i64>().is_ok_and(|user| user > 0), "{}", seen.0);
    assert!(seen.header("x-causeway-connection").parse::<i64>().is_ok(), "{}", seen.0);
    assert!(!seen.0.contains(&token), "the token stays here");
    let about_all = scene.seen(lying("/v1/sites")).await;
    assert_eq!(about_all.header("x-causeway-site"), "", "{}", about_all.0);
    let posted = Call::post(LEADS).bearer(&token).json(&[("name", "x")]);
    assert!(scene.seen(posted).await.0.ends_with(r#"{"name":"x"}"#), "the body arrives");
}

/// A bad call gets the guard's status and challenge, and the API hears nothing of it.
async fn refuses(scene: &Scene) {
    let token = scene.token().await;
    let nobody = scene.send(Call::get(LEADS)).await;
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, "Bearer realm=\"Tripleseat\""));
    assert_eq!(nobody.headers.get_all("www-authenticate").iter().count(), 1);
    let bad = scene.send(Call::get(LEADS).bearer("x")).await;
    assert_eq!(bad.status, 401);
    assert!(bad.header("www-authenticate").contains("error=\"invalid_token\""), "{bad:?}");
    assert_eq!(bad.headers.get_all("www-authenticate").iter().count(), 1);
    for reply in [&nobody, &bad] {
        assert_eq!(reply.header("content-type"), "application/json", "a program reads it: {reply:?}");
    }
    for (method, target, status) in [
        ("GET", "/v1/leads?site_id=2201", 403),
        ("GET", "/v1/leads", 400),
        ("GET", "/v1/nowhere", 404),
        ("DELETE", "/v1/leads", 405),
        ("GET", "/v1/leads?site_id=2102&access_token=x", 400),
        ("GET", "/v1/leads?site_id=2102&[site_id]=2101", 400),
    ] {
        let reply = scene.send(Call::new(method, target).bearer(&token)).await;
        assert_eq!(reply.status, status, "{method} {target}: {reply:?}");
        assert!(!reply.text().contains("HTTP/1."), "nothing of the API's: {reply:?}");
    }
    // A caller cannot have another call judged than the one that goes on.
    for family in ["Original", "Forwarded"] {
        let call = Call::get("/v1/nowhere").bearer(&token);
        let call = call.header(&format!("X-{family}-Method"), "GET").header(&format!("X-{family}-URI"), LEADS);
        let reply = scene.send(call).await;
        assert!(matches!(reply.status, 400 | 404), "{reply:?}");
    }
    // A narrower consent narrows the connection: the token from before is dead.
    let code = scene.platform.grant(Consent::new(ACME.client_id, OLIVIA).scopes("leads:read")).await;
    let narrow = Pair::of(&ACME.exchange(&scene.platform, &code).await).access;
    assert_eq!(scene.send(Call::get(LEADS).bearer(&narrow)).await.status, 200);
    let lacking = scene.send(Call::post(LEADS).bearer(&narrow)).await;
    assert_eq!(lacking.status, 403);
    assert!(lacking.header("www-authenticate").contains("insufficient_scope"), "{lacking:?}");
}

/// What is taken back is refused at the very next call; and while no node answers, nobody passes.
async fn takes_back_and_fails_closed(scene: Scene) {
    let (token, other) = (scene.token().await, scene.token().await);
    assert_eq!(scene.send(Call::get(LEADS).bearer(&token)).await.status, 200);
    assert_eq!(ACME.revoke(&scene.platform, &token).await.status, 200);
    let taken = scene.send(Call::get(LEADS).bearer(&token)).await;
    assert_eq!(taken.status, 401);
    assert!(taken.header("www-authenticate").contains("invalid_token"), "{taken:?}");
    assert_eq!(scene.send(Call::get(LEADS).bearer(&other)).await.status, 200, "another family lives on");
    scene.platform.cut("acme", "4100").await;
    assert_eq!(scene.send(Call::get(LEADS).bearer(&other)).await.status, 401);

    let fresh = scene.token().await;
    assert_eq!(scene.send(Call::get(LEADS).bearer(&fresh)).await.status, 200);
    let held = &scene.platform.edge.node.held;
    held.owe(held.head().next());
    let unknowing = scene.send(Call::get(LEADS).bearer(&fresh)).await;
    assert_eq!((unknowing.status, unknowing.header("retry-after")), (503, "1"), "not knowing is no 401");

    let Scene { platform, proxy, _api } = scene;
    let addresses = [platform.admin_address(), platform.authz_address()];
    drop(platform);
    let _nobody_else_answers = (Absent::after(addresses[0]).await, Absent::after(addresses[1]).await);
    for call in [Call::get(LEADS).bearer(&fresh), Call::get(LEADS)] {
        let reply = call.send(proxy.address()).await;
        assert!(reply.status >= 500, "{reply:?}");
        assert!(!reply.text().contains("HTTP/1."), "nothing of the API's: {reply:?}");
    }
}

/// A spent budget is 429, and says when to come again.
async fn tells_when_to_come_again(kind: Kind) {
    let scene = Scene::new(kind, |profile| {
        profile.api.budgets = vec![Budget { requests: 2, per: Seconds(60) }];
    })
    .await;
    let token = scene.token().await;
    for _ in 0..2 {
        assert_eq!(scene.send(Call::get(LEADS).bearer(&token)).await.status, 200);
    }
    let spent = scene.send(Call::get(LEADS).bearer(&token)).await;
    assert_eq!((spent.status, spent.header("retry-after")), (429, "30"), "{spent:?}");
}

#[tokio::test]
async fn bg_14_bg_15_nginx_guards_an_api() {
    let scene = Scene::unlimited(Kind::Nginx).await;
    passes(&scene).await;
    refuses(&scene).await;
    takes_back_and_fails_closed(scene).await;
}

#[tokio::test]
async fn bg_14_bg_15_caddy_guards_an_api() {
    let scene = Scene::unlimited(Kind::Caddy).await;
    passes(&scene).await;
    refuses(&scene).await;
    takes_back_and_fails_closed(scene).await;
}

#[tokio::test]
async fn bg_14_bg_15_envoy_guards_an_api() {
    let scene = Scene::unlimited(Kind::Envoy).await;
    passes(&scene).await;
    refuses(&scene).await;
    takes_back_and_fails_closed(scene).await;
}

#[tokio::test]
async fn bg_13_nginx_tells_a_spent_budget() {
    tells_when_to_come_again(Kind::Nginx).await;
}

#[tokio::test]
async fn bg_13_caddy_tells_a_spent_budget() {
    tells_when_to_come_again(Kind::Caddy).await;
}

#[tokio::test]
async fn bg_13_envoy_tells_a_spent_budget() {
    tells_when_to_come_again(Kind::Envoy).await;
}

#[tokio::test]
async fn ms_04_envoy_shows_the_guard_the_body() {
    let scene = Scene::new(Kind::Envoy, |profile| {
        profile.api.budgets.clear();
        let leads = profile.api.routes.iter().find(|route| route.path == "/leads").expect("there are leads");
        let uploads =
            Route { methods: vec!["POST".into()], path: "/uploads".into(), site: SitePlace::Query, ..leads.clone() };
        profile.api.routes.push(uploads);
    })
    .await;
    let token = scene.token().await;
    let post = |body: &str| Call::post("/v1/leads").bearer(&token).body("application/json", body);
    let seen = scene.seen(post(r#"{"site_id": 2102}"#)).await;
    assert_eq!(seen.header("x-causeway-site"), "2102", "{}", seen.0);
    for (body, status) in [
        (r#"{"site_id": 2201}"#.to_owned(), 403),
        (r#"{"site_id": 2102, "site_id": 2101}"#.to_owned(), 400),
        (format!(r#"{{"site_id": 2102, "text": "{}"}}"#, "x".repeat(300_000)), 413),
    ] {
        let reply = scene.send(post(&body)).await;
        assert_eq!(reply.status, status, "{body:.40}: {}", reply.text());
    }
    // Two names for one header are seen as two.
    let twice = Call::get(LEADS).bearer(&token).bearer(&token);
    assert_eq!(scene.send(twice).await.status, 400, "{}", scene.proxy.log());
    // What the guard need not look into is not held back, however large.
    let large = Call::post("/v1/uploads?site_id=2102").bearer(&token).body("text/plain", "x".repeat(300_000));
    assert!(scene.seen(large).await.0.ends_with("xxx"));
}
