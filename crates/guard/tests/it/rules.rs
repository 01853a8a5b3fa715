//! Credentials, routes, scopes, sites and budgets, in the order in which a call meets them.

use causeway_guard::{Call, Reach};
use causeway_protocol::Reason;
use causeway_protocol::profile::{Budget, BudgetKey, Route, SitePlace};
use causeway_protocol::records::FeedEvent;
use causeway_protocol::time::Seconds;
use causeway_protocol::token::AccessToken;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};

use crate::world::{ADMIN, BIG, CONNECTION, NOW, SMALL, World, bearer, ring};

#[tokio::test]
async fn bg_15_a_pass_says_who_calls_for_whom() {
    let world = World::new();
    let pass = world.call(&world.token(), "GET", "/api/v1/leads/77.json?site_id=12").await.unwrap();
    assert_eq!((pass.customer().id, pass.user(), pass.connection()), (BIG, ADMIN, Some(CONNECTION)));
    assert_eq!(pass.item("/api/v1/leads/77.json").as_deref(), Some("77"));
    assert_eq!(world.profile.api.routes[pass.route()].path, "/leads/{id}");
    let identity: Vec<_> = pass
        .identity(&world.held.scopes())
        .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
        .collect();
    assert_eq!(
        identity,
        [
            "x-causeway-app=partner-app",
            "x-causeway-customer=901",
            "x-causeway-user=7",
            "x-causeway-site=12",
            "x-causeway-sites=11,12",
            "x-causeway-scopes=read leads:write",
            "x-causeway-connection=5",
        ]
    );
    let about_all = world.call(&world.token(), "GET", "/v1/sites").await.unwrap();
    assert!(about_all.identity(&world.held.scopes()).all(|(name, _)| name != "x-causeway-site"));
}

#[tokio::test]
async fn bg_15_too_many_sites_are_not_listed() {
    let world = World::new();
    world.changes(BIG, |customer| {
        let one = customer.sites[0].clone();
        customer.sites.extend((0..5_000).map(|n| {
            let mut site = one.clone();
            site.external_id = format!("5{n}");
            site
        }));
    });
    let pass = world.call(&world.token(), "GET", "/v1/sites").await.unwrap();
    let sites = pass.identity(&world.held.scopes()).find(|(name, _)| name == "x-causeway-sites").unwrap();
    assert_eq!(sites.1, "*");
}

#[tokio::test]
async fn bg_03_credentials_come_before_everything() {
    let world = World::new();
    for target in ["/v1/leads?site_id=12", "/v1/nowhere", "/v1/../x", "/", "/v1/leads?site_id=1&site_id=2"] {
        let denied = world.call_with(&HeaderMap::new(), "GET", target, NOW).await.unwrap_err();
        assert_eq!(denied.reason, Reason::TokenAbsent, "{target}");
        let denied = world.call_with(&bearer("junk"), "GET", target, NOW).await.unwrap_err();
        assert_eq!(denied.reason, Reason::TokenInvalid, "{target}");
    }
}

#[tokio::test]
async fn bg_04_bad_tokens_get_one_answer() {
    let world = World::new();
    let good = world.token();
    let text = world.seal(&good);
    let mut forged = text.clone().into_bytes();
    forged[40] ^= 1;
    let refresh_prefix = text.replacen("ts_at_", "ts_rt_", 1);
    let expired = world.seal(&AccessToken { issued: causeway_protocol::UnixTime(NOW.0 - 7_200), ..good.clone() });
    let from_the_future = world.seal(&AccessToken { issued: causeway_protocol::UnixTime(NOW.0 + 6), ..good.clone() });
    let elsewhere = world.seal(&AccessToken { audience: causeway_protocol::AudienceId(1), ..good.clone() });
    let revoked = world.seal(&good);
    world.happens(good.bearer.family, FeedEvent::CutAll);
    let texts = [
        String::from_utf8(forged).unwrap(),
        refresh_prefix,
        expired,
        from_the_future,
        elsewhere,
        revoked,
        "ts_at_".to_owned(),
        "x".to_owned(),
        text[..text.len() - 1].to_owned(),
        format!("{text}A"),
    ];
    let mut answers = Vec::new();
    for text in texts {
        let denied = world.call_with(&bearer(&text), "GET", "/v1/leads?site_id=12", NOW).await.unwrap_err();
        let reply = world.guard.reply(&denied);
        assert_eq!(reply.status().as_u16(), 401);
        answers.push((reply.headers().clone(), reply.into_body()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "indistinguishable");
}

#[tokio::test]
async fn an_access_token_ends_with_its_last_second() {
    let world = World::new();
    let headers = bearer(&world.seal(&world.token()));
    let at = |seconds: i64| causeway_protocol::UnixTime(NOW.0 + seconds);
    assert!(world.call_with(&headers, "GET", "/v1/sites", at(-6)).await.is_err());
    assert!(world.call_with(&headers, "GET", "/v1/sites", at(-5)).await.is_ok(), "a clock may be 5 s behind");
    assert!(world.call_with(&headers, "GET", "/v1/sites", at(7_199)).await.is_ok());
    assert!(world.call_with(&headers, "GET", "/v1/sites", at(7_200)).await.is_err());
}

#[tokio::test]
async fn bg_09_an_unknown_key_is_no_verdict() {
    let world = World::new();
    let text = ring(2).seal(&world.profile.token.prefixes.access, &world.token(), NOW);
    let denied = world.call_with(&bearer(&text), "GET", "/v1/sites", NOW).await.unwrap_err();
    assert_eq!(denied.reason, Reason::KeyUnknown);
    let reply = world.guard.reply(&denied);
    assert_eq!((reply.status().as_u16(), &reply.headers()[RETRY_AFTER]), (503, &HeaderValue::from_static("1")));
    assert!(!reply.headers().contains_key(WWW_AUTHENTICATE), "nobody shall drop a good token");
}

#[tokio::test]
async fn routes_are_told_only_to_who_may_call() {
    let world = World::new();
    let token = world.token();
    assert_eq!(world.denied(&token, "GET", "/v1/nowhere").await, Reason::RouteUnknown);
    assert_eq!(world.denied(&token, "GET", "/v1/leads/../sites").await, Reason::PathMalformed);
    assert_eq!(world.denied(&token, "GET", "/V1/sites").await, Reason::RouteUnknown);
    let denied = world.call(&token, "DELETE", "/v1/leads").await.unwrap_err();
    assert_eq!((denied.reason, denied.allow.as_deref()), (Reason::MethodNotAllowed, Some("GET, HEAD, POST")));
    assert!(world.call(&token, "HEAD", "/v1/sites").await.is_ok());
}

#[tokio::test]
async fn bg_05_the_missing_scope_is_named() {
    let world = World::new();
    let denied = world.call(&world.token_for("events:read"), "GET", "/v1/leads?site_id=12").await.unwrap_err();
    assert_eq!((denied.reason, denied.scope.as_deref()), (Reason::ScopeInsufficient, Some("leads:read")));
    // Nothing about the site is told before the scope is right.
    let foreign = world.call(&world.token_for("events:read"), "GET", "/v1/leads?site_id=21").await.unwrap_err();
    assert_eq!(foreign.reason, Reason::ScopeInsufficient);
}

#[tokio::test]
async fn sc_05_each_scope_opens_its_routes_and_no_other() {
    let world = World::with(|profile| profile.api.budgets.clear());
    let calls = [
        ("GET", "/v1/leads?site_id=12"),
        ("POST", "/v1/leads?site_id=12"),
        ("GET", "/v1/events?site_id=12"),
        ("GET", "/v1/sites"),
    ];
    let matrix: [(&str, [bool; 4]); 6] = [
        ("read", [true, false, true, true]),
        ("write", [false, true, false, false]),
        ("leads:read", [true, false, false, true]),
        ("leads:write", [false, true, false, false]),
        ("events:read", [false, false, true, true]),
        ("leads:read leads:write", [true, true, false, true]),
    ];
    for (scopes, expected) in matrix {
        for ((method, target), passes) in calls.iter().zip(expected) {
            let outcome = world.call(&world.token_for(scopes), method, target).await;
            assert_eq!(outcome.is_ok(), passes, "{scopes}: {method} {target}");
        }
    }
}

#[tokio::test]
async fn ms_01_ms_02_a_site_is_the_customers_own_or_nobodys() {
    let world = World::new();
    let token = world.token();
    let mut answers = Vec::new();
    for id in ["13", "21", "4711", "0"] {
        let denied = world.call(&token, "GET", &format!("/v1/leads?site_id={id}")).await.unwrap_err();
        let reply = world.guard.reply(&denied);
        assert_eq!((denied.reason, reply.status().as_u16()), (Reason::SiteForbidden, 403));
        answers.push(reply.into_body());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "no oracle: {answers:?}");
    assert!(world.call(&world.small_token(), "GET", "/v1/leads?site_id=21").await.is_ok());
    assert_eq!(world.denied(&world.small_token(), "GET", "/v1/leads?site_id=12").await, Reason::SiteForbidden);
}

#[tokio::test]
async fn ms_03_the_default_site_follows_what_is_active() {
    let world = World::new();
    let small = world.small_token();
    let site = |pass: causeway_guard::Pass| pass.site().map(|site| site.external_id.clone());
    assert_eq!(site(world.call(&small, "GET", "/v1/leads").await.unwrap()).as_deref(), Some("21"));
    world.changes(SMALL, |customer| customer.sites[0].active = false);
    assert_eq!(world.denied(&small, "GET", "/v1/leads").await, Reason::NoActiveSite);
    let several = world.call(&world.token(), "GET", "/v1/leads").await.unwrap_err();
    assert_eq!((several.reason, several.detail.as_deref()), (Reason::SiteMissing, Some("site_id")));
    world.changes(BIG, |customer| customer.sites[0].active = false);
    assert_eq!(site(world.call(&world.token(), "GET", "/v1/leads").await.unwrap()).as_deref(), Some("12"));
}

#[tokio::test]
async fn ms_06_a_tenant_sees_its_own_sites_only() {
    let world = World::new();
    let one = world.call(&world.token(), "GET", "/v1/leads?site_id=12").await.unwrap();
    let tenant = one.tenant();
    assert!(matches!(tenant.reach(), Reach::One(site) if site.external_id == "12"));
    assert_eq!(["11", "12", "13", "21"].map(|site| tenant.sees(Some(site))), [false, true, false, false]);
    let all = world.call(&world.token(), "GET", "/v1/locations").await.unwrap();
    assert_eq!(["11", "12", "13", "21"].map(|site| all.tenant().sees(Some(site))), [true, true, false, false]);
    assert!(tenant.sees(None) && all.tenant().sees(None));
}

#[tokio::test]
async fn ms_04_a_body_counts_where_the_profile_says_so() {
    let world = World::new();
    let mut headers = bearer(&world.seal(&world.token()));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let post = |query: Option<&'static str>, body: &'static str| {
        let (world, headers) = (&world, &headers);
        async move {
            let call = Call { method: "POST", path: "/v1/leads", query, headers, now: NOW, monotonic_nanos: 0 };
            let mut admitted = world.guard.begin(&call, &world.held, &world.ring)?;
            assert!(admitted.wants_body());
            admitted.read_body(headers, body.as_bytes())?;
            let pass = world.guard.finish(admitted, &world.held, &world.source).await?;
            Ok::<_, causeway_guard::Denied>(pass.site().unwrap().external_id.clone())
        }
    };
    assert_eq!(post(None, r#"{"site_id":12}"#).await.unwrap(), "12");
    assert_eq!(post(Some("site_id=11"), r#"{"name":"x"}"#).await.unwrap(), "11");
    assert_eq!(post(Some("site_id=12"), r#"{"site_id":"12"}"#).await.unwrap(), "12");
    let reason = |outcome: Result<String, causeway_guard::Denied>| outcome.unwrap_err().reason;
    assert_eq!(reason(post(Some("site_id=11"), r#"{"site_id":12}"#).await), Reason::SiteMalformed);
    assert_eq!(reason(post(None, r#"{"site_id":21}"#).await), Reason::SiteForbidden);
    assert_eq!(reason(post(None, "{}").await), Reason::SiteMissing);
    assert_eq!(reason(post(None, "{").await), Reason::BodyUnreadable);
    let get = Call { method: "GET", path: "/v1/leads", query: None, headers: &headers, now: NOW, monotonic_nanos: 0 };
    assert!(!world.guard.begin(&get, &world.held, &world.ring).unwrap().wants_body());
}

#[tokio::test]
async fn bg_13_a_spent_budget_is_429_and_only_the_customers_own() {
    let world = World::with(|profile| {
        profile.api.budgets = vec![Budget { requests: 2, per: Seconds(10) }];
        profile.api.budget_key = BudgetKey::Customer;
    });
    let token = world.token();
    for _ in 0..10 {
        assert_eq!(world.denied(&token, "GET", "/v1/leads?site_id=21").await, Reason::SiteForbidden, "costs nothing");
    }
    assert!(world.call(&token, "GET", "/v1/sites").await.is_ok());
    assert!(world.call(&token, "GET", "/v1/sites").await.is_ok());
    let denied = world.call(&token, "GET", "/v1/sites").await.unwrap_err();
    assert_eq!((denied.reason, denied.retry_after), (Reason::BudgetSpent, Some(Seconds(5))));
    assert!(world.call(&world.small_token(), "GET", "/v1/sites").await.is_ok());
}

#[tokio::test]
async fn a_platform_without_sites_or_scopes_on_a_route_works() {
    let world = World::with(|profile| {
        profile.api.site_parameter = None;
        let open = Route {
            methods: vec!["GET".to_owned()],
            path: "/me".to_owned(),
            scopes: Vec::new(),
            site: SitePlace::None,
            collection: None,
            status: 200,
            providers: false,
        };
        profile.api.routes = vec![open];
    });
    let pass = world.call(&world.token_for(""), "GET", "/v1/me?site_id=4711&site_id=1").await.unwrap();
    assert!(pass.site().is_none());
}
