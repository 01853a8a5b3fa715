//! Documents that are made from others: docs/ERRORS.md, the tables of docs/PROFILES.md, the tests column of docs/CHECKLIST.md
//! and docs/SECURITY.md, the figures of docs/BENCHMARKS.md and its charts.
//!
//! `--check` writes nothing and fails when one is stale.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::house::House;
use crate::measure::{charts, markdown};
use crate::shell;
use crate::tidy::{Row, TABLES, ids_in_name, test_names};

const FIGURES_BEGIN: &str = "<!-- figures: generated from benchmarks.json -->";
const FIGURES_END: &str = "<!-- end of figures -->";

/// `cargo xtask generate [--check]`.
pub(crate) fn command(house: &House, arguments: &[String]) -> Result<bool, String> {
    let check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("generate takes nothing but --check".into()),
    };
    let stale = run(house, check)?;
    for path in &stale {
        println!("{path} {}", if check { "is stale: run `cargo xtask generate`" } else { "renewed" });
    }
    Ok(!check || stale.is_empty())
}

/// Names the documents that were stale; renews them unless it only checks.
pub(crate) fn run(house: &House, check: bool) -> Result<Vec<String>, String> {
    let mut documents =
        vec![("docs/ERRORS.md".to_string(), example("errors")?), ("docs/PROFILES.md".to_string(), example("manual")?)];
    let tests = test_names(house)?;
    for table in TABLES {
        documents.push(((*table).to_string(), with_tests(&house.read(table)?, &tests)));
    }
    if let Ok(figures) = house.read("docs/benchmarks.json") {
        let path = "docs/BENCHMARKS.md".to_string();
        let report = serde_json::from_str(&figures).map_err(|e| format!("docs/benchmarks.json: {e}"))?;
        let text = with_figures(&house.read(&path)?, &report)?;
        documents.push((path, text));
        documents.extend(charts(&report));
        fs::create_dir_all(house.path("docs/charts")).map_err(|e| format!("cannot make docs/charts: {e}"))?;
    }
    let mut stale = Vec::new();
    for (path, text) in documents {
        if house.read(&path).unwrap_or_default() == text {
            continue;
        }
        if !check {
            fs::write(house.path(&path), text).map_err(|e| format!("cannot write {path}: {e}"))?;
        }
        stale.push(path);
    }
    Ok(stale)
}

/// A page, printed by the crate that knows what stands in it.
fn example(name: &str) -> Result<String, String> {
    shell::capture(shell::cargo(["run", "--quiet", "--package", "causeway-protocol", "--example", name]))
}

/// The table with each row's tests filled in from the tests' names.
fn with_tests(text: &str, tests: &BTreeMap<String, String>) -> String {
    let known: BTreeSet<String> = text.lines().filter_map(Row::read).map(|row| row.id).collect();
    let mut bearing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in tests.keys() {
        for id in ids_in_name(name, &known) {
            bearing.entry(id).or_default().push(name);
        }
    }
    let renew = |line: &str| match Row::read(line) {
        Some(mut row) => {
            let names = bearing.get(&row.id).map_or(&[][..], Vec::as_slice);
            row.tests = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            row.line()
        }
        None => line.to_string(),
    };
    text.lines().map(renew).fold(String::new(), |all, line| all + &line + "\n")
}

/// The page with the table of the committed figures between its two marks.
fn with_figures(page: &str, report: &Value) -> Result<String, String> {
    let (before, rest) = page.split_once(FIGURES_BEGIN).ok_or("docs/BENCHMARKS.md has no mark where figures begin")?;
    let (_, after) = rest.split_once(FIGURES_END).ok_or("docs/BENCHMARKS.md has no mark where figures end")?;
    Ok(format!("{before}{FIGURES_BEGIN}\n{}{FIGURES_END}{after}", markdown(report)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gains_and_loses_tests_with_the_code() {
        let tests = BTreeMap::from([("ts_06_refresh_rotates".to_string(), "a.rs".to_string())]);
        let before = "# x\n\n| TS-06 | Rotates. |  | note |\n| TS-07 | Sites. | `ts_07_gone` | later: y |\n";
        let after = with_tests(before, &tests);
        assert!(after.contains("| TS-06 | Rotates. | `ts_06_refresh_rotates` | note |"));
        assert!(after.contains("| TS-07 | Sites. |  | later: y |"));
    }
}
