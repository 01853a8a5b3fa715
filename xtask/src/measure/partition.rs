//! Three nodes and PostgreSQL with a network between them that breaks: nodes cut off, nodes and the database killed, no news. The
//! load remembers every answer; afterwards a checker looks for one that the rules do not explain (TOKENS 4, 6).

use std::panic;
use std::thread;
use std::time::Duration;

use causeway_testbed::netns::Network;
use causeway_testbed::postgres::{Cluster, Options, PASSWORD, USER};

use super::partition_nodes::{Load, Nodes, Seat, report, status};
use super::partition_relay::Relay;
use crate::house::House;
use crate::shell;
use crate::stopwatch::Stopwatch;

const NODES: usize = 3;
/// From so many seconds on, a node is cut off for longer than it may go on (`stale_limit`, 5 s).
const LONG: u64 = 60;

/// How nodes reach the database.
enum Way {
    Network(Network),
    Relays(Vec<Relay>),
}

/// Everything, and how often what was done to it.
struct Field<'h> {
    house: &'h House,
    // Before the network and the cluster: in this order they end.
    nodes: Nodes<'h>,
    way: Way,
    cluster: Cluster,
    load: Load,
    fired: Vec<(&'static str, u64)>,
}

/// `seconds` of faults.
pub(crate) fn prove(house: &House, seconds: u64) -> Result<(), String> {
    let (cluster, way) = open()?;
    let database = cluster.database();
    let seats = (0..NODES).map(|number| seat(&way, &cluster, number, &database)).collect::<Result<_, _>>()?;
    let nodes = Nodes::start(house, "partition", seats)?;
    let (clients, acts) = if seconds < LONG { (12, 60) } else { (24, 300) };
    // As many families as are going to be ended.
    let chains = nodes.connect("chains", (clients + seconds as usize * 4).min(1_800), 0)?;
    let load = nodes.remember(clients, acts, &chains)?;
    let mut field = Field { house, nodes, way, cluster, load, fired: Vec::new() };
    let watch = Stopwatch::start();
    let mut round = 0;
    while round < 5 || watch.elapsed() < Duration::from_secs(seconds) {
        field.fault(round, seconds >= LONG)?;
        round += 1;
    }
    println!("  {:.0} s of faults, each seen: {:?}", watch.elapsed().as_secs_f64(), field.fired);
    println!(
        "  promised: 250 ms, 2 s without news, 5 s when cut off; and 250 ms more for this machine, beside its stalls"
    );
    let Field { load, .. } = field;
    report(&load.end()?)
}

/// A cluster in a network that can be cut; or loudly without.
fn open() -> Result<(Cluster, Way), String> {
    let start = |options: Options| {
        panic::catch_unwind(|| Cluster::start_with(&options)).map_err(|_| "PostgreSQL does not start".to_owned())
    };
    match Network::new(NODES) {
        Ok(network) => {
            println!("  every node and the database in a network namespace of its own; links are taken down");
            let namespace = Some((network.database(), vec![network.data_network()]));
            Ok((start(Options { namespace, ..Options::default() })?, Way::Network(network)))
        }
        Err(why) => {
            println!("  NO NETWORK NAMESPACES HERE ({why}): a relay before the database holds the bytes instead");
            let cluster = start(Options::default())?;
            let relays = (0..NODES).map(|_| Relay::to(cluster.port())).collect::<Result<_, _>>()?;
            Ok((cluster, Way::Relays(relays)))
        }
    }
}

fn seat(way: &Way, cluster: &Cluster, number: usize, database: &str) -> Result<Seat, String> {
    let url = |host: &str, port: u16| {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://{USER}:{password}@{host}:{port}/{database}?sslmode=disable")
    };
    match way {
        Way::Relays(relays) => Seat::here(url("127.0.0.1", relays[number].port)),
        Way::Network(network) => Ok(Seat {
            enter: network.enter(number).to_vec(),
            listen: [8081, 8082].map(|port| format!("{}:{port}", network.address(number))),
            // No TLS on a bridge of this machine: whoever calls counts as the proxy before the nodes.
            flags: vec!["--trusted-proxy".into(), network.client_network()],
            database: url(&network.database_address(), cluster.port()),
        }),
    }
}

impl Field<'_> {
    /// One after another; then a while of peace.
    fn fault(&mut self, round: usize, long: bool) -> Result<(), String> {
        let node = (round / 6 + round) % NODES;
        let seconds = |full: u64, small: u64| Duration::from_millis(if long { full } else { small });
        match round % 6 {
            0 => self.partition(&[node], seconds(8_000, 2_000))?,
            1 => self.silence(seconds(6_000, 2_000))?,
            2 => self.restart(node)?,
            3 => self.partition(&[node, (node + 1) % NODES], seconds(8_000, 1_500))?,
            4 => self.restart_database(seconds(1_500, 200))?,
            // Shorter than the limit: clients notice only that refreshes hang.
            _ => self.partition(&[node], seconds(2_500, 1_000))?,
        }
        thread::sleep(seconds(6_500, 1_000));
        Ok(())
    }

    fn count(&mut self, what: &'static str) {
        match self.fired.iter_mut().find(|(name, _)| *name == what) {
            Some((_, count)) => *count += 1,
            None => self.fired.push((what, 1)),
        }
    }

    fn partition(&mut self, nodes: &[usize], long: Duration) -> Result<(), String> {
        let bits: u8 = nodes.iter().map(|node| 1 << node).sum();
        self.load.tell(&format!("begin cut {bits}"))?;
        for node in nodes {
            self.cut(*node, true)?;
        }
        let watch = Stopwatch::start();
        for node in nodes {
            if self.reaches(*node) {
                return Err(format!("node {node} was cut off and still reaches the database"));
            }
        }
        thread::sleep(long.saturating_sub(watch.elapsed()));
        if long > Duration::from_secs(7) {
            self.refuses(nodes[0])?;
        }
        for node in nodes {
            self.cut(*node, false)?;
        }
        self.load.tell(&format!("end cut {bits}"))?;
        self.count(if nodes.len() > 1 { "two nodes cut off" } else { "a node cut off" });
        Ok(())
    }

    fn cut(&self, node: usize, cut: bool) -> Result<(), String> {
        match &self.way {
            Way::Network(network) if cut => network.cut(node),
            Way::Network(network) => network.heal(node),
            Way::Relays(relays) => {
                relays[node].cut(cut);
                Ok(())
            }
        }
    }

    /// Whether something arrives. A relay that is cut lets nothing pass.
    fn reaches(&self, node: usize) -> bool {
        let Way::Network(network) = &self.way else { return false };
        let knock = format!("exec 3<>/dev/tcp/{}/{}", network.database_address(), self.cluster.port());
        let enter = network.enter(node);
        let words = enter[1..].iter().map(String::as_str).chain(["timeout", "1", "bash", "-c", &knock]);
        shell::works(shell::command(&enter[0], words))
    }

    /// Cut off for longer than it may go on, a node says so.
    fn refuses(&self, node: usize) -> Result<(), String> {
        match status(&self.nodes.seats[node].listen[0], "/readyz") {
            Some(200) => Err(format!("node {node} was cut off for long and says that it is ready")),
            _ => Ok(()),
        }
    }

    /// The database's processes that listen and tell stand still: connected, and dumb.
    fn silence(&mut self, long: Duration) -> Result<(), String> {
        let everybody = (1 << NODES) - 1;
        self.load.tell(&format!("begin silent {everybody}"))?;
        let (watch, mut still) = (Stopwatch::start(), Vec::<String>::new());
        while watch.elapsed() < long {
            let found = self.cluster.sql(
                "postgres",
                "SELECT pid FROM pg_stat_activity WHERE state = 'idle' AND (query LIKE 'LISTEN %' OR query LIKE 'NOTIFY %')",
            );
            let new: Vec<String> = found.lines().map(str::to_owned).filter(|pid| !still.contains(pid)).collect();
            for pid in new {
                shell::capture(shell::command("kill", ["-STOP", &pid]))?;
                still.push(pid);
            }
            thread::sleep(Duration::from_millis(200));
        }
        for pid in &still {
            // One that a node gave up meanwhile is gone.
            let _gone = shell::capture(shell::command("kill", ["-CONT", pid]));
        }
        self.load.tell(&format!("end silent {everybody}"))?;
        if still.len() < NODES {
            return Err(format!("only {} listening sessions were found for {NODES} nodes", still.len()));
        }
        self.count("no news");
        Ok(())
    }

    fn restart(&mut self, node: usize) -> Result<(), String> {
        let bits = 1 << node;
        self.load.tell(&format!("begin killed {bits}"))?;
        self.nodes.kill(node)?;
        self.nodes.begin(node, &self.house.binary("causeway")?)?;
        self.load.tell(&format!("end killed {bits}"))?;
        self.count("a node killed");
        Ok(())
    }

    fn restart_database(&mut self, down: Duration) -> Result<(), String> {
        let everybody = (1 << NODES) - 1;
        self.load.tell(&format!("begin cut {everybody}"))?;
        self.cluster.kill();
        thread::sleep(down);
        self.cluster.run();
        self.load.tell(&format!("end cut {everybody}"))?;
        self.count("the database killed");
        Ok(())
    }
}
