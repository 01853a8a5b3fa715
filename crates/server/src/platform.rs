//! One running platform: opens the store, loads the seeds, binds the listeners, starts the jobs, stops in order. The CLI and
//! the tests start it; which settings are wise is `config`'s business.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use causeway_protocol::profile::Profile;
use causeway_protocol::seal::KeyRing;
use causeway_protocol::secret::Secret;
use causeway_storage::{Engine, Sqlite};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::{Clock, Entropy, System};
use crate::http::dispatch::{Hook, Site};
use crate::http::faults::{Faults, Plan};
use crate::http::listen::{Limits, Listener};
use crate::http::tls::{Tls, TlsFiles};
use crate::load_seed::{self, SeedFile};
use crate::node::{Node, Origins};
use crate::seed::Seed;
use crate::shared::{Edge, Options, Shared};
use crate::trust::TrustedProxies;
use crate::{describe, jobs, keys};

/// Where the records are.
pub enum StoreAt {
    /// A data directory; made when it is not there.
    Directory(PathBuf),
    /// Open already (tests).
    Ready(Engine),
}

/// Where the keys are.
pub enum KeysAt {
    /// This file; it must be there.
    File(PathBuf),
    /// Beside the data directory; made at first start.
    BesideData,
    /// In the data directory: only for demos, whose data are nobody's.
    InData,
    /// Read already (tests).
    Ready(KeyRing),
}

/// Everything that a platform is started with.
pub struct Settings {
    /// Which platform.
    pub profile: Profile,
    /// Where the records are.
    pub store: StoreAt,
    /// Where the keys are.
    pub keys: KeysAt,
    /// One address serves both hosts; of two, the first is the login host's and the second the API's. Port 0: a free one.
    pub listen: Vec<SocketAddr>,
    /// `https://login.example`; `None`: the first listener's own address.
    pub login_url: Option<String>,
    /// `https://api.example`; `None`: the last listener's own address.
    pub api_url: Option<String>,
    /// Health, metrics and the admin door.
    pub admin_listen: Option<SocketAddr>,
    /// Bound already, in the place of `listen`.
    pub sockets: Vec<std::net::TcpListener>,
    /// Bound already, in the place of `admin_listen`.
    pub admin_socket: Option<std::net::TcpListener>,
    /// The admin door's key; `None` makes one from the key ring, shown by the description.
    pub admin_key: Option<Secret>,
    /// The platform's own API; `None`: the sample API.
    pub upstream: Option<String>,
    /// How much and how long on the way to it.
    pub proxy: crate::http::proxy::Limits,
    /// `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whose forwarding headers count.
    pub proxies: TrustedProxies,
    /// In this order.
    pub seeds: Vec<SeedFile>,
    /// One more address that the first app of the first seed may return to (the demo's dashboard).
    pub redirect_uri: Option<String>,
    /// Faults on purpose.
    pub faults: Plan,
    /// Makes their chances repeatable.
    pub fault_seed: u64,
    /// Time and size limits.
    pub limits: Limits,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Further routes (tests).
    pub hook: Option<Hook>,
}

impl Settings {
    /// A platform on a free loopback port, everything else at its default.
    pub fn new(profile: Profile, store: StoreAt, keys: KeysAt) -> Self {
        Self {
            profile,
            store,
            keys,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            login_url: None,
            api_url: None,
            admin_listen: None,
            sockets: Vec::new(),
            admin_socket: None,
            admin_key: None,
            upstream: None,
            proxy: crate::http::proxy::Limits::default(),
            tls: None,
            proxies: TrustedProxies::default(),
            seeds: Vec::new(),
            redirect_uri: None,
            faults: Plan::default(),
            fault_seed: 0,
            limits: Limits::default(),
            clock: Arc::new(System),
            entropy: Arc::new(System),
            hook: None,
        }
    }
}

/// See the module.
pub struct Platform {
    edge: Edge,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    description: Value,
    tls: Option<Arc<Tls>>,
    notes: Vec<String>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// What an operator should hear about, and what must not be: one line each.
type Problems = Vec<String>;

impl Platform {
    /// Starts serving. Nothing listens unless everything is in order.
    ///
    /// # Errors
    /// One line per problem.
    pub async fn start(settings: Settings) -> Result<Self, Problems> {
        let mut notes = Vec::new();
        let tls = settings.tls.clone().map(Tls::load).transpose().map_err(one)?.map(Arc::new);
        let (store, ring) = open(&settings, &mut notes)?;
        let store = match settings.store {
            StoreAt::Ready(engine) => engine,
            StoreAt::Directory(_) => store.ok_or_else(|| one("no store was opened"))?,
        };
        let ring = match settings.keys {
            KeysAt::Ready(ring) => ring,
            _ => ring.ok_or_else(|| one("no key ring was read"))?,
        };
        let sockets = bind(settings.listen, settings.sockets).await?;
        let admin = bind(settings.admin_listen.into_iter().collect(), settings.admin_socket.into_iter().collect());
        let admin = admin.await?.pop();
        let addresses = addresses(&sockets)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let own = |at: Option<&SocketAddr>| at.map_or_else(String::new, |address| format!("{scheme}://{address}"));
        let origins = Origins {
            login: settings.login_url.unwrap_or_else(|| own(addresses.first())),
            api: settings.api_url.unwrap_or_else(|| own(addresses.last())),
        };
        let clock = skewed(settings.clock, settings.faults.skew);
        let admin_key = settings.admin_key.unwrap_or_else(|| admin_key(&ring));
        let node = Node::start(settings.profile, origins, store, ring, clock, settings.entropy).await;
        let node = node.map_err(|error| one(error.to_string()))?;
        for file in &settings.seeds {
            load_seed::load(&node, file).await.map_err(one)?;
        }
        let moved = settings.redirect_uri.is_some();
        let seed = merged(settings.seeds, settings.redirect_uri);
        if let Some(app) = seed.apps.first().filter(|_| moved) {
            load_seed::set_redirect_uris(&node, &app.client_id, &app.redirect_uris).await.map_err(one)?;
        }
        let admin_address = admin.as_ref().map(TcpListener::local_addr).transpose().map_err(|e| one(e.to_string()))?;
        let admin_url = admin_address.map(|address| format!("http://{address}"));
        let shown = admin_url.as_deref().map(|url| (url, &admin_key));
        let description = describe::platform(&node, shown, &seed);
        let options = Options {
            admin_key: Some(admin_key),
            proxies: settings.proxies,
            upstream: settings.upstream,
            records: seed.records,
            proxy: settings.proxy,
        };
        let mut platform = Self {
            edge: Arc::new(Shared::new(node, options)),
            addresses,
            admin: admin_address,
            description,
            tls,
            notes,
            stop: watch::Sender::new(false),
            tasks: JoinSet::new(),
        };
        let faults = (settings.faults, settings.fault_seed);
        platform.serve(sockets, admin, faults, settings.limits, settings.hook);
        Ok(platform)
    }

    fn serve(
        &mut self,
        sockets: Vec<TcpListener>,
        admin: Option<TcpListener>,
        (plan, seed): (Plan, u64),
        limits: Limits,
        hook: Option<Hook>,
    ) {
        for (at, socket) in sockets.into_iter().enumerate() {
            let origins = &self.edge.node.origins;
            let lone = if at == 0 { origins.login.clone() } else { origins.api.clone() };
            let faults = Faults::new(plan.faults.clone(), seed.wrapping_add(at as u64));
            let site = Arc::new(Site::public(self.edge.clone(), &lone, faults, hook));
            let listener = Listener { socket, site, tls: self.tls.clone(), limits };
            self.tasks.spawn(listener.run(self.stop.subscribe()));
        }
        if let Some(socket) = admin {
            let site = Arc::new(Site::admin(self.edge.clone()));
            let listener = Listener { socket, site, tls: None, limits };
            self.tasks.spawn(listener.run(self.stop.subscribe()));
        }
        self.tasks.spawn(jobs::run(self.edge.clone(), self.stop.subscribe()));
    }

    /// What handlers see.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the admin listener is.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// This platform's part of the description (CONTRACTS).
    pub fn description(&self) -> &Value {
        &self.description
    }

    /// What the operator should hear: where a key file was made.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Reads certificate and key again; the old pair stays when the new one is not good.
    ///
    /// # Errors
    /// One line.
    pub fn reload_tls(&self) -> Result<(), String> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }

    /// Stops: no new connections, requests in flight are answered, what was noted is written.
    pub async fn stop(mut self) {
        self.edge.drain();
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

fn one(problem: impl Into<String>) -> Problems {
    vec![problem.into()]
}

/// Opens what the settings name. The data directory first: whoever holds its lock may make a key file.
fn open(settings: &Settings, notes: &mut Vec<String>) -> Result<(Option<Engine>, Option<KeyRing>), Problems> {
    let platform = &settings.profile.key;
    let StoreAt::Directory(data) = &settings.store else {
        return match &settings.keys {
            KeysAt::File(path) => Ok((None, Some(keys::load(platform, path)?))),
            KeysAt::Ready(_) => Ok((None, None)),
            KeysAt::BesideData | KeysAt::InData => Err(one("there is no data directory to keep the keys with")),
        };
    };
    let store = Sqlite::open(data).map_err(|error| one(error.to_string()))?;
    let path = match &settings.keys {
        KeysAt::Ready(ring) => {
            keys::check(ring, data, "the key ring").map_err(one)?;
            return Ok((Some(Engine::Sqlite(store)), None));
        }
        KeysAt::File(path) => path.clone(),
        KeysAt::BesideData => keys::beside(data),
        KeysAt::InData => data.join("keys"),
    };
    if !path.exists() && !matches!(settings.keys, KeysAt::File(_)) {
        if keys::has_check(data) {
            return Err(one(format!(
                "{}: the key file of {} is gone: put it back, or say where it is with --keys",
                path.display(),
                data.display()
            )));
        }
        keys::create(&path, settings.entropy.as_ref()).map_err(one)?;
        notes.push(format!("a new key file was made: {}. Back it up, apart from the data", path.display()));
    }
    let ring = keys::load(platform, &path)?;
    keys::check(&ring, data, &path.display().to_string()).map_err(one)?;
    Ok((Some(Engine::Sqlite(store)), Some(ring)))
}

/// The admin door's key when none is configured: it stays the same as long as the newest ring key does.
fn admin_key(ring: &KeyRing) -> Secret {
    use base64::Engine as _;
    let key = ring.derive("admin door");
    Secret::new(format!("adm_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.as_ref())))
}

/// Binds the addresses, unless there are sockets already.
async fn bind(addresses: Vec<SocketAddr>, bound: Vec<std::net::TcpListener>) -> Result<Vec<TcpListener>, Problems> {
    if !bound.is_empty() {
        let adopt = |socket: std::net::TcpListener| {
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        };
        return bound.into_iter().map(adopt).collect::<Result<_, _>>().map_err(|error| one(error.to_string()));
    }
    let (mut sockets, mut problems) = (Vec::new(), Vec::new());
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(socket) => sockets.push(socket),
            Err(error) => problems.push(format!("cannot listen on {address}: {error}")),
        }
    }
    if problems.is_empty() { Ok(sockets) } else { Err(problems) }
}

fn addresses(sockets: &[TcpListener]) -> Result<Vec<SocketAddr>, Problems> {
    sockets.iter().map(TcpListener::local_addr).collect::<Result<_, _>>().map_err(|error| one(error.to_string()))
}

/// All seeds as one, with the dashboard's address at the first app.
fn merged(files: Vec<SeedFile>, redirect_uri: Option<String>) -> Seed {
    let mut all = Seed::default();
    for file in files {
        all.extend(file.seed);
    }
    if let (Some(app), Some(uri)) = (all.apps.first_mut(), redirect_uri) {
        if !app.redirect_uris.contains(&uri) {
            app.redirect_uris.push(uri);
        }
    }
    all
}

/// The clock of `--fault skew`: ahead of (or behind) the machine's.
struct Skewed(Arc<dyn Clock>, i64);

impl Clock for Skewed {
    fn millis(&self) -> u64 {
        self.0.millis().saturating_add_signed(self.1 * 1000)
    }

    fn monotonic_nanos(&self) -> u64 {
        self.0.monotonic_nanos()
    }
}

fn skewed(clock: Arc<dyn Clock>, seconds: i64) -> Arc<dyn Clock> {
    if seconds == 0 { clock } else { Arc::new(Skewed(clock, seconds)) }
}
