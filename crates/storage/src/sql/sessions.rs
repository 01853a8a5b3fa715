//! Sessions, passwords, and what may be used once.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::records::{Act, Session};
use causeway_protocol::secret::PasswordHash;
use causeway_protocol::{UnixTime, UserId};

use super::db::{Db, Sql, values};
use super::txn::Txn;
use super::{records, rows};

pub(super) async fn start<D: Db>(mut txn: Txn<'_, D>, session: &Session) -> Sql<Outcome> {
    if !records::exists(txn.db, "people", session.person.0).await? || txn.is_off(session.person).await? {
        return Ok(Outcome::Stale);
    }
    let inserted = txn
        .db
        .execute(
            "INSERT INTO sessions (digest, person, created_at, seen_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            &values![&session.digest, session.person.0, session.created_at.0, session.seen_at.0],
        )
        .await?;
    if inserted == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) async fn touch<D: Db>(txn: Txn<'_, D>, digest: &[u8; 32], seen_at: UnixTime) -> Sql<Outcome> {
    let found = txn
        .db
        .execute(
            "UPDATE sessions SET seen_at = CASE WHEN seen_at > ?1 THEN seen_at ELSE ?1 END WHERE digest = ?2",
            &values![seen_at.0, digest],
        )
        .await?;
    if found == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) async fn end<D: Db>(txn: Txn<'_, D>, digest: &[u8; 32]) -> Sql<Outcome> {
    let found = txn.db.execute("DELETE FROM sessions WHERE digest = ?1", &values![digest]).await?;
    if found == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) async fn set_password<D: Db>(
    mut txn: Txn<'_, D>,
    person: UserId,
    password: &PasswordHash,
    end_sessions: bool,
    act: Option<&Act>,
) -> Sql<Outcome> {
    let found =
        txn.db.execute("UPDATE people SET password = ?1 WHERE id = ?2", &values![&password.0, person.0]).await?;
    if found == 0 {
        return Ok(Outcome::Stale);
    }
    if end_sessions {
        txn.db.write("DELETE FROM sessions WHERE person = ?1", &values![person.0]).await?;
    }
    if let Some(act) = act {
        txn.audit(act).await?;
    }
    txn.applied(Row::None)
}

pub(crate) async fn session<D: Db>(db: &mut D, digest: &[u8; 32]) -> Sql<Option<Session>> {
    let sql = "SELECT digest, person, created_at, seen_at FROM sessions WHERE digest = ?1";
    db.row(sql, &values![digest]).await?.as_ref().map(rows::session).transpose()
}

/// The unique key is the check.
pub(super) async fn spend_once<D: Db>(txn: Txn<'_, D>, digest: &[u8; 16], expires_at: UnixTime) -> Sql<Outcome> {
    let inserted = txn
        .db
        .execute(
            "INSERT INTO spent (digest, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            &values![digest, expires_at.0],
        )
        .await?;
    if inserted == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}
