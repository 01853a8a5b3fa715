//! Maps whose keys are our own numbers. Nobody outside chooses those, so their hash need not withstand anybody: it is two
//! multiplications instead of the standard library's keyed hash. Never use it for text or for numbers that a caller names.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from ids, positions or subjects.
pub type Numbered<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberHasher(u64);

impl NumberHasher {
    fn mix(&mut self, number: u64) {
        // Both halves of the product: low bits choose the place in a map, high bits the tag beside it.
        let product = u128::from(self.0 ^ number ^ 0x2545_f491_4f6c_dd1d) * u128::from(0x9e37_79b9_7f4a_7c15u64);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.mix(u64::from(*byte)));
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_i64(&mut self, number: i64) {
        self.mix(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.mix(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;
    use crate::{AppId, FamilyId, Subject, SubjectKind};

    fn spread(keys: impl Iterator<Item = impl std::hash::Hash>) -> (usize, usize) {
        let hasher = BuildHasherDefault::<NumberHasher>::default();
        let hashes: Vec<u64> = keys.map(|key| hasher.hash_one(key)).collect();
        let low: HashSet<u64> = hashes.iter().map(|hash| hash & 0xffff).collect();
        let high: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        (low.len(), high.len())
    }

    #[test]
    fn neighbours_and_ids_of_time_fall_apart() {
        // 10,000 random numbers would fill about 9,200 of 65,536 places.
        for (low, high) in [
            spread((0..10_000).map(AppId)),
            spread((0..10_000).map(|n| FamilyId::at(1_800_000_000_000 + n, 0))),
            spread((0..10_000).map(|id| Subject { kind: SubjectKind::Connection, id })),
            spread((0..10_000).map(|n: i64| n << 40)),
        ] {
            assert!(low > 8_500 && high == 128, "{low} places, {high} tags");
        }
    }
}
