//! What is kept of secrets, and where none may ever be seen: the data directory, the log, the metrics, error replies
//! (SECURITY 17, CORE-12).

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, CustomizedPasswordHasher, Params, Version};
use causeway_protocol::Change;
use causeway_protocol::seal::KeyRing;
use causeway_protocol::secret::PasswordHash;
use causeway_server::flows::{admin, session};
use causeway_server::platform::{KeysAt, Settings, StoreAt};
use causeway_storage::{Engine, Model, Store};
use causeway_testkit::actors::{ACME, CAREFUL, EVERYTHING, GUESTLIST, ODD, Pair, REPORTS, VERIFIER};
use causeway_testkit::client::base64;
use causeway_testkit::platform::ADMIN_KEY;
use causeway_testkit::world::{MARCO, OLIVIA, PRIYA, SAM, password};
use causeway_testkit::{Browser, Builder, Call, Consent, Page, Platform, Response};

use crate::authorize::link;

const APPS: &str = "/settings/oauth-applications";
/// What the test types, wrongly or in places where it must not be kept.
const WRONG_SECRET: &str = "wrong-secret-of-acme-9917";
const WRONG_PASSWORD: &str = "wrong-password-of-olivia-3306";
const NEW_PASSWORD: &str = "new-password-of-olivia-7720";
const RETRY_KEY: &str = "retry-key-7261-of-acme";
const STATE: &str = "state-value-8841-of-acme";
const TYPED: [&str; 6] = [WRONG_SECRET, WRONG_PASSWORD, NEW_PASSWORD, RETRY_KEY, STATE, VERIFIER];
const RING_KEY: u8 = 201;

/// Everything that was logged on this thread.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What came up in a story: the secrets of it, and the replies that were errors.
#[derive(Default)]
struct Story {
    secrets: Vec<String>,
    errors: Vec<String>,
}

impl Story {
    fn secret(&mut self, secret: &str) -> String {
        assert!(secret.len() >= 8, "too short to be searched for: {secret:?}");
        self.secrets.push(secret.to_owned());
        secret.to_owned()
    }

    fn pair(&mut self, reply: &Response) -> Pair {
        let pair = Pair::of(reply);
        self.secret(&pair.access);
        self.secret(&pair.refresh);
        pair
    }

    /// Cookies, and the sealed requests in the page's forms.
    fn page(&mut self, page: Page) -> Page {
        for cookie in page.reply.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap_or_default();
            let value = pair.split_once('=').unwrap().1;
            if !value.is_empty() {
                self.secret(value);
            }
        }
        let mut html = page.html.clone();
        let fields = page.forms().into_iter().flat_map(|form| form.fields);
        for (_, value) in fields.filter(|(name, value)| name != "email" && !value.is_empty()) {
            // Where it belongs, and nowhere else.
            html = html.replacen(&format!("value=\"{}\"", self.secret(&value)), "", 1);
        }
        self.refused(&Response { body: html.into_bytes(), ..page.reply.clone() });
        page
    }

    /// Whatever this is, if it is an error it says nothing.
    fn refused(&mut self, reply: &Response) -> u16 {
        if reply.status >= 400 {
            self.errors.push(format!("{} {:?}\n{}", reply.status, reply.headers, reply.text()));
        }
        reply.status
    }
}

/// What a secret could look like where it should not be: as it is, in base64 at any offset, form-encoded, in hex; and
/// the bytes behind it, where it is base64url itself.
fn variants(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    let encoded: String = form_urlencoded::byte_serialize(bytes).collect();
    let mut all = vec![bytes.to_vec(), encoded.into_bytes(), hex(bytes)];
    for before in 0..3 {
        let text = base64(&[&vec![0; before][..], bytes].concat());
        // Only those characters that no neighbour has a part in.
        let inner = &text[(before * 8).div_ceil(6)..(before + bytes.len()) * 8 / 6];
        all.extend([inner.as_bytes().to_vec(), inner.replace('+', "-").replace('/', "_").into_bytes()]);
    }
    let sealed = ["ts_at_", "ts_rt_", "ts_ac_", "ts_sk_"].into_iter().find_map(|prefix| secret.strip_prefix(prefix));
    if let Some(raw) = unbase64(sealed.unwrap_or(secret)).filter(|raw| raw.len() >= 12) {
        all.extend([hex(&raw), raw]);
    }
    all
}

/// base64url without padding.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    let (mut held, mut bits, mut out) = (0u32, 0, Vec::new());
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(out)
}

fn holds(hay: &[u8], needle: &[u8]) -> bool {
    let mut rest = hay;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Every file of a directory, by name.
fn files(root: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push((path.display().to_string(), std::fs::read(&path).unwrap())),
            }
        }
    }
    found
}

/// No secret of the story in any form in any of these.
fn assert_clean(story: &Story, places: &[(String, Vec<u8>)]) {
    for secret in &story.secrets {
        for variant in variants(secret) {
            for (name, bytes) in places {
                assert!(!holds(bytes, &variant), "{name} holds {secret} as {}", String::from_utf8_lossy(&variant));
            }
        }
    }
}

/// Signing in wrongly and rightly, and consent: a code.
async fn allow(platform: &Platform, story: &mut Story, browser: &mut Browser) -> String {
    let more = [("state", STATE), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let page = story.page(browser.open(platform, &link(&ACME, &more)).await);
    let wrong = [("email", OLIVIA), ("password", WRONG_PASSWORD)];
    let page = story.page(browser.press(platform, &page, "Sign in", &wrong).await);
    assert_eq!(page.reply.status, 403);
    let page = story.page(browser.sign_in(platform, &page, OLIVIA).await);
    let broken = [("request", "broken"), ("decision", "allow")];
    let call = Call::post("/consent").form(&broken);
    story.page(browser.clone().send(platform, call).await);
    let back = browser.press(platform, &page, "Allow", &[]).await;
    assert_eq!(back.returned("state").as_deref(), Some(STATE));
    story.secret(&back.returned("code").unwrap())
}

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What a partner's program does with a code, mistakes included; the pair that is left.
async fn redeem(platform: &Platform, story: &mut Story, code: &str) -> Pair {
    let token = |pairs: &[(&str, &str)]| Call::post("/oauth2/token").form(pairs);
    let exchange = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", ACME.redirect_uri)];
    let exchange = [&exchange[..], &[("code_verifier", VERIFIER)]].concat();
    for call in [
        token(&exchange).basic("acme", WRONG_SECRET),
        token(&[&exchange[..], &[("client_id", "acme"), ("client_secret", WRONG_SECRET)]].concat()),
        token(&exchange).basic(WRONG_SECRET, WRONG_SECRET),
        Call::post(&format!("/oauth2/token?client_secret={WRONG_SECRET}&code={code}")).form(&exchange),
        Call::post("/oauth2/token").body("application/json", format!("[\"{code}\", \"{WRONG_SECRET}\"]")),
        token(&EVERYTHING.exchange_pairs(code)),
        token(&[&ACME.exchange_pairs(code)[..], &[("code_verifier", WRONG_SECRET)]].concat()),
    ] {
        assert!(story.refused(&platform.at_api(call).await) >= 400);
    }
    let keyed = || token(&ACME.signed(&exchange)).header("Idempotency-Key", RETRY_KEY);
    let first = platform.at_api(keyed()).await;
    story.pair(&platform.at_api(keyed()).await);
    let pair = story.pair(&first);
    let refresh = || token(&ACME.refresh_pairs(&pair.refresh)).header("Idempotency-Key", RETRY_KEY);
    let second = story.pair(&platform.at_api(refresh()).await);
    story.pair(&platform.at_api(refresh()).await);
    story.refused(&ACME.refresh(platform, &pair.refresh).await);
    story.refused(&ACME.token(platform, &exchange).await);
    second
}

/// Calls of the API with good and bad tokens in good and bad places.
async fn call(platform: &Platform, story: &mut Story, pair: &Pair) {
    assert_eq!(platform.at_api(Call::get("/v1/sites").bearer(&pair.access)).await.status, 200);
    let changed = format!("{}A", pair.access);
    for call in [
        Call::get(&format!("/v1/sites?access_token={}", pair.access)).bearer(&pair.access),
        Call::get("/v1/sites").bearer(&pair.refresh).header("X-Original-URI", &format!("/v1/x?token={}", pair.access)),
        Call::get("/v1/sites").bearer(&changed),
        Call::get(&format!("/v1/{}", pair.access)).bearer(&pair.access),
        Call::get("/v1/leads").bearer(&pair.access).header("Cookie", &format!("session={}", pair.refresh)),
    ] {
        story.refused(&platform.at_api(call).await);
    }
    let asked = Call::get("/guard/check").header("X-Original-Method", "GET");
    let asked = asked.header("X-Original-URI", &format!("/v1/sites?access_token={}", pair.access));
    story.refused(&asked.bearer(&pair.access).send(platform.admin_address()).await);
    assert!(ACME.is_active(platform, &pair.access).await);
    story.refused(&ACME.introspect(platform, &changed).await);
    story.refused(&EVERYTHING.introspect(platform, &pair.access).await);
}

/// What an operator changes, and what follows.
async fn operate(platform: &Platform, story: &mut Story, browser: &mut Browser, pair: &Pair) {
    let secret = platform.renew_secret("acme").await;
    story.secret(&secret);
    story.refused(&ACME.refresh(platform, &pair.refresh).await);
    let renewed = Call::post("/oauth2/token").basic("acme", &secret);
    let grant = [("grant_type", "refresh_token"), ("refresh_token", pair.refresh.as_str())];
    let pair = story.pair(&platform.at_api(renewed.form(&grant)).await);
    let path = format!("/admin/people/{OLIVIA}/password");
    let body = format!("{{\"password\": \"{NEW_PASSWORD}\"}}");
    for key in [ADMIN_KEY, WRONG_SECRET] {
        let call = Call::post(&path).body("application/json", body.clone()).bearer(key);
        story.refused(&call.send(platform.admin_address()).await);
    }
    let call = Call::post(&path).body("application/json", format!("{{\"pass\": \"{NEW_PASSWORD}\"}}"));
    assert_eq!(story.refused(&platform.at_admin(call).await), 400);
    let page = story.page(browser.open(platform, APPS).await);
    let right = [("email", OLIVIA), ("password", NEW_PASSWORD)];
    story.page(browser.press(platform, &page, "Sign in", &right).await);
    let page = story.page(browser.open(platform, "/sign-out").await);
    story.page(browser.press(platform, &page, "Sign out", &[]).await);
    let revoke = [("token", pair.refresh.as_str())];
    let call = Call::post("/oauth2/revoke").basic("acme", &secret).form(&revoke);
    assert_eq!(platform.at_api(call).await.status, 200);
    let call = Call::get("/v1/sites").bearer(&pair.access);
    assert_eq!(story.refused(&platform.at_api(call).await), 401);
    let call = Call::post("/oauth2/token").basic("acme", &secret).form(&[grant[0], ("refresh_token", &pair.refresh)]);
    assert_eq!(story.refused(&platform.at_api(call).await), 400);
    platform.cut("acme", "4100").await;
}

/// The secrets that the story begins with.
fn given() -> Story {
    let mut story = Story::default();
    let apps = [ACME, EVERYTHING, ODD, REPORTS, GUESTLIST, CAREFUL].map(|app| app.secret.unwrap().to_owned());
    let people = [OLIVIA, MARCO, PRIYA, SAM].map(password);
    let keys = [ADMIN_KEY.to_owned(), base64(&[RING_KEY; 32])];
    for secret in apps.iter().chain(&people).chain(&keys).map(String::as_str).chain(TYPED) {
        story.secret(secret);
    }
    story
}

#[tokio::test]
async fn c_09_core_12_no_secret_of_a_whole_story_is_in_data_log_metrics_or_errors() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // With one dispatcher alive, tracing asks the thread that meets an event first whether anybody listens, and
    // remembers its no; the other tests' threads have nobody. With two it asks both.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _until_the_end = tracing::subscriber::set_default(subscriber);
    let platform = Builder::new().keys(&[RING_KEY, 1]).start().await;
    let (mut story, mut browser) = (given(), Browser::new());
    let code = allow(&platform, &mut story, &mut browser).await;
    let pair = redeem(&platform, &mut story, &code).await;
    call(&platform, &mut story, &pair).await;
    operate(&platform, &mut story, &mut browser, &pair).await;
    let other = platform.grant(Consent::new("everything", PRIYA)).await;
    story.secret(&other);

    let metrics = Call::get("/metrics").send(platform.admin_address()).await.text();
    assert!(metrics.contains("causeway_requests_total{endpoint=\"token\",class=\"2xx\"}"), "{metrics}");
    let mut places = vec![("/metrics".to_owned(), metrics.into_bytes())];
    places.extend(story.errors.iter().map(|error| ("an error".to_owned(), error.clone().into_bytes())));
    assert!(story.errors.len() >= 20 && story.secrets.len() >= 35, "{} {}", story.errors.len(), story.secrets.len());
    let running = files(platform.directory());
    for name in ["causeway.db", "causeway.db-wal", "causeway.db-shm", "key-check"] {
        assert!(running.iter().any(|(path, bytes)| path.ends_with(name) && !bytes.is_empty()), "{name}");
    }
    places.extend(running);
    // What the database's file holds once the log was copied into it.
    let platform = platform.restart().await;
    let stopped = files(platform.directory());
    assert!(stopped.iter().any(|(_, bytes)| holds(bytes, OLIVIA.as_bytes())), "the search finds what is there");
    places.extend(stopped);
    let logs = logged.0.lock().unwrap().clone();
    assert!(holds(&logs, b"\"/v1/sites\"") && holds(&logs, b"C-"), "the log is a log");
    places.push(("the log".to_owned(), logs));
    assert_clean(&story, &places);
}

/// What the platform draws at random: so many client secrets, session cookies, browser cookies and codes.
async fn drawn(platform: &Platform, count: usize) -> [Vec<String>; 4] {
    let node = &platform.edge.node;
    let olivia = platform.person(OLIVIA).await;
    let mut all = [const { Vec::new() }; 4];
    for _ in 0..count {
        all[0].push(admin::renew_secret(node, "acme").await.unwrap().expose().to_owned());
        all[1].push(session::start(node, olivia.clone(), None).await.unwrap().0.expose().to_owned());
        let page = platform.at_login(Call::get(&link(&ACME, &[]))).await;
        let cookie = page.header("set-cookie").split(';').next().unwrap_or_default().split_once('=').unwrap();
        all[2].push(cookie.1.to_owned());
        all[3].push(platform.grant(Consent::new("acme", OLIVIA)).await);
    }
    all
}

/// What a platform is started with unless somebody says otherwise; tests say otherwise.
fn as_shipped(settings: &mut Settings) {
    let model = StoreAt::Ready(Engine::Model(Model::default()));
    settings.entropy = Settings::new(settings.profile.clone(), model, KeysAt::BesideData).entropy;
}

#[tokio::test]
async fn c_01_what_is_random_is_long_enough_and_never_comes_twice() {
    // Two platforms that are alike in everything, clock and keys included.
    let mut seen: [HashSet<String>; 4] = Default::default();
    for _ in 0..2 {
        let platform = Builder::new().model().tune(as_shipped).start().await;
        for (seen, drawn) in seen.iter_mut().zip(drawn(&platform, 500).await) {
            seen.extend(drawn);
        }
    }
    // Bytes behind the text: 256 bits of a secret and a session, 128 of a browser; a code holds 128 of its family's.
    for (what, (seen, bytes)) in seen.iter().zip([32, 32, 16, 64]).enumerate() {
        assert_eq!(seen.len(), 1000, "kind {what}");
        let bare =
            |text: &String| unbase64(text.strip_prefix("ts_sk_").or(text.strip_prefix("ts_ac_")).unwrap_or(text));
        assert!(seen.iter().all(|text| bare(text).is_some_and(|raw| raw.len() >= bytes)), "kind {what}");
    }
    // No byte of a secret is fixed, and none is drawn from fewer values than there are.
    let raw: Vec<Vec<u8>> =
        seen[0].iter().map(|text| unbase64(text.strip_prefix("ts_sk_").unwrap()).unwrap()).collect();
    for at in 0..32 {
        let values: HashSet<u8> = raw.iter().map(|bytes| bytes[at]).collect();
        assert!(values.len() > 200, "byte {at} has {} values in 1000", values.len());
    }
}

#[tokio::test]
async fn c_03_of_a_secret_a_keyed_digest_is_kept_and_an_older_key_still_compares() {
    let stored = async |platform: &Platform, app: &str| {
        let id = platform.app(app).id;
        platform.edge.node.store.app(id).await.unwrap().unwrap().secrets
    };
    let asks = async |platform: &Platform, secret: &str| {
        let call = Call::post("/oauth2/introspect").basic("acme", secret).form(&[("token", "x")]);
        platform.at_api(call).await.status
    };
    let old = ACME.secret.unwrap();
    let platform = Platform::start().await;
    let [kept] = stored(&platform, "acme").await.try_into().unwrap();
    assert_eq!((kept.key_id, asks(&platform, old).await, asks(&platform, &format!("{old}x")).await), (1, 200, 401));
    // Keyed: neither the secret's own digest nor what another key makes of it.
    let plain = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, old.as_bytes());
    let other = KeyRing::parse("tripleseat", &KeyRing::line(1, &[2; 32])).unwrap().verifier(old);
    assert!(kept.mac != plain.as_ref() && kept.mac != other.mac);
    for (name, bytes) in files(platform.directory()) {
        assert!(!holds(&bytes, plain.as_ref()) && !holds(&bytes, old.as_bytes()), "{name}");
    }
    // A new key comes: what was kept under the old one compares, what is made from now on is the new one's.
    let platform = platform.restart_as(|builder| builder.keys(&[2, 1])).await;
    assert_eq!(asks(&platform, old).await, 200);
    let new = platform.renew_secret("acme").await;
    assert_eq!(stored(&platform, "acme").await[0].key_id, 2);
    assert_eq!((asks(&platform, &new).await, asks(&platform, old).await), (200, 401));
    // The old key goes: what is still kept under it cannot be compared, which is no proof that it is wrong.
    let platform = platform.restart_as(|builder| builder.keys(&[2])).await;
    assert_eq!(asks(&platform, &new).await, 200);
    assert_eq!(EVERYTHING.introspect(&platform, "x").await.refused(), (503, "temporarily_unavailable".to_owned(), 803));
}

#[tokio::test]
async fn c_04_a_hash_with_older_parameters_is_renewed_at_the_next_sign_in() {
    let platform = Platform::start().await;
    let kept = async || platform.person(OLIVIA).await.password.0;
    let today = "$argon2id$v=19$m=19456,t=2,p=1$";
    assert!(kept().await.starts_with(today), "what a hash was made with stands in it");
    // Of her password, with the parameters of some earlier year.
    let weak = Params::new(64, 1, 1, None).unwrap();
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak.clone());
    let old: phc::PasswordHash = hasher.hash_password_with_params(b"pass-olivia", &[7; 16], weak).unwrap();
    let (person, password) = (platform.person(OLIVIA).await.id, PasswordHash(old.to_string()));
    platform.apply(Change::SetPassword { person, password: password.clone(), end_sessions: false, act: None }).await;
    let mut browser = Browser::new();
    let page = browser.open(&platform, "/sign-in").await;
    let wrong = [("email", OLIVIA), ("password", WRONG_PASSWORD)];
    let page = browser.press(&platform, &page, "Sign in", &wrong).await;
    assert_eq!((page.reply.status, kept().await), (403, password.0), "a wrong password renews nothing");
    let first = Browser::of(&platform, OLIVIA).await;
    assert!(kept().await.starts_with(today), "{}", kept().await);
    let renewed = kept().await;
    Browser::of(&platform, OLIVIA).await;
    assert_eq!(kept().await, renewed, "once is enough");
    assert!(first.clone().open(&platform, APPS).await.text().contains("These apps"), "it is no change of the password");
}
