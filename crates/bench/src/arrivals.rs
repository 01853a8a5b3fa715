//! Arrivals at a constant rate, whatever the server does: so that a stall is counted for everyone who came during it.
//!
//! A thread of its own keeps the pace, because the runtime's timer knows only milliseconds. Nothing is sent here.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

/// A request is sent at most this much after it was due because of the generator itself; its latency counts that in.
const FINEST: Duration = Duration::from_micros(200);
const LONGEST: Duration = Duration::from_millis(50);

/// The requests that are due, in order.
pub struct Arrivals {
    due: Mutex<UnboundedReceiver<Instant>>,
    stopped: Arc<AtomicBool>,
    stopping: Notify,
    stops: Cell<bool>,
}

impl Arrivals {
    /// From now on, so many a second.
    pub fn start(rate: f64) -> Self {
        let (send, due) = unbounded_channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let start = Instant::now();
        thread::spawn(move || {
            let mut number = 0.0;
            while !stop.load(Ordering::Relaxed) {
                let next = start + Duration::from_secs_f64(number / rate.max(1e-3));
                let ahead = next.saturating_duration_since(Instant::now());
                if !ahead.is_zero() {
                    // Short sleeps, so that a slow rate does not outlive the run; not too short, or pacing would cost more
                    // than what is paced.
                    thread::sleep(ahead.clamp(FINEST, LONGEST));
                    continue;
                }
                if send.send(next).is_err() {
                    return;
                }
                number += 1.0;
            }
        });
        Self { due: Mutex::new(due), stopped, stopping: Notify::new(), stops: Cell::new(false) }
    }

    /// When the next request was due: at once if that is past, else when it comes; `None` when there are no more.
    pub async fn next(&self) -> Option<Instant> {
        if self.stops.get() {
            return None;
        }
        tokio::select! {
            due = async { self.due.lock().await.recv().await } => due,
            () = self.stopping.notified() => None,
        }
    }

    /// No more arrivals.
    pub fn stop(&self) {
        self.stops.set(true);
        self.stopped.store(true, Ordering::Relaxed);
        self.stopping.notify_waiters();
    }

    /// Requests that were due and not taken.
    pub fn waiting(&self) -> usize {
        self.due.try_lock().map_or(0, |due| due.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn arrivals_do_not_wait_for_who_takes_them() {
        let arrivals = Arrivals::start(1000.0);
        let first = arrivals.next().await.unwrap();
        let tenth = {
            for _ in 0..8 {
                arrivals.next().await.unwrap();
            }
            arrivals.next().await.unwrap()
        };
        assert_eq!(tenth - first, Duration::from_millis(9));
        arrivals.stop();
        assert_eq!(arrivals.next().await, None);
    }
}
