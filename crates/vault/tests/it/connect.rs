//! Connecting: the way there, the way back, and every way back that is not ours.

use causeway_protocol::Reason;
use causeway_vault::timeline::{Outcome, StepKind};
use causeway_vault::{Status, reply};

use super::fake::Fault;
use super::world::{World, connect, parameter, query, try_connect};

#[tokio::test]
async fn ts_14_the_authorize_url_is_exact() {
    let world = World::new().await;
    let vault = world.vault();
    let url = vault.begin("tripleseat", "main", "s").await.unwrap();
    let (state, challenge) = (parameter(&url, "state"), parameter(&url, "code_challenge"));
    assert_eq!((state.len(), challenge.len()), (43, 43));
    let expected = format!(
        "{}/oauth2/authorize?client_id=acme-booking&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fcallback%2Ftripleseat\
         &response_type=code&scope=leads%3Aread%20events%3Aread&state={state}&code_challenge={challenge}\
         &code_challenge_method=S256",
        world.fake.base
    );
    assert_eq!(url, expected);
    assert_ne!(parameter(&vault.begin("tripleseat", "main", "s").await.unwrap(), "state"), state, "fresh each time");
}

#[tokio::test]
async fn core_19_a_return_that_was_not_started_here_never_reaches_the_token_endpoint() {
    let world = World::new().await;
    let vault = world.vault();
    let url = vault.begin("tripleseat", "main", "session-1").await.unwrap();
    let state = parameter(&url, "state");
    let iss = world.fake.base.as_str();
    let good = [("code", "good-code"), ("state", state.as_str()), ("iss", iss)];
    let wrong = [("code", "good-code"), ("state", "guessed-state-guessed-state-guessed-state-g"), ("iss", iss)];
    let twice = [("code", "good-code"), ("state", state.as_str()), ("state", state.as_str()), ("iss", iss)];
    let two_codes = [("code", "good-code"), ("code", "other"), ("state", state.as_str()), ("iss", iss)];
    for (what, session, pairs) in [
        ("missing", Some("session-1"), &good[..1]),
        ("empty", Some("session-1"), &[("code", "good-code"), ("state", ""), ("iss", iss)][..]),
        ("wrong", Some("session-1"), &wrong[..]),
        ("repeated", Some("session-1"), &twice[..]),
        ("two codes", Some("session-1"), &two_codes[..]),
        ("another session's", Some("session-2"), &good[..]),
        ("no session", None, &good[..]),
    ] {
        let refusal = vault.finish("tripleseat", session, &query(pairs)).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::CallbackStateUnknown, "{what}");
    }
    assert_eq!(world.fake.seen("").len(), 0, "nothing was sent");
    // None of these burnt it: the person whose it is still gets through, once.
    vault.finish("tripleseat", Some("session-1"), &query(&good)).await.unwrap();
    let again = vault.finish("tripleseat", Some("session-1"), &query(&good)).await.unwrap_err();
    assert_eq!(again.reason, Reason::CallbackStateUnknown, "used");
    assert_eq!(world.fake.seen("/token").len(), 1, "pv_01: a code is handled once");
}

#[tokio::test]
async fn core_19_a_state_ends_after_ten_minutes() {
    let world = World::new().await;
    let vault = world.vault();
    for (wait, works) in [(599, true), (600, false)] {
        let url = vault.begin("tripleseat", "main", "s").await.unwrap();
        world.clock.advance(wait);
        let pairs = [("code", "good-code"), ("state", &parameter(&url, "state")), ("iss", &world.fake.base)];
        let result = vault.finish("tripleseat", Some("s"), &query(&pairs)).await;
        assert_eq!(result.is_ok(), works, "after {wait} s");
    }
    assert_eq!(world.fake.seen("/token").len(), 1);
}

#[tokio::test]
async fn core_19_a_flood_of_visits_keeps_nobody_from_connecting() {
    let mut world = World::new().await;
    world.limits.connects = 30;
    let vault = world.vault();
    let begin = async |session: &str| {
        world.clock.advance(1);
        (session.to_owned(), parameter(&vault.begin("tripleseat", "main", session).await.unwrap(), "state"))
    };
    let back = async |(session, state): &(String, String)| {
        let pairs = [("code", "good-code"), ("state", state.as_str()), ("iss", world.fake.base.as_str())];
        vault.finish("tripleseat", Some(session), &query(&pairs)).await.is_ok()
    };
    let (mine, other) = (begin("mine").await, begin("other").await);
    let mut of_one = Vec::new();
    for _ in 0..21 {
        of_one.push(begin("eager").await);
    }
    assert!(!back(&of_one[0]).await, "a session has its share, and no more");
    assert!(back(&of_one[1]).await && back(&of_one[20]).await);
    assert!(back(&mine).await, "of others, nothing was forgotten for it");
    for number in 0..30 {
        begin(&format!("flood-{number}")).await;
    }
    assert!(!back(&other).await, "who left first is forgotten first");
    let late = begin("late").await;
    assert!(back(&late).await, "and who comes now is served");
}

#[tokio::test]
async fn pv_01_an_answer_of_another_issuer_is_refused_before_the_code_is_sent() {
    let world = World::new().await;
    let vault = world.vault();
    for iss in [Some("https://evil.example"), Some(""), None] {
        let url = vault.begin("tripleseat", "main", "s").await.unwrap();
        let state = parameter(&url, "state");
        let mut pairs = vec![("code", "good-code"), ("state", state.as_str())];
        pairs.extend(iss.map(|iss| ("iss", iss)));
        let refusal = vault.finish("tripleseat", Some("s"), &query(&pairs)).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::CallbackIssuer, "{iss:?}");
    }
    assert_eq!(world.fake.seen("").len(), 0);
    // A platform that does not promise `iss` may leave it out, and still must not send a wrong one.
    let mut quiet = world.platform();
    quiet.profile.authorize.iss = false;
    let vault = world.vault_of(quiet);
    let url = vault.begin("tripleseat", "main", "s").await.unwrap();
    let pairs = [("code", "good-code"), ("state", &parameter(&url, "state"))];
    vault.finish("tripleseat", Some("s"), &query(&pairs)).await.unwrap();
}

#[tokio::test]
async fn pv_01_the_verifier_of_the_challenge_goes_with_the_code() {
    let world = World::new().await;
    let vault = world.vault();
    let url = vault.begin("tripleseat", "main", "s").await.unwrap();
    let pairs = [("code", "good-code"), ("state", &parameter(&url, "state")), ("iss", &world.fake.base)];
    vault.finish("tripleseat", Some("s"), &query(&pairs)).await.unwrap();
    let sent = &world.fake.seen("/token")[0];
    assert_eq!(causeway_protocol::pkce::challenge_of(&sent.form["code_verifier"]), parameter(&url, "code_challenge"));
    assert_eq!(sent.form["grant_type"], "authorization_code");
    assert_eq!(sent.form["redirect_uri"], "http://localhost:8080/callback/tripleseat");
    assert_eq!(sent.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(sent.line, "POST /oauth2/token", "pv_05: nothing in the URL");
}

#[tokio::test]
async fn core_26_an_error_is_readable_and_leaves_no_half_made_connection() {
    let world = World::new().await;
    let vault = world.vault();
    let back = [("error", "access_denied"), ("error_description", "The person said <no>\u{202e}.")];
    let refusal = try_connect(&vault, &back).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::CallbackRefused);
    assert_eq!(refusal.detail.as_deref(), Some("access_denied: The person said <no>?."));
    assert_eq!(vault.connections().await.unwrap(), []);
    assert_eq!(world.fake.seen("").len(), 0);
    let steps = vault.timeline("tripleseat", "main");
    assert_eq!(steps.last().map(|step| (step.kind, step.outcome)), Some((StepKind::Code, Outcome::Bad)));
}

#[tokio::test]
async fn core_26_a_refused_code_leaves_no_half_made_connection() {
    let world = World::new().await;
    let vault = world.vault();
    let refusal = try_connect(&vault, &[("code", "forged")]).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::ExchangeFailed);
    assert_eq!(refusal.detail.as_deref(), Some("invalid_grant: no such code"));
    for body in ["<html>", "[]", r#"{"token_type":"Bearer"}"#, r#"{"access_token":"","token_type":"Bearer"}"#] {
        world.fake.say("/token", 200, body);
        world.fake.say("/token", 200, body);
        let refusal = try_connect(&vault, &[("code", "good-code")]).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::PlatformUnreachable, "{body}");
    }
    assert_eq!(try_connect(&vault, &[]).await.unwrap_err().reason, Reason::ParameterMissing);
    assert_eq!(vault.connections().await.unwrap(), []);
}

#[tokio::test]
async fn r_01_a_lost_answer_to_the_exchange_is_asked_for_once_more_under_the_same_key() {
    let world = World::new().await;
    let vault = world.vault();
    world.fake.say("/token", 502, "");
    connect(&vault).await;
    let sent = world.fake.seen("/token");
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].headers["idempotency-key"], sent[1].headers["idempotency-key"]);
}

#[tokio::test]
async fn ts_15_connecting_lists_the_sites_and_chooses_an_active_one() {
    let world = World::new().await;
    let vault = world.vault();
    let connection = connect(&vault).await;
    assert_eq!(connection.customer.as_deref(), Some("4100"));
    assert_eq!(connection.sites.iter().filter(|site| site.active).count(), 2);
    assert_eq!(connection.site.as_deref(), Some("2101"));
    vault.choose_site(connection.id, "2102").await.unwrap();
    assert_eq!(vault.connection(connection.id).await.unwrap().site.as_deref(), Some("2102"));
    for other in ["2103", "9999", ""] {
        let refusal = vault.choose_site(connection.id, other).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::SiteNotOffered, "{other}");
    }
}

#[tokio::test]
async fn connecting_again_repairs_the_same_connection() {
    let world = World::new().await;
    let vault = world.vault();
    let first = connect(&vault).await;
    vault.choose_site(first.id, "2102").await.unwrap();
    let second = connect(&vault).await;
    assert_eq!(first.id, second.id);
    assert_eq!(second.site.as_deref(), Some("2102"), "settings are kept");
    assert_eq!(second.status, Status::Connected);
    assert_eq!(vault.connections().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_platform_that_cannot_list_its_sites_is_connected_all_the_same() {
    let world = World::new().await;
    let vault = world.vault();
    for _ in 0..3 {
        world.fake.say("/sites", 500, "");
    }
    let connection = connect(&vault).await;
    assert_eq!((connection.status, connection.sites.len()), (Status::Connected, 0));
    vault.load_sites(connection.id).await.unwrap();
    assert_eq!(vault.connection(connection.id).await.unwrap().sites.len(), 3);
}

#[tokio::test]
async fn a_browser_that_goes_away_does_not_lose_the_tokens() {
    let world = World::new().await;
    let vault = world.vault();
    let (arrived, go) = (std::sync::Arc::default(), std::sync::Arc::default());
    world.fake.fault("/token", Fault::Wait(std::sync::Arc::clone(&arrived), std::sync::Arc::clone(&go)));
    let coming = {
        let vault = vault.clone();
        tokio::spawn(async move { connect(&vault).await })
    };
    arrived.notified().await;
    coming.abort();
    assert!(coming.await.is_err());
    go.notify_one();
    while vault.connections().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_unknown_platform_is_refused() {
    let vault = World::new().await.vault();
    assert_eq!(vault.begin("nobody", "main", "s").await.unwrap_err().reason, Reason::NoSuchPage);
    let refusal = vault.finish("nobody", Some("s"), &query(&[])).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::NoSuchPage);
    assert!(reply::is_success(204));
}
