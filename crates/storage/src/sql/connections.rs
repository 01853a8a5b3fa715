//! Connections and the consents that make them: decide, cut, remember the last use; and their reads.

use causeway_protocol::change::{Allow, Decide, Outcome, Row};
use causeway_protocol::records::{Act, Connection, Decided, Decision, FeedEvent, SubjectKey};
use causeway_protocol::{AppId, ConnectionId, CustomerId, ScopeSet, UnixTime, UserId};

use super::apps::next_id;
use super::db::{Db, Sql, values};
use super::families::slots_blob;
use super::rows::{self, CONNECTION};
use super::txn::{Txn, cuts};
use crate::{PAGE_MAX, Page, rules};

pub(super) async fn decide<D: Db>(mut txn: Txn<'_, D>, change: &Decide) -> Sql<Outcome> {
    if decided(txn.db, &change.decided.transaction).await?.is_some() {
        return Ok(Outcome::Stale);
    }
    let connection = match &change.allow {
        None => None,
        Some(wanted) => match allow(&mut txn, wanted, change.decided.at).await? {
            None => return Ok(Outcome::Stale),
            made => made,
        },
    };
    // After this change's own entries: a narrowing must not kill the code that it was made for.
    let decided = Decided { as_of: txn.position(), connection, ..change.decided };
    txn.db
        .write(
            "INSERT INTO decisions (txn, allowed, at, expires_at, as_of, connection) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &values![
                &decided.transaction,
                decided.decision == Decision::Allow,
                decided.at.0,
                decided.expires_at.0,
                decided.as_of.0,
                decided.connection.map(|id| id.0),
            ],
        )
        .await?;
    let subject = change.act.subject.or(connection.map(Into::into));
    txn.audit(&Act { subject, ..change.act.clone() }).await?;
    txn.applied(Row::Decided(decided))
}

/// Makes or renews the connection under its subject key; `None` when a subject is missing or switched off.
async fn allow<D: Db>(txn: &mut Txn<'_, D>, wanted: &Allow, at: UnixTime) -> Sql<Option<ConnectionId>> {
    if !subjects_stand(txn, wanted).await? {
        return Ok(None);
    }
    match of(txn.db, wanted.app, wanted.subject).await? {
        None => insert(txn.db, wanted, at).await.map(Some),
        Some(old) => renew(txn, &old, wanted, at).await.map(Some),
    }
}

/// Whether app, customer and person exist and are on; nobody is no person.
pub(super) async fn subjects_stand<D: Db>(txn: &mut Txn<'_, D>, wanted: &Allow) -> Sql<bool> {
    let exist = txn
        .db
        .row(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM apps WHERE id = ?1) AND EXISTS (SELECT 1 FROM customers WHERE id = ?2)
                AND (CAST(?3 AS BIGINT) = 0 OR EXISTS (SELECT 1 FROM people WHERE id = ?3))",
            &values![wanted.app.0, wanted.customer.0, wanted.person.0],
        )
        .await?;
    let cuts = cuts(txn.db, [wanted.app.into(), wanted.customer.into(), wanted.person.into()]).await?;
    Ok(exist.is_some() && !cuts.iter().any(|cuts| cuts.off))
}

pub(super) async fn insert<D: Db>(db: &mut D, wanted: &Allow, at: UnixTime) -> Sql<ConnectionId> {
    let id = ConnectionId(next_id(db, "connections").await?);
    let (kind, subject) = wanted.subject.numbers();
    db.write(
        "INSERT INTO connections (id, app, subject_kind, subject_id, customer, authorized_by, scopes, created_at,
                                  allowed_at, live, cut_at, last_used, families)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, 1, NULL, ?9, ?10)",
        &values![
            id.0,
            wanted.app.0,
            kind,
            subject,
            wanted.customer.0,
            wanted.person.0,
            &wanted.scopes.to_bytes(),
            at.0,
            rows::NEVER,
            &slots_blob(&[]),
        ],
    )
    .await?;
    Ok(id)
}

pub(super) async fn renew<D: Db>(
    txn: &mut Txn<'_, D>,
    old: &Connection,
    wanted: &Allow,
    at: UnixTime,
) -> Sql<ConnectionId> {
    txn.db
        .write(
            "UPDATE connections SET customer = ?1, authorized_by = ?2, scopes = ?3, allowed_at = ?4, live = 1,
                                    cut_at = NULL WHERE id = ?5",
            &values![wanted.customer.0, wanted.person.0, &wanted.scopes.to_bytes(), at.0, old.id.0],
        )
        .await?;
    if let Some(event) = rules::allowed_again(old, wanted) {
        txn.take_back(old.id.into(), event, at).await?;
        if event == FeedEvent::CutAll {
            free_slots(txn.db, old.id).await?;
        }
    }
    Ok(old.id)
}

/// Adds scopes to a live connection; who allowed it, and when, stays.
pub(super) async fn widen<D: Db>(
    txn: &mut Txn<'_, D>,
    old: &Connection,
    scopes: ScopeSet,
    at: UnixTime,
) -> Sql<ConnectionId> {
    if scopes != old.scopes {
        txn.db
            .write("UPDATE connections SET scopes = ?1 WHERE id = ?2", &values![&scopes.to_bytes(), old.id.0])
            .await?;
        txn.take_back(old.id.into(), FeedEvent::Changed, at).await?;
    }
    Ok(old.id)
}

pub(super) async fn cut<D: Db>(mut txn: Txn<'_, D>, connection: ConnectionId, act: &Act) -> Sql<Outcome> {
    if !cut_row(&mut txn, connection, act.at).await? {
        return Ok(Outcome::Stale);
    }
    txn.audit(act).await?;
    txn.applied(Row::None)
}

async fn cut_row<D: Db>(txn: &mut Txn<'_, D>, connection: ConnectionId, at: UnixTime) -> Sql<bool> {
    let cut = txn
        .db
        .execute(
            "UPDATE connections SET live = 0, cut_at = ?1 WHERE id = ?2 AND live = 1",
            &values![at.0, connection.0],
        )
        .await?;
    if cut == 1 {
        free_slots(txn.db, connection).await?;
        txn.take_back(connection.into(), FeedEvent::CutAll, at).await?;
    }
    Ok(cut == 1)
}

/// Cuts every live connection of a customer, each with its audit row.
pub(super) async fn cut_all_of<D: Db>(txn: &mut Txn<'_, D>, customer: CustomerId, act: &Act) -> Sql<()> {
    loop {
        let live = page(txn.db, Some(customer), true, Page { after: None, limit: PAGE_MAX }).await?;
        if live.is_empty() {
            return Ok(());
        }
        for connection in live {
            cut_row(txn, connection.id, act.at).await?;
            txn.audit(&rules::went_with_account(connection.id, act)).await?;
        }
    }
}

/// Families from before a `cut_all` are dead: they take no room from those that come after it.
async fn free_slots<D: Db>(db: &mut D, connection: ConnectionId) -> Sql<()> {
    db.write("UPDATE connections SET families = ?1 WHERE id = ?2", &values![&slots_blob(&[]), connection.0]).await
}

pub(super) async fn record_use<D: Db>(txn: Txn<'_, D>, used: &[(ConnectionId, UnixTime)]) -> Sql<Outcome> {
    let used: Vec<_> = used.iter().map(|(connection, at)| values![at.0, connection.0]).collect();
    txn.db.write_each("UPDATE connections SET last_used = ?1 WHERE id = ?2 AND last_used < ?1", &used).await?;
    txn.applied(Row::None)
}

pub(crate) async fn decided<D: Db>(db: &mut D, transaction: &[u8; 16]) -> Sql<Option<Decided>> {
    let found = db
        .row(
            "SELECT txn, allowed, at, expires_at, as_of, connection FROM decisions WHERE txn = ?1",
            &values![transaction],
        )
        .await?;
    found.as_ref().map(rows::decided).transpose()
}

pub(crate) async fn connection<D: Db>(db: &mut D, id: ConnectionId) -> Sql<Option<Connection>> {
    let found = db.row(&format!("SELECT {CONNECTION} FROM connections WHERE id = ?1"), &values![id.0]).await?;
    found.as_ref().map(rows::connection).transpose()
}

/// The connection of an app under a subject key, cut or not.
pub(crate) async fn of<D: Db>(db: &mut D, app: AppId, subject: SubjectKey) -> Sql<Option<Connection>> {
    let (kind, id) = subject.numbers();
    let sql = format!("SELECT {CONNECTION} FROM connections WHERE subject_kind = ?1 AND subject_id = ?2 AND app = ?3");
    let found = db.row(&sql, &values![kind, id, app.0]).await?;
    found.as_ref().map(rows::connection).transpose()
}

pub(crate) async fn page<D: Db>(
    db: &mut D,
    customer: Option<CustomerId>,
    live_only: bool,
    page: Page<ConnectionId>,
) -> Sql<Vec<Connection>> {
    let (after, limit) = (page.after.map_or(i64::MIN, |id| id.0), page.limit.min(PAGE_MAX));
    let found = match customer {
        None => {
            let sql = format!("SELECT {CONNECTION} FROM connections WHERE id > ?1 AND live >= ?2 ORDER BY id LIMIT ?3");
            db.rows(&sql, &values![after, live_only, limit]).await?
        }
        // Two indexed looks (schema.sql): connections keyed by this customer, and those keyed by something else.
        Some(customer) => {
            let sql = format!(
                "SELECT {CONNECTION} FROM connections
                  WHERE subject_kind = 1 AND subject_id = ?1 AND customer = ?1 AND id > ?2 AND live >= ?3
                  UNION ALL
                 SELECT {CONNECTION} FROM connections
                  WHERE (subject_kind <> 1 OR subject_id <> customer) AND customer = ?1 AND id > ?2 AND live >= ?3
                  ORDER BY id LIMIT ?4"
            );
            db.rows(&sql, &values![customer.0, after, live_only, limit]).await?
        }
    };
    found.iter().map(rows::connection).collect()
}

/// A scan: asked when a person is demoted or switched off, which is rare; an index would cost every connection 15 bytes.
pub(crate) async fn allowed_by<D: Db>(db: &mut D, person: UserId) -> Sql<Vec<Connection>> {
    let sql =
        format!("SELECT {CONNECTION} FROM connections WHERE authorized_by = ?1 AND live = 1 ORDER BY id LIMIT ?2");
    let found = db.rows(&sql, &values![person.0, PAGE_MAX]).await?;
    found.iter().map(rows::connection).collect()
}
