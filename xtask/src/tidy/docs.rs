//! The documents that promise tests: docs/CHECKLIST.md and docs/SECURITY.md.
//!
//! Their rows are `| id | what | tests | note |`. The tests column is generated from the tests' own names; a row without
//! a test says in its note why not yet.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;
use crate::house::House;

/// The documents with such tables.
pub(crate) const TABLES: &[&str] = &["docs/CHECKLIST.md", "docs/SECURITY.md"];

/// A row of such a table.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) tests: String,
    pub(crate) note: String,
}

impl Row {
    /// Reads a line as a row; `None` if it is no row of an item.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let cells: Vec<&str> = inner.split(" | ").map(str::trim).collect();
        let [id, what, tests, note] = cells.as_slice() else { return None };
        let (prefix, number) = id.rsplit_once('-')?;
        let well_formed = !prefix.is_empty()
            && prefix.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            && number.len() == 2
            && number.chars().all(|c| c.is_ascii_digit());
        well_formed.then(|| Self {
            id: (*id).to_string(),
            what: (*what).to_string(),
            tests: (*tests).to_string(),
            note: (*note).to_string(),
        })
    }

    /// As a line.
    pub(crate) fn line(&self) -> String {
        format!("| {} | {} | {} | {} |", self.id, self.what, self.tests, self.note)
    }
}

/// The checklist ids that a test's name bears: `ts_06_rf_02_refresh_rotates` bears TS-06 and RF-02.
pub(crate) fn ids_in_name(name: &str, known: &BTreeSet<String>) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    let pairs = words.windows(2).filter(|pair| pair[1].len() == 2 && pair[1].chars().all(|c| c.is_ascii_digit()));
    pairs.map(|pair| format!("{}-{}", pair[0].to_ascii_uppercase(), pair[1])).filter(|id| known.contains(id)).collect()
}

/// Every test function of the workspace: name to file.
pub(crate) fn test_names(house: &House) -> Result<BTreeMap<String, String>, String> {
    let mut names = BTreeMap::new();
    for path in house.files("crates", ".rs")? {
        let text = house.read(&path)?;
        let mut marked = 0;
        for line in text.lines() {
            let line = line.trim();
            if line.starts_with("#[") && line.contains("test") && !line.contains("cfg(test)") {
                marked = 4;
            }
            if let Some(name) = function_name(line) {
                // Functions of a contract suite bear the ids too: a macro makes them tests, once for each engine.
                let suite = path.contains("contract");
                if marked > 0 || suite {
                    names.insert(name.to_string(), path.clone());
                }
                marked = 0;
            }
            marked = usize::saturating_sub(marked, 1);
        }
    }
    Ok(names)
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split(['(', '<']).next().map(str::trim)
}

/// Tests that the tables name are there.
pub(crate) fn tests_exist(tree: &Tree) -> Vec<String> {
    let names = match test_names(tree.house) {
        Ok(names) => names,
        Err(problem) => return vec![problem],
    };
    let mut problems = Vec::new();
    for table in TABLES {
        for (number, row) in rows(tree, table) {
            for name in row.tests.split('`').skip(1).step_by(2) {
                if !names.contains_key(name) {
                    problems.push(format!("{table}:{number}: {}: there is no test `{name}`", row.id));
                }
            }
        }
    }
    problems
}

/// No row is without both a test and a reason.
pub(crate) fn every_item_answered(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for table in TABLES {
        let rows = rows(tree, table);
        if rows.is_empty() {
            problems.push(format!("{table} holds no rows"));
        }
        let mut seen = BTreeSet::new();
        for (number, row) in rows {
            if row.tests.is_empty() && row.note.is_empty() {
                problems.push(format!("{table}:{number}: {}: neither a test nor a reason", row.id));
            }
            if !seen.insert(row.id.clone()) {
                problems.push(format!("{table}:{number}: {} stands twice", row.id));
            }
        }
    }
    problems
}

fn rows(tree: &Tree, table: &str) -> Vec<(usize, Row)> {
    let text = tree.house.read(table).unwrap_or_default();
    text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, Row::read(line)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_bear_ids() {
        let known = BTreeSet::from(["TS-06".to_string(), "RF-02".to_string(), "T-03".to_string()]);
        assert_eq!(ids_in_name("ts_06_rf_02_refresh_rotates", &known), ["TS-06", "RF-02"]);
        assert_eq!(ids_in_name("t_03_no_store", &known), ["T-03"]);
        assert!(ids_in_name("waits_03_seconds", &known).is_empty());
    }

    #[test]
    fn rows_are_read_and_written_alike() {
        let line = "| TS-06 | Refresh rotates. | `ts_06_refresh_rotates` | also by clients |";
        assert_eq!(Row::read(line).map(|row| row.line()), Some(line.to_string()));
        assert!(Row::read("| id | what | tests | note |").is_none());
        assert_eq!(Row::read("| TS-07 | x |  | later: y |").map(|row| row.tests), Some(String::new()));
    }
}
