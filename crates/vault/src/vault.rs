//! The vault itself: what it is opened with, what it holds, and the reads that need no flow.
//! Connecting stands in `connect.rs`, calling in `lifecycle.rs`, renewing in `refresh.rs`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal, UnixTime};

use crate::client::{Client, Unreached};
use crate::clock::{Clock, Entropy};
use crate::keys::MasterKeys;
use crate::platform::Platform;
use crate::reply::Answer;
use crate::show;
use crate::speech::Outgoing;
use crate::store::{Connection, Status, Store};
use crate::timeline::{Outcome, Step, StepKind, Timeline};

/// How long and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For one request, answer included.
    pub timeout: Duration,
    /// Times that a request is sent before its failure is the caller's.
    pub tries: u32,
    /// The first pause between two tries; it doubles.
    pub back_off: Duration,
    /// A longer wait that a platform asks for is not waited out: the caller is told.
    pub longest_wait: Duration,
    /// The longest answer to an API call, in bytes.
    pub answer: usize,
    /// How long a person may take to come back from the platform.
    pub connect_life: Seconds,
    /// So many people are on their way at once; beyond, the one who left first is forgotten.
    pub connects: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            tries: 3,
            back_off: Duration::from_millis(500),
            longest_wait: Duration::from_secs(10),
            answer: 8 << 20,
            connect_life: Seconds(600),
            connects: 10_000,
        }
    }
}

/// A connection's tokens as they may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Four hex digits of the access token's SHA-256.
    pub access: String,
    /// The same of the refresh token.
    pub refresh: Option<String>,
    /// When the vault will renew them by itself; `None`: there is no refresh token, or nobody says when the access
    /// token ends.
    pub renews: Option<UnixTime>,
}

/// See the crate. A handle; cheap to clone.
#[derive(Clone)]
pub struct Vault(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) platforms: BTreeMap<String, Platform>,
    pub(crate) store: Store,
    pub(crate) client: Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) limits: Limits,
    pub(crate) timeline: Timeline,
    /// Migrations under way in this process.
    pub(crate) campaigns: crate::migrate::Board,
    /// Where the file stands.
    pub(crate) directory: std::path::PathBuf,
    /// One refresh at a time per connection in this process; the store's lease does it across processes.
    gates: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
    /// After a failed early refresh: do not try another early one before this.
    pub(crate) not_before: Mutex<HashMap<i64, UnixTime>>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.platforms.keys()).finish()
    }
}

/// No list of connections is longer.
pub const PAGE: u32 = 500;

impl Vault {
    /// Opens or makes the vault in a directory that exists. Problems: one clear line each.
    pub fn open(
        directory: &Path,
        keys: MasterKeys,
        platforms: Vec<Platform>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Vec<String>> {
        let mut problems: Vec<String> = platforms.iter().flat_map(Platform::problems).collect();
        let tls = platforms.iter().any(Platform::wants_tls);
        let mut known = BTreeMap::new();
        for platform in platforms {
            if let Some(twice) = known.insert(platform.key().to_owned(), platform) {
                problems.push(format!("{}: configured twice", twice.key()));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let client = Client::new(tls, limits.timeout).map_err(|error| vec![format!("TLS: {error}")])?;
        let store = Store::open(directory, keys, Arc::clone(&entropy))?;
        Ok(Self(Arc::new(Inner {
            platforms: known,
            store,
            client,
            clock,
            entropy,
            limits,
            timeline: Timeline::default(),
            campaigns: crate::migrate::Board::default(),
            directory: directory.to_owned(),
            gates: Mutex::default(),
            not_before: Mutex::default(),
        })))
    }

    /// The platforms, by key.
    pub fn platforms(&self) -> impl Iterator<Item = &Platform> {
        self.0.platforms.values()
    }

    /// One platform.
    pub fn platform(&self, key: &str) -> Option<&Platform> {
        self.0.platforms.get(key)
    }

    /// A mark that only this vault's processes can make of `text`, for what its users hand out and want to know again.
    /// The same after a restart; another one after a change of the master key.
    pub fn mark(&self, purpose: &str, text: &str) -> [u8; 16] {
        self.0.store.mark(purpose, text)
    }

    /// The time, as the vault has it.
    pub fn now(&self) -> UnixTime {
        self.0.clock.now()
    }

    /// The first [`PAGE`] connections, those included that need a person. Whoever may have more goes on with
    /// [`Vault::connections_after`].
    pub async fn connections(&self) -> Result<Vec<Connection>, Refusal> {
        self.connections_after(0).await
    }

    /// The next [`PAGE`] connections behind this number, in ascending order.
    pub async fn connections_after(&self, id: i64) -> Result<Vec<Connection>, Refusal> {
        let page = self.0.store.connections(id, PAGE).await?;
        Ok(page.into_iter().map(|connection| self.0.seen(connection)).collect())
    }

    /// One connection.
    pub async fn connection(&self, id: i64) -> Result<Connection, Refusal> {
        let connection = self.0.store.connection(id).await?.ok_or(Reason::NotConnected.refuse())?;
        Ok(self.0.seen(connection))
    }

    /// The connection that this account has, or had, to this platform.
    pub async fn connection_of(&self, platform: &str, account: &str) -> Result<Option<Connection>, Refusal> {
        let found = self.0.store.connection_of(platform.to_owned(), account.to_owned()).await?;
        Ok(found.map(|connection| self.0.seen(connection)))
    }

    /// What may be shown of its tokens; `None` when there are none.
    pub async fn tokens(&self, id: i64) -> Result<Option<Tokens>, Refusal> {
        Ok(self.0.store.live(id).await?.map(|live| Tokens {
            access: show::fingerprint(live.access.expose()),
            refresh: live.refresh.as_ref().map(|token| show::fingerprint(token.expose())),
            renews: live.refresh.as_ref().and_then(|_| self.0.renews(&live.connection)),
        }))
    }

    /// What just happened between this account and this platform, oldest first.
    pub fn timeline(&self, platform: &str, account: &str) -> Vec<Step> {
        self.0.timeline.of(platform, account)
    }

    /// Chooses the site that calls are about.
    pub async fn choose_site(&self, id: i64, site: &str) -> Result<(), Refusal> {
        let connection = self.connection(id).await?;
        if !connection.sites.iter().any(|offered| offered.id == site && offered.active) {
            return Err(Reason::SiteNotOffered.refuse());
        }
        Ok(self.0.store.choose_site(id, site.to_owned()).await?)
    }
}

impl Inner {
    pub(crate) fn platform_of(&self, connection: &Connection) -> Result<&Platform, Refusal> {
        self.platforms.get(&connection.platform).ok_or(Reason::NotConnected.into())
    }

    /// The connection, if it works; no request is sent for one that a person has to repair.
    pub(crate) fn working(connection: &Connection) -> Result<(), Refusal> {
        match &connection.status {
            Status::Connected => Ok(()),
            Status::ReconnectNeeded { reason, .. } => Err(Reason::ReconnectNeeded.about(reason.clone())),
            Status::Disconnected { .. } => Err(Reason::NotConnected.refuse()),
        }
    }

    /// With what the profile adds: from when on people are warned. Of a life that is shorter than two warnings, only
    /// the second half warns.
    pub(crate) fn seen(&self, connection: Connection) -> Connection {
        let partner = self.platforms.get(&connection.platform).map(|platform| &platform.profile.partner);
        let ahead = partner.map(|rules| {
            let half = rules.refresh_life.map_or(rules.refresh_warn, |life| Seconds(life.0 / 2));
            rules.refresh_warn.min(half)
        });
        let warns_at = connection.refresh_ends.zip(ahead).map(|(ends, ahead)| ends - ahead);
        Connection { warns_at, ..connection }
    }

    pub(crate) fn gate(&self, id: i64) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(id).or_default())
    }

    /// When the vault renews the access token: ahead of its end, spread by a jitter that is the pair's own (SECURITY
    /// PV-03). A short-lived token is renewed at half its life, so that no platform's setting makes a refresh loop.
    /// `None`: nobody says when it ends.
    pub(crate) fn renews(&self, connection: &Connection) -> Option<UnixTime> {
        let ends = connection.access_ends?;
        let Some(platform) = self.platforms.get(&connection.platform) else { return Some(ends) };
        let ahead = platform.profile.partner.refresh_ahead.0;
        let seed = [connection.id.to_be_bytes(), connection.generation.to_be_bytes()];
        let noise = u32::from_be_bytes(causeway_protocol::seal::sha256(&[&seed[0], &seed[1]]));
        let jitter = i64::from(noise) % (ahead / 5 + 1);
        let half = ends.since(connection.obtained).0 / 2;
        Some(ends - Seconds((ahead + jitter).min(half)))
    }

    /// The pause before try number `attempt` + 1: what the platform asks for, else doubling, with up to a quarter more
    /// by chance, so that many partners do not return at once. `None`: longer than anybody should wait for an answer.
    pub(crate) fn wait(&self, attempt: u32, asked: Option<Seconds>) -> Option<Duration> {
        let own = self.limits.back_off.saturating_mul(1 << attempt.min(6));
        let noise: [u8; 1] = crate::clock::random(self.entropy.as_ref());
        let own = own + own.mul_f64(f64::from(noise[0]) / 1024.0);
        let wait = asked.map_or(own, |seconds| Duration::from_secs(seconds.0.max(0) as u64).max(own));
        (wait <= self.limits.longest_wait).then_some(wait)
    }

    /// Sends, and tells the log in one line without a secret.
    pub(crate) async fn send(&self, platform: &Platform, out: &Outgoing, most: usize) -> Result<Answer, Unreached> {
        let result = self.client.send(platform, out, most).await;
        let path = out.url.split('?').next().unwrap_or_default();
        match &result {
            Ok(answer) => tracing::info!(platform = platform.key(), method = out.method, path, status = answer.status),
            Err(why) => tracing::warn!(platform = platform.key(), method = out.method, path, why = why.words()),
        }
        result
    }

    pub(crate) fn note(
        &self,
        of: (&str, &str),
        kind: StepKind,
        outcome: Outcome,
        shown: (String, String),
        meaning: String,
    ) {
        let (request, reply) = shown;
        self.timeline.add(of.0, of.1, Step { at: self.clock.millis(), kind, outcome, request, reply, meaning });
    }
}
