//! Every state of every page: rendered, readable, small, and safe with hostile names.

use causeway_testkit::Page;

use super::world::{Setup, World};

#[tokio::test]
async fn core_19_pv_01_a_forged_return_is_a_friendly_page_and_nothing_happens() {
    let mut world = World::new().await;
    let address = world.leave("Connect to Tripleseat").await;
    let back = world.at_platform(&address, "Allow").await;
    let mine = world.cookie.clone();
    let (_, query) = back.split_once('?').unwrap();
    let forged = query.replace("state=", "state=x");
    for (what, target, cookie) in [
        ("a wrong state", format!("/callback/tripleseat?{forged}"), mine.clone()),
        ("no state", "/callback/tripleseat?code=abc".to_owned(), mine.clone()),
        ("twice the state", format!("{back}&state=more"), mine.clone()),
        ("another browser", back.clone(), None),
        ("another platform", format!("/callback/nobody?{query}"), mine.clone()),
        ("not UTF-8", "/callback/tripleseat?code=%ff&state=%fe".to_owned(), mine.clone()),
    ] {
        world.cookie = cookie;
        let page = world.come_back(&target).await;
        assert!([400, 404].contains(&page.reply.status), "{what}: {}", page.reply.status);
        assert!(page.text().contains("Back to the dashboard"), "{what}");
    }
    assert!(world.vault.connections().await.unwrap().is_empty());
    world.cookie = mine;
    assert_eq!(world.come_back(&back).await.reply.status, 303, "the person's own return still works");
    let again = world.come_back(&back).await;
    assert_eq!((again.reply.status, again.refusal()), (400, 900), "and only once");
}

#[tokio::test]
async fn core_26_a_denial_is_a_readable_page() {
    let mut world = World::new().await;
    let address = world.leave("Connect to Tripleseat").await;
    let back = world.at_platform(&address, "Deny").await;
    let page = world.come_back(&back).await;
    assert_eq!((page.reply.status, page.refusal()), (403, 902));
    let text = page.text();
    assert!(
        text.contains("Tripleseat was not connected") && text.contains("You chose Deny. Nothing was shared."),
        "{text}"
    );
    assert!(
        page.html.contains(r#"<p class="soft small foot">The platform says: access_denied: C-314"#),
        "{}",
        page.html
    );
    assert!(!page.html.contains("note bad"), "nothing failed");
    assert!(world.vault.connections().await.unwrap().is_empty());
}

#[tokio::test]
async fn pv_06_a_failed_exchange_leaves_the_address_that_holds_the_code() {
    let mut world = World::new().await;
    let address = world.leave("Connect to Tripleseat").await;
    let back = world.at_platform(&address, "Allow").await;
    world.platform.switch("apps", "acme", false).await;
    let page = world.come_back(&back).await;
    assert_eq!((page.reply.status, page.location()), (303, "/?show=tripleseat#tripleseat"));
    let text = world.dashboard().await.text();
    assert!(text.contains("C-903") && text.contains("Not connected"), "{text}");
}

#[tokio::test]
async fn hostile_names_stay_names() {
    let title = "<script>alert(1)</script>\u{202e}";
    let mut world = World::of(Setup { title, ..Setup::tripleseat() }).await;
    let address = world.leave("Connect to Tripleseat").await;
    let state = address.split_once("state=").unwrap().1.split('&').next().unwrap().to_owned();
    let issuer: String = world.platform.login().replace(':', "%3A").replace('/', "%2F");
    let error = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E";
    let target = format!("/callback/tripleseat?error={error}&error_description={error}&state={state}&iss={issuer}");
    for page in [world.come_back(&target).await, world.dashboard().await] {
        assert!(!page.html.contains("<script") && !page.html.contains("<img"), "{}", page.html);
    }
}

#[tokio::test]
async fn every_state_is_a_small_whole_page() {
    let mut world = World::new().await;
    check(
        "new",
        &world.dashboard().await,
        &["Connect to Tripleseat", "An administrator", "Settings > OAuth Applications"],
    );
    let page = world.connect("Connect to Tripleseat").await;
    check(
        "connected",
        &page,
        &["Refresh now", "Load data", "Authorize", "Tokens", "Refresh", "leads:read", "Disconnect"],
    );
    world.platform.cut("acme", "4100").await;
    let page = world.press("Load data", &[]).await;
    check("ended", &page, &["Reconnect to Tripleseat", "The authorization was revoked", "C-904"]);
    check("refused", &world.open("/callback/tripleseat?code=a&state=b").await, &["C-900", "Back to the dashboard"]);
    check("nowhere", &world.open("/nowhere").await, &["There is nothing here"]);
    for file in ["hub.css", "brand.css", "icon.svg"] {
        let file = world.open(&format!("/static/{file}")).await;
        assert!(file.reply.status == 200 && file.html.len() < 20_000, "{}", file.html.len());
    }
    assert!(
        world
            .open("/static/brand.css")
            .await
            .html
            .contains(".brand-tripleseat { --accent: light-dark(#0d5f88, #7cc4ee); }")
    );
    assert_eq!(world.open("/static/..%2fhub.css").await.reply.status, 404);
}

fn check(state: &str, page: &Page, words: &[&str]) {
    let text = page.text();
    for word in words {
        assert!(text.contains(word), "{state}: no {word:?} in {text}");
    }
    assert!(page.html.len() < 50_000, "{state}: {} bytes", page.html.len());
    for tag in ["main", "article", "section", "form", "ol", "ul", "dl", "table", "details", "div", "header"] {
        let (opened, closed) =
            (page.html.matches(&format!("<{tag}")).count(), page.html.matches(&format!("</{tag}>")).count());
        let other = if tag == "header" { 0 } else { page.html.matches(&format!("<{tag}er")).count() };
        assert_eq!(opened - other, closed, "{state}: {tag}");
    }
}
