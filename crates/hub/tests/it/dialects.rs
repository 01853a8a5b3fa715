//! Widely used platforms, each served from its own profile as a provider for tests, and spoken to from the same file:
//! from connect to disconnect, and with every fault that `--fault` knows.

use std::sync::Arc;
use std::time::Duration;

use causeway_protocol::params::Params;
use causeway_protocol::profile::shipped;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal};
use causeway_testkit::platform::TempDir;
use causeway_testkit::{Browser, Builder, Plan, Platform};
use causeway_vault::clock::System;
use causeway_vault::{ApiRequest, Connection, LifeFrom, Limits, MasterKeys, Revocation, Status, Vault};

use super::world::{KEY, SameClock};

const SECRET: &str = "acme-secret-0123456789abcdef";
const ADA: &str = "ada@example.com";
const CALLBACK: &str = "http://127.0.0.1:9/callback";

/// Google's, Slack's and GitHub's profile, with a call of each and how a refresh there goes.
const ALL: [&str; 3] = ["google", "slack", "github"];

struct World {
    key: &'static str,
    platform: Platform,
    vault: Vault,
    _files: TempDir,
}

impl World {
    async fn new(key: &'static str, faults: &str) -> Self {
        Self::with(key, faults, Limits::default()).await
    }

    async fn with(key: &'static str, faults: &str, limits: Limits) -> Self {
        let profile = shipped(key).unwrap();
        let words: Vec<String> = profile.scopes.iter().map(|scope| scope.name.clone()).collect();
        let (seed, faults) = (seed(&profile, &words), Plan::parse(faults).unwrap());
        let builder = Builder::new().profile(|other| *other = profile.clone()).seed(&seed).tune(move |settings| {
            settings.faults = faults.clone();
            settings.fault_seed = 11;
        });
        let platform = builder.start().await;
        let partner = causeway_vault::Platform {
            profile,
            login_url: platform.login().to_owned(),
            api_url: platform.api().to_owned(),
            token_url: None,
            issuer: platform.login().to_owned(),
            client_id: "acme".to_owned(),
            client_secret: Some(Secret::new(SECRET)),
            redirect_uri: CALLBACK.to_owned(),
            scopes: words,
        };
        let files = TempDir::new();
        let keys = MasterKeys::parse(KEY).unwrap();
        let clock = Arc::new(SameClock(platform.clock.clone()));
        let vault = Vault::open(&files.0, keys, vec![partner], limits, clock, Arc::new(System)).unwrap();
        Self { key, platform, vault, _files: files }
    }

    /// The whole way there and back.
    async fn connect(&self) -> Result<Connection, Refusal> {
        let url = self.vault.begin(self.key, "main", "session").await?;
        let target = url.strip_prefix(self.platform.login()).unwrap();
        let mut browser = Browser::of(&self.platform, ADA).await;
        let consent = browser.open(&self.platform, target).await;
        let back = browser.press(&self.platform, &consent, "Allow", &[]).await;
        let query = back.location().split_once('?').unwrap_or_else(|| panic!("{}", back.html)).1;
        self.vault.finish(self.key, Some("session"), &Params::form(query.as_bytes()).unwrap()).await
    }

    /// However often it takes: a person would press Connect again.
    async fn connect_at_last(&self) -> Connection {
        for _ in 0..20 {
            match self.connect().await {
                Ok(connection) => return connection,
                Err(refusal) => assert!(is_trouble(&refusal), "{}: {refusal:?}", self.key),
            }
        }
        panic!("{}: never connected", self.key)
    }

    fn first_show(&self) -> ApiRequest {
        let shows = &self.vault.platform(self.key).unwrap().profile.partner.shows;
        ApiRequest::get(shows[0].1.clone())
    }

    async fn status(&self, id: i64) -> Status {
        self.vault.connection(id).await.unwrap().status
    }
}

/// The platform had trouble, or a code was spent in vain: nothing that says that a grant is over.
fn is_trouble(refusal: &Refusal) -> bool {
    matches!(refusal.reason, Reason::PlatformUnreachable | Reason::ExchangeFailed | Reason::RefreshRefused)
}

fn seed(profile: &causeway_protocol::profile::Profile, words: &[String]) -> String {
    let collections: Vec<&str> = profile.api.routes.iter().filter_map(|route| route.collection.as_deref()).collect();
    let record = |name: &&str| {
        format!(
            "[[records]]\ncollection = \"{name}\"\ncustomer = \"c1\"\nfields = {{ id = 1, name = \"one of {name}\" }}\n"
        )
    };
    format!(
        "[[customers]]\nid = \"c1\"\nname = \"Ada's account\"\n\n\
         [[people]]\nemail = \"{ADA}\"\npassword = \"pass-ada\"\nrole = \"member\"\ncustomer = \"c1\"\n\n\
         [[apps]]\nname = \"Acme\"\nclient_id = \"acme\"\nclient_secret = \"{SECRET}\"\nkind = \"confidential\"\n\
         visibility = \"public\"\nstatus = \"approved\"\nredirect_uris = [\"{CALLBACK}\"]\nscopes = \"{}\"\n\n{}",
        words.join(" "),
        collections.iter().map(record).collect::<Vec<_>>().join("\n")
    )
}

#[tokio::test]
async fn core_25_core_28_cal_15_each_file_is_served_and_spoken_from_connect_to_disconnect() {
    for key in ALL {
        let world = World::new(key, "").await;
        let connection = world.connect().await.unwrap_or_else(|refusal| panic!("{key}: {refusal:?}"));
        let id = connection.id;
        let asked = world.vault.platform(key).unwrap().scopes.join(" ");
        assert_eq!(connection.scope.split(' ').count(), asked.split(' ').count(), "{key}: {}", connection.scope);
        let answer = world.vault.call(id, &world.first_show()).await.unwrap();
        assert!(answer.success && String::from_utf8_lossy(&answer.body).contains("one of"), "{key}: {answer:?}");
        assert!(!world.vault.test_connection(id).await.unwrap().is_empty(), "{key}");

        let before = world.vault.tokens(id).await.unwrap().unwrap();
        let renewed = world.vault.refresh_now(id).await;
        let after = world.vault.tokens(id).await.unwrap().unwrap();
        let changed = (before.access != after.access, before.refresh != after.refresh);
        match key {
            "google" => assert_eq!((renewed.unwrap().life_from, changed), (LifeFrom::Reply, (true, false)), "cal_13"),
            "slack" => assert_eq!((renewed.unwrap().life_from, changed), (LifeFrom::Reply, (true, true)), "orc_16"),
            _ => assert_eq!((renewed.unwrap_err().reason, changed), (Reason::RefreshRefused, (false, false))),
        }
        assert!(world.vault.call(id, &world.first_show()).await.unwrap().success, "{key}");

        // GitHub takes tokens back at an address of its API, which a provider for tests does not have.
        let expected = if key == "github" { Revocation::Failed } else { Revocation::Done };
        assert_eq!(world.vault.disconnect(id).await.unwrap(), expected, "{key}");
        assert_eq!(world.vault.tokens(id).await.unwrap(), None, "{key}: deleted in any case");
        assert_eq!(world.vault.call(id, &world.first_show()).await.unwrap_err().reason, Reason::NotConnected);
    }
}

#[tokio::test]
async fn r_01_lost_replies_and_errors_strand_nobody_at_any_of_them() {
    for key in ALL {
        for faults in ["lose-reply=0.4", "500=0.4", "error-in-200=0.4", "lose-reply=0.2,500=0.2,no-expiry=0.5"] {
            let world = World::new(key, faults).await;
            let id = world.connect_at_last().await.id;
            for round in 0..10 {
                world.platform.clock.advance(Seconds(13 * 3_600));
                // A caller tries again: while the lost pair lives, the platform answers with it once more.
                let mut tries = 0;
                loop {
                    match world.vault.call(id, &world.first_show()).await {
                        Ok(answer) => break assert!(answer.success, "{key} {faults} {round}"),
                        Err(refusal) => assert!(is_trouble(&refusal), "{key} {faults} {round}: {refusal:?}"),
                    }
                    tries += 1;
                    assert!(tries < 20, "{key} {faults} {round}: never");
                }
                assert_eq!(world.status(id).await, Status::Connected, "{key} {faults} {round}");
            }
        }
    }
}

#[tokio::test]
async fn core_25_without_expires_in_the_next_rung_counts() {
    for (key, from) in [("google", LifeFrom::Profile), ("slack", LifeFrom::Nobody), ("github", LifeFrom::Nobody)] {
        let world = World::new(key, "no-expiry").await;
        let connection = world.connect().await.unwrap();
        assert_eq!(
            (connection.life_from, connection.access_ends.is_some()),
            (from, from == LifeFrom::Profile),
            "{key}"
        );
        world.platform.clock.advance(Seconds(13 * 3_600));
        assert!(world.vault.call(connection.id, &world.first_show()).await.unwrap().success, "{key}: ote_12");
    }
}

#[tokio::test]
async fn core_22_a_wrong_clock_or_a_slow_platform_ends_nothing() {
    for key in ALL {
        for faults in ["skew:90s", "skew:-90s", "slow:20ms"] {
            let world = World::new(key, faults).await;
            let id = world.connect().await.unwrap_or_else(|refusal| panic!("{key} {faults}: {refusal:?}")).id;
            world.platform.clock.advance(Seconds(13 * 3_600));
            assert!(world.vault.call(id, &world.first_show()).await.unwrap().success, "{key} {faults}");
        }
    }
    let limits = Limits { timeout: Duration::from_millis(700), ..Limits::default() };
    let world = World::with("google", "slow:30s", limits).await;
    assert_eq!(world.connect().await.unwrap_err().reason, Reason::PlatformUnreachable);
    assert_eq!(world.vault.connections().await.unwrap(), [], "core_26: nothing half-made");
}

#[tokio::test]
async fn orc_16_a_pair_that_somebody_else_used_ends_in_reconnect_and_connecting_repairs_it() {
    let world = World::new("slack", "rotate-twice").await;
    let id = world.connect().await.unwrap().id;
    world.platform.clock.advance(Seconds(13 * 3_600));
    let refusal = world.vault.call(id, &world.first_show()).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::ReconnectNeeded);
    let again = world.connect().await.unwrap();
    assert_eq!((again.id, again.status), (id, Status::Connected));
    // Where refresh tokens stay, using one twice is nothing at all.
    let world = World::new("google", "rotate-twice").await;
    let id = world.connect().await.unwrap().id;
    for _ in 0..3 {
        world.platform.clock.advance(Seconds(13 * 3_600));
        assert!(world.vault.call(id, &world.first_show()).await.unwrap().success);
    }
}
