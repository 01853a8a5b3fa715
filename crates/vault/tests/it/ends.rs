//! The end of a grant that is known beforehand, how a refresh moves it, and a vault of an earlier version.

use causeway_protocol::Reason;
use causeway_protocol::time::Seconds;
use causeway_vault::{LifeFrom, Limits, MasterKeys, Status, Vault};
use rusqlite::Connection as Db;
use std::sync::Arc;

use super::world::{KEY, Seeded, World, connect, leads};

const DAY: u64 = 86_400;

/// A platform whose refresh tokens live thirty days.
fn thirty_days(world: &World, slides: bool) -> Vault {
    let mut platform = world.platform();
    platform.profile.partner.refresh_life = Some(Seconds(30 * 86_400));
    platform.profile.partner.refresh_slides = slides;
    world.vault_of(platform)
}

#[tokio::test]
async fn ote_13_the_thirtieth_day_is_known_and_warned_of_and_nothing_useless_is_sent() {
    let world = World::new().await;
    let vault = thirty_days(&world, false);
    let first = connect(&vault).await;
    let ends = first.refresh_ends.unwrap();
    assert_eq!((ends.since(first.obtained).0, ends.since(first.warns_at.unwrap()).0), (30 * 86_400, 3 * 86_400));
    for _ in 0..27 {
        assert!(!vault.connection(first.id).await.unwrap().ends_soon(vault.now()));
        world.clock.advance(DAY);
        assert_eq!(vault.renew_due().await.unwrap(), 1, "it lives on meanwhile");
    }
    let late = vault.connection(first.id).await.unwrap();
    assert_eq!(late.refresh_ends, Some(ends), "no refresh moved it");
    assert!(late.ends_soon(vault.now()) && late.status == Status::Connected);

    world.clock.advance(3 * DAY - 10);
    assert_eq!(vault.call(first.id, &leads()).await.unwrap().status, 200);
    world.clock.advance(20);
    assert_eq!(vault.call(first.id, &leads()).await.unwrap().status, 200, "the last access token lives still");
    let sent = world.fake.refreshes().len();
    assert_eq!(vault.renew_due().await.unwrap(), 0);
    assert_eq!(vault.connection(first.id).await.unwrap().status, Status::Connected);
    world.clock.advance(7_200);
    assert_eq!(vault.renew_due().await.unwrap(), 0);
    assert!(matches!(vault.connection(first.id).await.unwrap().status, Status::ReconnectNeeded { .. }));
    assert_eq!(vault.call(first.id, &leads()).await.unwrap_err().reason, Reason::ReconnectNeeded);
    assert_eq!(world.fake.refreshes().len(), sent, "the platform was not asked");

    // A person may ask all the same: clocks can be wrong.
    assert_eq!(vault.refresh_now(first.id).await.unwrap().status, Status::Connected);
    let again = connect(&vault).await;
    assert_eq!((again.id, again.refresh_ends.unwrap().since(again.obtained).0), (first.id, 30 * 86_400));
}

#[tokio::test]
async fn ote_13_without_a_call_in_between_the_first_call_afterwards_asks_nobody() {
    let world = World::new().await;
    let vault = thirty_days(&world, false);
    let id = connect(&vault).await.id;
    world.clock.advance(31 * DAY);
    let sent = world.fake.seen("").len();
    assert_eq!(vault.call(id, &leads()).await.unwrap_err().reason, Reason::ReconnectNeeded);
    assert_eq!(world.fake.seen("").len(), sent);
}

#[tokio::test]
async fn ote_13_a_short_life_warns_in_its_second_half() {
    let world = World::new().await;
    let mut platform = world.platform();
    platform.profile.partner.refresh_life = Some(Seconds(86_400));
    let vault = world.vault_of(platform);
    let connection = connect(&vault).await;
    assert!(!connection.ends_soon(vault.now()));
    assert_eq!(connection.warns_at.unwrap().since(connection.obtained).0, 43_200);
}

#[tokio::test]
async fn orc_16_each_rotation_is_stored_and_moves_the_thirty_days() {
    let world = World::new().await;
    let vault = thirty_days(&world, true);
    let id = connect(&vault).await.id;
    for round in 0..20 {
        world.clock.advance(10 * DAY);
        let mut seen = vault.tokens(id).await.unwrap().unwrap().refresh;
        assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200, "round {round}");
        std::mem::swap(&mut seen, &mut vault.tokens(id).await.unwrap().unwrap().refresh);
        let now = vault.connection(id).await.unwrap();
        assert_eq!(now.refresh_ends.unwrap().since(now.obtained).0, 30 * 86_400);
        assert!(!now.ends_soon(vault.now()));
    }
    let sent: Vec<String> = world.fake.refreshes().iter().map(|sent| sent.form["refresh_token"].clone()).collect();
    let expected: Vec<String> = (1..=20).map(|number| format!("ts_rt_refresh-number-{number:04}")).collect();
    assert_eq!(sent, expected, "200 days, each refresh token once");
}

#[tokio::test]
async fn a_reply_that_says_when_the_refresh_token_ends_is_believed() {
    let world = World::new().await;
    let vault = thirty_days(&world, false);
    let id = connect(&vault).await.id;
    world.fake.say("/token", 200, r#"{"access_token":"a","refresh_token":"r","refresh_token_expires_in":1000}"#);
    let now = vault.refresh_now(id).await.unwrap();
    assert_eq!(now.refresh_ends.unwrap().since(now.obtained).0, 1000);
}

#[tokio::test]
async fn what_nobody_says_survives_a_restart() {
    let world = World::new().await;
    let mut platform = world.platform();
    platform.profile.partner.default_access_life = None;
    let vault = world.vault_of(platform.clone());
    world.fake.tokens_live(None);
    let id = connect(&vault).await.id;
    drop(vault);
    let vault = world.vault_of(platform);
    let kept = vault.connection(id).await.unwrap();
    assert_eq!((kept.access_ends, kept.life_from), (None, LifeFrom::Nobody));
    world.clock.advance(400 * DAY);
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
    assert_eq!(world.fake.refreshes().len(), 0);
    world.fake.say("/leads", 401, "");
    assert_eq!(vault.call(id, &leads()).await.unwrap().status, 200);
    assert_eq!(world.fake.refreshes().len(), 1, "only a 401 tells");
}

fn version(world: &World) -> (Db, i64) {
    let db = Db::open(world.directory.join("vault.db")).unwrap();
    let version = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    (db, version)
}

#[tokio::test]
async fn a_vault_of_version_1_is_brought_up_and_loses_nothing() {
    let world = World::new().await;
    let vault = world.vault();
    let before = connect(&vault).await;
    drop(vault);
    let (db, newest) = version(&world);
    let tables = |db: &Db| -> Vec<String> {
        let mut rows = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let expected = tables(&db);
    db.execute_batch("ALTER TABLE connections DROP COLUMN life_from; DROP TABLE pairs; PRAGMA user_version = 1")
        .unwrap();
    drop(db);
    let vault = world.vault();
    assert_eq!(vault.connections().await.unwrap(), std::slice::from_ref(&before));
    assert_eq!(vault.call(before.id, &leads()).await.unwrap().status, 200);
    assert_eq!(vault.refresh_now(before.id).await.unwrap().status, Status::Connected);
    drop(vault);
    let (db, now) = version(&world);
    assert_eq!((now, tables(&db)), (newest, expected), "as if it had been made today");

    db.execute_batch(&format!("PRAGMA user_version = {}", newest + 1)).unwrap();
    let keys = MasterKeys::parse(KEY).unwrap();
    let entropy = Arc::new(Seeded::new(77));
    let clock = world.clock.clone();
    let problems =
        Vault::open(&world.directory, keys, vec![world.platform()], Limits::default(), clock, entropy).unwrap_err();
    assert!(problems[0].contains("made by a newer program"), "{problems:?}");
}
