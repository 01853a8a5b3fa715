//! The customer's connected apps: the list, one of them, and the button that cuts it. Whose they are is the flow's
//! question.

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::profile::SubjectRule;
use causeway_protocol::records::Customer;
use causeway_protocol::{ConnectionId, CustomerId, Reason, Refusal, ScopeSet, UserId};
use http::request::Parts;

use super::browser::{Visitor, same_origin};
use super::consent::{lower, permissions, sites};
use super::refused::support;
use super::views::{Connected, Connection, Health, LegacyNote, May, Row, Tab};
use super::{FormEnds, card, form, page, path_part, refused, sign_in, signed_frame, signed_in, words};
use crate::flows::authorize::Shown;
use crate::flows::connected::{self, Cutter, Listed, Whose};
use crate::flows::session::SignedIn;
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// So many permissions are named in a row.
const NAMED: usize = 2;

/// The list: `?account=NUMBER` of another account than the own one, `?after=ID` for the next page, `?disconnected=ID` right
/// after a cut.
pub async fn list(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = async {
        let Some(who) = visitor(&edge, &parts).await? else { return Ok(sign_in_first(&edge, &parts)) };
        let query = Params::form(parts.uri.query().unwrap_or_default().as_bytes())?;
        let whose = number(&query, "account")?.map_or(Whose::First, |number| Whose::Account(CustomerId(number)));
        let cutter = connected::cutter(&edge.node, &who, whose).await?;
        let after = number(&query, "after")?;
        let (rows, more) = cutter.list(&edge.node, after.map(ConnectionId)).await?;
        let gone = match number(&query, "disconnected")? {
            Some(id) => cutter.name_of_cut(&edge.node, ConnectionId(id)).await.unwrap_or_default(),
            None => None,
        };
        let last = rows.last().filter(|_| more).map(|row| list_of(&edge, &cutter, "after", row.connection.id));
        let view = Connected {
            frame: signed_frame(&edge, &parts, &who),
            customer: words::name(&cutter.customer.name),
            sites_word: match sites(&edge.node.profile, &cutter.customer).title.is_empty() {
                true => String::new(),
                false => words::sentence(&edge.node.profile.brand.sites_word),
            },
            rows: rows.iter().map(|listed| row(&edge, &cutter, listed)).collect(),
            gone: gone.as_deref().map(words::name),
            accounts: accounts(&edge, &cutter),
            later: after.is_some(),
            first: address(&edge, &cutter, &cutter.customer),
            next: last,
            support: support(&edge.node.profile, true),
            legacy: legacy(&edge, &cutter).await?,
        };
        Ok::<_, Shown>(page(Kind::Ok, &view, FormEnds::Here))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// The address of an account's list. The own one's is the plain one.
fn address(edge: &Shared, cutter: &Cutter, account: &Customer) -> String {
    let apps = &edge.node.profile.endpoints.connected_apps;
    let first = cutter.accounts.first().is_none_or(|first| first.id == account.id);
    if first { apps.clone() } else { format!("{apps}?account={}", account.id) }
}

/// The address of the list with one parameter more.
fn list_of(edge: &Shared, cutter: &Cutter, name: &str, id: ConnectionId) -> String {
    let list = address(edge, cutter, &cutter.customer);
    let join = if list.contains('?') { '&' } else { '?' };
    format!("{list}{join}{name}={id}")
}

/// What a person who also runs teams switches between; nothing for anybody else.
fn accounts(edge: &Shared, cutter: &Cutter) -> Vec<Tab> {
    let tab = |account: &Customer| Tab {
        href: address(edge, cutter, account),
        text: words::name(&account.name),
        here: account.id == cutter.customer.id,
    };
    if cutter.accounts.len() > 1 { cutter.accounts.iter().map(tab).collect() } else { Vec::new() }
}

/// Says that OAuth 1.0 ends, or has ended, to a customer that still has a key of it (TSM-16).
async fn legacy(edge: &Shared, cutter: &Cutter) -> Result<Option<LegacyNote>, Shown> {
    let Some(rules) = edge.node.profile.oauth1.as_ref() else { return Ok(None) };
    let Some(sentence) = words::legacy(rules, edge.node.now()) else { return Ok(None) };
    let has_one = cutter.signs_with_oauth1(&edge.node).await?;
    let guide = rules.guide.clone().filter(|guide| guide.starts_with("https://"));
    Ok(has_one.then_some(LegacyNote { sentence, guide }))
}

/// One connection, with the button.
pub async fn show(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = async {
        let Some(who) = visitor(&edge, &parts).await? else { return Ok(sign_in_first(&edge, &parts)) };
        let id = parse(path_part(&parts, 0))?;
        let cutter = connected::cutter(&edge.node, &who, Whose::Of(id)).await?;
        let listed = cutter.find(&edge.node, id).await?;
        let profile = &edge.node.profile;
        let sites = sites(profile, &cutter.customer);
        let life = profile.token.refresh_life;
        let view = Connection {
            frame: signed_frame(&edge, &parts, &who),
            customer: words::name(&cutter.customer.name),
            list: address(&edge, &cutter, &cutter.customer),
            row: row(&edge, &cutter, &listed),
            may: may(&edge, &listed),
            sites_title: sites.title,
            sites: sites.names,
            more_sites: sites.more,
            idle: words::length(life.idle.min(life.absolute)),
            absolute: words::length(life.absolute),
            token: who.token(&deed(listed.connection.id)),
            personal: profile.policy.subject == SubjectRule::User,
        };
        Ok::<_, Shown>(page(Kind::Ok, &view, FormEnds::Here))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// Cuts one.
pub async fn disconnect(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        same_origin(&edge.node, &parts.headers)?;
        let fields = form(&parts.headers, body).await?;
        let who = visitor(&edge, &parts).await?.ok_or(Reason::SignInNeeded)?;
        let id = parse(path_part(&parts, 1))?;
        if !who.owns(fields.require("token")?, &deed(id)) {
            return Err(Reason::FormForeign.into());
        }
        let cutter = connected::cutter(&edge.node, &who, Whose::Of(id)).await?;
        cutter.cut(&edge.node, id).await?;
        Ok::<_, Shown>(reply::see_other(&list_of(&edge, &cutter, "disconnected", id)))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

async fn visitor(edge: &Shared, parts: &Parts) -> Result<Option<SignedIn>, Shown> {
    Ok(signed_in(edge, &Visitor::of(&edge.node, &parts.headers)).await?)
}

/// The sign-in page in place of this one; signing in leads to the list.
fn sign_in_first(edge: &Shared, parts: &Parts) -> Response {
    sign_in::ask(edge, parts, None, None, sign_in::Tried::default())
}

fn deed(id: ConnectionId) -> String {
    format!("disconnect {id}")
}

fn parse(id: &str) -> Result<ConnectionId, Reason> {
    id.parse().map(ConnectionId).map_err(|_| Reason::NoSuchConnection)
}

/// A number of the query; anything else counts as absent, and twice is refused (T-04).
fn number(query: &Params, name: &str) -> Result<Option<i64>, Refusal> {
    Ok(query.get(name)?.and_then(|text| text.parse().ok()))
}

/// What it may do now: what was allowed, as far as the app still has it (TOKENS 2).
fn may(edge: &Shared, listed: &Listed) -> May {
    let scopes: ScopeSet = listed.connection.scopes.intersect(listed.app.scopes);
    permissions(&edge.node.profile, &edge.node.held.scopes(), scopes)
}

fn row(edge: &Shared, cutter: &Cutter, listed: &Listed) -> Row {
    let (profile, now) = (&edge.node.profile, edge.node.now());
    let may = may(edge, listed);
    Row {
        href: format!("{}/{}", profile.endpoints.connected_apps, listed.connection.id),
        app: card(&listed.app, profile),
        risky: [&may.see, &may.change, &may.stay].into_iter().flatten().any(|line| line.risky),
        may: in_short(&may),
        sites: sites(profile, &cutter.customer).title,
        by: listed.by.as_ref().map_or_else(|| by_nobody(listed), |by| words::name(&by.email)),
        since: Some(words::when(listed.connection.allowed_at, now)),
        used: listed.connection.last_used.map(|at| words::when(at, now)),
        health: health(listed.health),
    }
}

/// "see your leads, create leads and change them, and 3 more"
fn in_short(may: &May) -> String {
    // One of each kind first: what it may change must not hide behind what it may see.
    let mut lines: Vec<&str> =
        [may.see.first(), may.change.first()].into_iter().flatten().map(|line| line.sentence.as_str()).collect();
    let others = may.see.iter().skip(1).chain(may.change.iter().skip(1)).chain(&may.stay);
    lines.extend(others.map(|line| line.sentence.as_str()));
    if lines.is_empty() {
        return "do nothing any more".to_owned();
    }
    let more = lines.len().saturating_sub(NAMED);
    let mut named: Vec<String> = lines.into_iter().take(NAMED).map(lower).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    words::list(&named)
}

/// Where nobody signs in, whoever held the account's link.
fn by_nobody(listed: &Listed) -> String {
    let nobody = listed.connection.authorized_by == UserId::NOBODY;
    if nobody { "the account’s user".to_owned() } else { "somebody".to_owned() }
}

fn health(health: connected::Health) -> Health {
    match health {
        connected::Health::Working => Health { look: "good", word: "Working", why: "" },
        connected::Health::New => Health { look: "calm", word: "Not used yet", why: "" },
        connected::Health::AppOff => Health {
            look: "warn",
            word: "Paused",
            why: "This app is switched off, so its calls are refused. It goes on when the app is switched on again.",
        },
        connected::Health::AuthorizerOff => Health {
            look: "warn",
            word: "Paused",
            why: "Whoever connected it can no longer sign in, so its calls are refused. An administrator can connect it \
                  again from the app.",
        },
    }
}
