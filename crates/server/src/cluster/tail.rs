//! The tailer: keeps what this node holds at the feed's head (TOKENS 6). It wakes by news or after 200 ms, takes in what others
//! wrote, reads again what that made stale, and says when it last knew everything. Who may speak then is the guard's business.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use causeway_protocol::records::FeedEntry;
use causeway_protocol::taken_back::{Gap, TakenBack};
use causeway_protocol::{Applied, AudienceId, Position, Row, Scopes};
use causeway_storage::{Boot, Store, StoreError, Stored, Tail};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::BOOT_PATIENCE;
use crate::http::listen::stopped;
use crate::node::Node;
use crate::shared::Edge;

/// Without news, the feed is read so often: the promise is 250 ms, and reading takes a while.
const EVERY: Duration = Duration::from_millis(200);
/// So many entries at once.
const PIECE: u32 = 500;

/// Reads until `stop` says true.
pub async fn run(edge: Edge, mut stop: watch::Receiver<bool>) {
    let node = &edge.node;
    loop {
        let _told_by_metrics_and_readiness = read(node).await;
        tokio::select! {
            () = node.store.news() => {}
            () = sleep(EVERY) => {}
            () = stopped(&mut stop) => break,
        }
    }
}

/// Reads the feed to its head, once. What is held is fresh from the moment at which the store was asked.
///
/// # Errors
/// When the store does not answer, or stands behind what this node has read. Then nothing counts as heard.
pub async fn read(node: &Node) -> Stored<()> {
    let _one = node.cluster.reading.lock().await;
    told(node, to_head(node).await)
}

/// The same, unless somebody is at it already.
pub async fn read_if_nobody_does(node: &Node) -> Stored<()> {
    match node.cluster.reading.try_lock() {
        Ok(_one) => told(node, to_head(node).await),
        Err(_) => Ok(()),
    }
}

/// Takes in what this node wrote itself, before anybody is answered: what is taken back here is refused here from the next
/// request on, and whatever others wrote before it as well.
///
/// # Errors
/// As [`read`]. What was written stays written, and until it is read in no guard may speak.
pub(crate) async fn take_in(node: &Node, applied: &Applied) -> Stored<()> {
    match &applied.row {
        Row::App(app) => node.held.put_app(app.clone()),
        Row::Scopes(words) => node.held.set_scopes(Scopes::new(words.clone())),
        _ => {}
    }
    let Some(last) = applied.feed.last() else { return Ok(()) };
    let followed = absorb(node, &applied.feed).is_ok();
    if followed && node.cluster.is_clear() {
        return Ok(());
    }
    let _one = node.cluster.reading.lock().await;
    let read = if node.held.head() < last.position { to_head(node).await } else { pay(node).await };
    told(node, read).inspect_err(|_| node.held.owe(last.position))
}

async fn to_head(node: &Node) -> Stored<()> {
    loop {
        let (asked_at, from) = (node.clock.monotonic_nanos(), node.held.head());
        let Tail { entries, head } = ask(node.cluster.patience, node.store.tail(from, PIECE)).await?;
        node.cluster.head.store(head.0, Ordering::Release);
        if head < from {
            return Err(stands_behind(node, head));
        }
        // After a store that stood behind, the same positions may say something else.
        let has_a_hole = head.incarnation() != from.incarnation()
            || node.cluster.behind().is_some()
            || (entries.is_empty() && head > from)
            || absorb(node, &entries).is_err();
        if has_a_hole {
            return again(node, from, head).await;
        }
        if node.held.head() >= head {
            pay(node).await?;
            return heard(node, asked_at);
        }
    }
}

/// The store has been set back (restored from a backup, or another server answers in its place). A token that was taken back
/// since then is good there: nobody is served by this node, and nothing is written, until the store has caught up or its
/// incarnation was raised; then everything is read again. Nothing is concluded from what it holds meanwhile.
pub(crate) fn stands_behind(node: &Node, head: Position) -> StoreError {
    let from = node.held.head();
    node.held.lost();
    let why =
        format!("the store's feed ends at {}, but this node has read it up to {}", head.counter(), from.counter());
    if node.cluster.set_behind(Some(head)).is_none() {
        tracing::error!(why, "the store stands behind this node: no call is answered, and nothing is written");
    }
    StoreError::Failed(why)
}

fn heard(node: &Node, asked_at: u64) -> Stored<()> {
    node.cluster.heard_at.store(asked_at, Ordering::Release);
    node.held.heard(asked_at, node.cluster.limit_nanos());
    Ok(())
}

/// Takes entries in; what they make stale is owed from then on.
fn absorb(node: &Node, entries: &[FeedEntry]) -> Result<(), Gap> {
    let (stale, followed) = node.held.absorb(entries);
    let mut debts = node.cluster.debts();
    debts.apps.extend(stale.apps);
    debts.api_keys.extend(stale.api_keys);
    debts.audiences.extend(stale.audiences);
    followed
}

/// Reads again what is stale. A debt is forgotten only when it is paid: what was added meanwhile stands behind what is paid
/// here, and stays.
async fn pay(node: &Node) -> Stored<()> {
    let debts = node.cluster.debts().clone();
    for id in debts.apps.iter().collect::<BTreeSet<_>>() {
        let Some(app) = ask(node.cluster.patience, node.store.app(*id)).await? else { continue };
        // Another node may have registered words since.
        let known = node.held.scopes().words().len();
        if app.scopes.numbers().any(|number| usize::from(number) >= known) {
            node.held.set_scopes(ask(BOOT_PATIENCE, node.store.boot()).await?.scopes);
        }
        node.held.put_app(app);
    }
    for id in debts.api_keys.iter().collect::<BTreeSet<_>>() {
        let key = ask(node.cluster.patience, node.store.api_key_by_id(*id)).await?;
        key.into_iter().for_each(|key| node.held.put_api_key(key));
    }
    if !debts.audiences.is_empty() {
        node.read_access_cut();
    }
    let owed = &mut *node.cluster.debts();
    owed.apps.drain(..debts.apps.len());
    owed.api_keys.drain(..debts.api_keys.len());
    owed.audiences.drain(..debts.audiences.len());
    Ok(())
}

/// Everything anew: something of the feed has left it before this node could read it, or the store was restored. Nobody is
/// served with a hole meanwhile.
async fn again(node: &Node, from: Position, head: Position) -> Stored<()> {
    node.held.lost();
    tracing::warn!(from = from.counter(), head = head.counter(), "the feed has a gap: everything is read again");
    let asked_at = node.clock.monotonic_nanos();
    let Boot { head, cuts, apps, api_keys, scopes, .. } = ask(BOOT_PATIENCE, node.store.boot()).await?;
    if head < from {
        return Err(stands_behind(node, head));
    }
    *node.cluster.debts() = causeway_guard::Stale::default();
    node.held.replace(TakenBack::new(head, cuts), apps, api_keys, scopes);
    node.read_access_cut();
    if node.cluster.set_behind(None).is_some() {
        tracing::info!("the store has caught up, and was read anew");
    }
    heard(node, asked_at)
}

async fn ask<T>(patience: Duration, question: impl Future<Output = Stored<T>>) -> Stored<T> {
    let late = |_| StoreError::Failed(format!("no answer within {} s", patience.as_secs()));
    timeout(patience, question).await.map_err(late)?
}

/// Says once that reading began to fail, and once that it goes well again.
fn told(node: &Node, read: Stored<()>) -> Stored<()> {
    let failed_before = node.cluster.failing.swap(read.is_err(), Ordering::Relaxed);
    match (&read, failed_before) {
        (Err(why), false) => {
            tracing::error!(%why, "the feed cannot be read: calls are checked for a while yet, then refused")
        }
        (Ok(()), true) => tracing::info!("the feed is read again"),
        _ => {}
    }
    read
}

impl Node {
    /// Makes the ring follow the last replacement of the audience's access key.
    pub(crate) fn read_access_cut(&self) {
        self.rings.cut_at(self.held.with_taken_back(|set| set.cuts(AudienceId(0).into()).access));
    }
}
