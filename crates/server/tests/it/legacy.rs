//! The staff's report on who still calls with OAuth 1.0, and the extension of one customer.

use causeway_protocol::Change;
use causeway_protocol::legacy::LegacyUse;
use causeway_protocol::time::Seconds;
use causeway_testkit::world::{self, OLIVIA, SAM};
use causeway_testkit::{Browser, Builder, Call, Platform};
use serde_json::json;

const PAIRS: &str = r#"
[[oauth1]]
customer = "4100"
consumer_key = "harbor-key"
consumer_secret = "harbor-secret-0123456789"

[[oauth1]]
customer = "4200"
consumer_key = "=kettle-key"
consumer_secret = "kettle-secret-0123456789"
"#;

async fn start() -> Platform {
    let platform = Builder::new().seed(&format!("{}{PAIRS}", world::TEXT)).start().await;
    let consumer = {
        use causeway_storage::Store;
        let found = platform.edge.node.store.consumer("harbor-key").await.unwrap();
        found.unwrap().consumer.id
    };
    let now = platform.clock.now();
    let used = |route: &str, calls, ago: i64| LegacyUse {
        consumer,
        day: (now.0 - ago * 86_400).div_euclid(86_400),
        route: route.to_owned(),
        calls,
        last_at: now - Seconds(ago * 86_400),
    };
    let uses = vec![used("GET /leads", 40, 0), used("GET /sites", 2, 1), used("GET /events", 900, 60)];
    platform.apply(Change::RecordLegacy(uses)).await;
    platform
}

#[tokio::test]
async fn tsm_16_staff_see_who_still_calls_with_what_and_how_often() {
    let platform = start().await;
    let mut sam = Browser::of(&platform, SAM).await;
    let page = sam.open(&platform, "/staff/oauth1").await;
    assert_eq!(page.reply.status, 200, "{}", page.text());
    let text = page.reply.text();
    assert!(text.contains("harbor-key") && text.contains("GET /leads"), "{text}");
    assert!(text.contains(">42<"), "the last thirty days count, the calls of sixty days ago do not");
    assert!(!text.contains("secret-0123456789"));
    let csv = sam.open(&platform, "/staff/oauth1.csv").await.reply;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<String> = csv.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[1].starts_with("4100,") && lines[1].contains(",42,GET /leads,"), "{lines:?}");
    assert!(lines[2].contains(",'=kettle-key,"), "no cell is a formula: {lines:?}");
}

#[tokio::test]
async fn tsm_16_nobody_else_sees_it() {
    let platform = start().await;
    for path in ["/staff/oauth1", "/staff/oauth1.csv"] {
        let mut olivia = Browser::of(&platform, OLIVIA).await;
        assert_eq!(olivia.open(&platform, path).await.reply.status, 403, "{path}");
        let stranger = Browser::new().open(&platform, path).await;
        assert!(!stranger.reply.text().contains("harbor-key"), "{path}");
    }
    let never = Builder::new().profile(|profile| profile.oauth1 = None).start().await;
    let mut sam = Browser::of(&never, SAM).await;
    assert_eq!(sam.open(&never, "/staff/oauth1").await.reply.status, 404);
}

#[tokio::test]
async fn tsm_17_an_extension_is_given_and_taken_back_at_the_admin_door() {
    let platform = start().await;
    let put = |id: &str, body: serde_json::Value| {
        Call::new("PUT", &format!("/admin/customers/{id}/oauth1")).body("application/json", body.to_string())
    };
    assert_eq!(platform.at_admin(put("4100", json!({"until": 1_790_000_000}))).await.status, 200);
    let mut sam = Browser::of(&platform, SAM).await;
    assert!(sam.open(&platform, "/staff/oauth1").await.text().contains("Until 2026-09-21"));
    assert_eq!(platform.at_admin(put("4100", json!({"until": null}))).await.status, 200);
    assert!(!sam.open(&platform, "/staff/oauth1").await.text().contains("Until 2026"));
    assert_eq!(platform.at_admin(put("nobody", json!({"until": null}))).await.refusal(), 701);
    for wrong in [json!({}), json!({"until": "soon"}), json!({"until": 1, "more": 2})] {
        assert_eq!(platform.at_admin(put("4100", wrong.clone())).await.refusal(), 702, "{wrong}");
    }
}
