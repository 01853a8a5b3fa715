//! Time and chance that the test holds. Nothing here asks the machine.

use std::sync::atomic::{AtomicU64, Ordering};

use causeway_protocol::UnixTime;
use causeway_protocol::time::Seconds;

/// 2026-11-21T12:00:00Z: where every test begins.
pub const NOON: UnixTime = UnixTime(1_795_262_400);

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct Clock {
    wall_millis: AtomicU64,
    monotonic_nanos: AtomicU64,
}

impl Clock {
    /// Standing at this time.
    pub fn at(now: UnixTime) -> Self {
        Self { wall_millis: AtomicU64::new(now.0 as u64 * 1_000), monotonic_nanos: AtomicU64::new(1_000_000_000) }
    }

    /// Time passes.
    pub fn advance(&self, by: Seconds) {
        self.advance_millis(by.0 as u64 * 1_000);
    }

    /// Time passes, in milliseconds.
    pub fn advance_millis(&self, by: u64) {
        self.wall_millis.fetch_add(by, Ordering::SeqCst);
        self.monotonic_nanos.fetch_add(by * 1_000_000, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock, forward or back; the monotonic one goes on.
    pub fn jump_to(&self, now: UnixTime) {
        self.wall_millis.store(now.0 as u64 * 1_000, Ordering::SeqCst);
    }

    /// The wall clock.
    pub fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.wall_millis.load(Ordering::SeqCst))
    }
}

impl causeway_server::clock::Clock for Clock {
    fn millis(&self) -> u64 {
        self.wall_millis.load(Ordering::SeqCst)
    }

    fn monotonic_nanos(&self) -> u64 {
        self.monotonic_nanos.load(Ordering::SeqCst)
    }
}

/// Seeded randomness: SplitMix64 (Steele et al. 2014). Guessable on purpose; for tests only.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    /// The same seed gives the same bytes.
    pub fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut z = self.0.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of 0..n.
    pub fn below(&self, n: u64) -> u64 {
        self.next() % n
    }
}

impl causeway_server::clock::Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.next().to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
    }
}
