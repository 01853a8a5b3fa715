//! Documents that are made from code: docs/ERRORS.md, and the tests column of docs/CHECKLIST.md and docs/SECURITY.md.
//!
//! `--check` writes nothing and fails when one is stale.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::house::House;
use crate::shell;
use crate::tidy::{TABLES, Row, ids_in_name, test_names};

/// `cargo xtask generate [--check]`.
pub fn command(house: &House, arguments: &[String]) -> Result<bool, String> {
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
pub fn run(house: &House, check: bool) -> Result<Vec<String>, String> {
    let mut documents = vec![("docs/ERRORS.md".to_string(), errors()?)];
    let tests = test_names(house)?;
    for table in TABLES {
        documents.push(((*table).to_string(), with_tests(&house.read(table)?, &tests)));
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

/// The list of reasons, printed by the crate that owns it.
fn errors() -> Result<String, String> {
    shell::capture(shell::cargo(["run", "--quiet", "--package", "causeway-protocol", "--example", "errors"]))
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
