//! The consent page: filled from the question that the flow asks, and answered by POST only. Who may allow what is
//! `protocol::consent`'s.

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::profile::{Profile, ScopeGroup, ScopeWord, SubjectRule};
use causeway_protocol::records::{Customer, Decision, Person, Role};
use causeway_protocol::scope::covers;
use causeway_protocol::{CustomerId, Reason, Refusal, ScopeSet, Scopes};
use http::request::Parts;

use super::browser::{Visitor, same_origin};
use super::views::{Choice, Consent, Hindered, Line, May};
use super::{FormEnds, card, form, frame_of, page, problem, refused, signed_in, words};
use crate::flows::authorize::{self, Asked, Question, Shown};
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// So many sites are named.
const SITES_SHOWN: usize = 8;

/// Asks; or says why this person cannot be asked.
pub(super) fn ask(edge: &Shared, parts: &Parts, question: &Question) -> Response {
    let ends = FormEnds::BeyondApp(&question.request.return_to.uri);
    match (&question.hindrance, &question.customer) {
        (None, Some(customer)) => page(Kind::Ok, &consent(edge, parts, question, customer), ends),
        (hindrance, _) => {
            let refusal = hindrance.clone().unwrap_or(Reason::NoCustomer.refuse());
            page(Kind::Refused(refusal.reason), &hindered(edge, parts, question, &refusal), ends)
        }
    }
}

fn consent(edge: &Shared, parts: &Parts, question: &Question, customer: &Customer) -> Consent {
    let profile = &edge.node.profile;
    let sites = sites(profile, customer);
    let may = permissions(profile, &edge.node.held.scopes(), question.request.scopes);
    let life = profile.token.refresh_life;
    let personal = profile.policy.subject == SubjectRule::User;
    let choices = choices(profile, question);
    // What may still change is not said as if it were settled.
    let (whose, sites) = match choices.is_empty() {
        true => (words::name(&customer.name), sites),
        false => ("the account that you choose".to_owned(), Sites::default()),
    };
    Consent {
        frame: frame_of(edge, parts),
        app: card(&question.app, profile),
        wants: wants(&may, &whose, &sites.title),
        person: asked_name(question),
        account: account_id(question),
        role: question.asked.person().and_then(|person| role_in(person, customer.id)).map_or("", role),
        customer: words::name(&customer.name),
        personal,
        own: profile.policy.teams && question.asked.person().is_some_and(|p| p.customer == Some(customer.id)),
        choices,
        another: question.another.clone(),
        sites_title: sites.title,
        sites: sites.names,
        more_sites: sites.more,
        may,
        never: profile.brand.never.clone(),
        idle: words::length(life.idle.min(life.absolute)),
        absolute: words::length(life.absolute),
        cut_where: profile.brand.cut_where.clone(),
        returns_to: words::returns_to(&question.request.return_to.uri),
        request: question.form.clone(),
    }
}

fn hindered(edge: &Shared, parts: &Parts, question: &Question, refusal: &Refusal) -> Hindered {
    let title = match refusal.reason {
        Reason::NotApprover => "An administrator has to do this",
        Reason::AppPrivate => "This app is private",
        _ => "This account cannot be connected",
    };
    Hindered {
        frame: frame_of(edge, parts),
        app: card(&question.app, &edge.node.profile),
        person: asked_name(question),
        account: account_id(question),
        title,
        problem: problem(refusal),
        another: question.another.clone(),
        request: question.form.clone(),
    }
}

/// The accounts that may be chosen; none where there is but one.
fn choices(profile: &Profile, question: &Question) -> Vec<Choice> {
    let Some(person) = question.asked.person().filter(|_| question.choices.len() > 1) else { return Vec::new() };
    let choice = |customer: &Customer| {
        let about = match role_in(person, customer.id) {
            _ if person.customer == Some(customer.id) => "Your own account".to_owned(),
            Some(part) => format!("Team: you are {}", article(role(part))),
            None => "Team".to_owned(),
        };
        let sites = sites(profile, customer).title;
        Choice {
            number: customer.id.to_string(),
            name: words::name(&customer.name),
            about: if sites.is_empty() { about } else { format!("{about}, {sites}") },
        }
    };
    question.choices.iter().map(choice).collect()
}

/// What a person is at a customer.
fn role_in(person: &Person, customer: CustomerId) -> Option<Role> {
    let team = person.teams.iter().find(|team| team.customer == customer).map(|team| team.role);
    if person.customer == Some(customer) { Some(person.role) } else { team }
}

/// "an administrator"
fn article(noun: &str) -> String {
    let noun = lower(noun);
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Who is asked, as pages name them.
fn asked_name(question: &Question) -> String {
    match &question.asked {
        Asked::Person(person) => words::name(&person.email),
        Asked::Nobody(account) => words::name(&account.name),
    }
}

/// The account's id, where nobody signs in.
fn account_id(question: &Question) -> String {
    match &question.asked {
        Asked::Person(_) => String::new(),
        Asked::Nobody(account) => words::name(&account.external_id),
    }
}

/// A customer's active sites as pages name them.
#[derive(Default)]
pub(super) struct Sites {
    /// "2 sites"; empty where the platform has none.
    pub(super) title: String,
    /// The first few.
    pub(super) names: Vec<String>,
    /// How many more.
    pub(super) more: usize,
}

/// What a connection of this customer reaches.
pub(super) fn sites(profile: &Profile, customer: &Customer) -> Sites {
    let active: Vec<_> = customer.sites.iter().filter(|site| site.active).collect();
    if profile.api.site_parameter.is_none() || active.is_empty() {
        return Sites { title: String::new(), names: Vec::new(), more: 0 };
    }
    Sites {
        title: words::count(active.len(), &profile.brand.sites_word),
        names: active.iter().take(SITES_SHOWN).map(|site| words::name(&site.name)).collect(),
        more: active.len().saturating_sub(SITES_SHOWN),
    }
}

/// Scopes as sentences: the marked ones first in each group, then in the profile's order. What a granted umbrella covers
/// (`read` of `leads:read`) is not said again. A word that the profile no longer has stands for itself.
pub(super) fn permissions(profile: &Profile, registry: &Scopes, scopes: ScopeSet) -> May {
    let mut may = May::default();
    let granted: Vec<&ScopeWord> =
        profile.scopes.iter().filter(|word| registry.find(&word.name).is_some_and(|one| one.touches(scopes))).collect();
    for word in granted.iter().filter(|word| !granted.iter().any(|other| says_for(other, word))) {
        let line = Line { sentence: words::sentence(&word.sentence), risky: word.risky };
        match word.group {
            ScopeGroup::See => may.see.push(line),
            ScopeGroup::Change => may.change.push(line),
            ScopeGroup::Stay => may.stay.push(line),
        }
    }
    let known = |word: &str| profile.scopes.iter().any(|scope| scope.name == word);
    let unknown = registry.names(scopes).filter(|word| !known(word));
    may.stay.extend(unknown.map(|word| Line { sentence: words::name(word), risky: true }));
    for lines in [&mut may.see, &mut may.change, &mut may.stay] {
        lines.sort_by_key(|line| !line.risky);
    }
    may
}

/// Whether reading about `umbrella` tells everything about `word` as well: it covers it, under the same heading, and
/// does not hide a mark.
fn says_for(umbrella: &ScopeWord, word: &ScopeWord) -> bool {
    umbrella.name != word.name
        && covers(&umbrella.includes, &word.name)
        && !covers(&word.includes, &umbrella.name)
        && umbrella.group == word.group
        && umbrella.risky >= word.risky
}

/// Completes "… wants to": one permission in full, several in short.
fn wants(may: &May, customer: &str, sites: &str) -> String {
    let what = match (may.see.as_slice(), may.change.as_slice()) {
        ([only], []) | ([], [only]) => lower(&only.sentence),
        ([], []) => format!("stay connected to {customer}"),
        (_, []) => format!("see data of {customer}"),
        ([], _) => format!("change data of {customer}"),
        _ => format!("see and change data of {customer}"),
    };
    if sites.is_empty() { what } else { format!("{what} at {sites}") }
}

/// A sentence in the middle of another.
pub(super) fn lower(sentence: &str) -> String {
    let mut rest = sentence.chars();
    rest.next().map_or_else(String::new, |first| first.to_lowercase().chain(rest).collect())
}

fn role(role: Role) -> &'static str {
    match role {
        Role::CustomerAdmin => "Administrator",
        Role::Member => "Member",
        Role::Developer => "Developer",
        Role::Staff => "Staff",
    }
}

/// POST /consent: `request` and `decision`.
pub async fn submit(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&edge.node, &parts.headers);
    let answered = async {
        same_origin(&edge.node, &parts.headers)?;
        let fields = form(&parts.headers, body).await?;
        let sealed = fields.require("request")?;
        let decision = match fields.require("decision")? {
            "allow" => Decision::Allow,
            "deny" => Decision::Deny,
            _ => return Err(Reason::ParameterMalformed.about("decision").into()),
        };
        let who = signed_in(&edge, &visitor).await?;
        let chosen = fields.get("account")?;
        authorize::decide(&edge.node, sealed, decision, chosen, visitor.browser(), who.as_ref()).await
    };
    match answered.await {
        Ok(url) => reply::see_other(&url),
        Err(shown) => refused::page(&edge, &parts, shown as Shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_say_nothing_twice_and_the_marked_ones_first() {
        let profile = causeway_protocol::profile::shipped("tripleseat").expect("shipped");
        let registry = Scopes::new(profile.scopes.iter().map(|word| word.name.clone()).collect());
        let said =
            |words: &[&str]| permissions(&profile, &registry, registry.set(words.iter().copied()).expect("known"));
        let one = said(&["leads:read"]);
        assert_eq!(one.see.len(), 1);
        assert_eq!(said(&["read"]), said(&["read", "leads:read", "events:read"]), "the umbrella says it");
        assert_eq!(said(&["write"]), said(&["write", "leads:write"]));
        assert_eq!(said(&["leads:read", "events:read"]).see.len(), 2, "neither covers the other");
        let all: Vec<&str> = profile.scopes.iter().map(|word| word.name.as_str()).collect();
        let all = said(&all);
        for lines in [&all.see, &all.change, &all.stay] {
            assert!(lines.is_sorted_by_key(|line| !line.risky), "{lines:?}");
        }
        assert!(all.change.iter().any(|line| line.risky));
    }
}
