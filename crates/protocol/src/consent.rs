//! Consent: who may allow what, the form that asks, and the code that follows (TOKENS 5).

use crate::authorize::{Pending, Request, ReturnTo};
use crate::change::{Allow, Decide};
use crate::family::FamilySecret;
use crate::legacy::Account;
use crate::profile::{Profile, SubjectRule};
use crate::records::{Act, App, Customer, Decided, Decision, Person, SubjectKey, Visibility};
use crate::seal::{Kind, Sealed};
use crate::token::{Bearer, Code};
use crate::wire::{Reader, Writer};
use crate::{Change, CustomerId, FamilyId, Reason, Refusal, UnixTime, UserId};

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

/// Who decides.
#[derive(Clone, Copy, Debug)]
pub enum Decider<'a> {
    /// Somebody who is signed in.
    Person(&'a Person),
    /// Whoever holds the link of an account that the app registered (`account_proof = "none"`, ORC-03).
    Nobody(&'a Account),
}

impl Decider<'_> {
    /// For forms, rows and tokens.
    pub fn id(self) -> UserId {
        match self {
            Decider::Person(person) => person.id,
            Decider::Nobody(_) => UserId::NOBODY,
        }
    }

    /// Whether this one may allow an app for that customer at all.
    pub fn may_approve_for(self, customer: CustomerId, profile: &Profile) -> bool {
        let policy = &profile.policy;
        match self {
            Decider::Person(person) if person.customer == Some(customer) => policy.approvers.contains(&person.role),
            Decider::Person(person) => {
                let part = person.teams.iter().find(|team| team.customer == customer);
                policy.teams && part.is_some_and(|team| policy.team_approvers.contains(&team.role))
            }
            Decider::Nobody(account) => profile.nobody_signs_in() && account.customer == customer,
        }
    }
}

/// Whether this one may allow this request for this customer as everything stands now: asked when the page is shown and
/// again when it is answered. `customer` is the person's own, a chosen team, or the named account.
pub fn may_allow(
    request: &Request,
    app: &App,
    decider: Decider<'_>,
    customer: Option<&Customer>,
    profile: &Profile,
) -> Result<(), Refusal> {
    if !app.is_usable() {
        return Err(Reason::AppNotAvailable.refuse());
    }
    match (decider, customer) {
        (Decider::Nobody(account), _) if account.app != app.id => return Err(Reason::AccountUnknown.refuse()),
        (Decider::Person(person), None) if !profile.policy.approvers.contains(&person.role) => {
            return Err(Reason::NotApprover.refuse());
        }
        (_, Some(customer)) if !decider.may_approve_for(customer.id, profile) => {
            return Err(Reason::NotApprover.refuse());
        }
        _ => {}
    }
    let customer = customer.filter(|customer| customer.active).ok_or(Reason::NoCustomer.refuse())?;
    if !app.serves(customer.id) {
        return Err(Reason::AppNotAvailable.refuse());
    }
    match app.visibility {
        Visibility::Private(owner) if owner != customer.id => return Err(Reason::AppPrivate.refuse()),
        _ => {}
    }
    // The app may have lost a scope since the page was opened: never more than what stands now.
    if request.scopes.within(app.scopes) { Ok(()) } else { Err(Reason::ScopeUnknown.refuse()) }
}

/// The change that records a decision for this customer; a denial needs none.
pub fn decide(
    form: &Form,
    request: &Request,
    decision: Decision,
    decider: Decider<'_>,
    customer: Option<&Customer>,
    profile: &Profile,
    now: UnixTime,
) -> Result<Change, Refusal> {
    let person = decider.id();
    let allow = match decision {
        Decision::Deny => None,
        Decision::Allow => {
            let customer = customer.ok_or(Reason::NoCustomer.refuse())?.id;
            let subject = match profile.policy.subject {
                SubjectRule::Customer => SubjectKey::Customer(customer),
                SubjectRule::User => SubjectKey::User(person),
            };
            Some(Allow { app: request.app, subject, customer, person, scopes: request.scopes })
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
        actor: match decider {
            Decider::Person(person) => format!("person:{}", person.id),
            Decider::Nobody(account) => format!("account:{}", account.customer),
        },
        verb,
        subject: Some(request.app.into()),
        detail: String::new(),
    };
    Ok(Change::Decide(Decide { decided, allow, act }))
}

/// The code of an allowed form. `customer` is the connection's: the same form and row always give the same code, whatever
/// was chosen in a second click.
pub fn code(
    form: &Form,
    request: &Request,
    decided: &Decided,
    user: UserId,
    customer: CustomerId,
    profile: &Profile,
) -> Option<Code> {
    Some(Code {
        bearer: Bearer {
            family: form.family,
            connection: decided.connection?,
            as_of: decided.as_of,
            app: request.app,
            user,
            customer,
        },
        scopes: request.scopes,
        redirect: ReturnTo::digest(&request.return_to.uri),
        redirect_sent: request.return_to.sent,
        challenge: request.challenge,
        expires_at: decided.at + profile.token.code_life,
        secret: form.secret,
    })
}
