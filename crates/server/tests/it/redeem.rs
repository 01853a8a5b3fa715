//! grant_type=authorization_code over HTTP (SECURITY 6).

use std::sync::Arc;

use causeway_protocol::time::Seconds;
use causeway_testkit::actors::{ACME, CAREFUL, DESKTOP, EVERYTHING, Pair, VERIFIER, race};
use causeway_testkit::world::{OLIVIA, PRIYA};
use causeway_testkit::{Builder, Call, Consent, Platform, Response};

async fn code(platform: &Platform) -> String {
    platform.grant(Consent::new("acme", OLIVIA)).await
}

/// The exchange of a code with one parameter changed or, with an empty value, left out.
async fn with(platform: &Platform, code: &str, name: &str, value: &str) -> Response {
    let mut pairs = ACME.exchange_pairs(code);
    pairs.retain(|(known, _)| *known != name);
    pairs.push((name, value));
    ACME.token(platform, &pairs).await
}

fn grant_error(number: u16) -> (u16, String, u16) {
    (400, "invalid_grant".to_owned(), number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cg_01_r_04_core_07_of_sixteen_redemptions_at_once_one_wins() {
    for builder in [Builder::new(), Builder::new().model()] {
        let platform = Arc::new(builder.start().await);
        for _ in 0..3 {
            let code = code(&platform).await;
            let before = platform.rows("families").await;
            let replies = race(16, |_| {
                let (platform, code) = (platform.clone(), code.clone());
                async move { ACME.exchange(&platform, &code).await }
            })
            .await;
            let won: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
            assert_eq!(won.len(), 1);
            for lost in replies.iter().filter(|reply| reply.status != 200) {
                assert_eq!(lost.refused(), grant_error(504));
            }
            assert_eq!(platform.rows("families").await, before + 1);
            // Fifteen second redemptions: what the winner got is dead (RFC 6749 4.1.2).
            let pair = Pair::of(won[0]);
            assert!(!ACME.is_active(&platform, &pair.access).await);
            assert_eq!(ACME.refresh(&platform, &pair.refresh).await.refused(), grant_error(515));
        }
    }
}

#[tokio::test]
async fn cg_02_core_07_tsm_20_a_code_lives_ten_minutes_across_midnight_too() {
    let platform = Platform::start().await;
    let first = code(&platform).await;
    let second = code(&platform).await;
    platform.clock.advance(Seconds(599));
    assert_eq!(ACME.exchange(&platform, &first).await.status, 200);
    platform.clock.advance(Seconds(1));
    assert_eq!(ACME.exchange(&platform, &second).await.refused(), grant_error(503));
    // Sealed with one day's key, redeemed on the next.
    let to_midnight = 86_400 - platform.clock.now().0 % 86_400;
    platform.clock.advance(Seconds(to_midnight - 60));
    let late = code(&platform).await;
    platform.clock.advance(Seconds(120));
    assert_eq!(ACME.exchange(&platform, &late).await.status, 200);
    // Days later its key is gone; an expired code never revokes anything.
    platform.clock.advance(Seconds(3 * 86_400));
    assert_eq!(ACME.exchange(&platform, &late).await.refused(), grant_error(502));
}

#[tokio::test]
async fn cg_03_core_05_core_07_attack_5_a_code_is_bound_to_its_app_and_redirect_uri() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    for uri in [
        "https://acme.example/callback/",
        "https://acme.example/Callback",
        "https://acme.example/callback?",
        "https://acme.example:443/callback",
        "https://everything.example/callback",
        "https://acme.example/callback%2f",
        "http://acme.example/callback",
    ] {
        assert_eq!(with(&platform, &code, "redirect_uri", uri).await.refused(), grant_error(506), "{uri}");
    }
    let stolen = EVERYTHING.exchange(&platform, &code).await;
    assert_eq!(stolen.refused(), grant_error(505));
    let public = DESKTOP.token(&platform, &DESKTOP.exchange_pairs(&code)).await;
    assert_eq!(public.refused(), grant_error(505));
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200, "nothing of this touched it");
}

#[tokio::test]
async fn cg_04_redirect_uri_must_be_repeated_when_it_was_sent() {
    let platform = Platform::start().await;
    let sent = code(&platform).await;
    assert_eq!(with(&platform, &sent, "redirect_uri", "").await.refused(), grant_error(506));
    let consent = Consent { redirect_sent: false, ..Consent::new("acme", OLIVIA) };
    let not_sent = platform.grant(consent.clone()).await;
    assert_eq!(with(&platform, &not_sent, "redirect_uri", "").await.status, 200);
    let not_sent = platform.grant(consent).await;
    assert_eq!(with(&platform, &not_sent, "redirect_uri", ACME.redirect_uri).await.status, 200);
    // OAuth 2.1 clients leave it out: there the verifier binds.
    let bound = platform.grant(Consent::new("acme", OLIVIA).verifier(VERIFIER)).await;
    let pairs = ACME.signed(&[("grant_type", "authorization_code"), ("code", &bound), ("code_verifier", VERIFIER)]);
    assert_eq!(ACME.token(&platform, &pairs).await.status, 200);
    // The second registered one is as good as the first, but not instead of it.
    let second = "https://everything.example/second";
    let consent = Consent { redirect_uri: Some(second), ..Consent::new("everything", OLIVIA) };
    let code = platform.grant(consent).await;
    assert_eq!(EVERYTHING.exchange(&platform, &code).await.refused(), grant_error(506));
    let mut pairs = EVERYTHING.exchange_pairs(&code);
    pairs.retain(|(name, _)| *name != "redirect_uri");
    pairs.push(("redirect_uri", second));
    assert_eq!(EVERYTHING.token(&platform, &pairs).await.status, 200);
}

#[tokio::test]
async fn cg_05_core_08_a_second_redemption_revokes_what_the_first_got() {
    let platform = Platform::start().await;
    let other = ACME.connect(&platform, PRIYA).await;
    let code = code(&platform).await;
    let pair = Pair::of(&ACME.exchange(&platform, &code).await);
    let pair = Pair::of(&ACME.refresh(&platform, &pair.refresh).await);
    assert!(ACME.is_active(&platform, &pair.access).await);
    assert_eq!(ACME.exchange(&platform, &code).await.refused(), grant_error(504));
    assert!(!ACME.is_active(&platform, &pair.access).await, "the next request is refused");
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.refused(), grant_error(515));
    assert_eq!(ACME.exchange(&platform, &code).await.refused(), grant_error(504), "a third time nothing changes");
    // Nobody else is touched, and the customer can connect again.
    assert!(ACME.is_active(&platform, &other.access).await);
    let again = ACME.connect(&platform, OLIVIA).await;
    assert!(ACME.is_active(&platform, &again.access).await);
}

#[tokio::test]
async fn cg_06_a_thief_without_secret_verifier_or_redirect_cannot_cut_anybody_off() {
    let platform = Platform::start().await;
    let code = platform.grant(Consent::new("acme", OLIVIA).verifier(VERIFIER)).await;
    let good = [ACME.exchange_pairs(&code), vec![("code_verifier", VERIFIER)]].concat();
    let pair = Pair::of(&ACME.token(&platform, &good).await);
    let but = |name: &str, value: &'static str| {
        good.iter().map(|(n, v)| (*n, if *n == name { value } else { *v })).collect::<Vec<_>>()
    };
    let tries = [
        but("client_secret", "wrong"),
        but("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong"),
        but("code_verifier", ""),
        but("redirect_uri", "https://evil.example/"),
        EVERYTHING.exchange_pairs(&code),
    ];
    for pairs in &tries {
        assert!(ACME.token(&platform, pairs).await.status >= 400);
    }
    platform.clock.advance(Seconds(601));
    assert_eq!(ACME.token(&platform, &good).await.refused(), grant_error(503), "expired: no replay any more");
    assert!(ACME.is_active(&platform, &pair.access).await);
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200);
}

#[tokio::test]
async fn cg_07_attack_13_core_27_a_verifier_is_wanted_exactly_where_a_challenge_was() {
    let platform = Platform::start().await;
    let plain = code(&platform).await;
    assert_eq!(with(&platform, &plain, "code_verifier", VERIFIER).await.refused(), grant_error(508));
    assert_eq!(ACME.exchange(&platform, &plain).await.status, 200, "its absence breaks no confidential client");
    let bound = platform.grant(Consent::new("acme", OLIVIA).verifier(VERIFIER)).await;
    assert_eq!(ACME.exchange(&platform, &bound).await.refused(), grant_error(507));
    assert_eq!(with(&platform, &bound, "code_verifier", "").await.refused(), grant_error(507));
    assert_eq!(with(&platform, &bound, "code_verifier", VERIFIER).await.status, 200);
    // Where the app must use PKCE, a code without a challenge does not come to be; public apps and this one do as told.
    for partner in [CAREFUL, DESKTOP] {
        let pair = partner.connect(&platform, OLIVIA).await;
        assert_eq!(partner.refresh(&platform, &pair.refresh).await.status, 200);
    }
}

#[tokio::test]
async fn cg_08_s256_with_the_vector_and_the_limits_of_a_verifier() {
    let platform = Platform::start().await;
    let bound = platform.grant(Consent::new("acme", OLIVIA).verifier(VERIFIER)).await;
    let longer = format!("{VERIFIER}A");
    let wrong = [
        &VERIFIER[..42],
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        longer.as_str(),
        &VERIFIER.to_uppercase(),
        &"a".repeat(129),
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX+",
    ];
    for verifier in wrong {
        let reply = with(&platform, &bound, "code_verifier", verifier).await;
        assert_eq!(reply.refused(), grant_error(509), "{verifier}");
    }
    assert_eq!(with(&platform, &bound, "code_verifier", VERIFIER).await.status, 200);
    for length in [43, 128] {
        let verifier = "~".repeat(length);
        let bound = platform.grant(Consent::new("acme", OLIVIA).verifier(&verifier)).await;
        assert_eq!(with(&platform, &bound, "code_verifier", &verifier).await.status, 200, "{length}");
    }
}

#[tokio::test]
async fn cg_09_cg_10_method_and_scope_in_the_exchange_have_no_influence() {
    let platform = Platform::start().await;
    let bound = platform.grant(Consent::new("acme", OLIVIA).verifier(VERIFIER).scopes("leads:read")).await;
    let more = vec![("code_verifier", VERIFIER), ("code_challenge_method", "plain"), ("scope", "admin write")];
    let reply = ACME.token(&platform, &[ACME.exchange_pairs(&bound), more].concat()).await;
    assert_eq!((reply.status, reply.member("scope")), (200, "leads:read".to_owned()), "{}", reply.text());
    let answer = ACME.introspect(&platform, &reply.member("access_token")).await;
    assert_eq!(answer.member("scope"), "leads:read");
}

#[tokio::test]
async fn sc_07_ar_07_a_code_is_worth_what_the_app_may_still_have() {
    let platform = Platform::start().await;
    let (first, second) = (code(&platform).await, code(&platform).await);
    platform.set_app_scopes("acme", "leads:read").await;
    assert_eq!(ACME.exchange(&platform, &first).await.member("scope"), "leads:read");
    // Nothing is left of it: refused, and not burnt.
    platform.set_app_scopes("acme", "bookings:read").await;
    let nothing = ACME.exchange(&platform, &second).await;
    assert_eq!(nothing.refused(), (400, "invalid_grant".to_owned(), 523));
    platform.set_app_scopes("acme", "events:read bookings:read").await;
    assert_eq!(ACME.exchange(&platform, &second).await.member("scope"), "events:read");
}

#[tokio::test]
async fn cg_11_a_polluted_code_is_one_bad_code() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    for polluted in [
        format!("{code}&redirect_uri=https://evil.example/"),
        format!("{code}%26redirect_uri=x"),
        format!("{code} "),
        format!("{code}="),
        format!(" {code}"),
        code.to_lowercase(),
        code.replacen("ts_ac_", "", 1),
        format!("{code}{code}"),
    ] {
        assert_eq!(ACME.exchange(&platform, &polluted).await.refused(), grant_error(502), "{polluted}");
    }
    // Decoded twice it would be good: it is decoded once.
    let twice: String = code.bytes().map(|byte| format!("%25{byte:02x}")).collect();
    let body = causeway_testkit::client::form(&ACME.exchange_pairs("CODE")).replace("CODE", &twice);
    let reply = platform.at_api(Call::post("/oauth2/token").body("application/x-www-form-urlencoded", body)).await;
    assert_eq!(reply.refused(), grant_error(502));
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
}

#[tokio::test]
async fn cg_12_attack_6_no_kind_of_token_passes_for_another() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let code = code(&platform).await;
    let disguised = |text: &str, prefix: &str| format!("{prefix}{}", &text[6..]);
    for text in [&pair.access, &pair.refresh] {
        for text in [text.clone(), disguised(text, "ts_ac_")] {
            assert_eq!(ACME.exchange(&platform, &text).await.refused(), grant_error(502));
        }
    }
    for text in [&pair.access, &code] {
        for text in [text.clone(), disguised(text, "ts_rt_")] {
            assert_eq!(ACME.refresh(&platform, &text).await.refused(), grant_error(511));
        }
    }
    for text in
        [code.clone(), disguised(&code, "ts_at_"), disguised(&code, "ts_rt_"), disguised(&pair.refresh, "ts_at_")]
    {
        assert!(!ACME.is_active(&platform, &text).await);
        assert_eq!(ACME.revoke(&platform, &text).await.status, 200);
    }
    assert!(ACME.is_active(&platform, &pair.access).await, "none of this revoked anything");
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
}

#[tokio::test]
async fn attack_32_no_shortened_or_changed_code_is_accepted() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    for cut in [1, 2, 5, 20, 100] {
        assert_eq!(ACME.exchange(&platform, &code[..code.len() - cut]).await.refused(), grant_error(502));
    }
    for at in (6..code.len()).step_by(7) {
        let mut changed = code.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let reply = ACME.exchange(&platform, &changed).await;
        assert_eq!(reply.refused(), grant_error(502), "at {at}");
    }
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
}

#[tokio::test]
async fn r_01_a_lost_reply_to_an_exchange_is_repeated_under_its_key() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let exchange = async |key: &str| {
        let call = Call::post("/oauth2/token").header("Idempotency-Key", key);
        platform.at_api(call.form(&ACME.exchange_pairs(&code))).await
    };
    let first = Pair::of(&exchange("k-1").await);
    platform.clock.advance(Seconds(30));
    let again = exchange("k-1").await;
    assert_eq!(again.json()["expires_in"], 7_170, "times count from the first reply");
    assert_eq!(again.json()["created_at"].as_i64().unwrap(), platform.clock.now().0 - 30);
    let again = Pair::of(&again);
    assert_eq!(Pair::of(&exchange("k-1").await), again, "two resends are one text");
    assert_eq!(platform.edge.metrics.resends.get(), 2);
    // They are one token: whichever moves the family, the other is its predecessor.
    let moved = Pair::of(&ACME.refresh(&platform, &again.refresh).await);
    assert_eq!(ACME.refresh(&platform, &first.refresh).await.refused(), grant_error(512));
    assert!(ACME.is_active(&platform, &moved.access).await);
    // After the family moved, the key proves nothing any more: this is a second redemption.
    assert_eq!(exchange("k-1").await.refused(), grant_error(504));
    assert!(!ACME.is_active(&platform, &moved.access).await);
}

#[tokio::test]
async fn r_01_another_key_is_another_request() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let call = || Call::post("/oauth2/token").form(&ACME.exchange_pairs(&code));
    let pair = Pair::of(&platform.at_api(call().header("Idempotency-Key", "k-1")).await);
    let reply = platform.at_api(call().header("Idempotency-Key", "k-2")).await;
    assert_eq!(reply.refused(), grant_error(504));
    assert!(!ACME.is_active(&platform, &pair.access).await);
}

#[tokio::test]
async fn attack_2_r_02_what_was_used_stays_used_after_a_restart() {
    let platform = Platform::start().await;
    let code = code(&platform).await;
    let first = Pair::of(&ACME.exchange(&platform, &code).await);
    let second = Pair::of(&ACME.refresh(&platform, &first.refresh).await);
    let platform = platform.restart().await;
    assert!(ACME.is_active(&platform, &second.access).await);
    let third = Pair::of(&ACME.refresh(&platform, &second.refresh).await);
    platform.clock.advance(Seconds(10));
    assert_eq!(ACME.refresh(&platform, &first.refresh).await.refused(), grant_error(513), "reuse is remembered");
    let platform = platform.restart().await;
    assert!(!ACME.is_active(&platform, &third.access).await, "and so is what followed from it");
    assert_eq!(ACME.refresh(&platform, &third.refresh).await.refused(), grant_error(515));
    assert_eq!(ACME.exchange(&platform, &code).await.refused(), grant_error(504));
}

#[tokio::test]
async fn a_connection_holds_four_families_and_the_longest_unused_gives_way() {
    let platform = Platform::start().await;
    let mut pairs = Vec::new();
    for _ in 0..4 {
        platform.clock.advance(Seconds(1));
        pairs.push(ACME.connect(&platform, OLIVIA).await);
    }
    platform.clock.advance(Seconds(1));
    // The oldest is used: now the second is the longest unused.
    pairs[0] = Pair::of(&ACME.refresh(&platform, &pairs[0].refresh).await);
    pairs.push(ACME.connect(&platform, OLIVIA).await);
    let mut alive = Vec::new();
    for pair in &pairs {
        alive.push(ACME.is_active(&platform, &pair.access).await);
    }
    assert_eq!(alive, [true, false, true, true, true]);
}

#[tokio::test]
async fn r_23_a_key_that_is_not_held_is_our_fault_and_not_the_clients() {
    let platform = Builder::new().keys(&[2, 1]).start().await;
    let code = code(&platform).await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    // Key 2 is taken away: what it sealed may be good, so nobody is told that it is not.
    let platform = platform.restart_as(|builder| builder.keys(&[1])).await;
    for reply in [
        ACME.exchange(&platform, &code).await,
        ACME.refresh(&platform, &pair.refresh).await,
        ACME.revoke(&platform, &pair.refresh).await,
        ACME.introspect(&platform, &pair.access).await,
    ] {
        assert_eq!(reply.refused(), (503, "temporarily_unavailable".to_owned(), 803));
        assert_ne!(reply.header("retry-after"), "");
    }
    let platform = platform.restart_as(|builder| builder.keys(&[3, 2, 1])).await;
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200);
}
