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
/// The same under another compiler than the one that the budget was counted with: only what is plainly wrong is seen.
const PERCENT_ELSEWHERE: u64 = 15;
const FEW: u64 = 1_000;
const MANY: u64 = 3_000;

/// The file.
#[derive(serde::Deserialize, serde::Serialize)]
struct Budget {
    /// What `rustc --version` said.
    compiler: String,
    /// By path: instructions of one repetition.
    instructions: BTreeMap<String, u64>,
}

/// Counts as one test a path.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let (budget, compiler) = (read(house)?, compiler()?);
    let same = budget.compiler == compiler;
    let percent = if same { PERCENT } else { PERCENT_ELSEWHERE };
    if !same {
        println!("  NOTE: counted with {}, and this is {compiler}: {percent} % are let pass", budget.compiler);
    }
    let program = build(house)?;
    let mut sum = Tally::default();
    for (path, budget) in &budget.instructions {
        let counted = count(&program, path)?;
        println!("  {path:<18} {counted:>7} instructions, budget {budget}");
        sum += Tally::of(path, judge(counted, *budget, percent));
    }
    Ok(sum)
}

/// Writes what is counted now as the budget.
pub(crate) fn renew(house: &House) -> Result<bool, String> {
    let mut budget = read(house)?;
    let program = build(house)?;
    for (path, instructions) in &mut budget.instructions {
        let counted = count(&program, path)?;
        println!("  {path:<18} {counted:>7} instructions, before {instructions}");
        *instructions = counted;
    }
    budget.compiler = compiler()?;
    let text = serde_json::to_string_pretty(&budget).map_err(|e| format!("{BUDGET}: {e}"))?;
    std::fs::write(house.path(BUDGET), text + "\n").map_err(|e| format!("cannot write {BUDGET}: {e}"))?;
    Ok(true)
}

fn read(house: &House) -> Result<Budget, String> {
    serde_json::from_str(&house.read(BUDGET)?).map_err(|e| format!("{BUDGET}: {e}"))
}

fn compiler() -> Result<String, String> {
    shell::capture(shell::command("rustc", ["--version"])).map(|said| said.trim().to_owned())
}

fn judge(counted: u64, budget: u64, percent: u64) -> Result<(), String> {
    if counted.abs_diff(budget) * 100 <= budget * percent {
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
        assert!([980, 1_000, 1_020].iter().all(|counted| judge(*counted, 1_000, PERCENT).is_ok()));
        for counted in [979, 1_021] {
            assert!(
                judge(counted, 1_000, PERCENT).is_err_and(|why| why.contains("cargo xtask instructions")),
                "{counted}"
            );
        }
    }
}
