//! How many instructions the hot paths execute, against `bench/instructions.json`.
//!
//! Callgrind counts them, so the machine's mood and speed do not matter; what does is the processor's kind (its cipher
//! instructions), the compiler and the code. Each path runs twice, with few and with many repetitions: the difference is theirs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::house::House;
use crate::shell;
use crate::tally::Tally;

const BUDGET: &str = "bench/instructions.json";
/// So many more, or fewer, in a hundred are let pass: fewer fails so that what was won is not given away again unseen.
const PERCENT: u64 = 2;
const FEW: u64 = 1_000;
const MANY: u64 = 3_000;

type Counts = BTreeMap<String, u64>;

/// Counts as one test a path.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let budget: Counts = serde_json::from_str(&house.read(BUDGET)?).map_err(|e| format!("{BUDGET}: {e}"))?;
    let program = build(house)?;
    let mut sum = Tally::default();
    for (path, budget) in &budget {
        let counted = count(&program, path)?;
        println!("  {path:<18} {counted:>7} instructions, budget {budget}");
        sum += Tally::of(path, judge(counted, *budget));
    }
    Ok(sum)
}

/// Writes what is counted now as the budget.
pub(crate) fn renew(house: &House) -> Result<bool, String> {
    let old: Counts = serde_json::from_str(&house.read(BUDGET)?).map_err(|e| format!("{BUDGET}: {e}"))?;
    let program = build(house)?;
    let mut new = Counts::new();
    for (path, before) in old {
        let counted = count(&program, &path)?;
        println!("  {path:<18} {counted:>7} instructions, before {before}");
        new.insert(path, counted);
    }
    let text = serde_json::to_string_pretty(&new).map_err(|e| format!("{BUDGET}: {e}"))?;
    std::fs::write(house.path(BUDGET), text + "\n").map_err(|e| format!("cannot write {BUDGET}: {e}"))?;
    Ok(true)
}

fn judge(counted: u64, budget: u64) -> Result<(), String> {
    if counted.abs_diff(budget) * 100 <= budget * PERCENT {
        return Ok(());
    }
    let percent = (counted as f64 / (budget.max(1)) as f64 - 1.0) * 100.0;
    let what = if counted > budget { "it became dearer: see why, or" } else { "it became cheaper:" };
    Err(format!(
        "{counted} instructions, {percent:+.1} % of its budget of {budget}; {what} renew {BUDGET} by `cargo xtask \
         instructions` and say why in the commit"
    ))
}

fn build(house: &House) -> Result<std::path::PathBuf, String> {
    let package = ["--package", "causeway-guard", "--example", "hot"];
    shell::run(shell::cargo(["build", "--quiet", "--release", "--locked"].into_iter().chain(package)))?;
    house.binary("examples/hot")
}

fn count(program: &Path, path: &str) -> Result<u64, String> {
    let (few, many) = (executed(program, path, FEW)?, executed(program, path, MANY)?);
    many.checked_sub(few).map(|both| both / (MANY - FEW)).ok_or(format!("{path}: {many} is less than {few}"))
}

/// Instructions of one run. Callgrind says on the standard error: `Collected : 123`.
fn executed(program: &Path, path: &str, times: u64) -> Result<u64, String> {
    let program = program.to_string_lossy().into_owned();
    let arguments = ["--tool=callgrind", "--callgrind-out-file=/dev/null", &program, path, &times.to_string()];
    let output = shell::command("valgrind", arguments).output();
    let output = output.map_err(|e| format!("cannot run valgrind, which `cargo xtask test install` brings: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match collected {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!("valgrind {}: {said}", arguments.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_percent_either_way_are_let_pass() {
        assert!([980, 1_000, 1_020].iter().all(|counted| judge(*counted, 1_000).is_ok()));
        for counted in [979, 1_021] {
            assert!(judge(counted, 1_000).is_err_and(|why| why.contains("cargo xtask instructions")), "{counted}");
        }
    }
}
