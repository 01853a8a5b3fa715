//! Revocation by the client (RFC 7009; SECURITY 12).

use std::sync::Arc;

use causeway_testkit::actors::{ACME, DESKTOP, EVERYTHING, Pair, Partner, race};
use causeway_testkit::client::{basic, form};
use causeway_testkit::world::OLIVIA;
use causeway_testkit::{Builder, Call, Platform, Response};

const REVOKE: &str = "/oauth2/revoke";

fn assert_done(reply: &Response) {
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    assert_eq!(reply.header("cache-control"), "no-store");
}

async fn assert_dead(partner: Partner, platform: &Platform, pair: &Pair) {
    let reply = partner.refresh(platform, &pair.refresh).await;
    assert_eq!(reply.refused(), (400, "invalid_grant".to_owned(), 515));
    if partner.secret.is_some() {
        assert!(!partner.is_active(platform, &pair.access).await);
        assert!(!partner.is_active(platform, &pair.refresh).await);
    }
}

#[tokio::test]
async fn rv_01_only_who_proves_itself_revokes() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let token = ("token", pair.refresh.as_str());
    let calls = [
        (Call::post(REVOKE).form(&[token]), 202),
        (Call::post(REVOKE).form(&[token, ("client_id", "acme")]), 200),
        (Call::post(REVOKE).form(&[token, ("client_id", "acme"), ("client_secret", "wrong")]), 200),
        (Call::post(REVOKE).basic("acme", "wrong").form(&[token]), 200),
        (Call::post(REVOKE).bearer(&pair.access).form(&[token]), 202),
    ];
    for (call, number) in calls {
        let reply = platform.at_api(call).await;
        assert_eq!(reply.refused(), (401, "invalid_client".to_owned(), number));
    }
    let both = Call::post(REVOKE).header("Authorization", &basic("acme", ACME.secret.unwrap()));
    assert_eq!(platform.at_api(both.form(&ACME.signed(&[token]))).await.refusal(), 201);
    assert!(ACME.is_active(&platform, &pair.access).await);
    assert_done(&platform.at_api(Call::post(REVOKE).basic("acme", ACME.secret.unwrap()).form(&[token])).await);
    assert_dead(ACME, &platform, &pair).await;
}

#[tokio::test]
async fn rv_02_rv_06_attack_18_either_token_ends_the_family_for_every_kind_of_client() {
    let platform = Platform::start().await;
    for partner in [ACME, DESKTOP] {
        for which in [|pair: &Pair| pair.refresh.clone(), |pair: &Pair| pair.access.clone()] {
            let first = partner.connect(&platform, OLIVIA).await;
            let second = Pair::of(&partner.refresh(&platform, &first.refresh).await);
            assert_done(&partner.revoke(&platform, &which(&second)).await);
            assert_dead(partner, &platform, &second).await;
            if partner.secret.is_some() {
                assert!(!partner.is_active(&platform, &first.access).await, "the earlier access token as well");
            }
        }
    }
    // A token of any age does: the one before last.
    let first = ACME.connect(&platform, OLIVIA).await;
    let second = Pair::of(&ACME.refresh(&platform, &first.refresh).await);
    let third = Pair::of(&ACME.refresh(&platform, &second.refresh).await);
    assert_done(&ACME.revoke(&platform, &first.refresh).await);
    assert_dead(ACME, &platform, &third).await;
}

#[tokio::test]
async fn rv_02_json_and_multipart_bodies_do_as_well() {
    let platform = Platform::start().await;
    for json in [true, false] {
        let pair = ACME.connect(&platform, OLIVIA).await;
        let (call, pairs) = (Call::post(REVOKE), ACME.signed(&[("token", &pair.refresh)]));
        assert_done(&platform.at_api(if json { call.json(&pairs) } else { call.multipart(&pairs) }).await);
        assert_dead(ACME, &platform, &pair).await;
    }
}

#[tokio::test]
async fn rv_03_r_28_unknown_dead_and_twice_revoked_tokens_get_the_same_answer() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    assert_done(&ACME.revoke(&platform, &pair.refresh).await);
    let rows = platform.all_rows().await;
    // simple-oauth2 revokes one after the other: the second meets a dead token.
    for token in [&pair.access, &pair.refresh, "unknown", "ts_rt_", "ts_rt_AAAAAAAA", "ts_at_%00"] {
        assert_done(&ACME.revoke(&platform, token).await);
    }
    assert_eq!(platform.all_rows().await, rows, "and nothing more is written");
}

#[tokio::test]
async fn rv_04_the_hint_is_only_a_hint() {
    let platform = Platform::start().await;
    for hint in ["refresh_token", "access_token", "nonsense", ""] {
        for which in [|pair: &Pair| pair.refresh.clone(), |pair: &Pair| pair.access.clone()] {
            let pair = ACME.connect(&platform, OLIVIA).await;
            let token = which(&pair);
            let pairs = ACME.signed(&[("token", &token), ("token_type_hint", hint)]);
            assert_done(&platform.at_api(Call::post(REVOKE).form(&pairs)).await);
            assert_dead(ACME, &platform, &pair).await;
        }
    }
}

#[tokio::test]
async fn rv_05_attack_19_another_apps_token_is_left_alone_and_nothing_is_told() {
    let platform = Platform::start().await;
    let pair = ACME.connect(&platform, OLIVIA).await;
    let unknown = EVERYTHING.revoke(&platform, "unknown").await;
    for stranger in [EVERYTHING, DESKTOP] {
        for token in [&pair.refresh, &pair.access] {
            let reply = stranger.revoke(&platform, token).await;
            assert_done(&reply);
            assert_eq!((reply.status, &reply.body), (unknown.status, &unknown.body));
        }
    }
    assert!(ACME.is_active(&platform, &pair.access).await);
    assert_eq!(ACME.refresh(&platform, &pair.refresh).await.status, 200);
}

#[tokio::test]
async fn rv_07_a_missing_token_is_named() {
    let platform = Platform::start().await;
    for pairs in [ACME.signed(&[]), ACME.signed(&[("token", "")]), ACME.signed(&[("refresh_token", "x")])] {
        let reply = platform.at_api(Call::post(REVOKE).form(&pairs)).await;
        assert_eq!(reply.refused(), (400, "invalid_request".to_owned(), 520));
    }
    let twice = ACME.signed(&[("token", "x"), ("token", "x")]);
    assert_eq!(platform.at_api(Call::post(REVOKE).form(&twice)).await.refusal(), 100);
    let media = Call::post(REVOKE).body("text/plain", form(&ACME.signed(&[("token", "x")])));
    assert_eq!(platform.at_api(media).await.status, 415);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rv_08_attack_4_revoking_during_a_storm_of_refreshes_leaves_nothing_alive() {
    for builder in [Builder::new(), Builder::new().model()] {
        let platform = Arc::new(builder.start().await);
        for round in 0..6 {
            let pair = ACME.connect(&platform, OLIVIA).await;
            let replies = race(16, |n| {
                let (platform, pair) = (platform.clone(), pair.clone());
                async move {
                    match (n + round) % 16 {
                        7 => ACME.revoke(&platform, &pair.access).await,
                        _ => ACME.refresh(&platform, &pair.refresh).await,
                    }
                }
            })
            .await;
            let won = replies.iter().filter(|reply| reply.status == 200 && !reply.body.is_empty());
            for pair in won.map(Pair::of).chain([pair]) {
                assert_dead(ACME, &platform, &pair).await;
            }
        }
    }
}
