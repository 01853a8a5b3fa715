//! Budgets that a node and its edges keep together, counted; and reports that are no good ones (SECURITY BG-13).

use causeway_protocol::profile::Budget;
use causeway_protocol::time::Seconds;
use causeway_server::shares;
use causeway_testkit::actors::ACME;
use causeway_testkit::platform::Builder;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Api, Call, Platform};

use super::world::{EDGE_KEY, Edge, LEADS, node_key};

/// A quarter of a second passes everywhere, and everybody tells and hears.
async fn step(node: &Platform, edges: &[Edge; 2]) {
    node.clock.advance_millis(250);
    shares::exchange(&node.edge).await.expect("the store answers");
    for edge in edges {
        edge.clock.advance_millis(250);
        edge.tell_shares().await;
    }
    for edge in edges {
        edge.fresh().await;
    }
}

/// Calls at the node and at both edges, for so many quarters of a second; how many pass.
async fn count(node: &Platform, edges: &[Edge; 2], token: &str, quarters: u32, calls: [u32; 3]) -> u32 {
    let mut passed = 0;
    for _ in 0..quarters {
        for (at, calls) in calls.into_iter().enumerate() {
            for _ in 0..calls {
                let reply = match at {
                    0 => Api { token }.get(node, LEADS).await,
                    at => edges[at - 1].get(token, LEADS).await,
                };
                assert!([200, 429].contains(&reply.status), "{}", reply.text());
                passed += u32::from(reply.status == 200);
            }
        }
        step(node, edges).await;
    }
    passed
}

#[tokio::test]
async fn bg_13_a_customer_of_a_node_and_two_edges_gets_the_documented_rate() {
    let budgets = vec![Budget { requests: 10, per: Seconds(1) }];
    let node = Builder::new().profile(|profile| profile.api.budgets = budgets).tune(node_key).start().await;
    let edges = [Edge::of(&node).await, Edge::of(&node).await];
    let token = ACME.connect(&node, OLIVIA).await.access;
    for edge in &edges {
        edge.caught_up(&node).await;
    }
    for _ in 0..5 {
        step(&node, &edges).await;
    }
    let first = count(&node, &edges, &token, 40, [4, 4, 4]).await;
    let even = count(&node, &edges, &token, 40, [4, 4, 4]).await;
    count(&node, &edges, &token, 8, [0, 12, 0]).await;
    let one = count(&node, &edges, &token, 40, [0, 12, 0]).await;
    count(&node, &edges, &token, 8, [0, 6, 6]).await;
    let both = count(&node, &edges, &token, 40, [0, 6, 6]).await;
    let counted = format!("{first} with the first burst, {even} evenly, {one} at one edge, {both} at both");
    assert!((99..=121).contains(&first), "{counted}");
    assert!([even, one, both].iter().all(|passed| (90..=110).contains(passed)), "{counted}");
}

#[tokio::test]
async fn a_report_that_is_no_good_one_is_refused_whole() {
    let node = super::builder().start().await;
    ACME.connect(&node, OLIVIA).await;
    let many = |one: &str| vec![one; 2_001].join(",");
    let own = node.edge.node.cluster.id.0;
    let good = r#""used": [[1, 5]]"#;
    let today = node.clock.now().0 / 86_400;
    let report = async |body: &str| {
        Call::post("/edge/report").bearer(EDGE_KEY).body("application/json", body).send(node.admin_address()).await
    };
    for bad in [
        String::new(),
        "7".to_owned(),
        r#"{"used": [[1]]}"#.to_owned(),
        format!(r#"{{"used": [{}]}}"#, many("[1, 5]")),
        format!(r#"{{{good}, "signed": [{}]}}"#, many(&format!(r#"[1, {today}, "GET /", 1, 1]"#))),
        format!(r#"{{{good}, "signed": [[1, {today}, "{}", 1, 1]]}}"#, "x".repeat(257)),
        format!(r#"{{{good}, "signed": [[1, {today}, "GET /\u0000", 1, 1]]}}"#),
        format!(r#"{{{good}, "signed": [[1, {}, "GET /", 1, 1]]}}"#, today - 2),
        format!(r#"{{{good}, "share": {{"node": 7, "number": 1}}}}"#),
        format!(r#"{{{good}, "share": {{"node": 7, "number": 1, "used": [[1, 0, -1, 0]]}}}}"#),
        format!(r#"{{{good}, "share": {{"node": 7, "number": 1, "used": [{}]}}}}"#, many("[1, 0, 1, 0]")),
        format!(r#"{{{good}, "share": {{"node": {own}, "number": 1, "used": []}}}}"#),
    ] {
        let reply = report(&bad).await;
        assert_eq!((reply.status, reply.refusal()), (400, 702), "{}", &bad[..bad.len().min(80)]);
    }
    assert!(node.edge.last_used.take().is_empty(), "nothing of a bad one counts");
    let share = r#""share": {"node": 7, "number": 1, "used": [[1, 0, 3, 0]]}"#;
    let reply = report(&format!("{{{good}, {share}, \"later\": 1}}")).await;
    assert_eq!((reply.status, reply.json()["share"]["node"].as_i64()), (200, Some(own)), "{}", reply.text());
    let stranger = Call::post("/edge/report").bearer("wrong-edge-key-0123456789");
    let reply = stranger.body("application/json", "{}").send(node.admin_address()).await;
    assert_eq!((reply.status, reply.refusal()), (401, 703));
}
