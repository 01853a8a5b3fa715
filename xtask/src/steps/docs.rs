//! Generated documents are as the code would make them.
//!
//! Counts as one test.

use crate::generate;
use crate::house::House;
use crate::tally::Tally;

/// `cargo xtask generate --check`.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let stale = generate::run(house, true)?;
    Ok(match stale.as_slice() {
        [] => Tally::pass(),
        names => Tally::fail(format!("docs: stale: {}; run `cargo xtask generate`", names.join(", "))),
    })
}
