//! Platforms whose apps register accounts for their own users: one connection each, registered on the way or in bulk, and
//! the way into the mini-app.

use causeway_testkit::{Browser, Call};
use causeway_vault::timeline::StepKind;

use super::world::{Setup, World};

const APP: &str = "6a1c0cac-02c3-4e03-8b93-eb922bf089c0";
const API_KEY: &str = "key-of-acme-0123456789";
const SEED: &str = r#"
[[apps]]
name = "Acme Booking"
client_id = "6a1c0cac-02c3-4e03-8b93-eb922bf089c0"
client_secret = "acme-secret-0123456789abcdef"
status = "approved"
redirect_uris = ["https://acme.example/callback"]
scopes = "offline_access offline"
providers = ["tripleseat"]

[[apps]]
name = "Other App"
client_id = "0f4b7a52-9d5e-4c0b-8a1f-2f6f0c5d7e11"
client_secret = "other-secret-0123456789abcdefgh"
status = "approved"
redirect_uris = ["https://other-app.example/callback"]
scopes = "offline_access offline"

[[accounts]]
app = "6a1c0cac-02c3-4e03-8b93-eb922bf089c0"
account_id = "user-1"
name = "Ada & Co"

[[accounts]]
app = "6a1c0cac-02c3-4e03-8b93-eb922bf089c0"
account_id = "by-hand"

[[accounts]]
app = "0f4b7a52-9d5e-4c0b-8a1f-2f6f0c5d7e11"
account_id = "of-other"

[[api_keys]]
app = "6a1c0cac-02c3-4e03-8b93-eb922bf089c0"
key = "key-of-acme-0123456789"

[[people]]
email = "dev@acme.example"
password = "pass-dev"
role = "developer"

[[records]]
collection = "orders"
customer = "user-1"
fields = { id = 1, total = 4711 }
"#;

fn orcabase() -> Setup {
    Setup {
        client_id: APP,
        client_secret: Some("acme-secret-0123456789abcdef"),
        api_key: Some(API_KEY),
        accounts: &[("user-1", "Ada & Co")],
        ..Setup::shipped("orcabase", SEED, "offline_access offline", None)
    }
}

/// The targets of the platform's account endpoints that were called for an account, in order.
fn calls(world: &World, account: &str) -> Vec<String> {
    let steps = world.vault.timeline("orcabase", account);
    let mut calls = Vec::new();
    for step in steps.iter().filter(|step| step.kind == StepKind::Account) {
        assert!(!step.request.contains(API_KEY) && !step.reply.contains("signin_"), "secrets are masked: {step:?}");
        calls.push(step.request.lines().next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned());
    }
    calls
}

async fn connect(world: &mut World, account: &str) -> String {
    let away = world.open(&format!("/connect/orcabase?account={account}")).await;
    assert_eq!(away.reply.status, 303, "{}", away.text());
    let address = away.location().to_owned();
    let back = world.at_platform(&address, "Allow").await;
    let home = world.come_back(&back).await;
    assert_eq!(home.location(), format!("/?show=orcabase&account={account}#orcabase"));
    address
}

#[tokio::test]
async fn orc_13_each_account_has_a_connection_of_its_own_and_is_named_to_the_platform() {
    let mut world = World::of(orcabase()).await;
    let page = world.dashboard().await;
    assert!(page.text().contains("0 of 1 accounts connected"), "{}", page.text());
    let address = connect(&mut world, "user-1").await;
    assert!(address.contains("&account_id=user-1") && address.contains("scope=offline_access%20offline"), "{address}");
    connect(&mut world, "by-hand").await;
    let all = world.vault.connections().await.unwrap();
    let names: Vec<&str> = all.iter().map(|each| each.account.as_str()).collect();
    assert_eq!(names, ["user-1", "by-hand"]);

    let page = world.open("/?show=orcabase&account=user-1").await;
    assert!(page.text().contains("2 of 2 connected") && page.text().contains("Ada & Co"), "{}", page.text());
    assert!(page.text().contains("4,711"), "its own orders: {}", page.text());
    let other = world.open("/?show=orcabase&account=by-hand").await;
    assert!(!other.text().contains("4,711"), "and nobody else's: {}", other.text());

    // What is done to one account touches no other.
    let before = world.vault.tokens(all[1].id).await.unwrap();
    let page = world.press_on(&page, "Refresh now", &[]).await;
    assert!(page.text().contains("A new pair."), "orc_16: {}", page.text());
    assert_eq!(world.vault.tokens(all[1].id).await.unwrap(), before);
    let page = world.press_on(&page, "Disconnect Orcabase", &[]).await;
    assert!(page.text().contains("The platform ended the authorization"), "{}", page.text());
    assert!(page.text().contains("1 of 2 connected"), "{}", page.text());
    assert!(
        page.html.contains("href=\"/connect/orcabase?account=user-1\""),
        "and can be connected again: {}",
        page.html
    );
}

#[tokio::test]
async fn orc_13_connect_without_a_name_takes_the_next_that_is_not_connected() {
    let mut world = World::of(orcabase()).await;
    let address = world.leave("Connect to Orcabase").await;
    assert!(address.contains("&account_id=user-1"), "{address}");
    let nobody = World::of(Setup { accounts: &[], ..orcabase() }).await.open("/connect/orcabase").await;
    assert_eq!((nobody.reply.status, nobody.refusal()), (400, 317), "{}", nobody.text());
}

#[tokio::test]
async fn orc_14_accounts_are_registered_one_by_one_and_in_bulk() {
    let mut world = World::of(orcabase()).await;
    let one = [("id", "user-2"), ("name", "Grace, Inc."), ("timezone", "Europe/Berlin"), ("currency", "EUR")];
    let page = world.press("Register", &one).await;
    assert!(page.text().contains("user-2 is registered."), "{}", page.text());
    assert!(page.text().contains("Grace, Inc."), "listed: {}", page.text());
    let page = world.press("Register", &one).await;
    assert!(page.text().contains("user-2 was registered already."), "once is enough: {}", page.text());

    let wrong = [("id", "user-3"), ("name", "X"), ("timezone", "Mars/Olympus"), ("currency", "EUR")];
    let page = world.press("Register", &wrong).await;
    assert!(page.text().contains("timezone is not") && page.text().contains("C-912"), "{}", page.text());
    let foreign = [("id", "of-other"), ("name", "X"), ("timezone", "UTC"), ("currency", "EUR")];
    let page = world.press("Register", &foreign).await;
    assert!(page.text().contains("C-1101"), "another app's is not taken for ours: {}", page.text());
    assert!(!world.vault.knows_account("orcabase", "of-other").await.unwrap());

    let list =
        "accountId,accountName,timezone,currency\nu-10,Ten,UTC,USD\nu-11,Eleven,Nowhere/At all,USD\n\nby-hand,Hand\n";
    let page = world.press("Register all", &[("list", list)]).await;
    let text = page.text();
    assert!(text.contains("1 registered, 1 were there already, 1 not taken. line 3:"), "{text}");
    assert!(text.contains("Ten") && text.contains("Hand") && !text.contains("Eleven"), "{text}");
    connect(&mut world, "u-10").await;
}

#[tokio::test]
async fn orc_14_whoever_connects_for_the_first_time_is_registered_on_the_way() {
    let mut world = World::of(orcabase()).await;
    connect(&mut world, "newcomer").await;
    assert_eq!(calls(&world, "newcomer"), ["register-account"]);
    connect(&mut world, "newcomer").await;
    assert_eq!(calls(&world, "newcomer"), ["register-account"], "once");
    let foreign = world.open("/connect/orcabase?account=of-other").await;
    assert_eq!(foreign.refusal(), 1101, "{}", foreign.text());
    assert_eq!(foreign.location(), "");
    // No other site has anything registered.
    let lured = world.send(Call::get("/connect/orcabase?account=lured").header("Sec-Fetch-Site", "cross-site")).await;
    assert_eq!((lured.reply.status, lured.location()), (303, "/"));
    assert!(calls(&world, "lured").is_empty());
}

#[tokio::test]
async fn orc_15_manage_integrations_fetches_a_token_on_every_click_and_opens_signed_in() {
    let mut world = World::of(orcabase()).await;
    connect(&mut world, "user-1").await;
    let page = world.open("/?show=orcabase&account=user-1").await;
    let link = page.link("Manage integrations");
    assert!(!page.html.contains("signin_"), "no token waits on the page");
    let mut entered = Vec::new();
    for _ in 0..2 {
        let away = world.open(&link).await;
        assert_eq!(away.reply.status, 303, "{}", away.text());
        let start = format!("{}/integrations?account-id=user-1&app-id={APP}&token=signin_", world.platform.login());
        assert!(away.location().starts_with(&start), "{}", away.location());
        let target = away.location().strip_prefix(world.platform.login()).unwrap();
        let mut browser = Browser::new();
        let home = browser.open(&world.platform, target).await;
        assert_eq!(home.reply.status, 303, "{}", home.text());
        let home = browser.open(&world.platform, home.location()).await;
        assert!(home.text().contains("Integrations") && home.text().contains("Ada & Co"), "{}", home.text());
        entered.push(away.location().to_owned());
    }
    assert_ne!(entered[0], entered[1]);
    assert_eq!(calls(&world, "user-1"), ["sign-in-account", "sign-in-account"]);
    let lured = world.send(Call::get(&link).header("Sec-Fetch-Site", "cross-site")).await;
    assert_eq!((lured.reply.status, lured.location()), (303, "/"), "no other site signs anybody in");
    // Trouble is said on the card.
    let gone = world.open("/manage/orcabase?account=nobody").await;
    assert_eq!(gone.location(), "/?show=orcabase&account=nobody#orcabase");
    assert!(world.dashboard().await.text().contains("C-912"));
}

#[tokio::test]
async fn hostile_names_of_accounts_stay_names() {
    const HOSTILE: (&str, &str) = ("\"><script>alert(1)</script>", "<img src=x onerror=alert(1)>\u{202e}");
    let mut world = World::of(Setup { accounts: &[HOSTILE], ..orcabase() }).await;
    let page = world.dashboard().await;
    assert!(!page.html.contains("<script") && !page.html.contains("<img"), "{}", page.html);
    assert!(page.html.contains("/connect/orcabase?account=%22%3E%3Cscript"), "{}", page.html);
    let page = world.open("/?show=orcabase&account=%3Cscript%3Ealert(1)").await;
    assert!(page.reply.status == 200 && !page.html.contains("<script"), "{}", page.html);
    for target in ["/?show=%3Cscript%3E&show=2", "/?account=%ff", "/?show=nobody&account=x"] {
        assert_eq!(world.open(target).await.reply.status, 200, "{target}");
    }
    let long = format!("/connect/orcabase?account={}", "x".repeat(300));
    assert_eq!(world.open(&long).await.location(), "", "nobody is sent there");
}

#[tokio::test]
async fn orc_14_without_an_api_key_the_dashboard_offers_no_registration() {
    let mut world = World::of(Setup { api_key: None, ..orcabase() }).await;
    let page = world.dashboard().await;
    assert!(!page.buttons().iter().any(|button| button.starts_with("Register")), "{:?}", page.buttons());
    connect(&mut world, "user-1").await;
    let page = world.open("/?show=orcabase&account=user-1").await;
    assert!(!page.html.contains("/manage/"), "{}", page.html);
    assert_eq!(world.open("/manage/orcabase?account=user-1").await.reply.status, 404);
}
