//! The load generator: `load WHAT --name value …`, one JSON object on standard output.
//!
//! Wiring only. One thread, so that the client takes little of the two cores that it shares with the server.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it answers on standard output

use std::process::ExitCode;
use std::time::Duration;

use causeway_bench::args::Args;
use causeway_bench::chain::{read_chains, read_codes, write_chains, write_codes};
use causeway_bench::http::Url;
use causeway_bench::meter::{self, Plan};
use causeway_bench::place::Platform;
use causeway_bench::work::exchange::Exchange;
use causeway_bench::work::fixed::Fixed;
use causeway_bench::work::refresh::Refresh;
use causeway_bench::{Result, connect, resume};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Value> {
    let args = Args::read()?;
    match args.command.as_str() {
        "connect" => make_grants(&args).await,
        "echo" => {
            let url = Url::parse(args.text("url")?)?;
            measure(&args, &url, Fixed::echo(&url)).await
        }
        "get" => get(&args).await,
        "introspect" => introspect(&args).await,
        "refresh" => refresh(&args).await,
        "exchange" => {
            let url = Url::parse(&platform(&args)?.url("token")?)?;
            let work = Exchange::new(&url, &read_codes(args.text("codes")?)?);
            measure(&args, &url, work).await
        }
        "resume" => {
            let url = Url::parse(&platform(&args)?.url("token")?)?;
            let file = args.text("chains")?;
            let (figures, chains) = resume::resume(&url, read_chains(file)?, args.number("sacrifice", 1)?).await?;
            write_chains(file, &chains)?;
            Ok(figures)
        }
        other => Err(format!("there is no `{other}`: connect, echo, get, introspect, refresh, exchange, resume")),
    }
}

fn platform(args: &Args) -> Result<Platform> {
    Platform::read(args.text("describe")?, args.text("platform")?)
}

fn plan(args: &Args, url: &Url) -> Result<Plan> {
    Ok(Plan {
        authority: url.authority.clone(),
        connections: args.number("connections", 32)?,
        warm: Duration::from_secs_f64(args.number("warm", 1.0)?),
        counted: Duration::from_secs_f64(args.number("seconds", 5.0)?),
        pid: args.maybe("pid").map(|_| args.number("pid", 0)).transpose()?,
        until_broken: args.maybe("until-broken").is_some(),
    })
}

async fn measure<W: meter::Work + 'static>(args: &Args, url: &Url, work: W) -> Result<Value> {
    Ok(meter::run(plan(args, url)?, work).await?.0)
}

/// Makes codes, or chains of them, through the pages.
async fn make_grants(args: &Args) -> Result<Value> {
    let platform = platform(args)?;
    let codes =
        connect::codes(&platform, args.number("count", 1)?, args.number("each", 1)?, args.number("skip", 0)?).await?;
    match args.maybe("chains") {
        Some(file) => write_chains(file, &connect::redeem(&platform, &codes).await?)?,
        None => write_codes(args.text("codes")?, &codes)?,
    }
    Ok(json!({"made": codes.len()}))
}

/// A guarded GET of a path below the API, or of any address, with the chains' access tokens in turn.
async fn get(args: &Args) -> Result<Value> {
    let platform = platform(args)?;
    let url = match args.maybe("url") {
        Some(url) => Url::parse(url)?,
        None => Url::parse(&format!("{}{}", platform.text("api_url")?, args.text("path")?))?,
    };
    let chains = read_chains(args.text("chains")?)?;
    let bearers: Vec<String> =
        chains.into_iter().map(|chain| chain.access).take(args.number("bearers", usize::MAX)?).collect();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_string(), value.to_string()));
    let headers: Vec<_> = args.maybe("headers").unwrap_or_default().split("; ").filter_map(header).collect();
    measure(args, &url, Fixed::get(&url, &bearers, &headers)).await
}

async fn introspect(args: &Args) -> Result<Value> {
    let url = Url::parse(&platform(args)?.url("introspect")?)?;
    let chains = read_chains(args.text("chains")?)?;
    let body = |chain: &causeway_bench::chain::Chain| {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("token", &chain.access)
            .append_pair("client_id", &chain.client_id)
            .append_pair("client_secret", &chain.client_secret)
            .finish()
    };
    let bodies: Vec<String> = chains.iter().map(body).collect();
    measure(args, &url, Fixed::post(&url, &bodies)).await
}

async fn refresh(args: &Args) -> Result<Value> {
    let url = Url::parse(&platform(args)?.url("token")?)?;
    let file = args.text("chains")?;
    let keyed = args.maybe("keyed").is_some();
    let work = Refresh::new(url.clone(), read_chains(file)?, keyed, args.number("requests", u64::MAX)?);
    let (mut figures, work) = meter::run(plan(args, &url)?, work).await?;
    figures["moved"] = json!(work.moved);
    figures["refused"] = json!(work.refused.len());
    figures["first_refusal"] = json!(work.refused.first());
    figures["uncertain"] = json!(work.uncertain.len());
    write_chains(file, &work.into_chains())?;
    Ok(figures)
}
