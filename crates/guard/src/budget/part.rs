//! A budget that several nodes keep together: what is known to be used of it, and how much of the rest is this node's to give
//! out until it hears more. What the nodes tell each other, and when, is none of its business.
//!
//! Between two hearings a node gives out its *part* of what is left and of what flows in: each of its calls costs `1 / part`
//! calls of its own view. With each hearing the view is set to what all nodes together used. The parts are in proportion to what
//! is asked of each node; they add up to one budget, and what they miss by is a debt that all pay in the next seconds.
//!
//! What others say is believed within limits, since somebody who holds the edges' key may say anything: a debt reaches no further
//! than [`FURTHEST`] beyond a whole budget, and half of the documented rate is the nodes' own, evenly, whatever is said.

use causeway_protocol::cluster::NodeId;

use super::{ADVANCE, Cell, Left, MAX_BUDGETS, Rate, SECOND, Spent, left, seconds};

/// No more nodes are told apart, and of a node's own edges as many.
const MOST_NODES: usize = 64;
/// What is asked of a node is averaged over about so long.
const SMOOTH: f64 = 0.5;
/// Until so many hearings have passed, everybody's part is the same: what others counted is not known yet.
const YOUNG: u8 = 3;
/// Whoever is asked for less than this, compared with another node, is a newcomer: its part is that of one more node.
const NEWCOMER: f64 = 0.05;
/// What is asked is known roughly, and later: parts add up to so much of the whole, lest some of it be nobody's.
const SURPLUS: f64 = 1.2;
/// However much others say that they used, a budget is its whole period and so long from being whole again, no longer: what nodes
/// that have not heard of each other may give out too much.
const FURTHEST: u64 = ADVANCE;
/// Nobody is believed to be asked for more than so many times the documented rate.
const MOST_ASKED: f64 = 32.0;
/// Parts are kept as their inverse, in this fraction; none is smaller than a 64th.
const WHOLE: u64 = 256;

/// Calls that were let through, and that were refused: running numbers that wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u32,
    pub(super) refused: u32,
}

impl Tally {
    pub(super) fn since(self, before: Tally) -> Tally {
        let (passed, refused) = (self.passed.wrapping_sub(before.passed), self.refused.wrapping_sub(before.refused));
        Tally { passed, refused }
    }

    pub(super) fn plus(self, more: Tally) -> Tally {
        let (passed, refused) = (self.passed.wrapping_add(more.passed), self.refused.wrapping_add(more.refused));
        Tally { passed, refused }
    }

    /// How much was asked for.
    fn asked(self) -> f64 {
        f64::from(self.passed) + f64::from(self.refused)
    }
}

/// See the module.
pub(super) struct Part {
    /// When each budget is whole again, as far as anybody's calls are known here.
    all: Cell,
    /// The same as this node may go by.
    mine: Cell,
    /// How many calls one call costs in `mine`, in 256ths.
    slow: u64,
    /// What flowed into whole budgets and was lost since the last hearing: what others turn out to have used comes off it.
    spilled: Cell,
    settled_at: u64,
    /// Hearings until parts count.
    young: u8,
    /// How far beyond a whole budget a newcomer may go: traffic that has just moved here finds used what it used elsewhere.
    slack: u64,
    /// When a call passed here last, …
    passed_at: Option<u64>,
    /// … and the nodes that share out evenly what edges cannot take; 0: this is no node.
    keepers: u64,
    own: Tally,
    /// `own` at the last hearing.
    heard: Tally,
    /// Calls a second that are asked of this node.
    demand: f64,
    others: Vec<Other>,
    /// What edges used that are gone, and not told apart any more.
    left: Tally,
    /// What was published last, and before that, and where the published numbers began.
    told: Tally,
    told_before: Tally,
    base: Tally,
}

/// Another node, as far as this budget goes.
struct Other {
    node: NodeId,
    /// Whether it is an edge that others hear of through this node.
    relayed: bool,
    total: Tally,
    /// Asked of it since it was heard last.
    asked: f64,
    demand: f64,
    is_gone: bool,
}

/// A hearing: who said something, about how long a time; who is there at all.
pub(super) struct Hearing<'a> {
    pub(super) news: &'a [(NodeId, u64)],
    pub(super) alive: &'a dyn Fn(NodeId) -> bool,
    /// Since the last one.
    pub(super) span: u64,
    pub(super) nodes: u64,
    /// See [`Part`].
    pub(super) keepers: u64,
    pub(super) now: u64,
}

impl Part {
    /// From a customer's own cell: `nodes` times what was used here lies in it.
    pub(super) fn new(cell: &Cell, rules: &[Rate], (nodes, keepers): (u64, u64), now: u64) -> Self {
        let used = cell.map(|whole_at| whole_at.saturating_sub(now) / nodes);
        let passed = rules.iter().zip(used).map(|(rate, used)| used / rate.cost).max().unwrap_or_default();
        let own = Tally { passed: u32::try_from(passed).unwrap_or(u32::MAX), refused: 0 };
        Self {
            all: used.map(|used| now + used),
            mine: *cell,
            slow: WHOLE * nodes,
            spilled: Cell::default(),
            settled_at: now,
            young: YOUNG,
            slack: 0,
            passed_at: None,
            keepers,
            own,
            heard: Tally::default(),
            demand: 0.0,
            others: Vec::new(),
            left: Tally::default(),
            told: Tally::default(),
            told_before: Tally::default(),
            base: Tally::default(),
        }
    }

    /// See [`super::Budgets::take`].
    pub(super) fn take(&mut self, rules: &[Rate], nodes: u64, now: u64) -> Result<Option<Left>, Spent> {
        let mut wait = 0;
        for (rate, at) in rules.iter().zip(&self.mine) {
            let height = if self.young > 0 { rate.height(nodes) } else { rate.ahead.saturating_add(self.slack) };
            let due = (*at).max(now).saturating_add(rate.cost);
            let wait_for_mine = due.saturating_sub(now).saturating_sub(height);
            wait = wait.max(wait_for_mine.min(self.wait_for_kept(rate, now)));
        }
        if wait > 0 {
            self.own.refused = self.own.refused.wrapping_add(1);
            let left = left(rules, &self.all, now).map(|left| Left { remaining: 0, ..left });
            return Err(Spent { wait: seconds(wait), left });
        }
        self.own.passed = self.own.passed.wrapping_add(1);
        self.passed_at = Some(now);
        for (at, rate) in rules.iter().enumerate() {
            self.mine[at] = self.mine[at].max(now).saturating_add(rate.cost.saturating_mul(self.slow) / WHOLE);
            self.flow(at, now);
            self.all[at] = self.all[at].saturating_add(rate.cost);
        }
        Ok(left(rules, &self.all, now))
    }

    /// How long until a call passes whatever others say: when none has passed here for the time of two calls of each node.
    fn wait_for_kept(&self, rate: &Rate, now: u64) -> u64 {
        if self.keepers == 0 {
            return u64::MAX;
        }
        let every = rate.cost.saturating_mul(2 * self.keepers);
        self.passed_at.map_or(0, |at| at.saturating_add(every).saturating_sub(now))
    }

    /// What flows into a whole budget is lost: remembered until the next hearing.
    fn flow(&mut self, at: usize, now: u64) {
        if self.all[at] < now {
            self.spilled[at] += now - self.all[at].max(self.settled_at.min(now));
            self.all[at] = now;
        }
    }

    /// Another node used so much more, within about the last `span` nanoseconds.
    pub(super) fn charge(&mut self, of: (NodeId, bool), mut more: Tally, span: u64, rules: &[Rate], now: u64) {
        let (node, relayed) = of;
        (0..rules.len()).for_each(|at| self.flow(at, now));
        if relayed {
            // What cannot be true is not told on.
            more.passed = more.passed.min(self.credible(rules, now));
        }
        match self.other(node, relayed) {
            Some(other) => {
                other.total = other.total.plus(more);
                other.asked += more.asked();
                other.is_gone = false;
            }
            // An edge that cannot be told apart would be told its own calls as somebody else's.
            None if relayed => return,
            None => {}
        }
        for (at, rate) in rules.iter().enumerate() {
            // No node lets more pass than a whole budget and what flows in: more is an old sum, which a short budget has
            // forgotten long ago.
            let debt = rate.cost.saturating_mul(more.passed.into()).min(rate.ahead.saturating_add(span));
            let found = debt.min(self.spilled[at]);
            self.spilled[at] -= found;
            self.all[at] = self.all[at].saturating_add((debt - found).min(self.room(at, rate, now)));
        }
    }

    /// How much further a debt reaches.
    fn room(&self, at: usize, rate: &Rate, now: u64) -> u64 {
        now.saturating_add(rate.ahead).saturating_add(FURTHEST).saturating_sub(self.all[at])
    }

    /// How many calls more can have passed anywhere.
    fn credible(&self, rules: &[Rate], now: u64) -> u32 {
        let calls = |(at, rate)| (self.room(at, rate, now).saturating_add(self.spilled[at])) / rate.cost;
        let calls = rules.iter().enumerate().map(calls).min().unwrap_or_default();
        u32::try_from(calls).unwrap_or(u32::MAX)
    }

    /// What is kept of this node; `None`: there is no room for one more. Edges get new numbers when they start: one that is gone
    /// makes room for one that came.
    fn other(&mut self, node: NodeId, relayed: bool) -> Option<&mut Other> {
        if let Some(at) = self.others.iter().position(|other| other.node == node) {
            return self.others.get_mut(at);
        }
        if self.others.iter().filter(|other| other.relayed == relayed).count() >= MOST_NODES {
            let gone = self.others.iter().position(|other| relayed && other.relayed && other.is_gone)?;
            self.left = self.left.plus(self.others.swap_remove(gone).total);
        }
        self.others.push(Other { node, relayed, total: Tally::default(), asked: 0.0, demand: 0.0, is_gone: false });
        self.others.last_mut()
    }

    /// Everything known was charged: sets this node's part anew. False where the nodes need not count together any more.
    pub(super) fn settle(&mut self, hearing: &Hearing<'_>, rules: &[Rate]) -> bool {
        let Hearing { span, nodes, keepers, now, .. } = *hearing;
        self.keepers = keepers;
        let most = MOST_ASKED * rules.iter().map(|rate| SECOND as f64 / rate.cost as f64).fold(0.0, f64::max);
        self.demand = towards(self.demand, self.own.since(self.heard).asked(), span);
        self.heard = self.own;
        self.spilled = Cell::default();
        self.settled_at = now;
        for other in &mut self.others {
            if let Some((_, span)) = hearing.news.iter().find(|(node, _)| *node == other.node) {
                let asked = std::mem::take(&mut other.asked).min(most * *span as f64 / SECOND as f64);
                other.demand = towards(other.demand, asked, *span);
            } else if !(hearing.alive)(other.node) {
                other.demand = 0.0;
                other.is_gone = true;
            }
        }
        let part = self.part(span);
        self.young = self.young.saturating_sub(1);
        if self.young == 0 {
            self.slow = ((WHOLE as f64) / part) as u64;
            self.mine = self.all;
        } else {
            self.slow = WHOLE * nodes;
            self.mine = std::array::from_fn::<u64, MAX_BUDGETS, _>(|at| self.mine[at].max(self.all[at]));
        }
        !self.is_over(rules, nodes, now)
    }

    /// In proportion to what is asked of each node; a newcomer's is that of one more node.
    fn part(&mut self, span: u64) -> f64 {
        let others: f64 = self.others.iter().map(|other| other.demand).sum();
        let busy = self.others.iter().filter(|other| other.demand > NEWCOMER * others).count().max(1) as f64;
        let newcomer = others > f64::EPSILON && self.demand < NEWCOMER * others / busy;
        self.slack = if newcomer { span } else { 0 };
        let part = match () {
            () if others <= f64::EPSILON => 1.0,
            () if newcomer => 1.0 / (busy + 1.0),
            () => SURPLUS * self.demand / (self.demand + others),
        };
        part.clamp(1.0 / 64.0, 1.0)
    }

    /// Whether the budgets are nearly whole, and so little is asked for that no node alone would call it news.
    fn is_over(&self, rules: &[Rate], nodes: u64, now: u64) -> bool {
        let demand: f64 = self.demand + self.others.iter().map(|other| other.demand).sum::<f64>();
        self.young == 0
            && rules.iter().zip(&self.all).all(|(rate, whole_at)| {
                let rate_a_second = SECOND as f64 / rate.cost as f64;
                whole_at.saturating_sub(now) <= rate.ahead / 8 && demand < rate_a_second / (2 * nodes) as f64
            })
    }

    /// The budgets as a node alone counts them.
    /// A debt beyond whole budgets is forgiven: it was others'.
    pub(super) fn cell(&self, rules: &[Rate], now: u64) -> Cell {
        let mut cell = self.all;
        for (whole_at, rate) in cell.iter_mut().zip(rules) {
            *whole_at = (*whole_at).min(now.saturating_add(rate.ahead));
        }
        cell
    }

    /// What others are told: this node's own calls, and those of its edges. `None`: there were none.
    pub(super) fn publish(&mut self) -> Option<(Tally, f64)> {
        let relayed = self.others.iter().filter(|other| other.relayed);
        let total = relayed.fold(self.own.plus(self.left), |sum, other| sum.plus(other.total));
        let fresh = total.since(self.told).asked();
        let tally = total.since(self.base);
        (self.told_before, self.told) = (self.told, total);
        (tally != Tally::default()).then_some((tally, fresh))
    }

    /// What was to be published had no room. The numbers begin anew where the others know them.
    pub(super) fn unpublish(&mut self) {
        self.told = self.told_before;
        self.base = self.told;
    }

    /// What everybody but this node used, this node's own included: for an edge.
    pub(super) fn but(&self, edge: NodeId) -> Tally {
        let others = self.others.iter().filter(|other| other.node != edge);
        others.fold(self.own.plus(self.left), |sum, other| sum.plus(other.total))
    }
}

/// An average that follows what was `asked` in `span` nanoseconds; calls a second.
fn towards(average: f64, asked: f64, span: u64) -> f64 {
    let seconds = (span as f64 / SECOND as f64).max(0.001);
    average + (asked / seconds - average) * (1.0 - (-seconds / SMOOTH).exp())
}
