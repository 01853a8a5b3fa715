//! What wire-compatible distributed engines lack stays out of the SQL text: such engines cannot run here, so words are looked
//! for. That a statement does what it should is the contract's business.

use std::fs;
use std::path::{Path, PathBuf};

/// (word, why not)
const NEVER: &[(&str, &str)] = &[
    ("pg_advisory_", "advisory locks: one node's memory"),
    ("pg_try_advisory_", "advisory locks: one node's memory"),
    ("savepoint", "undone unseen by some engines' own retries"),
    ("nextval", "sequences: ids come from the program"),
    ("create sequence", "sequences: ids come from the program"),
    ("serial", "sequences: ids come from the program"),
    ("bigserial", "sequences: ids come from the program"),
    ("identity", "sequences: ids come from the program"),
    ("now()", "the engine's clock: time is an argument"),
    ("current_timestamp", "the engine's clock"),
    ("current_date", "the engine's clock"),
    ("current_time", "the engine's clock"),
    ("clock_timestamp", "the engine's clock"),
    ("statement_timestamp", "the engine's clock"),
    ("transaction_timestamp", "the engine's clock"),
    ("localtime", "the engine's clock"),
    ("random()", "the engine's chance"),
    ("gen_random", "the engine's chance"),
    ("create trigger", "triggers"),
    ("create function", "stored code"),
    ("create rule", "stored code"),
    ("create extension", "extensions"),
    ("do $", "stored code"),
    ("plpgsql", "stored code"),
    ("ctid", "where a row lies"),
    ("xmin", "where a row lies"),
    ("txid_", "one machine's transaction numbers"),
    ("pg_current_", "one machine's transaction numbers"),
    ("pg_stat", "one machine's views"),
    ("pg_catalog", "one machine's views"),
    ("create unlogged", "tables that a crash empties"),
    ("create temp", "tables of one session"),
    ("declare ", "cursors"),
    ("lock table", "table locks"),
    ("exclude using", "exclusion constraints"),
    ("inherits", "inheritance"),
    ("prepare transaction", "two phases"),
    ("skip locked", "not everywhere"),
    ("for share", "weaker row locks are not everywhere"),
    ("for key share", "weaker row locks are not everywhere"),
    ("for no key", "weaker row locks are not everywhere"),
    ("jsonb", "types that both engines have exactly"),
    (" returning *", "columns by name: an expanded schema has more"),
    ("select * into", "columns by name"),
];

/// Words with one home.
const ONE_FILE: &[(&str, &str)] = &[
    ("listen ", "postgres/news.rs"),
    ("notify ", "postgres/news.rs"),
    ("pg_backend_pid", "postgres/news.rs"),
    ("synchronous_commit", "postgres/"),
];

/// Lines that hold statements: of a source file what stands between quotes, of an SQL file everything but comments.
fn sql_of(path: &Path, text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut inside = false;
    for (n, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        if path.extension().is_some_and(|ending| ending == "sql") {
            let statement = line.split("--").next().unwrap_or_default();
            lines.push((n + 1, statement.to_lowercase()));
            continue;
        }
        if !inside && bare.starts_with("//") {
            continue;
        }
        let mut quoted = String::new();
        let mut escaped = false;
        for c in line.chars() {
            match c {
                '"' if !escaped => {
                    inside = !inside;
                    quoted.push(' ');
                }
                _ if inside => quoted.push(c),
                _ => {}
            }
            escaped = c == '\\' && !escaped;
        }
        lines.push((n + 1, quoted.to_lowercase()));
    }
    lines
}

/// What is wrong in one file.
fn problems(path: &Path, text: &str) -> Vec<String> {
    let name = path.to_string_lossy();
    let mut problems = Vec::new();
    for (number, line) in sql_of(path, text) {
        for (word, why) in NEVER {
            if has(&line, word) {
                problems.push(format!("{name}:{number}: {word}: {why}"));
            }
        }
        for (word, home) in ONE_FILE {
            // A statement begins with them; "the listening connection" is prose.
            if has(&line, word) && !name.contains(home) {
                problems.push(format!("{name}:{number}: {word}: only in {home}"));
            }
        }
    }
    problems
}

/// The word, not as a part of another.
fn has(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(part);
        let after = line[at + word.len()..].chars().next().is_some_and(part);
        !(before && word.starts_with(part) || after && word.ends_with(part) && !word.ends_with('_'))
    })
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let entries = fs::read_dir(folder).expect("the folder stands");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    // `sql/db.rs` holds no statement, but words that are looked for.
    files.retain(|path| !path.ends_with("sql/db.rs") && !path.to_string_lossy().ends_with("_tests.rs"));
    files.sort();
    files
}

#[test]
fn nothing_that_distributed_engines_lack() {
    let files: Vec<PathBuf> = files("sql").into_iter().chain(files("postgres")).collect();
    assert!(files.len() > 20, "the folders moved");
    let found: Vec<String> =
        files.iter().flat_map(|path| problems(path, &fs::read_to_string(path).expect("readable"))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_words_are_found_where_they_stand() {
    let rust = Path::new("postgres/writer.rs");
    for wrong in [
        "link.run(\"SELECT pg_advisory_lock(1)\")",
        "    SELECT nextval('x')",
        "link.run(\"SAVEPOINT change\")",
        "link.run(\"LISTEN causeway_feed\")",
        "link.run(\"UPDATE t SET at = now() WHERE id = $1\")",
        "link.run(\"SELECT id FROM t FOR UPDATE SKIP LOCKED\")",
    ] {
        let text = if wrong.starts_with(' ') { format!("\"\n{wrong}\n\"") } else { wrong.to_owned() };
        assert_eq!(problems(rust, &text).len(), 1, "{wrong}");
    }
    assert!(problems(rust, "// a SAVEPOINT would do\nlet serial = \"UPDATE audit SET serialised = 1\";").is_empty());
    let sql = Path::new("postgres/schema.sql");
    assert_eq!(problems(sql, "CREATE TABLE t (id BIGSERIAL); -- no trigger\nCREATE TABLE t (id SERIAL)").len(), 2);
    assert_eq!(problems(sql, "CREATE TRIGGER t").len(), 1);
}
