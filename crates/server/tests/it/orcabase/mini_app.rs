//! The mini-app and the queries behind it, with a second platform as the provider (ORC-09, 11).

use causeway_protocol::records::Act;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, profile};
use causeway_server::flows::mini_app::forget_orphans;
use causeway_server::load_seed::set_redirect_uris;
use causeway_storage::Store;
use causeway_testkit::actors::ACME;
use causeway_testkit::world::{OLIVIA, PRIYA};
use causeway_testkit::{Browser, Call};
use causeway_vault::Status;
use serde_json::Value;

use super::*;

/// Both platforms; the provider knows where its app returns to.
struct World {
    orcabase: Platform,
    provider: Platform,
}

impl World {
    async fn start() -> Self {
        let provider = Platform::start().await;
        let known = causeway_vault::Platform {
            profile: profile::shipped("tripleseat").expect("shipped"),
            login_url: provider.login().to_owned(),
            api_url: provider.api().to_owned(),
            token_url: None,
            issuer: provider.login().to_owned(),
            client_id: ACME.client_id.to_owned(),
            client_secret: ACME.secret.map(Secret::new),
            redirect_uri: String::new(),
            scopes: vec!["leads:read".to_owned()],
        };
        let orcabase = builder().tune(move |settings| settings.providers = vec![known.clone()]).start().await;
        let callback = format!("{}/integrations/callback/tripleseat", orcabase.login());
        set_redirect_uris(&provider.edge.node, ACME.client_id, &[callback]).await.expect("the provider knows the app");
        Self { orcabase, provider }
    }

    /// Into the mini-app.
    async fn enter(&self, app: &App, account: &str) -> (Browser, Page) {
        let mut browser = Browser::new();
        let token = app.token(&self.orcabase, account).await;
        let page = browser.open(&self.orcabase, &app.mini_app(account, &token)).await;
        assert_eq!(page.reply.status, 303, "{}", page.text());
        let page = browser.open(&self.orcabase, page.location()).await;
        assert_eq!(page.reply.status, 200, "{}", page.text());
        (browser, page)
    }

    /// From the mini-app's Connect to its callback's address, allowed by this person at the provider.
    async fn way(&self, browser: &mut Browser, page: &Page, person: &str) -> String {
        let away = click(browser, &self.orcabase, &page.link("Connect")).await;
        assert_eq!(away.reply.status, 303, "{}", away.text());
        let there = away.location().strip_prefix(self.provider.login()).expect("to the provider").to_owned();
        let mut at_provider = Browser::of(&self.provider, person).await;
        let asked = at_provider.open(&self.provider, &there).await;
        let done = at_provider.press(&self.provider, &asked, "Allow", &[]).await;
        done.location().strip_prefix(self.orcabase.login()).expect("back to the mini-app").to_owned()
    }

    /// Connects the provider; the mini-app as it stands then.
    async fn connect(&self, browser: &mut Browser, page: &Page, person: &str) -> Page {
        let back = self.way(browser, page, person).await;
        let home = browser.open(&self.orcabase, &back).await;
        assert_eq!(home.reply.status, 303, "{}", home.text());
        browser.open(&self.orcabase, home.location()).await
    }

    async fn ask(&self, pair: &Pair, pairs: &[(&str, &str)]) -> Response {
        self.orcabase.at_api(Call::post(&format!("{API}/moby")).bearer(&pair.access).json(pairs)).await
    }
}

/// Follows a link of the page itself.
async fn click(browser: &mut Browser, platform: &Platform, target: &str) -> Page {
    let call = Call::get(target).header("Sec-Fetch-Site", "same-origin").header("Sec-Fetch-Mode", "navigate");
    browser.send(platform, call).await
}

#[tokio::test]
async fn orc_11_the_token_signs_in_once_and_lists_the_providers() {
    let world = World::start().await;
    let platform = &world.orcabase;
    let token = EXAMPLE.token(platform, ACCOUNT).await;
    let link = EXAMPLE.mini_app(ACCOUNT, &token);
    assert_eq!(platform.at_login(Call::new("HEAD", &link)).await.status, 405, "a look does not use it up");
    let mut browser = Browser::new();
    let entered = browser.open(platform, &link).await;
    assert_eq!(entered.reply.status, 303, "{}", entered.text());
    assert!(!entered.location().contains("token"), "{}", entered.location());
    let cookie = entered.reply.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Max-Age=3600"),
        "{cookie}"
    );
    let page = browser.open(platform, entered.location()).await;
    let text = page.text();
    for part in ["Integrations", "Example App", "Example User", ACCOUNT, "Tripleseat", "Not connected", "Connect"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("cal Not available here yet"), "what the server was not told about: {text}");
    // Used up: for another browser, and for this one.
    for browser in [&mut Browser::new(), &mut browser] {
        let again = browser.open(platform, &link).await;
        assert_eq!((again.reply.status, again.refusal()), (403, 1106), "{}", again.text());
    }
    let without = Browser::new().open(platform, entered.location()).await;
    assert_eq!((without.reply.status, without.refusal()), (403, 1108), "{}", without.text());
}

#[tokio::test]
async fn orc_11_a_token_that_does_not_fit_is_refused_and_not_spent() {
    let world = World::start().await;
    let platform = &world.orcabase;
    let token = EXAMPLE.token(platform, ACCOUNT).await;
    let links = [
        EXAMPLE.mini_app("second-user", &token),
        OTHER.mini_app(ACCOUNT, &token),
        OTHER.mini_app("user-of-other", &token),
        EXAMPLE.mini_app("nobody", &token),
        EXAMPLE.mini_app(ACCOUNT, "rubbish"),
        EXAMPLE.mini_app(ACCOUNT, &token[..token.len() - 1]),
        EXAMPLE.mini_app(ACCOUNT, &EXAMPLE.connect(platform, ACCOUNT).await.access),
    ];
    for link in links {
        let page = Browser::new().open(platform, &link).await;
        assert_eq!((page.reply.status, page.refusal(), page.location()), (403, 1107, ""), "{link}: {}", page.text());
    }
    assert_eq!(Browser::new().open(platform, &EXAMPLE.mini_app(ACCOUNT, &token)).await.reply.status, 303);
}

#[tokio::test]
async fn orc_11_a_visit_is_for_one_account_and_ends() {
    let world = World::start().await;
    let platform = &world.orcabase;
    let (mut browser, _) = world.enter(&EXAMPLE, ACCOUNT).await;
    let elsewhere = with_query("/integrations", &[("account-id", "second-user"), ("app-id", EXAMPLE.id)]);
    assert_eq!(browser.open(platform, &elsewhere).await.refusal(), 1107);
    let home = with_query("/integrations", &[("account-id", ACCOUNT), ("app-id", EXAMPLE.id)]);
    assert_eq!(browser.open(platform, &home).await.reply.status, 200);
    platform.clock.advance(Seconds(3_600));
    assert_eq!(browser.open(platform, &home).await.refusal(), 1108);
    // Who is in is out at once when the account is deleted.
    let (mut browser, _) = world.enter(&EXAMPLE, ACCOUNT).await;
    EXAMPLE.call(platform, "delete-account", &[("appId", EXAMPLE.id), ("accountId", ACCOUNT)]).await;
    assert_eq!(browser.open(platform, &home).await.refusal(), 1102);
}

#[tokio::test]
async fn orc_11_a_provider_is_connected_through_our_own_vault_and_disconnected() {
    let world = World::start().await;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    let page = world.connect(&mut browser, &page, OLIVIA).await;
    let text = page.text();
    assert!(text.contains("Tripleseat is connected.") && text.contains("Connected just now"), "{text}");
    assert_eq!(world.provider.rows("families").await, 1);
    // Nobody else's account is connected by that.
    for (app, account) in [(&EXAMPLE, "second-user"), (&OTHER, "user-of-other")] {
        let (_, page) = world.enter(app, account).await;
        assert!(page.text().contains("Not connected"), "{account}: {}", page.text());
    }
    let gone = browser.press(&world.orcabase, &page, "Disconnect Tripleseat", &[]).await;
    assert_eq!(gone.reply.status, 303, "{}", gone.text());
    let page = browser.open(&world.orcabase, gone.location()).await;
    assert!(page.text().contains("Tripleseat is disconnected."), "{}", page.text());
    // The provider was told.
    let family = world.provider.connections().await;
    assert_eq!(family.len(), 1);
    let (_, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    assert!(page.text().contains("Not connected"), "{}", page.text());
}

#[tokio::test]
async fn orc_11_who_comes_back_must_be_who_left() {
    let world = World::start().await;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    let back = world.way(&mut browser, &page, OLIVIA).await;
    // Another visit, to another account, is lured to that address; and somebody without a visit.
    let (mut victim, _) = world.enter(&EXAMPLE, "second-user").await;
    let lured = victim.open(&world.orcabase, &back).await;
    assert!(lured.location().contains("trouble=900"), "{}", lured.location());
    assert_eq!(Browser::new().open(&world.orcabase, &back).await.refusal(), 1108);
    // What is not theirs is not burnt.
    let home = browser.open(&world.orcabase, &back).await;
    assert!(home.location().contains("connected=tripleseat"), "{}", home.location());
    let (_, page) = world.enter(&EXAMPLE, "second-user").await;
    assert!(page.text().contains("Not connected"));
}

#[tokio::test]
async fn orc_11_a_link_of_another_visit_connects_nothing() {
    let world = World::start().await;
    let platform = &world.orcabase;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    // The page stands open when a stranger's sign-in link begins another visit in the same browser.
    let token = EXAMPLE.token(platform, "second-user").await;
    assert_eq!(browser.open(platform, &EXAMPLE.mini_app("second-user", &token)).await.reply.status, 303);
    let link = page.link("Connect");
    let bare = link.split('?').next().expect("a path").to_owned();
    for target in [&link, &bare, &format!("{bare}?token="), &format!("{link}&token=x")] {
        let away = click(&mut browser, platform, target).await;
        assert_eq!((away.reply.status, away.location()), (403, ""), "{target}: {}", away.text());
    }
    assert_eq!(click(&mut browser, platform, &link).await.refusal(), 401);
    let vault = platform.edge.providers.as_ref().expect("a vault");
    assert!(vault.connections().await.expect("the vault answers").is_empty(), "nothing has begun");
    // The other visit's own link, and its links to other providers, are not exchangeable either.
    let home = with_query("/integrations", &[("account-id", "second-user"), ("app-id", EXAMPLE.id)]);
    let own = browser.open(platform, &home).await.link("Connect");
    let elsewhere = own.replace("/connect/tripleseat", "/connect/cal");
    assert_eq!(click(&mut browser, platform, &elsewhere).await.refusal(), 401);
    assert_eq!(click(&mut browser, platform, &own).await.reply.status, 303);
}

#[tokio::test]
async fn orc_11_denying_at_the_provider_leaves_nothing_half_made() {
    let world = World::start().await;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    let away = click(&mut browser, &world.orcabase, &page.link("Connect")).await;
    let there = away.location().strip_prefix(world.provider.login()).expect("to the provider").to_owned();
    let mut at_provider = Browser::of(&world.provider, OLIVIA).await;
    let asked = at_provider.open(&world.provider, &there).await;
    let done = at_provider.press(&world.provider, &asked, "Deny", &[]).await;
    let back = done.location().strip_prefix(world.orcabase.login()).expect("back").to_owned();
    let home = browser.open(&world.orcabase, &back).await;
    let page = browser.open(&world.orcabase, home.location()).await;
    assert_eq!(page.refusal(), 902, "{}", page.text());
    assert!(page.text().contains("Not connected"));
}

#[tokio::test]
async fn orc_11_forms_of_another_visit_and_providers_not_offered_do_nothing() {
    let world = World::start().await;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    let page = world.connect(&mut browser, &page, OLIVIA).await;
    let (mut other, _) = world.enter(&EXAMPLE, ACCOUNT).await;
    let foreign = other.press(&world.orcabase, &page, "Disconnect Tripleseat", &[]).await;
    assert_eq!(foreign.refusal(), 401, "{}", foreign.text());
    // What the page offers no link to, nobody can begin.
    for provider in ["otesse", "cal", "x"] {
        let away = click(&mut browser, &world.orcabase, &format!("/integrations/connect/{provider}")).await;
        assert_eq!((away.refusal(), away.location()), (401, ""), "{provider}: {}", away.text());
    }
    let lured = browser.open(&world.orcabase, "/integrations/connect/tripleseat").await;
    assert_eq!(lured.refusal(), 111, "no other site begins a connection: {}", lured.text());
}

#[tokio::test]
async fn orc_11_the_person_can_take_back_what_the_app_was_allowed() {
    let world = World::start().await;
    let pair = EXAMPLE.connect(&world.orcabase, ACCOUNT).await;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    let done = browser.press(&world.orcabase, &page, "Take it back", &[]).await;
    assert_eq!(done.reply.status, 303, "{}", done.text());
    assert_eq!(status(&world.orcabase, ACCOUNT).await, "Offline");
    assert_eq!(world.ask(&pair, &[("question", "How many leads?")]).await.status, 401);
}

#[tokio::test]
async fn orc_09_a_query_is_answered_with_what_the_connected_providers_say() {
    let world = World::start().await;
    let pair = EXAMPLE.connect(&world.orcabase, ACCOUNT).await;
    let nothing = world.ask(&pair, &[("question", "How many leads?")]).await;
    assert_eq!(nothing.status, 200, "{}", nothing.text());
    assert_eq!(nothing.json()["sources"], Value::Array(Vec::new()));
    assert!(nothing.member("answer").contains("No provider is connected"), "{}", nothing.text());

    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    world.connect(&mut browser, &page, PRIYA).await;
    let said = world.ask(&pair, &[("question", "How many leads?")]).await;
    let source = &said.json()["sources"][0];
    assert_eq!((&source["provider"], &source["path"]), (&"tripleseat".into(), &"/leads".into()), "{}", said.text());
    assert!(source["data"]["results"].is_array(), "{}", said.text());
    assert!(said.member("answer").starts_with("How many leads? Tripleseat holds "), "{}", said.text());

    // One provider and one path; what it does not allow is said of it.
    let one = world.ask(&pair, &[("question", "Sites?"), ("provider", "tripleseat"), ("path", "/sites")]).await;
    assert!(one.json()["sources"][0]["data"].is_object(), "{}", one.text());
    let not = world.ask(&pair, &[("question", "Events?"), ("path", "/events")]).await;
    assert_eq!(not.json()["sources"][0]["error"], "insufficient_scope", "{}", not.text());
    assert!(not.member("answer").contains("did not answer"));
    for (pairs, number) in [
        (vec![], 101),
        (vec![("question", "?"), ("provider", "otesse")], 1109),
        (vec![("question", "?"), ("path", "/../sites")], 0),
    ] {
        let refused = world.ask(&pair, &pairs).await;
        assert_eq!(refused.refusal(), number, "{pairs:?}: {}", refused.text());
    }

    // Another account of the same app has none of it.
    let second = EXAMPLE.connect(&world.orcabase, "second-user").await;
    let nothing = world.ask(&second, &[("question", "How many leads?")]).await;
    assert_eq!(nothing.json()["sources"], Value::Array(Vec::new()), "{}", nothing.text());
}

#[tokio::test]
async fn orc_09_a_provider_that_ended_the_connection_is_said_to_have() {
    let world = World::start().await;
    let pair = EXAMPLE.connect(&world.orcabase, ACCOUNT).await;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    world.connect(&mut browser, &page, PRIYA).await;
    world.provider.cut(ACME.client_id, "4200").await;
    let said = world.ask(&pair, &[("question", "How many leads?")]).await;
    assert_eq!(said.status, 200);
    assert_eq!(said.json()["sources"][0]["error"], "invalid_grant", "{}", said.text());
    let (_, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    assert!(page.text().contains("Must be connected again") && page.text().contains("Connect"), "{}", page.text());
}

#[tokio::test]
async fn orc_02_deleting_an_account_disconnects_what_it_had() {
    let world = World::start().await;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    world.connect(&mut browser, &page, OLIVIA).await;
    EXAMPLE.call(&world.orcabase, "delete-account", &[("appId", EXAMPLE.id), ("accountId", ACCOUNT)]).await;
    EXAMPLE.register(&world.orcabase, ACCOUNT).await;
    let (_, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    assert!(page.text().contains("Not connected"), "{}", page.text());
    let vault = world.orcabase.edge.providers.as_ref().expect("a vault");
    let all = vault.connections().await.expect("the vault answers");
    assert!(all.iter().all(|one| matches!(one.status, causeway_vault::Status::Disconnected { .. })), "{all:?}");
}

#[tokio::test]
async fn orc_02_what_a_crash_left_of_a_deleted_account_is_disconnected_at_the_next_start() {
    let world = World::start().await;
    let (mut browser, page) = world.enter(&EXAMPLE, ACCOUNT).await;
    world.connect(&mut browser, &page, OLIVIA).await;
    let edge = &world.orcabase.edge;
    let vault = edge.providers.clone().expect("it has providers");
    forget_orphans(edge).await;
    assert_eq!(vault.connections().await.unwrap()[0].status, Status::Connected, "who is there is left alone");
    // The account goes, and nobody lives to disconnect its providers.
    let account = edge.node.store.account_by_external(ACCOUNT).await.unwrap().expect("it is there");
    let (customer, app) = (account.customer, account.app);
    let act = Act {
        at: edge.node.now(),
        actor: "test".into(),
        verb: "account.deleted",
        subject: None,
        detail: String::new(),
    };
    world.orcabase.apply(Change::DeleteAccount { customer, app, act }).await;
    forget_orphans(edge).await;
    assert!(matches!(vault.connections().await.unwrap()[0].status, Status::Disconnected { .. }));
    let there = world.provider.connections().await;
    assert_eq!(there.len(), 1, "the provider was told, and its connection can be allowed anew");
}
