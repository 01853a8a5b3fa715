//! A guard at the edge, against running nodes: it judges as they do, hears what they take back, goes on without them
//! for a while and no longer, and holds nothing but what it needs (TOKENS 3, 6; SECURITY BG-*).

mod budgets;
mod keys;
mod trust;
mod world;

use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, EVERYTHING};
use causeway_testkit::platform::Builder;
use causeway_testkit::world::{ALBA_KEY, CAL, OLIVIA, PRIYA};
use causeway_testkit::{Call, Platform, until};

use crate::authz;
use crate::oauth1::world as signers;
use world::{EDGE_KEY, Edge, LEADS, builder, node_key};

async fn platform() -> Platform {
    builder().start().await
}

#[tokio::test]
async fn bg_15_a_call_at_the_edge_is_judged_as_at_a_node() {
    let platform = platform().await;
    let edge = Edge::of(&platform).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let reply = edge.get(&token, LEADS).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = reply.text().to_ascii_lowercase();
    for line in
        ["x-causeway-app: acme", "x-causeway-customer: 4100", "x-causeway-site: 2101", "x-forwarded-proto: http"]
    {
        assert!(seen.contains(line), "{line} in {seen}");
    }
    assert!(!seen.contains("authorization"), "{seen}");
    for (call, status) in [
        (Call::get(LEADS), 401),
        (Call::get(LEADS).bearer("x"), 401),
        (Call::get("/v1/leads?site_id=9999").bearer(&token), 403),
        (Call::get("/v1/nowhere").bearer(&token), 404),
        (Call::get("/v1/leads").bearer(&token), 400),
        (Call::get("/oauth2/token"), 401),
        (Call::get("/guard/check").header("x-original-method", "GET").header("x-original-uri", LEADS), 404),
    ] {
        let (here, there) = (edge.at(call.clone()).await, platform.at_api(call.clone()).await);
        assert_eq!(here.status, status, "{call:?}: {}", here.text());
        if status != 404 && here.status == there.status {
            assert_eq!(
                (here.text(), here.header("www-authenticate")),
                (there.text(), there.header("www-authenticate"))
            );
        }
    }
    let misdirected = edge.as_it_is(Call::get(LEADS).host("evil.example").bearer(&token)).await;
    assert_eq!((misdirected.status, misdirected.refusal()), (421, 109));
}

#[tokio::test]
async fn bg_14_the_edge_answers_forward_auth_on_its_own_listener() {
    let platform = platform().await;
    let edge = Edge::of(&platform).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let ask = |token: &str| {
        let ask = Call::get("/guard/check").header("x-original-method", "GET").header("x-original-uri", LEADS);
        ask.bearer(token)
    };
    let good = edge.at_admin(ask(&token)).await;
    assert_eq!((good.status, good.header("x-causeway-app"), good.header("x-causeway-site")), (200, "acme", "2101"));
    assert_eq!(edge.at_admin(ask("x")).await.status, 401);
    assert_eq!(edge.at_admin(Call::get("/readyz")).await.status, 200);
    assert_eq!(edge.at(Call::get("/healthz")).await.status, 200);
    let metrics = edge.at_admin(Call::get("/metrics")).await.text();
    assert!(metrics.contains("causeway_guard_verdicts_total{verdict=\"pass\"} 1"), "{metrics}");
    assert_eq!(edge.at_admin(Call::get("/admin/connections")).await.status, 404);
}

#[tokio::test]
async fn bg_14_the_edge_answers_envoy_as_a_node_does() {
    let platform = platform().await;
    let edge = Edge::of(&platform).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let host = platform.api().trim_start_matches("http://");
    for (token, words) in [(token.as_str(), ["x-causeway-app", "acme"]), ("x", ["C-601", "www-authenticate"])] {
        let question = authz::question("GET", LEADS, &[("host", host), ("authorization", &format!("Bearer {token}"))]);
        let (code, answer) = authz::ask(edge.authz_address(), authz::CHECK, "application/grpc", question).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(code == "0" && words.iter().all(|word| answer.contains(word)), "{code} {answer}");
    }
    assert_eq!(authz::ask(edge.authz_address(), authz::CHECK, "application/grpc", &b""[..]).await.0, "3");
}

#[tokio::test]
async fn what_is_taken_back_at_a_node_is_refused_at_the_edge() {
    let platform = platform().await;
    let edge = Edge::of(&platform).await;
    let revoked = EVERYTHING.connect(&platform, OLIVIA).await;
    let kept = ACME.connect(&platform, OLIVIA).await.access;
    assert_eq!(edge.get(&revoked.access, LEADS).await.status, 200);
    assert_eq!(EVERYTHING.revoke(&platform, &revoked.refresh).await.status, 200);
    edge.caught_up(&platform).await;
    assert_eq!(edge.get(&revoked.access, LEADS).await.refusal(), 601);
    assert_eq!(edge.get(&kept, LEADS).await.status, 200, "nothing else is");

    // Records follow too: what the app may do, and the customer's sites.
    let narrowed =
        platform.at_admin(Call::new("PUT", "/admin/apps/acme/scopes").json(&[("scopes", "events:read")])).await;
    assert_eq!(narrowed.status, 200, "{}", narrowed.text());
    let token = ACME.connect(&platform, OLIVIA).await.access;
    edge.caught_up(&platform).await;
    assert_eq!(edge.get(&token, LEADS).await.refusal(), 602);
    assert_eq!(edge.get(&token, "/v1/events?site_id=2101").await.status, 200);
    platform.at_admin(Call::post("/admin/sites/2101/state").body("application/json", r#"{"active": false}"#)).await;
    edge.caught_up(&platform).await;
    assert_eq!(edge.get(&token, "/v1/events?site_id=2101").await.status, 403);
    platform.at_admin(Call::post("/admin/apps/acme/state").body("application/json", r#"{"active": false}"#)).await;
    edge.caught_up(&platform).await;
    assert_eq!(edge.get(&token, "/v1/events?site_id=2102").await.refusal(), 601);
}

#[tokio::test]
async fn what_can_matter_no_more_is_forgotten_at_the_edge_as_at_the_node() {
    let platform = platform().await;
    let edge = Edge::of(&platform).await;
    let held = async || metric(&edge.at_admin(Call::get("/metrics")).await.text(), "causeway_taken_back_subjects");
    let off = held().await;
    for _ in 0..3 {
        let pair = EVERYTHING.connect(&platform, OLIVIA).await;
        assert_eq!(EVERYTHING.revoke(&platform, &pair.refresh).await.status, 200);
    }
    edge.caught_up(&platform).await;
    assert_eq!((held().await, platform.edge.node.held.taken_back_len()), (off + 3, off + 3));
    platform.clock.advance(Seconds(7_206));
    let fresh = EVERYTHING.connect(&platform, OLIVIA).await;
    assert_eq!(EVERYTHING.revoke(&platform, &fresh.refresh).await.status, 200);
    causeway_server::jobs::sweep(&platform.edge).await;
    causeway_server::jobs::forget(&platform.edge.node).await;
    edge.caught_up(&platform).await;
    edge.beats(2).await;
    let (here, there) = (held().await, platform.edge.node.held.taken_back_len());
    assert_eq!((here, there), (off + 1, off + 1), "switches and the last cut still count");
}

fn metric(text: &str, name: &str) -> usize {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[tokio::test]
async fn an_edge_goes_on_through_a_node_s_restart() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let other = EVERYTHING.connect(&platform, PRIYA).await;
    let door = world::Door::to(platform.admin_address()).await;
    let edge = Edge::at_door(&platform, &door).await;
    assert_eq!(edge.get(&token, LEADS).await.status, 200);
    assert_eq!(edge.get(&other.access, "/v1/leads?site_id=2201").await.status, 200);

    let platform = platform.restart().await;
    for _ in 0..20 {
        assert_eq!(edge.get(&token, LEADS).await.status, 200, "nobody needs the node for this");
    }
    assert_eq!(EVERYTHING.revoke(&platform, &other.refresh).await.status, 200);
    door.leads_to(platform.admin_address());
    edge.caught_up(&platform).await;
    assert_eq!(edge.get(&other.access, "/v1/leads?site_id=2201").await.refusal(), 601, "what it missed, it heard");
    assert_eq!(edge.get(&token, LEADS).await.status, 200);
}

#[tokio::test]
async fn an_edge_that_is_cut_off_says_so_and_never_that_a_token_is_bad() {
    let platform = platform().await;
    let door = world::Door::to(platform.admin_address()).await;
    let edge = Edge::at_door(&platform, &door).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    assert_eq!(edge.get(&token, LEADS).await.status, 200);
    door.shut();
    edge.clock.advance(Seconds(4));
    assert_eq!(edge.get(&token, LEADS).await.status, 200, "within the limit");
    edge.clock.advance(Seconds(2));
    for token in [token.as_str(), &ACME.connect(&platform, OLIVIA).await.access] {
        let reply = edge.get(token, LEADS).await;
        assert_eq!((reply.status, reply.refusal(), reply.header("retry-after")), (503, 611, "1"));
    }
    assert_eq!(edge.at(Call::get("/readyz")).await.status, 503);
    assert_eq!(edge.at(Call::get("/healthz")).await.status, 200);
    door.leads_to(platform.admin_address());
    edge.beats(2).await;
    assert_eq!(edge.get(&token, LEADS).await.status, 200, "back by itself");
    assert_eq!(edge.at(Call::get("/readyz")).await.status, 200);
}

#[tokio::test]
async fn a_beat_that_the_network_kept_is_as_old_as_it_is() {
    let platform = platform().await;
    let door = world::Door::to(platform.admin_address()).await;
    let edge = Edge::at_door(&platform, &door).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    assert_eq!(edge.get(&token, LEADS).await.status, 200);
    // Beats go on coming, all of them said by a node whose clock stands: they are news from six seconds ago.
    edge.clock.advance(Seconds(6));
    edge.beats(3).await;
    assert_eq!(edge.get(&token, LEADS).await.refusal(), 611);
    platform.clock.advance(Seconds(6));
    edge.beats(3).await;
    assert_eq!(edge.get(&token, LEADS).await.status, 200);
}

#[tokio::test]
async fn a_node_that_is_itself_cut_off_makes_no_edge_fresh() {
    let platform = platform().await;
    let edge = Edge::of(&platform).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    assert_eq!(edge.get(&token, LEADS).await.status, 200);
    // A take-back that this node knows to be durable, and has not read.
    platform.edge.node.held.owe(causeway_protocol::Position(i64::MAX));
    platform.clock.advance(Seconds(6));
    edge.clock.advance(Seconds(6));
    edge.stale().await;
    assert_eq!(edge.get(&token, LEADS).await.refusal(), 611);
}

#[tokio::test]
async fn cal_10_an_api_key_opens_at_the_edge_as_long_as_it_stands() {
    let builder = Builder::shipped("cal", CAL).profile(|profile| profile.api.budgets.clear());
    let platform = builder.tune(node_key).start().await;
    let edge = Edge::of(&platform).await;
    let list = "/api/integrations/zapier/listBookings?apiKey=";
    let call = || Call::get(&format!("{list}{ALBA_KEY}"));
    let reply = edge.at(call()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(!reply.text().contains(ALBA_KEY), "the key stays with the guard");
    assert_eq!(edge.at(Call::get(&format!("{list}x"))).await.status, 401);
    world::switch_off(&platform, ALBA_KEY).await;
    edge.caught_up(&platform).await;
    assert_eq!(edge.at(call()).await.status, 401);
}

#[tokio::test]
async fn o1_a_signed_call_is_judged_by_a_node() {
    let platform = signers::builder().tune(node_key).start().await;
    signers::equip(&platform).await;
    let edge = Edge::of(&platform).await;
    let signer = signers::Signer::of(signers::HARBOR).token(signers::HARBOR_TOKEN);
    // What is signed is the platform's own address, which the edge stands in for.
    let call = signer.call(&platform, "GET", LEADS, None);
    let good = edge.at(call.clone()).await;
    assert_eq!(good.status, 200, "{}", good.text());
    assert!(good.header("sunset").contains("2026"), "it warns as a node does");
    let again = edge.at(call).await;
    assert_eq!((again.status, again.refusal()), (401, 1003), "a nonce counts once, wherever it comes");
    let form = b"first_name=A%26B";
    let posted = signer.call(&platform, "POST", LEADS, Some(form)).body("application/x-www-form-urlencoded", *form);
    let posted = edge.at(posted).await;
    assert_eq!(posted.status, 200, "{}", posted.text());
    let wrong = signers::Signer::of((signers::HARBOR.0, "no")).call(&platform, "GET", LEADS, None);
    let wrong = edge.at(wrong).await;
    assert_eq!((wrong.status, wrong.header("www-authenticate")), (401, "OAuth realm=\"Tripleseat\""));
}

#[tokio::test]
async fn o1_without_a_node_a_signed_call_is_not_refused_but_put_off() {
    let platform = signers::builder().tune(node_key).start().await;
    signers::equip(&platform).await;
    let door = world::Door::to(platform.admin_address()).await;
    let edge = Edge::at_door(&platform, &door).await;
    let signer = signers::Signer::of(signers::HARBOR).token(signers::HARBOR_TOKEN);
    door.shut();
    let reply = edge.at(signer.call(&platform, "GET", LEADS, None)).await;
    assert_eq!((reply.status, reply.refusal(), reply.header("retry-after")), (503, 611, "1"));
}

#[tokio::test]
async fn an_edge_with_a_wrong_key_hears_nothing() {
    let platform = platform().await;
    for key in ["wrong-edge-key-0123456789", causeway_testkit::platform::ADMIN_KEY, ""] {
        for (method, path) in
            [("GET", "/edge/stream"), ("GET", "/edge/customers/1"), ("POST", "/edge/judge"), ("GET", "/edge/nothing")]
        {
            let reply = Call::new(method, path).bearer(key).send(platform.admin_address()).await;
            assert_eq!((reply.status, reply.refusal()), (401, 703), "{path}");
        }
    }
    let reply = Call::get("/edge/customers/1").send(platform.admin_address()).await;
    assert_eq!((reply.status, reply.refusal()), (401, 703));
    assert_eq!(
        Call::get("/edge/stream").bearer(EDGE_KEY).send(platform.api_address()).await.status,
        401,
        "no route there"
    );
    let admin = Call::get("/admin/connections").bearer(EDGE_KEY).send(platform.admin_address()).await;
    assert_eq!((admin.status, admin.refusal()), (401, 700), "the edge key opens no other door");
    for (path, status) in [("/edge/customers/x", 404), ("/edge/nothing", 404), ("/edge/stream?after=x", 400)] {
        let reply = Call::get(path).bearer(EDGE_KEY).send(platform.admin_address()).await;
        assert_eq!(reply.status, status, "{path}");
    }
    let unheard = Edge::in_vain(platform.profile().clone(), "wrong-edge-key-0123456789", &platform).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let reply = unheard.get(&token, LEADS).await;
    assert_eq!((reply.status, reply.refusal()), (503, 803), "it has no key, and knows that it has none");
}

#[tokio::test]
async fn last_uses_at_the_edge_reach_the_store() {
    let platform = platform().await;
    let edge = Edge::of(&platform).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    assert_eq!(edge.get(&token, LEADS).await.status, 200);
    edge.stop().await;
    // The node writes a first use at once, and does so by itself.
    let used =
        async || platform.at_admin(Call::get("/admin/connections")).await.json()["connections"][0]["last_used"].clone();
    until("it is written", async || !used().await.is_null()).await;
    assert_eq!(used().await, platform.clock.now().0);
}

#[tokio::test]
async fn an_edge_of_another_platform_hears_nothing() {
    let platform = platform().await;
    let mut profile = platform.profile().clone();
    profile.key = "elsewhere".to_owned();
    let edge = Edge::in_vain(profile, EDGE_KEY, &platform).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    assert_eq!(edge.get(&token, LEADS).await.refusal(), 803);
}
