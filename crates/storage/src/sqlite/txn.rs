//! One change inside a transaction: what it may do besides touching its own rows, which is to take back and to leave an
//! audit row. No statement of a particular table's rows but `meta`, `cuts`, `feed` and `audit`.

use causeway_protocol::change::{Applied, Outcome, Row};
use causeway_protocol::records::{Act, Cuts, FeedEntry, FeedEvent};
use causeway_protocol::{Position, Subject, UnixTime};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows;
use crate::audit;

/// The row of `meta` that moves: the feed's head and the end of the audit chain. The writer holds it; a batch writes it
/// once, before it commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) position: Position,
    pub(super) audit_rows: i64,
    pub(super) audit_hash: audit::Hash,
}

impl Head {
    pub(super) fn load(db: &Connection) -> rusqlite::Result<Head> {
        db.prepare_cached("SELECT position, audit_rows, audit_hash FROM meta")?.query_one([], |row| {
            Ok(Head { position: Position(row.get(0)?), audit_rows: row.get(1)?, audit_hash: row.get(2)? })
        })
    }

    pub(super) fn save(&self, db: &Connection) -> rusqlite::Result<()> {
        db.prepare_cached("UPDATE meta SET position = ?1, audit_rows = ?2, audit_hash = ?3")?.execute(params![
            self.position.0,
            self.audit_rows,
            self.audit_hash
        ])?;
        Ok(())
    }
}

/// A change under way.
pub(super) struct Txn<'a> {
    pub(super) db: &'a Connection,
    head: &'a mut Head,
    feed: Vec<FeedEntry>,
}

impl<'a> Txn<'a> {
    pub(super) fn new(db: &'a Connection, head: &'a mut Head) -> Self {
        Self { db, head, feed: Vec::new() }
    }

    /// The feed's head, own entries included.
    pub(super) fn position(&self) -> Position {
        self.head.position
    }

    /// Writes one entry to the feed and, unless nothing is taken back, into the subject's cuts.
    pub(super) fn take_back(&mut self, subject: Subject, event: FeedEvent, at: UnixTime) -> rusqlite::Result<()> {
        let entry = FeedEntry { position: self.head.position.next(), at, subject, event };
        self.db
            .prepare_cached("INSERT INTO feed (position, at, kind, id, event) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![entry.position.0, at.0, subject.kind as i64, subject.id, event as i64])?;
        if event != FeedEvent::Changed {
            let cuts = self.cuts(subject)?.after(event, entry.position);
            self.db
                .prepare_cached("REPLACE INTO cuts (kind, id, cut_access, cut_all, off) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![subject.kind as i64, subject.id, cuts.access.0, cuts.all.0, cuts.off])?;
        }
        self.head.position = entry.position;
        self.feed.push(entry);
        Ok(())
    }

    /// How a subject stands.
    pub(super) fn cuts(&self, subject: Subject) -> rusqlite::Result<Cuts> {
        let cuts = self
            .db
            .prepare_cached("SELECT cut_access, cut_all, off FROM cuts WHERE kind = ?1 AND id = ?2")?
            .query_row(params![subject.kind as i64, subject.id], |row| rows::cuts(row, 0))
            .optional()?;
        Ok(cuts.unwrap_or_default())
    }

    /// Whether a subject stands switched off.
    pub(super) fn is_off(&self, subject: impl Into<Subject>) -> rusqlite::Result<bool> {
        Ok(self.cuts(subject.into())?.off)
    }

    /// Chains one more row to the audit trail.
    pub(super) fn audit(&mut self, act: &Act) -> rusqlite::Result<()> {
        let line = audit::Line::of(self.head.audit_rows + 1, act);
        let hash = line.chained_to(&self.head.audit_hash);
        self.db
            .prepare_cached(
                "INSERT INTO audit (number, at, actor, verb, subject_kind, subject_id, detail, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                line.number,
                line.at,
                line.actor,
                line.verb,
                line.subject.map(|s| s.0),
                line.subject.map(|s| s.1),
                line.detail,
                hash
            ])?;
        self.head.audit_rows = line.number;
        self.head.audit_hash = hash;
        Ok(())
    }

    /// The end of a change that was applied.
    pub(super) fn applied(self, row: Row) -> rusqlite::Result<Outcome> {
        Ok(Outcome::Applied(Applied { position: self.head.position, feed: self.feed, row }))
    }
}
