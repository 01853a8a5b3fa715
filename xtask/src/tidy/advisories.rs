//! Known holes in what we build on, asked of whichever tool is installed.
//!
//! Without a tool or the network it is skipped aloud: a silent pass would be a lie.

use crate::shell;
use crate::tally::Tally;

/// Asks cargo-deny or cargo-audit.
pub(crate) fn check() -> Tally {
    let tools: [(&str, &[&str]); 2] = [("deny", &["deny", "check", "advisories"]), ("audit", &["audit"])];
    for (tool, arguments) in tools {
        if !shell::works(shell::cargo([tool, "--version"])) {
            continue;
        }
        return match shell::capture(shell::cargo(arguments)) {
            Ok(_) => {
                println!("  ok   advisories (cargo {tool})");
                Tally::pass()
            }
            Err(why) if is_network(&why) => skipped(&format!("cargo {tool} cannot reach the advisory database")),
            Err(why) => Tally::fail(format!("advisories: {why}")),
        };
    }
    skipped("neither cargo-deny nor cargo-audit is installed")
}

fn is_network(why: &str) -> bool {
    ["failed to fetch", "network", "resolve host", "connect", "couldn't fetch"].iter().any(|word| why.contains(word))
}

fn skipped(why: &str) -> Tally {
    println!("  SKIPPED advisories: {why}");
    Tally::default()
}
