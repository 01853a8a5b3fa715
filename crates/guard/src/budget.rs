//! Rate budgets (PLATFORMS 2, SECURITY BG-13): the generic cell rate algorithm (ITU-T I.371), one number a budget and customer.
//! A denied call consumes nothing. Memory is bounded: cells that have recovered are swept, then those nearest to it.
//!
//! Several nodes keep one budget together: `part` has how much of it each may give out, `shares` what they tell each other.

mod part;
mod shares;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use causeway_protocol::profile::{Budget, BudgetKey};
use causeway_protocol::time::Seconds;
use causeway_protocol::{AppId, CustomerId};

use crate::sharded::Sharded;
use part::Part;
use shares::{MAX_PARTS, Peers};

/// A profile has at most this many budgets (its reader says so).
const MAX_BUDGETS: usize = 8;
/// Cells a shard; sixteen shards of these are about 6 MB.
const MAX_CELLS: usize = 4_096;
const SECOND: u64 = 1_000_000_000;
/// Before nodes have heard of each other's calls they may together give out so much more than a whole budget: what flows in
/// in this time, which is made up for in the next seconds. It lets a customer of one node begin with more than a node's part.
const ADVANCE: u64 = 2 * SECOND;

/// See the module.
pub(crate) struct Budgets {
    rules: Vec<Rate>,
    key: BudgetKey,
    /// Of customers whose calls are no news to other nodes: here a call costs as much as if every node had let one pass.
    cells: Sharded<Key, Cell>,
    /// Of customers that the nodes count together.
    parts: Sharded<Key, Part>,
    /// How many nodes there are, this one included, and edges that count.
    nodes: AtomicU64,
    /// The same without edges.
    keepers: AtomicU64,
    /// This is an edge.
    is_edge: AtomicBool,
    peers: Mutex<Peers>,
}

type Key = (CustomerId, AppId);
/// For each budget, the time at which it will be whole again ("theoretical arrival time"), in nanoseconds.
type Cell = [u64; MAX_BUDGETS];

/// What is left of a budget: of several, the one that ends first. On several nodes: of what this node knows to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// So many calls are in a whole one.
    pub limit: u32,
    /// So many pass now.
    pub remaining: u32,
    /// It is whole again after this, if nobody calls meanwhile.
    pub whole_in: Seconds,
}

#[derive(Clone, Copy)]
struct Rate {
    requests: u32,
    /// What one call costs.
    cost: u64,
    /// How far ahead a customer may be: the whole period.
    ahead: u64,
}

impl Rate {
    /// How far ahead a customer may be that only this node of so many counts, each call at the cost of `nodes` calls.
    fn height(&self, nodes: u64) -> u64 {
        self.ahead.saturating_add(ADVANCE).min(self.ahead.saturating_mul(nodes))
    }
}

impl Budgets {
    pub(crate) fn new(budgets: &[Budget], key: BudgetKey) -> Self {
        let rate = |budget: &Budget| {
            let ahead = budget.per.0.unsigned_abs().saturating_mul(SECOND);
            let requests = budget.requests.max(1);
            Rate { requests, cost: (ahead / u64::from(requests)).max(1), ahead }
        };
        Self {
            rules: budgets.iter().take(MAX_BUDGETS).map(rate).collect(),
            key,
            cells: Sharded::new(),
            parts: Sharded::new(),
            nodes: AtomicU64::new(1),
            keepers: AtomicU64::new(1),
            is_edge: AtomicBool::new(false),
            peers: Mutex::default(),
        }
    }

    /// Takes one call off every budget and says what is left; or off none, and says how long until all have room.
    pub(crate) fn take(&self, customer: CustomerId, app: AppId, monotonic_nanos: u64) -> Result<Option<Left>, Spent> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let key = match self.key {
            BudgetKey::Customer => (customer, AppId(0)),
            BudgetKey::AppAndCustomer => (customer, app),
        };
        let now = monotonic_nanos;
        let mut cells = self.cells.of(customer.0);
        let mut nodes = self.nodes.load(Ordering::Relaxed);
        if nodes > 1 {
            let mut parts = self.parts.of(customer.0);
            if let Some(part) = parts.get_mut(&key) {
                return part.take(&self.rules, nodes, now);
            }
            // Nobody will be told of it: then edges take no more than half here as well.
            if parts.len() >= MAX_PARTS {
                nodes = nodes.min(2 * self.keepers.load(Ordering::Relaxed));
            }
        }
        let mut next = cells.get(&key).copied().unwrap_or_default();
        let mut wait = 0;
        let mut near = false;
        for (rate, whole_at) in self.rules.iter().zip(&mut next) {
            let (start, height) = ((*whole_at).max(now), rate.height(nodes));
            wait = wait.max(start.saturating_add(rate.cost).saturating_sub(now).saturating_sub(height));
            *whole_at = start.saturating_add(rate.cost.saturating_mul(nodes));
            near |= *whole_at - now > height / 2;
        }
        let left = left(&self.rules, &next.map(|whole_at| now + whole_at.saturating_sub(now) / nodes), now);
        if wait > 0 {
            return Err(Spent { wait: seconds(wait), left: left.map(|left| Left { remaining: 0, ..left }) });
        }
        if nodes > 1 && near && self.share(key, &next, nodes, now) {
            cells.remove(&key);
            return Ok(left);
        }
        if cells.len() >= MAX_CELLS && !cells.contains_key(&key) {
            sweep(&mut cells, now);
        }
        cells.insert(key, next);
        Ok(left)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.cells.each().map(|cells| cells.len()).sum()
    }
}

/// The budget with the least left.
fn left(rules: &[Rate], cell: &Cell, now: u64) -> Option<Left> {
    let of = |(rate, whole_at): (&Rate, &u64)| {
        let ahead = whole_at.saturating_sub(now);
        let remaining = u32::try_from(rate.ahead.saturating_sub(ahead) / rate.cost).unwrap_or(u32::MAX);
        Left { limit: rate.requests, remaining, whole_in: seconds(ahead) }
    };
    rules.iter().zip(cell).map(of).min_by_key(|left| left.remaining)
}

/// A budget that had no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    /// When the call will pass.
    pub(crate) wait: Seconds,
    /// Of the budget that ended first.
    pub(crate) left: Option<Left>,
}

/// Nanoseconds as whole seconds, never too few.
fn seconds(nanos: u64) -> Seconds {
    Seconds(nanos.div_ceil(SECOND).min(i64::MAX as u64) as i64)
}

/// Drops the cells that are whole; if that makes too little room, the eighth that will be whole first.
fn sweep(cells: &mut HashMap<Key, Cell>, now: u64) {
    let whole_at = |cell: &Cell| cell.iter().copied().max().unwrap_or_default();
    cells.retain(|_, cell| whole_at(cell) > now);
    if cells.len() > MAX_CELLS - MAX_CELLS / 8 {
        let mut ends: Vec<u64> = cells.values().map(whole_at).collect();
        let (_, limit, _) = ends.select_nth_unstable(MAX_CELLS / 8);
        let limit = *limit;
        let mut room = MAX_CELLS / 8;
        cells.retain(|_, cell| {
            let goes = room > 0 && whole_at(cell) <= limit;
            room -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets(rules: &[(u32, i64)], key: BudgetKey) -> Budgets {
        let rules: Vec<_> =
            rules.iter().map(|(requests, per)| Budget { requests: *requests, per: Seconds(*per) }).collect();
        Budgets::new(&rules, key)
    }

    fn take(budgets: &Budgets, customer: i64, at: u64) -> Result<(), i64> {
        budgets.take(CustomerId(customer), AppId(1), at).map(drop).map_err(|spent| spent.wait.0)
    }

    #[test]
    fn bg_13_exactly_so_many_calls_pass_at_once() {
        let budgets = budgets(&[(10, 1)], BudgetKey::Customer);
        assert!((0..10).all(|_| take(&budgets, 1, 5 * SECOND).is_ok()));
        assert_eq!(take(&budgets, 1, 5 * SECOND), Err(1));
        assert_eq!(take(&budgets, 1, 5 * SECOND + SECOND / 10), Ok(()), "a tenth of a second is one call");
        assert_eq!(take(&budgets, 1, 5 * SECOND + SECOND / 10), Err(1));
        assert!((0..10).all(|_| take(&budgets, 1, 9 * SECOND).is_ok()), "idle time gives a whole budget, never more");
        assert!(take(&budgets, 1, 9 * SECOND).is_err());
        assert_eq!(take(&budgets, 2, 9 * SECOND), Ok(()), "another customer's budget is its own");
    }

    #[test]
    fn bg_13_what_is_left_counts_down_to_nothing_and_comes_back() {
        let budgets = budgets(&[(3, 3), (100, 60)], BudgetKey::Customer);
        let left = |at: u64| match budgets.take(CustomerId(1), AppId(1), at) {
            Ok(left) => left.map(|left| (left.limit, left.remaining, left.whole_in.0)),
            Err(spent) => spent.left.map(|left| (left.limit, left.remaining, -1)),
        };
        assert_eq!([left(0), left(0), left(0)], [Some((3, 2, 1)), Some((3, 1, 2)), Some((3, 0, 3))]);
        assert_eq!(left(0), Some((3, 0, -1)));
        assert_eq!(left(2 * SECOND), Some((3, 1, 2)));
    }

    #[test]
    fn bg_13_retry_after_is_when_the_call_will_pass() {
        let budgets = budgets(&[(2, 60)], BudgetKey::Customer);
        assert!(take(&budgets, 1, 0).is_ok() && take(&budgets, 1, 0).is_ok());
        assert_eq!(take(&budgets, 1, 0), Err(30));
        assert_eq!(take(&budgets, 1, 12 * SECOND + 1), Err(18));
        assert_eq!(take(&budgets, 1, 30 * SECOND - 1), Err(1));
        assert_eq!(take(&budgets, 1, 30 * SECOND), Ok(()));
    }

    #[test]
    fn bg_13_all_budgets_hold_at_once_and_a_denied_call_costs_nothing() {
        let budgets = budgets(&[(10, 1), (15, 60)], BudgetKey::Customer);
        assert!((0..10).all(|_| take(&budgets, 1, 0).is_ok()));
        assert!((0..1_000).all(|_| take(&budgets, 1, 0).is_err()), "none of these counts");
        assert!(
            (0..5).all(|_| take(&budgets, 1, SECOND).is_ok()),
            "15 of the minute's, and one second gave a quarter of one"
        );
        assert_eq!(take(&budgets, 1, SECOND), Err(3));
        assert_eq!(take(&budgets, 1, 4 * SECOND), Ok(()));
    }

    #[test]
    fn the_key_is_the_customer_or_app_and_customer() {
        let of = |budgets: &Budgets, app: i64| budgets.take(CustomerId(1), AppId(app), 0).is_ok();
        let shared = budgets(&[(1, 1)], BudgetKey::Customer);
        assert!(of(&shared, 1) && !of(&shared, 2));
        let own = budgets(&[(1, 1)], BudgetKey::AppAndCustomer);
        assert!(of(&own, 1) && of(&own, 2) && !of(&own, 1));
    }

    #[test]
    fn memory_is_bounded_whoever_comes() {
        let budgets = budgets(&[(1, 3_600)], BudgetKey::Customer);
        for customer in 0..200_000 {
            assert_eq!(take(&budgets, customer, customer as u64), Ok(()));
        }
        assert!(budgets.len() <= 16 * MAX_CELLS);
        assert!(take(&budgets, 199_999, 200_000).is_err(), "who is furthest ahead is not forgotten");
        for customer in 0..200_000 {
            take(&budgets, customer, 9_000 * SECOND).ok();
        }
        assert!(budgets.len() <= 16 * MAX_CELLS);
    }

    #[test]
    fn no_budget_is_no_limit_and_odd_ones_do_no_harm() {
        assert!((0..1_000).all(|_| take(&budgets(&[], BudgetKey::Customer), 1, 0).is_ok()));
        let odd = budgets(&[(u32::MAX, 1), (1, i64::MAX)], BudgetKey::Customer);
        assert_eq!(take(&odd, 1, u64::MAX - 1), Ok(()));
        take(&odd, 1, u64::MAX).ok();
    }
}
