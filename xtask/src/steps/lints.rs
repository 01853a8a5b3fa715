//! clippy over every target of the workspace.
//!
//! Counts as one test. What is banned, and why, stands in clippy.toml.

use crate::house::House;
use crate::shell;
use crate::tally::Tally;

/// `cargo clippy`, warnings denied.
pub(crate) fn run(_house: &House) -> Result<Tally, String> {
    let arguments = ["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    Ok(Tally::of("lints", shell::run(shell::cargo(arguments))))
}
