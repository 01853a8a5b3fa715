//! Faults on purpose (CONTRACTS, `--fault`): what each does to a client, and what it leaves behind.

use causeway_server::http::faults::Plan;
use causeway_testkit::actors::ACME;
use causeway_testkit::client::{form, raw};
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Builder, Call, Consent, Platform, until};

async fn with(faults: &'static str) -> Platform {
    let tune = move |settings: &mut causeway_server::platform::Settings| {
        settings.faults = Plan::parse(faults).expect("the fault is known");
    };
    Builder::new().tune(tune).start().await
}

async fn code(platform: &Platform) -> String {
    platform.grant(Consent::new("acme", OLIVIA)).await
}

#[tokio::test]
async fn lose_reply_commits_and_answers_not_a_byte() {
    let platform = with("lose-reply").await;
    let code = code(&platform).await;
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", ACME.redirect_uri),
        ("client_id", ACME.client_id),
        ("client_secret", ACME.secret.expect("it has one")),
    ];
    let (at, body) = (platform.api_address(), form(&pairs));
    let head = format!("POST /oauth2/token HTTP/1.1\r\nHost: {at}\r\nContent-Length: {}\r\n\r\n", body.len());
    assert_eq!(raw(at, (head + &body).as_bytes()).await, b"");
    assert_eq!(platform.rows("families").await, 1, "it was done");
}

#[tokio::test]
async fn error_in_200_and_500_do_nothing() {
    for (fault, status) in [("error-in-200", 200), ("500", 500)] {
        let platform = with(fault).await;
        let code = code(&platform).await;
        let reply = ACME.exchange(&platform, &code).await;
        assert_eq!((reply.status, reply.member("error").as_str()), (status, "server_error"), "{fault}");
        assert_eq!(platform.rows("families").await, 0, "{fault}");
    }
}

#[tokio::test]
async fn no_expiry_leaves_only_expires_in_out() {
    let platform = with("no-expiry").await;
    let reply = ACME.exchange(&platform, &code(&platform).await).await;
    assert_eq!(reply.status, 200);
    assert!(
        reply.json().get("expires_in").is_none() && reply.json().get("refresh_token").is_some(),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
}

#[tokio::test]
async fn slow_waits_and_a_chance_of_zero_never_strikes() {
    // What was asked is done at once, and the answer is kept back: none has come after everything that is asked later.
    let platform = with("slow:24h").await;
    let code = self::code(&platform).await;
    let later = async {
        until("the code is redeemed", async || platform.rows("families").await == 1).await;
        for _ in 0..20 {
            assert_eq!(platform.at_api(Call::get("/healthz")).await.status, 200);
        }
    };
    tokio::select! {
        early = ACME.exchange(&platform, &code) => panic!("it did not wait: {}", early.text()),
        () = later => {}
    }
    let platform = with("slow:1ms").await;
    assert_eq!(ACME.exchange(&platform, "x").await.status, 400, "and then it comes");
    let never = with("lose-reply=0,500=0").await;
    assert_eq!(ACME.exchange(&never, &self::code(&never).await).await.status, 200);
}

#[tokio::test]
async fn skew_sets_the_platforms_clock_ahead() {
    let platform = with("skew:90s").await;
    assert_eq!(platform.edge.node.now().since(platform.clock.now()).0, 90);
}

#[tokio::test]
async fn rotate_twice_hands_out_a_pair_that_is_superseded() {
    let platform = with("rotate-twice").await;
    let pair = ACME.exchange(&platform, &code(&platform).await).await;
    assert_eq!(pair.status, 200, "{}", pair.text());
    let refused = ACME.refresh(&platform, &pair.member("refresh_token")).await;
    assert_eq!((refused.status, refused.member("error").as_str()), (400, "invalid_grant"), "{}", refused.text());
}
