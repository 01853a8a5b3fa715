//! The load generator: `load WHAT --name value …`, one JSON object on standard output.
//!
//! Wiring only. One thread, so that the client takes little of the two cores that it shares with the server.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it answers on standard output

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use causeway_bench::args::Args;
use causeway_bench::chain::{Chain, read_chains, read_codes, write_chains, write_codes};
use causeway_bench::http::Url;
use causeway_bench::meter::{self, Plan};
use causeway_bench::place::Platform;
use causeway_bench::work::exchange::Exchange;
use causeway_bench::work::fixed::Fixed;
use causeway_bench::work::refresh::Refresh;
use causeway_bench::{Result, connect, resume, takeback, visit};
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
        "credentials" => credentials(&args).await,
        "takeback" => take_back(&args).await,
        "visit" => visit::visit(&args).await,
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
        other => Err(format!(
            "there is no `{other}`: connect, echo, get, introspect, refresh, credentials, exchange, resume, takeback, visit"
        )),
    }
}

fn platform(args: &Args) -> Result<Platform> {
    Platform::read(args.text("describe")?, args.text("platform")?)
}

/// An endpoint: `--url`, or as it is described. Peers have no description.
fn endpoint(args: &Args, path: &str) -> Result<Url> {
    match args.maybe("url") {
        Some(url) => Url::parse(url),
        None => Url::parse(&platform(args)?.url(path)?),
    }
}

fn plan(args: &Args, url: &Url) -> Result<Plan> {
    Ok(Plan {
        authority: url.authority.clone(),
        connections: args.number("connections", 32)?,
        warm: Duration::from_secs_f64(args.number("warm", 1.0)?),
        counted: Duration::from_secs_f64(args.number("seconds", 5.0)?),
        pid: args.maybe("pid").map(|_| args.number("pid", 0)).transpose()?,
        database_pid: args.maybe("database-pid").map(|_| args.number("database-pid", 0)).transpose()?,
        rate: args.maybe("rate").map(|_| args.number("rate", 0.0)).transpose()?,
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
    let url = match args.maybe("url") {
        Some(url) => Url::parse(url)?,
        None => Url::parse(&format!("{}{}", platform(args)?.text("api_url")?, args.text("path")?))?,
    };
    let chains = read_chains(args.text("chains")?)?;
    let bearers: Vec<String> =
        chains.into_iter().map(|chain| chain.access).take(args.number("bearers", usize::MAX)?).collect();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_string(), value.to_string()));
    let headers: Vec<_> = args.maybe("headers").unwrap_or_default().split("; ").filter_map(header).collect();
    measure(args, &url, Fixed::get(&url, &bearers, &headers)).await
}

async fn introspect(args: &Args) -> Result<Value> {
    let url = endpoint(args, "introspect")?;
    let chains = read_chains(args.text("chains")?)?;
    let body = |chain: &Chain| {
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
    let url = endpoint(args, "token")?;
    let file = args.text("chains")?;
    let keyed = args.maybe("keyed").is_some();
    let work = Refresh::new(url.clone(), read_chains(file)?, keyed, args.number("requests", u64::MAX)?)
        .basic(args.maybe("basic").is_some());
    let (mut figures, work) = meter::run(plan(args, &url)?, work).await?;
    figures["moved"] = json!(work.moved);
    figures["refused"] = json!(work.refused.len());
    figures["first_refusal"] = json!(work.refused.first());
    figures["uncertain"] = json!(work.uncertain.len());
    write_chains(file, &work.into_chains())?;
    Ok(figures)
}

/// Tokens without a person: every app of the chains, or of the description, in turn, with its secret in the body.
async fn credentials(args: &Args) -> Result<Value> {
    let url = endpoint(args, "token")?;
    let clients: BTreeSet<(String, String)> = match args.maybe("chains") {
        Some(file) => {
            let id = |chain: &Chain| args.maybe("client").unwrap_or(&chain.client_id).to_owned();
            read_chains(file)?.into_iter().map(|chain| (id(&chain), chain.client_secret)).collect()
        }
        None => {
            let text = |app: &Value, key: &str| app[key].as_str().unwrap_or_default().to_owned();
            platform(args)?
                .list("apps")
                .iter()
                .map(|app| (text(app, "client_id"), text(app, "client_secret")))
                .collect()
        }
    };
    let body = |(id, secret): &(String, String)| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials").append_pair("client_id", id);
        form.append_pair("client_secret", secret);
        if let Some(scope) = args.maybe("scope") {
            form.append_pair("scope", scope);
        }
        form.finish()
    };
    measure(args, &url, Fixed::post(&url, &clients.iter().map(body).collect::<Vec<_>>())).await
}

/// Revocations at one node, watched at the others: `--checks` are addresses, separated by commas.
async fn take_back(args: &Args) -> Result<Value> {
    let revoke = endpoint(args, "revoke")?;
    let checks: Vec<Url> = args.text("checks")?.split(',').map(Url::parse).collect::<Result<_>>()?;
    let chains = read_chains(args.text("chains")?)?;
    takeback::watch(&revoke, &checks, chains, args.number("count", 100)?).await
}
