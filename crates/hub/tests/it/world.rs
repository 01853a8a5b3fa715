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
    pub(crate) platform: Platform,
    pub(crate) vault: Vault,
    pub(crate) hub: SocketAddr,
    pub(crate) origin: String,
    pub(crate) cookie: Option<String>,
    _files: TempDir,
}

pub(crate) const KEY: &str = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

impl World {
    pub(crate) async fn new() -> Self {
        Self::with("Acme Booking", "").await
    }

    pub(crate) async fn with_faults(faults: &str) -> Self {
        Self::with("Acme Booking", faults).await
    }

    pub(crate) async fn with(title: &str, faults: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub = listener.local_addr().unwrap();
        let origin = format!("http://{hub}");
        let callback = callback_url(&origin, "tripleseat");
        let registered = callback.clone();
        let faults = Plan::parse(faults).unwrap();
        let builder = Builder::new().tune(move |settings| {
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
            client_id: ACME.client_id.to_owned(),
            client_secret: ACME.secret.map(Secret::new),
            redirect_uri: callback,
            scopes: vec!["leads:read".to_owned(), "events:read".to_owned()],
        };
        let entropy: Arc<dyn Entropy> = Arc::new(System);
        let clock = Arc::new(SameClock(platform.clock.clone()));
        let keys = MasterKeys::parse(KEY).unwrap();
        let vault = Vault::open(&files.0, keys, vec![partner], Limits::default(), clock, entropy.clone()).unwrap();
        let hint = Hint { who: "An administrator".into(), email: world::OLIVIA.into(), password: "shown".into() };
        let hints = BTreeMap::from([("tripleseat".to_owned(), vec![hint])]);
        let settings = Settings { origin: origin.clone(), title: title.to_owned(), hints };
        let router = Hub::new(vault.clone(), settings, entropy).unwrap().router();
        tokio::spawn(serve(listener, router, std::future::pending()));
        Self { platform, vault, hub, origin, cookie: None, _files: files }
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
        let form = page.form(button);
        let mut pairs = form.filled(button, &[]);
        pairs.extend(fill.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let call = Call::post(&form.action).form(&borrow(&pairs)).header("Origin", &self.origin);
        let reply = self.send(call.header("Sec-Fetch-Site", "same-origin")).await;
        assert_eq!((reply.reply.status, reply.location()), (303, "/#tripleseat"), "{button}: {}", reply.html);
        self.dashboard().await
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
        let mut browser = Browser::of(&self.platform, world::OLIVIA).await;
        let target = address.strip_prefix(self.platform.login()).unwrap();
        let consent = browser.open(&self.platform, target).await;
        let back = browser.press(&self.platform, &consent, button, &[]).await;
        back.location().strip_prefix(&self.origin).unwrap_or_else(|| panic!("{}", back.html)).to_owned()
    }

    /// The whole way there and back, and the dashboard that follows.
    pub(crate) async fn connect(&mut self, link: &str) -> Page {
        let address = self.leave(link).await;
        let back = self.at_platform(&address, "Allow").await;
        let page = self.come_back(&back).await;
        assert_eq!((page.reply.status, page.location()), (303, "/#tripleseat"), "{}", page.html);
        self.dashboard().await
    }

    /// The platform redirects the browser here: a navigation from another site.
    pub(crate) async fn come_back(&mut self, target: &str) -> Page {
        self.send(Call::get(target).header("Sec-Fetch-Site", "cross-site")).await
    }

    /// How often the token endpoint was asked to refresh, as the timeline tells.
    pub(crate) fn refreshes(&self) -> usize {
        let steps = self.vault.timeline("tripleseat", "main");
        steps.iter().filter(|step| step.kind == causeway_vault::timeline::StepKind::Refresh).count()
    }
}
