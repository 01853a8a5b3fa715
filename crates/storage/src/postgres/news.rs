//! What another node may have written, heard at once: one connection that listens, and says after a commit that there is
//! something to read. An accelerator: whatever is lost here, reading the feed finds. No other file may use LISTEN and NOTIFY.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::KeyLayout;
use super::connect::Heard;
use super::link::Link;
use super::target::Target;
use crate::sql::db::{Db, Row, Sql, SqlError};

/// Saying it twice changes nothing.
const LISTEN: &str = "LISTEN causeway_feed";
/// Before another try to listen; before one at a database that says that it cannot.
const AGAIN: Duration = Duration::from_millis(500);
const LATER: Duration = Duration::from_secs(30);
/// Silence is what a listener hears when nothing happens, and what it hears when the network has forgotten its connection: so
/// it asks for an answer so often, …
const PROBE: Duration = Duration::from_secs(2);
/// … and takes another connection when none comes within this.
const PATIENCE: Duration = Duration::from_secs(2);

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
        let pause = match attend(&target, &heard, &tell).await {
            Err(SqlError::Failed(why)) => {
                tracing::info!(why, "this database cannot say that there is news; the feed is read by the clock");
                LATER
            }
            Err(error) => {
                tracing::debug!(%error, "nothing is heard of other nodes; the feed is read by the clock");
                AGAIN
            }
            Ok(()) => AGAIN,
        };
        tokio::time::sleep(pause).await;
    }
}

/// Listens on one connection until it ends, or does not answer.
async fn attend(target: &Target, heard: &Arc<Notify>, tell: &Notify) -> Sql<()> {
    let ended = Arc::new(Notify::new());
    let own = Arc::new(AtomicI32::new(0));
    let ears = Heard { news: Arc::clone(heard), own: Arc::clone(&own), ended: Arc::clone(&ended) };
    let mut link = target.connect(KeyLayout::Ordered, Some(ears)).await.map_err(SqlError::Gone)?;
    link.set_patience(PATIENCE);
    begin(&mut link, &own).await?;
    // Something may have been said while nobody listened.
    heard.notify_one();
    let mut probes = interval(PROBE);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let said = tokio::select! {
            () = ended.notified() => return Ok(()),
            () = tell.notified() => {
                let said = link.run("NOTIFY causeway_feed").await;
                if said.is_err() {
                    // It is still to be said, over the next connection.
                    tell.notify_one();
                }
                said
            }
            _ = probes.tick() => link.run(LISTEN).await,
        };
        if let Err(error) = said {
            return Err(SqlError::Gone(error.to_string()));
        }
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
    link.run(LISTEN).await
}
