//! What happens without a request: sweeping what nobody needs, writing when connections were last used, forgetting cuts
//! that no living token can be older than. Each job is a function that a test calls; the loops only keep time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use causeway_protocol::change::Sweep;
use causeway_protocol::{Change, ConnectionId, Position, UnixTime};
use causeway_storage::Store;
use causeway_vault::Vault;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::cluster::beat;
use crate::flows::{mini_app, session};
use crate::http::listen::stopped;
use crate::node::Node;
use crate::shared::{Edge, Shared};
use crate::shares;

/// How often a node does what it does without being asked. Whoever holds a node's clock may also say that nothing happens but
/// what he calls himself; what an event asks for happens all the same.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// [`sweep`] and [`forget`].
    pub sweep: Duration,
    /// [`flush`], and asking a store that refused writes whether it takes them again.
    pub flush: Duration,
    /// Signs of life to other nodes ([`crate::cluster::beat`]).
    pub beat: Duration,
    /// What was used of budgets ([`crate::shares`]).
    pub share: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { sweep: seconds(60), flush: seconds(2), beat: beat::EVERY, share: shares::EVERY }
    }
}

/// Rows of each kind in one sweep: short, so that no request waits behind it.
const SWEEP_ROWS: u32 = 1_000;

/// Last uses in one write: each is a page, and a refresh may be waiting behind it.
const FLUSH_ROWS: usize = 256;

/// Ticks from now on; the first one comes after a whole period, since at the beginning nothing is to be done.
pub(crate) fn ticks(every: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Runs the jobs until `stop` says true; flushes once more at the end.
pub async fn run(edge: Edge, rhythm: Rhythm, mut stop: watch::Receiver<bool>) {
    let (mut sweeps, mut flushes) = (ticks(rhythm.sweep), ticks(rhythm.flush));
    loop {
        tokio::select! {
            _ = sweeps.tick() => {
                sweep(&edge).await;
                forget(&edge.node).await;
            }
            _ = flushes.tick() => {
                flush(&edge).await;
                probe(&edge.node).await;
            }
            // "Never" must not stand on a page after the first call; what else was used goes in the same write.
            () = edge.last_used.first_use() => flush(&edge).await,
            () = stopped(&mut stop) => break,
        }
    }
    flush_legacy(&edge).await;
    record(&edge, &edge.last_used.take()).await;
}

/// Keeps what accounts connected alive until `stop` says true.
pub async fn renew(edge: Edge, vault: Vault, mut stop: watch::Receiver<bool>) {
    let work = async {
        mini_app::forget_orphans(&edge).await;
        vault.keep_renewing().await;
    };
    tokio::select! {
        () = work => {}
        () = stopped(&mut stop) => {}
    }
}

/// Deletes, in slices, what nobody can need any more. A node whose clock is wrong does not know what that is.
pub async fn sweep(edge: &Shared) {
    let node = &edge.node;
    if node.cluster.watch().clocks(node.clock.monotonic_nanos()).is_apart() {
        return;
    }
    let change = Change::Sweep(Sweep {
        now: node.now(),
        session_idle: session::IDLE,
        session_absolute: session::ABSOLUTE,
        refresh_idle: node.profile.token.refresh_life.idle,
        limit: SWEEP_ROWS,
    });
    if let Err(refusal) = node.apply(change).await {
        tracing::warn!(why = refusal.reason.name(), "the sweep failed");
    }
    probe(node).await;
}

/// After a write that failed: whether the store takes writes again. Nobody sends requests to a node that says it is not
/// ready, so it has to find out by itself. Leaves a row behind once: when it does.
async fn probe(node: &Node) {
    if node.writes_fail.load(Ordering::Relaxed) && node.apply(Change::MarkSeed(node.random())).await.is_ok() {
        tracing::info!("the store takes writes again");
    }
}

/// Writes when connections were last used. What cannot be written is a date on a page, and is dropped.
pub async fn flush(edge: &Shared) {
    flush_legacy(edge).await;
    record(edge, &edge.last_used.due(edge.node.now())).await;
}

async fn record(edge: &Shared, used: &[(ConnectionId, UnixTime)]) {
    for part in used.chunks(FLUSH_ROWS) {
        if let Err(refusal) = edge.node.apply(Change::RecordUse(part.to_vec())).await {
            return tracing::warn!(why = refusal.reason.name(), "last uses were not recorded");
        }
    }
}

/// Writes who called with OAuth 1.0. What cannot be written is missing in a report, and is dropped.
async fn flush_legacy(edge: &Shared) {
    let used = edge.legacy_use.take();
    if used.is_empty() {
        return;
    }
    if let Err(refusal) = edge.node.apply(Change::RecordLegacy(used)).await {
        tracing::warn!(why = refusal.reason.name(), "calls with OAuth 1.0 were not counted");
    }
}

/// Forgets cuts that have left the feed: every token from before them has expired, whichever node sealed it (TOKENS 6).
pub async fn forget(node: &Node) {
    let head = node.held.head();
    let Ok(oldest) = node.store.feed(Position::ZERO, 1).await else { return };
    match oldest.first() {
        // Not read here yet: it may have taken the place of a cut that is held, and that still counts until then.
        Some(oldest) if oldest.position > head => {}
        Some(oldest) => node.held.forget(Position(oldest.position.0 - 1)),
        None => node.held.forget(head),
    }
}
