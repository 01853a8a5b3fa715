//! A platform is one file: everything that makes one platform differ from another is data of this shape (DESIGN, idea 1).
//!
//! Both faces read it: the server serves it, the vault speaks it. The types stand here; `read.rs` turns TOML into them and
//! reports every problem at once. To add a word to the language: add a field here with its reason, read it in `read.rs`,
//! say it in `reference`, of which docs/PROFILES.md is made.

mod colour;
mod more;
mod partner;
mod read;
mod read_api;
mod read_flow;
mod read_more;
mod read_partner;
pub mod reference;
mod warn;

pub use more::{
    AccountRules, ApiKeyRules, AppIdForm, BrownOut, OAuth1Rules, Registration, RegistrationRules, UserinfoRules,
};
pub use partner::{BodyStyle, ClientAuthStyle, PartnerRules, RevokeMethod, RevokeRules, RevokedToken};
pub use read::{SHIPPED, parse, shipped};
pub use warn::warnings;

use crate::records::{RefreshLife, Role};
use crate::time::Seconds;
use crate::{ScopeSet, Scopes};

/// One platform. The file's stem is its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Lower-case word: cookie names and the demo's map use it.
    pub key: String,
    /// What people read: "Tripleseat".
    pub name: String,
    /// Colours, logo and the words of the pages.
    pub brand: Brand,
    /// Paths on our hosts.
    pub endpoints: Endpoints,
    /// The authorization request.
    pub authorize: AuthorizeRules,
    /// The token endpoint and the life of what it issues.
    pub token: TokenRules,
    /// Who may do what, and what happens when somebody may no longer.
    pub policy: Policy,
    /// Every scope word, in the order in which it enters the registry.
    pub scopes: Vec<ScopeWord>,
    /// The API behind the guard.
    pub api: ApiRules,
    /// Who registers apps, and what is asked of them.
    pub registration: RegistrationRules,
    /// OAuth 1.0 and its retirement; `None` where there is none.
    pub oauth1: Option<OAuth1Rules>,
    /// API keys; `None` where calls need a token.
    pub api_keys: Option<ApiKeyRules>,
    /// Accounts that apps register for their own users; `None` where there are none (Orcabase has them).
    pub accounts: Option<AccountRules>,
    /// What the userinfo endpoint answers; `Some` exactly where `endpoints.userinfo` is.
    pub userinfo: Option<UserinfoRules>,
    /// How a partner speaks to this platform.
    pub partner: PartnerRules,
}

/// How the pages look and speak.
#[derive(Clone, Debug, PartialEq)]
pub struct Brand {
    /// `#rrggbb` on light ground; checked for AA contrast with white text at load.
    pub accent: String,
    /// `#rrggbb` on dark ground.
    pub accent_dark: String,
    /// One letter or two for the drawn logo mark.
    pub monogram: String,
    /// What a site is called, in plural ("sites", "venues").
    pub sites_word: String,
    /// Where a stuck person is sent; `None` shows no link.
    pub support_url: Option<String>,
    /// One line on the consent page: what the app can never do ("It cannot see your password or change who has access.").
    pub never: String,
    /// Where a customer cuts a connection later, in words ("Settings > OAuth Applications").
    pub cut_where: String,
}

/// Which of a platform's two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostWord {
    /// Where people sign in.
    Login,
    /// Where programs call.
    Api,
}

/// Paths. Authorize and the pages stand on the login host, the guarded API on the API host, the token endpoint and its
/// kin (refresh, revoke, introspect) on `token_host`, userinfo on `userinfo_host`.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoints {
    /// `GET` and `POST`.
    pub authorize: String,
    /// `POST`, every grant.
    pub token: String,
    /// A second token path that serves refreshing only (Cal.com); usually absent.
    pub refresh: Option<String>,
    /// RFC 7009.
    pub revoke: String,
    /// RFC 7662.
    pub introspect: String,
    /// Answers who a token acts for; usually absent.
    pub userinfo: Option<String>,
    /// Where token, refresh, revoke and introspect stand (Tripleseat: API; Otesse, Cal.com: login).
    pub token_host: HostWord,
    /// Where userinfo stands; `token_host` unless the file says so (GitHub: tokens at the login host, `/user` at the API).
    pub userinfo_host: HostWord,
    /// The customer's page of connected apps, on the login host.
    pub connected_apps: String,
    /// The page where apps are registered and edited, on the login host.
    pub apps: String,
}

/// Rules of the authorization endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthorizeRules {
    /// True: an absent `response_type` means `code` (Cal.com).
    pub response_type_optional: bool,
    /// True: `redirect_uri` must be there even if the app has only one (OTE-02).
    pub redirect_uri_required: bool,
    /// True: a missing scope is refused; false: it means all the app's scopes (TSM's Ruby sample).
    pub scope_required: bool,
    /// Words without which a request is refused (Orcabase's fixed pair, ORC-05).
    pub required_scopes: Vec<String>,
    /// Names of the parameter that says which account is connected; the first is the canonical one, the others are
    /// tolerated (A27). Empty where the person's own account is.
    pub account_parameter: Vec<String>,
    /// Characters that separate scope words.
    pub scope_separators: Vec<char>,
    /// True: `state` must be there.
    pub state_required: bool,
    /// Shortest `state` accepted when one is sent and required.
    pub state_min_length: usize,
    /// True: `iss` accompanies every redirect (RFC 9207).
    pub iss: bool,
    /// True: PKCE is required of confidential apps as well.
    pub pkce_required: bool,
}

/// Rules of the token endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRules {
    /// How long a code lives: at most 600 s.
    pub code_life: Seconds,
    /// How long an access token lives.
    pub access_life: Seconds,
    /// Idle and absolute life of refresh tokens.
    pub refresh_life: RefreshLife,
    /// Does a refresh replace the refresh token?
    pub rotation: Rotation,
    /// The immediate predecessor gets the same successor within this (0 to 60 s, confidential apps).
    pub reuse_grace: Seconds,
    /// Two workers of an honest confidential app may race within this without harm.
    pub race_window: Seconds,
    /// A connection holds at most this many families.
    pub max_families: u32,
    /// Fields of a reply to a code exchange, in order.
    pub reply: Vec<ReplyField>,
    /// Fields of a reply to a refresh, in order.
    pub refresh_reply: Vec<ReplyField>,
    /// How replies spell the type of a token: "Bearer" as RFC 6750 prints it, or "bearer" as some documents do. Who compares
    /// it must not mind the case (RFC 6749 5.1).
    pub token_type: String,
    /// True: `grant_type=client_credentials` gives an app a token for its own customer (RFC 6749 4.4).
    pub client_credentials: bool,
    /// True: a refresh request may carry its token in `Authorization: Bearer` (A18); the body wins.
    pub refresh_in_header: bool,
    /// Shape of the token endpoint's own error bodies.
    pub errors: TokenErrors,
    /// Visible prefixes, for people and secret scanners; never the type check.
    pub prefixes: Prefixes,
}

/// Shape of the error bodies of the token endpoint and its kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenErrors {
    /// `{"error", "error_description"}` (RFC 6749 5.2)
    OAuth,
    /// `{"message": sentence}` with 400, 401 or 405 (Cal.com's first API, CAL-11)
    Message,
}

/// Does a refresh replace the refresh token?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Every time; the old one is dead.
    Always,
    /// Never (Otesse, Cal.com); public apps rotate anyway.
    Never,
}

/// A field of a token reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyField {
    /// `access_token`
    AccessToken,
    /// `token_type`: as [`TokenRules::token_type`] spells it
    TokenType,
    /// `expires_in`: seconds
    ExpiresIn,
    /// `refresh_token`
    RefreshToken,
    /// `scope`: space-separated
    Scope,
    /// `created_at`: epoch seconds (TS-05)
    CreatedAt,
}

/// See [`TokenRules::prefixes`]. Each differs from the others; together with the text a token stays within 255 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Of access tokens.
    pub access: String,
    /// Of refresh tokens.
    pub refresh: String,
    /// Of authorization codes.
    pub code: String,
    /// Of client secrets that we generate.
    pub secret: String,
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Roles that may allow an app.
    pub approvers: Vec<Role>,
    /// True: who allows chooses between the own account and the teams that they help to run (CAL-09).
    pub teams: bool,
    /// Roles in a team that may allow an app for it; counts only with `teams`.
    pub team_approvers: Vec<Role>,
    /// Roles that may open the connected-apps page and cut a connection.
    pub cutters: Vec<Role>,
    /// What a connection belongs to.
    pub subject: SubjectRule,
    /// How an account named in the request is proven (TOKENS 5). No default: a profile must choose.
    pub account_proof: AccountProof,
    /// What happens to connections when the person who allowed them loses the role.
    pub on_authorizer_demoted: Consequence,
    /// What happens when that person is switched off.
    pub on_authorizer_deactivated: Consequence,
}

/// The unique key of a connection beside the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectRule {
    /// One connection per customer (Tripleseat), team or personal account (Cal.com), registered account (Orcabase): to us
    /// each of these is a customer.
    Customer,
    /// One per person (Otesse).
    User,
}

/// See [`Policy::account_proof`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountProof {
    /// The person signs in.
    SignIn,
    /// The person arrives with a sign-in token.
    SignInToken,
    /// Whoever holds the link connects that account (Orcabase).
    None,
}

/// What an event does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing.
    Keep,
    /// Refused while it lasts.
    Suspend,
    /// Cut.
    Revoke,
}

/// A scope and how it reads on the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeWord {
    /// On the wire.
    pub name: String,
    /// Completes "It may …": "see your leads".
    pub sentence: String,
    /// Under which heading.
    pub group: ScopeGroup,
    /// Marked on the consent page.
    pub risky: bool,
    /// Umbrella patterns: exact words, or `*` and a suffix (`*:read`).
    pub includes: Vec<String>,
    /// Other spellings that a request may use (A21: `BOOKING_READ`); replies say `name`.
    pub aliases: Vec<String>,
}

/// Headings of the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeGroup {
    /// "It may see"
    See,
    /// "It may change"
    Change,
    /// Stays connected and the like; shown last.
    Stay,
}

/// The API behind the guard.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiRules {
    /// Path prefixes that mean the same (`/v1`, `/api/v1`); none lies below another. The partner uses the first.
    pub prefixes: Vec<String>,
    /// Suffixes that mean the same resource (`.json`).
    pub suffixes: Vec<String>,
    /// Name of the parameter that selects a site; `None` where a platform has no sites.
    pub site_parameter: Option<String>,
    /// What the platform's ids of sites look like: anything else is malformed, not merely unknown (TOKENS 7).
    pub site_id_form: SiteIdForm,
    /// Routes in order; the first match counts. A call that matches none is 404.
    pub routes: Vec<Route>,
    /// Shape of the guard's own error bodies.
    pub errors: ErrorShape,
    /// True: a token without the scope is answered 401 like a bad one (Cal.com's first API); false: 403 (RFC 6750 3.1).
    pub scope_missing_is_401: bool,
    /// Budgets; all hold at once.
    pub budgets: Vec<Budget>,
    /// Whose budget it is.
    pub budget_key: BudgetKey,
    /// True: every answer says what is left of the budget, in `X-RateLimit-Limit`, `-Remaining` and `-Reset`.
    pub budget_headers: bool,
    /// Shape of the sample API's lists.
    pub list: ListShape,
}

/// One rule of the guard.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Methods, upper-case. `GET` stands for `HEAD` too.
    pub methods: Vec<String>,
    /// Below the prefix: segments, `{name}` for one segment, `**` at the end for the rest.
    pub path: String,
    /// Any one of these words (or an umbrella of it) is enough; `*:read` means any word with that ending. Empty: any token.
    pub scopes: Vec<String>,
    /// Where the site stands.
    pub site: SitePlace,
    /// The seed's collection that the sample API answers with; `None` answers an empty object.
    pub collection: Option<String>,
    /// Status of the sample API's answer to a read: 200, or what the platform's documents print (201, CAL-10).
    pub status: u16,
    /// True: answered by us with what the account's connected providers say (ORC: "query data via Orcabase").
    pub providers: bool,
}

/// Where a call names its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SitePlace {
    /// It does not: the call is about the customer (`/sites`, `/locations`).
    None,
    /// In the query.
    Query,
    /// In the query or in a form body (buffered up to 256 KiB).
    Form,
    /// In the query or at the top of a JSON body (buffered up to 256 KiB).
    Json,
}

/// What the platform's ids of sites look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteIdForm {
    /// 1 to 18 ASCII digits.
    Digits,
    /// 1 to 64 of `A-Z a-z 0-9 . _ ~ -`, the characters that need no escape in a URL (RFC 3986 2.3).
    Text,
}

impl SiteIdForm {
    /// Whether `id` is of this form.
    pub fn accepts(self, id: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        match self {
            SiteIdForm::Digits => (1..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit()),
            SiteIdForm::Text => (1..=64).contains(&id.len()) && id.bytes().all(plain),
        }
    }
}

/// Shape of the guard's error bodies. All hold the code and the sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"error": code, "error_description": sentence}`
    OAuth,
    /// `{"message": sentence}` (Cal.com)
    Message,
    /// `{"error": {"type", "message", "code"}}` (Otesse)
    Nested,
}

/// So many requests in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many.
    pub requests: u32,
    /// In how long.
    pub per: Seconds,
}

/// Whose budget a call draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetKey {
    /// The customer, whatever the credential.
    Customer,
    /// Each app of each customer has its own.
    AppAndCustomer,
}

/// Shape of the sample API's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListShape {
    /// `{"total_pages": n, "results": […]}` (Tripleseat)
    Results,
    /// `{"data": […], "pagination": {…}}` (Otesse)
    Data,
    /// A bare array.
    Array,
}

impl Profile {
    /// The umbrella patterns of a registered word: empty for a word that this profile does not (or no longer) define.
    pub fn includes(&self, word: &str) -> &[String] {
        self.scopes.iter().find(|scope| scope.name == word).map_or(&[], |scope| scope.includes.as_slice())
    }

    /// Reads a `scope` parameter: words between any of the separators, aliases as the words that they mean.
    ///
    /// # Errors
    /// The first unknown word.
    pub fn read_scope(&self, text: &str, known: &Scopes) -> Result<ScopeSet, String> {
        let words = text.split(|c| self.authorize.scope_separators.contains(&c)).filter(|word| !word.is_empty());
        known.set(words.map(|word| self.canonical(word)))
    }

    /// The word that an alias means; any other word itself.
    fn canonical<'a>(&'a self, word: &'a str) -> &'a str {
        let meant = self.scopes.iter().find(|scope| scope.aliases.iter().any(|alias| alias == word));
        meant.map_or(word, |scope| &scope.name)
    }

    /// Whether consent is given without signing in (ORC-03).
    pub fn nobody_signs_in(&self) -> bool {
        self.policy.account_proof != AccountProof::SignIn
    }
}
