//! Sessions, passwords, and what may be used once.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::records::{Act, Session};
use causeway_protocol::secret::PasswordHash;
use causeway_protocol::{UnixTime, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows;
use super::txn::Txn;

pub(super) fn start(txn: Txn<'_>, session: &Session) -> rusqlite::Result<Outcome> {
    let exists: bool = txn
        .db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM people WHERE id = ?1)")?
        .query_one([session.person.0], |row| row.get(0))?;
    if !exists || txn.is_off(session.person)? {
        return Ok(Outcome::Stale);
    }
    let inserted = txn
        .db
        .prepare_cached(
            "INSERT INTO sessions (digest, person, created_at, seen_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?
        .execute(params![session.digest, session.person.0, session.created_at.0, session.seen_at.0])?;
    if inserted == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) fn touch(txn: Txn<'_>, digest: &[u8; 32], seen_at: UnixTime) -> rusqlite::Result<Outcome> {
    let found = txn
        .db
        .prepare_cached("UPDATE sessions SET seen_at = max(seen_at, ?2) WHERE digest = ?1")?
        .execute(params![digest, seen_at.0])?;
    if found == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) fn end(txn: Txn<'_>, digest: &[u8; 32]) -> rusqlite::Result<Outcome> {
    let found = txn.db.prepare_cached("DELETE FROM sessions WHERE digest = ?1")?.execute([digest])?;
    if found == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) fn set_password(
    mut txn: Txn<'_>,
    person: UserId,
    password: &PasswordHash,
    end_sessions: bool,
    act: Option<&Act>,
) -> rusqlite::Result<Outcome> {
    let found = txn
        .db
        .prepare_cached("UPDATE people SET password = ?2 WHERE id = ?1")?
        .execute(params![person.0, password.0])?;
    if found == 0 {
        return Ok(Outcome::Stale);
    }
    if end_sessions {
        txn.db.prepare_cached("DELETE FROM sessions WHERE person = ?1")?.execute([person.0])?;
    }
    if let Some(act) = act {
        txn.audit(act)?;
    }
    txn.applied(Row::None)
}

pub(super) fn session(db: &Connection, digest: &[u8; 32]) -> rusqlite::Result<Option<Session>> {
    db.prepare_cached("SELECT digest, person, created_at, seen_at FROM sessions WHERE digest = ?1")?
        .query_row([digest], rows::session)
        .optional()
}

/// The unique key is the check.
pub(super) fn spend_once(txn: Txn<'_>, digest: &[u8; 16], expires_at: UnixTime) -> rusqlite::Result<Outcome> {
    let inserted = txn
        .db
        .prepare_cached("INSERT INTO spent (digest, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![digest, expires_at.0])?;
    if inserted == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}
