//! The model's sweep: the same slices as every other engine's, found the slow way.

use std::ops::Bound;

use causeway_protocol::change::Sweep;
use causeway_protocol::records::{Family, FeedEntry, Session};
use causeway_protocol::taken_back::may_leave;
use causeway_protocol::{FamilyId, UnixTime};

use super::State;
use crate::rules;

impl State {
    pub(super) fn sweep(&mut self, sweep: &Sweep) {
        let limit = sweep.limit as usize;
        self.sweep_sessions(limit, |session| session.seen_at, sweep.now - sweep.session_idle);
        self.sweep_sessions(limit, |session| session.created_at, sweep.now - sweep.session_absolute);
        let mut decided: Vec<_> = self.decisions.values().filter(|one| one.expires_at < sweep.now).copied().collect();
        decided.sort_by_key(|one| (one.expires_at, one.transaction));
        for gone in decided.iter().take(limit) {
            self.decisions.remove(&gone.transaction);
        }
        let mut spent: Vec<_> = self.spent.iter().map(|(digest, at)| (*at, *digest)).collect();
        for digest in oldest_before(&mut spent, sweep.now, limit) {
            self.spent.remove(&digest);
        }
        let mut temporaries: Vec<_> = self.temporaries.values().map(|one| (one.expires_at, one.digest)).collect();
        for digest in oldest_before(&mut temporaries, sweep.now, limit) {
            self.temporaries.remove(&digest);
        }
        let mut uses: Vec<_> = self.legacy_use.keys().map(|key| (key.1, key.clone())).collect();
        for key in oldest_before(&mut uses, rules::first_legacy_day(sweep.now), limit) {
            self.legacy_use.remove(&key);
        }
        self.sweep_families(sweep, limit);
        let leaves = |at: UnixTime| may_leave(at, self.longest_access_life, sweep.now);
        let leaving: Vec<_> = self.feed().into_iter().take(limit).take_while(|entry| leaves(entry.at)).collect();
        if let Some(last) = leaving.last() {
            let gone = |entry: &FeedEntry| entry.position <= last.position || self.replaced.contains(&entry.position);
            self.left = self.history.iter().take_while(|entry| gone(entry)).count();
        }
    }

    fn sweep_sessions(&mut self, limit: usize, age: impl Fn(&Session) -> UnixTime, before: UnixTime) {
        let mut over: Vec<_> =
            self.sessions.values().map(|one| (age(one), one.digest)).filter(|(at, _)| *at < before).collect();
        over.sort_unstable();
        for (_, digest) in over.into_iter().take(limit) {
            self.sessions.remove(&digest);
        }
    }

    fn sweep_families(&mut self, sweep: &Sweep, limit: usize) {
        let look = limit * rules::FAMILIES_LOOKED_AT as usize;
        let ended = |one: &Family| sweep.now >= one.ends_at || sweep.now >= one.moved_at + sweep.refresh_idle;
        let from = self.swept_to.map_or(Bound::Unbounded, Bound::Excluded);
        let seen: Vec<(FamilyId, bool)> =
            self.families.range((from, Bound::Unbounded)).take(look).map(|(id, one)| (*id, ended(one))).collect();
        let (mut last, mut deleted) = (None, 0);
        for (id, ended) in &seen {
            if *ended && deleted == limit {
                self.swept_to = last;
                return;
            }
            if *ended {
                self.families.remove(id);
                deleted += 1;
            }
            last = Some(*id);
        }
        self.swept_to = last.filter(|_| seen.len() == look);
    }
}

/// The keys of the first few that are older than this.
fn oldest_before<A: Copy + Ord, K: Clone + Ord>(among: &mut [(A, K)], before: A, limit: usize) -> Vec<K> {
    among.sort_unstable();
    among.iter().take_while(|(age, _)| *age < before).take(limit).map(|(_, key)| key.clone()).collect()
}
