//! What one node has seen of the others' signs of life, and what follows from it: who lives, and whose clock is wrong. Pure:
//! beats and times are arguments.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use causeway_protocol::Position;
use causeway_protocol::cluster::{Beat, NodeId};
use causeway_protocol::taken_back::PERMITTED_SKEW;

/// The two clocks of this node at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Nanoseconds that never go back.
    pub monotonic: u64,
    /// Wall time in milliseconds.
    pub millis: u64,
}

/// One other node.
#[derive(Clone, Debug)]
struct Seen {
    count: u64,
    /// When this node saw the count change, on the monotonic clock.
    changed_at: u64,
    /// How far its wall clock is ahead of ours, in milliseconds: the least that explains what was seen. `None`: not known yet.
    ahead: Option<i64>,
    keys: Vec<u16>,
    position: Position,
}

/// Another node, for people to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// Which.
    pub node: NodeId,
    /// Whether it counts as living.
    pub living: bool,
    /// How far it had read the feed.
    pub position: Position,
    /// How far its clock is ahead of ours, in milliseconds: the least that explains what was seen.
    pub ahead: Option<i64>,
    /// Since its sign of life changed, in nanoseconds.
    pub silent: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Watch {
    seen: BTreeMap<NodeId, Seen>,
    /// Who was there before this node.
    elders: BTreeSet<NodeId>,
    /// When the last answer was asked for.
    asked_at: Option<u64>,
}

/// Where a node's clock stands among the others'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// How far this node's clock is ahead of the right one, in milliseconds.
    pub ahead: i64,
    /// How many living nodes, this one included, stand further from the right one than is permitted.
    pub apart: usize,
}

impl Clocks {
    /// Whether this node must not serve.
    pub fn is_apart(&self) -> bool {
        is_apart(self.ahead)
    }
}

fn is_apart(ahead: i64) -> bool {
    ahead.abs() > PERMITTED_SKEW.0 * 1_000
}

const GONE: u64 = Beat::GONE.0 as u64 * 1_000_000_000;

impl Watch {
    /// Takes in what the store answered to this node's own beat: asked at `asked_at` (monotonic), answered `now`.
    pub fn take(&mut self, own: NodeId, beats: &[Beat], asked_at: u64, now: Moment) {
        let others = || beats.iter().filter(|beat| beat.node != own);
        if self.asked_at.is_none() {
            self.elders = others().map(|beat| beat.node).collect();
        }
        self.seen.retain(|node, _| others().any(|beat| beat.node == *node));
        for beat in others() {
            let known = self.seen.get(&beat.node);
            if known.is_some_and(|seen| seen.count == beat.count) {
                continue;
            }
            // A changed count was written after the question that did not show it; a row that is met for the first time may be
            // of any age.
            let after = known.and(self.asked_at).map(|asked| now.monotonic.saturating_sub(asked) / 1_000_000);
            let ahead = least_ahead(beat.at_millis as i64 - now.millis as i64, after.map(|age| age as i64));
            let keys = beat.keys.clone();
            let (count, position) = (beat.count, beat.position);
            self.seen.insert(beat.node, Seen { count, changed_at: now.monotonic, ahead, keys, position });
        }
        self.asked_at = Some(asked_at);
    }

    fn living(&self, monotonic: u64) -> impl Iterator<Item = (&NodeId, &Seen)> {
        self.seen.iter().filter(move |(_, seen)| monotonic.saturating_sub(seen.changed_at) <= GONE)
    }

    /// How many nodes live, this one included.
    pub fn nodes(&self, monotonic: u64) -> usize {
        1 + self.living(monotonic).count()
    }

    /// The other nodes, living and just gone.
    pub fn others(&self, monotonic: u64) -> Vec<Other> {
        let one = |(node, seen): (&NodeId, &Seen)| {
            let silent = monotonic.saturating_sub(seen.changed_at);
            Other { node: *node, living: silent <= GONE, position: seen.position, ahead: seen.ahead, silent }
        };
        self.seen.iter().map(one).collect()
    }

    /// Whether another node goes by this id, living or just gone.
    pub fn knows(&self, node: NodeId) -> bool {
        self.seen.contains_key(&node)
    }

    /// The keys of every other living node.
    pub fn keys(&self, monotonic: u64) -> Vec<Vec<u16>> {
        self.living(monotonic).map(|(_, seen)| seen.keys.clone()).collect()
    }

    /// Whose clock is wrong. The right time is the median of the living nodes' clocks. Of an even number there are two in the
    /// middle: the one nearer to the clock of the node that has lived longest counts, so that of two nodes that differ the
    /// newcomer steps aside and the other goes on, and both say so.
    pub fn clocks(&self, monotonic: u64) -> Clocks {
        let known: Vec<(&NodeId, u64, i64)> =
            self.living(monotonic).filter_map(|(node, seen)| Some((node, seen.count, seen.ahead?))).collect();
        let eldest = known
            .iter()
            .filter(|(node, ..)| self.elders.contains(node))
            .max_by_key(|(node, count, _)| (*count, Reverse(**node)));
        let eldest = eldest.map_or(0, |(.., ahead)| *ahead);
        let mut all: Vec<i64> = known.iter().map(|(.., ahead)| *ahead).chain([0]).collect();
        all.sort_unstable();
        let (low, high) = (all[(all.len() - 1) / 2], all[all.len() / 2]);
        let right = if (low - eldest).abs() <= (high - eldest).abs() { low } else { high };
        Clocks { ahead: -right, apart: all.iter().filter(|ahead| is_apart(**ahead - right)).count() }
    }
}

/// A beat says a time that differs by `difference` from ours now, and was written at most `age` ago: by how much is its clock
/// ahead at least? Never more than is certain, so that a slow store accuses nobody.
fn least_ahead(difference: i64, age: Option<i64>) -> Option<i64> {
    match age {
        _ if difference > 0 => Some(difference),
        Some(age) => Some((difference + age).min(0)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const NOON: u64 = 1_795_262_400_000;

    /// Nodes that beat in turn into one table, each with a clock that is ahead by so many seconds.
    struct Table(Vec<(i64, Watch, Option<Beat>)>);

    impl Table {
        fn of(ahead: &[i64]) -> Self {
            Self(ahead.iter().map(|ahead| (*ahead, Watch::default(), None)).collect())
        }

        fn beat(&mut self, node: usize, second: u64) {
            let millis = (NOON + second * 1_000).saturating_add_signed(self.0[node].0 * 1_000);
            let count = self.0[node].2.as_ref().map_or(1, |beat| beat.count + 1);
            let id = NodeId(node as i64);
            let keys = vec![node as u16];
            self.0[node].2 = Some(Beat { node: id, at_millis: millis, count, position: Position::ZERO, keys });
            let beats: Vec<Beat> = self.0.iter().filter_map(|(.., beat)| beat.clone()).collect();
            let now = Moment { monotonic: second * SECOND, millis };
            self.0[node].1.take(id, &beats, second * SECOND, now);
        }

        /// How far each is ahead, in whole seconds, after some rounds.
        fn after_rounds(ahead: &[i64]) -> Vec<(i64, usize)> {
            let mut table = Self::of(ahead);
            for second in 0..4 {
                (0..ahead.len()).for_each(|node| table.beat(node, second));
            }
            let clocks = |(_, watch, _): &(i64, Watch, Option<Beat>)| watch.clocks(3 * SECOND);
            table.0.iter().map(clocks).map(|clocks| (clocks.ahead / 1_000, clocks.apart)).collect()
        }
    }

    #[test]
    fn other_nodes_are_known_by_their_ids() {
        let mut table = Table::of(&[0, 0]);
        (0..2).for_each(|node| table.beat(node, 0));
        let (_, watch, _) = &table.0[1];
        assert!(watch.knows(NodeId(0)) && !watch.knows(NodeId(1)) && !watch.knows(NodeId(2)));
    }

    #[test]
    fn a_node_that_is_alone_is_right() {
        assert_eq!(Table::after_rounds(&[1_000]), [(0, 0)]);
    }

    #[test]
    fn r_12_of_three_the_one_that_differs_steps_aside() {
        for (clocks, wrong) in [([0, 0, 60], 2), ([0, -60, 0], 1), ([60, 0, 1], 0)] {
            let told = Table::after_rounds(&clocks);
            for (node, (ahead, apart)) in told.iter().enumerate() {
                assert_eq!((ahead.abs() > 5, *apart), (node == wrong, 1), "node {node} of {clocks:?}: {told:?}");
            }
        }
    }

    #[test]
    fn r_12_of_two_the_newcomer_steps_aside_and_both_say_so() {
        for clocks in [[0, 60], [60, 0], [0, -60]] {
            let told = Table::after_rounds(&clocks);
            assert_eq!(told[0], (0, 1), "{clocks:?}");
            assert!(told[1].0.abs() > 5 && told[1].1 == 1, "{clocks:?}: {told:?}");
        }
    }

    #[test]
    fn r_12_of_four_the_half_of_the_eldest_goes_on() {
        let told = Table::after_rounds(&[0, 60, 60, 0]);
        let aside: Vec<bool> = told.iter().map(|(ahead, _)| ahead.abs() > 5).collect();
        assert_eq!(aside, [false, true, true, false], "{told:?}");
    }

    #[test]
    fn clocks_within_five_seconds_are_no_matter() {
        for clocks in [&[0, 3, -2, 1][..], &[0, 4], &[0, -4]] {
            let told = Table::after_rounds(clocks);
            assert!(told.iter().all(|(ahead, apart)| ahead.abs() <= 5 && *apart == 0), "{clocks:?}: {told:?}");
        }
    }

    #[test]
    fn a_sign_of_life_is_a_count_that_changes_whatever_time_it_says() {
        let mut table = Table::of(&[0, 0]);
        table.beat(1, 0);
        for second in 0..=20 {
            table.beat(0, second);
            let seen = (table.0[0].1.nodes(second * SECOND), table.0[0].1.keys(second * SECOND).len());
            assert_eq!(seen, if second <= 10 { (2, 1) } else { (1, 0) }, "second {second}");
        }
        table.beat(1, 21);
        table.beat(0, 22);
        assert_eq!(table.0[0].1.nodes(22 * SECOND), 2, "and it is back");
    }

    #[test]
    fn r_12_a_slow_store_accuses_nobody() {
        // This node was answered only after half a minute: the other's beat may be as old as that.
        let mut table = Table::of(&[0, 0]);
        table.beat(0, 0);
        table.beat(1, 0);
        table.beat(0, 1);
        table.beat(1, 2);
        table.beat(0, 31);
        assert_eq!(table.0[0].1.clocks(31 * SECOND), Clocks::default());
    }
}
