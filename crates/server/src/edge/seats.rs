//! Which edges listen to this node: a seat for each open stream, what the edge said of itself, and how far it was told. What it is
//! told does not belong here.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use causeway_guard::remote::wire::Standing;
use causeway_protocol::cluster::NodeId;
use causeway_protocol::{Position, UnixTime};

/// So many edges at once.
pub const MAX_EDGES: usize = 256;
/// The longest name of an edge, in characters.
const MAX_NAME: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub struct Seats(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by_number: BTreeMap<u64, Sitting>,
}

/// An edge whose stream is open.
#[derive(Clone, Debug)]
pub struct Sitting {
    /// Its number, as nodes have one; `None`: an edge of a version that says none.
    pub edge: Option<NodeId>,
    /// What it calls itself, or nothing: see [`shown`].
    pub name: String,
    /// Where it comes from.
    pub address: IpAddr,
    /// When its stream was opened.
    pub since: UnixTime,
    /// Up to where it was sent the feed.
    pub sent: Position,
    /// What it said last of where it stands, and when that was, on the node's monotonic clock.
    pub said: Option<(Standing, u64)>,
}

/// One edge's seat, until it is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.taken().by_number.remove(&self.number);
    }
}

impl Seat {
    /// The feed was sent up to here.
    pub(super) fn sent(&self, position: Position) {
        if let Some(sitting) = self.seats.taken().by_number.get_mut(&self.number) {
            sitting.sent = position;
        }
    }
}

impl Seats {
    /// A place for one more edge, if there is one.
    pub(super) fn seat(self: &Arc<Self>, sitting: Sitting) -> Option<Seat> {
        let mut taken = self.taken();
        if taken.by_number.len() >= MAX_EDGES {
            return None;
        }
        taken.next += 1;
        let number = taken.next;
        taken.by_number.insert(number, sitting);
        Some(Seat { seats: Arc::clone(self), number })
    }

    /// Whether a stream of this edge is open here.
    pub(super) fn is_open(&self, edge: NodeId) -> bool {
        self.taken().by_number.values().any(|sitting| sitting.edge == Some(edge))
    }

    /// What an edge says of where it stands.
    pub(super) fn stands(&self, standing: Standing, monotonic_nanos: u64) {
        let of_it = |sitting: &&mut Sitting| sitting.edge == Some(NodeId(standing.edge));
        self.taken().by_number.values_mut().filter(of_it).for_each(|sitting| {
            sitting.said = Some((standing, monotonic_nanos));
        });
    }

    /// How many edges listen.
    pub fn count(&self) -> usize {
        self.taken().by_number.len()
    }

    /// Everybody who listens, who came first first.
    pub fn all(&self) -> Vec<Sitting> {
        self.taken().by_number.values().cloned().collect()
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name as it may be shown anywhere: at most 64 characters; what is no visible ASCII character is a `?`.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(MAX_NAME).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn sitting(edge: i64) -> Sitting {
        Sitting {
            edge: Some(NodeId(edge)),
            name: String::new(),
            address: Ipv4Addr::LOCALHOST.into(),
            since: UnixTime(0),
            sent: Position::ZERO,
            said: None,
        }
    }

    #[test]
    fn there_are_so_many_seats_and_one_that_is_left_is_free() {
        let seats = Arc::new(Seats::default());
        let mut taken: Vec<Seat> = (0..MAX_EDGES as i64).map_while(|edge| seats.seat(sitting(edge))).collect();
        assert_eq!((taken.len(), seats.count()), (MAX_EDGES, MAX_EDGES));
        assert!(seats.seat(sitting(900)).is_none() && !seats.is_open(NodeId(900)));
        drop(taken.swap_remove(7));
        assert!(!seats.is_open(NodeId(7)) && seats.is_open(NodeId(8)));
        assert!(seats.seat(sitting(900)).is_some());
    }

    #[test]
    fn an_edge_with_two_streams_is_there_until_both_are_closed() {
        let seats = Arc::new(Seats::default());
        let (old, new) = (seats.seat(sitting(1)), seats.seat(sitting(1)));
        drop(old);
        assert!(seats.is_open(NodeId(1)));
        drop(new);
        assert!(!seats.is_open(NodeId(1)));
    }

    #[test]
    fn a_name_is_short_and_visible() {
        assert_eq!(shown("api-1 (east)"), "api-1 (east)");
        assert_eq!(shown("a\u{1b}[31mb\nc\u{202e}ä"), "a?[31mb?c??");
        assert_eq!(shown(&"x".repeat(1_000)).len(), 64);
    }
}
