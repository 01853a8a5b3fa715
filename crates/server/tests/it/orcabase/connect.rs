//! Consent without sign-in, tokens, and what they reach (ORC-03 to 09).

use causeway_protocol::time::Seconds;
use causeway_testkit::{Browser, Call};

use super::*;

const DAY: i64 = 86_400;

#[tokio::test]
async fn orc_03_the_six_parameters_show_consent_and_nobody_signs_in() {
    let platform = start().await;
    let mut browser = Browser::new();
    let page = browser.open(&platform, &EXAMPLE.link(ACCOUNT, &[])).await;
    let text = page.text();
    assert_eq!(page.reply.status, 200, "{text}");
    for part in ["Example App", "Example User", ACCOUNT, "Example Inc.", "It may", "example-app.com"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for part in ["Password", "sign out", "Use another account", "Administrator", "@"] {
        assert!(!text.contains(part), "{part}: {text}");
    }
    assert_eq!(page.buttons(), ["Deny", "Allow"]);
    let done = browser.press(&platform, &page, "Allow", &[]).await;
    assert!(done.location().starts_with("https://example-app.com/callback?code="), "{}", done.location());
    assert_eq!(parameter(done.location(), "state"), "random_1234");
    // The same click again leads to the same place; another answer does not.
    let again = browser.press(&platform, &page, "Allow", &[]).await;
    assert_eq!(again.location(), done.location());
    assert_eq!(browser.press(&platform, &page, "Deny", &[]).await.refusal(), 402);
}

#[tokio::test]
async fn orc_03_denying_returns_with_access_denied() {
    let platform = start().await;
    let mut browser = Browser::new();
    let page = browser.open(&platform, &EXAMPLE.link(ACCOUNT, &[])).await;
    let done = browser.press(&platform, &page, "Deny", &[]).await;
    assert_eq!(parameter(done.location(), "error"), "access_denied");
    assert_eq!(parameter(done.location(), "state"), "random_1234");
    assert_eq!(platform.rows("connections").await, 0);
}

#[tokio::test]
async fn orc_03_the_form_belongs_to_the_browser_that_asked() {
    let platform = start().await;
    let (mut browser, mut thief) = (Browser::new(), Browser::new());
    let page = browser.open(&platform, &EXAMPLE.link(ACCOUNT, &[])).await;
    thief.open(&platform, &EXAMPLE.link(ACCOUNT, &[])).await;
    let stolen = thief.press(&platform, &page, "Allow", &[]).await;
    assert_eq!((stolen.refusal(), stolen.location()), (401, ""));
}

/// Refused on a page first; the app hears of it once the person goes back.
async fn refused_first(platform: &Platform, link: &str, number: u16, error: &str) {
    let mut browser = Browser::new();
    let page = browser.open(platform, link).await;
    assert!((400..500).contains(&page.reply.status), "{link}: {}", page.reply.status);
    assert_eq!((page.refusal(), page.location()), (number, ""), "{link}: {}", page.text());
    assert_eq!(page.buttons(), ["Back to the app"], "{link}");
    let back = browser.press(platform, &page, "Back to the app", &[]).await;
    assert_eq!(back.reply.status, 303, "{link}: {}", back.text());
    assert_eq!(
        (parameter(back.location(), "error"), parameter(back.location(), "code")),
        (error.into(), String::new())
    );
    assert_eq!(platform.rows("connections").await, 0, "{link}");
}

#[tokio::test]
async fn orc_04_a_missing_unknown_or_foreign_account_is_refused_with_no_code() {
    let platform = start().await;
    refused_first(&platform, &EXAMPLE.link("", &[]), 317, "invalid_request").await;
    for account in ["nobody", "user-of-other", "northwind", "Example-User-Account"] {
        refused_first(&platform, &EXAMPLE.link(account, &[]), 316, "invalid_request").await;
    }
    // The older name is tolerated, two that differ are not (A27).
    let link = EXAMPLE.link("", &[("account-id", ACCOUNT)]);
    assert_eq!(Browser::new().open(&platform, &link).await.reply.status, 200);
    refused_first(&platform, &EXAMPLE.link(ACCOUNT, &[("account-id", "second-user")]), 102, "invalid_request").await;
    // Nothing is redirected while the app or its address is not proven (CORE-04).
    for link in [
        EXAMPLE.link(ACCOUNT, &[("client_id", "x")]),
        EXAMPLE.link(ACCOUNT, &[("redirect_uri", "https://evil.example")]),
    ] {
        let page = Browser::new().open(&platform, &link).await;
        assert_eq!((page.reply.status, page.location(), page.buttons().len()), (400, "", 0), "{}", page.text());
    }
}

#[tokio::test]
async fn orc_04_whoever_tries_account_ids_is_slowed_down() {
    let platform = start().await;
    let open = async |app: &App, account: &str| Browser::new().open(&platform, &app.link(account, &[])).await;
    for n in 0..20 {
        assert_eq!(open(&EXAMPLE, &format!("guess-{n}")).await.refusal(), 316, "{n}");
    }
    // Not even a right one is told from a wrong one then.
    for account in ["guess-20", ACCOUNT] {
        let page = open(&EXAMPLE, account).await;
        assert_eq!((page.reply.status, page.refusal(), page.location()), (429, 318, ""), "{}", page.text());
        assert_eq!(page.reply.header("retry-after"), "60");
        assert!(!page.text().contains("Example User"), "{}", page.text());
    }
    assert_eq!(open(&OTHER, "user-of-other").await.reply.status, 200, "no other app's people wait");
    platform.clock.advance(Seconds(60));
    let page = open(&EXAMPLE, ACCOUNT).await;
    assert!(page.reply.status == 200 && page.text().contains("Example User"), "{}", page.text());
}

#[tokio::test]
async fn orc_04_an_account_that_goes_before_the_answer_is_refused() {
    let platform = start().await;
    let mut browser = Browser::new();
    let page = browser.open(&platform, &EXAMPLE.link(ACCOUNT, &[])).await;
    EXAMPLE.call(&platform, "delete-account", &[("appId", EXAMPLE.id), ("accountId", ACCOUNT)]).await;
    let done = browser.press(&platform, &page, "Allow", &[]).await;
    assert_eq!((done.location(), done.refusal()), ("", 316), "{}", done.text());
    assert_eq!(platform.rows("connections").await, 0);
}

#[tokio::test]
async fn orc_05_both_scopes_and_a_state_are_required() {
    let platform = start().await;
    for scope in ["offline_access", "offline", ""] {
        refused_first(&platform, &EXAMPLE.link(ACCOUNT, &[("scope", scope)]), 306, "invalid_scope").await;
    }
    for state in ["", "short", "1234567"] {
        refused_first(&platform, &EXAMPLE.link(ACCOUNT, &[("state", state)]), 307, "invalid_request").await;
    }
    refused_first(&platform, &EXAMPLE.link(ACCOUNT, &[("scope", "offline_access offline more")]), 305, "invalid_scope")
        .await;
    let plus = EXAMPLE.link(ACCOUNT, &[]).replace("offline_access+offline", "offline%20offline_access");
    assert_eq!(Browser::new().open(&platform, &plus).await.reply.status, 200, "in any order, however encoded");
}

#[tokio::test]
async fn orc_06_auth_status_follows_the_rows() {
    let platform = start().await;
    assert_eq!(status(&platform, ACCOUNT).await, "Offline", "before consent");
    let location = EXAMPLE.allow(&platform, ACCOUNT).await;
    assert_eq!(status(&platform, ACCOUNT).await, "Online", "after consent");
    assert_eq!(status(&platform, "second-user").await, "Offline", "nobody else");
    let pair = Pair::of(&EXAMPLE.exchange(&platform, &parameter(&location, "code")).await);
    assert_eq!(status(&platform, ACCOUNT).await, "Online");
    platform.clock.advance(Seconds(29 * DAY));
    assert_eq!(status(&platform, ACCOUNT).await, "Online", "it can still be refreshed");
    platform.clock.advance(Seconds(DAY));
    assert_eq!(status(&platform, ACCOUNT).await, "Offline", "the refresh token has expired");
    assert_eq!(EXAMPLE.refresh(&platform, &pair.refresh).await.refused().1, "invalid_grant");
    EXAMPLE.connect(&platform, ACCOUNT).await;
    assert_eq!(status(&platform, ACCOUNT).await, "Online", "connected again");
    platform.cut(EXAMPLE.id, ACCOUNT).await;
    assert_eq!(status(&platform, ACCOUNT).await, "Offline", "after revocation");
}

#[tokio::test]
async fn orc_06_what_the_app_gives_back_or_never_fetches_is_offline() {
    let platform = start().await;
    let pair = EXAMPLE.connect(&platform, ACCOUNT).await;
    let pairs = [("client_id", EXAMPLE.id), ("client_secret", EXAMPLE.secret), ("token", pair.refresh.as_str())];
    assert_eq!(platform.at_api(Call::post("/api/v2/auth/oauth2/revoke").form(&pairs)).await.status, 200);
    assert_eq!(status(&platform, ACCOUNT).await, "Offline", "given back");
    EXAMPLE.allow(&platform, "second-user").await;
    assert_eq!(status(&platform, "second-user").await, "Online");
    platform.clock.advance(Seconds(600));
    assert_eq!(status(&platform, "second-user").await, "Offline", "its code was never redeemed");
}

#[tokio::test]
async fn orc_06_a_deleted_account_takes_its_tokens_along() {
    let platform = start().await;
    let pair = EXAMPLE.connect(&platform, ACCOUNT).await;
    let orders = || platform.at_api(Call::get(&format!("{API}/orders")).bearer(&pair.access));
    assert_eq!(orders().await.status, 200);
    let gone = EXAMPLE.call(&platform, "delete-account", &[("appId", EXAMPLE.id), ("accountId", ACCOUNT)]).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(orders().await.status, 401, "from the next request on");
    assert_eq!(EXAMPLE.refresh(&platform, &pair.refresh).await.refused().1, "invalid_grant");
    // Whoever registers the id again gets nothing of the old one's.
    EXAMPLE.register(&platform, ACCOUNT).await;
    assert_eq!(status(&platform, ACCOUNT).await, "Offline");
    assert_eq!(orders().await.status, 401);
}

#[tokio::test]
async fn orc_07_exchange_and_refresh_return_the_four_fields() {
    let platform = start().await;
    let location = EXAMPLE.allow(&platform, ACCOUNT).await;
    let first = EXAMPLE.exchange(&platform, &parameter(&location, "code")).await;
    let second = EXAMPLE.refresh(&platform, &first.member("refresh_token")).await;
    for reply in [&first, &second] {
        assert_eq!(reply.status, 200, "{}", reply.text());
        let object = reply.json();
        let mut fields: Vec<&str> = object.as_object().expect("an object").keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["access_token", "expires_in", "refresh_token", "token_type"]);
        assert_eq!((&object["token_type"], &object["expires_in"]), (&"Bearer".into(), &3600.into()));
    }
}

#[tokio::test]
async fn orc_08_each_refresh_gives_thirty_days_from_then() {
    let platform = start().await;
    let mut pair = EXAMPLE.connect(&platform, ACCOUNT).await;
    for _ in 0..4 {
        platform.clock.advance(Seconds(29 * DAY));
        let next = Pair::of(&EXAMPLE.refresh(&platform, &pair.refresh).await);
        assert_ne!(next.refresh, pair.refresh);
        pair = next;
    }
    let old = pair.clone();
    pair = Pair::of(&EXAMPLE.refresh(&platform, &old.refresh).await);
    assert_eq!(EXAMPLE.refresh(&platform, &old.refresh).await.refused().1, "invalid_grant", "the previous one");
    platform.clock.advance(Seconds(30 * DAY));
    assert_eq!(EXAMPLE.refresh(&platform, &pair.refresh).await.refused().1, "invalid_grant", "unused for 30 days");
}

#[tokio::test]
async fn orc_09_the_token_reaches_only_its_account() {
    let platform = start().await;
    let by_key = platform.at_api(Call::get(&format!("{API}/orders")).header("x-api-key", EXAMPLE.key)).await;
    assert_eq!(by_key.status, 401, "an app's key registers accounts, it reaches nobody's data: {}", by_key.text());
    for (app, account, id) in [(&EXAMPLE, ACCOUNT, 1), (&EXAMPLE, "second-user", 2), (&OTHER, "user-of-other", 3)] {
        let pair = app.connect(&platform, account).await;
        let orders = platform.at_api(Call::get(&format!("{API}/orders")).bearer(&pair.access)).await;
        let ids: Vec<i64> =
            orders.json()["data"].as_array().into_iter().flatten().filter_map(|one| one["id"].as_i64()).collect();
        assert_eq!(ids, [id], "{account}: {}", orders.text());
        // No parameter leads elsewhere.
        let other = format!("{API}/orders?account_id=second-user&accountId=user-of-other");
        assert_eq!(platform.at_api(Call::get(&other).bearer(&pair.access)).await.text(), orders.text());
        for (foreign, there) in [(1, ACCOUNT), (2, "second-user"), (3, "user-of-other")] {
            let one = platform.at_api(Call::get(&format!("{API}/orders/{foreign}")).bearer(&pair.access)).await;
            assert_eq!(one.status, if there == account { 200 } else { 404 }, "{account} {foreign}");
        }
    }
}

#[tokio::test]
async fn orc_03_connecting_twice_leaves_one_connection_per_account() {
    let platform = start().await;
    for account in [ACCOUNT, ACCOUNT, "second-user"] {
        EXAMPLE.connect(&platform, account).await;
    }
    assert_eq!(platform.rows("connections").await, 2);
}

#[tokio::test]
async fn orc_03_where_proof_is_wanted_the_link_carries_a_sign_in_token() {
    let platform = start_with_proof().await;
    refused_first(&platform, &EXAMPLE.link(ACCOUNT, &[]), 1107, "access_denied").await;
    let foreign = EXAMPLE.token(&platform, "second-user").await;
    refused_first(&platform, &EXAMPLE.link(ACCOUNT, &[("token", &foreign)]), 1107, "access_denied").await;
    let token = EXAMPLE.token(&platform, ACCOUNT).await;
    let link = EXAMPLE.link(ACCOUNT, &[("token", &token)]);
    let (mut one, mut two) = (Browser::new(), Browser::new());
    let (first, second) = (one.open(&platform, &link).await, two.open(&platform, &link).await);
    let done = one.press(&platform, &first, "Allow", &[]).await;
    assert!(!parameter(done.location(), "code").is_empty(), "{}", done.text());
    assert_eq!(one.press(&platform, &first, "Allow", &[]).await.location(), done.location(), "the same click again");
    assert_eq!(two.press(&platform, &second, "Allow", &[]).await.refusal(), 1106, "the token is spent");
    let old = EXAMPLE.token(&platform, ACCOUNT).await;
    platform.clock.advance(Seconds(300));
    let page = Browser::new().open(&platform, &EXAMPLE.link(ACCOUNT, &[("token", &old)])).await;
    assert_eq!(page.refusal(), 1106);
}
