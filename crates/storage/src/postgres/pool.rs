//! A few connections for reads: opened as needed, kept, one reader each at a time. A reader that is dropped half-way ends what
//! the database does for it, and takes its connection with it. No statement stands here.
//!
//! A read without an answer casts doubt on all kept connections: a network that forgot one has forgotten the others, and says so
//! of none. Each is asked before it is used again, so that a node that was cut off reads at once when the network is back.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::timeout;

use super::KeyLayout;
use super::link::Link;
use super::target::Target;
use crate::sql::db::{Sql, SqlError};

/// Whoever has not got a connection after so many waits of so long is told that too many wait: a read takes a millisecond. Several,
/// because a process that stood still for a second has used up one of them, not all.
const TURNS: u32 = 10;
const TURN: Duration = Duration::from_millis(100);
/// So long the database may take to end what nobody waits for any more; the place in the pool is free from then on anyway.
const CANCEL: Duration = Duration::from_secs(1);
/// A kept connection that is doubted answers by then, or is given up. The database itself need not look at anything for it.
const PROBE: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Pool {
    target: Target,
    layout: KeyLayout,
    idle: Mutex<Vec<Kept>>,
    /// How often a read got no answer.
    doubts: AtomicU64,
    permits: Arc<Semaphore>,
    /// Places to wait for a permit.
    places: Semaphore,
}

/// A connection between two readers.
struct Kept {
    link: Link,
    /// Doubts there were when it was last heard.
    doubts: u64,
}

impl Pool {
    /// At most so many connections, and at most so many who wait for one.
    pub(super) fn new(target: Target, layout: KeyLayout, most: usize, waiting: usize) -> Arc<Self> {
        Arc::new(Pool {
            target,
            layout,
            idle: Mutex::default(),
            doubts: AtomicU64::new(0),
            permits: Arc::new(Semaphore::new(most.max(1))),
            places: Semaphore::new(waiting.max(1)),
        })
    }

    /// A connection to read on; waits for its turn, but not for long.
    pub(super) async fn reader(self: &Arc<Self>) -> Sql<Reader> {
        let permit = self.permit().await?;
        let link = match self.kept().await {
            Some(link) => link,
            None => self.target.connect(self.layout, None).await.map_err(SqlError::Gone)?,
        };
        Ok(Reader { held: Some((link, permit)), doubts: self.doubts.load(Ordering::Relaxed), pool: Arc::clone(self) })
    }

    /// One that was used before and answers.
    async fn kept(&self) -> Option<Link> {
        loop {
            let mut kept = self.idle().pop()?;
            let doubts = self.doubts.load(Ordering::Relaxed);
            if kept.link.is_closed() {
                continue;
            }
            if kept.doubts == doubts {
                return Some(kept.link);
            }
            if matches!(timeout(PROBE, kept.link.run("")).await, Ok(Ok(()))) {
                return Some(kept.link);
            }
            // The others have been silent for as long: each would cost the same wait.
            self.idle().retain(|other| other.doubts >= doubts);
        }
    }

    /// `doubts`: those when its last question was asked.
    fn keep(&self, link: Link, doubts: u64) {
        self.idle().push(Kept { link, doubts });
    }

    fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::Relaxed);
    }

    async fn permit(&self) -> Sql<OwnedSemaphorePermit> {
        let closed = || SqlError::Gone("the pool is closed".to_owned());
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => return Ok(permit),
            Err(TryAcquireError::Closed) => return Err(closed()),
            Err(TryAcquireError::NoPermits) => {}
        }
        let _place = self.places.try_acquire().map_err(|_| SqlError::Busy)?;
        let mut turn = pin!(Arc::clone(&self.permits).acquire_owned());
        for _ in 0..TURNS {
            if let Ok(permit) = timeout(TURN, &mut turn).await {
                return permit.map_err(|_| closed());
            }
        }
        Err(SqlError::Busy)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is somebody's for one read.
pub(super) struct Reader {
    /// There until the read has ended.
    held: Option<(Link, OwnedSemaphorePermit)>,
    /// The pool's, when the read began.
    doubts: u64,
    pool: Arc<Pool>,
}

impl Reader {
    /// What is read on.
    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.held.as_mut().expect("it is held until one of the ends below, which take the reader").0
    }

    /// The read of one statement has ended well.
    pub(super) fn done(mut self) {
        if let Some((link, _permit)) = self.held.take() {
            self.pool.keep(link, self.doubts);
        }
    }

    /// The read of a snapshot has ended well: the reader need not wait for the snapshot's end.
    pub(super) fn end_snapshot(mut self) {
        let (held, doubts, pool) = (self.held.take(), self.doubts, Arc::clone(&self.pool));
        tokio::spawn(async move {
            let Some((mut link, permit)) = held else { return };
            if link.commit().await.is_ok() {
                pool.keep(link, doubts);
            }
            drop(permit);
        });
    }

    /// The read has failed: the connection is not used again.
    pub(super) fn failed(mut self) {
        self.held = None;
        self.pool.doubt();
    }
}

impl Drop for Reader {
    /// Whoever read has gone away half-way, or has run out of patience.
    fn drop(&mut self) {
        let Some((link, permit)) = self.held.take() else { return };
        self.pool.doubt();
        let (Ok(runtime), pool) = (Handle::try_current(), Arc::clone(&self.pool)) else { return };
        runtime.spawn(async move {
            if timeout(CANCEL, pool.target.cancel(link.cancel_token())).await.is_err() {
                tracing::debug!("a read that nobody waits for could not be ended");
            }
            drop((link, permit));
        });
    }
}
