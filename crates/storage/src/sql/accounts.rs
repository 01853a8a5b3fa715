//! Accounts that apps register, each a customer, and API keys: put, edit, delete; and their reads.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::legacy::{Account, ApiKey};
use causeway_protocol::records::{Act, Customer, FeedEvent};
use causeway_protocol::{ApiKeyId, AppId, CustomerId, UnixTime};

use super::apps::next_id;
use super::connections;
use super::db::{self, Db, Row as _, Sql, Value, values};
use super::txn::Txn;
use crate::{PAGE_MAX, Page, rules};

const ACCOUNT: &str = "SELECT a.customer, app, external_id, name, timezone, currency, created_at
    FROM accounts a JOIN customers c ON c.id = a.customer";
const API_KEY: &str = "SELECT a.id, digest, customer, app, hint, coalesce(off, 0)
    FROM api_keys a LEFT JOIN cuts c ON c.kind = 9 AND c.id = a.id";

pub(super) async fn register<D: Db>(mut txn: Txn<'_, D>, account: &Account, act: &Act) -> Sql<Outcome> {
    // Whoever knew that id must find nobody else under it.
    let before =
        txn.db.row("SELECT app FROM account_ids WHERE external_id = ?1", &values![&account.external_id]).await?;
    let before = before.map(|row| row.int(0)).transpose()?;
    if before.is_some_and(|app| app != account.app.0) {
        return Ok(Outcome::Stale);
    }
    let id = CustomerId(next_id(txn.db, "customers").await?);
    let inserted = txn
        .db
        .execute(
            "INSERT INTO customers (id, external_id, name) VALUES (?1, ?2, ?3) ON CONFLICT (external_id) DO NOTHING",
            &values![id.0, &account.external_id, &account.name],
        )
        .await?;
    if inserted == 0 {
        return Ok(Outcome::Stale);
    }
    if before.is_none() {
        txn.db
            .write(
                "INSERT INTO account_ids (external_id, app) VALUES (?1, ?2)",
                &values![&account.external_id, account.app.0],
            )
            .await?;
    }
    txn.db
        .write(
            "INSERT INTO accounts (customer, app, timezone, currency, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            &values![id.0, account.app.0, &account.timezone, &account.currency, account.created_at.0],
        )
        .await?;
    txn.audit_on(id, act).await?;
    let (external_id, name) = (account.external_id.clone(), account.name.clone());
    txn.applied(Row::Customer(Customer { id, external_id, name, active: true, sites: Vec::new() }))
}

pub(super) async fn edit<D: Db>(mut txn: Txn<'_, D>, account: &Account, act: &Act) -> Sql<Outcome> {
    let id = account.customer;
    let Some(old) = self::account(txn.db, id).await?.filter(|old| old.app == account.app) else {
        return Ok(Outcome::Stale);
    };
    if rules::edited(&old, account) == old {
        return txn.applied(Row::None);
    }
    txn.db.write("UPDATE customers SET name = ?1 WHERE id = ?2", &values![&account.name, id.0]).await?;
    txn.db
        .write(
            "UPDATE accounts SET timezone = ?1, currency = ?2 WHERE customer = ?3",
            &values![&account.timezone, &account.currency, id.0],
        )
        .await?;
    txn.take_back(id.into(), FeedEvent::Changed, act.at).await?;
    txn.audit_on(id, act).await?;
    txn.applied(Row::None)
}

pub(super) async fn delete<D: Db>(mut txn: Txn<'_, D>, id: CustomerId, app: AppId, act: &Act) -> Sql<Outcome> {
    let deleted =
        txn.db.execute("DELETE FROM accounts WHERE customer = ?1 AND app = ?2", &values![id.0, app.0]).await?;
    if deleted == 0 {
        return Ok(Outcome::Stale);
    }
    txn.db.write("UPDATE customers SET external_id = ?1 WHERE id = ?2", &values![&rules::deleted_id(id), id.0]).await?;
    connections::cut_all_of(&mut txn, id, act).await?;
    for event in rules::customer_deleted(!txn.is_off(id).await?) {
        txn.take_back(id.into(), event, act.at).await?;
    }
    txn.audit_on(id, act).await?;
    txn.applied(Row::None)
}

pub(crate) async fn account<D: Db>(db: &mut D, customer: CustomerId) -> Sql<Option<Account>> {
    find(db, &format!("{ACCOUNT} WHERE a.customer = ?1"), customer.0.into()).await
}

pub(crate) async fn by_external<D: Db>(db: &mut D, id: &str) -> Sql<Option<Account>> {
    find(db, &format!("{ACCOUNT} WHERE external_id = ?1"), id.into()).await
}

async fn find<D: Db>(db: &mut D, sql: &str, key: Value<'_>) -> Sql<Option<Account>> {
    db.row(sql, &[key]).await?.as_ref().map(from_row).transpose()
}

pub(crate) async fn page<D: Db>(db: &mut D, app: AppId, page: Page<CustomerId>) -> Sql<Vec<Account>> {
    let after = page.after.map_or(i64::MIN, |id| id.0);
    let sql = format!("{ACCOUNT} WHERE app = ?1 AND a.customer > ?2 ORDER BY a.customer LIMIT ?3");
    let found = db.rows(&sql, &values![app.0, after, page.limit.min(PAGE_MAX)]).await?;
    found.iter().map(from_row).collect()
}

fn from_row<R: db::Row>(row: &R) -> Sql<Account> {
    Ok(Account {
        customer: CustomerId(row.int(0)?),
        app: AppId(row.int(1)?),
        external_id: row.text(2)?,
        name: row.text(3)?,
        timezone: row.text(4)?,
        currency: row.text(5)?,
        created_at: UnixTime(row.int(6)?),
    })
}

pub(super) async fn put_key<D: Db>(mut txn: Txn<'_, D>, key: &ApiKey, act: &Act) -> Sql<Outcome> {
    let old = api_key(txn.db, &key.digest).await?;
    let id = match &old {
        Some(old) => old.id,
        None => ApiKeyId(next_id(txn.db, "api_keys").await?),
    };
    let new = ApiKey { id, ..key.clone() };
    if old.as_ref() == Some(&new) {
        return txn.applied(Row::None);
    }
    txn.db
        .write(
            "INSERT INTO api_keys (id, digest, customer, app, hint) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, app = excluded.app, hint = excluded.hint",
            &values![id.0, &new.digest, new.customer.map(|id| id.0), new.app.map(|id| id.0), &new.hint],
        )
        .await?;
    for event in rules::api_key_put(old.as_ref(), &new) {
        txn.take_back(id.into(), event, act.at).await?;
    }
    txn.audit_on(id, act).await?;
    txn.applied(Row::None)
}

pub(crate) async fn api_key<D: Db>(db: &mut D, digest: &[u8; 32]) -> Sql<Option<ApiKey>> {
    db.row(&format!("{API_KEY} WHERE digest = ?1"), &values![digest]).await?.as_ref().map(read_key).transpose()
}

pub(crate) async fn api_key_by_id<D: Db>(db: &mut D, id: ApiKeyId) -> Sql<Option<ApiKey>> {
    db.row(&format!("{API_KEY} WHERE a.id = ?1"), &values![id.0]).await?.as_ref().map(read_key).transpose()
}

/// All of them, in order of number: nodes hold them like apps.
pub(super) async fn api_keys<D: Db>(db: &mut D) -> Sql<Vec<ApiKey>> {
    db.rows(&format!("{API_KEY} ORDER BY a.id"), &[]).await?.iter().map(read_key).collect()
}

fn read_key<R: db::Row>(row: &R) -> Sql<ApiKey> {
    Ok(ApiKey {
        id: ApiKeyId(row.int(0)?),
        digest: row.bytes(1)?,
        customer: row.int_or_null(2)?.map(CustomerId),
        app: row.int_or_null(3)?.map(AppId),
        hint: row.text(4)?,
        active: !row.flag(5)?,
    })
}
