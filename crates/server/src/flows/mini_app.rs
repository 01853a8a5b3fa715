//! The mini-app, where an account's person connects the app's providers (ORC-11): in by a sign-in token, then known by a
//! visit. Everything goes through [`Guest`], which says as which account. Tokens of providers are the vault's; pages and
//! cookies are not known here.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::accounts::{SignInToken, Visit};
use causeway_protocol::authorize::PENDING_LIFE;
use causeway_protocol::legacy::Account;
use causeway_protocol::params::Params;
use causeway_protocol::records::{App, Connection};
use causeway_protocol::seal::sha256;
use causeway_protocol::time::Seconds;
use causeway_protocol::{AppId, Change, CustomerId, Outcome, Reason, Refusal, UnixTime};
use causeway_storage::Store;
use causeway_vault::{Status, Vault};
use futures_util::future::join_all;

use super::accounts::{TOKEN_PREFIX, connection_of};
use super::{caller, connected};
use crate::node::{Node, refusal_of};
use crate::shared::Shared;

/// A visit has no visible prefix: nobody copies it.
const NO_PREFIX: &str = "";

/// Somebody who is in, as an account.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Whose mini-app it is.
    pub app: Arc<App>,
    /// As which account.
    pub account: Account,
    visit: Visit,
}

/// A visit that begins.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The sealed [`Visit`], for the cookie.
    pub visit: String,
    /// How long it lasts.
    pub life: Seconds,
}

/// A provider as its card shows it.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The profile's key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// How it stands with this account.
    pub state: OfferState,
}

/// How a provider stands with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferState {
    /// It can be connected.
    Open,
    /// It is, since then.
    Connected(UnixTime),
    /// It was, and must be connected again.
    Ended,
    /// This server was not told how to reach it.
    NotReady,
}

/// What the vault calls an account: no two apps' accounts are one, whatever their ids are.
pub(super) fn vault_account(app: AppId, customer: CustomerId) -> String {
    format!("app {app} account {customer}")
}

/// The customer of the account that a vault's account names.
fn customer_of(vault_account: &str) -> Option<CustomerId> {
    vault_account.rsplit(' ').next()?.parse().ok().map(CustomerId)
}

/// Lets somebody in: app, account and token must agree, and the token is spent.
pub async fn enter(node: &Node, client_id: &str, account_id: &str, token: &str) -> Result<Entered, Refusal> {
    let foreign = || Reason::SignInTokenForeign.refuse();
    let now = node.now();
    let token: SignInToken = caller::open(node, TOKEN_PREFIX, token, now, Reason::SignInTokenForeign).await?;
    let app = node.app(client_id).ok_or_else(foreign)?;
    let account = node.store.account_by_external(account_id).await.map_err(refusal_of)?.ok_or_else(foreign)?;
    token.check(&app, &account, now)?;
    standing(node, app.id, account.customer).await?;
    spend(node, &token).await?;
    let life = node.profile.accounts.as_ref().ok_or_else(foreign)?.visit_life;
    let visit = Visit { app: app.id, customer: account.customer, session: node.random(), expires_at: now + life };
    Ok(Entered { visit: node.ring().seal(NO_PREFIX, &visit, now), life })
}

/// Uses a sign-in token up; of two who try at once, one succeeds.
pub(super) async fn spend(node: &Node, token: &SignInToken) -> Result<(), Refusal> {
    // A consent form that was made with it outlives it (`account_proof = "sign_in_token"`).
    let expires_at = token.expires_at + PENDING_LIFE;
    match node.apply(Change::SpendOnce { digest: token.digest(), expires_at }).await? {
        Outcome::Applied(_) => Ok(()),
        Outcome::Stale => Err(Reason::SignInTokenSpent.refuse()),
    }
}

/// Who holds this cookie, if the visit lasts and its account still stands.
pub async fn guest(node: &Node, cookie: Option<&str>) -> Result<Guest, Refusal> {
    let over = || Reason::VisitOver.refuse();
    let now = node.now();
    let visit: Visit = caller::open(node, NO_PREFIX, cookie.ok_or_else(over)?, now, Reason::VisitOver).await?;
    if now >= visit.expires_at {
        return Err(over());
    }
    let (app, account) = standing(node, visit.app, visit.customer).await?;
    Ok(Guest { app, account, visit })
}

/// App and account as they stand now: either may have been switched off, or be gone.
async fn standing(node: &Node, app: AppId, customer: CustomerId) -> Result<(Arc<App>, Account), Refusal> {
    let app = node.held.app(app).filter(|app| app.is_usable()).ok_or(Reason::AppNotAvailable.refuse())?;
    let account = node.store.account(customer).await.map_err(refusal_of)?;
    let account = account.filter(|account| account.app == app.id).ok_or(Reason::AccountNotFound.refuse())?;
    let customer = node.store.customer(customer).await.map_err(refusal_of)?;
    customer.filter(|customer| customer.active).ok_or(Reason::NoCustomer.refuse())?;
    Ok((app, account))
}

impl Guest {
    /// Whether the visit is to this app as this account, as addresses name them.
    pub fn is(&self, client_id: &str, account_id: &str) -> bool {
        self.app.client_id == client_id && self.account.external_id == account_id
    }

    /// What a form of this visit that does `what` must carry (SECURITY UI-01).
    pub fn token(&self, what: &str) -> String {
        URL_SAFE_NO_PAD.encode(sha256::<16>(&[b"visit form", &self.visit.session, what.as_bytes()]))
    }

    /// Whether a form carries it.
    pub fn owns(&self, token: &str, what: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(token.as_bytes(), self.token(what).as_bytes()).is_ok()
    }

    /// What ways to providers are bound to: who comes back must be who left.
    fn session(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256::<32>(&[b"visit", &self.visit.session]))
    }

    fn vault_account(&self) -> String {
        vault_account(self.app.id, self.account.customer)
    }

    /// The vault, if this app offers this provider.
    fn offered<'a>(&self, shared: &'a Shared, provider: &str) -> Result<&'a Vault, Refusal> {
        if !self.app.providers.iter().any(|known| known == provider) {
            return Err(Reason::ProviderNotOffered.refuse());
        }
        let vault = shared.providers.as_ref().filter(|vault| vault.platform(provider).is_some());
        vault.ok_or(Reason::ProviderNotReady.refuse())
    }

    /// The app's providers, in its own order.
    pub async fn offers(&self, shared: &Shared) -> Result<Vec<Offer>, Refusal> {
        let mut offers = Vec::with_capacity(self.app.providers.len());
        for key in &self.app.providers {
            let known = self.offered(shared, key).ok().and_then(|vault| Some((vault, vault.platform(key)?)));
            let (name, state) = match known {
                None => (key.clone(), OfferState::NotReady),
                Some((vault, platform)) => {
                    let connection = vault.connection_of(key, &self.vault_account()).await?;
                    let state = connection.map_or(OfferState::Open, |connection| match connection.status {
                        Status::Connected => OfferState::Connected(connection.connected_at),
                        Status::ReconnectNeeded { .. } => OfferState::Ended,
                        Status::Disconnected { .. } => OfferState::Open,
                    });
                    (platform.profile.name.clone(), state)
                }
            };
            offers.push(Offer { key: key.clone(), name, state });
        }
        Ok(offers)
    }

    /// Where this guest is sent to connect a provider.
    pub async fn connect(&self, shared: &Shared, provider: &str) -> Result<String, Refusal> {
        let vault = self.offered(shared, provider)?;
        vault.begin(provider, &self.vault_account(), &self.session()).await
    }

    /// The guest is back from a provider, with this query.
    pub async fn finish(&self, shared: &Shared, provider: &str, query: &Params) -> Result<(), Refusal> {
        let vault = self.offered(shared, provider)?;
        let connection = vault.finish(provider, Some(&self.session()), query).await?;
        tracing::info!(provider, customer = self.account.customer.0, connection = connection.id, "provider connected");
        Ok(())
    }

    /// Ends the connection to a provider, here and there.
    pub async fn disconnect(&self, shared: &Shared, provider: &str) -> Result<(), Refusal> {
        let vault = self.offered(shared, provider)?;
        let connection = vault.connection_of(provider, &self.vault_account()).await?;
        vault.disconnect(connection.ok_or(Reason::NotConnected.refuse())?.id).await?;
        tracing::info!(provider, customer = self.account.customer.0, "provider disconnected");
        Ok(())
    }

    /// The app's own live connection to this account, if it was allowed.
    pub async fn own(&self, node: &Node) -> Result<Option<Connection>, Refusal> {
        Ok(connection_of(node, &self.account).await?.filter(|connection| connection.live))
    }

    /// Takes back what the app was allowed: its tokens are dead from the next request on.
    pub async fn take_back(&self, node: &Node) -> Result<(), Refusal> {
        let own = self.own(node).await?.ok_or(Reason::NoSuchConnection.refuse())?;
        connected::cut(node, own.id, format!("account:{}", self.account.customer), "in the mini-app").await
    }
}

/// Ends everything that a deleted account had connected. What a provider cannot be told is forgotten here all the same.
pub async fn forget(shared: &Shared, account: &Account) {
    let Some(vault) = &shared.providers else { return };
    let name = vault_account(account.app, account.customer);
    let one = |provider: String| {
        let name = &name;
        async move {
            let connection = vault.connection_of(&provider, name).await?;
            match connection.filter(|connection| !matches!(connection.status, Status::Disconnected { .. })) {
                Some(connection) => vault.disconnect(connection.id).await.map(drop),
                None => Ok(()),
            }
        }
    };
    let all = vault.platforms().map(|platform| one(platform.key().to_owned()));
    for failed in join_all(all).await.into_iter().filter_map(Result::err) {
        tracing::error!(reason = failed.reason.name(), "a deleted account's provider was not disconnected");
    }
}

/// Ends what a crash left between the deletion of an account and [`forget`]: connections of accounts that are no more. Read
/// once, when the process starts; a store that does not answer is no reason to cut anything.
pub async fn forget_orphans(shared: &Shared) {
    let Some(vault) = &shared.providers else { return };
    let mut after = 0;
    loop {
        let Ok(page) = vault.connections_after(after).await else { return };
        let Some(last) = page.last() else { return };
        after = last.id;
        for connection in page.iter().filter(|one| !matches!(one.status, Status::Disconnected { .. })) {
            let Some(customer) = customer_of(&connection.account) else { continue };
            if matches!(shared.node.store.account(customer).await, Ok(None)) {
                tracing::warn!(connection = connection.id, "a provider of a deleted account is disconnected");
                let _tried_again_at_the_next_start = vault.disconnect(connection.id).await;
            }
        }
    }
}
