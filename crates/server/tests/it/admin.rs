//! The admin door (CONTRACTS): each call, what it ends, and who is not let in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use causeway_storage::Store;
use causeway_testkit::actors::ACME;
use causeway_testkit::world::{MARCO, OLIVIA};
use causeway_testkit::{Call, Consent, Platform};
use serde_json::json;

fn state(kind: &str, id: &str, body: &str) -> Call {
    Call::post(&format!("/admin/{kind}/{id}/state")).body("application/json", body)
}

/// An access token of the first app for the first customer.
async fn connected(platform: &Platform) -> String {
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    ACME.exchange(platform, &code).await.member("access_token")
}

async fn sites(platform: &Platform, access: &str) -> u16 {
    platform.at_api(Call::get("/v1/sites").bearer(access)).await.status
}

#[tokio::test]
async fn nobody_comes_in_without_the_key() {
    let platform = Platform::start().await;
    let calls = [
        ("POST", "/admin/apps/acme/state"),
        ("POST", "/admin/apps/acme/secret"),
        ("PUT", "/admin/apps/acme/scopes"),
        ("POST", "/admin/people/1/password"),
        ("GET", "/admin/connections"),
        ("DELETE", "/admin/connections/1"),
    ];
    for (method, path) in calls {
        let keys = ["", "Bearer", "Bearer wrong", "Basic YWRtaW46YWRtaW4=", "Bearer admin-key-of-the-tests-012345678"];
        for key in keys {
            let mut call = Call::new(method, path).body("application/json", "{}");
            if !key.is_empty() {
                call = call.header("Authorization", key);
            }
            let reply = call.send(platform.admin_address()).await;
            assert_eq!(reply.refused(), (401, "invalid_token".into(), 700), "{method} {path} {key}");
            assert!(reply.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        }
    }
    assert_eq!(platform.at_admin(Call::post("/admin/apps/acme/secret").bearer("twice")).await.status, 400);
}

#[tokio::test]
async fn each_kind_is_switched_off_and_on() {
    let platform = Platform::start().await;
    let access = connected(&platform).await;
    assert_eq!(sites(&platform, &access).await, 200);
    for (kind, id) in [("apps", "acme"), ("customers", "4100"), ("people", "olivia%40harbor.example")] {
        platform.at_admin(state(kind, id, r#"{"active": false}"#)).await;
        assert_eq!(sites(&platform, &access).await, 401, "{kind} off");
        let again = platform.at_admin(state(kind, id, r#"{"active": false}"#)).await;
        assert_eq!((again.status, again.json()), (200, json!({"active": false})), "twice is no mistake");
        platform.at_admin(state(kind, id, r#"{"active": true}"#)).await;
    }
    let site = platform.at_admin(state("sites", "2101", r#"{"active": false}"#)).await;
    assert_eq!(site.status, 200, "{}", site.text());
    let customer = platform.edge.node.store.customer_by_external("4100").await.unwrap().unwrap();
    let off = |site: &&causeway_protocol::records::Site| site.external_id == "2101" && !site.active;
    assert!(customer.sites.iter().any(|site| off(&site)), "{customer:?}");
}

#[tokio::test]
async fn core_13_a_new_secret_is_shown_once_and_the_old_one_fails_at_once() {
    let platform = Platform::start().await;
    let reply = platform.at_admin(Call::post("/admin/apps/acme/secret")).await;
    let secret = reply.member("client_secret");
    let prefix = &platform.profile().token.prefixes.secret;
    assert!(secret.starts_with(prefix.as_str()) && secret.len() == prefix.len() + 43, "{}", secret.len());
    assert_eq!(reply.header("cache-control"), "no-store");
    let ask = |secret: &str| Call::post("/oauth2/introspect").basic("acme", secret).form(&[("token", "x")]);
    assert_eq!(platform.at_api(ask(&secret)).await.status, 200);
    assert_eq!(platform.at_api(ask(ACME.secret.unwrap())).await.refused(), (401, "invalid_client".into(), 200));
}

#[tokio::test]
async fn scopes_are_narrowed_by_text_or_list() {
    let platform = Platform::start().await;
    let access = connected(&platform).await;
    for body in [json!({"scopes": "leads:read"}), json!({"scopes": ["leads:read"]})] {
        let call = Call::new("PUT", "/admin/apps/acme/scopes").body("application/json", body.to_string());
        let reply = platform.at_admin(call).await;
        assert_eq!((reply.status, reply.json()), (200, json!({"scopes": "leads:read"})));
    }
    let events = platform.at_api(Call::get("/v1/events").bearer(&access)).await.status;
    assert!(matches!(events, 401 | 403), "{events}");
    let unknown = Call::new("PUT", "/admin/apps/acme/scopes").body("application/json", r#"{"scopes": "fly"}"#);
    assert_eq!(platform.at_admin(unknown).await.refusal(), 305);
}

#[tokio::test]
async fn a_password_is_replaced() {
    let platform = Platform::start().await;
    let call = Call::post("/admin/people/marco%40harbor.example/password");
    let reply = platform.at_admin(call.body("application/json", r#"{"password": "a new one"}"#)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let from = std::net::IpAddr::from([127, 0, 0, 1]);
    let check = async |password| causeway_server::flows::passwords::check(&platform.edge, MARCO, password, from).await;
    assert!(check("a new one").await.is_ok());
    assert!(check("pass-marco").await.is_err());
    for (body, said) in [
        (r#"{"password": ""}"#, "8 characters"),
        (r#"{"password": "seven77"}"#, "8 characters"),
        (r#"{"pass": "x"}"#, "password"),
    ] {
        let call = Call::post("/admin/people/marco%40harbor.example/password");
        let reply = platform.at_admin(call.body("application/json", body)).await;
        assert_eq!(reply.refusal(), 702, "{body}");
        assert!(reply.member("error_description").contains(said), "{body}: {}", reply.text());
    }
    assert!(check("a new one").await.is_ok());
}

#[tokio::test]
async fn connections_are_listed_in_pages_and_cut() {
    let platform = Platform::start().await;
    let access = connected(&platform).await;
    platform.grant(Consent::new("acme", causeway_testkit::world::PRIYA)).await;
    let all = platform.connections().await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((&all[0]["app"], &all[0]["customer"], &all[0]["live"]), (&json!("acme"), &json!("4100"), &json!(true)));
    let first = platform.at_admin(Call::get("/admin/connections?limit=1")).await.json();
    assert_eq!((first["connections"].as_array().map(Vec::len), &first["next"]), (Some(1), &all[0]["id"]));
    let next = platform.at_admin(Call::get(&format!("/admin/connections?limit=5&after={}", all[0]["id"]))).await.json();
    assert_eq!((&next["connections"][0]["id"], &next["next"]), (&all[1]["id"], &json!(null)));
    let last = platform.at_admin(Call::get(&format!("/admin/connections?limit=1&after={}", all[0]["id"]))).await.json();
    assert_eq!((&last["connections"][0]["id"], &last["next"]), (&all[1]["id"], &json!(null)), "nothing follows");
    let one = platform.at_admin(Call::get("/admin/connections?customer=4200")).await.json();
    assert_eq!(one["connections"][0]["customer"], "4200");
    platform.cut("acme", "4100").await;
    assert_eq!(sites(&platform, &access).await, 401);
    let id = &all[0]["id"];
    let again = platform.at_admin(Call::new("DELETE", &format!("/admin/connections/{id}"))).await;
    assert_eq!(again.status, 200, "cut twice is cut");
    let live = platform.at_admin(Call::get("/admin/connections?live=true")).await.json();
    assert_eq!(live["connections"].as_array().map(Vec::len), Some(1));
    for wrong in ["limit=x", "after=x", "limit=1&limit=2"] {
        assert_eq!(platform.at_admin(Call::get(&format!("/admin/connections?{wrong}"))).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn unknown_records_and_broken_bodies_are_refused() {
    let platform = Platform::start().await;
    let on = r#"{"active": true}"#;
    for (kind, id) in [
        ("apps", "nobody"),
        ("customers", "9"),
        ("people", "no@body"),
        ("people", "77"),
        ("sites", "9"),
        ("consumers", "1"),
        ("moons", "1"),
    ] {
        assert_eq!(
            platform.at_admin(state(kind, id, on)).await.refused(),
            (404, "not_found".into(), 701),
            "{kind} {id}"
        );
    }
    assert_eq!(platform.at_admin(Call::new("DELETE", "/admin/connections/99")).await.refusal(), 701);
    assert_eq!(platform.at_admin(Call::new("DELETE", "/admin/connections/x")).await.refusal(), 701);
    for body in ["", "{", "[]", "true", r#"{"active": "yes"}"#, r#"{"active": true, "more": 1}"#, "{}"] {
        assert_eq!(
            platform.at_admin(state("apps", "acme", body)).await.refused(),
            (400, "invalid_request".into(), 702),
            "{body}"
        );
    }
    let large = format!(r#"{{"active": true, "x": "{}"}}"#, "y".repeat(20_000));
    assert_eq!(platform.at_admin(state("apps", "acme", &large)).await.status, 413);
    let app = platform.app("acme");
    assert!(app.active, "nothing of this switched anything");
}
