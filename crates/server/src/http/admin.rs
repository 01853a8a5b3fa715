//! The admin door (CONTRACTS): a bearer key, small JSON bodies, one call each. What a call does is `flows::admin`'s
//! business.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::seal::sha256;
use causeway_protocol::{ConnectionId, Reason, Refusal};
use causeway_storage::Page;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::body::collect;
use super::headers::single;
use super::reply;
use crate::flows::admin::{self, Named, Switchable};
use crate::shared::Edge;

/// The largest body of a call.
const MAX_BODY: usize = 16 * 1024;
/// Connections on a page unless the caller says otherwise, and at most.
const PAGE: (u32, u32) = (100, 500);

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

/// `POST /admin/{apps|customers|people|sites}/{id}/state`
pub async fn state(
    State(edge): State<Edge>,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(async {
        enter(&edge, &headers)?;
        let what = Switchable::from_word(&kind).ok_or_else(|| Reason::AdminSubjectUnknown.about(kind))?;
        let StateBody { active } = read(&headers, body).await?;
        admin::switch(&edge.node, what, &id, active).await?;
        Ok(json!({"active": active}))
    })
    .await
}

/// `POST /admin/apps/{id}/secret`: answers the new secret, once.
pub async fn secret(State(edge): State<Edge>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer(async {
        enter(&edge, &headers)?;
        let secret = admin::renew_secret(&edge.node, &id).await?;
        Ok(json!({"client_secret": secret.expose()}))
    })
    .await
}

/// `PUT /admin/apps/{id}/scopes`
pub async fn scopes(State(edge): State<Edge>, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    answer(async {
        enter(&edge, &headers)?;
        let words = match read::<ScopesBody>(&headers, body).await?.scopes {
            Words::Text(text) => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            Words::List(list) => list,
        };
        let scopes = admin::set_scopes(&edge.node, &id, &words).await?;
        Ok(json!({"scopes": scopes}))
    })
    .await
}

/// `POST /admin/people/{id}/password`
pub async fn password(State(edge): State<Edge>, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    answer(async {
        enter(&edge, &headers)?;
        let PasswordBody { password } = read(&headers, body).await?;
        admin::set_password(&edge, &id, &password).await?;
        Ok(json!({}))
    })
    .await
}

/// `GET /admin/connections?customer=ID&live=true&after=N&limit=N`
pub async fn connections(State(edge): State<Edge>, uri: Uri, headers: HeaderMap) -> Response {
    answer(async {
        enter(&edge, &headers)?;
        let query = Params::form(uri.query().unwrap_or_default().as_bytes())?;
        let number = |name: &'static str| match query.get(name)? {
            Some(text) => text.parse::<i64>().map(Some).map_err(|_| Reason::ParameterMalformed.about(name)),
            None => Ok(None),
        };
        let live = query.get("live")?.is_some_and(|live| live == "true");
        let limit = number("limit")?.map_or(PAGE.0, |limit| limit.clamp(1, PAGE.1.into()) as u32);
        let page = Page { after: number("after")?.map(ConnectionId), limit };
        let found = admin::connections(&edge.node, query.get("customer")?, live, page).await?;
        let next = found.last().filter(|_| found.len() as u64 == u64::from(limit)).map(|last| last.connection.id.0);
        let list: Vec<Value> = found.iter().map(|named| shown(&edge, named)).collect();
        Ok(json!({"connections": list, "next": next}))
    })
    .await
}

/// `DELETE /admin/connections/{id}`
pub async fn cut(State(edge): State<Edge>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer(async {
        enter(&edge, &headers)?;
        admin::cut(&edge.node, &id).await?;
        Ok(json!({}))
    })
    .await
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

async fn answer(call: impl Future<Output = Result<Value, Refusal>>) -> Response {
    match call.await {
        Ok(value) => reply::json(value.to_string()),
        Err(refusal) => reply::refused_bearer(&refusal),
    }
}

/// Lets in who holds the key. Compared as digests, in time that does not depend on where they differ.
fn enter(edge: &Edge, headers: &HeaderMap) -> Result<(), Refusal> {
    let given = single(headers, &AUTHORIZATION)?.and_then(|value| value.split_once(' '));
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or("", |(_, key)| key.trim());
    let given: [u8; 32] = sha256(&[given.as_bytes()]);
    let right = edge.options.admin_key.as_ref().is_some_and(|key| {
        let wanted: [u8; 32] = sha256(&[key.expose().as_bytes()]);
        given.ct_eq(&wanted).into()
    });
    if right { Ok(()) } else { Err(Reason::AdminKeyWrong.refuse()) }
}

async fn read<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Refusal> {
    let bytes = collect(headers, body, MAX_BODY).await?;
    serde_json::from_slice(&bytes).map_err(|_| Reason::AdminBodyMalformed.refuse())
}
