//! Load with a memory: `history load|check|steady --name value …`, one JSON object on standard output.
//!
//! Wiring only. Whoever started it says on standard input what goes wrong, and when to stop.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it answers on standard output

use std::io::BufRead;
use std::process::ExitCode;

use causeway_bench::Result;
use causeway_bench::args::Args;
use causeway_bench::chain::{read_chains, read_codes};
use causeway_bench::check::check;
use causeway_bench::history::History;
use causeway_bench::history_asked::{Asked, Node};
use causeway_bench::history_load::{self, Size};
use causeway_bench::history_steady::{self, Plan};
use causeway_bench::http::Url;
use causeway_bench::place::Platform;
use causeway_protocol::seal::KeyRing;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::LocalSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match LocalSet::new().run_until(run()).await {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("history: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Value> {
    let args = Args::read()?;
    match args.command.as_str() {
        "load" => load(&args).await,
        "check" => Ok(check(&History::read(args.text("history")?)?)),
        "steady" => steady(&args).await,
        other => Err(format!("there is no `{other}`: load, check, steady")),
    }
}

/// Many clients of several nodes; the history is written and checked.
async fn load(args: &Args) -> Result<Value> {
    let platform = args.text("platform")?;
    let nodes = args.text("describes")?.split(',').map(|describe| Node::read(describe, platform));
    let file = args.text("keys")?;
    let keys = std::fs::read_to_string(file).map_err(|e| format!("cannot read {file}: {e}"))?;
    let ring = KeyRing::parse(platform, &keys).map_err(|why| why.join("; "))?;
    let chains = read_chains(args.text("chains")?)?;
    let size = Size { clients: args.number("clients", 16)?, acts: args.number("acts", 200)?, connected: chains.len() };
    let asked = Asked::begin(nodes.collect::<Result<_>>()?, ring, args.number("seed", 7)?);
    let (asked, said) = history_load::run(asked, chains, size, input()).await?;
    let history = asked.history(std::mem::take);
    history.write(args.text("history")?)?;
    Ok(json!({"load": said, "check": check(&history)}))
}

async fn steady(args: &Args) -> Result<Value> {
    let platform = Platform::read(args.text("describe")?, args.text("platform")?)?;
    let mut chains = read_chains(args.text("chains")?)?;
    let callers = chains.split_off(chains.len().saturating_sub(args.number("bearers", 16)?));
    let plan = Plan {
        token: Url::parse(&platform.url("token")?)?,
        revoke: Url::parse(&platform.url("revoke")?)?,
        api: Url::parse(&format!("{}{}", platform.text("api_url")?, args.text("path")?))?,
        chains,
        bearers: callers.into_iter().map(|chain| chain.access).collect(),
        codes: read_codes(args.text("codes")?)?,
        rate: args.number("rate", 50.0)?,
        redemptions: args.number("redemptions", 2.0)?,
    };
    if plan.bearers.is_empty() {
        return Err("there are no chains".into());
    }
    history_steady::run(plan, input()).await
}

/// Lines of standard input; `stop` at its end.
fn input() -> UnboundedReceiver<String> {
    let (send, lines) = unbounded_channel();
    std::thread::spawn(move || {
        let stop = std::iter::once("stop".to_owned());
        for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok).chain(stop) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
