//! What one app may put into the feed by revoking its own tokens (RFC 7009; TOKENS 6): a budget of single entries, then one
//! cut of everything that it has for itself, and nobody pays for it but that app.

use causeway_protocol::records::{Act, App};
use causeway_protocol::revoke::TOKEN_ENTRIES;
use causeway_protocol::token::Bearer;
use causeway_protocol::{AppId, Change, ConnectionId, FamilyId, Subject, UserId};
use causeway_server::cluster::tail;
use causeway_testkit::actors::{Pair, Partner, REPORTS};
use causeway_testkit::platform::Builder;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Api, Platform};

const LEADS: &str = "/v1/leads?site_id=2101";
const OTHER: Partner = Partner { client_id: "other", ..REPORTS };

fn builder() -> Builder {
    Builder::new().profile(|profile| {
        profile.token.client_credentials = true;
        profile.api.budgets.clear();
    })
}

fn act(platform: &Platform) -> Act {
    Act { at: platform.clock.now(), actor: "test".into(), verb: "test", subject: None, detail: String::new() }
}

/// One more app of the same customer, with the same secret.
async fn put_other(platform: &Platform) {
    let app = App { id: AppId(0), client_id: "other".into(), logo: None, ..(*platform.app("reports")).clone() };
    platform.apply(Change::PutApp(app, act(platform))).await;
}

async fn token(platform: &Platform, partner: Partner) -> String {
    let reply = partner.token(platform, &partner.signed(&[("grant_type", "client_credentials")])).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.member("access_token")
}

async fn status(platform: &Platform, token: &str) -> u16 {
    Api { token }.get(platform, LEADS).await.status
}

/// Revoked, and refused from the very next call on, by guard and introspection.
async fn end(platform: &Platform, partner: Partner, token: &str) {
    assert_eq!(partner.revoke(platform, token).await.status, 200);
    assert_eq!(status(platform, token).await, 401);
    assert!(!partner.is_active(platform, token).await);
}

/// Feed, cuts, and what this node holds.
async fn grown(platform: &Platform) -> [u64; 3] {
    let held = platform.edge.node.held.taken_back_len() as u64;
    [platform.rows("feed").await, platform.rows("cuts").await, held]
}

/// So many entries of tokens of REPORTS, without the way over HTTP.
async fn spend(platform: &Platform, entries: u32) {
    let app = platform.app("reports");
    for n in 0..entries {
        let bearer = Bearer {
            family: FamilyId::lone(app.id, n.into()),
            connection: ConnectionId(0),
            as_of: platform.edge.node.held.head(),
            app: app.id,
            user: UserId::NOBODY,
            customer: app.own_customer().unwrap(),
        };
        platform.apply(Change::CutToken { bearer, budget: TOKEN_ENTRIES, act: act(platform) }).await;
    }
}

#[tokio::test]
async fn rv_02_past_its_budget_an_app_loses_all_its_own_tokens_and_the_feed_stops_growing() {
    let platform = builder().start().await;
    put_other(&platform).await;
    let people = REPORTS.connect(&platform, OLIVIA).await;
    let foreign = token(&platform, OTHER).await;
    let before = grown(&platform).await;
    let budget = TOKEN_ENTRIES as usize;
    let mut tokens = Vec::new();
    for _ in 0..budget + 3 {
        tokens.push(token(&platform, REPORTS).await);
    }
    for token in &tokens[..budget] {
        assert_eq!(REPORTS.revoke(&platform, token).await.status, 200);
        assert_eq!(status(&platform, token).await, 401);
    }
    let singles = before.map(|count| count + u64::from(TOKEN_ENTRIES));
    assert_eq!(grown(&platform).await, singles);
    assert_eq!(status(&platform, &tokens[budget]).await, 200, "one by one up to here");
    // One too many: it goes, and with it every other token that the app has for itself.
    end(&platform, REPORTS, &tokens[budget]).await;
    for token in &tokens[budget..] {
        assert_eq!(status(&platform, token).await, 401, "more is refused, never less");
        end(&platform, REPORTS, token).await;
    }
    let most = singles.map(|count| count + 1);
    assert_eq!(grown(&platform).await, most);
    // The app goes on at once, and its next revocations cost nobody anything.
    for _ in 0..20 {
        let next = token(&platform, REPORTS).await;
        assert_eq!(status(&platform, &next).await, 200);
        end(&platform, REPORTS, &next).await;
    }
    assert_eq!(grown(&platform).await, most);
    let last = token(&platform, REPORTS).await;
    assert_eq!(status(&platform, &last).await, 200);
    // Nobody else: another app, and what people connected this one to, access token and refresh token.
    assert_eq!(status(&platform, &foreign).await, 200);
    assert_eq!(status(&platform, &people.access).await, 200);
    let refreshed = Pair::of(&REPORTS.refresh(&platform, &people.refresh).await);
    assert_eq!(status(&platform, &refreshed.access).await, 200);
    // A single entry of another app's is single still.
    end(&platform, OTHER, &foreign).await;
    assert_eq!(grown(&platform).await, most.map(|count| count + 1));
    // All of it leaves with the tokens of its time.
    platform.clock.advance(causeway_protocol::time::Seconds(7_206));
    while platform.rows("feed").await > 0 {
        causeway_server::jobs::sweep(&platform.edge).await;
    }
    causeway_server::jobs::forget(&platform.edge.node).await;
    assert_eq!(grown(&platform).await, [0, before[1], before[2]], "switches stay");
}

#[tokio::test]
async fn rv_02_what_another_node_sealed_before_it_heard_of_the_cut_is_born_dead() {
    let nodes = builder().nodes(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    spend(a, TOKEN_ENTRIES).await;
    for node in [a, b] {
        tail::read(&node.edge.node).await.unwrap();
    }
    let rows = a.rows("feed").await;
    let (named, sibling) = (token(a, REPORTS).await, token(b, REPORTS).await);
    assert_eq!((status(a, &sibling).await, status(b, &named).await), (200, 200));
    b.link().cut(true);
    end(a, REPORTS, &named).await;
    assert_eq!(status(a, &sibling).await, 401, "sealed on another node, before the cut");
    // In the same instant, by a node that has not heard: its position is the one before the cut.
    let itself = Subject::app_itself(a.app("reports").id);
    let cut = a.edge.node.held.with_taken_back(|set| set.cuts(itself).all);
    assert_eq!(b.edge.node.held.head().next(), cut);
    let late = token(b, REPORTS).await;
    assert_eq!(status(a, &late).await, 401);
    b.link().cut(false);
    tail::read(&b.edge.node).await.unwrap();
    for old in [&named, &sibling, &late] {
        assert_eq!(status(b, old).await, 401);
        // Whoever revokes it hears 200, and nothing is written for it.
        end(b, REPORTS, old).await;
    }
    assert_eq!(a.rows("feed").await, rows + 1);
    // From now on both nodes seal good ones, and either moves the cut.
    for (here, there) in [(a, b), (b, a), (a, b)] {
        let next = token(here, REPORTS).await;
        tail::read(&there.edge.node).await.unwrap();
        assert_eq!((status(here, &next).await, status(there, &next).await), (200, 200));
        end(there, REPORTS, &next).await;
        tail::read(&here.edge.node).await.unwrap();
        assert_eq!(status(here, &next).await, 401);
        assert_eq!(a.rows("feed").await, rows + 1);
    }
}

#[tokio::test]
async fn rv_02_a_node_that_lags_reads_on_where_cuts_were_replaced() {
    let nodes = builder().nodes(2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    spend(a, TOKEN_ENTRIES).await;
    tail::read(&b.edge.node).await.unwrap();
    let (stood, sealed) = (b.edge.node.held.head(), token(b, REPORTS).await);
    assert_eq!(status(b, &sealed).await, 200);
    let misses = b.edge.node.held.customer_misses();
    b.link().cut(true);
    for _ in 0..30 {
        let next = token(a, REPORTS).await;
        end(a, REPORTS, &next).await;
    }
    assert_eq!(status(b, &sealed).await, 200, "nothing was heard here");
    b.link().cut(false);
    tail::read(&b.edge.node).await.unwrap();
    assert_eq!(b.edge.node.held.head().counter(), stood.counter() + 30);
    assert_eq!(status(b, &sealed).await, 401);
    let good = token(b, REPORTS).await;
    assert_eq!(status(b, &good).await, 200);
    // Reading everything anew would have forgotten the customers: there was no gap.
    assert_eq!(b.edge.node.held.customer_misses(), misses);
}
