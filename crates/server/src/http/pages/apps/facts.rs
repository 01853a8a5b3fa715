//! An app's record in words: where it stands, who can connect it, what it may be granted.

use causeway_protocol::ScopeSet;
use causeway_protocol::profile::Profile;
use causeway_protocol::records::{App, AppStatus, ClientKind, Visibility};

use super::super::consent::permissions;
use super::super::views::Health;
use super::super::words;
use super::form;
use super::views::{AppFacts, Trail};
use crate::flows::apps::Registrar;
use crate::shared::Shared;

pub(super) fn trail(profile: &Profile) -> Trail {
    let mut places: Vec<String> =
        profile.registration.title.split(" > ").map(|place| place.trim().to_owned()).collect();
    let title = places.pop().unwrap_or_default();
    Trail { title, places, path: profile.endpoints.apps.clone() }
}

pub(super) fn whose(registrar: &Registrar, profile: &Profile) -> String {
    match &registrar.home {
        _ if registrar.is_staff() => format!("Every app that is registered with {}.", profile.name),
        Some(home) => {
            format!("Apps that {} makes, and that people connect to {}.", words::name(&home.name), profile.name)
        }
        None => format!("Apps that you make, and that people connect to {}.", profile.name),
    }
}

/// Who can connect an app.
pub(super) async fn reach(edge: &Shared, app: &App) -> String {
    match app.visibility {
        Visibility::Public => "Any customer".to_owned(),
        Visibility::Private(owner) => match edge.node.held.customer(owner, &edge.node).await {
            Ok(Some(customer)) => format!("Only {}", words::name(&customer.name)),
            _ => "Only its own customer".to_owned(),
        },
    }
}

pub(super) fn state(app: &App, profile: &Profile) -> Health {
    match app.status {
        AppStatus::Rejected => {
            Health { look: "bad", word: "Rejected", why: "It was not approved, so nobody can connect it." }
        }
        _ if !app.active => Health {
            look: "warn",
            word: "Switched off",
            why: "Nobody can connect it, and its calls are refused. Connections stay as they are meanwhile.",
        },
        AppStatus::Pending if app.home.is_some() => Health {
            look: "warn",
            word: "Waits for review",
            why: "Until it is approved, only the account that made it can connect it.",
        },
        AppStatus::Pending => {
            Health { look: "warn", word: "Waits for review", why: "Nobody can connect it until it is approved." }
        }
        AppStatus::Approved if app.redirect_uris.is_empty() => {
            Health { look: "warn", word: "Incomplete", why: "It has no redirect URI yet, so nobody can connect it." }
        }
        AppStatus::Approved if app.scopes.is_empty() && !profile.scopes.is_empty() => {
            Health { look: "warn", word: "Incomplete", why: "It has no permission yet, so nobody can connect it." }
        }
        AppStatus::Approved => Health { look: "good", word: "Ready", why: "" },
    }
}

pub(super) async fn facts(edge: &Shared, app: &App) -> AppFacts {
    let profile = &edge.node.profile;
    let rules = &profile.registration;
    let scopes: ScopeSet = app.scopes;
    AppFacts {
        client_id: (rules.id_word.clone(), words::received(&app.client_id)),
        kind: match app.kind {
            ClientKind::Confidential => "Confidential: it runs on a server and keeps a secret",
            ClientKind::Public => "Public: it runs on devices or in browsers, without a secret, and uses PKCE",
        },
        reach: reach(edge, app).await,
        redirect_uris: app.redirect_uris.iter().map(|uri| words::address(uri)).collect(),
        may: permissions(profile, &edge.node.held.scopes(), scopes),
        link: (rules.link_word.clone(), words::address(&app.info_url)),
        providers: app.providers.iter().map(|key| form::provider_name(key)).collect(),
        accounts: profile.accounts.is_some().then(|| format!("{}/{}/accounts", profile.endpoints.apps, app.id)),
        note: words::paragraph(&app.review_note),
    }
}
