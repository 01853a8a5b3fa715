//! The one writer of a node: a task that owns a connection, commits whatever is queued in one transaction, and answers nobody
//! before that commit stands. What a change does is not its business.
//!
//! Every such transaction, of every node, first locks the one row of `meta`. So they come one after another, each sees what
//! the one before it left (READ COMMITTED: a statement sees what was committed when it began, and all begin behind the lock),
//! and the next position, the next audit row and the next id are what stands plus one.

use std::sync::Arc;
use std::time::Duration;

use causeway_protocol::change::{Change, Outcome};
use tokio::sync::{Notify, mpsc, oneshot};

use super::KeyLayout;
use super::gate::{DEADLINE, Gate};
use super::link::{ANSWER, Link};
use super::plain::Plain;
use super::refresh::{self, TRIES, pause};
use super::target::Target;
use super::together::Together;
use crate::sql;
use crate::sql::db::{Sql, SqlError};
use crate::{StoreError, Stored};

/// What nobody waits for with a deadline may take longer.
const BULK: Duration = Duration::from_secs(15);

/// Changes that are committed together, and who waits for them.
struct Job {
    changes: Vec<Change>,
    reply: oneshot::Sender<Stored<Vec<Outcome>>>,
}

/// The queue's near end. Dropping it ends the task when the queue is empty.
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    gate: Arc<Gate>,
}

impl Writer {
    /// Starts the task; it connects when there is something to write.
    pub(super) fn start(target: Target, layout: KeyLayout, options: &super::Options, tell: Arc<Notify>) -> Self {
        let (queue, jobs) = mpsc::channel(options.queue.max(1));
        let task = Task {
            target,
            layout,
            link: None,
            sweep_cursor: sql::SWEEP_START,
            batch: options.batch.max(1),
            tell,
            plain: Plain::new(layout),
            gate: Arc::new(Gate::new(options.batch.max(1))),
        };
        let gate = Arc::clone(&task.gate);
        tokio::spawn(task.run(jobs));
        Writer { queue, gate }
    }

    /// Queues changes and waits for their commit; for many, as long as it takes.
    pub(super) async fn apply(&self, changes: Vec<Change>) -> Stored<Vec<Outcome>> {
        let patience = (changes.len() <= 1).then_some(DEADLINE);
        self.gate.pass(&self.queue, |reply| Job { changes, reply }, patience).await
    }

    /// Whether commits take too long.
    pub(super) fn is_slow(&self) -> bool {
        self.gate.is_slow()
    }
}

/// Why a transaction did not end well.
enum Trouble {
    /// Nothing of it stands.
    Undone(SqlError),
    /// The connection broke while it was committed: it may stand or not.
    Unknown(SqlError),
}

struct Task {
    target: Target,
    layout: KeyLayout,
    link: Option<Link>,
    sweep_cursor: i64,
    batch: usize,
    tell: Arc<Notify>,
    plain: Plain,
    gate: Arc<Gate>,
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.recv().await {
            let mut jobs = vec![first];
            let mut size = jobs[0].changes.len();
            while size < self.batch
                && let Ok(job) = queue.try_recv()
            {
                size += job.changes.len();
                jobs.push(job);
            }
            // Whoever has stopped waiting was told that it failed: what was not begun is not done.
            jobs.retain(|job| !job.reply.is_closed());
            if !jobs.is_empty() {
                self.commit(jobs).await;
            }
        }
    }

    /// All of them in one transaction; if that fails for a reason of one of them, each in its own.
    async fn commit(&mut self, jobs: Vec<Job>) {
        let gate = Arc::clone(&self.gate);
        let verdict = gate.watch(self.insist(&jobs)).await;
        match verdict {
            Ok(outcomes) => {
                for (job, outcomes) in jobs.into_iter().zip(outcomes) {
                    // Whoever asked may have gone meanwhile.
                    let _ = job.reply.send(Ok(outcomes));
                }
            }
            Err(Trouble::Undone(SqlError::Failed(_) | SqlError::Full(_))) if jobs.len() > 1 => {
                for job in jobs {
                    let alone = std::slice::from_ref(&job);
                    let answer = match self.insist(alone).await {
                        Ok(mut outcomes) => Ok(outcomes.pop().unwrap_or_default()),
                        Err(trouble) => Err(trouble.into()),
                    };
                    let _ = job.reply.send(answer);
                }
            }
            Err(trouble) => {
                let failed: StoreError = trouble.into();
                for job in jobs {
                    let _ = job.reply.send(Err(failed.clone()));
                }
            }
        }
    }

    /// Again, as a whole, whatever lost against another transaction; and once more what a connection took with it before
    /// anything was committed.
    async fn insist(&mut self, jobs: &[Job]) -> Result<Vec<Vec<Outcome>>, Trouble> {
        let (mut tries, mut reconnected) = (0, false);
        loop {
            match self.attempt(jobs).await {
                Err(Trouble::Undone(SqlError::Conflict(_))) if tries < TRIES => {
                    tokio::time::sleep(pause(tries)).await;
                    tries += 1;
                }
                Err(Trouble::Undone(SqlError::Gone(why))) if !reconnected => {
                    tracing::warn!(why, "the writer's connection broke; trying on another one");
                    reconnected = true;
                }
                ended => return ended,
            }
        }
    }

    /// The connection, taken out: whoever finds it of use puts it back.
    async fn link(&mut self) -> Result<Link, Trouble> {
        let kept = self.link.take().filter(|link| !link.is_closed());
        match kept {
            Some(link) => Ok(link),
            None => {
                let fresh = self.target.connect(self.layout, None).await;
                fresh.map_err(|why| Trouble::Undone(SqlError::Gone(why)))
            }
        }
    }

    /// A change for which nobody else waits may be one statement; `None`, and nothing written, if it is not.
    async fn alone(&mut self, change: &Change) -> Result<Option<Outcome>, Trouble> {
        let mut link = self.link().await?;
        match self.plain.apply(&mut link, change).await {
            Ok(outcome) => {
                self.link = Some(link);
                Ok(outcome)
            }
            Err(error @ SqlError::Gone(_)) => Err(Trouble::Unknown(error)),
            Err(error) => {
                tracing::debug!(%error, "not as one statement");
                self.link = Some(link);
                Ok(None)
            }
        }
    }

    async fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Vec<Outcome>>, Trouble> {
        if let [Job { changes, .. }] = jobs
            && let [change @ (Change::CreateFamily(_) | Change::Exchange(_))] = &changes[..]
            && let Some(outcome) = self.alone(change).await?
        {
            return Ok(vec![vec![outcome]]);
        }
        let mut link = self.link().await?;
        let bulk = jobs.iter().any(|job| job.changes.len() > 1);
        link.set_patience(if bulk { BULK } else { ANSWER });
        let mut cursor = self.sweep_cursor;
        let applied = apply_all(&mut link, &mut cursor, jobs).await;
        let (outcomes, news) = match applied {
            Ok(applied) => applied,
            Err(error) => {
                let of_use = !matches!(error, SqlError::Gone(_)) && link.roll_back().await.is_ok();
                self.link = of_use.then_some(link);
                return Err(Trouble::Undone(error));
            }
        };
        if jobs.iter().all(|job| job.reply.is_closed()) {
            // They went away, or were told in the meantime that it failed: then it shall have failed.
            self.link = link.roll_back().await.is_ok().then_some(link);
            return Ok(outcomes);
        }
        match link.commit().await {
            Ok(()) => {
                tracing::trace!(jobs = jobs.len(), round_trips = link.round_trips(), "committed");
                (self.link, self.sweep_cursor) = (Some(link), cursor);
                if news {
                    self.tell.notify_one();
                }
                Ok(outcomes)
            }
            Err(error @ SqlError::Gone(_)) => Err(Trouble::Unknown(error)),
            // The database says that it did not commit.
            Err(error) => {
                self.link = link.roll_back().await.is_ok().then_some(link);
                Err(Trouble::Undone(error))
            }
        }
    }
}

/// Everything but the commit; whether the feed grew.
async fn apply_all(link: &mut Link, cursor: &mut i64, jobs: &[Job]) -> Sql<(Vec<Vec<Outcome>>, bool)> {
    let together = Together::of(jobs.iter().map(|job| &job.changes[..]));
    let (before, mut done) = together.begin(link).await?;
    let mut head = before;
    together.audit(link, &mut head, &done).await?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for (n, job) in jobs.iter().enumerate() {
        if let Some(outcome) = done.remove(&n) {
            outcomes.push(vec![outcome]);
            continue;
        }
        let mut of_job = Vec::with_capacity(job.changes.len());
        for change in &job.changes {
            of_job.push(match change {
                Change::MoveFamily(change) => {
                    let mut moved = refresh::send(link, &[change]).await?;
                    moved.pop().unwrap_or(Outcome::Stale)
                }
                change => sql::apply(link, &mut head, cursor, change).await?,
            });
        }
        outcomes.push(of_job);
    }
    if head != before {
        head.save(link).await?;
    }
    Ok((outcomes, head.position != before.position))
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Undone(error) => {
                tracing::error!(%error, "changes failed");
                error.into()
            }
            Trouble::Unknown(error) => {
                tracing::error!(%error, "it is not known whether changes were committed");
                StoreError::Failed(format!("it is not known whether it was committed: {error}"))
            }
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
