//! Consent: who is asked what, whose answer counts, and that one answer has one result (SECURITY 3 and 4, TOKENS 5).

use causeway_protocol::Change;
use causeway_protocol::records::{Act, Person, Role};
use causeway_protocol::time::Seconds;
use causeway_storage::Store;
use causeway_testkit::actors::{ACME, DESKTOP, EVERYTHING, Pair, REPORTS};
use causeway_testkit::world::{JUNE, MARCO, OLIVIA, PRIYA, SAM};
use causeway_testkit::{Browser, Call, Page, Platform};

use crate::authorize::link;

/// The app's consent page, as this person sees it.
async fn asked(platform: &Platform, email: &str) -> (Browser, Page) {
    let mut browser = Browser::of(platform, email).await;
    let page = browser.open(platform, &link(&ACME, &[("state", "s"), ("scope", "leads:read leads:write")])).await;
    (browser, page)
}

async fn set_role(platform: &Platform, email: &str, role: Role) {
    let person = platform.edge.node.store.person_by_email(email).await.expect("the store answers");
    let person = person.expect("the seed has this person");
    let act = Act {
        at: platform.clock.now(),
        actor: "test".into(),
        verb: "person.put",
        subject: None,
        detail: String::new(),
    };
    platform.apply(Change::PutPerson(Person { role, ..person }, act)).await;
}

/// Refused on a page, with nothing granted.
#[track_caller]
fn assert_refused(page: &Page, number: u16, what: &str) {
    assert!((400..500).contains(&page.reply.status), "{what}: {}", page.reply.status);
    assert_eq!((page.refusal(), page.location()), (number, ""), "{what}: {}", page.text());
}

#[tokio::test]
async fn core_16_ui_02_the_page_says_who_what_where_how_long_and_by_whom() {
    let platform = Platform::start().await;
    let (_, page) = asked(&platform, OLIVIA).await;
    let text = page.text();
    for part in [
        "Acme Booking wants to see and change data of Harbor & Vine at 2 sites",
        OLIVIA,
        "Administrator of Harbor & Vine",
        "Use another account",
        "sign out",
        "Waterfront",
        "Old Town",
        "It may see See your leads and who sent them",
        "It may change Create leads and change them",
        "It cannot see your password",
        "Settings > OAuth Applications",
        "1 year",
        "10 years",
        "Acme Software, Inc.",
        "Verified by Tripleseat",
        "You will return to acme.example",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("Garden Pavilion"), "a closed site is not reached");
    assert_eq!(page.html.matches("class=\"mark").count(), 2, "two logo marks");
    assert_eq!(page.buttons(), ["Deny", "Allow"]);
    // Whole sets and risky ones are marked; a self-registered name never looks verified.
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let all = browser.open(&platform, &link(&EVERYTHING, &[])).await.text();
    assert!(all.contains("Far-reaching") && all.contains("Not verified") && !all.contains("Verified by"), "{all}");
    let one = browser.open(&platform, &link(&ACME, &[("scope", "leads:read")])).await.text();
    assert!(one.contains("Acme Booking wants to see your leads and who sent them at 2 sites"), "{one}");
    // One site.
    let text = asked(&platform, PRIYA).await.1.text();
    assert!(text.contains("at 1 site") && text.contains("Downtown"), "{text}");
}

#[tokio::test]
async fn contracts_no_other_form_on_the_page_could_be_taken_for_the_answer() {
    let platform = Platform::start().await;
    let mut browser = Browser::new();
    let sign_in = browser.open(&platform, &link(&ACME, &[])).await;
    assert_eq!(sign_in.buttons(), ["Sign in"]);
    let consent = browser.sign_in(&platform, &sign_in, OLIVIA).await;
    assert_eq!(consent.forms().len(), 1);
    let member = Browser::of(&platform, MARCO).await.open(&platform, &link(&ACME, &[])).await;
    assert_eq!(member.buttons(), ["Back to the app"]);
    assert_eq!(consent.link("sign out"), "/sign-out");
    assert!(consent.link("Use another account").starts_with("/oauth2/authorize?"));
}

#[tokio::test]
async fn core_16_deny_goes_back_with_access_denied_and_writes_no_connection() {
    let platform = Platform::start().await;
    let (mut browser, page) = asked(&platform, OLIVIA).await;
    let back = browser.press(&platform, &page, "Deny", &[]).await;
    assert_eq!(back.returned("error").as_deref(), Some("access_denied"));
    assert!(back.returned("error_description").unwrap().starts_with("C-314"));
    assert_eq!(back.returned("state").as_deref(), Some("s"));
    assert_eq!(back.returned("iss").as_deref(), Some(platform.login()));
    assert_eq!(back.returned("code"), None);
    assert_eq!(platform.rows("connections").await, 0);
}

#[tokio::test]
async fn ts_02_ui_03_only_an_administrator_of_the_customer_may_allow() {
    let platform = Platform::start().await;
    for (email, number) in [(MARCO, 313), (SAM, 313), ("dana@acme.example", 313)] {
        let (mut browser, page) = asked(&platform, email).await;
        assert_eq!((page.reply.status, page.refusal()), (403, number), "{email}: {}", page.text());
        assert!(
            page.text().contains("An administrator has to do this") && page.text().contains("Ask an administrator")
        );
        assert!(!page.buttons().iter().any(|text| text.contains("Allow")));
        // The page's own seal does not allow anything either.
        let sealed = page.form("Back to the app").field("request").to_owned();
        let forged = Call::post("/consent").form(&[("request", &sealed), ("decision", "allow")]);
        assert_refused(&browser.send(&platform, forged).await, number, email);
        let back = browser.press(&platform, &page, "Back to the app", &[]).await;
        assert_eq!(back.returned("error").as_deref(), Some("access_denied"), "{email}");
        assert!(back.returned("error_description").unwrap().starts_with("C-313"), "{email}");
        assert_eq!((back.returned("code"), back.returned("state").as_deref()), (None, Some("s")));
    }
    // An administrator of nobody who counts.
    platform.switch("customers", "4200", false).await;
    assert_eq!(asked(&platform, PRIYA).await.1.refusal(), 315);
    // No active site is no reason: there will be one.
    assert_eq!(asked(&platform, JUNE).await.1.reply.status, 200);
    assert_eq!(platform.rows("connections").await, 0);
}

#[tokio::test]
async fn ui_03_a_role_that_is_lost_while_the_page_is_open_allows_nothing() {
    let platform = Platform::start().await;
    let (mut browser, page) = asked(&platform, OLIVIA).await;
    set_role(&platform, OLIVIA, Role::Member).await;
    assert_refused(&browser.press(&platform, &page, "Allow", &[]).await, 313, "demoted");
    set_role(&platform, OLIVIA, Role::CustomerAdmin).await;
    platform.switch("people", OLIVIA, false).await;
    assert_refused(&browser.press(&platform, &page, "Allow", &[]).await, 407, "switched off");
    platform.switch("people", OLIVIA, true).await;
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    assert!(back.returned("code").is_some(), "nothing was burnt: {}", back.text());
}

#[tokio::test]
async fn ar_09_a_private_app_is_its_owners_only() {
    let platform = Platform::start().await;
    let page = Browser::of(&platform, PRIYA).await.open(&platform, &link(&REPORTS, &[])).await;
    assert_eq!((page.reply.status, page.refusal(), page.buttons()), (403, 312, vec!["Back to the app".to_owned()]));
    let page = Browser::of(&platform, OLIVIA).await.open(&platform, &link(&REPORTS, &[])).await;
    assert!(page.text().contains("Private: only your account can use it."), "{}", page.text());
}

#[tokio::test]
async fn ar_10_an_app_that_changes_while_the_page_is_open() {
    let platform = Platform::start().await;
    let (mut browser, page) = asked(&platform, OLIVIA).await;
    platform.set_app_scopes("acme", "leads:read").await;
    assert_refused(&browser.press(&platform, &page, "Allow", &[]).await, 305, "lost a scope");
    platform.set_app_scopes("acme", "leads:read leads:write").await;
    platform.switch("apps", "acme", false).await;
    for button in ["Allow", "Deny"] {
        assert_refused(&browser.press(&platform, &page, button, &[]).await, 311, "switched off");
    }
    platform.switch("apps", "acme", true).await;
    let app = platform.app("acme");
    let moved =
        causeway_protocol::records::App { redirect_uris: vec!["https://new.example/cb".into()], ..(*app).clone() };
    let act =
        Act { at: platform.clock.now(), actor: "test".into(), verb: "app.put", subject: None, detail: String::new() };
    platform.apply(Change::PutApp(moved, act)).await;
    for button in ["Allow", "Deny"] {
        assert_refused(
            &browser.press(&platform, &page, button, &[]).await,
            302,
            "the address is not registered any more",
        );
    }
}

#[tokio::test]
async fn ui_01_attack_17_consent_comes_from_our_own_page_only() {
    let platform = Platform::start().await;
    let (mut browser, page) = asked(&platform, OLIVIA).await;
    let sealed = page.form("Allow").field("request").to_owned();
    let pairs = [("request", sealed.as_str()), ("decision", "allow")];
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "http://localhost:8080"),
        ("Origin", "https://acme.example"),
        ("Sec-Fetch-Site", "?"),
    ] {
        let page = browser.send(&platform, Call::post("/consent").form(&pairs).header(name, value)).await;
        assert_refused(&page, 111, value);
    }
    let page = browser.send(&platform, Call::post("/consent").form(&[("decision", "allow")])).await;
    assert_refused(&page, 101, "no seal");
    for decision in ["", "yes", "ALLOW"] {
        let page =
            browser.send(&platform, Call::post("/consent").form(&[("request", &sealed), ("decision", decision)])).await;
        assert!(matches!(page.refusal(), 101 | 102) && page.location().is_empty(), "{decision}");
    }
    // Not by GET, in whatever way.
    for target in
        [format!("/consent?request={sealed}&decision=allow"), link(&ACME, &[("decision", "allow"), ("approve", "1")])]
    {
        let page = browser.open(&platform, &target).await;
        assert_eq!(page.returned("code"), None);
    }
    // Clients that say nothing about themselves pass: cookie and seal bind them.
    let back = browser.send(&platform, Call::post("/consent").form(&pairs)).await;
    assert!(back.returned("code").is_some(), "{}", back.text());
}

#[tokio::test]
async fn ui_01_attack_37_a_form_answers_only_for_the_browser_session_and_person_it_was_made_for() {
    let platform = Platform::start().await;
    let (olivia, page) = asked(&platform, OLIVIA).await;
    let sealed = page.form("Allow").field("request").to_owned();
    let post = || Call::post("/consent").form(&[("request", &sealed), ("decision", "allow")]);
    // Another person's browser, another browser of the same person, nobody's browser.
    let mut priya = Browser::of(&platform, PRIYA).await;
    priya.open(&platform, &link(&ACME, &[])).await;
    let mut elsewhere = Browser::of(&platform, OLIVIA).await;
    elsewhere.open(&platform, &link(&ACME, &[])).await;
    for mut browser in [priya, elsewhere] {
        assert_refused(&browser.send(&platform, post()).await, 401, "another browser");
    }
    assert_refused(&Browser::new().send(&platform, post()).await, 407, "no browser");
    // The same browser, signed in as somebody else since.
    let mut shared = olivia.clone();
    let again = shared.open(&platform, &page.link("Use another account")).await;
    shared.sign_in(&platform, &again, PRIYA).await;
    assert_refused(&shared.send(&platform, post()).await, 401, "another person");
    assert_eq!(platform.rows("connections").await, 0);
}

#[tokio::test]
async fn az_18_the_same_answer_twice_leads_to_the_same_place_and_the_other_answer_nowhere() {
    let platform = Platform::start().await;
    let (mut browser, page) = asked(&platform, OLIVIA).await;
    let first = browser.press(&platform, &page, "Allow", &[]).await;
    platform.clock.advance(Seconds(5));
    let second = browser.press(&platform, &page, "Allow", &[]).await;
    assert_eq!(first.location(), second.location());
    assert_refused(&browser.press(&platform, &page, "Deny", &[]).await, 402, "another answer");
    assert_eq!((platform.rows("connections").await, platform.rows("families").await), (1, 0));
    let code = first.returned("code").expect("a code");
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
    // Denied is denied.
    let page = browser.open(&platform, &link(&ACME, &[])).await;
    let denied = browser.press(&platform, &page, "Deny", &[]).await;
    assert_eq!(browser.press(&platform, &page, "Deny", &[]).await.location(), denied.location());
    assert_refused(&browser.press(&platform, &page, "Allow", &[]).await, 402, "allowed after all");
}

#[tokio::test]
async fn az_18_sixteen_clicks_at_once_are_one_consent() {
    let platform = std::sync::Arc::new(Platform::start().await);
    let (browser, page) = asked(&platform, OLIVIA).await;
    let clicks: Vec<_> = (0..16)
        .map(|_| {
            let (platform, mut browser, page) = (platform.clone(), browser.clone(), page.clone());
            tokio::spawn(async move { browser.press(&platform, &page, "Allow", &[]).await.location().to_owned() })
        })
        .collect();
    let mut places = Vec::new();
    for click in clicks {
        places.push(click.await.unwrap());
    }
    places.dedup();
    assert_eq!(places.len(), 1, "{places:?}");
    assert_eq!(platform.rows("connections").await, 1);
}

#[tokio::test]
async fn use_another_account_goes_on_with_the_same_request() {
    let platform = Platform::start().await;
    let (mut browser, page) = asked(&platform, MARCO).await;
    let page = browser.open(&platform, &page.link("Use another account")).await;
    assert!(page.text().contains(&format!("You are signed in as {MARCO}")), "{}", page.text());
    let page = browser.sign_in(&platform, &page, OLIVIA).await;
    assert!(page.text().contains(OLIVIA) && !page.text().contains(MARCO), "{}", page.text());
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    assert_eq!(back.returned("state").as_deref(), Some("s"));
    let reply = ACME.exchange(&platform, &back.returned("code").expect("a code")).await;
    assert_eq!(reply.member("scope"), "leads:read leads:write");
    // PKCE, and a port that was chosen, come along too.
    let uri = "http://127.0.0.1:4711/callback";
    let page = browser.open(&platform, &link(&DESKTOP, &[("redirect_uri", uri)])).await;
    let page = browser.open(&platform, &page.link("Use another account")).await;
    let page = browser.sign_in(&platform, &page, PRIYA).await;
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    assert!(back.location().starts_with(uri), "{}", back.location());
    let code = back.returned("code").expect("a code");
    let mut pairs = DESKTOP.signed(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", uri)]);
    pairs.push(("code_verifier", causeway_testkit::actors::VERIFIER));
    Pair::of(&DESKTOP.token(&platform, &pairs).await);
}

#[tokio::test]
async fn a_consent_page_that_was_open_for_too_long_leads_on() {
    let platform = Platform::start().await;
    let (mut browser, page) = asked(&platform, OLIVIA).await;
    platform.clock.advance(Seconds(30 * 60));
    let late = browser.press(&platform, &page, "Allow", &[]).await;
    assert_refused(&late, 400, "too late");
    let page = browser.open(&platform, &late.link("Look at the request again")).await;
    assert!(browser.press(&platform, &page, "Allow", &[]).await.returned("code").is_some());
    // Signed out meanwhile: sign-in comes first, then the same request.
    let page = browser.open(&platform, &link(&ACME, &[("state", "t")])).await;
    let out = browser.open(&platform, "/sign-out").await;
    browser.press(&platform, &out, "Sign out", &[]).await;
    let refused = browser.press(&platform, &page, "Allow", &[]).await;
    assert_refused(&refused, 407, "signed out");
    let page = browser.open(&platform, &refused.link("Look at the request again")).await;
    let page = browser.sign_in(&platform, &page, OLIVIA).await;
    assert_eq!(browser.press(&platform, &page, "Allow", &[]).await.returned("state").as_deref(), Some("t"));
}

#[tokio::test]
async fn ts_17_connecting_twice_leaves_one_connection_listed_once() {
    let platform = Platform::start().await;
    let mut pairs = Vec::new();
    let mut browser = Browser::of(&platform, OLIVIA).await;
    for _ in 0..2 {
        let page = browser.open(&platform, &link(&ACME, &[])).await;
        let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
        pairs.push(Pair::of(&ACME.exchange(&platform, &code).await));
    }
    assert_eq!(platform.rows("connections").await, 1);
    let list = browser.open(&platform, "/settings/oauth-applications").await;
    assert_eq!(list.text().matches("Acme Booking").count(), 2, "its name, and what the link cuts: {}", list.text());
    assert_eq!(list.html.matches("<tr>").count(), 2, "a head and one row");
}
