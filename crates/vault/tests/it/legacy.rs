//! Calls while a platform moves from OAuth 1.0 to 2.0: which scheme, signed how, and who can see it.

use std::collections::HashSet;

use causeway_protocol::{Reason, UnixTime};
use causeway_vault::legacy::{Notice, Scheme};
use causeway_vault::migrate::{Ended, Options, PairState};
use causeway_vault::{ApiRequest, Method, Vault};

use super::migrate::{Move, campaign, import, run};

const ACCOUNT: &str = "account-of-key-1";

async fn call(vault: &Vault, request: &ApiRequest) -> Result<(Scheme, u16), Reason> {
    let reply = vault.call_account("tripleseat", ACCOUNT, request).await;
    reply.map(|reply| (reply.scheme, reply.reply.status)).map_err(|refusal| refusal.reason)
}

fn expected_notice() -> Notice {
    Notice {
        deprecated: true,
        since: Some(UnixTime(1_767_225_600)),
        ends_at: Some(UnixTime(1_782_864_000)),
        guide: Some("https://guide.example/oauth2".to_owned()),
    }
}

#[tokio::test]
async fn tsm_22_an_account_signs_with_1_0_until_it_has_a_token_and_the_scheme_is_seen() {
    let at = Move::of(2).await;
    let vault = at.vault();
    let locations = ApiRequest::get("/locations");
    assert_eq!(call(&vault, &locations).await, Err(Reason::NotConnected), "neither a pair nor a connection");
    import(&vault, &at.provider.list()).await;
    assert_eq!(call(&vault, &locations).await, Ok((Scheme::OAuth1, 200)));
    assert_eq!(at.provider.signed().len(), 1);
    let seen = |vault: Vault| async move {
        let accounts = vault.accounts("tripleseat", "", 100).await.unwrap();
        accounts.into_iter().map(|each| (each.scheme, each.connected, each.pair)).collect::<Vec<_>>()
    };
    let pending = (Some(Scheme::OAuth1), false, Some(PairState::Pending));
    assert_eq!(seen(vault.clone()).await, [pending, pending]);
    at.provider.fault("key-2", super::provider::Fault::Say(400, None, r#"{"error":"invalid_grant"}"#));
    assert_eq!(run(&vault, Options::default()).await, Ended::Finished);
    assert_eq!(call(&vault, &locations).await, Ok((Scheme::OAuth2, 200)));
    let done = (Some(Scheme::OAuth2), true, Some(PairState::Done));
    let refused = (Some(Scheme::OAuth1), false, Some(PairState::Refused));
    assert_eq!(seen(vault.clone()).await, [done, refused]);
    let other = vault.call_account("tripleseat", "account-of-key-2", &locations).await.unwrap();
    assert_eq!((other.scheme, other.reply.body.as_ref()), (Scheme::OAuth1, br#"{"customer":"key-2"}"#.as_ref()));
    assert_eq!(at.provider.signed().len(), 2);
}

#[tokio::test]
async fn tsm_22_accounts_are_listed_in_pages() {
    let at = Move::of(25).await;
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    run(&vault, Options::default()).await;
    let (mut after, mut all) = (String::new(), Vec::new());
    loop {
        let page = vault.accounts("tripleseat", &after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 10);
        after.clone_from(&last.account);
        all.extend(page.into_iter().map(|account| account.account));
    }
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 25);
    assert!(all.is_sorted());
}

#[tokio::test]
async fn tsm_22_what_the_platform_says_of_the_end_is_kept_and_shown() {
    let at = Move::of(1).await;
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    assert_eq!(vault.accounts("tripleseat", "", 1).await.unwrap()[0].notice, Notice::default());
    let reply = vault.call_account("tripleseat", ACCOUNT, &ApiRequest::get("/locations")).await.unwrap();
    assert_eq!(reply.notice, expected_notice());
    drop(vault);
    let vault = at.vault();
    assert_eq!(vault.accounts("tripleseat", "", 1).await.unwrap()[0].notice, expected_notice(), "after a restart");
    run(&vault, Options::default()).await;
    let reply = vault.call_account("tripleseat", ACCOUNT, &ApiRequest::get("/locations")).await.unwrap();
    assert_eq!((reply.scheme, reply.notice), (Scheme::OAuth2, Notice::default()));
}

#[tokio::test]
async fn tsm_22_a_connection_that_was_ended_is_not_gone_round_by_1_0() {
    let at = Move::of(1).await;
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    run(&vault, Options::default()).await;
    at.provider.revoke();
    assert_eq!(call(&vault, &ApiRequest::get("/locations")).await, Err(Reason::ReconnectNeeded));
    assert_eq!(call(&vault, &ApiRequest::get("/locations")).await, Err(Reason::ReconnectNeeded));
    assert_eq!(at.provider.signed().len(), 0, "the pair would still sign");
    let account = vault.accounts("tripleseat", "", 1).await.unwrap().remove(0);
    assert_eq!((account.scheme, account.connected), (Some(Scheme::OAuth2), false));
    // Nor does the campaign ask for it again.
    run(&vault, Options { retry_refused: true, ..Options::default() }).await;
    assert_eq!(at.provider.asked(), 1);
}

#[tokio::test]
async fn tsm_24_signatures_hold_with_parameters_that_need_every_rule() {
    let at = Move::of(0).await;
    at.provider.consumer("key-1", "s&cret+/ =ü", None);
    at.provider.consumer("dpf43f3p2l4k3l03", "kd94hf93k423kf44", Some("pfkkdhi9sl3r4s00"));
    let vault = at.vault();
    let list = "account,consumer_key,consumer_secret,token,token_secret\naccount-of-key-1,key-1,s&cret+/ =ü,,\n\
                threelegged,dpf43f3p2l4k3l03,kd94hf93k423kf44,nnch734d00sl2jdk,pfkkdhi9sl3r4s00\n";
    import(&vault, list).await;
    let mut hard = ApiRequest::get("/leads").at_site(Some("2101".to_owned()));
    hard.query =
        [("name", "Ü &=+%2F*~ '()!"), ("a b", "ä"), ("empty", ""), ("z", "2"), ("z", "1"), ("order[]", "desc")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let mut post = ApiRequest::get("/leads");
    post.method = Method::Post;
    post.body = Some(serde_json::json!({"first_name": "Ada & Co"}));
    for request in [&hard, &post, &ApiRequest::get("/locations")] {
        assert_eq!(call(&vault, request).await, Ok((Scheme::OAuth1, 200)), "{request:?}");
        let three = vault.call_account("tripleseat", "threelegged", request).await.unwrap();
        assert_eq!(three.reply.status, 200, "{request:?}");
    }
    let signed = at.provider.signed();
    assert_eq!(signed.len(), 6);
    assert!(
        signed[1].contains("oauth_token=\"nnch734d00sl2jdk\"") && !signed[0].contains("oauth_token="),
        "{signed:?}"
    );
    let shown = format!("{:?}", vault.timeline("tripleseat", ACCOUNT));
    assert!(
        shown.contains("oauth_consumer_key") && !shown.contains("oauth_signature=\\\"") && !shown.contains("s&cret")
    );
}

#[tokio::test]
async fn tsm_24_a_repeat_is_signed_anew_and_a_refused_pair_is_not_repeated() {
    let at = Move::of(1).await;
    let vault = at.vault();
    import(&vault, &at.provider.list()).await;
    let locations = ApiRequest::get("/locations");
    at.provider.answer_call(503, "");
    at.provider.answer_call(429, "");
    assert_eq!(call(&vault, &locations).await, Ok((Scheme::OAuth1, 200)));
    assert_eq!(at.provider.signed().len(), 3, "a nonce that was used would not verify");
    at.provider.answer_call(401, r#"{"error":"OAuth 1.0 has ended here."}"#);
    let refusal = vault.call_account("tripleseat", ACCOUNT, &locations).await.unwrap_err();
    assert_eq!(refusal.reason, Reason::LegacyRefused);
    assert!(refusal.description().contains("has ended here"), "{}", refusal.description());
    assert_eq!(at.provider.signed().len(), 4, "once");
    at.provider.answer_call(403, r#"{"error":"insufficient_scope"}"#);
    assert_eq!(call(&vault, &locations).await, Err(Reason::PermissionMissing));
    let mut post = ApiRequest::get("/leads");
    post.method = Method::Post;
    at.provider.answer_call(500, "");
    assert_eq!(call(&vault, &post).await, Err(Reason::PlatformUnreachable), "it may have been done: not repeated");
    assert_eq!(at.provider.signed().len(), 6);
    assert_eq!(campaign(&vault).progress().await.unwrap().counts.pending, 1);
}
