//! From an authorization request to a redirect: ask, let the person sign in, ask again, decide (TOKENS 5). Nothing is
//! written before the decision; what is pending travels sealed in hidden fields only. HTML and cookies are the pages'
//! own.

mod whom;

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::authorize::{self, Failure, PENDING_LIFE, Pending, Request, ReturnTo};
use causeway_protocol::consent::{self, Decider, Form, Poster};
use causeway_protocol::family::FamilySecret;
use causeway_protocol::params::{Params, append_query};
use causeway_protocol::records::{App, Customer, Decided, Decision};
use causeway_protocol::refusal::{WireError, allowed_ascii};
use causeway_protocol::seal::{SealError, Sealed};
use causeway_protocol::time::Seconds;
use causeway_protocol::{Outcome, Reason, Refusal, Row, UserId};
use causeway_storage::Store;

pub use whom::Asked;
use whom::{
    AccountTries, choices, chosen_customer, may_approve_anything, named_account, own_customer, proven_account,
    spend_proof,
};

use super::session::SignedIn;
use crate::node::{Node, refusal_of};
use crate::shared::Shared;

/// Digest of the browser's cookie.
pub type Browser = [u8; 16];

/// Forms have no visible prefix: nobody copies them.
const NO_PREFIX: &str = "";
/// No profile lets a sign-in token live longer.
const MAX_TOKEN_LIFE: Seconds = Seconds(3_600);
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
    /// Nobody signs in here, and nobody is bounced to an app unseen: say what is wrong, and go back when a button is pressed
    /// (TOKENS 7).
    GoBack(Box<GoBack>),
}

/// A page that says what is wrong with a request, with a button back to the app.
#[derive(Clone, Debug)]
pub struct GoBack {
    /// What is wrong.
    pub refusal: Refusal,
    /// The sealed [`Pending`], for [`go_back`].
    pub pending: String,
    /// Where the form leads.
    pub return_to: String,
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
    pub asked: Asked,
    /// Whose data, unless another of `choices` is taken.
    pub customer: Option<Customer>,
    /// The own account and the teams that may be chosen instead; fewer than two: there is nothing to choose (CAL-09).
    pub choices: Vec<Customer>,
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
    /// How long to wait, where the flow knows.
    pub wait: Option<Seconds>,
}

impl From<Refusal> for Shown {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, again: None, wait: None }
    }
}

impl From<Reason> for Shown {
    fn from(reason: Reason) -> Self {
        reason.refuse().into()
    }
}

/// An authorization request arrives. `another`: the person asked for another account, so sign-in is shown in any case.
pub async fn begin(
    shared: &Shared,
    params: &Params,
    (browser, source): (Browser, IpAddr),
    who: Option<&SignedIn>,
    another: bool,
) -> Result<Answer, Shown> {
    let node = &shared.node;
    let client_id = authorize::client_id(params)?;
    node.speaks()?;
    let app = node.app(client_id);
    let checked = authorize::check(params, app.as_deref(), &node.profile, &node.held.scopes());
    let request = match checked {
        Ok(request) => Ok(request),
        Err(Failure::Show(refusal)) => return Err(refusal.into()),
        // RFC 9700 4.11.2: nobody is bounced to an app unseen; who is not signed in signs in first.
        Err(Failure::Send(return_to, refusal)) => match who {
            _ if node.profile.nobody_signs_in() => return Ok(go_back_first(node, return_to, refusal, browser)),
            Some(_) => return Ok(Answer::Return(error_url(node, &return_to, &refusal))),
            None => Err((return_to, refusal.reason.number(), detail(&refusal))),
        },
    };
    let pending = Pending { request, transaction: node.random(), browser, expires_at: node.now() + PENDING_LIFE };
    if let (true, Ok(request)) = (node.profile.nobody_signs_in(), &pending.request) {
        let tries = AccountTries::of(shared, request, source);
        tries.check()?;
        return match proven_account(node, request, params).await {
            Ok((account, proof)) => ask(node, pending, Asked::Nobody(account), proof).await,
            Err(refusal) if is_ours(&refusal) => Err(refusal.into()),
            Err(refusal) if refusal.reason == Reason::AccountUnknown => {
                tries.failed()?;
                Ok(go_back_first(node, request.return_to.clone(), refusal, browser))
            }
            Err(refusal) => Ok(go_back_first(node, request.return_to.clone(), refusal, browser)),
        };
    }
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

/// A refusal that waited in a sealed form.
fn refusal_again(number: u16, detail: &str) -> Refusal {
    let reason = Reason::ALL.iter().find(|reason| reason.number() == number).copied().unwrap_or(Reason::FormBroken);
    if detail.is_empty() { reason.refuse() } else { reason.about(detail) }
}

/// Goes on with a pending request after somebody signed in: everything is looked at again.
pub async fn go_on(node: &Node, pending: Pending, who: &SignedIn) -> Result<Answer, Shown> {
    let request = match &pending.request {
        Ok(request) => request.clone(),
        Err((return_to, number, detail)) => {
            return Ok(Answer::Return(error_url(node, return_to, &refusal_again(*number, detail))));
        }
    };
    ask(node, Pending { request: Ok(request), ..pending }, Asked::Person(who.person.clone()), who.digest()).await
}

/// The button of a [`GoBack`] was pressed.
pub async fn go_back(node: &Node, sealed: &str, browser: Browser) -> Result<String, Shown> {
    let pending = open_pending(node, sealed, browser).await?;
    match &pending.request {
        Err((return_to, number, detail)) => Ok(error_url(node, return_to, &refusal_again(*number, detail))),
        Ok(_) => Err(Reason::FormBroken.into()),
    }
}

/// Says what is wrong, where nobody signs in; the app hears of it when the person goes back.
fn go_back_first(node: &Node, return_to: ReturnTo, refusal: Refusal, browser: Browser) -> Answer {
    let pending = Pending {
        request: Err((return_to.clone(), refusal.reason.number(), detail(&refusal))),
        transaction: node.random(),
        browser,
        expires_at: node.now() + PENDING_LIFE,
    };
    Answer::GoBack(Box::new(GoBack { refusal, pending: seal(node, &pending), return_to: return_to.uri }))
}

/// Whether it is our trouble, not the request's.
fn is_ours(refusal: &Refusal) -> bool {
    matches!(refusal.reason.wire(), WireError::TemporarilyUnavailable | WireError::ServerError)
}

/// The consent page of a good request.
async fn ask(node: &Node, pending: Pending, asked: Asked, session: [u8; 16]) -> Result<Answer, Shown> {
    let request = pending.request.clone().map_err(|_| Reason::FormBroken)?;
    let app = standing_app(node, &request)?;
    let may =
        |customer: Option<&Customer>| consent::may_allow(&request, &app, asked.decider(), customer, &node.profile);
    let all = choices(node, asked.decider()).await?;
    let first = all.first().cloned();
    let choices: Vec<Customer> = all.into_iter().filter(|one| may(Some(one)).is_ok()).collect();
    // Where none of them may be connected, the first one says why.
    let customer = match choices.first().cloned().or(first) {
        Some(customer) => Some(customer),
        None => own_customer(node, asked.decider()).await?,
    };
    let hindrance = may(customer.as_ref()).err();
    let another = again_url(node, &app, &request, true);
    let form = Form {
        pending,
        session,
        person: asked.decider().id(),
        family: node.family_id(),
        secret: FamilySecret(node.random()),
    };
    let form = seal(node, &form);
    Ok(Answer::Ask(Box::new(Question { app, request, asked, customer, choices, hindrance, form, another })))
}

/// Somebody decided. Answers where the browser goes; the same decision again goes to the same place. `chosen` is the number of
/// one of the question's choices; none means its first.
pub async fn decide(
    node: &Node,
    sealed: &str,
    decision: Decision,
    chosen: Option<&str>,
    browser: Browser,
    who: Option<&SignedIn>,
) -> Result<String, Shown> {
    let form: Form = open(node, sealed).await?;
    let shown = |refusal: Refusal| shown_of(node, refusal, &form.pending);
    let (asked, session) = if node.profile.nobody_signs_in() {
        let request = form.pending.request.as_ref().map_err(|_| Reason::FormBroken)?;
        // Nobody has a session: the form, sealed, says by itself what it was made with.
        (Asked::Nobody(named_account(node, request).await?), form.session)
    } else {
        let who = who.ok_or_else(|| shown(Reason::SignInNeeded.refuse()))?;
        (Asked::Person(who.person.clone()), who.digest())
    };
    let decider = asked.decider();
    let poster = Poster { browser, session, person: decider.id() };
    let request = form.open(&poster, node.now()).map_err(shown)?;
    let app = standing_app(node, request)?;
    let transaction = form.pending.transaction;
    if let Some(decided) = node.store.decided(transaction).await.map_err(refusal_of)? {
        return answer(node, &form, request, &decided, (decision, chosen), decider).await.map_err(shown);
    }
    let customer = if decision == Decision::Allow {
        let may = |one: Option<&Customer>| consent::may_allow(request, &app, decider, one, &node.profile);
        let customer = chosen_customer(node, decider, chosen, |one| may(Some(one)).is_ok()).await.map_err(shown)?;
        may(customer.as_ref()).map_err(shown)?;
        customer
    } else {
        None
    };
    spend_proof(node, &form).await.map_err(shown)?;
    let change = consent::decide(&form, request, decision, decider, customer.as_ref(), &node.profile, node.now())?;
    let decided = match node.apply(change).await? {
        Outcome::Applied(applied) => match applied.row {
            Row::Decided(decided) => Some(decided),
            _ => None,
        },
        // Somebody was quicker: the same click twice, or a switch.
        Outcome::Stale => node.store.decided(transaction).await.map_err(refusal_of)?,
    };
    let decided = decided.ok_or_else(|| shown(Reason::AppNotAvailable.refuse()))?;
    answer(node, &form, request, &decided, (decision, chosen), decider).await.map_err(shown)
}

/// Where a decided request leads.
async fn answer(
    node: &Node,
    form: &Form,
    request: &Request,
    decided: &Decided,
    (decision, chosen): (Decision, Option<&str>),
    decider: Decider<'_>,
) -> Result<String, Refusal> {
    if decided.decision != decision {
        return Err(Reason::FormDecided.refuse());
    }
    if decision == Decision::Deny {
        let reason = if may_approve_anything(node, decider) { Reason::PersonDenied } else { Reason::NotApprover };
        return Ok(error_url(node, &request.return_to, &reason.refuse()));
    }
    // The connection knows for whom it was allowed: a second click with another choice is another answer.
    let id = decided.connection.ok_or(Reason::Internal.refuse())?;
    let connection = node.store.connection(id).await.map_err(refusal_of)?.ok_or(Reason::Internal.refuse())?;
    if chosen.is_some_and(|chosen| chosen != connection.customer.to_string()) {
        return Err(Reason::FormDecided.refuse());
    }
    let user: UserId = decider.id();
    let code = consent::code(form, request, decided, user, connection.customer, &node.profile);
    let code = code.ok_or(Reason::Internal.refuse())?;
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
    if !app.is_usable() {
        return Err(Reason::AppNotAvailable.into());
    }
    let known = app.redirect_uris.iter().any(|uri| authorize::same_redirect(uri, &request.return_to.uri));
    if known { Ok(app) } else { Err(Reason::RedirectUnregistered.about("redirect_uri").into()) }
}

/// A refusal of a form that we sealed: in the browser it was made for, the way on is the same request anew.
fn shown_of(node: &Node, refusal: Refusal, pending: &Pending) -> Shown {
    let request = pending.request.as_ref().ok();
    let again = request.and_then(|request| Some(again_url(node, &*node.held.app(request.app)?, request, false)));
    Shown { refusal, again, wait: None }
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
    if let (Some(name), Some(account)) = (rules.account_parameter.first(), &request.account) {
        pairs.push((name, account));
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
