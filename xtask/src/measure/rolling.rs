//! Every node of three is stopped and started again, round after round, with two binaries mixed, under a load that never pauses:
//! no request may fail. Every other time the balancer is not told before; every time, a request is under way at the stop.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::panic;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use causeway_testbed::postgres::Cluster;
use serde_json::Value;

use super::partition_nodes::{Load, Nodes, Seat, status};
use super::rig::PLATFORM;
use super::rolling_balancer::Balancer;
use crate::house::House;
use crate::stopwatch::Stopwatch;

const NODES: usize = 3;
/// Refreshes and calls a second, each; redemptions a second, each with a take-back behind it.
const RATE: &str = "40";
const REDEMPTIONS: &str = "2";
/// Families that are refreshed, and those whose tokens are called with.
const CHAINS: usize = 96;
/// Seconds of a round, at most: so many codes are kept for redemption.
const ROUND: usize = 8;
/// All three serve for so long, before the next one is stopped.
const TOGETHER: Duration = Duration::from_millis(1_000);
/// The request that is under way needs so long behind that.
const SLOW: Duration = Duration::from_millis(400);
/// Until a node that was told to stop says so: much less than it may take to end.
const SAYS_SO: Duration = Duration::from_secs(2);

/// So many rounds; `old` is another binary.
pub(crate) fn prove(house: &House, rounds: u64, old: Option<&str>) -> Result<(), String> {
    let binaries = binaries(house, old)?;
    let cluster = panic::catch_unwind(Cluster::start).map_err(|_| "PostgreSQL does not start")?;
    let database = cluster.database();
    let front = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    let authority = front.local_addr().map_err(|e| format!("no free port: {e}"))?.to_string();
    let origin = format!("http://{authority}");
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
    fs::copy(&describe, &kept).map_err(|e| format!("cannot copy {describe}: {e}"))?;
    let token = token_path(&kept)?;
    let words = ["steady", "--describe", &kept, "--platform", PLATFORM, "--chains", &chains, "--codes", &codes];
    let pace = ["--path", "/v1/sites", "--rate", RATE, "--redemptions", REDEMPTIONS];
    let load = Load::start(house, &[&words[..], &pace[..]].concat(), nodes.file("said.json")?)?;
    let watch = Stopwatch::start();
    // By binary: what its nodes answered. All begin with the new one.
    let (mut runs, mut counted, mut served, mut told) = ([1; NODES], balancer.served(), [0; 2], 0);
    for round in 0..rounds as usize {
        for node in 0..NODES {
            // Half of all stops. An older binary may be one that cannot stop under load.
            let is_told = runs[node] == 0;
            if is_told {
                balancer.drain(node);
                told += 1;
            }
            let under_way = UnderWay::begin(&nodes.seats[node].listen[0], &authority, &token)?;
            nodes.stop(node, || under_way.end())?;
            let way = if is_told { "drained" } else { "without a word" };
            for (broke, why) in balancer.broken() {
                println!("  round {round}, node {node} stopped, {way}: node {broke} broke off a request: {why}");
            }
            let now = balancer.served()[node];
            served[runs[node]] += now - counted[node];
            (counted[node], runs[node]) = (now, (round + node) % 2);
            nodes.begin(node, &binaries[runs[node]])?;
            balancer.admit(node)?;
            thread::sleep(TOGETHER);
        }
    }
    let seconds = watch.elapsed().as_secs_f64();
    let said = load.end()?;
    let all = balancer.served();
    (0..NODES).for_each(|node| served[runs[node]] += all[node] - counted[node]);
    let restarts = rounds as usize * NODES;
    println!(
        "  {rounds} rounds, {restarts} restarts in {seconds:.0} s, {} of them without a word to the balancer; each with a \
         request under way, which was answered",
        restarts - told
    );
    println!("  requests by node {all:?}, by binary {} (old) and {} (new)", served[0], served[1]);
    report(&said)
}

/// The old one and the new one.
fn binaries(house: &House, old: Option<&str>) -> Result<[PathBuf; 2], String> {
    let new = house.binary("causeway")?;
    let Some(old) = old.map(PathBuf::from) else {
        println!("  NO OLDER BINARY WAS NAMED (--old PATH): the same one is both old and new");
        return Ok([new.clone(), new]);
    };
    let bytes = |path: &PathBuf| fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()));
    if bytes(&old)? == bytes(&new)? {
        return Err(format!("{} is no older binary: it is the same, byte by byte", old.display()));
    }
    println!("  mixed: {} and {}", old.display(), new.display());
    Ok([old, new])
}

fn report(said: &Value) -> Result<(), String> {
    for kind in ["refresh", "check", "redeem", "revoke", "refused call"] {
        println!("  {kind}: {}", said[kind]);
        if said[kind]["requests"].as_u64().unwrap_or(0) == 0 {
            return Err(format!("there was no load of {kind}; first failures: {}", said["failures"]));
        }
    }
    match said["failed"].as_u64() {
        Some(0) => {
            println!("  no request failed");
            Ok(())
        }
        failed => Err(format!("{} requests failed; first: {}", failed.unwrap_or(0), said["failures"])),
    }
}

fn token_path(describe: &str) -> Result<String, String> {
    let text = fs::read_to_string(describe).map_err(|e| format!("cannot read {describe}: {e}"))?;
    let all: Value = serde_json::from_str(&text).map_err(|e| format!("{describe}: {e}"))?;
    let path = all["platforms"][PLATFORM]["paths"]["token"].as_str();
    Ok(path.ok_or_else(|| format!("{describe} has no path of the token endpoint"))?.to_owned())
}

/// A request of which a node has the head and a part of the body when it is told to stop.
struct UnderWay {
    stream: TcpStream,
    node: String,
}

/// What it presents nobody issued: it is refused, which is an answer.
const BODY: [&str; 2] = ["grant_type=refresh_token&refresh_", "token=none&client_id=none&client_secret=none"];

impl UnderWay {
    fn begin(node: &str, authority: &str, path: &str) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("{node} takes no request: {e}");
        let mut stream = TcpStream::connect(node).map_err(failed)?;
        let length = BODY.concat().len();
        let kind = "application/x-www-form-urlencoded";
        let head = format!("POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: {kind}\r\n");
        write!(stream, "{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{}", BODY[0]).map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(failed)?;
        // It has read the head by then; if it has not, the demand is only harder.
        thread::sleep(Duration::from_millis(20));
        Ok(Self { stream, node: node.to_owned() })
    }

    /// The rest, once the node no longer says that it is ready; and its answer.
    fn end(mut self) -> Result<(), String> {
        let watch = Stopwatch::start();
        while status(&self.node, "/readyz") == Some(200) {
            if watch.elapsed() > SAYS_SO {
                return Err(format!("{} was told to stop and says that it is ready", self.node));
            }
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(SLOW);
        let mut answer = Vec::new();
        let sent = self.stream.write_all(BODY[1].as_bytes()).and_then(|()| self.stream.read_to_end(&mut answer));
        if answer.starts_with(b"HTTP/1.1 4") {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Err(format!("a request was under way when {} was told to stop: {sent:?}, answered with {answer:?}", self.node))
    }
}
