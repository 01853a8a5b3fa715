//! Other servers of the same kind, set up from the registries and measured in the same rounds: one directory of bench/peers
//! each, with `peer.json`, `setup.sh PLACE` and `serve.sh PLACE PORT CHAINS COUNT [DATABASE_URL]`.
//!
//! A peer that cannot be set up here is skipped, loudly.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::book::Book;
use super::postgres::Database;
use super::rig::{free_address, load};
use crate::house::House;
use crate::server::{Beside, spawn};
use crate::shell;
use crate::stopwatch::Stopwatch;

/// Chains that a peer refreshes in turn.
const CHAINS: &str = "400";
/// An interpreter with a framework takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running peer.
pub(super) struct Peer {
    about: Value,
    running: Beside,
    base: String,
    chains: String,
    database_pid: Option<String>,
}

/// Sets up and starts each; notes those that cannot be.
pub(super) fn start(house: &House, database: Option<&Database>, book: &mut Book) -> Result<Vec<Peer>, String> {
    let mut peers = Vec::new();
    for file in house.files("bench/peers", "peer.json")? {
        let about: Value = serde_json::from_str(&house.read(&file)?).map_err(|e| format!("{file}: {e}"))?;
        let directory = file.trim_end_matches("/peer.json");
        match one(house, directory, about, database) {
            Ok(peer) => peers.push(peer),
            Err(why) => book.skip(directory.trim_start_matches("bench/"), &why),
        }
    }
    Ok(peers)
}

fn one(house: &House, directory: &str, about: Value, database: Option<&Database>) -> Result<Peer, String> {
    for program in about["needs"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !shell::works(shell::command(program, ["--version"])) {
            return Err(format!("it needs `{program}`"));
        }
    }
    let database = match (about["database"] == true, database) {
        (false, _) => None,
        (true, Some(database)) => Some(database),
        (true, None) => return Err("it needs PostgreSQL".into()),
    };
    let name = directory.rsplit('/').next().unwrap_or(directory);
    let place = house.target(&format!("peers/{name}/x"))?.with_file_name("");
    println!("  setting up {}", about["label"].as_str().unwrap_or(name));
    let script = |what: &str| house.path(&format!("{directory}/{what}.sh")).to_string_lossy().into_owned();
    shell::capture(shell::command(&script("setup"), [&place]))?;
    let (chains, log) = (place.join("chains.jsonl"), place.join("log"));
    let _ = fs::remove_file(&chains);
    let address = free_address()?;
    let port = address.rsplit(':').next().unwrap_or_default().to_owned();
    let mut words: Vec<PathBuf> = vec![place, port.into(), chains.clone(), CHAINS.into()];
    words.extend(database.map(|database| database.fresh_url().into()));
    let mut command = shell::command(&script("serve"), words);
    let errors = fs::File::create(&log).map_err(|e| format!("cannot write {}: {e}", log.display()))?;
    command.stdout(Stdio::null()).stderr(errors);
    // A group of its own, so that the servers behind a shell or a supervisor end with it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut peer = Peer {
        about,
        running: Beside(spawn(command)?),
        base: format!("http://{address}"),
        chains: chains.to_string_lossy().into_owned(),
        database_pid: database.map(|database| database.pid.clone()),
    };
    let watch = Stopwatch::start();
    while !(chains.is_file() && TcpStream::connect(&address).is_ok()) {
        let ended = peer.running.0.try_wait().is_ok_and(|status| status.is_some());
        if ended || watch.elapsed() > PATIENCE {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
            return Err(format!("it did not start: {first}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(peer)
}

impl Peer {
    /// Its name in figures.
    pub(super) fn name(&self) -> &str {
        self.about["name"].as_str().unwrap_or("unnamed")
    }

    /// Whether it is durable, which all are that have a database.
    pub(super) fn durable(&self) -> bool {
        self.about["database"] == true
    }

    /// Refresh, issue and introspection where it has them; notes the ratio of the refreshes to the echo.
    pub(super) fn measure(&self, house: &House, usual: &[&str], e: f64, book: &mut Book) -> Result<(), String> {
        let name = self.name().to_owned();
        let pid = self.running.0.id().to_string();
        let mut always = vec!["--chains", self.chains.as_str(), "--pid", &pid];
        if let Some(pid) = &self.database_pid {
            always.extend(["--database-pid", pid]);
        }
        always.extend(usual);
        let mut run = |what: &str, path: &str, more: &[&str]| -> Result<f64, String> {
            let url = format!("{}{path}", self.base);
            let said = load(house, &[&[what, "--url", &url][..], &always, more].concat())?;
            let named = if what == "credentials" { "issue" } else { what };
            book.keep(&format!("peer_{name}_{named}"), &said)
        };
        let token = self.about["token"].as_str().unwrap_or("/token");
        let basic: &[&str] = if self.about["basic"] == true { &["--basic", "yes"] } else { &[] };
        let refreshed = run("refresh", token, basic)?;
        if let Some(path) = self.about["introspect"].as_str() {
            run("introspect", path, &[])?;
        }
        match self.about["machine_client"].as_str() {
            Some(client) => run("credentials", token, &["--client", client])?,
            None => run("credentials", token, &[])?,
        };
        book.push(&format!("peer_{name}_refresh_echo_ratio"), refreshed / e);
        if self.durable() {
            book.push(&format!("durable_{name}"), refreshed);
            book.push(&format!("durable_ratio_{name}"), refreshed / e);
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The whole group; `Beside` waits for the first of it.
        let group = format!("-{}", self.running.0.id());
        let _ = shell::capture(shell::command("kill", ["-TERM", "--", &group]));
        let watch = Stopwatch::start();
        while watch.elapsed() < Duration::from_secs(3) && self.running.0.try_wait().is_ok_and(|status| status.is_none())
        {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = shell::capture(shell::command("kill", ["-KILL", "--", &group]));
    }
}

/// The best durable peer's median rate, and its ratio to the echo.
pub(super) fn best(book: &Book) -> Option<(f64, f64)> {
    let most = |begins| book.medians(begins, "").into_iter().map(|(_, value)| value).max_by(f64::total_cmp);
    let rates = book.medians("durable_", "").into_iter().filter(|(name, _)| !name.starts_with("durable_ratio_"));
    let rate = rates.map(|(_, value)| value).max_by(f64::total_cmp)?;
    Some((rate, most("durable_ratio_")?))
}
