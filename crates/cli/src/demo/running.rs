//! One platform of the demo, as its partner and its visitors meet it: credentials, accounts, pairs and sign-ins out of its
//! seed. Starting it is `demo.rs`'s.

use causeway_hub::{Hint, callback_url};
use causeway_protocol::profile::AccountProof;
use causeway_protocol::records::Role;
use causeway_protocol::secret::Secret;
use causeway_server::platform::Platform;
use causeway_server::seed::{Seed, SeedApp, SeedCustomer, SeedPerson};
use causeway_vault::Platform as Known;

/// One platform of the demo.
pub(super) struct Running {
    pub(super) key: &'static str,
    pub(super) seed: Seed,
    pub(super) platform: Platform,
}

impl Running {
    /// What the partner has to know to connect: what a developer copies from the platform's console.
    pub(super) fn as_partner(&self, hub_url: &str) -> Known {
        self.known(self.seed.apps.first(), callback_url(hub_url, self.key))
    }

    /// The same for another platform of the demo, where this one has an app of that name. Where it returns to, it knows itself.
    pub(super) fn as_provider(&self, partner: &str) -> Option<Known> {
        let app = self.seed.apps.iter().find(|app| app.client_id == partner)?;
        Some(self.known(Some(app), String::new()))
    }

    fn known(&self, app: Option<&SeedApp>, redirect_uri: String) -> Known {
        let node = &self.platform.edge().node;
        Known {
            profile: node.profile.clone(),
            login_url: node.origins.login.clone(),
            api_url: node.origins.api.clone(),
            token_url: None,
            issuer: node.origins.login.clone(),
            client_id: app.map(|app| app.client_id.clone()).unwrap_or_default(),
            client_secret: app.and_then(|app| Some(Secret::new(app.client_secret.as_ref()?.expose()))),
            redirect_uri,
            scopes: app.map(|app| app.scopes.split(' ').map(str::to_owned).collect()).unwrap_or_default(),
        }
    }

    /// The API key of the partner's app.
    pub(super) fn api_key(&self) -> Option<Secret> {
        let app = self.seed.apps.first()?;
        let key = self.seed.api_keys.iter().find(|key| key.app.as_ref() == Some(&app.client_id))?;
        Some(Secret::new(key.key.expose()))
    }

    /// Accounts of the partner's app: the platform's key, id, name.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (String, String, String)> {
        let app = self.seed.apps.first().map(|app| app.client_id.as_str());
        let own = self.seed.accounts.iter().filter(move |account| Some(account.app.as_str()) == app);
        own.map(|account| (self.key.to_owned(), account.account_id.clone(), account.name.clone()))
    }

    /// OAuth 1.0 pairs that can be exchanged, as CSV; the partner calls its accounts by their customers' names.
    pub(super) fn pairs(&self) -> Option<String> {
        let exchanged = self.platform.edge().node.profile.oauth1.as_ref().is_some_and(|rules| rules.exchange);
        let mut text = "account,consumer_key,consumer_secret\n".to_owned();
        let mut none = true;
        for pair in self.seed.oauth1.iter().filter(|pair| pair.active && exchanged) {
            let customer = self.customer(Some(&pair.customer)).map_or(pair.customer.as_str(), |found| &found.name);
            let line = [customer, &pair.consumer_key, pair.consumer_secret.expose()].map(quoted).join(",");
            text.push_str(&line);
            text.push('\n');
            none = false;
        }
        (!none).then_some(text)
    }

    fn customer(&self, id: Option<&String>) -> Option<&SeedCustomer> {
        self.seed.customers.iter().find(|customer| Some(&customer.id) == id)
    }

    /// Who can sign in: one who may allow, one who may not, and, where apps look after accounts, who looks after them.
    pub(super) fn hints(&self) -> Vec<Hint> {
        let profile = &self.platform.edge().node.profile;
        let policy = &profile.policy;
        let people = || self.seed.people.iter().filter(|person| person.active);
        let by_link = policy.account_proof == AccountProof::None;
        let may = |person: &&SeedPerson| policy.approvers.contains(&person.role);
        let mut hints = Vec::new();
        if by_link {
            let says = "connecting needs no sign-in: the link names the account".to_owned();
            hints.push(Hint { who: "Its accounts’ users".to_owned(), email: String::new(), password: says });
        } else {
            let of_customers = || people().filter(|person| person.customer.is_some());
            let admin = of_customers().filter(may).find(|person| person.role == Role::CustomerAdmin);
            let first = admin.or_else(|| of_customers().find(may));
            hints.extend(first.map(|person| self.hint(person, "may connect apps")));
            hints.extend(of_customers().find(|person| !may(person)).map(|person| self.hint(person, "may not")));
        }
        let keeper = people().find(|person| person.role == Role::Developer && profile.accounts.is_some());
        hints.extend(keeper.map(|person| self.hint(person, "sees its accounts turn Online")));
        hints
    }

    /// Whom a person stands for, and how to sign in as them.
    fn hint(&self, person: &SeedPerson, what: &str) -> Hint {
        let role = match person.role {
            Role::CustomerAdmin => "An administrator",
            Role::Member => "A member",
            Role::Developer => "The app’s developer",
            Role::Staff => "The platform’s staff",
        };
        let who = match self.customer(person.customer.as_ref()) {
            Some(customer) if customer.name == person.name => customer.name.clone(),
            Some(customer) => format!("{role} of {}", customer.name),
            None => role.to_owned(),
        };
        let (email, password) = (person.email.clone(), person.password.expose().to_owned());
        Hint { who: format!("{who}: {what}"), email, password }
    }

    /// Who works for the platform, for the pages that only they may open.
    pub(super) fn staff(&self) -> Option<Hint> {
        let person = self.seed.people.iter().find(|person| person.active && person.role == Role::Staff)?;
        let profile = &self.platform.edge().node.profile;
        let legacy = if profile.oauth1.is_some() { ", and who still calls with OAuth 1.0" } else { "" };
        Some(self.hint(person, &format!("looks after apps{legacy}")))
    }
}

/// A field of CSV (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
