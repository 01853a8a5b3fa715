//! The listener: hosts, health, time limits, sizes, panics, TLS, forwarding headers, draining (SECURITY T-, R-13,
//! R-14, R-32).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use causeway_protocol::profile;
use causeway_protocol::seal::KeyRing;
use causeway_server::http::paced::Pace;
use causeway_server::http::tls::TlsFiles;
use causeway_server::platform::{KeysAt, Platform as Server, Settings, StoreAt};
use causeway_server::shared::Edge;
use causeway_server::trust::{Cidr, TrustedProxies};
use causeway_testkit::client::raw;
use causeway_testkit::platform::TempDir;
use causeway_testkit::wait::in_the_end;
use causeway_testkit::{Builder, Call, Platform, Response};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

/// Nobody is ever registered: these tests are about connections.
fn bare(dir: &TempDir) -> Settings {
    let ring = KeyRing::parse("tripleseat", &KeyRing::line(1, &[1; 32])).unwrap();
    let profile = profile::shipped("tripleseat").unwrap();
    let mut settings = Settings::new(profile, StoreAt::Directory(dir.0.join("data")), KeysAt::Ready(ring));
    // It has the machine's own clock, and the machine may stand still.
    settings.stale_limit = Duration::MAX;
    settings
}

/// Impatient, so that a test does not wait.
fn hurried(settings: &mut Settings) {
    let short = Duration::from_millis(150);
    settings.limits.pace = Pace { head: short, idle: short, body: short, stall: short };
}

fn trusting(settings: &mut Settings) {
    settings.proxies = TrustedProxies(vec![Cidr::parse("127.0.0.0/8").unwrap()]);
}

/// Reads until the other side closes.
async fn rest(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut all = Vec::new();
    let _reset_counts_as_closed = in_the_end("the connection is closed", stream.read_to_end(&mut all)).await;
    String::from_utf8_lossy(&all).into_owned()
}

/// Writes these bytes and no more, and waits for the end.
async fn unfinished(to: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

#[tokio::test]
async fn the_host_header_picks_the_table() {
    let platform = Platform::start().await;
    let (login, api) = (platform.login_address(), platform.api_address());
    let at = |host: SocketAddr, path: &'static str| Call::get(path).host(&host.to_string());
    assert_eq!(at(login, "/sign-in").send(login).await.status, 200);
    // The same listener serves both hosts: only the name counts.
    assert_eq!(at(login, "/sign-in").send(api).await.status, 200);
    assert_eq!(at(api, "/oauth2/token").send(login).await.refused(), (405, "method_not_allowed".into(), 107));
    assert_eq!(at(login, "/oauth2/token").send(login).await.status, 404);
    let strangers = ["evil.example", "127.0.0.1", "localhost:1", "", "127.0.0.1:80@evil.example"];
    for host in strangers {
        let reply = Call::get("/sign-in").host(host).send(login).await;
        assert_eq!(reply.refused(), (421, "misdirected_request".into(), 109), "{host:?}");
    }
}

#[tokio::test]
async fn a_request_says_its_host_once() {
    let platform = Platform::start().await;
    let host = platform.login_address();
    let ask = async |head: String| Response::parse(&raw(host, head.as_bytes()).await, false).expect("a reply");
    let without = ask("GET /sign-in HTTP/1.1\r\nConnection: close\r\n\r\n".into()).await;
    assert_eq!(without.refused(), (400, "invalid_request".into(), 112));
    let twice =
        ask(format!("GET /sign-in HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    assert_eq!(twice.refused(), (400, "invalid_request".into(), 112));
    // An absolute target counts, whatever Host says (RFC 9112 3.2.2).
    let target = format!("GET http://{host}/sign-in HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!(ask(target).await.status, 200);
    let target = format!("GET http://evil.example/sign-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(ask(target).await.status, 421);
    // HTTP/1.0 needs none: the listener's own origin is meant.
    assert_eq!(ask("GET /sign-in HTTP/1.0\r\n\r\n".into()).await.status, 200);
}

#[tokio::test]
async fn nobody_says_two_hosts_not_even_for_health() {
    let platform = Platform::start().await;
    for at in [platform.login_address(), platform.api_address(), platform.admin_address()] {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\nHost: {at}\r\nConnection: close\r\n\r\n");
        let reply = Response::parse(&raw(at, head.as_bytes()).await, false).expect("a reply");
        assert_eq!(reply.refused(), (400, "invalid_request".into(), 112), "{at}");
    }
}

#[tokio::test]
async fn the_admin_listener_is_known_by_its_own_names_only() {
    let platform = Platform::start().await;
    let at = platform.admin_address();
    let ask = async |host: &str| Call::get("/metrics").host(host).send(at).await;
    let (port, login) = (at.port(), platform.login_address());
    for own in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        login.to_string(),
        "LOCALHOST".into(),
    ] {
        assert_eq!(ask(&own).await.status, 200, "{own}");
    }
    for rebound in
        ["evil.example", "evil.example:80", "10.0.0.1", "localhost.evil.example", "127.0.0.1@evil.example", ""]
    {
        assert_eq!(ask(rebound).await.refused(), (421, "misdirected_request".into(), 109), "{rebound}");
    }
    let list = Call::get("/admin/connections").bearer(causeway_testkit::platform::ADMIN_KEY).host("evil.example");
    assert_eq!(list.header("X-Forwarded-Host", "localhost").send(at).await.status, 421);
}

#[tokio::test]
async fn every_answer_is_ours() {
    let platform = Platform::start().await;
    let admin = platform.admin_address();
    for (method, path) in [
        ("POST", "/admin/apps/%ff/state"),
        ("DELETE", "/admin/connections/%ff"),
        ("GET", "/admin/apps/acme/secret"),
        ("PATCH", "/admin/connections"),
        ("GET", "/admin/nowhere"),
        ("GET", "/admin"),
        ("GET", "/admin/"),
    ] {
        let reply = Call::new(method, path).send(admin).await;
        assert_eq!(reply.refused(), (401, "invalid_token".into(), 700), "the key comes first: {method} {path}");
    }
    let keyed = async |method: &str, path: &str| platform.at_admin(Call::new(method, path)).await;
    assert_eq!(keyed("DELETE", "/admin/connections/%ff").await.refused(), (404, "not_found".into(), 701));
    assert_eq!(keyed("POST", "/admin/apps/%ff/secret").await.refused(), (404, "not_found".into(), 701));
    let other = keyed("PATCH", "/admin/connections").await;
    assert_eq!((other.refusal(), other.header("allow")), (107, "GET, HEAD"));
    assert_eq!(keyed("GET", "/admin/nowhere").await.refusal(), 108);
    for (at, path) in [(admin, "/metrics"), (admin, "/healthz"), (platform.api_address(), "/readyz")] {
        let reply = Call::post(path).send(at).await;
        assert_eq!((reply.refused(), reply.header("allow")), ((405, "method_not_allowed".into(), 107), "GET, HEAD"));
    }
    for path in ["/settings/oauth-applications/%ff", "/static/%ff"] {
        let reply = platform.at_login(Call::get(path)).await;
        assert!(reply.header("content-security-policy").contains("default-src"), "{path}: {reply:?}");
        assert!(reply.text().contains("<html") || reply.status == 303, "{path}: {reply:?}");
    }
    let posted = platform.at_login(Call::post("/settings/oauth-applications/%ff/disconnect").form(&[])).await;
    assert!(posted.text().contains("<html"), "{posted:?}");
}

#[tokio::test]
async fn one_origin_has_one_table() {
    let dir = TempDir::new();
    let server = Server::start(bare(&dir)).await.unwrap();
    let at = server.addresses()[0];
    assert_eq!(Call::get("/sign-in").send(at).await.status, 200);
    assert_eq!(Call::get("/oauth2/token").send(at).await.refusal(), 107);
    assert_eq!(Call::get("/v1/sites").send(at).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_node_whose_store_refuses_writes_is_not_ready_until_it_takes_one() {
    let platform = Platform::start().await;
    let node = &platform.edge.node;
    let failing = || node.writes_fail.store(true, std::sync::atomic::Ordering::Relaxed);
    failing();
    assert_eq!(platform.at_login(Call::get("/readyz")).await.refused(), (503, "temporarily_unavailable".into(), 801));
    assert_eq!(platform.at_login(Call::get("/healthz")).await.status, 200, "it is alive");
    let off = Call::post("/admin/sites/2101/state").body("application/json", r#"{"active": false}"#);
    assert_eq!(platform.at_admin(off).await.status, 200);
    assert_eq!(platform.at_login(Call::get("/readyz")).await.status, 200, "a write went well");
    failing();
    // Nobody asks a node that is not ready: it asks itself.
    causeway_server::jobs::sweep(&platform.edge).await;
    assert_eq!(platform.at_login(Call::get("/readyz")).await.status, 200);
}

#[tokio::test]
async fn health_answers_on_every_listener_before_the_host_counts() {
    let platform = Platform::start().await;
    for at in [platform.login_address(), platform.api_address(), platform.admin_address()] {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(Call::get(path).host("anything.example").send(at).await.status, 200, "{path} at {at}");
            let head = Call::new("HEAD", path).send(at).await;
            assert_eq!((head.status, head.body.len()), (200, 0), "HEAD {path} at {at}");
            let old = raw(at, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
            assert!(old.starts_with(b"HTTP/1.0 200") || old.starts_with(b"HTTP/1.1 200"), "HTTP/1.0 {path}");
        }
    }
    platform.edge.drain();
    assert_eq!(platform.at_login(Call::get("/readyz")).await.refused(), (503, "temporarily_unavailable".into(), 804));
    assert_eq!(platform.at_login(Call::get("/healthz")).await.status, 200);
}

#[tokio::test]
async fn r_13_slow_heads_are_cut_off_and_others_are_served() {
    let platform = Builder::new().tune(hurried).start().await;
    let at = platform.api_address();
    let slow = [
        "".to_owned(),
        "PO".to_owned(),
        format!("POST /oauth2/token HTTP/1.1\r\nHost: {at}\r\nX-Slow: "),
        format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\n\r\nGET /healthz HTT"),
    ];
    let waiting = slow.iter().map(|bytes| unfinished(at, bytes));
    let waiting = futures_util::future::join_all(waiting);
    let good = async {
        for _ in 0..20 {
            assert_eq!(Call::get("/healthz").send(at).await.status, 200);
        }
    };
    let (ended, ()) = tokio::join!(waiting, good);
    assert_eq!(ended[..3], ["", "", ""]);
    assert!(ended[3].starts_with("HTTP/1.1 200") && ended[3].matches("HTTP/1.1").count() == 1, "{}", ended[3]);
}

#[tokio::test]
async fn r_13_a_slow_body_is_answered_408_and_an_idle_connection_closed() {
    let platform = Builder::new().tune(hurried).start().await;
    let at = platform.api_address();
    let head = format!("POST /oauth2/token HTTP/1.1\r\nHost: {at}\r\nContent-Length: 100\r\n\r\ngrant_type=");
    let reply = unfinished(at, &head).await;
    let reply = Response::parse(reply.as_bytes(), false).expect("a reply");
    assert_eq!(reply.refused(), (408, "invalid_request".into(), 805));
    // A connection that was used and then says nothing.
    let idle = unfinished(at, &format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\n\r\n")).await;
    assert!(idle.ends_with("alive\n"), "{idle}");
}

#[tokio::test]
async fn r_14_heads_and_bodies_have_limits() {
    let platform = Platform::start().await;
    let at = platform.api_address();
    let start = format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n");
    let large = format!("{start}X-Large: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert_eq!(platform.raw_api(large.as_bytes()).await.status, 431);
    let many: String = (0..1_000).map(|n| format!("X-{n}: y\r\n")).collect();
    assert_eq!(platform.raw_api(format!("{start}{many}\r\n").as_bytes()).await.status, 431);
    let long = format!("GET /healthz?{} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n", "x".repeat(100_000));
    let long = platform.raw_api(long.as_bytes()).await.status;
    assert!(matches!(long, 414 | 431), "{long}");
    // A hundred megabytes are announced: not one is read.
    let announced = format!("POST /oauth2/token HTTP/1.1\r\nHost: {at}\r\nContent-Length: 104857600\r\n\r\n");
    assert_eq!(platform.raw_api(announced.as_bytes()).await.refused(), (413, "too_large".into(), 105));
    let sent = Call::post("/oauth2/token").body("application/json", format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20)));
    assert_eq!(platform.at_api(sent).await.status, 413);
    assert_eq!(platform.at_api(Call::get("/healthz")).await.status, 200);
}

fn panicking(router: axum::Router<Edge>) -> axum::Router<Edge> {
    router.route("/panic", get(async || -> String { panic!("on purpose") }))
}

#[tokio::test]
async fn r_32_a_panic_ends_its_request_and_no_other() {
    let platform = Builder::new().tune(|settings| settings.hook = Some(panicking)).start().await;
    let at = platform.api_address();
    // Two requests on one connection: the panic of the first does not even cost the connection.
    let head = |path: &str, end: &str| format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: {end}\r\n\r\n");
    let both = raw(at, (head("/panic", "keep-alive") + &head("/healthz", "close")).as_bytes()).await;
    let both = String::from_utf8_lossy(&both).into_owned();
    let panicked = Response::parse(both.as_bytes(), false).expect("a reply");
    assert_eq!(panicked.status, 500);
    assert!(both.contains("C-802") && !both.contains("on purpose") && both.ends_with("alive\n"), "{both}");
    let metrics = Call::get("/metrics").send(platform.admin_address()).await.text();
    assert!(metrics.contains("causeway_panics_total 1"), "{metrics}");
}

#[tokio::test]
async fn t_02_forwarding_headers_count_only_from_a_trusted_proxy() {
    for trusted in [false, true] {
        let builder = if trusted { Builder::new().tune(trusting) } else { Builder::new() };
        let platform = builder.start().await;
        let call = Call::get("/sign-in")
            .host("inner.example")
            .header("X-Forwarded-Host", &platform.login_address().to_string())
            .header("X-Forwarded-Proto", "https")
            .header("Forwarded", "host=evil.example;proto=https")
            .header("X-Request-Id", "chosen-by-the-client");
        let reply = call.send(platform.login_address()).await;
        assert_eq!(reply.status, if trusted { 200 } else { 421 });
        assert_eq!(reply.header("x-request-id") == "chosen-by-the-client", trusted);
        let metadata = Call::get("/.well-known/oauth-authorization-server")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "https");
        let metadata = platform.at_login(metadata).await;
        assert_eq!(metadata.json()["issuer"], platform.login(), "the issuer is configured, never forwarded");
    }
}

#[tokio::test]
async fn request_ids_are_plain_and_differ() {
    let platform = Builder::new().tune(trusting).start().await;
    let first = platform.at_login(Call::get("/sign-in")).await.header("x-request-id").to_owned();
    let second = platform.at_login(Call::get("/sign-in")).await.header("x-request-id").to_owned();
    assert!(first.len() == 24 && first != second, "{first} {second}");
    for hostile in ["", "a b", "<script>", &"x".repeat(65)] {
        let reply = platform.at_login(Call::get("/sign-in").header("X-Request-Id", hostile)).await;
        assert_ne!(reply.header("x-request-id"), hostile);
    }
}

/// A request of somebody who came too late. The address may belong to another test by now, and where a child process is being made,
/// its copy of the socket is still there to connect to: what counts is that nobody reads the request here.
async fn too_late(at: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(at).await else { return };
    let _reset_counts_as_refused =
        stream.write_all(format!("GET /wait HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes()).await;
    let _whatever_they_say = stream.read(&mut [0; 64]).await;
}

static ENTERED: Semaphore = Semaphore::const_new(0);
static RELEASED: Semaphore = Semaphore::const_new(0);

fn waiting(router: axum::Router<Edge>) -> axum::Router<Edge> {
    let wait = async || {
        ENTERED.add_permits(1);
        RELEASED.acquire().await.expect("never closed").forget();
        "done"
    };
    router.route("/wait", get(wait))
}

#[tokio::test]
async fn stopping_answers_what_is_in_flight_and_closes_what_is_idle() {
    let dir = TempDir::new();
    let mut settings = bare(&dir);
    settings.hook = Some(waiting);
    let server = Server::start(settings).await.unwrap();
    let at = server.addresses()[0];
    let mut idle = TcpStream::connect(at).await.unwrap();
    idle.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes()).await.unwrap();
    let in_flight = tokio::spawn(unfinished(at, Box::leak(format!("GET /wait HTTP/1.1\r\nHost: {at}\r\n\r\n").into())));
    ENTERED.acquire().await.unwrap().forget();
    let stopped = tokio::spawn(server.stop());
    assert!(rest(&mut idle).await.ends_with("alive\n"), "an idle connection is closed");
    tokio::select! {
        _permit = ENTERED.acquire() => panic!("somebody new was let in"),
        () = in_the_end("who is not let in hears so", too_late(at)) => {}
    }
    assert!(!stopped.is_finished());
    RELEASED.add_permits(1);
    assert!(in_flight.await.unwrap().ends_with("done"));
    stopped.await.unwrap();
}

/// The fixtures, with the modes that a key file must have.
pub(crate) fn tls_files(dir: &Path, name: &str) -> TlsFiles {
    use std::os::unix::fs::PermissionsExt;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tls");
    let files = TlsFiles { cert: dir.join("cert"), key: dir.join("key") };
    std::fs::copy(fixtures.join(format!("{name}.cert")), &files.cert).unwrap();
    std::fs::copy(fixtures.join(format!("{name}.key")), &files.key).unwrap();
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    files
}

/// A client that trusts this one certificate.
fn trusts(cert: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn over_tls(at: SocketAddr, connector: &TlsConnector) -> Option<String> {
    let stream = TcpStream::connect(at).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    Some(rest(&mut stream).await)
}

#[tokio::test]
async fn c_10_certificates_are_reloaded_and_a_bad_pair_replaces_nothing() {
    let dir = TempDir::new();
    let (mut settings, files) = (bare(&dir), tls_files(&dir.0, "first"));
    settings.tls = Some(files.clone());
    let server = Server::start(settings).await.unwrap();
    let at = server.addresses()[0];
    let first = trusts(&files.cert);
    assert!(over_tls(at, &first).await.unwrap().ends_with("alive\n"));
    tls_files(&dir.0, "second");
    let second = trusts(&files.cert);
    assert!(over_tls(at, &second).await.is_none(), "not before it is asked for");
    server.reload_tls().unwrap();
    assert!(over_tls(at, &second).await.unwrap().ends_with("alive\n"));
    assert!(over_tls(at, &first).await.is_none());
    std::fs::write(&files.cert, "no certificate").unwrap();
    assert!(server.reload_tls().unwrap_err().contains("cert"));
    assert!(over_tls(at, &second).await.is_some(), "the good pair stays");
    server.stop().await;
}

#[tokio::test]
async fn t_01_the_admin_listener_speaks_tls_too() {
    let dir = TempDir::new();
    let (mut settings, files) = (bare(&dir), tls_files(&dir.0, "first"));
    settings.tls = Some(files.clone());
    settings.admin_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    settings.admin_tls = true;
    let server = Server::start(settings).await.unwrap();
    let at = server.admin_address().unwrap();
    assert!(over_tls(at, &trusts(&files.cert)).await.unwrap().ends_with("alive\n"));
    let url = server.description()["admin_url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("https://{at}"));
    server.stop().await;
}

#[tokio::test]
async fn t_01_plain_http_at_a_tls_listener_gets_nothing() {
    let dir = TempDir::new();
    let mut settings = bare(&dir);
    settings.tls = Some(tls_files(&dir.0, "first"));
    hurried(&mut settings);
    let server = Server::start(settings).await.unwrap();
    let at = server.addresses()[0];
    for bytes in ["GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "", "\u{16}\u{3}"] {
        let got = unfinished(at, bytes).await;
        assert!(!got.contains("HTTP") && !got.contains("alive"), "{got:?}");
    }
    assert_eq!(server.edge().node.origins.login, format!("https://{at}"));
    server.stop().await;
}

#[tokio::test]
async fn metrics_stand_on_the_admin_listener_only() {
    let platform = Platform::start().await;
    let text = Call::get("/metrics").send(platform.admin_address()).await;
    assert_eq!(text.status, 200);
    for name in [
        "causeway_feed_position",
        "causeway_taken_back_subjects",
        "causeway_customer_reads",
        "causeway_token_seconds_bucket",
    ] {
        assert!(text.text().contains(name), "{name} in {}", text.text());
    }
    assert_eq!(platform.at_login(Call::get("/metrics")).await.status, 404);
    assert_ne!(platform.at_api(Call::get("/metrics")).await.status, 200);
    assert_ne!(platform.at_api(Call::get("/admin/connections")).await.status, 200);
}
