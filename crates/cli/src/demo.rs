//! `causeway demo`: every platform that has a demo seed, and a partner's dashboard that is connected to none of them
//! yet. A platform joins by its profile and its seed (`causeway_server::seed::DEMOS`).

mod ports;
mod running;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use causeway_hub::{Settings as HubSettings, callback_url};
use causeway_protocol::profile;
use causeway_server::describe;
use causeway_server::http::pages::legacy;
use causeway_server::load_seed::{self, SeedFile};
use causeway_server::platform::{KeysAt, Platform, Settings, StoreAt};
use causeway_server::seed;
use causeway_server::trust::{Cidr, TrustedProxies};
use causeway_vault::Platform as Known;
use serde_json::Map;

use self::ports::Ports;
use self::running::Running;
use crate::args::DemoOptions;
use crate::partner::{self, Partner};
use crate::stop::{Asked, PATIENCE, Signals};
use crate::{Failure, logging, serve, terminal};

/// Runs until SIGTERM or Ctrl-C.
pub(crate) async fn run(options: DemoOptions) -> Result<(), Failure> {
    if !options.listen.ip().is_loopback() {
        return Err(problem("the demo's secrets are printed: it listens on loopback only"));
    }
    logging::quiet();
    let mut signals = Signals::listen().map_err(|error| problem(error.to_string()))?;
    if let Some(path) = &options.describe {
        serve::forget(path)?;
    }
    let data = DataDirectory::new(options.data)?;
    let mut ports = Ports::from(options.listen);
    let hub = ports.take_both("the dashboard")?;
    let mut demo = Demo { hub_url: format!("http://localhost:{}", hub.port), platforms: Vec::new() };
    for (key, text) in seed::DEMOS {
        let running = start(key, text, &demo, &data.path, &mut ports).await?;
        demo.meet(&running).await?;
        demo.platforms.push(running);
    }
    let (settings, known) = (demo.dashboard(), demo.known());
    let partner = Partner::start(hub.sockets, &data.path.join("hub"), settings, known).await;
    let partner = partner.map_err(Failure::Problems)?;
    if let Some(path) = &options.describe {
        let platforms = demo.platforms.iter().map(|p| (p.key.to_owned(), p.platform.description().clone()));
        let document = describe::document(Some(&demo.hub_url), Map::from_iter(platforms));
        describe::write(path, &document).map_err(problem)?;
    }
    terminal::out(&demo.welcome(data.temporary));
    while signals.next().await == Asked::Reload {}
    let stop = async {
        partner.stop().await;
        for running in demo.platforms {
            running.platform.stop().await;
        }
    };
    if tokio::time::timeout(PATIENCE, stop).await.is_err() {
        tracing::warn!("what was still open was closed");
    }
    options.describe.as_deref().map_or(Ok(()), serve::forget)
}

fn problem(text: impl Into<String>) -> Failure {
    Failure::Problems(vec![text.into()])
}

struct Demo {
    hub_url: String,
    platforms: Vec<Running>,
}

async fn start(key: &'static str, text: &str, demo: &Demo, data: &Path, ports: &mut Ports) -> Result<Running, Failure> {
    let located =
        |problems: Vec<_>| Failure::Problems(problems.iter().map(|p| format!("demo/{key}.toml: {p}")).collect());
    let profile = profile::shipped(key).ok_or_else(|| problem(format!("no profile is shipped for {key}")))?;
    let seed = seed::parse(text, Some(&profile), &[]).map_err(located)?;
    let name = profile.name.clone();
    let (store, keys) = (StoreAt::Directory(data.join(key)), KeysAt::InData);
    let mut settings = Settings::new(profile, store, keys);
    settings.sockets = vec![ports.take(&format!("{name}'s pages"))?, ports.take(&format!("{name}'s API"))?];
    settings.admin_socket = Some(ports.take(&format!("{name}'s admin door"))?);
    // The demo is also a place to try forward-auth with a local nginx; what it says of itself is not believed otherwise.
    settings.askers =
        TrustedProxies(["127.0.0.0/8", "::1"].iter().filter_map(|block| Cidr::parse(block).ok()).collect());
    settings.redirect_uri = Some(callback_url(&demo.hub_url, key));
    settings.providers = demo.providers(key, &settings.profile.registration.providers);
    settings.seeds = vec![SeedFile::new(format!("demo/{key}.toml"), text, seed.clone())];
    let platform = Platform::start(settings).await.map_err(Failure::Problems)?;
    Ok(Running { key, seed, platform })
}

impl Demo {
    /// What a platform that is a partner of others has to know of those that run already: each has an app of its name.
    fn providers(&self, partner: &str, wanted: &[String]) -> Vec<Known> {
        let offered = self.platforms.iter().filter(|running| wanted.iter().any(|key| key == running.key));
        offered.filter_map(|running| running.as_provider(partner)).collect()
    }

    /// Tells the providers of a new platform where it stands: their apps return to its own pages.
    async fn meet(&self, new: &Running) -> Result<(), Failure> {
        let Some(vault) = &new.platform.edge().providers else { return Ok(()) };
        for provider in vault.platforms() {
            let Some(running) = self.platforms.iter().find(|running| running.key == provider.key()) else { continue };
            let (node, uris) = (&running.platform.edge().node, [provider.redirect_uri.clone()]);
            load_seed::set_redirect_uris(node, &provider.client_id, &uris).await.map_err(problem)?;
        }
        Ok(())
    }

    /// How the dashboard is reached, and what it prints beside each platform.
    fn dashboard(&self) -> HubSettings {
        let named = |running: &Running| running.key.to_owned();
        let all = || self.platforms.iter();
        HubSettings {
            origin: self.hub_url.clone(),
            title: self.partner_name(),
            order: all().map(named).collect(),
            api_keys: all().filter_map(|running| Some((named(running), running.api_key()?))).collect(),
            hints: all().map(|running| (named(running), running.hints())).collect(),
            pairs: all().filter_map(|running| Some((named(running), running.pairs()?))).collect(),
        }
    }

    /// What the partner knows of the platforms.
    fn known(&self) -> partner::Known {
        partner::Known {
            platforms: self.platforms.iter().map(|running| running.as_partner(&self.hub_url)).collect(),
            accounts: self.platforms.iter().flat_map(Running::accounts).collect(),
        }
    }

    /// Who has the dashboard: the maker of the first app.
    fn partner_name(&self) -> String {
        let app = self.platforms.first().and_then(|running| running.seed.apps.first());
        app.map_or_else(|| "Partner".to_owned(), |app| app.name.clone())
    }

    fn welcome(&self, temporary: bool) -> String {
        let mut text = format!("\n  Causeway is running. Open\n\n      {}\n\n", self.hub_url);
        let mut line = |line: String| {
            // Writing into a String cannot fail.
            let _always_ok = writeln!(text, "  {line}");
        };
        line("This is a partner's dashboard: press \"Connect\", sign in as the customer's admin, allow.".to_owned());
        for running in &self.platforms {
            let (node, hints) = (&running.platform.edge().node, running.hints());
            let (login, endpoints) = (&node.origins.login, &node.profile.endpoints);
            line(String::new());
            line(node.profile.name.clone());
            for hint in hints.iter().chain(&running.staff()) {
                let says = match hint.email.as_str() {
                    "" => format!("    {}: {}", hint.who, hint.password),
                    email => format!("    {email}   password  {}   ({})", hint.password, hint.who),
                };
                line(says);
            }
            line(format!("    its own page of connected apps: {login}{}", endpoints.connected_apps));
            line(format!("    its own page of apps:           {login}{}", endpoints.apps));
            if let Some(accounts) = &node.profile.accounts {
                let mini_app = format!("{login}{}", accounts.mini_app);
                line(format!("    its mini-app, {mini_app}, opens signed in from \"Manage integrations\""));
            }
            if running.pairs().is_some() {
                line(format!("    who still calls with OAuth 1.0: {login}{} (for staff)", legacy::PATH));
                line("    customers of OAuth 1.0 are moved by \"Migrate\" on its card".to_owned());
            }
        }
        line(String::new());
        let end = if temporary { "Ctrl-C stops it and removes its data." } else { "Ctrl-C stops it; its data stay." };
        line(end.to_owned());
        text
    }
}

/// Where the demo keeps its data; a temporary one goes with the demo, however it ends.
struct DataDirectory {
    path: PathBuf,
    temporary: bool,
}

impl DataDirectory {
    fn new(chosen: Option<PathBuf>) -> Result<Self, Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let temporary = chosen.is_none();
        let path = chosen.unwrap_or_else(|| std::env::temp_dir().join(format!("causeway-demo-{}", std::process::id())));
        // A temporary one must be new: what somebody else put there is not ours.
        let made = std::fs::DirBuilder::new().mode(0o700).recursive(!temporary).create(&path);
        made.map_err(|error| problem(format!("{}: {error}", path.display())))?;
        Ok(Self { path, temporary })
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if self.temporary {
            let _gone_already = std::fs::remove_dir_all(&self.path);
        }
    }
}
