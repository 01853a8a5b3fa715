//! The main story against our own platform: connect, see data, refresh, be revoked, connect again.

use causeway_protocol::time::Seconds;
use causeway_testkit::actors::ACME;
use causeway_vault::Status;
use causeway_vault::timeline::StepKind;

use super::world::World;

#[tokio::test]
async fn ts_14_the_dashboard_connects_to_the_platform() {
    let mut world = World::new().await;
    let page = world.dashboard().await;
    assert!(page.text().contains("Not connected"), "{}", page.text());
    let address = world.leave("Connect to Tripleseat").await;
    let base = format!("{}/oauth2/authorize?client_id=acme&redirect_uri=", world.platform.login());
    assert!(address.starts_with(&base), "{address}");
    for part in ["&response_type=code&", "&scope=leads%3Aread%20events%3Aread&", "&code_challenge_method=S256"] {
        assert!(address.contains(part), "{part}: {address}");
    }
    let back = world.at_platform(&address, "Allow").await;
    assert!(back.starts_with("/callback/tripleseat?code="), "{back}");
    let arrived = world.come_back(&back).await;
    assert_eq!(
        (arrived.reply.status, arrived.location()),
        (303, "/?show=tripleseat#tripleseat"),
        "pv_06: away from the code, at once"
    );
    let page = world.dashboard().await;
    let text = page.text();
    assert!(text.contains("Connected · 2 sites · token renews in 1 h"), "{text}");
    assert!(text.contains("Anna") && text.contains("Regatta dinner"), "leads and events: {text}");
    assert!(!page.html.contains(back.split_once("code=").unwrap().1.split('&').next().unwrap()), "the code is masked");
    assert_eq!(world.platform.connections().await.len(), 1);
}

#[tokio::test]
async fn ts_15_the_chosen_site_goes_with_every_call() {
    let mut world = World::new().await;
    let page = world.connect("Connect to Tripleseat").await;
    assert!(page.text().contains("Anna") && !page.text().contains("Carla"), "{}", page.text());
    let page = world.press("Show", &[("site", "2102")]).await;
    assert!(page.text().contains("Carla") && !page.text().contains("Anna"), "{}", page.text());
    let steps = world.vault.timeline("tripleseat", "main");
    let calls: Vec<&str> = steps.iter().filter(|s| s.kind == StepKind::Call).map(|s| s.request.as_str()).collect();
    assert_eq!(calls.len(), 5, "the list of sites, then two lists for each site");
    assert!(calls[1..3].iter().all(|call| call.contains("?site_id=2101\n")), "{calls:?}");
    assert!(calls[3..].iter().all(|call| call.contains("?site_id=2102\n")), "{calls:?}");
    let page = world.press("Show", &[("site", "2201")]).await;
    assert!(page.text().contains("C-910"), "another customer's: {}", page.text());
}

#[tokio::test]
async fn core_21_refresh_now_shows_the_pair_change() {
    let mut world = World::new().await;
    world.connect("Connect to Tripleseat").await;
    let id = world.vault.connections().await.unwrap()[0].id;
    let before = world.vault.tokens(id).await.unwrap().unwrap();
    let page = world.press("Refresh now", &[]).await;
    let after = world.vault.tokens(id).await.unwrap().unwrap();
    let said = format!(
        "Access token #{} became #{}; refresh token #{} became #{}.",
        before.access,
        after.access,
        before.refresh.unwrap(),
        after.refresh.unwrap()
    );
    assert!(page.text().contains(&said), "{said}: {}", page.text());
}

#[tokio::test]
async fn core_21_calls_go_on_when_the_token_has_ended() {
    let mut world = World::new().await;
    world.connect("Connect to Tripleseat").await;
    for round in 1..=3 {
        world.platform.clock.advance(Seconds(7_300));
        let page = world.press("Load data", &[]).await;
        assert!(page.text().contains("fetched just now"), "{}", page.text());
        assert_eq!(world.refreshes(), round);
    }
}

#[tokio::test]
async fn ts_16_after_revocation_the_next_call_ends_in_reconnect_needed_and_connecting_repairs_it() {
    let mut world = World::new().await;
    world.connect("Connect to Tripleseat").await;
    world.press("Show", &[("site", "2102")]).await;
    let before = world.vault.connections().await.unwrap();
    world.platform.cut(ACME.client_id, "4100").await;
    let page = world.press("Load data", &[]).await;
    assert!(page.text().contains("Reconnect needed"), "{}", page.text());
    assert_eq!(world.refreshes(), 1, "exactly one attempt");
    assert!(matches!(world.vault.connections().await.unwrap()[0].status, Status::ReconnectNeeded { .. }));
    let page = world.connect("Reconnect to Tripleseat").await;
    assert!(page.text().contains("Connected · 2 sites"), "{}", page.text());
    let after = world.vault.connections().await.unwrap();
    assert_eq!((after.len(), after[0].id), (1, before[0].id), "the same connection");
    assert_eq!(after[0].site.as_deref(), Some("2102"), "and its settings");
}

#[tokio::test]
async fn core_22_an_account_that_is_switched_on_again_needs_nobody() {
    let mut world = World::new().await;
    world.connect("Connect to Tripleseat").await;
    world.platform.switch("customers", "4100", false).await;
    let page = world.press("Load data", &[]).await;
    assert!(page.text().contains("Reconnect needed"), "{}", page.text());
    world.platform.switch("customers", "4100", true).await;
    let page = world.press("Try the old token once more", &[]).await;
    assert!(page.text().contains("Connected · 2 sites"), "{}", page.text());
}

#[tokio::test]
async fn core_23_a_missing_permission_is_shown_as_one() {
    let mut world = World::new().await;
    world.connect("Connect to Tripleseat").await;
    world.platform.set_app_scopes(ACME.client_id, "events:read").await;
    // Taking a scope ends the access tokens that had it: one refresh, and from then on the permission is missing.
    let page = world.press("Load data", &[]).await;
    let refreshes = world.refreshes();
    assert!(page.text().contains("C-906"), "{}", page.text());
    let page = world.press("Load data", &[]).await;
    assert!(page.text().contains("lacks a permission"), "{}", page.text());
    assert!(page.text().contains("Regatta dinner"), "what is allowed is shown: {}", page.text());
    assert_eq!(world.refreshes(), refreshes, "refreshing does not help, so none is tried");
    assert_eq!(world.vault.connections().await.unwrap()[0].status, Status::Connected);
}

#[tokio::test]
async fn core_28_disconnecting_ends_it_on_both_sides() {
    let mut world = World::new().await;
    world.connect("Connect to Tripleseat").await;
    let page = world.press("Disconnect Tripleseat", &[]).await;
    assert!(page.text().contains("The platform ended the authorization"), "{}", page.text());
    assert!(page.text().contains("Not connected"), "{}", page.text());
    let id = world.vault.connections().await.unwrap()[0].id;
    assert_eq!(world.vault.tokens(id).await.unwrap(), None);
    assert!(world.connect("Connect to Tripleseat").await.text().contains("Connected · 2 sites"));
    assert_eq!(world.vault.connections().await.unwrap()[0].id, id);
}

#[tokio::test]
async fn r_01_lost_replies_strand_nobody() {
    let mut world = World::with_faults("lose-reply=0.4").await;
    let mut page = world.dashboard().await;
    for _ in 0..8 {
        let address = world.leave("Connect to Tripleseat").await;
        let back = world.at_platform(&address, "Allow").await;
        world.come_back(&back).await;
        page = world.dashboard().await;
        if page.text().contains("Connected · ") {
            break;
        }
    }
    assert!(page.text().contains("Connected · "), "{}", page.text());
    for _ in 0..20 {
        world.platform.clock.advance(Seconds(7_300));
        world.press("Load data", &[]).await;
        assert_eq!(world.vault.connections().await.unwrap()[0].status, Status::Connected);
    }
    let steps = world.vault.timeline("tripleseat", "main");
    assert!(
        steps.iter().any(|step| step.kind == StepKind::Refresh && step.reply.contains("broke")),
        "replies were lost"
    );
}
