//! Redemption and exchange in the plain case: one statement, one round trip, one commit. Whatever is not plain (a slot that is
//! taken, a mark, a connection that stands already, anything stale) writes nothing here and goes the general way.
//!
//! Why one statement is safe, although all others lock the row of `meta` first and look afterwards:
//!
//! - It locks the same row before it touches any other (`head` stands in a condition that depends on no row), and holds it to
//!   its end. Number and hash of the audit row come from that row as it is once it is locked, however long that took.
//! - All else that it reads is as old as its beginning. If another writer committed while it waited, then the position that it
//!   answers is that of the old snapshot, too (it is read beside the lock, not from the locked row). A cut that it did not see
//!   has a later position, and what is sealed with this one is born dead: as if the redemption had come before the cut.
//! - What it writes rests on rows as they are now: the connection's row is looked at anew after a wait (still live, its slot
//!   still free); a family, connection or mark that came meanwhile breaks a unique key, and with it the whole statement.
//! - Every part hangs on the one before it: all of it happens, or nothing.
//! - Where a wait ends in a serialization failure instead, it goes the general way like any other.

use causeway_protocol::change::{Applied, Change, CreateFamily, Exchange, Outcome, Row};
use causeway_protocol::records::{Act, Family};
use causeway_protocol::{ConnectionId, Position, SubjectKind};

use super::KeyLayout;
use super::link::Link;
use crate::audit::Line;
use crate::sql::db::{Db, Row as _, Sql, Value, values};
use crate::sql::{families::slots_blob, rows};

/// From the lock to the connection: a first family finds the slot free.
const REDEEMED: &str = "
    WITH head AS (SELECT audit_rows, audit_hash FROM meta WHERE one = 1 FOR UPDATE),
         held AS (UPDATE connections SET families = $9
                   WHERE id = $17 AND live = 1 AND families = $18 AND EXISTS (SELECT 1 FROM head)
                     AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 2 AND id = $17 AND (off = 1 OR cut_all > $19))
                     AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 3 AND id = $20 AND (off = 1 OR cut_all > $19))
                     AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 4 AND id = $21 AND (off = 1 OR cut_all > $19))
                     AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 5 AND id = $22 AND (off = 1 OR cut_all > $19))
               RETURNING id, scopes),
         mark AS (SELECT 1),";

/// The same for an exchange: a connection of its own, and the mark.
const EXCHANGED: &str = "
    WITH head AS (SELECT audit_rows, audit_hash FROM meta WHERE one = 1 FOR UPDATE),
         held AS (INSERT INTO connections (families, id, app, subject_kind, subject_id, customer, authorized_by, scopes,
                                           created_at, allowed_at, live, cut_at, last_used)
                  SELECT CAST($9 AS BYTEA), (SELECT coalesce(max(id), 0) + 1 FROM connections), CAST($17 AS BIGINT),
                         CAST($18 AS SMALLINT), CAST($19 AS BIGINT), CAST($20 AS BIGINT), CAST($21 AS BIGINT),
                         CAST($22 AS BYTEA), CAST($10 AS BIGINT), CAST($10 AS BIGINT), 1, NULL, CAST($23 AS BIGINT)
                    FROM head
                   WHERE NOT EXISTS (SELECT 1 FROM exchanges WHERE app = $17 AND consumer = $24)
                     AND NOT EXISTS (SELECT 1 FROM connections
                                      WHERE subject_kind = $18 AND subject_id = $19 AND app = $17)
                     AND EXISTS (SELECT 1 FROM consumers WHERE id = $24)
                     AND EXISTS (SELECT 1 FROM apps WHERE id = $17)
                     AND EXISTS (SELECT 1 FROM customers WHERE id = $20)
                     AND (CAST($21 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM people WHERE id = $21))
                     AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 3 AND id = $17 AND off = 1)
                     AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 4 AND id = $20 AND off = 1)
                     AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 5 AND id = $21 AND off = 1)
                     AND NOT EXISTS (SELECT 1 FROM cuts WHERE kind = 8 AND id = $24 AND off = 1)
               RETURNING id, scopes),
         mark AS (INSERT INTO exchanges (app, consumer, family, connection, at, reopened)
                  SELECT CAST($17 AS BIGINT), CAST($24 AS BIGINT), CAST($1 AS BIGINT), held.id, CAST($10 AS BIGINT), 0
                    FROM held RETURNING app),";

/// From the connection to the end. A kind of subject without a number means the connection.
const FAMILY: &str = "
         made AS (INSERT INTO families ({shard}id, generation, moved_at, key_id, retry, digest, ends_at, connection, scopes,
                                        repudiated)
                  SELECT {shard_of}CAST($1 AS BIGINT), CAST($2 AS INTEGER), CAST($3 AS BIGINT), CAST($4 AS INTEGER),
                         CAST($5 AS BYTEA), CAST($6 AS BYTEA), CAST($7 AS BIGINT), held.id, CAST($8 AS BYTEA), 0
                    FROM held, mark RETURNING connection),
         line AS (INSERT INTO audit (number, at, actor, verb, subject_kind, subject_id, detail, hash)
                  SELECT l.number, l.at, CAST($11 AS TEXT), CAST($12 AS TEXT), l.kind, l.subject, CAST($13 AS TEXT),
                         sha256(l.before || int8send(l.number) || int8send(l.at) || int8send(coalesce(l.kind, 0))
                                || int8send(coalesce(l.subject, 0)) || CAST($16 AS BYTEA))
                    FROM (SELECT head.audit_rows + 1 AS number, head.audit_hash AS before, CAST($10 AS BIGINT) AS at,
                                 CAST($14 AS BIGINT) AS kind,
                                 CASE WHEN CAST($14 AS BIGINT) IS NOT NULL AND CAST($15 AS BIGINT) IS NULL
                                      THEN made.connection ELSE CAST($15 AS BIGINT) END AS subject
                            FROM head, made) AS l
               RETURNING number, hash),
         moved AS (UPDATE meta SET audit_rows = line.number, audit_hash = line.hash FROM line WHERE one = 1 RETURNING one)
    SELECT held.id, held.scopes, (SELECT position FROM meta WHERE one = 1) FROM held, made, line, moved";

fn statement(beginning: &str, layout: KeyLayout) -> String {
    let (shard, shard_of) = match layout {
        KeyLayout::Ordered => ("", ""),
        KeyLayout::Sharded => ("shard, ", "CAST($1 AS BIGINT) & 15, "),
    };
    beginning.to_owned() + &FAMILY.replace("{shard}", shard).replace("{shard_of}", shard_of)
}

/// The statements, as one connection's layout wants them.
pub(super) struct Plain {
    redeemed: String,
    exchanged: String,
}

impl Plain {
    pub(super) fn new(layout: KeyLayout) -> Self {
        Plain { redeemed: statement(REDEEMED, layout), exchanged: statement(EXCHANGED, layout) }
    }

    /// Tries a change; `None`, and nothing written, if it is not plain. A unique key that was broken is an error, and means
    /// the same.
    pub(super) async fn apply(&self, link: &mut Link, change: &Change) -> Sql<Option<Outcome>> {
        match change {
            Change::CreateFamily(change) => self.redeem(link, change).await,
            Change::Exchange(change) => self.exchange(link, change).await,
            _ => Ok(None),
        }
    }

    async fn redeem(&self, link: &mut Link, change: &CreateFamily) -> Sql<Option<Outcome>> {
        let (slots, free) = (slots_blob(&[change.family.id]), slots_blob(&[]));
        let CreateFamily { family, act, .. } = change;
        let own = values![family.connection.0, &free, change.as_of.0, change.app.0, change.customer.0, change.user.0,];
        self.send(link, &self.redeemed, family, &slots, (act, false), &own).await
    }

    async fn exchange(&self, link: &mut Link, change: &Exchange) -> Sql<Option<Outcome>> {
        let Exchange { family, allow, act, .. } = change;
        let slots = slots_blob(&[family.id]);
        let (kind, subject) = allow.subject.numbers();
        let scopes = allow.scopes.to_bytes();
        let own = values![
            allow.app.0,
            kind,
            subject,
            allow.customer.0,
            allow.person.0,
            &scopes,
            rows::NEVER,
            change.consumer.0,
        ];
        self.send(link, &self.exchanged, family, &slots, (act, true), &own).await
    }

    /// `act` comes with whether a subject that it does not name is the connection.
    async fn send(
        &self,
        link: &mut Link,
        sql: &str,
        family: &Family,
        slots: &[u8],
        (act, on_connection): (&Act, bool),
        own: &[Value<'_>],
    ) -> Sql<Option<Outcome>> {
        // Its number is the database's to say.
        let line = Line::of(0, act);
        let (retry, scopes, texts) = (rows::stored_retry(family.retry), family.scopes.to_bytes(), line.texts());
        let connection = on_connection.then_some(SubjectKind::Connection as i64);
        let common = values![
            family.id.0,
            rows::stored_generation(family.generation),
            family.moved_at.0,
            rows::stored_key(family.key_id),
            &retry,
            &family.digest.0,
            family.ends_at.0,
            &scopes,
            slots,
            line.at,
            &line.actor,
            &line.verb,
            &line.detail,
            line.subject.map(|subject| subject.0).or(connection),
            line.subject.map(|subject| subject.1),
            &texts,
        ];
        let Some(row) = link.row(sql, &[&common[..], own].concat()).await? else { return Ok(None) };
        let family = Family { connection: ConnectionId(row.int(0)?), ..family.clone() };
        let made = Row::Family { family, connection_scopes: rows::scopes(&row, 1)? };
        Ok(Some(Outcome::Applied(Applied { position: Position(row.int(2)?), feed: Vec::new(), row: made })))
    }
}

#[cfg(test)]
#[path = "plain_tests.rs"]
pub(super) mod tests;
