//! Budgets that nodes keep together (SECURITY BG-13), counted: three running nodes over one store, which tell each other through
//! it. The many ways in which traffic can fall upon them are simulated in the guard's own tests.

use std::sync::Arc;

use causeway_protocol::profile::Budget;
use causeway_protocol::time::Seconds;
use causeway_server::platform::StoreAt;
use causeway_server::shares;
use causeway_storage::{Engine, Model};
use causeway_testkit::actors::ACME;
use causeway_testkit::platform::Builder;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Api, Platform};

const LEADS: &str = "/v1/leads?site_id=2101";

/// Three nodes of one platform, with clocks of their own that go alike.
async fn three(requests: u32, per: i64) -> Vec<Platform> {
    let model = Arc::new(Model::default());
    let mut nodes = Vec::new();
    for chance in 1..=3 {
        let way = model.clone();
        let builder = Builder::new().model().chance(chance).profile(|profile| {
            profile.api.budgets = vec![Budget { requests, per: Seconds(per) }];
        });
        let store = move |settings: &mut causeway_server::platform::Settings| {
            settings.store = StoreAt::Ready(Engine::Model(way.node()));
        };
        nodes.push(builder.tune(store).start().await);
    }
    nodes
}

async fn exchange(nodes: &[Platform]) {
    for node in nodes {
        shares::exchange(&node.edge).await.expect("the store answers");
    }
}

/// A quarter of a second passes everywhere.
async fn step(nodes: &[Platform]) {
    nodes.iter().for_each(|node| node.clock.advance_millis(250));
    exchange(nodes).await;
}

/// Calls at every node, for so many quarters of a second; how many pass.
async fn count(nodes: &[Platform], token: &str, quarters: u32, calls: [u32; 3]) -> u32 {
    let mut passed = 0;
    for _ in 0..quarters {
        for (node, calls) in nodes.iter().zip(calls) {
            for _ in 0..calls {
                let reply = Api { token }.get(node, LEADS).await;
                assert!([200, 429].contains(&reply.status), "{}", reply.text());
                passed += u32::from(reply.status == 200);
            }
        }
        step(nodes).await;
    }
    passed
}

#[tokio::test]
async fn bg_13_a_customer_on_three_nodes_gets_the_documented_rate() {
    let nodes = three(10, 1).await;
    for _ in 0..2 {
        step(&nodes).await;
    }
    // What one node sealed is good on all.
    let token = ACME.connect(&nodes[0], OLIVIA).await.access;
    for node in &nodes[1..] {
        node.edge.node.read_feed().await.expect("the store answers");
    }
    let first = count(&nodes, &token, 40, [4, 4, 4]).await;
    let even = count(&nodes, &token, 40, [4, 4, 4]).await;
    count(&nodes, &token, 8, [12, 0, 0]).await;
    let one = count(&nodes, &token, 40, [12, 0, 0]).await;
    println!("in ten seconds, 10/s: {first} with the first burst (one node: 110), {even} evenly, {one} on one node");
    assert!((99..=121).contains(&first), "{first}");
    assert!((90..=110).contains(&even), "{even}");
    assert!((90..=110).contains(&one), "{one}");
}

#[tokio::test]
async fn a_node_that_cannot_tell_goes_on_with_its_part_and_never_without_a_limit() {
    let nodes = three(10, 1).await;
    let token = ACME.connect(&nodes[0], OLIVIA).await.access;
    for node in &nodes[1..] {
        node.edge.node.read_feed().await.expect("the store answers");
    }
    step(&nodes).await;
    count(&nodes, &token, 20, [4, 4, 4]).await;
    let link = |node: &Platform| match &node.edge.node.store {
        Engine::Model(model) => model.link(),
        _ => unreachable!("these nodes stand on the model"),
    };
    let cut_off = link(&nodes[2]);
    cut_off.cut(true);
    let mut passed = 0;
    for _ in 0..16 {
        for _ in 0..4 {
            passed += u32::from(Api { token: &token }.get(&nodes[2], LEADS).await.status == 200);
        }
        nodes[2].clock.advance_millis(250);
        assert!(shares::exchange(&nodes[2].edge).await.is_err());
    }
    assert!((8..=20).contains(&passed), "a third of 40, and what the parts add up to beyond the whole: {passed}");
}
