//! What nodes tell each other about the budgets that they keep together. When they do is their host's business
//! ([`causeway_protocol::cluster::Share`]: about four times a second), and so is how it travels.
//!
//! Only customers that come near their limit are told about: a node that alone sees less than its even part of a budget says
//! nothing. The numbers are running sums, so that nothing is lost where a telling is missed.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use causeway_protocol::cluster::{NodeId, Share, Used};

use super::part::{Hearing, Part, Tally};
use super::{Budgets, Cell, Key, SECOND};
use crate::sharded::Sharded;

/// Budgets that are kept together, a shard: sixteen of these are about 4 MB.
pub(super) const MAX_PARTS: usize = 512;
/// No more nodes are heard, and of a node's own edges as many.
const MAX_PEERS: usize = 256;
/// About so long is between two tellings: assumed where it is not known.
const USUAL: u64 = SECOND / 4;
/// A node that says nothing new for so long, counted while others could be heard, is gone.
const GONE: u64 = 2 * SECOND;

/// The other nodes.
#[derive(Default)]
pub(super) struct Peers {
    known: HashMap<NodeId, Peer>,
    /// At an edge: how many there are in all, as its node says.
    told: u64,
    settled_at: Option<u64>,
    heard_at: Option<u64>,
}

struct Peer {
    /// An edge of this node.
    relayed: bool,
    number: u64,
    heard_at: u64,
    /// For so long it could have been heard, and was not.
    silent: u64,
    told: HashMap<Key, Tally>,
}

impl Peer {
    fn is_there(&self) -> bool {
        self.silent <= GONE
    }
}

impl Budgets {
    /// What this node has to tell, those with the most new calls first; at most [`Share::MOST`].
    pub(crate) fn publish(&self) -> Vec<Used> {
        let mut found: Vec<(f64, Key, Tally)> = Vec::new();
        for shard in 0..Sharded::<Key, Part>::PARTS {
            let mut parts = self.parts.at(shard);
            found.extend(parts.iter_mut().filter_map(|(key, part)| {
                let (tally, fresh) = part.publish()?;
                Some((fresh, *key, tally))
            }));
        }
        // Everything else equal, in a fixed order.
        found.sort_unstable_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        for (_, key, _) in found.split_off(found.len().min(Share::MOST)) {
            if let Some(part) = self.parts.of(key.0.0).get_mut(&key) {
                part.unpublish();
            }
        }
        found.into_iter().map(|(_, key, tally)| used(key, tally)).collect()
    }

    /// Takes in what every other node stands with. To be called regularly, also with nothing: that is how a node learns that
    /// the others are gone.
    pub(crate) fn take_in(&self, shares: &[Share], now: u64) {
        self.is_edge.store(false, Ordering::Relaxed);
        self.hear(shares, now);
    }

    /// The same at an edge, where `shares` is the one of its node, which knows of so many nodes and edges: it keeps nothing back for
    /// itself.
    pub(crate) fn take_in_at_edge(&self, shares: &[Share], nodes: u64, now: u64) {
        self.is_edge.store(true, Ordering::Relaxed);
        self.peers().told = nodes;
        self.hear(shares, now);
    }

    /// How many nodes there are, as far as this one knows, and its edges.
    pub(crate) fn nodes(&self) -> u64 {
        self.nodes.load(Ordering::Relaxed)
    }

    fn hear(&self, shares: &[Share], now: u64) {
        let mut peers = self.peers();
        let could_hear = now.saturating_sub(peers.heard_at.replace(now).unwrap_or(now)).min(2 * USUAL);
        let news: Vec<_> = shares.iter().filter_map(|share| self.absorb(&mut peers, share, false, now)).collect();
        for (node, peer) in &mut peers.known {
            peer.silent = if news.iter().any(|(one, _)| one == node) { 0 } else { peer.silent + could_hear };
        }
        // Its last words may stand on the board for long: they are remembered, lest they be heard as a new node's.
        peers.known.retain(|node, peer| peer.is_there() || shares.iter().any(|share| share.node == *node));
        self.settle(&mut peers, &news, now);
    }

    /// Takes in what an edge of this node used, which this node tells the others from now on; answers what everybody else used,
    /// for the edge.
    pub(crate) fn relay(&self, edge: &Share, now: u64) -> Vec<Used> {
        let mut peers = self.peers();
        let news = self.absorb(&mut peers, edge, true, now);
        if let Some(peer) = peers.known.get_mut(&edge.node) {
            peer.silent = 0;
        }
        self.settle(&mut peers, news.as_slice(), now);
        drop(peers);
        self.used_but(edge.node)
    }

    /// What everybody but this edge used, for it; at most [`Share::MOST`].
    pub(crate) fn used_but(&self, edge: NodeId) -> Vec<Used> {
        let mut answer = Vec::new();
        for shard in 0..Sharded::<Key, Part>::PARTS {
            let parts = self.parts.at(shard);
            answer.extend(parts.iter().map(|(key, part)| used(*key, part.but(edge))));
        }
        answer.retain(|used| used.passed > 0 || used.refused > 0);
        answer.truncate(Share::MOST);
        answer
    }

    /// From now on the nodes keep this budget together. False: there is no room for one more.
    pub(super) fn share(&self, key: Key, cell: &Cell, nodes: u64, now: u64) -> bool {
        let mut parts = self.parts.of(key.0.0);
        if parts.len() < MAX_PARTS {
            parts.insert(key, Part::new(cell, &self.rules, (nodes, self.keepers()), now));
            return true;
        }
        false
    }

    /// The nodes that share out evenly what edges cannot take; 0 at an edge.
    fn keepers(&self) -> u64 {
        if self.is_edge.load(Ordering::Relaxed) { 0 } else { self.keepers.load(Ordering::Relaxed) }
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges what is new in a telling. Answers whose it was, and about how long a time it is; `None`: nothing new.
    fn absorb(&self, peers: &mut Peers, share: &Share, relayed: bool, now: u64) -> Option<(NodeId, u64)> {
        let told = || share.used.iter().take(Share::MOST).map(|used| (key(used), tally(used)));
        let Some(peer) = peers.known.get_mut(&share.node) else {
            if peers.known.values().filter(|peer| peer.relayed == relayed).count() >= MAX_PEERS {
                return None;
            }
            // What it used before anybody here listened is not known to be recent.
            let peer = Peer { relayed, number: share.number, heard_at: now, silent: 0, told: told().collect() };
            peers.known.insert(share.node, peer);
            return Some((share.node, USUAL));
        };
        if share.number <= peer.number {
            return None;
        }
        let span = now.saturating_sub(peer.heard_at).clamp(SECOND / 1_000, GONE);
        for (key, total) in told() {
            let before = peer.told.get(&key).copied().unwrap_or_default();
            let more = total.since(before);
            // Sums that fell have begun anew.
            let more = if more.passed > u32::MAX / 2 || more.refused > u32::MAX / 2 { total } else { more };
            self.charge(key, (share.node, relayed), more, span, now);
        }
        peer.told = told().collect();
        (peer.number, peer.heard_at) = (share.number, now);
        Some((share.node, span))
    }

    fn charge(&self, key: Key, of: (NodeId, bool), more: Tally, span: u64, now: u64) {
        if more == Tally::default() {
            return;
        }
        let mut cells = self.cells.of(key.0.0);
        let mut parts = self.parts.of(key.0.0);
        if !parts.contains_key(&key) {
            // Edges may name customers that nobody is: there is always room for the nodes' own.
            if parts.len() >= if of.1 { MAX_PARTS / 2 } else { MAX_PARTS } {
                return;
            }
            let cell = cells.remove(&key).unwrap_or_default();
            let nodes = self.nodes.load(Ordering::Relaxed);
            parts.insert(key, Part::new(&cell, &self.rules, (nodes, self.keepers()), now));
        }
        if let Some(part) = parts.get_mut(&key) {
            part.charge(of, more, span, &self.rules, now);
        }
    }

    /// Sets every part anew, and lets go of those that need not be kept together.
    fn settle(&self, peers: &mut Peers, news: &[(NodeId, u64)], now: u64) {
        let there = |relayed| peers.known.values().filter(|peer| peer.relayed == relayed && peer.is_there()).count();
        let keepers = 1 + there(false) as u64;
        let nodes = (keepers + there(true) as u64).max(peers.told);
        self.keepers.store(keepers, Ordering::Relaxed);
        let span = now.saturating_sub(peers.settled_at.replace(now).unwrap_or(now.saturating_sub(USUAL)));
        let alive = |node| peers.known.get(&node).is_some_and(Peer::is_there);
        let hearing = Hearing { news, alive: &alive, span, nodes, keepers: self.keepers(), now };
        for shard in 0..Sharded::<Key, Part>::PARTS {
            let mut cells = self.cells.at(shard);
            self.parts.at(shard).retain(|key, part| {
                let stays = part.settle(&hearing, &self.rules) && nodes > 1;
                if !stays {
                    cells.insert(*key, part.cell(&self.rules, now));
                }
                stays
            });
        }
        self.nodes.store(nodes, Ordering::Relaxed);
    }
}

fn key(used: &Used) -> Key {
    (used.customer, used.app)
}

fn tally(used: &Used) -> Tally {
    Tally { passed: used.passed, refused: used.refused }
}

fn used((customer, app): Key, tally: Tally) -> Used {
    Used { customer, app, passed: tally.passed, refused: tally.refused }
}
