//! Rules that are read off the source text.
//!
//! Each looks at the blanked form that suits it, so that a comment or a test may say what code may not.

use std::collections::BTreeSet;

use super::lexer::has_word;
use super::tree::{SourceFile, Tree};

/// Most lines that a file of `crates/*/src` may have.
const MOST_LINES: usize = 500;

/// Platforms are data. Their names stand in profiles, seeds and tests, and on the lines that compile those files in.
const PLATFORM_NAMES: &[&str] = &["tripleseat", "cal.com", "calcom", "otesse", "orcabase", "triplewhale"];

const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO",
    "INSERT OR",
    "UPDATE ",
    "DELETE FROM",
    "CREATE TABLE",
    "CREATE INDEX",
    "CREATE UNIQUE",
    "ALTER TABLE",
    "DROP TABLE",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
    "VACUUM INTO",
];
const MAY_SPEAK_SQL: &[&str] = &[
    "crates/storage/src/sql/",
    "crates/storage/src/sqlite/",
    "crates/storage/src/postgres/",
    "crates/vault/src/store",
    // what the figures are held against is the database itself, without any of our code
    "crates/bench/src/probe",
    // makes the clusters and databases that tests use
    "crates/testbed/src/postgres.rs",
];

/// `//!` on the first line.
pub(crate) fn opens_with_purpose(tree: &Tree) -> Vec<String> {
    let silent = tree.sources.iter().filter(|file| !file.text.starts_with("//! "));
    silent.map(|file| file.at(1, "begins with no `//!` line that says what the file is for")).collect()
}

/// Files of shipped code are short.
pub(crate) fn short(tree: &Tree) -> Vec<String> {
    let files = tree.sources.iter().filter(|file| file.path.starts_with("crates/") && file.path.contains("/src/"));
    files
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| {
            file.at(lines, &format!("{lines} lines; most files stay below 300, none above {MOST_LINES}"))
        })
        .collect()
}

/// Our code holds no `unsafe`.
pub(crate) fn no_unsafe(tree: &Tree) -> Vec<String> {
    find(tree.sources.iter(), |file| &file.bare, |line| has_word(line, "unsafe"), "unsafe code")
}

/// SQL text, and the crate that speaks it, stay in the engines and the vault's store.
pub(crate) fn sql_in_engines(tree: &Tree) -> Vec<String> {
    let outside = || tree.sources.iter().filter(|file| file.ships() && !starts_with_any(&file.path, MAY_SPEAK_SQL));
    let mut problems = find(
        outside(),
        |file| &file.code,
        |line| SQL.iter().any(|word| in_string(line, word)),
        "SQL outside the engines",
    );
    problems.extend(find(
        outside(),
        |file| &file.bare,
        |line| has_word(line, "rusqlite"),
        "rusqlite outside the engines",
    ));
    problems
}

/// HTTP status codes are chosen in one file of a crate, and it is called reply.rs.
pub(crate) fn status_in_reply(tree: &Tree) -> Vec<String> {
    let wrong = |line: &str| line.contains("StatusCode::");
    let (reply, others): (Vec<_>, Vec<_>) =
        tree.sources.iter().filter(|file| file.ships()).partition(|file| file.path.ends_with("/reply.rs"));
    let mut problems = find(others.into_iter(), |file| &file.bare, wrong, "a status code outside reply.rs");
    let mut crates = BTreeSet::new();
    for file in reply.into_iter().filter(|file| wrong(&file.bare)) {
        if !crates.insert(file.path.split('/').nth(1)) {
            problems.push(file.at(1, "a second reply.rs in this crate"));
        }
    }
    problems
}

/// No platform is known to code by its name.
pub(crate) fn no_platform_names(tree: &Tree) -> Vec<String> {
    let files = tree.sources.iter().filter(|file| file.ships());
    find(
        files,
        |file| &file.code,
        |line| {
            let line = line.to_ascii_lowercase();
            !line.contains("include_str!(") && PLATFORM_NAMES.iter().any(|name| has_word(&line, name))
        },
        "a platform's name in code: what differs between platforms belongs in its profile",
    )
}

/// Nothing unfinished ships.
pub(crate) fn nothing_left(tree: &Tree) -> Vec<String> {
    let files = tree.sources.iter().filter(|file| file.ships());
    find(files, |file| &file.bare, |line| line.contains("todo!") || line.contains("unimplemented!"), "left to do")
}

fn find<'a>(
    files: impl Iterator<Item = &'a SourceFile>,
    form: impl Fn(&SourceFile) -> &String,
    wrong: impl Fn(&str) -> bool,
    says: &str,
) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        let lines = file.numbered(form(file)).filter(|(_, line)| wrong(line));
        problems.extend(lines.map(|(number, _)| file.at(number, says)));
    }
    problems
}

/// A line whose string literal begins with, or holds, the SQL word. Screaming constants are no SQL.
fn in_string(line: &str, word: &str) -> bool {
    line.find(word).is_some_and(|at| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn starts_with_any(path: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| path.starts_with(beginning))
}
