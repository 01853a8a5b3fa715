//! A guard that stands apart from the nodes: what it holds comes over one authenticated stream from any of them, and
//! goes on coming when one of them goes away (TOKENS 3, "edge guard"; 6). What is decided with it stands elsewhere.
//!
//! ```text
//! let remote = Remote::connect(Settings::of(&profile, nodes, edge_key))?;      // an `Authority`
//! remote.loaded().await;
//! tokio::spawn(remote.clone().tell(guard.clone()));           // budgets kept together with the nodes, and last uses
//! let pass = guard.check(&call, remote.held(), &remote.keys(), remote.customers()).await?;
//! ```

mod clock;
mod nodes;
mod stream;
mod telling;
pub mod wire;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use causeway_protocol::access_keys::AccessKeys;
use causeway_protocol::cluster::NodeId;
use causeway_protocol::profile::Profile;
use causeway_protocol::records::Customer;
use causeway_protocol::refusal::WireError;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{ConnectionId, ConsumerId, CustomerId, Reason, UnixTime, UserId};
use http::Method;
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub use clock::{Clock, System};
pub use telling::TELL_EVERY;

use crate::authority::Authority;
use crate::call::{Call, Credential, Identified};
use crate::denied::Denied;
use crate::held::{CustomerSource, Held, Unavailable};
use nodes::{Nodes, Repeat};
use telling::Telling;

/// How long a guard goes on without having heard that nothing was taken back (TOKENS 6).
pub const STALE_LIMIT: Duration = Duration::from_secs(5);

/// How long a guard waits for a node.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For an answer.
    pub answer: Duration,
    /// A node that says nothing for so long is gone: it says that it lives four times a second.
    pub silence: Duration,
    /// So long a call waits for a key that it was sealed with, and that is not held yet.
    pub key: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(1), answer: seconds(3), silence: seconds(2), key: seconds(1) }
    }
}

/// What an edge is started with.
pub struct Settings {
    /// The profile's key: whose tokens.
    pub platform: String,
    /// What access tokens begin with.
    pub prefix: String,
    /// The nodes' admin listeners (`https://10.0.0.5:9090`; plain http on loopback only), in the order in which they
    /// are tried.
    pub nodes: Vec<String>,
    /// The nodes' edge key.
    pub key: Secret,
    /// PEM of who may sign the nodes' certificates; `None`: whom the machine trusts.
    pub ca: Option<Vec<u8>>,
    /// See [`STALE_LIMIT`].
    pub stale_limit: Duration,
    /// What the nodes' operators see this guard as: its machine, say. At most 64 characters of visible ASCII are shown.
    pub name: String,
    /// How long it waits for a node.
    pub patience: Patience,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// For this platform, everything else at its default.
    pub fn of(profile: &Profile, nodes: Vec<String>, key: Secret) -> Self {
        Self {
            platform: profile.key.clone(),
            prefix: profile.token.prefixes.access.clone(),
            nodes,
            key,
            ca: None,
            stale_limit: STALE_LIMIT,
            name: String::new(),
            patience: Patience::default(),
            clock: Arc::new(System),
        }
    }
}

/// See the module. Dropping it ends the stream.
pub struct Remote {
    shared: Arc<Shared>,
    telling: Telling,
    stream: AbortHandle,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.stream.abort();
    }
}

/// What the stream's task and the checks share.
struct Shared {
    /// As nodes have one; what this guard tells a node counts while a stream is open there by this number.
    id: NodeId,
    name: String,
    platform: String,
    prefix: String,
    stale_limit: u64,
    patience: Patience,
    held: Held,
    keys: RwLock<Arc<AccessKeys>>,
    nodes: Nodes,
    clock: Arc<dyn Clock>,
    /// Signs of life that were heard in all; the first one says that a whole state is there.
    beats: watch::Sender<u64>,
    /// Why the last stream ended.
    trouble: Mutex<Option<String>>,
}

impl Remote {
    /// Begins to listen, on the runtime that this is called on. Until something was heard every call is refused with
    /// 503.
    ///
    /// # Errors
    /// One line for each setting that is not good.
    pub fn connect(settings: Settings) -> Result<Arc<Self>, Vec<String>> {
        let Settings { platform, prefix, nodes, key, ca, stale_limit, name, patience, clock } = settings;
        let held = Held::default();
        // Nothing is known yet, so nothing is fresh.
        held.heard(0, 0);
        let shared = Arc::new(Shared {
            id: clock::name().ok_or_else(|| vec!["the machine gives no randomness".to_owned()])?,
            name: name.chars().take(64).map(|c| if c.is_control() { '?' } else { c }).collect(),
            keys: RwLock::new(Arc::new(AccessKeys::none(&platform))),
            nodes: Nodes::new(&nodes, &key, ca.as_deref(), patience)?,
            platform,
            prefix,
            stale_limit: u64::try_from(stale_limit.as_nanos()).unwrap_or(u64::MAX),
            patience,
            held,
            clock,
            beats: watch::Sender::new(0),
            trouble: Mutex::default(),
        });
        let stream = tokio::spawn(stream::run(Arc::clone(&shared))).abort_handle();
        Ok(Arc::new(Self { shared, telling: Telling::default(), stream }))
    }

    /// Waits until a whole state is there, and a node said that it is alive.
    pub async fn loaded(&self) {
        self.beats_after(0).await;
    }

    /// Whether calls are judged at this moment.
    pub fn is_fresh(&self) -> bool {
        self.shared.held.is_fresh(self.shared.clock.monotonic_nanos())
    }

    /// How often a node said that it is alive.
    pub fn beats(&self) -> u64 {
        *self.shared.beats.borrow()
    }

    /// Why the last stream ended, in words: `https://10.0.0.5:9090: …`. `None`: none has ended yet.
    pub fn trouble(&self) -> Option<String> {
        self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it was said more often than this.
    pub async fn beats_after(&self, count: u64) {
        // The sender lives as long as `self`.
        let mut beats = self.shared.beats.subscribe();
        let _never_closed = beats.wait_for(|beats| *beats > count).await;
    }

    /// The keys to try again with after one was not held: what came meanwhile, or the same keys once it is sure that
    /// what sealed this token was replaced. `None`: nobody knows (503).
    pub async fn keys_after(&self, before: &Arc<AccessKeys>, token: &str) -> Option<Arc<AccessKeys>> {
        let beats = self.beats();
        if !Arc::ptr_eq(&self.keys(), before) {
            return Some(self.keys());
        }
        // The first beat may have been on its way when the call came; the second was not.
        tokio::time::timeout(self.shared.patience.key, self.beats_after(beats + 1)).await.ok()?;
        let now = self.keys();
        now.is_replaced(&self.shared.prefix, token);
        Some(now)
    }

    /// A node's verdict on a call that OAuth 1.0 signed: who makes it, and when OAuth 1.0 ends for them. `None`:
    /// nobody, it is not signed after all.
    ///
    /// # Errors
    /// The node's refusal, or 503.
    pub async fn judge(&self, call: SignedCall<'_>) -> Result<Option<(Identified, Option<UnixTime>)>, Denied> {
        let SignedCall { method, path, query, authorization, form } = call;
        let asked = wire::Signed {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            authorization: authorization.map(str::to_owned),
            form: form.map(|form| STANDARD.encode(form)),
        };
        let body = Bytes::from(serde_json::to_vec(&asked).unwrap_or_default());
        let judged = self.shared.nodes.ask::<wire::Judged>(Method::POST, "/edge/judge", body, Repeat::IfUnheard).await;
        let unknown = |_| Denied { retry_after: Some(Seconds(1)), ..Reason::GuardNotReady.into() };
        let judged = judged.map_err(unknown)?;
        Ok(verdict(judged.verdict)?.map(|who| (who, judged.ends_at.map(UnixTime))))
    }
}

/// See [`Remote::judge`].
#[derive(Clone, Copy, Debug)]
pub struct SignedCall<'a> {
    /// As sent.
    pub method: &'a str,
    /// As sent, escapes and all.
    pub path: &'a str,
    /// As sent.
    pub query: Option<&'a str>,
    /// The header's value.
    pub authorization: Option<&'a str>,
    /// The body, only where the call says that it is a form; at most [`crate::MAX_SITE_BODY`].
    pub form: Option<&'a [u8]>,
}

fn verdict(verdict: wire::Verdict) -> Result<Option<Identified>, Denied> {
    match verdict {
        wire::Verdict::Unsigned => Ok(None),
        wire::Verdict::Refused { number, detail } => {
            let reason = wire::reason(number);
            let wait = (reason.wire() == WireError::TemporarilyUnavailable).then_some(Seconds(1));
            Err(Denied { detail, retry_after: wait, ..reason.into() })
        }
        wire::Verdict::Good { consumer, customer, user, scopes } => Ok(Some(Identified {
            credential: Credential::Consumer(ConsumerId(consumer)),
            customer: CustomerId(customer),
            user: UserId(user),
            scopes: wire::read_scopes(&scopes).ok_or(Reason::OAuth1Refused)?,
        })),
    }
}

impl Authority for Remote {
    type Keys = AccessKeys;
    type Customers = Self;

    fn held(&self) -> &Held {
        &self.shared.held
    }

    fn keys(&self) -> Arc<AccessKeys> {
        Arc::clone(&self.shared.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn customers(&self) -> &Self {
        self
    }

    fn now(&self) -> UnixTime {
        self.shared.clock.now()
    }

    fn monotonic_nanos(&self) -> u64 {
        self.shared.clock.monotonic_nanos()
    }

    async fn judge(&self, call: &Call<'_>, form: Option<&[u8]>) -> Result<Identified, Denied> {
        let authorization = call.headers.get(http::header::AUTHORIZATION).map(|value| value.to_str());
        let authorization = authorization.transpose().map_err(|_| Denied::from(Reason::CredentialsMalformed))?;
        let Call { method, path, query, .. } = *call;
        let signed = SignedCall { method, path, query, authorization, form };
        let judged = Remote::judge(self, signed).await?;
        judged.map(|(who, _ends_at)| who).ok_or(Reason::TokenAbsent.into())
    }

    async fn newer_keys(&self, before: &Arc<AccessKeys>, token: &str) -> Option<Arc<AccessKeys>> {
        self.keys_after(before, token).await
    }

    fn passed(&self, connection: ConnectionId, at: UnixTime) {
        self.telling.seen(connection, at);
    }
}

impl CustomerSource for Remote {
    async fn load(&self, id: CustomerId) -> Result<Option<Customer>, Unavailable> {
        let path = format!("/edge/customers/{}", id.0);
        let found: Option<wire::WireCustomer> =
            self.shared.nodes.ask(Method::GET, &path, Bytes::new(), Repeat::Freely).await?;
        Ok(found.map(wire::WireCustomer::customer).filter(|found| found.id == id))
    }
}
