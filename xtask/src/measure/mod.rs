//! `cargo xtask bench` and `cargo xtask prove`: figures as ratios, and long proofs.
//!
//! The load itself comes from crates/bench; here is only who is started, in which order, and what the figures mean.

mod figures;
mod growth;
mod kill;
mod machine;
mod migrate;
mod power;
mod report;
mod rig;
mod rounds;
mod signatures;

use crate::house::House;
use crate::shell;
use crate::steps;

pub(crate) use report::markdown;

/// What `bench` was asked for.
pub(crate) struct Wish {
    /// Only these figures; all when empty.
    only: Vec<String>,
    json: Option<String>,
    seconds: f64,
    rounds: usize,
}

impl Wish {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut wish = Self { only: vec![], json: None, seconds: 5.0, rounds: 3 };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number = || value.parse::<f64>().map_err(|_| format!("{word} takes a number, not {value}"));
            match word.as_str() {
                "--only" => wish.only.push(value.clone()),
                "--json" => wish.json = Some(value.clone()),
                "--seconds" => wish.seconds = number()?,
                "--rounds" => wish.rounds = (number()? as usize).max(1),
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

/// `cargo xtask prove NAME [SIZE]`.
pub(crate) fn prove(house: &House, arguments: &[String]) -> Result<bool, String> {
    let name = arguments.first().ok_or("say what to prove: kill, power, sequences, growth, signatures, migrate")?;
    let size = arguments.get(1).map(|size| size.parse().map_err(|_| format!("{size} is no number"))).transpose()?;
    // Signatures are compared without a server.
    if name != "signatures" {
        steps::build_release(house)?;
    }
    match proof(house, name, size) {
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
        "migrate" => migrate::prove(house, size.unwrap_or(10_000)),
        "signatures" => signatures::prove(house, size.unwrap_or(100_000)),
        other => Err(format!("there is no proof `{other}`: kill, power, sequences, growth, signatures, migrate")),
    }
}

/// Random sequences over both engines, many more than in every test run.
fn sequences() -> Result<(), String> {
    let words = ["test", "--release", "-p", "causeway-server", "--test", "it", "--", "--ignored", "--nocapture"];
    shell::run(shell::cargo(words.into_iter().chain(["prove_sequences"])))
}
