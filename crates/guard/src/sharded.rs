//! A map behind sixteen locks, so that calls of different customers do not wait for each other. Bounds are its users'.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// See the module.
pub(crate) struct Sharded<K, V> {
    shards: [Mutex<HashMap<K, V>>; SHARDS],
}

impl<K: Hash + Eq, V> Sharded<K, V> {
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The part of the map that everything with this number lies in.
    pub(crate) fn of(&self, number: i64) -> MutexGuard<'_, HashMap<K, V>> {
        // Fibonacci hashing: neighbouring numbers fall apart. The top four bits choose one of sixteen.
        let shard = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
        self.shards[shard as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many parts there are, and one of them by its place. Two maps of the same numbers have the same parts.
    pub(crate) const PARTS: usize = SHARDS;

    /// See [`Sharded::PARTS`].
    pub(crate) fn at(&self, part: usize) -> MutexGuard<'_, HashMap<K, V>> {
        self.shards[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every part, one after the other.
    #[cfg(test)]
    pub(crate) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, HashMap<K, V>>> {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
