//! Ten thousand and many connections side by side: the same operations, one store after the other, in the same minute.
//!
//! The rows of the large store are copies of what the server wrote, put into its file by crates/bench (`probe fill`).

use serde_json::Value;

use super::book::{Book, number};
use super::figures::{FIGURES, median};
use super::rig::{self, PLATFORM, Rig};
use super::rounds::{CHAINS, CONNECTIONS, REFRESH_CONNECTIONS, exchange};
use super::{Wish, machine, pages};
use crate::house::House;
use crate::server::Server;

/// The small store.
pub(super) const SMALL: u64 = 10_000;
/// Tokens are made for at most so many of the connections, evenly spread: as many families are refreshed in turn.
const TAKE: u64 = 100_000;

/// Adds connections to a rig whose server does not run; answers the file of the chains that were taken.
pub(super) fn fill(rig: &Rig<'_>, pattern: &str, count: u64) -> Result<String, String> {
    let (keys, out, dir) = (text(&rig.keys), rig.file("filled")?, text(&rig.data));
    let (count, take) = (count.to_string(), count.min(TAKE).to_string());
    let mut arguments = vec!["fill", "--dir", &dir, "--keys", &keys, "--platform", PLATFORM, "--chains", pattern];
    arguments.extend(["--count", &count, "--take", &take, "--out", &out]);
    let said = rig::probe(rig.house, &arguments)?;
    if number(&said, "connections").to_string() == count {
        Ok(out)
    } else {
        Err(format!("{count} connections were wanted: {said}"))
    }
}

fn text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A filled store with its running server.
pub(super) struct Filled<'h> {
    pub(super) rig: Rig<'h>,
    pub(super) server: Server,
    pub(super) chains: String,
    /// A copy of the data as they were filled, for the probe of the store alone.
    pub(super) alone: String,
}

impl<'h> Filled<'h> {
    /// The copy, to be served by itself under this name.
    fn alone(&self, name: &str) -> Result<Rig<'h>, String> {
        let rig = self.rig.at(name, (&self.alone).into())?;
        let failed = |e: std::io::Error| format!("cannot copy the chains: {e}");
        std::fs::copy(&self.chains, rig.file("filled")?).map_err(failed)?;
        Ok(rig)
    }
}

/// Both stores, from one rig with grants whose server does not run.
pub(super) fn both<'h>(
    rig: Rig<'h>,
    pattern: &str,
    families: u64,
    book: &mut Book,
) -> Result<(Filled<'h>, Filled<'h>), String> {
    let small = rig.copy("bench-small")?;
    let of = |rig: Rig<'h>, count: u64| -> Result<(Filled<'h>, f64, f64), String> {
        let chains = fill(&rig, pattern, count)?;
        let (mut start, mut rss) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let server = rig.start()?;
            start.push(server.start_ms);
            rss.push(server.rss_mb()?);
            server.stop()?;
        }
        let alone = text(&rig.copy(&format!("bench-alone-{count}"))?.data);
        let server = rig.start()?;
        Ok((Filled { rig, server, chains, alone }, median(start), median(rss)))
    };
    let (small, start_small, rss_small) = of(small, SMALL)?;
    let (large, start, rss) = of(rig, families)?;
    println!(
        "  start {start_small:.1} ms at {SMALL}, {start:.1} ms at {families}; idle {rss_small:.1} and {rss:.1} MB"
    );
    book.push("growth_start_ms", start);
    book.push("growth_rss_mb", (rss - rss_small).max(0.0));
    Ok((small, large))
}

/// A run of exchanges is over in a tenth of a second: so many in turn say more than one.
const ISSUE_TURNS: usize = 7;

/// Checks, refreshes and exchanges of one round, the small store first in every other round.
pub(super) fn compare(
    small: &Filled<'_>,
    large: &Filled<'_>,
    wish: &Wish,
    round: usize,
    book: &mut Book,
) -> Result<(), String> {
    let seconds = wish.seconds.to_string();
    let timed = ["--seconds", &seconds, "--warm", &wish.warm()];
    let check = |on: &Filled<'_>| {
        let more = ["--connections", CONNECTIONS, "--path", "/v1/sites", "--bearers", "10000", "--chains", &on.chains];
        on.rig.load(&on.server, "get", &[&timed[..], &more].concat())
    };
    let refresh = |on: &Filled<'_>| {
        let more = ["--connections", REFRESH_CONNECTIONS, "--chains", &on.chains];
        on.rig.load(&on.server, "refresh", &[&timed[..], &more].concat())
    };
    type Act<'a> = &'a dyn Fn(&Filled<'_>) -> Result<Value, String>;
    for (name, act) in [("check", &check as Act<'_>), ("refresh", &refresh)] {
        if !wish.wants(&format!("growth_{name}_ratio")) {
            continue;
        }
        let order = if round.is_multiple_of(2) {
            [(small, "small"), (large, "large")]
        } else {
            [(large, "large"), (small, "small")]
        };
        let mut rates = [0.0; 2];
        for (on, size) in order {
            let rate = book.keep(&format!("growth_{name}_{size}"), &act(on)?)?;
            rates[usize::from(size == "large")] = rate;
        }
        book.push(&format!("growth_{name}_ratio"), rates[1] / rates[0].max(1e-9));
    }
    if wish.wants("growth_issue_ratio") {
        let mut ratios = Vec::new();
        for turn in 0..if wish.rounds > 1 { ISSUE_TURNS } else { 1 } {
            let few = || exchange(&small.rig, &small.server, round);
            // The other rounds' codes are of other pairs: these two stores have used the same ones.
            let many = || exchange(&large.rig, &large.server, round);
            let (few, many) = if turn.is_multiple_of(2) {
                let few = few()?;
                (few, many()?)
            } else {
                let many = many()?;
                (few()?, many)
            };
            let few = book.keep("growth_issue_small", &few)?;
            ratios.push(book.keep("growth_issue_large", &many)? / few.max(1e-9));
        }
        book.push("growth_issue_ratio", median(ratios));
    }
    Ok(())
}

/// `prove large`: pages read, start, memory, rates at ten thousand and at so many.
pub(crate) fn prove(house: &House, families: u64) -> Result<(), String> {
    let small_run = families < 1_000_000;
    let wish = Wish::of_proof(if small_run { 1.0 } else { 5.0 }, if small_run { 1 } else { 3 });
    let mut book = Book::default();
    let rig = Rig::new(house, "bench", &rig::free_address()?)?;
    let server = rig.start()?;
    let pattern = rig.file("chains")?;
    let grants = if small_run { 64 } else { CHAINS };
    println!("  making {grants} grants through the pages");
    rig.load(&server, "connect", &["--count", &grants.to_string(), "--chains", &pattern])?;
    server.stop()?;
    let (small, large) = both(rig, &pattern, families, &mut book)?;
    // Before the rates, which change the one store more than the other: in both the same rows stand side by side.
    let pages = pages::compare(&small.alone("pages-small")?, &large.alone("pages-large")?, [SMALL, families]);
    for round in 0..wish.rounds {
        println!("  round {} of {}", round + 1, wish.rounds);
        compare(&small, &large, &wish, round, &mut book)?;
    }
    small.server.stop()?;
    large.server.stop()?;
    let (data, _) = machine::directory_bytes(&large.rig.data)?;
    println!("  {families} connections: {:.2} GB, {:.0} bytes each", data / 1e9, data / families as f64);
    let problems = [pages, judge(&book, small_run)];
    let problems: Vec<String> = problems.into_iter().filter_map(Result::err).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// A small run shows that the proof works: its rates are of a second, and judged loosely.
fn judge(book: &Book, small_run: bool) -> Result<(), String> {
    let slack = if small_run { 0.3 } else { 1.0 };
    let mut problems = Vec::new();
    for figure in FIGURES.iter().filter(|figure| figure.name.starts_with("growth_")) {
        let Some(value) = book.median(figure.name) else { continue };
        println!("  {:<24}{value:>9.3} {}", figure.name, figure.unit);
        let good = if figure.higher_is_better { value >= figure.must * slack } else { value <= figure.must / slack };
        if !good {
            problems.push(format!("{} is {value:.3}", figure.name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join(", ")) }
}
