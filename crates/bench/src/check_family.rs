//! Is there one order of a family's requests that explains every answer, and in which each stands between its question and its
//! answer? (Linearizability, searched as Wing & Gong do it.) Times of take-backs on other nodes are `check`'s business.

use std::collections::HashSet;

use crate::history::{Micros, Op, Said, What};

/// An honest race within this is only refused (TOKENS 4 `race_window`), with room for the walls' clocks.
const RACE_WINDOW: Micros = 9_000_000;

/// A family as the rules have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    generation: u32,
    /// The Idempotency-Key of the last move, 0 if there was none; and when it was asked for, at the earliest.
    key: u32,
    moved: Micros,
    /// Repudiated.
    dead: bool,
}

/// All orders are tried; what was seen before is not tried again.
struct Search<'a> {
    /// Answered for certain, by the time they were sent.
    certain: Vec<&'a Op>,
    /// These may have been done at any time after they were sent, or never.
    uncertain: Vec<&'a Op>,
    seen: HashSet<(usize, Vec<usize>, State)>,
    /// The furthest that any order came.
    furthest: usize,
}

/// `Err`: the first request that no order explains. Only refreshes and revocations are looked at.
pub(crate) fn order(first: u32, ops: &[&Op]) -> Result<(), Op> {
    let mut all: Vec<&Op> = ops.iter().copied().filter(|op| !matches!(op.what, What::Check { .. })).collect();
    all.sort_by_key(|op| op.sent);
    let (uncertain, certain): (Vec<&Op>, Vec<&Op>) = all.into_iter().partition(|op| op.is_uncertain());
    let mut search = Search { certain, uncertain, seen: HashSet::new(), furthest: 0 };
    let start = State { generation: first, key: 0, moved: 0, dead: false };
    if search.explain(start) {
        Ok(())
    } else {
        Err(search.certain[search.furthest.min(search.certain.len() - 1)].clone())
    }
}

impl Search<'_> {
    fn explain(&mut self, start: State) -> bool {
        // (the first that is not done, those behind it that are, the state)
        let mut open = vec![(0, Vec::new(), start)];
        while let Some((next, ahead, state)) = open.pop() {
            if next == self.certain.len() {
                return true;
            }
            if !self.seen.insert((next, ahead.clone(), state)) {
                continue;
            }
            self.furthest = self.furthest.max(next);
            let undone = || (next..self.certain.len()).filter(|at| !ahead.contains(at));
            // Whoever is done next was sent before the earliest answer of all that are not.
            let bound = undone().take(64).map(|at| self.certain[at].answered).min().unwrap_or(0);
            for op in self.uncertain.iter().filter(|op| op.sent <= bound) {
                open.extend(maybe(op, state).map(|after| (next, ahead.clone(), after)));
            }
            for at in undone().take_while(|at| self.certain[*at].sent <= bound) {
                for after in done(self.certain[at], state) {
                    let (mut next, mut ahead) = (next, ahead.clone());
                    ahead.push(at);
                    while let Some(found) = ahead.iter().position(|done| *done == next) {
                        ahead.swap_remove(found);
                        next += 1;
                    }
                    ahead.sort_unstable();
                    open.push((next, ahead, after));
                }
            }
        }
        false
    }
}

/// What a family may be after an answer, if it can have been given.
fn done(op: &Op, state: State) -> Vec<State> {
    let dead = State { dead: true, ..state };
    match (op.what, &op.said) {
        (What::Refresh { generation, key }, Said::Moved(to)) => {
            let moves = generation == state.generation && !state.dead;
            let again = generation + 1 == state.generation && !state.dead && key != 0 && key == state.key;
            match () {
                () if *to != generation + 1 => vec![],
                () if moves => vec![State { generation: *to, key, moved: op.sent, dead: false }],
                () if again => vec![state],
                () => vec![],
            }
        }
        (What::Refresh { .. }, _) if state.dead => vec![state],
        (What::Refresh { generation, key }, Said::Refused(..)) => {
            if generation >= state.generation {
                return vec![];
            }
            if generation + 1 < state.generation {
                return vec![dead];
            }
            if key != 0 && key == state.key {
                return vec![];
            }
            // Within the window nothing happens; later, it is a replay.
            if op.answered.saturating_sub(state.moved) > RACE_WINDOW { vec![state, dead] } else { vec![state] }
        }
        // RFC 7009: whatever its state. The door answers the second time that there is nothing to end.
        (What::Revoke | What::Disconnect, Said::Good) => vec![dead],
        (What::Disconnect, Said::Refused(..)) if state.dead => vec![state],
        _ => vec![],
    }
}

/// What it may be if something without an answer was done after all, and this makes a difference.
fn maybe(op: &Op, state: State) -> Option<State> {
    if state.dead {
        return None;
    }
    match op.what {
        What::Refresh { generation, key } if generation == state.generation => {
            Some(State { generation: generation + 1, key, moved: op.sent, dead: false })
        }
        What::Revoke | What::Disconnect => Some(State { dead: true, ..state }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refresh(generation: u32, key: u32, (sent, answered): (u64, u64), said: Said) -> Op {
        Op { family: 0, node: 0, what: What::Refresh { generation, key }, sent, answered, said }
    }

    fn no() -> Said {
        Said::Refused(400, "invalid_grant".into())
    }

    fn is_explained(ops: &[Op]) -> bool {
        order(0, &ops.iter().collect::<Vec<_>>()).is_ok()
    }

    #[test]
    fn moves_resends_and_honest_races_are_explained() {
        assert!(is_explained(&[
            refresh(0, 1, (0, 10), Said::Moved(1)),
            refresh(0, 1, (5, 30), Said::Moved(1)),
            refresh(1, 0, (40, 60), Said::Moved(2)),
            refresh(1, 0, (41, 61), no()),
        ]));
    }

    #[test]
    fn a_generation_is_handed_out_once() {
        let twice = |one: (u64, u64), other: (u64, u64), keys: (u32, u32)| {
            is_explained(&[refresh(0, keys.0, one, Said::Moved(1)), refresh(0, keys.1, other, Said::Moved(1))])
        };
        assert!(!twice((0, 10), (5, 15), (0, 0)));
        assert!(!twice((0, 10), (5, 15), (1, 2)));
        assert!(twice((0, 10), (20, 30), (1, 1)));
    }

    #[test]
    fn no_resend_after_the_successor_moved() {
        let late = [
            refresh(0, 1, (0, 10), Said::Moved(1)),
            refresh(1, 2, (20, 30), Said::Moved(2)),
            refresh(0, 1, (40, 50), Said::Moved(1)),
        ];
        assert!(!is_explained(&late));
    }

    #[test]
    fn a_confirmed_pair_is_not_refused() {
        let lost = [refresh(0, 1, (0, 10), Said::Moved(1)), refresh(1, 2, (20, 30), no())];
        assert!(!is_explained(&lost));
        // Unless somebody got no answer who may have moved it.
        let taken = [lost[0].clone(), refresh(1, 3, (12, 15), Said::Nothing), lost[1].clone()];
        assert!(is_explained(&taken));
        // And whoever asks again under that key must be answered.
        let again = [taken[0].clone(), taken[1].clone(), refresh(1, 3, (20, 30), no())];
        assert!(!is_explained(&again));
    }

    #[test]
    fn what_was_revoked_moves_no_more() {
        let end = Op { what: What::Revoke, ..refresh(0, 0, (0, 10), Said::Good) };
        assert!(is_explained(&[end.clone(), refresh(0, 1, (5, 15), Said::Moved(1))]));
        assert!(!is_explained(&[end.clone(), refresh(0, 1, (11, 15), Said::Moved(1))]));
        assert!(is_explained(&[end, refresh(0, 1, (11, 15), no())]));
    }

    #[test]
    fn a_replay_ends_the_family() {
        let moved = [refresh(0, 1, (0, 1), Said::Moved(1)), refresh(1, 2, (2, 3), Said::Moved(2))];
        let replay = refresh(0, 0, (4, 5), no());
        let after =
            |said| is_explained(&[moved[0].clone(), moved[1].clone(), replay.clone(), refresh(2, 3, (6, 7), said)]);
        assert!(after(no()));
        assert!(!after(Said::Moved(3)));
    }
}
