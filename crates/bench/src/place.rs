//! What the tools read of the machine and of the running product: processor time, and the description.
//!
//! Linux's /proc only.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::Result;

/// Linux counts a process's time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process and of everything below it, living or waited for: a server that forks, a database.
pub fn cpu_seconds(root: u32) -> Result<f64> {
    let entries = fs::read_dir("/proc").map_err(|e| format!("cannot list /proc: {e}"))?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    // A process that ends while it is looked at is counted in its parent's children.
    let all: BTreeMap<u32, (u32, f64)> = pids.filter_map(|pid| Some((pid, times(pid).ok()?))).collect();
    if !all.contains_key(&root) {
        return Err(format!("there is no process {root}"));
    }
    let below = |mut pid: u32| {
        // Bounded: a number that was given out again could close a ring.
        for _ in 0..32 {
            if pid == root {
                return true;
            }
            match all.get(&pid) {
                Some((parent, _)) => pid = *parent,
                None => return false,
            }
        }
        false
    };
    Ok(all.iter().filter(|(pid, _)| below(**pid)).map(|(_, (_, seconds))| seconds).sum())
}

/// A process's parent, and the time of it and of the children that it waited for.
fn times(pid: u32) -> Result<(u32, f64)> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(|e| format!("cannot read {path}: {e}"))?;
    // The name in brackets may hold anything: count fields after it (proc(5): the parent is 4, the four times 14 to 17).
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = after_name.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    match (fields.first(), fields.get(10..14)) {
        (Some(parent), Some(ticks)) => Ok((*parent as u32, ticks.iter().sum::<f64>() / TICKS_PER_SECOND)),
        _ => Err(format!("{path} reads otherwise than expected")),
    }
}

/// One platform of a `--describe` file.
pub struct Platform(pub Value);

impl Platform {
    /// Reads it.
    pub fn read(file: &str, platform: &str) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|e| format!("cannot read {file}: {e}"))?;
        let all: Value = serde_json::from_str(&text).map_err(|e| format!("{file}: {e}"))?;
        match all["platforms"].get(platform) {
            Some(found) => Ok(Self(found.clone())),
            None => Err(format!("{file} describes no {platform}")),
        }
    }

    /// A text of it.
    pub fn text(&self, key: &str) -> Result<&str> {
        self.0[key].as_str().ok_or_else(|| format!("the description has no {key}"))
    }

    /// An address of `paths`, joined to its base: authorize to the login URL, all others to the API URL.
    pub fn url(&self, path: &str) -> Result<String> {
        let found = self.0["paths"][path].as_str().ok_or_else(|| format!("the description has no paths.{path}"))?;
        if found.starts_with("http://") || found.starts_with("https://") {
            return Ok(found.to_string());
        }
        let base = self.text(if path == "authorize" { "login_url" } else { "api_url" })?;
        Ok(format!("{}{found}", base.trim_end_matches('/')))
    }

    /// A list of it.
    pub fn list(&self, key: &str) -> &[Value] {
        self.0[key].as_array().map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_a_tree_holds_that_of_its_children() {
        let spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let before = cpu_seconds(std::process::id()).unwrap();
        let ended = std::process::Command::new("sh").args(["-c", spin]).status().unwrap();
        assert!(ended.success());
        assert!(cpu_seconds(std::process::id()).unwrap() >= before + 0.01);
        assert!(cpu_seconds(u32::MAX).is_err());
    }
}
