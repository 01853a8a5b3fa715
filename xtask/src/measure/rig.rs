//! What a measurement stands on: a bench seed, a server on it, the echo beside it, and the load generator.
//!
//! Grants come through the front door: sign-in, consent, exchange, over HTTP.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::house::House;
use crate::server::{Beside, Server, fresh_directory, spawn};
use crate::shell;

/// The profile that is measured.
pub(crate) const PLATFORM: &str = "tripleseat";
const CUSTOMERS: usize = 64;
const APPS: usize = 32;

/// A server with its data, and all that is needed to start it again.
pub(crate) struct Rig<'h> {
    pub(crate) house: &'h House,
    name: String,
    pub(crate) data: PathBuf,
    profile: PathBuf,
    seed: PathBuf,
    listen: String,
    /// What the server's environment holds besides.
    pub(crate) environment: Vec<(String, String)>,
}

impl<'h> Rig<'h> {
    /// Writes profile and seed, and empties the data directory. `listen` is one address for all restarts.
    pub(crate) fn new(house: &'h House, name: &str, listen: &str) -> Result<Self, String> {
        let data = fresh_directory(house, &format!("{name}-data"))?;
        let profile = house.target(&format!("run/{name}/{PLATFORM}.toml"))?;
        // A budget would answer 429 to the load: it is measured by its own tests.
        let text = house.read(&format!("profiles/{PLATFORM}.toml"))?;
        let unlimited =
            |line: &str| if line.starts_with("budgets") { "budgets = []\n".into() } else { format!("{line}\n") };
        let text: String = text.lines().map(unlimited).collect();
        write(&profile, &text)?;
        let seed = house.target(&format!("run/{name}/seed.toml"))?;
        write(&seed, &seed_text())?;
        Ok(Self { house, name: name.into(), data, profile, seed, listen: listen.into(), environment: Vec::new() })
    }

    /// Starts the server.
    pub(crate) fn start(&self) -> Result<Server, String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (profile, data, seed) = (text(&self.profile), text(&self.data), text(&self.seed));
        let mut arguments = vec!["serve", "--profile", &profile, "--data", &data, "--listen", &self.listen];
        arguments.extend(["--admin-listen", "127.0.0.1:0"]);
        // Always named, so that the description holds the apps' secrets; it loads idempotently.
        arguments.extend(["--seed", &seed]);
        Server::start_in(self.house, &self.name, &arguments, &self.environment)
    }

    /// A scratch file of this rig.
    pub(crate) fn file(&self, name: &str) -> Result<String, String> {
        Ok(self.house.target(&format!("run/{}/{name}", self.name))?.to_string_lossy().into_owned())
    }

    /// Runs the load generator against a server.
    pub(crate) fn load(&self, server: &Server, what: &str, arguments: &[&str]) -> Result<Value, String> {
        let describe = server.describe.to_string_lossy().into_owned();
        let pid = server.pid().to_string();
        let mut all = vec![what, "--describe", &describe, "--platform", PLATFORM, "--pid", &pid];
        all.extend(arguments);
        load(self.house, &all)
    }
}

/// Runs the load generator.
pub(crate) fn load(house: &House, arguments: &[&str]) -> Result<Value, String> {
    let program = house.binary("load")?;
    let said = shell::capture(shell::command(&program.to_string_lossy(), arguments))?;
    serde_json::from_str(&said).map_err(|e| format!("load said {said}: {e}"))
}

/// The echo program, and its address.
pub(crate) fn echo(house: &House) -> Result<(Beside, String), String> {
    let mut command = shell::command(&house.binary("echo")?.to_string_lossy(), std::iter::empty::<&str>());
    command.stdout(Stdio::piped());
    let mut child = spawn(command)?;
    let stdout = child.stdout.take().ok_or("the echo has no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).map_err(|e| format!("the echo says nothing: {e}"))?;
    Ok((Beside(child), line.trim().to_string()))
}

/// An address that is free now: restarts must come back to the same one.
pub(crate) fn free_address() -> Result<String, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    Ok(listener.local_addr().map_err(|e| format!("no free port: {e}"))?.to_string())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Customers with one active site and one admin each; apps that every admin may connect.
fn seed_text() -> String {
    let mut text = String::from("# Written by `cargo xtask bench`.\n");
    for n in 0..APPS {
        let _ = write!(
            text,
            "\n[[apps]]\nname = \"Bench {n}\"\nclient_id = \"bench-{n}\"\nclient_secret = \"bench-secret-{n}-0123456789abcdef0123456789\"\n\
             kind = \"confidential\"\nvisibility = \"public\"\nstatus = \"approved\"\n\
             redirect_uris = [\"https://bench.example/callback\"]\nscopes = \"read leads:read events:read\"\n"
        );
    }
    for n in 0..CUSTOMERS {
        let (customer, site) = (10_000 + n, 20_000 + n);
        let _ = write!(
            text,
            "\n[[customers]]\nid = \"{customer}\"\nname = \"Bench customer {n}\"\n\n\
             [[customers.sites]]\nid = \"{site}\"\nname = \"Bench site {n}\"\nactive = true\n\n\
             [[people]]\nemail = \"admin{n}@bench.example\"\npassword = \"bench-password-{n}\"\nrole = \"customer_admin\"\n\
             customer = \"{customer}\"\n"
        );
    }
    text
}
