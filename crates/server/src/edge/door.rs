//! What an edge may ask a node, behind a key of its own on the admin listener: the stream, a customer, a verdict on a
//! signed call; and what it reports. Nothing here changes who may do what.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_guard::MAX_SITE_BODY;
use causeway_guard::remote::wire::{
    Heard, Judged, MAX_REPORT, Report, Signed, Verdict, WireCustomer, WireShare, scopes,
};
use causeway_guard::{Credential, Identified};
use causeway_protocol::cluster::{NodeId, Share};
use causeway_protocol::legacy::LegacyUse;
use causeway_protocol::params::Params;
use causeway_protocol::{Change, ConnectionId, ConsumerId, CustomerId, Position, Reason, Refusal, UnixTime};
use causeway_storage::Store;
use http::request::Parts;
use http::{Method, Request};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::seats::{self, Sitting};
use super::stream;
use crate::flows;
use crate::http::front::{Front as _, SignedBy};
use crate::http::headers::source;
use crate::http::{admin, body, reply};
use crate::node::refusal_of;
use crate::shared::{Edge, Shared};

/// The largest body: a form in base64, and a head's worth of everything else.
const MAX_BODY: usize = MAX_SITE_BODY / 3 * 4 + 64 * 1024;

/// Everything under `/edge/`. Nothing is told, not even what there is, to who does not hold the key.
pub async fn door(State(edge): State<Edge>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    match answer(&edge, &parts, body).await {
        Ok(response) => response,
        Err(refusal) => reply::refused_bearer(&refusal),
    }
}

async fn answer(edge: &Edge, parts: &Parts, body: Body) -> Result<Response, Refusal> {
    if !admin::holds(edge.options.edge_key.as_ref(), &parts.headers)? {
        return Err(Reason::EdgeKeyWrong.refuse());
    }
    let path = parts.uri.path().strip_prefix("/edge/").unwrap_or_default();
    match (&parts.method, path) {
        (&Method::GET, "stream") => {
            let (after, sitting) = listener(edge, parts)?;
            let seat = edge.edges.seats.seat(sitting).ok_or_else(|| Reason::EdgesTooMany.refuse())?;
            Ok(reply::stream(stream::begin(edge.clone(), after, seat)))
        }
        (&Method::GET, path) if path.starts_with("customers/") => {
            let id = path["customers/".len()..].parse().map_err(|_| Reason::NoSuchPage.refuse())?;
            let found = edge.node.store.customer(CustomerId(id)).await.map_err(refusal_of)?;
            Ok(reply::json(json!(found.as_ref().map(WireCustomer::from)).to_string()))
        }
        (&Method::POST, "judge") => Ok(reply::json(json!(judge(edge, read(parts, body).await?).await?).to_string())),
        (&Method::POST, "report") => Ok(reply::json(json!(take(edge, read(parts, body).await?).await?).to_string())),
        _ => Err(Reason::NoSuchPage.refuse()),
    }
}

/// Where the edge stands, and who it says it is; an earlier version says only the former.
fn listener(edge: &Shared, parts: &Parts) -> Result<(Option<Position>, Sitting), Refusal> {
    let query = Params::form(parts.uri.query().unwrap_or_default().as_bytes())?;
    let number = |name: &'static str| match query.get(name)? {
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| Reason::ParameterMalformed.about(name)),
        None => Ok(None),
    };
    let after = number("after")?.map(Position);
    let sitting = Sitting {
        edge: number("edge")?.map(NodeId),
        name: seats::shown(query.get("name")?.unwrap_or_default()),
        address: source(parts).0,
        since: edge.node.now(),
        sent: after.unwrap_or(Position::ZERO),
        said: None,
    };
    Ok((after, sitting))
}

async fn read<T: DeserializeOwned>(parts: &Parts, body: Body) -> Result<T, Refusal> {
    let bytes = body::collect(&parts.headers, body, MAX_BODY).await?;
    // The parser's own words may repeat what was sent.
    serde_json::from_slice(&bytes).map_err(|_| Reason::AdminBodyMalformed.about("an edge's question"))
}

/// Who signed a call by OAuth 1.0 (SECURITY O1-*): an edge has no consumer's secret.
async fn judge(edge: &Shared, asked: Signed) -> Result<Judged, Refusal> {
    let Some(rules) = &edge.node.profile.oauth1 else {
        return Ok(Judged { ends_at: None, verdict: Verdict::Unsigned });
    };
    let form = asked.form.map(|form| STANDARD.decode(form)).transpose();
    let form = form.map_err(|_| Reason::AdminBodyMalformed.about("form"))?;
    let signed = flows::oauth1::Signed {
        method: &asked.method,
        path: &asked.path,
        query: asked.query.as_deref(),
        authorization: asked.authorization.as_deref(),
        form: form.as_deref(),
    };
    Ok(match edge.signed(rules, &signed).await {
        Ok(by) => good(by),
        Err(denied) => {
            let verdict = Verdict::Refused { number: denied.reason.number(), detail: denied.detail };
            Judged { ends_at: rules.ends_at.map(|at| at.0), verdict }
        }
    })
}

fn good(by: SignedBy) -> Judged {
    let Some((Identified { credential: Credential::Consumer(consumer), customer, user, scopes: set }, ends_at)) = by
    else {
        return Judged { ends_at: None, verdict: Verdict::Unsigned };
    };
    let verdict = Verdict::Good { consumer: consumer.0, customer: customer.0, user: user.0, scopes: scopes(set) };
    Judged { ends_at: ends_at.map(|at| at.0), verdict }
}

/// The longest name of a route that is counted.
const MAX_ROUTE: usize = 256;

/// What happened at an edge. It can say when something was used, no later than now, how much of budgets, and where it stands, and
/// nothing else. What it used of budgets counts while its own stream is open here, and not before or after. A report that is not good is refused whole.
async fn take(edge: &Shared, report: Report) -> Result<Heard, Refusal> {
    let Report { used, signed, share, standing } = report;
    let malformed = |what: &str| Reason::AdminBodyMalformed.about(what);
    if used.len() > MAX_REPORT {
        return Err(malformed("used"));
    }
    let (node, own) = (&edge.node, edge.node.cluster.id);
    let now = node.now();
    // What is counted is a line of a report: a route's name, today or around midnight.
    let today = now.0.div_euclid(86_400);
    let odd = |route: &str| route.len() > MAX_ROUTE || route.chars().any(char::is_control);
    if signed.len() > MAX_REPORT || signed.iter().any(|(_, day, route, ..)| odd(route) || day.abs_diff(today) > 1) {
        return Err(malformed("signed"));
    }
    // Nor in the name of a node: what that one says itself would count no more.
    let edges_own = |share: &Share| share.node != own && !node.cluster.watch().knows(share.node);
    let share = share.map(|share| share.share(node.clock.millis()).filter(edges_own));
    let share = share.map(|share| share.ok_or_else(|| malformed("share"))).transpose()?;

    if let Some(standing) = standing {
        edge.edges.seats.stands(standing, node.clock.monotonic_nanos());
    }
    for (connection, at) in used {
        edge.last_used.seen(ConnectionId(connection), UnixTime(at).min(now));
    }
    let line = |(consumer, day, route, calls, last_at)| LegacyUse {
        consumer: ConsumerId(consumer),
        day,
        route,
        calls,
        last_at: UnixTime(last_at).min(now),
    };
    let signed: Vec<LegacyUse> = signed.into_iter().map(line).collect();
    if !signed.is_empty() {
        node.apply(Change::RecordLegacy(signed)).await?;
    }
    let answer = |share: Share| {
        let guard = &edge.api.guard;
        let used = match edge.edges.seats.is_open(share.node) {
            true => guard.relay_share(&share, node.clock.monotonic_nanos()),
            false => guard.used_but(share.node),
        };
        WireShare::new(own, share.number, &used)
    };
    Ok(Heard { share: share.map(answer), nodes: edge.api.guard.nodes() })
}
