//! The rounds: in each, the echo first, then every operation, probe and peer in turn; medians over the rounds.
//!
//! Ratios are taken within a round, because machines change their mood by the minute.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::book::{Book, number};
use super::figures::{FIGURES, Figure, SLOW};
use super::large::{self, Filled};
use super::peers::{self, Peer};
use super::postgres::{Database, Nodes};
use super::rig::{self, Rig, forward_auth_url};
use super::{Wish, baselines, machine};
use crate::house::House;
use crate::server::Server;
use crate::shell;

/// Connections of the closed loop; refreshing has more, so that commits can be shared.
pub(super) const CONNECTIONS: &str = "32";
pub(super) const REFRESH_CONNECTIONS: &str = "256";
/// Families that are made through the pages.
pub(super) const CHAINS: usize = 512;
/// Code exchanges of a round: on connections of their own, none holding more families than it may.
const EXCHANGE_CONNECTIONS: usize = 500;
const CODES_EACH: usize = 4;
/// Families whose year is simulated.
const YEAR_FAMILIES: &str = "200";
/// The shipped profile that offers tokens without a person.
const MACHINES: &str = "default";

/// What came out.
pub(crate) struct Measured {
    pub(crate) machine: String,
    pub(crate) commit: String,
    pub(crate) rounds: usize,
    pub(crate) families: u64,
    /// E, e_us, R64, PGR, store64, sync_ms: medians; 0 when not measured.
    pub(crate) baselines: BTreeMap<&'static str, f64>,
    pub(crate) figures: Vec<(&'static Figure, f64)>,
    /// `peer_NAME_refresh_echo_ratio`, which have no target.
    pub(crate) peers: Vec<(String, f64)>,
    pub(crate) operations: BTreeMap<String, Vec<Value>>,
    pub(crate) skipped: BTreeMap<String, String>,
}

/// Everything that runs during the rounds.
struct Stage<'h> {
    house: &'h House,
    place: String,
    small: Filled<'h>,
    large: Filled<'h>,
    /// A copy of the large store, for the probe of the store alone.
    alone: String,
    machines: Option<(Rig<'h>, Server)>,
    database: Option<Database>,
    nodes: Option<Nodes<'h>>,
    peers: Vec<Peer>,
}

/// Measures what is wished.
pub(crate) fn measure(house: &House, wish: &Wish) -> Result<Measured, String> {
    let mut book = Book::default();
    let described = (machine::describe(), machine::commit());
    if FIGURES.iter().any(|figure| ![SLOW, "binary_mb"].contains(&figure.name) && wish.wants(figure.name)) {
        let stage = set_up(house, wish, &mut book)?;
        for round in 0..wish.rounds {
            println!("  round {} of {}", round + 1, wish.rounds);
            one_round(&stage, wish, round, &mut book)?;
        }
        take_down(stage)?;
    }
    let size = fs::metadata(house.binary("causeway")?).map_err(|e| format!("cannot see the binary: {e}"))?.len();
    book.push("binary_mb", size as f64 / 1e6);
    if wish.wants(SLOW) {
        book.push(SLOW, clean_build(house)?);
    }
    sum_up(&mut book);
    let figures = FIGURES.iter().filter(|figure| wish.wants(figure.name));
    let figures = figures.filter_map(|figure| Some((figure, book.median(figure.name)?))).collect();
    let names = ["E", "e_us", "R64", "PGR", "store64", "sync_ms"];
    Ok(Measured {
        machine: described.0,
        commit: described.1,
        rounds: wish.rounds,
        families: wish.families,
        baselines: names.into_iter().map(|name| (name, book.median(name).unwrap_or(0.0))).collect(),
        figures,
        peers: book.medians("peer_", "_refresh_echo_ratio"),
        operations: book.operations,
        skipped: book.skipped,
    })
}

/// Figures that are made of medians.
fn sum_up(book: &mut Book) {
    let Some((rate, ratio)) = peers::best(book) else { return };
    if let Some(own) = book.median("refresh_echo_ratio") {
        book.push("refresh_peer_ratio", own / ratio);
    }
    if let Some(own) = book.median("refresh_pg") {
        book.push("refresh_pg_peer_ratio", own / rate);
    }
}

fn set_up<'h>(house: &'h House, wish: &Wish, book: &mut Book) -> Result<Stage<'h>, String> {
    let rig = Rig::new(house, "bench", &rig::free_address()?)?;
    let (pattern, empty) = standing(&rig, book)?;
    let keys = rig.keys.clone();
    year(&rig, empty, book)?;
    let (small, large) = large::both(rig, &pattern, wish.families, book)?;
    let alone = large.alone.clone();
    let machines = optional("client_credentials_echo_ratio", wish, book, || {
        let rig = Rig::of_platform(house, "bench-machines", &rig::free_address()?, MACHINES, &rig::machines_text())?;
        let server = rig.start()?;
        Ok((rig, server))
    });
    let wants_postgres = ["refresh_pg_pgr_ratio", "takeback_p99_ms"].iter().any(|name| wish.wants(name));
    let database = if wants_postgres || wish.peers { optional("PGR", wish, book, Database::start) } else { None };
    let nodes = match &database {
        Some(database) => optional("two nodes on PostgreSQL", wish, book, || Nodes::start(house, database, &keys)),
        None => None,
    };
    if wants_postgres && nodes.is_none() {
        book.skip("refresh_pg_pgr_ratio, takeback_p99_ms", "there are no two nodes on PostgreSQL");
    }
    let peers = match wish.peers {
        true => peers::start(house, database.as_ref(), book)?,
        false => {
            book.skip("peers", "--peers no");
            Vec::new()
        }
    };
    let place = house.target("run/probes/x")?.with_file_name("").to_string_lossy().into_owned();
    Ok(Stage { house, place, small, large, alone, machines, database, nodes, peers })
}

/// Something that may be missing: then it is skipped with the reason.
fn optional<T>(name: &str, wish: &Wish, book: &mut Book, make: impl FnOnce() -> Result<T, String>) -> Option<T> {
    if FIGURES.iter().any(|figure| figure.name == name) && !wish.wants(name) {
        return None;
    }
    make().map_err(|why| book.skip(name, why.lines().last().unwrap_or_default())).ok()
}

fn take_down(stage: Stage<'_>) -> Result<(), String> {
    drop(stage.peers);
    if let Some(nodes) = stage.nodes {
        nodes.stop()?;
    }
    drop(stage.database);
    if let Some((_, server)) = stage.machines {
        server.stop()?;
    }
    stage.small.server.stop()?;
    stage.large.server.stop()
}

/// What is measured without load: start, memory, disk. Leaves a stopped rig that holds the chains of the answered file; with
/// it the bytes of its tables before there was any.
fn standing(rig: &Rig<'_>, book: &mut Book) -> Result<(String, f64), String> {
    rig.start()?.stop()?;
    let before = (machine::tables(rig.house, &rig.data)?, machine::directory_bytes(&rig.data)?);
    for _ in 0..3 {
        let server = rig.start()?;
        book.push("start_ms", server.start_ms);
        book.push("rss_idle_mb", server.rss_mb()?);
        server.stop()?;
    }
    let server = rig.start()?;
    println!("  making {CHAINS} grants through the pages");
    let chains = rig.file("chains")?;
    rig.load(&server, "connect", &["--count", &CHAINS.to_string(), "--chains", &chains])?;
    server.stop()?;
    let after = (machine::tables(rig.house, &rig.data)?, machine::directory_bytes(&rig.data)?);
    book.push("family_bytes", (family_bytes(&after.0) - family_bytes(&before.0)) / CHAINS as f64);
    book.push("connection_disk_bytes", (after.1.0 - before.1.0) / CHAINS as f64);
    Ok((chains, family_bytes(&before.0)))
}

fn family_bytes(tables: &Value) -> f64 {
    ["families", "connections"].iter().map(|name| number(&tables[name], "bytes")).sum()
}

/// A year of refreshes every two hours, in a copy, through the store itself with a clock of its own.
fn year(rig: &Rig<'_>, empty: f64, book: &mut Book) -> Result<(), String> {
    let copy = rig.copy("bench-year")?;
    let dir = copy.data.to_string_lossy().into_owned();
    let said = rig::probe(rig.house, &["year", "--dir", &dir, "--families", YEAR_FAMILIES])?;
    let bytes = (family_bytes(&machine::tables(rig.house, &copy.data)?) - empty) / CHAINS as f64;
    println!("  {} refreshes of {YEAR_FAMILIES} families: {bytes:.0} bytes a family", said["refreshes"]);
    book.push("family_year_bytes", bytes);
    Ok(())
}

fn one_round(stage: &Stage<'_>, wish: &Wish, round: usize, book: &mut Book) -> Result<(), String> {
    let (seconds, warm) = (wish.seconds.to_string(), wish.warm());
    let timed = ["--seconds", &seconds, "--warm", &warm];
    let usual = [&timed[..], &["--connections", CONNECTIONS]].concat();
    let (e, e_cpu) = baselines::echo(stage.house, &usual, book)?;
    let Filled { rig, server, chains, .. } = &stage.large;
    let with_chains = [&usual[..], &["--chains", chains, "--bearers", "512"]].concat();

    if wish.wants("guard_check_echo_ratio") || wish.wants("guard_check_cpu_echo_ratio") {
        let check = [&with_chains[..], &["--path", "/v1/sites"]].concat();
        let said = rig.load(server, "get", &check)?;
        let rps = book.keep("guard_check", &said)?;
        book.push("guard_check_echo_ratio", rps / e);
        book.push("guard_check_cpu_echo_ratio", number(&said, "cpu_s_per_1000") / e_cpu.max(1e-9));
        at_half(rig, server, "guard_check", "get", rps, &check, book)?;
    }
    if wish.wants("forward_auth_echo_ratio") {
        let asks = forward_auth_url(server)?;
        let headers = "X-Original-Method: GET; X-Original-URI: /v1/sites";
        let said = rig.load(server, "get", &[&with_chains[..], &["--url", &asks, "--headers", headers]].concat())?;
        let rps = book.keep("forward_auth", &said)?;
        book.push("forward_auth_echo_ratio", rps / e);
    }
    if wish.wants("introspect_echo_ratio") {
        let rps = book.keep("introspect", &rig.load(server, "introspect", &with_chains)?)?;
        book.push("introspect_echo_ratio", rps / e);
    }
    if wish.wants("refresh_echo_ratio") || wish.wants("refresh_r64_ratio") {
        let refreshed = refresh(stage, &timed, e, e_cpu, book)?;
        let rows = wish.families.to_string();
        let r64 = baselines::random_keys(stage.house, &stage.place, &rows, &seconds, book)?;
        book.push("refresh_r64_ratio", refreshed / r64);
        let store = baselines::store(stage.house, &stage.alone, &seconds, book)?;
        book.push("store_r64_ratio", store / r64);
    }
    if wish.wants("refresh_lone_over_sync_ms") {
        // The disk's mood changes by the second: a look before and a look after.
        let before = baselines::sync(stage.house, &stage.place, &seconds, book)?;
        let said = rig.load(server, "refresh", &[&timed[..], &["--connections", "1", "--chains", chains]].concat())?;
        book.keep("refresh_lone", &said)?;
        let after = baselines::sync(stage.house, &stage.place, &seconds, book)?;
        book.push("refresh_lone_over_sync_ms", number(&said, "p50_us") / 1000.0 - f64::midpoint(before, after));
    }
    if let Some((rig, server)) = &stage.machines {
        let said = rig.load(server, "credentials", &usual).and_then(|said| book.keep("client_credentials", &said));
        match said {
            Ok(rps) => book.push("client_credentials_echo_ratio", rps / e),
            Err(why) => book.skip("client_credentials_echo_ratio", &why),
        }
    }
    if wish.wants("exchange_echo_ratio") && !wish.wants("growth_issue_ratio") {
        let rps = book.keep("exchange", &exchange(rig, server, round)?)?;
        book.push("exchange_echo_ratio", rps / e);
    }
    large::compare(&stage.small, &stage.large, wish, round, book)?;
    if wish.wants("exchange_echo_ratio")
        && let Some(said) = book.operations.get("growth_issue_large").and_then(|all| all.last())
    {
        let rps = number(said, "rps");
        book.push("exchange_echo_ratio", rps / e);
    }
    databases(stage, wish, round, book)?;
    for peer in &stage.peers {
        if let Err(why) = peer.measure(stage.house, &usual, e, book) {
            book.skip(&format!("peers/{}", peer.name()), &why);
        }
    }
    Ok(())
}

/// Refreshes of the large store; the rate.
fn refresh(stage: &Stage<'_>, timed: &[&str], e: f64, e_cpu: f64, book: &mut Book) -> Result<f64, String> {
    let Filled { rig, server, chains, .. } = &stage.large;
    let arguments = [timed, &["--connections", REFRESH_CONNECTIONS, "--chains", chains]].concat();
    let said = rig.load(server, "refresh", &arguments)?;
    let rps = book.keep("refresh", &said)?;
    book.push("refresh_echo_ratio", rps / e);
    book.push("refresh_cpu_echo_ratio", number(&said, "cpu_s_per_1000") / e_cpu.max(1e-9));
    at_half(rig, server, "refresh", "refresh", rps, &arguments, book)?;
    Ok(rps)
}

/// The same at half the rate, arriving whether or not the server keeps up: latencies as callers see them.
fn at_half(
    rig: &Rig<'_>,
    server: &Server,
    name: &str,
    what: &str,
    rps: f64,
    arguments: &[&str],
    book: &mut Book,
) -> Result<(), String> {
    let rate = format!("{:.0}", rps / 2.0);
    let said = rig.load(server, what, &[arguments, &["--rate", &rate]].concat())?;
    book.keep(&format!("{name}_at_half_rate"), &said).map(drop)
}

/// What stands on PostgreSQL.
fn databases(stage: &Stage<'_>, wish: &Wish, round: usize, book: &mut Book) -> Result<(), String> {
    let Some(database) = &stage.database else { return Ok(()) };
    let seconds = wish.seconds.to_string();
    let pgr = baselines::postgres(stage.house, database, &seconds, book)?;
    let Some(nodes) = &stage.nodes else { return Ok(()) };
    match nodes.refresh(&["--seconds", &seconds, "--warm", &wish.warm()], book) {
        Ok(rps) => {
            book.push("refresh_pg", rps);
            book.push("refresh_pg_pgr_ratio", rps / pgr);
        }
        Err(why) => book.skip("refresh_pg_pgr_ratio", &why),
    }
    match nodes.take_back(round, book) {
        Ok(p99) => book.push("takeback_p99_ms", p99),
        Err(why) => book.skip("takeback_p99_ms", &why),
    }
    Ok(())
}

/// Codes made through the pages, then exchanged as fast as they are taken.
pub(super) fn exchange(rig: &Rig<'_>, server: &Server, round: usize) -> Result<Value, String> {
    let (codes, each) = (rig.file("codes")?, CODES_EACH.to_string());
    let count = (EXCHANGE_CONNECTIONS * CODES_EACH).to_string();
    let skip = (CHAINS + round % 3 * EXCHANGE_CONNECTIONS).to_string();
    rig.load(server, "connect", &["--count", &count, "--each", &each, "--skip", &skip, "--codes", &codes])?;
    let arguments = ["--codes", &codes, "--connections", CONNECTIONS, "--warm", "0", "--seconds", "60"];
    rig.load(server, "exchange", &arguments)
}

/// Processor seconds of a release build from nothing, as a newcomer pays it.
fn clean_build(house: &House) -> Result<f64, String> {
    let directory = house.target("clean-build")?;
    let _ = fs::remove_dir_all(&directory);
    let before = machine::children_cpu_seconds()?;
    let mut build =
        shell::cargo(["build", "--quiet", "--release", "--locked", "--package", "causeway-cli", "--target-dir"]);
    build.arg(&directory);
    println!("  building from nothing");
    shell::run(build)?;
    let _ = fs::remove_dir_all(&directory);
    Ok(machine::children_cpu_seconds()? - before)
}
