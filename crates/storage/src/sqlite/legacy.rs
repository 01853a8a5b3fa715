//! OAuth 1.0: consumers, their tokens, temporary credentials, and who still calls; and their reads. What a pair becomes
//! stands in `exchange`.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::legacy::{
    Consumer, ConsumerStanding, ConsumerToken, LegacyLine, LegacyUse, SealedSecret, Temporary,
};
use causeway_protocol::records::Act;
use causeway_protocol::{ConsumerId, CustomerId, Subject, UnixTime, UserId};
use rusqlite::{Connection, OptionalExtension, Params, named_params, params};

use super::apps::next_id;
use super::records;
use super::txn::Txn;
use crate::{Page, rules};

const CONSUMER: &str = "SELECT a.id, a.customer, consumer_key, secret, coalesce(off, 0), legacy_until FROM consumers a
    LEFT JOIN customers u ON u.id = a.customer LEFT JOIN cuts c ON c.kind = 8 AND c.id = a.id";

/// The act, on this subject unless it names another.
fn act_on(subject: impl Into<Subject>, act: &Act) -> Act {
    Act { subject: act.subject.or(Some(subject.into())), ..act.clone() }
}

pub(super) fn put_consumer(mut txn: Txn<'_>, consumer: &Consumer, act: &Act) -> rusqlite::Result<Outcome> {
    let old = self::consumer(txn.db, &consumer.key)?.map(|standing| standing.consumer);
    let id = match &old {
        Some(old) => old.id,
        None => ConsumerId(next_id(txn.db, "consumers")?),
    };
    let new = Consumer { id, ..consumer.clone() };
    if old.as_ref() == Some(&new) {
        return txn.applied(Row::None);
    }
    txn.db
        .prepare_cached(
            "INSERT INTO consumers (id, customer, consumer_key, secret) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, secret = excluded.secret",
        )?
        .execute(params![id.0, new.customer.0, new.key, new.secret.0])?;
    for event in rules::consumer_put(old.as_ref(), &new) {
        txn.take_back(id.into(), event, act.at)?;
    }
    txn.audit(&act_on(id, act))?;
    txn.applied(Row::None)
}

pub(super) fn put_token(mut txn: Txn<'_>, token: &ConsumerToken, act: &Act) -> rusqlite::Result<Outcome> {
    if insert_token(txn.db, token)? {
        txn.audit(&act_on(token.consumer, act))?;
    }
    txn.applied(Row::None)
}

fn insert_token(db: &Connection, token: &ConsumerToken) -> rusqlite::Result<bool> {
    let inserted = db
        .prepare_cached(
            "INSERT INTO consumer_tokens (digest, consumer, customer, person, secret, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            token.digest,
            token.consumer.0,
            token.customer.0,
            token.user.0,
            token.secret.0,
            token.created_at.0
        ])?;
    Ok(inserted == 1)
}

/// Whether a consumer exists and is on.
pub(super) fn stands(txn: &Txn<'_>, consumer: ConsumerId) -> rusqlite::Result<bool> {
    Ok(records::exists(txn.db, "consumers", consumer.0)? && !txn.is_off(consumer)?)
}

pub(super) fn begin(txn: Txn<'_>, new: &Temporary) -> rusqlite::Result<Outcome> {
    if !stands(&txn, new.consumer)? {
        return Ok(Outcome::Stale);
    }
    let inserted = txn
        .db
        .prepare_cached(
            "INSERT INTO temporaries (digest, consumer, secret, callback, wants_verifier, person, verifier, expires_at)
             VALUES (:digest, :consumer, :secret, :callback, :wants_verifier, :person, :verifier, :expires_at)
             ON CONFLICT DO NOTHING",
        )?
        .execute(named_params! {
            ":digest": new.digest, ":consumer": new.consumer.0, ":secret": new.secret.0, ":callback": new.callback,
            ":wants_verifier": new.wants_verifier, ":person": new.allowed.map(|(person, _)| person.0),
            ":verifier": new.allowed.map(|(_, verifier)| verifier), ":expires_at": new.expires_at.0,
        })?;
    if inserted == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) fn allow(
    mut txn: Txn<'_>,
    digest: &[u8; 32],
    person: UserId,
    verifier: &[u8; 32],
    act: &Act,
) -> rusqlite::Result<Outcome> {
    let Some(held) = temporary(txn.db, digest)? else { return Ok(Outcome::Stale) };
    if held.allowed.is_some() || act.at >= held.expires_at || !stands(&txn, held.consumer)? {
        return Ok(Outcome::Stale);
    }
    txn.db
        .prepare_cached("UPDATE temporaries SET person = ?2, verifier = ?3 WHERE digest = ?1")?
        .execute(params![digest, person.0, verifier])?;
    txn.audit(&act_on(held.consumer, act))?;
    txn.applied(Row::None)
}

pub(super) fn finish(
    mut txn: Txn<'_>,
    digest: &[u8; 32],
    token: &ConsumerToken,
    act: &Act,
) -> rusqlite::Result<Outcome> {
    let Some(held) = temporary(txn.db, digest)? else { return Ok(Outcome::Stale) };
    let may = rules::may_finish(&held, token, act.at)
        && stands(&txn, held.consumer)?
        && consumer_token(txn.db, &token.digest)?.is_none();
    if !may {
        return Ok(Outcome::Stale);
    }
    txn.db.prepare_cached("DELETE FROM temporaries WHERE digest = ?1")?.execute([digest])?;
    insert_token(txn.db, token)?;
    txn.audit(&act_on(held.consumer, act))?;
    txn.applied(Row::None)
}

/// Counts of consumers that are unknown are nobody's.
pub(super) fn record(txn: Txn<'_>, uses: &[LegacyUse]) -> rusqlite::Result<Outcome> {
    for one in uses.iter().filter(|one| one.calls > 0) {
        let known = txn
            .db
            .prepare_cached("UPDATE consumers SET last_at = max(coalesce(last_at, ?2), ?2) WHERE id = ?1")?
            .execute([one.consumer.0, one.last_at.0])?;
        if known == 1 {
            txn.db
                .prepare_cached(
                    "INSERT INTO legacy_use (consumer, day, route, calls) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (consumer, day, route) DO UPDATE SET calls = calls + excluded.calls",
                )?
                .execute(params![one.consumer.0, one.day, one.route, rules::counted(one.calls)])?;
        }
    }
    txn.applied(Row::None)
}

/// Until when a customer may go on with OAuth 1.0.
pub(super) fn extend_legacy(
    mut txn: Txn<'_>,
    customer: CustomerId,
    until: Option<UnixTime>,
    act: &Act,
) -> rusqlite::Result<Outcome> {
    if !records::exists(txn.db, "customers", customer.0)? {
        return Ok(Outcome::Stale);
    }
    txn.db
        .prepare_cached("UPDATE customers SET legacy_until = ?2 WHERE id = ?1")?
        .execute(params![customer.0, until.map(|at| at.0)])?;
    txn.audit(&act_on(customer, act))?;
    txn.applied(Row::None)
}

pub(super) fn consumer(db: &Connection, key: &str) -> rusqlite::Result<Option<ConsumerStanding>> {
    find(db, &format!("{CONSUMER} WHERE consumer_key = ?1"), [key])
}

pub(super) fn consumer_by_id(db: &Connection, id: ConsumerId) -> rusqlite::Result<Option<ConsumerStanding>> {
    find(db, &format!("{CONSUMER} WHERE a.id = ?1"), [id.0])
}

fn find(db: &Connection, sql: &str, key: impl Params) -> rusqlite::Result<Option<ConsumerStanding>> {
    db.prepare_cached(sql)?
        .query_row(key, |row| {
            let consumer = Consumer {
                id: ConsumerId(row.get(0)?),
                customer: CustomerId(row.get(1)?),
                key: row.get(2)?,
                secret: SealedSecret(row.get(3)?),
                active: !row.get::<_, bool>(4)?,
            };
            Ok(ConsumerStanding { consumer, extended_until: row.get::<_, Option<i64>>(5)?.map(UnixTime) })
        })
        .optional()
}

pub(super) fn has_consumer(db: &Connection, customer: CustomerId) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM consumers a LEFT JOIN cuts c ON c.kind = 8 AND c.id = a.id
                         WHERE customer = ?1 AND coalesce(off, 0) = 0)",
    )?
    .query_one([customer.0], |row| row.get(0))
}

pub(super) fn consumer_token(db: &Connection, digest: &[u8; 32]) -> rusqlite::Result<Option<ConsumerToken>> {
    db.prepare_cached("SELECT consumer, customer, person, secret, created_at FROM consumer_tokens WHERE digest = ?1")?
        .query_row([digest], |row| {
            Ok(ConsumerToken {
                digest: *digest,
                consumer: ConsumerId(row.get(0)?),
                customer: CustomerId(row.get(1)?),
                user: UserId(row.get(2)?),
                secret: SealedSecret(row.get(3)?),
                created_at: UnixTime(row.get(4)?),
            })
        })
        .optional()
}

pub(super) fn temporary(db: &Connection, digest: &[u8; 32]) -> rusqlite::Result<Option<Temporary>> {
    db.prepare_cached(
        "SELECT consumer, secret, callback, wants_verifier, person, verifier, expires_at
           FROM temporaries WHERE digest = ?1",
    )?
    .query_row([digest], |row| {
        Ok(Temporary {
            digest: *digest,
            consumer: ConsumerId(row.get(0)?),
            secret: SealedSecret(row.get(1)?),
            callback: row.get(2)?,
            wants_verifier: row.get(3)?,
            allowed: row.get::<_, Option<i64>>(4)?.map(UserId).zip(row.get(5)?),
            expires_at: UnixTime(row.get(6)?),
        })
    })
    .optional()
}

pub(super) fn report(db: &Connection, since_day: i64, page: Page<ConsumerId>) -> rusqlite::Result<Vec<LegacyLine>> {
    db.prepare_cached(
        "SELECT a.id, consumer_key, a.customer, coalesce(external_id, ''), coalesce(name, ''), coalesce(off, 0),
                legacy_until, last_at,
                (SELECT coalesce(sum(calls), 0) FROM legacy_use WHERE consumer = a.id AND day >= ?1),
                (SELECT route FROM legacy_use WHERE consumer = a.id AND day >= ?1
                  GROUP BY route ORDER BY sum(calls) DESC, route LIMIT 1),
                (SELECT count(*) FROM exchanges WHERE consumer = a.id)
           FROM consumers a LEFT JOIN customers u ON u.id = a.customer
                LEFT JOIN cuts c ON c.kind = 8 AND c.id = a.id
          WHERE a.id > ?2 ORDER BY a.id LIMIT ?3",
    )?
    .query_map(params![since_day, page.after.map_or(i64::MIN, |id| id.0), page.limit.min(crate::PAGE_MAX)], line)?
    .collect()
}

fn line(row: &rusqlite::Row<'_>) -> rusqlite::Result<LegacyLine> {
    Ok(LegacyLine {
        consumer: ConsumerId(row.get(0)?),
        key: row.get(1)?,
        customer: CustomerId(row.get(2)?),
        customer_external: row.get(3)?,
        customer_name: row.get(4)?,
        active: !row.get::<_, bool>(5)?,
        extended_until: row.get::<_, Option<i64>>(6)?.map(UnixTime),
        last_at: row.get::<_, Option<i64>>(7)?.map(UnixTime),
        calls: row.get::<_, i64>(8)?.unsigned_abs(),
        route: row.get(9)?,
        exchanges: row.get::<_, i64>(10)?.unsigned_abs(),
    })
}
