//! Several nodes over one store (TOKENS 6; SECURITY ): what is taken back on one is refused on all,
//! a node that is cut off says so and comes back by itself, a clock that is wrong steps aside, a key seals once all hold it. Jobs
//! are called, time is moved, and the way to the store is cut by the test.

mod bad_days;
mod postgres;

use std::path::Path;
use std::sync::Arc;

use causeway_protocol::legacy::ApiKey;
use causeway_protocol::records::{Act, App};
use causeway_protocol::time::Seconds;
use causeway_protocol::{ApiKeyId, AppId, Change};
use causeway_server::cluster::{beat, tail};
use causeway_server::jobs;
use causeway_server::legacy_secrets::digest;
use causeway_server::platform::KeysAt;
use causeway_testkit::actors::{ACME, Pair, Partner};
use causeway_testkit::clock::NOON;
use causeway_testkit::platform::TempDir;
use causeway_testkit::world::{ALBA_KEY, CAL, OLIVIA, PRIYA, TEXT as WORLD};
use causeway_testkit::{Builder, Call, Clock, Common, Platform, until};

const LIST: &str = "/api/integrations/zapier/listBookings";

fn act(platform: &Platform, verb: &'static str) -> Act {
    Act { at: platform.clock.now(), actor: "test".into(), verb, subject: None, detail: String::new() }
}

async fn sites(platform: &Platform, access: &str) -> (u16, u16) {
    let reply = platform.at_api(Call::get("/v1/sites").bearer(access)).await;
    if reply.status == 503 {
        assert!(!reply.header("retry-after").is_empty(), "a 503 says when to come back");
    }
    (reply.status, reply.refusal())
}

/// The same call asked by a proxy.
async fn asked(platform: &Platform, access: &str) -> u16 {
    let call = Call::get("/guard/check").header("X-Original-Method", "GET").header("X-Original-URI", "/v1/sites");
    let reply = call.bearer(access).send(platform.admin_address()).await;
    assert!(reply.status != 503 || !reply.header("retry-after").is_empty());
    reply.status
}

async fn ready(platform: &Platform) -> (u16, u16) {
    let reply = platform.at_login(Call::get("/readyz")).await;
    (reply.status, reply.refusal())
}

async fn metric(platform: &Platform, name: &str) -> f64 {
    let text = Call::get("/metrics").send(platform.admin_address()).await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// A real database may be late.
async fn read(platform: &Platform) {
    until("the store answers", async || tail::read(&platform.edge.node).await.is_ok()).await;
}

async fn beats(nodes: &[&Platform], rounds: usize) {
    for _ in 0..rounds {
        for node in nodes {
            node.clock.advance(Seconds(1));
            until("the store answers", async || beat::send(&node.edge.node).await.is_ok()).await;
        }
    }
}

/// What every shared store must do: the same for each engine.
async fn what_one_writes_all_know(nodes: &[Platform]) {
    let [a, b, c] = nodes else { panic!("three nodes") };
    let pair = ACME.connect(a, OLIVIA).await;
    for node in nodes {
        assert_eq!(sites(node, &pair.access).await.0, 200, "a token of one node is good on all");
    }
    // Refreshed on another node, and once more on a third.
    let second = Pair::of(&ACME.refresh(b, &pair.refresh).await);
    let third = Pair::of(&ACME.refresh(c, &second.refresh).await);
    assert_eq!(sites(a, &third.access).await.0, 200);
    a.cut("acme", "4100").await;
    assert_eq!(sites(a, &third.access).await, (401, 601), "the next request on the node that took it back");
    for node in [b, c] {
        read(node).await;
        assert_eq!(sites(node, &third.access).await, (401, 601));
        assert_eq!(asked(node, &third.access).await, 401);
        assert!(!ACME.is_active(node, &third.access).await);
        assert_eq!(ACME.refresh(node, &third.refresh).await.refused().1, "invalid_grant");
    }
    // A new app with a scope that nobody knew.
    let words: Vec<String> = a.edge.node.held.scopes().words().iter().cloned().chain(["brand.new".into()]).collect();
    a.apply(Change::RegisterScopes(words)).await;
    let scope = a.edge.node.held.scopes().find("brand.new").unwrap();
    let secrets = a.app("acme").secrets.clone();
    let app =
        App { id: AppId(0), client_id: "fresh".into(), scopes: scope, secrets, logo: None, ..(*a.app("acme")).clone() };
    a.apply(Change::PutApp(app, act(a, "app.put"))).await;
    let fresh = Partner { client_id: "fresh", ..ACME };
    for node in nodes {
        read(node).await;
        assert_eq!(node.app("fresh").scopes, scope);
        assert_eq!(node.edge.node.held.scopes().text(scope), "brand.new");
        assert!(!fresh.is_active(node, &third.access).await, "it authenticates with its secret");
    }
    // A secret that was renewed on one node is the only one on all.
    b.renew_secret("fresh").await;
    for node in nodes {
        read(node).await;
        assert_eq!(fresh.introspect(node, &third.access).await.status, 401);
    }
    assert_eq!(ready(c).await, (200, 0));
}

#[tokio::test]
async fn bg_09_r_10_what_one_node_writes_all_know() {
    what_one_writes_all_know(&Builder::new().nodes(3).await).await;
}

#[tokio::test]
async fn r_10_a_node_that_writes_has_read_everything_before_it() {
    let nodes = Builder::new().nodes(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    b.link().silence(true);
    let pair = ACME.connect(a, OLIVIA).await;
    assert_eq!(sites(b, &pair.access).await.0, 200);
    a.cut("acme", "4100").await;
    let cut = a.edge.node.held.head();
    // Another act, on the other node: its own entry does not follow what that node has read.
    b.switch("people", PRIYA, false).await;
    assert_eq!(b.edge.node.held.head(), cut.next());
    assert_eq!(sites(b, &pair.access).await, (401, 601));
}

#[tokio::test]
async fn r_10_who_says_that_it_is_taken_back_already_refuses_it_from_then_on() {
    let nodes = Builder::new().nodes(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    b.link().silence(true);
    let pair = ACME.connect(a, OLIVIA).await;
    assert_eq!(sites(b, &pair.access).await.0, 200);
    // The first answer may have been lost: the same question goes to another node, which has not read the feed yet.
    for node in [a, b] {
        assert_eq!(ACME.revoke(node, &pair.refresh).await.status, 200);
        assert_eq!(sites(node, &pair.access).await, (401, 601));
    }
}

#[tokio::test]
async fn r_05_r_09_a_node_that_is_cut_off_serves_until_the_limit_and_comes_back_by_itself() {
    let nodes = Builder::new().nodes(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    let (pair, other) = (ACME.connect(a, OLIVIA).await, ACME.connect(a, PRIYA).await);
    for access in [&pair.access, &other.access] {
        assert_eq!(sites(b, access).await.0, 200);
    }
    read(b).await;
    b.link().cut(true);
    b.clock.advance(Seconds(4));
    assert_eq!(sites(b, &pair.access).await.0, 200, "the guard goes on for a while");
    assert_eq!(asked(b, &pair.access).await, 200);
    assert_eq!(ready(b).await, (503, 801), "but it is not ready: it cannot write");
    assert_eq!(ACME.refresh(b, &pair.refresh).await.refused(), (503, "temporarily_unavailable".into(), 801));
    b.clock.advance(Seconds(2));
    assert_eq!(sites(b, &pair.access).await, (503, 611));
    assert_eq!(asked(b, &pair.access).await, 503);
    for partner in [ACME, Partner { secret: Some("wrong"), ..ACME }, Partner { client_id: "unknown", ..ACME }] {
        for reply in [
            partner.introspect(b, &pair.access).await,
            partner.refresh(b, &pair.refresh).await,
            partner.revoke(b, &pair.access).await,
        ] {
            assert_eq!(reply.refused(), (503, "temporarily_unavailable".into(), 611), "never a false no");
            assert!(!reply.header("retry-after").is_empty());
        }
    }
    assert_eq!(ready(b).await, (503, 801));
    assert!(metric(b, "causeway_feed_age_seconds").await >= 6.0);
    // Nothing was lost, nothing was burnt, and what happened meanwhile is known at once.
    read(a).await;
    a.cut("acme", "4100").await;
    b.link().cut(false);
    read(b).await;
    assert_eq!(sites(b, &pair.access).await, (401, 601));
    assert_eq!(sites(b, &other.access).await.0, 200);
    assert_eq!(ACME.refresh(b, &other.refresh).await.status, 200);
    assert_eq!(ready(b).await, (200, 0));
    assert!(metric(b, "causeway_feed_age_seconds").await < 1.0);
    assert_eq!(metric(b, "causeway_feed_head").await, metric(b, "causeway_feed_position").await);
}

/// Takes the one thread on which the store is read, again and again, for longer than the node has patience.
fn hold_up(reads: tokio::runtime::Handle) {
    let next = reads.clone();
    reads.spawn_blocking(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        hold_up(next);
    });
}

#[test]
fn r_05_a_slow_store_does_not_keep_a_node_from_starting() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        hold_up(tokio::runtime::Handle::current());
        let hurried =
            |settings: &mut causeway_server::platform::Settings| settings.patience = std::time::Duration::ZERO;
        // Another text than everybody's: this seed is loaded here, with all that is read again because of it.
        let platform = Builder::new().seed(&format!("{WORLD}\n")).tune(hurried).start().await;
        assert!(platform.edge.node.held.apps().len() > 1, "all of the seed is held");
        until("in service a late answer is given up", async || tail::read(&platform.edge.node).await.is_err()).await;
    });
}

#[tokio::test]
async fn r_09_a_gap_that_the_feed_cannot_close_makes_a_node_read_everything_anew() {
    let nodes = Builder::new().nodes(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    b.link().cut(true);
    a.switch("customers", "4200", false).await;
    let secret: &'static str = a.renew_secret("acme").await.leak();
    a.set_app_scopes("everything", "leads:read").await;
    let life = a.profile().token.access_life;
    a.clock.advance(Seconds(life.0 + 6));
    read(a).await;
    jobs::sweep(&a.edge).await;
    assert_eq!(a.rows("feed").await, 0, "the entries have left");
    a.switch("people", PRIYA, false).await;
    b.link().cut(false);
    read(b).await;
    let held = &b.edge.node.held;
    assert_eq!((held.head(), held.taken_back_len() > 0), (a.edge.node.held.head(), true));
    assert_eq!(b.app("everything").scopes, a.app("everything").scopes);
    let acme = Partner { secret: Some(secret), ..ACME };
    let pair = acme.connect(a, OLIVIA).await;
    assert!(acme.is_active(b, &pair.access).await, "the new secret is known");
    assert_eq!(ACME.introspect(b, &pair.access).await.status, 401, "and the old one is not");
    jobs::forget(&b.edge.node).await;
    assert!(held.taken_back_len() > 0, "what is off stays, however old");
}

#[tokio::test]
async fn cal_10_r_10_a_new_api_key_and_its_switch_are_known_everywhere() {
    let nodes = Builder::shipped("cal", CAL).nodes(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    let call = |key: &str| Call::get(&format!("{LIST}?apiKey={key}"));
    let known = a.edge.node.held.api_key(&digest(ALBA_KEY)).unwrap();
    let fresh = "cal_live_new_0123456789abcdef0";
    let key = ApiKey { id: ApiKeyId(0), digest: digest(fresh), hint: "def0".into(), ..(*known).clone() };
    assert_eq!(b.at_api(call(ALBA_KEY)).await.status, 201, "the seed's");
    assert_eq!(b.at_api(call(fresh)).await.status, 401);
    a.apply(Change::PutApiKey(key.clone(), act(a, "api_key.put"))).await;
    assert_eq!(a.at_api(call(fresh)).await.status, 201);
    read(b).await;
    let before = b.edge.node.held.customer_misses();
    assert_eq!(b.at_api(call(fresh)).await.status, 201);
    b.link().cut(true);
    assert_eq!(b.at_api(call(fresh)).await.status, 201, "no key is read from the store");
    b.link().cut(false);
    assert!(b.edge.node.held.customer_misses() <= before + 1);
    a.apply(Change::PutApiKey(ApiKey { active: false, ..key }, act(a, "api_key.put"))).await;
    read(b).await;
    assert_eq!(b.at_api(call(fresh)).await.status, 401);
    b.link().cut(true);
    b.clock.advance(Seconds(6));
    for key in [fresh, "never-heard-of", ALBA_KEY] {
        assert_eq!(b.at_api(call(key)).await.status, 503, "who cannot know says neither yes nor no");
    }
}

#[tokio::test]
async fn r_12_a_node_whose_clock_is_a_minute_apart_is_not_ready_until_it_is_right() {
    let common = Common::Model(Arc::default());
    let clocks = [0, 0, 60].map(|ahead| Arc::new(Clock::at(NOON + Seconds(ahead))));
    let mut nodes = Vec::new();
    for (number, clock) in (0..).zip(&clocks) {
        nodes.push(Builder::new().on(&common).clock(clock.clone()).chance(1 + number).start().await);
    }
    let [a, b, c] = &nodes[..] else { panic!("three nodes") };
    beats(&[a, b, c], 3).await;
    for node in &nodes {
        read(node).await;
    }
    assert_eq!((ready(a).await, ready(b).await, ready(c).await), ((200, 0), (200, 0), (503, 806)));
    assert!((metric(c, "causeway_clock_ahead_seconds").await - 60.0).abs() < 3.0);
    for node in &nodes {
        assert_eq!(metric(node, "causeway_nodes").await, 3.0);
        assert_eq!(metric(node, "causeway_clocks_apart").await, 1.0, "all say so");
    }
    // It deletes nothing either: it does not know what has expired.
    let rows = a.rows("seeds").await;
    jobs::sweep(&c.edge).await;
    assert_eq!(a.rows("seeds").await, rows);
    c.clock.jump_to(a.clock.now());
    beats(&[a, b, c], 3).await;
    read(c).await;
    assert_eq!(ready(c).await, (200, 0), "it is back by itself");
    // Of two that differ, the one that lived longer goes on.
    a.link().cut(true);
    for node in [a, b, c] {
        node.clock.advance(Seconds(20));
    }
    b.clock.jump_to(c.clock.now() + Seconds(60));
    beats(&[b, c], 3).await;
    for node in [b, c] {
        read(node).await;
        assert_eq!(metric(node, "causeway_nodes").await, 2.0, "who is silent for ten seconds is gone");
    }
    assert_eq!((ready(b).await, ready(c).await), ((200, 0), (503, 806)));
}

fn write(path: &Path, keys: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    let line = |key: &u8| causeway_protocol::seal::KeyRing::line(u16::from(*key), &[*key; 32]);
    std::fs::write(path, keys.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn r_23_a_key_seals_once_every_living_node_holds_it() {
    let (dir, common) = (TempDir::new(), Common::Model(Arc::default()));
    let files = ["a", "b"].map(|name| dir.0.join(name));
    let mut nodes = Vec::new();
    for (number, file) in (0..).zip(files.clone()) {
        write(&file, &[1]);
        let keys = move |settings: &mut causeway_server::platform::Settings| settings.keys = KeysAt::File(file.clone());
        nodes.push(Builder::new().on(&common).chance(1 + number).tune(keys).start().await);
    }
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    let seals = |node: &Platform| (node.edge.node.ring().sealing(), node.edge.node.ring().newest());
    beats(&[a, b], 2).await;
    write(&files[0], &[2, 1]);
    a.edge.node.rings.reload().await.unwrap();
    beats(&[a, b], 2).await;
    assert_eq!(seals(a), (1, 2), "published, not used");
    read(b).await;
    let pair = ACME.connect(a, OLIVIA).await;
    assert_eq!(sites(b, &pair.access).await.0, 200);
    let app = Partner { secret: Some(a.renew_secret("acme").await.leak()), ..ACME };
    read(b).await;
    assert!(app.is_active(b, &pair.access).await, "what is kept of a secret can be compared everywhere");
    write(&files[1], &[2, 1]);
    b.edge.node.rings.reload().await.unwrap();
    beats(&[a, b], 2).await;
    assert_eq!((seals(a), seals(b)), ((2, 2), (2, 2)), "confirmed by all");
    read(b).await;
    let pair = Pair::of(&app.refresh(a, &pair.refresh).await);
    assert_eq!(sites(b, &pair.access).await.0, 200);
    // Who has taken leave confirms nothing any more, and need not.
    write(&files[0], &[3, 2, 1]);
    a.edge.node.rings.reload().await.unwrap();
    beats(&[a], 1).await;
    assert_eq!(seals(a), (2, 3));
    nodes.pop().unwrap().stop().await;
    let [a] = &nodes[..] else { panic!("one node") };
    beats(&[a], 1).await;
    assert_eq!(seals(a), (3, 3), "alone: at once");
    assert_eq!(metric(a, "causeway_nodes").await, 1.0);
}

/// A key on its way into use, and a node killed at each step: nobody seals with what a living node lacks, and it goes on.
#[tokio::test]
async fn r_23_a_node_killed_while_a_key_comes_into_use_leaves_nothing_sealed_that_another_cannot_open() {
    let (dir, common) = (TempDir::new(), Common::Model(Arc::default()));
    let files = ["a", "b"].map(|name| dir.0.join(name));
    let start = async |at: usize, chance: u64| {
        let file = files[at].clone();
        let keys = move |settings: &mut causeway_server::platform::Settings| settings.keys = KeysAt::File(file.clone());
        Builder::new().on(&common).chance(chance).tune(keys).start().await
    };
    let seals = |node: &Platform| (node.edge.node.ring().sealing(), node.edge.node.ring().newest());
    files.iter().for_each(|file| write(file, &[1]));
    let (a, b) = (start(0, 1).await, start(1, 2).await);
    beats(&[&a, &b], 2).await;
    // Published by `a`, which is killed before anybody confirms it.
    write(&files[0], &[2, 1]);
    a.edge.node.rings.reload().await.unwrap();
    beats(&[&a, &b], 1).await;
    assert_eq!((seals(&a), seals(&b)), ((1, 2), (1, 1)));
    drop(a);
    let a = start(0, 3).await;
    assert_eq!(seals(&a), (1, 2), "it has heard what `b` holds before it seals anything");
    let pair = ACME.connect(&a, OLIVIA).await;
    read(&b).await;
    assert_eq!(sites(&b, &pair.access).await.0, 200);
    // Confirmed by `b`, which is killed before `a` has heard it, and comes back with the old file.
    write(&files[1], &[2, 1]);
    b.edge.node.rings.reload().await.unwrap();
    drop(b);
    beats(&[&a], 3).await;
    assert_eq!(seals(&a), (1, 2), "its last word was that it lacks the key");
    write(&files[1], &[1]);
    let b = start(1, 4).await;
    beats(&[&a, &b], 2).await;
    assert_eq!((seals(&a), seals(&b)), ((1, 2), (1, 1)));
    // Confirmed, heard, in use; then both are killed, one after the other.
    write(&files[1], &[2, 1]);
    b.edge.node.rings.reload().await.unwrap();
    b.clock.jump_to(a.clock.now());
    for _ in 0..12 {
        beats(&[&a, &b], 1).await;
    }
    assert_eq!((seals(&a), seals(&b)), ((2, 2), (2, 2)), "those that were killed are gone, and hold up nothing");
    read(&a).await;
    let pair = Pair::of(&ACME.refresh(&a, &pair.refresh).await);
    drop(a);
    read(&b).await;
    assert_eq!(sites(&b, &pair.access).await.0, 200);
    let late = b.clock.now();
    drop(b);
    let a = start(0, 5).await;
    a.clock.jump_to(late);
    read(&a).await;
    assert_eq!(
        seals(&a),
        (1, 2),
        "who has just come takes everybody on the board for alive, and seals with what all hold"
    );
    assert_eq!(sites(&a, &pair.access).await.0, 200);
    beats(&[&a], 12).await;
    assert_eq!(seals(&a), (2, 2));
    read(&a).await;
    assert_eq!(ACME.refresh(&a, &pair.refresh).await.status, 200);
}

#[tokio::test]
async fn bg_09_without_news_the_feed_is_asked() {
    let nodes = Builder::new().nodes(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    let pair = ACME.connect(a, OLIVIA).await;
    for (silent, customer) in [(true, "4100"), (false, "4100")] {
        let access = if silent { pair.access.clone() } else { ACME.connect(a, OLIVIA).await.access };
        b.link().silence(silent);
        assert_eq!(sites(b, &access).await.0, 200);
        a.cut("acme", customer).await;
        // Nobody calls the tailer here: it runs, as it would in service.
        until("it is known", async || !ACME.is_active(b, &access).await).await;
        assert_eq!(sites(b, &access).await, (401, 601), "silent: {silent}");
    }
}
