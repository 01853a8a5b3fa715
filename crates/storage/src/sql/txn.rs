//! One change inside a transaction: what it may do besides touching its own rows, which is to take back and to leave an
//! audit row. No statement of a particular table's rows but `meta`, `cuts`, `feed` and `audit`.

use causeway_protocol::change::{Applied, Outcome, Row};
use causeway_protocol::records::{Act, Cuts, FeedEntry, FeedEvent};
use causeway_protocol::{Position, Subject, UnixTime};

use super::db::{self, Db, Sql, values};
use super::rows;
use crate::audit;

/// The row of `meta` that moves: the feed's head and the end of the audit chain. The writer holds it; a batch writes it
/// once, before it commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) position: Position,
    pub(crate) audit_rows: i64,
    pub(crate) audit_hash: audit::Hash,
}

impl Head {
    const LOAD: &str = "SELECT position, audit_rows, audit_hash FROM meta WHERE one = 1";
    /// As [`Head::load`], held until the transaction ends, where writers of several processes meet: all their changes are in one
    /// order.
    pub(crate) const LOCK: &str = "SELECT position, audit_rows, audit_hash FROM meta WHERE one = 1 FOR UPDATE";

    /// As it stands in this snapshot.
    pub(crate) async fn load<D: Db>(db: &mut D) -> Sql<Head> {
        Head::of(&db.one(Head::LOAD, &[]).await?)
    }

    /// From a row of [`Head::LOCK`].
    pub(crate) fn of<R: db::Row>(row: &R) -> Sql<Head> {
        Ok(Head { position: Position(row.int(0)?), audit_rows: row.int(1)?, audit_hash: row.bytes(2)? })
    }

    /// Before the commit of whatever moved it.
    pub(crate) async fn save<D: Db>(&self, db: &mut D) -> Sql<()> {
        db.write(
            "UPDATE meta SET position = ?1, audit_rows = ?2, audit_hash = ?3 WHERE one = 1",
            &values![self.position.0, self.audit_rows, &self.audit_hash],
        )
        .await
    }
}

const CUTS: &str = "SELECT cut_access, cut_all, off FROM cuts WHERE kind = ?1 AND id = ?2";

/// How subjects stand, in their order.
pub(super) async fn cuts<D: Db, const N: usize>(db: &mut D, subjects: [Subject; N]) -> Sql<[Cuts; N]> {
    let found = db.row_each(CUTS, &subjects.map(|subject| values![subject.kind as i64, subject.id])).await?;
    let mut cuts = [Cuts::default(); N];
    for (cuts, row) in cuts.iter_mut().zip(found) {
        if let Some(row) = row {
            *cuts = rows::cuts(&row, 0)?;
        }
    }
    Ok(cuts)
}

/// A change under way.
pub(crate) struct Txn<'a, D> {
    pub(super) db: &'a mut D,
    head: &'a mut Head,
    feed: Vec<FeedEntry>,
}

impl<'a, D: Db> Txn<'a, D> {
    pub(super) fn new(db: &'a mut D, head: &'a mut Head) -> Self {
        Self { db, head, feed: Vec::new() }
    }

    /// The feed's head, own entries included.
    pub(super) fn position(&self) -> Position {
        self.head.position
    }

    /// Writes one entry to the feed and, unless nothing is taken back, into the subject's cuts.
    pub(super) async fn take_back(&mut self, subject: Subject, event: FeedEvent, at: UnixTime) -> Sql<()> {
        let entry = FeedEntry { position: self.head.position.next(), at, subject, event };
        self.db
            .write(
                "INSERT INTO feed (position, at, kind, id, event) VALUES (?1, ?2, ?3, ?4, ?5)",
                &values![entry.position.0, at.0, subject.kind as i64, subject.id, event as i64],
            )
            .await?;
        if event != FeedEvent::Changed {
            let [cuts] = cuts(self.db, [subject]).await?;
            let cuts = cuts.after(event, entry.position);
            self.db
                .write(
                    "INSERT INTO cuts (kind, id, cut_access, cut_all, off) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (kind, id) DO UPDATE
                        SET cut_access = excluded.cut_access, cut_all = excluded.cut_all, off = excluded.off",
                    &values![subject.kind as i64, subject.id, cuts.access.0, cuts.all.0, cuts.off],
                )
                .await?;
        }
        self.head.position = entry.position;
        self.feed.push(entry);
        Ok(())
    }

    /// The same for a subject that is cut so often that only its last cut may stand in the feed: the new entry takes the old
    /// one's place. Readers of the feed fill the hole (`reads::feed`); they can, because the oldest entry is never taken out.
    pub(super) async fn take_back_again(&mut self, subject: Subject, event: FeedEvent, at: UnixTime) -> Sql<()> {
        let [old] = cuts(self.db, [subject]).await?;
        self.db
            .write(
                "DELETE FROM feed WHERE position = ?1 AND kind = ?2 AND id = ?3
                    AND position > (SELECT min(position) FROM feed)",
                &values![old.access.max(old.all).0, subject.kind as i64, subject.id],
            )
            .await?;
        self.take_back(subject, event, at).await
    }

    /// Whether a subject stands switched off.
    pub(super) async fn is_off(&mut self, subject: impl Into<Subject>) -> Sql<bool> {
        let [cuts] = cuts(self.db, [subject.into()]).await?;
        Ok(cuts.off)
    }

    /// Chains one more row to the audit trail.
    pub(super) async fn audit(&mut self, act: &Act) -> Sql<()> {
        let line = audit::Line::of(self.head.audit_rows + 1, act);
        let hash = line.chained_to(&self.head.audit_hash);
        self.db
            .write(
                "INSERT INTO audit (number, at, actor, verb, subject_kind, subject_id, detail, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                &values![
                    line.number,
                    line.at,
                    &line.actor,
                    &line.verb,
                    line.subject.map(|s| s.0),
                    line.subject.map(|s| s.1),
                    &line.detail,
                    &hash,
                ],
            )
            .await?;
        self.head.audit_rows = line.number;
        self.head.audit_hash = hash;
        Ok(())
    }

    /// The same, on this subject unless the act names another.
    pub(super) async fn audit_on(&mut self, subject: impl Into<Subject>, act: &Act) -> Sql<()> {
        self.audit(&Act { subject: act.subject.or(Some(subject.into())), ..act.clone() }).await
    }

    /// The end of a change that was applied.
    pub(super) fn applied(self, row: Row) -> Sql<Outcome> {
        Ok(Outcome::Applied(Applied { position: self.head.position, feed: self.feed, row }))
    }
}

/// Chains the audit rows of changes that an engine has written in its own way.
pub(crate) async fn audit_all<D: Db>(db: &mut D, head: &mut Head, acts: &[Act]) -> Sql<()> {
    let mut txn = Txn::new(db, head);
    for act in acts {
        txn.audit(act).await?;
    }
    Ok(())
}
