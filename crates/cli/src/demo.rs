//! `causeway demo`: every platform that has a demo seed, and a partner's dashboard that is connected to none of them
//! yet. A platform joins by its profile and its seed (`causeway_server::seed::DEMOS`).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use causeway_hub::{Hint, callback_url};
use causeway_protocol::profile;
use causeway_protocol::records::Role;
use causeway_protocol::secret::Secret;
use causeway_server::describe;
use causeway_server::load_seed::{self, SeedFile};
use causeway_server::platform::{KeysAt, Platform, Settings, StoreAt};
use causeway_server::seed::{self, Seed, SeedApp};
use causeway_server::trust::{Cidr, TrustedProxies};
use causeway_vault::Platform as Known;
use serde_json::Map;

use crate::args::DemoOptions;
use crate::partner::Partner;
use crate::stop::{Asked, PATIENCE, Signals};
use crate::{Failure, logging, serve, terminal};

/// After a taken port so many further ones are tried.
const TRIES: u16 = 200;

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
    let (url, vault) = (demo.hub_url.as_str(), data.path.join("hub"));
    let known = demo.platforms.iter().map(|running| running.as_partner(url)).collect();
    let hints = demo.platforms.iter().map(|running| (running.key.to_owned(), running.hints())).collect();
    let partner = Partner::start(hub.sockets, url, &vault, &demo.partner_name(), known, hints).await;
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

/// One platform of the demo.
struct Running {
    key: &'static str,
    seed: Seed,
    platform: Platform,
}

impl Running {
    /// What the partner has to know to connect: what a developer copies from the platform's console.
    fn as_partner(&self, hub_url: &str) -> Known {
        self.known(self.seed.apps.first(), callback_url(hub_url, self.key))
    }

    /// The same for another platform of the demo, where this one has an app of that name. Where it returns to, it knows itself.
    fn as_provider(&self, partner: &str) -> Option<Known> {
        let app = self.seed.apps.iter().find(|app| app.client_id == partner)?;
        Some(self.known(Some(app), String::new()))
    }

    fn known(&self, app: Option<&SeedApp>, redirect_uri: String) -> Known {
        let node = &self.platform.edge().node;
        Known {
            profile: node.profile.clone(),
            login_url: node.origins.login.clone(),
            api_url: node.origins.api.clone(),
            token_url: None,
            issuer: node.origins.login.clone(),
            client_id: app.map(|app| app.client_id.clone()).unwrap_or_default(),
            client_secret: app.and_then(|app| Some(Secret::new(app.client_secret.as_ref()?.expose()))),
            redirect_uri,
            scopes: app.map(|app| app.scopes.split(' ').map(str::to_owned).collect()).unwrap_or_default(),
        }
    }

    /// Who can sign in: one who may allow, and one who may not.
    fn hints(&self) -> Vec<Hint> {
        let policy = &self.platform.edge().node.profile.policy;
        let mut hints = Vec::new();
        for may in [true, false] {
            let person = self
                .seed
                .people
                .iter()
                .find(|p| p.active && p.customer.is_some() && policy.approvers.contains(&p.role) == may);
            let Some(person) = person else { continue };
            let customer = self.seed.customers.iter().find(|customer| Some(&customer.id) == person.customer.as_ref());
            let of = customer.map_or_else(String::new, |customer| format!(" of {}", customer.name));
            let role = if person.role == Role::CustomerAdmin { "An administrator" } else { "A member" };
            let what = if may { "may connect apps" } else { "may not" };
            hints.push(Hint {
                who: format!("{role}{of}: {what}"),
                email: person.email.clone(),
                password: person.password.expose().to_owned(),
            });
        }
        hints
    }
}

async fn start(
    key: &'static str,
    text: &str,
    demo: &Demo,
    data: &Path,
    ports: &mut Ports,
) -> Result<Running, Failure> {
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
            let node = &running.platform.edge().node;
            line(String::new());
            line(format!("{}: sign in as", node.profile.name));
            for hint in running.hints() {
                line(format!("    {}   password  {}   ({})", hint.email, hint.password, hint.who));
            }
            line(format!(
                "  Its own page of connected apps: {}{}",
                node.origins.login, node.profile.endpoints.connected_apps
            ));
        }
        line(String::new());
        let end = if temporary { "Ctrl-C stops it and removes its data." } else { "Ctrl-C stops it; its data stay." };
        line(end.to_owned());
        text
    }
}

/// Gives out ports one after the other, from a first one on; with port 0 whatever is free.
struct Ports {
    ip: IpAddr,
    next: u16,
}

/// The dashboard's sockets: `localhost` means 127.0.0.1 to some clients and ::1 to others.
struct Both {
    port: u16,
    sockets: Vec<TcpListener>,
}

impl Ports {
    fn from(listen: SocketAddr) -> Self {
        Self { ip: listen.ip(), next: listen.port() }
    }

    /// The next free port.
    fn take(&mut self, what: &str) -> Result<TcpListener, Failure> {
        let wanted = self.next;
        for _ in 0..TRIES {
            let address = SocketAddr::new(self.ip, self.next);
            let bound = TcpListener::bind(address);
            if self.next == 0 {
                return bound.map_err(|error| problem(format!("{what}: cannot listen on {address}: {error}")));
            }
            let port = self.next;
            self.next = self.next.checked_add(1).ok_or_else(|| problem("there are no more ports"))?;
            match bound {
                Ok(socket) => {
                    if port != wanted {
                        terminal::err(&format!("causeway: port {wanted} is taken; {what} is on {port}"));
                    }
                    return Ok(socket);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(problem(format!("{what}: cannot listen on {address}: {error}"))),
            }
        }
        Err(problem(format!("{what}: the ports from {wanted} on are all taken")))
    }

    /// The next port that is free on 127.0.0.1 and, where the machine has it, on ::1.
    fn take_both(&mut self, what: &str) -> Result<Both, Failure> {
        for _ in 0..TRIES {
            let first = self.take(what)?;
            let port = first.local_addr().map_err(|error| problem(error.to_string()))?.port();
            let other: IpAddr = match self.ip {
                IpAddr::V4(_) => std::net::Ipv6Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
            };
            match TcpListener::bind((other, port)) {
                Ok(second) => return Ok(Both { port, sockets: vec![first, second] }),
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
                // No IPv6 here: `localhost` means one address only.
                Err(_) => return Ok(Both { port, sockets: vec![first] }),
            }
        }
        Err(problem(format!("{what}: no port is free on both 127.0.0.1 and ::1")))
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
