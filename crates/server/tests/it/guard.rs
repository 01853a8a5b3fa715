//! The guard in front of the API, against the running program: credentials, tokens, scopes, budgets, limits
//! (SECURITY 10; PLATFORMS CORE-14, CORE-15, TS-11, TS-13).

use causeway_protocol::profile::Budget;
use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, EVERYTHING, Pair};
use causeway_testkit::platform::Builder;
use causeway_testkit::world::{OLIVIA, PRIYA};
use causeway_testkit::{Api, Call, Consent, Platform, Response, until};

const LEADS: &str = "/v1/leads?site_id=2101";

/// Without budgets: the test's clock stands still, and so would they.
async fn platform() -> Platform {
    Builder::new().profile(|profile| profile.api.budgets.clear()).start().await
}

async fn call(platform: &Platform, token: &str, path: &str) -> Response {
    Api { token }.get(platform, path).await
}

/// What makes one refusal look like another: everything but the request's id and time.
fn look(reply: &Response) -> (u16, Vec<(String, String)>, String) {
    let own = ["x-request-id", "date"];
    let headers = reply.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned())).collect();
    (reply.status, headers, reply.text())
}

#[tokio::test]
async fn core_15_bg_03_no_credentials_get_a_challenge_without_an_error_code() {
    let platform = platform().await;
    for path in [LEADS, "/v1/nowhere", "/v1/../x", "/anything"] {
        let reply = platform.at_api(Call::get(path)).await;
        assert_eq!(reply.status, 401, "{path}");
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"Tripleseat\"", "{path}");
        assert!(reply.header("cache-control").contains("no-store"));
    }
    let basic = platform.at_api(Call::get(LEADS).basic("acme", "secret")).await;
    assert_eq!((basic.status, basic.header("www-authenticate")), (401, "Bearer realm=\"Tripleseat\""));
    for unknown in ["Token abc", "Bearerabc", "abc"] {
        let reply = platform.at_api(Call::get(LEADS).header("authorization", unknown)).await;
        assert_eq!((reply.status, reply.refusal()), (400, 604), "{unknown}: a mistake, named as one");
    }
}

#[tokio::test]
async fn the_method_that_was_checked_is_the_one_that_counts() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    for name in ["_method", "%5Fmethod", "[_method]", ".method", "_METHOD", "_method[]"] {
        let query = call(&platform, &token, &format!("{LEADS}&{name}=DELETE")).await;
        assert_eq!((query.status, query.refusal()), (400, 102), "{name} in the query");
        let form = Call::post(LEADS).bearer(&token);
        let form = form.body("application/x-www-form-urlencoded", format!("first_name=x&{name}=DELETE"));
        let form = platform.at_api(form).await;
        assert_eq!((form.status, form.refusal()), (400, 102), "{name} in a form");
    }
    assert_eq!(call(&platform, &token, &format!("{LEADS}&method=card")).await.status, 200);
}

#[tokio::test]
async fn a_malformed_path_is_told_why() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    for (path, why) in [
        ("/v1//leads", "(an empty part)"),
        ("/v1/leads%2f9101", "(an encoded slash)"),
        ("/v1/../leads", "(a dot segment)"),
    ] {
        let reply = call(&platform, &token, path).await;
        assert_eq!(reply.refusal(), 614, "{path}");
        assert!(reply.text().contains(why), "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn core_15_bg_04_expired_revoked_unknown_and_malformed_tokens_look_the_same() {
    let platform = platform().await;
    let expired = ACME.connect(&platform, OLIVIA).await.access;
    platform.clock.advance(Seconds(7_200));
    let revoked = EVERYTHING.connect(&platform, OLIVIA).await;
    assert_eq!(call(&platform, &revoked.access, LEADS).await.status, 200);
    assert_eq!(EVERYTHING.revoke(&platform, &revoked.refresh).await.status, 200);
    let good = ACME.connect(&platform, PRIYA).await;
    let cut_short = &good.access[..good.access.len() - 3];
    let other_kind = good.refresh.replacen("ts_rt_", "ts_at_", 1);
    let mut answers = Vec::new();
    for token in [&*expired, &revoked.access, &good.refresh, cut_short, &other_kind, "x", "ts_at_", "a.b.c", "-._~+/="]
    {
        let reply = call(&platform, token, LEADS).await;
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""), "{reply:?}");
        assert_eq!(reply.member("error"), "invalid_token");
        assert!(!reply.text().contains(token) || token.len() < 3, "BG-11: never echoed");
        answers.push(look(&reply));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(call(&platform, &good.access, "/v1/sites").await.status, 200);
}

#[tokio::test]
async fn bg_01_the_scheme_is_case_insensitive_and_there_is_one_header() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let reply = platform.at_api(Call::get(LEADS).header("authorization", &format!("{scheme} {token}"))).await;
        assert_eq!(reply.status, 200, "{scheme}");
    }
    let twice = platform.at_api(Call::get(LEADS).bearer(&token).bearer(&token)).await;
    assert_eq!((twice.status, twice.member("error").as_str(), twice.refusal()), (400, "invalid_request", 603));
}

#[tokio::test]
async fn bg_02_bg_06_bg_12_one_credential_and_never_in_the_query() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let in_query = format!("{LEADS}&access_token={token}");
    let alone = platform.at_api(Call::get(&in_query)).await;
    assert_eq!((alone.status, alone.refusal()), (400, 103));
    let both = platform.at_api(Call::get(&in_query).bearer(&token)).await;
    assert_eq!((both.status, both.refusal()), (400, 603));
    let oauth = "OAuth oauth_consumer_key=\"k\", oauth_signature=\"s\"";
    let headers = platform.at_api(Call::get(LEADS).bearer(&token).header("authorization", oauth)).await;
    assert_eq!((headers.status, headers.refusal()), (400, 603));
    let query = platform.at_api(Call::get(&format!("{LEADS}&oauth_signature=s")).bearer(&token)).await;
    assert_eq!((query.status, query.refusal()), (400, 603));
    for malformed in ["Bearer", "Bearer a b", "Bearer a,b"] {
        let reply = platform.at_api(Call::get(LEADS).header("authorization", malformed)).await;
        assert_eq!((reply.status, reply.refusal()), (400, 604), "{malformed}");
    }
    assert_eq!(call(&platform, &token, LEADS).await.status, 200, "nothing was burnt");
}

#[tokio::test]
async fn core_15_bg_05_ts_11_a_missing_scope_is_403_and_named() {
    let platform = platform().await;
    let code = platform.grant(Consent::new("acme", OLIVIA).scopes("events:read")).await;
    let token = Pair::of(&ACME.exchange(&platform, &code).await).access;
    for (method, path, scope) in [
        ("GET", LEADS, "leads:read"),
        ("GET", "/v1/leads/9101?site_id=2101", "leads:read"),
        ("POST", LEADS, "leads:write"),
        ("PUT", "/v1/leads/9101?site_id=2101", "leads:write"),
        ("POST", "/v1/events?site_id=2101", "events:write"),
        ("GET", "/v1/bookings?site_id=2101", "bookings:read"),
    ] {
        let reply = platform.at_api(Call::new(method, path).bearer(&token)).await;
        assert_eq!((reply.status, reply.member("error").as_str()), (403, "insufficient_scope"), "{method} {path}");
        let challenge = reply.header("www-authenticate");
        assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
    }
    assert_eq!(call(&platform, &token, "/v1/events?site_id=2101").await.status, 200);
}

#[tokio::test]
async fn sc_05_each_scope_opens_its_routes_and_no_other() {
    let platform = platform().await;
    let calls = [("GET", LEADS), ("POST", LEADS), ("GET", "/v1/events?site_id=2101"), ("GET", "/v1/sites")];
    for (scopes, expected) in [
        ("read", [true, false, true, true]),
        ("write", [false, true, false, false]),
        ("leads:read", [true, false, false, true]),
        ("leads:write", [false, true, false, false]),
        ("events:read leads:write", [false, true, true, true]),
    ] {
        let code = platform.grant(Consent::new("everything", OLIVIA).scopes(scopes)).await;
        let token = Pair::of(&EVERYTHING.exchange(&platform, &code).await).access;
        for ((method, path), passes) in calls.iter().zip(expected) {
            let body = if *method == "POST" { "{}" } else { "" };
            let call = Call::new(method, path).bearer(&token).body("application/json", body);
            let reply = platform.at_api(call).await;
            assert_eq!(reply.status < 300, passes, "{scopes}: {method} {path}: {}", reply.text());
        }
    }
}

#[tokio::test]
async fn core_14_ts_13_bg_07_whoever_is_switched_off_is_401_at_the_next_call() {
    let platform = platform().await;
    for (kind, id) in [("people", OLIVIA), ("customers", "4100"), ("apps", "acme")] {
        let pair = ACME.connect(&platform, OLIVIA).await;
        assert_eq!(call(&platform, &pair.access, LEADS).await.status, 200);
        platform.switch(kind, id, false).await;
        let reply = call(&platform, &pair.access, LEADS).await;
        assert_eq!((reply.status, reply.member("error").as_str()), (401, "invalid_token"), "{kind}");
        platform.switch(kind, id, true).await;
        let again = call(&platform, &pair.access, LEADS).await;
        assert_eq!(again.status, 401, "{kind}: switching on clears no cut");
        let fresh = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
        assert_eq!(call(&platform, &fresh.access, LEADS).await.status, 200, "{kind}: nothing was lost");
    }
}

#[tokio::test]
async fn bg_08_ms_05_a_cut_acts_at_the_next_request_and_on_nobody_else() {
    let platform = platform().await;
    let mine = ACME.connect(&platform, OLIVIA).await;
    let second = ACME.connect(&platform, OLIVIA).await;
    let other_app = EVERYTHING.connect(&platform, OLIVIA).await;
    let other_customer = ACME.connect(&platform, PRIYA).await;
    platform.cut("acme", "4100").await;
    for pair in [&mine, &second] {
        for path in [LEADS, "/v1/leads?site_id=2102", "/v1/sites"] {
            assert_eq!(call(&platform, &pair.access, path).await.status, 401, "{path}");
        }
        assert_eq!(ACME.refresh(&platform, &pair.refresh).await.member("error"), "invalid_grant");
    }
    assert_eq!(call(&platform, &other_app.access, LEADS).await.status, 200);
    assert_eq!(call(&platform, &other_customer.access, "/v1/leads").await.status, 200);
    let again = ACME.connect(&platform, OLIVIA).await;
    assert_eq!(call(&platform, &again.access, LEADS).await.status, 200);
    assert_eq!(call(&platform, &mine.access, LEADS).await.status, 401, "connecting again revives nothing");
}

#[tokio::test]
async fn sc_07_a_scope_taken_from_the_app_is_gone_at_the_next_call() {
    let platform = platform().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    assert_eq!(call(&platform, &pair.access, LEADS).await.status, 200);
    platform.set_app_scopes("acme", "events:read").await;
    // TOKENS 2: taking a scope also cuts access tokens; the refreshed one says what is left.
    assert_eq!(call(&platform, &pair.access, LEADS).await.status, 401);
    let narrowed = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
    let reply = call(&platform, &narrowed.access, LEADS).await;
    assert_eq!((reply.status, reply.member("error").as_str()), (403, "insufficient_scope"));
    assert_eq!(call(&platform, &narrowed.access, "/v1/events?site_id=2101").await.status, 200);
}

#[tokio::test]
async fn bg_09_a_key_that_is_not_held_is_503_and_no_verdict() {
    let builder = Builder::new().keys(&[2, 1]).profile(|profile| profile.api.budgets.clear());
    let platform = builder.start().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let platform = platform.restart_as(|builder| builder.keys(&[1])).await;
    let reply = call(&platform, &token, LEADS).await;
    assert_eq!((reply.status, reply.header("retry-after"), reply.refusal()), (503, "1", 803));
    assert_eq!(reply.header("www-authenticate"), "");
    let platform = platform.restart_as(|builder| builder.keys(&[2, 1])).await;
    assert_eq!(call(&platform, &token, LEADS).await.status, 200);
}

#[tokio::test]
async fn bg_09_a_take_back_that_was_not_read_in_stops_the_guard_until_it_is() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let node = &platform.edge.node;
    // As after a failure between the commit and the reading of its entry.
    node.held.owe(node.held.head().next());
    let reply = call(&platform, &token, LEADS).await;
    assert_eq!((reply.status, reply.header("retry-after"), reply.refusal()), (503, "1", 611));
    platform.switch("people", PRIYA, false).await;
    assert_eq!(call(&platform, &token, LEADS).await.status, 200);
}

#[tokio::test]
async fn bg_13_the_budget_is_the_customers_and_says_when_to_come_back() {
    let change = |profile: &mut causeway_protocol::profile::Profile| {
        profile.api.budgets = vec![Budget { requests: 3, per: Seconds(30) }];
    };
    let platform = Builder::new().profile(change).start().await;
    let (one, other) = (ACME.connect(&platform, OLIVIA).await, EVERYTHING.connect(&platform, OLIVIA).await);
    for token in [&one.access, &other.access, &one.access] {
        assert_eq!(call(&platform, token, LEADS).await.status, 200);
    }
    let spent = call(&platform, &other.access, LEADS).await;
    assert_eq!((spent.status, spent.header("retry-after"), spent.refusal()), (429, "10", 609));
    let neighbour = ACME.connect(&platform, PRIYA).await;
    assert_eq!(call(&platform, &neighbour.access, "/v1/leads").await.status, 200);
    platform.clock.advance(Seconds(10));
    assert_eq!(call(&platform, &other.access, LEADS).await.status, 200);
    assert_eq!(call(&platform, &other.access, LEADS).await.status, 429);
}

#[tokio::test]
async fn bg_11_answers_to_authorised_calls_stay_out_of_caches() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    for path in [LEADS, "/v1/sites", "/v1/leads?site_id=2201", "/v1/nowhere"] {
        let reply = call(&platform, &token, path).await;
        assert!(reply.header("cache-control").contains("no-store"), "{path}: {reply:?}");
        assert!(!reply.text().contains(&token), "{path}");
    }
}

#[tokio::test]
async fn a1_every_spelling_of_a_route_is_one_route_and_no_other_spelling_is() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let plain = call(&platform, &token, LEADS).await.text();
    for path in ["/api/v1/leads", "/v1/leads.json", "/api/v1/leads.json"] {
        assert_eq!(call(&platform, &token, &format!("{path}?site_id=2101")).await.text(), plain, "{path}");
    }
    for (path, status) in [
        ("/v1/LEADS", 404),
        ("/V1/leads", 404),
        ("/v1/leads.JSON", 404),
        ("/leads", 404),
        ("/v1", 404),
        ("/", 404),
        ("/v1/leads/", 400),
        ("/v1//leads", 400),
        ("/v1/./leads", 400),
        ("/v1/x/../leads", 400),
        ("/v1/%6ceads", 400),
        ("/v1/leads%2f9101", 400),
        ("/v1/..;/leads", 400),
        ("/v1/%2e%2e/v1/leads", 400),
        ("/v1/leads%00", 400),
    ] {
        let reply = call(&platform, &token, &format!("{path}?site_id=2101")).await;
        assert_eq!(reply.status, status, "{path}");
    }
    let other = platform.at_api(Call::new("DELETE", LEADS).bearer(&token)).await;
    assert_eq!((other.status, other.header("allow")), (405, "GET, HEAD, POST"));
}

#[tokio::test]
async fn the_first_use_is_written_at_once_and_later_ones_in_batches() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let written = async || platform.connections().await[0]["last_used"].as_i64();
    for _ in 0..2 {
        platform.clock.advance(Seconds(60));
        let before = written().await;
        assert_eq!(call(&platform, &token, LEADS).await.status, 200);
        if before.is_some() {
            causeway_server::jobs::flush(&platform.edge).await;
        }
        // The job writes at once, and so does the flush if it comes first.
        until("it is written", async || written().await == Some(platform.clock.now().0)).await;
    }
}

#[tokio::test]
async fn r_14_heads_and_bodies_have_limits() {
    let platform = platform().await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let long = platform.at_api(Call::get(LEADS).bearer(&token).header("x-long", &"a".repeat(64 * 1024))).await;
    assert_eq!(long.status, 431);
    let many = (0..1_000).fold(Call::get(LEADS).bearer(&token), |call, n| call.header(&format!("x-{n}"), "1"));
    assert_eq!(platform.at_api(many).await.status, 431);
    // 100 MB are announced: nothing of them is waited for.
    let host = format!("127.0.0.1:{}", platform.api_address().port());
    let head = |length: &str, body: &str| {
        format!(
            "POST {LEADS} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             {length}\r\n\r\n{body}"
        )
    };
    let announced = platform.raw_api(head("Content-Length: 100000000", "").as_bytes()).await;
    assert_eq!((announced.status, announced.refusal()), (413, 613));
    let chunk = format!("{:x}\r\n{}\r\n", 300 * 1024, "a".repeat(300 * 1024));
    let streamed = platform.raw_api(head("Transfer-Encoding: chunked", &chunk).as_bytes()).await;
    assert_eq!((streamed.status, streamed.refusal()), (413, 613));
    let deep = format!("{{\"a\":{}", "[".repeat(200_000));
    let post = |body: String| Call::post(LEADS).bearer(&token).body("application/json", body);
    assert_eq!(platform.at_api(post(deep)).await.status, 400);
    let packed = Call::post(LEADS).bearer(&token).header("content-encoding", "gzip").body("application/json", "x");
    assert_eq!(platform.at_api(packed).await.status, 415);
    assert_eq!(call(&platform, &token, LEADS).await.status, 200);
}
