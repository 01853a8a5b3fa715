//! The house: `cargo xtask test | tidy | generate | bench | prove`.
//!
//! Only the standard library and serde_json, so that it builds in seconds. Nothing of the product belongs here.

// This program talks to a person at a terminal.
#![allow(clippy::print_stdout)]

mod generate;
mod house;
mod measure;
mod server;
mod shell;
mod steps;
mod stopwatch;
mod tally;
mod tidy;

use std::process::ExitCode;

use house::House;

const USAGE: &str = "\
cargo xtask test [STEP…]                        everything CI runs; with names, only those steps
cargo xtask tidy                                the walls of the workspace, read from the tree itself
cargo xtask generate [--check]                  generated docs: renew them, or fail when they are stale
cargo xtask bench [--only NAME]… [--json FILE] [--seconds N] [--rounds N] [--families N] [--peers yes|no]
cargo xtask instructions                        the budget of instructions, renewed: what `test instructions` holds to
cargo xtask prove NAME [SIZE]                   kill | power | sequences | growth | large | signatures | migrate | partition | rolling | standby: a long proof";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = House::open().and_then(|house| match command {
        "test" => steps::run(&house, rest),
        "tidy" => tidy::command(&house),
        "generate" => generate::command(&house, rest),
        "bench" => measure::bench(&house, rest),
        "prove" => measure::prove(&house, rest),
        "instructions" => steps::renew_instructions(&house),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(true)
        }
        other => Err(format!("there is no `{other}`.\n{USAGE}")),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            println!("xtask: {problem}");
            ExitCode::from(2)
        }
    }
}
