//! The token endpoint, common to all grants: bodies, parameters, errors, headers (SECURITY 1 and 5).

use std::collections::BTreeSet;

use causeway_protocol::profile::ReplyField::{AccessToken, RefreshToken};
use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, EVERYTHING, GUESTLIST, Pair};
use causeway_testkit::client::form;
use causeway_testkit::world::{OLIVIA, PRIYA};
use causeway_testkit::{Builder, Call, Chance, Consent, Platform, Response};

const TOKEN: &str = "/oauth2/token";

/// What is sent, and status, code and number of the refusal.
type Case<'a> = (Vec<(&'a str, &'a str)>, u16, &'a str, u16);

/// A code for the first app.
async fn code(platform: &Platform) -> String {
    platform.grant(Consent::new("acme", OLIVIA)).await
}

/// Proves that the code was not burnt by what went before.
async fn still_good(platform: &Platform, code: &str) {
    let reply = ACME.exchange(platform, code).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// The form of every error (RFC 6749 5.2).
fn assert_error(reply: &Response, what: &str) {
    assert!((400..500).contains(&reply.status), "{what}: {} {}", reply.status, reply.text());
    assert_eq!(reply.header("content-type"), "application/json", "{what}");
    assert_eq!(reply.header("cache-control"), "no-store", "{what}");
    assert_eq!(reply.header("pragma"), "no-cache", "{what}");
    assert_ne!(reply.header("x-request-id"), "", "{what}");
    let described = reply.member("error_description");
    assert!(described.starts_with("C-"), "{what}: {described}");
    let allowed = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~');
    assert!(described.chars().all(allowed), "{what}: {described}");
    assert!(!reply.member("error").is_empty(), "{what}");
    assert!(reply.json()["access_token"].is_null(), "{what}");
}

#[tokio::test]
async fn ts_01_core_01_the_token_endpoint_stands_on_the_api_host_only() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let reply = platform.at_login(Call::post(TOKEN).form(&ACME.exchange_pairs(&code))).await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    still_good(&platform, &code).await;
}

#[tokio::test]
async fn ts_05_tk_09_t_03_core_09_the_reply_has_exactly_the_six_fields_and_stays_in_no_cache() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let reply = ACME.exchange(&platform, &code).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("pragma"), "no-cache");
    assert_ne!(reply.header("x-request-id"), "");
    let json = reply.json();
    let names: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut want = vec!["access_token", "token_type", "expires_in", "refresh_token", "scope", "created_at"];
    want.sort_unstable();
    assert_eq!(names, want, "serde_json's map is sorted");
    // In the documents' order.
    let text = reply.text();
    let at = |name: &str| text.find(name).unwrap();
    assert!(at("access_token") < at("token_type") && at("token_type") < at("expires_in"));
    assert!(at("expires_in") < at("refresh_token") && at("refresh_token") < at("scope"));
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 7200);
    assert_eq!(json["created_at"], platform.clock.now().0);
    assert_eq!(json["scope"], "read write leads:read leads:write events:read events:write");
    assert!(json["access_token"].as_str().unwrap().starts_with("ts_at_"));
    assert!(json["refresh_token"].as_str().unwrap().starts_with("ts_rt_"));
}

#[tokio::test]
async fn tk_10_what_is_granted_is_what_was_asked_for_or_nothing() {
    let platform = Platform::start().await;
    let words = ["read", "write", "leads:read", "leads:write", "events:read", "events:write"];
    let set = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    for n in 1..1 << words.len() {
        let asked: Vec<&str> = (0..words.len()).rev().filter(|at| n >> at & 1 == 1).map(|at| words[at]).collect();
        let code = platform.grant(Consent::new("acme", OLIVIA).scopes(&asked.join(" "))).await;
        let reply = ACME.exchange(&platform, &code).await;
        let wanted = set(&asked.join(" "));
        assert_eq!(set(&reply.member("scope")), wanted, "{}", reply.text());
        let pair = Pair::of(&reply);
        assert_eq!(set(&ACME.introspect(&platform, &pair.access).await.member("scope")), wanted);
        // One word more is refused whole, and burns nothing.
        let more = words.iter().find(|word| !asked.contains(word)).unwrap_or(&"bookings:read");
        let wider = [&asked[..], &[more]].concat().join(" ");
        let pairs = [ACME.refresh_pairs(&pair.refresh), vec![("scope", wider.as_str())]].concat();
        let refused = ACME.token(&platform, &pairs).await;
        assert_eq!(refused.refused(), (400, "invalid_scope".to_owned(), 518), "{wider}");
        assert_eq!(set(&ACME.refresh(&platform, &pair.refresh).await.member("scope")), wanted);
    }
}

#[tokio::test]
async fn core_09_core_10_the_fields_and_lives_are_the_profiles() {
    let few = Builder::new().profile(|profile| {
        profile.token.reply = vec![AccessToken, RefreshToken];
        profile.token.refresh_reply = vec![AccessToken];
        profile.token.access_life = Seconds(60);
        profile.token.prefixes.access = "xx_".to_owned();
    });
    let platform = few.start().await;
    let reply = ACME.exchange(&platform, &code(&platform).await).await;
    assert_eq!(reply.json().as_object().unwrap().len(), 2, "{}", reply.text());
    let pair = Pair::of(&reply);
    assert!(pair.access.starts_with("xx_"));
    let reply = ACME.refresh(&platform, &pair.refresh).await;
    assert_eq!(reply.json().as_object().unwrap().len(), 1, "{}", reply.text());
    let access = reply.member("access_token");
    assert!(ACME.is_active(&platform, &access).await);
    platform.clock.advance(Seconds(60));
    assert!(!ACME.is_active(&platform, &access).await);
}

#[tokio::test]
async fn core_02_form_json_and_multipart_have_one_outcome() {
    let platform = Platform::start().await;
    let shape = |reply: &Response| {
        assert_eq!(reply.status, 200, "{}", reply.text());
        let mut json = reply.json();
        json["access_token"] = "".into();
        json["refresh_token"] = "".into();
        json
    };
    let mut shapes = Vec::new();
    for body in 0..6 {
        let code = code(&platform).await;
        let pairs = ACME.exchange_pairs(&code);
        let call = Call::post(TOKEN);
        let call = match body {
            0 => call.form(&pairs),
            1 => call.json(&pairs),
            2 => call.multipart(&pairs),
            3 => call.body("application/x-www-form-urlencoded; charset=UTF-8", form(&pairs)),
            4 => call.body("Application/JSON;charset=utf-8", {
                let object = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
                serde_json::Value::Object(object).to_string()
            }),
            // Without any Content-Type it is a form.
            _ => call.body("", form(&pairs)),
        };
        let exchanged = platform.at_api(call).await;
        shapes.push(shape(&exchanged));
        let pair = Pair::of(&exchanged);
        let pairs = ACME.refresh_pairs(&pair.refresh);
        let call = Call::post(TOKEN);
        let refreshed = platform.at_api(match body {
            1 | 4 => call.json(&pairs),
            2 => call.multipart(&pairs),
            _ => call.form(&pairs),
        });
        shapes.push(shape(&refreshed.await));
    }
    assert!(shapes.windows(2).all(|two| two[0] == two[1]), "{shapes:?}");
}

#[tokio::test]
async fn t_04_a_parameter_sent_twice_is_refused_wherever_it_counts() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let good = ACME.exchange_pairs(&code);
    let extra = [("code_verifier", ""), ("scope", "read"), ("refresh_token", "x"), ("token", "x")];
    for name in good.iter().chain(&extra).map(|(name, _)| *name) {
        let value = good.iter().find(|(known, _)| *known == name).map_or("x", |(_, value)| value);
        for call in [
            Call::post(TOKEN).form(&[&good[..], &[(name, value), (name, value)]].concat()),
            Call::post(TOKEN).multipart(&[&good[..], &[(name, value), (name, value)]].concat()),
            Call::post(TOKEN).form(&[&good[..], &[(name, ""), (name, "")]].concat()),
        ] {
            let reply = platform.at_api(call).await;
            assert_error(&reply, name);
            assert_eq!(reply.refused(), (400, "invalid_request".to_owned(), 100), "{name}");
        }
        // Once here and once there: the URL is no place for it.
        let reply = platform.at_api(Call::post(&format!("{TOKEN}?{name}=x")).form(&good)).await;
        assert_eq!(reply.refusal(), 103, "{name}");
    }
    still_good(&platform, &code).await;
}

#[tokio::test]
async fn t_05_an_empty_parameter_is_an_absent_one() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let pairs = [ACME.exchange_pairs(&code), vec![("scope", ""), ("code_verifier", ""), ("state", "")]].concat();
    assert_eq!(ACME.token(&platform, &pairs).await.status, 200);
    for name in ["grant_type", "code", "client_id"] {
        let emptied: Vec<_> =
            ACME.exchange_pairs(&code).iter().map(|(n, v)| (*n, if *n == name { "" } else { *v })).collect();
        let without: Vec<_> = ACME.exchange_pairs(&code).into_iter().filter(|(n, _)| *n != name).collect();
        let (emptied, without) = (ACME.token(&platform, &emptied).await, ACME.token(&platform, &without).await);
        assert_eq!(emptied.refused(), without.refused(), "{name}");
        assert_error(&emptied, name);
    }
}

#[tokio::test]
async fn t_06_unknown_parameters_are_ignored_even_repeated() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let others =
        ["access_type", "approval_prompt", "account_id", "resource", "resource", "audience", "nonce", "prompt"];
    let others: Vec<_> = others.iter().map(|name| (*name, "x")).collect();
    let reply = ACME.token(&platform, &[ACME.exchange_pairs(&code), others].concat()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let code = self::code(&platform).await;
    let reply = platform.at_api(Call::post(&format!("{TOKEN}?utm=1&foo")).form(&ACME.exchange_pairs(&code))).await;
    assert_eq!(reply.status, 200, "a stranger in the query is nobody's business: {}", reply.text());
}

#[tokio::test]
async fn t_07_nothing_is_taken_from_the_query() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let good = ACME.exchange_pairs(&code);
    for moved in &good {
        let rest: Vec<_> = good.iter().filter(|pair| pair != &moved).copied().collect();
        let reply = platform.at_api(Call::post(&format!("{TOKEN}?{}", form(&[*moved]))).form(&rest)).await;
        assert_error(&reply, moved.0);
        assert_eq!(reply.refused(), (400, "invalid_request".to_owned(), 103), "{}", moved.0);
    }
    let pair = Pair::of(&ACME.exchange(&platform, &code).await);
    for path in ["/oauth2/revoke", "/oauth2/introspect"] {
        let target = format!("{path}?{}", form(&[("token", &pair.access)]));
        let reply = platform.at_api(Call::post(&target).form(&ACME.signed(&[]))).await;
        assert_eq!(reply.refused(), (400, "invalid_request".to_owned(), 103), "{path}");
        let target = format!("{path}?{}", form(&[("client_secret", ACME.secret.unwrap())]));
        let reply = platform.at_api(Call::post(&target).form(&[("token", &pair.access)])).await;
        assert_eq!(reply.refusal(), 103, "{path}");
    }
    assert!(ACME.is_active(&platform, &pair.access).await);
}

#[tokio::test]
async fn t_08_errors_hold_allowed_ascii_only_and_nothing_that_was_sent_in_secret() {
    let platform = Platform::start().await;
    let chance = Chance::seeded(8);
    let alphabet: Vec<char> = "ab\"\\<>&%'\u{e9}\u{2028}\u{202e}\u{1f600}{}[];=+ ".chars().collect();
    for _ in 0..60 {
        let junk: String =
            (0..chance.below(30)).map(|_| alphabet[chance.below(alphabet.len() as u64) as usize]).collect();
        let canary = format!("canary{}{junk}", chance.next());
        let pairs = [
            ("grant_type", if chance.below(2) == 0 { "authorization_code" } else { "refresh_token" }),
            ("code", canary.as_str()),
            ("refresh_token", canary.as_str()),
            ("client_id", "acme"),
            ("client_secret", if chance.below(2) == 0 { ACME.secret.unwrap() } else { canary.as_str() }),
        ];
        let reply = ACME.token(&platform, &pairs).await;
        assert_error(&reply, &canary);
        assert!(!reply.text().contains("canary"), "{}", reply.text());
    }
    // Half of a pair is never told: unknown app and wrong secret answer alike.
    platform.clock.advance(Seconds(61));
    let wrong = |id: &'static str| vec![("grant_type", "refresh_token"), ("client_id", id), ("client_secret", "x")];
    let (known, unknown) = (ACME.token(&platform, &wrong("acme")).await, ACME.token(&platform, &wrong("nobody")).await);
    assert_eq!((known.status, known.text()), (unknown.status, unknown.text()));
}

#[tokio::test]
async fn t_12_hostile_values_get_a_specific_4xx() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let long = "x".repeat(64 * 1024);
    let start = form(&ACME.signed(&[("grant_type", "authorization_code")]));
    let cases = [
        ("&code=%00".to_owned(), 400),
        ("&code=a%0d%0aSet-Cookie:%20a=b".to_owned(), 400),
        ("&code=%C0%AF".to_owned(), 400),
        ("&code=%ff%fe".to_owned(), 400),
        ("&redirect_uri=https://x%0d%0aLocation:%20//evil".to_owned(), 400),
        (format!("&code={}", "y".repeat(9_000)), 400),
        (format!("&{}=1", "n".repeat(300)), 400),
        ("&a=1".repeat(200), 400),
        (format!("&code={long}"), 413),
    ];
    for (rest, status) in cases {
        let what = &rest[..rest.len().min(40)];
        let reply =
            platform.at_api(Call::post(TOKEN).body("application/x-www-form-urlencoded", start.clone() + &rest)).await;
        assert_error(&reply, what);
        assert_eq!(reply.status, status, "{what}");
        assert!(reply.headers.get("set-cookie").is_none() && reply.headers.get("location").is_none());
    }
    for (name, value) in [("Authorization", "Basic \u{fc}"), ("Idempotency-Key", "\u{fc}"), ("Content-Type", "\u{fc}")]
    {
        let reply = platform.at_api(Call::post(TOKEN).header(name, value).body("", "grant_type=x")).await;
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
    }
    for name in ["Authorization", "Idempotency-Key", "Content-Type"] {
        let call = Call::post(TOKEN).header(name, "a").header(name, "a").body("", start.clone());
        let reply = platform.at_api(call).await;
        assert_eq!(reply.status, 400, "{name} twice: {}", reply.text());
    }
    still_good(&platform, &code).await;
}

#[tokio::test]
async fn t_12_random_bodies_are_answered_with_4xx_and_burn_nothing() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let chance = Chance::seeded(12);
    let types = [
        "application/x-www-form-urlencoded",
        "application/json",
        "multipart/form-data; boundary=edge",
        "multipart/form-data",
        "",
    ];
    let good = form(&ACME.exchange_pairs(&code));
    for round in 0..150 {
        let content_type = types[chance.below(types.len() as u64) as usize];
        // Half of them begin like something good.
        let mut body: Vec<u8> = match round % 2 {
            0 => (0..chance.below(200)).map(|_| chance.next() as u8).collect(),
            _ => Call::post("").multipart(&[("a", "b")]).body_bytes(),
        };
        if !body.is_empty() {
            let at = chance.below(body.len() as u64) as usize;
            body[at] = chance.next() as u8;
        }
        let reply = platform.at_api(Call::post(TOKEN).body(content_type, body.clone())).await;
        assert_error(&reply, &format!("{content_type}: {}", String::from_utf8_lossy(&body)));
    }
    assert!(good.contains("code"));
    still_good(&platform, &code).await;
}

#[tokio::test]
async fn tk_01_post_only() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let pairs = ACME.exchange_pairs(&code);
    for path in [TOKEN, "/oauth2/revoke", "/oauth2/introspect"] {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let reply = platform.at_api(Call::new(method, path).form(&pairs)).await;
            assert_error(&reply, method);
            assert_eq!((reply.status, reply.header("allow")), (405, "POST"), "{method} {path}");
        }
        let reply = platform.at_api(Call::new("HEAD", path)).await;
        assert_eq!(reply.status, 405, "{path}");
    }
    // RFC 9700 2.6: no CORS where no browser app is meant.
    let preflight = Call::new("OPTIONS", TOKEN).header("Origin", "https://evil.example");
    let reply = platform.at_api(preflight.header("Access-Control-Request-Method", "POST")).await;
    assert!(reply.headers.get("access-control-allow-origin").is_none(), "T-11");
    still_good(&platform, &code).await;
}

#[tokio::test]
async fn core_11_tk_07_tk_08_each_mistake_has_its_code_and_its_number() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let pair =
        Pair::of(&EVERYTHING.exchange(&platform, &platform.grant(Consent::new("everything", PRIYA)).await).await);
    let grant = |grant: &'static str| ACME.signed(&[("grant_type", grant)]);
    let with = |grant: &'static str, more: &[(&'static str, &'static str)]| {
        ACME.signed(&[&[("grant_type", grant)], more].concat())
    };
    let id_only = vec![("grant_type", "authorization_code"), ("code", "x"), ("client_id", "acme")];
    let pending = GUESTLIST.exchange_pairs("x");
    let cases: Vec<Case<'_>> = vec![
        (vec![], 400, "invalid_request", 500),
        (ACME.signed(&[]), 400, "invalid_request", 500),
        (vec![("grant_type", "authorization_code")], 401, "invalid_client", 202),
        (vec![("grant_type", "authorization_code"), ("client_secret", "x")], 401, "invalid_client", 202),
        (vec![("grant_type", "password"), ("username", "olivia"), ("password", "x")], 401, "invalid_client", 202),
        (id_only, 401, "invalid_client", 200),
        (grant("password"), 400, "unsupported_grant_type", 501),
        (grant("implicit"), 400, "unsupported_grant_type", 501),
        (grant("client_credentials"), 400, "unsupported_grant_type", 501),
        (grant("urn:ietf:params:oauth:grant-type:device_code"), 400, "unsupported_grant_type", 501),
        (grant("AUTHORIZATION_CODE"), 400, "unsupported_grant_type", 501),
        (grant("authorization_code "), 400, "unsupported_grant_type", 501),
        (grant("authorization_code"), 400, "invalid_request", 101),
        (grant("refresh_token"), 400, "invalid_request", 101),
        (with("authorization_code", &[("code", "x")]), 400, "invalid_grant", 502),
        (with("authorization_code", &[("code", "ts_ac_")]), 400, "invalid_grant", 502),
        (with("authorization_code", &[("code", "ts_ac_AAAA")]), 400, "invalid_grant", 502),
        (with("refresh_token", &[("refresh_token", "x")]), 400, "invalid_grant", 511),
        (with("refresh_token", &[("refresh_token", "ts_rt_AAAA")]), 400, "invalid_grant", 511),
        (ACME.refresh_pairs(&pair.refresh), 400, "invalid_grant", 516),
        (ACME.refresh_pairs(&pair.access), 400, "invalid_grant", 511),
        (EVERYTHING.exchange_pairs(&code), 400, "invalid_grant", 505),
        ([EVERYTHING.refresh_pairs(&pair.refresh), vec![("scope", "admin")]].concat(), 400, "invalid_scope", 518),
        (pending, 400, "unauthorized_client", 205),
    ];
    for (pairs, status, error, number) in cases {
        let reply = ACME.token(&platform, &pairs).await;
        assert_error(&reply, error);
        assert_eq!(reply.refused(), (status, error.to_owned(), number), "{pairs:?}");
    }
    let media = platform.at_api(Call::post(TOKEN).body("text/plain", form(&ACME.exchange_pairs(&code)))).await;
    assert_eq!(media.refused(), (415, "unsupported_media_type".to_owned(), 106));
    let xml = platform.at_api(Call::post(TOKEN).body("application/xml", "<a/>")).await;
    assert_eq!(xml.refusal(), 106);
    let packed = Call::post(TOKEN).header("Content-Encoding", "gzip").form(&ACME.exchange_pairs(&code));
    assert_eq!(platform.at_api(packed).await.refusal(), 106);
    let key = Call::post(TOKEN).header("Idempotency-Key", "two words").form(&ACME.exchange_pairs(&code));
    assert_eq!(platform.at_api(key).await.refused(), (400, "invalid_request".to_owned(), 521));
    let key = Call::post(TOKEN).header("Idempotency-Key", &"k".repeat(256)).form(&ACME.exchange_pairs(&code));
    assert_eq!(platform.at_api(key).await.refusal(), 521);
    still_good(&platform, &code).await;
    assert_eq!(EVERYTHING.refresh(&platform, &pair.refresh).await.status, 200, "nothing was burnt");
}

#[tokio::test]
async fn tk_13_json_that_is_no_object_of_strings_is_a_clean_400() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let good = Call::post("").json(&ACME.exchange_pairs(&code));
    let good = String::from_utf8(good.body_bytes()).unwrap();
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let bodies = [
        String::new(),
        // axios, handed a string body (SECURITY 20.10).
        serde_json::Value::from(form(&ACME.exchange_pairs(&code))).to_string(),
        format!("[{good}]"),
        format!("{good}{good}"),
        format!("{good} trailing"),
        good.replacen('{', "{\"x\":1,", 1),
        good.replacen('{', "{\"x\":true,", 1),
        good.replacen('{', "{\"x\":null,", 1),
        good.replacen('{', "{\"x\":{\"y\":\"z\"},", 1),
        good.replacen('{', "{\"scope\":[\"read\"],", 1),
        good.replacen('{', "{\"code\":\"x\",", 1),
        good.replacen('{', "{\"c\\u006fde\":\"x\",", 1),
        good.replacen('{', &format!("{{\"x\":{deep},"), 1),
        good.trim_end_matches('}').to_owned(),
        "null".to_owned(),
        "\u{feff}{}".to_owned(),
    ];
    for body in bodies {
        let reply = platform.at_api(Call::post(TOKEN).body("application/json", body.clone())).await;
        assert_error(&reply, &body);
        assert_eq!(reply.refused(), (400, "invalid_request".to_owned(), 104), "{body}");
    }
    still_good(&platform, &code).await;
}

#[tokio::test]
async fn core_02_multipart_that_is_no_list_of_text_fields_is_refused() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let good = Call::post("").multipart(&ACME.exchange_pairs(&code));
    let good = String::from_utf8(good.body_bytes()).unwrap();
    let boundary = "multipart/form-data; boundary=edge";
    let file = good.replacen("name=\"code\"", "name=\"code\"; filename=\"code.txt\"", 1);
    let nameless = good.replacen("; name=\"code\"", "", 1);
    let cut = good[..good.len() - 12].to_owned();
    let cases = [
        (boundary, file, 104),
        (boundary, nameless, 104),
        (boundary, cut, 104),
        (boundary, "no edge at all".to_owned(), 104),
        ("multipart/form-data", good.clone(), 104),
        (boundary, good.replacen("authorization_code", "a\u{0}b", 1), 102),
    ];
    for (content_type, body, number) in cases {
        let reply = platform.at_api(Call::post(TOKEN).body(content_type, body.clone())).await;
        assert_error(&reply, &body);
        assert_eq!((reply.status, reply.refusal()), (400, number), "{body}");
    }
    still_good(&platform, &code).await;
}

#[tokio::test]
async fn tk_14_old_and_plain_clients_are_served() {
    let platform = Platform::start().await;
    let host = platform.api_address();
    let begin = format!("POST {TOKEN} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    let form_type = "Content-Type: application/x-www-form-urlencoded\r\n";
    let next = async || form(&ACME.exchange_pairs(&code(&platform).await));

    let body = next().await;
    let expect = format!("{begin}{form_type}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(platform.raw_api(expect.as_bytes()).await.status, 200, "Expect: 100-continue");

    let body = next().await;
    let (one, two) = body.split_at(20);
    let chunks = format!("{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", one.len(), two.len());
    let chunked = format!("{begin}{form_type}Transfer-Encoding: chunked\r\n\r\n{chunks}");
    assert_eq!(platform.raw_api(chunked.as_bytes()).await.status, 200, "chunked");

    let body = next().await;
    let old =
        format!("POST {TOKEN} HTTP/1.0\r\nHost: {host}\r\n{form_type}Content-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(platform.raw_api(old.as_bytes()).await.status, 200, "HTTP/1.0");

    let body = next().await;
    let bare = format!("{begin}Content-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(platform.raw_api(bare.as_bytes()).await.status, 200, "no User-Agent, no Content-Type");
}

#[tokio::test]
async fn r_14_a_body_that_is_too_large_is_refused_without_reading_on() {
    let platform = Platform::start().await;
    let host = platform.api_address();
    let begin = format!("POST {TOKEN} HTTP/1.1\r\nHost: {host}\r\n");
    // It announces 100 MB and sends nothing of it: the answer does not wait.
    let reply = platform.raw_api(format!("{begin}Content-Length: 100000000\r\n\r\n").as_bytes()).await;
    assert_eq!(reply.refused(), (413, "too_large".to_owned(), 105));
    assert_eq!(reply.header("connection"), "close");
    // It announces nothing and sends too much.
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let reply =
        platform.raw_api(format!("{begin}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(3)).as_bytes()).await;
    assert_eq!(reply.refused(), (413, "too_large".to_owned(), 105));
    // 64 KiB are read.
    let padded = format!("{}&pad=", form(&ACME.signed(&[("grant_type", "refresh_token"), ("refresh_token", "x")])));
    let pads = "&p=1".repeat(90);
    let reply = platform.at_api(Call::post(TOKEN).body("", format!("{padded}{pads}"))).await;
    assert_eq!(reply.refusal(), 511);
}
