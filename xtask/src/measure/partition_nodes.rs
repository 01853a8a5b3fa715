//! Several nodes of the release binary on one database, each to be killed, stopped and started again by its number, and the load
//! that remembers. What is done to them, and when, is the proofs' business.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::rig::{self, PLATFORM, Rig};
use crate::house::House;
use crate::server::Beside;
use crate::shell;
use crate::stopwatch::Stopwatch;

/// A node is ready within this, and ends within this.
const PATIENCE: Duration = Duration::from_secs(30);
/// The admin door's key on all nodes.
const ADMIN_KEY: &str = "only-for-a-proof-0123456789";

/// Where one node is, and how it is run there.
pub(super) struct Seat {
    /// Words before the command.
    pub(super) enter: Vec<String>,
    /// Where it listens, and where its admin listener is.
    pub(super) listen: [String; 2],
    /// Further flags.
    pub(super) flags: Vec<String>,
    /// The database, seen from there.
    pub(super) database: String,
}

impl Seat {
    /// On loopback.
    pub(super) fn here(database: String) -> Result<Self, String> {
        Ok(Self { enter: vec![], listen: [rig::free_address()?, rig::free_address()?], flags: vec![], database })
    }
}

/// All nodes. Each is killed when this is dropped.
pub(super) struct Nodes<'h> {
    house: &'h House,
    name: String,
    keys: PathBuf,
    profile: String,
    seed: String,
    pub(super) seats: Vec<Seat>,
    running: Vec<Option<Beside>>,
}

impl<'h> Nodes<'h> {
    /// Profile, seed and keys, and every node started.
    pub(super) fn start(house: &'h House, name: &str, seats: Vec<Seat>) -> Result<Self, String> {
        let rig = Rig::new(house, name, "127.0.0.1:0")?;
        let (profile, seed) = (rig.file(&format!("{PLATFORM}.toml"))?, rig.file("seed.toml")?);
        let keys = house.target(&format!("run/{name}/keys"))?;
        make_keys(&keys)?;
        let running = seats.iter().map(|_| None).collect();
        let mut nodes = Self { house, name: name.into(), keys, profile, seed, seats, running };
        for number in 0..nodes.seats.len() {
            nodes.begin(number, &house.binary("causeway")?)?;
        }
        Ok(nodes)
    }

    /// Starts one and waits until it is ready.
    pub(super) fn begin(&mut self, number: usize, binary: &std::path::Path) -> Result<(), String> {
        let (seat, describe) = (&self.seats[number], self.describe(number)?);
        let log = self.house.target(&format!("run/{}/node-{number}.log", self.name))?;
        let _not_there_yet = fs::remove_file(&describe);
        let failed = |e: std::io::Error| format!("cannot write {}: {e}", log.display());
        let out = fs::OpenOptions::new().create(true).append(true).open(&log).map_err(failed)?;
        let errors = out.try_clone().map_err(failed)?;
        let keys = self.keys.to_string_lossy();
        let [listen, admin] = &seat.listen;
        let mut words: Vec<String> = seat.enter.clone();
        words.push(binary.to_string_lossy().into_owned());
        let own = ["serve", "--profile", &self.profile, "--keys", &keys, "--seed", &self.seed, "--listen", listen];
        words.extend(own.map(str::to_owned));
        words.extend(["--admin-listen", admin, "--describe", &describe].map(str::to_owned));
        words.extend(seat.flags.iter().cloned());
        let mut command = shell::command(&words[0], &words[1..]);
        command.env("CAUSEWAY_DATABASE", &seat.database).env("CAUSEWAY_ADMIN_KEY", ADMIN_KEY);
        command.stdout(out).stderr(errors);
        let child = command.spawn().map_err(|e| format!("cannot start {}: {e}", words[0]))?;
        let mut child = Beside(child);
        let watch = Stopwatch::start();
        while !PathBuf::from(&describe).is_file() {
            let ended = child.0.try_wait().map_err(|e| format!("cannot wait for node {number}: {e}"))?;
            if ended.is_some() || watch.elapsed() > PATIENCE {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let tail: Vec<&str> = said.lines().rev().take(8).collect();
                return Err(format!("node {number} is not ready ({ended:?}):\n{}", tail.join("\n")));
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.running[number] = Some(child);
        Ok(())
    }

    /// As a power cut would.
    pub(super) fn kill(&mut self, number: usize) -> Result<(), String> {
        let mut child = self.running[number].take().ok_or("it does not run")?;
        child.0.kill().map_err(|e| format!("cannot kill node {number}: {e}"))?;
        child.0.wait().map_err(|e| format!("cannot wait for node {number}: {e}"))?;
        Ok(())
    }

    /// SIGTERM, then what is done meanwhile, and the demand that it ends well in time.
    pub(super) fn stop(&mut self, number: usize, meanwhile: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        let mut child = self.running[number].take().ok_or("it does not run")?;
        shell::capture(shell::command("kill", ["-TERM", &child.0.id().to_string()]))?;
        meanwhile()?;
        let watch = Stopwatch::start();
        while watch.elapsed() < PATIENCE {
            match child.0.try_wait().map_err(|e| format!("cannot wait for node {number}: {e}"))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("node {number} ended with {status} on SIGTERM")),
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(format!("node {number} still runs {PATIENCE:?} after SIGTERM"))
    }

    /// Where a node says what it is.
    pub(super) fn describe(&self, number: usize) -> Result<String, String> {
        self.file(&format!("node-{number}.json"))
    }

    /// A scratch file.
    pub(super) fn file(&self, name: &str) -> Result<String, String> {
        Ok(self.house.target(&format!("run/{}/{name}", self.name))?.to_string_lossy().into_owned())
    }

    /// Grants through the pages of the first node: chains, or codes that wait for their exchange.
    pub(super) fn connect(&self, what: &str, count: usize, skip: usize) -> Result<String, String> {
        let (file, describe) = (self.file(what)?, self.describe(0)?);
        let (count, skip) = (count.to_string(), skip.to_string());
        let kind = format!("--{what}");
        let words = ["connect", "--describe", &describe, "--platform", PLATFORM, "--count", &count, "--skip", &skip];
        rig::load(self.house, &[&words[..], &[kind.as_str(), file.as_str()]].concat())?;
        Ok(file)
    }

    /// Starts the load that remembers.
    pub(super) fn remember(&self, clients: usize, acts: usize, chains: &str) -> Result<Load, String> {
        let describes: Vec<String> = (0..self.seats.len()).map(|n| self.describe(n)).collect::<Result<_, _>>()?;
        let (history, keys) = (self.file("history")?, self.keys.to_string_lossy().into_owned());
        let (clients, acts) = (clients.to_string(), acts.to_string());
        let words = ["load", "--platform", PLATFORM, "--clients", &clients, "--acts", &acts, "--chains", chains];
        let files = ["--describes", &describes.join(","), "--history", &history, "--keys", &keys];
        Load::start(self.house, &[&words[..], &files[..]].concat(), self.file("said.json")?)
    }
}

/// A line `id base64(32 bytes)`, for its owner only: with a database no node makes a key by itself.
fn make_keys(path: &std::path::Path) -> Result<(), String> {
    let _of_an_earlier_run = fs::remove_file(path);
    let file = path.to_string_lossy().into_owned();
    let line = "umask 077; echo \"1 $(head -c 32 /dev/urandom | base64)\" > \"$0\"";
    shell::capture(shell::command("sh", ["-c", line, &file])).map(drop)
}

/// A load program that is told things, and says in the end what it saw.
pub(super) struct Load {
    child: Child,
    input: Option<ChildStdin>,
    out: String,
}

impl Load {
    /// Starts `history` with these words.
    pub(super) fn start(house: &House, words: &[&str], out: String) -> Result<Self, String> {
        let file = fs::File::create(&out).map_err(|e| format!("cannot write {out}: {e}"))?;
        let mut command = shell::command(&house.binary("history")?.to_string_lossy(), words);
        command.stdin(Stdio::piped()).stdout(file);
        let mut child = command.spawn().map_err(|e| format!("cannot start the load: {e}"))?;
        let input = child.stdin.take();
        Ok(Self { child, input, out })
    }

    /// Tells it something.
    pub(super) fn tell(&mut self, line: &str) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("the load hears nothing any more")?;
        writeln!(input, "{line}").and_then(|()| input.flush()).map_err(|e| format!("the load has ended: {e}"))
    }

    /// Ends it, and hears what it has to say.
    pub(super) fn end(mut self) -> Result<Value, String> {
        drop(self.input.take());
        let status = self.child.wait().map_err(|e| format!("cannot wait for the load: {e}"))?;
        let said = fs::read_to_string(&self.out).map_err(|e| format!("cannot read {}: {e}", self.out))?;
        if !status.success() {
            return Err(format!("the load ended with {status}"));
        }
        serde_json::from_str(&said).map_err(|e| format!("the load said {said}: {e}"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ended_or_not = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The status of a GET; `None` without an answer within a second.
pub(super) fn status(authority: &str, path: &str) -> Option<u16> {
    let second = Some(Duration::from_secs(1));
    let mut stream = TcpStream::connect_timeout(&authority.parse().ok()?, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(second).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}

/// What the checker found, said line by line; an error if it was not all right.
pub(super) fn report(said: &Value) -> Result<(), String> {
    let (load, check) = (&said["load"], &said["check"]);
    println!(
        "  families {} (taken back {}, granted meanwhile {})",
        check["families"], check["ended"], load["redeemed"]
    );
    println!("  asked {}", check["asked"]);
    println!("  not done {}", check["not_done"]);
    println!("  refreshes while all was well: {}", check["calm_refreshes"]);
    println!("  the machine stood still for {} ms at most", check["longest_stall_ms"]);
    for (class, delay) in check["delays"].as_object().into_iter().flatten() {
        let most = delay["most_ms"].as_f64().unwrap_or(0.0);
        let (accepted, refused) = (&delay["accepted"], &delay["refused"]);
        println!(
            "  after a confirmed take-back, {class}: accepted for {most:.1} ms at most ({accepted} calls; {refused} refused)"
        );
    }
    let wrong = check["wrong"].as_array().map_or(&[][..], Vec::as_slice);
    if !wrong.is_empty() {
        let line = |kind: &Value| format!("{} ({} times), as {}", kind[0], kind[1], kind[2][0]);
        return Err(wrong.iter().map(line).collect::<Vec<_>>().join("; "));
    }
    if load["odd"].as_array().is_none_or(|odd| !odd.is_empty()) {
        return Err(format!("a good code was refused: {}", load["odd"]));
    }
    if load["unsettled"].as_u64() != Some(0) {
        return Err(format!("{} families got no answer after everything was healed", load["unsettled"]));
    }
    let some = |value: &Value| value.as_u64().unwrap_or(0) > 0;
    if !some(&check["asked"]["refresh with a key"]) || !some(&check["ended"]) {
        return Err(format!("this was no load: {said}"));
    }
    println!("  every family has an order that explains it; no false 401; nothing confirmed was lost");
    Ok(())
}
