//! One running platform: profile, store, keys and what is held in memory. Flows take a `&Node`; nothing here knows HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use causeway_guard::{CustomerSource, Held, Unavailable};
use causeway_protocol::cluster::NodeId;
use causeway_protocol::profile::Profile;
use causeway_protocol::records::{App, Customer};
use causeway_protocol::seal::{KeyRing, SealError, Sealed};
use causeway_protocol::taken_back::TakenBack;
use causeway_protocol::{Change, CustomerId, FamilyId, Outcome, Reason, Refusal, UnixTime};
use causeway_storage::{Engine, Store, StoreError, Stored};

use crate::clock::{Clock, Entropy, random};
use crate::cluster::{Cluster, tail};
use crate::ring::HeldRing;

/// Where the platform is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    /// `http://localhost:8081`: authorize and the pages. The issuer. No trailing slash.
    pub login: String,
    /// Token endpoint and API. Equal to `login` when there is one origin.
    pub api: String,
}

/// See the module.
pub struct Node {
    /// The platform.
    pub profile: Profile,
    /// Its addresses.
    pub origins: Origins,
    /// The authority.
    pub store: Engine,
    /// The keys.
    pub rings: HeldRing,
    /// What is held in memory.
    pub held: Held,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Feed entries that this process wrote.
    pub take_backs: AtomicU64,
    /// True from a write that the store failed (the disk is full) to the next one that it took.
    pub writes_fail: AtomicBool,
    /// It failed because the disk is full.
    pub(crate) disk_full: AtomicBool,
    /// Its place among other nodes.
    pub cluster: Cluster,
    last_family: AtomicU64,
}

/// How a write ended for a flow: the store's own failures have become refusals.
pub type Written = Result<Outcome, Refusal>;

impl Node {
    /// Loads what a node holds, and registers the profile's scope words.
    pub async fn start(
        profile: Profile,
        origins: Origins,
        store: Engine,
        rings: impl Into<HeldRing>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Stored<Self> {
        let words = profile.scopes.iter().map(|scope| scope.name.clone()).collect();
        store.apply(Change::RegisterScopes(words)).await?;
        store.apply(Change::RaiseAccessLife(profile.token.access_life)).await?;
        let boot = store.boot().await?;
        let held = Held::new(TakenBack::new(boot.head, boot.cuts), boot.apps, boot.scopes);
        boot.api_keys.into_iter().for_each(|key| held.put_api_key(key));
        let node = Self {
            profile,
            origins,
            store,
            rings: rings.into(),
            held,
            clock,
            entropy,
            take_backs: AtomicU64::new(0),
            writes_fail: AtomicBool::new(false),
            disk_full: AtomicBool::new(false),
            cluster: Cluster::new(NodeId::default()),
            last_family: AtomicU64::new(0),
        };
        node.read_access_cut();
        Ok(node)
    }

    /// The time.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// The keys as they are now. A request uses one ring from its beginning to its end.
    pub fn ring(&self) -> Arc<KeyRing> {
        self.rings.get()
    }

    /// A ring that was read after `this` one, which did not hold some key (TOKENS 3).
    pub async fn ring_after(&self, this: &Arc<KeyRing>) -> Option<Arc<KeyRing>> {
        let feed = async { tail::read(self).await.is_ok() };
        // Boxed: a rare way, and a long one, that every request's future would have to hold room for.
        Box::pin(self.rings.after(this, self.clock.as_ref(), feed)).await
    }

    /// The same for a text that was presented at `began` (monotonic). If the feed was read to its head since, an access key that
    /// is still not known was replaced, and the ring says so from then on.
    pub async fn ring_for(
        &self,
        this: &Arc<KeyRing>,
        (prefix, text): (&str, &str),
        began: u64,
    ) -> Option<Arc<KeyRing>> {
        let ring = self.ring_after(this).await?;
        if self.cluster.heard_since(began) {
            ring.is_replaced(prefix, text);
        }
        Some(ring)
    }

    /// Opens a text of one kind. A key that is not held may have come meanwhile: the ring is read again, at most once a
    /// second, before anybody hears `UnknownKey`.
    pub async fn open<T: Sealed>(&self, prefix: &str, text: &str, now: UnixTime) -> Result<T, SealError> {
        let (ring, began) = (self.ring(), self.clock.monotonic_nanos());
        let opened = ring.open(prefix, text, now);
        if !matches!(opened, Err(SealError::UnknownKey(_))) {
            return opened;
        }
        match self.ring_for(&ring, (prefix, text), began).await {
            Some(ring) => ring.open(prefix, text, now),
            None => opened,
        }
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        random(self.entropy.as_ref())
    }

    /// A family id that this process never gave out before.
    pub fn family_id(&self) -> FamilyId {
        let noise = u32::from_be_bytes(self.random());
        let fresh = FamilyId::at(self.clock.millis(), noise).0 as u64;
        let last = self.last_family.fetch_max(fresh, Ordering::Relaxed);
        if fresh > last {
            FamilyId(fresh as i64)
        } else {
            FamilyId(self.last_family.fetch_add(1, Ordering::Relaxed) as i64 + 1)
        }
    }

    /// Applies a change and takes its feed entries in before anybody is answered: what is taken back here is refused here
    /// from the next request on.
    pub async fn apply(&self, change: Change) -> Written {
        let known = self.held.head();
        if self.cluster.behind().is_some() {
            return Err(Reason::StoreFailed.refuse());
        }
        // A sweep that finds nothing writes nothing, and so says nothing about the disk.
        let telling = !matches!(change, Change::Sweep(_));
        let takes_back = matches!(
            change,
            Change::RepudiateFamily { .. }
                | Change::CutToken { .. }
                | Change::CutConnection { .. }
                | Change::Switch { .. }
        );
        let outcome = self.store.apply(change).await.map_err(|error| {
            if !matches!(error, StoreError::Busy) {
                self.disk_full.store(matches!(error, StoreError::Full(_)), Ordering::Relaxed);
                self.writes_fail.store(true, Ordering::Relaxed);
            }
            refusal_of(error)
        })?;
        if let Outcome::Applied(applied) = &outcome {
            if applied.position < known {
                // Whatever was written there, nobody hears of it: that store is not the one that this node knows.
                tail::stands_behind(self, applied.position);
                return Err(Reason::StoreFailed.refuse());
            }
            if telling && self.writes_fail.load(Ordering::Relaxed) {
                self.writes_fail.store(false, Ordering::Relaxed);
            }
            if !applied.feed.is_empty() {
                self.take_backs.fetch_add(applied.feed.len() as u64, Ordering::Relaxed);
            }
            Box::pin(tail::take_in(self, applied)).await.map_err(|_| Reason::GuardNotReady.refuse())?;
        } else if takes_back {
            // Another node took it back, perhaps a moment ago: whoever says here that it is so must refuse it here as well.
            tail::read(self).await.map_err(|_| Reason::GuardNotReady.refuse())?;
        }
        Ok(outcome)
    }

    /// Takes in what the feed holds beyond what this node has read, unless somebody is at it.
    ///
    /// # Errors
    /// [`Reason::StoreFailed`].
    pub async fn read_feed(&self) -> Result<(), Refusal> {
        tail::read_if_nobody_does(self).await.map_err(|_| Reason::StoreFailed.refuse())
    }

    /// Whether what is held may be the ground of a "no": a node that has not heard from its store for `stale_limit` cannot know
    /// (TOKENS 6).
    ///
    /// # Errors
    /// [`Reason::GuardNotReady`], which is 503, never a false 401.
    pub fn speaks(&self) -> Result<(), Refusal> {
        let knows = self.held.is_ready() && self.held.is_fresh(self.clock.monotonic_nanos());
        if knows { Ok(()) } else { Err(Reason::GuardNotReady.refuse()) }
    }

    /// An app by its public name, from memory.
    pub fn app(&self, client_id: &str) -> Option<Arc<App>> {
        self.held.app_by_client_id(client_id)
    }
}

/// A failure of the store, as a caller may see it.
pub fn refusal_of(error: StoreError) -> Refusal {
    match error {
        StoreError::Busy => Reason::StoreBusy.refuse(),
        error => {
            tracing::error!(%error, "a change or a read failed");
            Reason::StoreFailed.refuse()
        }
    }
}

impl CustomerSource for Node {
    async fn load(&self, id: CustomerId) -> Result<Option<Customer>, Unavailable> {
        Box::pin(self.store.customer(id)).await.map_err(|_| Unavailable)
    }
}
