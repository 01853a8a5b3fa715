//! Customers, scopes and seeds: what is configured rather than granted; and the switches. Apps and people stand apart.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::records::{Act, Customer, FeedEvent, Site};
use causeway_protocol::scope::MAX_SCOPES;
use causeway_protocol::time::Seconds;
use causeway_protocol::{AudienceId, CustomerId, SiteId, Subject, SubjectKind, UserId};

use super::apps::next_id;
use super::db::{self, Db, Row as _, Sql, Value, values};
use super::txn::Txn;
use crate::rules;

const CUSTOMER: &str = "SELECT a.id, external_id, name, coalesce(off, 0)
    FROM customers a LEFT JOIN cuts c ON c.kind = 4 AND c.id = a.id";

pub(super) async fn switch<D: Db>(mut txn: Txn<'_, D>, subject: Subject, active: bool, act: &Act) -> Sql<Outcome> {
    let table = match subject.kind {
        SubjectKind::App => "apps",
        SubjectKind::Customer => "customers",
        SubjectKind::User => "people",
        SubjectKind::Site => "sites",
        SubjectKind::Consumer => "consumers",
        SubjectKind::ApiKey => "api_keys",
        SubjectKind::Family | SubjectKind::Connection | SubjectKind::Audience | SubjectKind::AppItself => {
            return Ok(Outcome::Stale);
        }
    };
    let may = exists(txn.db, table, subject.id).await?
        && !(subject.kind == SubjectKind::Customer && is_deleted(txn.db, CustomerId(subject.id)).await?);
    let Some(event) = rules::switched(!txn.is_off(subject).await?, active).filter(|_| may) else {
        return Ok(Outcome::Stale);
    };
    txn.take_back(subject, event, act.at).await?;
    txn.audit(act).await?;
    txn.applied(Row::None)
}

/// An audience's access key is replaced: its entry is all that there is to it.
pub(super) async fn cut_audience<D: Db>(mut txn: Txn<'_, D>, audience: AudienceId, act: &Act) -> Sql<Outcome> {
    txn.take_back(audience.into(), FeedEvent::CutAccess, act.at).await?;
    txn.audit(act).await?;
    txn.applied(Row::None)
}

pub(super) async fn exists<D: Db>(db: &mut D, table: &str, id: i64) -> Sql<bool> {
    Ok(db.row(&format!("SELECT id FROM {table} WHERE id = ?1"), &values![id]).await?.is_some())
}

/// A deleted account's customer stays off for ever.
async fn is_deleted<D: Db>(db: &mut D, customer: CustomerId) -> Sql<bool> {
    let row = db.one("SELECT external_id FROM customers WHERE id = ?1", &values![customer.0]).await?;
    Ok(rules::is_deleted(&row.text(0)?))
}

pub(super) async fn put_customer<D: Db>(mut txn: Txn<'_, D>, customer: &Customer, act: &Act) -> Sql<Outcome> {
    let old = customer_by_external(txn.db, &customer.external_id).await?;
    let id = match &old {
        Some(old) => old.id,
        None => CustomerId(next_id(txn.db, "customers").await?),
    };
    let sites = sites_put(txn.db, old.as_ref().map_or(&[], |old| &old.sites), &customer.sites).await?;
    let new = Customer { id, sites, ..customer.clone() };
    if old.as_ref() == Some(&new) {
        return txn.applied(Row::Customer(new));
    }
    txn.db
        .write(
            "INSERT INTO customers (id, external_id, name) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            &values![id.0, &new.external_id, &new.name],
        )
        .await?;
    let sites = new
        .sites
        .iter()
        .map(|site| values![site.id.0, id.0, &site.external_id, &site.name, site.creator.map(|id| id.0)]);
    let sites: Vec<_> = sites.collect();
    txn.db
        .write_each(
            "INSERT INTO sites (id, customer, external_id, name, creator) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, creator = excluded.creator",
            &sites,
        )
        .await?;
    for (subject, event) in rules::customer_put(old.as_ref(), &new) {
        txn.take_back(subject, event, act.at).await?;
    }
    txn.audit_on(id, act).await?;
    txn.applied(Row::Customer(new))
}

/// The sites that a customer has from now on: those it had, as they are given, and the new ones with numbers.
async fn sites_put<D: Db>(db: &mut D, known: &[Site], given: &[Site]) -> Sql<Vec<Site>> {
    let mut sites = known.to_vec();
    for site in given {
        match sites.iter_mut().find(|held| held.external_id == site.external_id) {
            Some(held) => *held = Site { id: held.id, ..site.clone() },
            None => {
                let id = SiteId(next_id(db, "sites").await? + (sites.len() - known.len()) as i64);
                sites.push(Site { id, ..site.clone() });
            }
        }
    }
    Ok(sites)
}

pub(super) async fn register_scopes<D: Db>(txn: Txn<'_, D>, wanted: &[String]) -> Sql<Outcome> {
    let mut words = scopes(txn.db).await?;
    let known = words.len();
    for word in wanted {
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    if words.len() > MAX_SCOPES {
        return Ok(Outcome::Stale);
    }
    let new: Vec<_> = (0_i64..).zip(&words).skip(known).map(|(n, word)| values![n, word]).collect();
    txn.db.write_each("INSERT INTO scopes (n, word) VALUES (?1, ?2)", &new).await?;
    txn.applied(Row::Scopes(words))
}

pub(super) async fn mark_seed<D: Db>(txn: Txn<'_, D>, digest: &[u8; 32]) -> Sql<Outcome> {
    let inserted =
        txn.db.execute("INSERT INTO seeds (digest) VALUES (?1) ON CONFLICT DO NOTHING", &values![digest]).await?;
    if inserted == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) async fn raise_access_life<D: Db>(txn: Txn<'_, D>, life: Seconds) -> Sql<Outcome> {
    txn.db.write("UPDATE meta SET longest_access_life = ?1 WHERE longest_access_life < ?1", &values![life.0]).await?;
    txn.applied(Row::None)
}

pub(super) async fn longest_access_life<D: Db>(db: &mut D) -> Sql<Seconds> {
    Ok(Seconds(db.one("SELECT longest_access_life FROM meta WHERE one = 1", &[]).await?.int(0)?))
}

pub(super) async fn scopes<D: Db>(db: &mut D) -> Sql<Vec<String>> {
    db.rows("SELECT word FROM scopes ORDER BY n", &[]).await?.iter().map(|row| row.text(0)).collect()
}

pub(crate) async fn customer<D: Db>(db: &mut D, id: CustomerId) -> Sql<Option<Customer>> {
    find_customer(db, &format!("{CUSTOMER} WHERE a.id = ?1"), id.0.into()).await
}

pub(crate) async fn customer_by_site<D: Db>(db: &mut D, site: &str) -> Sql<Option<Customer>> {
    let owner = db.row("SELECT customer FROM sites WHERE external_id = ?1 ORDER BY id LIMIT 1", &values![site]).await?;
    match owner.map(|row| row.int(0)).transpose()? {
        None => Ok(None),
        Some(owner) => customer(db, CustomerId(owner)).await,
    }
}

pub(crate) async fn seed_loaded<D: Db>(db: &mut D, digest: &[u8; 32]) -> Sql<bool> {
    Ok(db.row("SELECT digest FROM seeds WHERE digest = ?1", &values![digest]).await?.is_some())
}

pub(crate) async fn customer_by_external<D: Db>(db: &mut D, id: &str) -> Sql<Option<Customer>> {
    find_customer(db, &format!("{CUSTOMER} WHERE external_id = ?1"), id.into()).await
}

async fn find_customer<D: Db>(db: &mut D, sql: &str, key: Value<'_>) -> Sql<Option<Customer>> {
    let Some(row) = db.row(sql, &[key]).await? else { return Ok(None) };
    let mut customer = Customer {
        id: CustomerId(row.int(0)?),
        external_id: row.text(1)?,
        name: row.text(2)?,
        active: !row.flag(3)?,
        sites: Vec::new(),
    };
    drop(row);
    let sites = db
        .rows(
            "SELECT s.id, external_id, name, coalesce(off, 0), creator
               FROM sites s LEFT JOIN cuts c ON c.kind = 6 AND c.id = s.id
              WHERE customer = ?1 ORDER BY s.id",
            &values![customer.id.0],
        )
        .await?;
    customer.sites = sites.iter().map(site).collect::<Sql<_>>()?;
    Ok(Some(customer))
}

fn site<R: db::Row>(row: &R) -> Sql<Site> {
    Ok(Site {
        id: SiteId(row.int(0)?),
        external_id: row.text(1)?,
        name: row.text(2)?,
        active: !row.flag(3)?,
        creator: row.int_or_null(4)?.map(UserId),
    })
}
