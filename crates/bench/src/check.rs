//! Was everything right that a history holds? Each family has an order that explains it; nothing is accepted longer after its
//! take-back than was promised (TOKENS 6); nobody is told a false 401; who is told to wait is told how long.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::check_family;
use crate::history::{Class, History, Micros, Op, Said, What};
use crate::meter::quantile;

const MILLI: Micros = 1_000;
/// What a node that hears of news, one that does not, and one that hears nothing at all may accept after a take-back.
const CALM: Micros = 250 * MILLI;
const SILENT: Micros = 2_000 * MILLI;
const CUT: Micros = 5_000 * MILLI;
/// For the machine, which does other things too; the time that this program stood still is added.
pub const MARGIN: Micros = 250 * MILLI;
/// After a fault a node needs a while to be reached again, or to hear again.
const RECOVERY: Micros = 4_000 * MILLI;
/// Until then its sessions with the database may still be on the way back, those for news among them: counted apart.
const BACK: Micros = 8_000 * MILLI;
/// Younger than this, a second presentation is an honest race.
const RACE_WINDOW: Micros = 9_000 * MILLI;
/// More of one kind are only counted.
const SHOWN: usize = 5;

/// When a family's end was asked for, and when and where it was confirmed; and whether by a revocation: a node that refuses a
/// replay may only have read what another did.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    asked: Option<Micros>,
    confirmed: Option<(Micros, u8, bool)>,
}

/// The longest acceptance after a confirmed take-back, and how many were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Delay {
    most: Micros,
    accepted: u64,
    refused: u64,
}

struct Checker<'a> {
    history: &'a History,
    wrong: BTreeMap<&'static str, (u64, Vec<String>)>,
    delays: BTreeMap<&'static str, Delay>,
}

/// The figures; `wrong` holds what was not right, by kind, and is empty if all was.
pub fn check(history: &History) -> Value {
    let mut checker = Checker { history, wrong: BTreeMap::new(), delays: BTreeMap::new() };
    let mut families: BTreeMap<u32, Vec<&Op>> = BTreeMap::new();
    for op in &history.ops {
        families.entry(op.family).or_default().push(op);
        checker.answer(op);
    }
    let mut ended = 0;
    for (family, ops) in &families {
        let first = history.first.get(*family as usize).copied().unwrap_or(0);
        if let Err(op) = check_family::order(first, ops) {
            checker.say("no order of the family's requests explains this answer", &op);
        }
        let end = end(ops);
        ended += u64::from(end.confirmed.is_some());
        for op in ops.iter().filter(|op| matches!(op.what, What::Check { .. })) {
            checker.call(op, end);
        }
    }
    checker.figures(families.len(), ended)
}

/// When a family ended, as far as its client can know.
fn end(ops: &[&Op]) -> End {
    let mut end = End::default();
    // By generation: when it was first presented, and when its successor's successor was known.
    let mut presented: BTreeMap<u32, Micros> = BTreeMap::new();
    let mut known: BTreeMap<u32, Micros> = BTreeMap::new();
    for op in ops {
        if let What::Refresh { generation, .. } = op.what {
            let first = presented.entry(generation).or_insert(op.sent);
            *first = (*first).min(op.sent);
        }
        if let Said::Moved(generation) = op.said {
            let first = known.entry(generation).or_insert(op.answered);
            *first = (*first).min(op.answered);
        }
    }
    for op in ops {
        let (may, did) = match op.what {
            What::Revoke | What::Disconnect => (true, op.said == Said::Good),
            What::Refresh { generation, .. } if !matches!(op.said, Said::Moved(_)) => {
                let older = known.range(generation + 2..).map(|(_, at)| *at).min();
                let late = presented.get(&generation).is_some_and(|first| op.answered - first > RACE_WINDOW);
                // Not by what another's request may have moved: the client cannot know it.
                (late || older.is_some(), older.is_some_and(|at| at < op.sent) && matches!(op.said, Said::Refused(..)))
            }
            _ => (false, false),
        };
        if may {
            end.asked = Some(end.asked.map_or(op.sent, |at| at.min(op.sent)));
        }
        if did && end.confirmed.is_none_or(|(at, ..)| op.answered < at) {
            end.confirmed = Some((op.answered, op.node, op.is_revocation()));
        }
    }
    end
}

impl Checker<'_> {
    fn say(&mut self, what: &'static str, op: &Op) {
        let (count, shown) = self.wrong.entry(what).or_default();
        *count += 1;
        if shown.len() < SHOWN {
            shown.push(format!("{op:?}"));
        }
    }

    /// What no answer may be, whatever was asked.
    fn answer(&mut self, op: &Op) {
        match &op.said {
            Said::Later(false) => self.say("503 without Retry-After", op),
            Said::Strange(..) => self.say("an answer that no client can use", op),
            Said::Refused(status, _) if matches!(op.what, What::Check { .. }) && *status != 401 => {
                self.say("a good call was refused", op);
            }
            _ => {}
        }
    }

    fn call(&mut self, op: &Op, end: End) {
        if matches!(op.said, Said::Refused(401, _)) && end.asked.is_none_or(|asked| op.answered < asked) {
            self.say("a false 401", op);
        }
        let Some((confirmed, at, revoked)) = end.confirmed.filter(|(when, ..)| op.sent > *when) else { return };
        let class = self.class(op.node, confirmed, op.sent, RECOVERY);
        // The promise is the same; but who heals hears, and tells, by looking now and then.
        let heals = |node| self.class(node, confirmed, op.sent, BACK) != Class::Calm;
        let just_healed = class == Class::Calm && (heals(op.node) || heals(at));
        let delay = self.delays.entry(if just_healed { "just healed" } else { class.word() }).or_default();
        if op.said != Said::Good {
            delay.refused += u64::from(matches!(op.said, Said::Refused(..)));
            return;
        }
        let after = op.sent - confirmed;
        delay.accepted += 1;
        delay.most = delay.most.max(after);
        let promised = match class {
            Class::Cut => CUT,
            Class::Silent => SILENT,
            Class::Calm | Class::Killed => CALM,
        };
        if revoked && at == op.node {
            self.say("accepted after its take-back by the node that had confirmed it", op);
        } else if after > promised + MARGIN + self.stalled(confirmed, op.sent) {
            self.say("accepted longer after its take-back than was promised", op);
        }
    }

    /// The worst that may have kept a node from hearing of something before it was asked.
    fn class(&self, node: u8, from: Micros, to: Micros, recovery: Micros) -> Class {
        let touches = |fault: &&crate::history::Fault| {
            fault.nodes >> node & 1 == 1 && fault.from < to && fault.to.is_none_or(|ended| ended + recovery > from)
        };
        self.history.faults.iter().filter(touches).map(|fault| fault.class).max().unwrap_or(Class::Calm)
    }

    fn stalled(&self, from: Micros, to: Micros) -> Micros {
        let touches = |(at, long): &&(Micros, Micros)| *at < to && at + long > from;
        self.history.stalls.iter().filter(touches).map(|(_, long)| long).sum()
    }

    /// How long a new pair took where nothing was wrong.
    fn calm_refreshes(&self) -> Value {
        let moved = self.history.ops.iter().filter(|op| matches!(op.said, Said::Moved(_)));
        let calm = moved.filter(|op| self.class(op.node, op.sent, op.answered, BACK) == Class::Calm);
        let mut micros: Vec<u32> = calm.map(|op| u32::try_from(op.answered - op.sent).unwrap_or(u32::MAX)).collect();
        micros.sort_unstable();
        let at = |share: f64| f64::from(quantile(&micros, share)) / 1e3;
        json!({"count": micros.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": at(1.0)})
    }

    fn figures(&self, families: usize, ended: u64) -> Value {
        let mut asked: BTreeMap<String, u64> = BTreeMap::new();
        let mut refused: BTreeMap<String, u64> = BTreeMap::new();
        for op in &self.history.ops {
            let what = match op.what {
                What::Refresh { key: 0, .. } => "refresh",
                What::Refresh { .. } => "refresh with a key",
                What::Check { .. } => "check",
                What::Revoke => "revoke",
                What::Disconnect => "disconnect",
            };
            *asked.entry(what.to_owned()).or_default() += 1;
            let why = match &op.said {
                Said::Moved(_) | Said::Good => continue,
                Said::Refused(status, word) | Said::Strange(status, word) => format!("{what}: {status} {word}"),
                Said::Later(_) => format!("{what}: 503"),
                Said::Nothing => format!("{what}: no answer"),
            };
            *refused.entry(why).or_default() += 1;
        }
        let mut faults: BTreeMap<&str, u64> = BTreeMap::new();
        self.history.faults.iter().for_each(|fault| *faults.entry(fault.class.word()).or_default() += 1);
        let delay = |(class, delay): (&&str, &Delay)| {
            let most = delay.most as f64 / 1e3;
            ((*class).to_owned(), json!({"most_ms": most, "accepted": delay.accepted, "refused": delay.refused}))
        };
        let stalls = self.history.stalls.iter().map(|(_, long)| long / MILLI).max().unwrap_or(0);
        let calm = self.calm_refreshes();
        json!({"calm_refreshes": calm, "families": families, "ended": ended, "asked": asked, "not_done": refused, "faults": faults,
            "delays": self.delays.iter().map(delay).collect::<Map<_, _>>(), "longest_stall_ms": stalls,
            "wrong": self.wrong.iter().map(|(what, (count, shown))| json!([what, count, shown])).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Fault;

    const SECOND: Micros = 1_000_000;

    fn op(node: u8, what: What, sent: Micros, said: Said) -> Op {
        Op { family: 0, node, what, sent, answered: sent + MILLI, said }
    }

    fn call(node: u8, sent: Micros, said: Said) -> Op {
        op(node, What::Check { generation: 0 }, sent, said)
    }

    fn no() -> Said {
        Said::Refused(401, "invalid_token".into())
    }

    fn wrong(ops: &[Op], faults: &[Fault]) -> Vec<String> {
        let history = History { ops: ops.to_vec(), faults: faults.to_vec(), first: vec![0], ..History::default() };
        let said = check(&history);
        let kinds = said["wrong"].as_array().unwrap().iter();
        kinds.map(|kind| kind[0].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn acceptance_after_a_take_back_has_bounds() {
        let revoke = op(0, What::Revoke, 0, Said::Good);
        let accepted = |node, at| [revoke.clone(), call(node, at, Said::Good)];
        let cut = |nodes| [Fault { class: Class::Cut, nodes, from: 0, to: Some(SECOND) }];
        assert!(wrong(&accepted(1, 200 * MILLI), &[]).is_empty());
        assert_eq!(wrong(&accepted(1, SECOND), &[]), ["accepted longer after its take-back than was promised"]);
        assert!(wrong(&accepted(1, 5 * SECOND), &cut(0b010)).is_empty());
        assert_eq!(wrong(&accepted(1, 5 * SECOND), &cut(0b001)).len(), 1);
        assert_eq!(wrong(&accepted(1, 6 * SECOND), &cut(0b010)).len(), 1);
        assert_eq!(
            wrong(&accepted(0, 100 * MILLI), &[]),
            ["accepted after its take-back by the node that had confirmed it"]
        );
    }

    #[test]
    fn a_401_wants_a_take_back() {
        assert_eq!(wrong(&[call(0, 0, no())], &[]), ["a false 401"]);
        assert!(wrong(&[op(0, What::Revoke, 0, Said::Nothing), call(1, SECOND, no())], &[]).is_empty());
        assert_eq!(wrong(&[call(1, 0, no()), op(0, What::Revoke, SECOND, Said::Good)], &[]), ["a false 401"]);
    }

    #[test]
    fn who_is_sent_away_is_told_for_how_long() {
        assert_eq!(wrong(&[call(0, 0, Said::Later(false))], &[]), ["503 without Retry-After"]);
        assert_eq!(wrong(&[call(0, 0, Said::Strange(500, String::new()))], &[]).len(), 1);
        assert!(wrong(&[call(0, 0, Said::Later(true))], &[]).is_empty());
    }
}
