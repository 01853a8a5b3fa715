//! Where the vault's time, pauses and randomness come from: the only place of this crate that may ask the machine.
//! What they are used for does not belong here.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use causeway_protocol::UnixTime;

/// A pause, to be awaited.
pub type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wall time, and waiting.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn millis(&self) -> u64;

    /// Waits: before a retry, and between two looks at what is due. A test's clock moves on instead.
    fn pause(&self, length: Duration) -> Pause;

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

impl Clock for System {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine for the time")]
    fn millis(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn pause(&self, length: Duration) -> Pause {
        Box::pin(tokio::time::sleep(length))
    }
}

impl Entropy for System {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine for randomness")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
    }
}
