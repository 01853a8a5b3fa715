//! Customers, scopes and seeds: what is configured rather than granted; and the switches. Apps and people stand apart.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::records::{Act, Customer, Site};
use causeway_protocol::scope::MAX_SCOPES;
use causeway_protocol::time::Seconds;
use causeway_protocol::{CustomerId, SiteId, Subject, SubjectKind, UserId};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::apps::next_id;
use super::txn::Txn;
use crate::rules;

const CUSTOMER: &str = "SELECT a.id, external_id, name, coalesce(off, 0)
    FROM customers a LEFT JOIN cuts c ON c.kind = 4 AND c.id = a.id";

pub(super) fn switch(mut txn: Txn<'_>, subject: Subject, active: bool, act: &Act) -> rusqlite::Result<Outcome> {
    let table = match subject.kind {
        SubjectKind::App => "apps",
        SubjectKind::Customer => "customers",
        SubjectKind::User => "people",
        SubjectKind::Site => "sites",
        SubjectKind::Consumer => "consumers",
        SubjectKind::ApiKey => "api_keys",
        SubjectKind::Family | SubjectKind::Connection | SubjectKind::Audience => return Ok(Outcome::Stale),
    };
    let may = exists(txn.db, table, subject.id)?
        && !(subject.kind == SubjectKind::Customer && is_deleted(txn.db, CustomerId(subject.id))?);
    let Some(event) = rules::switched(!txn.is_off(subject)?, active).filter(|_| may) else {
        return Ok(Outcome::Stale);
    };
    txn.take_back(subject, event, act.at)?;
    txn.audit(act)?;
    txn.applied(Row::None)
}

pub(super) fn exists(db: &Connection, table: &str, id: i64) -> rusqlite::Result<bool> {
    db.prepare_cached(&format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE id = ?1)"))?
        .query_one([id], |row| row.get(0))
}

/// A deleted account's customer stays off for ever.
fn is_deleted(db: &Connection, customer: CustomerId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT external_id FROM customers WHERE id = ?1")?
        .query_one([customer.0], |row| Ok(rules::is_deleted(row.get_ref(0)?.as_str()?)))
}

pub(super) fn put_customer(mut txn: Txn<'_>, customer: &Customer, act: &Act) -> rusqlite::Result<Outcome> {
    let old = customer_by_external(txn.db, &customer.external_id)?;
    let id = match &old {
        Some(old) => old.id,
        None => CustomerId(next_id(txn.db, "customers")?),
    };
    let known = old.as_ref().map_or(&[][..], |old| &old.sites);
    let mut sites = known.to_vec();
    for site in &customer.sites {
        match sites.iter_mut().find(|held| held.external_id == site.external_id) {
            Some(held) => *held = Site { id: held.id, ..site.clone() },
            None => sites.push(Site {
                id: SiteId(next_id(txn.db, "sites")? + (sites.len() - known.len()) as i64),
                ..site.clone()
            }),
        }
    }
    let new = Customer { id, sites, ..customer.clone() };
    if old.as_ref() == Some(&new) {
        return txn.applied(Row::Customer(new));
    }
    txn.db
        .prepare_cached(
            "INSERT INTO customers (id, external_id, name) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        )?
        .execute(params![id.0, new.external_id, new.name])?;
    for site in &new.sites {
        txn.db
            .prepare_cached(
                "REPLACE INTO sites (id, customer, external_id, name, creator) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![site.id.0, id.0, site.external_id, site.name, site.creator.map(|id| id.0)])?;
    }
    for (subject, event) in rules::customer_put(old.as_ref(), &new) {
        txn.take_back(subject, event, act.at)?;
    }
    txn.audit(&Act { subject: act.subject.or(Some(id.into())), ..act.clone() })?;
    txn.applied(Row::Customer(new))
}

pub(super) fn register_scopes(txn: Txn<'_>, wanted: &[String]) -> rusqlite::Result<Outcome> {
    let mut words = scopes(txn.db)?;
    let known = words.len();
    for word in wanted {
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    if words.len() > MAX_SCOPES {
        return Ok(Outcome::Stale);
    }
    for (n, word) in (0_i64..).zip(&words).skip(known) {
        txn.db.prepare_cached("INSERT INTO scopes (n, word) VALUES (?1, ?2)")?.execute(params![n, word])?;
    }
    txn.applied(Row::Scopes(words))
}

pub(super) fn mark_seed(txn: Txn<'_>, digest: &[u8; 32]) -> rusqlite::Result<Outcome> {
    let inserted =
        txn.db.prepare_cached("INSERT INTO seeds (digest) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([digest])?;
    if inserted == 0 { Ok(Outcome::Stale) } else { txn.applied(Row::None) }
}

pub(super) fn raise_access_life(txn: Txn<'_>, life: Seconds) -> rusqlite::Result<Outcome> {
    txn.db
        .prepare_cached("UPDATE meta SET longest_access_life = ?1 WHERE longest_access_life < ?1")?
        .execute([life.0])?;
    txn.applied(Row::None)
}

pub(super) fn longest_access_life(db: &Connection) -> rusqlite::Result<Seconds> {
    db.prepare_cached("SELECT longest_access_life FROM meta")?.query_one([], |row| Ok(Seconds(row.get(0)?)))
}

pub(super) fn scopes(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached("SELECT word FROM scopes ORDER BY n")?.query_map([], |row| row.get(0))?.collect()
}

pub(super) fn customer(db: &Connection, id: CustomerId) -> rusqlite::Result<Option<Customer>> {
    find_customer(db, &format!("{CUSTOMER} WHERE a.id = ?1"), &id.0)
}

pub(super) fn customer_by_site(db: &Connection, site: &str) -> rusqlite::Result<Option<Customer>> {
    let owner: Option<i64> = db
        .prepare_cached("SELECT customer FROM sites WHERE external_id = ?1 ORDER BY id LIMIT 1")?
        .query_row([site], |row| row.get(0))
        .optional()?;
    owner.map_or(Ok(None), |owner| customer(db, CustomerId(owner)))
}

pub(super) fn seed_loaded(db: &Connection, digest: &[u8; 32]) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM seeds WHERE digest = ?1)")?.query_one([digest], |row| row.get(0))
}

pub(super) fn customer_by_external(db: &Connection, id: &str) -> rusqlite::Result<Option<Customer>> {
    find_customer(db, &format!("{CUSTOMER} WHERE external_id = ?1"), &id)
}

fn find_customer(db: &Connection, sql: &str, key: &dyn ToSql) -> rusqlite::Result<Option<Customer>> {
    let customer = db
        .prepare_cached(sql)?
        .query_row([key], |row| {
            Ok(Customer {
                id: CustomerId(row.get(0)?),
                external_id: row.get(1)?,
                name: row.get(2)?,
                active: !row.get::<_, bool>(3)?,
                sites: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut customer) = customer else { return Ok(None) };
    customer.sites = db
        .prepare_cached(
            "SELECT s.id, external_id, name, coalesce(off, 0), creator
               FROM sites s LEFT JOIN cuts c ON c.kind = 6 AND c.id = s.id
              WHERE customer = ?1 ORDER BY s.id",
        )?
        .query_map([customer.id.0], |row| {
            Ok(Site {
                id: SiteId(row.get(0)?),
                external_id: row.get(1)?,
                name: row.get(2)?,
                active: !row.get::<_, bool>(3)?,
                creator: row.get::<_, Option<i64>>(4)?.map(UserId),
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Some(customer))
}
