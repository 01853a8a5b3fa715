//! rustfmt over the workspace.
//!
//! Counts as one test.

use crate::house::House;
use crate::shell;
use crate::tally::Tally;

/// `cargo fmt --check`.
pub(crate) fn run(_house: &House) -> Result<Tally, String> {
    Ok(Tally::of("format", shell::run(shell::cargo(["fmt", "--all", "--check"]))))
}
