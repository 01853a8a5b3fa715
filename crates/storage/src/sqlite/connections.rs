//! Connections and the consents that make them: decide, cut, remember the last use; and their reads.

use causeway_protocol::change::{Allow, Decide, Outcome, Row};
use causeway_protocol::records::{Act, Connection, Decided, Decision, FeedEvent, SubjectKey};
use causeway_protocol::{AppId, ConnectionId, CustomerId, ScopeSet, UnixTime, UserId};
use rusqlite::{OptionalExtension, named_params, params};

use super::families::slots_blob;
use super::rows::{self, CONNECTION};
use super::txn::Txn;
use crate::{Page, rules};

type Db = rusqlite::Connection;

pub(super) fn decide(mut txn: Txn<'_>, change: &Decide) -> rusqlite::Result<Outcome> {
    if decided(txn.db, &change.decided.transaction)?.is_some() {
        return Ok(Outcome::Stale);
    }
    let connection = match &change.allow {
        None => None,
        Some(wanted) => match allow(&mut txn, wanted, change.decided.at)? {
            None => return Ok(Outcome::Stale),
            made => made,
        },
    };
    // After this change's own entries: a narrowing must not kill the code that it was made for.
    let decided = Decided { as_of: txn.position(), connection, ..change.decided };
    txn.db
        .prepare_cached(
            "INSERT INTO decisions (txn, allowed, at, expires_at, as_of, connection) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            decided.transaction,
            decided.decision == Decision::Allow,
            decided.at.0,
            decided.expires_at.0,
            decided.as_of.0,
            decided.connection.map(|id| id.0),
        ])?;
    let subject = change.act.subject.or(connection.map(Into::into));
    txn.audit(&Act { subject, ..change.act.clone() })?;
    txn.applied(Row::Decided(decided))
}

/// Makes or renews the connection under its subject key; `None` when a subject is missing or switched off.
fn allow(txn: &mut Txn<'_>, wanted: &Allow, at: UnixTime) -> rusqlite::Result<Option<ConnectionId>> {
    if !subjects_stand(txn, wanted)? {
        return Ok(None);
    }
    match of(txn.db, wanted.app, wanted.subject)? {
        None => insert(txn.db, wanted, at).map(Some),
        Some(old) => renew(txn, &old, wanted, at).map(Some),
    }
}

/// Whether app, customer and person exist and are on; nobody is no person.
pub(super) fn subjects_stand(txn: &Txn<'_>, wanted: &Allow) -> rusqlite::Result<bool> {
    let exist: bool = txn
        .db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM apps WHERE id = ?1) AND EXISTS (SELECT 1 FROM customers WHERE id = ?2)
                AND (?3 = 0 OR EXISTS (SELECT 1 FROM people WHERE id = ?3))",
        )?
        .query_one(params![wanted.app.0, wanted.customer.0, wanted.person.0], |row| row.get(0))?;
    Ok(exist && !txn.is_off(wanted.app)? && !txn.is_off(wanted.customer)? && !txn.is_off(wanted.person)?)
}

pub(super) fn insert(db: &Db, wanted: &Allow, at: UnixTime) -> rusqlite::Result<ConnectionId> {
    let (kind, id) = wanted.subject.numbers();
    db.prepare_cached(
        "INSERT INTO connections (app, subject_kind, subject_id, customer, authorized_by, scopes, created_at, allowed_at,
                                  live, cut_at, last_used, families)
         VALUES (:app, :kind, :id, :customer, :person, :scopes, :at, :at, 1, NULL, :never, :slots)",
    )?
    .execute(named_params! {
        ":app": wanted.app.0, ":kind": kind, ":id": id, ":customer": wanted.customer.0, ":person": wanted.person.0,
        ":scopes": wanted.scopes.to_bytes(), ":at": at.0, ":never": rows::NEVER, ":slots": slots_blob(&[]),
    })?;
    Ok(ConnectionId(db.last_insert_rowid()))
}

pub(super) fn renew(
    txn: &mut Txn<'_>,
    old: &Connection,
    wanted: &Allow,
    at: UnixTime,
) -> rusqlite::Result<ConnectionId> {
    txn.db
        .prepare_cached(
            "UPDATE connections SET customer = :customer, authorized_by = :person, scopes = :scopes, allowed_at = :at,
                                    live = 1, cut_at = NULL WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": old.id.0, ":customer": wanted.customer.0, ":person": wanted.person.0,
            ":scopes": wanted.scopes.to_bytes(), ":at": at.0,
        })?;
    if let Some(event) = rules::allowed_again(old, wanted) {
        txn.take_back(old.id.into(), event, at)?;
        if event == FeedEvent::CutAll {
            free_slots(txn.db, old.id)?;
        }
    }
    Ok(old.id)
}

/// Adds scopes to a live connection; who allowed it, and when, stays.
pub(super) fn widen(
    txn: &mut Txn<'_>,
    old: &Connection,
    scopes: ScopeSet,
    at: UnixTime,
) -> rusqlite::Result<ConnectionId> {
    if scopes != old.scopes {
        txn.db
            .prepare_cached("UPDATE connections SET scopes = ?2 WHERE id = ?1")?
            .execute(params![old.id.0, scopes.to_bytes()])?;
        txn.take_back(old.id.into(), FeedEvent::Changed, at)?;
    }
    Ok(old.id)
}

pub(super) fn cut(mut txn: Txn<'_>, connection: ConnectionId, act: &Act) -> rusqlite::Result<Outcome> {
    if !cut_row(&mut txn, connection, act.at)? {
        return Ok(Outcome::Stale);
    }
    txn.audit(act)?;
    txn.applied(Row::None)
}

fn cut_row(txn: &mut Txn<'_>, connection: ConnectionId, at: UnixTime) -> rusqlite::Result<bool> {
    let cut = txn
        .db
        .prepare_cached("UPDATE connections SET live = 0, cut_at = ?2 WHERE id = ?1 AND live = 1")?
        .execute(params![connection.0, at.0])?;
    if cut == 1 {
        free_slots(txn.db, connection)?;
        txn.take_back(connection.into(), FeedEvent::CutAll, at)?;
    }
    Ok(cut == 1)
}

/// Cuts every live connection of a customer, each with its audit row.
pub(super) fn cut_all_of(txn: &mut Txn<'_>, customer: CustomerId, act: &Act) -> rusqlite::Result<()> {
    loop {
        let live = page(txn.db, Some(customer), true, Page { after: None, limit: crate::PAGE_MAX })?;
        if live.is_empty() {
            return Ok(());
        }
        for connection in live {
            cut_row(txn, connection.id, act.at)?;
            txn.audit(&rules::went_with_account(connection.id, act))?;
        }
    }
}

/// Families from before a `cut_all` are dead: they take no room from those that come after it.
fn free_slots(db: &Db, connection: ConnectionId) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE connections SET families = ?2 WHERE id = ?1")?
        .execute(params![connection.0, slots_blob(&[])])?;
    Ok(())
}

pub(super) fn record_use(txn: Txn<'_>, used: &[(ConnectionId, UnixTime)]) -> rusqlite::Result<Outcome> {
    {
        let mut update =
            txn.db.prepare_cached("UPDATE connections SET last_used = ?2 WHERE id = ?1 AND last_used < ?2")?;
        for (connection, at) in used {
            update.execute([connection.0, at.0])?;
        }
    }
    txn.applied(Row::None)
}

pub(super) fn decided(db: &Db, transaction: &[u8; 16]) -> rusqlite::Result<Option<Decided>> {
    db.prepare_cached("SELECT txn, allowed, at, expires_at, as_of, connection FROM decisions WHERE txn = ?1")?
        .query_row([transaction], rows::decided)
        .optional()
}

pub(super) fn connection(db: &Db, id: ConnectionId) -> rusqlite::Result<Option<Connection>> {
    db.prepare_cached(&format!("SELECT {CONNECTION} FROM connections WHERE id = ?1"))?
        .query_row([id.0], rows::connection)
        .optional()
}

/// The connection of an app under a subject key, cut or not.
pub(super) fn of(db: &Db, app: AppId, subject: SubjectKey) -> rusqlite::Result<Option<Connection>> {
    let (kind, id) = subject.numbers();
    db.prepare_cached(&format!(
        "SELECT {CONNECTION} FROM connections WHERE subject_kind = ?1 AND subject_id = ?2 AND app = ?3"
    ))?
    .query_row(params![kind, id, app.0], rows::connection)
    .optional()
}

pub(super) fn page(
    db: &Db,
    customer: Option<CustomerId>,
    live_only: bool,
    page: Page<ConnectionId>,
) -> rusqlite::Result<Vec<Connection>> {
    // Two indexed looks (schema.sql): connections keyed by this customer, and those keyed by something else.
    let from = match customer {
        None => format!("SELECT {CONNECTION} FROM connections WHERE ?4 IS NULL AND id > ?1 AND live >= ?2"),
        Some(_) => format!(
            "SELECT {CONNECTION} FROM connections
              WHERE subject_kind = 1 AND subject_id = ?4 AND customer = ?4 AND id > ?1 AND live >= ?2
              UNION ALL
             SELECT {CONNECTION} FROM connections
              WHERE (subject_kind <> 1 OR subject_id <> customer) AND customer = ?4 AND id > ?1 AND live >= ?2"
        ),
    };
    let after = page.after.map_or(i64::MIN, |id| id.0);
    db.prepare_cached(&format!("{from} ORDER BY id LIMIT ?3"))?
        .query_map(
            params![after, live_only, page.limit.min(crate::PAGE_MAX), customer.map(|id| id.0)],
            rows::connection,
        )?
        .collect()
}

/// A scan: asked when a person is demoted or switched off, which is rare; an index would cost every connection 15 bytes.
pub(super) fn allowed_by(db: &Db, person: UserId) -> rusqlite::Result<Vec<Connection>> {
    db.prepare_cached(&format!(
        "SELECT {CONNECTION} FROM connections WHERE authorized_by = ?1 AND live = 1 ORDER BY id LIMIT {}",
        crate::PAGE_MAX
    ))?
    .query_map([person.0], rows::connection)?
    .collect()
}
