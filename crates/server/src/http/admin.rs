//! The admin door (CONTRACTS): a bearer key, small JSON bodies, one call each. What a call does is `flows::admin`'s
//! business.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::seal::sha256;
use causeway_protocol::secret::Secret;
use causeway_protocol::{ConnectionId, Reason, Refusal, UnixTime};
use causeway_storage::Page;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Request};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::body::collect;
use super::headers::single;
use super::{nodes, reply};
use crate::flows::admin::{self, Named, Switchable};
use crate::shared::Edge;

/// The largest body of a call.
const MAX_BODY: usize = 16 * 1024;
/// Connections on a page unless the caller says otherwise, and at most.
// The store is asked for one more than is shown.
const PAGE: (u32, u32) = (100, causeway_storage::PAGE_MAX - 1);

/// A body with one field.
trait OneField: DeserializeOwned {
    /// Its name: what a refusal is about.
    const FIELD: &'static str;
}

impl OneField for StateBody {
    const FIELD: &'static str = "active: true or false, and nothing else";
}

impl OneField for ScopesBody {
    const FIELD: &'static str = "scopes: a text or a list, and nothing else";
}

impl OneField for PasswordBody {
    const FIELD: &'static str = "password: a text, and nothing else";
}

/// `{"active": bool}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateBody {
    active: bool,
}

/// `{"scopes": "a b"}` or `{"scopes": ["a", "b"]}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopesBody {
    scopes: Words,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    List(Vec<String>),
}

/// `{"password": "…"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    password: String,
}

impl OneField for UntilBody {
    const FIELD: &'static str = "until: seconds since the Unix epoch, or null, and nothing else";
}

impl OneField for AppBody {
    const FIELD: &'static str = "app: a client_id, and nothing else";
}

/// `{"until": seconds since the Unix epoch, or null}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntilBody {
    #[serde(deserialize_with = "Option::deserialize")]
    until: Option<i64>,
}

/// `{"app": "client_id"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppBody {
    app: String,
}

/// Why a call is not done.
enum No {
    Refused(Refusal),
    /// The methods that would do.
    Method(&'static str),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        No::Refused(refusal)
    }
}

/// Everything under `/admin`. Nothing is told, not even what there is, to who does not hold the key.
pub async fn door(State(edge): State<Edge>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    match answer(&edge, &parts, body).await {
        Ok(value) => reply::json(value.to_string()),
        Err(No::Refused(refusal)) => reply::refused_bearer(&refusal),
        Err(No::Method(allow)) => reply::method_not_allowed(allow),
    }
}

async fn answer(edge: &Edge, parts: &Parts, body: Body) -> Result<Value, No> {
    enter(edge, &parts.headers)?;
    let path = parts.uri.path().strip_prefix("/admin/").unwrap_or_default();
    let words: Vec<&str> = path.split('/').collect();
    let only = |allow: &'static str| {
        let fits = allow.split(", ").any(|method| method == parts.method.as_str());
        if fits { Ok(()) } else { Err(No::Method(allow)) }
    };
    let headers = &parts.headers;
    let done = match words[..] {
        ["apps", id, "secret"] => {
            only("POST")?;
            secret(edge, &named(id)?).await
        }
        ["apps", id, "scopes"] => {
            only("PUT")?;
            scopes(edge, &named(id)?, headers, body).await
        }
        ["people", id, "password"] => {
            only("POST")?;
            password(edge, &named(id)?, headers, body).await
        }
        ["customers", id, "oauth1"] => {
            only("PUT")?;
            extension(edge, &named(id)?, headers, body).await
        }
        ["audiences", id, "key"] => {
            only("POST")?;
            admin::replace_access_key(&edge.node, &named(id)?).await.map(|()| json!({}))
        }
        ["consumers", key, "reopen"] => {
            only("POST")?;
            reopen(edge, &named(key)?, headers, body).await
        }
        [kind, id, "state"] => {
            only("POST")?;
            state(edge, kind, &named(id)?, headers, body).await
        }
        ["nodes"] => {
            only("GET, HEAD")?;
            Ok(nodes::list(edge))
        }
        ["connections"] => {
            only("GET, HEAD")?;
            connections(edge, parts.uri.query()).await
        }
        ["connections", id] => {
            only("DELETE")?;
            admin::cut(&edge.node, &named(id)?).await.map(|()| json!({}))
        }
        _ => Err(Reason::NoSuchPage.refuse()),
    };
    Ok(done?)
}

/// An id as it stands in a path.
fn named(part: &str) -> Result<Cow<'_, str>, Refusal> {
    percent_decode_str(part).decode_utf8().map_err(|_| Reason::AdminSubjectUnknown.about("not UTF-8"))
}

/// `POST /admin/{apps|customers|people|sites|consumers}/{id}/state`
async fn state(edge: &Edge, kind: &str, id: &str, headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    let what = Switchable::from_word(kind).ok_or_else(|| Reason::AdminSubjectUnknown.about(kind))?;
    let StateBody { active } = read(headers, body).await?;
    admin::switch(&edge.node, what, id, active).await?;
    Ok(json!({"active": active}))
}

/// `PUT /admin/customers/{id}/oauth1`: how long this customer may go on with OAuth 1.0.
async fn extension(edge: &Edge, id: &str, headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    let UntilBody { until } = read(headers, body).await?;
    admin::extend_legacy(&edge.node, id, until.map(UnixTime)).await?;
    Ok(json!({"until": until}))
}

/// `POST /admin/consumers/{key}/reopen`: the app may exchange this pair once more.
async fn reopen(edge: &Edge, key: &str, headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    let AppBody { app } = read(headers, body).await?;
    admin::reopen_exchange(&edge.node, key, &app).await?;
    Ok(json!({"app": app}))
}

/// `POST /admin/apps/{id}/secret`: answers the new secret, once.
async fn secret(edge: &Edge, id: &str) -> Result<Value, Refusal> {
    let secret = admin::renew_secret(&edge.node, id).await?;
    Ok(json!({"client_secret": secret.expose()}))
}

/// `PUT /admin/apps/{id}/scopes`
async fn scopes(edge: &Edge, id: &str, headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    let words = match read::<ScopesBody>(headers, body).await?.scopes {
        Words::Text(text) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        Words::List(list) => list,
    };
    let scopes = admin::set_scopes(&edge.node, id, &words).await?;
    Ok(json!({"scopes": scopes}))
}

/// `POST /admin/people/{id}/password`
async fn password(edge: &Edge, id: &str, headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    let PasswordBody { password } = read(headers, body).await?;
    admin::set_password(edge, id, &password).await?;
    Ok(json!({}))
}

/// `GET /admin/connections?customer=ID&live=true&after=N&limit=N`
async fn connections(edge: &Edge, query: Option<&str>) -> Result<Value, Refusal> {
    let query = Params::form(query.unwrap_or_default().as_bytes())?;
    let number = |name: &'static str| match query.get(name)? {
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| Reason::ParameterMalformed.about(name)),
        None => Ok(None),
    };
    let live = query.get("live")?.is_some_and(|live| live == "true");
    let limit = number("limit")?.map_or(PAGE.0, |limit| limit.clamp(1, PAGE.1.into()) as u32);
    // One more than is shown: whether anything follows.
    let page = Page { after: number("after")?.map(ConnectionId), limit: limit + 1 };
    let mut found = admin::connections(&edge.node, query.get("customer")?, live, page).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.connection.id.0);
    let list: Vec<Value> = found.iter().map(|named| shown(edge, named)).collect();
    Ok(json!({"connections": list, "next": next}))
}

fn shown(edge: &Edge, named: &Named) -> Value {
    let connection = &named.connection;
    json!({
        "id": connection.id.0,
        "app": named.app.as_ref().map(|app| &app.client_id),
        "customer": named.customer.as_ref().map(|customer| &customer.external_id),
        "authorized_by": connection.authorized_by.0,
        "scopes": edge.node.held.scopes().text(connection.scopes),
        "created_at": connection.created_at.0,
        "allowed_at": connection.allowed_at.0,
        "live": connection.live,
        "cut_at": connection.cut_at.map(|at| at.0),
        "last_used": connection.last_used.map(|at| at.0),
    })
}

/// Lets in who holds the key. Compared as digests, in time that does not depend on where they differ.
fn enter(edge: &Edge, headers: &HeaderMap) -> Result<(), Refusal> {
    if holds(edge.options.admin_key.as_ref(), headers)? { Ok(()) } else { Err(Reason::AdminKeyWrong.refuse()) }
}

/// Whether the request bears this key. Nobody bears one that there is not.
pub(crate) fn holds(key: Option<&Secret>, headers: &HeaderMap) -> Result<bool, Refusal> {
    let given = single(headers, &AUTHORIZATION)?.and_then(|value| value.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, key)| key.trim());
    let given: [u8; 32] = sha256(&[given.as_bytes()]);
    Ok(key.is_some_and(|key| {
        let wanted: [u8; 32] = sha256(&[key.expose().as_bytes()]);
        given.ct_eq(&wanted).into()
    }))
}

async fn read<T: OneField>(headers: &HeaderMap, body: Body) -> Result<T, Refusal> {
    let bytes = collect(headers, body, MAX_BODY).await?;
    // The parser's own words may repeat what was sent.
    serde_json::from_slice(&bytes).map_err(|_| Reason::AdminBodyMalformed.about(T::FIELD))
}
