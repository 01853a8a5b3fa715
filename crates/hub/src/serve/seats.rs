//! Who is connected, and who has kept us waiting longest: when all seats are taken, that one makes room, so that no
//! crowd of silent clients keeps people out. What is said on a connection does not belong here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// A request of this connection is being answered.
const BUSY: u64 = u64::MAX;

/// All seats of a listener.
pub(super) struct Seats {
    most: usize,
    all: Arc<All>,
}

#[derive(Default)]
struct All {
    /// Counts turns: who has the smallest has waited longest. No clock is needed.
    turn: AtomicU64,
    taken: Mutex<HashMap<u64, Taken>>,
}

struct Taken {
    /// Since which turn we wait for its client, or [`BUSY`].
    waits_since: Arc<AtomicU64>,
    task: Option<AbortHandle>,
}

/// One connection's; free again when dropped.
pub(super) struct Seat {
    number: u64,
    waits_since: Arc<AtomicU64>,
    all: Arc<All>,
}

impl Seats {
    pub(super) fn new(most: usize) -> Self {
        Self { most, all: Arc::default() }
    }

    /// A seat; if need be, that of the client who kept us waiting longest, whose connection is closed. `None`: all are
    /// being answered.
    pub(super) fn take(&self) -> Option<Seat> {
        let mut taken = self.all.taken();
        if taken.len() >= self.most {
            let waiting = |seat: &Taken| seat.waits_since.load(Ordering::Relaxed);
            let longest = taken.iter().filter(|(_, seat)| waiting(seat) != BUSY).min_by_key(|(_, seat)| waiting(seat));
            let gone = longest.map(|(number, _)| *number).and_then(|number| taken.remove(&number))?;
            if let Some(task) = gone.task {
                task.abort();
            }
        }
        let number = self.all.next();
        let waits_since = Arc::new(AtomicU64::new(number));
        taken.insert(number, Taken { waits_since: Arc::clone(&waits_since), task: None });
        Some(Seat { number, waits_since, all: Arc::clone(&self.all) })
    }

    /// Names the task to end when the seat is needed.
    pub(super) fn is_served_by(&self, number: u64, task: AbortHandle) {
        if let Some(seat) = self.all.taken().get_mut(&number) {
            seat.task = Some(task);
        }
    }
}

impl Seat {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// A request came, whole.
    pub(super) fn is_busy(&self) {
        self.waits_since.store(BUSY, Ordering::Relaxed);
    }

    /// It was answered: from now on the client keeps us waiting.
    pub(super) fn waits(&self) {
        self.waits_since.store(self.all.next(), Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.all.taken().remove(&self.number);
    }
}

impl All {
    fn next(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
