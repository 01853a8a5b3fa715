//! What passed and what failed, summed over steps.
//!
//! Counting only: a step decides for itself what one test is.

use std::ops::AddAssign;

/// A count of tests, with a line for each failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) failures: Vec<String>,
}

impl Tally {
    /// One test that passed.
    pub(crate) fn pass() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One test that failed, and why.
    pub(crate) fn fail(why: impl Into<String>) -> Self {
        Self { failed: 1, failures: vec![why.into()], ..Self::default() }
    }

    /// One test, named, that passed or failed.
    pub(crate) fn of(name: &str, outcome: Result<(), String>) -> Self {
        match outcome {
            Ok(()) => Self::pass(),
            Err(why) => Self::fail(format!("{name}: {why}")),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures);
    }
}
