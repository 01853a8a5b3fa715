//! Waiting for what comes by itself. How long something may take is never a test's to say: what must not happen is shown by what
//! happened before it, and what must happen is waited for.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// A test that hangs fails after this. Nothing takes as long on any machine, so it measures nothing.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Between two looks: whoever is waited for needs the processor more.
const LOOK: Duration = Duration::from_millis(5);

/// Looks until it is so.
///
/// # Panics
/// When it never is.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        while !so().await {
            looks.tick().await;
        }
    };
    in_the_end(what, looking).await;
}

/// Waits for what must end.
///
/// # Panics
/// When it never does.
pub async fn in_the_end<T>(what: &str, work: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("never: {what}"),
    }
}
