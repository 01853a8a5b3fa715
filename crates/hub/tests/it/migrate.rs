//! The way out of OAuth 1.0 on the dashboard: one button, a page that counts, every pair with its scheme and its reason.

use std::fmt::Write as _;

use causeway_testkit::world::TEXT;
use causeway_testkit::{Builder, Page};
use causeway_vault::legacy::Scheme;
use causeway_vault::migrate::Options;

use super::world::{Setup, World};

/// The test's platform before its end of OAuth 1.0, with pairs of two customers with an active site and of one without.
fn seed() -> String {
    let mut seed = format!("{TEXT}\n[legacy]\noauth1_ends = 2036-07-01T00:00:00Z\n");
    for (customer, key) in [("4100", "key-harbor"), ("4200", "key-kettle"), ("4300", "key-juniper")] {
        let _never_fails = writeln!(
            seed,
            "\n[[oauth1]]\ncustomer = \"{customer}\"\nconsumer_key = \"{key}\"\nconsumer_secret = \"{key}-secret-0123456789\"\n"
        );
    }
    seed
}

const PAIRS: &str = "account,consumer_key,consumer_secret\nHarbor,key-harbor,key-harbor-secret-0123456789\n\
                     Kettle,key-kettle,key-kettle-secret-0123456789\n";

fn setup() -> Setup {
    Setup { builder: Builder::new().seed(&seed()), pairs: PAIRS, ..Setup::tripleseat() }
}

/// Waits for the run's end, and answers the page then.
async fn finished(world: &mut World) -> Page {
    world.vault.campaign("tripleseat").unwrap().wait().await;
    let page = world.open("/migrate/tripleseat").await;
    assert_eq!(page.reply.status, 200, "{}", page.html);
    page
}

#[tokio::test]
async fn tsm_21_one_button_moves_the_pairs_of_the_page_and_never_again() {
    let mut world = World::of(setup()).await;
    let link = world.dashboard().await.link("Migrate customers from OAuth 1.0");
    assert_eq!(link, "/migrate/tripleseat");
    let page = world.open(&link).await;
    assert!(page.text().contains("Not begun") && page.html.contains("key-harbor"), "{}", page.text());
    world.press_on(&page, "Start", &[]).await;
    let page = finished(&mut world).await;
    let text = page.text();
    assert!(
        text.contains("Finished · 2 of 2 answered") && text.contains("Moved 2 Refused 0 Waiting 0 All pairs 2"),
        "{text}"
    );
    assert!(!page.html.contains("http-equiv=\"refresh\""), "nothing more to wait for");
    assert!(!page.html.contains("-secret-"), "secrets are taken in and not shown again");

    // The moved customers are connections of the card, and one of them shows its data.
    let page = world.dashboard().await;
    assert!(page.text().contains("Customers by account all 2 on OAuth 2.0"), "{}", page.text());
    let page = world.open("/?show=tripleseat&account=Kettle").await;
    let page = world.press_on(&page, "Load data", &[]).await;
    assert!(page.text().contains("by OAuth 2.0 · fetched just now"), "{}", page.text());
    assert!(page.text().contains("Connected · 1 site ·"), "{}", page.text());

    // The same list once more asks for nothing.
    let grants = world.platform.rows("families").await;
    let page = world.open("/migrate/tripleseat").await;
    world.press_on(&page, "Start", &[("pairs", PAIRS)]).await;
    assert!(finished(&mut world).await.text().contains("2 of 2 answered"));
    assert_eq!(world.platform.rows("families").await, grants);
}

#[tokio::test]
async fn tsm_21_a_refused_pair_says_why_and_can_be_asked_for_again() {
    let mut world = World::of(setup()).await;
    let page = world.open("/migrate/tripleseat").await;
    let list = "Harbor,key-harbor,wrong-secret\nJuniper,key-juniper,key-juniper-secret-0123456789\nno comma\n";
    let page = world.press_on(&page, "Start", &[("pairs", list)]).await;
    assert!(page.text().contains("1 of 3 lines were not taken. Line 3:"), "{}", page.text());
    let page = finished(&mut world).await;
    let text = page.text();
    assert!(text.contains("Moved 0 Refused 2 Waiting 0 All pairs 2"), "{text}");
    assert!(text.contains("C-530") && text.contains("C-532"), "each with its reason: {text}");
    assert!(!text.contains("wrong-secret"));
    let page = world.press_on(&page, "Ask again for the refused", &[]).await;
    assert!(page.text().contains("The refused pairs are asked for again."), "{}", page.text());
    assert!(finished(&mut world).await.text().contains("Refused 2"));
    // The right secret repairs it.
    let page = world.open("/migrate/tripleseat").await;
    world.press_on(&page, "Start", &[("pairs", PAIRS)]).await;
    assert!(finished(&mut world).await.text().contains("Moved 2 Refused 1 Waiting 0 All pairs 3"));
}

#[tokio::test]
async fn tsm_21_an_empty_or_foreign_start_does_nothing() {
    let mut world = World::of(setup()).await;
    let page = world.open("/migrate/tripleseat").await;
    let page = world.press_on(&page, "Start", &[("pairs", "  \n")]).await;
    let text = page.text();
    assert!(text.contains("Not begun") && text.contains("There is no pair in the list."), "{text}");
    assert_eq!(world.open("/migrate/nobody").await.reply.status, 404);
    assert_eq!(world.open("/migrate/tripleseat?after=x").await.reply.status, 400);
    let call = causeway_testkit::Call::post("/migrate/tripleseat").form(&[("do", "start"), ("pairs", PAIRS)]);
    let page = world.send(call.header("Sec-Fetch-Site", "same-origin")).await;
    assert_eq!((page.reply.status, page.refusal()), (403, 401), "csrf: a form of no session");
    assert_eq!(world.vault.campaign("tripleseat").unwrap().progress().await.unwrap().counts.pairs(), 0);
}

#[tokio::test]
async fn tsm_22_the_page_shows_which_scheme_each_customer_calls_by() {
    let mut world = World::of(setup()).await;
    let campaign = world.vault.campaign("tripleseat").unwrap();
    campaign.import(PAIRS.as_bytes(), |line| panic!("{line}")).await.unwrap();
    let page = world.open("/migrate/tripleseat").await;
    assert_eq!(page.html.matches("OAuth 1.0</span>").count(), 2, "{}", page.html);
    let page = world.open("/?show=tripleseat&account=Kettle").await;
    assert!(page.text().contains("On OAuth 1.0") && page.text().contains("Not moved yet"), "{}", page.text());
    let page = world.press_on(&page, "Load data", &[]).await;
    let text = page.text();
    assert!(text.contains("by OAuth 1.0 · fetched just now"), "{text}");
    assert!(
        text.contains("says that it refuses them from 2036-07-01 00:00:00 UTC on"),
        "the platform's notice: {text}"
    );
    assert!(page.html.contains("href=\"https://support.tripleseat.com"), "and its guide: {}", page.html);

    campaign.start(Options::default()).await.unwrap();
    let page = finished(&mut world).await;
    assert_eq!(page.html.matches("OAuth 2.0</span>").count(), 2, "{}", page.html);
    let page = world.open("/?show=tripleseat&account=Kettle").await;
    let page = world.press_on(&page, "Load data", &[]).await;
    assert!(page.text().contains("by OAuth 2.0 · fetched just now"), "{}", page.text());
    let kettle = world.vault.account("tripleseat", "Kettle").await.unwrap().unwrap();
    assert_eq!((kettle.scheme, kettle.connected), (Some(Scheme::OAuth2), true));
}

#[tokio::test]
async fn tsm_23_secrets_of_moved_pairs_are_erased_by_a_button() {
    let mut world = World::of(setup()).await;
    let page = world.open("/migrate/tripleseat").await;
    let list = format!("{PAIRS}Juniper,key-juniper,key-juniper-secret-0123456789\n");
    world.press_on(&page, "Start", &[("pairs", &list)]).await;
    let page = finished(&mut world).await;
    assert_eq!(page.html.matches(">kept<").count(), 3, "{}", page.html);
    let page = world.press_on(&page, "Erase secrets of moved pairs", &[]).await;
    assert!(page.text().contains("2 consumer secrets are erased."), "{}", page.text());
    assert_eq!((page.html.matches(">kept<").count(), page.html.matches(">erased<").count()), (1, 2), "{}", page.html);
    assert!(!page.buttons().iter().any(|button| button.starts_with("Erase")), "done: {:?}", page.buttons());
    // They go on as connections.
    let page = world.open("/?show=tripleseat&account=Harbor").await;
    let page = world.press_on(&page, "Load data", &[]).await;
    assert!(page.text().contains("by OAuth 2.0 · fetched just now"), "{}", page.text());
}

#[tokio::test]
async fn tsm_21_while_it_runs_the_page_counts_by_itself_and_can_be_stopped() {
    // Nothing is answered, so it goes on until it is stopped.
    let mut world = World::of(Setup { faults: "500=1", ..setup() }).await;
    let page = world.open("/migrate/tripleseat").await;
    let page = world.press_on(&page, "Start", &[]).await;
    if page.text().contains("Running") {
        assert!(page.html.contains("<meta http-equiv=\"refresh\" content=\"1\">"), "{}", page.html);
        assert!(page.html.contains("<progress") && !page.html.contains("<textarea"), "{}", page.html);
        world.press_on(&page, "Stop", &[]).await;
    }
    let page = finished(&mut world).await;
    let text = page.text();
    assert!(text.contains("Waiting 2 All pairs 2") && text.contains("Asked again soon"), "{text}");
    assert!(page.buttons().contains(&"Continue".to_owned()), "{:?}", page.buttons());
    assert!(!page.html.contains("http-equiv"), "{}", page.html);
}

#[tokio::test]
async fn tsm_21_many_pairs_are_shown_in_pages() {
    let mut world = World::of(setup()).await;
    let campaign = world.vault.campaign("tripleseat").unwrap();
    let mut list = "account,consumer_key,consumer_secret\n".to_owned();
    for number in 1..=120 {
        let _never_fails = writeln!(list, "a{number:03},k{number},s{number}");
    }
    campaign.import(list.as_bytes(), |line| panic!("{line}")).await.unwrap();
    let (mut target, mut seen) = ("/migrate/tripleseat".to_owned(), 0);
    for round in 1..=5 {
        let page = world.open(&target).await;
        seen += page.html.matches("<tr>").count() - 1;
        assert!(page.html.len() < 30_000, "{}", page.html.len());
        if round < 5 {
            target = page.link("Next page");
        } else {
            assert!(!page.html.contains("Next page"));
        }
    }
    assert_eq!(seen, 120);
    let card = world.dashboard().await;
    assert!(
        card.text().contains("the first 20 of 120") && card.text().contains("and more: all pairs"),
        "{}",
        card.text()
    );
}
