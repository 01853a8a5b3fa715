//! Renewing: before expiry, after a 401, by many at once, through lost answers and dead processes.

use std::sync::Arc;

use causeway_protocol::Reason;
use causeway_vault::{LifeFrom, Status};
use rusqlite::Connection as Db;

use super::fake::Fault;
use super::world::{World, connect, connect_at, leads};

#[tokio::test]
async fn core_21_refresh_comes_before_the_access_token_ends() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    let renews = vault.tokens(id).await.unwrap().unwrap().renews.unwrap();
    let connection = vault.connection(id).await.unwrap();
    let ahead = connection.access_ends.unwrap().since(renews).0;
    assert!((300..=360).contains(&ahead), "five minutes ahead, and a jitter: {ahead}");
    world.clock.advance((renews.since(vault.now()).0 - 1) as u64);
    vault.call(id, &leads()).await.unwrap();
    assert_eq!(world.fake.refreshes().len(), 0, "not yet");
    world.clock.advance(1);
    vault.call(id, &leads()).await.unwrap();
    assert_eq!(world.fake.refreshes().len(), 1);
    assert_eq!(world.fake.seen("/leads").last().unwrap().headers["authorization"], "Bearer ts_at_access-number-0002");
    vault.call(id, &leads()).await.unwrap();
    assert_eq!(world.fake.refreshes().len(), 1, "once");
}

#[tokio::test]
async fn core_21_fifty_callers_make_one_refresh() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.clock.advance(7200);
    let callers = (0..50).map(|_| {
        let vault = vault.clone();
        tokio::spawn(async move { vault.call(id, &leads()).await.map(|reply| reply.status) })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap().unwrap(), 200);
    }
    assert_eq!(world.fake.refreshes().len(), 1);
    let dead = "Bearer ts_at_access-number-0001";
    assert!(
        world.fake.seen("/leads").iter().all(|call| call.headers["authorization"] != dead),
        "no dead token goes out"
    );
}

#[tokio::test]
async fn pv_02_fifty_workers_in_two_processes_make_one_refresh() {
    let world = World::new().await;
    let vaults = [world.vault(), world.vault()];
    let id = connect(&vaults[0]).await.id;
    world.clock.advance(7200);
    let workers = (0..50).map(|n| {
        let vault = vaults[n % 2].clone();
        tokio::spawn(async move { vault.call(id, &leads()).await.map(|reply| reply.status) })
    });
    for worker in workers.collect::<Vec<_>>() {
        assert_eq!(worker.await.unwrap().unwrap(), 200);
    }
    assert_eq!(world.fake.refreshes().len(), 1);
}

#[tokio::test]
async fn core_21_a_401_brings_one_refresh_and_one_repeat() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.fake.say("/leads", 401, r#"{"error":"invalid_token"}"#);
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
    assert_eq!((world.fake.refreshes().len(), world.fake.seen("/leads").len()), (1, 2));
    assert_eq!(world.fake.refreshes()[0].form["refresh_token"], "ts_rt_refresh-number-0001");
}

#[tokio::test]
async fn core_21_the_new_pair_is_on_disk_before_it_is_used() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    let before = world.fake.seen("/leads").len();
    world.clock.advance(7200);
    // While the platform answers, somebody holds the file: the pair arrives and cannot be stored.
    let (arrived, go) = (Arc::default(), Arc::default());
    world.fake.fault("/token", Fault::Wait(Arc::clone(&arrived), Arc::clone(&go)));
    let caller = {
        let vault = vault.clone();
        tokio::spawn(async move { vault.call(id, &leads()).await })
    };
    arrived.notified().await;
    let other = Db::open(world.directory.join("vault.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    go.notify_one();
    assert_eq!(caller.await.unwrap().unwrap_err().reason, Reason::StoreFailed);
    assert_eq!(world.fake.pairs_issued(), 2, "the platform had moved on");
    assert_eq!(world.fake.seen("/leads").len(), before, "and the new token was not used");
    // The process dies there. The next one asks for the same pair, and gets it.
    other.execute_batch("ROLLBACK").unwrap();
    drop(vault);
    let vault = world.vault();
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
    let sent = world.fake.refreshes();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].headers["idempotency-key"], sent[1].headers["idempotency-key"]);
    assert_eq!(sent[0].form["refresh_token"], sent[1].form["refresh_token"]);
    assert_eq!(world.fake.pairs_issued(), 2, "one successor");
}

#[tokio::test]
async fn r_01_a_lost_answer_is_asked_for_again_under_the_same_key() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.fake.fault("/token", Fault::LoseReply);
    world.fake.fault("/token", Fault::LoseReply);
    let connection = vault.refresh_now(id).await.unwrap();
    assert_eq!((connection.status, connection.generation), (Status::Connected, 2));
    let sent = world.fake.refreshes();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|each| each.headers["idempotency-key"] == sent[0].headers["idempotency-key"]));
    assert_eq!(world.fake.pairs_issued(), 2);
    vault.refresh_now(id).await.unwrap();
    let next = world.fake.refreshes().pop().unwrap();
    assert_ne!(next.headers["idempotency-key"], sent[0].headers["idempotency-key"], "another refresh has another key");
}

#[tokio::test]
async fn r_01_a_process_that_died_before_the_answer_strands_nobody() {
    let world = World::new().await;
    let mut vault = world.vault();
    let id = connect(&vault).await.id;
    for round in 0..5 {
        world.clock.advance(7200);
        for _ in 0..world.limits.tries {
            world.fake.fault("/token", Fault::LoseReply);
        }
        let refusal = vault.call(id, &leads()).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::PlatformUnreachable);
        drop(vault);
        vault = world.vault();
        assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200, "round {round}");
        assert_eq!(world.fake.pairs_issued(), round + 2);
    }
}

#[tokio::test]
async fn core_22_invalid_grant_means_reconnect_and_nothing_is_tried_again() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.fake.revoke_everything();
    let refusal = vault.call(id, &leads()).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::ReconnectNeeded);
    assert_eq!(world.fake.refreshes().len(), 1, "ts_16: exactly one refresh attempt");
    let expected = Status::ReconnectNeeded { reason: "The authorization was revoked.".to_owned(), at: vault.now() };
    assert_eq!(vault.connection(id).await.unwrap().status, expected);
    let sent = world.fake.seen("").len();
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, Reason::ReconnectNeeded);
    assert_eq!(vault.renew_due().await.unwrap(), 0);
    assert_eq!(world.fake.seen("").len(), sent, "nothing more is sent");
    assert!(
        vault.begin("tripleseat", "main", "s").await.unwrap().contains("/oauth2/authorize?"),
        "the link is offered"
    );
}

/// What it is, how to make it, and what the caller is told.
type Trouble = (&'static str, fn() -> Fault, Reason);

fn say(status: u16, body: &str) -> Fault {
    Fault::Say(status, Vec::new(), body.to_owned())
}

#[tokio::test]
async fn core_22_pv_04_trouble_at_the_platform_ends_no_connection() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.clock.advance(7200);
    let troubles: [Trouble; 10] = [
        ("500", || say(500, ""), Reason::PlatformUnreachable),
        ("a 503 that says invalid_grant", || say(503, r#"{"error":"invalid_grant"}"#), Reason::PlatformUnreachable),
        ("429", || say(429, ""), Reason::PlatformUnreachable),
        ("HTML", || say(200, "<html>"), Reason::PlatformUnreachable),
        ("a 404 page", || say(404, "<html>"), Reason::PlatformUnreachable),
        ("a redirect", || say(302, ""), Reason::PlatformUnreachable),
        ("an empty answer", || say(200, ""), Reason::PlatformUnreachable),
        ("a lost answer", || Fault::LoseReply, Reason::PlatformUnreachable),
        ("no answer", || Fault::Hang, Reason::PlatformUnreachable),
        ("our own mistake", || say(401, r#"{"error":"invalid_client"}"#), Reason::RefreshRefused),
    ];
    for (what, fault, reason) in troubles {
        for _ in 0..world.limits.tries {
            world.fake.fault("/token", fault());
        }
        let sent = world.fake.refreshes().len();
        let silent = matches!(fault(), Fault::Hang);
        let caller = if silent { world.impatient() } else { vault.clone() };
        assert_eq!(caller.call(id, &leads()).await.unwrap_err().reason, reason, "{what}");
        assert_eq!(vault.connection(id).await.unwrap().status, Status::Connected, "{what}");
        let tries = world.fake.refreshes().len() - sent;
        let bound = if reason == Reason::RefreshRefused { 1 } else { 3 };
        // Whoever waits for nobody may have given up before a try arrived.
        assert!(tries == bound || silent && tries < bound, "{what}: bounded, not {tries}");
        world.fake.is_well();
    }
    for _ in 0..2 {
        world.fake.say("/token", 401, r#"{"error":"invalid_client"}"#);
    }
    for _ in 0..2 {
        assert_eq!(
            vault.refresh_now(id).await.unwrap_err().reason,
            Reason::RefreshRefused,
            "the rest of the last kind"
        );
    }
    // Some of the lost tries were done: their answer is found by their key, even after another refusal.
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200, "and afterwards it works");
}

#[tokio::test]
async fn pv_03_an_early_refresh_that_fails_is_no_harm_and_no_loop() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    world.clock.advance(7000);
    world.fake.say("/token", 500, "");
    for _ in 0..5 {
        assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
    }
    assert_eq!(world.fake.refreshes().len(), 1, "one try, then a rest");
    world.clock.advance(31);
    vault.call(id, &leads()).await.unwrap();
    assert_eq!((world.fake.refreshes().len(), world.fake.pairs_issued()), (2, 2));
}

#[tokio::test]
async fn pv_03_tokens_of_a_few_seconds_make_no_refresh_loop() {
    let world = World::new().await;
    world.fake.tokens_live(Some(60));
    let vault = world.vault();
    let id = connect(&vault).await.id;
    for _ in 0..10 {
        vault.call(id, &leads()).await.unwrap();
    }
    assert_eq!(world.fake.refreshes().len(), 0);
    world.clock.advance(31);
    vault.call(id, &leads()).await.unwrap();
    assert_eq!(world.fake.refreshes().len(), 1);
    world.fake.tokens_live(Some(0));
    world.clock.advance(60);
    vault.call(id, &leads()).await.unwrap();
    assert_eq!(world.fake.refreshes().len(), 2, "a token that is dead on arrival is used once, not renewed for ever");
}

#[tokio::test]
async fn core_25_a_reply_without_a_life_has_the_profiles_default() {
    let world = World::new().await;
    world.fake.tokens_live(None);
    let vault = world.vault();
    let connection = connect(&vault).await;
    let default = vault.platform("tripleseat").unwrap().profile.partner.default_access_life;
    assert_eq!(connection.access_ends.map(|end| end.since(connection.obtained)), default);
    assert_eq!(connection.life_from, LifeFrom::Profile);
}

#[tokio::test]
async fn a_person_may_find_out_whether_an_ended_connection_lives_again() {
    let world = World::new().await;
    let vault = world.vault();
    let id = connect(&vault).await.id;
    let off = r#"{"error":"invalid_grant","error_description":"switched off"}"#;
    world.fake.say("/token", 400, off);
    assert_eq!(vault.refresh_now(id).await.unwrap_err().reason, Reason::ReconnectNeeded);
    world.fake.say("/token", 400, off);
    assert_eq!(vault.refresh_now(id).await.unwrap_err().reason, Reason::ReconnectNeeded);
    assert_eq!(vault.refresh_now(id).await.unwrap().status, Status::Connected);
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_is_due_is_renewed_without_a_call() {
    let world = World::new().await;
    let vault = world.vault();
    connect(&vault).await;
    assert_eq!(vault.renew_due().await.unwrap(), 0);
    world.clock.advance(7000);
    assert_eq!(vault.renew_due().await.unwrap(), 1);
    assert_eq!(vault.renew_due().await.unwrap(), 0);
}

#[tokio::test]
async fn core_21_connections_beyond_the_first_page_are_renewed_as_well() {
    let world = World::new().await;
    let vault = world.vault();
    let most = causeway_vault::PAGE as usize;
    for n in 0..most + 3 {
        connect_at(&vault, "tripleseat", &format!("account-{n}")).await.unwrap();
    }
    assert_eq!(vault.connections().await.unwrap().len(), most);
    world.clock.advance(7000);
    // The fake knows one grant only: that every one was asked about is what counts.
    vault.renew_due().await.unwrap();
    assert_eq!(world.fake.refreshes().len(), most + 3);
}
