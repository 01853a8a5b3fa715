//! `cargo test` over the workspace, its own counts summed.
//!
//! A crate that does not compile counts as one failure.

use crate::house::House;
use crate::shell;
use crate::tally::Tally;

/// Runs and counts.
pub(crate) fn run(_house: &House) -> Result<Tally, String> {
    let (good, said) = shell::tee(shell::cargo(["test", "--quiet", "--locked", "--workspace", "--no-fail-fast"]))?;
    let mut tally = count(&said);
    if !good && tally.failed == 0 {
        tally += Tally::fail("unit: a crate does not compile, or a test binary died");
    }
    if good && tally.passed == 0 {
        tally += Tally::fail("unit: no test ran");
    }
    Ok(tally)
}

/// Sums the `test result:` lines, and names what failed.
fn count(said: &str) -> Tally {
    let mut tally = Tally::default();
    for line in said.lines() {
        if let Some(result) = line.trim().strip_prefix("test result: ") {
            tally.passed += before(result, " passed");
            tally.failed += before(result, " failed");
        } else if let Some(name) = line.trim().strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            tally.failures.push(format!("unit: {name}"));
        }
    }
    tally
}

/// The number that stands before a word.
fn before(text: &str, word: &str) -> u64 {
    let head = text.split(word).next().unwrap_or_default();
    head.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed() {
        let said = "test result: ok. 12 passed; 0 failed; 0 ignored\n---- a::b stdout ----\n\
                    test result: FAILED. 3 passed; 1 failed; 0 ignored\n";
        assert_eq!(count(said), Tally { passed: 15, failed: 1, failures: vec!["unit: a::b".into()] });
    }
}
