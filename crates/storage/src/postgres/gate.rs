//! What may wait for a connection that writes, and for how long: deadlines, and early shedding while the database is slow. Who
//! sends what over the connection is not its business.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::{StoreError, Stored};

/// Whoever waits for a commit, or for a read, hears of its failure by then.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// A commit that takes longer means that the database is slow.
const SLOW: Duration = Duration::from_secs(2);

/// Stands before a queue.
#[derive(Debug)]
pub(super) struct Gate {
    slow: AtomicBool,
    /// What the next commit can take; more than that is shed while it is slow.
    batch: usize,
}

impl Gate {
    pub(super) fn new(batch: usize) -> Self {
        Gate { slow: AtomicBool::new(false), batch }
    }

    /// Whether a commit takes longer than it should, or the last one did and failed.
    pub(super) fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    /// Queues a job and waits for its answer. Whoever stops waiting, or goes away, while the job is still queued has it dropped:
    /// the far end asks whether anybody waits.
    pub(super) async fn pass<J, T>(
        &self,
        queue: &mpsc::Sender<J>,
        job: impl FnOnce(oneshot::Sender<Stored<T>>) -> J,
        patience: Option<Duration>,
    ) -> Stored<T> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Failed("the store has stopped".to_owned());
        if self.is_slow() && queue.max_capacity() - queue.capacity() >= self.batch {
            return Err(StoreError::Busy);
        }
        queue.try_send(job(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => gone(),
        })?;
        match patience {
            None => answer.await.map_err(|_| gone())?,
            Some(patience) => timeout(patience, answer).await.map_err(|_| late(patience))?.map_err(|_| gone())?,
        }
    }

    /// Runs a commit and says meanwhile when it takes too long. One that fails late stays a sign until one goes well.
    pub(super) async fn watch<T, E>(&self, commit: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let mut commit = pin!(commit);
        let ended = match timeout(SLOW, &mut commit).await {
            Ok(ended) => ended,
            Err(_) => {
                if !self.slow.swap(true, Ordering::Relaxed) {
                    tracing::warn!("the database is slow: what cannot be in the next commit is refused");
                }
                commit.await
            }
        };
        if ended.is_ok() && self.slow.swap(false, Ordering::Relaxed) {
            tracing::info!("the database is quick again");
        }
        ended
    }
}

/// What is done by then, or nothing that anybody should wait for.
pub(super) async fn within<T>(patience: Duration, work: impl Future<Output = Stored<T>>) -> Stored<T> {
    timeout(patience, work).await.unwrap_or_else(|_| Err(late(patience)))
}

fn late(patience: Duration) -> StoreError {
    StoreError::Failed(format!("the database did not answer within {} s", patience.as_secs()))
}
