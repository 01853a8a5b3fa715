//! `cargo xtask test`: what CI runs, one step a file.
//!
//! A step returns a tally or an error; it never stops the others. Add one: a file with `run(&House)`, a line in `STEPS`.

mod bench;
mod browser;
mod clients;
mod docs;
mod format;
mod install;
mod instructions;
mod lints;
mod prove;
mod release;
mod unit;

use crate::house::House;
use crate::stopwatch::Stopwatch;
use crate::tally::Tally;
use crate::tidy;

pub(crate) use install::run as install;
pub(crate) use instructions::renew as renew_instructions;
pub(crate) use release::build as build_release;

type Step = fn(&House) -> Result<Tally, String>;

const STEPS: &[(&str, &str, Step)] = &[
    ("tidy", "the walls of the workspace", tidy::run),
    ("format", "rustfmt", format::run),
    ("install", "what the later steps need", install::run),
    ("lints", "clippy, warnings denied", lints::run),
    ("unit", "tests of every crate", unit::run),
    ("docs", "generated documents are fresh", docs::run),
    ("release", "the binary that people run", release::run),
    ("instructions", "hot paths execute what the budget says", instructions::run),
    ("clients", "foreign OAuth clients", clients::run),
    ("browser", "the story in Chromium", browser::run),
    ("prove", "long proofs at a size of seconds", prove::run),
    ("bench", "the bench still measures", bench::run),
];

/// Runs all steps, or those named. The last line is `N passed, N failed`.
pub(crate) fn run(house: &House, only: &[String]) -> Result<bool, String> {
    if let Some(unknown) = only.iter().find(|name| !STEPS.iter().any(|(step, ..)| step == name)) {
        let names: Vec<&str> = STEPS.iter().map(|(name, ..)| *name).collect();
        return Err(format!("there is no step `{unknown}`; the steps are {}", names.join(", ")));
    }
    let mut sum = Tally::default();
    let mut lines = Vec::new();
    for (name, what, step) in STEPS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("\n== {name}: {what}");
        let watch = Stopwatch::start();
        let tally = step(house).unwrap_or_else(|why| Tally::fail(format!("{name}: {why}")));
        let took = watch.elapsed().as_secs_f64();
        println!("== {name}: {} passed, {} failed in {took:.1} s", tally.passed, tally.failed);
        lines.push(format!("{name:<13}{:>6} passed{:>5} failed{took:>9.1} s", tally.passed, tally.failed));
        sum += tally;
    }
    println!("\n{}", lines.join("\n"));
    for failure in &sum.failures {
        println!("FAILED {}", failure.lines().next().unwrap_or_default());
    }
    println!("{} passed, {} failed", sum.passed, sum.failed);
    Ok(sum.failed == 0)
}
