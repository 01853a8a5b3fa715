//! What a node or an edge guard holds in memory: the taken-back set, every app, the scope registry, and a bounded cache of
//! customers with their sites. The feed keeps it right (TOKENS 6). Nothing here decides.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use causeway_protocol::legacy::ApiKey;
use causeway_protocol::numbered::Numbered;
use causeway_protocol::records::{App, Customer, FeedEntry, FeedEvent};
use causeway_protocol::taken_back::{Gap, TakenBack, Verdict};
use causeway_protocol::{ApiKeyId, AppId, AudienceId, CustomerId, Position, Scopes, Subject, SubjectKind};

/// How many customers are remembered. One is a few hundred bytes; a call of any other costs a read.
const MAX_CUSTOMERS: usize = 50_000;

/// The authority cannot be asked right now: 503, never a false 401.
#[derive(Clone, Copy, Debug)]
pub struct Unavailable;

/// Where a customer is read from on first use.
pub trait CustomerSource: Send + Sync {
    /// The customer with its sites.
    fn load(&self, id: CustomerId) -> impl Future<Output = Result<Option<Customer>, Unavailable>> + Send;
}

/// What feed entries made stale, besides the set itself: to be read again before anybody relies on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    /// Apps to reload.
    pub apps: Vec<AppId>,
    /// API keys to reload.
    pub api_keys: Vec<ApiKeyId>,
    /// Audiences whose access key was replaced.
    pub audiences: Vec<AudienceId>,
}

/// See the module.
#[derive(Debug)]
pub struct Held {
    taken_back: RwLock<TakenBack>,
    apps: RwLock<Numbered<AppId, Arc<App>>>,
    by_client_id: RwLock<HashMap<String, AppId>>,
    api_keys: RwLock<HashMap<[u8; 32], Arc<ApiKey>>>,
    /// Until when, on the monotonic clock in nanoseconds, what was heard last counts as fresh.
    fresh_until: AtomicU64,
    moved: Moved,
    scopes: RwLock<Arc<Scopes>>,
    customers: RwLock<Numbered<CustomerId, Arc<Customer>>>,
    misses: AtomicU64,
    owed: AtomicI64,
    forgotten: AtomicI64,
}

/// Who is told that the feed moved.
#[derive(Default)]
struct Moved(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl std::fmt::Debug for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Moved")
    }
}

/// A poisoned lock means a panic between two plain inserts; the maps are whole all the same.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Held {
    /// Nothing, fresh for ever.
    fn default() -> Self {
        Self {
            taken_back: RwLock::default(),
            apps: RwLock::default(),
            by_client_id: RwLock::default(),
            api_keys: RwLock::default(),
            fresh_until: AtomicU64::new(u64::MAX),
            moved: Moved::default(),
            scopes: RwLock::default(),
            customers: RwLock::default(),
            misses: AtomicU64::new(0),
            owed: AtomicI64::new(0),
            forgotten: AtomicI64::new(0),
        }
    }
}

impl Held {
    /// What a node loaded at start. Fresh for ever, until [`Held::heard`] says otherwise.
    pub fn new(taken_back: TakenBack, apps: Vec<App>, scopes: Scopes) -> Self {
        let held = Self { taken_back: RwLock::new(taken_back), ..Self::default() };
        held.set_scopes(scopes);
        apps.into_iter().for_each(|app| held.put_app(app));
        held
    }

    /// How far the feed was read.
    pub fn head(&self) -> Position {
        read(&self.taken_back).head()
    }

    /// Says that a take-back at this position is durable: until the set has reached it, no guard may speak (TOKENS 6). To be
    /// called by whoever could not read it in.
    pub fn owe(&self, position: Position) {
        self.owed.fetch_max(position.0, Ordering::Release);
    }

    /// Whether the set holds everything that it is known to have to hold.
    pub fn is_ready(&self) -> bool {
        self.head().0 >= self.owed.load(Ordering::Acquire)
    }

    /// How many subjects the taken-back set holds.
    pub fn taken_back_len(&self) -> usize {
        read(&self.taken_back).len()
    }

    /// The feed was known to be read to its head by a question that was asked at `asked_at`; that counts for `limit`
    /// (nanoseconds of the monotonic clock, TOKENS 6 `stale_limit`).
    pub fn heard(&self, asked_at: u64, limit: u64) {
        self.fresh_until.store(asked_at.saturating_add(limit), Ordering::Release);
    }

    /// Something is known to be missing: nothing counts as fresh until the feed was [`heard`](Held::heard) again.
    pub fn lost(&self) {
        self.fresh_until.store(0, Ordering::Release);
    }

    /// For how long it will still count, in nanoseconds from then; zero: it does not. `None`: for ever.
    pub fn fresh_for(&self, monotonic_nanos: u64) -> Option<u64> {
        let until = self.fresh_until.load(Ordering::Acquire);
        (until != u64::MAX).then(|| until.saturating_sub(monotonic_nanos))
    }

    /// Runs this each time entries were taken in; it must not wait. Only the first to ask is told.
    pub fn when_it_moves(&self, tell: impl Fn() + Send + Sync + 'static) {
        let _somebody_else_is_told = self.moved.0.set(Box::new(tell));
    }

    /// Whether what is held is fresh enough to speak for the authority.
    pub fn is_fresh(&self, monotonic_nanos: u64) -> bool {
        monotonic_nanos <= self.fresh_until.load(Ordering::Acquire)
    }

    /// An API key by its digest, also one that is switched off.
    pub fn api_key(&self, digest: &[u8; 32]) -> Option<Arc<ApiKey>> {
        read(&self.api_keys).get(digest).cloned()
    }

    /// Adds or replaces an API key.
    pub fn put_api_key(&self, key: ApiKey) {
        write(&self.api_keys).insert(key.digest, Arc::new(key));
    }

    /// Everything anew: after a gap that the feed cannot close any more. Customers are forgotten.
    pub fn replace(&self, taken_back: TakenBack, apps: Vec<App>, api_keys: Vec<ApiKey>, scopes: Scopes) {
        let mut set = write(&self.taken_back);
        *write(&self.by_client_id) = apps.iter().map(|app| (app.client_id.clone(), app.id)).collect();
        *write(&self.apps) = apps.into_iter().map(|app| (app.id, Arc::new(app))).collect();
        *write(&self.api_keys) = api_keys.into_iter().map(|key| (key.digest, Arc::new(key))).collect();
        write(&self.customers).clear();
        self.set_scopes(scopes);
        *set = taken_back;
    }

    /// Takes feed entries in, oldest first, and forgets what they make stale. Answers what to reload, and whether a gap stopped
    /// it.
    pub fn absorb(&self, entries: &[FeedEntry]) -> (Stale, Result<(), Gap>) {
        let mut stale = Stale::default();
        let mut set = write(&self.taken_back);
        for entry in entries {
            if let Err(gap) = set.absorb(entry) {
                return (stale, Err(gap));
            }
            match entry.subject.kind {
                SubjectKind::App => stale.apps.push(AppId(entry.subject.id)),
                SubjectKind::ApiKey => stale.api_keys.push(ApiKeyId(entry.subject.id)),
                SubjectKind::Audience => stale.audiences.push(AudienceId(entry.subject.id)),
                SubjectKind::Customer if entry.event != FeedEvent::CutAll => {
                    write(&self.customers).remove(&CustomerId(entry.subject.id));
                }
                // A site's customer is not named: sites change rarely, forgetting all is cheap and right.
                SubjectKind::Site => write(&self.customers).clear(),
                _ => {}
            }
        }
        drop(set);
        if let Some(tell) = self.moved.0.get().filter(|_| !entries.is_empty()) {
            tell();
        }
        (stale, Ok(()))
    }

    /// May an access token that names these subjects be honoured, as far as this node has read?
    pub fn access(&self, as_of: Position, subjects: impl IntoIterator<Item = Subject>) -> Verdict {
        read(&self.taken_back).access(as_of, subjects)
    }

    /// The same, with the position that it was judged at; [`Unavailable`] while this node knows that it cannot know.
    pub fn judge(
        &self,
        as_of: Position,
        subjects: impl IntoIterator<Item = Subject>,
        monotonic_nanos: u64,
    ) -> Result<(Verdict, Position), Unavailable> {
        let set = read(&self.taken_back);
        if set.head().0 < self.owed.load(Ordering::Acquire) || !self.is_fresh(monotonic_nanos) {
            return Err(Unavailable);
        }
        Ok((set.access(as_of, subjects), set.head()))
    }

    /// Runs with the set as it stands.
    pub fn with_taken_back<R>(&self, run: impl FnOnce(&TakenBack) -> R) -> R {
        run(&read(&self.taken_back))
    }

    /// Forgets cuts up to this position: no living token can be older than them.
    pub fn forget(&self, position: Position) {
        write(&self.taken_back).forget(position);
        self.forgotten.fetch_max(position.0, Ordering::Release);
    }

    /// How far cuts were forgotten.
    pub fn forgotten(&self) -> Position {
        Position(self.forgotten.load(Ordering::Acquire))
    }

    /// The scope registry.
    pub fn scopes(&self) -> Arc<Scopes> {
        read(&self.scopes).clone()
    }

    /// Replaces the registry (it only grows).
    pub fn set_scopes(&self, scopes: Scopes) {
        *write(&self.scopes) = Arc::new(scopes);
    }

    /// An app, by number.
    pub fn app(&self, id: AppId) -> Option<Arc<App>> {
        read(&self.apps).get(&id).cloned()
    }

    /// An app, by its public name.
    pub fn app_by_client_id(&self, client_id: &str) -> Option<Arc<App>> {
        let id = *read(&self.by_client_id).get(client_id)?;
        self.app(id)
    }

    /// Every app, in no order.
    pub fn apps(&self) -> Vec<Arc<App>> {
        read(&self.apps).values().cloned().collect()
    }

    /// Adds or replaces an app.
    pub fn put_app(&self, app: App) {
        write(&self.by_client_id).insert(app.client_id.clone(), app.id);
        write(&self.apps).insert(app.id, Arc::new(app));
    }

    /// How many customers had to be read from the authority.
    pub fn customer_misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// A customer with its sites: from memory, or once from the source.
    pub async fn customer(
        &self,
        id: CustomerId,
        source: &impl CustomerSource,
    ) -> Result<Option<Arc<Customer>>, Unavailable> {
        if let Some(known) = read(&self.customers).get(&id) {
            return Ok(Some(known.clone()));
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        // Read the head first: if anything is taken back while we load, what we loaded may be old and is not kept.
        let head = self.head();
        let Some(loaded) = source.load(id).await?.map(Arc::new) else { return Ok(None) };
        let set = read(&self.taken_back);
        if set.head() == head {
            let mut customers = write(&self.customers);
            if customers.len() >= MAX_CUSTOMERS {
                let leaving: Vec<_> = customers.keys().copied().take(MAX_CUSTOMERS / 8).collect();
                leaving.iter().for_each(|id| drop(customers.remove(id)));
            }
            customers.insert(id, loaded.clone());
        }
        drop(set);
        Ok(Some(loaded))
    }
}
