//! Consumer pairs that become connections: exchange, re-open; and the permanent mark.

use causeway_protocol::change::{Exchange, Outcome, Row};
use causeway_protocol::legacy::Exchanged;
use causeway_protocol::records::{Act, Family};
use causeway_protocol::{AppId, ConnectionId, ConsumerId, FamilyId, UnixTime};
use rusqlite::{Connection, OptionalExtension, params};

use super::txn::Txn;
use super::{connections, families, legacy};
use crate::rules;

/// Everything is asked before anything is written: a stale change leaves nothing.
pub(super) fn exchange(mut txn: Txn<'_>, change: &Exchange) -> rusqlite::Result<Outcome> {
    let (allow, at) = (&change.allow, change.act.at);
    let mark = exchanged(txn.db, allow.app, change.consumer)?;
    let old = connections::of(txn.db, allow.app, allow.subject)?;
    let may = legacy::stands(&txn, change.consumer)?
        && connections::subjects_stand(&txn, allow)?
        && rules::may_exchange(mark.as_ref(), old.as_ref(), allow)
        && families::family(txn.db, change.family.id)?.is_none();
    if !may {
        return Ok(Outcome::Stale);
    }
    let (connection, connection_scopes) = match &old {
        None => (connections::insert(txn.db, allow, at)?, allow.scopes),
        Some(old) if old.live => {
            let wider = rules::widened(old, allow);
            (connections::widen(&mut txn, old, wider, at)?, wider)
        }
        Some(old) => (connections::renew(&mut txn, old, allow, at)?, allow.scopes),
    };
    let family = Family { connection, ..change.family.clone() };
    let held = families::held(txn.db, connection)?;
    let act = Act { subject: change.act.subject.or(Some(connection.into())), ..change.act.clone() };
    families::add(&mut txn, &family, held, change.max_families, &act)?;
    txn.db
        .prepare_cached(
            "REPLACE INTO exchanges (app, consumer, family, connection, at, reopened) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        )?
        .execute([allow.app.0, change.consumer.0, family.id.0, connection.0, at.0])?;
    txn.applied(Row::Family { family, connection_scopes })
}

pub(super) fn reopen(mut txn: Txn<'_>, app: AppId, consumer: ConsumerId, act: &Act) -> rusqlite::Result<Outcome> {
    let reopened = txn
        .db
        .prepare_cached("UPDATE exchanges SET reopened = 1 WHERE app = ?1 AND consumer = ?2 AND reopened = 0")?
        .execute([app.0, consumer.0])?;
    if reopened == 0 {
        return Ok(Outcome::Stale);
    }
    txn.audit(&Act { subject: act.subject.or(Some(consumer.into())), ..act.clone() })?;
    txn.applied(Row::None)
}

pub(super) fn exchanged(db: &Connection, app: AppId, consumer: ConsumerId) -> rusqlite::Result<Option<Exchanged>> {
    db.prepare_cached("SELECT family, connection, at, reopened FROM exchanges WHERE app = ?1 AND consumer = ?2")?
        .query_row(params![app.0, consumer.0], |row| {
            Ok(Exchanged {
                app,
                consumer,
                family: FamilyId(row.get(0)?),
                connection: ConnectionId(row.get(1)?),
                at: UnixTime(row.get(2)?),
                reopened: row.get(3)?,
            })
        })
        .optional()
}
