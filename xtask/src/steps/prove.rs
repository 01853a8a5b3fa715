//! The long proofs at a size of seconds.
//!
//! The same code as `cargo xtask prove`, smaller.

use crate::house::House;
use crate::measure;
use crate::tally::Tally;

const SIZES: [(&str, u64); 9] = [
    ("kill", 50),
    ("power", 20),
    ("growth", 20_000),
    ("large", 150_000),
    ("signatures", 2_000),
    ("migrate", 600),
    ("partition", 15),
    ("rolling", 2),
    ("standby", 8),
];

/// One test a proof.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (name, size) in SIZES {
        tally += Tally::of(&format!("prove {name}"), measure::proof(house, name, Some(size)));
    }
    Ok(tally)
}
