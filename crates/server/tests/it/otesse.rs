//! Otesse as its documents print it (OTE-01 to OTE-10), served from the shipped profile and the demo's own seed.

use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{Pair, Partner, race};
use causeway_testkit::platform::Builder;
use causeway_testkit::{Browser, Call, Page, Platform, Response};
use serde_json::{Value, json};

use crate::apps::{PNG, REGISTER, partner, shown};

const NOOR: &str = "noor@lumen.example";
const JONAS: &str = "jonas@lumen.example";
const ELIF: &str = "elif@lumen.example";
const APPS: &str = "/settings/integrations/oauth-apps";
const CONNECTED: &str = "/settings/integrations/connected-apps";
const EVERY_SCOPE: &str = "bookings:read bookings:write customers:read customers:write invoices:read invoices:write \
                           services:read webhooks:manage";
const DAY: i64 = 86_400;

const ACME: Partner = Partner {
    client_id: "acme-at-otesse",
    secret: Some("demo-secret-acme-at-otesse-70c4be1f2d93a856"),
    redirect_uri: "http://localhost:3000/callback",
};

async fn otesse() -> Platform {
    // The demo's people have the passwords of the demo, the actors those of the tests.
    let seed = include_str!("../../../../demo/otesse.toml").replace("password = \"demo-", "password = \"pass-");
    Builder::shipped("otesse", &seed).start().await
}

/// The authorize URL of the document, with these parameters changed; an empty value leaves one out.
fn link(changes: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("client_id", ACME.client_id),
        ("redirect_uri", ACME.redirect_uri),
        ("response_type", "code"),
        ("scope", "bookings:read customers:read"),
        ("state", "random_csrf_token"),
    ];
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    causeway_testkit::browser::with_query("/oauth/authorize", &pairs)
}

/// A code, as somebody who is signed in gets it by pressing Allow.
async fn code(platform: &Platform, email: &str, scope: &str) -> String {
    let mut browser = Browser::of(platform, email).await;
    let consent = browser.open(platform, &link(&[("scope", scope)])).await;
    let done = browser.press(platform, &consent, "Allow", &[]).await;
    done.returned("code").unwrap_or_else(|| panic!("no code, but {}", done.text()))
}

/// The curl of the document: JSON to the login host.
async fn post(platform: &Platform, path: &str, body: &Value) -> Response {
    platform.at_login(Call::post(path).body("application/json", body.to_string())).await
}

async fn exchange(platform: &Platform, code: &str) -> Response {
    let body = json!({
        "grant_type": "authorization_code", "code": code, "redirect_uri": ACME.redirect_uri,
        "client_id": ACME.client_id, "client_secret": ACME.secret,
    });
    post(platform, "/oauth/token", &body).await
}

async fn refresh(platform: &Platform, token: &str) -> Response {
    let body = json!({
        "grant_type": "refresh_token", "refresh_token": token,
        "client_id": ACME.client_id, "client_secret": ACME.secret,
    });
    post(platform, "/oauth/token", &body).await
}

async fn connect(platform: &Platform, email: &str, scope: &str) -> Pair {
    Pair::of(&exchange(platform, &code(platform, email, scope).await).await)
}

async fn get(platform: &Platform, path: &str, token: &str) -> Response {
    platform.at_api(Call::get(path).bearer(token)).await
}

/// Ids of a list's objects.
fn ids(reply: &Response) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let list = reply.json()["data"].as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn ote_01_register_app_yields_id_and_secret_at_once() {
    let platform = otesse().await;
    for (email, name) in [(NOOR, "Late Bookings"), (JONAS, "Late Arrivals"), ("dana@acme.example", "Late Guests")] {
        let mut browser = Browser::of(&platform, email).await;
        let list = browser.open(&platform, APPS).await;
        let text = list.text();
        assert!(text.contains("Settings › Integrations") && text.contains("OAuth Apps"), "{text}");
        let form = browser.open(&platform, &list.link("New application")).await;
        let fields = [
            ("name", name),
            ("description", "Tells your team when somebody runs late."),
            ("redirect_uris", "https://tabletalk.example/cb\r\nhttps://late.example/cb"),
        ];
        let sent = form.form(REGISTER);
        let pairs = sent.filled(REGISTER, &fields);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let done = browser.send(&platform, Call::post(&sent.action).multipart_with_file(&pairs, "logo", PNG)).await;
        assert_eq!(done.reply.status, 200, "{email}: {}", done.text());
        let app = partner(&done);
        assert!(shown(&done, "client-secret").is_some_and(|secret| secret.starts_with("otesse_cs_")));
        // At once: nobody reviews it, and it may ask for every scope.
        let mut browser = Browser::of(&platform, ELIF).await;
        let changes =
            [("client_id", app.client_id), ("redirect_uri", "https://late.example/cb"), ("scope", EVERY_SCOPE)];
        let consent = browser.open(&platform, &link(&changes)).await;
        assert!(consent.buttons().contains(&"Allow".to_owned()), "{}", consent.text());
    }
}

#[tokio::test]
async fn ote_02_the_four_parameters_are_required_and_state_is_not() {
    let platform = otesse().await;
    let mut browser = Browser::of(&platform, NOOR).await;
    for (name, number) in [("client_id", 300), ("redirect_uri", 301)] {
        let page = browser.open(&platform, &link(&[(name, "")])).await;
        assert_eq!((page.reply.status, page.refusal(), page.location()), (400, number, ""), "{name}");
    }
    for (name, error) in [("response_type", "invalid_request"), ("scope", "invalid_scope")] {
        let page = browser.open(&platform, &link(&[(name, "")])).await;
        assert!(page.location().starts_with(ACME.redirect_uri), "{name}: {}", page.text());
        assert_eq!(page.returned("error").as_deref(), Some(error), "{name}");
        assert_eq!(page.returned("state").as_deref(), Some("random_csrf_token"));
    }
    let consent = browser.open(&platform, &link(&[("state", "")])).await;
    let done = browser.press(&platform, &consent, "Allow", &[]).await;
    assert!(done.returned("code").is_some() && done.returned("state").is_none(), "{}", done.location());
}

#[tokio::test]
async fn ote_03_any_registered_redirect_uri_and_nothing_else() {
    let platform = otesse().await;
    for uri in ["http://localhost:3000/callback", "https://partner.example/callback"] {
        let mut browser = Browser::of(&platform, NOOR).await;
        let consent = browser.open(&platform, &link(&[("redirect_uri", uri)])).await;
        let done = browser.press(&platform, &consent, "Allow", &[]).await;
        assert!(done.location().starts_with(&format!("{uri}?code=")), "{}", done.text());
        // The exchange names the same one again, and no other.
        let code = done.returned("code").unwrap();
        let other = Partner { redirect_uri: "https://ledgerly.example/oauth/callback", ..ACME };
        assert_eq!(other.exchange(&platform, &code).await.member("error"), "invalid_grant");
        Pair::of(&Partner { redirect_uri: uri_of(uri), ..ACME }.exchange(&platform, &code).await);
    }
    for uri in [
        "https://partner.example/callback/",
        "https://partner.example/callback?x=1",
        "https://PARTNER.example/callback",
        "https://evil.example/callback",
        "https://ledgerly.example/oauth/callback",
    ] {
        let page = Browser::new().open(&platform, &link(&[("redirect_uri", uri)])).await;
        assert_eq!((page.refusal(), page.location()), (302, ""), "{uri}");
    }
}

fn uri_of(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[tokio::test]
async fn ote_04_the_json_exchange_gives_five_fields() {
    let platform = otesse().await;
    let reply = exchange(&platform, &code(&platform, NOOR, "bookings:read customers:read").await).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"), "{}", reply.text());
    let body = reply.json();
    let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    assert!(reply.member("access_token").starts_with("otesse_at_"));
    assert!(reply.member("refresh_token").starts_with("otesse_rt_"));
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(reply.member("scope"), "bookings:read customers:read");
    // A form says the same (A25), and errors are the token endpoint's own (A26).
    let form = ACME.exchange(&platform, &code(&platform, NOOR, "bookings:read").await).await;
    assert_eq!(form.status, 200, "{}", form.text());
    let wrong = exchange(&platform, "otesse_ac_nothing").await;
    assert_eq!((wrong.status, wrong.member("error").as_str()), (400, "invalid_grant"));
    let nobody =
        json!({"grant_type": "authorization_code", "client_id": ACME.client_id, "client_secret": "x", "code": "x"});
    let nobody = post(&platform, "/oauth/token", &nobody).await;
    assert_eq!((nobody.status, nobody.member("error").as_str()), (401, "invalid_client"));
    let elsewhere = platform.at_api(Call::post("/oauth/token").json(&[])).await;
    assert_eq!(elsewhere.json()["error"]["type"], "authentication_error", "the API host has the guard alone");
}

#[tokio::test]
async fn ote_05_a_refresh_works_for_thirty_days_and_no_longer() {
    let platform = otesse().await;
    let pair = connect(&platform, NOOR, "bookings:read").await;
    platform.clock.advance(Seconds(3_600));
    assert_eq!(get(&platform, "/v1/bookings", &pair.access).await.status, 401, "an hour is over");
    let fresh = refresh(&platform, &pair.refresh).await;
    assert_eq!(fresh.status, 200, "{}", fresh.text());
    assert_eq!(get(&platform, "/v1/bookings", &fresh.member("access_token")).await.status, 200);
    platform.clock.advance(Seconds(30 * DAY - 3_600 - 1));
    let last = refresh(&platform, &pair.refresh).await;
    assert_eq!(last.status, 200, "the last second: {}", last.text());
    platform.clock.advance(Seconds(1));
    let over = refresh(&platform, &pair.refresh).await;
    assert_eq!((over.status, over.member("error").as_str()), (400, "invalid_grant"));
    assert_eq!(
        refresh(&platform, &last.member("refresh_token")).await.member("error"),
        "invalid_grant",
        "it never slid"
    );
}

#[tokio::test]
async fn ote_06_re_sending_and_overwriting_clients_both_live() {
    let platform = otesse().await;
    let pair = connect(&platform, NOOR, "bookings:read").await;
    let mut stored = pair.refresh.clone();
    for _day in 0..29 {
        platform.clock.advance(Seconds(DAY));
        let keeps = refresh(&platform, &pair.refresh).await;
        let stores = refresh(&platform, &stored).await;
        assert_eq!((keeps.status, stores.status), (200, 200), "{}", stores.text());
        stored = stores.member("refresh_token");
        assert_eq!(stored, pair.refresh, "repeated, not rotated");
    }
    // Many at once change nothing either.
    let platform = std::sync::Arc::new(platform);
    let answers = race(8, |_| {
        let (platform, token) = (platform.clone(), pair.refresh.clone());
        async move { refresh(&platform, &token).await.status }
    })
    .await;
    assert_eq!(answers, [200; 8]);
}

#[tokio::test]
async fn ote_07_owners_and_team_members_authorize_and_reach_what_they_may_see() {
    let platform = otesse().await;
    let scope = "bookings:read bookings:write customers:read invoices:read services:read";
    let noor = connect(&platform, NOOR, scope).await;
    let jonas = connect(&platform, JONAS, scope).await;
    let elif = connect(&platform, ELIF, scope).await;
    let bookings = async |pair: &Pair| ids(&get(&platform, "/v1/bookings", &pair.access).await);
    assert_eq!(bookings(&noor).await, ["bkg_5001", "bkg_5002", "bkg_5003", "bkg_5004"], "the owner sees all");
    assert_eq!(bookings(&jonas).await, ["bkg_5001", "bkg_5002", "bkg_5004"]);
    assert_eq!(bookings(&elif).await, ["bkg_5003", "bkg_5004"]);
    assert_eq!(ids(&get(&platform, "/v1/invoices", &jonas.access).await), [""; 0]);
    assert_eq!(ids(&get(&platform, "/v1/services", &jonas.access).await).len(), 2);
    // What is not in the list is not there by its id either, for reading, changing or deleting.
    for path in ["/v1/bookings/bkg_5003", "/v1/invoices/inv_8001", "/v1/bookings/bkg_6001"] {
        assert_eq!(get(&platform, path, &jonas.access).await.status, 404, "{path}");
    }
    let theirs = "/v1/bookings/bkg_5003";
    let patch = Call::new("PATCH", theirs).bearer(&jonas.access).json(&[("status", "cancelled")]);
    assert_eq!(platform.at_api(patch).await.status, 404);
    assert_eq!(platform.at_api(Call::new("DELETE", theirs).bearer(&jonas.access)).await.status, 404);
    assert_eq!(get(&platform, theirs, &elif.access).await.member("status"), "pending");
    // One connection a person: cutting one leaves the others.
    let mut browser = Browser::of(&platform, JONAS).await;
    let list = browser.open(&platform, CONNECTED).await;
    assert!(list.text().contains("Acme Booking") && !list.text().contains(NOOR), "only the own: {}", list.text());
    let one = browser.open(&platform, &list.link("<bdi>Acme Booking")).await;
    let cut = browser.press(&platform, &one, "Disconnect Acme Booking", &[]).await;
    assert_eq!(cut.reply.status, 303, "{}", cut.text());
    assert_eq!(get(&platform, "/v1/bookings", &jonas.access).await.status, 401);
    assert_eq!(bookings(&elif).await.len(), 2);
    // A member finds nobody else's; the owner finds everybody's.
    let mut owner = Browser::of(&platform, NOOR).await;
    let list = owner.open(&platform, CONNECTED).await;
    assert_eq!(list.html.matches("<bdi>Acme Booking</bdi></a>").count(), 2, "{}", list.text());
    let of_elif = list.html.split("href=\"").filter(|part| part.starts_with(&format!("{CONNECTED}/")));
    for href in of_elif.filter_map(|part| part.split(['"', '#']).next()) {
        assert_eq!(browser.open(&platform, href).await.refusal(), 409, "{href}");
    }
}

#[tokio::test]
async fn ote_08_consent_shows_name_logo_scopes_approve_and_deny() {
    let platform = otesse().await;
    let mut browser = Browser::of(&platform, JONAS).await;
    let form = browser.open(&platform, &format!("{APPS}/new")).await.form(REGISTER);
    let pairs = form.filled(REGISTER, &[("name", "Late Bookings"), ("redirect_uris", "https://tabletalk.example/cb")]);
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let done = browser.send(&platform, Call::post(&form.action).multipart_with_file(&pairs, "logo", PNG)).await;
    let app = partner(&done);
    let changes =
        [("client_id", app.client_id), ("redirect_uri", app.redirect_uri), ("scope", "bookings:read invoices:write")];
    let consent: Page = browser.open(&platform, &link(&changes)).await;
    let text = consent.text();
    for part in ["Late Bookings", "See your bookings and who booked them", "Write invoices and change them", JONAS] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(consent.html.contains("<img class=\"mark app big\" src=\"/logos/"));
    assert_eq!(consent.buttons(), ["Deny", "Allow"]);
    let denied = browser.press(&platform, &consent, "Deny", &[]).await;
    assert_eq!(denied.returned("error").as_deref(), Some("access_denied"));
    assert_eq!(denied.returned("state").as_deref(), Some("random_csrf_token"));
}

#[tokio::test]
async fn ote_09_bookings_need_their_scope_and_speak_the_apis_envelope() {
    let platform = otesse().await;
    let pair = connect(&platform, NOOR, "bookings:read").await;
    let reply = get(&platform, "/v1/bookings?per_page=3", &pair.access).await;
    assert_eq!(ids(&reply), ["bkg_5001", "bkg_5002", "bkg_5003"]);
    assert_eq!(reply.json()["pagination"], json!({"page": 1, "per_page": 3, "total": 4, "total_pages": 2}));
    let next = get(&platform, "/v1/bookings?per_page=3&page=2", &pair.access).await;
    assert_eq!(ids(&next), ["bkg_5004"]);
    assert_eq!((next.header("x-ratelimit-limit"), next.header("x-ratelimit-remaining")), ("500", "498"));
    assert_eq!(next.header("x-ratelimit-reset"), "1");
    for (path, param) in [("per_page=101", "per_page"), ("per_page=0", "per_page"), ("page=x", "page")] {
        let reply = get(&platform, &format!("/v1/bookings?{path}"), &pair.access).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(param)), "{}", reply.text());
        assert_eq!(reply.json()["error"]["type"], "validation_error");
    }
    let other = get(&platform, "/v1/customers", &pair.access).await;
    let error = &other.json()["error"];
    assert_eq!(
        (other.status, &error["type"], &error["code"]),
        (403, &json!("authorization_error"), &json!("insufficient_scope"))
    );
    let mut members: Vec<&String> = error.as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["code", "doc_url", "message", "param", "type"]);
    let nobody = get(&platform, "/v1/bookings", "otesse_at_nothing").await;
    assert_eq!((nobody.status, &nobody.json()["error"]["type"]), (401, &json!("authentication_error")));
    // The budget's end says when to come back, in body and headers.
    let over = loop {
        let reply = get(&platform, "/v1/bookings?per_page=1", &pair.access).await;
        if reply.status != 200 {
            break reply;
        }
    };
    assert_eq!((over.status, over.header("x-ratelimit-remaining"), over.header("retry-after")), (429, "0", "1"));
    assert_eq!(over.json()["error"]["type"], "rate_limit_exceeded");
    assert_eq!(over.json()["error"]["retry_after"], 1);
}

#[tokio::test]
async fn ote_09_an_api_key_works_in_either_place_and_sees_the_whole_business() {
    let platform = otesse().await;
    let key = "otesse_live_sk_demo_lumen_4e0b7d91f6a2c385";
    for call in [Call::get("/v1/bookings").header("X-API-Key", key), Call::get("/v1/bookings").bearer(key)] {
        assert_eq!(ids(&platform.at_api(call).await).len(), 4);
    }
    let wrong = platform.at_api(Call::get("/v1/bookings").bearer("otesse_live_sk_wrong")).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["type"]), (401, &json!("authentication_error")));
}

#[tokio::test]
async fn ote_10_a_json_revoke_ends_the_token_and_says_200_to_anything() {
    let platform = otesse().await;
    let revoke = async |token: &str, hint: &str, secret: &str| {
        let body = json!({
            "token": token, "token_type_hint": hint, "client_id": ACME.client_id, "client_secret": secret,
        });
        post(&platform, "/oauth/revoke", &body).await.status
    };
    let secret = ACME.secret.unwrap();
    let pair = connect(&platform, NOOR, "bookings:read").await;
    assert_eq!(revoke(&pair.refresh, "refresh_token", "wrong").await, 401);
    assert_eq!(get(&platform, "/v1/bookings", &pair.access).await.status, 200, "nothing happened");
    assert_eq!(revoke(&pair.refresh, "refresh_token", secret).await, 200);
    assert_eq!(refresh(&platform, &pair.refresh).await.member("error"), "invalid_grant");
    assert_eq!(get(&platform, "/v1/bookings", &pair.access).await.status, 401);
    assert_eq!(revoke(&pair.refresh, "refresh_token", secret).await, 200, "once more");
    assert_eq!(revoke("otesse_rt_nobody_knows", "refresh_token", secret).await, 200);
    assert_eq!(revoke("anything at all", "some_hint", secret).await, 200);
    let pair = connect(&platform, NOOR, "bookings:read").await;
    assert_eq!(revoke(&pair.access, "access_token", secret).await, 200);
    assert_eq!(get(&platform, "/v1/bookings", &pair.access).await.status, 401);
}
