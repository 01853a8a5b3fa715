//! What a node knows of its place among others: how far it has read the feed and how long ago, who else lives, whether its clock
//! is right (TOKENS 6). Nothing here decides about a token, and nothing here writes to the store.
//!
//! `tail` reads the feed · `beat` gives signs of life and watches the others' · `watch` keeps what was seen of them.

pub mod beat;
pub mod tail;
pub mod watch;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use causeway_guard::Stale;
use causeway_protocol::Position;
use causeway_protocol::cluster::NodeId;

use watch::Watch;

/// How long what was read of the feed counts, unless the operator says otherwise (TOKENS 6 `stale_limit`).
pub const STALE_LIMIT: Duration = Duration::from_secs(5);

/// In service, a question about the feed, the other nodes or their budgets is given up after this: the next one says more.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Before anything is served nobody waits for it, and giving up means that the node does not start. Everything anew takes longer
/// too.
pub(crate) const BOOT_PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct Cluster {
    /// This process.
    pub id: NodeId,
    /// How long what was read of the feed counts.
    pub stale_limit: Duration,
    /// How long the store may take to answer what nobody asked for: [`BOOT_PATIENCE`] until the node serves.
    pub patience: Duration,
    /// One reads the feed at a time: what is read again because of it is then never older than what is held.
    reading: tokio::sync::Mutex<()>,
    /// What entries that were taken in made stale, and was not read again yet.
    debts: Mutex<Stale>,
    /// The feed's head, as the store said last.
    head: AtomicI64,
    /// When that was asked, on the monotonic clock.
    heard_at: AtomicU64,
    /// The last attempt to read failed.
    failing: AtomicBool,
    /// Where the store stands, since it was found behind what this node has read of it.
    behind: Mutex<Option<Position>>,
    /// The newest key of which the shared database is known to hold the mark; `None` where a directory notes the keys.
    pub(crate) marked: Option<Mutex<u16>>,
    /// How many signs of life were given.
    beats: AtomicU64,
    watch: Mutex<Watch>,
}

impl Cluster {
    /// Alone, and nothing read yet.
    pub fn new(id: NodeId) -> Self {
        Self {
            id,
            stale_limit: STALE_LIMIT,
            patience: BOOT_PATIENCE,
            reading: tokio::sync::Mutex::new(()),
            debts: Mutex::default(),
            head: AtomicI64::new(0),
            heard_at: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            behind: Mutex::default(),
            marked: None,
            beats: AtomicU64::new(0),
            watch: Mutex::default(),
        }
    }

    fn limit_nanos(&self) -> u64 {
        self.stale_limit.as_nanos().try_into().unwrap_or(u64::MAX)
    }

    /// Where the feed ends, as far as this node knows.
    pub fn head(&self) -> Position {
        Position(self.head.load(Ordering::Acquire))
    }

    /// How old what is held may be, in nanoseconds.
    pub fn age_nanos(&self, monotonic_nanos: u64) -> u64 {
        monotonic_nanos.saturating_sub(self.heard_at.load(Ordering::Acquire))
    }

    /// Whether the feed was read to its head by a question asked at this time, on the monotonic clock, or later.
    pub fn heard_since(&self, monotonic_nanos: u64) -> bool {
        self.heard_at.load(Ordering::Acquire) >= monotonic_nanos
    }

    /// Where the store stands, if that is behind what this node has read: then it is another store (TOKENS 6, restore), and
    /// neither written to nor believed.
    pub fn behind(&self) -> Option<Position> {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says so; answers what was said before.
    fn set_behind(&self, head: Option<Position>) -> Option<Position> {
        std::mem::replace(&mut *self.behind.lock().unwrap_or_else(PoisonError::into_inner), head)
    }

    /// What was seen of the other nodes.
    pub fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn debts(&self) -> MutexGuard<'_, Stale> {
        self.debts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_clear(&self) -> bool {
        *self.debts() == Stale::default()
    }
}
