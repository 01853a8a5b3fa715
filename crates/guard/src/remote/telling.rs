//! What a guard at the edge tells a node, and what it is told in return: budgets that are kept together, and when
//! connections were last used. What follows from it is the guard's business; no call waits for anything here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use causeway_protocol::{ConnectionId, UnixTime};
use http::Method;
use tokio::time::{MissedTickBehavior, interval};

use super::Remote;
use super::nodes::Repeat;
use super::wire::{Heard, MAX_REPORT, Report, Standing, WireShare};
use crate::authority::Authority as _;
use crate::check::Guard;
use crate::held::Unavailable;

/// As often as nodes tell each other.
pub const TELL_EVERY: Duration = Duration::from_millis(250);
/// An edge of which nothing is to be told says so often that it is there: then its node counts with it, and it with its node.
const PRESENT: Duration = Duration::from_secs(1);
/// Last uses are told so often, in tellings.
const USES_EVERY: u32 = 8;

/// What was told so far, and what is to be told.
#[derive(Default)]
pub(super) struct Telling {
    /// Held while a node is told, so that tellings follow each other.
    told: tokio::sync::Mutex<Told>,
    /// At most [`MAX_REPORT`]; what does not fit is a date on a page.
    used: Mutex<HashMap<ConnectionId, UnixTime>>,
}

#[derive(Default)]
struct Told {
    number: u64,
    /// On the monotonic clock.
    at: Option<u64>,
    failing: bool,
}

impl Telling {
    pub(super) fn seen(&self, connection: ConnectionId, at: UnixTime) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() < MAX_REPORT || used.contains_key(&connection) {
            used.insert(connection, at);
        }
    }

    fn take_used(&self) -> Vec<(i64, i64)> {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        used.into_iter().map(|(connection, at)| (connection.0, at.0)).collect()
    }
}

impl Remote {
    /// Tells a node what this guard used of budgets and where it stands, and takes in what everybody else used; nothing if that
    /// was done a moment ago, or if there is nothing to tell and the node heard of us lately.
    ///
    /// # Errors
    /// No node heard it. Nothing is lost, since running sums are told; until then the guard goes on with its part.
    pub async fn tell_shares(&self, guard: &Guard) -> Result<(), Unavailable> {
        let telling = &self.telling;
        let mut told = telling.told.lock().await;
        let now = self.monotonic_nanos();
        let since = told.at.map_or(u64::MAX, |at| now.saturating_sub(at));
        if u128::from(since) < TELL_EVERY.as_nanos() / 2 {
            return Ok(());
        }
        let used = guard.used();
        if used.is_empty() && u128::from(since) < PRESENT.as_nanos() {
            return Ok(());
        }
        told.at = Some(now);
        told.number += 1;
        let id = self.shared.id;
        let share = (!guard.api().budgets.is_empty()).then(|| WireShare::new(id, told.number, &used));
        let held = self.held();
        let fresh_for = held.fresh_for(now).map_or(u64::MAX, |nanos| nanos / 1_000_000);
        let standing = Some(Standing { edge: id.0, position: held.head().0, fresh_for });
        let heard = self.report(&Report { share, standing, ..Report::default() }).await;
        if told.failing != heard.is_err() {
            told.failing = heard.is_err();
            match told.failing {
                true => {
                    tracing::warn!("no node hears what was used of budgets: this guard goes on with its part of them")
                }
                false => tracing::info!("a node hears again what was used of budgets"),
            }
        }
        // Of a node of an earlier version nothing is heard, and that is as if there were no other.
        let Heard { share, nodes } = heard?;
        let others = share.and_then(|share| share.share(0));
        guard.take_in_at_edge(others.as_slice(), nodes, self.monotonic_nanos());
        Ok(())
    }

    /// Tells the nodes what happens at this guard, for ever: to be spawned beside a tower layer with the same guard.
    pub async fn tell(self: Arc<Self>, guard: Arc<Guard>) {
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for turn in 1_u32.. {
            ticks.tick().await;
            let _logged_and_told_again = self.tell_shares(&guard).await;
            if turn.is_multiple_of(USES_EVERY) {
                let used = self.telling.take_used();
                let report = Report { used, ..Report::default() };
                if !report.used.is_empty() && self.report(&report).await.is_err() {
                    tracing::warn!("no node heard what was used here");
                }
            }
        }
    }

    /// Tells a node what happened here.
    ///
    /// # Errors
    /// Nobody heard it.
    pub async fn report(&self, report: &Report) -> Result<Heard, Unavailable> {
        let body = Bytes::from(serde_json::to_vec(report).map_err(|_| Unavailable)?);
        self.shared.nodes.ask(Method::POST, "/edge/report", body, Repeat::IfUnheard).await
    }
}
