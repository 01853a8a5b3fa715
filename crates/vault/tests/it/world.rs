//! What each test stands on: a platform, a directory of its own, a clock that only tests move, seeded randomness.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_protocol::params::Params;
use causeway_protocol::secret::Secret;
use causeway_protocol::{Refusal, profile};
use causeway_vault::clock::{Clock, Entropy, Pause};
use causeway_vault::{ApiRequest, Connection, Limits, MasterKeys, Platform, Vault};

use super::fake::Fake;

pub(crate) const CLIENT_SECRET: &str = "very-secret-client-secret";
pub(crate) const KEY: &str = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub(crate) const START: u64 = 1_800_000_000_000;

/// A pause moves the clock on, and is remembered.
#[derive(Default)]
pub(crate) struct TestClock {
    millis: AtomicU64,
    pub(crate) pauses: Mutex<Vec<Duration>>,
}

impl TestClock {
    pub(crate) fn advance(&self, seconds: u64) {
        self.millis.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn seconds_paused(&self) -> Vec<f64> {
        self.pauses.lock().unwrap().iter().map(Duration::as_secs_f64).collect()
    }
}

impl Clock for TestClock {
    fn millis(&self) -> u64 {
        START + self.millis.load(Ordering::SeqCst)
    }

    fn pause(&self, length: Duration) -> Pause {
        self.millis.fetch_add(length.as_millis() as u64, Ordering::SeqCst);
        self.pauses.lock().unwrap().push(length);
        Box::pin(tokio::task::yield_now())
    }
}

/// The same bytes in each run, never the same twice in one; each seed gives others.
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            let noise: [u8; 32] = causeway_protocol::seal::sha256(&[b"test", &number]);
            chunk.copy_from_slice(&noise[..chunk.len()]);
        }
    }
}

pub(crate) struct World {
    pub(crate) fake: Fake,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) directory: PathBuf,
    pub(crate) limits: Limits,
    opened: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let directory = std::env::temp_dir().join(format!("causeway-vault-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        // Every answer is awaited, however slow the machine is; `World::impatient` is for those that never come.
        let limits = Limits { timeout: Duration::from_secs(60), ..Limits::default() };
        Self { fake: Fake::start().await, clock: Arc::default(), directory, limits, opened: AtomicU64::new(1) }
    }

    pub(crate) fn platform(&self) -> Platform {
        platform(&self.fake.base)
    }

    /// A process: each has a handle and a holder's number of its own.
    pub(crate) fn vault(&self) -> Vault {
        self.vault_of(self.platform())
    }

    /// One that gives up an answer soon: whatever it asks for may go without one on a slow machine.
    pub(crate) fn impatient(&self) -> Vault {
        self.vault_within(Limits { timeout: Duration::from_millis(500), ..self.limits }, self.platform())
    }

    pub(crate) fn vault_of(&self, platform: Platform) -> Vault {
        self.vault_within(self.limits, platform)
    }

    fn vault_within(&self, limits: Limits, platform: Platform) -> Vault {
        let seed = self.opened.fetch_add(1, Ordering::SeqCst);
        let keys = MasterKeys::parse(KEY).unwrap();
        let clock = self.clock.clone();
        Vault::open(&self.directory, keys, vec![platform], limits, clock, Arc::new(Seeded::new(seed))).unwrap()
    }

    pub(crate) fn store_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(&self.directory).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.directory);
    }
}

pub(crate) fn platform(base: &str) -> Platform {
    Platform {
        profile: profile::shipped("tripleseat").unwrap(),
        login_url: base.to_owned(),
        api_url: base.to_owned(),
        token_url: None,
        issuer: base.to_owned(),
        client_id: "acme-booking".to_owned(),
        client_secret: Some(Secret::new(CLIENT_SECRET)),
        redirect_uri: "http://localhost:8080/callback/tripleseat".to_owned(),
        scopes: vec!["leads:read".to_owned(), "events:read".to_owned()],
    }
}

/// A shipped platform that the fake plays: what it says stands in the test.
pub(crate) fn shipped(world: &World, key: &str) -> Platform {
    Platform {
        profile: profile::shipped(key).unwrap(),
        redirect_uri: format!("http://localhost:8080/callback/{key}"),
        scopes: Vec::new(),
        ..platform(&world.fake.base)
    }
}

pub(crate) fn parameter(url: &str, name: &str) -> String {
    url::Url::parse(url).unwrap().query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned()
}

pub(crate) fn query(pairs: &[(&str, &str)]) -> Params {
    let mut params = Params::default();
    for (name, value) in pairs {
        params.push((*name).to_owned(), (*value).to_owned()).unwrap();
    }
    params
}

/// Sends a person there and back.
pub(crate) async fn try_connect(vault: &Vault, back: &[(&str, &str)]) -> Result<Connection, Refusal> {
    let url = vault.begin("tripleseat", "main", "session-1").await.unwrap();
    let (state, issuer) = (parameter(&url, "state"), vault.platform("tripleseat").unwrap().issuer.clone());
    let mut pairs = vec![("state", state.as_str()), ("iss", issuer.as_str())];
    pairs.extend(back);
    vault.finish("tripleseat", Some("session-1"), &query(&pairs)).await
}

/// The same at any platform, for any account.
pub(crate) async fn connect_at(vault: &Vault, platform: &str, account: &str) -> Result<Connection, Refusal> {
    let url = vault.begin(platform, account, "session-1").await?;
    let (state, issuer) = (parameter(&url, "state"), vault.platform(platform).unwrap().issuer.clone());
    let pairs = [("state", state.as_str()), ("iss", issuer.as_str()), ("code", "good-code")];
    vault.finish(platform, Some("session-1"), &query(&pairs)).await
}

pub(crate) async fn connect(vault: &Vault) -> Connection {
    try_connect(vault, &[("code", "good-code")]).await.unwrap()
}

pub(crate) fn leads() -> ApiRequest {
    ApiRequest::get("/leads").at_site(Some("2101".to_owned()))
}
