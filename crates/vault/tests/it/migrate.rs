//! The migration: every pair once, whatever is lost, refused or killed in between.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use causeway_protocol::oauth1::SignatureMethod;
use causeway_protocol::profile::{self, ClientAuthStyle, OAuth1Rules};
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, UnixTime};
use causeway_vault::clock::System;
use causeway_vault::migrate::{Campaign, Counts, Ended, Imported, Options, PairLine, PairState};
use causeway_vault::{ApiRequest, Limits, MasterKeys, Platform, Status, Vault};
use rusqlite::Connection as Db;

use super::provider::{CLIENT_SECRET, Fault, Provider};
use super::world::{KEY, TestClock, World, platform};

/// A platform that still takes 1.0 and exchanges its pairs.
pub(crate) fn legacy_platform(base: &str) -> Platform {
    let mut platform = platform(base);
    platform.profile.oauth1 = Some(OAuth1Rules {
        request_token: "/oauth/request_token".to_owned(),
        authorize: "/oauth/authorize".to_owned(),
        access_token: "/oauth/access_token".to_owned(),
        methods: vec![SignatureMethod::HmacSha1],
        without_verifier: true,
        window: Seconds(300),
        scopes: Vec::new(),
        deprecated_at: None,
        ends_at: None,
        brown_outs: Vec::new(),
        guide: None,
        exchange: true,
        exchange_ends_at: None,
    });
    platform
}

pub(crate) struct Move {
    pub(crate) world: World,
    pub(crate) provider: Provider,
}

impl Move {
    pub(crate) async fn of(count: usize) -> Self {
        Self { world: World::new().await, provider: Provider::start(count).await }
    }

    pub(crate) fn vault(&self) -> Vault {
        self.world.vault_of(legacy_platform(&self.provider.base))
    }
}

pub(crate) fn campaign(vault: &Vault) -> Campaign {
    vault.campaign("tripleseat").unwrap()
}

/// Takes a good list in.
pub(crate) async fn import(vault: &Vault, list: &str) -> Imported {
    campaign(vault).import(list.as_bytes(), |bad| panic!("{bad}")).await.unwrap()
}

pub(crate) async fn run(vault: &Vault, options: Options) -> Ended {
    campaign(vault).start(options).await.unwrap();
    campaign(vault).wait().await.unwrap()
}

async fn counts(vault: &Vault) -> Counts {
    campaign(vault).progress().await.unwrap().counts
}

async fn lines(vault: &Vault) -> Vec<PairLine> {
    campaign(vault).report(0, 10_000).await.unwrap()
}

/// Every pair has one family at the platform, one connection here, and its tokens work for its own customer.
async fn all_is_well(vault: &Vault, provider: &Provider) {
    let lines = lines(vault).await;
    let mut connections: Vec<i64> = lines.iter().filter_map(|line| line.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!(connections.len(), provider.consumers().len(), "one connection for each");
    assert_eq!(vault.connections().await.unwrap().len(), connections.len());
    for line in lines {
        assert!(line.state == PairState::Done && line.connected, "{line:?}");
        let reply = vault.call(line.connection.unwrap(), &ApiRequest::get("/locations")).await.unwrap();
        let expected = format!(r#"{{"customer":"{}"}}"#, line.consumer_key);
        assert_eq!((reply.status, reply.body.as_ref()), (200, expected.as_bytes()), "{line:?}");
    }
    for (key, consumer) in provider.consumers() {
        assert!(consumer.exchanges >= 1, "{key}: {consumer:?}");
    }
}

#[tokio::test]
async fn tsm_21_each_pair_is_exchanged_once_and_its_tokens_are_stored() {
    let at = Move::of(25).await;
    let vault = at.vault();
    let imported = import(&vault, &at.provider.list()).await;
    assert_eq!(imported, Imported { lines: 25, taken: 25, known: 0, bad: 0 });
    assert_eq!(counts(&vault).await, Counts { done: 0, refused: 0, pending: 25 });
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(counts(&vault).await, Counts { done: 25, refused: 0, pending: 0 });
    assert!(at.provider.consumers().values().all(|consumer| consumer.asked == 1));
    all_is_well(&vault, &at.provider).await;
    let connection = &vault.connections().await.unwrap()[0];
    assert_eq!((connection.scope.as_str(), &connection.status), ("read write", &Status::Connected));
    // Again, with the same list, in another process: nothing is asked for.
    drop(vault);
    let vault = at.vault();
    let again = import(&vault, &at.provider.list()).await;
    assert_eq!(again, Imported { lines: 25, taken: 0, known: 25, bad: 0 });
    assert_eq!(run(&vault, Options { retry_refused: true, ..Options::default() }).await, Ended::Finished);
    assert_eq!(at.provider.asked(), 25);
    let progress = campaign(&vault).progress().await.unwrap();
    assert_eq!((progress.running, progress.ended), (false, Some(Ended::Finished)));
    let sent = &at.provider.bodies()[0].0;
    assert!(sent.starts_with("grant_type=oauth1_exchange&consumer_key=key-"), "{sent}");
    assert!(
        sent.contains("consumer_secret=secret-") && sent.contains("%2B%2F%26%C3%A9&client_id=acme-booking"),
        "{sent}"
    );
}

#[tokio::test]
async fn tsm_21_the_app_may_prove_itself_by_basic() {
    let at = Move::of(1).await;
    let mut platform = legacy_platform(&at.provider.base);
    platform.profile.partner.client_auth = ClientAuthStyle::Basic;
    let vault = at.world.vault_of(platform);
    import(&vault, &at.provider.list()).await;
    // This provider reads the body only; what was sent is what counts.
    assert!(matches!(run(&vault, Options::default()).await, Ended::Halted(_)));
    let (body, header) = at.provider.bodies().remove(0);
    assert!(header.unwrap().starts_with("Basic ") && body.contains("consumer_secret") && !body.contains("client_"));
}

#[tokio::test]
async fn tsm_21_lost_replies_and_errors_are_healed_by_asking_again() {
    let at = Move::of(200).await;
    at.provider.faults(10);
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(counts(&vault).await, Counts { done: 200, refused: 0, pending: 0 });
    assert!(at.provider.lost() > 5, "{}", at.provider.lost());
    all_is_well(&vault, &at.provider).await;
    let lines = lines(&vault).await;
    let sum = |of: fn(&PairLine) -> u64| lines.iter().map(of).sum::<u64>();
    assert_eq!(sum(|line| line.asked), u64::from(at.provider.asked()), "each request is in the journal");
    assert!(sum(|line| line.unanswered) >= u64::from(at.provider.lost()));
    assert!(at.world.clock.seconds_paused().iter().all(|pause| *pause <= 1.0), "short looks only");
}

#[tokio::test]
async fn tsm_21_a_refusal_is_kept_in_the_platforms_words_and_not_asked_again_by_itself() {
    let at = Move::of(3).await;
    let vault = at.vault();
    let list = at.provider.list().replace("secret-2", "wrong-2");
    import(&vault, &list).await;
    let private = r#"{"error":"unauthorized_client","error_description":"This app is private."}"#;
    at.provider.fault("key-3", Fault::Say(400, None, private));
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(counts(&vault).await, Counts { done: 1, refused: 2, pending: 0 });
    let why: Vec<String> = lines(&vault).await.into_iter().map(|line| line.why).collect();
    assert_eq!(why[1], "invalid_grant: C-530: The consumer key and secret are not an active OAuth 1.0 pair.");
    assert_eq!(why[2], "unauthorized_client: This app is private.");
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(at.provider.asked(), 3, "not by itself");
    // Somebody asks for it: the one that is right by now is done, the other refused again.
    assert_eq!(run(&vault, Options { retry_refused: true, ..Options::default() }).await, Ended::Finished);
    assert_eq!((counts(&vault).await, at.provider.asked()), (Counts { done: 2, refused: 1, pending: 0 }, 5));
    // The list with the right secret: asked for without being told to.
    let imported = import(&vault, &at.provider.list()).await;
    assert_eq!((imported.taken, imported.known), (1, 2));
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    all_is_well(&vault, &at.provider).await;
}

#[tokio::test]
async fn tsm_21_a_pair_that_somebody_else_exchanged_is_a_refusal_with_advice() {
    let at = Move::of(1).await;
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    let id = lines(&vault).await[0].connection.unwrap();
    vault.refresh_now(id).await.unwrap();
    // Another vault, of the same partner, that does not hold it.
    let elsewhere = World::new().await;
    let other = elsewhere.vault_of(legacy_platform(&at.provider.base));
    import(&other, &at.provider.list()).await;
    assert_eq!(run(&other, Options::default()).await, Ended::Finished);
    let line = lines(&other).await.remove(0);
    assert_eq!(line.state, PairState::Refused);
    assert!(line.why.contains("C-531"), "{}", line.why);
    // The one that holds it does not even ask.
    assert_eq!(run(&vault, Options { retry_refused: true, ..Options::default() }).await, Ended::Finished);
    assert_eq!(at.provider.asked(), 2);
    all_is_well(&vault, &at.provider).await;
}

#[tokio::test]
async fn tsm_21_what_is_wrong_with_the_app_is_blamed_on_no_pair() {
    let at = Move::of(30).await;
    let mut platform = legacy_platform(&at.provider.base);
    platform.client_secret = Some(Secret::new("an old one"));
    let vault = at.world.vault_of(platform);
    import(&vault, &at.provider.list()).await;
    let Ended::Halted(why) = run(&vault, Options::default()).await else { panic!("it must not go on") };
    assert!(why.contains("invalid_client"), "{why}");
    assert!(at.provider.asked() <= 4, "at most what was under way: {}", at.provider.asked());
    assert_eq!(counts(&vault).await, Counts { done: 0, refused: 0, pending: 30 });
    drop(vault);
    let vault = at.vault();
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    all_is_well(&vault, &at.provider).await;
}

#[tokio::test]
async fn tsm_21_everybody_waits_when_the_platform_asks_for_fewer_requests() {
    let at = Move::of(8).await;
    at.provider.fault("key-1", Fault::Say(429, Some(17), ""));
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    let before = vault.now();
    assert_eq!(run(&vault, Options { concurrency: 1, ..Options::default() }).await, Ended::Finished);
    assert!(vault.now().since(before).0 >= 17, "{:?}", vault.now().since(before));
    assert_eq!(counts(&vault).await.done, 8);
    // A wait that is too long is not waited out.
    at.provider.consumer("key-9", "secret-9", None);
    at.provider.fault("key-9", Fault::Say(503, Some(3600), ""));
    import(&vault, &at.provider.list()).await;
    let before = vault.now();
    let Ended::Halted(why) = run(&vault, Options::default()).await else { panic!("an hour is too long") };
    assert!(why.contains("1 hour"), "{why}");
    assert!(vault.now().since(before).0 < 120);
    assert_eq!(counts(&vault).await, Counts { done: 8, refused: 0, pending: 1 });
}

#[tokio::test]
async fn tsm_21_a_platform_that_is_down_ends_the_run_and_loses_nothing() {
    let at = Move::of(50).await;
    for _ in 0..40 {
        at.provider.fault("", Fault::Say(502, None, "<html>"));
    }
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    let Ended::Halted(why) = run(&vault, Options::default()).await else { panic!("it is down") };
    assert!(why.contains("502"), "{why}");
    let asked = at.provider.asked();
    assert!((30..40).contains(&asked), "{asked}");
    assert_eq!(counts(&vault).await, Counts { done: 0, refused: 0, pending: 50 });
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    all_is_well(&vault, &at.provider).await;
}

#[tokio::test]
async fn tsm_21_one_pair_that_never_gets_an_answer_does_not_hold_up_the_others() {
    let at = Move::of(5).await;
    for _ in 0..10 {
        at.provider.fault("key-2", Fault::Say(500, None, ""));
    }
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(counts(&vault).await, Counts { done: 4, refused: 0, pending: 1 });
    let line = lines(&vault).await.into_iter().find(|line| line.consumer_key == "key-2").unwrap();
    assert_eq!((line.state, line.asked, line.unanswered), (PairState::Retry, 10, 0));
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(counts(&vault).await.done, 5);
}

#[tokio::test]
async fn tsm_21_a_stop_stores_what_is_under_way() {
    let at = Move::of(20).await;
    let (arrived, go): (Arc<tokio::sync::Notify>, Arc<tokio::sync::Notify>) = (Arc::default(), Arc::default());
    at.provider.fault("key-1", Fault::Wait(Arc::clone(&arrived), Arc::clone(&go)));
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    let migration = campaign(&vault);
    migration.start(Options { concurrency: 1, ..Options::default() }).await.unwrap();
    arrived.notified().await;
    assert!(migration.progress().await.unwrap().running);
    let mut stopping = Box::pin(migration.stop());
    let asked = stopping.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(asked.is_pending(), "it waits for what is under way");
    go.notify_one();
    assert_eq!(stopping.await, Some(Ended::Stopped));
    let counts = counts(&vault).await;
    assert_eq!((counts.done, counts.pending), (1, 19));
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    all_is_well(&vault, &at.provider).await;
}

#[tokio::test]
async fn tsm_21_one_run_at_a_time_in_whatever_process() {
    let at = Move::of(3).await;
    let (arrived, go): (Arc<tokio::sync::Notify>, Arc<tokio::sync::Notify>) = (Arc::default(), Arc::default());
    at.provider.fault("", Fault::Wait(Arc::clone(&arrived), Arc::clone(&go)));
    let (vault, other) = (at.vault(), at.vault());
    import(&vault, &at.provider.list()).await;
    campaign(&vault).start(Options::default()).await.unwrap();
    arrived.notified().await;
    for second in [&vault, &other] {
        let refusal = campaign(second).start(Options::default()).await.unwrap_err();
        assert_eq!(refusal.reason, Reason::CampaignRuns);
    }
    go.notify_one();
    assert_eq!(campaign(&vault).wait().await, Some(Ended::Finished));
    assert_eq!(run(&other, Options::default()).await, Ended::Finished);
    assert_eq!(at.provider.asked(), 3);
}

#[tokio::test]
async fn tsm_21_an_answer_to_an_older_secret_does_not_count() {
    let at = Move::of(1).await;
    let (arrived, go): (Arc<tokio::sync::Notify>, Arc<tokio::sync::Notify>) = (Arc::default(), Arc::default());
    at.provider.fault("key-1", Fault::Wait(Arc::clone(&arrived), Arc::clone(&go)));
    let vault = at.vault();
    import(&vault, &at.provider.list().replace("secret-1", "wrong-1")).await;
    campaign(&vault).start(Options::default()).await.unwrap();
    arrived.notified().await;
    // While the wrong one is asked for, somebody brings the right one.
    assert_eq!(import(&vault, &at.provider.list()).await.taken, 1);
    go.notify_one();
    assert_eq!(campaign(&vault).wait().await, Some(Ended::Finished));
    assert_eq!(counts(&vault).await, Counts { done: 1, refused: 0, pending: 0 });
    all_is_well(&vault, &at.provider).await;
}

#[tokio::test]
async fn tsm_21_an_account_that_was_connected_meanwhile_is_done_without_asking() {
    let at = Move::of(1).await;
    let vault = at.vault();
    let list = at.provider.list().replace("account-of-key-1", "main");
    import(&vault, &list).await;
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    let id = lines(&vault).await[0].connection.unwrap();
    // The journal is lost; the connection is not.
    drop(vault);
    let db = Db::open(at.world.directory.join("vault.db")).unwrap();
    db.execute("UPDATE pairs SET state = 0, connection = NULL", []).unwrap();
    drop(db);
    let vault = at.vault();
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    let line = lines(&vault).await.remove(0);
    assert_eq!((line.state, line.connection, at.provider.asked()), (PairState::Done, Some(id), 1));
    assert!(line.why.contains("connected already"), "{}", line.why);
}

#[tokio::test]
async fn tsm_21_one_account_one_pair() {
    let at = Move::of(2).await;
    let vault = at.vault();
    let mut bad = Vec::new();
    let list =
        "account,consumer_key,consumer_secret\na,key-1,secret-1+/&é\nb,key-1,x\na,key-3,x\nc,key-2,secret-2+/&é\n";
    let imported = campaign(&vault).import(list.as_bytes(), |line| bad.push(line.to_string())).await.unwrap();
    assert_eq!(imported, Imported { lines: 4, taken: 2, known: 0, bad: 2 });
    assert_eq!(
        bad,
        [
            "line 3: this consumer key belongs to the account a already",
            "line 4: this account stands in the file already"
        ]
    );
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    bad.clear();
    let other = "account,consumer_key,consumer_secret\na,key-9,y\nd,key-1,y\n";
    let imported = campaign(&vault).import(other.as_bytes(), |line| bad.push(line.to_string())).await.unwrap();
    assert_eq!(imported.bad, 2);
    assert!(bad[0].contains("migrated already, with another consumer key"), "{bad:?}");
    assert_eq!(counts(&vault).await, Counts { done: 2, refused: 0, pending: 0 });
}

#[tokio::test]
async fn tsm_21_where_nothing_is_exchanged_there_is_no_campaign() {
    let world = World::new().await;
    for exchange in [None, Some(false)] {
        let mut platform = legacy_platform("http://127.0.0.1:1");
        match exchange {
            Some(exchange) => platform.profile.oauth1.as_mut().unwrap().exchange = exchange,
            None => platform.profile.oauth1 = None,
        }
        assert_eq!(world.vault_of(platform).campaign("tripleseat").unwrap_err().reason, Reason::NoLegacyHere);
    }
    assert_eq!(world.vault().campaign("nowhere").unwrap_err().reason, Reason::NoLegacyHere);
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn envelopes(at: &Move) -> Vec<Vec<u8>> {
    let db = Db::open(at.world.directory.join("vault.db")).unwrap();
    let mut statement = db.prepare("SELECT consumer_secret FROM pairs WHERE consumer_secret IS NOT NULL").unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn tsm_23_secrets_are_erased_when_they_are_not_needed_any_more() {
    let at = Move::of(4).await;
    let vault = at.vault();
    let list = at.provider.list().replace("secret-4", "wrong-4");
    import(&vault, &list).await;
    let sealed = envelopes(&at);
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert!(lines(&vault).await.iter().all(|line| line.secret_kept), "not unless somebody wishes it");
    // One of them, then all; what is not done keeps its secret.
    assert_eq!(campaign(&vault).erase(Some("account-of-key-1")).await.unwrap(), 1);
    assert_eq!(campaign(&vault).erase(Some("account-of-key-4")).await.unwrap(), 0);
    assert_eq!(campaign(&vault).erase(None).await.unwrap(), 2);
    let kept: Vec<bool> = lines(&vault).await.iter().map(|line| line.secret_kept).collect();
    assert_eq!(kept, [false, false, false, true]);
    let bytes = at.world.store_bytes();
    let left: Vec<bool> = sealed.iter().map(|envelope| contains(&bytes, &envelope[60..])).collect();
    assert_eq!(left, [false, false, false, true], "not in any file");
    // The list again does not bring them back, and nothing is asked for again.
    assert_eq!(import(&vault, &list).await.known, 4);
    assert_eq!(envelopes(&at).len(), 1);
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(at.provider.asked(), 4);
    assert_eq!(
        vault.call_account("tripleseat", "account-of-key-1", &ApiRequest::get("/x")).await.unwrap().reply.status,
        200
    );
}

#[tokio::test]
async fn tsm_23_a_run_can_erase_each_as_it_is_done() {
    let at = Move::of(3).await;
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    let sealed = envelopes(&at);
    assert_eq!(run(&vault, Options { erase: true, ..Options::default() }).await, Ended::Finished);
    let bytes = at.world.store_bytes();
    assert!(sealed.iter().all(|envelope| !contains(&bytes, &envelope[60..])));
    all_is_well(&vault, &at.provider).await;
}

#[tokio::test]
async fn core_20_pairs_are_kept_in_envelopes_that_open_in_their_own_row_only() {
    let at = Move::of(3).await;
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    let bytes = at.world.store_bytes();
    assert!(contains(&bytes, b"account-of-key-1") && !contains(&bytes, b"secret-1"));
    drop(vault);
    // Somebody who can write the file puts one customer's secret under another's name, and renames a row.
    let db = Db::open(at.world.directory.join("vault.db")).unwrap();
    let first = "UPDATE pairs SET consumer_secret = (SELECT consumer_secret FROM pairs WHERE id = 2) WHERE id = 1";
    db.execute(first, []).unwrap();
    db.execute("UPDATE pairs SET account = 'mallory' WHERE id = 3", []).unwrap();
    drop(db);
    let vault = at.vault();
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(counts(&vault).await, Counts { done: 1, refused: 2, pending: 0 });
    assert_eq!(at.provider.asked(), 1, "what does not open is not sent");
    assert!(lines(&vault).await[0].why.contains("does not open"));
    let _never_prints = format!("{vault:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tsm_21_kill_9_at_any_point_loses_nothing_and_repeats_no_success() {
    const PAIRS: usize = 300;
    let at = Move::of(PAIRS).await;
    at.provider.faults(5);
    import(&at.vault(), &at.provider.list()).await;
    let mut kills = 0;
    for round in 1..=10 {
        // A parent that stands still before it kills finds some pairs left all the same.
        let until = at.provider.asked() + 15 + round % 7;
        at.provider.answers_at_most(Some(until + 4));
        let mut child = start(&at);
        while at.provider.asked() < until {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            tokio::task::yield_now().await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    at.provider.answers_at_most(None);
    let vault = at.vault();
    let before = counts(&vault).await;
    assert!(before.done > 0 && before.pending > 0, "the kills came in the middle: {before:?}");
    let answered = lines(&vault).await.iter().filter(|line| line.state == PairState::Done).count();
    let asked: Vec<(String, u32)> =
        at.provider.consumers().into_iter().map(|(key, consumer)| (key, consumer.asked)).collect();
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(counts(&vault).await, Counts { done: PAIRS as u64, refused: 0, pending: 0 });
    let repeated = at.provider.consumers();
    let untouched = asked.iter().filter(|(key, times)| repeated[key].asked == *times).count();
    assert!(untouched >= answered, "what was done was not asked for again: {untouched} of {answered}");
    assert_eq!(kills, 10);
    // The tokens have ended: each is refreshed first, so the refresh tokens are proven as well.
    at.world.clock.advance(7200);
    at.provider.faults(0);
    all_is_well(&vault, &at.provider).await;
}

fn start(at: &Move) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "migrate::child", "--ignored"])
        .env("VAULT_CHILD", format!("{}|{}", at.provider.base, at.world.directory.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "started by the test above, and killed by it"]
#[allow(clippy::disallowed_methods, reason = "the parent says by its environment what to work on")]
async fn child() {
    let Ok(said) = std::env::var("VAULT_CHILD") else { return };
    let (base, directory) = said.split_once('|').unwrap();
    let (keys, platforms) = (MasterKeys::parse(KEY).unwrap(), vec![legacy_platform(base)]);
    let limits = Limits { back_off: Duration::from_millis(5), ..Limits::default() };
    let clock = Arc::new(TestClock::default());
    let vault = Vault::open(directory.as_ref(), keys, platforms, limits, clock, Arc::new(System)).unwrap();
    run(&vault, Options::default()).await;
    // Alive until it is killed.
    std::future::pending::<()>().await;
}

#[test]
fn the_test_platform_speaks_a_shipped_profile() {
    let shipped = profile::shipped("tripleseat").unwrap();
    assert_eq!(legacy_platform("http://127.0.0.1:1").profile.endpoints.token, shipped.endpoints.token);
    assert_eq!((CLIENT_SECRET, UnixTime(0)), (super::world::CLIENT_SECRET, UnixTime(0)));
}
