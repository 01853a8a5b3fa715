//! What a run writes down: values by name, what each operation said, and what was left out with the reason.
//!
//! Medians over the rounds are taken at the end, from here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::figures::median;

/// A reason is a line.
const LONGEST_REASON: usize = 160;

/// The notes of a run.
#[derive(Default)]
pub(super) struct Book {
    values: BTreeMap<String, Vec<f64>>,
    /// Requests a second, p50, p99, p99.9 in µs, CPU seconds for 1,000: for who wants to look closer.
    pub(super) operations: BTreeMap<String, Vec<Value>>,
    /// What was not measured, and why.
    pub(super) skipped: BTreeMap<String, String>,
}

impl Book {
    /// One more value of a figure or baseline.
    pub(super) fn push(&mut self, name: &str, value: f64) {
        self.values.entry(name.to_owned()).or_default().push(value);
    }

    /// The median of what was noted so far.
    pub(super) fn median(&self, name: &str) -> Option<f64> {
        self.values.get(name).filter(|values| !values.is_empty()).cloned().map(median)
    }

    /// Every name with this beginning and end, with the median.
    pub(super) fn medians(&self, begins: &str, ends: &str) -> Vec<(String, f64)> {
        let fits = self.values.keys().filter(|name| name.starts_with(begins) && name.ends_with(ends));
        fits.filter_map(|name| Some((name.clone(), self.median(name)?))).collect()
    }

    /// Says loudly that something is left out, once.
    pub(super) fn skip(&mut self, what: &str, why: &str) {
        let why: String = why.chars().take(LONGEST_REASON).collect();
        if self.skipped.insert(what.to_owned(), why.clone()).is_none() {
            println!("  SKIPPED {what}: {why}");
        }
    }

    /// Notes an operation's figures and answers its rate; more than one error in a thousand makes them worthless.
    pub(super) fn keep(&mut self, name: &str, said: &Value) -> Result<f64, String> {
        let (done, errors) = (number(said, "requests"), number(said, "errors") + number(said, "broken"));
        println!(
            "    {name:<34} {:>8.0} rps  p50 {:>6.0}  p99 {:>7.0}  p99.9 {:>7.0} µs  CPU {:>7.1} + {:>6.1} µs  errors {errors}",
            number(said, "rps"),
            number(said, "p50_us"),
            number(said, "p99_us"),
            number(said, "p999_us"),
            number(said, "cpu_s_per_1000") * 1000.0,
            number(said, "database_cpu_s_per_1000") * 1000.0,
        );
        if done < 1.0 || errors > done / 1000.0 {
            return Err(format!("{name}: {errors} errors beside {done} good replies: {said}"));
        }
        self.operations.entry(name.to_owned()).or_default().push(said.clone());
        Ok(number(said, "rps"))
    }
}

/// A number of a JSON object; 0 when it is not there.
pub(super) fn number(said: &Value, key: &str) -> f64 {
    said[key].as_f64().unwrap_or(0.0)
}
