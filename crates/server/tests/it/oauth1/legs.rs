//! OAuth 1.0 with three legs: request token, a person, access token (TSM-15; O1-12).

use causeway_protocol::legacy::TEMPORARY_LIFE;
use causeway_protocol::time::Seconds;
use causeway_testkit::client::form;
use causeway_testkit::world::{JUNE, MARCO, OLIVIA, PRIYA};
use causeway_testkit::{Browser, Call, Page, Platform, Response};

use super::world::{HARBOR, KETTLE, Signer, builder, equip, rules, start};

const REQUEST: &str = "/oauth/request_token";
const ACCESS: &str = "/oauth/access_token";
const CALLBACK: &str = "https://legacy.acme.example/done?keep=1";

/// A parameter of a form reply, decoded; empty when absent.
fn said(reply: &Response, name: &str) -> String {
    let body = reply.body.clone();
    let found = form_pairs(&body).into_iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value).unwrap_or_default()
}

fn form_pairs(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let params = causeway_protocol::params::Params::form(text.as_bytes()).unwrap();
    let names = text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.to_owned());
    names.map(|name| (name.clone(), params.get(&name).unwrap().unwrap_or_default().to_owned())).collect()
}

/// A request token and its secret.
async fn request(platform: &Platform, callback: Option<&str>) -> (String, String) {
    let by = Signer::of(HARBOR);
    let by = callback.map_or(by.clone(), |callback| by.with("oauth_callback", callback));
    let reply = by.post(platform, REQUEST).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(reply.header("cache-control"), "no-store");
    let confirmed = if callback.is_some() { "true" } else { "" };
    assert_eq!(said(&reply, "oauth_callback_confirmed"), confirmed, "{}", reply.text());
    (said(&reply, "oauth_token"), said(&reply, "oauth_token_secret"))
}

fn address(token: &str) -> String {
    format!("/oauth/authorize?{}", form(&[("oauth_token", token)]))
}

/// Somebody is asked, and presses this button.
async fn answer(platform: &Platform, email: &str, token: &str, button: &str) -> Page {
    let mut browser = Browser::of(platform, email).await;
    let page = browser.open(platform, &address(token)).await;
    assert_eq!(page.reply.status, 200, "{}", page.text());
    browser.press(platform, &page, button, &[]).await
}

fn second(token: &(String, String), verifier: Option<&str>) -> Signer {
    let by = Signer::of(HARBOR).token((&token.0, &token.1));
    verifier.map_or(by.clone(), |verifier| by.with("oauth_verifier", verifier))
}

async fn access(platform: &Platform, token: &(String, String), verifier: Option<&str>) -> Response {
    second(token, verifier).post(platform, ACCESS).await
}

#[tokio::test]
async fn tsm_15_three_legs_with_a_callback_and_a_verifier() {
    let platform = start().await;
    let temporary = request(&platform, Some(CALLBACK)).await;
    // Somebody who is not signed in signs in first, and is led back.
    let mut browser = Browser::new();
    let page = browser.open(&platform, &address(&temporary.0)).await;
    assert_eq!(page.buttons(), ["Sign in"]);
    let wrong = browser.press(&platform, &page, "Sign in", &[("email", OLIVIA), ("password", "wrong")]).await;
    assert_eq!(wrong.refusal(), 404);
    let back = browser.sign_in(&platform, &wrong, OLIVIA).await;
    assert_eq!((back.reply.status, back.location()), (303, address(&temporary.0).as_str()));
    let page = browser.open(&platform, back.location()).await;
    let text = page.text();
    for part in [
        "An OAuth 1.0 application of Harbor & Vine wants to connect",
        OLIVIA,
        "harbor key+1",
        "OAuth 1.0 ends on 21 December 2026",
        "You will return to legacy.acme.example",
        "See everything in your account",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Allow this only if you started it yourself"), "a verifier proves who did");
    assert!(page.reply.header("content-security-policy").contains("form-action 'self' https://legacy.acme.example"));
    assert!(!page.reply.header("deprecation").is_empty());
    let page = browser.press(&platform, &page, "Allow", &[]).await;
    assert_eq!(page.reply.status, 303, "{}", page.text());
    assert!(page.location().starts_with("https://legacy.acme.example/done?keep=1&oauth_token="), "{}", page.location());
    assert_eq!(page.returned("oauth_token").as_deref(), Some(temporary.0.as_str()));
    let verifier = page.returned("oauth_verifier").expect("a verifier");
    let reply = access(&platform, &temporary, Some(&verifier)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let (token, secret) = (said(&reply, "oauth_token"), said(&reply, "oauth_token_secret"));
    assert!(token.len() >= 32 && secret.len() >= 32 && token != temporary.0);
    let by = Signer::of(HARBOR).token((&token, &secret));
    assert_eq!(by.get(&platform, "/v1/leads?site_id=2101").await.status, 200);
    // It acts as whoever allowed it, and ends with them.
    let person = platform.person(OLIVIA).await;
    let call = Call::post(&format!("/admin/people/{OLIVIA}/state")).body("application/json", "{\"active\": false}");
    assert!(platform.at_admin(call).await.status < 300);
    assert_eq!(by.get(&platform, "/v1/leads?site_id=2101").await.refusal(), 1003, "{}", person.id);
    assert_eq!(
        Signer::of(HARBOR).get(&platform, "/v1/leads?site_id=2101").await.status,
        200,
        "the pair's own calls go on"
    );
}

#[tokio::test]
async fn tsm_15_out_of_band_the_verifier_is_shown_and_typed() {
    let platform = start().await;
    let temporary = request(&platform, Some("oob")).await;
    let page = answer(&platform, OLIVIA, &temporary.0, "Allow").await;
    assert_eq!(page.reply.status, 200);
    assert!(page.text().contains("Type this into the application"), "{}", page.text());
    let verifier = page.html.split("<code>").nth(1).unwrap().split("</code>").next().unwrap().to_owned();
    assert_eq!(verifier.len(), 12, "to be typed");
    assert_eq!(access(&platform, &temporary, Some(&verifier)).await.status, 200);
}

#[tokio::test]
async fn tsm_15_before_revision_a_there_is_no_callback_and_no_verifier() {
    let platform = start().await;
    let temporary = request(&platform, None).await;
    let page = Browser::of(&platform, OLIVIA).await.open(&platform, &address(&temporary.0)).await;
    assert!(page.text().contains("Allow this only if you started it yourself a moment ago."), "{}", page.text());
    // An address that nobody signed is not gone to.
    let fixed = format!("{}&oauth_callback=https%3A%2F%2Fevil.example%2F", address(&temporary.0));
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let page = browser.open(&platform, &fixed).await;
    assert!(page.text().contains("You will stay here.") && !page.html.contains("evil"), "{}", page.text());
    let done = browser.press(&platform, &page, "Allow", &[]).await;
    assert_eq!((done.reply.status, done.location()), (200, ""));
    assert!(done.text().contains("go back to the application") && !done.html.contains("<code>"), "{}", done.text());
    let reply = access(&platform, &temporary, None).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let token = (said(&reply, "oauth_token"), said(&reply, "oauth_token_secret"));
    let by = Signer::of(HARBOR).token((&token.0, &token.1));
    assert_eq!(by.get(&platform, "/v1/sites").await.status, 200);
}

#[tokio::test]
async fn tsm_15_a_profile_can_want_revision_a() {
    let platform = builder().profile(|profile| rules(profile).without_verifier = false).start().await;
    equip(&platform).await;
    let reply = Signer::of(HARBOR).post(&platform, REQUEST).await;
    assert_eq!((reply.status, reply.refusal()), (400, 1006), "{}", reply.text());
    let temporary = request(&platform, Some("oob")).await;
    answer(&platform, OLIVIA, &temporary.0, "Allow").await;
    assert_eq!(access(&platform, &temporary, None).await.refusal(), 1008);
}

#[tokio::test]
async fn o1_12_a_verifier_must_come_back_and_only_the_right_one_does() {
    let platform = start().await;
    let temporary = request(&platform, Some(CALLBACK)).await;
    let early = access(&platform, &temporary, Some("guess")).await;
    assert_eq!((early.status, early.refusal()), (401, 1008), "nobody allowed it yet: {}", early.text());
    let page = answer(&platform, OLIVIA, &temporary.0, "Allow").await;
    let verifier = page.returned("oauth_verifier").unwrap();
    let other = request(&platform, Some(CALLBACK)).await;
    let theirs = answer(&platform, OLIVIA, &other.0, "Allow").await.returned("oauth_verifier").unwrap();
    assert_ne!(verifier, theirs);
    for wrong in [None, Some(""), Some("guess"), Some(theirs.as_str()), Some(verifier.to_lowercase().as_str())] {
        let reply = access(&platform, &temporary, wrong).await;
        assert_eq!((reply.status, reply.refusal()), (401, 1008), "{wrong:?}: {}", reply.text());
        assert_eq!(reply.header("www-authenticate"), "OAuth realm=\"Tripleseat\"");
    }
    assert_eq!(access(&platform, &temporary, Some(&verifier)).await.status, 200, "nothing was burnt");
}

#[tokio::test]
async fn o1_12_request_tokens_are_single_use_short_and_the_consumers_own() {
    let platform = start().await;
    let temporary = request(&platform, Some("oob")).await;
    let page = answer(&platform, OLIVIA, &temporary.0, "Allow").await;
    let verifier = page.html.split("<code>").nth(1).unwrap().split("</code>").next().unwrap().to_owned();
    // Not with another consumer, another secret, nor as a token of calls.
    let (token, secret) = (temporary.0.as_str(), temporary.1.as_str());
    for by in [
        Signer::of(KETTLE).token((token, secret)).with("oauth_verifier", &verifier),
        Signer::of(HARBOR).token((token, "wrong")).with("oauth_verifier", &verifier),
        Signer::of(HARBOR).token(("nobody", secret)).with("oauth_verifier", &verifier),
        Signer::of(HARBOR).token(("nobody", "")).with("oauth_verifier", &verifier),
    ] {
        let reply = by.post(&platform, ACCESS).await;
        assert_eq!((reply.status, reply.refusal()), (401, 1003), "{}", reply.text());
    }
    let call = Signer::of(HARBOR).token((token, secret)).get(&platform, "/v1/sites").await;
    assert_eq!((call.status, call.refusal()), (401, 1003));
    let first = access(&platform, &temporary, Some(&verifier)).await;
    assert_eq!(first.status, 200);
    let again = access(&platform, &temporary, Some(&verifier)).await;
    assert_eq!((again.status, again.refusal()), (401, 1003), "once");
    let page = Browser::of(&platform, OLIVIA).await.open(&platform, &address(token)).await;
    assert_eq!(page.refusal(), 400, "it is gone: {}", page.text());
    // Ten minutes, at either end.
    let late = request(&platform, Some("oob")).await;
    let later = request(&platform, Some("oob")).await;
    let page = answer(&platform, OLIVIA, &later.0, "Allow").await;
    let verifier = page.html.split("<code>").nth(1).unwrap().split("</code>").next().unwrap().to_owned();
    platform.clock.advance(Seconds(TEMPORARY_LIFE.0 - 1));
    assert_eq!(access(&platform, &later, Some("x")).await.refusal(), 1008, "still there");
    platform.clock.advance(Seconds(1));
    assert_eq!(access(&platform, &later, Some(&verifier)).await.refusal(), 1003);
    let page = Browser::of(&platform, OLIVIA).await.open(&platform, &address(&late.0)).await;
    assert_eq!(page.refusal(), 400);
}

#[tokio::test]
async fn tk_12_o1_12_nothing_is_issued_while_whoever_allowed_it_is_switched_off() {
    let platform = start().await;
    let temporary = request(&platform, Some("oob")).await;
    let page = answer(&platform, OLIVIA, &temporary.0, "Allow").await;
    let verifier = page.html.split("<code>").nth(1).unwrap().split("</code>").next().unwrap().to_owned();
    platform.switch("people", OLIVIA, false).await;
    assert_eq!(access(&platform, &temporary, Some(&verifier)).await.refusal(), 1003);
    platform.switch("people", OLIVIA, true).await;
    assert_eq!(access(&platform, &temporary, Some(&verifier)).await.status, 200, "and nothing was used up");
}

#[tokio::test]
async fn o1_12_only_an_administrator_of_that_customer_is_asked() {
    let platform = start().await;
    let temporary = request(&platform, Some(CALLBACK)).await;
    for email in [MARCO, PRIYA, JUNE, "dana@acme.example"] {
        let page = Browser::of(&platform, email).await.open(&platform, &address(&temporary.0)).await;
        assert_eq!((page.reply.status, page.refusal()), (403, 313), "{email}: {}", page.text());
        assert!(!page.text().contains("harbor key"), "{email}");
    }
    for token in ["nobody", "x y", "<script>", &"x".repeat(65)] {
        let page = Browser::of(&platform, OLIVIA).await.open(&platform, &address(token)).await;
        assert_eq!(page.refusal(), 400, "{token}: {}", page.text());
    }
    let page = Browser::of(&platform, OLIVIA).await.open(&platform, "/oauth/authorize").await;
    assert_eq!(page.refusal(), 101);
}

#[tokio::test]
async fn o1_12_attack_17_the_answer_comes_from_our_own_page() {
    let platform = start().await;
    let temporary = request(&platform, Some(CALLBACK)).await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let page = olivia.open(&platform, &address(&temporary.0)).await;
    let shown = page.form("Allow");
    let (token, own) = (shown.field("oauth_token"), shown.field("token"));
    let other = request(&platform, Some(CALLBACK)).await;
    let post = |pairs: &[(&str, &str)]| Call::post("/oauth/authorize").form(pairs);
    let allow = |token, own| post(&[("oauth_token", token), ("token", own), ("decision", "allow")]);
    for (call, number) in [
        (allow(token, own).header("Sec-Fetch-Site", "cross-site"), 111),
        (allow(token, own).header("Origin", "https://evil.example"), 111),
        (allow(token, "AAAAAAAAAAAAAAAAAAAAAA"), 401),
        (allow(&other.0, own), 401),
        (post(&[("oauth_token", token), ("token", own), ("decision", "maybe")]), 102),
        (post(&[("oauth_token", token), ("decision", "allow")]), 101),
    ] {
        let page = olivia.send(&platform, call).await;
        assert_eq!((page.refusal(), page.location()), (number, ""), "{}", page.text());
    }
    let nobody = Browser::new().send(&platform, allow(token, own)).await;
    assert_eq!(nobody.refusal(), 407);
    let elsewhere = Browser::of(&platform, OLIVIA).await.send(&platform, allow(token, own)).await;
    assert_eq!(elsewhere.refusal(), 401, "another session of the same person");
    assert_eq!(access(&platform, &temporary, Some("x")).await.refusal(), 1008, "nobody allowed it");
    // The same answer twice leads to the same place; another one does not.
    let first = olivia.press(&platform, &page, "Allow", &[]).await;
    let again = olivia.press(&platform, &page, "Allow", &[]).await;
    assert_eq!((first.reply.status, again.location()), (303, first.location()));
    let denied = olivia.press(&platform, &page, "Deny", &[]).await;
    assert_eq!((denied.refusal(), denied.location()), (402, ""));
}

#[tokio::test]
async fn o1_12_a_no_leads_back_and_gives_nothing() {
    let platform = start().await;
    let temporary = request(&platform, Some(CALLBACK)).await;
    let page = answer(&platform, OLIVIA, &temporary.0, "Deny").await;
    assert_eq!(page.returned("oauth_problem").as_deref(), Some("user_refused"));
    assert_eq!(page.returned("oauth_verifier"), None);
    assert_eq!(access(&platform, &temporary, Some("x")).await.refusal(), 1008);
    let temporary = request(&platform, Some("oob")).await;
    let page = answer(&platform, OLIVIA, &temporary.0, "Deny").await;
    assert!(page.text().contains("You said no") && page.location().is_empty(), "{}", page.text());
}

#[tokio::test]
async fn o1_12_a_callback_that_nobody_should_be_sent_to_is_refused() {
    let platform = start().await;
    for callback in
        ["javascript:alert(1)", "http://acme.example/cb", "https://user@evil.example/", "//evil.example", "x"]
    {
        let reply = Signer::of(HARBOR).with("oauth_callback", callback).post(&platform, REQUEST).await;
        assert_eq!((reply.status, reply.refusal()), (400, 1007), "{callback}: {}", reply.text());
    }
    for callback in ["http://127.0.0.1:4711/cb", "http://localhost/cb", "https://acme.example"] {
        request(&platform, Some(callback)).await;
    }
}

#[tokio::test]
async fn o1_07_the_two_endpoints_refuse_as_calls_do() {
    let platform = start().await;
    let by = || Signer::of(HARBOR).with("oauth_callback", "oob");
    let get = by().get(&platform, REQUEST).await;
    assert_eq!((get.status, get.header("allow")), (405, "POST"));
    let none = platform.at_api(Call::post(REQUEST)).await;
    assert_eq!((none.status, none.refusal()), (400, 101));
    let token = by().token(("x", "y")).post(&platform, REQUEST).await;
    assert_eq!((token.status, token.refusal()), (401, 1003), "nothing but the consumer signs here");
    let without = Signer::of(HARBOR).post(&platform, ACCESS).await;
    assert_eq!((without.status, without.refusal()), (400, 101), "{}", without.text());
    let once = by().nonce("once");
    assert_eq!(once.post(&platform, REQUEST).await.status, 200);
    let again = once.post(&platform, REQUEST).await;
    assert_eq!((again.status, again.refusal()), (401, 1003), "a replay makes no request token");
    assert_eq!(again.header("www-authenticate"), "OAuth realm=\"Tripleseat\"");
    // The parameters in a form, as some clients send them.
    let body = by().parameters(&platform, "POST", REQUEST, &[]);
    let reply = platform.at_api(Call::post(REQUEST).body("application/x-www-form-urlencoded", body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test]
async fn tsm_15_one_listener_serves_all_three_legs() {
    let platform = builder().tune(|settings| settings.listen.truncate(1)).start().await;
    equip(&platform).await;
    assert_eq!(platform.login(), platform.api());
    let by = Signer::of(HARBOR).with("oauth_callback", "oob");
    let reply = platform.at_login(by.call(&platform, "POST", REQUEST, None)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let page = Browser::new().open(&platform, &address(&said(&reply, "oauth_token"))).await;
    assert_eq!(page.buttons(), ["Sign in"]);
    let call = Signer::of(HARBOR).call(&platform, "GET", "/v1/sites", None);
    assert_eq!(platform.at_login(call).await.status, 200);
}
