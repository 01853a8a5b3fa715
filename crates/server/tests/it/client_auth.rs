//! Client authentication over HTTP: both ways, before anything else, and never a lock-out weapon (SECURITY 5).

use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, DESKTOP, EVERYTHING, ODD, Pair, VERIFIER};
use causeway_testkit::client::{base64, basic};
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Call, Consent, Platform, Response};

const TOKEN: &str = "/oauth2/token";

/// An exchange whose credentials are whatever the header says.
async fn exchange(platform: &Platform, authorization: &str, code: &str, more: &[(&str, &str)]) -> Response {
    let redirect = ("redirect_uri", ACME.redirect_uri);
    let pairs = [&[("grant_type", "authorization_code"), ("code", code), redirect], more].concat();
    platform.at_api(Call::post(TOKEN).header("Authorization", authorization).form(&pairs)).await
}

#[tokio::test]
async fn tk_02_core_03_any_secret_works_by_basic_and_in_the_body() {
    let platform = Platform::start().await;
    let (id, secret) = (ODD.client_id, ODD.secret.unwrap());
    let code = platform.grant(Consent::new(id, OLIVIA)).await;
    let in_body = ODD.exchange(&platform, &code).await;
    assert_eq!(in_body.status, 200, "{}", in_body.text());
    let code = platform.grant(Consent::new(id, OLIVIA)).await;
    let pairs = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", ODD.redirect_uri)];
    let by_basic = platform.at_api(Call::post(TOKEN).basic(id, secret).form(&pairs)).await;
    assert_eq!(by_basic.status, 200, "{}", by_basic.text());
    for call in [Call::post(TOKEN).json(&ODD.refresh_pairs(&by_basic.member("refresh_token")))] {
        let reply = platform.at_api(call).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[tokio::test]
async fn tsm_04_basic_without_client_id_in_the_body_and_with_the_same_one() {
    let platform = Platform::start().await;
    let header = basic(ACME.client_id, ACME.secret.unwrap());
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    assert_eq!(exchange(&platform, &header, &code, &[]).await.status, 200);
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    assert_eq!(exchange(&platform, &header, &code, &[("client_id", "acme")]).await.status, 200);
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    let lower = header.replacen("Basic", "bAsIC", 1);
    assert_eq!(exchange(&platform, &lower, &code, &[]).await.status, 200);
}

#[tokio::test]
async fn tk_03_core_03_attack_38_two_authentications_are_refused_and_burn_nothing() {
    let platform = Platform::start().await;
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    let header = basic(ACME.client_id, ACME.secret.unwrap());
    let others: [&[(&str, &str)]; 5] = [
        &[("client_secret", ACME.secret.unwrap())],
        &[("client_id", "acme"), ("client_secret", ACME.secret.unwrap())],
        &[("client_id", "everything")],
        &[("client_id", "everything"), ("client_secret", EVERYTHING.secret.unwrap())],
        &[("client_secret", "x")],
    ];
    for more in others {
        let reply = exchange(&platform, &header, &code, more).await;
        assert_eq!(reply.refused(), (400, "invalid_request".to_owned(), 201), "{more:?}");
    }
    assert_eq!(exchange(&platform, &header, &code, &[]).await.status, 200);
}

#[tokio::test]
async fn tk_04_a_failed_authentication_is_challenged() {
    let platform = Platform::start().await;
    let headers = [
        basic("acme", "wrong"),
        basic("nobody", "x"),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        format!("Basic {}", base64(b"no colon")),
        format!("Basic {}", base64(b":secret without id")),
        format!("Basic {}", base64(b"acme:\xff")),
    ];
    for header in headers {
        let reply = exchange(&platform, &header, "x", &[]).await;
        assert_eq!((reply.status, reply.member("error")), (401, "invalid_client".to_owned()), "{header}");
        assert!(reply.header("www-authenticate").starts_with("Basic realm="), "{header}");
    }
    let wrong = [("grant_type", "refresh_token"), ("client_id", "acme"), ("client_secret", "wrong")];
    let reply = ACME.token(&platform, &wrong).await;
    assert_eq!((reply.status, reply.member("error")), (401, "invalid_client".to_owned()));
}

#[tokio::test]
async fn tk_05_a_failed_authentication_burns_neither_code_nor_refresh_token() {
    let platform = Platform::start().await;
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    // Go's client probes Basic first, then the body; here the probe's secret is wrong.
    let probe = exchange(&platform, &basic("acme", "wrong"), &code, &[]).await;
    assert_eq!(probe.status, 401);
    let pair = Pair::of(&ACME.exchange(&platform, &code).await);
    let stolen = [("grant_type", "refresh_token"), ("refresh_token", &pair.refresh), ("client_id", "acme")];
    for more in [&[][..], &[("client_secret", "wrong")]] {
        let pairs = [&stolen[..], more].concat();
        assert_eq!(ACME.token(&platform, &pairs).await.status, 401);
    }
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200);
    assert_eq!(platform.rows("families").await, 1);
}

#[tokio::test]
async fn tk_06_guessing_is_slowed_down_and_the_right_secret_always_served() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let wrong =
        [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", "acme"), ("client_secret", "no")];
    let mut refresh = pair.refresh;
    let mut slowed = 0;
    for round in 0..1_000 {
        let reply = ACME.token(&platform, &wrong).await;
        match reply.refused() {
            (401, error, 200) => assert_eq!(error, "invalid_client"),
            (429, error, 207) => {
                slowed += 1;
                assert_eq!(error, "rate_limited");
                let wait: i64 = reply.header("retry-after").parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
            }
            other => panic!("{other:?}"),
        }
        if round % 100 == 99 {
            refresh = Pair::of(&ACME.refresh(&platform, &refresh).await).refresh;
        }
    }
    assert!(slowed >= 980, "only {slowed} of 1000 were slowed down");
    // Another client from the same place is not concerned, nor is the same one after the window.
    let other = [("grant_type", "refresh_token"), ("client_id", "everything"), ("client_secret", "no")];
    assert_eq!(ACME.token(&platform, &other).await.status, 401);
    platform.clock.advance(Seconds(61));
    assert_eq!(ACME.token(&platform, &wrong).await.status, 401);
}

#[tokio::test]
async fn core_13_a_new_secret_ends_the_old_one_at_once_and_no_token() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let secret = platform.renew_secret("acme").await;
    assert!(secret.starts_with("ts_sk_"), "{secret}");
    let old = ACME.refresh(&platform, &pair.refresh).await;
    assert_eq!(old.refused(), (401, "invalid_client".to_owned(), 200));
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", pair.refresh.as_str())];
    let asked =
        platform.at_api(Call::post("/oauth2/introspect").basic("acme", &secret).form(&[("token", &pair.access)]));
    assert_eq!(asked.await.json()["active"], true, "the access token lives on");
    let new = platform.at_api(Call::post(TOKEN).basic("acme", &secret).form(&pairs)).await;
    assert_eq!(new.status, 200, "so does the refresh token: {}", new.text());
}

#[tokio::test]
async fn tk_11_a_public_app_proves_nothing_by_its_id() {
    let platform = Platform::start().await;
    let no = "unsupported_grant_type";
    for (grant, wanted) in [("client_credentials", no), ("oauth1_exchange", "unauthorized_client"), ("password", no)] {
        let reply = DESKTOP.token(&platform, &DESKTOP.signed(&[("grant_type", grant)])).await;
        assert_eq!((reply.status, reply.member("error")), (400, wanted.to_owned()), "{grant}");
    }
    // A secret it has not is no better than a wrong one.
    let code = platform.grant(Consent::new("desktop", OLIVIA).verifier(VERIFIER)).await;
    let pairs = [DESKTOP.exchange_pairs(&code), vec![("code_verifier", VERIFIER)]].concat();
    let reply = DESKTOP.token(&platform, &[pairs.clone(), vec![("client_secret", "x")]].concat()).await;
    assert_eq!(reply.refused(), (401, "invalid_client".to_owned(), 208));
    // By id and verifier it gets its own tokens.
    let pair = Pair::of(&DESKTOP.token(&platform, &pairs).await);
    assert_eq!(DESKTOP.refresh(&platform, &pair.refresh).await.status, 200);
}

#[tokio::test]
async fn tk_12_attack_22_nothing_is_issued_while_somebody_is_switched_off() {
    let platform = Platform::start().await;
    for (kind, id) in [("apps", "acme"), ("people", OLIVIA), ("customers", "4100")] {
        let code = platform.grant(Consent::new("acme", OLIVIA)).await;
        let pair = ACME.connect(&platform, OLIVIA).await;
        platform.switch(kind, id, false).await;
        let reply = ACME.exchange(&platform, &code).await;
        assert_eq!(reply.refused(), (400, "invalid_grant".to_owned(), 517), "{kind}");
        let reply = ACME.refresh(&platform, &pair.refresh).await;
        assert_eq!(reply.refused(), (400, "invalid_grant".to_owned(), 517), "{kind}");
        assert!(!ACME.is_active(&platform, &pair.access).await, "{kind}");
        assert!(!ACME.is_active(&platform, &pair.refresh).await, "{kind}");
        platform.switch(kind, id, true).await;
        // Nothing was lost but the access token, and nothing was burnt.
        assert!(!ACME.is_active(&platform, &pair.access).await, "{kind}: switching on clears no cut");
        assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200, "{kind}");
        assert_eq!(ACME.exchange(&platform, &code).await.status, 200, "{kind}");
    }
}
