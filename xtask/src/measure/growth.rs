//! Traffic adds no rows: many refreshes of a hundred connections leave every table, and the files, where they were.
//!
//! Counted from outside, by Python's SQLite.

use serde_json::Value;

use super::machine;
use super::rig::{self, Rig};
use crate::house::House;

const CONNECTIONS: &str = "100";
/// The data may grow by this much: a few pages that were half full.
const SLACK_BYTES: f64 = 64.0 * 1024.0;
/// The write-ahead log is re-used; it is bounded by the writer's checkpoints.
const MOST_LOG_BYTES: f64 = 64.0 * 1024.0 * 1024.0;

/// `refreshes` times.
pub(crate) fn prove(house: &House, refreshes: u64) -> Result<(), String> {
    let rig = Rig::new(house, "growth", &rig::free_address()?)?;
    let chains = rig.file("chains")?;
    let server = rig.start()?;
    rig.load(&server, "connect", &["--count", CONNECTIONS, "--chains", &chains])?;
    // A few rounds first, so that what is allocated once is there.
    refresh(&rig, &server, &chains, 1000)?;
    server.stop()?;
    let before = (machine::tables(house, &rig.data)?, machine::directory_bytes(&rig.data)?);
    let server = rig.start()?;
    refresh(&rig, &server, &chains, refreshes)?;
    server.stop()?;
    let after = (machine::tables(house, &rig.data)?, machine::directory_bytes(&rig.data)?);
    let rows = |tables: &Value| -> Vec<(String, u64)> {
        let tables = tables.as_object().into_iter().flatten();
        tables.map(|(name, counts)| (name.clone(), counts["rows"].as_u64().unwrap_or(0))).collect()
    };
    let (had, has) = (rows(&before.0), rows(&after.0));
    if had.iter().map(|(_, rows)| rows).sum::<u64>() == 0 {
        return Err("no rows were found: is the store where it is looked for?".into());
    }
    let grown: Vec<String> = had
        .iter()
        .zip(&has)
        .filter(|(before, after)| before != after)
        .map(|((name, before), (_, after))| format!("{name}: {before} rows became {after}"))
        .collect();
    if !grown.is_empty() {
        return Err(format!("{refreshes} refreshes added rows: {}", grown.join(", ")));
    }
    let ((had, _), (has, log)) = (before.1, after.1);
    if has > had + SLACK_BYTES {
        return Err(format!("{refreshes} refreshes made the data grow from {had} to {has} bytes"));
    }
    if log > MOST_LOG_BYTES {
        return Err(format!("after {refreshes} refreshes the write-ahead log has {log} bytes"));
    }
    let kb = |bytes: f64| bytes / 1e3;
    println!(
        "  {refreshes} refreshes: no row more; data {:.0} kB, before {:.0} kB; log {:.0} kB",
        kb(has),
        kb(had),
        kb(log)
    );
    Ok(())
}

fn refresh(rig: &Rig<'_>, server: &crate::server::Server, chains: &str, count: u64) -> Result<(), String> {
    let count = count.to_string();
    let arguments =
        ["--chains", chains, "--requests", &count, "--connections", "64", "--warm", "0", "--seconds", "600"];
    let said = rig.load(server, "refresh", &arguments)?;
    let moved = said["moved"].as_u64().unwrap_or(0);
    if moved.to_string() == count { Ok(()) } else { Err(format!("{moved} of {count} refreshes worked: {said}")) }
}
