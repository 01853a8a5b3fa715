//! `causeway guard`: a guard in a process of its own, next to the API. It binds its listeners, listens to the nodes,
//! reports to them, and stops in order. What a call is checked against stands in `outpost`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::{any, get};
use causeway_guard::remote::{self, Remote};
use causeway_protocol::Reason;
use causeway_protocol::profile::Profile;
use causeway_protocol::secret::Secret;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::outpost::{self, OneClock, Outpost};
use crate::clock::{Clock, Entropy, System};
use crate::http::authz::Authz;
use crate::http::dispatch::Site;
use crate::http::listen::{Limits, Listener, stopped};
use crate::http::proxy::{self, Api};
use crate::http::short::{Routes, Shorts, way};
use crate::http::tls::{Tls, TlsFiles};
use crate::http::{forward_auth, health, log, reply};
use crate::legacy_use::LegacyCounts;
use crate::metrics::Metrics;
use crate::platform::open;
use crate::shared::LastUsed;
use crate::trust::TrustedProxies;

/// What happened here is reported so often.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// What a guard at the edge is started with.
pub struct Settings {
    /// Which platform: the nodes' own profile.
    pub profile: Profile,
    /// The nodes' admin listeners.
    pub nodes: Vec<String>,
    /// The nodes' edge key.
    pub edge_key: Secret,
    /// PEM of who may sign the nodes' certificates; `None`: whom the machine trusts.
    pub node_ca: Option<Vec<u8>>,
    /// Where callers come.
    pub listen: SocketAddr,
    /// As callers see it; `None`: the listener's own address.
    pub api_url: Option<String>,
    /// `/metrics` and `/guard/check`, without a key; `None`: not at all.
    pub admin_listen: Option<SocketAddr>,
    /// Where Envoy asks (`ext_authz` over gRPC); `None`: not at all.
    pub authz_listen: Option<SocketAddr>,
    /// Whether it speaks TLS there, with the same certificate as elsewhere.
    pub authz_tls: bool,
    /// What Envoy has to bear there; `None`: nothing.
    pub authz_key: Option<Secret>,
    /// The API behind.
    pub upstream: String,
    /// How much and how long on the way to it.
    pub proxy: proxy::Limits,
    /// `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whose forwarding headers count, and who may ask `/guard/check`.
    pub proxies: TrustedProxies,
    /// What the nodes' operators see it as; empty: nothing is said.
    pub name: String,
    /// How long it goes on without having heard that nothing was taken back.
    pub stale_limit: Duration,
    /// How long it waits for a node.
    pub patience: remote::Patience,
    /// How long it goes on as before once it is asked to stop, not ready any more.
    pub stop_delay: Duration,
    /// Time and size limits.
    pub limits: Limits,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Settings {
    /// On a free loopback port, everything else at its default.
    pub fn new(profile: Profile, nodes: Vec<String>, edge_key: Secret, upstream: String) -> Self {
        Self {
            profile,
            nodes,
            edge_key,
            node_ca: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            api_url: None,
            admin_listen: None,
            authz_listen: None,
            authz_tls: false,
            authz_key: None,
            upstream,
            proxy: proxy::Limits::default(),
            tls: None,
            proxies: TrustedProxies::default(),
            name: String::new(),
            stale_limit: remote::STALE_LIMIT,
            patience: remote::Patience::default(),
            stop_delay: Duration::ZERO,
            limits: Limits::default(),
            clock: Arc::new(System),
            entropy: Arc::new(System),
        }
    }
}

/// A running guard.
pub struct Process {
    outpost: Arc<Outpost>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    authz: Option<SocketAddr>,
    authz_tls: bool,
    tls: Option<Arc<Tls>>,
    stop: watch::Sender<bool>,
    stop_delay: Duration,
    tasks: JoinSet<()>,
}

impl Process {
    /// Starts listening, to callers and to the nodes. Until a node was heard, calls are refused with 503.
    ///
    /// # Errors
    /// One line per problem.
    pub async fn start(settings: Settings) -> Result<Self, Vec<String>> {
        let tls = settings.tls.map(Tls::load).transpose().map_err(|why| vec![why])?.map(Arc::new);
        let heard = remote::Settings {
            ca: settings.node_ca,
            stale_limit: settings.stale_limit,
            name: settings.name,
            patience: settings.patience,
            clock: Arc::new(OneClock(settings.clock.clone())),
            ..remote::Settings::of(&settings.profile, settings.nodes, settings.edge_key)
        };
        let sockets = open::bind(vec![settings.listen], Vec::new()).await?;
        let admin = open::bind(settings.admin_listen.into_iter().collect(), Vec::new()).await?;
        let authz = open::bind(settings.authz_listen.into_iter().collect(), Vec::new()).await?;
        let address = open::addresses(&sockets)?[0];
        let admin_address = open::addresses(&admin)?.pop();
        let authz_address = open::addresses(&authz)?.pop();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let outpost = Arc::new(Outpost {
            remote: Remote::connect(heard)?,
            api: Api::new(&settings.profile, Some(&settings.upstream), Vec::new(), settings.proxy),
            api_origin: settings.api_url.unwrap_or_else(|| format!("{scheme}://{address}")),
            profile: settings.profile,
            metrics: Metrics::new(),
            last_used: LastUsed::default(),
            legacy_use: LegacyCounts::default(),
            clock: settings.clock,
            entropy: settings.entropy,
            proxies: settings.proxies,
            nobody: TrustedProxies::default(),
            draining: AtomicBool::new(false),
        });
        let stop = watch::Sender::new(false);
        let (stop_delay, tasks) = (settings.stop_delay, JoinSet::new());
        let (admin_at, authz_tls) = (admin_address, settings.authz_tls && tls.is_some());
        let mut process =
            Self { outpost, address, admin: admin_at, authz: authz_address, authz_tls, tls, stop, stop_delay, tasks };
        process.serve(sockets, admin, settings.limits);
        process.serve_authz(authz, settings.authz_key, settings.limits);
        Ok(process)
    }

    fn serve(&mut self, sockets: Vec<TcpListener>, admin: Vec<TcpListener>, limits: Limits) {
        let outpost = &self.outpost;
        let (router, firsts) = calls().into_parts();
        let public = Arc::new(Site::of_guard(
            outpost.clone(),
            &outpost.api_origin,
            always().with_state(outpost.clone()),
            router.fallback(proxy::guarded::<Outpost>).with_state(outpost.clone()),
            Shorts::default()
                .exact(forward_auth::PATH, log::GUARD_CHECK, way(outpost, forward_auth::check::<Outpost>))
                .guarded(firsts, way(outpost, proxy::guarded::<Outpost>)),
        ));
        let own = Arc::new(Site::of_guards_admin(
            outpost.clone(),
            self.admin,
            always().with_state(outpost.clone()),
            beside().with_state(outpost.clone()),
        ));
        let all = sockets.into_iter().map(|socket| (socket, &public)).chain(admin.into_iter().map(|one| (one, &own)));
        for (socket, site) in all {
            let listener = Listener { socket, site: site.clone(), tls: self.tls.clone(), limits };
            self.tasks.spawn(listener.run(self.stop.subscribe()));
        }
        self.tasks.spawn(report(outpost.clone(), self.stop.subscribe()));
        self.tasks.spawn(tell_shares(outpost.clone(), self.stop.subscribe()));
    }

    fn serve_authz(&mut self, sockets: Vec<TcpListener>, key: Option<Secret>, limits: Limits) {
        let Limits { connections, drain, .. } = limits;
        for socket in sockets {
            let (edge, tls) = (self.outpost.clone(), self.tls.clone().filter(|_| self.authz_tls));
            let authz = Authz { socket, edge, tls, key: key.clone(), connections, drain };
            self.tasks.spawn(authz.run(self.stop.subscribe()));
        }
    }

    /// What calls are checked against.
    pub fn outpost(&self) -> &Arc<Outpost> {
        &self.outpost
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/metrics` is.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Where Envoy asks.
    pub fn authz_address(&self) -> Option<SocketAddr> {
        self.authz
    }

    /// Whether Envoy is answered by TLS.
    pub fn authz_speaks_tls(&self) -> bool {
        self.authz_tls
    }

    /// Reads certificate and key again; the old pair stays when the new one is not good.
    ///
    /// # Errors
    /// One line.
    pub fn reload_tls(&self) -> Result<(), String> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }

    /// Stops: no new connections, calls in flight are answered, what was noted is reported.
    pub async fn stop(mut self) {
        self.outpost.draining.store(true, Ordering::Relaxed);
        tokio::time::sleep(self.stop_delay).await;
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// What stands on every listener.
fn always() -> Router<Arc<Outpost>> {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(outpost::ready))
        .method_not_allowed_fallback(health::wrong_method)
}

/// What callers meet besides the guarded API.
fn calls() -> Routes<Arc<Outpost>> {
    Routes::default().route(forward_auth::PATH, any(forward_auth::check::<Outpost>))
}

/// What stands on its own listener only.
fn beside() -> Router<Arc<Outpost>> {
    Router::new()
        .route("/metrics", get(outpost::metrics))
        .route(forward_auth::PATH, any(forward_auth::check_on_admin::<Outpost>))
        .method_not_allowed_fallback(health::wrong_method)
        .fallback(nothing_here)
}

async fn nothing_here() -> Response {
    reply::refused(&Reason::NoSuchPage.refuse())
}

/// Keeps budgets together with the nodes, until `stop` says true.
async fn tell_shares(outpost: Arc<Outpost>, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(remote::TELL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => drop(outpost.tell_shares().await),
            () = stopped(&mut stop) => return,
        }
    }
}

/// Tells a node what happened, until `stop` says true and once more at the end. What nobody hears is a date on a page,
/// and is dropped.
async fn report(outpost: Arc<Outpost>, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(REPORT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            _ = ticks.tick() => false,
            () = outpost.last_used.first_use() => false,
            () = stopped(&mut stop) => true,
        };
        let report = outpost.take_report();
        if !(report.used.is_empty() && report.signed.is_empty()) && outpost.remote.report(&report).await.is_err() {
            tracing::warn!("no node heard what happened here");
        }
        if last {
            return;
        }
    }
}
