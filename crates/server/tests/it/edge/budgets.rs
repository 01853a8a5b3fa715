//! Budgets that a node and its edges keep together, counted; and reports that are no good ones (SECURITY BG-13).

use std::sync::Arc;

use causeway_protocol::profile::Budget;
use causeway_protocol::time::Seconds;
use causeway_server::cluster::beat;
use causeway_server::platform::StoreAt;
use causeway_server::shares;
use causeway_storage::{Engine, Model, Store};
use causeway_testkit::actors::ACME;
use causeway_testkit::platform::Builder;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Api, Call, Platform, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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

/// A report as somebody sends it who holds the edge key.
async fn report(node: &Platform, body: &Value) -> Response {
    let call = Call::post("/edge/report").bearer(EDGE_KEY).body("application/json", body.to_string());
    call.send(node.admin_address()).await
}

/// What this edge claims of a customer: running sums.
fn claim(edge: i64, number: u64, customer: i64, sum: u64) -> Value {
    json!({"share": {"node": edge, "number": number, "used": [[customer, 0, sum, sum]]}})
}

/// A stream that somebody opens who holds the edge key: it is open until it is dropped. It was told something, so it counts.
async fn open(node: &Platform, query: &str) -> TcpStream {
    let mut stream = TcpStream::connect(node.admin_address()).await.expect("the node listens");
    let head = format!(
        "GET /edge/stream?{query} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {EDGE_KEY}\r\n\r\n",
        node.admin_address()
    );
    stream.write_all(head.as_bytes()).await.expect("it takes a request");
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&read).contains("\"line\":\"beat\"") {
        let count = stream.read(&mut piece).await.expect("it answers");
        assert!(count > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..count]);
    }
    stream
}

async fn edges(node: &Platform) -> Value {
    let reply = node.at_admin(Call::get("/admin/nodes")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["edges"].clone()
}

/// Whoever holds the edge key invents edges, with and without streams, and use; the customer calls the node. Before, one minute of
/// it kept the customer out for good.
#[tokio::test]
async fn bg_13_invented_edges_and_invented_use_keep_no_customer_out_of_a_node() {
    let budgets = vec![Budget { requests: 10, per: Seconds(1) }];
    let node = Builder::new().profile(|profile| profile.api.budgets = budgets).tune(node_key).start().await;
    let token = ACME.connect(&node, OLIVIA).await.access;
    let customer = node.edge.node.store.customer_by_external("4100").await.expect("the store answers");
    let customer = customer.expect("the seed's").id.0;
    let call = async || {
        let reply = Api { token: &token }.get(&node, LEADS).await;
        assert!([200, 429].contains(&reply.status), "{}", reply.text());
        reply.status == 200
    };
    let quarter = async |number: u64, liars: std::ops::Range<i64>| {
        for liar in liars {
            let reply = report(&node, &claim(liar, number, customer, number * 1_000_000)).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        node.clock.advance_millis(250);
        shares::exchange(&node.edge).await.expect("the store answers");
    };
    // Names without a stream are nobody: the customer gets every call that is documented.
    for number in 1..=8 {
        quarter(number, 500..520).await;
        assert!(call().await && call().await, "{number}");
    }
    assert_eq!(node.edge.api.guard.nodes(), 1);
    // Names with streams are edges. Half of the rate, five a second, is the node's.
    let mut streams = Vec::new();
    for liar in 600..610 {
        streams.push(open(&node, &format!("edge={liar}")).await);
    }
    for number in 1..=8 {
        quarter(number, 600..610).await;
    }
    assert_eq!(node.edge.api.guard.nodes(), 11);
    let mut passed = 0;
    for number in 9..=48 {
        let before = passed;
        for _ in 0..3 {
            passed += u32::from(call().await);
        }
        assert!(passed > before, "nobody waits for longer than two calls' time, 200 ms: {number}");
        quarter(number, 600..610).await;
    }
    assert!((40..=60).contains(&passed), "ten seconds, of 100: {passed}");
    // The streams are closed: within two seconds they are forgotten, whatever is still reported in their names.
    drop(streams);
    while node.edge.edges.seats.count() > 0 {
        tokio::task::yield_now().await;
    }
    for number in 49..=57 {
        quarter(number, 600..610).await;
    }
    assert_eq!(node.edge.api.guard.nodes(), 1);
    let mut passed = 0;
    for number in 58..=97 {
        for _ in 0..3 {
            passed += u32::from(call().await);
        }
        quarter(number, 600..610).await;
    }
    assert!((99..=111).contains(&passed), "ten seconds, all of it: {passed}");
}

#[tokio::test]
async fn the_admin_door_lists_the_edges_that_listen() {
    let node = super::builder().start().await;
    assert_eq!(edges(&node).await, json!([]));
    let since = node.clock.now().0;
    let odd = open(&node, "edge=7&name=a%22%3Cb%3E%E2%80%AE%C3%A4").await;
    let long = open(&node, &format!("edge=8&name={}", "x".repeat(500))).await;
    let old = open(&node, "").await;
    let listed = edges(&node).await;
    let head = node.edge.node.held.head().counter();
    let this = node.at_admin(Call::get("/admin/nodes")).await.json()["nodes"][0].clone();
    assert_eq!((this["this"].as_bool(), this["position"].as_u64()), (Some(true), Some(head)), "{this}");
    assert_eq!(listed[0]["name"], "a\"<b>??", "{listed}");
    assert_eq!(listed[1]["name"], "x".repeat(64));
    assert_eq!(listed[2]["name"], Value::Null, "an edge of an earlier version");
    for edge in listed.as_array().expect("a list") {
        assert_eq!((edge["since"].as_i64(), edge["sent"].as_u64()), (Some(since), Some(head)), "{edge}");
        assert_eq!(
            (&edge["address"], &edge["position"], &edge["node"]),
            (&json!("127.0.0.1"), &Value::Null, &this["node"])
        );
    }
    drop((odd, long, old));

    // A real one says where it stands.
    let edge = Edge::of(&node).await;
    edge.clock.advance_millis(1_000);
    edge.tell_shares().await;
    while edges(&node).await.as_array().is_none_or(|edges| edges.len() > 1) {
        tokio::task::yield_now().await;
    }
    let listed = edges(&node).await[0].clone();
    assert_eq!(
        (listed["name"].as_str(), listed["position"].as_u64()),
        (Some("edge-of-the-tests"), Some(head)),
        "{listed}"
    );
    assert!(listed["fresh_ms"].as_u64().is_some_and(|millis| millis <= 5_000), "{listed}");
    let metrics = node.at_admin(Call::get("/metrics")).await.text();
    assert!(metrics.contains("causeway_edges 1\n"), "{metrics}");
}

/// A report in the name of a node that lives, or has just gone, would be that node's word: it is refused, and nothing of it counts.
#[tokio::test]
async fn bg_13_a_report_in_the_name_of_another_node_is_refused() {
    let model = Arc::new(Model::default());
    let started = async |chance| {
        let way = model.clone();
        let store = move |settings: &mut causeway_server::platform::Settings| {
            settings.store = StoreAt::Ready(Engine::Model(way.node()));
            node_key(settings);
        };
        Builder::new().model().chance(chance).tune(store).start().await
    };
    let (node, other) = (started(1).await, started(2).await);
    let name = other.edge.node.cluster.id;
    let beat = async |platform: &Platform| {
        platform.clock.advance_millis(1_000);
        beat::send(&platform.edge.node).await.expect("the store answers");
    };
    beat(&other).await;
    beat(&node).await;
    let listed = node.at_admin(Call::get("/admin/nodes")).await.json()["nodes"].clone();
    assert_eq!((listed[1]["node"].as_str(), &listed[1]["living"]), (Some(&*format!("{:016x}", name.0)), &json!(true)));
    let mut forged = claim(name.0, 1, 1, 1_000);
    forged["used"] = json!([[1, 5]]);
    let reply = report(&node, &forged).await;
    assert_eq!((reply.status, reply.refusal()), (400, 702), "{}", reply.text());
    assert!(node.edge.last_used.take().is_empty(), "nothing of it counts");
    // Nor does a stream by that name make it one's own.
    let _stream = open(&node, &format!("edge={}", name.0)).await;
    assert_eq!(report(&node, &forged).await.refusal(), 702);
    // A name that no node goes by is an edge's.
    assert_eq!(report(&node, &claim(name.0 ^ 1, 1, 1, 1_000)).await.status, 200);
    assert_eq!(node.edge.api.guard.nodes(), 1, "nobody counts whose stream is not open");
}
