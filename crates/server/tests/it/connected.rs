//! Settings > OAuth Applications: what a customer's admin sees, and that cutting works at once and only there (TS-12,
//! UI-08).

use causeway_protocol::Change;
use causeway_protocol::records::{Act, App, AppStatus};
use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, EVERYTHING};
use causeway_testkit::world::{MARCO, OLIVIA, PRIYA, SAM};
use causeway_testkit::{Browser, Call, Page, Platform};

const APPS: &str = "/settings/oauth-applications";

/// The details of the app with this name.
async fn details(platform: &Platform, browser: &mut Browser, app: &str) -> Page {
    let list = browser.open(platform, APPS).await;
    let href = list.link(&format!("<bdi>{app}"));
    browser.open(platform, &href).await
}

#[tokio::test]
async fn ui_08_the_list_says_what_where_since_when_by_whom_and_how_it_is() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    assert!(browser.open(&platform, APPS).await.text().contains("No app is connected"));
    ACME.connect(&platform, OLIVIA).await;
    EVERYTHING.connect(&platform, PRIYA).await;
    platform.clock.advance(Seconds(3 * 60));
    let list = browser.open(&platform, APPS).await;
    let text = list.text();
    for part in [
        "Acme Booking",
        "see everything in your account",
        "2 sites",
        "3 minutes ago",
        &format!("by {OLIVIA}"),
        "Never",
        "Not used yet",
        "Verified",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(list.html.contains("title=\"21 November 2026, 12:00 UTC\""), "the exact time");
    assert!(!text.contains("Everything") && !text.contains(PRIYA), "another customer's");
    let one = details(&platform, &mut browser, "Acme Booking").await;
    let text = one.text();
    for part in [
        "Waterfront",
        "Old Town",
        "See everything in your account",
        "Far-reaching",
        "1 year",
        "Disconnect Acme Booking?",
        "It stops working at once",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("See your leads and who sent them"), "what the umbrella covers is not said twice: {text}");
    assert!(list.html.contains(r#"<span class="state calm">Not used yet"#) && list.html.contains("@<wbr>harbor.<wbr>"));
    platform.switch("apps", "acme", false).await;
    assert!(browser.open(&platform, APPS).await.text().contains("Paused"));
    // What was taken from the app is not listed any more.
    platform.switch("apps", "acme", true).await;
    platform.set_app_scopes("acme", "leads:read").await;
    let text = details(&platform, &mut browser, "Acme Booking").await.text();
    assert!(text.contains("See your leads") && !text.contains("Create leads"), "{text}");
}

#[tokio::test]
async fn ts_12_ui_08_disconnecting_ends_every_token_of_that_customer_and_app_at_once() {
    let platform = Platform::start().await;
    let mine = ACME.connect(&platform, OLIVIA).await;
    let mine_too = ACME.connect(&platform, OLIVIA).await;
    let other_app = EVERYTHING.connect(&platform, OLIVIA).await;
    let other_customer = ACME.connect(&platform, PRIYA).await;
    let code = platform.grant(causeway_testkit::Consent::new("acme", OLIVIA)).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let page = details(&platform, &mut browser, "Acme Booking").await;
    let back = browser.press(&platform, &page, "Disconnect Acme Booking", &[]).await;
    assert_eq!(back.reply.status, 303, "{}", back.text());
    for pair in [&mine, &mine_too] {
        assert!(!ACME.is_active(&platform, &pair.access).await);
        assert_eq!(ACME.refresh(&platform, &pair.refresh).await.member("error"), "invalid_grant");
    }
    assert_eq!(ACME.exchange(&platform, &code).await.member("error"), "invalid_grant", "a code not yet redeemed");
    assert!(EVERYTHING.is_active(&platform, &other_app.access).await, "another app");
    assert!(ACME.is_active(&platform, &other_customer.access).await, "another customer");
    assert_eq!(ACME.refresh(&platform, &other_customer.refresh).await.status, 200);
    let list = browser.open(&platform, back.location()).await;
    assert!(list.text().contains("Acme Booking is disconnected. Its access has ended."), "{}", list.text());
    assert_eq!(list.html.matches("<tr>").count(), 2, "only the other app is left");
    // Once more: the same answer; its page is gone.
    let again = browser.press(&platform, &page, "Disconnect Acme Booking", &[]).await;
    assert_eq!(again.location(), back.location());
    let gone =
        browser.open(&platform, page.form("Disconnect Acme Booking").action.trim_end_matches("/disconnect")).await;
    assert_eq!((gone.reply.status, gone.refusal()), (404, 409));
    // Connecting again works, and the old tokens stay dead.
    let fresh = ACME.connect(&platform, OLIVIA).await;
    assert!(ACME.is_active(&platform, &fresh.access).await && !ACME.is_active(&platform, &mine.access).await);
}

#[tokio::test]
async fn ui_08_only_those_who_may_see_and_cut() {
    let platform = Platform::start().await;
    ACME.connect(&platform, OLIVIA).await;
    let page = Browser::new().open(&platform, APPS).await;
    assert!(page.buttons() == ["Sign in"] && !page.text().contains("Acme"), "{}", page.text());
    for email in [MARCO, SAM, "dana@acme.example"] {
        let page = Browser::of(&platform, email).await.open(&platform, APPS).await;
        assert_eq!((page.reply.status, page.refusal()), (403, 408), "{email}");
        assert!(page.text().contains("Ask an administrator") && !page.text().contains("Acme"), "{}", page.text());
        assert_eq!(page.link("Sign out"), "/sign-out", "a way on");
    }
    let mut browser = Browser::new();
    let page = browser.open(&platform, APPS).await;
    let after = browser.sign_in(&platform, &page, OLIVIA).await;
    assert_eq!(after.location(), APPS, "signing in leads there");
}

#[tokio::test]
async fn ms_06_another_customers_connection_is_not_there() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let page = details(&platform, &mut olivia, "Acme Booking").await;
    let form = page.form("Disconnect Acme Booking");
    let href = form.action.trim_end_matches("/disconnect").to_owned();
    let mut priya = Browser::of(&platform, PRIYA).await;
    let theirs = priya.open(&platform, &href).await;
    let nowhere = priya.open(&platform, &format!("{APPS}/999999")).await;
    for page in [&theirs, &nowhere] {
        assert_eq!((page.reply.status, page.refusal()), (404, 409));
    }
    let said = |page: &Page| page.text().split("Request ").next().unwrap_or_default().to_owned();
    assert_eq!(said(&theirs), said(&nowhere), "no oracle");
    for id in ["x", "-1", "9223372036854775808", "%00", "1%2f2", "0"] {
        let page = priya.open(&platform, &format!("{APPS}/{id}")).await;
        assert!((400..500).contains(&page.reply.status), "{id}");
    }
    // Not with the owner's token either, nor with one's own for another deed.
    let post = Call::post(&form.action).form(&[("token", form.field("token"))]);
    let page = priya.send(&platform, post).await;
    assert_eq!((page.reply.status, page.refusal()), (403, 401));
    let notice = priya.open(&platform, &format!("{APPS}?disconnected={}", href.rsplit('/').next().unwrap())).await;
    assert!(!notice.text().contains("Acme"), "{}", notice.text());
    assert!(ACME.is_active(&platform, &pair.access).await);
}

#[tokio::test]
async fn attack_17_the_button_works_from_our_own_page_only() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let page = details(&platform, &mut browser, "Acme Booking").await;
    let form = page.form("Disconnect Acme Booking");
    let token = form.field("token").to_owned();
    let attempts = [
        (Call::post(&form.action).form(&[("token", &token)]).header("Sec-Fetch-Site", "cross-site"), 111),
        (Call::post(&form.action).form(&[("token", &token)]).header("Origin", "https://evil.example"), 111),
        (Call::post(&form.action).form(&[("token", "AAAAAAAAAAAAAAAAAAAAAA")]), 401),
        (Call::post(&form.action).form(&[("token", "")]), 101),
        (Call::post(&form.action).form(&[]), 101),
        (Call::post(&form.action).json(&[("token", &token)]), 106),
        (Call::get(&form.action), 107),
        (Call::post(&format!("{APPS}/999999/disconnect")).form(&[("token", &token)]), 401),
    ];
    for (call, number) in attempts {
        let page = browser.send(&platform, call).await;
        assert_eq!((page.refusal(), page.location()), (number, ""), "{}", page.text());
    }
    // Another session of the same person has another token.
    let mut elsewhere = Browser::of(&platform, OLIVIA).await;
    let page = elsewhere.send(&platform, Call::post(&form.action).form(&[("token", &token)])).await;
    assert_eq!(page.refusal(), 401);
    let page = Browser::new().send(&platform, Call::post(&form.action).form(&[("token", &token)])).await;
    assert_eq!(page.refusal(), 407);
    assert!(ACME.is_active(&platform, &pair.access).await, "nothing was cut");
}

#[tokio::test]
async fn attack_16_ar_12_a_hostile_name_harms_no_page() {
    let platform = Platform::start().await;
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{202e}gnp.elpirT\u{200b} ✔ Verified";
    let app = App {
        name: hostile.into(),
        owner: hostile.into(),
        description: hostile.into(),
        info_url: "javascript:alert(1)//\"><script>".into(),
        status: AppStatus::Approved,
        verified: false,
        ..(*platform.app("acme")).clone()
    };
    let act =
        Act { at: platform.clock.now(), actor: "test".into(), verb: "app.put", subject: None, detail: String::new() };
    platform.apply(Change::PutApp(app, act)).await;
    let mut browser = Browser::new();
    let target = crate::authorize::link(&ACME, &[("state", hostile)]);
    let sign_in = browser.open(&platform, &target).await;
    let consent = browser.sign_in(&platform, &sign_in, OLIVIA).await;
    browser.press(&platform, &consent, "Allow", &[]).await;
    let member = Browser::of(&platform, MARCO).await.open(&platform, &target).await;
    let list = browser.open(&platform, APPS).await;
    let href = list
        .html
        .split("href=\"")
        .find(|part| part.starts_with(&format!("{APPS}/")))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let one = browser.open(&platform, &href).await;
    for (name, page) in [("sign-in", sign_in), ("consent", consent), ("member", member), ("list", list), ("one", one)] {
        assert!(page.text().contains("<script>alert(1)</script>"), "{name}: shown as text");
        for bad in ["<script", "<img", "\u{202e}", "\u{200b}", "✔", "javascript:"] {
            assert!(!page.html.contains(bad), "{name}: {bad:?}");
        }
        assert!(!page.text().contains("Verified by Tripleseat"), "{name}");
    }
}
