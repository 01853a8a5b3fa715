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

/// Where a rig keeps what the server writes.
#[derive(Clone, Debug)]
enum Home {
    Directory,
    Database(String),
}

/// A server with its data, and all that is needed to start it again.
pub(crate) struct Rig<'h> {
    pub(crate) house: &'h House,
    name: String,
    platform: String,
    home: Home,
    pub(crate) data: PathBuf,
    /// The file of the ring of keys, made at the first start.
    pub(crate) keys: PathBuf,
    profile: PathBuf,
    seed: PathBuf,
    listen: String,
    /// What the server's environment holds besides.
    pub(crate) environment: Vec<(String, String)>,
}

impl<'h> Rig<'h> {
    /// Writes profile and seed, and empties the data directory. `listen` is one address for all restarts.
    pub(crate) fn new(house: &'h House, name: &str, listen: &str) -> Result<Self, String> {
        Self::of_platform(house, name, listen, PLATFORM, &seed_text())
    }

    /// The same for another profile, with a seed of its own.
    pub(crate) fn of_platform(
        house: &'h House,
        name: &str,
        listen: &str,
        platform: &str,
        seed_text: &str,
    ) -> Result<Self, String> {
        let data = fresh_directory(house, &format!("{name}-data"))?;
        let keys = house.target(&format!("run/{name}-data.keys"))?;
        let profile = house.target(&format!("run/{name}/{platform}.toml"))?;
        // A budget would answer 429 to the load: it is measured by its own tests.
        let text = house.read(&format!("profiles/{platform}.toml"))?;
        let unlimited =
            |line: &str| if line.starts_with("budgets") { "budgets = []\n".into() } else { format!("{line}\n") };
        let text: String = text.lines().map(unlimited).collect();
        write(&profile, &text)?;
        let seed = house.target(&format!("run/{name}/seed.toml"))?;
        write(&seed, seed_text)?;
        let (name, platform, listen) = (name.into(), platform.into(), listen.into());
        Ok(Self {
            house,
            name,
            platform,
            home: Home::Directory,
            data,
            keys,
            profile,
            seed,
            listen,
            environment: vec![],
        })
    }

    /// A copy of a rig whose server does not run: its data, under the same keys, at an address of its own.
    pub(crate) fn copy(&self, name: &str) -> Result<Self, String> {
        let data = fresh_directory(self.house, &format!("{name}-data"))?;
        copy_directory(&self.data, &data)?;
        self.at(name, data)
    }

    /// The same on other data, a copy of its own, which no server serves.
    pub(crate) fn at(&self, name: &str, data: PathBuf) -> Result<Self, String> {
        // The description that the copy's server writes must stand beside nobody else's.
        self.house.target(&format!("run/{name}/seed.toml"))?;
        Ok(Self {
            house: self.house,
            name: name.into(),
            platform: self.platform.clone(),
            home: self.home.clone(),
            data,
            keys: self.keys.clone(),
            profile: self.profile.clone(),
            seed: self.seed.clone(),
            listen: free_address()?,
            environment: Vec::new(),
        })
    }

    /// A node on a database, with the keys of another rig.
    pub(crate) fn on_database(house: &'h House, name: &str, url: &str, keys: &Path) -> Result<Self, String> {
        let mut rig = Self::new(house, name, &free_address()?)?;
        rig.home = Home::Database(url.into());
        rig.keys = keys.into();
        Ok(rig)
    }

    /// The profile's file.
    pub(crate) fn profile(&self) -> String {
        self.profile.to_string_lossy().into_owned()
    }

    /// Starts the server.
    pub(crate) fn start(&self) -> Result<Server, String> {
        self.start_in(&self.environment)
    }

    /// Starts it with this in its environment.
    pub(crate) fn start_in(&self, environment: &[(String, String)]) -> Result<Server, String> {
        let mut environment = environment.to_vec();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (profile, data, seed, keys) = (text(&self.profile), text(&self.data), text(&self.seed), text(&self.keys));
        let mut arguments = vec!["serve", "--profile", &profile, "--keys", &keys, "--listen", &self.listen];
        match &self.home {
            Home::Directory => arguments.extend(["--data", &data]),
            // A URL with a password stands nowhere on a command line.
            Home::Database(url) => environment.push(("CAUSEWAY_DATABASE".into(), url.clone())),
        }
        arguments.extend(["--admin-listen", "127.0.0.1:0"]);
        // Always named, so that the description holds the apps' secrets; it loads idempotently.
        arguments.extend(["--seed", &seed]);
        Server::start_in(self.house, &self.name, &arguments, &environment)
    }

    /// A scratch file of this rig.
    pub(crate) fn file(&self, name: &str) -> Result<String, String> {
        Ok(self.house.target(&format!("run/{}/{name}", self.name))?.to_string_lossy().into_owned())
    }

    /// Runs the load generator against a server.
    pub(crate) fn load(&self, server: &Server, what: &str, arguments: &[&str]) -> Result<Value, String> {
        let describe = server.describe.to_string_lossy().into_owned();
        let pid = server.pid().to_string();
        let mut all = vec![what, "--describe", &describe, "--platform", &self.platform, "--pid", &pid];
        all.extend(arguments);
        load(self.house, &all)
    }
}

/// Runs the load generator.
pub(crate) fn load(house: &House, arguments: &[&str]) -> Result<Value, String> {
    tool("load", shell::command(&house.binary("load")?.to_string_lossy(), arguments))
}

/// Runs a probe of the machine, or fills a store; its progress is shown.
pub(crate) fn probe(house: &House, arguments: &[&str]) -> Result<Value, String> {
    let mut command = shell::command(&house.binary("probe")?.to_string_lossy(), arguments);
    if arguments.first() == Some(&"fill") {
        command.stderr(Stdio::inherit());
    }
    tool("probe", command)
}

fn tool(name: &str, command: std::process::Command) -> Result<Value, String> {
    let said = shell::capture(command)?;
    serde_json::from_str(&said).map_err(|e| format!("{name} said {said}: {e}"))
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
    Ok(format!("127.0.0.1:{}", causeway_testbed::free_port()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Where forward-auth is asked: as described, or at the admin listener.
pub(crate) fn forward_auth_url(server: &Server) -> Result<String, String> {
    let path = server.description["platforms"][PLATFORM]["paths"]["guard_check"].as_str();
    let path = path.ok_or("the description holds no paths.guard_check")?;
    if path.starts_with("http") { Ok(path.into()) } else { Ok(format!("{}{path}", server.of(PLATFORM, "admin_url")?)) }
}

/// The files of a directory, not below it.
pub(crate) fn copy_directory(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("cannot copy {}: {e}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    fs::set_permissions(to, fs::metadata(from).map_err(failed)?.permissions()).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)?.flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed)?;
        }
    }
    Ok(())
}

/// Apps that belong to a customer, for tokens without a person.
pub(crate) fn machines_text() -> String {
    let mut text =
        String::from("# Written by `cargo xtask bench`.\n[[customers]]\nid = \"10000\"\nname = \"Bench customer\"\n");
    for n in 0..APPS {
        let _ = write!(
            text,
            "\n[[apps]]\nname = \"Machine {n}\"\nclient_id = \"machine-{n}\"\n\
             client_secret = \"machine-secret-{n}-0123456789abcdef0123456789\"\nkind = \"confidential\"\n\
             visibility = \"private\"\ncustomer = \"10000\"\nstatus = \"approved\"\n\
             redirect_uris = [\"https://bench.example/callback\"]\nscopes = \"read items:read\"\n"
        );
    }
    text
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
    // Who reads the reports, and whom no measurement ever connects.
    text.push_str(
        "\n[[people]]\nemail = \"staff@bench.example\"\npassword = \"bench-password-staff\"\nrole = \"staff\"\n\n\
         [[customers]]\nid = \"19999\"\nname = \"Bench newcomer\"\n\n\
         [[customers.sites]]\nid = \"29999\"\nname = \"Bench new site\"\nactive = true\n\n\
         [[people]]\nemail = \"newcomer@bench.example\"\npassword = \"bench-password-newcomer\"\nrole = \"customer_admin\"\n\
         customer = \"19999\"\n\n\
         [[oauth1]]\ncustomer = \"19999\"\nconsumer_key = \"bench-consumer\"\n\
         consumer_secret = \"bench-consumer-secret-0123456789\"\n",
    );
    text
}
