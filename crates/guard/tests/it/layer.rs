//! The tower layer around an axum service, over real sockets: what passes, what the service is told, what it never hears of.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use causeway_guard::layer::GuardLayer;
use causeway_guard::{Authority, Call, Credential, Denied, Guard, Held, Identified, MAX_SITE_BODY, Pass};
use causeway_protocol::legacy::ApiKey;
use causeway_protocol::profile::{ApiKeyRules, Budget, Profile, SitePlace};
use causeway_protocol::records::FeedEvent;
use causeway_protocol::seal::{KeyRing, sha256};
use causeway_protocol::time::Seconds;
use causeway_protocol::{ApiKeyId, ConnectionId, ConsumerId, Reason, ScopeSet, UnixTime, UserId};
use http::Request;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{APP, BIG, CONNECTION, NOW, Source, World, ring};

/// A world as a service of somebody else's holds it.
struct Here {
    world: World,
    keys: Arc<KeyRing>,
    /// Those that come, once somebody misses one.
    newer: Option<Arc<KeyRing>>,
    passed: Mutex<Vec<(ConnectionId, UnixTime)>>,
    nanos: AtomicU64,
    /// Whether somebody can be asked about signatures.
    asks: bool,
}

impl Authority for Here {
    type Keys = KeyRing;
    type Customers = Source;

    fn held(&self) -> &Held {
        &self.world.held
    }

    fn keys(&self) -> Arc<KeyRing> {
        self.keys.clone()
    }

    fn customers(&self) -> &Source {
        &self.world.source
    }

    fn now(&self) -> UnixTime {
        NOW
    }

    fn monotonic_nanos(&self) -> u64 {
        self.nanos.load(Ordering::Relaxed)
    }

    async fn newer_keys(&self, before: &Arc<KeyRing>, token: &str) -> Option<Arc<KeyRing>> {
        assert!(Arc::ptr_eq(before, &self.keys) && token.starts_with("ts_at_"), "{token}");
        self.newer.clone()
    }

    fn passed(&self, connection: ConnectionId, at: UnixTime) {
        self.passed.lock().unwrap().push((connection, at));
    }

    /// Takes the word of whoever says `oauth_signature=right`, in the header or in the form.
    fn judge(&self, call: &Call<'_>, form: Option<&[u8]>) -> impl Future<Output = Result<Identified, Denied>> + Send {
        let header = call.headers.get("authorization").map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        let said = [header, form.unwrap_or_default().to_vec()].concat();
        let right = String::from_utf8_lossy(&said).contains("right");
        let answer = match (self.asks, right) {
            (false, _) => Err(Reason::OAuth1Elsewhere),
            (true, false) => Err(Reason::OAuth1Refused),
            (true, true) => Ok(Identified {
                credential: Credential::Consumer(ConsumerId(8)),
                customer: BIG,
                user: UserId::NOBODY,
                scopes: ScopeSet(u128::MAX),
            }),
        };
        std::future::ready(answer.map_err(Denied::from))
    }
}

/// A guarded service on a port of its own, which answers with what it was told.
struct Service {
    here: Arc<Here>,
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
}

async fn echo(State(calls): State<Arc<AtomicUsize>>, request: Request<axum::body::Body>) -> String {
    calls.fetch_add(1, Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let pass = parts.extensions.get::<Pass>().expect("nobody comes here without");
    let mut told = format!("{} {} tenant={}\n", parts.method, parts.uri, pass.tenant().id());
    for (name, value) in &parts.headers {
        told.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    told + &String::from_utf8_lossy(&body)
}

impl Service {
    async fn start(change: impl FnOnce(&mut Profile)) -> Self {
        Self::serve(change, true).await
    }

    async fn serve(change: impl FnOnce(&mut Profile), asks: bool) -> Self {
        Self::with_keys(change, asks, ring(1), None).await
    }

    async fn with_keys(change: impl FnOnce(&mut Profile), asks: bool, keys: KeyRing, newer: Option<KeyRing>) -> Self {
        let world = World::with(change);
        let guard = Arc::new(Guard::new(&world.profile));
        let (keys, newer) = (Arc::new(keys), newer.map(Arc::new));
        let here = Arc::new(Here { world, keys, newer, passed: Mutex::default(), nanos: AtomicU64::new(1), asks });
        let calls = Arc::new(AtomicUsize::new(0));
        let app = Router::new().fallback(echo).with_state(calls.clone()).layer(GuardLayer::new(guard, here.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { here, address, calls }
    }

    fn token(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.here.world.seal(&self.here.world.token()))
    }

    async fn send(&self, request: &str, headers: &str, body: &str) -> String {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let text =
            format!("{request} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n{headers}{length}\r\n{body}");
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let _may_be_cut_off = stream.write_all(text.as_bytes()).await;
        let mut answer = Vec::new();
        let _may_be_reset = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    /// Sends a call that must not pass, and answers its status and the number of the refusal.
    async fn refused(&self, request: &str, headers: &str, body: &str) -> (String, String) {
        let before = self.calls.load(Ordering::SeqCst);
        let answer = self.send(request, headers, body).await;
        assert_eq!(self.calls.load(Ordering::SeqCst), before, "the service hears nothing of it: {answer}");
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        let number = answer.split("C-").nth(1).unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
        (status, number)
    }
}

fn says(status: &str, reason: Reason) -> (String, String) {
    (status.to_owned(), reason.number().to_string())
}

#[tokio::test]
async fn bg_15_a_good_call_comes_with_its_pass_and_no_header_of_the_callers_own() {
    let service = Service::start(|_| {}).await;
    let planted = "X-Causeway-Customer: 902\r\nx_causeway_site: 21\r\nX-Causeway-Anything: 1\r\n";
    let headers = service.token() + planted;
    let answer = service.send("GET /v1/leads?site_id=12", &headers, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(&format!("GET /v1/leads?site_id=12 tenant={BIG}\n")), "{answer}");
    for line in ["x-causeway-app: partner-app", "x-causeway-customer: 901", "x-causeway-site: 12"] {
        assert!(answer.contains(&format!("{line}\n")), "{line}: {answer}");
    }
    for line in ["902", "x_causeway_site", "anything"] {
        assert!(!answer.contains(line), "{line}: {answer}");
    }
    let about_all = service.send("GET /v1/sites", &(service.token() + "X-Causeway-Site: 12\r\n"), "").await;
    assert!(about_all.starts_with("HTTP/1.1 200") && !about_all.contains("x-causeway-site:"), "{about_all}");
}

#[tokio::test]
async fn bg_03_bg_04_bg_05_a_bad_call_gets_the_guards_own_answer() {
    let service = Service::start(|_| {}).await;
    let nobody = service.send("GET /v1/leads", "", "").await;
    let no = service.here.world.guard.reply(&Reason::TokenAbsent.into());
    assert!(nobody.contains("www-authenticate: Bearer realm=\"Tripleseat\"\r\n"), "{nobody}");
    assert!(nobody.ends_with(std::str::from_utf8(no.body()).unwrap()), "the same bytes: {nobody}");
    let good = service.token();
    for (request, headers, wanted) in [
        ("GET /v1/leads", "Authorization: Bearer x\r\n", says("401", Reason::TokenInvalid)),
        ("GET /v1/leads?site_id=21", &*good, says("403", Reason::SiteForbidden)),
        ("GET /v1/leads", &*good, says("400", Reason::SiteMissing)),
        ("GET /v1/nowhere", &*good, says("404", Reason::RouteUnknown)),
        ("DELETE /v1/leads", &*good, says("405", Reason::MethodNotAllowed)),
        ("GET /v1/leads/../sites", &*good, says("400", Reason::PathMalformed)),
    ] {
        assert_eq!(service.refused(request, headers, "").await, wanted, "{request}");
    }
    let world = &service.here.world;
    let narrow = format!("Authorization: Bearer {}\r\n", world.seal(&world.token_for("leads:read")));
    let answer = service.send("POST /v1/leads?site_id=12", &narrow, "").await;
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("scope=\"leads:write\""), "{answer}");
}

#[tokio::test]
async fn bg_07_what_is_taken_back_is_refused_at_once_and_not_knowing_is_503() {
    let service = Service::start(|_| {}).await;
    let token = service.token();
    assert!(service.send("GET /v1/sites", &token, "").await.starts_with("HTTP/1.1 200"));
    service.here.world.happens(CONNECTION, FeedEvent::CutAll);
    assert_eq!(service.refused("GET /v1/sites", &token, "").await, says("401", Reason::TokenInvalid));
    service.here.world.held.heard(0, 5);
    service.here.nanos.store(6, Ordering::Relaxed);
    let stale = service.send("GET /v1/sites", &token, "").await;
    assert!(stale.starts_with("HTTP/1.1 503") && stale.contains("retry-after: 1"), "{stale}");
}

#[tokio::test]
async fn tokens_3_a_key_that_is_not_held_is_asked_for_before_anybody_hears_503() {
    let unheard = Service::with_keys(|_| {}, true, ring(2), None).await;
    assert_eq!(unheard.refused("GET /v1/sites", &unheard.token(), "").await, says("503", Reason::KeyUnknown));
    assert!(unheard.here.passed.lock().unwrap().is_empty());
    let service = Service::with_keys(|_| {}, true, ring(2), Some(ring(1))).await;
    let answer = service.send("GET /v1/sites", &service.token(), "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(*service.here.passed.lock().unwrap(), [(CONNECTION, NOW)], "and whose it was is told");
}

#[tokio::test]
async fn bg_13_a_spent_budget_is_429_and_headers_tell_what_is_left() {
    let budget = |profile: &mut Profile| {
        profile.api.budgets = vec![Budget { requests: 2, per: Seconds(60) }];
        profile.api.budget_headers = true;
    };
    let service = Service::start(budget).await;
    let token = service.token();
    let first = service.send("GET /v1/sites", &token, "").await;
    assert!(first.starts_with("HTTP/1.1 200") && first.contains("x-ratelimit-remaining: 1\r\n"), "{first}");
    service.send("GET /v1/sites", &token, "").await;
    let spent = service.send("GET /v1/sites", &token, "").await;
    assert!(spent.starts_with("HTTP/1.1 429") && spent.contains("retry-after: 30\r\n"), "{spent}");
    assert!(spent.contains("x-ratelimit-limit: 2\r\n"), "{spent}");
    assert_eq!(service.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn ms_04_the_body_is_looked_into_and_comes_whole_to_the_service() {
    let service = Service::start(|profile| {
        let route = profile.api.routes.iter_mut().find(|route| route.path == "/leads" && route.methods == ["POST"]);
        route.unwrap().site = SitePlace::Json;
    })
    .await;
    let json = service.token() + "Content-Type: application/json\r\n";
    let body = r#"{"site_id": 12, "name": "x"}"#;
    let answer = service.send("POST /v1/leads", &json, body).await;
    assert!(answer.contains("x-causeway-site: 12\n") && answer.ends_with(body), "{answer}");
    for (body, wanted) in [
        (r#"{"site_id": 21}"#, says("403", Reason::SiteForbidden)),
        (r#"{"site_id": 12, "site_id": 11}"#, says("400", Reason::SiteMalformed)),
        ("[]", says("400", Reason::BodyUnreadable)),
    ] {
        assert_eq!(service.refused("POST /v1/leads", &json, body).await, wanted, "{body}");
    }
    let large = "x".repeat(MAX_SITE_BODY + 1);
    assert_eq!(service.refused("POST /v1/leads", &json, &large).await, says("413", Reason::BodyWithheld));
    let chunked = json.clone() + "Transfer-Encoding: chunked\r\n";
    let chunks = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let text = format!("POST /v1/leads HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{chunked}\r\n{chunks}");
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let _may_be_cut_off = stream.write_all(text.as_bytes()).await;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
    let of_get = service.refused("GET /v1/leads?site_id=12", &json, r#"{"site_id": 11}"#).await;
    assert_eq!(of_get, says("400", Reason::HeaderMalformed), "a GET has no body");
}

#[tokio::test]
async fn cal_10_an_api_key_is_looked_up_among_those_held() {
    let rules = ApiKeyRules {
        query: None,
        header: Some("x-api-key".to_owned()),
        bearer_prefix: None,
        scopes: vec!["leads:read".to_owned()],
    };
    let service = Service::start(|profile| profile.api_keys = Some(rules)).await;
    let key = |id: i64, text: &str, active: bool| ApiKey {
        id: ApiKeyId(id),
        digest: sha256(&[text.as_bytes()]),
        customer: Some(BIG),
        app: None,
        hint: String::new(),
        active,
    };
    let held = &service.here.world.held;
    held.put_api_key(key(1, "good", true));
    held.put_api_key(key(2, "off", false));
    held.put_api_key(ApiKey { customer: None, app: Some(APP), ..key(3, "of-an-app", true) });
    let answer = service.send("GET /v1/leads?site_id=12", "X-Api-Key: good\r\n", "").await;
    assert!(answer.contains("x-causeway-customer: 901\n") && !answer.contains("x-causeway-app:"), "{answer}");
    for wrong in ["off", "of-an-app", "unknown"] {
        let header = format!("X-Api-Key: {wrong}\r\n");
        let refused = service.refused("GET /v1/leads?site_id=12", &header, "").await;
        assert_eq!(refused, says("401", Reason::ApiKeyInvalid), "{wrong}");
    }
    let wide = service.refused("POST /v1/leads?site_id=12", "X-Api-Key: good\r\n", "").await;
    assert_eq!(wide, says("403", Reason::ScopeInsufficient));
    let both = service.token() + "X-Api-Key: good\r\n";
    assert_eq!(service.refused("GET /v1/sites", &both, "").await, says("400", Reason::CredentialsTwice), "BG-12");
    held.heard(0, 0);
    let stale = service.refused("GET /v1/sites", "X-Api-Key: unknown\r\n", "").await;
    assert_eq!(stale, says("503", Reason::GuardNotReady), "it may be a new one");
}

#[tokio::test]
async fn bg_12_a_signed_call_is_judged_by_who_can_and_refused_where_nobody_can() {
    const SIGNED: &str = "Authorization: OAuth oauth_consumer_key=\"k\", oauth_signature=\"right\"\r\n";
    const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
    let alone = Service::serve(|_| {}, false).await;
    let refused = alone.send("GET /v1/sites", SIGNED, "").await;
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("C-1009"), "{refused}");
    assert!(refused.contains("www-authenticate: Bearer"), "{refused}");
    let service = Service::start(|_| {}).await;
    let answer = service.send("GET /v1/sites", SIGNED, "").await;
    assert!(answer.contains("x-causeway-user: 0\n") && !answer.contains("x-causeway-app:"), "{answer}");
    let wrong = "Authorization: OAuth oauth_signature=\"wrong\"\r\n";
    assert_eq!(service.refused("GET /v1/sites", wrong, "").await, says("401", Reason::OAuth1Refused));
    let form = "oauth_consumer_key=k&oauth_signature=right&name=x";
    let answer = service.send("POST /v1/leads?site_id=12", FORM, form).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(form), "{answer}");
    let twice = service.token() + FORM;
    assert_eq!(service.refused("POST /v1/leads?site_id=12", &twice, form).await, says("400", Reason::CredentialsTwice));
    assert_eq!(service.refused("POST /v1/leads?site_id=12", FORM, "name=x").await, says("401", Reason::TokenAbsent));
}
