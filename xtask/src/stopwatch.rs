//! Elapsed time for a person to read, and the only place of xtask that reads the clock.
//!
//! Nothing may be decided by it.

use std::time::{Duration, Instant};

/// Started when made.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[allow(clippy::disallowed_methods)] // a tool's stopwatch; the product's clock is an argument
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Since the start, in whole milliseconds.
    pub(crate) fn millis(&self) -> f64 {
        self.0.elapsed().as_secs_f64() * 1000.0
    }
}
