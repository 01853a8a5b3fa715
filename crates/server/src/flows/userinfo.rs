//! Whom a token acts for, by name (CAL-07): the person, or the team that the person chose. Who the token stands for was the
//! guard's to find out; how the answer reads on the wire is HTTP's.

use causeway_guard::{Denied, Identified};
use causeway_protocol::Reason;
use causeway_protocol::profile::UserinfoRules;
use causeway_protocol::records::Person;
use causeway_storage::Store;
use serde_json::{Value, json};

use crate::node::{Node, refusal_of};

/// The answer's JSON text.
pub async fn userinfo(node: &Node, rules: &UserinfoRules, who: &Identified) -> Result<String, Denied> {
    may(node, rules, who)?;
    let name = name(node, who).await?;
    let nest = |inner: Value, field: &str| json!({ field: inner });
    Ok(rules.name_field.rsplit('.').fold(Value::from(name), nest).to_string())
}

fn may(node: &Node, rules: &UserinfoRules, who: &Identified) -> Result<(), Denied> {
    let Some(scope) = &rules.scope else { return Ok(()) };
    let wanted = node.held.scopes().satisfying(scope, |word| node.profile.includes(word));
    if wanted.touches(who.scopes) {
        return Ok(());
    }
    let (scope, detail) = (Some(scope.clone()), Some(scope.clone()));
    Err(Denied { scope, detail, ..Denied::from(Reason::ScopeInsufficient) })
}

/// A connection of a team is the team's, whoever allowed it.
async fn name(node: &Node, who: &Identified) -> Result<String, Denied> {
    let person = node.store.person(who.user).await.map_err(refusal_of)?;
    if let Some(person) = person.filter(|person| person.customer == Some(who.customer)) {
        return Ok(name_of(&person));
    }
    let customer = node.store.customer(who.customer).await.map_err(refusal_of)?;
    Ok(customer.ok_or(Reason::TokenInvalid)?.name)
}

fn name_of(person: &Person) -> String {
    match person.name.as_str() {
        "" => person.email.split('@').next().unwrap_or_default().to_owned(),
        name => name.to_owned(),
    }
}
