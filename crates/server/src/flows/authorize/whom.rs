//! Who decides about an authorization request, and for which customer: a signed-in person with an own account and teams, or
//! whoever holds the link of a registered account. What is decided is `authorize`'s.

use std::net::IpAddr;

use causeway_protocol::accounts::SignInToken;
use causeway_protocol::authorize::{PENDING_LIFE, Request};
use causeway_protocol::consent::{Decider, Form};
use causeway_protocol::legacy::Account;
use causeway_protocol::params::Params;
use causeway_protocol::profile::AccountProof;
use causeway_protocol::records::{Customer, Person};
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, CustomerId, Outcome, Reason, Refusal};
use causeway_storage::Store;

use super::{MAX_TOKEN_LIFE, Shown};
use crate::flows::accounts::TOKEN_PREFIX;
use crate::flows::caller;
use crate::node::{Node, refusal_of};
use crate::shared::Shared;
use crate::throttle::Key;

/// Who decides, with the rows behind it.
#[derive(Clone, Debug)]
pub enum Asked {
    /// Somebody who is signed in.
    Person(Person),
    /// Whoever holds the link of this account.
    Nobody(Account),
}

impl Asked {
    /// For the rules.
    pub fn decider(&self) -> Decider<'_> {
        match self {
            Asked::Person(person) => Decider::Person(person),
            Asked::Nobody(account) => Decider::Nobody(account),
        }
    }

    /// The signed-in person.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Asked::Person(person) => Some(person),
            Asked::Nobody(_) => None,
        }
    }
}

/// The accounts that somebody's links named in vain. Over the limit no link of that app is answered to them, also not one
/// that names a right account: else trying ids would go on, and each hit shows a name.
pub(super) struct AccountTries<'a> {
    shared: &'a Shared,
    key: Key,
}

impl<'a> AccountTries<'a> {
    pub(super) fn of(shared: &'a Shared, request: &Request, source: IpAddr) -> Self {
        Self { shared, key: Key::of(&[b"account", &request.app.0.to_be_bytes(), &caller::octets(source)]) }
    }

    /// Refuses who is over the limit.
    pub(super) fn check(&self) -> Result<(), Shown> {
        throttled(self.shared.unknown_accounts.wait(self.key, self.shared.node.clock.monotonic_nanos()))
    }

    /// Counts one more.
    pub(super) fn failed(&self) -> Result<(), Shown> {
        throttled(self.shared.unknown_accounts.failed(self.key, self.shared.node.clock.monotonic_nanos()))
    }
}

fn throttled(wait: Option<Seconds>) -> Result<(), Shown> {
    match wait {
        Some(_) => Err(Shown { wait, ..Reason::AccountsThrottled.into() }),
        None => Ok(()),
    }
}

/// The account that a request names; it must be one of the asking app's (ORC-04).
pub(super) async fn named_account(node: &Node, request: &Request) -> Result<Account, Refusal> {
    let id = request.account.as_deref().ok_or(Reason::AccountMissing.refuse())?;
    let found = node.store.account_by_external(id).await.map_err(refusal_of)?;
    found.filter(|account| account.app == request.app).ok_or(Reason::AccountUnknown.refuse())
}

/// The same, with what binds the form: where the profile wants a sign-in token, that very token, which the decision spends.
pub(super) async fn proven_account(
    node: &Node,
    request: &Request,
    params: &Params,
) -> Result<(Account, [u8; 16]), Refusal> {
    let account = named_account(node, request).await?;
    if node.profile.policy.account_proof != AccountProof::SignInToken {
        return Ok((account, [0; 16]));
    }
    let app = node.held.app(request.app).ok_or(Reason::AppUnknown.refuse())?;
    let text = params.get("token")?.ok_or(Reason::SignInTokenForeign.refuse())?;
    let token: SignInToken = caller::open(node, TOKEN_PREFIX, text, node.now(), Reason::SignInTokenForeign).await?;
    token.check(&app, &account, node.now())?;
    Ok((account, token.digest()))
}

/// Uses up the sign-in token that a form was made with: the one digest of the form that is not a person's.
pub(super) async fn spend_proof(node: &Node, form: &Form) -> Result<(), Refusal> {
    if node.profile.policy.account_proof != AccountProof::SignInToken {
        return Ok(());
    }
    // A form outlives its token: the mark stays until no form made with it can be posted.
    let change = Change::SpendOnce { digest: form.session, expires_at: node.now() + PENDING_LIFE + MAX_TOKEN_LIFE };
    match node.apply(change).await? {
        Outcome::Applied(_) => Ok(()),
        Outcome::Stale => Err(Reason::SignInTokenSpent.refuse()),
    }
}

/// The customers that this one may connect apps for, the own one first.
pub(super) async fn choices(node: &Node, decider: Decider<'_>) -> Result<Vec<Customer>, Refusal> {
    let ids: Vec<CustomerId> = match decider {
        Decider::Person(person) => {
            person.customer.into_iter().chain(person.teams.iter().map(|team| team.customer)).collect()
        }
        Decider::Nobody(account) => vec![account.customer],
    };
    let mut found: Vec<Customer> = Vec::new();
    for id in ids {
        if found.iter().any(|known| known.id == id) || !decider.may_approve_for(id, &node.profile) {
            continue;
        }
        found.extend(node.store.customer(id).await.map_err(refusal_of)?.filter(|customer| customer.active));
    }
    Ok(found)
}

/// The own customer, also where it may not be connected: pages name it.
pub(super) async fn own_customer(node: &Node, decider: Decider<'_>) -> Result<Option<Customer>, Refusal> {
    let id = match decider {
        Decider::Person(person) => person.customer,
        Decider::Nobody(account) => Some(account.customer),
    };
    match id {
        Some(id) => node.store.customer(id).await.map_err(refusal_of),
        None => Ok(None),
    }
}

/// The customer of a posted choice; the first one that may be connected where none was posted.
pub(super) async fn chosen_customer(
    node: &Node,
    decider: Decider<'_>,
    chosen: Option<&str>,
    may: impl Fn(&Customer) -> bool,
) -> Result<Option<Customer>, Refusal> {
    let all = choices(node, decider).await?;
    let Some(chosen) = chosen else {
        let first = all.iter().position(may).unwrap_or_default();
        return match all.into_iter().nth(first) {
            Some(first) => Ok(Some(first)),
            None => own_customer(node, decider).await,
        };
    };
    let found = all.into_iter().find(|customer| customer.id.to_string() == chosen);
    found.map(Some).ok_or_else(|| Reason::NotApprover.refuse())
}

pub(super) fn may_approve_anything(node: &Node, decider: Decider<'_>) -> bool {
    match decider {
        Decider::Person(person) => {
            let teams = person.teams.iter().map(|team| team.customer);
            let mut all = person.customer.into_iter().chain(teams);
            all.any(|customer| decider.may_approve_for(customer, &node.profile))
                || node.profile.policy.approvers.contains(&person.role)
        }
        Decider::Nobody(_) => true,
    }
}
