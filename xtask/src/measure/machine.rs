//! What is read of the machine: who it is, processor time, sizes on disk.
//!
//! Linux only, like the load generator.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::house::House;
use crate::shell;

/// Processor, cores, memory, in a line.
pub(crate) fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let kib: f64 = kib.trim().trim_end_matches(" kB").parse().unwrap_or(0.0);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    let model = model.unwrap_or("unknown processor");
    format!("{cores} x {model}, {:.0} GiB, load average {load} at the start", kib / 1048576.0)
}

/// The commit that is measured, marked if the tree differs from it.
pub(crate) fn commit() -> String {
    let Ok(commit) = shell::capture(shell::command("git", ["rev-parse", "--short", "HEAD"])) else {
        return "none".into();
    };
    let changed = shell::capture(shell::command("git", ["status", "--porcelain"])).is_ok_and(|said| !said.is_empty());
    format!("{}{}", commit.trim(), if changed { "+" } else { "" })
}

/// Processor time of the children that this process has waited for, and of theirs.
pub(crate) fn children_cpu_seconds() -> Result<f64, String> {
    let stat = fs::read_to_string("/proc/self/stat").map_err(|e| format!("cannot read /proc/self/stat: {e}"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = after_name.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    match fields.get(12..14) {
        // proc(5): cutime and cstime are fields 16 and 17, in hundredths of a second; the state letter is no number
        Some([user, system]) => Ok((user + system) / 100.0),
        _ => Err("/proc/self/stat reads otherwise than expected".into()),
    }
}

/// Bytes of a data directory's files: those that hold the data, and the write-ahead logs with their indexes. A log is
/// written over and over; only its bound matters.
pub(crate) fn directory_bytes(directory: &Path) -> Result<(f64, f64), String> {
    let (mut data, mut logs) = (0, 0);
    let entries = fs::read_dir(directory).map_err(|e| format!("cannot list {}: {e}", directory.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let bytes = entry.metadata().map(|metadata| metadata.len()).unwrap_or(0);
        *(if name.ends_with("-wal") || name.ends_with("-shm") { &mut logs } else { &mut data }) += bytes;
    }
    Ok((data as f64, logs as f64))
}

/// Rows and bytes of every table of a data directory's databases, by an outsider's hand: `{"t": {"rows": 1, "bytes": 2}}`.
pub(crate) fn tables(house: &House, data: &Path) -> Result<Value, String> {
    let script = house.path("xtask/tables.py");
    let said = shell::capture(shell::command("python3", [script.as_os_str(), data.as_os_str()]))?;
    serde_json::from_str(&said).map_err(|e| format!("tables.py: {e}"))
}
