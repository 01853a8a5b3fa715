//! What a platform is started with. Which settings are wise is `config`'s business.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use causeway_protocol::profile::Profile;
use causeway_protocol::seal::KeyRing;
use causeway_protocol::secret::Secret;
use causeway_storage::Engine;

use crate::clock::{Clock, Entropy, System};
use crate::cluster::{PATIENCE, STALE_LIMIT};
use crate::http::dispatch::Hook;
use crate::http::faults::Plan;
use crate::http::listen::Limits;
use crate::http::tls::TlsFiles;
use crate::jobs::Rhythm;
use crate::load_seed::SeedFile;
use crate::seed::Legacy;
use crate::trust::TrustedProxies;

/// Where the records are.
#[allow(clippy::large_enum_variant, reason = "there is one a process")]
pub enum StoreAt {
    /// A data directory; made when it is not there.
    Directory(PathBuf),
    /// A PostgreSQL database that nodes share: `postgres://user:password@host:port/database`.
    Database(Secret),
    /// Open already (tests).
    Ready(Engine),
}

/// Where the keys are.
pub enum KeysAt {
    /// This file; made at first start, while the store is empty.
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
    /// One address serves both hosts; of two, the first is the login host's and the second the API's. Port 0: a free
    /// one.
    pub listen: Vec<SocketAddr>,
    /// `https://login.example`; `None`: the first listener's own address.
    pub login_url: Option<String>,
    /// `https://api.example`; `None`: the last listener's own address.
    pub api_url: Option<String>,
    /// Health, metrics and the admin door.
    pub admin_listen: Option<SocketAddr>,
    /// Where Envoy asks (`ext_authz` over gRPC).
    pub authz_listen: Option<SocketAddr>,
    /// Whether it speaks TLS there, with the same certificate as elsewhere.
    pub authz_tls: bool,
    /// What Envoy has to bear there; `None`: nothing.
    pub authz_key: Option<Secret>,
    /// Bound already, in the place of `listen`.
    pub sockets: Vec<std::net::TcpListener>,
    /// Bound already, in the place of `admin_listen`.
    pub admin_socket: Option<std::net::TcpListener>,
    /// The admin door's key; `None` makes one from the key ring, shown by the description.
    pub admin_key: Option<Secret>,
    /// The edges' key; `None` makes one from the key ring, shown by the description.
    pub edge_key: Option<Secret>,
    /// The platform's own API; `None`: the sample API.
    pub upstream: Option<String>,
    /// How much and how long on the way to it.
    pub proxy: crate::http::proxy::Limits,
    /// `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether the admin listener speaks TLS too, with the same certificate.
    pub admin_tls: bool,
    /// Whose forwarding headers count.
    pub proxies: TrustedProxies,
    /// Who besides them may ask the guard (`/guard/check`): nothing else that these say is believed.
    pub askers: TrustedProxies,
    /// In this order.
    pub seeds: Vec<SeedFile>,
    /// When OAuth 1.0 and its exchange end: beats the seeds, which beat the profile.
    pub legacy: Legacy,
    /// One more address that the first app of the first seed may return to (the demo's dashboard).
    pub redirect_uri: Option<String>,
    /// Platforms that apps may offer their users in the mini-app, with this platform's own credentials there. Where a
    /// `redirect_uri` is empty, it is ours.
    pub providers: Vec<causeway_vault::Platform>,
    /// How long calls are checked without a word from the store (TOKENS 6).
    pub stale_limit: Duration,
    /// How long the store may take to answer what no request asked for.
    pub patience: Duration,
    /// How long it goes on as before once it is asked to stop, not ready any more.
    pub stop_delay: Duration,
    /// How often happens what nobody asks for.
    pub rhythm: Rhythm,
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
            authz_listen: None,
            authz_tls: false,
            authz_key: None,
            sockets: Vec::new(),
            admin_socket: None,
            admin_key: None,
            edge_key: None,
            upstream: None,
            proxy: crate::http::proxy::Limits::default(),
            tls: None,
            admin_tls: false,
            proxies: TrustedProxies::default(),
            askers: TrustedProxies::default(),
            seeds: Vec::new(),
            legacy: Legacy::default(),
            redirect_uri: None,
            providers: Vec::new(),
            stale_limit: STALE_LIMIT,
            patience: PATIENCE,
            stop_delay: Duration::ZERO,
            rhythm: Rhythm::default(),
            faults: Plan::default(),
            fault_seed: 0,
            limits: Limits::default(),
            clock: Arc::new(System),
            entropy: Arc::new(System),
            hook: None,
        }
    }
}
