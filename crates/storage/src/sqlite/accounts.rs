//! Accounts that apps register, each a customer, and API keys: put, edit, delete; and their reads.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::legacy::{Account, ApiKey};
use causeway_protocol::records::{Act, Customer, FeedEvent};
use causeway_protocol::{ApiKeyId, AppId, CustomerId, UnixTime};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::apps::next_id;
use super::connections;
use super::txn::Txn;
use crate::{Page, rules};

const ACCOUNT: &str = "SELECT a.customer, app, external_id, name, timezone, currency, created_at
    FROM accounts a JOIN customers c ON c.id = a.customer";

pub(super) fn register(mut txn: Txn<'_>, account: &Account, act: &Act) -> rusqlite::Result<Outcome> {
    // Whoever knew that id must find nobody else under it.
    let before: Option<i64> = txn
        .db
        .prepare_cached("SELECT app FROM account_ids WHERE external_id = ?1")?
        .query_row([&account.external_id], |row| row.get(0))
        .optional()?;
    if before.is_some_and(|app| app != account.app.0) {
        return Ok(Outcome::Stale);
    }
    let id = CustomerId(next_id(txn.db, "customers")?);
    let inserted = txn
        .db
        .prepare_cached(
            "INSERT INTO customers (id, external_id, name) VALUES (?1, ?2, ?3) ON CONFLICT (external_id) DO NOTHING",
        )?
        .execute(params![id.0, account.external_id, account.name])?;
    if inserted == 0 {
        return Ok(Outcome::Stale);
    }
    if before.is_none() {
        txn.db
            .prepare_cached("INSERT INTO account_ids (external_id, app) VALUES (?1, ?2)")?
            .execute(params![account.external_id, account.app.0])?;
    }
    txn.db
        .prepare_cached(
            "INSERT INTO accounts (customer, app, timezone, currency, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id.0, account.app.0, account.timezone, account.currency, account.created_at.0])?;
    txn.audit(&Act { subject: act.subject.or(Some(id.into())), ..act.clone() })?;
    let (external_id, name) = (account.external_id.clone(), account.name.clone());
    txn.applied(Row::Customer(Customer { id, external_id, name, active: true, sites: Vec::new() }))
}

pub(super) fn edit(mut txn: Txn<'_>, account: &Account, act: &Act) -> rusqlite::Result<Outcome> {
    let id = account.customer;
    let Some(old) = self::account(txn.db, id)?.filter(|old| old.app == account.app) else {
        return Ok(Outcome::Stale);
    };
    if rules::edited(&old, account) == old {
        return txn.applied(Row::None);
    }
    txn.db.prepare_cached("UPDATE customers SET name = ?2 WHERE id = ?1")?.execute(params![id.0, account.name])?;
    txn.db.prepare_cached("UPDATE accounts SET timezone = ?2, currency = ?3 WHERE customer = ?1")?.execute(params![
        id.0,
        account.timezone,
        account.currency
    ])?;
    txn.take_back(id.into(), FeedEvent::Changed, act.at)?;
    txn.audit(&Act { subject: act.subject.or(Some(id.into())), ..act.clone() })?;
    txn.applied(Row::None)
}

pub(super) fn delete(mut txn: Txn<'_>, id: CustomerId, app: AppId, act: &Act) -> rusqlite::Result<Outcome> {
    let deleted =
        txn.db.prepare_cached("DELETE FROM accounts WHERE customer = ?1 AND app = ?2")?.execute([id.0, app.0])?;
    if deleted == 0 {
        return Ok(Outcome::Stale);
    }
    txn.db
        .prepare_cached("UPDATE customers SET external_id = ?2 WHERE id = ?1")?
        .execute(params![id.0, rules::deleted_id(id)])?;
    connections::cut_all_of(&mut txn, id, act)?;
    for event in rules::customer_deleted(!txn.is_off(id)?) {
        txn.take_back(id.into(), event, act.at)?;
    }
    txn.audit(&Act { subject: act.subject.or(Some(id.into())), ..act.clone() })?;
    txn.applied(Row::None)
}

pub(super) fn account(db: &Connection, customer: CustomerId) -> rusqlite::Result<Option<Account>> {
    find(db, &format!("{ACCOUNT} WHERE a.customer = ?1"), [customer.0])
}

pub(super) fn by_external(db: &Connection, id: &str) -> rusqlite::Result<Option<Account>> {
    find(db, &format!("{ACCOUNT} WHERE external_id = ?1"), [id])
}

fn find(db: &Connection, sql: &str, key: impl Params) -> rusqlite::Result<Option<Account>> {
    db.prepare_cached(sql)?.query_row(key, from_row).optional()
}

pub(super) fn page(db: &Connection, app: AppId, page: Page<CustomerId>) -> rusqlite::Result<Vec<Account>> {
    let after = page.after.map_or(i64::MIN, |id| id.0);
    db.prepare_cached(&format!("{ACCOUNT} WHERE app = ?1 AND a.customer > ?2 ORDER BY a.customer LIMIT ?3"))?
        .query_map(params![app.0, after, page.limit.min(crate::PAGE_MAX)], from_row)?
        .collect()
}

fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        customer: CustomerId(row.get(0)?),
        app: AppId(row.get(1)?),
        external_id: row.get(2)?,
        name: row.get(3)?,
        timezone: row.get(4)?,
        currency: row.get(5)?,
        created_at: UnixTime(row.get(6)?),
    })
}

pub(super) fn put_key(mut txn: Txn<'_>, key: &ApiKey, act: &Act) -> rusqlite::Result<Outcome> {
    let old = api_key(txn.db, &key.digest)?;
    let id = match &old {
        Some(old) => old.id,
        None => ApiKeyId(next_id(txn.db, "api_keys")?),
    };
    let new = ApiKey { id, ..key.clone() };
    if old.as_ref() == Some(&new) {
        return txn.applied(Row::None);
    }
    txn.db
        .prepare_cached("REPLACE INTO api_keys (id, digest, customer, app, hint) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![id.0, new.digest, new.customer.map(|id| id.0), new.app.map(|id| id.0), new.hint])?;
    for event in rules::api_key_put(old.as_ref(), &new) {
        txn.take_back(id.into(), event, act.at)?;
    }
    txn.audit(&Act { subject: act.subject.or(Some(id.into())), ..act.clone() })?;
    txn.applied(Row::None)
}

const API_KEY: &str = "SELECT a.id, digest, customer, app, hint, coalesce(off, 0)
    FROM api_keys a LEFT JOIN cuts c ON c.kind = 9 AND c.id = a.id";

pub(super) fn api_key(db: &Connection, digest: &[u8; 32]) -> rusqlite::Result<Option<ApiKey>> {
    db.prepare_cached(&format!("{API_KEY} WHERE digest = ?1"))?.query_row([digest], read_key).optional()
}

pub(super) fn api_key_by_id(db: &Connection, id: ApiKeyId) -> rusqlite::Result<Option<ApiKey>> {
    db.prepare_cached(&format!("{API_KEY} WHERE a.id = ?1"))?.query_row([id.0], read_key).optional()
}

/// All of them, in order of number: nodes hold them like apps.
pub(super) fn api_keys(db: &Connection) -> rusqlite::Result<Vec<ApiKey>> {
    db.prepare_cached(&format!("{API_KEY} ORDER BY a.id"))?.query_map([], read_key)?.collect()
}

fn read_key(row: &rusqlite::Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: ApiKeyId(row.get(0)?),
        digest: row.get(1)?,
        customer: row.get::<_, Option<i64>>(2)?.map(CustomerId),
        app: row.get::<_, Option<i64>>(3)?.map(AppId),
        hint: row.get(4)?,
        active: !row.get::<_, bool>(5)?,
    })
}
