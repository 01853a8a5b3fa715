//! oxide-auth behind axum: refresh and client credentials, everything in memory behind one lock, as its examples do it.
//!
//! `peer-oxide-auth PORT CHAINS COUNT`: writes COUNT chains to the file, then listens.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use oxide_auth::endpoint::{ClientCredentialsFlow, OwnerConsent, QueryParameter, RefreshFlow, Solicitation};
use oxide_auth::frontends::simple::endpoint::{FnSolicitor, Generic, Vacant};
use oxide_auth::primitives::grant::{Extensions, Grant};
use oxide_auth::primitives::prelude::*;
use oxide_auth::primitives::registrar::{PasswordPolicy, RegisteredUrl, RegistrarError};
use oxide_auth_axum::{OAuthRequest, OAuthResponse, WebError};

const CLIENT: &str = "bench";
const SECRET: &str = "bench-secret-0123456789abcdef";
const CALLBACK: &str = "https://bench.example/callback";

/// Secrets compared in plain: its default, Argon2 for each request, answers about four a second.
struct Plain;

impl PasswordPolicy for Plain {
    fn store(&self, _: &str, passphrase: &[u8]) -> Vec<u8> {
        passphrase.to_vec()
    }

    fn check(&self, _: &str, passphrase: &[u8], stored: &[u8]) -> Result<(), RegistrarError> {
        if passphrase == stored { Ok(()) } else { Err(RegistrarError::Unspecified) }
    }
}

struct Memory {
    registrar: ClientMap,
    issuer: TokenMap<RandomGenerator>,
}

type Shared = Arc<Mutex<Memory>>;

async fn token(State(shared): State<Shared>, request: OAuthRequest) -> Result<OAuthResponse, WebError> {
    let mut memory = shared.lock().expect("nobody panics under it");
    let Memory { registrar, issuer } = &mut *memory;
    let grant = request.body().and_then(|body| body.unique_value("grant_type").map(|value| value.into_owned()));
    let solicitor = FnSolicitor(|_: &mut OAuthRequest, asked: Solicitation| {
        OwnerConsent::Authorized(asked.pre_grant().client_id.clone())
    });
    let endpoint =
        Generic { registrar: &*registrar, authorizer: Vacant, issuer, solicitor, scopes: Vacant, response: Vacant };
    if grant.as_deref() == Some("client_credentials") {
        let mut flow = ClientCredentialsFlow::prepare(endpoint).map_err(WebError::from)?;
        flow.allow_credentials_in_body(true);
        return flow.execute(request).map_err(WebError::from);
    }
    RefreshFlow::prepare(endpoint).map_err(WebError::from)?.execute(request).map_err(WebError::from)
}

/// A resource: is the bearer good? It has no introspection.
async fn resource(State(shared): State<Shared>, headers: HeaderMap) -> Json<serde_json::Value> {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let memory = shared.lock().expect("nobody panics under it");
    let grant = bearer.and_then(|token| memory.issuer.recover_token(token).ok().flatten());
    Json(serde_json::json!({"active": grant.is_some()}))
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().collect();
    let (port, file, count) = (&words[1], &words[2], words[3].parse::<usize>().expect("a count"));
    let scope: Scope = "read".parse().expect("a scope");
    let mut registrar = ClientMap::new();
    registrar.set_password_policy(Plain);
    let callback = CALLBACK.parse::<url::Url>().expect("an address");
    registrar.register_client(Client::confidential(
        CLIENT,
        RegisteredUrl::Semantic(callback.clone()),
        scope.clone(),
        SECRET.as_bytes(),
    ));
    let mut issuer = TokenMap::new(RandomGenerator::new(16));
    let until = chrono::Utc::now() + chrono::Duration::days(365);
    let mut chains = String::new();
    for number in 0..count {
        let grant = Grant {
            owner_id: format!("user-{number}"),
            client_id: CLIENT.into(),
            scope: scope.clone(),
            redirect_uri: callback.clone(),
            until,
            extensions: Extensions::new(),
        };
        let issued = issuer.issue(grant).expect("memory does not refuse");
        let chain = serde_json::json!({"client_id": CLIENT, "client_secret": SECRET, "access": issued.token,
            "refresh": issued.refresh.unwrap_or_default(), "spent": "", "pending": ""});
        let _ = writeln!(chains, "{chain}");
    }
    std::fs::write(file, chains).expect("the chains can be written");
    let routes = Router::new()
        .route("/token", post(token))
        .route("/resource", get(resource))
        .with_state(Arc::new(Mutex::new(Memory { registrar, issuer })));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("the port is free");
    axum::serve(listener, routes).await.expect("axum serves");
}
