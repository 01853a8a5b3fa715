//! Who still calls with OAuth 1.0, and what: counted in memory, bounded, written in batches. How the report reads is
//! asked elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use causeway_protocol::legacy::LegacyUse;
use causeway_protocol::time::Seconds;
use causeway_protocol::{ConsumerId, UnixTime};

/// So many rows are counted between two flushes; calls beyond are not in the report.
const MAX_ROWS: usize = 20_000;
/// What calls are counted under that were signed rightly, and refused for the date alone.
const PAUSED: &str = "refused while paused";
const ENDED: &str = "refused after the end";

type Key = (ConsumerId, i64, String);

/// See the module.
#[derive(Debug, Default)]
pub struct LegacyCounts(Mutex<HashMap<Key, (u64, UnixTime)>>);

impl LegacyCounts {
    /// A call that went through, or reached an endpoint: "GET /locations".
    pub fn seen(&self, consumer: ConsumerId, route: &str, now: UnixTime) {
        let key = (consumer, now.0.div_euclid(Seconds::DAY.0), route.to_owned());
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MAX_ROWS && !counts.contains_key(&key) {
            return;
        }
        let (calls, last_at) = counts.entry(key).or_insert((0, now));
        (*calls, *last_at) = (*calls + 1, now.max(*last_at));
    }

    /// A call that would have gone through at another time: whoever makes it has not moved yet.
    pub fn refused(&self, consumer: ConsumerId, ended: bool, now: UnixTime) {
        self.seen(consumer, if ended { ENDED } else { PAUSED }, now);
    }

    /// Hands over what was counted, in order, and starts anew.
    pub fn take(&self) -> Vec<LegacyUse> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let row = |((consumer, day, route), (calls, last_at))| LegacyUse { consumer, day, route, calls, last_at };
        let mut rows: Vec<LegacyUse> = counts.into_iter().map(row).collect();
        rows.sort_unstable_by(|a, b| (a.consumer, a.day, &a.route).cmp(&(b.consumer, b.day, &b.route)));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_add_up_by_consumer_day_and_route_and_memory_is_bounded() {
        let counts = LegacyCounts::default();
        let (noon, next) = (UnixTime(43_200), UnixTime(86_400));
        counts.seen(ConsumerId(2), "GET /leads", noon);
        counts.seen(ConsumerId(1), "GET /leads", noon + Seconds(5));
        counts.seen(ConsumerId(1), "GET /leads", noon);
        counts.seen(ConsumerId(1), "GET /leads", next);
        counts.refused(ConsumerId(1), true, next);
        let rows: Vec<_> = counts
            .take()
            .into_iter()
            .map(|row| (row.consumer.0, row.day, row.route, row.calls, row.last_at.0))
            .collect();
        let row = |consumer, day, route: &str, calls, last| (consumer, day, route.to_owned(), calls, last);
        assert_eq!(
            rows,
            [
                row(1, 0, "GET /leads", 2, 43_205),
                row(1, 1, "GET /leads", 1, 86_400),
                row(1, 1, ENDED, 1, 86_400),
                row(2, 0, "GET /leads", 1, 43_200),
            ]
        );
        assert!(counts.take().is_empty());
        (0..MAX_ROWS as i64 + 10).for_each(|id| counts.seen(ConsumerId(id), "x", noon));
        counts.seen(ConsumerId(0), "x", noon);
        let rows = counts.take();
        assert_eq!((rows.len(), rows[0].calls), (MAX_ROWS, 2), "known rows go on counting");
    }
}
