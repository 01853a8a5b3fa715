//! `grant_type=oauth1_exchange` (TSM-07 to TSM-12; TOKENS 5): a customer's OAuth 1.0 pair becomes a connection, once.

use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, Api, DESKTOP, EVERYTHING, GUESTLIST, Pair, Partner, REPORTS, race};
use causeway_testkit::client::form;
use causeway_testkit::world::{self, MARCO, OLIVIA, PRIYA};
use causeway_testkit::{Builder, Call, Platform, Response};
use serde_json::json;

/// Consumers of three customers: two active sites, one, none. Marco made the first site.
const PAIRS: &str = r#"
[[oauth1]]
customer = "4100"
consumer_key = "harbor-key"
consumer_secret = "harbor-secret-0123456789"

[[oauth1]]
customer = "4200"
consumer_key = "kettle-key"
consumer_secret = "kettle-secret-0123456789"

[[oauth1]]
customer = "4300"
consumer_key = "juniper-key"
consumer_secret = "juniper-secret-0123456789"

[[oauth1]]
customer = "4200"
consumer_key = "off-key"
consumer_secret = "off-secret-0123456789"
active = false
"#;

const HARBOR: (&str, &str) = ("harbor-key", "harbor-secret-0123456789");
const KETTLE: (&str, &str) = ("kettle-key", "kettle-secret-0123456789");
const JUNIPER: (&str, &str) = ("juniper-key", "juniper-secret-0123456789");

fn builder() -> Builder {
    let seed =
        world::TEXT.replacen("name = \"Waterfront\"", &format!("name = \"Waterfront\"\ncreator = \"{MARCO}\""), 1);
    Builder::new().seed(&format!("{seed}{PAIRS}"))
}

async fn exchange(platform: &Platform, app: Partner, (key, secret): (&str, &str)) -> Response {
    let pairs = [("grant_type", "oauth1_exchange"), ("consumer_key", key), ("consumer_secret", secret)];
    app.token(platform, &app.signed(&pairs)).await
}

async fn live(platform: &Platform, customer: &str) -> usize {
    let all = platform.connections().await;
    all.iter().filter(|one| one["customer"] == customer && one["live"] == true).count()
}

#[tokio::test]
async fn tsm_07_ex_07_an_exchange_returns_the_six_fields_with_every_scope_of_the_app() {
    let platform = builder().start().await;
    let reply = exchange(&platform, ACME, HARBOR).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let json = reply.json();
    let mut names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["access_token", "created_at", "expires_in", "refresh_token", "scope", "token_type"]);
    assert_eq!(json["scope"], "read write leads:read leads:write events:read events:write");
    assert_eq!(json["expires_in"], 7200);
    assert_eq!(reply.header("cache-control"), "no-store");
    // Ruby's oauth2 2.x: Basic, and no client id in the body.
    let basic = Call::post("/oauth2/token").basic("everything", "everything-secret-0123456789").form(&[
        ("grant_type", "oauth1_exchange"),
        ("consumer_key", HARBOR.0),
        ("consumer_secret", HARBOR.1),
    ]);
    let reply = platform.at_api(basic).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test]
async fn tsm_08_ex_03_the_token_acts_as_the_sites_creator_and_refreshes_like_any_other() {
    let platform = builder().start().await;
    let pair = Pair::of(&exchange(&platform, ACME, HARBOR).await);
    let marco = platform.person(MARCO).await;
    let said = ACME.introspect(&platform, &pair.access).await;
    assert_eq!(said.json()["sub"], marco.id.0.to_string(), "{}", said.text());
    let sites = Api { token: &pair.access }.get(&platform, "/v1/sites").await;
    assert_eq!(sites.status, 200, "{}", sites.text());
    let next = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
    assert_ne!(next.refresh, pair.refresh);
    assert_eq!(Api { token: &next.access }.get(&platform, "/api/v1/locations").await.status, 200);
    // A customer whose sites nobody is known to have made: its administrator.
    let pair = Pair::of(&exchange(&platform, ACME, KETTLE).await);
    let priya = platform.person(PRIYA).await;
    assert_eq!(ACME.introspect(&platform, &pair.access).await.json()["sub"], priya.id.0.to_string());
    // A16, TS-13: whoever it acts as is switched off, and so is it.
    platform.switch("people", MARCO, false).await;
    assert_eq!(Api { token: &next.access }.get(&platform, "/v1/sites").await.status, 401);
}

#[tokio::test]
async fn tsm_09_ex_01_wrong_pairs_wrong_apps_and_missing_fields_are_told_apart() {
    let platform = builder().start().await;
    let refused = |reply: Response| reply.refused();
    for wrong in [(HARBOR.0, "wrong"), ("nobody", HARBOR.1), (HARBOR.0, KETTLE.1), ("off-key", "off-secret-0123456789")]
    {
        let reply = exchange(&platform, ACME, wrong).await;
        assert_eq!(refused(reply), (400, "invalid_grant".into(), 530), "{wrong:?}");
    }
    // 1.0 credentials used as those of a 2.0 app.
    let as_client = form(&[
        ("grant_type", "oauth1_exchange"),
        ("client_id", HARBOR.0),
        ("client_secret", HARBOR.1),
        ("consumer_key", HARBOR.0),
        ("consumer_secret", HARBOR.1),
    ]);
    let reply = platform.at_api(Call::post("/oauth2/token").body("application/x-www-form-urlencoded", as_client)).await;
    assert_eq!(refused(reply), (401, "invalid_client".into(), 200));
    for missing in ["consumer_key", "consumer_secret"] {
        let all = [("grant_type", "oauth1_exchange"), ("consumer_key", HARBOR.0), ("consumer_secret", HARBOR.1)];
        let pairs: Vec<_> = all.into_iter().filter(|(name, _)| *name != missing).collect();
        let reply = ACME.token(&platform, &ACME.signed(&pairs)).await;
        assert_eq!((reply.status, reply.member("error").as_str()), (400, "invalid_request"), "{missing}");
        assert!(reply.text().contains(missing), "{}", reply.text());
    }
    assert_eq!(
        refused(exchange(&platform, DESKTOP, HARBOR).await).1,
        "unauthorized_client",
        "a public app proves nothing"
    );
    assert_eq!(refused(exchange(&platform, GUESTLIST, HARBOR).await).1, "unauthorized_client", "not approved");
    assert_eq!(live(&platform, "4100").await, 0, "nothing of this connected anything");
    assert_eq!(exchange(&platform, ACME, HARBOR).await.status, 200, "and nothing of it was burnt");
}

#[tokio::test]
async fn tsm_09_ex_05_who_guesses_pairs_is_slowed_down_and_who_has_the_right_one_is_not() {
    let platform = builder().start().await;
    let mut last = None;
    for n in 0..61 {
        last = Some(exchange(&platform, ACME, (HARBOR.0, &format!("guess-{n}"))).await);
    }
    let last = last.unwrap();
    assert_eq!(last.refused(), (429, "rate_limited".into(), 536));
    assert_ne!(last.header("retry-after"), "");
    assert_eq!(exchange(&platform, ACME, HARBOR).await.status, 200);
}

#[tokio::test]
async fn tsm_10_ex_02_a_customer_without_an_active_site_is_refused() {
    let platform = builder().start().await;
    assert_eq!(exchange(&platform, ACME, JUNIPER).await.refused(), (400, "invalid_grant".into(), 532));
    platform.switch("sites", "2201", false).await;
    assert_eq!(exchange(&platform, ACME, KETTLE).await.refused(), (400, "invalid_grant".into(), 532));
    platform.switch("sites", "2201", true).await;
    assert_eq!(exchange(&platform, ACME, KETTLE).await.status, 200);
}

#[tokio::test]
async fn tsm_11_ex_02_a_private_app_exchanges_only_its_own_customers_pair() {
    let platform = builder().start().await;
    assert_eq!(exchange(&platform, REPORTS, KETTLE).await.refused(), (400, "unauthorized_client".into(), 533));
    assert_eq!(exchange(&platform, REPORTS, HARBOR).await.status, 200);
}

#[tokio::test]
async fn tsm_12_it_is_listed_and_revocable_like_any_grant() {
    let platform = builder().start().await;
    let pair = Pair::of(&exchange(&platform, ACME, HARBOR).await);
    let other = Pair::of(&exchange(&platform, ACME, KETTLE).await);
    assert_eq!(live(&platform, "4100").await, 1);
    platform.cut("acme", "4100").await;
    assert_eq!(Api { token: &pair.access }.get(&platform, "/v1/sites").await.status, 401);
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.member("error"), "invalid_grant");
    assert_eq!(Api { token: &other.access }.get(&platform, "/v1/sites").await.status, 200);
    // TOKENS 5: it never undoes a revocation, whoever repeats it, and whatever pair of that customer.
    assert_eq!(exchange(&platform, ACME, HARBOR).await.refused(), (400, "invalid_grant".into(), 535));
    assert_eq!(live(&platform, "4100").await, 0);
    // Somebody allows it anew: the old pair stays spent, the new grant is untouched.
    let fresh = ACME.connect(&platform, OLIVIA).await;
    assert_eq!(exchange(&platform, ACME, HARBOR).await.refused().1, "invalid_grant");
    assert_eq!(Api { token: &fresh.access }.get(&platform, "/v1/sites").await.status, 200);
}

#[tokio::test]
async fn tsm_12_before_any_exchange_a_cut_connection_is_not_brought_back_either() {
    let platform = builder().start().await;
    ACME.connect(&platform, OLIVIA).await;
    platform.cut("acme", "4100").await;
    assert_eq!(exchange(&platform, ACME, HARBOR).await.refused(), (400, "invalid_grant".into(), 535));
}

#[tokio::test]
async fn tsm_07_ex_04_a_repeat_gets_the_same_grant_until_it_was_refreshed() {
    let platform = builder().start().await;
    let first = Pair::of(&exchange(&platform, ACME, HARBOR).await);
    platform.clock.advance(Seconds(60));
    let again = Pair::of(&exchange(&platform, ACME, HARBOR).await);
    assert_ne!(first.access, again.access, "a fresh access token");
    assert_eq!(live(&platform, "4100").await, 1);
    assert_eq!(platform.rows("families").await, 1, "one family, however often it is asked for");
    for pair in [&first, &again] {
        assert_eq!(Api { token: &pair.access }.get(&platform, "/v1/sites").await.status, 200);
    }
    // A restart, and another ring key in front, change nothing.
    let platform = platform.restart_as(|builder| builder.keys(&[2, 1])).await;
    let later = Pair::of(&exchange(&platform, ACME, HARBOR).await);
    // Either refresh token is the living one.
    let next = Pair::of(&ACME.refresh(&platform, &first.refresh).await);
    assert_eq!(exchange(&platform, ACME, HARBOR).await.refused(), (400, "invalid_grant".into(), 531));
    assert_eq!(Api { token: &later.access }.get(&platform, "/v1/sites").await.status, 200);
    assert_eq!(ACME.refresh(&platform, &next.refresh).await.status, 200, "asking again harmed nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tsm_07_ex_04_many_at_once_leave_one_connection_and_one_family() {
    let platform = builder().start().await;
    let body = form(&EVERYTHING.signed(&[
        ("grant_type", "oauth1_exchange"),
        ("consumer_key", HARBOR.0),
        ("consumer_secret", HARBOR.1),
    ]));
    let at = platform.api_address();
    let replies = race(16, |_| {
        let body = body.clone();
        async move {
            let call = Call::post("/oauth2/token").body("application/x-www-form-urlencoded", body);
            call.send(at).await.status
        }
    })
    .await;
    assert!(replies.iter().all(|status| *status == 200), "{replies:?}");
    assert_eq!(live(&platform, "4100").await, 1);
    assert_eq!(platform.rows("families").await, 1);
}

#[tokio::test]
async fn tsm_07_an_exchange_never_narrows_what_somebody_allowed() {
    let platform = builder().start().await;
    // Olivia allowed it; then the pair is exchanged as well.
    let allowed = ACME.connect(&platform, OLIVIA).await;
    Pair::of(&exchange(&platform, ACME, HARBOR).await);
    assert_eq!(live(&platform, "4100").await, 1, "one connection, two families");
    assert_eq!(Api { token: &allowed.access }.get(&platform, "/v1/sites").await.status, 200);
    assert_eq!(ACME.refresh(&platform, &allowed.refresh).await.status, 200);
}

#[tokio::test]
async fn tsm_12_only_staff_can_open_a_pair_again() {
    let platform = builder().start().await;
    let pair = Pair::of(&exchange(&platform, ACME, HARBOR).await);
    ACME.refresh(&platform, &pair.refresh).await;
    platform.cut("acme", "4100").await;
    let reopen = |app: &str| {
        Call::post("/admin/consumers/harbor-key/reopen").body("application/json", json!({"app": app}).to_string())
    };
    assert_eq!(platform.at_admin(reopen("everything")).await.status, 404, "it was never exchanged by that app");
    assert_eq!(platform.at_admin(reopen("acme")).await.status, 200);
    let fresh = Pair::of(&exchange(&platform, ACME, HARBOR).await);
    assert_eq!(Api { token: &fresh.access }.get(&platform, "/v1/sites").await.status, 200);
    assert_eq!(Api { token: &pair.access }.get(&platform, "/v1/sites").await.status, 401, "the old one stays dead");
    platform.cut("acme", "4100").await;
    assert_eq!(exchange(&platform, ACME, HARBOR).await.refused().2, 535, "once means once");
}

#[tokio::test]
async fn tsm_07_ex_06_the_grant_has_its_own_end_and_its_own_switch() {
    let platform = builder()
        .profile(|profile| {
            let rules = profile.oauth1.as_mut().unwrap();
            rules.ends_at = Some(causeway_testkit::clock::NOON);
            rules.exchange_ends_at = Some(causeway_testkit::clock::NOON + Seconds(3_600));
        })
        .start()
        .await;
    assert_eq!(exchange(&platform, ACME, HARBOR).await.status, 200, "A9: the end of 1.0 does not end it");
    platform.clock.advance(Seconds(3_600));
    assert_eq!(exchange(&platform, ACME, KETTLE).await.refused(), (400, "unsupported_grant_type".into(), 534));
    let off = builder().profile(|profile| profile.oauth1.as_mut().unwrap().exchange = false).start().await;
    assert_eq!(exchange(&off, ACME, HARBOR).await.refused(), (400, "unsupported_grant_type".into(), 501));
    let never = builder().profile(|profile| profile.oauth1 = None).start().await;
    assert_eq!(exchange(&never, ACME, HARBOR).await.refused(), (400, "unsupported_grant_type".into(), 501));
}

#[tokio::test]
async fn tsm_12_a_consumer_that_is_switched_off_is_no_pair() {
    let platform = builder().start().await;
    platform.switch("consumers", HARBOR.0, false).await;
    assert_eq!(exchange(&platform, ACME, HARBOR).await.refused(), (400, "invalid_grant".into(), 530));
    platform.switch("consumers", HARBOR.0, true).await;
    assert_eq!(exchange(&platform, ACME, HARBOR).await.status, 200);
}

#[tokio::test]
async fn ex_08_an_exchange_is_audited_without_any_secret() {
    use causeway_storage::Store;
    let platform = builder().start().await;
    assert_eq!(exchange(&platform, ACME, HARBOR).await.status, 200);
    let rows = platform.edge.node.store.audit_tail(5).await.unwrap();
    assert!(rows.iter().any(|row| row.3 == "connection.exchanged" && row.2.starts_with("app:")), "{rows:?}");
    assert!(!format!("{rows:?}").contains(HARBOR.1), "{rows:?}");
    assert!(platform.edge.node.store.audit_check().await.unwrap().is_ok());
}
