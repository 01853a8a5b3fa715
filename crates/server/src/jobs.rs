//! What happens without a request: sweeping what nobody needs, writing when connections were last used, forgetting cuts
//! that no living token can be older than. Each job is a function that a test calls; the loops only keep time.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use causeway_protocol::change::Sweep;
use causeway_protocol::taken_back::may_leave;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, Position, UnixTime};
use causeway_vault::Vault;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::flows::{mini_app, session};
use crate::http::listen::stopped;
use crate::node::Node;
use crate::shared::{Edge, Shared};

const SWEEP_EVERY: Duration = Duration::from_secs(60);
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// A caller that goes away in the middle of a take-back leaves its entry unread; nobody serves what it killed for
/// longer.
const TAIL_EVERY: Duration = Duration::from_millis(250);
/// Rows of each kind in one sweep: short, so that no request waits behind it.
const SWEEP_ROWS: u32 = 1_000;
/// So many marks of the feed's position over one access life are kept.
const MARKS: i64 = 64;

/// Runs the jobs until `stop` says true; flushes once more at the end.
pub async fn run(edge: Edge, mut stop: watch::Receiver<bool>) {
    let (mut sweeps, mut flushes) = (interval(SWEEP_EVERY), interval(FLUSH_EVERY));
    let mut tails = interval(TAIL_EVERY);
    tails.set_missed_tick_behavior(MissedTickBehavior::Delay);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    flushes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once: nothing is to be done then.
    sweeps.tick().await;
    let mut horizon = Horizon::default();
    loop {
        tokio::select! {
            _ = sweeps.tick() => {
                sweep(&edge).await;
                horizon.advance(&edge.node);
            }
            _ = flushes.tick() => flush(&edge).await,
            // "Never" must not stand on a page after the first call; what else was used goes in the same write.
            () = edge.last_used.first_use() => flush(&edge).await,
            _ = tails.tick() => drop(edge.node.read_feed().await),
            () = stopped(&mut stop) => break,
        }
    }
    flush(&edge).await;
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

/// Deletes, in slices, what nobody can need any more.
pub async fn sweep(edge: &Shared) {
    let node = &edge.node;
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
    let used = edge.last_used.take();
    if used.is_empty() {
        return;
    }
    if let Err(refusal) = edge.node.apply(Change::RecordUse(used)).await {
        tracing::warn!(why = refusal.reason.name(), "last uses were not recorded");
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

/// Remembers where the feed stood when, and forgets cuts once every token from before them has expired.
#[derive(Debug, Default)]
pub struct Horizon {
    marks: VecDeque<(UnixTime, Position)>,
}

impl Horizon {
    /// Takes a mark now, and forgets up to the newest mark that is older than the longest access life.
    pub fn advance(&mut self, node: &Node) {
        let (now, head, life) = (node.now(), node.held.head(), node.longest_access_life);
        if self.marks.back().is_none_or(|(at, _)| now.since(*at) >= Seconds(life.0 / MARKS)) {
            self.marks.push_back((now, head));
        }
        let mut safe = None;
        while self.marks.front().is_some_and(|(at, _)| may_leave(*at, life, now)) {
            safe = self.marks.pop_front();
        }
        if let Some((_, position)) = safe {
            node.held.forget(position);
        }
    }
}
