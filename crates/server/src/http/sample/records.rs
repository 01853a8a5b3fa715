//! The records of the sample API. There is no way to one but by a tenant's key, which only a call that passed has
//! (SECURITY MS-06). What a record means does not belong here.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use causeway_guard::{Denied, Tenant};
use causeway_protocol::Reason;
use serde_json::Value;

use super::{Fields, id_of, text};
use crate::seed::SeedRecord;

/// All that callers may add to the seed, in bytes of JSON.
const MAX_ADDED: usize = 16 * 1024 * 1024;
/// The largest object after a change.
const MAX_GROWN: usize = 64 * 1024;

/// See the module.
pub(super) struct Records {
    kept: RwLock<Kept>,
}

struct Kept {
    by_customer: HashMap<String, Vec<Record>>,
    next_id: i64,
    /// Bytes that the seed did not bring.
    added: usize,
}

struct Record {
    collection: String,
    site: Option<String>,
    /// Who sees it besides administrators; empty: everybody.
    people: Vec<String>,
    id: String,
    fields: Fields,
    /// `fields` as the API shows them.
    shown: String,
}

impl Records {
    pub(super) fn new(seed: Vec<SeedRecord>) -> Self {
        let mut by_customer: HashMap<String, Vec<Record>> = HashMap::new();
        let mut next_id = 1_000;
        for (number, SeedRecord { collection, customer, site, people, mut fields }) in (1i64..).zip(seed) {
            let id = id_of(&fields).unwrap_or_else(|| {
                fields.insert("id".to_owned(), Value::from(number));
                number.to_string()
            });
            next_id = next_id.max(id.parse::<i64>().unwrap_or_default().saturating_add(1));
            let shown = text(&fields);
            by_customer.entry(customer).or_default().push(Record { collection, site, people, id, fields, shown });
        }
        Self { kept: RwLock::new(Kept { by_customer, next_id, added: 0 }) }
    }

    /// What this tenant may see of a collection.
    pub(super) fn of<'a>(&'a self, tenant: Tenant<'a>, seer: &'a Seer, collection: &'a str) -> View<'a> {
        View { records: self, tenant, seer, collection }
    }

    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One tenant's part of one collection.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    records: &'a Records,
    tenant: Tenant<'a>,
    seer: &'a Seer,
    collection: &'a str,
}

/// As whom a call looks at a customer's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seer {
    /// As one who sees them all: an administrator, or a program of the customer's own.
    All,
    /// As the person of this address, lower-cased.
    Person(String),
}

impl Seer {
    fn sees(&self, people: &[String]) -> bool {
        match self {
            Seer::All => true,
            Seer::Person(email) => people.is_empty() || people.contains(email),
        }
    }
}

impl View<'_> {
    fn customer(&self) -> &str {
        &self.tenant.customer().external_id
    }

    fn shows(&self, record: &Record) -> bool {
        record.collection == self.collection
            && self.tenant.sees(record.site.as_deref())
            && self.seer.sees(&record.people)
    }

    /// How many there are, and some of them.
    pub(super) fn list(&self, first: usize, most: usize) -> (usize, Vec<String>) {
        let kept = self.records.read();
        let own = kept.by_customer.get(self.customer()).map_or(&[][..], Vec::as_slice);
        let shown = || own.iter().filter(|record| self.shows(record));
        (shown().count(), shown().skip(first).take(most).map(|record| record.shown.clone()).collect())
    }

    /// One, by its id.
    pub(super) fn find(&self, id: &str) -> Option<String> {
        let kept = self.records.read();
        let own = kept.by_customer.get(self.customer())?;
        own.iter().find(|record| record.id == id && self.shows(record)).map(|record| record.shown.clone())
    }

    /// Adds one, with an id of its own.
    pub(super) fn create(&self, site: Option<&str>, mut fields: Fields, number_ids: bool) -> Result<String, Denied> {
        let mut kept = self.records.write();
        let id = kept.next_id;
        let wire = if number_ids { Value::from(id) } else { Value::from(id.to_string()) };
        fields.insert("id".to_owned(), wire);
        let shown = text(&fields);
        grow(&mut kept.added, 0, shown.len())?;
        kept.next_id = id.saturating_add(1);
        let record = Record {
            collection: self.collection.to_owned(),
            site: site.map(str::to_owned),
            people: Vec::new(),
            id: id.to_string(),
            fields,
            shown: shown.clone(),
        };
        kept.by_customer.entry(self.customer().to_owned()).or_default().push(record);
        Ok(shown)
    }

    /// Sets fields of one; `None` when there is none.
    pub(super) fn change(&self, id: &str, fields: Fields) -> Result<Option<String>, Denied> {
        let mut kept = self.records.write();
        let kept = &mut *kept;
        let Some(own) = kept.by_customer.get_mut(self.customer()) else { return Ok(None) };
        let Some(record) = own.iter_mut().find(|record| record.id == id && self.shows(record)) else { return Ok(None) };
        let mut merged = record.fields.clone();
        merged.extend(fields);
        let shown = text(&merged);
        let before = record.shown.len();
        if shown.len() > MAX_GROWN.max(before) {
            return Err(Reason::BodyTooLarge.into());
        }
        grow(&mut kept.added, before, shown.len())?;
        record.fields = merged;
        record.shown.clone_from(&shown);
        Ok(Some(shown))
    }

    /// Removes one; false when there is none.
    pub(super) fn remove(&self, id: &str) -> bool {
        let mut kept = self.records.write();
        let kept = &mut *kept;
        let Some(own) = kept.by_customer.get_mut(self.customer()) else { return false };
        let Some(at) = own.iter().position(|record| record.id == id && self.shows(record)) else { return false };
        kept.added = kept.added.saturating_sub(own.remove(at).shown.len());
        true
    }
}

/// Counts what callers added; refused when it is too much.
fn grow(added: &mut usize, before: usize, after: usize) -> Result<(), Denied> {
    let now = (*added + after).saturating_sub(before);
    if now > MAX_ADDED {
        return Err(Denied::from(Reason::BodyTooLarge).about("the sample API keeps no more"));
    }
    *added = now;
    Ok(())
}
