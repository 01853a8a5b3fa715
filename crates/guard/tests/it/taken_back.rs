//! What was taken back, switched off or narrowed is refused at the next call; what cannot be known is no verdict.

use std::sync::atomic::Ordering;

use causeway_guard::Call;
use causeway_protocol::records::FeedEvent;
use causeway_protocol::token::{AccessToken, Bearer};
use causeway_protocol::{AppId, ConnectionId, CustomerId, FamilyId, Reason, Subject, UserId};
use http::header::RETRY_AFTER;

use crate::world::{APP, BIG, NOW, SMALL, World, bearer};

#[tokio::test]
async fn bg_07_ts_13_each_subject_is_checked_at_every_call() {
    let subjects: [Subject; 5] = [FamilyId(9).into(), ConnectionId(5).into(), APP.into(), BIG.into(), UserId(7).into()];
    for subject in subjects {
        for event in [FeedEvent::CutAccess, FeedEvent::CutAll, FeedEvent::Off] {
            let world = World::new();
            let old = world.token();
            assert!(world.call(&old, "GET", "/v1/sites").await.is_ok());
            world.happens(subject, event);
            assert_eq!(world.denied(&old, "GET", "/v1/sites").await, Reason::TokenInvalid, "{subject:?} {event:?}");
            let new = world.token();
            assert_eq!(world.call(&new, "GET", "/v1/sites").await.is_ok(), event != FeedEvent::Off, "issued after it");
            world.happens(subject, FeedEvent::On);
            assert!(world.call(&world.token(), "GET", "/v1/sites").await.is_ok());
            assert_eq!(world.denied(&old, "GET", "/v1/sites").await, Reason::TokenInvalid, "on again clears no cut");
        }
    }
}

#[tokio::test]
async fn ms_05_a_cut_connection_leaves_others_alone() {
    let world = World::new();
    let mine = world.token();
    let other_app = AccessToken { bearer: Bearer { connection: ConnectionId(6), ..mine.bearer }, ..mine.clone() };
    let other_customer =
        AccessToken { bearer: Bearer { connection: ConnectionId(8), customer: SMALL, ..mine.bearer }, ..mine.clone() };
    world.happens(ConnectionId(5), FeedEvent::CutAll);
    for target in ["/v1/leads?site_id=11", "/v1/leads?site_id=12", "/v1/sites"] {
        assert_eq!(world.denied(&mine, "GET", target).await, Reason::TokenInvalid, "{target}");
    }
    assert!(world.call(&other_app, "GET", "/v1/leads?site_id=11").await.is_ok());
    assert!(world.call(&other_customer, "GET", "/v1/leads").await.is_ok());
}

#[tokio::test]
async fn sc_07_a_scope_taken_from_the_app_is_gone_at_the_next_call() {
    let world = World::new();
    let token = world.token_for("leads:read events:read");
    assert!(world.call(&token, "GET", "/v1/leads?site_id=11").await.is_ok());
    let mut app = (*world.held.app(APP).unwrap()).clone();
    app.scopes = app.scopes.without(world.held.scopes().find("leads:read").unwrap());
    world.held.put_app(app);
    assert_eq!(world.denied(&token, "GET", "/v1/leads?site_id=11").await, Reason::ScopeInsufficient);
    let pass = world.call(&token, "GET", "/v1/events?site_id=11").await.unwrap();
    assert_eq!(world.held.scopes().text(pass.scopes()), "events:read");
}

#[tokio::test]
async fn an_app_that_is_off_rejected_or_unknown_is_refused() {
    let world = World::new();
    let token = world.token();
    let app = (*world.held.app(APP).unwrap()).clone();
    let mut off = app.clone();
    off.active = false;
    world.held.put_app(off);
    assert_eq!(world.denied(&token, "GET", "/v1/sites").await, Reason::TokenInvalid);
    let mut rejected = app.clone();
    rejected.status = causeway_protocol::records::AppStatus::Rejected;
    world.held.put_app(rejected);
    assert_eq!(world.denied(&token, "GET", "/v1/sites").await, Reason::TokenInvalid);
    let unknown = AccessToken { bearer: Bearer { app: AppId(99), ..token.bearer }, ..token.clone() };
    assert_eq!(world.denied(&unknown, "GET", "/v1/sites").await, Reason::TokenInvalid);
    world.held.put_app(app);
    assert!(world.call(&token, "GET", "/v1/sites").await.is_ok());
}

#[tokio::test]
async fn a_customer_that_is_off_or_unknown_is_refused() {
    let world = World::new();
    let token = world.token();
    let unknown = AccessToken { bearer: Bearer { customer: CustomerId(99), ..token.bearer }, ..token.clone() };
    assert_eq!(world.denied(&unknown, "GET", "/v1/sites").await, Reason::TokenInvalid);
    world.changes(BIG, |customer| customer.active = false);
    assert_eq!(world.denied(&token, "GET", "/v1/sites").await, Reason::TokenInvalid);
}

#[tokio::test]
async fn bg_09_an_authority_that_is_away_is_503_only_for_who_is_not_known_yet() {
    let world = World::new();
    assert!(world.call(&world.token(), "GET", "/v1/sites").await.is_ok());
    world.source.away.store(true, Ordering::Relaxed);
    assert!(world.call(&world.token(), "GET", "/v1/sites").await.is_ok(), "no read is needed");
    assert_eq!(world.held.customer_misses(), 1);
    let denied = world.call(&world.small_token(), "GET", "/v1/sites").await.unwrap_err();
    assert_eq!(denied.reason, Reason::GuardNotReady);
    let reply = world.guard.reply(&denied);
    assert_eq!((reply.status().as_u16(), reply.headers()[RETRY_AFTER].to_str().unwrap()), (503, "1"));
    world.source.away.store(false, Ordering::Relaxed);
    assert!(world.call(&world.small_token(), "GET", "/v1/sites").await.is_ok());
}

#[tokio::test]
async fn bg_09_a_guard_that_missed_a_take_back_says_nothing() {
    let world = World::new();
    let token = world.token();
    world.held.owe(world.head().next());
    assert!(!world.held.is_ready());
    assert_eq!(world.denied(&token, "GET", "/v1/sites").await, Reason::GuardNotReady);
    world.happens(UserId(1000), FeedEvent::CutAll);
    assert!(world.held.is_ready());
    assert!(world.call(&token, "GET", "/v1/sites").await.is_ok());
}

#[tokio::test]
async fn bg_07_what_is_taken_back_while_a_body_arrives_counts() {
    let world = World::new();
    let headers = bearer(&world.seal(&world.token()));
    let call = Call { method: "GET", path: "/v1/sites", query: None, headers: &headers, now: NOW, monotonic_nanos: 0 };
    let begin = || world.guard.begin(&call, &world.held, &world.ring).unwrap();
    let (cut, unharmed) = (begin(), begin());
    world.happens(UserId(1000), FeedEvent::CutAll);
    assert!(world.guard.finish(unharmed, &world.held, &world.source).await.is_ok(), "somebody else's");
    world.happens(ConnectionId(5), FeedEvent::CutAll);
    let denied = world.guard.finish(cut, &world.held, &world.source).await.unwrap_err();
    assert_eq!(denied.reason, Reason::TokenInvalid);
}
