//! Accounts that an app registers for its own users (ORC-02, 06, 10, 12): register, edit, delete, list, and the sign-in token
//! for the mini-app. Every write goes through [`Keeper`], which says for which app: another app's account is simply not
//! there. What a field may hold is `protocol::accounts`'s business.

use std::net::IpAddr;
use std::sync::Arc;

use causeway_protocol::accounts::{AuthStatus, Fields, SignInToken, auth_status};
use causeway_protocol::legacy::Account;
use causeway_protocol::records::{Act, App, Connection, SubjectKey};
use causeway_protocol::{AppId, Change, CustomerId, Outcome, Reason, Refusal};
use causeway_storage::{Page, Store};

use super::apps;
use super::caller::{Refused, octets};
use super::session::SignedIn;
use crate::legacy_secrets::digest;
use crate::node::{Node, refusal_of};
use crate::shared::Shared;
use crate::throttle::Key;

/// So many accounts a page.
pub const PAGE: u32 = 50;
/// How sign-in tokens begin, for people and secret scanners.
pub const TOKEN_PREFIX: &str = "signin_";
/// Longer texts are no API keys.
const MAX_KEY: usize = 512;

/// Somebody who may look after an app's accounts.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// Whose accounts.
    pub app: Arc<App>,
    /// For the audit trail: `app:3` by its key, `person:7` by hand.
    actor: String,
}

/// An account with what its developer wants to know about it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The row.
    pub account: Account,
    /// Online or Offline.
    pub status: AuthStatus,
    /// The live connection, if there is one.
    pub connection: Option<Connection>,
}

impl Keeper {
    /// Who holds an app's API key. A right key is never throttled: nobody can lock an app out.
    pub async fn by_key(shared: &Shared, key: Option<&str>, source: IpAddr) -> Result<Self, Refused> {
        let node = &shared.node;
        let app = match key.filter(|key| key.len() <= MAX_KEY) {
            Some(key) => app_of_key(node, key)?,
            None => None,
        };
        let Some(app) = app else {
            let failed = Key::of(&[b"app key", &octets(source)]);
            return Err(match shared.app_key_failures.failed(failed, node.clock.monotonic_nanos()) {
                Some(wait) => Refused { refusal: Reason::AppKeyThrottled.refuse(), wait: Some(wait) },
                None => Reason::AppKeyWrong.into(),
            });
        };
        if !app.is_usable() {
            return Err(Reason::ClientNotApproved.into());
        }
        let actor = format!("app:{}", app.id);
        Ok(Self { app, actor })
    }

    /// Refuses a call that names another app than the key's own.
    pub fn speaks_for(&self, client_id: &str) -> Result<(), Refusal> {
        if self.app.client_id == client_id { Ok(()) } else { Err(Reason::AppIdForeign.refuse()) }
    }

    /// Somebody who is signed in and looks after this app.
    pub async fn by_person(node: &Node, who: &SignedIn, app: AppId) -> Result<Self, Refusal> {
        let app = apps::registrar(node, who).await?.find(node, app).await?;
        Ok(Self { app: Arc::new(app), actor: format!("person:{}", who.person.id) })
    }

    fn act(&self, node: &Node, verb: &'static str, account: &str) -> Act {
        let detail = format!("{account} of app {}", self.app.id);
        Act {
            at: node.now(),
            actor: self.actor.clone(),
            verb,
            subject: None,
            detail: detail.chars().take(200).collect(),
        }
    }

    /// An account of this app.
    pub async fn find(&self, node: &Node, id: &str) -> Result<Account, Refusal> {
        let found = node.store.account_by_external(id).await.map_err(refusal_of)?;
        found.filter(|account| account.app == self.app.id).ok_or(Reason::AccountNotFound.refuse())
    }

    /// The same by the number of its customer.
    pub async fn numbered(&self, node: &Node, customer: CustomerId) -> Result<Listed, Refusal> {
        let found = node.store.account(customer).await.map_err(refusal_of)?;
        let account = found.filter(|account| account.app == self.app.id).ok_or(Reason::AccountNotFound.refuse())?;
        look(node, account).await
    }

    /// Adds one, of so many a minute. Ids are unique on the whole platform, and stay the app's when their account is gone.
    pub async fn register(&self, shared: &Shared, fields: Fields) -> Result<Account, Refused> {
        let node = &shared.node;
        let key = Key::of(&[b"register", &self.app.id.0.to_be_bytes()]);
        if let Some(wait) = shared.registrations.failed(key, node.clock.monotonic_nanos()) {
            return Err(Refused { refusal: Reason::RegistrationsThrottled.refuse(), wait: Some(wait) });
        }
        let act = self.act(node, "account.registered", &fields.account_id);
        let Fields { account_id, name, timezone, currency } = fields;
        let account = Account {
            customer: CustomerId(0),
            app: self.app.id,
            external_id: account_id,
            name,
            timezone,
            currency,
            created_at: node.now(),
        };
        match node.apply(Change::RegisterAccount(account.clone(), act)).await? {
            Outcome::Applied(_) => Ok(account),
            Outcome::Stale => Err(Reason::AccountTaken.into()),
        }
    }

    /// Changes name, time zone and currency; the id stays.
    pub async fn edit(&self, node: &Node, fields: Fields) -> Result<Account, Refusal> {
        let old = self.find(node, &fields.account_id).await?;
        let act = self.act(node, "account.edited", &old.external_id);
        let Fields { name, timezone, currency, .. } = fields;
        let account = Account { name, timezone, currency, ..old };
        match node.apply(Change::EditAccount(account.clone(), act)).await? {
            Outcome::Applied(_) => Ok(account),
            Outcome::Stale => Err(Reason::AccountNotFound.refuse()),
        }
    }

    /// Deletes one for good: its connection is cut. Only the same app may register its id again.
    pub async fn delete(&self, node: &Node, id: &str) -> Result<Account, Refusal> {
        let account = self.find(node, id).await?;
        let act = self.act(node, "account.deleted", id);
        let change = Change::DeleteAccount { customer: account.customer, app: self.app.id, act };
        match node.apply(change).await? {
            Outcome::Applied(_) => Ok(account),
            Outcome::Stale => Err(Reason::AccountNotFound.refuse()),
        }
    }

    /// A token with which this account's person may enter the mini-app, once and soon (ORC-10).
    pub async fn sign_in_token(&self, node: &Node, id: &str) -> Result<(String, SignInToken), Refusal> {
        let account = self.find(node, id).await?;
        let rules = node.profile.accounts.as_ref().ok_or(Reason::NoSuchPage.refuse())?;
        let now = node.now();
        let token = SignInToken {
            app: self.app.id,
            customer: account.customer,
            nonce: node.random(),
            expires_at: now + rules.sign_in_life,
        };
        tracing::info!(app = self.app.id.0, customer = account.customer.0, "a sign-in token was given out");
        Ok((node.ring().seal(TOKEN_PREFIX, &token, now), token))
    }

    /// The accounts after one, and whether there are more.
    pub async fn list(&self, node: &Node, after: Option<CustomerId>) -> Result<(Vec<Listed>, bool), Refusal> {
        let page = Page { after, limit: PAGE + 1 };
        let mut rows = node.store.accounts(self.app.id, page).await.map_err(refusal_of)?;
        let more = rows.len() > PAGE as usize;
        rows.truncate(PAGE as usize);
        let mut listed = Vec::with_capacity(rows.len());
        for account in rows {
            listed.push(look(node, account).await?);
        }
        Ok((listed, more))
    }
}

fn app_of_key(node: &Node, key: &str) -> Result<Option<Arc<App>>, Refusal> {
    node.speaks()?;
    let found = node.held.api_key(&digest(key));
    Ok(found.filter(|key| key.active).and_then(|key| node.held.app(key.app?)))
}

/// The connection of an account under its app, live or cut.
pub async fn connection_of(node: &Node, account: &Account) -> Result<Option<Connection>, Refusal> {
    node.store.connection_of(account.app, SubjectKey::Customer(account.customer)).await.map_err(refusal_of)
}

async fn look(node: &Node, account: Account) -> Result<Listed, Refusal> {
    let connection = connection_of(node, &account).await?.filter(|connection| connection.live);
    let families = match &connection {
        Some(connection) => node.store.families(connection.id).await.map_err(refusal_of)?,
        None => Vec::new(),
    };
    let status = auth_status(connection.as_ref(), &families, node.now(), &node.profile);
    Ok(Listed { account, status, connection })
}
