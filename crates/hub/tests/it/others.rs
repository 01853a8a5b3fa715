//! Platforms that differ: whose connection it is, what an end rests on, refresh tokens that end, and no way to be told.

use causeway_protocol::time::Seconds;
use causeway_testkit::world;
use causeway_vault::Status;

use super::world::{Setup, World};

const OTESSE: &str = r#"
[[customers]]
id = "biz_1"
name = "Lumen Physiotherapy"

[[apps]]
name = "Acme Booking"
client_id = "acme"
client_secret = "acme-secret-0123456789abcdef"
status = "approved"
redirect_uris = ["https://acme.example/callback"]
scopes = "bookings:read customers:read"

[[people]]
email = "noor@lumen.example"
password = "pass-noor"
role = "customer_admin"
customer = "biz_1"

[[records]]
collection = "bookings"
customer = "biz_1"
fields = { id = "bkg_1", status = "confirmed" }
"#;

fn cal() -> Setup {
    Setup::shipped("cal", world::CAL, "READ_BOOKING READ_PROFILE", Some(world::ALBA))
}

fn otesse() -> Setup {
    Setup::shipped("otesse", OTESSE, "bookings:read customers:read", Some("noor@lumen.example"))
}

#[tokio::test]
async fn cal_15_test_the_connection_shows_the_name_that_the_platform_returns() {
    let mut world = World::of(cal()).await;
    let page = world.connect("Connect to Cal.com").await;
    assert!(page.text().contains("Consultation"), "{}", page.text());
    let page = world.press_on(&page, "Test the connection", &[]).await;
    let (text, says) = (page.text(), "The connection works. The platform says whose it is:");
    assert!(text.contains(says), "{text}");
    assert!(text.contains("Connected · Alba"), "and the card says whose it is: {text}");
    world.platform.switch("apps", "acme", false).await;
    let page = world.press_on(&page, "Test the connection", &[]).await;
    assert!(!page.text().contains(says) && page.text().contains("C-90"), "{}", page.text());
    let tripleseat = World::new().await.connect("Connect to Tripleseat").await;
    assert!(!tripleseat.html.contains("/test/"), "where the profile names no test, none is offered");
}

#[tokio::test]
async fn cal_09_the_connection_is_the_teams_when_a_team_was_chosen() {
    let mut world = World::of(cal()).await;
    let address = world.leave("Connect to Cal.com").await;
    assert!(address.contains("scope=READ_BOOKING%2CREAD_PROFILE"), "{address}");
    let mut browser = causeway_testkit::Browser::of(&world.platform, world::ALBA).await;
    let consent = browser.open(&world.platform, address.strip_prefix(world.platform.login()).unwrap()).await;
    let choices = consent.form("Allow").choices;
    assert_eq!(choices.len(), 2, "the own account, and the team that she runs: {choices:?}");
    let (name, value) = &choices[1];
    let back = browser.press(&world.platform, &consent, "Allow", &[(name, value)]).await;
    let back = back.location().strip_prefix(&world.origin).unwrap().to_owned();
    world.come_back(&back).await;
    let text = world.dashboard().await.text();
    assert!(text.contains("Studio tour") && !text.contains("Consultation"), "{text}");
}

#[tokio::test]
async fn core_26_a_message_instead_of_an_error_code_is_readable_too() {
    let mut world = World::of(cal()).await;
    let address = world.leave("Connect to Cal.com").await;
    let back = world.at_platform(&address, "Allow").await;
    world.platform.switch("apps", "acme", false).await;
    let page = world.come_back(&back).await;
    assert_eq!(page.location(), "/?show=cal#cal");
    let text = world.dashboard().await.text();
    assert!(text.contains("C-903") && text.contains("The platform says: ") && text.contains("Not connected"), "{text}");
    assert!(world.vault.connections().await.unwrap().is_empty());
}

#[tokio::test]
async fn core_28_a_platform_that_cannot_be_told_is_said_to_be_one() {
    let mut world = World::of(cal()).await;
    let page = world.connect("Connect to Cal.com").await;
    assert!(page.text().contains("Cal.com has no way to be told"), "{}", page.text());
    let id = world.vault.connections().await.unwrap()[0].id;
    let page = world.press_on(&page, "Disconnect Cal.com", &[]).await;
    assert!(page.text().contains("This platform cannot be told"), "{}", page.text());
    assert_eq!(world.vault.tokens(id).await.unwrap(), None, "deleted in any case");
}

#[tokio::test]
async fn core_25_the_page_says_what_the_end_of_a_token_rests_on() {
    let by = |page: &causeway_testkit::Page| {
        let text = page.text();
        let from = text.find("Access token ••••").unwrap_or_else(|| panic!("{text}"));
        text[from..].split("Refresh token").next().unwrap().to_owned()
    };
    let page = World::of(cal()).await.connect("Connect to Cal.com").await;
    assert!(by(&page).contains("ends in 30 min, by the platform’s documents"), "{}", by(&page));
    let page = World::of(otesse()).await.connect("Connect to Otesse").await;
    assert!(by(&page).contains("ends in 1 h, the platform said so"), "{}", by(&page));
}

#[tokio::test]
async fn ote_13_the_dashboard_warns_before_the_refresh_token_ends() {
    let mut world = World::of(otesse()).await;
    let page = world.connect("Connect to Otesse").await;
    assert!(page.text().contains("bkg_1") && !page.text().contains("The refresh token ends on"), "{}", page.text());
    let warn = world.platform.profile().partner.refresh_warn;
    world.platform.clock.advance(Seconds(30 * 86_400 - warn.0 - 60));
    let page = world.press_on(&page, "Load data", &[]).await;
    assert!(!page.text().contains("The refresh token ends on"), "not yet: {}", page.text());
    world.platform.clock.advance(Seconds(120));
    let page = world.dashboard().await;
    let text = page.text();
    assert!(text.contains("The refresh token ends on") && text.contains("reconnect before"), "{text}");
    assert!(text.contains("connect again soon: it ends in") && page.html.contains("state warn"), "{text}");
    // It still works, connecting begins the thirty days anew, and without that a person is asked in the end.
    let page = world.press_on(&page, "Load data", &[]).await;
    assert!(page.text().contains("fetched just now"), "{}", page.text());
    let page = world.connect("reconnect").await;
    assert!(!page.text().contains("The refresh token ends on"), "{}", page.text());
    world.platform.clock.advance(Seconds(31 * 86_400));
    let page = world.press_on(&page, "Load data", &[]).await;
    assert!(page.text().contains("Reconnect needed"), "{}", page.text());
    assert!(matches!(world.vault.connections().await.unwrap()[0].status, Status::ReconnectNeeded { .. }));
}
