//! What somebody can do to a customer who holds the edges' key and says what he likes: invented edges, invented use. How long the
//! customer is kept out of the nodes at the worst is counted here, in the clock's own time (SECURITY BG-13).

#![allow(clippy::print_stdout, reason = "a simulation shows what it counted")]

use causeway_guard::Guard;
use causeway_protocol::cluster::{NodeId, Share, Used};
use causeway_protocol::{AppId, CustomerId};

use crate::shares::{Nodes, guard, passes};

const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLI;
const START: u64 = 100 * SECOND;
/// Twenty calls a second.
const STEP: u64 = 50 * MILLI;
const CUSTOMER: i64 = 1;
/// As many edges as one node seats.
const SEATS: i64 = 256;
/// As many as it tells apart of one customer.
const LIARS: i64 = 64;

/// What invented edges say: about this customer, and running sums of this size.
fn claims(number: u64, passed: u32, refused: u32) -> Vec<Share> {
    let used = vec![Used { customer: CustomerId(CUSTOMER), app: AppId(0), passed, refused }];
    let one = |name: i64| Share { node: NodeId(1_000 + name), number, at_millis: 0, used: used.clone() };
    (0..LIARS).map(one).collect()
}

/// What the customer met: the longest time without a call that passed while it was lied about, and from then on; how many passed
/// while it was; and when, from the last lie on, so many began to pass as are documented.
#[derive(Debug)]
struct Met {
    longest_during: u64,
    longest_after: u64,
    passed_during: u32,
    documented_after: u64,
}

/// A customer calls all the nodes in turn, twenty times a second. For a minute, four times a second, invented edges of every node
/// say that they let a million of its calls pass and refused as many; then for two minutes nobody says anything.
fn attacked(count: usize, budget: (u32, i64)) -> Met {
    let mut nodes = Nodes::new(count, budget, SECOND / 4);
    let end = START + 60 * SECOND;
    let lie = |guards: &[Guard], number: u64, sum: u32, at: u64| {
        for guard in guards {
            claims(number, sum, sum).iter().for_each(|claim| drop(guard.relay_share(claim, at)));
        }
    };
    lie(&nodes.guards, 1, 0, START - SECOND);
    let (mut longest, mut last, mut passed) = ([0; 2], START, [Vec::new(), Vec::new()]);
    for step in 0..(180 * SECOND / STEP) {
        let at = START + step * STEP;
        nodes.run_to(at);
        if at < end && step % 5 == 0 {
            lie(&nodes.guards, 2 + step, (step as u32 + 1).wrapping_mul(1_000_000), at);
        }
        let after = usize::from(at >= end);
        if passes(&nodes.guards[step as usize % count], CUSTOMER, at) {
            passed[after].push(at);
            last = at;
        }
        longest[after] = longest[after].max(at - last);
    }
    // Ten of them in the time of ten.
    let ten = 10 * budget.1 as u64 * SECOND / u64::from(budget.0);
    let full = passed[1].windows(10).find(|calls| calls[9] - calls[0] <= ten);
    Met {
        longest_during: longest[0],
        longest_after: longest[1],
        passed_during: passed[0].len() as u32,
        documented_after: full.map_or(u64::MAX, |calls| calls[0] - end),
    }
}

#[test]
fn bg_13_who_holds_the_edges_key_keeps_no_customer_out_of_the_nodes() {
    println!("budget  nodes | lied about: longest out, passed, documented | then: longest out, documented rate after");
    for budget in [(10, 1), (60, 60), (120, 60)] {
        for count in [1, 3] {
            let met = attacked(count, budget);
            let call = budget.1 as u64 * SECOND / u64::from(budget.0);
            let documented = (60 * SECOND / call) as u32;
            println!(
                "{:>3}/{:<2}s {count:>5} | {:>6.2} s, {:>4} of {documented:>4} | {:>6.2} s, {:>6.2} s",
                budget.0,
                budget.1,
                met.longest_during as f64 / 1e9,
                met.passed_during,
                met.longest_after as f64 / 1e9,
                met.documented_after as f64 / 1e9,
            );
            // Two calls of each node; here the customer comes to a node only so often, and to another one next time.
            let comes = count as u64 * STEP;
            let two_of_each = 2 * count as u64 * call;
            assert!(met.longest_during <= two_of_each + comes, "{count} nodes, {budget:?}: {met:?}");
            // Where a node is alone, and its edges have gone, it begins with a spent budget.
            assert!(met.longest_after <= two_of_each + call + comes, "{count} nodes, {budget:?}: {met:?}");
            assert!(met.passed_during >= documented * 45 / 100, "half of it: {count} nodes, {budget:?}: {met:?}");
            assert!(met.documented_after <= 5 * SECOND, "{count} nodes, {budget:?}: {met:?}");
        }
    }
}

/// One customer calls one of three nodes: that one's part of what edges cannot take is a sixth.
#[test]
fn bg_13_at_one_of_three_nodes_a_customer_that_is_lied_about_gets_its_even_part_of_half() {
    let mut nodes = Nodes::new(3, (60, 60), SECOND / 4);
    let mut passed = Vec::new();
    for step in 0..(240 * SECOND / STEP) {
        let at = START + step * STEP;
        nodes.run_to(at);
        // At another node than the customer's.
        if step % 5 == 0 {
            let sum = (step as u32).wrapping_mul(1_000_000);
            claims(1 + step, sum, sum).iter().for_each(|claim| drop(nodes.guards[1].relay_share(claim, at)));
        }
        if passes(&nodes.guards[0], CUSTOMER, at) && step * STEP > 10 * SECOND {
            passed.push(at);
        }
    }
    let longest = passed.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(u64::MAX);
    assert!(longest <= 6 * SECOND + STEP, "{longest}");
}

/// Lies about customers that nobody is, as many as there is room for: the nodes' own find theirs.
#[test]
fn bg_13_invented_customers_leave_room_for_those_that_there_are() {
    let (node, other) = (guard(100, 10), guard(100, 10));
    let invented = |from: i64, number: u64| {
        let used = |customer| Used {
            customer: CustomerId(customer),
            app: AppId(0),
            passed: 1_000 * number as u32,
            refused: 0,
        };
        let used = (from..from + Share::MOST as i64).map(used).collect();
        Share { node: NodeId(1_000 + from), number, at_millis: 0, used }
    };
    let tell = |number: u64, at: u64| {
        let share = Share { node: NodeId(2), number, at_millis: 0, used: other.used() };
        node.take_in_shares(&[share], at);
        let share = Share { node: NodeId(1), number, at_millis: 0, used: node.used() };
        other.take_in_shares(&[share], at);
    };
    tell(1, START);
    for number in 1..4 {
        (0..10).for_each(|edge| drop(node.relay_share(&invented(1_000_000 + edge * 10_000, number), START)));
    }
    // A real one, at both nodes: they keep its budget together.
    let mut passed = 0;
    for step in 0..2_000_u64 {
        let at = START + step * 10 * MILLI;
        if step.is_multiple_of(25) {
            tell(2 + step, at);
        }
        let both = [passes(&node, CUSTOMER, at), passes(&other, CUSTOMER, at)];
        passed += if step >= 1_000 { both.iter().filter(|one| **one).count() } else { 0 };
    }
    assert!((90..=110).contains(&passed), "{passed}");
}

/// Edges that claim nothing, as many as a node seats, make nodes careful with everybody: one that nobody lies about gets the
/// documented rate nevertheless, also where more customers call than budgets can be kept together.
#[test]
fn bg_13_edges_that_are_only_there_keep_nobody_out() {
    for (seats, crowd, seconds) in [(SEATS, 0, 60), (8, 9_000, 20)] {
        let node = guard(60, 60);
        let present = |number: u64, at: u64| {
            for name in 0..seats {
                let share = Share { node: NodeId(1_000 + name), number, at_millis: 0, used: Vec::new() };
                node.relay_share(&share, at);
            }
            node.take_in_shares(&[], at);
        };
        present(1, START);
        for customer in 0..crowd {
            (0..5).for_each(|_| _ = passes(&node, 1_000 + customer, START));
        }
        let mut passed: Vec<u64> = Vec::new();
        for step in 0..(seconds * SECOND / STEP) {
            let at = START + step * STEP;
            if step.is_multiple_of(20) {
                present(2 + step, at);
                (0..crowd).for_each(|customer| _ = passes(&node, 1_000 + customer, at));
            }
            if passes(&node, CUSTOMER, at) {
                passed.push(at);
            }
        }
        let longest = passed.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(u64::MAX);
        println!(
            "{crowd} others: {} of {} in all, longest out {:.2} s",
            passed.len(),
            60 + seconds,
            longest as f64 / 1e9
        );
        assert!(longest <= 2 * SECOND + STEP, "{crowd}: {longest}");
        let least = if crowd == 0 { 60 + seconds } else { (60 + seconds) / 2 } as usize * 9 / 10;
        assert!(passed.len() >= least, "{crowd}: {} of {least}", passed.len());
    }
}

/// What a node and its edges, or its edges alone, let pass of one customer's calls, for each ten seconds.
fn counted(budget: (u32, i64), count: usize, at_node: bool, demand: u64) -> Vec<u32> {
    let node = guard(budget.0, budget.1);
    let edges: Vec<Guard> = (0..count).map(|_| guard(budget.0, budget.1)).collect();
    let tell = |number: u64, at: u64| {
        node.take_in_shares(&[], at);
        for (edge, name) in edges.iter().zip(1_000..) {
            let own = Share { node: NodeId(name), number, at_millis: 0, used: edge.used() };
            let used = node.relay_share(&own, at);
            edge.take_in_at_edge(&[Share { node: NodeId(1), number, at_millis: 0, used }], node.nodes(), at);
        }
    };
    (1..=12).for_each(|number| tell(number, START - SECOND * (13 - number) / 4));
    let gap = budget.1 as u64 * SECOND / u64::from(budget.0) / demand;
    let (mut passed, mut dice, mut told) = (vec![0; 7], 7_u64, START);
    for at in (START..START + 70 * SECOND).step_by(gap as usize) {
        while told <= at {
            tell(13 + (told - START) / (SECOND / 4), told);
            told += SECOND / 4;
        }
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let guards = edges.iter().chain(at_node.then_some(&node));
        let whose = (dice >> 33) as usize % (count + usize::from(at_node));
        let passes = guards.skip(whose).take(1).any(|guard| passes(guard, CUSTOMER, at));
        passed[((at - START) / (10 * SECOND)) as usize] += u32::from(passes);
    }
    passed
}

#[test]
fn bg_13_a_node_and_many_honest_edges_let_pass_what_one_would() {
    for budget in [(10, 1), (100, 10)] {
        for count in [1, 2, 5, 10] {
            for (at_node, demand) in [(true, 3), (false, 3), (true, 20)] {
                let passed = counted(budget, count, at_node, demand);
                println!(
                    "{budget:?}, {count} edges, at the node {at_node}, {demand} times what is allowed: {passed:?}"
                );
                assert!(passed[1..].iter().all(|passed| (90..=110).contains(passed)), "{budget:?} {count}: {passed:?}");
            }
        }
    }
}
