//! `kill -9` in the middle of refresh traffic, over and over.
//!
//! After each: every pair that a client received works, a retry under its key is answered, nothing spent works again.
//! With a power cut, every write that was not synced is gone as well.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::power::Power;
use super::rig::{self, Rig};
use crate::house::House;
use crate::server::{Beside, spawn};
use crate::shell;

/// Chains under traffic beyond those that the checks use up.
const CHAINS: u64 = 64;

/// `kills` times, each with a cut of the current if `power_cut`.
pub(crate) fn prove(house: &House, kills: u64, power_cut: bool) -> Result<(), String> {
    let mut rig = Rig::new(house, if power_cut { "power" } else { "kill" }, &rig::free_address()?)?;
    let power = if power_cut { Some(Power::new(house, &rig.data)?) } else { None };
    rig.environment = power.as_ref().map_or(Vec::new(), Power::environment);
    let chains = rig.file("chains")?;
    let server = rig.start()?;
    rig.load(&server, "connect", &["--count", &(CHAINS + kills).to_string(), "--chains", &chains])?;
    server.stop()?;
    let (mut restart_ms, mut moved, mut uncertain) = (Vec::new(), 0, 0);
    let (mut undone, mut syncs) = (0, 0);
    for round in 0..=kills {
        let server = rig.start()?;
        restart_ms.push(server.start_ms);
        let said = rig.load(&server, "resume", &["--chains", &chains])?;
        check(round, &said)?;
        if round == kills {
            server.stop()?;
            break;
        }
        let traffic = traffic(&rig, &server.describe.to_string_lossy(), &chains)?;
        // Spread over the writer's cycle, and the same in every run.
        thread::sleep(Duration::from_millis(120 + (round * 37) % 160));
        server.kill()?;
        if let Some(power) = &power {
            let (writes, synced) = power.cut()?;
            undone += writes;
            syncs += synced;
        }
        let said = traffic.end()?;
        moved += said["moved"].as_u64().unwrap_or(0);
        uncertain += said["uncertain"].as_u64().unwrap_or(0);
        if said["refused"].as_u64() != Some(0) {
            return Err(format!("kill {round}: a good refresh was refused: {said}"));
        }
    }
    if moved == 0 || uncertain == 0 {
        return Err(format!("the kills hit no traffic: {moved} moves, {uncertain} without a reply"));
    }
    if power_cut && (undone == 0 || syncs == 0) {
        return Err(format!("the cuts lost nothing: {undone} writes undone, {syncs} syncs seen"));
    }
    restart_ms.sort_by(f64::total_cmp);
    let (middle, worst) = (restart_ms[restart_ms.len() / 2], restart_ms[restart_ms.len() - 1]);
    println!(
        "  {kills} kills in {moved} refreshes, {uncertain} of them without a reply; nothing lost, nothing spent twice"
    );
    if power_cut {
        println!("  {undone} unsynced writes were undone; {syncs} syncs were seen");
    }
    println!("  ready again after {middle:.0} ms (median), {worst:.0} ms (worst)");
    Ok(())
}

fn check(round: u64, said: &Value) -> Result<(), String> {
    for wrong in ["lost", "false_reconnect", "double_spent"] {
        if said[wrong].as_u64() != Some(0) {
            return Err(format!("after kill {round}: {wrong}: {said}"));
        }
    }
    if said["resumed"].as_u64().unwrap_or(0) == 0 {
        return Err(format!("after kill {round}: no chain is left: {said}"));
    }
    Ok(())
}

/// Refresh traffic that ends by itself when the server dies.
struct Traffic {
    child: Beside,
    out: String,
}

fn traffic(rig: &Rig<'_>, describe: &str, chains: &str) -> Result<Traffic, String> {
    let out = rig.file("traffic.json")?;
    let file = fs::File::create(&out).map_err(|e| format!("cannot write {out}: {e}"))?;
    let program = rig.house.binary("load")?;
    let arguments = [
        "refresh",
        "--describe",
        describe,
        "--platform",
        rig::PLATFORM,
        "--chains",
        chains,
        "--connections",
        "32",
        "--warm",
        "0",
        "--seconds",
        "20",
        "--keyed",
        "yes",
        "--until-broken",
        "yes",
    ];
    let mut command = shell::command(&program.to_string_lossy(), arguments);
    command.stdout(file);
    Ok(Traffic { child: Beside(spawn(command)?), out })
}

impl Traffic {
    fn end(mut self) -> Result<Value, String> {
        let status = self.child.0.wait().map_err(|e| format!("cannot wait for the traffic: {e}"))?;
        let said = fs::read_to_string(&self.out).map_err(|e| format!("cannot read {}: {e}", self.out))?;
        if !status.success() {
            return Err(format!("the traffic ended with {status}"));
        }
        serde_json::from_str(&said).map_err(|e| format!("the traffic said {said}: {e}"))
    }
}
