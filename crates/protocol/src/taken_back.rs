//! The taken-back set: what was cut or switched off and could still matter, held in memory by every node (DESIGN, idea 2).
//! It follows the feed, entry by entry, without gaps.

use crate::numbered::Numbered;
use crate::records::{Cuts, FeedEntry};
use crate::time::Seconds;
use crate::{Position, Subject, UnixTime};

/// The set, as far as this node has read the feed.
#[derive(Clone, Debug, Default)]
pub struct TakenBack {
    head: Position,
    cuts: Numbered<Subject, Cuts>,
}

/// An entry that does not follow the last one: the node must read the feed again from `head` before it may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where the set stands.
    pub head: Position,
    /// What came.
    pub got: Position,
}

/// What the set says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against it.
    Live,
    /// A subject was cut after it was issued.
    Cut(Subject),
    /// A subject stands switched off.
    Off(Subject),
}

impl TakenBack {
    /// The set at start: the switches and cuts that could matter, and the feed's head they were read at.
    pub fn new(head: Position, cuts: impl IntoIterator<Item = (Subject, Cuts)>) -> Self {
        Self { head, cuts: cuts.into_iter().collect() }
    }

    /// How far the feed was read.
    pub fn head(&self) -> Position {
        self.head
    }

    /// What stands against a subject, as far as it was not forgotten.
    pub fn cuts(&self, subject: Subject) -> Cuts {
        self.cuts.get(&subject).copied().unwrap_or_default()
    }

    /// How many subjects it holds.
    pub fn len(&self) -> usize {
        self.cuts.len()
    }

    /// Whether nothing is taken back.
    pub fn is_empty(&self) -> bool {
        self.cuts.is_empty()
    }

    /// Takes one entry in. Entries already seen are ignored: two readers may deliver the same one.
    pub fn absorb(&mut self, entry: &FeedEntry) -> Result<(), Gap> {
        if entry.position <= self.head {
            return Ok(());
        }
        if entry.position != self.head.next() {
            return Err(Gap { head: self.head, got: entry.position });
        }
        self.head = entry.position;
        let cuts = self.cuts.entry(entry.subject).or_default();
        *cuts = cuts.after(entry.event, entry.position);
        if *cuts == Cuts::default() {
            self.cuts.remove(&entry.subject);
        }
        Ok(())
    }

    /// May an *access* token issued at `as_of` and naming these subjects still be honoured (TOKENS 2)?
    pub fn access(&self, as_of: Position, subjects: impl IntoIterator<Item = Subject>) -> Verdict {
        self.judge(subjects, |cuts| as_of < cuts.access.max(cuts.all))
    }

    /// May a *refresh token or code* issued at `as_of` still be honoured? The authoritative store is asked as well.
    pub fn refresh(&self, as_of: Position, subjects: impl IntoIterator<Item = Subject>) -> Verdict {
        self.judge(subjects, |cuts| as_of < cuts.all)
    }

    fn judge(&self, subjects: impl IntoIterator<Item = Subject>, dead: impl Fn(&Cuts) -> bool) -> Verdict {
        if self.cuts.is_empty() {
            return Verdict::Live;
        }
        let mut off = Verdict::Live;
        for subject in subjects {
            match self.cuts.get(&subject) {
                Some(cuts) if dead(cuts) => return Verdict::Cut(subject),
                Some(cuts) if cuts.off => off = Verdict::Off(subject),
                _ => {}
            }
        }
        off
    }

    /// Whether this subject stands switched off.
    pub fn is_off(&self, subject: Subject) -> bool {
        self.cuts.get(&subject).is_some_and(|cuts| cuts.off)
    }

    /// Forgets cuts at or before `position` whose subject is not switched off: called when every token from before it has
    /// expired (TOKENS 6).
    pub fn forget(&mut self, position: Position) {
        self.cuts.retain(|_, cuts| cuts.off || cuts.access.max(cuts.all) > position);
    }
}

/// Whether an entry written at `at` may leave the feed and the set: every access token sealed before it, of the longest
/// life ever used, has expired, skew included (TOKENS 6).
pub fn may_leave(at: UnixTime, longest_access_life: Seconds, now: UnixTime) -> bool {
    now > at + longest_access_life + PERMITTED_SKEW
}

/// How far node clocks may stand apart (TOKENS 6).
pub const PERMITTED_SKEW: Seconds = Seconds(5);
