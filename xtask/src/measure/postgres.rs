//! A throw-away PostgreSQL cluster, and two nodes on it: refreshes, and how soon a revocation at one is known at the other.
//!
//! What is missing (no PostgreSQL on this machine, a binary that cannot use one) is skipped, loudly.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::panic;
use std::path::Path;

use causeway_testbed::postgres::{Cluster, Options};

use super::book::{Book, number};
use super::rig::{PLATFORM, Rig, forward_auth_url};
use super::rounds::{CHAINS, REFRESH_CONNECTIONS};
use crate::house::House;
use crate::server::Server;

/// Room for the working set, and for every peer's pool.
const SETTINGS: &[&str] = &["shared_buffers = 1GB", "max_connections = 300"];
/// Revocations of a round.
const REVOCATIONS: usize = 100;

/// A cluster with a database for the probe.
pub(super) struct Database {
    pub(super) cluster: Cluster,
    probe: String,
    /// The postmaster, for its processor time.
    pub(super) pid: String,
}

impl Database {
    /// Starts one; the reason if that cannot be done here.
    pub(super) fn start() -> Result<Self, String> {
        let settings = SETTINGS.iter().map(ToString::to_string).collect();
        let start = || Cluster::start_with(&Options { settings, ..Options::default() });
        let cluster = panic::catch_unwind(panic::AssertUnwindSafe(start)).map_err(|why| said(why.as_ref()))?;
        let probe = cluster.database();
        let place = cluster.sql("postgres", "SHOW data_directory");
        let file = Path::new(place.trim()).join("postmaster.pid");
        let text = fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        let pid = text.lines().next().unwrap_or_default().trim().to_owned();
        Ok(Self { cluster, probe, pid })
    }

    /// Where the probe rotates.
    pub(super) fn probe_url(&self) -> String {
        self.cluster.url(&self.probe)
    }

    /// An empty database.
    pub(super) fn fresh_url(&self) -> String {
        self.cluster.url(&self.cluster.database())
    }
}

fn said(why: &(dyn std::any::Any + Send)) -> String {
    let text = why.downcast_ref::<String>().map(String::as_str).or_else(|| why.downcast_ref::<&str>().copied());
    format!("no PostgreSQL here: {}", text.unwrap_or("it did not start").lines().next().unwrap_or_default())
}

/// Two nodes on one database, and chains made at the first.
pub(super) struct Nodes<'h> {
    first: (Rig<'h>, Server),
    second: (Rig<'h>, Server),
    /// A guard at the edge, fed by the second node.
    edge: Result<Server, String>,
    chains: String,
    pid: String,
}

impl<'h> Nodes<'h> {
    /// Starts them with a ring of keys that is there already.
    pub(super) fn start(house: &'h House, database: &Database, keys: &Path) -> Result<Self, String> {
        let url = database.fresh_url();
        let start = |name: &str| -> Result<(Rig<'h>, Server), String> {
            let rig = Rig::on_database(house, name, &url, keys)?;
            let server = rig.start()?;
            Ok((rig, server))
        };
        let (first, second) = (start("bench-node-a")?, start("bench-node-b")?);
        let chains = first.0.file("chains")?;
        first.0.load(&first.1, "connect", &["--count", &CHAINS.to_string(), "--chains", &chains])?;
        let edge = edge(house, &second.0, &second.1);
        Ok(Self { first, second, edge, chains, pid: database.pid.clone() })
    }

    /// Refreshes a second at one node, waiting for the commit as ever.
    pub(super) fn refresh(&self, timed: &[&str], book: &mut Book) -> Result<f64, String> {
        let more = ["--connections", REFRESH_CONNECTIONS, "--chains", &self.chains, "--database-pid", &self.pid];
        let said = self.first.0.load(&self.first.1, "refresh", &[timed, &more].concat())?;
        book.keep("refresh_pg", &said)
    }

    /// Revokes at the first node and asks the second, and the guard at the edge, until both refuse: the 99th percentile in
    /// milliseconds.
    pub(super) fn take_back(&self, round: usize, book: &mut Book) -> Result<f64, String> {
        let (rig, server) = &self.first;
        let (file, count) = (rig.file("revoked")?, REVOCATIONS.to_string());
        let skip = (CHAINS + round * REVOCATIONS).to_string();
        rig.load(server, "connect", &["--count", &count, "--skip", &skip, "--chains", &file])?;
        let mut checks = forward_auth_url(&self.second.1)?;
        match &self.edge {
            Ok(edge) => {
                let admin = edge.description["guard"]["admin_url"].as_str().ok_or("the edge describes no admin_url")?;
                checks = format!("{checks},{admin}/guard/check");
            }
            Err(why) => book.skip("takeback_p99_ms at an edge guard", why.lines().last().unwrap_or_default()),
        }
        let said = rig.load(server, "takeback", &["--chains", &file, "--count", &count, "--checks", &checks])?;
        println!(
            "    taken back at one node, refused elsewhere: p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
            number(&said, "p50_ms"),
            number(&said, "p99_ms"),
            number(&said, "max_ms")
        );
        Ok(number(&said, "p99_ms"))
    }

    /// Ends both.
    pub(super) fn stop(self) -> Result<(), String> {
        if let Ok(edge) = self.edge {
            edge.stop()?;
        }
        self.second.1.stop()?;
        self.first.1.stop()
    }
}

/// A guard in a process of its own.
fn edge(house: &House, rig: &Rig<'_>, node: &Server) -> Result<Server, String> {
    let key = rig.file("edge-key")?;
    fs::write(&key, node.of(PLATFORM, "edge_key")?).map_err(|e| format!("cannot write {key}: {e}"))?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).map_err(|e| format!("{key}: {e}"))?;
    let (profile, admin) = (rig.profile(), node.of(PLATFORM, "admin_url")?);
    let mut words = vec!["guard", "--profile", &profile, "--node", &admin, "--edge-key-file", &key];
    // Nothing is forwarded: it is only asked for its judgement.
    let upstream = node.of(PLATFORM, "api_url")?;
    words.extend(["--upstream", &upstream, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    Server::start(house, "bench-edge", &words)
}
