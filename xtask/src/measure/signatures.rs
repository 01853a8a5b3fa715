//! Our signature base string against three signers that know nothing of ours, over requests that need every rule of encoding.
//!
//! Where one differs from us, its known habits must reproduce its text exactly: nothing may stay unexplained, and nothing
//! of it is followed (SECURITY O1-09).

mod asks;
mod habits;
mod reading;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::house::House;
use crate::shell;
use crate::steps;
use asks::{Ask, KINDS};
use habits::{SIGNERS, Signer, Verdict};

/// Requests of one round: as much as is held in memory.
const ROUND: u64 = 10_000;

/// One signer's word on one request.
pub(super) enum Answer {
    Signed { base: String, signature: String },
    Refused(String),
}

/// What was counted: (kind, signer, outcome) to how often.
type Counts = BTreeMap<(usize, &'static str, &'static str), u64>;
/// (signer, habit) to how often.
type Habits = BTreeMap<(&'static str, &'static str), u64>;

/// Compares so many requests.
pub(super) fn prove(house: &House, size: u64) -> Result<(), String> {
    steps::install(house)?;
    let (mut counts, mut habits, mut strange) = (Counts::new(), Habits::new(), Vec::new());
    for round in 0..size.div_ceil(ROUND) {
        let many = ROUND.min(size - round * ROUND);
        let asks = asks::draw(round + 1, many);
        compare(house, &asks, &mut counts, &mut habits, &mut strange)?;
        println!("  {} of {size} requests compared", round * ROUND + many);
    }
    report(&counts, &habits);
    match strange.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(format!("{} unexplained, such as: {first}", strange.len())),
    }
}

fn compare(
    house: &House,
    asks: &[Ask],
    counts: &mut Counts,
    habits: &mut Habits,
    strange: &mut Vec<String>,
) -> Result<(), String> {
    let file = house.target("run/signatures.jsonl")?;
    let lines: Vec<String> = asks.iter().map(|ask| ask.json().to_string()).collect();
    fs::write(&file, lines.join("\n") + "\n").map_err(|e| format!("cannot write {}: {e}", file.display()))?;

    let words = ["run", "--quiet", "--locked", "-p", "causeway-protocol", "--example", "oauth1_base"];
    let ours = answers(shell::cargo(words), &file, asks.len())?;
    for (ask, ours) in asks.iter().zip(&ours) {
        let strict = reading::strict(ask);
        if !matches!(ours, Answer::Signed { base, .. } if *base == strict) {
            strange.push(format!("ours is not the plain reading of the RFC, {strict}: {}", ask.json()));
        }
    }
    for signer in SIGNERS {
        let theirs = answers(shell::command(signer.program, signer.arguments), &file, asks.len())?;
        for ((ask, ours), theirs) in asks.iter().zip(&ours).zip(&theirs) {
            let outcome = judge(signer, ask, ours, theirs, habits, strange);
            *counts.entry((ask.kind, signer.name, outcome)).or_default() += 1;
        }
    }
    Ok(())
}

fn judge(
    signer: &'static Signer,
    ask: &Ask,
    ours: &Answer,
    theirs: &Answer,
    habits: &mut Habits,
    strange: &mut Vec<String>,
) -> &'static str {
    match signer.verdict(ask, ours, theirs) {
        Verdict::Equal => "equal",
        Verdict::Habits(names) => {
            for name in names {
                *habits.entry((signer.name, name)).or_default() += 1;
            }
            "by habit"
        }
        Verdict::Refusal(name) => {
            *habits.entry((signer.name, name)).or_default() += 1;
            "refused"
        }
        Verdict::Unexplained(why) => {
            strange.push(format!("{}: {why}: {}", signer.name, ask.json()));
            "UNEXPLAINED"
        }
    }
}

/// Lets a program read the requests, and takes one answer a line.
fn answers(mut program: Command, asks: &Path, many: usize) -> Result<Vec<Answer>, String> {
    let input = fs::File::open(asks).map_err(|e| format!("cannot read {}: {e}", asks.display()))?;
    program.stdin(input);
    let said = shell::capture(program)?;
    let answers: Result<Vec<Answer>, String> = said.lines().map(answer).collect();
    let answers = answers?;
    if answers.len() == many { Ok(answers) } else { Err(format!("{} answers to {many} requests", answers.len())) }
}

fn answer(line: &str) -> Result<Answer, String> {
    let value: Value = serde_json::from_str(line).map_err(|e| format!("a signer said {line}: {e}"))?;
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    match (text("base"), text("signature"), text("refused")) {
        (Some(base), Some(signature), None) => Ok(Answer::Signed { base, signature }),
        (None, None, Some(why)) => Ok(Answer::Refused(why)),
        _ => Err(format!("a signer said {line}")),
    }
}

fn report(counts: &Counts, habits: &Habits) {
    let of = |kind, signer, outcome| counts.get(&(kind, signer, outcome)).copied().unwrap_or_default();
    println!("  equal / explained by a habit / refused by the signer");
    let names: Vec<String> = SIGNERS.iter().map(|signer| format!("{:>20}", signer.name)).collect();
    println!("  {:<24}{}", "", names.concat());
    for (kind, name) in KINDS.iter().enumerate() {
        let cell = |signer: &Signer| {
            let [equal, habit, refused] =
                ["equal", "by habit", "refused"].map(|outcome| of(kind, signer.name, outcome));
            format!("{:>20}", format!("{equal} / {habit} / {refused}"))
        };
        println!("  {name:<24}{}", SIGNERS.iter().map(cell).collect::<String>());
    }
    for ((signer, habit), count) in habits {
        println!("  {count:>8}  {signer} {habit}");
    }
}
