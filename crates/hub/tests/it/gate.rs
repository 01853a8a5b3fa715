//! Who may ask what: hosts, forms, cookies, headers.

use causeway_testkit::Call;
use causeway_testkit::browser::borrow;

use super::world::World;

#[tokio::test]
async fn c_11_the_session_cookie_is_closed_to_scripts_and_other_sites() {
    let mut world = World::new().await;
    let page = world.dashboard().await;
    let cookie = page.reply.header("set-cookie");
    assert!(cookie.starts_with("causeway_hub=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!(world.dashboard().await.reply.header("set-cookie"), "", "set once");
    world.cookie = Some("causeway_hub=chosen-by-somebody-else".to_owned());
    assert_ne!(world.dashboard().await.reply.header("set-cookie"), "", "an id that we did not make is not taken");
    let (name, issued) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    let flipped = |text: &str| if text.ends_with('0') { "1" } else { "0" };
    for planted in ["0".repeat(64), format!("{}{}", &issued[..63], flipped(issued)), issued.to_uppercase()] {
        world.cookie = Some(format!("{name}={planted}"));
        let given = world.dashboard().await.reply.header("set-cookie").to_owned();
        assert!(given.starts_with("causeway_hub=") && !given.contains(&planted), "attack: fixation by {planted}");
    }
}

#[tokio::test]
async fn ui_every_page_is_closed_to_scripts_frames_and_caches() {
    let mut world = World::new().await;
    for target in ["/", "/nowhere", "/callback/tripleseat?code=a&state=b", "/static/hub.css"] {
        let page = world.open(target).await;
        let policy = page.reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{target}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{target}");
        assert_eq!(page.reply.header("x-frame-options"), "DENY");
        assert_eq!(page.reply.header("x-content-type-options"), "nosniff");
        assert!(page.reply.header("referrer-policy").ends_with(if target.contains("code") {
            "no-referrer"
        } else {
            "same-origin"
        }));
        assert_eq!(page.reply.header("cache-control") == "no-store", !target.starts_with("/static/"), "{target}");
        assert!(!page.html.contains("<script") && !page.html.contains("style="), "{target}");
    }
}

#[tokio::test]
async fn dns_rebinding_another_host_is_refused_and_a_loopback_alias_is_sent_home() {
    let mut world = World::new().await;
    let port = world.hub.port();
    let refused = world.send(Call::get("/").host("evil.example")).await;
    assert_eq!((refused.reply.status, refused.refusal()), (421, 109));
    let alias = world.send(Call::get("/").host(&format!("localhost:{port}"))).await;
    assert_eq!((alias.reply.status, alias.location()), (303, format!("{}/", world.origin).as_str()));
    let other_port = world.send(Call::get("/").host("localhost:1")).await;
    assert_eq!(other_port.reply.status, 421);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(world.send(Call::get(path).host("probe")).await.reply.status, 200, "{path}");
    }
}

#[tokio::test]
async fn csrf_forms_from_elsewhere_do_nothing() {
    let mut world = World::new().await;
    let page = world.connect("Connect to Tripleseat").await;
    let form = page.form("Refresh now");
    let pairs = form.filled("Refresh now", &[]);
    let good = || Call::post(&form.action).form(&borrow(&pairs));
    let mine = world.cookie.clone();
    for (what, call) in [
        ("another site", good().header("Sec-Fetch-Site", "cross-site")),
        ("a sister site", good().header("Sec-Fetch-Site", "same-site")),
        ("another origin", good().header("Origin", "https://evil.example")),
        ("no origin at all", good().header("Origin", "null")),
        ("no mark", Call::post(&form.action).form(&[]).header("Origin", &world.origin)),
        ("a wrong mark", Call::post(&form.action).form(&[("form", "0123")]).header("Origin", &world.origin)),
    ] {
        let page = world.send(call).await;
        assert_eq!(page.reply.status, 403, "{what}: {}", page.html);
    }
    world.cookie = None;
    let origin = world.origin.clone();
    assert_eq!(world.send(good().header("Origin", &origin)).await.reply.status, 403, "another browser");
    world.cookie = mine;
    assert_eq!(world.refreshes(), 0);
    // A client that is no browser sends neither header, and the mark is enough.
    assert_eq!(world.send(good()).await.reply.status, 303);
    assert_eq!(world.refreshes(), 1);
}

#[tokio::test]
async fn csrf_nobody_is_sent_to_a_platform_by_another_site() {
    let mut world = World::new().await;
    for site in ["cross-site", "same-site"] {
        let page = world.send(Call::get("/connect/tripleseat").header("Sec-Fetch-Site", site)).await;
        assert_eq!((page.reply.status, page.location()), (303, "/"), "{site}");
    }
    assert!(world.vault.timeline("tripleseat", "main").is_empty());
}

#[tokio::test]
async fn t_09_pv_06_no_address_sends_people_where_it_is_told() {
    let mut world = World::new().await;
    for target in [
        "/connect/https:%2F%2Fevil.example",
        "/connect/..%2F..",
        "//evil.example/",
        "/callback/tripleseat?next=https://evil.example",
        "/connect/nobody",
        "/?next=//evil.example",
    ] {
        let page = world.open(target).await;
        assert_eq!(page.location(), "", "{target}");
        assert!([200, 400, 404].contains(&page.reply.status), "{target}: {}", page.reply.status);
    }
}

#[tokio::test]
async fn forms_are_bounded_and_methods_are_kept() {
    let mut world = World::new().await;
    world.connect("Connect to Tripleseat").await;
    let origin = world.origin.clone();
    let long = "x".repeat(20_000);
    let page = world.send(Call::post("/refresh/tripleseat").form(&[("form", &long)]).header("Origin", &origin)).await;
    assert_eq!((page.reply.status, page.refusal()), (413, 105));
    assert_eq!(world.open("/refresh/tripleseat").await.reply.status, 405);
    assert_eq!(world.refreshes(), 0);
}
