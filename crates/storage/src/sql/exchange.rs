//! Consumer pairs that become connections: exchange, re-open; and the permanent mark.

use causeway_protocol::change::{Exchange, Outcome, Row};
use causeway_protocol::legacy::Exchanged;
use causeway_protocol::records::{Act, Family};
use causeway_protocol::{AppId, ConnectionId, ConsumerId, FamilyId, UnixTime};

use super::db::{Db, Row as _, Sql, values};
use super::txn::Txn;
use super::{connections, families, legacy};
use crate::rules;

/// Everything is asked before anything is written: a stale change leaves nothing.
pub(super) async fn exchange<D: Db>(mut txn: Txn<'_, D>, change: &Exchange) -> Sql<Outcome> {
    let (allow, at) = (&change.allow, change.act.at);
    let mark = exchanged(txn.db, allow.app, change.consumer).await?;
    let old = connections::of(txn.db, allow.app, allow.subject).await?;
    let may = legacy::stands(&mut txn, change.consumer).await?
        && connections::subjects_stand(&mut txn, allow).await?
        && rules::may_exchange(mark.as_ref(), old.as_ref(), allow)
        && families::family(txn.db, change.family.id).await?.is_none();
    if !may {
        return Ok(Outcome::Stale);
    }
    let (connection, connection_scopes) = match &old {
        None => (connections::insert(txn.db, allow, at).await?, allow.scopes),
        Some(old) if old.live => {
            let wider = rules::widened(old, allow);
            (connections::widen(&mut txn, old, wider, at).await?, wider)
        }
        Some(old) => (connections::renew(&mut txn, old, allow, at).await?, allow.scopes),
    };
    let family = Family { connection, ..change.family.clone() };
    let held = families::held(txn.db, connection).await?;
    let act = Act { subject: change.act.subject.or(Some(connection.into())), ..change.act.clone() };
    families::add(&mut txn, &family, held, change.max_families, &act).await?;
    txn.db
        .write(
            "INSERT INTO exchanges (app, consumer, family, connection, at, reopened) VALUES (?1, ?2, ?3, ?4, ?5, 0)
             ON CONFLICT (app, consumer) DO UPDATE
                SET family = excluded.family, connection = excluded.connection, at = excluded.at, reopened = 0",
            &values![allow.app.0, change.consumer.0, family.id.0, connection.0, at.0],
        )
        .await?;
    txn.applied(Row::Family { family, connection_scopes })
}

pub(super) async fn reopen<D: Db>(mut txn: Txn<'_, D>, app: AppId, consumer: ConsumerId, act: &Act) -> Sql<Outcome> {
    let reopened = txn
        .db
        .execute(
            "UPDATE exchanges SET reopened = 1 WHERE app = ?1 AND consumer = ?2 AND reopened = 0",
            &values![app.0, consumer.0],
        )
        .await?;
    if reopened == 0 {
        return Ok(Outcome::Stale);
    }
    txn.audit_on(consumer, act).await?;
    txn.applied(Row::None)
}

pub(crate) async fn exchanged<D: Db>(db: &mut D, app: AppId, consumer: ConsumerId) -> Sql<Option<Exchanged>> {
    let found = db
        .row(
            "SELECT family, connection, at, reopened FROM exchanges WHERE app = ?1 AND consumer = ?2",
            &values![app.0, consumer.0],
        )
        .await?;
    let mark = found.map(|row| {
        Ok(Exchanged {
            app,
            consumer,
            family: FamilyId(row.int(0)?),
            connection: ConnectionId(row.int(1)?),
            at: UnixTime(row.int(2)?),
            reopened: row.flag(3)?,
        })
    });
    mark.transpose()
}
