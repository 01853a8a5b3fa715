//! A few connections for reads: opened as needed, kept, one reader each at a time. A reader that is dropped half-way ends what
//! the database does for it, and takes its connection with it. No statement stands here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::timeout;

use super::KeyLayout;
use super::link::Link;
use super::target::Target;
use crate::sql::db::{Sql, SqlError};

/// Whoever has not got a connection by then is told that too many wait: a read takes a millisecond.
const TURN: Duration = Duration::from_secs(1);
/// So long the database may take to end what nobody waits for any more; the place in the pool is free from then on anyway.
const CANCEL: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Pool {
    target: Target,
    layout: KeyLayout,
    idle: Mutex<Vec<Link>>,
    permits: Arc<Semaphore>,
    /// Places to wait for a permit.
    places: Semaphore,
}

impl Pool {
    /// At most so many connections, and at most so many who wait for one.
    pub(super) fn new(target: Target, layout: KeyLayout, most: usize, waiting: usize) -> Arc<Self> {
        Arc::new(Pool {
            target,
            layout,
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(most.max(1))),
            places: Semaphore::new(waiting.max(1)),
        })
    }

    /// A connection to read on; waits for its turn, but not for long.
    pub(super) async fn reader(self: &Arc<Self>) -> Sql<Reader> {
        let permit = self.permit().await?;
        let kept = std::iter::from_fn(|| self.idle().pop()).find(|link| !link.is_closed());
        let link = match kept {
            Some(link) => link,
            None => self.target.connect(self.layout, None).await.map_err(SqlError::Gone)?,
        };
        Ok(Reader { held: Some((link, permit)), pool: Arc::clone(self) })
    }

    async fn permit(&self) -> Sql<OwnedSemaphorePermit> {
        let closed = || SqlError::Gone("the pool is closed".to_owned());
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => return Ok(permit),
            Err(TryAcquireError::Closed) => return Err(closed()),
            Err(TryAcquireError::NoPermits) => {}
        }
        let _place = self.places.try_acquire().map_err(|_| SqlError::Busy)?;
        let turn = timeout(TURN, Arc::clone(&self.permits).acquire_owned()).await;
        turn.map_err(|_| SqlError::Busy)?.map_err(|_| closed())
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is somebody's for one read.
pub(super) struct Reader {
    /// There until the read has ended.
    held: Option<(Link, OwnedSemaphorePermit)>,
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
            self.pool.idle().push(link);
        }
    }

    /// The read of a snapshot has ended well: the reader need not wait for the snapshot's end.
    pub(super) fn end_snapshot(mut self) {
        let (held, pool) = (self.held.take(), Arc::clone(&self.pool));
        tokio::spawn(async move {
            let Some((mut link, permit)) = held else { return };
            if link.commit().await.is_ok() {
                pool.idle().push(link);
            }
            drop(permit);
        });
    }

    /// The read has failed: the connection is not used again.
    pub(super) fn failed(mut self) {
        self.held = None;
    }
}

impl Drop for Reader {
    /// Whoever read has gone away half-way, or has run out of patience.
    fn drop(&mut self) {
        let Some((link, permit)) = self.held.take() else { return };
        let (Ok(runtime), pool) = (Handle::try_current(), Arc::clone(&self.pool)) else { return };
        runtime.spawn(async move {
            if timeout(CANCEL, pool.target.cancel(link.cancel_token())).await.is_err() {
                tracing::debug!("a read that nobody waits for could not be ended");
            }
            drop((link, permit));
        });
    }
}
