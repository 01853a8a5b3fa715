//! The walls of the workspace, read from the tree itself, so that nobody has to remember them.
//!
//! One rule is one test. A new rule is a function `fn(&Tree) -> Vec<String>` that lists problems, and a line in `RULES`.

mod advisories;
mod crates;
mod docs;
mod lexer;
mod licences;
mod source;
mod tree;

use crate::house::House;
use crate::tally::Tally;
use tree::Tree;

pub(crate) use docs::{Row, TABLES, ids_in_name, test_names};

type Rule = fn(&Tree) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("crates import only whom they may", crates::edges),
    ("crates stay away from what is banned for them", crates::bans),
    ("no forbidden crate is built", crates::forbidden),
    ("licences are on the list", licences::allowed),
    ("every file says what it is for", source::opens_with_purpose),
    ("files fit in a mind", source::short),
    ("no unsafe code", source::no_unsafe),
    ("SQL stands in the engines only", source::sql_in_engines),
    ("status codes stand in the reply files only", source::status_in_reply),
    ("no platform's name in code", source::no_platform_names),
    ("nothing is left to do in shipped code", source::nothing_left),
    ("docs name tests that exist", docs::tests_exist),
    ("every item has a test or says why not", docs::every_item_answered),
];

/// Runs every rule.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let tree = Tree::read(house)?;
    let mut tally = Tally::default();
    for (name, rule) in RULES {
        let problems = rule(&tree);
        println!("  {} {name}", if problems.is_empty() { "ok  " } else { "FAIL" });
        for problem in &problems {
            println!("         {problem}");
        }
        tally += match problems.len() {
            0 => Tally::pass(),
            1 => Tally::fail(format!("tidy: {name}: {}", problems[0])),
            more => Tally::fail(format!("tidy: {name}: {} (and {} more)", problems[0], more - 1)),
        };
    }
    tally += advisories::check();
    for pair in tree.duplicates() {
        println!("  note: built in two versions: {pair}");
    }
    Ok(tally)
}

/// `cargo xtask tidy`.
pub(crate) fn command(house: &House) -> Result<bool, String> {
    let tally = run(house)?;
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}
