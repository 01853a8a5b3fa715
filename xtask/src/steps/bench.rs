//! The bench still measures: one short round, whose figures are shown and not judged.
//!
//! A machine that is busy must not fail a build; `cargo xtask bench` judges.

use crate::house::House;
use crate::measure;
use crate::tally::Tally;

/// Counts as one test.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let short = ["--rounds", "1", "--seconds", "0.5", "--families", "20000", "--peers", "no", "--only", "smoke"];
    let short = [&short[..], &["--json", "target/run/bench-smoke.json"]].concat();
    let arguments: Vec<String> = short.iter().map(ToString::to_string).collect();
    Ok(Tally::of("bench", measure::bench(house, &arguments).map(drop)))
}
