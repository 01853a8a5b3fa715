//! Reads the sample API's objects of a seed: records, and the sites themselves. The other lists are read in `read.rs`.

use causeway_protocol::document::Table;
use causeway_protocol::profile::SiteIdForm;
use serde_json::{Map, Value};

use super::read::{Reader, short};
use super::{SeedRecord, SeedSite};

/// The collection that every customer's sites are in, without being written down a second time.
pub const SITES: &str = "sites";

impl Reader<'_> {
    /// A site, and the object that the sample API shows for it: its own fields and what `fields` adds.
    pub(super) fn site(&mut self, table: &Table<'_>, customer: &str) -> (SeedSite, SeedRecord) {
        let site = SeedSite {
            id: table.text("id"),
            name: table.text("name"),
            active: table.boolean_or("active", true),
            creator: table.optional_text("creator"),
        };
        self.once(table, "id", "site", &site.id);
        let form = self.profile.map_or(SiteIdForm::Text, |profile| profile.api.site_id_form);
        if !site.id.is_empty() && !form.accepts(&site.id) {
            let wanted = match form {
                SiteIdForm::Digits => "must be 1 to 18 digits, as the profile's `api.site_id_form` says",
                SiteIdForm::Text => "must be 1 to 64 of A-Z, a-z, 0-9, . _ ~ and -",
            };
            table.report("id", wanted);
        }
        let mut fields = object(table);
        fields.insert("id".to_owned(), wire_id(&site.id, form));
        fields.insert("customer_id".to_owned(), wire_id(customer, form));
        fields.insert("name".to_owned(), Value::from(site.name.as_str()));
        fields.insert("active".to_owned(), Value::from(site.active));
        let record = SeedRecord {
            collection: SITES.to_owned(),
            customer: customer.to_owned(),
            site: None,
            people: Vec::new(),
            fields,
        };
        (site, record)
    }

    pub(super) fn record(&mut self, table: &Table<'_>) -> SeedRecord {
        let collection = table.text("collection");
        let site = table.optional_text("site");
        let named = self.whose(table);
        table.need("fields");
        let fields = object(table);
        let of_site = site.as_ref().and_then(|id| self.sites.get(id)).cloned();
        match (&site, &of_site) {
            _ if !table.is_whole() => {}
            (Some(_), None) => table.report("site", "is the id of no site"),
            (None, _) if named.is_none() => {
                table.report("site", "is missing: say at which site, or of which `customer`")
            }
            (Some(_), Some(owner)) if named.as_ref().is_some_and(|customer| customer != owner) => {
                table.report("customer", &format!("contradicts `records.site`, which is a site of \"{owner}\""));
            }
            _ => {}
        }
        self.record_fits(table, &collection, site.as_deref().filter(|_| of_site.is_some()), &fields);
        let people = self.seers(table);
        SeedRecord { collection, customer: of_site.or(named).unwrap_or_default(), site, people, fields }
    }

    /// Who sees a record, by their addresses.
    fn seers(&self, table: &Table<'_>) -> Vec<String> {
        let mut seers = Vec::new();
        for item in table.list("people", 100).unwrap_or_default() {
            let Some(email) = item.text().map(str::to_lowercase) else { continue };
            if table.is_whole() && !self.people.contains(&email) {
                item.report(format!("names \"{}\", which is the address of nobody", short(&email)));
            }
            seers.push(email);
        }
        seers
    }

    /// Compares a record with the profile: a collection that no route shows, another site in the fields.
    fn record_fits(&self, table: &Table<'_>, collection: &str, site: Option<&str>, fields: &Map<String, Value>) {
        let Some(profile) = self.profile else { return };
        let shown = profile.api.routes.iter().any(|route| route.collection.as_deref() == Some(collection));
        if !shown && !collection.is_empty() {
            table.report("collection", &format!("is shown by no route of the profile {}", profile.key));
        }
        let stated = profile.api.site_parameter.as_ref().and_then(|name| fields.get(name));
        let (Some(stated), Some(site)) = (stated, site) else { return };
        let stated = stated.as_str().map_or_else(|| stated.to_string(), str::to_owned);
        if stated != site {
            let stated = short(&stated);
            table.report("fields", &format!("names the site {stated}, but `records.site` is \"{site}\""));
        }
    }
}

/// The `fields` of a record or site.
fn object(table: &Table<'_>) -> Map<String, Value> {
    match table.get("fields").map(|value| (value.json(), value)) {
        Some((Value::Object(fields), _)) => fields,
        Some((_, value)) => {
            value.report("must be a table, such as { name = \"Anna\" }");
            Map::new()
        }
        None => Map::new(),
    }
}

/// An id as the API shows it: a number where the platform's ids are numbers.
fn wire_id(id: &str, form: SiteIdForm) -> Value {
    match (form, id.parse::<i64>()) {
        (SiteIdForm::Digits, Ok(number)) => Value::from(number),
        _ => Value::from(id),
    }
}
