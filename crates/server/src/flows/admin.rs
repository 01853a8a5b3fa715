//! What the operator may do from outside (CONTRACTS, "The admin door"): switch, renew, narrow, cut, list. Who may knock
//! is the door's business (`http::admin`).

use std::sync::Arc;

use causeway_protocol::legacy::Consumer;
use causeway_protocol::profile::Consequence;
use causeway_protocol::records::{Act, App, Connection, Customer, Person};
use causeway_protocol::secret::Secret;
use causeway_protocol::{
    AppId, AudienceId, Change, ConnectionId, CustomerId, Outcome, Reason, Refusal, Subject, UnixTime, UserId,
};
use causeway_storage::{Page, Store};

use super::{apps, connected, passwords};
use crate::node::{Node, refusal_of};
use crate::shared::Shared;

/// A password of fewer characters is guessed (NIST SP 800-63B 3.1.1.2).
const MIN_PASSWORD: usize = 8;
/// A passphrase of this many bytes is long enough for anybody.
const MAX_PASSWORD: usize = 1024;
/// Who acts, in the audit trail.
const ACTOR: &str = "admin";

fn act(node: &Node, verb: &'static str, subject: impl Into<Subject>, detail: impl Into<String>) -> Act {
    Act { at: node.now(), actor: ACTOR.to_owned(), verb, subject: Some(subject.into()), detail: detail.into() }
}

/// What can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switchable {
    /// By `client_id` or number.
    App,
    /// By the platform's own id.
    Customer,
    /// By address or number.
    Person,
    /// By the platform's own id.
    Site,
    /// By `consumer_key`.
    Consumer,
}

impl Switchable {
    /// The word in the path.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "apps" => Some(Self::App),
            "customers" => Some(Self::Customer),
            "people" => Some(Self::Person),
            "sites" => Some(Self::Site),
            "consumers" => Some(Self::Consumer),
            _ => None,
        }
    }
}

/// Switches something off or on; that it stands so already is no mistake.
pub async fn switch(node: &Node, what: Switchable, id: &str, active: bool) -> Result<(), Refusal> {
    let (subject, person): (Subject, Option<UserId>) = match what {
        Switchable::App => (app(node, id)?.id.into(), None),
        Switchable::Customer => (customer(node, id).await?.id.into(), None),
        Switchable::Site => (site(node, id).await?, None),
        Switchable::Consumer => (consumer(node, id).await?.id.into(), None),
        Switchable::Person => {
            let person = person(node, id).await?.id;
            (person.into(), Some(person))
        }
    };
    let verb = if active { "switched.on" } else { "switched.off" };
    node.apply(Change::Switch { subject, active, act: act(node, verb, subject, "") }).await?;
    match person.filter(|_| !active && node.profile.policy.on_authorizer_deactivated == Consequence::Revoke) {
        Some(person) => cut_all_of(node, person).await,
        None => Ok(()),
    }
}

/// Replaces the key that an audience's access tokens are sealed with, when an edge may have lost it (TOKENS 3): its access
/// tokens die at once, clients refresh, nobody connects again.
pub async fn replace_access_key(node: &Node, audience: &str) -> Result<(), Refusal> {
    // One audience a platform today.
    let audience = Some(AudienceId(0)).filter(|known| known.to_string() == audience).ok_or_else(unknown)?;
    let act = act(node, "access_key.replaced", audience, "");
    node.apply(Change::CutAudience { audience, act }).await.map(drop)
}

/// Lets a customer go on with OAuth 1.0 after its end, until then; `None` takes that back (A8).
pub async fn extend_legacy(node: &Node, id: &str, until: Option<UnixTime>) -> Result<(), Refusal> {
    let customer = customer(node, id).await?.id;
    let detail = until.map_or_else(|| "taken back".to_owned(), |until| format!("until {}", until.0));
    let change = Change::ExtendLegacy { customer, until, act: act(node, "oauth1.extended", customer, detail) };
    match node.apply(change).await? {
        Outcome::Applied(_) => Ok(()),
        Outcome::Stale => Err(unknown()),
    }
}

/// Lets an app exchange a pair once more (TOKENS 5: only staff can). That it stands open already is no mistake.
pub async fn reopen_exchange(node: &Node, key: &str, client_id: &str) -> Result<(), Refusal> {
    let (consumer, app) = (consumer(node, key).await?.id, app(node, client_id)?.id);
    let mark = node.store.exchanged(app, consumer).await.map_err(refusal_of)?.ok_or_else(unknown)?;
    if mark.reopened {
        return Ok(());
    }
    let act = act(node, "exchange.reopened", consumer, format!("for app {app}"));
    node.apply(Change::ReopenExchange { app, consumer, act }).await.map(drop)
}

async fn consumer(node: &Node, key: &str) -> Result<Consumer, Refusal> {
    let found = node.store.consumer(key).await.map_err(refusal_of)?;
    found.map(|standing| standing.consumer).ok_or_else(unknown)
}

/// Cuts every connection that this person allowed last.
async fn cut_all_of(node: &Node, person: UserId) -> Result<(), Refusal> {
    loop {
        let connections = node.store.connections_allowed_by(person).await.map_err(refusal_of)?;
        if connections.is_empty() {
            return Ok(());
        }
        for connection in connections {
            connected::cut(node, connection.id, ACTOR.to_owned(), "whoever allowed it was switched off").await?;
        }
    }
}

/// Gives an app a new secret and answers it, once. The old ones fail from the next request on (CORE-13).
pub async fn renew_secret(node: &Node, id: &str) -> Result<Secret, Refusal> {
    let known = app(node, id)?;
    if known.kind == causeway_protocol::records::ClientKind::Public {
        return Err(Reason::PublicClientSecret.refuse());
    }
    let (secret, secrets) = apps::fresh_secret(node);
    // What stands may have changed since this node read it: once more then.
    for expected in [known.secrets.clone(), stored(node, known.id).await?.secrets] {
        let act = act(node, "app.secret_renewed", known.id, "");
        let change = Change::SetAppSecrets { app: known.id, expected, secrets: secrets.clone(), act };
        if matches!(node.apply(change).await?, Outcome::Applied(_)) {
            return Ok(secret);
        }
    }
    Err(Reason::StoreBusy.refuse())
}

/// Sets the scopes that an app may have at most; answers them in the registry's order.
pub async fn set_scopes(node: &Node, id: &str, words: &[String]) -> Result<String, Refusal> {
    let known = app(node, id)?;
    let registry = node.held.scopes();
    let scopes = registry.set(words.iter().map(String::as_str)).map_err(|word| Reason::ScopeUnknown.about(word))?;
    let act = act(node, "app.scopes_set", known.id, registry.text(scopes));
    match node.apply(Change::SetAppScopes { app: known.id, scopes, act }).await? {
        Outcome::Applied(_) => Ok(registry.text(scopes)),
        Outcome::Stale => Err(unknown()),
    }
}

/// Sets a person's password and ends the person's sessions.
pub async fn set_password(shared: &Shared, id: &str, password: &str) -> Result<(), Refusal> {
    let node = &shared.node;
    let person = person(node, id).await?.id;
    if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
        return Err(Reason::AdminBodyMalformed.about("password: 8 characters or more, and 1024 bytes at most"));
    }
    let password = passwords::hash(shared, password).await?;
    let act = Some(act(node, "person.password_set", person, ""));
    match node.apply(Change::SetPassword { person, password, end_sessions: true, act }).await? {
        Outcome::Applied(_) => Ok(()),
        Outcome::Stale => Err(unknown()),
    }
}

/// Cuts a connection; one that is cut already stays so.
pub async fn cut(node: &Node, id: &str) -> Result<(), Refusal> {
    let connection = ConnectionId(id.parse().map_err(|_| unknown())?);
    connected::cut(node, connection, ACTOR.to_owned(), "").await.map_err(|refusal| match refusal.reason {
        Reason::NoSuchConnection => unknown(),
        _ => refusal,
    })
}

/// A connection with the names of what it joins.
#[derive(Clone, Debug)]
pub struct Named {
    /// The row.
    pub connection: Connection,
    /// `None` when the app is gone.
    pub app: Option<Arc<App>>,
    /// `None` when the customer is gone.
    pub customer: Option<Arc<Customer>>,
}

/// A page of connections in order of number: of one customer (by the platform's id) or of all.
pub async fn connections(
    node: &Node,
    customer_id: Option<&str>,
    live_only: bool,
    page: Page<ConnectionId>,
) -> Result<Vec<Named>, Refusal> {
    let of = match customer_id {
        Some(id) => Some(customer(node, id).await?.id),
        None => None,
    };
    let rows = node.store.connections(of, live_only, page).await.map_err(refusal_of)?;
    let mut named = Vec::with_capacity(rows.len());
    for connection in rows {
        let customer = customer_of(node, connection.customer).await?;
        named.push(Named { app: node.held.app(connection.app), customer, connection });
    }
    Ok(named)
}

async fn customer_of(node: &Node, id: CustomerId) -> Result<Option<Arc<Customer>>, Refusal> {
    node.held.customer(id, node).await.map_err(|_| Reason::StoreFailed.refuse())
}

fn unknown() -> Refusal {
    Reason::AdminSubjectUnknown.refuse()
}

fn app(node: &Node, id: &str) -> Result<Arc<App>, Refusal> {
    let by_number = || node.held.app(AppId(id.parse().ok()?));
    node.app(id).or_else(by_number).ok_or_else(unknown)
}

async fn stored(node: &Node, id: AppId) -> Result<App, Refusal> {
    node.store.app(id).await.map_err(refusal_of)?.ok_or_else(unknown)
}

async fn customer(node: &Node, id: &str) -> Result<Customer, Refusal> {
    node.store.customer_by_external(id).await.map_err(refusal_of)?.ok_or_else(unknown)
}

async fn site(node: &Node, id: &str) -> Result<Subject, Refusal> {
    let customer = node.store.customer_by_site(id).await.map_err(refusal_of)?.ok_or_else(unknown)?;
    let site = customer.sites.iter().find(|site| site.external_id == id).ok_or_else(unknown)?;
    Ok(site.id.into())
}

async fn person(node: &Node, id: &str) -> Result<Person, Refusal> {
    let found = match id.parse::<i64>() {
        Ok(number) => node.store.person(UserId(number)).await,
        Err(_) => node.store.person_by_email(id).await,
    };
    found.map_err(refusal_of)?.ok_or_else(unknown)
}
