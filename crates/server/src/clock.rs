//! Where time and randomness come from: the only place of this crate that may ask the machine.

use std::sync::Arc;

use causeway_protocol::UnixTime;

/// The wall clock, and a monotonic one for deadlines and budgets.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn millis(&self) -> u64;
    /// Nanoseconds since some fixed point; never goes back.
    fn monotonic_nanos(&self) -> u64;

    /// Seconds since the Unix epoch.
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.millis())
    }
}

/// Random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the slice with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

#[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine for the time")]
impl Clock for System {
    fn millis(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn monotonic_nanos(&self) -> u64 {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
    }
}

impl Entropy for System {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine for randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// The machine's clock, shared.
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(System)
}
