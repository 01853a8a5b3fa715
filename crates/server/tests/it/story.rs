//! The whole story over HTTP, pages included: authorize, sign in, allow, exchange, refresh (TS-01).

use causeway_testkit::actors::{ACME, DESKTOP, Pair, Partner, VERIFIER};
use causeway_testkit::browser::with_query;
use causeway_testkit::world::{OLIVIA, PRIYA};
use causeway_testkit::{Browser, Page, Platform};

/// This person, in a fresh browser, follows the partner's link and allows: where the browser is sent.
async fn allow(platform: &Platform, partner: Partner, email: &str, more: &[(&str, &str)]) -> Page {
    let own = [("response_type", "code"), ("client_id", partner.client_id)];
    let mut browser = Browser::new();
    let link = with_query(&platform.profile().endpoints.authorize, &[&own[..], more].concat());
    let page = browser.open(platform, &link).await;
    let page = browser.sign_in(platform, &page, email).await;
    browser.press(platform, &page, "Allow", &[]).await
}

#[tokio::test]
async fn ts_01_ts_04_core_06_one_flow_over_two_hosts() {
    let platform = Platform::start().await;
    let state = "a b+c%~\"é";
    let more = [("redirect_uri", ACME.redirect_uri), ("scope", "leads:read events:read"), ("state", state)];
    let back = allow(&platform, ACME, OLIVIA, &more).await;
    assert!(back.location().starts_with("https://acme.example/callback?"), "{}", back.location());
    assert_eq!(back.returned("state").as_deref(), Some(state));
    assert_eq!(back.returned("iss").as_deref(), Some(platform.login()));
    let reply = ACME.exchange(&platform, &back.returned("code").unwrap()).await;
    assert_eq!(reply.member("scope"), "leads:read events:read", "{}", reply.text());
    let pair = Pair::of(&ACME.refresh(&platform, &Pair::of(&reply).refresh).await);
    assert!(ACME.is_active(&platform, &pair.access).await);
}

#[tokio::test]
async fn core_27_tsm_03_pkce_and_a_random_port_and_nothing_else() {
    let platform = Platform::start().await;
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let redirect = ("redirect_uri", "http://127.0.0.1:49152/callback");
    let more = [redirect, ("code_challenge", challenge), ("code_challenge_method", "S256")];
    let back = allow(&platform, DESKTOP, PRIYA, &more).await;
    assert!(back.location().starts_with("http://127.0.0.1:49152/callback?"), "{}", back.location());
    assert_eq!(back.returned("state"), None);
    let code = back.returned("code").unwrap();
    let pairs = [("grant_type", "authorization_code"), ("code", &code), redirect, ("code_verifier", VERIFIER)];
    let reply = DESKTOP.token(&platform, &DESKTOP.signed(&pairs)).await;
    assert_eq!(reply.member("scope"), "leads:read events:read", "{}", reply.text());
}
