//! What the machine itself can do, in the same minute: its disk, SQLite with random keys, our store alone, PostgreSQL.
//!
//! Each probe runs for some seconds and answers a rate; what it needs is made once and used again.

pub mod postgres;
pub mod random_keys;
pub mod store;
pub mod sync;

/// Good enough to spread keys and rows; a seed gives the same sequence always (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.draw() % end.max(1) as u64) as usize
    }

    /// A key that nobody has.
    pub fn key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&self.draw().to_be_bytes());
        }
        key
    }
}
