//! Apps: who may look after which, and registering, editing, reviewing them (CORE-18). Every read and every write goes
//! through [`Registrar`], which holds whose apps they are: another's app is simply not there. What a form may say is
//! `protocol::registration`'s.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::legacy::Logo;
use causeway_protocol::profile::{AppIdForm, Profile, Registration};
use causeway_protocol::records::{Act, App, AppStatus, ClientKind, Customer, Person, Role, Visibility};
use causeway_protocol::registration::{self, Draft, Field, MAX_APPS, Problem, Wish};
use causeway_protocol::seal::sha256;
use causeway_protocol::secret::{Secret, SecretVerifier};
use causeway_protocol::{AppId, Change, Outcome, Reason, Refusal, Row};
use causeway_storage::Store;

use super::session::{ABSOLUTE, SignedIn};
use crate::node::{Node, refusal_of};

/// So many rows a page.
pub const PAGE: usize = 50;
/// So many bytes of randomness are in a secret that we make (SECURITY C-01).
const SECRET_BYTES: usize = 32;
/// The audit trail keeps details of this many characters.
const DETAIL: usize = 200;

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

    /// Whether new apps may be kept for the own customer.
    pub fn may_keep_private(&self, profile: &Profile) -> bool {
        profile.registration.private && self.home.is_some()
    }

    /// A customer's administrators look after all of its apps, everybody else after those that they registered.
    fn owns(&self, app: &App) -> bool {
        let home = app.home.or(match app.visibility {
            Visibility::Private(owner) => Some(owner),
            Visibility::Public => None,
        });
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
            self.owns(app)
                && after.is_none_or(|after| app.id > after)
                && (!waiting || app.status == AppStatus::Pending)
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

    /// Registers an app. `nonce` names the form: sent twice, it makes one app.
    pub async fn register(&self, node: &Node, wish: &Wish, logo: LogoWish, nonce: &str) -> Result<Registered, Not> {
        let (draft, logo) = self.look_at(node, wish, logo)?;
        let form = format!("{}/{nonce}", self.person.id);
        let client_id = client_id(node.profile.registration.client_id, &form);
        if let Some(app) = node.app(&client_id) {
            return Ok(Registered::Before(Some(app)));
        }
        let own = |app: &Arc<App>| match &self.home {
            Some(home) => app.home == Some(home.id),
            None => app.registered_by == Some(self.person.id),
        };
        if !self.is_staff() && node.held.apps().iter().filter(|app| own(app)).count() >= MAX_APPS {
            return Err(Reason::TooManyApps.into());
        }
        // The form lives as long as its session at most.
        let spend = Change::SpendOnce { digest: sha256(&[b"app form", form.as_bytes()]), expires_at: node.now() + ABSOLUTE };
        if matches!(node.apply(spend).await?, Outcome::Stale) {
            return Ok(Registered::Before(node.app(&client_id)));
        }
        let (secret, secrets) = match draft.kind {
            ClientKind::Public => (None, Vec::new()),
            ClientKind::Confidential => {
                let (secret, secrets) = fresh_secret(node);
                (Some(secret), secrets)
            }
        };
        let app = self.new_app(node, draft, client_id, secrets);
        let detail = format!("{} ({})", app.client_id, app.name);
        let act = self.act(node, "app.registered", None, &detail);
        let app = applied_app(node.apply(Change::PutApp(app, act)).await?)?;
        let app = self.set_logo(node, app, logo).await?;
        Ok(Registered::New(Box::new(app), secret))
    }

    fn new_app(&self, node: &Node, draft: Draft, client_id: String, secrets: Vec<SecretVerifier>) -> App {
        let (staff, home) = (self.is_staff(), self.home.as_ref());
        App {
            id: AppId(0),
            client_id,
            owner: match home {
                Some(home) => home.name.clone(),
                None if staff => draft.name.clone(),
                None => self.person.email.clone(),
            },
            name: draft.name,
            description: draft.description,
            info_url: draft.info_url,
            kind: draft.kind,
            visibility: registration::visibility(draft.private, home.map(|home| home.id)),
            status: registration::first_status(node.profile.registration.mode, staff),
            active: true,
            verified: false,
            pkce_required: false,
            secrets,
            redirect_uris: draft.redirect_uris,
            scopes: draft.scopes,
            registered_by: Some(self.person.id).filter(|_| !staff),
            home: home.map(|home| home.id),
            providers: draft.providers,
            logo: None,
            review_note: String::new(),
        }
    }

    /// Changes an app that stands as it was shown.
    pub async fn edit(&self, node: &Node, id: AppId, seen: &str, wish: &Wish, logo: LogoWish) -> Result<App, Not> {
        let old = self.find(node, id).await?;
        let wish = Wish { public_client: old.kind == ClientKind::Public, ..wish.clone() };
        let (draft, logo) = self.look_at(node, &wish, logo)?;
        if state_of(&old) != seen {
            return Err(Reason::AppChanged.into());
        }
        let other_logo = match &logo {
            LogoChange::None => false,
            LogoChange::Remove => old.logo.is_some(),
            LogoChange::New(_) => true,
        };
        let mode = node.profile.registration.mode;
        let new = registration::edited(&old, &draft, other_logo, self.is_staff(), mode);
        let app = if new == old { old } else { self.replace(node, old, new, "app.edited").await? };
        Ok(self.set_logo(node, app, logo).await?)
    }

    /// Gives an app that stands as it was shown a new secret; the old one fails from the next request on (CORE-13).
    pub async fn renew_secret(&self, node: &Node, id: AppId, seen: &str) -> Result<(App, Secret), Refusal> {
        let app = self.find_as_seen(node, id, seen).await?;
        if app.kind == ClientKind::Public {
            return Err(Reason::PublicClientSecret.refuse());
        }
        let (secret, secrets) = fresh_secret(node);
        let act = self.act(node, "app.secret_renewed", Some(id), "");
        let change = Change::SetAppSecrets { app: id, expected: app.secrets.clone(), secrets, act };
        match node.apply(change).await? {
            Outcome::Applied(_) => Ok((app, secret)),
            Outcome::Stale => Err(Reason::AppChanged.refuse()),
        }
    }

    /// Whether this person may switch an app off or on. Nobody undoes what staff did: switching on is theirs.
    pub fn may_switch(&self, active: bool) -> bool {
        self.is_staff() || !active
    }

    /// Switches an app off or on; that it stands so already is no mistake.
    pub async fn switch(&self, node: &Node, id: AppId, active: bool) -> Result<(), Refusal> {
        let app = self.find(node, id).await?;
        if !self.may_switch(active) {
            return Err(Reason::NotAllowedHere.refuse());
        }
        let verb = if active { "switched.on" } else { "switched.off" };
        let act = self.act(node, verb, Some(app.id), "");
        node.apply(Change::Switch { subject: app.id.into(), active, act }).await.map(drop)
    }

    /// Whether this person decides about this app.
    pub fn may_review(&self, node: &Node, app: &App) -> bool {
        self.is_staff()
            && (node.profile.registration.mode == Registration::Review || app.status != AppStatus::Approved)
    }

    /// Approves or rejects an app that stands as it was shown.
    pub async fn review(&self, node: &Node, id: AppId, seen: &str, verdict: &Verdict) -> Result<App, Not> {
        if !self.is_staff() {
            return Err(Reason::NotAllowedHere.into());
        }
        let old = self.find(node, id).await?;
        let review_note =
            registration::note(&verdict.note, !verdict.approve).map_err(|problem| Not::Fields(vec![problem]))?;
        if state_of(&old) != seen {
            return Err(Reason::AppChanged.into());
        }
        let (status, verb) = match verdict.approve {
            true => (AppStatus::Approved, "app.approved"),
            false => (AppStatus::Rejected, "app.rejected"),
        };
        let verified = verdict.approve && verdict.verified;
        let new = App { status, verified, review_note, ..old.clone() };
        Ok(if new == old { old } else { self.replace(node, old, new, verb).await? })
    }

    /// What is wrong with a wish and an image, all of it.
    fn look_at(&self, node: &Node, wish: &Wish, logo: LogoWish) -> Result<(Draft, LogoChange), Not> {
        let profile = &node.profile;
        let draft = registration::check(wish, profile, &node.held.scopes());
        let logo = match logo {
            _ if !profile.registration.logo => Ok(LogoChange::None),
            LogoWish::Keep => Ok(LogoChange::None),
            LogoWish::Remove => Ok(LogoChange::Remove),
            LogoWish::Upload(bytes) => registration::logo::read(bytes).map(LogoChange::New),
        };
        match (draft, logo) {
            (Ok(draft), Ok(logo)) => Ok((draft, logo)),
            (draft, logo) => {
                let mut problems = draft.err().unwrap_or_default();
                problems.extend(logo.err().map(|says| Problem::new(Field::Logo, says)));
                Err(Not::Fields(problems))
            }
        }
    }

    async fn replace(&self, node: &Node, old: App, new: App, verb: &'static str) -> Result<App, Refusal> {
        let act = self.act(node, verb, Some(old.id), &changed(&old, &new));
        applied_app(node.apply(Change::ReplaceApp { expected: Box::new(old), app: Box::new(new), act }).await?)
    }

    async fn set_logo(&self, node: &Node, app: App, logo: LogoChange) -> Result<App, Refusal> {
        let (logo, detail) = match logo {
            LogoChange::None => return Ok(app),
            LogoChange::Remove => (None, "none"),
            LogoChange::New(logo) => (Some(logo), "another one"),
        };
        let act = self.act(node, "app.logo_set", Some(app.id), detail);
        applied_app(node.apply(Change::SetLogo { app: app.id, logo, act }).await?)
    }

    fn act(&self, node: &Node, verb: &'static str, app: Option<AppId>, detail: &str) -> Act {
        Act {
            at: node.now(),
            actor: format!("person:{}", self.person.id),
            verb,
            subject: app.map(Into::into),
            detail: detail.chars().take(DETAIL).collect(),
        }
    }
}

enum LogoChange {
    None,
    Remove,
    New(Logo),
}

fn applied_app(outcome: Outcome) -> Result<App, Refusal> {
    match outcome {
        Outcome::Applied(applied) => match applied.row {
            Row::App(app) => Ok(app),
            _ => Err(Reason::Internal.refuse()),
        },
        Outcome::Stale => Err(Reason::AppChanged.refuse()),
    }
}

/// Which fields an edit or a review changed, for the audit trail; values may be long, and are in the record.
fn changed(old: &App, new: &App) -> String {
    let fields = [
        ("name", old.name != new.name),
        ("description", old.description != new.description),
        ("link", old.info_url != new.info_url),
        ("redirect URIs", old.redirect_uris != new.redirect_uris),
        ("visibility", old.visibility != new.visibility),
        ("scopes", old.scopes != new.scopes),
        ("providers", old.providers != new.providers),
        ("status", old.status != new.status),
        ("verified", old.verified != new.verified),
        ("note", old.review_note != new.review_note),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect::<Vec<_>>().join(", ")
}

/// The client id that follows from a form: the same form, the same app.
fn client_id(shape: AppIdForm, form: &str) -> String {
    let bytes: [u8; 32] = sha256(&[b"client id", form.as_bytes()]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match shape {
        AppIdForm::Hex => hex(&bytes),
        AppIdForm::Uuid => {
            // Version 4 and variant of RFC 9562 5.4; the other bits are as good as random.
            let mut uuid = [0; 16];
            uuid.copy_from_slice(&bytes[..16]);
            uuid[6] = uuid[6] & 0x0f | 0x40;
            uuid[8] = uuid[8] & 0x3f | 0x80;
            let parts = [&uuid[..4], &uuid[4..6], &uuid[6..8], &uuid[8..10], &uuid[10..]];
            parts.map(hex).join("-")
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orc_01_client_ids_have_the_form_that_the_profile_says() {
        let id = client_id(AppIdForm::Uuid, "nonce");
        let parts: Vec<&str> = id.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        let hex = client_id(AppIdForm::Hex, "nonce");
        assert!(hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(hex, client_id(AppIdForm::Hex, "nonce"));
        assert_ne!(hex, client_id(AppIdForm::Hex, "nonce2"));
    }
}
