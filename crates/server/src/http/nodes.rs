//! The admin door's list of nodes, and of the edges that listen to this one: for operators to look at. Nothing is decided by it.

use causeway_protocol::Position;
use causeway_protocol::cluster::NodeId;
use serde_json::{Value, json};

use crate::cluster::watch::Other;
use crate::edge::seats::Sitting;
use crate::shared::Shared;

/// `GET /admin/nodes`: the nodes as this one sees them, and the edges whose streams are open at this one. Other nodes' edges are
/// theirs to list: nothing is written to the store about them.
pub(super) fn list(edge: &Shared) -> Value {
    let (node, now) = (&edge.node, edge.node.clock.monotonic_nanos());
    let own = node.cluster.id;
    let millis = |nanos: u64| nanos / 1_000_000;
    let (clocks, others) = {
        let watch = node.cluster.watch();
        (watch.clocks(now), watch.others(now))
    };
    let this = json!({
        "node": id(own),
        "this": true,
        "living": true,
        "position": counter(node.held.head()),
        "clock_ahead_ms": clocks.ahead,
        "seen_ms_ago": 0,
    });
    let other = |other: &Other| {
        json!({
            "node": id(other.node),
            "this": false,
            "living": other.living,
            "position": counter(other.position),
            // As the list has it: ahead of the right time, not of this node's clock.
            "clock_ahead_ms": other.ahead.map(|ahead| ahead + clocks.ahead),
            "seen_ms_ago": millis(other.silent),
        })
    };
    let sitting = |one: Sitting| {
        let (standing, said_at) = one.said.unzip();
        json!({
            "name": Some(one.name).filter(|name| !name.is_empty()),
            "node": id(own),
            "address": one.address.to_string(),
            "since": one.since.0,
            "sent": counter(one.sent),
            "position": standing.map(|said| counter(Position(said.position))),
            "fresh_ms": standing.map(|said| said.fresh_for),
            "said_ms_ago": said_at.map(|at| millis(now.saturating_sub(at))),
        })
    };
    let nodes: Vec<Value> = std::iter::once(this).chain(others.iter().map(other)).collect();
    let edges: Vec<Value> = edge.edges.seats.all().into_iter().map(sitting).collect();
    json!({"nodes": nodes, "edges": edges})
}

/// A node's number as text: JSON's own numbers are too small.
fn id(node: NodeId) -> String {
    format!("{:016x}", node.0)
}

fn counter(position: Position) -> u64 {
    position.counter()
}
