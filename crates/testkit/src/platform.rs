//! A whole platform in the test's process, as the CLI starts one: real router, real listeners on free loopback ports,
//! a store on disk or the model. The first port is the login host, the second the API host.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use causeway_protocol::profile::{self, HostWord, Profile};
use causeway_protocol::records::{App, Person};
use causeway_protocol::seal::KeyRing;
use causeway_protocol::secret::Secret;
use causeway_protocol::{Change, Outcome};
use causeway_server::http::paced::Pace;
use causeway_server::jobs::Rhythm;
use causeway_server::load_seed::SeedFile;
use causeway_server::platform::{KeysAt, Platform as Server, Settings, StoreAt};
use causeway_server::shared::Edge;
use causeway_storage::model::Link;
use causeway_storage::{Engine, Model, Store};
use tokio::sync::OnceCell;

use crate::client::{Call, Response, raw};
use crate::clock::{Chance, Clock, NOON};
pub use crate::temp_dir::TempDir;
use crate::wait::{PATIENCE, in_the_end, until};
use crate::world;

/// The admin door's key.
pub const ADMIN_KEY: &str = "admin-key-of-the-tests-0123456789";

/// Changes what a platform is started with.
type Tune = Arc<dyn Fn(&mut Settings) + Send + Sync>;

/// How a platform is to be.
#[derive(Clone)]
pub struct Builder {
    profile: Profile,
    seed: String,
    chance: u64,
    keys: Vec<u8>,
    model: bool,
    common: Option<Common>,
    clock: Arc<Clock>,
    dir: Option<Arc<TempDir>>,
    by_itself: bool,
    tune: Option<Tune>,
}

/// A store that several nodes share.
#[derive(Clone)]
pub enum Common {
    /// In memory.
    Model(Arc<Model>),
    /// A PostgreSQL database, by its URL.
    Database(String),
}

/// A node that finds no database is started so often.
const STARTS: u32 = 5;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(7 * 86_400);

/// What nodes of one platform are reached by, wherever each listens.
const COMMON_ORIGINS: [&str; 2] = ["https://login.nodes.example", "https://api.nodes.example"];

/// A running platform. Dropping it closes its sockets and forgets its data.
pub struct Platform {
    /// The server's own state: tests may look, and change what no endpoint changes.
    pub edge: Edge,
    /// Its time.
    pub clock: Arc<Clock>,
    server: Server,
    builder: Builder,
    link: Option<Arc<Link>>,
    patient: AtomicBool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            profile: profile::shipped("tripleseat").expect("the shipped profile is right"),
            seed: world::TEXT.to_owned(),
            chance: 1,
            keys: vec![1],
            model: false,
            common: None,
            clock: Arc::new(Clock::at(NOON)),
            dir: None,
            by_itself: false,
            tune: None,
        }
    }
}

impl Builder {
    /// Tripleseat over SQLite, standing at noon.
    pub fn new() -> Self {
        Self::default()
    }

    /// A shipped platform with another seed.
    ///
    /// # Panics
    /// When no such profile ships.
    pub fn shipped(key: &str, seed: &str) -> Self {
        let profile = profile::shipped(key).expect("this profile ships, and is right");
        Self { profile, ..Self::default() }.seed(seed)
    }

    /// Another profile, or this one with other settings.
    #[must_use]
    pub fn profile(mut self, change: impl FnOnce(&mut Profile)) -> Self {
        change(&mut self.profile);
        self
    }

    /// Another seed than `world::TEXT`.
    #[must_use]
    pub fn seed(mut self, text: &str) -> Self {
        self.seed = text.to_owned();
        self
    }

    /// Other randomness.
    #[must_use]
    pub fn chance(mut self, seed: u64) -> Self {
        self.chance = seed;
        self
    }

    /// Ring keys, newest first: key n is 32 times the byte n.
    #[must_use]
    pub fn keys(mut self, keys: &[u8]) -> Self {
        self.keys = keys.to_vec();
        self
    }

    /// The in-memory model instead of SQLite.
    #[must_use]
    pub fn model(mut self) -> Self {
        self.model = true;
        self
    }

    /// A node of a platform over a store that others share, under addresses that are all nodes'.
    #[must_use]
    pub fn on(mut self, common: &Common) -> Self {
        self.common = Some(common.clone());
        self
    }

    /// A clock of its own.
    #[must_use]
    pub fn clock(mut self, clock: Arc<Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// So many nodes over one store in memory, with one clock.
    pub async fn nodes(self, count: u64) -> Vec<Platform> {
        self.on(&Common::Model(Arc::default())).started(count).await
    }

    /// So many nodes over the store that was said, with one clock.
    pub async fn started(self, count: u64) -> Vec<Platform> {
        let mut nodes = Vec::new();
        for number in 0..count {
            let chance = self.chance + 1_000 * number;
            nodes.push(self.clone().chance(chance).start().await);
        }
        nodes
    }

    /// It sweeps, flushes, beats and tells as often as in service. Otherwise only the test does: on a slow machine a job would come
    /// in the middle of what the test looks at.
    #[must_use]
    pub fn by_itself(mut self) -> Self {
        self.by_itself = true;
        self
    }

    /// Anything else that the server can be started with.
    #[must_use]
    pub fn tune(mut self, tune: impl Fn(&mut Settings) + Send + Sync + 'static) -> Self {
        self.tune = Some(Arc::new(tune));
        self
    }

    /// Starts it.
    pub async fn start(mut self) -> Platform {
        if !self.model && self.common.is_none() && self.dir.is_none() {
            let dir = TempDir::new();
            if self.seed == world::TEXT {
                template().await.write(&dir.0).expect("a temporary directory can be written");
            }
            self.dir = Some(Arc::new(dir));
        }
        let (server, link) = Box::pin(self.server()).await;
        let (edge, clock) = (server.edge().clone(), self.clock.clone());
        Platform { edge, clock, server, builder: self, link, patient: AtomicBool::new(false) }
    }

    async fn server(&self) -> (Server, Option<Arc<Link>>) {
        let mut tries = if matches!(self.common, Some(Common::Database(_))) { STARTS } else { 1 };
        loop {
            let (settings, link) = self.settings();
            tries -= 1;
            // Boxed, as below: a test's stack has room for its own steps and not for all of these within them.
            match Box::pin(Server::start(settings)).await {
                Ok(server) => return (server, link),
                Err(problems) if tries == 0 => panic!("the platform starts: {problems:?}"),
                // A database that stands still with the whole machine does not answer in time.
                Err(_) => {}
            }
        }
    }

    fn settings(&self) -> (Settings, Option<Arc<Link>>) {
        let mut link = None;
        let store = match (&self.common, &self.dir) {
            (Some(Common::Model(model)), _) => {
                let node = model.node();
                link = Some(node.link());
                StoreAt::Ready(Engine::Model(node))
            }
            (Some(Common::Database(url)), _) => StoreAt::Database(Secret::new(url.as_str())),
            (None, Some(dir)) => StoreAt::Directory(dir.0.join("data")),
            (None, None) => StoreAt::Ready(Engine::Model(Model::default())),
        };
        let lines: Vec<String> = self.keys.iter().map(|key| KeyRing::line(u16::from(*key), &[*key; 32])).collect();
        let ring = KeyRing::parse(&self.profile.key, &lines.join("\n")).expect("the keys are right");
        let seed = world::seed(&self.seed, &self.profile);
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut settings = Settings::new(self.profile.clone(), store, KeysAt::Ready(ring));
        settings.listen = vec![free, free];
        settings.admin_listen = Some(free);
        settings.admin_key = Some(Secret::new(ADMIN_KEY));
        settings.seeds = vec![SeedFile::new("the test seed", &self.seed, seed)];
        settings.clock = self.clock.clone();
        // Who is slow here is the machine.
        settings.patience = PATIENCE;
        settings.limits.pace = Pace { head: PATIENCE, idle: PATIENCE, body: PATIENCE, stall: PATIENCE };
        if !self.by_itself {
            settings.rhythm = Rhythm { sweep: NEVER, flush: NEVER, beat: NEVER, share: NEVER };
        }
        match &self.common {
            Some(_) => [settings.login_url, settings.api_url] = COMMON_ORIGINS.map(|url| Some(url.to_owned())),
            // The test's clock may jump by years between two readings of the feed.
            None => settings.stale_limit = Duration::MAX,
        }
        settings.entropy = Arc::new(Chance::seeded(self.chance));
        if let Some(tune) = &self.tune {
            tune(&mut settings);
        }
        (settings, link)
    }
}

/// The files of a data directory with the test seed in it: hashing everybody's password takes longer than most tests.
async fn template() -> &'static Files {
    static TEMPLATE: OnceCell<Files> = OnceCell::const_new();
    let make = || async {
        let dir = TempDir::new();
        let (mut settings, _) = Builder::new().settings();
        settings.store = StoreAt::Directory(dir.0.join("data"));
        Server::start(settings).await.expect("the platform starts").stop().await;
        Files::read(&dir.0).expect("a temporary directory can be read")
    };
    TEMPLATE.get_or_init(make).await
}

/// A directory's files, in memory.
struct Files(Vec<(PathBuf, Vec<u8>)>);

impl Files {
    fn read(root: &Path) -> std::io::Result<Self> {
        let (mut files, mut open) = (Vec::new(), vec![root.to_owned()]);
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir)? {
                let path = entry?.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
                    files.push((name, std::fs::read(&path)?));
                }
            }
        }
        Ok(Self(files))
    }

    fn write(&self, root: &Path) -> std::io::Result<()> {
        for (name, bytes) in &self.0 {
            let path = root.join(name);
            let parent = path.parent().unwrap_or(root);
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(bytes)?;
        }
        Ok(())
    }
}

impl Platform {
    /// Tripleseat over SQLite with the test seed.
    pub async fn start() -> Self {
        Builder::new().start().await
    }

    /// Stops it and starts it again on the same data, keys and clock. The ports are others.
    pub async fn restart(self) -> Self {
        self.restart_as(|builder| builder).await
    }

    /// The same with other settings.
    pub async fn restart_as(self, change: impl FnOnce(Builder) -> Builder) -> Self {
        assert!(!self.builder.model, "the model forgets everything");
        let Self { edge, clock, server, builder, .. } = self;
        server.stop().await;
        // The directory is free once nobody holds the edge: connections may still be closing.
        until("nobody holds the edge", async || Arc::strong_count(&edge) == 1).await;
        drop((edge, clock));
        let mut builder = change(builder);
        // Other bytes than before, as a new process would have.
        builder.chance += 1_000;
        builder.start().await
    }

    /// The directory that holds its data; everything in it was written by the platform.
    ///
    /// # Panics
    /// With the model: it has none.
    pub fn directory(&self) -> &Path {
        &self.builder.dir.as_ref().expect("a platform over SQLite").0
    }

    /// Where the login host listens.
    pub fn login_address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// Where the API host listens.
    pub fn api_address(&self) -> SocketAddr {
        self.server.addresses()[1]
    }

    /// Where the admin door listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.server.admin_address().expect("every platform under test has one")
    }

    /// Where Envoy asks.
    ///
    /// # Panics
    /// Unless the test set `authz_listen`.
    pub fn authz_address(&self) -> SocketAddr {
        self.server.authz_address().expect("authz_listen was set")
    }

    /// The login origin, and the issuer.
    pub fn login(&self) -> &str {
        &self.edge.node.origins.login
    }

    /// The API origin.
    pub fn api(&self) -> &str {
        &self.edge.node.origins.api
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.edge.node.profile
    }

    /// Sends to the login host.
    pub async fn at_login(&self, call: Call) -> Response {
        self.send(&self.hosted(call, self.login()), self.login_address()).await
    }

    /// Sends to the API host.
    pub async fn at_api(&self, call: Call) -> Response {
        self.send(&self.hosted(call, self.api()), self.api_address()).await
    }

    /// Whether a call is sent again when it is answered 503 with `Retry-After`, as everybody may: for what a test only needs to
    /// have happened, over a database that may be late.
    pub fn patient(&self, patient: bool) {
        self.patient.store(patient, Ordering::Relaxed);
    }

    async fn send(&self, call: &Call, to: SocketAddr) -> Response {
        let sent = Box::pin(async {
            loop {
                let reply = call.send(to).await;
                let put_off = reply.status == 503 && !reply.header("retry-after").is_empty();
                if !(put_off && self.patient.load(Ordering::Relaxed)) {
                    return reply;
                }
            }
        });
        in_the_end("an answer that is not put off", sent).await
    }

    /// Nodes listen elsewhere than where the platform is reached.
    fn hosted(&self, call: Call, origin: &str) -> Call {
        let (_, host) = origin.split_once("://").unwrap_or_default();
        if self.builder.common.is_some() { call.or_host(host) } else { call }
    }

    /// This node's way to the shared store in memory, to be cut or silenced.
    ///
    /// # Panics
    /// Over any other store.
    pub fn link(&self) -> &Link {
        self.link.as_ref().expect("a node over the model")
    }

    /// Stops it in order.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// Sends to the host of the token endpoint and its kin.
    pub async fn at_token_host(&self, call: Call) -> Response {
        match self.profile().endpoints.token_host {
            HostWord::Login => self.at_login(call).await,
            HostWord::Api => self.at_api(call).await,
        }
    }

    /// Sends to the admin door, with its key.
    pub async fn at_admin(&self, call: Call) -> Response {
        self.send(&call.bearer(ADMIN_KEY), self.admin_address()).await
    }

    /// Sends bytes to the API host; a reply is expected.
    pub async fn raw_api(&self, bytes: &[u8]) -> Response {
        let reply = raw(self.api_address(), bytes).await;
        Response::parse(&reply, false).unwrap_or_else(|| panic!("no reply, but {:?}", String::from_utf8_lossy(&reply)))
    }

    /// An app as the platform holds it.
    pub fn app(&self, client_id: &str) -> Arc<App> {
        self.edge.node.app(client_id).expect("the seed has this app")
    }

    /// A person as the store has it.
    pub async fn person(&self, email: &str) -> Person {
        let found = self.edge.node.store.person_by_email(email).await.expect("the store answers");
        found.expect("the seed has this person")
    }

    /// Applies a change that no endpoint makes, and expects that it was.
    pub async fn apply(&self, change: Change) {
        let outcome = self.edge.node.apply(change).await.expect("the store answers");
        assert!(matches!(outcome, Outcome::Applied(_)), "the change was stale");
    }

    /// Rows of every table.
    pub async fn all_rows(&self) -> Vec<(&'static str, u64)> {
        self.edge.node.store.counts().await.expect("the store answers")
    }

    /// Rows of one table.
    pub async fn rows(&self, table: &str) -> u64 {
        let counts = self.all_rows().await;
        counts.iter().find(|(name, _)| *name == table).unwrap_or_else(|| panic!("no {table} in {counts:?}")).1
    }
}
