//! Counting failures in bounded memory, so that guessing is slow and nobody is locked out: who is right is served
//! whatever the count (SECURITY TK-06). What counts as a failure, and what is refused then, is the flows' business.

use std::sync::{Mutex, PoisonError};

use causeway_protocol::seal::sha256;
use causeway_protocol::time::Seconds;

/// How many pairs are remembered at once. Two that fall on one slot: the newer one is remembered.
const SLOTS: usize = 8_192;

/// So many failures of one key in one window. 192 KiB, whatever comes.
pub struct Throttle {
    slots: Mutex<Vec<Slot>>,
    limit: u32,
    window: Seconds,
}

/// Who failed at what: eight bytes that stand for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The key of these parts, which cannot run into each other.
    pub fn of(parts: &[&[u8]]) -> Self {
        Self(u64::from_be_bytes(sha256(parts)))
    }
}

#[derive(Clone, Copy, Default)]
struct Slot {
    key: u64,
    failures: u32,
    /// When the window began, in nanoseconds of the monotonic clock.
    since: u64,
}

impl Throttle {
    /// At most `limit` failures of a key in a window.
    pub fn new(limit: u32, window: Seconds) -> Self {
        Self { slots: Mutex::new(vec![Slot::default(); SLOTS]), limit, window }
    }

    /// Counts one more failure. Over the limit: how long until the window ends.
    pub fn failed(&self, key: Key, monotonic_nanos: u64) -> Option<Seconds> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[key.0 as usize % SLOTS];
        let fresh = slot.key == key.0 && slot.failures > 0 && self.left(slot, monotonic_nanos).is_some();
        if !fresh {
            *slot = Slot { key: key.0, failures: 0, since: monotonic_nanos };
        }
        slot.failures = slot.failures.saturating_add(1);
        self.over(slot, monotonic_nanos)
    }

    /// Whether the key is over its limit, and for how long. Counts nothing.
    pub fn wait(&self, key: Key, monotonic_nanos: u64) -> Option<Seconds> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &slots[key.0 as usize % SLOTS];
        if slot.key == key.0 { self.over(slot, monotonic_nanos) } else { None }
    }

    /// Forgets a key's failures.
    pub fn forgive(&self, key: Key) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[key.0 as usize % SLOTS];
        if slot.key == key.0 {
            *slot = Slot::default();
        }
    }

    fn over(&self, slot: &Slot, now: u64) -> Option<Seconds> {
        if slot.failures > self.limit { self.left(slot, now) } else { None }
    }

    /// What is left of the slot's window, rounded up; `None` when it is over.
    fn left(&self, slot: &Slot, now: u64) -> Option<Seconds> {
        let end = slot.since.saturating_add(self.window.0.unsigned_abs().saturating_mul(1_000_000_000));
        let left = end.checked_sub(now).filter(|left| *left > 0)?;
        Some(Seconds(left.div_ceil(1_000_000_000) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn tk_06_failures_are_counted_per_key_and_window() {
        let throttle = Throttle::new(3, Seconds(60));
        let (one, other) = (Key::of(&[b"app", b"1"]), Key::of(&[b"app", b"2"]));
        for _ in 0..3 {
            assert_eq!(throttle.failed(one, 0), None);
        }
        assert_eq!(throttle.failed(one, 10 * SECOND), Some(Seconds(50)));
        assert_eq!(throttle.wait(one, 10 * SECOND), Some(Seconds(50)));
        assert_eq!(throttle.failed(other, 10 * SECOND), None);
        assert_eq!(throttle.wait(one, 60 * SECOND), None);
        assert_eq!(throttle.failed(one, 60 * SECOND), None, "a new window begins");
    }

    #[test]
    fn tk_06_memory_stays_whatever_comes() {
        let throttle = Throttle::new(3, Seconds(60));
        for n in 0..100_000u32 {
            throttle.failed(Key::of(&[&n.to_be_bytes()]), 0);
        }
        assert_eq!(throttle.slots.lock().unwrap().len(), SLOTS);
    }

    #[test]
    fn who_is_forgiven_starts_anew() {
        let throttle = Throttle::new(1, Seconds(60));
        let key = Key::of(&[b"somebody"]);
        throttle.failed(key, 0);
        assert!(throttle.failed(key, 0).is_some());
        throttle.forgive(key);
        assert_eq!(throttle.failed(key, 0), None);
    }
}
