//! Where a guard at the edge has its time and its own number from: the only place of this crate that may ask the machine.

use causeway_protocol::UnixTime;
use causeway_protocol::cluster::NodeId;

/// The wall clock, and a monotonic one for freshness and budgets.
pub trait Clock: Send + Sync + 'static {
    /// Wall time, for expiry.
    fn now(&self) -> UnixTime;
    /// Nanoseconds since some fixed point; never goes back.
    fn monotonic_nanos(&self) -> u64;
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

#[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine for the time")]
impl Clock for System {
    fn now(&self) -> UnixTime {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        UnixTime::from_millis(since.map_or(0, |since| since.as_millis() as u64))
    }

    fn monotonic_nanos(&self) -> u64 {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
    }
}

/// A number of its own at every start, as nodes have one; `None` where the machine has no randomness to give.
pub(super) fn name() -> Option<NodeId> {
    let mut bytes = [0; 8];
    rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes).ok()?;
    Some(NodeId(i64::from_be_bytes(bytes) & i64::MAX))
}
