//! The release build of the product and of the measuring tools.
//!
//! Counts as one test. The binary must be there and say how it is used.

use crate::house::House;
use crate::shell;
use crate::tally::Tally;

/// Builds both in one go.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    Ok(Tally::of("release", build(house)))
}

/// `cargo build --release` of the CLI and the bench.
pub(crate) fn build(house: &House) -> Result<(), String> {
    let arguments =
        ["build", "--quiet", "--release", "--locked", "--package", "causeway-cli", "--package", "causeway-bench"];
    shell::run(shell::cargo(arguments))?;
    let binary = house.binary("causeway")?;
    shell::capture(shell::command(&binary.to_string_lossy(), ["--help"])).map(drop)
}
