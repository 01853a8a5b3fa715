//! Copies the log into the file beside the writer, on a thread and a connection of its own: with millions of families a log holds as
//! many different pages as it is long, and whoever waited for a commit would wait for all of them to be written and synced.
//! When to copy is the writer's business.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, OpenFlags};

use super::open::connect;

/// The thread's near end. Dropping it waits for a copy under way.
pub(super) struct Copier {
    ask: Option<SyncSender<u64>>,
    said: Receiver<Copied>,
    busy: bool,
    thread: Option<JoinHandle<()>>,
}

/// What came of a copy: the log that it was asked for, and how many of its pages stand in the file by now.
struct Copied {
    log: u64,
    pages: u32,
}

/// How a copy stands.
pub(super) enum State {
    /// One is under way.
    Busy,
    /// None is; so many pages of this log stand in the file.
    Rests(u32),
}

impl Copier {
    /// Starts the thread, which opens its connection when it is asked for the first time.
    pub(super) fn start(file: &Path) -> std::io::Result<Copier> {
        let (ask, asked) = sync_channel(1);
        let (say, said) = sync_channel(1);
        let file = file.to_owned();
        let thread =
            std::thread::Builder::new().name("causeway-copier".to_owned()).spawn(move || copy(&file, &asked, &say))?;
        Ok(Copier { ask: Some(ask), said, busy: false, thread: Some(thread) })
    }

    /// Asks for a copy of this log, as far as it goes at the moment. Only while it rests.
    pub(super) fn ask(&mut self, log: u64) {
        self.busy = self.ask.as_ref().is_some_and(|ask| ask.try_send(log).is_ok());
    }

    /// How the copy of this log stands.
    pub(super) fn state(&mut self, log: u64) -> State {
        if !self.busy {
            return State::Rests(0);
        }
        match self.said.try_recv() {
            Err(TryRecvError::Empty) => State::Busy,
            said => {
                self.busy = false;
                // What was copied of the log before this one says nothing about this one; nor does a thread that has ended.
                State::Rests(said.ok().filter(|copied| copied.log == log).map_or(0, |copied| copied.pages))
            }
        }
    }

    /// Waits until it rests.
    pub(super) fn rest(&mut self) {
        if self.busy {
            let _either_way = self.said.recv();
            self.busy = false;
        }
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that copies the log panicked");
        }
    }
}

fn copy(file: &Path, asked: &Receiver<u64>, say: &SyncSender<Copied>) {
    let mut db = None;
    while let Ok(log) = asked.recv() {
        let pages = copied(file, &mut db).unwrap_or_else(|error| {
            // The writer does it itself, and says so if it cannot either.
            tracing::debug!(%error, "the log could not be copied beside the writer");
            0
        });
        if say.send(Copied { log, pages }).is_err() {
            return;
        }
    }
}

fn copied(file: &Path, db: &mut Option<Connection>) -> rusqlite::Result<u32> {
    let db = match db {
        Some(db) => db,
        None => {
            let fresh = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            fresh.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0")?;
            db.insert(fresh)
        }
    };
    let (_, copied) = db.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE)?;
    Ok(copied.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_copies_as_far_as_the_log_goes_and_knows_which_log_that_was() {
        let dir = std::env::temp_dir().join(format!("causeway-copier-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let file = dir.join("some.db");
        let writer = Connection::open(&file).unwrap();
        writer.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        writer.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))").unwrap();
        let size = || file.metadata().unwrap().len();
        assert!(size() < 50_000, "all is in the log");

        let mut copier = Copier::start(&file).unwrap();
        assert!(matches!(copier.state(1), State::Rests(0)));
        copier.ask(1);
        let pages = loop {
            match copier.state(1) {
                State::Busy => std::thread::yield_now(),
                State::Rests(pages) => break pages,
            }
        };
        assert!(pages > 10 && size() > 100_000, "{pages} pages, {} bytes", size());

        // Whoever writes goes on meanwhile, and begins the log anew.
        writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        copier.ask(1);
        let late = loop {
            match copier.state(2) {
                State::Busy => std::thread::yield_now(),
                State::Rests(pages) => break pages,
            }
        };
        assert_eq!(late, 0, "that was another log");
        copier.ask(2);
        copier.rest();
        assert!(matches!(copier.state(2), State::Rests(0)));
        drop((copier, writer));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
