//! Introspection (RFC 7662; SECURITY 12).

use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, DESKTOP, EVERYTHING, Pair};
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Builder, Call, Chance, Consent, Platform};

const INTROSPECT: &str = "/oauth2/introspect";

#[tokio::test]
async fn in_01_only_who_proves_itself_is_told() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let token = ("token", pair.access.as_str());
    for call in [
        Call::post(INTROSPECT).form(&[token]),
        Call::post(INTROSPECT).bearer(&pair.access).form(&[token]),
        Call::post(INTROSPECT).form(&[token, ("client_id", "acme")]),
        Call::post(INTROSPECT).basic("acme", "wrong").form(&[token]),
        // A public app proves nothing.
        Call::post(INTROSPECT).form(&DESKTOP.signed(&[token])),
    ] {
        let reply = platform.at_api(call).await;
        assert_eq!((reply.status, reply.member("error")), (401, "invalid_client".to_owned()), "{}", reply.text());
        assert!(reply.header("www-authenticate").starts_with("Basic"));
    }
    let missing = platform.at_api(Call::post(INTROSPECT).form(&ACME.signed(&[]))).await;
    assert_eq!(missing.refused(), (400, "invalid_request".to_owned(), 520));
}

#[tokio::test]
async fn in_01_scanning_is_slowed_down_and_real_tokens_are_answered() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let chance = Chance::seeded(1);
    let mut slowed = 0;
    for round in 0..300 {
        let reply = ACME.introspect(&platform, &format!("ts_at_{:x}", chance.next())).await;
        match reply.status {
            200 => assert_eq!(reply.text(), r#"{"active":false}"#),
            429 => {
                slowed += 1;
                assert_ne!(reply.header("retry-after"), "");
            }
            other => panic!("{other}"),
        }
        if round % 60 == 59 {
            assert!(ACME.is_active(&platform, &pair.access).await, "round {round}");
        }
    }
    assert_eq!(slowed, 200);
    assert_eq!(EVERYTHING.introspect(&platform, "unknown").await.status, 200, "another app is not concerned");
    platform.clock.advance(Seconds(61));
    assert_eq!(ACME.introspect(&platform, "unknown").await.status, 200);
}

#[tokio::test]
async fn in_02_attack_20_everything_that_is_not_a_living_token_of_the_caller_is_one_answer() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let revoked = ACME.connect(&platform, OLIVIA).await;
    assert_eq!(ACME.revoke(&platform, &revoked.refresh).await.status, 200);
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    let foreign = EVERYTHING.connect(&platform, OLIVIA).await;
    let superseded = pair.refresh.clone();
    let pair = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
    let shortened = &pair.access[..pair.access.len() - 1];
    let cases = [
        "unknown",
        "ts_at_",
        shortened,
        &revoked.access,
        &revoked.refresh,
        &superseded,
        &code,
        &foreign.access,
        &foreign.refresh,
        ACME.secret.unwrap(),
    ];
    for token in cases {
        let reply = ACME.introspect(&platform, token).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, r#"{"active":false}"#), "{token}");
        assert_eq!(reply.header("content-type"), "application/json");
    }
    // Nor are they told to the others.
    for token in [&pair.access, &pair.refresh] {
        assert!(!EVERYTHING.is_active(&platform, token).await);
    }
    platform.clock.advance(Seconds(7_200));
    assert_eq!(ACME.introspect(&platform, &pair.access).await.text(), r#"{"active":false}"#, "expired");
}

#[tokio::test]
async fn in_03_in_05_an_active_answer_says_what_stands_now() {
    let platform = Platform::start().await;
    let began = platform.clock.now();
    let pair = ACME.connect(&platform, OLIVIA).await;
    platform.clock.advance(Seconds(100));
    let reply = ACME.introspect(&platform, &pair.access).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let json = reply.json();
    assert_eq!(json["active"], true);
    assert_eq!(json["scope"], "read write leads:read leads:write events:read events:write");
    assert_eq!(json["client_id"], "acme");
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["iat"], began.0);
    assert_eq!(json["exp"], began.0 + 7_200);
    assert_eq!(json["iss"], platform.login());
    assert_eq!(json["aud"], platform.api());
    let olivia = platform.person(OLIVIA).await;
    assert_eq!(json["sub"], olivia.id.to_string(), "an immutable id, never an address");
    // A scope more for the app is no scope more for the token.
    platform.set_app_scopes("acme", "read write leads:read leads:write events:read events:write bookings:read").await;
    assert_eq!(ACME.introspect(&platform, &pair.access).await.json()["scope"], json["scope"]);
}

#[tokio::test]
async fn in_04_a_refresh_token_is_not_shown_as_a_bearer_token() {
    let platform = Builder::new().start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let json = ACME.introspect(&platform, &pair.refresh).await.json();
    assert_eq!(json["active"], true);
    assert!(json["token_type"].is_null() && json["aud"].is_null(), "{json}");
    let idle = platform.profile().token.refresh_life.idle;
    assert_eq!(json["exp"], platform.clock.now().0 + idle.0);
    // The hint changes nothing.
    for hint in ["access_token", "refresh_token", "x"] {
        let pairs = ACME.signed(&[("token", &pair.refresh), ("token_type_hint", hint)]);
        assert_eq!(platform.at_api(Call::post(INTROSPECT).form(&pairs)).await.json(), json);
    }
}
