//! The records of the stream: what a guard needs of an app, an API key and a customer, and nothing that only a node needs.
//! What becomes of them does not belong here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_protocol::legacy::ApiKey;
use causeway_protocol::records::{App, AppStatus, ClientKind, Customer, Site, Visibility};
use causeway_protocol::{ApiKeyId, AppId, CustomerId, SiteId};
use serde::{Deserialize, Serialize};

use super::{read_scopes, scopes};

/// What a guard needs of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireApp {
    id: i64,
    client_id: String,
    name: String,
    active: bool,
    /// 0 pending, 1 approved, 2 rejected.
    status: u8,
    home: Option<i64>,
    private_to: Option<i64>,
    public_client: bool,
    /// Hexadecimal.
    scopes: String,
}

/// What a guard needs of an API key: its digest, never the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireApiKey {
    id: i64,
    digest: String,
    customer: Option<i64>,
    app: Option<i64>,
    active: bool,
}

/// The answer of `GET /edge/customers/{id}`, or `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCustomer {
    id: i64,
    external_id: String,
    name: String,
    active: bool,
    /// (id, external id, name, active).
    sites: Vec<(i64, String, String, bool)>,
}

impl From<&App> for WireApp {
    fn from(app: &App) -> Self {
        Self {
            id: app.id.0,
            client_id: app.client_id.clone(),
            name: app.name.clone(),
            active: app.active,
            status: match app.status {
                AppStatus::Pending => 0,
                AppStatus::Approved => 1,
                AppStatus::Rejected => 2,
            },
            home: app.home.map(|home| home.0),
            private_to: match app.visibility {
                Visibility::Public => None,
                Visibility::Private(owner) => Some(owner.0),
            },
            public_client: app.kind == ClientKind::Public,
            scopes: scopes(app.scopes),
        }
    }
}

impl WireApp {
    /// The app, without everything that only a node needs.
    pub(in crate::remote) fn app(self) -> Option<App> {
        Some(App {
            id: AppId(self.id),
            client_id: self.client_id,
            name: self.name,
            owner: String::new(),
            description: String::new(),
            info_url: String::new(),
            kind: if self.public_client { ClientKind::Public } else { ClientKind::Confidential },
            visibility: self.private_to.map_or(Visibility::Public, |owner| Visibility::Private(CustomerId(owner))),
            status: match self.status {
                0 => AppStatus::Pending,
                1 => AppStatus::Approved,
                2 => AppStatus::Rejected,
                _ => return None,
            },
            active: self.active,
            verified: false,
            pkce_required: false,
            secrets: Vec::new(),
            redirect_uris: Vec::new(),
            scopes: read_scopes(&self.scopes)?,
            registered_by: None,
            home: self.home.map(CustomerId),
            providers: Vec::new(),
            logo: None,
            review_note: String::new(),
        })
    }
}

impl From<&ApiKey> for WireApiKey {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.0,
            digest: STANDARD.encode(key.digest),
            customer: key.customer.map(|id| id.0),
            app: key.app.map(|id| id.0),
            active: key.active,
        }
    }
}

impl WireApiKey {
    pub(in crate::remote) fn key(self) -> Option<ApiKey> {
        Some(ApiKey {
            id: ApiKeyId(self.id),
            digest: STANDARD.decode(&self.digest).ok()?.try_into().ok()?,
            customer: self.customer.map(CustomerId),
            app: self.app.map(AppId),
            hint: String::new(),
            active: self.active,
        })
    }
}

impl From<&Customer> for WireCustomer {
    fn from(customer: &Customer) -> Self {
        let site = |site: &Site| (site.id.0, site.external_id.clone(), site.name.clone(), site.active);
        Self {
            id: customer.id.0,
            external_id: customer.external_id.clone(),
            name: customer.name.clone(),
            active: customer.active,
            sites: customer.sites.iter().map(site).collect(),
        }
    }
}

impl WireCustomer {
    pub(in crate::remote) fn customer(self) -> Customer {
        let site = |(id, external_id, name, active)| Site { id: SiteId(id), external_id, name, active, creator: None };
        Customer {
            id: CustomerId(self.id),
            external_id: self.external_id,
            name: self.name,
            active: self.active,
            sites: self.sites.into_iter().map(site).collect(),
        }
    }
}
