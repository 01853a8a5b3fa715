//! The one writer: a thread that owns the only connection which writes, commits whatever is queued in one transaction,
//! and answers nobody before that commit is durable. What a change does is not its business.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use causeway_protocol::change::{Change, Outcome};
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use tokio::sync::oneshot;

use super::Options;
use super::advance::advance;
use super::copier::{Copier, State};
use super::db::at_once;
use super::open::PAGE;
use crate::sql::db::Sql;
use crate::sql::{self, Head, SWEEP_START};
use crate::{StoreError, Stored};

/// The log is copied into the file when it holds this many pages (2 MiB), beside the writer: what is synced at once is what the
/// disk's queue holds before the next commit's sync. …
const CHECKPOINT_PAGES: u32 = (2 << 20) / PAGE;
/// … When so few are left (256 KiB) the writer copies them itself: only it can begin the log anew. …
const REST_PAGES: u32 = (256 << 10) / PAGE;
/// … It does so as well when the log is this long (16 MiB), however many are left, …
const LONGEST_LOG: u32 = (16 << 20) / PAGE;
/// … or when nothing came for this long.
const IDLE: Duration = Duration::from_millis(200);

/// Changes that are committed together, and who waits for them.
struct Job {
    changes: Vec<Change>,
    reply: oneshot::Sender<Stored<Vec<Outcome>>>,
}

/// The queue's near end. Dropping it ends the thread when the queue is empty.
pub(super) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection that is ready to write.
    pub(super) fn start(mut db: Connection, options: &Options) -> Result<Writer, String> {
        let log_pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&log_pages);
        let hook = move |_: &mut Wal, pages: std::ffi::c_int| {
            seen.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        db.wal_hook(Some(hook)).map_err(|error| error.to_string())?;
        let head = at_once(Head::load(&mut db)).map_err(|error| error.to_string())?;
        let (queue, jobs) = sync_channel(options.queue);
        let copier = db.path().map(Path::new).map(Copier::start).transpose().map_err(|error| error.to_string())?;
        let mut thread = Thread {
            copier,
            log: 0,
            db,
            head,
            sweep_cursor: SWEEP_START,
            batch: options.batch,
            log_pages,
            log_pages_before: 0,
            checkpoint_at: CHECKPOINT_PAGES,
        };
        let thread = std::thread::Builder::new()
            .name("causeway-writer".to_owned())
            .spawn(move || thread.run(&jobs))
            .map_err(|error| error.to_string())?;
        Ok(Writer { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues changes and waits for their commit.
    pub(super) async fn apply(&self, changes: Vec<Change>) -> Stored<Vec<Outcome>> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Failed("the writer has stopped".to_owned());
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.try_send(Job { changes, reply }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => gone(),
        })?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

struct Thread {
    // Before the writer's own connection, which closes last and so removes the log.
    copier: Option<Copier>,
    db: Connection,
    head: Head,
    sweep_cursor: i64,
    batch: usize,
    /// Pages in the log, as of the last commit.
    log_pages: Arc<AtomicU32>,
    log_pages_before: u32,
    checkpoint_at: u32,
    /// How often the log was begun anew.
    log: u64,
}

impl Thread {
    fn run(&mut self, queue: &Receiver<Job>) {
        while let Some(first) = self.next(queue) {
            let mut jobs = vec![first];
            let mut size = jobs[0].changes.len();
            while size < self.batch
                && let Ok(job) = queue.try_recv()
            {
                size += job.changes.len();
                jobs.push(job);
            }
            self.commit(jobs);
            self.tend_the_log();
        }
        self.checkpoint();
    }

    /// After each commit: sees to it that the log is copied before it is long, and that nobody waits for that for long.
    fn tend_the_log(&mut self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < self.log_pages_before {
            self.log += 1;
            self.checkpoint_at = CHECKPOINT_PAGES;
        }
        self.log_pages_before = pages;
        if pages < self.checkpoint_at {
            return;
        }
        let state = self.copier.as_mut().map(|copier| copier.state(self.log));
        match (&mut self.copier, state) {
            (Some(_), Some(State::Busy)) if pages < LONGEST_LOG => {}
            (Some(copier), Some(State::Rests(copied)))
                if pages < LONGEST_LOG && pages.saturating_sub(copied) > REST_PAGES =>
            {
                copier.ask(self.log);
            }
            _ => self.checkpoint(),
        }
    }

    /// Waits for work; when none comes for a while, uses the time to empty the log.
    fn next(&mut self, queue: &Receiver<Job>) -> Option<Job> {
        if self.log_pages.load(Ordering::Relaxed) > 0 {
            match queue.recv_timeout(IDLE) {
                Err(RecvTimeoutError::Timeout) => self.checkpoint(),
                other => return other.ok(),
            }
        }
        queue.recv().ok()
    }

    /// Applies all and commits, then answers. A failed commit fails everybody: nothing of it stands.
    fn commit(&mut self, jobs: Vec<Job>) {
        let before = self.head;
        let mut results: Vec<Stored<Vec<Outcome>>> = Vec::with_capacity(jobs.len());
        let outcome = self.execute("BEGIN IMMEDIATE").and_then(|()| {
            for job in &jobs {
                results.push(self.apply_all(&job.changes)?);
            }
            if self.head != before {
                at_once(self.head.save(&mut self.db))?;
            }
            self.execute("COMMIT")
        });
        if let Err(error) = outcome {
            tracing::error!(%error, changes = jobs.len(), "a commit failed");
            self.head = before;
            self.roll_back();
            let failed = StoreError::Failed(error.to_string());
            results = jobs.iter().map(|_| Err(failed.clone())).collect();
        }
        for (job, result) in jobs.into_iter().zip(results) {
            // Whoever asked may have gone meanwhile.
            let _ = job.reply.send(result);
        }
    }

    /// One job within the transaction. The outer error is the whole transaction's, the inner one this job's.
    fn apply_all(&mut self, changes: &[Change]) -> Sql<Stored<Vec<Outcome>>> {
        let before = self.head;
        let guarded = !matches!(changes, [change] if is_one_statement(change));
        if guarded {
            self.execute("SAVEPOINT change")?;
        }
        let outcomes: Sql<Vec<Outcome>> = changes.iter().map(|change| self.apply(change)).collect();
        match outcomes {
            Ok(outcomes) => {
                if guarded {
                    self.execute("RELEASE change")?;
                }
                Ok(Ok(outcomes))
            }
            // A full disk or a failed write may have undone the whole transaction already.
            Err(error) if self.db.is_autocommit() => Err(error),
            Err(error) => {
                tracing::error!(%error, "a change failed");
                self.head = before;
                if guarded {
                    self.execute("ROLLBACK TO change")?;
                    self.execute("RELEASE change")?;
                }
                Ok(Err(StoreError::Failed(error.to_string())))
            }
        }
    }

    fn apply(&mut self, change: &Change) -> Sql<Outcome> {
        match change {
            Change::MoveFamily(change) => advance(&self.db, self.head.position, change),
            shared => at_once(sql::apply(&mut self.db, &mut self.head, &mut self.sweep_cursor, shared)),
        }
    }

    /// Back to what is durable. If even that fails, the next BEGIN fails, and every change is refused.
    fn roll_back(&mut self) {
        if !self.db.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a failed commit could not be rolled back: the store refuses every write");
        }
    }

    /// Copies the log into the file and never waits for a reader. The log keeps its size and is written from its start
    /// again: a growing file is much slower to sync than one that is re-used.
    fn checkpoint(&mut self) {
        if let Some(copier) = &mut self.copier {
            copier.rest();
        }
        let held = self.log_pages.load(Ordering::Relaxed);
        if held == 0 {
            return;
        }
        let again_after = match self.db.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE) {
            Ok((pages, copied)) if pages == copied => {
                self.log_pages.store(0, Ordering::Relaxed);
                // The next commit begins the log anew, unless somebody reads from it just then.
                CHECKPOINT_PAGES / 8
            }
            // A reader still needs older pages.
            Ok(_) => CHECKPOINT_PAGES,
            Err(error) => {
                tracing::warn!(%error, "the log could not be copied into the file; it will be tried again");
                CHECKPOINT_PAGES
            }
        };
        self.checkpoint_at = held.max(self.checkpoint_at).saturating_add(again_after);
    }

    fn execute(&self, sql: &'static str) -> Sql<()> {
        self.db.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// Whether a change is one statement, which SQLite undoes by itself when it fails; all others need a savepoint.
fn is_one_statement(change: &Change) -> bool {
    use Change::{EndSession, MarkSeed, MoveFamily, RaiseAccessLife, SpendOnce, TouchSession};
    matches!(
        change,
        MoveFamily(_) | TouchSession { .. } | EndSession(_) | SpendOnce { .. } | MarkSeed(_) | RaiseAccessLife(_)
    )
}
