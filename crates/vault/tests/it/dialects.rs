//! Platforms that say things their own way: requests as they want them, answers as they give them. What a reply means
//! in every detail is tested in `reply/tests.rs`; here each dialect is spoken from connect to disconnect.

use causeway_protocol::Reason;
use causeway_protocol::profile::{BodyStyle, ClientAuthStyle};
use causeway_vault::timeline::{Outcome, StepKind};
use causeway_vault::{ApiRequest, LifeFrom, Revocation, Status};

use super::fake::{Fake, Fault};
use super::world::{World, connect, connect_at, leads, parameter, query, shipped, try_connect};

#[tokio::test]
async fn cal_12_two_fields_are_a_connection() {
    let world = World::new().await;
    let vault = world.vault_of(shipped(&world, "cal"));
    world.fake.say("/oauth/token", 200, r#"{"access_token":"a1","refresh_token":"r1"}"#);
    let connection = connect_at(&vault, "cal", "main").await.unwrap();
    assert_eq!((connection.status, connection.life_from), (Status::Connected, LifeFrom::Profile));
    assert_eq!(connection.access_ends.unwrap().since(connection.obtained).0, 1_800, "A19");
    world.fake.say("/listBookings", 201, r#"[{"id":1}]"#);
    assert!(vault.call(connection.id, &ApiRequest::get("/listBookings")).await.unwrap().success);
    assert_eq!(world.fake.seen("/listBookings")[0].headers["authorization"], "Bearer a1");
}

#[tokio::test]
async fn cal_13_cal_14_one_field_renews_and_the_old_refresh_token_goes_on_in_the_header() {
    let world = World::new().await;
    let vault = world.vault_of(shipped(&world, "cal"));
    world.fake.say("/oauth/token", 200, r#"{"access_token":"a1","refresh_token":"r1"}"#);
    let first = connect_at(&vault, "cal", "main").await.unwrap();
    for round in 2..5 {
        let token = format!("a{round}");
        world.fake.say("/refreshToken", 200, &format!(r#"{{"access_token":"{token}"}}"#));
        let now = vault.refresh_now(first.id).await.unwrap();
        assert_eq!(now.refresh_ends, first.refresh_ends, "30 days, and none of them anew");
        world.fake.say("/listBookings", 200, "[]");
        vault.call(first.id, &ApiRequest::get("/listBookings")).await.unwrap();
        let sent = world.fake.seen("/listBookings").pop().unwrap();
        assert_eq!(sent.headers["authorization"], format!("Bearer {token}"));
    }
    let sent = world.fake.seen("/refreshToken");
    assert_eq!(sent.len(), 3);
    for request in sent {
        assert_eq!(request.headers["authorization"], "Bearer r1");
        let mut names: Vec<&str> = request.form.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["client_id", "client_secret", "grant_type"], "and not in the body");
    }
}

#[tokio::test]
async fn cal_15_the_test_asks_whose_it_is_and_answers_the_name() {
    let world = World::new().await;
    let vault = world.vault_of(shipped(&world, "cal"));
    world.fake.say("/oauth/token", 200, r#"{"access_token":"a1","refresh_token":"r1"}"#);
    let id = connect_at(&vault, "cal", "main").await.unwrap().id;
    for status in [201, 200] {
        world.fake.say("/oauth/me", status, r#"{"username":"jane"}"#);
        assert_eq!(vault.test_connection(id).await.unwrap(), "jane", "any 2xx");
    }
    assert_eq!(vault.connection(id).await.unwrap().customer.as_deref(), Some("jane"));
    let sent = &world.fake.seen("/oauth/me")[0];
    assert_eq!((sent.line.as_str(), sent.headers["authorization"].as_str()), ("GET /api/auth/oauth/me", "Bearer a1"));
    for (status, body) in [(404, "{}"), (200, "{}"), (200, r#"{"username":""}"#), (200, "<html>"), (200, "[]")] {
        world.fake.say("/oauth/me", status, body);
        assert_eq!(vault.test_connection(id).await.unwrap_err().reason, Reason::AnswerUnreadable, "{status} {body}");
    }
    assert_eq!(vault.connection(id).await.unwrap().status, Status::Connected);
}

#[tokio::test]
async fn core_22_a_missing_scope_that_is_a_401_ends_no_connection() {
    let world = World::new().await;
    let vault = world.vault_of(shipped(&world, "cal"));
    world.fake.say("/oauth/token", 200, r#"{"access_token":"a1","refresh_token":"r1"}"#);
    let id = connect_at(&vault, "cal", "main").await.unwrap().id;
    world.fake.say("/oauth/me", 401, r#"{"message":"Unauthorized"}"#);
    world.fake.say("/refreshToken", 200, r#"{"access_token":"a2"}"#);
    world.fake.say("/oauth/me", 401, r#"{"message":"Unauthorized"}"#);
    assert_eq!(vault.test_connection(id).await.unwrap_err().reason, Reason::PermissionMissing);
    assert_eq!(vault.connection(id).await.unwrap().status, Status::Connected);
}

#[tokio::test]
async fn core_28_a_platform_that_cannot_be_told_is_not_asked() {
    let world = World::new().await;
    let vault = world.vault_of(shipped(&world, "cal"));
    world.fake.say("/oauth/token", 200, r#"{"access_token":"a1","refresh_token":"r1"}"#);
    let id = connect_at(&vault, "cal", "main").await.unwrap().id;
    let sent = world.fake.seen("").len();
    assert_eq!(vault.disconnect(id).await.unwrap(), Revocation::NotOffered);
    assert_eq!((world.fake.seen("").len(), vault.tokens(id).await.unwrap()), (sent, None));
}

#[tokio::test]
async fn ote_11_the_token_endpoint_is_spoken_to_in_json() {
    let world = World::new().await;
    let mut platform = world.platform();
    platform.profile.partner.body = BodyStyle::Json;
    platform.profile.partner.sites_path = None;
    platform.profile.partner.revoke.body = BodyStyle::Json;
    let vault = world.vault_of(platform);
    world.fake.say("/token", 200, r#"{"access_token":"a1","refresh_token":"r1","expires_in":3600}"#);
    let id = connect(&vault).await.id;
    world.fake.say("/token", 200, r#"{"access_token":"a2","refresh_token":"r1","expires_in":3600}"#);
    vault.refresh_now(id).await.unwrap();
    vault.disconnect(id).await.unwrap();
    let sent = [world.fake.seen("/token"), world.fake.seen("/revoke")].concat();
    let expected = [("grant_type", "authorization_code"), ("refresh_token", "r1"), ("token", "r1")];
    assert_eq!(sent.len(), expected.len());
    for (request, (name, value)) in sent.iter().zip(expected) {
        assert_eq!(request.headers["content-type"], "application/json");
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!((&body[name], &body["client_id"]), (&value.into(), &"acme-booking".into()));
    }
}

#[tokio::test]
async fn ote_12_a_401_brings_one_refresh_and_one_repeat() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    let body = r#"{"error":{"type":"authentication_error","message":"Expired.","code":"token_expired"}}"#;
    world.fake.say("/leads", 401, body);
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
    assert_eq!((world.fake.refreshes().len(), world.fake.seen("/leads").len()), (1, 2));
}

#[tokio::test]
async fn orc_13_the_account_is_named_and_each_has_one_connection() {
    let world = World::new().await;
    let mut platform = world.platform();
    platform.profile.authorize.account_parameter = vec!["account_id".to_owned(), "account-id".to_owned()];
    platform.profile.authorize.required_scopes = vec!["offline".to_owned()];
    let vault = world.vault_of(platform);
    let url = vault.begin("tripleseat", "shop 7/é", "s").await.unwrap();
    assert_eq!(parameter(&url, "account_id"), "shop 7/é");
    assert!(parameter(&url, "scope").ends_with(" offline") && !url.contains("account-id"), "{url}");
    let mut ids = Vec::new();
    for account in ["shop-1", "shop-2", "shop-1"] {
        ids.push(connect_at(&vault, "tripleseat", account).await.unwrap().id);
    }
    assert!(ids[0] != ids[1] && ids[0] == ids[2], "{ids:?}");
    let of = vault.connection_of("tripleseat", "shop-2").await.unwrap().unwrap();
    assert_eq!((of.id, of.account.as_str()), (ids[1], "shop-2"));
    for nobody in ["", "a\nb", &"x".repeat(201)] {
        assert_eq!(vault.begin("tripleseat", nobody, "s").await.unwrap_err().reason, Reason::AccountMissing);
    }
}

#[tokio::test]
async fn core_26_a_refusal_leaves_a_living_connection_as_it_is() {
    let world = World::new().await;
    let vault = world.vault();
    let before = connect(&vault).await;
    for back in [
        &[("error", "access_denied")][..],
        &[("error", "access_denied"), ("code", "good-code")],
        &[("error", "server_error"), ("error_description", "later"), ("error_uri", "https://x.example")],
    ] {
        let refusal = try_connect(&vault, back).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::CallbackRefused);
        assert!(refusal.detail.unwrap().starts_with(back[0].1));
    }
    assert_eq!(vault.connections().await.unwrap(), std::slice::from_ref(&before));
    assert_eq!(world.fake.seen("/token").len(), 1, "and no code was sent");
    assert_eq!(vault.call(before.id, &leads()).await.unwrap().status, 200);
}

#[tokio::test]
async fn core_25_three_hosts_and_a_grant_that_slides_with_its_use() {
    let (world, tokens) = (World::new().await, Fake::start().await);
    let mut platform = shipped(&world, "google");
    platform.token_url = Some(tokens.base.clone());
    platform.scopes = vec!["openid".to_owned()];
    let vault = world.vault_of(platform);
    let url = vault.begin("google", "main", "s").await.unwrap();
    assert!(url.starts_with(&format!("{}/o/oauth2/v2/auth?client_id=", world.fake.base)), "{url}");
    assert!(url.ends_with("&access_type=offline&prompt=consent"), "{url}");
    tokens.say("/token", 200, r#"{"access_token":"ya29.1","expires_in":3599,"refresh_token":"1//r","scope":"openid"}"#);
    let first = connect_at(&vault, "google", "main").await.unwrap();
    world.clock.advance(86_400);
    tokens.say("/token", 200, r#"{"access_token":"ya29.2","expires_in":3599,"token_type":"Bearer"}"#);
    world.fake.say("/userinfo", 200, r#"{"sub":"1","name":"Ada"}"#);
    assert_eq!(vault.test_connection(first.id).await.unwrap(), "Ada");
    let now = vault.connection(first.id).await.unwrap();
    assert_eq!(now.refresh_ends.unwrap().since(first.refresh_ends.unwrap()).0, 86_400, "six months from the last use");
    assert_eq!(tokens.refreshes()[0].form["refresh_token"], "1//r");
    let revoked = r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
    tokens.say("/token", 400, revoked);
    assert_eq!(vault.refresh_now(first.id).await.unwrap_err().reason, Reason::ReconnectNeeded);
    tokens.say("/revoke", 200, "");
    assert_eq!(vault.disconnect(first.id).await.unwrap(), Revocation::Done);
    assert_eq!(tokens.seen("/revoke")[0].form["token"], "1//r");
    assert_eq!(world.fake.seen("/token").len() + world.fake.seen("/revoke").len(), 0, "each at its own host");
}

/// A person's token below `authed_user`, a bot's beside it.
const SLACK: &str = r#"{"ok":true,"access_token":"xoxb-bot","token_type":"bot","scope":"commands",
    "team":{"id":"T1","name":"Acme"},"authed_user":{"id":"U1","scope":"channels:read,users:read",
    "access_token":"xoxp-1","token_type":"user","expires_in":43200,"refresh_token":"xoxe-1"}}"#;

#[tokio::test]
async fn core_25_errors_inside_a_200_are_errors() {
    let world = World::new().await;
    let mut platform = shipped(&world, "slack");
    platform.scopes = vec!["channels:read".to_owned(), "users:read".to_owned()];
    let vault = world.vault_of(platform);
    let url = vault.begin("slack", "main", "s").await.unwrap();
    assert_eq!(parameter(&url, "user_scope"), "channels:read,users:read");
    assert!(!url.contains("&scope="), "{url}");
    world.fake.say("/oauth.v2.access", 200, r#"{"ok":false,"error":"invalid_code"}"#);
    let refusal = connect_at(&vault, "slack", "main").await.unwrap_err();
    assert_eq!((refusal.reason, refusal.detail.as_deref()), (Reason::ExchangeFailed, Some("invalid_code")));
    world.fake.say("/oauth.v2.access", 200, SLACK);
    let id = connect_at(&vault, "slack", "main").await.unwrap().id;
    assert_eq!(vault.connection(id).await.unwrap().scope, "channels:read users:read");

    let list = ApiRequest::get("/conversations.list");
    world.fake.say("/conversations.list", 200, r#"{"ok":false,"error":"token_expired"}"#);
    world.fake.say(
        "/oauth.v2.access",
        200,
        r#"{"ok":true,"access_token":"xoxp-2","expires_in":43200,"refresh_token":"xoxe-2","token_type":"user"}"#,
    );
    world.fake.say("/conversations.list", 200, r#"{"ok":true,"channels":[]}"#);
    assert!(vault.call(id, &list).await.unwrap().success, "ote_12: renewed once, repeated once");
    let sent = world.fake.seen("/conversations.list");
    assert_eq!((sent.len(), sent[1].headers["authorization"].as_str()), (2, "Bearer xoxp-2"));
    world.fake.say("/conversations.list", 200, r#"{"ok":false,"error":"missing_scope","needed":"channels:read"}"#);
    assert_eq!(vault.call(id, &list).await.unwrap_err().reason, Reason::PermissionMissing);
    world.fake.say("/conversations.list", 200, r#"{"ok":false,"error":"invalid_cursor"}"#);
    let reply = vault.call(id, &list).await.unwrap();
    assert_eq!((reply.status, reply.success), (200, false), "the caller's own mistake, to be read");

    world.fake.say("/oauth.v2.access", 200, r#"{"ok":false,"error":"internal_error"}"#);
    assert_eq!(vault.connection(id).await.unwrap().status, Status::Connected);
    world.fake.say("/oauth.v2.access", 200, r#"{"ok":false,"error":"invalid_refresh_token"}"#);
    assert_eq!(vault.refresh_now(id).await.unwrap_err().reason, Reason::ReconnectNeeded);
    world.fake.say("/auth.revoke", 200, r#"{"ok":false,"error":"invalid_auth"}"#);
    assert_eq!(vault.disconnect(id).await.unwrap(), Revocation::Failed);
    assert_eq!(world.fake.seen("/auth.revoke")[0].form["token"], "xoxp-2", "the access token, as the platform wants");
    assert_eq!(vault.tokens(id).await.unwrap(), None);
    let shown = format!("{:?}", vault.timeline("slack", "main"));
    assert!(!["xoxp-1", "xoxe-1", "xoxb-bot", "xoxp-2", "xoxe-2"].iter().any(|secret| shown.contains(secret)));
}

#[tokio::test]
async fn core_25_a_token_without_an_end_lives_until_a_401() {
    let world = World::new().await;
    let vault = world.vault_of(shipped(&world, "github"));
    let kind = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
    let reply = "access_token=gho_1&scope=repo%2Cgist&token_type=bearer";
    world.fake.fault("/access_token", Fault::Say(200, kind, reply.to_owned()));
    let connection = connect_at(&vault, "github", "main").await.unwrap();
    let id = connection.id;
    assert_eq!((connection.access_ends, connection.life_from), (None, LifeFrom::Nobody));
    assert_eq!((connection.refresh_ends, connection.warns_at), (None, None));
    assert_eq!(connection.scope, "repo gist");
    assert_eq!(vault.tokens(id).await.unwrap().unwrap().renews, None);
    world.clock.advance(400 * 86_400);
    assert_eq!(vault.renew_due().await.unwrap(), 0);
    let repos = ApiRequest::get("/user/repos");
    world.fake.say("/user/repos", 200, "[]");
    assert!(vault.call(id, &repos).await.unwrap().success);
    assert_eq!(vault.refresh_now(id).await.unwrap_err().reason, Reason::RefreshRefused, "there is nothing to renew");
    assert_eq!(vault.connection(id).await.unwrap().status, Status::Connected, "and that harms nothing");
    world.fake.say("/user/repos", 401, r#"{"message":"Bad credentials"}"#);
    assert_eq!(vault.call(id, &repos).await.unwrap_err().reason, Reason::ReconnectNeeded);
    assert_eq!(world.fake.seen("/access_token").len(), 1, "no useless request");
    world.fake.say("/grant", 204, "");
    assert_eq!(vault.disconnect(id).await.unwrap(), Revocation::Done);
    let sent = &world.fake.seen("/grant")[0];
    assert_eq!(sent.line, "DELETE /applications/acme-booking/grant");
    assert_eq!(sent.body, r#"{"access_token":"gho_1"}"#);
}

#[tokio::test]
async fn core_25_a_web_page_instead_of_tokens_is_named_as_one() {
    let world = World::new().await;
    let mut platform = shipped(&world, "github");
    platform.profile.partner.client_auth = ClientAuthStyle::Basic;
    let vault = world.vault_of(platform);
    for _ in 0..2 {
        world.fake.say("/access_token", 200, "<!DOCTYPE html><title>Sign in</title>");
    }
    let refusal = connect_at(&vault, "github", "main").await.unwrap_err();
    assert_eq!(refusal.reason, Reason::PlatformUnreachable);
    assert!(refusal.detail.unwrap().contains("web page"));
    assert_eq!(vault.connections().await.unwrap(), []);
    let last = vault.timeline("github", "main").pop().unwrap();
    assert_eq!((last.kind, last.outcome), (StepKind::Tokens, Outcome::Bad));
    // The code is spent here as well: the same return again is not believed.
    assert!(vault.finish("github", Some("session-1"), &query(&[("code", "good-code"), ("state", "x")])).await.is_err());
}
