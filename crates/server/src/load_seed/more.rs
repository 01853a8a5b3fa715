//! Loads what a seed says beside apps, people and customers: who made a site, OAuth 1.0 consumers, accounts, API keys. Like
//! the rest, it only adds what is not there.

use std::collections::HashMap;

use causeway_protocol::legacy::{Account, ApiKey, Consumer, ConsumerToken};
use causeway_protocol::records::{App, Customer, Site};
use causeway_protocol::{ApiKeyId, AppId, Change, ConsumerId, CustomerId, Outcome, Refusal, UserId};
use causeway_storage::{Store, StoreError};

use super::{Kept, act, find};
use crate::legacy_secrets::{digest, seal};
use crate::node::Node;
use crate::seed::{Seed, SeedAccount, SeedApiKey, SeedApp, SeedConsumer, SeedCustomer};

/// So many characters of an API key are kept for people.
const HINT: usize = 4;

pub(super) async fn load(
    node: &Node,
    seed: &Seed,
    customers: &HashMap<String, CustomerId>,
    kept: &mut Kept,
) -> Result<(), String> {
    for customer in &seed.customers {
        creators(node, customer).await?;
    }
    for app in &seed.apps {
        registered_by(node, app).await?;
    }
    for pair in &seed.oauth1 {
        consumer(node, pair, customers, kept).await?;
    }
    for key in &seed.api_keys {
        api_key(node, key, customers).await?;
    }
    Ok(())
}

/// Accounts are customers: they are there before the people who work for them.
pub(super) async fn accounts(node: &Node, seed: &Seed, kept: &mut Kept) -> Result<(), String> {
    for one in &seed.accounts {
        account(node, one, kept).await?;
    }
    Ok(())
}

fn stored(error: StoreError) -> String {
    error.to_string()
}

fn refused(refusal: Refusal) -> String {
    refusal.description()
}

/// Sites are there before people are: who made them is filled in last, where nobody is.
async fn creators(node: &Node, seed: &SeedCustomer) -> Result<(), String> {
    if seed.sites.iter().all(|site| site.creator.is_none()) {
        return Ok(());
    }
    let Some(old) = node.store.customer_by_external(&seed.id).await.map_err(stored)? else { return Ok(()) };
    let mut sites: Vec<Site> = old.sites.clone();
    for site in &seed.sites {
        let Some(email) = &site.creator else { continue };
        let person = node.store.person_by_email(email).await.map_err(stored)?;
        let person = person.ok_or_else(|| format!("site {}: there is no person {email}", site.id))?;
        let held = sites.iter_mut().find(|held| held.external_id == site.id && held.creator.is_none());
        if let Some(held) = held {
            held.creator = Some(person.id);
        }
    }
    if sites == old.sites {
        return Ok(());
    }
    let change = Change::PutCustomer(Customer { sites, ..old }, act(node, "customer.put"));
    node.apply(change).await.map(drop).map_err(refused)
}

/// Apps are there before people are, too: who looks after one is filled in last, where nobody does.
async fn registered_by(node: &Node, seed: &SeedApp) -> Result<(), String> {
    let (Some(email), Some(app)) = (&seed.registered_by, node.app(&seed.client_id)) else { return Ok(()) };
    if app.registered_by.is_some() {
        return Ok(());
    }
    let person = node.store.person_by_email(email).await.map_err(stored)?;
    let person = person.ok_or_else(|| format!("app {}: there is no person {email}", seed.client_id))?;
    let app = App { registered_by: Some(person.id), ..App::clone(&app) };
    node.apply(Change::PutApp(app, act(node, "app.put"))).await.map(drop).map_err(refused)
}

async fn consumer(
    node: &Node,
    seed: &SeedConsumer,
    customers: &HashMap<String, CustomerId>,
    kept: &mut Kept,
) -> Result<(), String> {
    let customer = find(node, customers, Some(&seed.customer)).await?.unwrap_or_default();
    let id = match node.store.consumer(&seed.consumer_key).await.map_err(stored)? {
        Some(old) => {
            let fields =
                [("customer", old.consumer.customer == customer), ("active", old.consumer.active == seed.active)];
            kept.note("consumer", &seed.consumer_key, &fields);
            old.consumer.id
        }
        None => {
            let wanted = Consumer {
                id: ConsumerId(0),
                customer,
                key: seed.consumer_key.clone(),
                secret: seal(node, &seed.consumer_key, seed.consumer_secret.expose()),
                active: seed.active,
            };
            node.apply(Change::PutConsumer(wanted, act(node, "consumer.put"))).await.map_err(refused)?;
            let made = node.store.consumer(&seed.consumer_key).await.map_err(stored)?;
            made.ok_or_else(|| format!("consumer {} was not stored", seed.consumer_key))?.consumer.id
        }
    };
    let (Some(token), Some(secret)) = (&seed.token, &seed.token_secret) else { return Ok(()) };
    let token = ConsumerToken {
        digest: digest(token),
        consumer: id,
        customer,
        user: UserId::NOBODY,
        secret: seal(node, token, secret.expose()),
        created_at: node.now(),
    };
    node.apply(Change::PutConsumerToken(token, act(node, "consumer_token.put"))).await.map(drop).map_err(refused)
}

fn app_id(node: &Node, client_id: &str) -> Result<AppId, String> {
    node.app(client_id).map(|app| app.id).ok_or_else(|| format!("there is no app {client_id}"))
}

async fn account(node: &Node, seed: &SeedAccount, kept: &mut Kept) -> Result<(), String> {
    let app = app_id(node, &seed.app)?;
    if let Some(old) = node.store.account_by_external(&seed.account_id).await.map_err(stored)? {
        kept.note("account", &seed.account_id, &[("app", old.app == app), ("name", old.name == seed.name)]);
        return Ok(());
    }
    let wanted = Account {
        customer: CustomerId(0),
        app,
        external_id: seed.account_id.clone(),
        name: seed.name.clone(),
        timezone: seed.timezone.clone(),
        currency: seed.currency.clone(),
        created_at: node.now(),
    };
    match node.apply(Change::RegisterAccount(wanted, act(node, "account.registered"))).await.map_err(refused)? {
        Outcome::Applied(_) => Ok(()),
        Outcome::Stale => Err(format!("account {}: a customer has this id already", seed.account_id)),
    }
}

async fn api_key(node: &Node, seed: &SeedApiKey, customers: &HashMap<String, CustomerId>) -> Result<(), String> {
    let digest = digest(seed.key.expose());
    if node.store.api_key(digest).await.map_err(stored)?.is_some() {
        return Ok(());
    }
    let key = seed.key.expose();
    let wanted = ApiKey {
        id: ApiKeyId(0),
        digest,
        customer: find(node, customers, seed.customer.as_deref()).await?,
        app: seed.app.as_deref().map(|app| app_id(node, app)).transpose()?,
        hint: key.chars().skip(key.chars().count().saturating_sub(HINT)).collect(),
        active: true,
    };
    node.apply(Change::PutApiKey(wanted, act(node, "api_key.put"))).await.map(drop).map_err(refused)
}
