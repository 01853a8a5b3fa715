//! Signs of life: every second this node says that it lives, what time it is for it, how far it has read and which keys it holds,
//! and hears the same of all others (TOKENS 6). What follows from that stands in `watch`; which key seals, in the ring.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use causeway_protocol::cluster::Beat;
use causeway_storage::{Store, StoreError, Stored};
use tokio::sync::watch;
use tokio::time::timeout;

use super::watch::{Clocks, Moment};
use crate::http::listen::stopped;
use crate::jobs;
use crate::node::Node;
use crate::platform::key_marks;
use crate::shared::Edge;

/// In service; see [`jobs::Rhythm`].
pub(crate) const EVERY: Duration = Duration::from_secs(Beat::EVERY.0 as u64);

/// Beats until `stop` says true, and takes leave.
pub async fn run(edge: Edge, every: Duration, mut stop: watch::Receiver<bool>) {
    // The first beat was sent before anything was served.
    let mut ticks = jobs::ticks(every);
    loop {
        tokio::select! {
            _ = ticks.tick() => drop(send(&edge.node).await),
            () = stopped(&mut stop) => break,
        }
    }
    let _or_the_others_find_out =
        timeout(edge.node.cluster.patience, edge.node.store.leave(edge.node.cluster.id)).await;
}

/// One sign of life, and what the others said.
///
/// # Errors
/// When the store does not answer: this node then judges by what it saw before.
pub async fn send(node: &Node) -> Stored<()> {
    let (cluster, asked_at) = (&node.cluster, node.clock.monotonic_nanos());
    let good = good_keys(node).await;
    let beat = Beat {
        node: cluster.id,
        at_millis: node.clock.millis(),
        count: cluster.beats.fetch_add(1, Ordering::Relaxed) + 1,
        position: node.held.head(),
        keys: good.iter().copied().take(64).collect(),
    };
    let late = |_| StoreError::Failed("the sign of life was not answered".to_owned());
    let beats = timeout(cluster.patience, node.store.beat(beat)).await.map_err(late)??;
    let now = Moment { monotonic: node.clock.monotonic_nanos(), millis: node.clock.millis() };
    let (before, after, nodes, keys) = {
        let mut watch = cluster.watch();
        let before = (watch.clocks(now.monotonic), watch.nodes(now.monotonic));
        watch.take(cluster.id, &beats, asked_at, now);
        let nodes = watch.nodes(now.monotonic);
        (before, (watch.clocks(now.monotonic), nodes), nodes, watch.keys(now.monotonic))
    };
    // A file that is read again must not bring a key into use that the database has not agreed to.
    let own = cluster.marked.is_some().then_some(good);
    node.rings.confirm(keys.into_iter().chain(own).collect());
    tell(before.0, after.0);
    if before.1 != nodes {
        tracing::info!(before = before.1, nodes, "another number of nodes lives");
    }
    Ok(())
}

/// The keys that this node may show and seal with: a new one of a shared database only when it means the same there.
async fn good_keys(node: &Node) -> Vec<u16> {
    let ring = node.ring();
    let (mut ids, newest) = (ring.ids(), ring.newest());
    let Some(marked) = &node.cluster.marked else { return ids };
    if *marked.lock().unwrap_or_else(PoisonError::into_inner) == newest {
        return ids;
    }
    match key_marks::check(&node.store, &ring, "the key file").await {
        Ok(()) => *marked.lock().unwrap_or_else(PoisonError::into_inner) = newest,
        Err(why) => {
            tracing::error!(why, "the newest key is not used");
            ids.retain(|id| *id != newest);
        }
    }
    ids
}

fn tell(before: Clocks, now: Clocks) {
    if before.is_apart() == now.is_apart() && before.apart == now.apart {
        return;
    }
    let ahead_millis = now.ahead;
    match (now.is_apart(), now.apart) {
        (true, _) => tracing::error!(ahead_millis, "this node's clock is apart from the others': it is not ready"),
        (false, 0) => tracing::info!("all nodes' clocks agree again"),
        (false, apart) => tracing::warn!(apart, "other nodes' clocks are apart from this one's"),
    }
}
