//! From an authorization request to a redirect: ask, let the person sign in, ask again, decide (TOKENS 5). Nothing is
//! written before the decision; what is pending travels sealed in hidden fields only. HTML and cookies are the pages'
//! own.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::authorize::{self, Failure, PENDING_LIFE, Pending, Request, ReturnTo};
use causeway_protocol::consent::{self, Form, Poster};
use causeway_protocol::family::FamilySecret;
use causeway_protocol::params::{Params, append_query};
use causeway_protocol::records::{App, AppStatus, Customer, Decided, Decision, Person};
use causeway_protocol::refusal::allowed_ascii;
use causeway_protocol::seal::{SealError, Sealed};
use causeway_protocol::{Outcome, Reason, Refusal, Row};
use causeway_storage::Store;

use super::session::SignedIn;
use crate::node::{Node, refusal_of};

/// Digest of the browser's cookie.
pub type Browser = [u8; 16];

/// Forms have no visible prefix: nobody copies them.
const NO_PREFIX: &str = "";
/// So much of a refusal's detail is kept while somebody signs in.
const MAX_DETAIL: usize = 120;

/// What the browser is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Sign in first.
    SignIn(SignInFirst),
    /// May it?
    Ask(Box<Question>),
    /// Back to the app.
    Return(String),
}

/// A sign-in page that goes on with a request.
#[derive(Clone, Debug)]
pub struct SignInFirst {
    /// The sealed [`Pending`].
    pub pending: String,
    /// Who asks; `None` where only a refusal waits.
    pub app: Option<Arc<App>>,
    /// Where the form may lead.
    pub return_to: String,
}

/// A consent page.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who asks.
    pub app: Arc<App>,
    /// For what.
    pub request: Request,
    /// Who is asked.
    pub person: Person,
    /// Whose data.
    pub customer: Option<Customer>,
    /// Why this person may not allow it, if so.
    pub hindrance: Option<Refusal>,
    /// The sealed [`Form`].
    pub form: String,
    /// The same request, for another account.
    pub another: String,
}

/// A refusal that is shown, never redirected.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Why.
    pub refusal: Refusal,
    /// The same request from its beginning, where it is known to be good.
    pub again: Option<String>,
}

impl From<Refusal> for Shown {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, again: None }
    }
}

impl From<Reason> for Shown {
    fn from(reason: Reason) -> Self {
        reason.refuse().into()
    }
}

/// An authorization request arrives. `another`: the person asked for another account, so sign-in is shown in any case.
pub async fn begin(
    node: &Node,
    params: &Params,
    browser: Browser,
    who: Option<&SignedIn>,
    another: bool,
) -> Result<Answer, Shown> {
    let app = node.app(authorize::client_id(params)?);
    let checked = authorize::check(params, app.as_deref(), &node.profile, &node.held.scopes());
    let request = match checked {
        Ok(request) => Ok(request),
        Err(Failure::Show(refusal)) => return Err(refusal.into()),
        // RFC 9700 4.11.2: nobody is bounced to an app unseen; who is not signed in signs in first.
        Err(Failure::Send(return_to, refusal)) => match who {
            Some(_) => return Ok(Answer::Return(error_url(node, &return_to, &refusal))),
            None => Err((return_to, refusal.reason.number(), detail(&refusal))),
        },
    };
    let pending = Pending { request, transaction: node.random(), browser, expires_at: node.now() + PENDING_LIFE };
    match who.filter(|_| !another) {
        Some(who) => go_on(node, pending, who).await,
        None => Ok(Answer::SignIn(sign_in_first(node, &pending))),
    }
}

fn detail(refusal: &Refusal) -> String {
    let detail = refusal.detail.as_deref().unwrap_or_default();
    allowed_ascii(detail).chars().take(MAX_DETAIL).collect()
}

/// The sign-in page of a pending request: the first time, and again after a wrong password.
pub fn sign_in_first(node: &Node, pending: &Pending) -> SignInFirst {
    let (app, return_to) = match &pending.request {
        Ok(request) => (node.held.app(request.app), &request.return_to),
        Err((return_to, ..)) => (None, return_to),
    };
    SignInFirst { pending: seal(node, pending), app, return_to: return_to.uri.clone() }
}

/// Opens the sign-in form's hidden field, if this browser may go on with it.
pub async fn open_pending(node: &Node, sealed: &str, browser: Browser) -> Result<Pending, Shown> {
    let pending: Pending = open(node, sealed).await?;
    pending.check(&browser, node.now()).map_err(|refusal| shown_of(node, refusal, &pending))?;
    Ok(pending)
}

/// Goes on with a pending request after somebody signed in: everything is looked at again.
pub async fn go_on(node: &Node, pending: Pending, who: &SignedIn) -> Result<Answer, Shown> {
    let request = match &pending.request {
        Ok(request) => request.clone(),
        Err((return_to, number, detail)) => {
            let reason =
                Reason::ALL.iter().find(|reason| reason.number() == *number).copied().unwrap_or(Reason::FormBroken);
            let refusal = if detail.is_empty() { reason.refuse() } else { reason.about(detail.clone()) };
            return Ok(Answer::Return(error_url(node, return_to, &refusal)));
        }
    };
    let app = standing_app(node, &request)?;
    let customer = customer_of(node, &who.person).await?;
    let hindrance = consent::may_allow(&request, &app, &who.person, customer.as_ref(), &node.profile).err();
    let another = again_url(node, &app, &request, true);
    let form = Form {
        pending,
        session: who.digest(),
        person: who.person.id,
        family: node.family_id(),
        secret: FamilySecret(node.random()),
    };
    let form = seal(node, &form);
    Ok(Answer::Ask(Box::new(Question { app, request, person: who.person.clone(), customer, hindrance, form, another })))
}

/// A person decided. Answers where the browser goes; the same decision again goes to the same place.
pub async fn decide(
    node: &Node,
    sealed: &str,
    decision: Decision,
    browser: Browser,
    who: Option<&SignedIn>,
) -> Result<String, Shown> {
    let form: Form = open(node, sealed).await?;
    let shown = |refusal: Refusal| shown_of(node, refusal, &form.pending);
    let who = who.ok_or_else(|| shown(Reason::SignInNeeded.refuse()))?;
    let poster = Poster { browser, session: who.digest(), person: who.person.id };
    let request = form.open(&poster, node.now()).map_err(shown)?;
    let app = standing_app(node, request)?;
    let transaction = form.pending.transaction;
    if let Some(decided) = node.store.decided(transaction).await.map_err(refusal_of)? {
        return answer(node, &form, request, &decided, decision, who).map_err(shown);
    }
    let customer = customer_of(node, &who.person).await?;
    if decision == Decision::Allow {
        consent::may_allow(request, &app, &who.person, customer.as_ref(), &node.profile).map_err(shown)?;
    }
    let (person, now) = (&who.person, node.now());
    let change = consent::decide(&form, request, decision, person, customer.as_ref(), &node.profile, now)?;
    let decided = match node.apply(change).await? {
        Outcome::Applied(applied) => match applied.row {
            Row::Decided(decided) => Some(decided),
            _ => None,
        },
        // Somebody was quicker: the same click twice, or a switch.
        Outcome::Stale => node.store.decided(transaction).await.map_err(refusal_of)?,
    };
    let decided = decided.ok_or_else(|| shown(Reason::AppNotAvailable.refuse()))?;
    answer(node, &form, request, &decided, decision, who).map_err(shown)
}

/// Where a decided request leads.
fn answer(
    node: &Node,
    form: &Form,
    request: &Request,
    decided: &Decided,
    decision: Decision,
    who: &SignedIn,
) -> Result<String, Refusal> {
    if decided.decision != decision {
        return Err(Reason::FormDecided.refuse());
    }
    if decision == Decision::Deny {
        let approver = node.profile.policy.approvers.contains(&who.person.role);
        let reason = if approver { Reason::PersonDenied } else { Reason::NotApprover };
        return Ok(error_url(node, &request.return_to, &reason.refuse()));
    }
    let code = consent::code(form, request, decided, &who.person, &node.profile).ok_or(Reason::Internal.refuse())?;
    // Sealed as of the decision: the key rolls daily, and a second click must get the same text.
    let code = node.ring().seal(&node.profile.token.prefixes.code, &code, decided.at);
    Ok(return_url(node, &request.return_to, &[("code", code.as_str())]))
}

/// RFC 6749 4.1.2 and 4.1.2.1: what is answered, `state` byte for byte, and who answers (RFC 9207).
fn return_url(node: &Node, return_to: &ReturnTo, answer: &[(&str, &str)]) -> String {
    let mut pairs = answer.to_vec();
    pairs.extend(return_to.state.as_deref().map(|state| ("state", state)));
    if node.profile.authorize.iss {
        pairs.push(("iss", &node.origins.login));
    }
    append_query(&return_to.uri, &pairs)
}

fn error_url(node: &Node, return_to: &ReturnTo, refusal: &Refusal) -> String {
    let description = refusal.description();
    return_url(node, return_to, &[("error", refusal.reason.wire().word()), ("error_description", &description)])
}

/// The app as it stands now: it may have been switched off, or may have lost the redirect URI, since the page was
/// shown.
fn standing_app(node: &Node, request: &Request) -> Result<Arc<App>, Shown> {
    let app = node.held.app(request.app).ok_or(Reason::AppUnknown)?;
    if app.status != AppStatus::Approved || !app.active {
        return Err(Reason::AppNotAvailable.into());
    }
    let known = app.redirect_uris.iter().any(|uri| authorize::same_redirect(uri, &request.return_to.uri));
    if known { Ok(app) } else { Err(Reason::RedirectUnregistered.about("redirect_uri").into()) }
}

async fn customer_of(node: &Node, person: &Person) -> Result<Option<Customer>, Refusal> {
    match person.customer {
        Some(id) => node.store.customer(id).await.map_err(refusal_of),
        None => Ok(None),
    }
}

/// A refusal of a form that we sealed: in the browser it was made for, the way on is the same request anew.
fn shown_of(node: &Node, refusal: Refusal, pending: &Pending) -> Shown {
    let request = pending.request.as_ref().ok();
    let again = request.and_then(|request| Some(again_url(node, &*node.held.app(request.app)?, request, false)));
    Shown { refusal, again }
}

/// The path of an equal request. It holds what the app's own link held, nothing of ours.
fn again_url(node: &Node, app: &App, request: &Request, another: bool) -> String {
    let rules = &node.profile.authorize;
    let registry = node.held.scopes();
    let separator = rules.scope_separators.first().copied().unwrap_or(' ').to_string();
    let scope = registry.names(request.scopes).collect::<Vec<_>>().join(&separator);
    let challenge = request.challenge.map(|challenge| URL_SAFE_NO_PAD.encode(challenge));
    let mut pairs = vec![("response_type", "code"), ("client_id", app.client_id.as_str()), ("scope", scope.as_str())];
    if request.return_to.sent {
        pairs.push(("redirect_uri", &request.return_to.uri));
    }
    pairs.extend(request.return_to.state.as_deref().map(|state| ("state", state)));
    if let Some(challenge) = &challenge {
        pairs.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")]);
    }
    if another {
        pairs.push(ANOTHER);
    }
    append_query(&node.profile.endpoints.authorize, &pairs)
}

/// What the link "Use another account" adds; OpenID Connect's word for it.
pub const ANOTHER: (&str, &str) = ("prompt", "select_account");

fn seal<T: Sealed>(node: &Node, value: &T) -> String {
    node.ring().seal(NO_PREFIX, value, node.now())
}

async fn open<T: Sealed>(node: &Node, sealed: &str) -> Result<T, Shown> {
    node.open(NO_PREFIX, sealed, node.now()).await.map_err(|error| match error {
        // The key has retired since: the form is older than any that could be good.
        SealError::UnknownKey(_) => Reason::FormExpired.into(),
        SealError::Junk | SealError::Forged => Reason::FormBroken.into(),
    })
}
