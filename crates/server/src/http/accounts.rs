//! The calls with which an app looks after its accounts (ORC-02, ORC-10): JSON or a form with the app's API key in a header,
//! answered in the API's own shape. Who may do what is `flows::accounts`'s decision.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use causeway_guard::Denied;
use causeway_protocol::accounts::{Fields, field};
use causeway_protocol::legacy::Account;
use causeway_protocol::params::Params;
use causeway_protocol::{Reason, Refusal};
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::{body, headers, reply};
use crate::flows::accounts::Keeper;
use crate::flows::caller::Refused;
use crate::flows::mini_app;
use crate::shared::{Edge, Shared};

/// POST: adds an account.
pub async fn register(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, sent) = request.into_parts();
    let answered = async {
        let (keeper, params) = caller(&edge, &parts, sent).await?;
        let fields = fields(&keeper, &params)?;
        let account = keeper.register(&edge, fields).await?;
        Ok(shown(&keeper, &account))
    };
    reply_to(&edge, answered.await)
}

/// POST: changes one.
pub async fn edit(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, sent) = request.into_parts();
    let answered = async {
        let (keeper, params) = caller(&edge, &parts, sent).await?;
        let fields = fields(&keeper, &params)?;
        let account = keeper.edit(&edge.node, fields).await?;
        Ok(shown(&keeper, &account))
    };
    reply_to(&edge, answered.await)
}

/// POST: deletes one for good, with what it had connected in the mini-app.
pub async fn delete(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, sent) = request.into_parts();
    let answered = async {
        let (keeper, params) = caller(&edge, &parts, sent).await?;
        let account = keeper.delete(&edge.node, named(&keeper, &params)?).await?;
        mini_app::forget(&edge, &account).await;
        Ok(json!({"accountId": account.external_id, "deleted": true}))
    };
    reply_to(&edge, answered.await)
}

/// POST: a sign-in token for the mini-app.
pub async fn sign_in(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, sent) = request.into_parts();
    let answered = async {
        let (keeper, params) = caller(&edge, &parts, sent).await?;
        let account = named(&keeper, &params)?;
        let (text, token) = keeper.sign_in_token(&edge.node, account).await?;
        let life = token.expires_at.since(edge.node.now()).0;
        Ok(json!({"token": text, "expiresIn": life, "accountId": account, "appId": keeper.app.client_id}))
    };
    reply_to(&edge, answered.await)
}

/// Who calls, proven, and what they sent.
async fn caller(edge: &Shared, parts: &Parts, sent: Body) -> Result<(Keeper, Params), Refused> {
    if parts.method != Method::POST {
        return Err(Reason::MethodNotAllowed.into());
    }
    let keeper = Keeper::by_key(edge, key(edge, parts)?, headers::source(parts).0).await?;
    Ok((keeper, body::read(&parts.headers, sent).await?))
}

/// The fields of an account of the key's own app.
fn fields(keeper: &Keeper, params: &Params) -> Result<Fields, Refusal> {
    let fields = Fields::read(params)?;
    keeper.speaks_for(params.require(field::APP)?)?;
    Ok(fields)
}

/// The id of an account of the key's own app.
fn named<'a>(keeper: &Keeper, params: &'a Params) -> Result<&'a str, Refusal> {
    let (app, account) = (params.get(field::APP)?, params.get(field::ACCOUNT)?);
    let missing: Vec<String> = [(field::APP, app), (field::ACCOUNT, account)]
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(name, _)| format!("{name} is missing"))
        .collect();
    let (Some(app), Some(account)) = (app, account) else {
        return Err(Reason::AccountFieldsWrong.about(missing.join("; ")));
    };
    keeper.speaks_for(app)?;
    Ok(account)
}

/// The API key in the profile's header. Two are none.
fn key<'a>(edge: &Shared, parts: &'a Parts) -> Result<Option<&'a str>, Refusal> {
    let rules = edge.node.profile.api_keys.as_ref();
    let Some(name) = rules.and_then(|rules| rules.header.as_deref()) else { return Ok(None) };
    let mut found = parts.headers.get_all(name).iter();
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Reason::HeaderMalformed.about(name)),
        (one, _) => Ok(one.and_then(|value| value.to_str().ok())),
    }
}

fn shown(keeper: &Keeper, account: &Account) -> Value {
    json!({
        "appId": keeper.app.client_id,
        "accountId": account.external_id,
        "accountName": account.name,
        "timezone": account.timezone,
        "currency": account.currency,
    })
}

fn reply_to(edge: &Shared, answered: Result<Value, Refused>) -> Response {
    let Refused { refusal, wait } = match answered {
        Ok(value) => return reply::json(value.to_string()),
        Err(refused) => refused,
    };
    let key_wrong = refusal.reason == Reason::AppKeyWrong;
    let denied = Denied {
        retry_after: wait,
        allow: (refusal.reason == Reason::MethodNotAllowed).then(|| "POST".to_owned()),
        ..Denied::from(refusal)
    };
    let mut reply = edge.api.guard.reply(&denied).map(Body::from);
    if key_wrong {
        // RFC 9110 15.5.2: every 401 names a challenge.
        reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
    }
    reply
}
