//! Read-only connections, as many as may read at once. Each read is one short snapshot: a long one would keep the log
//! from being re-used.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::db::at_once;
use super::open;
use crate::sql::db::Sql;
use crate::{StoreError, Stored};

/// Opened as needed, kept for life.
pub(super) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(file: &Path, most: usize) -> Self {
        Readers { file: file.to_owned(), idle: Mutex::default(), permits: Arc::new(Semaphore::new(most)) }
    }

    /// Runs a read of several statements on one snapshot.
    pub(super) async fn snapshot<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl AsyncFnOnce(&mut Connection) -> Sql<T> + Send + 'static,
    ) -> Stored<T> {
        self.read(async move |db| {
            db.prepare_cached("BEGIN")?.execute([])?;
            let found = read(db).await;
            db.prepare_cached("COMMIT")?.execute([])?;
            found
        })
        .await
    }

    /// Runs a read of one statement.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl AsyncFnOnce(&mut Connection) -> Sql<T> + Send + 'static,
    ) -> Stored<T> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Failed(error.to_string());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|error| failed(&error))?;
        let readers = Arc::clone(self);
        let work = move || {
            let mut db = readers.take()?;
            let found = at_once(read(&mut db));
            // One whose snapshot could not be ended would show the past to whoever comes next.
            if db.is_autocommit() {
                readers.idle().push(db);
            }
            drop(permit);
            found
        };
        // Boxed, so that the machinery of such a task is compiled once and not for each kind of read.
        let (answer, answered) = tokio::sync::oneshot::channel();
        let task: Box<dyn FnOnce() + Send> = Box::new(move || {
            let _nobody_waits_any_more = answer.send(work());
        });
        tokio::task::spawn_blocking(task);
        Ok(answered.await.map_err(|error| failed(&error))??)
    }

    fn take(&self) -> Sql<Connection> {
        let idle = self.idle().pop();
        Ok(idle.map_or_else(|| open::reader(&self.file), Ok)?)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
