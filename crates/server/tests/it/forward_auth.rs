//! `/guard/check`: what a proxy is told that asks the guard (CONTRACTS, "Forward-auth"; SECURITY BG-14).

use causeway_server::trust::{Cidr, TrustedProxies};
use causeway_testkit::actors::ACME;
use causeway_testkit::platform::Builder;
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Call, Platform, Response};

async fn behind_a_proxy() -> Platform {
    let loopback = TrustedProxies(vec![Cidr::parse("127.0.0.0/8").expect("a block")]);
    Builder::new()
        .profile(|profile| profile.api.budgets.clear())
        .tune(move |settings| settings.proxies = loopback.clone())
        .start()
        .await
}

fn asked(method: &str, uri: &str) -> Call {
    Call::get("/guard/check").header("x-original-method", method).header("x-original-uri", uri)
}

async fn check(platform: &Platform, call: Call) -> Response {
    platform.at_api(call).await
}

#[tokio::test]
async fn bg_14_bg_15_a_good_call_is_200_with_identity() {
    let platform = behind_a_proxy().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let forwarded = Call::get("/guard/check")
        .header("x-forwarded-method", "GET")
        .header("x-forwarded-uri", "/v1/leads?site_id=2102")
        .header("x-forwarded-host", &format!("127.0.0.1:{}", platform.api_address().port()));
    for call in [asked("GET", "/v1/leads?site_id=2102"), forwarded] {
        let reply = check(&platform, call.bearer(&token).header("x-causeway-customer", "4200")).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ""), "{reply:?}");
        for (name, value) in [
            ("x-causeway-app", "acme"),
            ("x-causeway-customer", "4100"),
            ("x-causeway-site", "2102"),
            ("x-causeway-sites", "2101,2102"),
            ("x-causeway-scopes", "read write leads:read leads:write events:read events:write"),
        ] {
            assert_eq!(reply.header(name), value, "{name}");
        }
        assert!(reply.header("x-causeway-user").parse::<i64>().is_ok());
        assert!(reply.header("x-causeway-connection").parse::<i64>().is_ok());
        assert!(reply.header("cache-control").contains("no-store"));
    }
    let about_all = check(&platform, asked("GET", "/v1/sites").bearer(&token)).await;
    assert_eq!((about_all.status, about_all.header("x-causeway-site")), (200, ""));
}

#[tokio::test]
async fn bg_14_a_bad_call_gets_the_guards_own_answer() {
    let platform = behind_a_proxy().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let nobody = check(&platform, asked("GET", "/v1/leads")).await;
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, "Bearer realm=\"Tripleseat\""));
    let bad = check(&platform, asked("GET", "/v1/leads").bearer("x")).await;
    assert_eq!(bad.status, 401);
    assert!(bad.header("www-authenticate").contains("invalid_token"));
    for (method, uri, status) in [
        ("GET", "/v1/bookings?site_id=2101", 200),
        ("GET", "/v1/leads?site_id=2201", 403),
        ("GET", "/v1/leads", 400),
        ("GET", "/v1/nowhere", 404),
        ("DELETE", "/v1/leads", 405),
        ("GET", "/v1/leads/../sites", 400),
        ("GET", "/v1/sites#x", 400),
        ("GET", "http://evil/v1/sites", 400),
        ("GET", "/v1/leads?site_id=2101&access_token=x", 400),
        ("GET", "/v1/leads?site_id=2101&[site_id]=2102", 400),
        ("POST", "/v1/leads?site_id=2101&_method=DELETE", 400),
        ("POST", "/v1/leads?site_id=2101", 200),
    ] {
        assert_eq!(check(&platform, asked(method, uri).bearer(&token)).await.status, status, "{method} {uri}");
    }
}

#[tokio::test]
async fn bg_14_a_proxy_that_knows_only_401_and_403_gets_the_truth_in_headers() {
    let platform = behind_a_proxy().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let only = |uri: &str| {
        let call = Call::get("/guard/check?only=401,403");
        call.header("x-original-method", "GET").header("x-original-uri", uri).bearer(&token)
    };
    assert_eq!(check(&platform, only("/v1/sites")).await.status, 200);
    for (uri, truth) in [("/v1/leads", "400"), ("/v1/nowhere", "404"), ("/v1/leads?site_id=2201", "")] {
        let reply = check(&platform, only(uri)).await;
        assert_eq!((reply.status, reply.header("x-causeway-status")), (403, truth), "{uri}");
    }
    let bad = Call::get("/guard/check?only=401,403").header("x-original-method", "GET");
    let bad = check(&platform, bad.header("x-original-uri", "/v1/sites").bearer("x")).await;
    assert_eq!((bad.status, bad.header("x-causeway-status")), (401, ""));
    assert!(bad.header("www-authenticate").contains("invalid_token"));
    platform.edge.node.held.owe(platform.edge.node.held.head().next());
    let away = check(&platform, only("/v1/sites")).await;
    assert_eq!(
        (away.status, away.header("x-causeway-status"), away.header("x-causeway-retry-after")),
        (403, "503", "1")
    );
    for odd in ["401", "x", "403,,"] {
        let call = Call::get(&format!("/guard/check?only={odd}"));
        let call = call.header("x-original-method", "GET").header("x-original-uri", "/v1/sites").bearer(&token);
        assert_eq!(check(&platform, call).await.status, 400, "{odd}");
    }
}

#[tokio::test]
async fn bg_14_two_accounts_of_one_call_are_refused() {
    let platform = behind_a_proxy().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    // A caller adds the other family than the proxy's, to be asked about a harmless call.
    let call = asked("GET", "/v1/sites").header("x-forwarded-method", "POST").header("x-forwarded-uri", "/v1/leads");
    assert_eq!(check(&platform, call.bearer(&token)).await.status, 400);
    let repeated = asked("GET", "/v1/sites").header("x-original-uri", "/v1/leads");
    assert_eq!(check(&platform, repeated.bearer(&token)).await.status, 400);
    for half in ["x-original-uri", "x-original-method"] {
        let call = Call::get("/guard/check").header(half, "/v1/sites").bearer(&token);
        assert_eq!(check(&platform, call).await.status, 400, "{half} alone");
    }
}

#[tokio::test]
async fn only_trusted_proxies_and_the_admin_listener_are_answered() {
    let platform = Platform::start().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let stranger = check(&platform, asked("GET", "/v1/sites").bearer(&token)).await;
    assert_eq!((stranger.status, stranger.header("x-causeway-app")), (404, ""));
    // Who may only ask the guard, as in the demo, is believed in that alone.
    let loopback = TrustedProxies(vec![Cidr::parse("127.0.0.0/8").expect("a block")]);
    let asking = Builder::new().tune(move |settings| settings.askers = loopback.clone()).start().await;
    let pass = ACME.connect(&asking, OLIVIA).await.access;
    let api = asking.api_address().to_string();
    let ask = asked("GET", "/v1/sites").bearer(&pass).host("inner.example").header("X-Forwarded-Host", &api);
    assert_eq!(check(&asking, ask).await.status, 200);
    let rebound = Call::get("/v1/sites").bearer(&pass).host("evil.example").header("X-Forwarded-Host", &api);
    assert_eq!(check(&asking, rebound).await.status, 421);
    let at_admin = asked("GET", "/v1/sites").bearer(&token);
    let reply = at_admin.send(platform.admin_address()).await;
    assert_eq!((reply.status, reply.header("x-causeway-app")), (200, "acme"));
}
