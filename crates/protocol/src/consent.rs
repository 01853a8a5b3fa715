//! Consent: who may allow what, the form that asks, and the code that follows (TOKENS 5).

use crate::authorize::{Pending, Request, ReturnTo};
use crate::change::{Allow, Decide};
use crate::family::FamilySecret;
use crate::profile::{Profile, SubjectRule};
use crate::records::{Act, App, AppStatus, Customer, Decided, Decision, Person, SubjectKey, Visibility};
use crate::seal::{Kind, Sealed};
use crate::token::{Bearer, Code};
use crate::wire::{Reader, Writer};
use crate::{Change, FamilyId, Reason, Refusal, UnixTime, UserId};

/// The consent form: the pending request, bound to one session and one person. It holds all the randomness that the code
/// will need, so that the same decision posted twice seals the same code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The request; only a good one is asked about.
    pub pending: Pending,
    /// Digest of the session.
    pub session: [u8; 16],
    /// Who is asked.
    pub person: UserId,
    /// The family to be.
    pub family: FamilyId,
    /// Its secret.
    pub secret: FamilySecret,
}

impl Sealed for Form {
    const KIND: Kind = Kind::Consent;

    fn write(&self, to: &mut Writer) {
        self.pending.write(to);
        to.fixed(&self.session).int(self.person.0).int(self.family.0).fixed(&self.secret.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            pending: Pending::read(from)?,
            session: from.fixed()?,
            person: UserId(from.int()?),
            family: FamilyId(from.int()?),
            secret: FamilySecret(from.fixed()?),
        })
    }
}

/// The browser and person that post a form.
#[derive(Clone, Copy, Debug)]
pub struct Poster {
    /// Digest of the browser's cookie.
    pub browser: [u8; 16],
    /// Digest of the session.
    pub session: [u8; 16],
    /// Who is signed in.
    pub person: UserId,
}

impl Form {
    /// The request, if this poster may answer this form now.
    pub fn open(&self, poster: &Poster, now: UnixTime) -> Result<&Request, Refusal> {
        self.pending.check(&poster.browser, now)?;
        if self.session != poster.session || self.person != poster.person {
            return Err(Reason::FormForeign.refuse());
        }
        self.pending.request.as_ref().map_err(|_| Reason::FormBroken.refuse())
    }
}

/// Whether this person may allow this request as everything stands now: asked when the page is shown and again when it
/// is answered.
pub fn may_allow(
    request: &Request,
    app: &App,
    person: &Person,
    customer: Option<&Customer>,
    profile: &Profile,
) -> Result<(), Refusal> {
    if app.status != AppStatus::Approved || !app.active {
        return Err(Reason::AppNotAvailable.refuse());
    }
    if !profile.policy.approvers.contains(&person.role) {
        return Err(Reason::NotApprover.refuse());
    }
    let customer = customer.filter(|customer| customer.active).ok_or(Reason::NoCustomer.refuse())?;
    match app.visibility {
        Visibility::Private(owner) if owner != customer.id => return Err(Reason::AppPrivate.refuse()),
        _ => {}
    }
    // The app may have lost a scope since the page was opened: never more than what stands now.
    if request.scopes.within(app.scopes) { Ok(()) } else { Err(Reason::ScopeUnknown.refuse()) }
}

/// The change that records a decision. `customer` is the person's own; a denial needs none.
pub fn decide(
    form: &Form,
    request: &Request,
    decision: Decision,
    person: &Person,
    customer: Option<&Customer>,
    profile: &Profile,
    now: UnixTime,
) -> Result<Change, Refusal> {
    let allow = match decision {
        Decision::Deny => None,
        Decision::Allow => {
            let customer = customer.ok_or(Reason::NoCustomer.refuse())?.id;
            let subject = match profile.policy.subject {
                SubjectRule::Customer => SubjectKey::Customer(customer),
                SubjectRule::User => SubjectKey::User(person.id),
            };
            Some(Allow { app: request.app, subject, customer, person: person.id, scopes: request.scopes })
        }
    };
    let decided = Decided {
        transaction: form.pending.transaction,
        decision,
        at: now,
        expires_at: form.pending.expires_at,
        as_of: Default::default(),
        connection: None,
    };
    let verb = if allow.is_some() { "connection.allowed" } else { "connection.denied" };
    let act = Act {
        at: now,
        actor: format!("person:{}", person.id),
        verb,
        subject: Some(request.app.into()),
        detail: String::new(),
    };
    Ok(Change::Decide(Decide { decided, allow, act }))
}

/// The code of an allowed form. The same form and row always give the same code.
pub fn code(form: &Form, request: &Request, decided: &Decided, person: &Person, profile: &Profile) -> Option<Code> {
    Some(Code {
        bearer: Bearer {
            family: form.family,
            connection: decided.connection?,
            as_of: decided.as_of,
            app: request.app,
            user: person.id,
            customer: person.customer?,
        },
        scopes: request.scopes,
        redirect: ReturnTo::digest(&request.return_to.uri),
        redirect_sent: request.return_to.sent,
        challenge: request.challenge,
        expires_at: decided.at + profile.token.code_life,
        secret: form.secret,
    })
}
