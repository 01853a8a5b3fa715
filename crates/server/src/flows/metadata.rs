//! The authorization server's metadata (RFC 8414): exactly what is on, from the profile and the configured origins.
//! Never from a request: a Host header could make the issuer somebody else's (SECURITY MD-07).

use causeway_protocol::exchange;
use causeway_protocol::profile::HostWord;
use causeway_protocol::records::{AppStatus, ClientKind};
use serde_json::{Map, Value, json};

use crate::node::Node;

/// The document.
pub fn document(node: &Node) -> String {
    let (profile, login) = (&node.profile, &node.origins.login);
    let programs = match profile.endpoints.token_host {
        HostWord::Login => login,
        HostWord::Api => &node.origins.api,
    };
    let at = |origin: &str, path: &str| Value::from(format!("{origin}{path}"));
    let proven = ["client_secret_basic", "client_secret_post"];
    // Some clients drop their secret when they read `none` (SECURITY MD-03): only where an app needs it.
    let any_public =
        node.held.apps().iter().any(|app| app.kind == ClientKind::Public && app.status == AppStatus::Approved);
    let mut by_id = proven.to_vec();
    by_id.extend(any_public.then_some("none"));
    let mut grants = vec!["authorization_code", "refresh_token"];
    grants.extend(exchange::offered(profile, node.now()).is_ok().then_some("oauth1_exchange"));
    grants.extend(profile.token.client_credentials.then_some("client_credentials"));
    let scopes: Vec<&str> = profile.scopes.iter().map(|scope| scope.name.as_str()).collect();
    let members = [
        ("issuer", Value::from(login.as_str())),
        ("authorization_endpoint", at(login, &profile.endpoints.authorize)),
        ("token_endpoint", at(programs, &profile.endpoints.token)),
        ("revocation_endpoint", at(programs, &profile.endpoints.revoke)),
        ("introspection_endpoint", at(programs, &profile.endpoints.introspect)),
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query"])),
        ("grant_types_supported", json!(grants)),
        ("token_endpoint_auth_methods_supported", json!(by_id)),
        ("revocation_endpoint_auth_methods_supported", json!(by_id)),
        ("introspection_endpoint_auth_methods_supported", json!(proven)),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("scopes_supported", json!(scopes)),
        ("authorization_response_iss_parameter_supported", Value::from(profile.authorize.iss)),
    ];
    // RFC 8414 3.2: a claim with no elements is left out.
    let said = members.into_iter().filter(|(_, value)| value.as_array().is_none_or(|list| !list.is_empty()));
    Value::Object(said.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>()).to_string()
}
