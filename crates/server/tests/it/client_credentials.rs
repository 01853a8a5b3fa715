//! grant_type=client_credentials (RFC 6749 4.4; TOKENS 4; SECURITY TK-11): an app's token for its own customer, from the endpoint to
//! its end.

use causeway_protocol::Subject;
use causeway_protocol::profile::ReplyField;
use causeway_protocol::records::{AppStatus, ClientKind, Visibility};
use causeway_protocol::{Change, ScopeSet, UnixTime};
use causeway_storage::Store as _;
use causeway_testkit::actors::{ACME, DESKTOP, GUESTLIST, Partner, REPORTS};
use causeway_testkit::platform::Builder;
use causeway_testkit::{Api, Call, Platform, Response};

const LEADS: &str = "/v1/leads?site_id=2101";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn platform() -> Platform {
    let on = Builder::new().profile(|profile| {
        profile.token.client_credentials = true;
        profile.api.budgets.clear();
    });
    on.start().await
}

async fn ask(platform: &Platform, partner: Partner, more: &[(&str, &str)]) -> Response {
    partner.token(platform, &partner.signed(&[&[GRANT], more].concat())).await
}

/// A good one of the app that is private to "4100".
async fn token(platform: &Platform) -> String {
    let reply = ask(platform, REPORTS, &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.member("access_token")
}

async fn status(platform: &Platform, token: &str) -> u16 {
    Api { token }.get(platform, LEADS).await.status
}

#[tokio::test]
async fn an_app_gets_a_token_for_itself_and_nothing_is_written_or_read() {
    let platform = platform().await;
    let rows = platform.all_rows().await;
    let reply = ask(&platform, REPORTS, &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), "no-store");
    let json = reply.json();
    assert_eq!((&json["expires_in"], &json["scope"]), (&7_200.into(), &"leads:read events:read".into()));
    assert!(json["token_type"].is_string() && json["created_at"].is_number(), "the profile's shape: {json}");
    assert!(json.get("refresh_token").is_none(), "RFC 6749 4.4.3");
    let text = reply.member("access_token");
    assert!(text.len() <= 255, "{}", text.len());
    assert_ne!(text, token(&platform).await, "each is one of its own");
    assert_eq!(platform.all_rows().await, rows, "no row");
    assert_eq!(status(&platform, &text).await, 200);
    assert_eq!(
        Api { token: &text }.get(&platform, "/v1/leads?site_id=2201").await.status,
        403,
        "another customer's site"
    );
    platform.clock.advance(causeway_protocol::time::Seconds(7_200));
    assert_eq!(status(&platform, &text).await, 401);
}

#[tokio::test]
async fn bg_15_the_api_behind_hears_of_app_and_customer_and_of_no_connection() {
    let platform = platform().await;
    let token = token(&platform).await;
    let call = Call::get("/guard/check").header("X-Original-Method", "GET").header("X-Original-URI", LEADS);
    let reply = call.bearer(&token).send(platform.admin_address()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!((reply.header("x-causeway-app"), reply.header("x-causeway-customer")), ("reports", "4100"));
    assert_eq!((reply.header("x-causeway-user"), reply.header("x-causeway-scopes")), ("0", "leads:read events:read"));
    assert!(!reply.headers.contains_key("x-causeway-connection"));
}

#[tokio::test]
async fn sc_02_scopes_are_all_or_what_is_asked_or_refused() {
    let platform = platform().await;
    let reply = ask(&platform, REPORTS, &[("scope", "leads:read")]).await;
    assert_eq!((reply.status, reply.member("scope")), (200, "leads:read".to_owned()));
    for (scope, number) in [("leads:read leads:write", 305), ("nonsense", 305), (" ", 306)] {
        let reply = ask(&platform, REPORTS, &[("scope", scope)]).await;
        assert_eq!(reply.refused(), (400, "invalid_scope".to_owned(), number), "{scope}");
    }
    let twice = ask(&platform, REPORTS, &[("scope", "leads:read"), ("scope", "events:read")]).await;
    assert_eq!(twice.refused(), (400, "invalid_request".to_owned(), 100));
    // What belongs to other grants has no say, as at every grant.
    let odd = [("code", "x"), ("refresh_token", "y"), ("redirect_uri", "z"), ("customer", "4200"), ("audience", "a")];
    assert_eq!(ask(&platform, REPORTS, &odd).await.status, 200);
}

#[tokio::test]
async fn tk_11_only_an_approved_confidential_app_with_a_customer_of_its_own() {
    let platform = platform().await;
    let no = |number| (400, "unauthorized_client".to_owned(), number);
    assert_eq!(ask(&platform, DESKTOP, &[]).await.refused(), no(206), "a public app proves nothing by its id");
    assert_eq!(ask(&platform, ACME, &[]).await.refused(), no(209), "nobody's own app");
    assert_eq!(ask(&platform, GUESTLIST, &[]).await.refused(), no(205));
    let wrong = Partner { secret: Some("wrong"), ..REPORTS };
    assert_eq!(ask(&platform, wrong, &[]).await.refused(), (401, "invalid_client".to_owned(), 200));
    // One that waits for review may be tried by its customer's people, but does nothing by itself.
    let app = platform.app("reports");
    let waiting =
        causeway_protocol::records::App { status: AppStatus::Pending, home: app.own_customer(), ..(*app).clone() };
    replace(&platform, waiting).await;
    assert!(platform.app("reports").passes_review());
    assert_eq!(ask(&platform, REPORTS, &[]).await.refused(), no(205));
    assert_eq!(platform.app("desktop").kind, ClientKind::Public);
}

#[tokio::test]
async fn a_platform_that_does_not_offer_it_refuses_it_and_does_not_name_it() {
    let grants = |platform: &Platform| {
        let document: serde_json::Value =
            serde_json::from_str(&causeway_server::flows::metadata::document(&platform.edge.node)).unwrap();
        document["grant_types_supported"].as_array().unwrap().contains(&"client_credentials".into())
    };
    let off = Platform::start().await;
    assert_eq!(ask(&off, REPORTS, &[]).await.refused(), (400, "unsupported_grant_type".to_owned(), 501));
    assert!(!grants(&off) && grants(&platform().await));
}

#[tokio::test]
async fn the_reply_has_the_profiles_fields_without_a_refresh_token() {
    let fields = [ReplyField::ExpiresIn, ReplyField::RefreshToken, ReplyField::AccessToken];
    let platform = Builder::new().profile(|profile| {
        profile.token.client_credentials = true;
        profile.token.reply = fields.to_vec();
    });
    let reply = ask(&platform.start().await, REPORTS, &[]).await;
    let text = reply.text();
    assert!(text.starts_with(r#"{"expires_in":7200,"access_token":""#), "{text}");
    assert_eq!(reply.json().as_object().unwrap().len(), 2, "{text}");
}

#[tokio::test]
async fn in_01_introspection_knows_the_app_and_names_no_person() {
    let platform = platform().await;
    let token = token(&platform).await;
    let answer = REPORTS.introspect(&platform, &token).await.json();
    assert_eq!((&answer["active"], &answer["client_id"]), (&true.into(), &"reports".into()));
    assert_eq!(answer["scope"], "leads:read events:read");
    assert!(answer.get("sub").is_none() && answer.get("username").is_none(), "{answer}");
    assert_eq!(ACME.introspect(&platform, &token).await.text(), r#"{"active":false}"#, "nobody else's business");
}

#[tokio::test]
async fn rv_02_revoking_one_is_one_entry_that_leaves_with_its_expiry() {
    let platform = platform().await;
    let (gone, stays) = (token(&platform).await, token(&platform).await);
    let before = (platform.rows("feed").await, platform.rows("cuts").await, platform.rows("families").await);
    assert_eq!(ACME.revoke(&platform, &gone).await.status, 200);
    assert_eq!(status(&platform, &gone).await, 200, "not by another app");
    for _ in 0..3 {
        assert_eq!(REPORTS.revoke(&platform, &gone).await.status, 200);
        assert_eq!(status(&platform, &gone).await, 401);
        assert!(!REPORTS.is_active(&platform, &gone).await);
    }
    assert_eq!(status(&platform, &stays).await, 200);
    let after = (platform.rows("feed").await, platform.rows("cuts").await, platform.rows("families").await);
    assert_eq!(after, (before.0 + 1, before.1 + 1, before.2), "one entry, however often");
    // One that has expired is not worth a row.
    platform.clock.advance(causeway_protocol::time::Seconds(7_206));
    assert_eq!(REPORTS.revoke(&platform, &stays).await.status, 200);
    assert_eq!(platform.rows("feed").await, after.0);
    causeway_server::jobs::sweep(&platform.edge).await;
    assert_eq!(platform.rows("cuts").await, before.1, "and it left with the token's expiry");
    let audit = platform.edge.node.store.audit_tail(50).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.3 == "token.revoked").count(), 1);
}

#[tokio::test]
async fn tk_12_bg_07_what_is_switched_off_or_taken_away_ends_it_at_the_next_call() {
    let platform = platform().await;
    for (kind, id) in [("apps", "reports"), ("customers", "4100")] {
        let token = token(&platform).await;
        platform.switch(kind, id, false).await;
        assert_eq!(status(&platform, &token).await, 401, "{kind}");
        assert!(!REPORTS.is_active(&platform, &token).await, "{kind}");
        assert_eq!(ask(&platform, REPORTS, &[]).await.refused(), (400, "invalid_grant".to_owned(), 517), "{kind}");
        platform.switch(kind, id, true).await;
        assert_eq!(status(&platform, &token).await, 401, "{kind}: switching on clears no cut");
        assert_eq!(ask(&platform, REPORTS, &[]).await.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn a_scope_that_the_app_loses_is_gone() {
    let platform = platform().await;
    let old = token(&platform).await;
    let app = platform.app("reports");
    let leads = platform.edge.node.held.scopes().find("leads:read").unwrap();
    let act = act(Some(app.id.into()));
    platform.apply(Change::SetAppScopes { app: app.id, scopes: app.scopes.without(leads), act }).await;
    assert_eq!(status(&platform, &old).await, 401, "taking a scope cuts access");
    let new = ask(&platform, REPORTS, &[]).await;
    assert_eq!(new.member("scope"), "events:read");
    assert_eq!(status(&platform, &new.member("access_token")).await, 403);
    platform
        .apply(Change::SetAppScopes { app: app.id, scopes: ScopeSet::EMPTY, act: self::act(Some(app.id.into())) })
        .await;
    assert_eq!(ask(&platform, REPORTS, &[]).await.refused(), (400, "invalid_scope".to_owned(), 306));
}

#[tokio::test]
async fn an_app_that_is_no_longer_that_customers_own_reaches_it_no_more() {
    let platform = platform().await;
    let old = token(&platform).await;
    let app = platform.app("reports");
    replace(&platform, causeway_protocol::records::App { visibility: Visibility::Public, ..(*app).clone() }).await;
    assert_eq!(status(&platform, &old).await, 401);
    assert!(!REPORTS.is_active(&platform, &old).await);
}

#[tokio::test]
async fn a_node_that_cannot_know_issues_nothing() {
    let platform = platform().await;
    platform.edge.node.held.owe(causeway_protocol::Position(i64::MAX));
    let reply = ask(&platform, REPORTS, &[]).await;
    assert_eq!((reply.status, reply.refusal()), (503, 611), "never a false no");
}

async fn replace(platform: &Platform, app: causeway_protocol::records::App) {
    let expected = Box::new((*platform.app(&app.client_id)).clone());
    let act = act(Some(app.id.into()));
    platform.apply(Change::ReplaceApp { expected, app: Box::new(app), act }).await;
}

fn act(subject: Option<Subject>) -> causeway_protocol::records::Act {
    let (at, actor, detail) = (UnixTime(0), "test".to_owned(), String::new());
    causeway_protocol::records::Act { at, actor, verb: "app.changed", subject, detail }
}
