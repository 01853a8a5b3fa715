//! API keys as the credential of a call (CAL-10): found by their digest, good for what the profile says. Where a call carries
//! its key is the guard's reading.

use causeway_guard::{Credential, Denied, Identified};
use causeway_protocol::profile::ApiKeyRules;
use causeway_protocol::{Reason, ScopeSet, Scopes, UserId};
use causeway_storage::Store;

use crate::legacy_secrets::digest;
use crate::node::{Node, refusal_of};

/// Who calls with this key. It is found by its digest, so the time that it takes says nothing about a key that is nearly right;
/// whether the customer is still there is looked at with every call.
pub(super) async fn identify(node: &Node, key: &str) -> Result<Identified, Denied> {
    let found = node.store.api_key(digest(key)).await.map_err(refusal_of)?.filter(|found| found.active);
    let found = found.ok_or(Reason::ApiKeyInvalid)?;
    // An app's own key names no customer: it is good for the app's own endpoints only.
    let customer = found.customer.ok_or(Reason::ApiKeyInvalid)?;
    let rules = node.profile.api_keys.as_ref().ok_or(Reason::ApiKeyInvalid)?;
    let scopes = scopes(node, rules, &node.held.scopes());
    Ok(Identified { credential: Credential::ApiKey(found.id), customer, user: UserId::NOBODY, scopes })
}

/// What the profile's keys may do: everything, unless it says less.
fn scopes(node: &Node, rules: &ApiKeyRules, registry: &Scopes) -> ScopeSet {
    let of = |words: &mut dyn Iterator<Item = &String>| {
        words.filter_map(|word| registry.find(word)).fold(ScopeSet::EMPTY, ScopeSet::union)
    };
    match rules.scopes.as_slice() {
        [] => of(&mut node.profile.scopes.iter().map(|scope| &scope.name)),
        some => of(&mut some.iter()),
    }
}
