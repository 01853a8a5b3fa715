//! The streaming hop to the platform's own API: what crosses it, how long it may take, and that nothing crosses unchecked.

pub(crate) mod backend;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_protocol::profile::{Route, SitePlace};
use causeway_server::http::proxy::Limits;
use causeway_testkit::actors::ACME;
use causeway_testkit::platform::Builder;
use causeway_testkit::wait::in_the_end;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Api, Call, Platform, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use backend::{Absent, Backend};

const LEADS: &str = "/v1/leads?site_id=2101";
/// A route whose body is not looked into.
const UPLOADS: &str = "/v1/uploads?site_id=2101";

/// A platform in front of this API.
async fn in_front_of(url: &str) -> Platform {
    start(url, Limits::default()).await
}

/// For tests that wait for the end of its patience. Only where nothing comes it may be short: on a slow machine all else comes late.
const SHORT: Duration = Duration::from_millis(200);
/// For tests in which patience must not be what ends it.
const ENDLESS: Duration = Duration::from_secs(86_400);

async fn start(url: &str, limits: Limits) -> Platform {
    let uploads = Route {
        methods: vec!["POST".to_owned()],
        path: "/uploads".to_owned(),
        scopes: vec!["leads:write".to_owned()],
        site: SitePlace::Query,
        collection: None,
        status: 200,
        providers: false,
    };
    let url = url.to_owned();
    Builder::new()
        .profile(|profile| {
            profile.api.budgets.clear();
            profile.api.routes.push(uploads);
        })
        .tune(move |settings| {
            settings.upstream = Some(url.clone());
            settings.proxy = limits;
        })
        .start()
        .await
}

async fn token(platform: &Platform) -> String {
    ACME.connect(platform, OLIVIA).await.access
}

/// The head of a request to the API host, up to where a body would begin.
fn head(platform: &Platform, request: &str, token: &str, more: &str) -> String {
    let port = platform.api_address().port();
    format!("{request} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n{more}\r\n")
}

/// The value of a header in an echoed head.
fn echoed<'a>(reply: &'a str, name: &str) -> Vec<&'a str> {
    let values = reply.lines().filter_map(|line| line.split_once(": "));
    values.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[tokio::test]
async fn bg_15_t_02_the_api_is_told_who_calls_by_the_guard_alone() {
    let backend = Backend::echo().await;
    let platform = in_front_of(&backend.url()).await;
    let token = token(&platform).await;
    let call = Call::get(&format!("{LEADS}&q=%2F%20x+y"))
        .bearer(&token)
        .header("Accept", "application/json")
        .header("X-Causeway-Customer", "4200")
        .header("x_causeway_customer", "4200")
        .header("X-Causeway-Anything", "1")
        .header("X-Forwarded-For", "203.0.113.9")
        .header("X-Forwarded-Host", "evil.example")
        .header("Forwarded", "for=203.0.113.9")
        .header("X-HTTP-Method-Override", "DELETE")
        .header("X-Original-URL", "/admin")
        .header("X-Causeway.Site", "2102")
        .header("X!Causeway!Customer", "4200")
        .header("x.forwarded.for", "203.0.113.9")
        .header("X-Client-IP", "203.0.113.9")
        .header("True-Client-IP", "203.0.113.9")
        .header("CF-Connecting-IP", "203.0.113.9")
        .header("X-Cluster-Client-IP", "203.0.113.9")
        .header("X-Real-IP", "203.0.113.9")
        .header("Remote-User", "root")
        .header("X-Remote-User", "root")
        .header("X-User", "root")
        .header("X-Forwarded-User", "root")
        .header("X-Accel-Redirect", "/admin")
        .header("Cookie", "session=somebody");
    let reply = platform.at_api(call).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = reply.text();
    assert!(seen.starts_with(&format!("GET {LEADS}&q=%2F%20x+y HTTP/1.1\r\n")), "byte for byte: {seen}");
    let api = platform.api().trim_start_matches("http://").to_owned();
    for (name, values) in [
        ("host", vec![backend.address.to_string()]),
        ("accept", vec!["application/json".to_owned()]),
        ("x-causeway-app", vec!["acme".to_owned()]),
        ("x-causeway-customer", vec!["4100".to_owned()]),
        ("x-causeway-site", vec!["2101".to_owned()]),
        ("x-causeway-sites", vec!["2101,2102".to_owned()]),
        ("x-forwarded-for", vec!["127.0.0.1".to_owned()]),
        ("x-forwarded-proto", vec!["http".to_owned()]),
        ("x-forwarded-host", vec![api]),
        ("x-request-id", vec![reply.header("x-request-id").to_owned()]),
        ("x-causeway-anything", vec![]),
        ("x_causeway_customer", vec![]),
        ("authorization", vec![]),
        ("cookie", vec![]),
        ("forwarded", vec![]),
        ("x-http-method-override", vec![]),
        ("x-original-url", vec![]),
        ("connection", vec![]),
    ] {
        assert_eq!(echoed(&seen, name), values, "{name}");
    }
    assert!(!seen.contains(&token), "the token stays here");
    for planted in ["4200", "203.0.113.9", "root", "causeway.", "accel"] {
        assert!(!seen.contains(planted), "{planted}: {seen}");
    }
}

#[tokio::test]
async fn what_is_denied_never_reaches_the_api() {
    let backend = Backend::echo().await;
    let platform = in_front_of(&backend.url()).await;
    let token = token(&platform).await;
    for call in [
        Call::get(LEADS),
        Call::get(LEADS).bearer("x"),
        Call::get("/v1/leads?site_id=2201").bearer(&token),
        Call::get("/v1/leads").bearer(&token),
        Call::get("/v1/nowhere").bearer(&token),
        Call::get("/v1/leads/../sites").bearer(&token),
        Call::get(&format!("{LEADS}&access_token=x")).bearer(&token),
        Call::post(LEADS).bearer(&token).body("application/json", r#"{"site_id":2201}"#),
    ] {
        assert!((400..500).contains(&platform.at_api(call).await.status));
    }
    assert_eq!(backend.connections(), 0);
    assert_eq!(Api { token: &token }.get(&platform, LEADS).await.status, 200);
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn a_base_path_comes_before_and_a_body_comes_whole() {
    let backend = Backend::echo().await;
    let platform = in_front_of(&format!("{}/inner/", backend.url())).await;
    let token = token(&platform).await;
    let call = Call::post("/api/v1/leads.json").bearer(&token).body("application/json", r#"{"site_id":2102,"a":[1]}"#);
    let seen = platform.at_api(call).await.text();
    assert!(seen.starts_with("POST /inner/api/v1/leads.json HTTP/1.1\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"site_id\":2102,\"a\":[1]}"), "{seen}");
    assert_eq!(echoed(&seen, "x-causeway-site"), ["2102"]);
    assert_eq!(echoed(&seen, "content-length"), ["24"]);
}

#[tokio::test]
async fn hop_by_hop_headers_stay_on_their_hop() {
    let backend = Backend::start(|mut stream| async move {
        let seen = backend::Request::read(&mut stream).await.expect("a request").head.to_ascii_lowercase();
        let clean = !["te", "upgrade", "keep-alive", "proxy-authorization", "connection"]
            .iter()
            .any(|name| seen.contains(&format!("\r\n{name}:")));
        let answer = format!(
            "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=9\r\n\
             Proxy-Authenticate: Basic\r\nCDN-Cache-Control: max-age=9\r\nX-Clean: {clean}\r\nContent-Length: 2\r\n\r\nok"
        );
        stream.write_all(answer.as_bytes()).await.expect("the guard reads");
    })
    .await;
    let platform = in_front_of(&backend.url()).await;
    let call = Call::get(LEADS)
        .bearer(&token(&platform).await)
        .header("Connection", "TE, Upgrade, keep-alive")
        .header("TE", "trailers")
        .header("Upgrade", "websocket")
        .header("Keep-Alive", "timeout=5")
        .header("Proxy-Authorization", "Basic eDp5");
    let reply = platform.at_api(call).await;
    assert_eq!((reply.status, reply.text().as_str(), reply.header("x-clean")), (200, "ok", "true"));
    for name in ["x-inner", "keep-alive", "proxy-authenticate", "cdn-cache-control"] {
        assert_eq!(reply.header(name), "", "{name}");
    }
    assert_eq!(reply.header("cache-control"), "private, no-store", "BG-11");
}

#[tokio::test]
async fn bg_11_the_apis_own_stricter_word_stands() {
    for (sent, left) in [
        ("Cache-Control: no-store\r\n", "no-store"),
        ("Cache-Control: public, max-age=60\r\n", "private, no-store"),
        ("", "private, no-store"),
    ] {
        let backend =
            Backend::answering(format!("HTTP/1.1 404 Not Found\r\n{sent}Content-Length: 4\r\n\r\nnone")).await;
        let platform = in_front_of(&backend.url()).await;
        let reply = Api { token: &token(&platform).await }.get(&platform, LEADS).await;
        assert_eq!((reply.status, reply.text().as_str(), reply.header("cache-control")), (404, "none", left));
    }
}

#[tokio::test]
async fn an_answer_comes_through_as_it_is_written() {
    let first_seen = Arc::new(Notify::new());
    let go_on = first_seen.clone();
    let backend = Backend::start(move |mut stream| {
        let go_on = go_on.clone();
        async move {
            backend::Request::read(&mut stream).await.expect("a request");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nfirst").await.expect("written");
            go_on.notified().await;
            stream.write_all(b"second").await.expect("written");
        }
    })
    .await;
    let platform = in_front_of(&backend.url()).await;
    let request = head(&platform, &format!("GET {LEADS}"), &token(&platform).await, "Connection: close\r\n");
    let mut stream = TcpStream::connect(platform.api_address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let reply = backend::head(&mut stream).await.expect("a head before the body is whole");
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let mut first = [0; 5];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"first");
    // Only now is the rest written: nothing in between waited for it.
    first_seen.notify_one();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "second");
}

#[tokio::test]
async fn a_body_goes_on_as_it_arrives() {
    let arrived = Arc::new(Notify::new());
    let tell = arrived.clone();
    let backend = Backend::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            backend::head(&mut stream).await.expect("a head");
            let mut all = backend::chunk(&mut stream).await.expect("the first piece");
            tell.notify_one();
            while let Some(next) = backend::chunk(&mut stream).await.filter(|next| !next.is_empty()) {
                all.extend_from_slice(&next);
            }
            let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n", all.len());
            stream.write_all(&[answer.as_bytes(), &all].concat()).await.expect("written");
        }
    })
    .await;
    let platform = in_front_of(&backend.url()).await;
    let more = "Connection: close\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n";
    let request = head(&platform, &format!("POST {UPLOADS}"), &token(&platform).await, more);
    let mut stream = TcpStream::connect(platform.api_address()).await.unwrap();
    stream.write_all(format!("{request}5\r\nfirst\r\n").as_bytes()).await.unwrap();
    in_the_end("a piece arrives", arrived.notified()).await;
    stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    let reply = Response::parse(&reply, false).expect("a reply");
    assert_eq!((reply.status, reply.text().as_str()), (201, "firstsecond"));
}

#[tokio::test]
async fn large_bodies_cross_both_ways_up_to_the_limit() {
    let backend = Backend::echo().await;
    let platform = in_front_of(&backend.url()).await;
    let token = token(&platform).await;
    let body: Vec<u8> = (0..8 * 1024 * 1024u32).map(|n| ((n * 31) >> 7) as u8).collect();
    let reply =
        platform.at_api(Call::post(UPLOADS).bearer(&token).body("application/octet-stream", body.clone())).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.ends_with(&body), "not a byte differs");
    let announced =
        head(&platform, &format!("POST {UPLOADS}"), &token, "Content-Type: text/csv\r\nContent-Length: 16777217\r\n");
    let refused = platform.raw_api(announced.as_bytes()).await;
    assert_eq!((refused.status, refused.refusal()), (413, 105));
    // Not announced, but sent: cut off at the limit.
    let chunk = format!("100000\r\n{}\r\n", "a".repeat(0x10_0000));
    let chunked =
        head(&platform, &format!("POST {UPLOADS}"), &token, "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n");
    let refused = platform.raw_api(format!("{chunked}{}", chunk.repeat(17)).as_bytes()).await;
    assert_eq!((refused.status, refused.refusal()), (413, 105));
}

#[tokio::test]
async fn a_slow_broken_or_absent_upstream_is_502_and_no_hanging() {
    let silent = Backend::start(|mut stream| async move {
        backend::Request::read(&mut stream).await;
        stream.read_u8().await.ok();
    })
    .await;
    let absent = Absent::new();
    let rude = Backend::answering("SSH-2.0-OpenSSH_9.9\r\n").await;
    let upgrading =
        Backend::answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").await;
    let hanging_up = Backend::start(|mut stream| async move { drop(backend::Request::read(&mut stream).await) }).await;
    let others = [absent.url(), rude.url(), upgrading.url(), hanging_up.url(), "not an address".to_owned()];
    let others = others.into_iter().map(|url| (url, ENDLESS));
    for (url, head) in [(silent.url(), SHORT)].into_iter().chain(others) {
        let platform = start(&url, Limits { head, ..Limits::default() }).await;
        let reply = Api { token: &token(&platform).await }.get(&platform, LEADS).await;
        assert_eq!((reply.status, reply.member("error").as_str(), reply.refusal()), (502, "bad_gateway", 610), "{url}");
        assert!(!reply.text().contains(&url), "nothing inner is told");
    }
}

#[tokio::test]
async fn an_answer_that_falls_silent_is_cut_and_not_taken_for_whole() {
    let backend = Backend::start(|mut stream| async move {
        backend::Request::read(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await.expect("written");
        stream.read_u8().await.ok();
    })
    .await;
    let platform = start(&backend.url(), Limits { head: ENDLESS, idle: SHORT, ..Limits::default() }).await;
    let reply = Api { token: &token(&platform).await }.get(&platform, LEADS).await;
    assert_eq!((reply.header("content-length"), reply.text().as_str()), ("100", "half"), "the connection ended early");
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_the_request_along() {
    let (came, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_came, tell_gone) = (came.clone(), gone.clone());
    let backend = Backend::start(move |mut stream| {
        let (came, gone) = (tell_came.clone(), tell_gone.clone());
        async move {
            backend::Request::read(&mut stream).await.expect("a request");
            came.notify_one();
            assert!(stream.read_u8().await.is_err(), "the connection ends, with nothing more on it");
            gone.notify_one();
        }
    })
    .await;
    let limits = Limits { head: ENDLESS, idle: ENDLESS, ..Limits::default() };
    let platform = start(&backend.url(), limits).await;
    let request = head(&platform, &format!("GET {LEADS}"), &token(&platform).await, "");
    let mut stream = TcpStream::connect(platform.api_address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    in_the_end("it comes", came.notified()).await;
    drop(stream);
    in_the_end("it goes, though no limit of its own ends it", gone.notified()).await;
}

#[tokio::test]
async fn no_header_that_goes_on_is_named_in_connection() {
    let backend = Backend::echo().await;
    let platform = in_front_of(&backend.url()).await;
    let token = token(&platform).await;
    // Without its Content-Type the API might take the body for a form, whose site nobody looked at.
    let post = |named: &str| {
        let call = Call::post("/v1/leads").bearer(&token).header("Connection", named);
        call.body("application/json", r#"{"site_id":2101}"#)
    };
    for named in
        ["content-type", "close, Content-Type", "content-length", "X-Causeway-Site", "host", "idempotency-key", "x"]
    {
        let reply = platform.at_api(post(named)).await;
        assert_eq!((reply.status, reply.refusal()), (400, 112), "{named}");
    }
    assert_eq!(backend.connections(), 0);
    for named in ["close", "keep-alive", "TE, Upgrade", "HTTP2-Settings", "proxy-connection"] {
        assert_eq!(platform.at_api(post(named)).await.status, 200, "{named}");
    }
}

#[tokio::test]
async fn bodies_that_nobody_looks_into_do_not_go_on() {
    let backend = Backend::echo().await;
    let platform = in_front_of(&backend.url()).await;
    let token = token(&platform).await;
    let raw = async |request: &str, more: &str, body: &str| {
        platform.raw_api(format!("{}{body}", head(&platform, request, &token, more)).as_bytes()).await
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for method in ["GET", "HEAD"] {
        let request = format!("{method} {LEADS}");
        for (framing, body) in [
            ("Content-Length: 12\r\n", "site_id=2102"),
            ("Transfer-Encoding: chunked\r\n", "c\r\nsite_id=2102\r\n0\r\n\r\n"),
        ] {
            let reply = raw(&request, &format!("{form}{framing}"), body).await;
            assert_eq!(reply.status, 400, "{method} {framing}");
        }
        assert_eq!(raw(&request, "Content-Length: 0\r\nConnection: close\r\n", "").await.status, 200, "{method}");
    }
    assert_eq!(backend.connections(), 1, "only the empty ones went on");
    let upload = async |media: &str, body: &str| {
        platform.at_api(Call::post(UPLOADS).bearer(&token).body(media, body.as_bytes().to_vec())).await
    };
    const FORM: &str = "application/x-www-form-urlencoded";
    for (media, body, refusal) in [
        (FORM, "a=1&site_id=2102", 606),
        (FORM, "site.id=2101", 606),
        (FORM, "_method=DELETE", 102),
        ("application/json", r#"{"site_id":2102}"#, 606),
        ("application/vnd.api+json", r#"{"site_id":2102}"#, 606),
        ("application/json", r#"{"_method":"DELETE"}"#, 102),
        ("", "site_id=2102", 106),
        ("application/json, text/csv", r#"{"site_id":2102}"#, 106),
    ] {
        assert_eq!(upload(media, body).await.refusal(), refusal, "{media}: {body}");
    }
    assert_eq!(upload(FORM, &format!("a={}", "x".repeat(300 * 1024))).await.refusal(), 613);
    for (media, body) in [
        (FORM, "a=1"),
        (FORM, "site_id=2101"),
        ("application/json", r#"{"site_id":2101,"lead":{"site_id":2102}}"#),
        ("text/csv", "site_id=2102"),
        ("", ""),
    ] {
        let reply = upload(media, body).await;
        assert_eq!(reply.status, 200, "{media}: {body}: {}", reply.text());
        assert_eq!(echoed(&reply.text(), "x-causeway-site"), ["2101"]);
    }
}

/// Everything that was logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Logged(pub(crate) Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_does_not_fill_the_log_and_no_token_of_a_path_is_in_it() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    // With one dispatcher alive, tracing remembers the no of other tests' threads; with two it asks again.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _until_the_end = tracing::subscriber::set_default(subscriber);
    let absent = Absent::new();
    let platform = in_front_of(&absent.url()).await;
    let token = token(&platform).await;
    let began = tokio::time::Instant::now();
    for _ in 0..40 {
        assert_eq!(Api { token: &token }.get(&platform, LEADS).await.status, 502);
    }
    let most = 1 + began.elapsed().as_secs() as usize;
    let short = "ts_at_short-1";
    for path in [format!("/v1/{short}"), format!("/v1/leads/{token}"), "/v1/leads/pasted".to_owned()] {
        platform.at_api(Call::get(&path)).await;
    }
    platform.at_login(Call::get(&format!("/static/{token}"))).await;
    platform.at_admin(Call::get(&format!("/admin/connections/{token}"))).await;
    let log = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    let warned = log.lines().filter(|line| line.contains("the upstream failed")).count();
    assert!((1..=most).contains(&warned), "{warned} of 40 in at most {most} seconds");
    assert!(log.contains("\"/v1/leads/…\"") && log.contains("\"/v1/…\""), "{log}");
    for pasted in [short, &token, "pasted"] {
        assert!(!log.contains(pasted), "{pasted}");
    }
}

#[tokio::test]
async fn r_18_smuggled_requests_reach_nobody() {
    let backend = Backend::echo().await;
    let platform = in_front_of(&backend.url()).await;
    let token = token(&platform).await;
    let smuggled = head(&platform, "GET /v1/sites", &token, "X-Smuggled: 1\r\n");
    let post =
        |more: &str| head(&platform, &format!("POST {UPLOADS}"), &token, &format!("Content-Type: text/csv\r\n{more}"));
    for (shape, framing, body) in [
        ("both, length first", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("both, coding first", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n", ""),
        ("a list of lengths", "Content-Length: 0, 5\r\n", ""),
        ("a signed length", "Content-Length: +0\r\n", ""),
        ("unknown coding", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("coding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
        ("coding under coding", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ("folded", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        ("space before the colon", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ("bad chunk size", "Transfer-Encoding: chunked\r\n", "0x0\r\n\r\n"),
    ] {
        let bytes = format!("{}{body}{smuggled}", post(framing));
        let raw = causeway_testkit::client::raw(platform.api_address(), bytes.as_bytes()).await;
        let text = String::from_utf8_lossy(&raw);
        assert!(!text.to_ascii_lowercase().contains("x-smuggled"), "{shape}: {text}");
        // An echoed request ends its first line with the version; a reply begins with it.
        let replies = text.matches("HTTP/1.1 ").count();
        assert!(replies <= 1, "{shape}: one request, one reply: {text}");
    }
}

#[tokio::test]
async fn head_has_no_body_and_connections_are_used_again() {
    let backend = Backend::start(|mut stream| async move {
        while let Some(request) = backend::Request::read(&mut stream).await {
            let body = if request.head.starts_with("HEAD") { "" } else { "whole" };
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.expect("written");
        }
    })
    .await;
    let platform = in_front_of(&backend.url()).await;
    let token = token(&platform).await;
    for _ in 0..3 {
        let reply = platform.at_api(Call::new("HEAD", LEADS).bearer(&token)).await;
        assert_eq!((reply.status, reply.header("content-length")), (200, "5"));
        assert_eq!(Api { token: &token }.get(&platform, LEADS).await.text(), "whole");
    }
    assert_eq!(backend.connections(), 1);
}
