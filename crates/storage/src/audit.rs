//! The audit trail's chain: each row's hash covers the row and the hash before it, so that no row can be changed, left
//! out or added in the middle unseen. How rows are kept is the engines' business.

use aws_lc_rs::digest;
use causeway_protocol::records::Act;

/// SHA-256.
pub(crate) type Hash = [u8; 32];

/// What the first row is chained to.
pub(crate) const START: Hash = [0; 32];

/// No detail is longer than this many characters.
const DETAIL_MAX: usize = 200;

/// One row, as it is stored and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// 1 for the first.
    pub(crate) number: i64,
    pub(crate) at: i64,
    pub(crate) actor: String,
    pub(crate) verb: String,
    /// Kind and number.
    pub(crate) subject: Option<(i64, i64)>,
    pub(crate) detail: String,
}

impl Line {
    pub(crate) fn of(number: i64, act: &Act) -> Line {
        Line {
            number,
            at: act.at.0,
            actor: act.actor.clone(),
            verb: act.verb.to_owned(),
            subject: act.subject.map(|subject| (subject.kind as i64, subject.id)),
            detail: act.detail.chars().take(DETAIL_MAX).collect(),
        }
    }

    /// What of the row is text, as it is hashed: behind the four numbers.
    pub(crate) fn texts(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in [&self.actor, &self.verb, &self.detail] {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// The hash of this row behind the one with `previous`. Texts go in with their length, so that nothing can move from
    /// one column into the next.
    pub(crate) fn chained_to(&self, previous: &Hash) -> Hash {
        let mut sum = digest::Context::new(&digest::SHA256);
        sum.update(previous);
        let (kind, id) = self.subject.unwrap_or((0, 0));
        for number in [self.number, self.at, kind, id] {
            sum.update(&number.to_be_bytes());
        }
        sum.update(&self.texts());
        let mut hash = START;
        hash.copy_from_slice(sum.finish().as_ref());
        hash
    }
}

/// Follows a chain row by row.
pub(crate) struct Check {
    number: i64,
    hash: Hash,
}

impl Check {
    pub(crate) fn new() -> Self {
        Check { number: 0, hash: START }
    }

    /// The next row and the hash stored with it.
    pub(crate) fn follow(&mut self, line: &Line, stored: &[u8]) -> Result<(), String> {
        if line.number != self.number + 1 {
            return Err(format!("row {} is missing", self.number + 1));
        }
        let hash = line.chained_to(&self.hash);
        if hash != *stored {
            return Err(format!("row {} was changed", line.number));
        }
        (self.number, self.hash) = (line.number, hash);
        Ok(())
    }

    /// The end of the chain as it is remembered apart from its rows; answers their number.
    pub(crate) fn ends_at(&self, rows: i64, hash: &Hash) -> Result<u64, String> {
        if (rows, hash) != (self.number, &self.hash) {
            return Err(format!("{rows} rows were written, and the chain ends at row {}", self.number));
        }
        Ok(self.number.unsigned_abs())
    }
}
