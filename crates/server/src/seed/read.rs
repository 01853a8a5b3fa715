//! Reads a seed file, or reports every problem of it at once. What a list means once loaded does not belong here.

use std::collections::{HashMap, HashSet};

use causeway_protocol::accounts;
use causeway_protocol::document::{self, AllFacts, Problem, Table};
use causeway_protocol::profile::{Profile, SiteIdForm};
use causeway_protocol::records::{ClientKind, Role};
use causeway_protocol::registration::uri_problem;

use super::{
    KINDS, Legacy, Plain, STATUSES, Seed, SeedAccount, SeedApiKey, SeedApp, SeedConsumer, SeedCustomer, SeedPerson,
    SeedRecord, SeedTeam, VISIBILITIES,
};

/// A list of a seed file holds at most this many entries.
pub(super) const MAX_ENTRIES: usize = 10_000;

/// Reads a seed. With a profile, scopes, site ids and collections are compared with it; `earlier` are the seeds that
/// were read before, whose customers and apps this one may name.
pub fn parse(text: &str, profile: Option<&Profile>, earlier: &[Seed]) -> Result<Seed, Vec<Problem>> {
    document::read(text, |root| Reader::new(profile, earlier).seed(root))
}

/// Every key that is asked for while this seed is read: what a manual has to name.
pub fn facts(text: &str) -> AllFacts {
    document::facts(text, |root| Reader::new(None, &[]).seed(root))
}

pub(super) struct Reader<'a> {
    pub(super) profile: Option<&'a Profile>,
    /// Id of each customer known.
    customers: HashSet<String>,
    /// Each site known and its customer.
    pub(super) sites: HashMap<String, String>,
    /// The client ids known.
    apps: HashSet<String>,
    /// The addresses known, lower-cased.
    pub(super) people: HashSet<String>,
    /// What must not appear twice, with the kind of thing before it.
    seen: HashSet<(&'static str, String)>,
}

impl<'a> Reader<'a> {
    fn new(profile: Option<&'a Profile>, earlier: &[Seed]) -> Self {
        let mut reader = Self {
            profile,
            customers: HashSet::new(),
            sites: HashMap::new(),
            apps: HashSet::new(),
            people: HashSet::new(),
            seen: HashSet::new(),
        };
        for seed in earlier {
            reader.learn(&seed.customers, &seed.apps);
            reader.people.extend(seed.people.iter().map(|person| person.email.to_lowercase()));
            reader.customers.extend(seed.accounts.iter().map(|account| account.account_id.clone()));
        }
        reader
    }

    fn learn(&mut self, customers: &[SeedCustomer], apps: &[SeedApp]) {
        for customer in customers {
            self.customers.insert(customer.id.clone());
            self.sites.extend(customer.sites.iter().map(|site| (site.id.clone(), customer.id.clone())));
        }
        self.apps.extend(apps.iter().map(|app| app.client_id.clone()));
    }

    fn seed(mut self, root: &Table<'_>) -> Seed {
        // Customers, apps and accounts first: the other lists name them. An account is a customer like any other.
        let mut records = Vec::new();
        let customers = root.tables("customers", MAX_ENTRIES);
        let customers: Vec<SeedCustomer> = customers.iter().map(|table| self.customer(table, &mut records)).collect();
        self.learn(&customers, &[]);
        let apps: Vec<SeedApp> = root.tables("apps", MAX_ENTRIES).iter().map(|table| self.app(table)).collect();
        self.learn(&[], &apps);
        let accounts: Vec<SeedAccount> =
            root.tables("accounts", MAX_ENTRIES).iter().map(|table| self.account(table)).collect();
        self.customers.extend(accounts.iter().map(|account| account.account_id.clone()));
        let people = root.tables("people", MAX_ENTRIES);
        let people: Vec<SeedPerson> = people.iter().map(|table| self.person(table)).collect();
        self.people.extend(people.iter().map(|person| person.email.to_lowercase()));
        records.extend(root.tables("records", MAX_ENTRIES).iter().map(|table| self.record(table)));
        Seed {
            customers,
            apps,
            people,
            oauth1: root.tables("oauth1", MAX_ENTRIES).iter().map(|table| self.consumer(table)).collect(),
            accounts,
            api_keys: root.tables("api_keys", MAX_ENTRIES).iter().map(|table| self.api_key(table)).collect(),
            records,
            legacy: legacy(&root.table("legacy")),
        }
    }

    /// Reports a value that stands in the file already as the same kind of thing.
    pub(super) fn once(&mut self, table: &Table<'_>, key: &'static str, what: &'static str, value: &str) {
        if !value.is_empty() && !self.seen.insert((what, value.to_owned())) {
            table.report(key, &format!("names a {what} that stands in this file already"));
        }
    }

    /// A reference to a customer, if there is one.
    pub(super) fn whose(&self, table: &Table<'_>) -> Option<String> {
        let id = table.optional_text("customer")?;
        if table.is_whole() && !self.customers.contains(&id) {
            table.report("customer", &format!("names \"{}\", which is the id of no customer", short(&id)));
        }
        Some(id)
    }

    /// A reference to a customer that must be there.
    fn owner(&self, table: &Table<'_>) -> String {
        table.need("customer");
        self.whose(table).unwrap_or_default()
    }

    /// A reference to an app, if there is one.
    fn app_named(&self, table: &Table<'_>) -> Option<String> {
        let id = table.optional_text("app")?;
        if table.is_whole() && !self.apps.contains(&id) {
            table.report("app", &format!("names \"{}\", which is the client_id of no app", short(&id)));
        }
        Some(id)
    }

    fn customer(&mut self, table: &Table<'_>, records: &mut Vec<SeedRecord>) -> SeedCustomer {
        let id = table.text("id");
        self.once(table, "id", "customer", &id);
        if !id.is_empty() && !SiteIdForm::Text.accepts(&id) {
            table.report("id", "must be 1 to 64 of A-Z, a-z, 0-9, . _ ~ and -");
        }
        let mut sites = Vec::new();
        for each in table.tables("sites", MAX_ENTRIES) {
            let (site, record) = self.site(&each, &id);
            sites.push(site);
            records.push(record);
        }
        SeedCustomer { id, name: table.text("name"), sites, active: table.boolean_or("active", true) }
    }

    fn app(&mut self, table: &Table<'_>) -> SeedApp {
        let name = table.text("name");
        let app = SeedApp {
            client_id: table.text("client_id"),
            client_secret: table.optional_text("client_secret").map(Plain),
            kind: table.choice_or("kind", ClientKind::Confidential, KINDS),
            private: table.choice_or("visibility", false, VISIBILITIES),
            status: table.choice("status", STATUSES),
            redirect_uris: redirect_uris(table),
            scopes: table.text("scopes"),
            customer: self.whose(table),
            owner: table.text_or("owner", &name),
            description: table.text_or("description", ""),
            info_url: table.text_or("info_url", ""),
            verified: table.boolean_or("verified", false),
            pkce_required: table.boolean_or("pkce_required", false),
            registered_by: table.optional_text("registered_by"),
            providers: providers(table),
            active: table.boolean_or("active", true),
            name,
        };
        self.once(table, "client_id", "client_id", &app.client_id);
        if app.client_id.len() > 200 || !app.client_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            table.report("client_id", "must be at most 200 visible ASCII characters (RFC 6749 A.1)");
        }
        match (app.kind, table.get("client_secret").is_some()) {
            (ClientKind::Confidential, false) if table.is_whole() => {
                table.report("client_secret", "is missing, but the app is confidential");
            }
            (ClientKind::Public, true) => {
                table.report("client_secret", "is set, but a public app cannot keep one");
            }
            _ => {}
        }
        if app.private && app.customer.is_none() && table.is_whole() {
            table.report("customer", "is missing, but a private app belongs to one");
        }
        self.app_scopes(table, &app.scopes);
        app
    }

    fn app_scopes(&self, table: &Table<'_>, scopes: &str) {
        let Some(profile) = self.profile else { return };
        for word in scopes.split(' ').filter(|word| !word.is_empty()) {
            if !profile.scopes.iter().any(|scope| scope.name == word) {
                let word = short(word);
                table.report("scopes", &format!("names \"{word}\", which is no scope of the profile {}", profile.key));
            }
        }
    }

    fn person(&mut self, table: &Table<'_>) -> SeedPerson {
        let person = SeedPerson {
            email: table.text("email"),
            name: table.text_or("name", ""),
            teams: table.tables("teams", 100).iter().map(|each| self.team(each)).collect(),
            password: Plain(table.text("password")),
            role: table.choice("role", &Role::ALL.map(|role| (role.word(), role))),
            customer: self.whose(table),
            active: table.boolean_or("active", true),
        };
        self.once(table, "email", "person", &person.email.to_lowercase());
        let complete = |(name, host): (&str, &str)| !name.is_empty() && !host.is_empty();
        if !person.email.is_empty() && !person.email.split_once('@').is_some_and(complete) {
            table.report("email", "must be an e-mail address");
        }
        let belongs = matches!(person.role, Role::CustomerAdmin | Role::Member);
        if belongs && person.customer.is_none() && table.get("role").is_some() && table.is_whole() {
            table.report("customer", &format!("is missing, but a {} belongs to one", person.role.word()));
        }
        person
    }

    fn team(&self, table: &Table<'_>) -> SeedTeam {
        SeedTeam { customer: self.owner(table), role: table.choice("role", &Role::ALL.map(|role| (role.word(), role))) }
    }

    fn consumer(&mut self, table: &Table<'_>) -> SeedConsumer {
        let consumer = SeedConsumer {
            customer: self.owner(table),
            consumer_key: table.text("consumer_key"),
            consumer_secret: Plain(table.text("consumer_secret")),
            token: table.optional_text("token"),
            token_secret: table.optional_text("token_secret").map(Plain),
            active: table.boolean_or("active", true),
        };
        self.once(table, "consumer_key", "consumer key", &consumer.consumer_key);
        if consumer.token.is_some() != consumer.token_secret.is_some() && table.is_whole() {
            table.report("token", "and `oauth1.token_secret` go together: one of them is missing");
        }
        consumer
    }

    fn account(&mut self, table: &Table<'_>) -> SeedAccount {
        table.need("app");
        let app = self.app_named(table).unwrap_or_default();
        let account_id = table.text("account_id");
        // Unique on the whole platform, customers included: to us it is one of them.
        self.once(table, "account_id", "customer", &account_id);
        let account = SeedAccount {
            name: table.text_or("name", &account_id),
            timezone: table.text_or("timezone", "UTC"),
            currency: table.text_or("currency", "USD"),
            app,
            account_id,
        };
        if !account.account_id.is_empty() && !accounts::is_id(&account.account_id) {
            table.report("account_id", "must be 1 to 200 visible ASCII characters");
        }
        if !accounts::is_timezone(&account.timezone) {
            table.report("timezone", "must be an IANA time zone, such as \"America/New_York\"");
        }
        if !accounts::is_currency(&account.currency) {
            table.report("currency", "must be a code of ISO 4217, such as \"USD\"");
        }
        account
    }

    fn api_key(&mut self, table: &Table<'_>) -> SeedApiKey {
        let key = SeedApiKey { customer: self.whose(table), app: self.app_named(table), key: Plain(table.text("key")) };
        self.once(table, "key", "key", key.key.expose());
        if key.customer.is_some() == key.app.is_some() && table.is_whole() {
            table.report("key", "must belong to a `customer` or to an `app`, and not to both");
        }
        key
    }
}

fn providers(table: &Table<'_>) -> Vec<String> {
    let items = table.list("providers", 32).unwrap_or_default();
    items.iter().filter_map(|item| item.text()).map(str::to_owned).collect()
}

fn redirect_uris(table: &Table<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for item in table.list("redirect_uris", 50).unwrap_or_default() {
        let Some(uri) = item.text() else { continue };
        if let Some(problem) = uri_problem(uri) {
            item.report(problem);
        }
        found.push(uri.to_owned());
    }
    found
}

fn legacy(table: &Table<'_>) -> Legacy {
    Legacy {
        oauth1_ends: table.get("oauth1_ends").and_then(|value| value.instant()),
        exchange_ends: table.get("exchange_ends").and_then(|value| value.instant()),
    }
}

/// An id, fit for a message.
pub(super) fn short(id: &str) -> String {
    id.chars().take(40).collect()
}
