//! Every node of three is stopped and started again, round after round, with two binaries mixed, under a load that never pauses:
//! no request may fail. A node is taken out of the balancer first, as every operator would.

use std::net::TcpListener;
use std::panic;
use std::path::PathBuf;

use causeway_testbed::postgres::Cluster;

use super::partition_nodes::{Load, Nodes, Seat};
use super::rig::PLATFORM;
use super::rolling_balancer::Balancer;
use crate::house::House;
use crate::stopwatch::Stopwatch;

const NODES: usize = 3;
/// Refreshes and calls a second, each; redemptions a second.
const RATE: &str = "40";
const REDEMPTIONS: &str = "2";
/// Families that are refreshed, and those whose tokens are called with.
const CHAINS: usize = 96;
/// Seconds of a round, about: so many codes are kept for redemption.
const ROUND: usize = 8;

/// So many rounds; `old` is another binary.
pub(crate) fn prove(house: &House, rounds: u64, old: Option<&str>) -> Result<(), String> {
    let new = house.binary("causeway")?;
    let old = old.map(PathBuf::from);
    match &old {
        Some(old) => println!("  mixed: {} and {}", old.display(), new.display()),
        None => println!("  NO OLDER BINARY WAS NAMED (--old PATH): the same one is both old and new"),
    }
    let binaries = [old.unwrap_or_else(|| new.clone()), new];
    let cluster = panic::catch_unwind(Cluster::start).map_err(|_| "PostgreSQL does not start")?;
    let database = cluster.database();
    let front = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    let origin = format!("http://{}", front.local_addr().map_err(|e| format!("no free port: {e}"))?);
    let mut seats = Vec::new();
    for _ in 0..NODES {
        let mut seat = Seat::here(cluster.url(&database))?;
        seat.flags = ["--login-url", &origin, "--api-url", &origin].map(str::to_owned).to_vec();
        seats.push(seat);
    }
    let balancer = Balancer::start(front, seats.iter().map(|seat| seat.listen[0].clone()).collect());
    let mut nodes = Nodes::start(house, "rolling", seats)?;
    (0..NODES).try_for_each(|node| balancer.admit(node))?;
    let chains = nodes.connect("chains", CHAINS, 0)?;
    let codes = nodes.connect("codes", rounds as usize * ROUND * 2, CHAINS)?;
    let describe = nodes.describe(0)?;
    let kept = nodes.file("rolling.json")?;
    // The first node's description goes when the node does.
    std::fs::copy(&describe, &kept).map_err(|e| format!("cannot copy {describe}: {e}"))?;
    let words = ["steady", "--describe", &kept, "--platform", PLATFORM, "--chains", &chains, "--codes", &codes];
    let pace = ["--path", "/v1/sites", "--rate", RATE, "--redemptions", REDEMPTIONS];
    let load = Load::start(house, &[&words[..], &pace[..]].concat(), nodes.file("said.json")?)?;
    let watch = Stopwatch::start();
    for round in 0..rounds as usize {
        for node in 0..NODES {
            balancer.drain(node);
            nodes.stop(node)?;
            nodes.begin(node, &binaries[(round + node) % 2])?;
            balancer.admit(node)?;
        }
    }
    let seconds = watch.elapsed().as_secs_f64();
    let said = load.end()?;
    println!("  {rounds} rounds, {} restarts in {seconds:.0} s; requests by node {:?}", rounds * 3, balancer.served());
    for kind in ["refresh", "check", "redeem"] {
        println!("  {kind}: {}", said[kind]);
        if said[kind]["requests"].as_u64().unwrap_or(0) == 0 {
            return Err(format!("there was no load of {kind}"));
        }
    }
    match said["failed"].as_u64() {
        Some(0) => Ok(()),
        failed => Err(format!("{failed:?} requests failed; first: {}", said["failures"])),
    }
}
