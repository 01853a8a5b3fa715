//! A running `causeway`, started for a step and stopped after it.
//!
//! It is ready when its description is there, and never before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::house::House;
use crate::shell;
use crate::stopwatch::Stopwatch;

/// Longest wait for readiness, and for a graceful end: how long a slow machine may take, not how long it should.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// What it says of itself.
    pub(crate) description: Value,
    /// Where that file stands.
    pub(crate) describe: PathBuf,
    /// From start to readiness.
    pub(crate) start_ms: f64,
}

impl Server {
    /// Starts it with these arguments and `--describe`; what it logs goes to a file beside.
    pub(crate) fn start(house: &House, name: &str, arguments: &[&str]) -> Result<Self, String> {
        Self::start_in(house, name, arguments, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn start_in(
        house: &House,
        name: &str,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Result<Self, String> {
        Self::start_within(house, name, arguments, environment, PATIENCE)
    }

    /// The same, for one that has much to load before it is ready.
    pub(crate) fn start_within(
        house: &House,
        name: &str,
        arguments: &[&str],
        environment: &[(String, String)],
        patience: Duration,
    ) -> Result<Self, String> {
        let binary = house.binary("causeway")?;
        let describe = house.target(&format!("run/{name}.json"))?;
        let log = house.target(&format!("run/{name}.log"))?;
        let _ = fs::remove_file(&describe);
        let log_file = fs::File::create(&log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        let errors = log_file.try_clone().map_err(|e| format!("cannot write {}: {e}", log.display()))?;
        let mut command = shell::command(&binary.to_string_lossy(), arguments);
        command.arg("--describe").arg(&describe).stdout(log_file).stderr(errors);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let watch = Stopwatch::start();
        let mut child = spawn(command)?;
        while !describe.is_file() {
            let ended = child.try_wait().map_err(|e| format!("cannot wait for causeway: {e}"))?;
            if let Some(status) = ended {
                return Err(format!("causeway {} ended with {status}:\n{}", arguments.join(" "), tail(&log)));
            }
            if watch.elapsed() > patience {
                let _ = child.kill();
                return Err(format!(
                    "causeway {} is not ready after {patience:?}:\n{}",
                    arguments.join(" "),
                    tail(&log)
                ));
            }
            thread::sleep(Duration::from_millis(1));
        }
        let start_ms = watch.millis();
        let text = fs::read_to_string(&describe).map_err(|e| format!("cannot read {}: {e}", describe.display()))?;
        let description = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", describe.display()))?;
        Ok(Self { child, description, describe, start_ms })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Something that is described of a platform, as text.
    pub(crate) fn of(&self, platform: &str, key: &str) -> Result<String, String> {
        let value = &self.description["platforms"][platform][key];
        value.as_str().map(str::to_string).ok_or_else(|| format!("the description holds no {platform}.{key}"))
    }

    /// Memory in use, in MB of 10^6 bytes.
    pub(crate) fn rss_mb(&self) -> Result<f64, String> {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).map_err(|e| format!("cannot read {path}: {e}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().map_err(|_| "VmRSS is no number")?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(mut self) -> Result<(), String> {
        self.child.kill().map_err(|e| format!("cannot kill causeway: {e}"))?;
        self.child.wait().map_err(|e| format!("cannot wait for causeway: {e}"))?;
        Ok(())
    }

    /// SIGTERM, and the demand that it ends well in time.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        shell::capture(shell::command("kill", ["-TERM", &self.pid().to_string()]))?;
        let watch = Stopwatch::start();
        while watch.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().map_err(|e| format!("cannot wait for causeway: {e}"))? {
                return if status.success() { Ok(()) } else { Err(format!("causeway ended with {status} on SIGTERM")) };
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(format!("causeway still runs {PATIENCE:?} after SIGTERM"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Some other program that runs beside, killed at the end.
pub(crate) struct Beside(pub(crate) Child);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program without waiting for it.
pub(crate) fn spawn(mut command: Command) -> Result<Child, String> {
    command.stdin(Stdio::null()).spawn().map_err(|e| format!("cannot start {:?}: {e}", command.get_program()))
}

/// A fresh directory for data.
pub(crate) fn fresh_directory(house: &House, name: &str) -> Result<PathBuf, String> {
    let path = house.target(&format!("run/{name}"))?;
    if path.exists() {
        fs::remove_dir_all(&path).map_err(|e| format!("cannot empty {}: {e}", path.display()))?;
    }
    Ok(path)
}

fn tail(log: &Path) -> String {
    let said = fs::read_to_string(log).unwrap_or_default();
    let mut lines: Vec<&str> = said.lines().rev().take(15).collect();
    lines.reverse();
    lines.join("\n")
}
