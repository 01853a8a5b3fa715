//! A few connections for reads: opened as needed, kept, one reader each at a time. A reader that is dropped half-way, or whose
//! read failed, takes its connection with it. No statement stands here.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::KeyLayout;
use super::link::Link;
use super::target::Target;
use crate::sql::db::{Sql, SqlError};

/// See the module.
pub(super) struct Pool {
    target: Target,
    layout: KeyLayout,
    idle: Mutex<Vec<Link>>,
    permits: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(target: Target, layout: KeyLayout, most: usize) -> Arc<Self> {
        Arc::new(Pool { target, layout, idle: Mutex::default(), permits: Arc::new(Semaphore::new(most.max(1))) })
    }

    /// A connection to read one statement on; waits for its turn.
    pub(super) async fn reader(self: &Arc<Self>) -> Sql<Reader> {
        let gone = |error: &dyn std::fmt::Display| SqlError::Gone(error.to_string());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|error| gone(&error))?;
        let kept = std::iter::from_fn(|| self.idle().pop()).find(|link| !link.is_closed());
        let link = match kept {
            Some(link) => link,
            None => self.target.connect(self.layout, None).await.map_err(|why| gone(&why))?,
        };
        Ok(Reader { link, pool: Arc::clone(self), permit })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is somebody's for one read.
pub(super) struct Reader {
    pub(super) link: Link,
    pool: Arc<Pool>,
    permit: OwnedSemaphorePermit,
}

impl Reader {
    /// The read of one statement has ended well.
    pub(super) fn done(self) {
        self.pool.idle().push(self.link);
    }

    /// The read of a snapshot has ended well: the reader need not wait for the snapshot's end.
    pub(super) fn end_snapshot(mut self) {
        tokio::spawn(async move {
            if self.link.commit().await.is_ok() {
                self.pool.idle().push(self.link);
            }
            drop(self.permit);
        });
    }
}
