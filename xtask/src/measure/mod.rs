//! `cargo xtask bench` and `cargo xtask prove`: figures as ratios, and long proofs.
//!
//! The load itself comes from crates/bench; here is only who is started, in which order, and what the figures mean.

mod baselines;
mod book;
mod charts;
mod figures;
mod growth;
mod kill;
mod large;
mod machine;
mod migrate;
mod page_acts;
mod pages;
mod partition;
mod partition_nodes;
mod partition_relay;
mod peers;
mod postgres;
mod power;
mod report;
mod rig;
mod rolling;
mod rolling_balancer;
mod rounds;
mod signatures;
mod standby;

use crate::house::House;
use crate::shell;
use crate::steps;

pub(crate) use charts::charts;
pub(crate) use report::markdown;

/// What `bench` was asked for.
pub(crate) struct Wish {
    /// Only these figures; all when empty.
    only: Vec<String>,
    json: Option<String>,
    seconds: f64,
    rounds: usize,
    /// Live families of the large store.
    families: u64,
    /// Set up and measure other servers too.
    peers: bool,
}

impl Wish {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut wish = Self { only: vec![], json: None, seconds: 5.0, rounds: 3, families: 1_000_000, peers: true };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number = || value.parse::<f64>().map_err(|_| format!("{word} takes a number, not {value}"));
            match word.as_str() {
                "--only" => wish.only.push(value.clone()),
                "--json" => wish.json = Some(value.clone()),
                "--seconds" => wish.seconds = number()?,
                "--rounds" => wish.rounds = (number()? as usize).max(1),
                "--families" => wish.families = (number()? as u64).max(1),
                "--peers" if value == "yes" || value == "no" => wish.peers = value == "yes",
                _ => return Err(format!("bench knows no {word}")),
            }
        }
        let known = |name: &String| name == "smoke" || figures::FIGURES.iter().any(|figure| figure.name == name);
        match wish.only.iter().find(|name| !known(name)) {
            None => Ok(wish),
            Some(name) => {
                let names: Vec<&str> = figures::FIGURES.iter().map(|figure| figure.name).collect();
                Err(format!("there is no figure {name}; there are {}", names.join(", ")))
            }
        }
    }

    /// All figures of a proof.
    fn of_proof(seconds: f64, rounds: usize) -> Self {
        Self { only: vec![], json: None, seconds, rounds, families: 0, peers: false }
    }

    /// Seconds before the counters.
    fn warm(&self) -> String {
        (self.seconds / 3.0).min(1.0).to_string()
    }

    /// Whether a figure is wanted. `smoke` is all but the slow build.
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name || (only == "smoke" && name != figures::SLOW))
    }
}

/// Measures, prints, writes the JSON. True if every figure that must be met was met.
pub(crate) fn bench(house: &House, arguments: &[String]) -> Result<bool, String> {
    let wish = Wish::read(arguments)?;
    steps::build_release(house)?;
    let _alone = house.alone("measure")?;
    let measured = rounds::measure(house, &wish)?;
    report::print(&measured);
    if let Some(file) = &wish.json {
        report::write(file, &measured)?;
    }
    Ok(measured.figures.iter().all(|(figure, value)| figure.met(*value)))
}

const PROOFS: &str = "kill, power, sequences, growth, large, signatures, migrate, partition, rolling, standby";

/// `cargo xtask prove NAME [SIZE]`.
pub(crate) fn prove(house: &House, arguments: &[String]) -> Result<bool, String> {
    let name = arguments.first().ok_or_else(|| format!("say what to prove: {PROOFS}"))?;
    // Only of `rolling`: another binary, between size and end.
    let (numbers, old) = match arguments.iter().position(|word| word == "--old") {
        Some(at) => (&arguments[..at], Some(arguments.get(at + 1).ok_or("--old needs a path")?.as_str())),
        None => (arguments, None),
    };
    let size = numbers.get(1).map(|size| size.parse().map_err(|_| format!("{size} is no number"))).transpose()?;
    // Signatures are compared without a server.
    if name != "signatures" {
        steps::build_release(house)?;
    }
    let ended = match (name.as_str(), old) {
        ("rolling", Some(_)) => {
            house.alone("measure").and_then(|_alone| rolling::prove(house, size.unwrap_or(20), old))
        }
        _ => proof(house, name, size),
    };
    match ended {
        Ok(()) => println!("proved: {name}"),
        Err(why) => {
            println!("NOT proved: {name}: {why}");
            return Ok(false);
        }
    }
    Ok(true)
}

/// One proof, at its full size unless told otherwise.
pub(crate) fn proof(house: &House, name: &str, size: Option<u64>) -> Result<(), String> {
    let _alone = house.alone("measure")?;
    match name {
        "kill" => kill::prove(house, size.unwrap_or(200), false),
        "power" => kill::prove(house, size.unwrap_or(200), true),
        "sequences" => sequences(),
        "growth" => growth::prove(house, size.unwrap_or(100_000)),
        "large" => large::prove(house, size.unwrap_or(10_000_000)),
        "migrate" => migrate::prove(house, size.unwrap_or(10_000)),
        "signatures" => signatures::prove(house, size.unwrap_or(100_000)),
        "partition" => partition::prove(house, size.unwrap_or(600)),
        "rolling" => rolling::prove(house, size.unwrap_or(20), None),
        "standby" => standby::prove(house, size.unwrap_or(60)),
        other => Err(format!("there is no proof `{other}`: {PROOFS}")),
    }
}

/// Random sequences over both engines, many more than in every test run.
fn sequences() -> Result<(), String> {
    let words = ["test", "--release", "-p", "causeway-server", "--test", "it", "--", "--ignored", "--nocapture"];
    shell::run(shell::cargo(words.into_iter().chain(["prove_sequences"])))
}
