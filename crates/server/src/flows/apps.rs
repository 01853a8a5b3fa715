//! Apps: who may look after which, and registering, editing, reviewing them (CORE-18). Every read and every write goes
//! through [`Registrar`], which holds whose apps they are: another's app is simply not there. What a form may say is
//! `protocol::registration`'s.

mod write;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::legacy::Logo;
use causeway_protocol::profile::Profile;
use causeway_protocol::records::{App, AppStatus, Customer, Person, Role, Visibility};
use causeway_protocol::registration::{Problem, Reach};
use causeway_protocol::seal::sha256;
use causeway_protocol::secret::{Secret, SecretVerifier};
use causeway_protocol::{AppId, CustomerId, Reason, Refusal};
use causeway_storage::Store;

use super::session::SignedIn;
use crate::node::{Node, refusal_of};

/// So many rows a page.
pub const PAGE: usize = 50;
/// So many bytes of randomness are in a secret that we make (SECURITY C-01).
const SECRET_BYTES: usize = 32;

/// Somebody who may open the pages of apps.
#[derive(Clone, Debug)]
pub struct Registrar {
    person: Person,
    /// Whose apps: the customer that the person belongs to; staff and lone developers have none.
    pub home: Option<Customer>,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq)]
pub enum Not {
    /// What was typed; nothing was written.
    Fields(Vec<Problem>),
    /// Anything else.
    Refused(Refusal),
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Not::Refused(refusal)
    }
}

impl From<Reason> for Not {
    fn from(reason: Reason) -> Self {
        Not::Refused(reason.refuse())
    }
}

/// What came of a registration.
#[derive(Debug)]
pub enum Registered {
    /// A new app, with its secret: this is the only time that anybody sees it.
    New(Box<App>, Option<Secret>),
    /// The same form was sent before. `None`: nothing had come of it.
    Before(Option<Arc<App>>),
}

/// What is to become of a logo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogoWish {
    /// It stays.
    #[default]
    Keep,
    /// It goes.
    Remove,
    /// This one instead.
    Upload(Vec<u8>),
}

/// What staff say about an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// May it be used?
    pub approve: bool,
    /// Who makes it was checked.
    pub verified: bool,
    /// Why; a rejection must say.
    pub note: String,
}

/// Whether this person may open the pages of apps.
pub fn may_register(profile: &Profile, person: &Person) -> bool {
    person.role == Role::Staff || profile.registration.registrars.contains(&person.role)
}

/// The same, as a value that does things.
pub async fn registrar(node: &Node, who: &SignedIn) -> Result<Registrar, Refusal> {
    if !may_register(&node.profile, &who.person) {
        return Err(Reason::NotAllowedHere.refuse());
    }
    let home = match who.person.customer.filter(|_| who.person.role != Role::Staff) {
        None => None,
        Some(id) => {
            let customer = node.store.customer(id).await.map_err(refusal_of)?;
            Some(customer.filter(|customer| customer.active).ok_or(Reason::NoCustomer.refuse())?)
        }
    };
    Ok(Registrar { person: who.person.clone(), home })
}

/// The customer whose app it is.
fn home_of(app: &App) -> Option<CustomerId> {
    app.home.or(match app.visibility {
        Visibility::Private(owner) => Some(owner),
        Visibility::Public => None,
    })
}

/// What stands in an app, in short: a form that was made for another state is refused.
pub fn state_of(app: &App) -> String {
    let mut parts: Vec<Vec<u8>> = [&app.name, &app.owner, &app.description, &app.info_url, &app.review_note]
        .into_iter()
        .map(|text| text.clone().into_bytes())
        .collect();
    let owner = if let Visibility::Private(owner) = app.visibility { owner.0 } else { 0 };
    parts.push(owner.to_be_bytes().to_vec());
    parts.push(vec![app.status as u8, app.active as u8, app.verified as u8, app.logo.is_some() as u8]);
    parts.push(app.scopes.to_bytes());
    parts.extend(app.logo.map(|logo| logo.to_vec()));
    parts.extend(app.secrets.iter().map(|secret| secret.mac.to_vec()));
    parts.extend(app.redirect_uris.iter().chain(&app.providers).map(|text| text.clone().into_bytes()));
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    URL_SAFE_NO_PAD.encode(sha256::<12>(&parts))
}

/// A new client secret, and what is kept of it.
pub(super) fn fresh_secret(node: &Node) -> (Secret, Vec<SecretVerifier>) {
    let random: [u8; SECRET_BYTES] = node.random();
    let secret = Secret::new(format!("{}{}", node.profile.token.prefixes.secret, URL_SAFE_NO_PAD.encode(random)));
    let verifiers = vec![node.ring().verifier(secret.expose())];
    (secret, verifiers)
}

impl Registrar {
    /// Works for the platform: sees every app, and reviews.
    pub fn is_staff(&self) -> bool {
        self.person.role == Role::Staff
    }

    /// Whether the form of this app, or of a new one, asks who can connect it.
    pub fn reach(&self, profile: &Profile, app: Option<&App>) -> Reach {
        let private = app.is_some_and(|app| app.visibility != Visibility::Public);
        let has_home = app.map_or(self.home.is_some(), |app| app.home.is_some() || private);
        if profile.registration.private && has_home { Reach::Asked } else { Reach::Fixed(private) }
    }

    /// The names that this person may give to no app, look-alikes included (SECURITY AR-12): those of verified apps and of
    /// somebody else's, but for apps that were rejected. `None`: any. `old`: the app that gets it; its own name may stay.
    fn taken_names(&self, node: &Node, old: Option<&App>, name: &str) -> Option<Vec<String>> {
        if self.is_staff() || old.is_some_and(|old| old.name == name.trim()) {
            return None;
        }
        let other = |app: &Arc<App>| old.is_none_or(|old| old.id != app.id) && app.status != AppStatus::Rejected;
        let apps = node.held.apps();
        let taken = apps.iter().filter(|app| other(app) && (app.verified || !self.is_ours(app)));
        Some(taken.map(|app| app.name.clone()).collect())
    }

    /// Of the own customer, or registered by this person where there is none.
    fn is_ours(&self, app: &App) -> bool {
        match &self.home {
            Some(home) => home_of(app) == Some(home.id),
            None => app.registered_by == Some(self.person.id),
        }
    }

    /// A customer's administrators look after all of its apps, everybody else after those that they registered.
    fn owns(&self, app: &App) -> bool {
        let home = home_of(app);
        let mine = app.registered_by == Some(self.person.id);
        match home {
            _ if self.is_staff() => true,
            None => mine,
            Some(home) => {
                let here = self.home.as_ref().is_some_and(|own| own.id == home);
                here && (mine || self.person.role == Role::CustomerAdmin)
            }
        }
    }

    /// The apps after one, in order of number, and whether there are more. `waiting`: only those that wait for review.
    pub fn list(&self, node: &Node, after: Option<AppId>, waiting: bool) -> (Vec<Arc<App>>, bool) {
        let shown = |app: &Arc<App>| {
            self.owns(app) && after.is_none_or(|after| app.id > after) && (!waiting || app.status == AppStatus::Pending)
        };
        let mut apps: Vec<Arc<App>> = node.held.apps().into_iter().filter(shown).collect();
        apps.sort_unstable_by_key(|app| app.id);
        let more = apps.len() > PAGE;
        apps.truncate(PAGE);
        (apps, more)
    }

    /// How many apps wait for this person's review.
    pub fn waiting(&self, node: &Node) -> usize {
        if !self.is_staff() {
            return 0;
        }
        node.held.apps().iter().filter(|app| app.status == AppStatus::Pending).count()
    }

    /// One app, as the store has it.
    pub async fn find(&self, node: &Node, id: AppId) -> Result<App, Refusal> {
        let app = node.store.app(id).await.map_err(refusal_of)?;
        app.filter(|app| self.owns(app)).ok_or(Reason::NoSuchApp.refuse())
    }

    /// The same, if it still stands as it was shown.
    async fn find_as_seen(&self, node: &Node, id: AppId, seen: &str) -> Result<App, Refusal> {
        let app = self.find(node, id).await?;
        if state_of(&app) == seen { Ok(app) } else { Err(Reason::AppChanged.refuse()) }
    }
}

/// An app's logo, under the address that names these very bytes.
pub async fn logo(node: &Node, id: AppId, digest: &str) -> Result<Logo, Refusal> {
    let known = node.held.app(id).and_then(|app| app.logo).is_some_and(|own| logo_name(own) == digest);
    let found = if known { node.store.logo(id).await.map_err(refusal_of)? } else { None };
    found.ok_or(Reason::NoSuchPage.refuse())
}

/// The part of a logo's address that names its bytes.
pub fn logo_name(digest: [u8; 8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
