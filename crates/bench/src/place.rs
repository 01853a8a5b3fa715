//! What the tools read of the machine and of the running product: processor time, and the description.
//!
//! Linux's /proc only.

use std::fs;

use serde_json::Value;

use crate::Result;

/// Linux counts a process's time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process, all its threads.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(|e| format!("cannot read {path}: {e}"))?;
    // The name in brackets may hold anything: count fields after it (proc(5): utime and stime are 14 and 15).
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = after_name.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    match fields.get(10..12) {
        Some([user, system]) => Ok((user + system) / TICKS_PER_SECOND),
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
