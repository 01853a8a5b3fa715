//! Calls, their failures, and the end of a connection.

use std::io::ErrorKind;
use std::net::TcpListener;

use causeway_protocol::Reason;
use causeway_vault::timeline::{Outcome, StepKind};
use causeway_vault::{ApiRequest, Method, Revocation, Status};

use super::fake::Fault;
use super::world::{World, connect, leads};

#[tokio::test]
async fn ts_15_each_call_carries_the_site() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    vault.call(id, &leads()).await.unwrap();
    assert_eq!(world.fake.seen("/leads")[0].line, "GET /v1/leads?site_id=2101");
}

#[tokio::test]
async fn core_23_a_missing_permission_is_said_and_triggers_no_refresh() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    let challenge = r#"Bearer error="insufficient_scope", scope="leads:write""#.to_owned();
    world.fake.fault("/leads", Fault::Say(403, vec![("www-authenticate", challenge)], String::new()));
    let refusal = vault.call(id, &leads()).await.unwrap_err();
    assert_eq!((refusal.reason, refusal.detail.as_deref()), (Reason::PermissionMissing, Some("leads:write")));
    world.fake.say("/leads", 403, r#"{"error":"insufficient_scope"}"#);
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, Reason::PermissionMissing);
    assert_eq!(world.fake.refreshes().len(), 0);
    assert_eq!(vault.connection(id).await.unwrap().status, Status::Connected);
    // Another 403 is the caller's to read.
    world.fake.say("/leads", 403, r#"{"error":"forbidden"}"#);
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 403);
}

#[tokio::test]
async fn core_24_a_429_waits_as_long_as_retry_after_says() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.fake.fault("/leads", Fault::Say(429, vec![("retry-after", "7".to_owned())], String::new()));
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
    assert_eq!(world.clock.seconds_paused(), [7.0]);
    // Longer than anybody should wait: the caller is told, and nothing is repeated.
    world.fake.fault("/leads", Fault::Say(429, vec![("retry-after", "3600".to_owned())], String::new()));
    let refusal = vault.call(id, &leads()).await.unwrap_err();
    assert_eq!((refusal.reason, refusal.detail.as_deref()), (Reason::CallThrottled, Some("wait 1 hour")));
    assert_eq!(world.fake.seen("/leads").len(), 3);
}

#[tokio::test]
async fn core_24_without_retry_after_the_waits_double_and_end() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    for _ in 0..3 {
        world.fake.say("/leads", 429, "");
    }
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, Reason::CallThrottled);
    assert_eq!(world.fake.seen("/leads").len(), 3, "bounded");
    let waits = world.clock.seconds_paused();
    assert!((0.5..=0.625).contains(&waits[0]) && (1.0..=1.25).contains(&waits[1]) && waits.len() == 2, "{waits:?}");
    assert_eq!(world.fake.refreshes().len(), 0);
}

#[tokio::test]
async fn pv_03_a_platform_in_trouble_is_asked_a_bounded_number_of_times() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    for _ in 0..3 {
        world.fake.say("/leads", 503, "");
    }
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, Reason::PlatformUnreachable);
    assert_eq!(world.fake.seen("/leads").len(), 3);
    world.fake.say("/leads", 503, "");
    let create = ApiRequest { method: Method::Post, body: Some(serde_json::json!({"name": "x"})), ..leads() };
    assert_eq!(vault.call(id, &create).await.unwrap_err().reason, Reason::PlatformUnreachable);
    assert_eq!(world.fake.seen("/leads").len(), 4, "what creates is not repeated");
    assert_eq!(vault.connection(id).await.unwrap().status, Status::Connected);
}

#[tokio::test]
async fn pv_03_a_token_that_is_refused_again_right_after_a_refresh_ends_it() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.fake.refuse_every_access_token();
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, Reason::ReconnectNeeded);
    assert_eq!((world.fake.refreshes().len(), world.fake.seen("/leads").len()), (1, 2), "no loop");
    assert!(matches!(vault.connection(id).await.unwrap().status, Status::ReconnectNeeded { .. }));
}

#[tokio::test]
async fn pv_07_redirects_are_not_followed() {
    let world = World::new().await;
    let inward = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}/latest/meta-data", inward.local_addr().unwrap());
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.fake.fault("/leads", Fault::Say(302, vec![("location", to.clone())], String::new()));
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 302);
    for _ in 0..3 {
        world.fake.fault("/token", Fault::Say(307, vec![("location", to.clone())], String::new()));
    }
    assert_eq!(vault.refresh_now(id).await.unwrap_err().reason, Reason::PlatformUnreachable);
    // Whoever had followed would stand in the queue now.
    inward.set_nonblocking(true).unwrap();
    assert_eq!(inward.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody came");
}

#[tokio::test]
async fn pv_07_calls_stay_below_the_configured_base() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    let sent = world.fake.seen("").len();
    for path in [
        "@evil.example/",
        "//evil.example/",
        "/../oauth2/token",
        "/a/./b",
        "leads",
        "",
        "/a?b=c",
        "/a#b",
        "/a%2fb",
        "/a\r\nb",
    ] {
        let refusal = vault.call(id, &ApiRequest::get(path)).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::ParameterMalformed, "{path:?}");
    }
    assert_eq!(world.fake.seen("").len(), sent);
    vault.call(id, &ApiRequest::get("/leads").at_site(Some("1&admin=1#".to_owned()))).await.unwrap();
    assert_eq!(world.fake.seen("/leads")[0].line, "GET /v1/leads?site_id=1%26admin%3D1%23");
}

#[tokio::test]
async fn pv_07_secrets_go_to_plain_http_on_loopback_only() {
    let world = World::new().await;
    for (base, good) in [
        ("http://127.0.0.1:1", true),
        ("http://localhost:1", true),
        ("https://api.example.com", true),
        ("http://api.example.com", false),
        ("http://127.0.0.1.evil.example", false),
        ("http://user:pw@localhost:1", false),
        ("ftp://localhost", false),
        ("http://localhost:1/", false),
        ("localhost", false),
    ] {
        let mut platform = world.platform();
        platform.api_url = base.to_owned();
        assert_eq!(platform.problems().is_empty(), good, "{base}: {:?}", platform.problems());
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_refused() {
    let mut world = World::new().await;
    world.limits.answer = 1000;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.fake.say("/leads", 200, &"x".repeat(1001));
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, Reason::AnswerUnreadable);
    assert_eq!(world.fake.seen("/leads").len(), 1);
}

#[tokio::test]
async fn core_28_disconnecting_revokes_and_deletes() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    assert_eq!(vault.disconnect(id).await.unwrap(), Revocation::Done);
    assert_eq!(world.fake.seen("/revoke")[0].form["token"], "ts_rt_refresh-number-0001");
    assert_eq!(vault.connection(id).await.unwrap().status, Status::Disconnected { at: vault.now() });
    assert_eq!(vault.tokens(id).await.unwrap(), None);
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, Reason::NotConnected);
    assert_eq!(vault.refresh_now(id).await.unwrap_err().reason, Reason::NotConnected);
}

#[tokio::test]
async fn core_28_disconnecting_survives_a_failing_revoke() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.fake.say("/revoke", 500, "");
    assert_eq!(vault.disconnect(id).await.unwrap(), Revocation::Failed);
    assert_eq!(vault.tokens(id).await.unwrap(), None);
    assert_eq!(connect(&vault).await.id, id, "connecting again repairs the same one");
}

#[tokio::test]
async fn pv_05_the_timeline_shows_every_step_and_no_secret() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    vault.call(id, &leads()).await.unwrap();
    vault.refresh_now(id).await.unwrap();
    vault.disconnect(id).await.unwrap();
    let steps = vault.timeline("tripleseat", "main");
    let kinds: Vec<StepKind> = steps.iter().map(|step| step.kind).collect();
    use StepKind::*;
    assert_eq!(kinds, [Authorize, Code, Tokens, Call, Call, Refresh, Revoke]);
    assert!(steps.iter().all(|step| step.outcome == Outcome::Good && !step.meaning.is_empty()));
    let sent = world.fake.seen("/token");
    let shown = format!("{steps:?}");
    for secret in [
        "access-number",
        "refresh-number",
        super::world::CLIENT_SECRET,
        "good-code",
        &sent[0].form["code_verifier"],
        &sent[0].headers["idempotency-key"],
    ] {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(shown.contains("access_token = ts_at_•••••••• #"), "masked, with a fingerprint");
}
