//! What `causeway guard` was told, made into settings, or every problem with it at once. What they do is `process`'
//! business.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use causeway_protocol::secret::Secret;

use super::process::Settings;
use crate::config::{ENVOY_BEYOND_LOOPBACK, address, is_public, origin, read_profile, stop_delay, upstream};
use crate::http::tls::{Tls, TlsFiles};
use crate::keys::{Readable, read_secret_file};
use crate::trust::{Cidr, TrustedProxies};

/// An edge key shorter than this could be guessed.
const MIN_KEY: usize = 16;
/// How long a guard may be told to go on unheard: as TOKENS 6 promises for a node, within reason.
const STALE_LIMITS: std::ops::RangeInclusive<u64> = 1..=60;

/// The command line, as it stands. An option that was not said is `None`.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// A file, or a shipped name.
    pub profile: Option<String>,
    /// Addresses of nodes' admin listeners.
    pub nodes: Vec<String>,
    /// Where the edge key stands.
    pub edge_key_file: Option<PathBuf>,
    /// The edge key itself, from the environment.
    pub edge_key: Option<String>,
    /// Certificates of who signs the nodes' own.
    pub node_ca: Option<PathBuf>,
    /// Where callers come.
    pub listen: Option<String>,
    /// As they see it.
    pub api_url: Option<String>,
    /// Where `/metrics` is.
    pub admin_listen: Option<String>,
    /// Where Envoy asks.
    pub authz_listen: Option<String>,
    /// What it has to bear there, from the environment.
    pub authz_key: Option<String>,
    /// The API behind.
    pub upstream: Option<String>,
    /// PEM.
    pub tls_cert: Option<PathBuf>,
    /// PEM.
    pub tls_key: Option<PathBuf>,
    /// CIDR blocks.
    pub trusted_proxies: Vec<String>,
    /// As the nodes' operators see it.
    pub name: Option<String>,
    /// Seconds.
    pub stale_limit: Option<String>,
    /// Seconds.
    pub stop_delay: Option<String>,
}

/// Checks everything. The nodes' addresses are looked at by the stream's client, at start.
///
/// # Errors
/// Every problem, one line each.
pub fn resolve(said: &Said) -> Result<Settings, Vec<String>> {
    let mut problems = Vec::new();
    let profile = match said.profile.as_deref().map(read_profile) {
        Some(Ok(profile)) => Some(profile),
        Some(Err(found)) => told(&mut problems, found),
        None => told(&mut problems, vec!["say which platform: --profile FILE|NAME".to_owned()]),
    };
    if said.nodes.is_empty() {
        problems.push("say where a node's admin listener is: --node URL".to_owned());
    }
    let key = good(&mut problems, edge_key(said));
    let behind = said.upstream.as_deref().ok_or("say where the API is: --upstream URL".to_owned());
    let behind =
        good(&mut problems, behind.and_then(|url| upstream(url).map_err(|why| said_of("upstream", url, &why))));
    let listen = said.listen.as_deref().unwrap_or("127.0.0.1:8083");
    let listen = good(&mut problems, address(listen).map_err(|why| said_of("listen", listen, &why)));
    let admin_listen = optional(&mut problems, "admin_listen", said.admin_listen.as_deref(), address);
    let authz_listen = optional(&mut problems, "authz_listen", said.authz_listen.as_deref(), address);
    let api_url = optional(&mut problems, "api_url", said.api_url.as_deref(), origin);
    let stale_limit = optional(&mut problems, "stale_limit", said.stale_limit.as_deref(), seconds);
    let stop_delay = optional(&mut problems, "stop_delay", said.stop_delay.as_deref(), stop_delay);
    let tls = good(&mut problems, tls(said)).flatten();
    let proxies = proxies(&mut problems, &said.trusted_proxies);
    let public = |at: Option<SocketAddr>| at.is_some_and(is_public);
    if (public(listen) || public(admin_listen)) && tls.is_none() && proxies.0.is_empty() {
        problems.push(
            "a listener is not on loopback: it wants --tls-cert and --tls-key, or a --trusted-proxy before it"
                .to_owned(),
        );
    }
    if public(authz_listen) && (proxies.0.is_empty() || said.authz_key.is_none()) {
        problems.push(format!("{ENVOY_BEYOND_LOOPBACK} CAUSEWAY_AUTHZ_KEY"));
    }
    let authz_key = good(&mut problems, said.authz_key.as_deref().map(authz_key).transpose()).flatten();
    if listen.is_some_and(|at| at.ip().is_unspecified()) && said.api_url.is_none() {
        problems.push("the listener is on every address: say with --api-url which one callers see".to_owned());
    }
    let ca = said.node_ca.as_deref().map(|path| std::fs::read(path).map_err(|error| at(path, &error)));
    let ca = good(&mut problems, ca.transpose()).flatten();
    let (Some(profile), Some(key), Some(behind), Some(listen)) = (profile, key, behind, listen) else {
        return Err(problems);
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut settings = Settings::new(profile, said.nodes.clone(), key, behind);
    settings.name = said.name.clone().unwrap_or_else(machine);
    settings.stale_limit = stale_limit.unwrap_or(settings.stale_limit);
    settings.stop_delay = stop_delay.unwrap_or_default();
    settings.authz_tls = tls.is_some() && public(authz_listen);
    Ok(Settings { node_ca: ca, listen, api_url, admin_listen, authz_listen, authz_key, tls, proxies, ..settings })
}

/// The machine's name, where the system says one.
fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

fn told<T>(problems: &mut Vec<String>, found: Vec<String>) -> Option<T> {
    problems.extend(found);
    None
}

fn good<T>(problems: &mut Vec<String>, outcome: Result<T, String>) -> Option<T> {
    outcome.map_err(|why| problems.push(why)).ok()
}

fn said_of(name: &str, value: &str, why: &str) -> String {
    format!("{name} = \"{value}\": {why}")
}

fn at(path: &Path, why: &dyn std::fmt::Display) -> String {
    format!("{}: {why}", path.display())
}

fn optional<T>(
    problems: &mut Vec<String>,
    name: &str,
    value: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let value = value?;
    good(problems, read(value).map_err(|why| said_of(name, value, &why)))
}

/// From its file, which others must not be able to read, or from the environment.
fn edge_key(said: &Said) -> Result<Secret, String> {
    let key = match (&said.edge_key_file, &said.edge_key) {
        (Some(path), _) => {
            let bytes = read_secret_file(path, Readable::ByOwner)?;
            Secret::new(std::str::from_utf8(&bytes).map_err(|_| at(path, &"not UTF-8"))?.trim())
        }
        (None, Some(key)) => Secret::new(key.trim()),
        (None, None) => {
            return Err("say where the nodes' edge key stands: --edge-key-file FILE, or CAUSEWAY_EDGE_KEY".to_owned());
        }
    };
    match key.expose().len() {
        0..MIN_KEY => Err(format!("the edge key is shorter than {MIN_KEY} characters")),
        _ => Ok(key),
    }
}

fn authz_key(text: &str) -> Result<Secret, String> {
    match text.len() {
        0..MIN_KEY => Err(format!("CAUSEWAY_AUTHZ_KEY is shorter than {MIN_KEY} characters")),
        _ => Ok(Secret::new(text)),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| STALE_LIMITS.contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "not a number of seconds from 1 to 60".to_owned())
}

fn tls(said: &Said) -> Result<Option<TlsFiles>, String> {
    match (&said.tls_cert, &said.tls_key) {
        (Some(cert), Some(key)) => {
            let files = TlsFiles { cert: cert.clone(), key: key.clone() };
            Tls::load(files.clone()).map(|_| Some(files))
        }
        (None, None) => Ok(None),
        _ => Err("of --tls-cert and --tls-key both are needed".to_owned()),
    }
}

fn proxies(problems: &mut Vec<String>, blocks: &[String]) -> TrustedProxies {
    let mut trusted = Vec::new();
    for text in blocks {
        match Cidr::parse(text) {
            Ok(block) if block.is_everybody() => {
                let why = "that trusts everybody; name the proxy's own addresses";
                problems.push(said_of("trusted_proxy", text, why));
            }
            Ok(block) => trusted.push(block),
            Err(why) => problems.push(format!("trusted_proxy: {why}")),
        }
    }
    TrustedProxies(trusted)
}
