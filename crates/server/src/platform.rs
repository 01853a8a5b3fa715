//! One running platform: opens the store, loads the seeds, binds the listeners, starts the jobs, stops in order. The
//! CLI and the tests start it; which settings are wise is `config`'s business.

pub(crate) mod key_marks;
pub(crate) mod open;
mod settings;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use causeway_protocol::cluster::NodeId;
use causeway_protocol::profile::Profile;
use causeway_protocol::secret::Secret;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use settings::{KeysAt, Settings, StoreAt};

use crate::clock::{Clock, random};
use crate::cluster::{beat, tail};
use crate::http::authz::Authz;
use crate::http::dispatch::{Hook, Site};
use crate::http::faults::{Faults, Plan};
use crate::http::listen::{Limits, Listener};
use crate::http::tls::Tls;
use crate::jobs::Rhythm;
use crate::load_seed::{self, SeedFile};
use crate::node::{Node, Origins};
use crate::seed::{Legacy, Seed};
use crate::shared::{Edge, Options, Shared};
use crate::{describe, jobs, providers, shares};

/// See the module.
pub struct Platform {
    edge: Edge,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    authz: Option<SocketAddr>,
    description: Value,
    tls: Option<Arc<Tls>>,
    notes: Vec<String>,
    stop: watch::Sender<bool>,
    stop_delay: Duration,
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
        let Settings { mut profile, store, keys, entropy, faults, .. } = settings;
        override_dates(&mut profile, &settings.seeds, settings.legacy);
        let mut notes = Vec::new();
        let tls = settings.tls.map(Tls::load).transpose().map_err(one)?.map(Arc::new);
        let is_shared = matches!(store, StoreAt::Database(_));
        let place = match &store {
            StoreAt::Directory(data) => Some(providers::Place::beside(data, &keys)),
            StoreAt::Database(_) | StoreAt::Ready(_) => None,
        };
        let id = NodeId(i64::from_be_bytes(random(entropy.as_ref())) & i64::MAX);
        let clock = skewed(settings.clock, faults.skew);
        let (store, rings) =
            open::open((&profile.key, id), store, keys, (clock.clone(), entropy.as_ref()), &mut notes).await?;
        let sockets = open::bind(settings.listen, settings.sockets).await?;
        let admin_listen = settings.admin_listen.into_iter().collect();
        let admin = open::bind(admin_listen, settings.admin_socket.into_iter().collect()).await?.pop();
        let authz = open::bind(settings.authz_listen.into_iter().collect(), Vec::new()).await?.pop();
        let addresses = open::addresses(&sockets)?;
        let origins = origins(settings.login_url, settings.api_url, &addresses, tls.is_some());
        let admin_key = settings.admin_key.unwrap_or_else(|| open::admin_key(&rings.get()));
        let edge_key = settings.edge_key.unwrap_or_else(|| open::edge_key(&rings.get()));
        let node = Node::start(profile, origins, store, rings, clock, entropy).await;
        let mut node = node.map_err(|error| one(error.to_string()))?;
        (node.cluster.id, node.cluster.stale_limit) = (id, settings.stale_limit);
        node.cluster.marked = is_shared.then(|| Mutex::new(node.ring().newest()));
        // Before anything is sealed: the other nodes may not hold our newest key yet.
        beat::send(&node).await.map_err(|error| one(error.to_string()))?;
        let seed = load(&node, settings.seeds, settings.redirect_uri).await?;
        tail::read(&node).await.map_err(|error| one(error.to_string()))?;
        node.cluster.patience = settings.patience;
        let admin_address = open::addresses(admin.as_slice())?.pop();
        let admin_tls = tls.clone().filter(|_| settings.admin_tls);
        let authz_tls = tls.clone().filter(|_| settings.authz_tls);
        let admin_scheme = if admin_tls.is_some() { "https" } else { "http" };
        let admin_url = admin_address.map(|address| format!("{admin_scheme}://{address}"));
        let description =
            describe::platform(&node, admin_url.as_deref().map(|url| (url, &admin_key, &edge_key)), &seed);
        let (clock, entropy) = (node.clock.clone(), node.entropy.clone());
        let vault = providers::open(&node.profile, &node.origins, settings.providers, place.as_ref(), clock, entropy)?;
        let options = Options {
            admin_key: Some(admin_key),
            edge_key: Some(edge_key),
            proxies: settings.proxies,
            askers: settings.askers,
            upstream: settings.upstream,
            records: seed.records,
            proxy: settings.proxy,
            providers: vault,
        };
        let mut platform = Self {
            edge: Arc::new(Shared::new(node, options)),
            addresses,
            admin: admin_address,
            authz: open::addresses(authz.as_slice())?.pop(),
            description,
            tls,
            notes,
            stop: watch::Sender::new(false),
            stop_delay: settings.stop_delay,
            tasks: JoinSet::new(),
        };
        let admin = admin.map(|socket| (socket, admin_tls));
        platform.serve(sockets, admin, (faults, settings.fault_seed), settings.limits, settings.hook);
        platform.serve_authz(authz, authz_tls, settings.authz_key, settings.limits);
        platform.work(settings.rhythm);
        Ok(platform)
    }

    fn serve(
        &mut self,
        sockets: Vec<TcpListener>,
        admin: Option<(TcpListener, Option<Arc<Tls>>)>,
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
        if let Some((socket, tls)) = admin {
            let site = Arc::new(Site::admin(self.edge.clone(), self.admin));
            let listener = Listener { socket, site, tls, limits };
            self.tasks.spawn(listener.run(self.stop.subscribe()));
        }
    }

    fn work(&mut self, rhythm: Rhythm) {
        self.tasks.spawn(jobs::run(self.edge.clone(), rhythm, self.stop.subscribe()));
        self.tasks.spawn(tail::run(self.edge.clone(), self.stop.subscribe()));
        self.tasks.spawn(shares::run(self.edge.clone(), rhythm.share, self.stop.subscribe()));
        self.tasks.spawn(beat::run(self.edge.clone(), rhythm.beat, self.stop.subscribe()));
        if let Some(vault) = self.edge.providers.clone() {
            self.tasks.spawn(jobs::renew(self.edge.clone(), vault, self.stop.subscribe()));
        }
    }

    fn serve_authz(&mut self, socket: Option<TcpListener>, tls: Option<Arc<Tls>>, key: Option<Secret>, limits: Limits) {
        let Some(socket) = socket else { return };
        let Limits { connections, drain, .. } = limits;
        let authz = Authz { socket, edge: self.edge.clone(), tls, key, connections, drain };
        self.tasks.spawn(authz.run(self.stop.subscribe()));
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

    /// Where Envoy asks.
    pub fn authz_address(&self) -> Option<SocketAddr> {
        self.authz
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

    /// Reads the key file again; the old ring stays when the new one is not good.
    ///
    /// # Errors
    /// One line.
    pub async fn reload_keys(&self) -> Result<(), String> {
        self.edge.node.rings.reload().await
    }

    /// Stops: not ready any more; after a while no new connections, requests in flight are answered, what was noted is written.
    pub async fn stop(mut self) {
        self.edge.drain();
        tokio::time::sleep(self.stop_delay).await;
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

fn one(problem: impl Into<String>) -> Problems {
    vec![problem.into()]
}

/// What was configured, or the listeners' own addresses: the first is the login host, the last the API.
fn origins(login: Option<String>, api: Option<String>, addresses: &[SocketAddr], tls: bool) -> Origins {
    let scheme = if tls { "https" } else { "http" };
    let own = |at: Option<&SocketAddr>| at.map_or_else(String::new, |address| format!("{scheme}://{address}"));
    Origins {
        login: login.unwrap_or_else(|| own(addresses.first())),
        api: api.unwrap_or_else(|| own(addresses.last())),
    }
}

/// What seeds say about the end of OAuth 1.0 counts instead of the profile, and what the operator says instead of both: a
/// fresh install can stand before or behind it (A7).
fn override_dates(profile: &mut Profile, seeds: &[SeedFile], operator: Legacy) {
    let Some(rules) = &mut profile.oauth1 else { return };
    for legacy in seeds.iter().map(|file| file.seed.legacy).chain([operator]) {
        rules.ends_at = legacy.oauth1_ends.or(rules.ends_at);
        rules.exchange_ends_at = legacy.exchange_ends.or(rules.exchange_ends_at);
    }
}

/// Loads the seeds, and answers them as one. With a further redirect URI, the first app returns there and to its seed's.
async fn load(node: &Node, files: Vec<SeedFile>, redirect_uri: Option<String>) -> Result<Seed, Problems> {
    let mut all = Seed::default();
    for file in files {
        for line in load_seed::load(node, &file).await.map_err(one)? {
            tracing::warn!(seed = file.name, "{line}");
        }
        all.extend(file.seed);
    }
    if let (Some(app), Some(uri)) = (all.apps.first_mut(), redirect_uri) {
        if !app.redirect_uris.contains(&uri) {
            app.redirect_uris.push(uri);
        }
        load_seed::set_redirect_uris(node, &app.client_id, &app.redirect_uris).await.map_err(one)?;
    }
    Ok(all)
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
