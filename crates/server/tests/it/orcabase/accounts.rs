//! Registering, editing and deleting accounts, by key and by hand; sign-in tokens (ORC-02, 10, 12).

use causeway_protocol::time::Seconds;
use causeway_storage::Store;
use causeway_testkit::{Browser, Call};

use super::*;

#[tokio::test]
async fn orc_02_an_app_registers_edits_and_deletes_an_account() {
    let platform = start().await;
    let made = EXAMPLE.register(&platform, "new-user").await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!((made.member("accountId"), made.member("currency")), ("new-user".into(), "EUR".into()));
    // A form does as well as JSON.
    let pairs = [
        ("appId", EXAMPLE.id),
        ("accountId", "new-user"),
        ("accountName", "Renamed"),
        ("timezone", "Asia/Tokyo"),
        ("currency", "JPY"),
    ];
    let call = Call::post(&format!("{DEV_PATH}/edit-account")).header("X-API-Key", EXAMPLE.key).form(&pairs);
    let edited = platform.at_api(call).await;
    assert_eq!((edited.status, edited.member("accountName")), (200, "Renamed".to_owned()), "{}", edited.text());
    let stored = platform.edge.node.store.account_by_external("new-user").await.expect("the store answers");
    let stored = stored.expect("it is there");
    assert_eq!((stored.name.as_str(), stored.timezone.as_str()), ("Renamed", "Asia/Tokyo"));
    let gone = EXAMPLE.call(&platform, "delete-account", &[("appId", EXAMPLE.id), ("accountId", "new-user")]).await;
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert!(platform.edge.node.store.account_by_external("new-user").await.expect("the store answers").is_none());
    // Its id stays this app's for ever: to the platform's own data it is still that person.
    assert_eq!(OTHER.register(&platform, "new-user").await.refused(), (409, "conflict".into(), 1101));
    assert_eq!(EXAMPLE.register(&platform, "new-user").await.status, 200);
    let tail = platform.edge.node.store.audit_tail(20).await.expect("the store answers");
    for verb in ["account.registered", "account.edited", "account.deleted"] {
        assert!(tail.iter().any(|row| row.3 == verb && row.2.starts_with("app:")), "{verb}: {tail:?}");
    }
}

#[tokio::test]
async fn orc_02_an_id_that_is_taken_is_refused_whoever_asks() {
    let platform = start().await;
    for app in [&EXAMPLE, &OTHER] {
        assert_eq!(app.register(&platform, ACCOUNT).await.refused(), (409, "conflict".into(), 1101));
    }
    // Ids of customers are taken too: to the platform an account is one.
    assert_eq!(EXAMPLE.register(&platform, "northwind").await.refusal(), 1101);
}

#[tokio::test]
async fn orc_02_every_missing_or_malformed_field_is_named_at_once() {
    let platform = start().await;
    let reply = EXAMPLE.call(&platform, "register-account", &[]).await;
    assert_eq!(reply.refused(), (400, "invalid_request".into(), 1100));
    for name in ["appId", "accountId", "accountName", "timezone", "currency"] {
        assert!(reply.text().contains(&format!("{name} is missing")), "{name}: {}", reply.text());
    }
    let pairs = [
        ("appId", EXAMPLE.id),
        ("accountId", "with space"),
        ("accountName", " "),
        ("timezone", "Mars/Olympus"),
        ("currency", "usd"),
    ];
    let reply = EXAMPLE.call(&platform, "register-account", &pairs).await;
    for name in ["accountId", "accountName", "timezone", "currency"] {
        assert!(reply.text().contains(&format!("{name} is not ")), "{name}: {}", reply.text());
    }
    assert_eq!(reply.refusal(), 1100);
    let edit = EXAMPLE.call(&platform, "edit-account", &[("appId", EXAMPLE.id), ("accountId", ACCOUNT)]).await;
    assert!(edit.text().contains("accountName is missing"), "{}", edit.text());
}

#[tokio::test]
async fn orc_02_foreign_and_unknown_accounts_apps_and_keys_are_refused() {
    let platform = start().await;
    let fields = |app: &'static str, account: &'static str| {
        [("appId", app), ("accountId", account), ("accountName", "N"), ("timezone", "UTC"), ("currency", "USD")]
    };
    for account in ["user-of-other", "nobody", "northwind"] {
        for what in ["edit-account", "delete-account", "sign-in-account"] {
            let reply = EXAMPLE.call(&platform, what, &fields(EXAMPLE.id, account)).await;
            assert_eq!(reply.refused(), (404, "not_found".into(), 1102), "{what} {account}");
        }
    }
    for what in ["register-account", "edit-account", "delete-account", "sign-in-account"] {
        let reply = EXAMPLE.call(&platform, what, &fields(OTHER.id, "user-of-other")).await;
        assert_eq!(reply.refused(), (403, "forbidden".into(), 1105), "{what}: another app's id");
        for key in ["wrong", "key-of-northwind-0123456789"] {
            let call = Call::post(&format!("{DEV_PATH}/{what}")).header("x-api-key", key);
            let reply = platform.at_api(call.json(&fields(EXAMPLE.id, ACCOUNT))).await;
            assert_eq!(reply.refused(), (401, "unauthorized".into(), 1103), "{what} {key}");
        }
        let reply = platform.at_api(Call::post(&format!("{DEV_PATH}/{what}")).json(&fields(EXAMPLE.id, ACCOUNT))).await;
        assert_eq!(reply.refused(), (401, "unauthorized".into(), 1103), "{what} without a key");
        assert_eq!(platform.at_api(Call::get(&format!("{DEV_PATH}/{what}"))).await.status, 405);
    }
    assert_eq!(platform.rows("accounts").await, 3, "nothing was written");
}

#[tokio::test]
async fn orc_02_wrong_keys_are_throttled_and_right_ones_never() {
    let platform = start().await;
    let wrong = || Call::post(&format!("{DEV_PATH}/delete-account")).header("x-api-key", "guess").json(&[]);
    let mut last = 0;
    for _ in 0..25 {
        let reply = platform.at_api(wrong()).await;
        last = reply.status;
        if last == 429 {
            assert!(!reply.header("retry-after").is_empty());
            break;
        }
    }
    assert_eq!(last, 429);
    assert_eq!(EXAMPLE.register(&platform, "still-served").await.status, 200);
}

#[tokio::test]
async fn orc_02_registering_is_throttled_per_app() {
    let platform = start().await;
    for n in 0..600 {
        assert_eq!(EXAMPLE.register(&platform, ACCOUNT).await.refusal(), 1101, "{n}");
    }
    let over = EXAMPLE.register(&platform, "one-more").await;
    assert_eq!(over.refused(), (429, "rate_limited".into(), 1111), "{}", over.text());
    assert_eq!(over.header("retry-after"), "60");
    assert_eq!(OTHER.register(&platform, "of-other").await.status, 200, "nobody else is concerned");
    EXAMPLE.token(&platform, ACCOUNT).await;
    platform.clock.advance(Seconds(60));
    assert_eq!(EXAMPLE.register(&platform, "one-more").await.status, 200);
}

#[tokio::test]
async fn orc_10_a_sign_in_token_is_short_lived_and_for_one_account() {
    let platform = start().await;
    let reply = EXAMPLE.call(&platform, "sign-in-account", &[("accountId", ACCOUNT), ("appId", EXAMPLE.id)]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["expiresIn"], 300);
    assert_eq!(reply.header("cache-control"), "no-store");
    let (one, two) = (reply.member("token"), EXAMPLE.token(&platform, ACCOUNT).await);
    assert!(!one.is_empty() && one != two, "each is fresh");
    platform.clock.advance(Seconds(300));
    let mut browser = Browser::new();
    let page = browser.open(&platform, &EXAMPLE.mini_app(ACCOUNT, &one)).await;
    assert_eq!((page.reply.status, page.refusal()), (403, 1106), "{}", page.text());
}

#[tokio::test]
async fn orc_12_the_dashboard_lists_accounts_and_shows_the_client_id() {
    let platform = start().await;
    let page = dashboard(&platform).await;
    let text = page.text();
    assert_eq!(page.reply.status, 200, "{text}");
    for part in
        ["Accounts", EXAMPLE.id, ACCOUNT, "Example User", "second-user", "Second User", "Auth Status", "Offline"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("user-of-other") && !text.contains("Online"), "{text}");
}

#[tokio::test]
async fn orc_12_another_developer_finds_nothing_there() {
    let platform = start().await;
    let mut rival = Browser::of(&platform, "rival@other.test").await;
    let list = EXAMPLE.accounts_page(&platform);
    let page = rival.open(&platform, &list).await;
    assert_eq!(page.reply.status, 404, "{}", page.text());
    let mut nobody = Browser::new();
    let page = nobody.open(&platform, &list).await;
    assert!(page.text().contains("Sign in to"), "{}", page.text());
    let mut staff = Browser::of(&platform, "staff@orcabase.test").await;
    assert!(staff.open(&platform, &list).await.text().contains(ACCOUNT));
}

#[tokio::test]
async fn orc_02_the_dashboard_adds_edits_and_deletes_by_hand() {
    let platform = start().await;
    let mut browser = Browser::of(&platform, DEV).await;
    let list = EXAMPLE.accounts_page(&platform);
    let page = browser.open(&platform, &list).await;
    let typed =
        [("accountId", "by-hand"), ("accountName", "By Hand"), ("timezone", "Europe/Nowhere"), ("currency", "EUR")];
    let again = browser.press(&platform, &page, "Add the account", &typed).await;
    assert_eq!((again.reply.status, again.refusal()), (400, 1100), "{}", again.text());
    assert!(again.html.contains("value=\"by-hand\"") && again.text().contains("Time zone is not"), "{}", again.text());
    let added = browser.press(&platform, &again, "Add the account", &[("timezone", "Europe/Berlin")]).await;
    assert_eq!(added.location(), format!("{list}?done=added"), "{}", added.text());
    let twice = browser.press(&platform, &again, "Add the account", &[("timezone", "Europe/Berlin")]).await;
    assert_eq!(twice.refusal(), 1101);

    let page = browser.open(&platform, &list).await;
    let href = page.html.split("by-hand").nth(1).and_then(|rest| rest.split("href=\"").nth(1)).expect("a link");
    let href = href.split('"').next().expect("an address").to_owned();
    let one = browser.open(&platform, &href).await;
    let edited = browser.press(&platform, &one, "Save", &[("accountName", "Renamed by Hand")]).await;
    assert_eq!(edited.location(), format!("{list}?done=edited"), "{}", edited.text());
    assert!(browser.open(&platform, &list).await.text().contains("Renamed by Hand"));

    // Another session's form does nothing.
    let one = browser.open(&platform, &href).await;
    let mut staff = Browser::of(&platform, "staff@orcabase.test").await;
    let refused = staff.press(&platform, &one, "Delete by-hand", &[]).await;
    assert_eq!(refused.refusal(), 401, "{}", refused.text());
    let deleted = browser.press(&platform, &one, "Delete by-hand", &[]).await;
    assert_eq!(deleted.location(), format!("{list}?done=deleted"), "{}", deleted.text());
    assert!(!browser.open(&platform, &list).await.text().contains("by-hand"));
}
