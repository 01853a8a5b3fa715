//! How several nodes share one model: each has a way of its own to it, which a test can cut or silence, and through it leaves
//! its signs of life. What the store itself does is not changed by any of that.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use causeway_protocol::cluster::{Beat, NodeId, Share};
use tokio::sync::Notify;

use super::{Model, State};
use crate::{StoreError, Stored};

/// What all nodes reach.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<Box<State>>,
    signs: Mutex<Signs>,
    links: Mutex<Vec<Weak<Link>>>,
}

/// What nodes say about themselves. It is no record: nothing of it is needed to decide.
#[derive(Default)]
struct Signs {
    beats: BTreeMap<NodeId, Beat>,
    shares: BTreeMap<NodeId, Share>,
}

/// One node's way to the store.
#[derive(Debug, Default)]
pub struct Link {
    cut: AtomicBool,
    silent: AtomicBool,
    news: Notify,
}

impl Link {
    /// Cuts this node off, or lets it back: meanwhile every read and write of its fails.
    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }

    /// Keeps news from this node, or lets them through again: meanwhile it finds out by asking alone.
    pub fn silence(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    pub(super) async fn news(&self) {
        self.news.notified().await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Model {
    /// An empty store with one node.
    fn default() -> Self {
        Self::of(Arc::default())
    }
}

impl Model {
    fn of(shared: Arc<Shared>) -> Self {
        let link = Arc::new(Link::default());
        lock(&shared.links).push(Arc::downgrade(&link));
        Self { shared, link }
    }

    /// The same store, as another node reaches it.
    #[must_use]
    pub fn node(&self) -> Self {
        Self::of(Arc::clone(&self.shared))
    }

    /// This node's way to the store.
    pub fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link)
    }

    pub(super) fn state(&self) -> Stored<MutexGuard<'_, Box<State>>> {
        self.reached().map(|()| lock(&self.shared.state))
    }

    fn reached(&self) -> Stored<()> {
        match self.link.cut.load(Ordering::SeqCst) {
            true => Err(StoreError::Failed("cut off".to_owned())),
            false => Ok(()),
        }
    }

    pub(super) fn tell_others(&self) {
        let mut links = lock(&self.shared.links);
        links.retain(|link| link.strong_count() > 0);
        let others = links.iter().filter_map(Weak::upgrade).filter(|link| !Arc::ptr_eq(link, &self.link));
        let hears = |link: &Arc<Link>| !link.silent.load(Ordering::SeqCst) && !link.cut.load(Ordering::SeqCst);
        others.filter(hears).for_each(|link| link.news.notify_one());
    }

    pub(super) fn beaten(&self, beat: Beat) -> Stored<Vec<Beat>> {
        self.reached()?;
        let oldest = beat.at_millis.saturating_sub(Beat::FORGOTTEN.0 as u64 * 1_000);
        let beats = &mut lock(&self.shared.signs).beats;
        beats.insert(beat.node, beat);
        beats.retain(|_, known| known.at_millis >= oldest);
        Ok(beats.values().cloned().collect())
    }

    pub(super) fn left(&self, node: NodeId) -> Stored<()> {
        self.reached()?;
        let mut signs = lock(&self.shared.signs);
        signs.beats.remove(&node);
        signs.shares.remove(&node);
        Ok(())
    }

    pub(super) fn shared_out(&self, own: Share) -> Stored<Vec<Share>> {
        self.reached()?;
        let shares = &mut lock(&self.shared.signs).shares;
        let node = own.node;
        shares.insert(node, own);
        Ok(shares.values().filter(|share| share.node != node).cloned().collect())
    }
}
