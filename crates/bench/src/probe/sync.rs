//! One `fdatasync`: after 4 KiB written over what is there already (a log that is used again), and after 4 KiB appended.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Result;
use crate::meter::quantile;

const BLOCK: u64 = 4096;
/// Blocks of the file that is written over.
const BLOCKS: u64 = 1024;

/// Microseconds of each kind, half of the time each.
pub fn run(dir: &Path, time: Duration) -> Result<Value> {
    let said = |e: std::io::Error| format!("{}: {e}", dir.display());
    let over = File::create(dir.join("sync-over")).map_err(said)?;
    over.write_all_at(&vec![1; (BLOCK * BLOCKS) as usize], 0).map_err(said)?;
    over.sync_all().map_err(said)?;
    let overwrite = syncs(&over, time / 2, |n| n % BLOCKS).map_err(said)?;
    let grown = File::create(dir.join("sync-append")).map_err(said)?;
    let append = syncs(&grown, time / 2, |n| n).map_err(said)?;
    let figures = |micros: &[u32]| json!({"count": micros.len(), "p50_us": quantile(micros, 0.5), "p99_us": quantile(micros, 0.99)});
    Ok(json!({"overwrite": figures(&overwrite), "append": figures(&append)}))
}

fn syncs(file: &File, time: Duration, block: impl Fn(u64) -> u64) -> std::io::Result<Vec<u32>> {
    let bytes = [2; BLOCK as usize];
    let (start, mut micros) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let began = Instant::now();
        file.write_all_at(&bytes, block(micros.len() as u64) * BLOCK)?;
        file.sync_data()?;
        micros.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    micros.sort_unstable();
    Ok(micros)
}
