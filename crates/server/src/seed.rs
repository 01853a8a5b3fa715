//! Seeds: the apps, people, customers and sample records that an instance starts with, read from TOML into plain
//! structs, with the description's own lists and field names. How they are hashed and stored does not belong here.

mod read;
mod records;

use causeway_protocol::UnixTime;
use causeway_protocol::document::Problem;
use causeway_protocol::profile;
use causeway_protocol::records::{AppStatus, ClientKind, Role};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

pub use read::{facts, parse};
pub use records::SITES;

/// Compiled-in seeds of the demo: the profile's key and the text.
pub const DEMOS: &[(&str, &str)] = &[
    ("tripleseat", include_str!("../../../demo/tripleseat.toml")),
    ("cal", include_str!("../../../demo/cal.toml")),
    ("otesse", include_str!("../../../demo/otesse.toml")),
    ("orcabase", include_str!("../../../demo/orcabase.toml")),
];

/// The demo's seed for a profile's key; `None` where the demo has none.
pub fn demo(key: &str) -> Option<Result<Seed, Vec<Problem>>> {
    let (_, text) = DEMOS.iter().find(|(name, _)| *name == key)?;
    Some(parse(text, profile::shipped(key).as_ref(), &[]))
}

/// A seed file. Serialized, it is its part of the description: records and dates are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Seed {
    /// OAuth clients.
    pub apps: Vec<SeedApp>,
    /// Who can sign in.
    pub people: Vec<SeedPerson>,
    /// Tenants with their sites.
    pub customers: Vec<SeedCustomer>,
    /// OAuth 1.0 consumer pairs.
    pub oauth1: Vec<SeedConsumer>,
    /// Accounts that an app registered.
    pub accounts: Vec<SeedAccount>,
    /// API keys.
    pub api_keys: Vec<SeedApiKey>,
    /// What the sample API answers with, the sites themselves included.
    #[serde(skip)]
    pub records: Vec<SeedRecord>,
    /// Dates of the credentials that are on their way out.
    #[serde(skip)]
    pub legacy: Legacy,
}

/// One app.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedApp {
    /// What people read on consent.
    pub name: String,
    /// On the wire.
    pub client_id: String,
    /// `None` for a public client.
    pub client_secret: Option<Plain>,
    /// Can it keep a secret?
    #[serde(serialize_with = "kind_word")]
    pub kind: ClientKind,
    /// `true`: only `customer` may connect it. The word in files is `visibility`.
    #[serde(rename = "visibility", serialize_with = "visibility_word")]
    pub private: bool,
    /// Where it stands in review.
    #[serde(serialize_with = "status_word")]
    pub status: AppStatus,
    /// Compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// Space-separated words of the profile.
    pub scopes: String,
    /// Id of the customer that owns a private app.
    pub customer: Option<String>,
    /// Who made it; by default its name.
    pub owner: String,
    /// One paragraph for the consent page; may be empty.
    pub description: String,
    /// The maker's page; may be empty.
    pub info_url: String,
    /// Did the platform check who made it?
    pub verified: bool,
    /// PKCE wanted although it is confidential.
    pub pkce_required: bool,
    /// Address of the developer who looks after it.
    #[serde(skip)]
    pub registered_by: Option<String>,
    /// Profiles of the providers that its users may connect in the mini-app.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// False: switched off.
    pub active: bool,
}

/// One person.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedPerson {
    /// Signs in with this.
    pub email: String,
    /// What others call the person; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// As typed.
    pub password: Plain,
    /// What the person may do.
    #[serde(serialize_with = "role_word")]
    pub role: Role,
    /// Id of the customer; developers and staff may have none.
    pub customer: Option<String>,
    /// Teams that the person works in, beside the own account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<SeedTeam>,
    /// False: switched off.
    pub active: bool,
}

/// A person's part in a team.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedTeam {
    /// Id of the team's customer.
    pub customer: String,
    /// What the person may do there.
    #[serde(serialize_with = "role_word")]
    pub role: Role,
}

/// One customer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedCustomer {
    /// The platform's own id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its sites.
    pub sites: Vec<SeedSite>,
    /// False: switched off.
    pub active: bool,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedSite {
    /// What `site_id` carries.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Only active sites can be called for.
    pub active: bool,
    /// Address of the person who made it: an exchanged grant acts as that person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
}

/// One OAuth 1.0 consumer pair, with the access token that may go with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedConsumer {
    /// Whose.
    pub customer: String,
    /// `oauth_consumer_key`.
    pub consumer_key: String,
    /// Signs.
    pub consumer_secret: Plain,
    /// `oauth_token`, for three-legged calls.
    pub token: Option<String>,
    /// Signs them.
    pub token_secret: Option<Plain>,
    /// False: switched off.
    pub active: bool,
}

/// One account that an app registered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedAccount {
    /// The app's `client_id`.
    pub app: String,
    /// The id that the app chose.
    pub account_id: String,
    /// Its name; by default its id.
    pub name: String,
    /// IANA time zone; by default UTC.
    pub timezone: String,
    /// ISO 4217; by default USD.
    pub currency: String,
}

/// One API key, of a customer or of an app.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedApiKey {
    /// Id of the customer whose data it reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// `client_id` of the app that it acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The key itself.
    pub key: Plain,
}

/// One object of the sample API.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedRecord {
    /// Which of the profile's collections it is in.
    pub collection: String,
    /// Whose it is.
    pub customer: String,
    /// At which site; `None` when it is about the whole customer.
    pub site: Option<String>,
    /// Addresses, lower-cased, of who sees it besides the customer's administrators; empty: everybody there.
    pub people: Vec<String>,
    /// What the API shows.
    pub fields: Map<String, Value>,
}

/// Dates of the credentials that are on their way out; `None` has no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    /// From this instant, OAuth 1.0 is refused.
    pub oauth1_ends: Option<UnixTime>,
    /// From this instant, consumer pairs are no longer exchanged.
    pub exchange_ends: Option<UnixTime>,
}

/// A secret that a seed states in clear. Prints as `[secret]`; serialized (into the description, mode 0600) it shows.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Plain(String);

impl Plain {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl Seed {
    /// What is allowed but should be known, one line each.
    pub fn warnings(&self) -> Vec<String> {
        let bare = |uri: &&String| {
            url::Url::parse(uri).is_ok_and(|url| url.scheme() == "http") && !crate::config::is_loopback_url(uri)
        };
        let of = |app: &SeedApp| {
            let client_id = app.client_id.clone();
            let line = move |uri: &String| {
                format!(
                    "app {client_id} returns to {uri}, plain http beyond this machine: codes can be read on the way"
                )
            };
            app.redirect_uris.iter().filter(bare).map(line).collect::<Vec<_>>()
        };
        self.apps.iter().flat_map(of).collect()
    }

    /// Adds what another file holds. Files are read one after the other ([`parse`] sees the earlier ones).
    pub fn extend(&mut self, other: Seed) {
        self.apps.extend(other.apps);
        self.people.extend(other.people);
        self.customers.extend(other.customers);
        self.oauth1.extend(other.oauth1);
        self.accounts.extend(other.accounts);
        self.api_keys.extend(other.api_keys);
        self.records.extend(other.records);
        self.legacy.oauth1_ends = other.legacy.oauth1_ends.or(self.legacy.oauth1_ends);
        self.legacy.exchange_ends = other.legacy.exchange_ends.or(self.legacy.exchange_ends);
    }
}

/// The word of a client's kind.
pub(crate) const KINDS: &[(&str, ClientKind)] =
    &[("confidential", ClientKind::Confidential), ("public", ClientKind::Public)];

/// The word of an app's status.
pub(crate) const STATUSES: &[(&str, AppStatus)] =
    &[("approved", AppStatus::Approved), ("pending", AppStatus::Pending), ("rejected", AppStatus::Rejected)];

/// The word of an app's visibility: is it private?
pub(crate) const VISIBILITIES: &[(&str, bool)] = &[("public", false), ("private", true)];

fn word<T: PartialEq, S: Serializer>(words: &[(&str, T)], value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let found = words.iter().find(|(_, each)| each == value);
    serializer.serialize_str(found.map_or("", |(word, _)| word))
}

fn kind_word<S: Serializer>(kind: &ClientKind, serializer: S) -> Result<S::Ok, S::Error> {
    word(KINDS, kind, serializer)
}

fn status_word<S: Serializer>(status: &AppStatus, serializer: S) -> Result<S::Ok, S::Error> {
    word(STATUSES, status, serializer)
}

fn visibility_word<S: Serializer>(private: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    word(VISIBILITIES, private, serializer)
}

fn role_word<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(role.word())
}

#[cfg(test)]
mod tests;
