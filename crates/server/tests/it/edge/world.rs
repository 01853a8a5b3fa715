//! A running guard at the edge in front of an API that echoes, and a door between it and the nodes that can be shut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use causeway_guard::remote::Patience;
use causeway_protocol::Change;
use causeway_protocol::profile::Profile;
use causeway_protocol::records::Act;
use causeway_protocol::secret::Secret;
use causeway_server::edge::process::{Process, Settings};
use causeway_server::legacy_secrets::digest;
use causeway_storage::Store;
use causeway_testkit::clock::{Chance, Clock};
use causeway_testkit::platform::Builder;
use causeway_testkit::wait::in_the_end;
use causeway_testkit::{Call, PATIENCE, Platform, Response, until};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::proxy::backend::Backend;

/// The nodes' edge key.
pub(crate) const EDGE_KEY: &str = "edge-key-of-the-tests-0123456789";
/// A call of the customer "4100".
pub(crate) const LEADS: &str = "/v1/leads?site_id=2101";

/// Gives a node its edge key.
pub(crate) fn node_key(settings: &mut causeway_server::platform::Settings) {
    settings.edge_key = Some(Secret::new(EDGE_KEY));
}

/// For what will not come.
const NO_PATIENCE: Duration = Duration::from_millis(20);

/// A node that takes edges; without budgets, since the test's clock stands.
pub(crate) fn builder() -> Builder {
    Builder::new().profile(|profile| profile.api.budgets.clear()).tune(node_key)
}

/// A running guard.
pub(crate) struct Edge {
    /// Its time, apart from the node's.
    pub(crate) clock: Arc<Clock>,
    process: Process,
    _backend: Backend,
    host: String,
}

impl Edge {
    /// It has heard everything that this node knows.
    pub(crate) async fn of(platform: &Platform) -> Self {
        let node = format!("http://{}", platform.admin_address());
        Self::hearing(platform, node, PATIENCE).await
    }

    /// The same, through a door.
    pub(crate) async fn at_door(platform: &Platform, door: &Door) -> Self {
        Self::hearing(platform, format!("http://{}", door.address), PATIENCE).await
    }

    /// The same, and a call with a key that it lacks is not kept waiting: none will come.
    pub(crate) async fn at_door_without_patience(platform: &Platform, door: &Door) -> Self {
        Self::hearing(platform, format!("http://{}", door.address), NO_PATIENCE).await
    }

    async fn hearing(platform: &Platform, node: String, patience: Duration) -> Self {
        let edge = Self::waiting(platform.profile().clone(), node, EDGE_KEY, platform, patience).await;
        edge.caught_up(platform).await;
        edge
    }

    /// With this profile, listening to this node, which will not let it hear anything.
    pub(crate) async fn in_vain(profile: Profile, key: &str, platform: &Platform) -> Self {
        Self::waiting(profile, format!("http://{}", platform.admin_address()), key, platform, NO_PATIENCE).await
    }

    /// Its clock begins where the platform's is; it waits so long for a key.
    async fn waiting(profile: Profile, node: String, key: &str, platform: &Platform, patience: Duration) -> Self {
        let backend = Backend::echo().await;
        let clock = Arc::new(Clock::at(platform.clock.now()));
        let mut settings = Settings::new(profile, vec![node], Secret::new(key), backend.url());
        settings.admin_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        settings.authz_listen = settings.admin_listen;
        settings.api_url = Some(platform.api().to_owned());
        settings.name = "edge-of-the-tests".to_owned();
        settings.clock = clock.clone();
        settings.entropy = Arc::new(Chance::seeded(7));
        // A node that stands still with the whole machine is not gone.
        settings.patience = Patience { connect: PATIENCE, answer: PATIENCE, silence: PATIENCE, key: patience };
        let process = Process::start(settings).await.expect("the guard starts");
        let host = platform.api().trim_start_matches("http://").to_owned();
        Self { clock, process, _backend: backend, host }
    }

    /// Sends to it, by the name that callers know.
    pub(crate) async fn at(&self, call: Call) -> Response {
        self.as_it_is(call.host(&self.host)).await
    }

    /// Sends to it.
    pub(crate) async fn as_it_is(&self, call: Call) -> Response {
        call.send(self.process.address()).await
    }

    /// Sends to its own listener.
    pub(crate) async fn at_admin(&self, call: Call) -> Response {
        call.send(self.process.admin_address().expect("it has one")).await
    }

    /// Where Envoy asks.
    pub(crate) fn authz_address(&self) -> SocketAddr {
        self.process.authz_address().expect("it has one")
    }

    /// Keeps budgets together with the node.
    pub(crate) async fn tell_shares(&self) {
        self.process.outpost().tell_shares().await.expect("the node hears it");
    }

    /// Waits until it judges.
    pub(crate) async fn fresh(&self) {
        until("it judges", async || self.process.outpost().remote.is_fresh()).await;
    }

    /// A call with a token.
    pub(crate) async fn get(&self, token: &str, path: &str) -> Response {
        self.at(Call::get(path).bearer(token)).await
    }

    /// Waits until it has heard everything that the node knows now.
    pub(crate) async fn caught_up(&self, platform: &Platform) {
        let (remote, head) = (&self.process.outpost().remote, platform.edge.node.held.head());
        let hearing = async {
            while causeway_guard::Authority::held(remote.as_ref()).head() < head || remote.beats() == 0 {
                remote.beats_after(remote.beats()).await;
            }
        };
        in_the_end("it has heard everything", hearing).await;
    }

    /// Waits for so many more signs of life.
    pub(crate) async fn beats(&self, more: u64) {
        let remote = &self.process.outpost().remote;
        in_the_end("signs of life", remote.beats_after(remote.beats() + more - 1)).await;
    }

    /// Waits until it does not judge.
    pub(crate) async fn stale(&self) {
        until("it does not judge", async || !self.process.outpost().remote.is_fresh()).await;
    }

    /// What opens tokens there.
    pub(crate) fn keys(&self) -> Arc<causeway_protocol::access_keys::AccessKeys> {
        causeway_guard::Authority::keys(self.process.outpost().remote.as_ref())
    }

    /// Stops it; what it noted is reported.
    pub(crate) async fn stop(self) {
        self.process.stop().await;
    }
}

/// A way to a node that can be shut, and be led to another.
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    to: watch::Sender<Option<SocketAddr>>,
    task: JoinHandle<()>,
}

impl Door {
    pub(crate) async fn to(node: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (to, leads) = watch::channel(Some(node));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, leads.clone()));
            }
        });
        Self { address, to, task }
    }

    /// Whoever is on the way is cut off.
    pub(crate) fn shut(&self) {
        self.to.send_replace(None);
    }

    pub(crate) fn leads_to(&self, node: SocketAddr) {
        self.to.send_replace(Some(node));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut stream: TcpStream, mut leads: watch::Receiver<Option<SocketAddr>>) {
    let Some(node) = *leads.borrow_and_update() else { return };
    let Ok(mut there) = TcpStream::connect(node).await else { return };
    tokio::select! {
        _ended = copy_bidirectional(&mut stream, &mut there) => {}
        _shut = leads.changed() => {}
    }
}

/// Switches an API key off.
pub(crate) async fn switch_off(platform: &Platform, key: &str) {
    let node = &platform.edge.node;
    let found = node.store.api_key(digest(key)).await.unwrap().expect("the seed's");
    let act = Act { at: node.now(), actor: "test".into(), verb: "off", subject: None, detail: String::new() };
    platform.apply(Change::Switch { subject: found.id.into(), active: false, act }).await;
}
