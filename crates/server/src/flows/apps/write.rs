//! What a registrar does: registers, edits, renews, switches, reviews. Each write names the state that it expects, and
//! stands in the audit trail. Who may, stands in `apps`.

use std::sync::Arc;

use causeway_protocol::legacy::Logo;
use causeway_protocol::profile::{AppIdForm, Registration};
use causeway_protocol::records::{Act, App, AppStatus, ClientKind};
use causeway_protocol::registration::{self, Around, Draft, Field, MAX_APPS, MAX_APPS_EACH, Problem, Wish};
use causeway_protocol::seal::sha256;
use causeway_protocol::secret::{Secret, SecretVerifier};
use causeway_protocol::{AppId, Change, Outcome, Reason, Refusal, Row};

use super::{LogoWish, Not, Registered, Registrar, Verdict, fresh_secret, state_of};
use crate::flows::session::ABSOLUTE;
use crate::node::Node;

/// The audit trail keeps details of this many characters.
const DETAIL: usize = 200;

impl Registrar {
    /// Registers an app. `nonce` names the form: sent twice, it makes one app.
    pub async fn register(&self, node: &Node, wish: &Wish, logo: LogoWish, nonce: &str) -> Result<Registered, Not> {
        let (draft, logo) = self.look_at(node, wish, logo, None)?;
        let form = format!("{}/{nonce}", self.person.id);
        let client_id = client_id(node.profile.registration.client_id, &form);
        if let Some(app) = node.app(&client_id) {
            return Ok(Registered::Before(Some(app)));
        }
        if let Some(reason) = self.no_place(node) {
            return Err(reason.into());
        }
        // The form lives as long as its session at most.
        let spend =
            Change::SpendOnce { digest: sha256(&[b"app form", form.as_bytes()]), expires_at: node.now() + ABSOLUTE };
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

    /// Why no more apps fit: the customer has all that it may have, or this person.
    fn no_place(&self, node: &Node) -> Option<Reason> {
        let apps = node.held.apps();
        let mine = |app: &&Arc<App>| app.registered_by == Some(self.person.id);
        let ours = |app: &&Arc<App>| self.home.as_ref().is_some_and(|home| app.home == Some(home.id));
        match () {
            () if self.is_staff() => None,
            () if apps.iter().filter(ours).count() >= MAX_APPS => Some(Reason::TooManyApps),
            () if apps.iter().filter(mine).count() >= MAX_APPS_EACH => Some(Reason::TooManyOwnApps),
            () => None,
        }
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
        let (draft, logo) = self.look_at(node, wish, logo, Some(&old))?;
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
        self.is_staff() && (node.profile.registration.mode == Registration::Review || app.status != AppStatus::Approved)
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

    /// What is wrong with a wish and an image, all of it. `old`: the app as it is; its kind stays.
    fn look_at(&self, node: &Node, wish: &Wish, logo: LogoWish, old: Option<&App>) -> Result<(Draft, LogoChange), Not> {
        let profile = &node.profile;
        let kind = old.map(|old| if old.kind == ClientKind::Public { "public" } else { "confidential" });
        let wish = Wish { kind: kind.map_or_else(|| wish.kind.clone(), str::to_owned), ..wish.clone() };
        let taken = self.taken_names(node, old, &wish.name);
        let around = Around { taken: taken.as_deref(), reach: self.reach(profile, old) };
        let draft = registration::check(&wish, profile, &node.held.scopes(), around);
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
