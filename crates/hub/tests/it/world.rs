//! A platform, a partner with a dashboard, and a person who sits in front of both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_hub::{Hint, Hub, Settings, callback_url, serve};
use causeway_protocol::secret::Secret;
use causeway_testkit::actors::ACME;
use causeway_testkit::browser::borrow;
use causeway_testkit::platform::TempDir;
use causeway_testkit::{Browser, Builder, Call, Page, Plan, Platform, world};
use causeway_vault::clock::{Entropy, Pause, System};
use causeway_vault::timeline::StepKind;
use causeway_vault::{Limits, MasterKeys, Vault};
use tokio::net::TcpListener;

/// The platform's clock, for the vault: pauses move it on.
pub(crate) struct SameClock(pub(crate) Arc<causeway_testkit::Clock>);

impl causeway_vault::clock::Clock for SameClock {
    fn millis(&self) -> u64 {
        self.0.now().0 as u64 * 1000
    }

    fn pause(&self, length: Duration) -> Pause {
        self.0.advance_millis(length.as_millis() as u64);
        Box::pin(tokio::task::yield_now())
    }
}

pub(crate) struct World {
    /// The platform's key.
    pub(crate) key: &'static str,
    pub(crate) platform: Platform,
    pub(crate) vault: Vault,
    pub(crate) hub: SocketAddr,
    pub(crate) origin: String,
    pub(crate) cookie: Option<String>,
    /// Who sits in front of the platform; nobody signs in where it is none.
    person: Option<&'static str>,
    _files: TempDir,
}

pub(crate) const KEY: &str = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// What a world is made of.
pub(crate) struct Setup {
    pub(crate) key: &'static str,
    pub(crate) builder: Builder,
    pub(crate) client_id: &'static str,
    pub(crate) client_secret: Option<&'static str>,
    pub(crate) scopes: &'static str,
    pub(crate) person: Option<&'static str>,
    pub(crate) title: &'static str,
    pub(crate) faults: &'static str,
    pub(crate) api_key: Option<&'static str>,
    /// Accounts that the partner knows of: id and name.
    pub(crate) accounts: &'static [(&'static str, &'static str)],
    /// Consumer pairs that the page is filled with.
    pub(crate) pairs: &'static str,
}

impl Setup {
    /// Tripleseat, with an administrator in front of it.
    pub(crate) fn tripleseat() -> Self {
        Self {
            key: "tripleseat",
            builder: Builder::new(),
            client_id: ACME.client_id,
            client_secret: ACME.secret,
            scopes: "leads:read events:read",
            person: Some(world::OLIVIA),
            title: "Acme Booking",
            faults: "",
            api_key: None,
            accounts: &[],
            pairs: "",
        }
    }

    /// Another shipped platform, where the app is called alike.
    pub(crate) fn shipped(key: &'static str, seed: &str, scopes: &'static str, person: Option<&'static str>) -> Self {
        Self { key, builder: Builder::shipped(key, seed), scopes, person, ..Self::tripleseat() }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Setup::tripleseat()).await
    }

    pub(crate) async fn with_faults(faults: &'static str) -> Self {
        Self::of(Setup { faults, ..Setup::tripleseat() }).await
    }

    pub(crate) async fn of(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub = listener.local_addr().unwrap();
        let origin = format!("http://{hub}");
        let (key, callback) = (setup.key, callback_url(&origin, setup.key));
        let registered = callback.clone();
        let faults = Plan::parse(setup.faults).unwrap();
        let builder = setup.builder.tune(move |settings| {
            settings.redirect_uri = Some(registered.clone());
            settings.faults = faults.clone();
            settings.fault_seed = 7;
        });
        let platform = builder.start().await;
        let files = TempDir::new();
        let partner = causeway_vault::Platform {
            profile: platform.profile().clone(),
            login_url: platform.login().to_owned(),
            api_url: platform.api().to_owned(),
            token_url: None,
            issuer: platform.login().to_owned(),
            client_id: setup.client_id.to_owned(),
            client_secret: setup.client_secret.map(Secret::new),
            redirect_uri: callback,
            scopes: setup.scopes.split(' ').map(str::to_owned).collect(),
        };
        let entropy: Arc<dyn Entropy> = Arc::new(System);
        let clock = Arc::new(SameClock(platform.clock.clone()));
        let keys = MasterKeys::parse(KEY).unwrap();
        let vault = Vault::open(&files.0, keys, vec![partner], Limits::default(), clock, entropy.clone()).unwrap();
        for (account, name) in setup.accounts {
            vault.remember_account(key, account, name).await.unwrap();
        }
        let person = setup.person.unwrap_or_default().to_owned();
        let hint = Hint { who: "An administrator".into(), email: person, password: "shown".into() };
        let settings = Settings {
            origin: origin.clone(),
            title: setup.title.to_owned(),
            order: vec![key.to_owned()],
            hints: BTreeMap::from([(key.to_owned(), vec![hint])]),
            api_keys: setup.api_key.iter().map(|text| (key.to_owned(), Secret::new(*text))).collect(),
            pairs: BTreeMap::from([(key.to_owned(), setup.pairs.to_owned())]),
        };
        let router = Hub::new(vault.clone(), settings, entropy).unwrap().router();
        tokio::spawn(serve(listener, router, std::future::pending()));
        Self { key, platform, vault, hub, origin, cookie: None, person: setup.person, _files: files }
    }

    /// What the person's browser sends to the dashboard. Nothing is followed.
    pub(crate) async fn send(&mut self, call: Call) -> Page {
        let call = match &self.cookie {
            Some(cookie) => call.header("Cookie", cookie),
            None => call,
        };
        let reply = call.send(self.hub).await;
        if let Some((cookie, _)) = reply.header("set-cookie").split_once(';') {
            self.cookie = Some(cookie.to_owned());
        }
        Page { html: reply.text(), reply }
    }

    pub(crate) async fn open(&mut self, target: &str) -> Page {
        self.send(Call::get(target).header("Sec-Fetch-Site", "same-origin")).await
    }

    /// The dashboard's page.
    pub(crate) async fn dashboard(&mut self) -> Page {
        let page = self.open("/").await;
        assert_eq!(page.reply.status, 200, "{}", page.html);
        page
    }

    /// Presses a button of the dashboard, and answers the dashboard that follows.
    pub(crate) async fn press(&mut self, button: &str, fill: &[(&str, &str)]) -> Page {
        let page = self.dashboard().await;
        self.press_on(&page, button, fill).await
    }

    /// Presses a button of a page, and answers the page that follows.
    pub(crate) async fn press_on(&mut self, page: &Page, button: &str, fill: &[(&str, &str)]) -> Page {
        let form = page.form(button);
        let mut pairs = form.filled(button, &[]);
        // A `select` is no field to the test's browser.
        pairs.retain(|(name, _)| !fill.iter().any(|(filled, _)| filled == name));
        pairs.extend(fill.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let call = Call::post(&form.action).form(&borrow(&pairs)).header("Origin", &self.origin);
        let reply = self.send(call.header("Sec-Fetch-Site", "same-origin")).await;
        assert_eq!(reply.reply.status, 303, "{button}: {}", reply.html);
        let next = reply.location().split('#').next().unwrap_or_default().to_owned();
        let here = [format!("/?show={}", self.key), format!("/migrate/{}", self.key)];
        assert!(here.iter().any(|place| next.starts_with(place)), "{button}: {next}");
        let page = self.open(&next).await;
        assert_eq!(page.reply.status, 200, "{}", page.html);
        page
    }

    /// Presses Connect (or what that link is called), and answers the address that the browser is sent to.
    pub(crate) async fn leave(&mut self, link: &str) -> String {
        let target = self.dashboard().await.link(link);
        let page = self.open(&target).await;
        assert_eq!(page.reply.status, 303, "{}", page.html);
        page.location().to_owned()
    }

    /// What a person does at the platform. Answers the target at the dashboard that the browser is sent back to.
    pub(crate) async fn at_platform(&self, address: &str, button: &str) -> String {
        self.at_platform_with(address, button, &[]).await
    }

    /// The same with fields of the consent filled in.
    pub(crate) async fn at_platform_with(&self, address: &str, button: &str, fill: &[(&str, &str)]) -> String {
        let mut browser = match self.person {
            Some(person) => Browser::of(&self.platform, person).await,
            None => Browser::new(),
        };
        let target = address.strip_prefix(self.platform.login()).unwrap();
        let consent = browser.open(&self.platform, target).await;
        let back = browser.press(&self.platform, &consent, button, fill).await;
        back.location().strip_prefix(&self.origin).unwrap_or_else(|| panic!("{}", back.html)).to_owned()
    }

    /// The whole way there and back, and the dashboard that follows.
    pub(crate) async fn connect(&mut self, link: &str) -> Page {
        let address = self.leave(link).await;
        let back = self.at_platform(&address, "Allow").await;
        let page = self.come_back(&back).await;
        assert_eq!(page.reply.status, 303, "{}", page.html);
        let next = page.location().split('#').next().unwrap_or_default().to_owned();
        assert!(next.starts_with(&format!("/?show={}", self.key)), "{next}");
        self.open(&next).await
    }

    /// The platform redirects the browser here: a navigation from another site.
    pub(crate) async fn come_back(&mut self, target: &str) -> Page {
        self.send(Call::get(target).header("Sec-Fetch-Site", "cross-site")).await
    }

    /// How often the token endpoint was asked to refresh, as the timeline tells.
    pub(crate) fn refreshes(&self) -> usize {
        let steps = self.vault.timeline(self.key, "main");
        steps.iter().filter(|step| step.kind == StepKind::Refresh).count()
    }
}
