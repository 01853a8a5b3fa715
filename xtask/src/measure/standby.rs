//! The primary dies under load and its synchronous standby takes over: nodes find it by themselves, no confirmed take-back is
//! undone, no confirmed refresh is lost. What else may break is `partition`'s business.

use std::panic;
use std::thread;
use std::time::Duration;

use causeway_testbed::postgres::{Cluster, PASSWORD, USER};

use super::partition_nodes::{Nodes, Seat, report};
use crate::house::House;
use crate::shell;
use crate::stopwatch::Stopwatch;

const NODES: usize = 3;
const CLIENTS: usize = 12;
const ACTS: usize = 60;
/// Families for so many ends in a second.
const ENDS: usize = 8;
/// All nodes are cut off meanwhile, a bit each.
const EVERYBODY: u8 = (1 << NODES) - 1;
/// So long before the primary's death nothing reaches the standby any more: whatever is confirmed in this time although only the
/// primary has it is lost for certain. Shorter than clients wait for an answer.
const BEHIND: Duration = Duration::from_millis(1_500);

/// `seconds` of load, the switch in the middle.
pub(crate) fn prove(house: &House, seconds: u64) -> Result<(), String> {
    let start = || {
        let primary = Cluster::start();
        let standby = primary.standby();
        (primary, standby)
    };
    let (primary, standby) = panic::catch_unwind(start).map_err(|_| "PostgreSQL does not start, or has no standby")?;
    let database = primary.database();
    let password = PASSWORD.replace(' ', "%20");
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port());
    let url = format!("postgres://{USER}:{password}@{hosts}/{database}?target_session_attrs=read-write");
    let seats = (0..NODES).map(|_| Seat::here(url.clone())).collect::<Result<_, _>>()?;
    let nodes = Nodes::start(house, "standby", seats)?;
    let chains = nodes.connect("chains", (CLIENTS + seconds as usize * ENDS).min(1_800), 0)?;
    let mut load = nodes.remember(CLIENTS, ACTS, &chains)?;
    let half = Duration::from_millis(seconds * 500);
    thread::sleep(half);
    let waited = leave_behind(&primary)?;
    load.tell(&format!("begin cut {EVERYBODY}"))?;
    let watch = Stopwatch::start();
    primary.kill();
    standby.promote();
    println!(
        "  the primary was killed while {waited} commits waited for the standby, which took over after {:.0} ms",
        watch.millis()
    );
    load.tell(&format!("end cut {EVERYBODY}"))?;
    thread::sleep(half);
    report(&load.end()?)?;
    // Behind everything else: what was undone says more.
    if waited == 0 { Err("no commit waited for the standby: this was no trial".into()) } else { Ok(()) }
}

/// Nothing more goes to the standby: its sender stands still for the rest of the primary's life. Answers how many commits wait
/// for the standby in the end.
fn leave_behind(primary: &Cluster) -> Result<u32, String> {
    let ask = |sql: &str| primary.sql("postgres", sql).trim().to_owned();
    let sender = ask("SELECT pid FROM pg_stat_replication WHERE application_name = 'standby'");
    shell::capture(shell::command("kill", ["-STOP", &sender]))?;
    thread::sleep(BEHIND);
    let waiting = ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    waiting.parse().map_err(|_| format!("{waiting} is no number of sessions"))
}
