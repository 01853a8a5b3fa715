//! The metadata document (RFC 8414; SECURITY 13).

use causeway_testkit::actors::{ACME, DESKTOP, EVERYTHING};
use causeway_testkit::client::raw;
use causeway_testkit::world::{self, OLIVIA};
use causeway_testkit::{Builder, Call, Platform, Response};
use serde_json::{Value, json};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

async fn document(platform: &Platform) -> Value {
    platform.at_login(Call::get(WELL_KNOWN)).await.json()
}

#[tokio::test]
async fn md_01_it_stands_under_the_issuer_and_names_it() {
    let platform = Platform::start().await;
    let reply = platform.at_login(Call::get(WELL_KNOWN)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "public, max-age=300", "MD-08");
    assert_eq!(reply.json()["issuer"], platform.login());
    let head = platform.at_login(Call::new("HEAD", WELL_KNOWN)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(platform.at_login(Call::post(WELL_KNOWN)).await.status, 405);
}

#[tokio::test]
async fn md_02_md_04_it_lists_exactly_what_is_on() {
    let platform = Platform::start().await;
    let (login, api) = (platform.login(), platform.api());
    let scopes: Vec<&str> = platform.profile().scopes.iter().map(|scope| scope.name.as_str()).collect();
    let want = json!({
        "issuer": login,
        "authorization_endpoint": format!("{login}/oauth2/authorize"),
        "token_endpoint": format!("{api}/oauth2/token"),
        "revocation_endpoint": format!("{api}/oauth2/revoke"),
        "introspection_endpoint": format!("{api}/oauth2/introspect"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "oauth1_exchange"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": scopes,
        "authorization_response_iss_parameter_supported": true,
    });
    assert_eq!(document(&platform).await, want);
    let without = Builder::new().profile(|profile| profile.authorize.iss = false).start().await;
    assert_eq!(document(&without).await["authorization_response_iss_parameter_supported"], false);
}

#[tokio::test]
async fn md_02_what_it_lists_works() {
    let platform = Platform::start().await;
    let document = document(&platform).await;
    let path = |name: &str| {
        let url = document[name].as_str().unwrap();
        url.strip_prefix(platform.api()).unwrap().to_owned()
    };
    let pair = ACME.connect(&platform, OLIVIA).await;
    let secret = ACME.secret.unwrap();
    // client_secret_basic at each, client_secret_post by the others' tests, none by a public app.
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", pair.refresh.as_str())];
    let call = |path: String, pairs: &[(&str, &str)]| Call::post(&path).basic("acme", secret).form(pairs);
    let reply = platform.at_api(call(path("token_endpoint"), &refresh)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let access = reply.member("access_token");
    let reply = platform.at_api(call(path("introspection_endpoint"), &[("token", &access)])).await;
    assert_eq!(reply.json()["active"], true);
    assert_eq!(platform.at_api(call(path("revocation_endpoint"), &[("token", &access)])).await.status, 200);
    let public = DESKTOP.connect(&platform, OLIVIA).await;
    assert_eq!(DESKTOP.revoke(&platform, &public.refresh).await.status, 200);
    let all = EVERYTHING.connect(&platform, OLIVIA).await;
    let granted = EVERYTHING.introspect(&platform, &all.access).await.member("scope");
    let listed: Vec<&str> = document["scopes_supported"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(granted, listed.join(" "), "every scope that is listed can be granted");
}

#[tokio::test]
async fn md_03_none_is_listed_only_where_a_public_app_is() {
    let confidential_only = world::TEXT.replace(
        "client_id = \"desktop\"\nkind = \"public\"",
        "client_id = \"desktop\"\nclient_secret = \"x\"\nkind = \"confidential\"",
    );
    assert_ne!(confidential_only, world::TEXT);
    let platform = Builder::new().seed(&confidential_only).start().await;
    let document = document(&platform).await;
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    assert_eq!(document["token_endpoint_auth_methods_supported"], methods);
    assert_eq!(document["revocation_endpoint_auth_methods_supported"], methods);
}

#[tokio::test]
async fn md_07_t_02_the_issuer_never_comes_from_the_request() {
    let platform = Platform::start().await;
    let foreign = platform.at_login(Call::get(WELL_KNOWN).host("evil.example")).await;
    assert_eq!(foreign.status, 421, "{}", foreign.text());
    let want = document(&platform).await;
    for (name, value) in [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Original-URI", "https://evil.example/"),
    ] {
        let reply = platform.at_login(Call::get(WELL_KNOWN).header(name, value)).await;
        assert_eq!(reply.json(), want, "{name}");
    }
    let address = platform.login_address();
    let absolute =
        format!("GET http://evil.example{WELL_KNOWN} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let reply = Response::parse(&raw(address, absolute.as_bytes()).await, false).unwrap();
    assert!(!reply.text().contains("evil"), "{}", reply.text());
}
