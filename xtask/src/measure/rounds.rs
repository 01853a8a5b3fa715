//! The rounds: in each, the echo first, then every operation in turn; medians over the rounds.
//!
//! Ratios are taken within a round, because machines change their mood by the minute.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::Wish;
use super::figures::{FIGURES, Figure, SLOW, median};
use super::rig::{self, PLATFORM, Rig};
use super::{machine, rig::load};
use crate::house::House;
use crate::server::Server;
use crate::shell;

/// Connections of the closed loop; refreshing has more, so that commits can be shared.
const CONNECTIONS: &str = "32";
const REFRESH_CONNECTIONS: &str = "256";
/// Families that are refreshed in turn.
const CHAINS: usize = 512;
/// Code exchanges of a round: on connections of their own, none holding more families than it may.
const EXCHANGE_CONNECTIONS: usize = 500;
const CODES_EACH: usize = 4;

/// What came out.
pub(crate) struct Measured {
    pub(crate) machine: String,
    pub(crate) commit: String,
    pub(crate) rounds: usize,
    /// Requests a second of the echo, and its processor time of a request in µs.
    pub(crate) echo: (f64, f64),
    pub(crate) figures: Vec<(&'static Figure, f64)>,
    /// Requests a second, p50, p99, p99.9 in µs, CPU seconds for 1,000: for who wants to look closer.
    pub(crate) operations: BTreeMap<String, Vec<Value>>,
}

/// Measures what is wished.
pub(crate) fn measure(house: &House, wish: &Wish) -> Result<Measured, String> {
    let mut values: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    let mut operations: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let described = (machine::describe(), machine::commit());
    let looping = FIGURES.iter().any(|figure| figure.unit == "E" && wish.wants(figure.name));
    let still =
        ["rss_idle_mb", "start_ms", "family_bytes", "connection_disk_bytes"].iter().any(|name| wish.wants(name));
    if looping || still {
        let rig = Rig::new(house, "bench", &rig::free_address()?)?;
        let server = standing(&rig, &mut values)?;
        if looping {
            for round in 0..wish.rounds {
                println!("  round {} of {}", round + 1, wish.rounds);
                one_round(&rig, &server, wish, round, &mut values, &mut operations)?;
            }
        }
        server.stop()?;
    }
    let size = fs::metadata(house.binary("causeway")?).map_err(|e| format!("cannot see the binary: {e}"))?.len();
    values.insert("binary_mb", vec![size as f64 / 1e6]);
    if wish.wants(SLOW) {
        values.insert(SLOW, vec![clean_build(house)?]);
    }
    let take = |name: &str| values.get(name).cloned().map(median);
    let figures = FIGURES.iter().filter(|figure| wish.wants(figure.name));
    let figures = figures.filter_map(|figure| Some((figure, take(figure.name)?))).collect();
    let echo = (take("E").unwrap_or(0.0), take("e_us").unwrap_or(0.0));
    Ok(Measured { machine: described.0, commit: described.1, rounds: wish.rounds, echo, figures, operations })
}

/// What is measured without load: start, memory, disk. Leaves a server that holds the chains.
fn standing(rig: &Rig<'_>, values: &mut BTreeMap<&'static str, Vec<f64>>) -> Result<Server, String> {
    rig.start()?.stop()?;
    let before = (machine::tables(rig.house, &rig.data)?, machine::directory_bytes(&rig.data)?);
    for _ in 0..3 {
        let server = rig.start()?;
        values.entry("start_ms").or_default().push(server.start_ms);
        values.entry("rss_idle_mb").or_default().push(server.rss_mb()?);
        server.stop()?;
    }
    let server = rig.start()?;
    println!("  making {CHAINS} grants through the pages");
    rig.load(&server, "connect", &["--count", &CHAINS.to_string(), "--chains", &rig.file("chains")?])?;
    server.stop()?;
    let after = (machine::tables(rig.house, &rig.data)?, machine::directory_bytes(&rig.data)?);
    let bytes = |tables: &Value| {
        ["families", "connections"].iter().map(|name| tables[name]["bytes"].as_f64().unwrap_or(0.0)).sum::<f64>()
    };
    values.insert("family_bytes", vec![(bytes(&after.0) - bytes(&before.0)) / CHAINS as f64]);
    values.insert("connection_disk_bytes", vec![(after.1.0 - before.1.0) / CHAINS as f64]);
    rig.start()
}

fn one_round(
    rig: &Rig<'_>,
    server: &Server,
    wish: &Wish,
    round: usize,
    values: &mut BTreeMap<&'static str, Vec<f64>>,
    operations: &mut BTreeMap<String, Vec<Value>>,
) -> Result<(), String> {
    let seconds = wish.seconds.to_string();
    let chains = rig.file("chains")?;
    let timed = ["--seconds", &seconds, "--warm", "1"];
    let usual = [&timed[..], &["--connections", CONNECTIONS]].concat();

    let (beside, url) = rig::echo(rig.house)?;
    let pid = beside.0.id().to_string();
    let echo = load(rig.house, &[&["echo", "--url", &url, "--pid", &pid][..], &usual].concat())?;
    drop(beside);
    let e = keep("echo", &echo, operations)?;
    let e_cpu = number(&echo, "cpu_s_per_1000");
    values.entry("E").or_default().push(e);
    values.entry("e_us").or_default().push(e_cpu * 1000.0);

    let mut ratio = |name: &'static str, what: &str, arguments: &[&str]| -> Result<Value, String> {
        if !wish.wants(name) {
            return Ok(Value::Null);
        }
        let said = rig.load(server, what, arguments)?;
        let rps = keep(name, &said, operations)?;
        values.entry(name).or_default().push(rps / e);
        Ok(said)
    };
    let with_chains = [&usual[..], &["--chains", &chains]].concat();
    ratio("guard_check_echo_ratio", "get", &[&with_chains[..], &["--path", "/v1/sites"]].concat())?;
    let asks = forward_auth_url(server)?;
    let headers = "X-Original-Method: GET; X-Original-URI: /v1/sites";
    let forward = [&with_chains[..], &["--url", &asks, "--headers", headers]].concat();
    ratio("forward_auth_echo_ratio", "get", &forward)?;
    ratio("introspect_echo_ratio", "introspect", &with_chains)?;
    let refresh = [&timed[..], &["--connections", REFRESH_CONNECTIONS, "--chains", &chains]].concat();
    let refreshed = if wish.wants("refresh_echo_ratio") || wish.wants("refresh_cpu_echo_ratio") {
        let said = rig.load(server, "refresh", &refresh)?;
        let rps = keep("refresh_echo_ratio", &said, operations)?;
        values.entry("refresh_echo_ratio").or_default().push(rps / e);
        number(&said, "cpu_s_per_1000")
    } else {
        0.0
    };
    values.entry("refresh_cpu_echo_ratio").or_default().push(refreshed / e_cpu.max(1e-9));
    if wish.wants("exchange_echo_ratio") {
        let codes = rig.file("codes")?;
        let count = (EXCHANGE_CONNECTIONS * CODES_EACH).to_string();
        let skip = (CHAINS + round % 3 * EXCHANGE_CONNECTIONS).to_string();
        rig.load(
            server,
            "connect",
            &["--count", &count, "--each", &CODES_EACH.to_string(), "--skip", &skip, "--codes", &codes],
        )?;
        let arguments = ["--codes", &codes, "--connections", CONNECTIONS, "--warm", "0", "--seconds", "60"];
        let said = rig.load(server, "exchange", &arguments)?;
        let rps = keep("exchange_echo_ratio", &said, operations)?;
        values.entry("exchange_echo_ratio").or_default().push(rps / e);
    }
    Ok(())
}

/// Notes an operation's figures; more than one error in a thousand makes them worthless.
fn keep(name: &str, said: &Value, operations: &mut BTreeMap<String, Vec<Value>>) -> Result<f64, String> {
    let (done, errors) = (number(said, "requests"), number(said, "errors") + number(said, "broken"));
    println!(
        "    {name:<26} {:>9.0} rps  p50 {:>6.0} µs  p99 {:>7.0} µs  p99.9 {:>7.0} µs  CPU {:>6.1} µs  errors {errors}",
        number(said, "rps"),
        number(said, "p50_us"),
        number(said, "p99_us"),
        number(said, "p999_us"),
        number(said, "cpu_s_per_1000") * 1000.0,
    );
    operations.entry(name.to_string()).or_default().push(said.clone());
    if done < 1.0 || errors > done / 1000.0 {
        return Err(format!("{name}: {errors} errors beside {done} good replies: {said}"));
    }
    Ok(number(said, "rps"))
}

fn number(said: &Value, key: &str) -> f64 {
    said[key].as_f64().unwrap_or(0.0)
}

/// Where forward-auth is asked: as described, or at the admin listener.
fn forward_auth_url(server: &Server) -> Result<String, String> {
    let path = server.description["platforms"][PLATFORM]["paths"]["guard_check"].as_str();
    let path = path.ok_or("the description holds no paths.guard_check")?;
    if path.starts_with("http") { Ok(path.into()) } else { Ok(format!("{}{path}", server.of(PLATFORM, "admin_url")?)) }
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
