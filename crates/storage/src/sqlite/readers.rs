//! Read-only connections, as many as may read at once. Each read is one short snapshot: a long one would keep the log
//! from being re-used.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::open;
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
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Stored<T> {
        self.read(move |db| {
            let snapshot = db.unchecked_transaction()?;
            let found = read(&snapshot)?;
            snapshot.finish()?;
            Ok(found)
        })
        .await
    }

    /// Runs a read of one statement.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Stored<T> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Failed(error.to_string());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|error| failed(&error))?;
        let readers = Arc::clone(self);
        let work = move || {
            let db = readers.take()?;
            let found = read(&db);
            readers.idle().push(db);
            drop(permit);
            found
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle().pop();
        idle.map_or_else(|| open::reader(&self.file), Ok)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
