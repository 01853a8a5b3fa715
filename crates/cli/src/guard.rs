//! `causeway guard`: a guard at the edge, until somebody stops it. What it does stands in the server.

use std::path::{Path, PathBuf};

use causeway_server::describe;
use causeway_server::edge::process::Process;
use causeway_server::edge::settings::{Said, resolve};
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::json;

use crate::serve::forget;
use crate::stop::{Asked, PATIENCE, Signals};
use crate::{Failure, logging};

/// What was said.
pub(crate) struct Options {
    said: Said,
    describe: Option<PathBuf>,
}

/// Its flags.
pub(crate) fn command() -> clap::Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let file = |name, help| flag(name, "FILE", help).value_parser(value_parser!(PathBuf));
    clap::Command::new("guard")
        .about("Guard an API in a process of its own, fed by the platform's nodes.")
        .args([
            flag("profile", "FILE|NAME", "The platform: the same profile that its nodes are started with."),
            flag("node", "URL", "A node's admin listener: https, or http on loopback. Several are tried in turn.")
                .action(ArgAction::Append),
            file("edge-key-file", "The nodes' edge key (`edge_key` in the description), in a file of mode 0600."),
            file("node-ca", "PEM of who signs the nodes' certificates. By default whom this machine trusts."),
            flag(
                "listen",
                "ADDR",
                "Where callers come; beyond loopback with TLS or a trusted proxy. [default: 127.0.0.1:8083]",
            ),
            flag("api-url", "URL", "The API as callers see it. By default the listener's own address."),
            flag("upstream", "URL", "The platform's own API, to which calls go on."),
            flag("admin-listen", "ADDR", "Where /metrics and /guard/check are served, without a key. Off unless set."),
            flag("authz-listen", "ADDR", "Where Envoy asks: ext_authz over gRPC; beyond loopback with a key. Off unless set."),
            file("tls-cert", "Certificate chain in PEM. Read again on SIGHUP."),
            file("tls-key", "Its private key in PEM; others must not be able to read it."),
            flag("trusted-proxy", "CIDR", "Proxies in front: only theirs are forwarding headers and /guard/check.")
                .action(ArgAction::Append),
            flag("name", "NAME", "What the nodes' operators see it as (GET /admin/nodes). By default the machine's name."),
            flag("stale-limit", "SECONDS", "How long to go on judging while no node is heard; then 503. [default: 5]"),
            flag("stop-delay", "SECONDS", "How long to go on, not ready any more, once asked to stop. [default: 0]"),
            file("describe", "Write where it listens to this file (0600) once it does."),
        ])
        .after_help(
            "The edge key may also be in CAUSEWAY_EDGE_KEY; what Envoy has to bear is in CAUSEWAY_AUTHZ_KEY. docs/OPERATING.md has \
             an example.",
        )
}

/// Reads them.
pub(crate) fn options(mut found: ArgMatches) -> Options {
    let many = |found: &mut ArgMatches, name| found.remove_many(name).map(Iterator::collect).unwrap_or_default();
    let said = Said {
        profile: found.remove_one("profile"),
        nodes: many(&mut found, "node"),
        edge_key_file: found.remove_one("edge-key-file"),
        edge_key: None,
        node_ca: found.remove_one("node-ca"),
        listen: found.remove_one("listen"),
        api_url: found.remove_one("api-url"),
        admin_listen: found.remove_one("admin-listen"),
        authz_listen: found.remove_one("authz-listen"),
        authz_key: None,
        upstream: found.remove_one("upstream"),
        tls_cert: found.remove_one("tls-cert"),
        tls_key: found.remove_one("tls-key"),
        trusted_proxies: many(&mut found, "trusted-proxy"),
        name: found.remove_one("name"),
        stale_limit: found.remove_one("stale-limit"),
        stop_delay: found.remove_one("stop-delay"),
    };
    Options { said, describe: found.remove_one("describe") }
}

/// Runs until SIGTERM or Ctrl-C.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let Options { mut said, describe } = options;
    (said.edge_key, said.authz_key) = (secret("CAUSEWAY_EDGE_KEY"), secret("CAUSEWAY_AUTHZ_KEY"));
    let settings = resolve(&said).map_err(Failure::Problems)?;
    logging::json();
    let mut signals = Signals::listen().map_err(|error| Failure::Problems(vec![error.to_string()]))?;
    describe.as_deref().map_or(Ok(()), forget)?;
    let (platform, scheme) = (settings.profile.key.clone(), if settings.tls.is_some() { "https" } else { "http" });
    let process = Process::start(settings).await.map_err(Failure::Problems)?;
    let at = |address: std::net::SocketAddr| format!("{scheme}://{address}");
    let (url, admin_url) = (at(process.address()), process.admin_address().map(at));
    let authz_url = process.authz_address().map(|address| match process.authz_speaks_tls() {
        true => format!("https://{address}"),
        false => format!("http://{address}"),
    });
    if let Some(path) = describe.as_deref() {
        let guard = json!({"platform": platform, "url": url, "admin_url": admin_url, "authz_url": authz_url});
        write(path, &json!({"version": 1, "guard": guard}))?;
    }
    tracing::info!(platform, url, admin_url, authz_url, "listening");
    while signals.next().await == Asked::Reload {
        match process.reload_tls() {
            Ok(()) => tracing::info!("certificate and key were read again"),
            Err(why) => tracing::error!(why, "the old certificate stays"),
        }
    }
    tracing::info!("stopping");
    if tokio::time::timeout(PATIENCE, process.stop()).await.is_err() {
        tracing::warn!("what was still open was closed");
    }
    describe.as_deref().map_or(Ok(()), forget)
}

/// An empty one counts as unset.
fn secret(variable: &str) -> Option<String> {
    let found = std::env::vars_os().find(|(name, _)| name == variable)?;
    found.1.into_string().ok().filter(|key| !key.is_empty())
}

fn write(path: &Path, document: &serde_json::Value) -> Result<(), Failure> {
    describe::write(path, document).map_err(|why| Failure::Problems(vec![why]))
}
