//! grant_type=refresh_token over HTTP (SECURITY 7).

use std::sync::Arc;

use causeway_protocol::profile::Rotation;
use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, DESKTOP, EVERYTHING, Pair, race};
use causeway_testkit::world::{OLIVIA, PRIYA};
use causeway_testkit::{Builder, Call, Consent, Platform, Response};

fn grant_error(number: u16) -> (u16, String, u16) {
    (400, "invalid_grant".to_owned(), number)
}

/// A refresh under an Idempotency-Key.
async fn keyed(platform: &Platform, token: &str, key: &str, scope: Option<&str>) -> Response {
    let mut pairs = ACME.refresh_pairs(token);
    pairs.extend(scope.map(|scope| ("scope", scope)));
    platform.at_api(Call::post("/oauth2/token").header("Idempotency-Key", key).form(&pairs)).await
}

#[tokio::test]
async fn ts_06_rf_02_refresh_rotates_and_the_old_token_is_dead() {
    let platform = Platform::start().await;
    let first = ACME.connect(&platform, OLIVIA).await;
    let reply = ACME.refresh(&platform, &first.refresh).await;
    let names: Vec<String> = reply.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["access_token", "created_at", "expires_in", "refresh_token", "scope", "token_type"]);
    let second = Pair::of(&reply);
    assert_ne!(first.refresh, second.refresh);
    assert_ne!(first.access, second.access);
    assert_eq!(reply.header("cache-control"), "no-store");
    // At once it is an honest race, later a theft: refused both times.
    assert_eq!(ACME.refresh(&platform, &first.refresh).await.refused(), grant_error(512));
    assert!(ACME.is_active(&platform, &second.access).await);
    platform.clock.advance(Seconds(10));
    assert_eq!(ACME.refresh(&platform, &first.refresh).await.refused(), grant_error(513));
    assert!(!ACME.is_active(&platform, &second.access).await);
    assert_eq!(ACME.refresh(&platform, &second.refresh).await.refused(), grant_error(515));
}

#[tokio::test]
async fn rf_01_attack_5_a_refresh_token_is_its_apps_alone() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    assert_eq!(EVERYTHING.refresh(&platform, &pair.refresh).await.refused(), grant_error(516));
    assert_eq!(DESKTOP.refresh(&platform, &pair.refresh).await.refused(), grant_error(516));
    let bare = [("grant_type", "refresh_token"), ("refresh_token", &pair.refresh)];
    assert_eq!(ACME.token(&platform, &bare).await.status, 401);
    assert_eq!(ACME.token(&platform, &[&bare[..], &[("client_id", "acme")]].concat()).await.status, 401);
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200);
}

#[tokio::test]
async fn rf_03_attack_3_an_older_token_ends_the_family_even_in_the_same_second() {
    for builder in [Builder::new(), Builder::new().profile(|profile| profile.token.reuse_grace = Seconds(60))] {
        let platform = builder.start().await;
        let first = ACME.connect(&platform, OLIVIA).await;
        let second = Pair::of(&ACME.refresh(&platform, &first.refresh).await);
        let third = Pair::of(&ACME.refresh(&platform, &second.refresh).await);
        // The clock stands still. Two generations back is no race and no retry (RF-05).
        assert_eq!(ACME.refresh(&platform, &first.refresh).await.refused(), grant_error(513));
        for pair in [&first, &second, &third] {
            assert!(!ACME.is_active(&platform, &pair.access).await);
            assert!(!ACME.is_active(&platform, &pair.refresh).await);
        }
        assert_eq!(ACME.refresh(&platform, &third.refresh).await.refused(), grant_error(515));
    }
}

#[tokio::test]
async fn rf_03_a_public_app_has_no_race_window() {
    let platform = Platform::start().await;
    let first = DESKTOP.connect(&platform, OLIVIA).await;
    let second = Pair::of(&DESKTOP.refresh(&platform, &first.refresh).await);
    assert_eq!(DESKTOP.refresh(&platform, &first.refresh).await.refused(), grant_error(513));
    assert_eq!(DESKTOP.refresh(&platform, &second.refresh).await.refused(), grant_error(515));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rf_04_r_04_attack_1_of_many_refreshes_at_once_one_wins_and_the_family_lives() {
    for builder in [Builder::new(), Builder::new().model()] {
        let platform = Arc::new(builder.start().await);
        let mut pair = ACME.connect(&platform, OLIVIA).await;
        for count in [16, 64] {
            let replies = race(count, |_| {
                let (platform, token) = (platform.clone(), pair.refresh.clone());
                async move { ACME.refresh(&platform, &token).await }
            })
            .await;
            let won: Vec<_> = replies.iter().filter(|reply| reply.status == 200).map(Pair::of).collect();
            assert_eq!(won.len(), 1, "of {count}");
            for lost in replies.iter().filter(|reply| reply.status != 200) {
                assert_eq!(lost.refused(), grant_error(512));
            }
            pair = won.into_iter().next().unwrap();
            assert!(ACME.is_active(&platform, &pair.access).await);
        }
        assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200);
        assert_eq!(platform.rows("families").await, 1);
    }
}

#[tokio::test]
async fn rf_05_r_01_within_the_grace_the_immediate_predecessor_gets_the_same_successor() {
    let platform = Builder::new().profile(|profile| profile.token.reuse_grace = Seconds(20)).start().await;
    let first = ACME.connect(&platform, OLIVIA).await;
    let second = Pair::of(&ACME.refresh(&platform, &first.refresh).await);
    platform.clock.advance(Seconds(19));
    let again = ACME.refresh(&platform, &first.refresh).await;
    assert_eq!(again.json()["expires_in"], 7_181);
    let again = Pair::of(&again);
    assert_eq!(again, Pair::of(&ACME.refresh(&platform, &first.refresh).await), "two resends are one text");
    assert_eq!(platform.edge.metrics.resends.get(), 2);
    assert!(ACME.is_active(&platform, &second.access).await, "the first reply is as good");
    // Another scope is answered for that scope.
    let narrow = [ACME.refresh_pairs(&first.refresh), vec![("scope", "leads:read")]].concat();
    let narrow = ACME.token(&platform, &narrow).await;
    assert_eq!((narrow.status, narrow.member("scope")), (200, "leads:read".to_owned()));
    // The two texts are one token: using either ends the window.
    let third = Pair::of(&ACME.refresh(&platform, &second.refresh).await);
    assert_eq!(ACME.refresh(&platform, &first.refresh).await.refused(), grant_error(513));
    assert!(!ACME.is_active(&platform, &third.access).await);
}

#[tokio::test]
async fn rf_05_tokens_4_more_than_three_resends_of_a_family_in_a_day_are_an_alert() {
    let platform = Builder::new().profile(|profile| profile.token.reuse_grace = Seconds(60)).start().await;
    let mut pair = ACME.connect(&platform, OLIVIA).await;
    let other = ACME.connect(&platform, PRIYA).await;
    let next = Pair::of(&ACME.refresh(&platform, &other.refresh).await);
    let again = Pair::of(&ACME.refresh(&platform, &other.refresh).await);
    assert_eq!(again.refresh, next.refresh, "one of another family");
    let metric = async || {
        let text = Call::get("/metrics").send(platform.admin_address()).await.text();
        let line = text.lines().find(|line| line.starts_with("causeway_resend_alerts_total ")).unwrap().to_owned();
        line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    // Two days, one resend every five hours: the day counts from the first.
    let mut seen = Vec::new();
    for _ in 0..10 {
        let next = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
        ACME.refresh(&platform, &pair.refresh).await;
        pair = next;
        seen.push(metric().await);
        platform.clock.advance(Seconds(5 * 3_600));
    }
    assert_eq!(seen, [0, 0, 0, 1, 2, 2, 2, 2, 3, 4]);
    assert_eq!(platform.edge.metrics.resends.get(), 11, "each is served all the same");
}

#[tokio::test]
async fn rf_05_the_grace_ends_and_a_public_app_has_none() {
    let platform = Builder::new().profile(|profile| profile.token.reuse_grace = Seconds(20)).start().await;
    let first = ACME.connect(&platform, OLIVIA).await;
    let second = Pair::of(&ACME.refresh(&platform, &first.refresh).await);
    platform.clock.advance(Seconds(20));
    assert_eq!(ACME.refresh(&platform, &first.refresh).await.refused(), grant_error(513));
    assert!(!ACME.is_active(&platform, &second.access).await);
    let first = DESKTOP.connect(&platform, OLIVIA).await;
    assert_eq!(DESKTOP.refresh(&platform, &first.refresh).await.status, 200);
    assert_eq!(DESKTOP.refresh(&platform, &first.refresh).await.refused(), grant_error(513));
}

#[tokio::test]
async fn r_01_a_lost_reply_is_repeated_under_its_key_at_any_age_of_the_access_token() {
    let platform = Platform::start().await;
    let first = ACME.connect(&platform, OLIVIA).await;
    let second = Pair::of(&keyed(&platform, &first.refresh, "k-1", None).await);
    platform.clock.advance(Seconds(7_199));
    let again = keyed(&platform, &first.refresh, "k-1", None).await;
    assert_eq!(again.json()["expires_in"], 1);
    let again = Pair::of(&again);
    assert!(ACME.is_active(&platform, &again.access).await && ACME.is_active(&platform, &second.access).await);
    // The same key with another scope is a mistake; without harm.
    let other = keyed(&platform, &first.refresh, "k-1", Some("leads:read")).await;
    assert_eq!(other.refused(), (400, "invalid_request".to_owned(), 519));
    platform.clock.advance(Seconds(1));
    assert_eq!(
        keyed(&platform, &first.refresh, "k-1", None).await.refused(),
        grant_error(512),
        "too late, without harm"
    );
    let third = Pair::of(&ACME.refresh(&platform, &again.refresh).await);
    assert!(ACME.is_active(&platform, &third.access).await);
}

#[tokio::test]
async fn r_01_another_key_or_none_is_no_retry() {
    for key in [Some("k-2"), None] {
        let platform = Platform::start().await;
        let first = ACME.connect(&platform, OLIVIA).await;
        let second = Pair::of(&keyed(&platform, &first.refresh, "k-1", None).await);
        platform.clock.advance(Seconds(10));
        let reply = match key {
            Some(key) => keyed(&platform, &first.refresh, key, None).await,
            None => ACME.refresh(&platform, &first.refresh).await,
        };
        assert_eq!(reply.refused(), grant_error(513), "{key:?}");
        assert!(!ACME.is_active(&platform, &second.access).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r_01_r_04_sixteen_retries_at_once_under_one_key_are_one_successor() {
    let platform = Arc::new(Platform::start().await);
    let first = ACME.connect(&platform, OLIVIA).await;
    let replies = race(16, |_| {
        let (platform, token) = (platform.clone(), first.refresh.clone());
        async move { keyed(&platform, &token, "k-1", None).await }
    })
    .await;
    let pairs: Vec<Pair> = replies.iter().map(Pair::of).collect();
    let mut refreshed = 0;
    for pair in &pairs {
        assert!(ACME.is_active(&platform, &pair.access).await);
        refreshed += u32::from(ACME.refresh(&platform, &pair.refresh).await.status == 200);
    }
    assert_eq!(refreshed, 1, "sixteen texts, one token");
}

#[tokio::test]
async fn rf_06_tsm_05_a14_scope_omitted_equal_narrower_wider() {
    let platform = Platform::start().await;
    let mut pair = ACME.connect(&platform, OLIVIA).await;
    let all = "read write leads:read leads:write events:read events:write";
    for (asked, granted) in [
        (None, all),
        (Some(all), all),
        (Some("events:write events:read leads:write leads:read write read"), all),
        (Some("leads:read"), "leads:read"),
        (Some("events:read leads:read"), "leads:read events:read"),
        // Narrow once does not shrink the refresh token.
        (None, all),
    ] {
        let mut pairs = ACME.refresh_pairs(&pair.refresh);
        pairs.extend(asked.map(|scope| ("scope", scope)));
        let reply = ACME.token(&platform, &pairs).await;
        assert_eq!(reply.member("scope"), granted, "{asked:?}: {}", reply.text());
        pair = Pair::of(&reply);
        assert_eq!(ACME.introspect(&platform, &pair.access).await.member("scope"), granted);
    }
    for wider in ["bookings:read", "leads:read bookings:read", "admin", "LEADS:READ", "leads:read,events:read", "*"] {
        let pairs = [ACME.refresh_pairs(&pair.refresh), vec![("scope", wider)]].concat();
        let reply = ACME.token(&platform, &pairs).await;
        assert_eq!(reply.refused(), (400, "invalid_scope".to_owned(), 518), "{wider}");
    }
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200, "asking for more burnt nothing");
}

#[tokio::test]
async fn rf_07_rf_08_a_family_ends_when_unused_and_at_its_absolute_end() {
    let short = |profile: &mut causeway_protocol::profile::Profile| {
        profile.token.refresh_life.idle = Seconds(30 * 86_400);
        profile.token.refresh_life.absolute = Seconds(100 * 86_400);
    };
    let platform = Builder::new().profile(short).start().await;
    let unused = ACME.connect(&platform, OLIVIA).await;
    let mut used = ACME.connect(&platform, PRIYA).await;
    let began = platform.clock.now();
    for _ in 0..4 {
        platform.clock.advance(Seconds(24 * 86_400));
        used = Pair::of(&ACME.refresh(&platform, &used.refresh).await);
    }
    assert_eq!(ACME.refresh(&platform, &unused.refresh).await.refused(), grant_error(514), "unused for 30 days");
    // 96 days old: however much it is used, it ends after 100, and no access token outlives it.
    platform.clock.jump_to(began + Seconds(100 * 86_400 - 60));
    let last = ACME.refresh(&platform, &used.refresh).await;
    assert_eq!(last.json()["expires_in"], 60, "{}", last.text());
    let last = Pair::of(&last);
    platform.clock.advance(Seconds(60));
    assert_eq!(ACME.refresh(&platform, &last.refresh).await.refused(), grant_error(514));
    assert!(!ACME.is_active(&platform, &last.access).await);
    assert!(!ACME.is_active(&platform, &last.refresh).await);
}

#[tokio::test]
async fn rf_07_a_shortened_life_acts_on_the_living() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    platform.clock.advance(Seconds(40 * 86_400));
    let platform = platform
        .restart_as(|builder| builder.profile(|profile| profile.token.refresh_life.idle = Seconds(30 * 86_400)))
        .await;
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.refused(), grant_error(514));
}

#[tokio::test]
async fn rf_09_rotation_leaves_earlier_access_tokens_until_they_expire() {
    let platform = Platform::start().await;
    let first = ACME.connect(&platform, OLIVIA).await;
    platform.clock.advance(Seconds(3_600));
    let second = Pair::of(&ACME.refresh(&platform, &first.refresh).await);
    assert!(ACME.is_active(&platform, &first.access).await);
    platform.clock.advance(Seconds(3_599));
    assert!(ACME.is_active(&platform, &first.access).await);
    platform.clock.advance(Seconds(1));
    assert!(!ACME.is_active(&platform, &first.access).await, "no leeway");
    assert!(ACME.is_active(&platform, &second.access).await);
}

#[tokio::test]
async fn rf_10_a_cut_connection_ends_its_refresh_tokens_and_unredeemed_codes_only() {
    let platform = Platform::start().await;
    let (mine, theirs) = (ACME.connect(&platform, OLIVIA).await, ACME.connect(&platform, PRIYA).await);
    let other_app = EVERYTHING.connect(&platform, OLIVIA).await;
    let code = platform.grant(Consent::new("acme", OLIVIA)).await;
    platform.cut("acme", "4100").await;
    assert_eq!(ACME.refresh(&platform, &mine.refresh).await.refused(), grant_error(515));
    assert_eq!(ACME.exchange(&platform, &code).await.refused(), grant_error(515));
    assert!(!ACME.is_active(&platform, &mine.access).await);
    assert!(
        ACME.is_active(&platform, &theirs.access).await && EVERYTHING.is_active(&platform, &other_app.access).await
    );
    assert_eq!(ACME.refresh(&platform, &theirs.refresh).await.status, 200);
    // Connecting again revives nothing old.
    let again = ACME.connect(&platform, OLIVIA).await;
    assert!(ACME.is_active(&platform, &again.access).await);
    assert_eq!(ACME.refresh(&platform, &mine.refresh).await.refused(), grant_error(515));
    assert_eq!(ACME.exchange(&platform, &code).await.refused(), grant_error(515));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attack_4_tokens_4_a_refresh_in_flight_does_not_survive_a_cut() {
    let platform = Arc::new(Platform::start().await);
    for _ in 0..8 {
        let pair = ACME.connect(&platform, OLIVIA).await;
        let replies = race(9, |n| {
            let (platform, token) = (platform.clone(), pair.refresh.clone());
            async move {
                if n == 4 {
                    platform.cut("acme", "4100").await;
                    return None;
                }
                Some(ACME.refresh(&platform, &token).await)
            }
        })
        .await;
        for won in replies.into_iter().flatten().filter(|reply| reply.status == 200).map(|reply| Pair::of(&reply)) {
            assert!(!ACME.is_active(&platform, &won.access).await, "born before the cut, so dead");
            assert_eq!(ACME.refresh(&platform, &won.refresh).await.refused(), grant_error(515));
        }
    }
}

#[tokio::test]
async fn attack_41_no_grace_and_no_key_honours_what_was_revoked_on_purpose() {
    let grace = |profile: &mut causeway_protocol::profile::Profile| profile.token.reuse_grace = Seconds(60);
    for how in ["revoke", "cut", "app", "customer", "person"] {
        let platform = Builder::new().profile(grace).start().await;
        let first = ACME.connect(&platform, OLIVIA).await;
        let second = Pair::of(&keyed(&platform, &first.refresh, "k-1", None).await);
        match how {
            "revoke" => assert_eq!(ACME.revoke(&platform, &second.access).await.status, 200),
            "cut" => platform.cut("acme", "4100").await,
            "app" => platform.switch("apps", "acme", false).await,
            "customer" => platform.switch("customers", "4100", false).await,
            _ => platform.switch("people", OLIVIA, false).await,
        }
        let rows = platform.rows("families").await;
        for reply in
            [ACME.refresh(&platform, &first.refresh).await, keyed(&platform, &first.refresh, "k-1", None).await]
        {
            let (status, error, number) = reply.refused();
            assert_eq!((status, error.as_str()), (400, "invalid_grant"), "{how}");
            assert!([515, 517].contains(&number), "{how}: {number}");
        }
        assert!(!ACME.is_active(&platform, &second.access).await, "{how}");
        assert_eq!(platform.rows("families").await, rows, "{how}: no new row");
        assert_eq!(platform.edge.metrics.resends.get(), 0, "{how}");
    }
}

#[tokio::test]
async fn sc_07_attack_23_a_scope_taken_from_an_app_is_gone_at_once_and_at_refresh() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    platform.set_app_scopes("acme", "leads:read events:read").await;
    assert!(!ACME.is_active(&platform, &pair.access).await, "taking it also cuts access");
    let reply = ACME.refresh(&platform, &pair.refresh).await;
    assert_eq!((reply.status, reply.member("scope")), (200, "leads:read events:read".to_owned()));
    let pair = Pair::of(&reply);
    assert_eq!(ACME.introspect(&platform, &pair.access).await.member("scope"), "leads:read events:read");
    // Asking for the lost one by name gets what is left of it: nothing. Nothing is burnt.
    let pairs = [ACME.refresh_pairs(&pair.refresh), vec![("scope", "write")]].concat();
    let reply = ACME.token(&platform, &pairs).await;
    assert_eq!(reply.refused(), (400, "invalid_grant".to_owned(), 523));
    platform.set_app_scopes("acme", "bookings:read").await;
    let reply = ACME.refresh(&platform, &pair.refresh).await;
    assert_eq!(reply.refused(), (400, "invalid_grant".to_owned(), 523));
    // Given back, the grant is what it was.
    platform.set_app_scopes("acme", "read write leads:read leads:write events:read events:write").await;
    let reply = ACME.refresh(&platform, &pair.refresh).await;
    assert_eq!(reply.member("scope"), "read write leads:read leads:write events:read events:write", "{}", reply.text());
}

#[tokio::test]
async fn tokens_2_a_narrowed_connection_stays_narrow() {
    let platform = Platform::start().await;
    let wide = ACME.connect(&platform, OLIVIA).await;
    let code = platform.grant(Consent::new("acme", OLIVIA).scopes("leads:read")).await;
    let narrow = Pair::of(&ACME.exchange(&platform, &code).await);
    assert!(!ACME.is_active(&platform, &wide.access).await, "narrowing acts at once");
    let reply = ACME.refresh(&platform, &wide.refresh).await;
    assert_eq!(reply.member("scope"), "leads:read", "{}", reply.text());
    let wide = Pair::of(&reply);
    // What is asked for by name and no longer there burns nothing.
    let pairs = [ACME.refresh_pairs(&wide.refresh), vec![("scope", "events:read")]].concat();
    assert_eq!(ACME.token(&platform, &pairs).await.refused(), (400, "invalid_grant".to_owned(), 523));
    assert_eq!(ACME.refresh(&platform, &wide.refresh).await.status, 200);
    assert!(ACME.is_active(&platform, &narrow.access).await);
}

#[tokio::test]
async fn tokens_2_a_connection_that_shares_nothing_burns_no_refresh_token() {
    for builder in [Builder::new(), Builder::new().model()] {
        let platform = builder.start().await;
        let pair = {
            let code = platform.grant(Consent::new("acme", OLIVIA).scopes("leads:read")).await;
            Pair::of(&ACME.exchange(&platform, &code).await)
        };
        // Allowed anew, for something else altogether.
        platform.grant(Consent::new("acme", OLIVIA).scopes("events:read")).await;
        for _ in 0..2 {
            let reply = ACME.refresh(&platform, &pair.refresh).await;
            assert_eq!(reply.refused(), (400, "invalid_grant".to_owned(), 523));
        }
        // And once more for both: the token is as good as it was.
        platform.grant(Consent::new("acme", OLIVIA).scopes("events:read leads:read")).await;
        let reply = ACME.refresh(&platform, &pair.refresh).await;
        assert_eq!((reply.status, reply.member("scope")), (200, "leads:read".to_owned()), "{}", reply.text());
        // What was revoked on purpose says so first.
        platform.cut("acme", "4100").await;
        assert_eq!(ACME.refresh(&platform, &Pair::of(&reply).refresh).await.refused(), grant_error(515));
    }
}

#[tokio::test]
async fn core_10_a_profile_without_rotation_repeats_the_refresh_token() {
    let never = |profile: &mut causeway_protocol::profile::Profile| profile.token.rotation = Rotation::Never;
    let platform = Builder::new().profile(never).start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    for _ in 0..3 {
        platform.clock.advance(Seconds(60));
        let next = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
        assert_eq!(next.refresh, pair.refresh);
        assert_ne!(next.access, pair.access);
        assert!(ACME.is_active(&platform, &next.access).await);
    }
    // Nothing slides: unused or used, it ends as it began.
    let idle = platform.profile().token.refresh_life.idle;
    platform.clock.advance(idle);
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.refused(), grant_error(514));
    // Public apps rotate anyway.
    let first = DESKTOP.connect(&platform, OLIVIA).await;
    let second = Pair::of(&DESKTOP.refresh(&platform, &first.refresh).await);
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(DESKTOP.refresh(&platform, &first.refresh).await.refused(), grant_error(513));
    // And a revoked one is refused there, too.
    let pair = ACME.connect(&platform, OLIVIA).await;
    assert_eq!(ACME.revoke(&platform, &pair.refresh).await.status, 200);
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.refused(), grant_error(515));
}

#[tokio::test]
async fn r_12_a_clock_that_jumps_revives_nothing_that_was_taken_back() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    assert_eq!(ACME.revoke(&platform, &pair.refresh).await.status, 200);
    let noon = platform.clock.now();
    for jump in [-86_400, -3_600, 3_600] {
        platform.clock.jump_to(noon + Seconds(jump));
        assert!(!ACME.is_active(&platform, &pair.access).await, "{jump}");
        assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 400, "{jump}");
    }
}

#[tokio::test]
async fn r_25_refreshing_adds_no_row() {
    let platform = Platform::start().await;
    let mut pair = ACME.connect(&platform, OLIVIA).await;
    let before = platform.all_rows().await;
    for _ in 0..100 {
        pair = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
    }
    assert_eq!(platform.all_rows().await, before);
}
