//! The authorization request (RFC 6749 4.1.1), checked in the order of 4.1.2.1: while app or redirect URI is unproven, an
//! error is shown to the person and never redirected.

use crate::params::{MAX_VALUE, Params};
use crate::pkce;
use crate::profile::{AuthorizeRules, Profile};
use crate::records::{App, ClientKind};
use crate::seal::{Kind, Sealed, sha256};
use crate::wire::{Reader, Writer};
use crate::{AppId, Reason, Refusal, ScopeSet, Scopes};

/// The longest `state` that is echoed, in bytes.
pub const MAX_STATE: usize = 4_096;
/// The longest id of an account, in bytes.
pub const MAX_ACCOUNT: usize = 200;
/// The longest redirect URI that can be registered, in bytes.
pub const MAX_REDIRECT_URI: usize = 1_024;

/// What a sealed form holds besides state and redirect URI, and then some: ids, digests, scopes, a loopback port.
const FORM_REST: usize = 512 + MAX_ACCOUNT;
// The request travels in a hidden field (TOKENS 5): the largest must come back as a parameter that is read.
const _: () = assert!((MAX_STATE + MAX_REDIRECT_URI + FORM_REST).div_ceil(3) * 4 <= MAX_VALUE);

/// Where the answer goes: only ever a registered URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    /// As the client sent it, or the only registered one.
    pub uri: String,
    /// Whether the request named it.
    pub sent: bool,
    /// Echoed byte for byte; `None` adds nothing.
    pub state: Option<String>,
}

impl ReturnTo {
    /// What a code keeps of the URI.
    pub fn digest(uri: &str) -> [u8; 16] {
        sha256(&[b"redirect", uri.as_bytes()])
    }
}

/// A request that may be put before a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whose.
    pub app: AppId,
    /// Where to.
    pub return_to: ReturnTo,
    /// What is asked: all approved for the app.
    pub scopes: ScopeSet,
    /// The PKCE challenge.
    pub challenge: Option<[u8; 32]>,
    /// The account that is to be connected, where the request says so; not yet looked up.
    pub account: Option<String>,
}

/// How a request can fail.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// App or redirect URI not proven, or the app may not be used: a page, never a redirect.
    Show(Refusal),
    /// To the client, with `error`, `state` and `iss`, once the person has signed in (RFC 9700 4.11.2).
    Send(ReturnTo, Refusal),
}

/// The app that a request names; the caller looks it up by this.
pub fn client_id(params: &Params) -> Result<&str, Refusal> {
    params.get("client_id")?.ok_or_else(|| Reason::AppUnknown.about("client_id is missing"))
}

/// Checks a request for this app.
pub fn check(params: &Params, app: Option<&App>, profile: &Profile, scopes: &Scopes) -> Result<Request, Failure> {
    let app = app.ok_or(Failure::Show(Reason::AppUnknown.refuse()))?;
    let rules = &profile.authorize;
    let mut return_to = prove_redirect(params, app, rules).map_err(Failure::Show)?;
    if !app.is_usable() {
        return Err(Failure::Show(Reason::AppNotAvailable.refuse()));
    }
    let send = |return_to: &ReturnTo, refusal| Failure::Send(return_to.clone(), refusal);
    return_to.state = check_state(params, rules)
        .map_err(|(state, refusal)| send(&ReturnTo { state, ..return_to.clone() }, refusal))?;
    check_response_type(params, rules).map_err(|refusal| send(&return_to, refusal))?;
    let challenge = check_challenge(params, app, rules).map_err(|refusal| send(&return_to, refusal))?;
    let scopes = check_scope(params, app, profile, scopes).map_err(|refusal| send(&return_to, refusal))?;
    let account = check_account(params, rules).map_err(|refusal| send(&return_to, refusal))?;
    Ok(Request { app: app.id, return_to, scopes, challenge, account })
}

/// RFC 6749 3.1.2: exact, byte for byte; only the port of a loopback literal is free (RFC 8252 7.3).
fn prove_redirect(params: &Params, app: &App, rules: &AuthorizeRules) -> Result<ReturnTo, Refusal> {
    match (params.get("redirect_uri")?, app.redirect_uris.as_slice()) {
        (Some(uri), registered) if registered.iter().any(|known| same_redirect(known, uri)) => {
            Ok(ReturnTo { uri: uri.to_owned(), sent: true, state: None })
        }
        (Some(_), _) => Err(Reason::RedirectUnregistered.about("redirect_uri")),
        (None, [only]) if !rules.redirect_uri_required => Ok(ReturnTo { uri: only.clone(), sent: false, state: None }),
        (None, _) => Err(Reason::RedirectMissing.about("redirect_uri")),
    }
}

/// Whether a sent redirect URI is the registered one.
pub fn same_redirect(registered: &str, sent: &str) -> bool {
    registered == sent
        || match (loopback(registered), loopback(sent)) {
            (Some((host, rest)), Some((sent_host, sent_rest))) => host == sent_host && rest == sent_rest,
            _ => false,
        }
}

/// A loopback literal's host and what follows its port.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let host = ["http://127.0.0.1", "http://[::1]"].into_iter().find(|host| uri.starts_with(host))?;
    let rest = &uri[host.len()..];
    let rest = match rest.strip_prefix(':') {
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            let number = port[..digits].parse::<u16>().ok()?;
            (number > 0 && !port.starts_with('0')).then_some(&port[digits..])?
        }
        None => rest,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

type StateRefusal = (Option<String>, Refusal);

fn check_state(params: &Params, rules: &AuthorizeRules) -> Result<Option<String>, StateRefusal> {
    let state = params.get("state").map_err(|refusal| (None, refusal))?.map(str::to_owned);
    let length = state.as_ref().map_or(0, String::len);
    if length > MAX_STATE {
        return Err((None, Reason::ParameterMalformed.about("state is too long")));
    }
    if rules.state_required && length < rules.state_min_length.max(1) {
        return Err((state, Reason::StateMissing.about("state")));
    }
    Ok(state)
}

fn check_response_type(params: &Params, rules: &AuthorizeRules) -> Result<(), Refusal> {
    match params.get("response_type")? {
        Some("code") => Ok(()),
        Some(_) => Err(Reason::ResponseTypeUnsupported.about("response_type")),
        None if rules.response_type_optional => Ok(()),
        None => Err(Reason::ResponseTypeMissing.about("response_type")),
    }
}

/// RFC 7636 4.3: a challenge without a method would mean `plain`, which is off.
fn check_challenge(params: &Params, app: &App, rules: &AuthorizeRules) -> Result<Option<[u8; 32]>, Refusal> {
    let required = rules.pkce_required || app.pkce_required || app.kind == ClientKind::Public;
    match (params.get("code_challenge")?, params.get("code_challenge_method")?) {
        (Some(challenge), Some("S256")) => {
            pkce::parse_challenge(challenge).map(Some).ok_or(Reason::ChallengeMalformed.about("code_challenge"))
        }
        (Some(_), _) => Err(Reason::ChallengeMethod.about("code_challenge_method")),
        (None, None) if !required => Ok(None),
        (None, _) => Err(Reason::ChallengeMissing.about("code_challenge")),
    }
}

/// All or nothing: dropping an unapproved scope silently breaks strict clients (SECURITY SC-02).
fn check_scope(params: &Params, app: &App, profile: &Profile, known: &Scopes) -> Result<ScopeSet, Refusal> {
    let rules = &profile.authorize;
    let asked = match params.get("scope")? {
        Some(text) => profile.read_scope(text, known).map_err(|word| Reason::ScopeUnknown.about(word))?,
        None if rules.scope_required => return Err(Reason::ScopeMissing.about("scope")),
        None => app.scopes,
    };
    if let Some(word) = known.names(asked.without(app.scopes)).next() {
        return Err(Reason::ScopeUnknown.about(word));
    }
    for word in &rules.required_scopes {
        if !known.find(word).is_some_and(|one| one.within(asked)) {
            return Err(Reason::ScopeMissing.about(word.clone()));
        }
    }
    if asked.is_empty() { Err(Reason::ScopeMissing.about("scope")) } else { Ok(asked) }
}

/// The account that the request names, under any of the names that the profile gives the parameter; two of them must agree.
fn check_account(params: &Params, rules: &AuthorizeRules) -> Result<Option<String>, Refusal> {
    let Some(canonical) = rules.account_parameter.first() else { return Ok(None) };
    let mut account: Option<&str> = None;
    for name in &rules.account_parameter {
        match (account, params.get(name)?) {
            (Some(one), Some(other)) if one != other => {
                return Err(Reason::ParameterMalformed.about(format!("{name} and another name of it differ")));
            }
            (None, found) => account = found,
            _ => {}
        }
    }
    match account {
        Some(account) if account.len() <= MAX_ACCOUNT => Ok(Some(account.to_owned())),
        Some(_) => Err(Reason::ParameterMalformed.about(format!("{canonical} is too long"))),
        None => Err(Reason::AccountMissing.about(canonical.clone())),
    }
}

impl Request {
    pub(crate) fn write(&self, to: &mut Writer) {
        to.int(self.app.0);
        self.return_to.write(to);
        to.bytes(&self.scopes.to_bytes());
        to.option(self.challenge, |to, challenge| {
            to.fixed(&challenge);
        });
        to.option(self.account.as_deref(), |to, account| {
            to.bytes(account.as_bytes());
        });
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            app: AppId(from.int()?),
            return_to: ReturnTo::read(from)?,
            scopes: ScopeSet::from_bytes(from.bytes()?)?,
            challenge: from.option(|from| from.fixed())?,
            account: from.option(|from| from.text())?.map(str::to_owned),
        })
    }
}

impl ReturnTo {
    fn write(&self, to: &mut Writer) {
        to.bytes(self.uri.as_bytes()).int(self.sent.into());
        to.option(self.state.as_deref(), |to, state| {
            to.bytes(state.as_bytes());
        });
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            uri: from.text()?.to_owned(),
            sent: from.flag()?,
            state: from.option(|from| from.text())?.map(str::to_owned),
        })
    }
}

/// What travels in the sign-in form's hidden field: the request, or the failure that is to be sent once the person has
/// signed in. Never in a URL, never in a cookie (TOKENS 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The request, or where to send which refusal.
    pub request: Result<Request, (ReturnTo, u16, String)>,
    /// Random: one transaction, one code.
    pub transaction: [u8; 16],
    /// Digest of the browser's cookie, which signing in does not change.
    pub browser: [u8; 16],
    /// The first second in which it is no longer good.
    pub expires_at: crate::UnixTime,
}

/// How long a pending request lives.
pub const PENDING_LIFE: crate::time::Seconds = crate::time::Seconds(30 * 60);

impl Pending {
    /// Whether this browser may go on with it now.
    pub fn check(&self, browser: &[u8; 16], now: crate::UnixTime) -> Result<(), Refusal> {
        if self.browser != *browser {
            return Err(Reason::FormForeign.refuse());
        }
        if now >= self.expires_at { Err(Reason::FormExpired.refuse()) } else { Ok(()) }
    }
}

impl Sealed for Pending {
    const KIND: Kind = Kind::Pending;

    fn write(&self, to: &mut Writer) {
        match &self.request {
            Ok(request) => request.write(to.int(0)),
            Err((return_to, reason, detail)) => {
                return_to.write(to.int(1));
                to.int((*reason).into()).bytes(detail.as_bytes());
            }
        }
        to.fixed(&self.transaction).fixed(&self.browser).int(self.expires_at.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let request = match from.int()? {
            0 => Ok(Request::read(from)?),
            1 => Err((ReturnTo::read(from)?, u16::try_from(from.int()?).ok()?, from.text()?.to_owned())),
            _ => return None,
        };
        Some(Self {
            request,
            transaction: from.fixed()?,
            browser: from.fixed()?,
            expires_at: crate::UnixTime(from.int()?),
        })
    }
}
