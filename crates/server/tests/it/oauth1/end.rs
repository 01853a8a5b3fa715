//! How OAuth 1.0 ends: warnings before, the stop to the second, more time for one customer, rehearsals, the note on the
//! customer's page (TSM-16, TSM-17; O1-10).

use causeway_protocol::profile::BrownOut;
use causeway_protocol::records::Act;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, UnixTime};
use causeway_server::config::{Given, resolve};
use causeway_server::jobs;
use causeway_storage::{Page, Store};
use causeway_testkit::actors::ACME;
use causeway_testkit::clock::NOON;
use causeway_testkit::world::{OLIVIA, PRIYA};
use causeway_testkit::{Api, Browser, Call, Platform, Response};

use super::world::{END, HARBOR, KETTLE, Signer, builder, equip, look, rules, start};

const LEADS: &str = "/v1/leads?site_id=2101";
const GUIDE: &str = "https://support.tripleseat.com/hc/en-us/articles/35211389645079";
const WARNINGS: [&str; 4] = ["deprecation", "sunset", "link", "warning"];

fn warns(reply: &Response) -> bool {
    let said = WARNINGS.map(|name| !reply.header(name).is_empty());
    assert!(said == [true; 4] || said == [false; 4], "all or none: {:?}", reply.headers);
    said[0]
}

async fn extend(platform: &Platform, customer: &str, until: Option<UnixTime>) {
    let customer = platform.edge.node.store.customer_by_external(customer).await.unwrap().unwrap().id;
    let act = Act { at: platform.clock.now(), actor: "t".into(), verb: "t", subject: None, detail: String::new() };
    platform.apply(Change::ExtendLegacy { customer, until, act }).await;
}

#[tokio::test]
async fn tsm_16_o1_10_every_answer_to_1_0_warns_and_no_other_does() {
    let platform = start().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let reply = Signer::of(HARBOR).get(&platform, LEADS).await;
    assert_eq!(reply.header("deprecation"), "@1767225600", "RFC 9745: a structured date");
    assert_eq!(reply.header("sunset"), "Mon, 21 Dec 2026 12:00:00 GMT", "RFC 8594: an HTTP-date");
    let links: Vec<_> = reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap().to_owned()).collect();
    let link = |relation: &str| format!("<{GUIDE}>; rel=\"{relation}\"; type=\"text/html\"");
    assert_eq!(links, [link("deprecation"), link("sunset")]);
    let warning = reply.header("warning");
    assert!(warning.starts_with("299 - \"OAuth 1.0 is deprecated") && warning.contains(GUIDE), "{warning}");
    let bearer = Api { token: &token };
    assert_eq!(reply.body, bearer.get(&platform, LEADS).await.body, "the body can be compared");
    let good = || Signer::of(HARBOR);
    let wrong_header = good().header(&platform, "GET", LEADS, None).replace("HMAC-SHA1", "PLAINTEXT");
    for (what, reply) in [
        ("refused", Signer::of((HARBOR.0, "wrong")).get(&platform, LEADS).await),
        ("unknown", Signer::of(("nobody", "x")).get(&platform, LEADS).await),
        ("malformed", platform.at_api(Call::get(LEADS).header("Authorization", &wrong_header)).await),
        ("no such route", good().get(&platform, "/v1/nowhere").await),
        ("another's site", good().get(&platform, "/v1/leads?site_id=2201").await),
        ("request_token", good().with("oauth_callback", "oob").post(&platform, "/oauth/request_token").await),
        ("access_token", good().post(&platform, "/oauth/access_token").await),
        ("by GET", good().get(&platform, "/oauth/request_token").await),
    ] {
        assert!(warns(&reply), "{what}: {reply:?}");
    }
    for (what, reply) in [
        ("a token", bearer.get(&platform, LEADS).await),
        ("a bad token", Api { token: "x" }.get(&platform, LEADS).await),
        ("nothing", platform.at_api(Call::get(LEADS)).await),
        ("the token endpoint", ACME.refresh(&platform, "x").await),
        ("another's site", bearer.get(&platform, "/v1/leads?site_id=2201").await),
        ("a sign-in page", platform.at_login(Call::get("/sign-in")).await),
    ] {
        assert!(!warns(&reply), "{what}: {reply:?}");
    }
}

#[tokio::test]
async fn tsm_16_a_profile_without_dates_warns_of_nothing() {
    let platform = builder()
        .profile(|profile| {
            let rules = rules(profile);
            (rules.deprecated_at, rules.ends_at) = (None, None);
        })
        .start()
        .await;
    equip(&platform).await;
    let reply = Signer::of(HARBOR).get(&platform, LEADS).await;
    assert!(reply.status == 200 && !warns(&reply));
}

#[tokio::test]
async fn tsm_17_it_stops_to_the_second_and_says_where_to_go() {
    let platform = start().await;
    platform.clock.jump_to(END - Seconds(1));
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200, "one second earlier");
    let (key, secret) = HARBOR;
    platform.clock.advance(Seconds(1));
    let mut answers = Vec::new();
    for by in
        [Signer::of(HARBOR), Signer::of((key, "wrong")), Signer::of(("nobody", secret)), Signer::of(HARBOR).off(-900)]
    {
        let reply = by.get(&platform, LEADS).await;
        assert_eq!((reply.status, reply.refusal()), (401, 1004), "{}", reply.text());
        assert!(reply.text().contains(GUIDE), "{}", reply.text());
        assert_eq!(reply.header("www-authenticate"), "OAuth realm=\"Tripleseat\"");
        answers.push(look(&reply));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(warns(&Signer::of(HARBOR).get(&platform, LEADS).await));
    for (path, by) in [
        ("/oauth/request_token", Signer::of(HARBOR).with("oauth_callback", "oob")),
        ("/oauth/access_token", Signer::of(HARBOR).token(("x", "y"))),
    ] {
        let reply = by.post(&platform, path).await;
        assert_eq!((reply.status, reply.refusal()), (401, 1004), "{path}");
        assert!(reply.text().contains(GUIDE) && warns(&reply));
    }
    // OAuth 2.0 goes on.
    let token = ACME.connect(&platform, OLIVIA).await.access;
    assert_eq!(Api { token: &token }.get(&platform, LEADS).await.status, 200);
}

#[tokio::test]
async fn tsm_17_one_customer_can_be_given_more_time() {
    let platform = start().await;
    let until = END + Seconds(1_000);
    extend(&platform, "4100", Some(until)).await;
    platform.clock.jump_to(END);
    let reply = Signer::of(HARBOR).get(&platform, LEADS).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("sunset"), "Mon, 21 Dec 2026 12:16:40 GMT", "its own end");
    assert_eq!(Signer::of(KETTLE).get(&platform, "/v1/leads").await.refusal(), 1004, "nobody else's");
    // Nobody without a signature learns who was given more.
    let wrong = Signer::of((HARBOR.0, "wrong")).get(&platform, LEADS).await;
    let unknown = Signer::of(("nobody", "x")).get(&platform, LEADS).await;
    assert_eq!(look(&wrong), look(&unknown));
    assert_eq!(wrong.refusal(), 1004);
    // Whoever can sign is told what is wrong.
    assert_eq!(Signer::of(HARBOR).off(-900).get(&platform, LEADS).await.refusal(), 1003);
    platform.clock.jump_to(until - Seconds(1));
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200);
    platform.clock.jump_to(until);
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.refusal(), 1004);
    platform.clock.jump_to(until - Seconds(1));
    extend(&platform, "4100", None).await;
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.refusal(), 1004, "taken back");
}

#[tokio::test]
async fn tsm_17_rehearsals_pause_it_for_a_while() {
    let from = NOON + Seconds(600);
    let platform = builder()
        .profile(move |profile| rules(profile).brown_outs = vec![BrownOut { from, lasts: Seconds(60) }])
        .start()
        .await;
    equip(&platform).await;
    extend(&platform, "4200", Some(END + Seconds(1))).await;
    let at = async |at: UnixTime| {
        platform.clock.jump_to(at);
        let reply = Signer::of(HARBOR).get(&platform, LEADS).await;
        assert!(reply.status == 200 || reply.text().contains(GUIDE), "{}", reply.text());
        (reply.status, reply.refusal())
    };
    assert_eq!(at(from - Seconds(1)).await, (200, 0));
    assert_eq!(at(from).await, (401, 1005));
    assert_eq!(Signer::of(("nobody", "x")).get(&platform, LEADS).await.refusal(), 1005);
    assert_eq!(Signer::of(KETTLE).get(&platform, "/v1/leads").await.status, 200, "who was promised more time");
    assert_eq!(at(from + Seconds(59)).await, (401, 1005));
    assert_eq!(at(from + Seconds(60)).await, (200, 0));
}

#[tokio::test]
async fn tsm_17_who_still_calls_after_the_end_is_in_the_report() {
    let platform = start().await;
    platform.clock.jump_to(END);
    for _ in 0..2 {
        assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.refusal(), 1004);
    }
    assert_eq!(Signer::of((KETTLE.0, "wrong")).get(&platform, LEADS).await.refusal(), 1004);
    jobs::flush(&platform.edge).await;
    let lines = platform.edge.node.store.legacy(0, Page { after: None, limit: 10 }).await.unwrap();
    let calls: Vec<_> = lines.iter().map(|line| (line.key.as_str(), line.calls, line.route.as_deref())).collect();
    assert!(calls.contains(&(HARBOR.0, 2, Some("refused after the end"))), "{calls:?}");
    assert!(calls.contains(&(KETTLE.0, 0, None)), "who proved nothing is not counted: {calls:?}");
}

#[tokio::test]
async fn tsm_16_the_customers_page_warns_who_still_has_a_key() {
    let platform = start().await;
    let apps = platform.profile().endpoints.connected_apps.clone();
    let mut olivia = Browser::of(&platform, OLIVIA).await;
    let page = olivia.open(&platform, &apps).await;
    let text = page.text();
    assert!(text.contains("OAuth 1.0. It ends on 21 December 2026, 12:00 UTC."), "{text}");
    assert_eq!(page.link("How to move to OAuth 2.0"), GUIDE);
    let customer = platform.edge.node.store.customer_by_external("4200").await.unwrap().unwrap();
    for key in [KETTLE.0, "off-key"] {
        let old = platform.edge.node.store.consumer(key).await.unwrap().unwrap().consumer;
        assert_eq!(old.customer, customer.id);
        if old.active {
            let act = Act { at: NOON, actor: "t".into(), verb: "t", subject: None, detail: String::new() };
            let off = causeway_protocol::legacy::Consumer { active: false, ..old };
            platform.apply(Change::PutConsumer(off, act)).await;
        }
    }
    let mut priya = Browser::of(&platform, PRIYA).await;
    let text = priya.open(&platform, &apps).await.text();
    assert!(!text.contains("OAuth 1.0"), "whose keys are off is not warned: {text}");
    platform.clock.jump_to(END);
    let text = Browser::of(&platform, OLIVIA).await.open(&platform, &apps).await.text();
    assert!(text.contains("It ended on 21 December 2026, 12:00 UTC"), "{text}");
}

#[tokio::test]
async fn tsm_17_the_operator_and_the_seed_can_move_the_dates() {
    // The profile's end is in the past at noon; the operator's word beats it, and beats the seed's.
    let ends = UnixTime(NOON.0 + 10);
    let platform = builder()
        .profile(|profile| rules(profile).ends_at = Some(NOON - Seconds(1)))
        .tune(move |settings| settings.legacy.oauth1_ends = Some(ends))
        .start()
        .await;
    equip(&platform).await;
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200);
    platform.clock.jump_to(ends);
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.refusal(), 1004);
    let seed = format!("{}\n[legacy]\noauth1_ends = 2026-11-21T12:00:20Z\n", causeway_testkit::world::TEXT);
    let platform = builder().seed(&seed).start().await;
    equip(&platform).await;
    platform.clock.jump_to(NOON + Seconds(19));
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200);
    platform.clock.jump_to(NOON + Seconds(20));
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.refusal(), 1004, "the seed beats the profile");
}

#[test]
fn tsm_17_the_dates_are_settings() {
    let problems = |profile: &str, name: &'static str, value: &str| {
        let mut given = Given::default();
        given.push("profile", profile);
        given.push("data", "/nowhere");
        given.push(name, value);
        resolve(given, Given::default()).map(|serve| serve.settings.legacy)
    };
    let good = problems("tripleseat", "oauth1_ends", "2036-07-01T00:00:00Z").expect("good");
    assert_eq!((good.oauth1_ends, good.exchange_ends), (Some(UnixTime(2_098_483_200)), None));
    let good = problems("tripleseat", "oauth1_exchange_ends", "2036-07-01T02:00:00+02:00").expect("good");
    assert_eq!((good.oauth1_ends, good.exchange_ends), (None, Some(UnixTime(2_098_483_200))));
    for wrong in ["soon", "2036-07-01", "2036-07-01T00:00:00", "\"2036\"", "2036-07-01T00:00:00Z\nx = 1", "1 # x", "7"]
    {
        let told = problems("tripleseat", "oauth1_ends", wrong).expect_err("wrong");
        assert!(told.len() == 1 && told[0].contains("not a date and time with its offset"), "{told:?}");
    }
    let told = problems("default", "oauth1_ends", "2036-07-01T00:00:00Z").expect_err("wrong");
    assert_eq!(told, ["oauth1_ends means nothing: this profile has no [oauth1]"]);
}
