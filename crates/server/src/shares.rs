//! Nodes keep rate budgets together: four times a second each says what it used of those that come near their limit, and hears
//! what the others used. What follows from that is the guard's business; nothing here is needed for a call to be answered.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causeway_protocol::cluster::Share;
use causeway_storage::{Store, StoreError, Stored};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::http::listen::stopped;
use crate::shared::{Edge, Shared};

/// In service; see [`crate::jobs::Rhythm`].
pub(crate) const EVERY: Duration = Duration::from_millis(250);

/// What this node told so far.
#[derive(Debug, Default)]
pub struct Shares(Mutex<Told>);

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    number: u64,
    /// On the monotonic clock.
    at: Option<u64>,
    failing: bool,
}

impl Shares {
    fn with<R>(&self, run: impl FnOnce(&mut Told) -> R) -> R {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells and hears until `stop` says true. Who takes leave takes its share along.
pub async fn run(edge: Edge, every: Duration, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => drop(exchange(&edge).await),
            () = stopped(&mut stop) => break,
        }
    }
}

/// Tells what was used here and takes in what was used elsewhere; nothing if that was done a moment ago.
///
/// # Errors
/// When the store does not answer. Nothing is lost: what was used is told as a running sum.
pub async fn exchange(edge: &Shared) -> Stored<()> {
    let node = &edge.node;
    let now = node.clock.monotonic_nanos();
    let due = |told: &mut Told| {
        if told.at.is_some_and(|at| now.saturating_sub(at) < EVERY.as_nanos() as u64 / 2) {
            return None;
        }
        told.at = Some(now);
        told.number += 1;
        Some(told.number)
    };
    let Some(number) = edge.shares.with(due) else { return Ok(()) };
    let guard = &edge.api.guard;
    let own = Share { node: node.cluster.id, number, at_millis: node.clock.millis(), used: guard.used() };
    let late = |_| StoreError::Failed("what was used of budgets could not be told".to_owned());
    // A store that does not answer by then is asked again at the next turn; until it does, every node goes on with its part.
    let heard = timeout(node.cluster.patience, node.store.share(own)).await.map_err(late).and_then(|heard| heard);
    let was_failing = edge.shares.with(|told| std::mem::replace(&mut told.failing, heard.is_err()));
    match heard {
        Ok(others) => guard.take_in_shares(&others, node.clock.monotonic_nanos()),
        Err(error) => {
            if !was_failing {
                tracing::warn!(%error, "budgets are not told to other nodes: each goes on with its part of them");
            }
            return Err(error);
        }
    }
    if was_failing {
        tracing::info!("budgets are told to other nodes again");
    }
    Ok(())
}
