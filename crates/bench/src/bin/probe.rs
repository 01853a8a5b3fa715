//! `probe WHAT --name value …`: what the machine can do, and stores filled for it; one JSON object on standard output.
//!
//! Wiring only.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it answers on standard output, and shows progress on the other

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use causeway_bench::Result;
use causeway_bench::args::Args;
use causeway_bench::chain::{read_chains, write_chains};
use causeway_bench::fill::{Order, fill, pad};
use causeway_bench::probe::{postgres, random_keys, store, sync};
use causeway_bench::trees::look;
use causeway_protocol::seal::KeyRing;
use serde_json::Value;

const BAR: usize = 40;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("probe: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Value> {
    let args = Args::read()?;
    let time = Duration::from_secs_f64(args.number("seconds", 5.0)?);
    let dir = || args.text("dir").map(Path::new);
    match args.command.as_str() {
        "sync" => sync::run(dir()?, time),
        "random-keys" => random_keys::run(dir()?, args.number("rows", 1_000_000)?, args.number("batch", 64)?, time),
        "store" => store::run(dir()?, args.number("batch", 64)?, time).await,
        "year" => store::year(dir()?, args.number("families", 200)?).await,
        "postgres" => postgres::run(args.text("url")?, args.number("clients", 32)?, time).await,
        "fill" => filled(&args, dir()?),
        "pad" => pad(dir()?, args.number("bytes", 0)?),
        "trees" => trees(&args, dir()?),
        other => Err(format!("there is no `{other}`: sync, random-keys, store, year, postgres, fill, pad, trees")),
    }
}

fn filled(args: &Args, dir: &Path) -> Result<Value> {
    let keys = std::fs::read_to_string(args.text("keys")?).map_err(|e| format!("the keys: {e}"))?;
    let ring = KeyRing::parse(args.text("platform")?, &keys).map_err(|problems| problems.join("; "))?;
    let chains = read_chains(args.text("chains")?)?;
    let (count, take) = (args.number("count", 1_000_000)?, args.number("take", 10_000)?);
    let mut shown = 0;
    let bar = |made: usize| {
        if std::io::stderr().is_terminal() {
            let full = made * BAR / count.max(1);
            eprint!("\r  [{}{}] {made} of {count} connections", "#".repeat(full), "-".repeat(BAR - full));
            if made == count {
                eprintln!();
            }
        } else if made * 10 / count.max(1) > shown {
            // In a file: one line for each tenth.
            shown = made * 10 / count.max(1);
            eprintln!("  {:>3} %: {made} of {count} connections", shown * 10);
        }
    };
    let (figures, made) = fill(&Order { dir, ring: &ring, chains: &chains, count, take }, bar)?;
    write_chains(args.text("out")?, &made)?;
    Ok(figures)
}

/// `--pages FILE`: numbers, apart by white space.
fn trees(args: &Args, dir: &Path) -> Result<Value> {
    let file = args.text("pages")?;
    let text = std::fs::read_to_string(file).map_err(|e| format!("cannot read {file}: {e}"))?;
    let number = |word: &str| word.parse().map_err(|_| format!("{file}: {word} is no number"));
    look(dir, &text.split_whitespace().map(number).collect::<Result<BTreeSet<u64>>>()?)
}
