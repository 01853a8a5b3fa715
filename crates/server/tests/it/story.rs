//! The whole story over HTTP, pages included: authorize, sign in, allow, exchange, refresh (TS-01).

use causeway_testkit::actors::{ACME, DESKTOP, Pair, VERIFIER};
use causeway_testkit::person::query;
use causeway_testkit::world::{OLIVIA, PRIYA};
use causeway_testkit::{Person, Platform};

#[tokio::test]
async fn ts_01_ts_04_core_17_one_flow_over_two_hosts() {
    let platform = Platform::start().await;
    let mut olivia = Person::new(OLIVIA);
    let state = "a b+c%~\"é";
    let link = ACME.link(&platform, &[("scope", "leads:read events:read"), ("state", state)]);
    let back = olivia.allow(&platform, &link).await;
    assert!(back.starts_with("https://acme.example/callback?"), "{back}");
    assert_eq!(query(&back, "state").as_deref(), Some(state), "CORE-06");
    assert_eq!(query(&back, "iss").as_deref(), Some(platform.login()));
    let reply = ACME.exchange(&platform, &query(&back, "code").unwrap()).await;
    assert_eq!(reply.member("scope"), "leads:read events:read", "{}", reply.text());
    let pair = Pair::of(&ACME.refresh(&platform, &Pair::of(&reply).refresh).await);
    assert!(ACME.is_active(&platform, &pair.access).await);
}

#[tokio::test]
async fn core_27_tsm_03_pkce_and_a_random_port_and_nothing_else() {
    let platform = Platform::start().await;
    let mut priya = Person::new(PRIYA);
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let link = DESKTOP.link(&platform, &[("code_challenge", challenge), ("code_challenge_method", "S256")]);
    let link = link.replace("127.0.0.1%2Fcallback", "127.0.0.1%3A49152%2Fcallback");
    let back = priya.allow(&platform, &link).await;
    assert!(back.starts_with("http://127.0.0.1:49152/callback?"), "{back}");
    assert_eq!(query(&back, "state"), None);
    let code = query(&back, "code").unwrap();
    let mut pairs = DESKTOP.exchange_pairs(&code);
    pairs.retain(|(name, _)| *name != "redirect_uri");
    pairs.extend([("redirect_uri", "http://127.0.0.1:49152/callback"), ("code_verifier", VERIFIER)]);
    let reply = DESKTOP.token(&platform, &pairs).await;
    assert_eq!(reply.member("scope"), "leads:read events:read", "{}", reply.text());
}
