//! What only some platforms have: registration of apps, OAuth 1.0, API keys, accounts that apps register, userinfo. Types
//! only; `read_more.rs` reads them.

use super::Role;
use crate::UnixTime;
use crate::oauth1::SignatureMethod;
use crate::time::Seconds;

/// Who registers apps, and what is asked of them (CORE-18).
#[derive(Clone, Debug, PartialEq)]
pub struct RegistrationRules {
    /// Who, and with what first status.
    pub mode: Registration,
    /// Roles that may register apps; with `mode = "staff"` only `staff` counts.
    pub registrars: Vec<Role>,
    /// How many redirect URIs an app may have, at most.
    pub redirect_uris: u32,
    /// Whether a registrar chooses between public (any customer) and private (the registrar's own customer); if not,
    /// apps are public.
    pub private: bool,
    /// Whether scopes are chosen at registration; if not, an app gets all words.
    pub scopes: bool,
    /// Whether a logo can be uploaded.
    pub logo: bool,
    /// Profiles of providers that an app may offer its users in the mini-app (ORC-01); empty where there is none.
    pub providers: Vec<String>,
    /// What new client ids look like.
    pub client_id: AppIdForm,
    /// What the page is called, and where it stands, in words ("Settings > Integrations > OAuth Apps").
    pub title: String,
    /// What the client id is called on the page ("UID").
    pub id_word: String,
    /// What the app's link is called ("Information URL").
    pub link_word: String,
}

/// Who registers apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Only the platform's own people (Cal.com's first document, CAL-08).
    Staff,
    /// Registrars, and the app can be used at once (Otesse, Tripleseat, Orcabase).
    SelfService,
    /// Registrars; staff approve or reject (today's Cal.com). Until then only the registrar's own customer may use it.
    Review,
}

/// What new client ids look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppIdForm {
    /// 32 random bytes as hex (Cal.com).
    Hex,
    /// A random UUID (Orcabase, ORC-01).
    Uuid,
}

/// OAuth 1.0 (RFC 5849) and its retirement (TSM).
#[derive(Clone, Debug, PartialEq)]
pub struct OAuth1Rules {
    /// `POST` on the API host: temporary credentials.
    pub request_token: String,
    /// `GET` on the login host: where the person allows.
    pub authorize: String,
    /// `POST` on the API host: token credentials.
    pub access_token: String,
    /// Accepted signatures.
    pub methods: Vec<SignatureMethod>,
    /// True: 1.0 without callback and verifier is accepted beside 1.0a (TSM-15).
    pub without_verifier: bool,
    /// How far a timestamp may be off.
    pub window: Seconds,
    /// What a verified call may do (A10: `read write`).
    pub scopes: Vec<String>,
    /// From when replies say that it is deprecated (RFC 9745); `None`: they do not.
    pub deprecated_at: Option<UnixTime>,
    /// From this instant it is refused (RFC 8594); `None`: no end.
    pub ends_at: Option<UnixTime>,
    /// Rehearsals of the end: refused for a while.
    pub brown_outs: Vec<BrownOut>,
    /// Where the migration is explained: in `Link`, and in refusals after the end.
    pub guide: Option<String>,
    /// Whether `oauth1_exchange` is offered.
    pub exchange: bool,
    /// From this instant pairs are no longer exchanged; `None`: no end (A9).
    pub exchange_ends_at: Option<UnixTime>,
}

/// A rehearsal of the end of OAuth 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrownOut {
    /// Its first second.
    pub from: UnixTime,
    /// How long it lasts.
    pub lasts: Seconds,
}

/// API keys as a credential of calls (CAL-10).
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyRules {
    /// A query parameter that carries one (`apiKey`).
    pub query: Option<String>,
    /// A header that carries one (`X-API-Key`), lower-case.
    pub header: Option<String>,
    /// How keys begin that may stand behind `Authorization: Bearer`; `None`: none may. No token prefix begins alike.
    pub bearer_prefix: Option<String>,
    /// What a key may do; empty: everything.
    pub scopes: Vec<String>,
}

/// Accounts that apps register for their own users (Orcabase). To us an account is a customer that belongs to an app.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRules {
    /// `POST` on the API host: registers one.
    pub register: String,
    /// `POST`: changes one.
    pub edit: String,
    /// `POST`: deletes one for good.
    pub delete: String,
    /// `POST`: answers a sign-in token.
    pub sign_in: String,
    /// How long a sign-in token lives.
    pub sign_in_life: Seconds,
    /// The mini-app, on the login host: signed in by token, it lists the app's providers.
    pub mini_app: String,
    /// How long a visit to the mini-app lasts.
    pub visit_life: Seconds,
}

/// What the userinfo endpoint answers (CAL-07).
#[derive(Clone, Debug, PartialEq)]
pub struct UserinfoRules {
    /// The scope that it needs; `None`: any token will do.
    pub scope: Option<String>,
    /// Status of a good answer: 200, or 201 as Cal.com's document prints it.
    pub status: u16,
    /// The field that holds the name of the person or team.
    pub name_field: String,
}
