//! What another node may have written, heard at once: one connection that listens, and says after a commit that there is
//! something to read. An accelerator: whatever is lost here, reading the feed finds. No other file may use LISTEN and NOTIFY.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::KeyLayout;
use super::connect::Heard;
use super::link::Link;
use super::target::Target;
use crate::sql::db::{Db, Row, Sql, SqlError};

const AGAIN: Duration = Duration::from_millis(500);

/// The near end. Dropping it ends the listening.
pub(super) struct News {
    heard: Arc<Notify>,
    tell: Arc<Notify>,
    task: JoinHandle<()>,
}

impl News {
    pub(super) fn start(target: Target) -> Self {
        let (heard, tell) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let task = tokio::spawn(listen(target, Arc::clone(&heard), Arc::clone(&tell)));
        News { heard, tell, task }
    }

    /// Completes once for any number of words that came since it last did.
    pub(super) async fn wait(&self) {
        self.heard.notified().await;
    }

    /// How a writer tells the others that it has committed something of the feed.
    pub(super) fn teller(&self) -> Arc<Notify> {
        Arc::clone(&self.tell)
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(target: Target, heard: Arc<Notify>, tell: Arc<Notify>) {
    loop {
        let ended = Arc::new(Notify::new());
        let own = Arc::new(AtomicI32::new(0));
        let ears = Heard { news: Arc::clone(&heard), own: Arc::clone(&own), ended: Arc::clone(&ended) };
        match target.connect(KeyLayout::Ordered, Some(ears)).await {
            Err(why) => tracing::debug!(why, "nothing is heard of other nodes; the feed is read by the clock"),
            Ok(mut link) => match begin(&mut link, &own).await {
                Ok(()) => {
                    // Something may have been said while nobody listened.
                    heard.notify_one();
                    stay(&mut link, &tell, &ended).await;
                }
                Err(SqlError::Gone(why)) => tracing::debug!(why, "the listening connection broke"),
                Err(error) => {
                    tracing::info!(%error, "this database cannot say that there is news; the feed is read by the clock");
                    return;
                }
            },
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn begin(link: &mut Link, own: &AtomicI32) -> Sql<()> {
    // Neither is needed: without them a node also hears itself, and telling waits for the disk.
    if let Ok(row) = link.one("SELECT pg_backend_pid()", &[]).await {
        own.store(row.int(0)?.try_into().unwrap_or(0), Ordering::Relaxed);
    }
    if let Err(error) = link.run("SET synchronous_commit = off").await {
        tracing::debug!(%error, "telling waits for the disk");
    }
    link.run("LISTEN causeway_feed").await
}

async fn stay(link: &mut Link, tell: &Notify, ended: &Notify) {
    loop {
        tokio::select! {
            () = ended.notified() => return,
            () = tell.notified() => {
                if let Err(error) = link.run("NOTIFY causeway_feed").await {
                    tracing::debug!(%error, "the others were not told");
                    return;
                }
            }
        }
    }
}
