//! Prints docs/PROFILES.md with the tables of keys renewed; `cargo xtask generate` writes it.
//!
//! The prose is the page's own; what a key means stands in the reference.

#![allow(clippy::print_stdout, clippy::print_stderr)] // printing is what it is for

use std::process::ExitCode;

use causeway_protocol::profile::reference;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROFILES.md");

fn main() -> ExitCode {
    let problems = reference::problems();
    let renewed =
        std::fs::read_to_string(PAGE).map_err(|error| error.to_string()).and_then(|page| reference::renew(&page));
    match renewed {
        Ok(page) if problems.is_empty() => {
            print!("{page}");
            return ExitCode::SUCCESS;
        }
        Ok(_) => eprintln!("{}", problems.join("\n")),
        Err(problem) => eprintln!("docs/PROFILES.md: {problem}"),
    }
    ExitCode::FAILURE
}
