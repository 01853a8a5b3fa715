//! OAuth 1.0: consumers, their tokens, temporary credentials, and who still calls; and their reads. What a pair becomes
//! stands in `exchange`.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::legacy::{
    Consumer, ConsumerStanding, ConsumerToken, LegacyLine, LegacyUse, SealedSecret, Temporary,
};
use causeway_protocol::records::Act;
use causeway_protocol::{ConsumerId, CustomerId, UnixTime, UserId};

use super::apps::next_id;
use super::db::{self, Db, Row as _, Sql, Value, values};
use super::records;
use super::txn::Txn;
use crate::{PAGE_MAX, Page, rules};

const CONSUMER: &str = "SELECT a.id, a.customer, consumer_key, secret, coalesce(off, 0), legacy_until FROM consumers a
    LEFT JOIN customers u ON u.id = a.customer LEFT JOIN cuts c ON c.kind = 8 AND c.id = a.id";

pub(super) async fn put_consumer<D: Db>(mut txn: Txn<'_, D>, consumer: &Consumer, act: &Act) -> Sql<Outcome> {
    let old = self::consumer(txn.db, &consumer.key).await?.map(|standing| standing.consumer);
    let id = match &old {
        Some(old) => old.id,
        None => ConsumerId(next_id(txn.db, "consumers").await?),
    };
    let new = Consumer { id, ..consumer.clone() };
    if old.as_ref() == Some(&new) {
        return txn.applied(Row::None);
    }
    txn.db
        .write(
            "INSERT INTO consumers (id, customer, consumer_key, secret) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, secret = excluded.secret",
            &values![id.0, new.customer.0, &new.key, &new.secret.0],
        )
        .await?;
    for event in rules::consumer_put(old.as_ref(), &new) {
        txn.take_back(id.into(), event, act.at).await?;
    }
    txn.audit_on(id, act).await?;
    txn.applied(Row::None)
}

pub(super) async fn put_token<D: Db>(mut txn: Txn<'_, D>, token: &ConsumerToken, act: &Act) -> Sql<Outcome> {
    if insert_token(txn.db, token).await? {
        txn.audit_on(token.consumer, act).await?;
    }
    txn.applied(Row::None)
}

async fn insert_token<D: Db>(db: &mut D, token: &ConsumerToken) -> Sql<bool> {
    let inserted = db
        .execute(
            "INSERT INTO consumer_tokens (digest, consumer, customer, person, secret, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            &values![
                &token.digest,
                token.consumer.0,
                token.customer.0,
                token.user.0,
                &token.secret.0,
                token.created_at.0,
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// Whether a consumer exists and is on.
pub(super) async fn stands<D: Db>(txn: &mut Txn<'_, D>, consumer: ConsumerId) -> Sql<bool> {
    Ok(records::exists(txn.db, "consumers", consumer.0).await? && !txn.is_off(consumer).await?)
}

pub(super) async fn begin<D: Db>(mut txn: Txn<'_, D>, new: &Temporary) -> Sql<Outcome> {
    if !stands(&mut txn, new.consumer).await? {
        return Ok(Outcome::Stale);
    }
    let inserted = txn
        .db
        .execute(
            "INSERT INTO temporaries (digest, consumer, secret, callback, wants_verifier, person, verifier, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            &values![
                &new.digest,
                new.consumer.0,
                &new.secret.0,
                new.callback.as_ref(),
                new.wants_verifier,
                new.allowed.map(|(person, _)| person.0),
                new.allowed.as_ref().map(|(_, verifier)| verifier),
                new.expires_at.0,
            ],
        )
        .await?;
    if inserted == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) async fn allow<D: Db>(
    mut txn: Txn<'_, D>,
    digest: &[u8; 32],
    person: UserId,
    verifier: &[u8; 32],
    act: &Act,
) -> Sql<Outcome> {
    let Some(held) = temporary(txn.db, digest).await? else { return Ok(Outcome::Stale) };
    if held.allowed.is_some() || act.at >= held.expires_at || !stands(&mut txn, held.consumer).await? {
        return Ok(Outcome::Stale);
    }
    txn.db
        .write(
            "UPDATE temporaries SET person = ?1, verifier = ?2 WHERE digest = ?3",
            &values![person.0, verifier, digest],
        )
        .await?;
    txn.audit_on(held.consumer, act).await?;
    txn.applied(Row::None)
}

pub(super) async fn finish<D: Db>(
    mut txn: Txn<'_, D>,
    digest: &[u8; 32],
    token: &ConsumerToken,
    act: &Act,
) -> Sql<Outcome> {
    let Some(held) = temporary(txn.db, digest).await? else { return Ok(Outcome::Stale) };
    let may = rules::may_finish(&held, token, act.at)
        && stands(&mut txn, held.consumer).await?
        && consumer_token(txn.db, &token.digest).await?.is_none();
    if !may {
        return Ok(Outcome::Stale);
    }
    txn.db.write("DELETE FROM temporaries WHERE digest = ?1", &values![digest]).await?;
    insert_token(txn.db, token).await?;
    txn.audit_on(held.consumer, act).await?;
    txn.applied(Row::None)
}

/// Counts of consumers that are unknown are nobody's.
pub(super) async fn record<D: Db>(txn: Txn<'_, D>, uses: &[LegacyUse]) -> Sql<Outcome> {
    for one in uses.iter().filter(|one| one.calls > 0) {
        let known = txn
            .db
            .execute(
                "UPDATE consumers SET last_at = CASE WHEN last_at > ?1 THEN last_at ELSE ?1 END WHERE id = ?2",
                &values![one.last_at.0, one.consumer.0],
            )
            .await?;
        if known == 1 {
            txn.db
                .write(
                    "INSERT INTO legacy_use (consumer, day, route, calls) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (consumer, day, route) DO UPDATE SET calls = legacy_use.calls + excluded.calls",
                    &values![one.consumer.0, one.day, &one.route, rules::counted(one.calls)],
                )
                .await?;
        }
    }
    txn.applied(Row::None)
}

/// Until when a customer may go on with OAuth 1.0.
pub(super) async fn extend_legacy<D: Db>(
    mut txn: Txn<'_, D>,
    customer: CustomerId,
    until: Option<UnixTime>,
    act: &Act,
) -> Sql<Outcome> {
    let known = txn
        .db
        .execute("UPDATE customers SET legacy_until = ?1 WHERE id = ?2", &values![until.map(|at| at.0), customer.0])
        .await?;
    if known == 0 {
        return Ok(Outcome::Stale);
    }
    txn.audit_on(customer, act).await?;
    txn.applied(Row::None)
}

pub(crate) async fn consumer<D: Db>(db: &mut D, key: &str) -> Sql<Option<ConsumerStanding>> {
    find(db, &format!("{CONSUMER} WHERE consumer_key = ?1"), key.into()).await
}

pub(crate) async fn consumer_by_id<D: Db>(db: &mut D, id: ConsumerId) -> Sql<Option<ConsumerStanding>> {
    find(db, &format!("{CONSUMER} WHERE a.id = ?1"), id.0.into()).await
}

async fn find<D: Db>(db: &mut D, sql: &str, key: Value<'_>) -> Sql<Option<ConsumerStanding>> {
    let found = db.row(sql, &[key]).await?;
    let standing = found.map(|row| {
        let consumer = Consumer {
            id: ConsumerId(row.int(0)?),
            customer: CustomerId(row.int(1)?),
            key: row.text(2)?,
            secret: SealedSecret(row.text(3)?),
            active: !row.flag(4)?,
        };
        Ok(ConsumerStanding { consumer, extended_until: row.int_or_null(5)?.map(UnixTime) })
    });
    standing.transpose()
}

pub(crate) async fn has_consumer<D: Db>(db: &mut D, customer: CustomerId) -> Sql<bool> {
    let found = db
        .row(
            "SELECT a.id FROM consumers a LEFT JOIN cuts c ON c.kind = 8 AND c.id = a.id
              WHERE customer = ?1 AND coalesce(off, 0) = 0 LIMIT 1",
            &values![customer.0],
        )
        .await?;
    Ok(found.is_some())
}

pub(crate) async fn consumer_token<D: Db>(db: &mut D, digest: &[u8; 32]) -> Sql<Option<ConsumerToken>> {
    let found = db
        .row(
            "SELECT consumer, customer, person, secret, created_at FROM consumer_tokens WHERE digest = ?1",
            &values![digest],
        )
        .await?;
    let token = found.map(|row| {
        Ok(ConsumerToken {
            digest: *digest,
            consumer: ConsumerId(row.int(0)?),
            customer: CustomerId(row.int(1)?),
            user: UserId(row.int(2)?),
            secret: SealedSecret(row.text(3)?),
            created_at: UnixTime(row.int(4)?),
        })
    });
    token.transpose()
}

pub(crate) async fn temporary<D: Db>(db: &mut D, digest: &[u8; 32]) -> Sql<Option<Temporary>> {
    let found = db
        .row(
            "SELECT consumer, secret, callback, wants_verifier, person, verifier, expires_at
               FROM temporaries WHERE digest = ?1",
            &values![digest],
        )
        .await?;
    let temporary = found.map(|row| {
        Ok(Temporary {
            digest: *digest,
            consumer: ConsumerId(row.int(0)?),
            secret: SealedSecret(row.text(1)?),
            callback: row.text_or_null(2)?,
            wants_verifier: row.flag(3)?,
            allowed: row.int_or_null(4)?.map(UserId).zip(row.bytes_or_null(5)?),
            expires_at: UnixTime(row.int(6)?),
        })
    });
    temporary.transpose()
}

/// Every consumer with what it still calls: [`crate::Store::legacy`].
pub(crate) async fn report<D: Db>(db: &mut D, since_day: i64, page: Page<ConsumerId>) -> Sql<Vec<LegacyLine>> {
    let lines = db
        .rows(
            "SELECT a.id, consumer_key, a.customer, coalesce(external_id, ''), coalesce(name, ''), coalesce(off, 0),
                    legacy_until, last_at,
                    (SELECT CAST(coalesce(sum(calls), 0) AS BIGINT) FROM legacy_use
                      WHERE consumer = a.id AND day >= ?1),
                    (SELECT route FROM legacy_use WHERE consumer = a.id AND day >= ?1
                      GROUP BY route ORDER BY sum(calls) DESC, route LIMIT 1),
                    (SELECT count(*) FROM exchanges WHERE consumer = a.id)
               FROM consumers a LEFT JOIN customers u ON u.id = a.customer
                    LEFT JOIN cuts c ON c.kind = 8 AND c.id = a.id
              WHERE a.id > ?2 ORDER BY a.id LIMIT ?3",
            &values![since_day, page.after.map_or(i64::MIN, |id| id.0), page.limit.min(PAGE_MAX)],
        )
        .await?;
    lines.iter().map(line).collect()
}

fn line<R: db::Row>(row: &R) -> Sql<LegacyLine> {
    Ok(LegacyLine {
        consumer: ConsumerId(row.int(0)?),
        key: row.text(1)?,
        customer: CustomerId(row.int(2)?),
        customer_external: row.text(3)?,
        customer_name: row.text(4)?,
        active: !row.flag(5)?,
        extended_until: row.int_or_null(6)?.map(UnixTime),
        last_at: row.int_or_null(7)?.map(UnixTime),
        calls: row.int(8)?.unsigned_abs(),
        route: row.text_or_null(9)?,
        exchanges: row.int(10)?.unsigned_abs(),
    })
}
