//! The platform whose apps register accounts for their own users (PLATFORMS 6): what every test of it starts with, and the
//! calls that an app makes. What is proven stands in the modules.

mod accounts;
mod connect;
mod mini_app;
mod register;

use causeway_protocol::profile::{self, AccountProof};
use causeway_testkit::actors::Pair;
use causeway_testkit::browser::with_query;
use causeway_testkit::platform::Builder;
use causeway_testkit::{Browser, Call, Page, Platform, Response};

const SEED: &str = include_str!("seed.toml");

/// An app and its credentials.
struct App {
    id: &'static str,
    secret: &'static str,
    key: &'static str,
    redirect_uri: &'static str,
}

const EXAMPLE: App = App {
    id: "6a1c0cac-02c3-4e03-8b93-eb922bf089c0",
    secret: "example-secret-0123456789abcdef",
    key: "key-of-example-0123456789",
    redirect_uri: "https://example-app.com/callback",
};
const OTHER: App = App {
    id: "0f4b7a52-9d5e-4c0b-8a1f-2f6f0c5d7e11",
    secret: "other-secret-0123456789abcdefgh",
    key: "key-of-other-0123456789",
    redirect_uri: "https://other-app.com/callback",
};

const ACCOUNT: &str = "example-user-account";
const DEV: &str = "dev@example.test";

/// The platform's paths, as its documents print them.
const DEV_PATH: &str = "/api/v2/orcabase/dev";
const API: &str = "/api/v2/orcabase/api";

fn builder() -> Builder {
    let profile = profile::shipped("orcabase").expect("the shipped profile is right");
    Builder::new().profile(|old| *old = profile).seed(SEED)
}

async fn start() -> Platform {
    builder().start().await
}

/// The same with proof that the app sent the person.
async fn start_with_proof() -> Platform {
    builder().profile(|profile| profile.policy.account_proof = AccountProof::SignInToken).start().await
}

impl App {
    /// A call of the accounts API.
    async fn call(&self, platform: &Platform, what: &str, pairs: &[(&str, &str)]) -> Response {
        let call = Call::post(&format!("{DEV_PATH}/{what}")).header("x-api-key", self.key);
        platform.at_api(call.json(pairs)).await
    }

    async fn register(&self, platform: &Platform, account: &str) -> Response {
        let pairs = [
            ("appId", self.id),
            ("accountId", account),
            ("accountName", "Somebody"),
            ("timezone", "Europe/Berlin"),
            ("currency", "EUR"),
        ];
        self.call(platform, "register-account", &pairs).await
    }

    /// The link that the document prints, with these parameters instead of or besides its own; an empty one is left out.
    fn link(&self, account: &str, change: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("client_id", self.id),
            ("redirect_uri", self.redirect_uri),
            ("response_type", "code"),
            ("scope", "offline_access offline"),
            ("state", "random_1234"),
            ("account_id", account),
        ];
        for (name, value) in change {
            pairs.retain(|(known, _)| known != name);
            pairs.push((name, value));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        with_query(&format!("{DEV_PATH}/auth"), &pairs)
    }

    /// Opens the link and presses Allow: where the browser is sent.
    async fn allow(&self, platform: &Platform, account: &str) -> String {
        let mut browser = Browser::new();
        let page = browser.open(platform, &self.link(account, &[])).await;
        assert_eq!(page.reply.status, 200, "{}", page.text());
        let done = browser.press(platform, &page, "Allow", &[]).await;
        assert_eq!(done.reply.status, 303, "{}", done.text());
        done.location().to_owned()
    }

    async fn exchange(&self, platform: &Platform, code: &str) -> Response {
        let pairs = [
            ("client_id", self.id),
            ("client_secret", self.secret),
            ("code", code),
            ("redirect_uri", self.redirect_uri),
            ("grant_type", "authorization_code"),
        ];
        platform.at_api(Call::post("/api/v2/auth/oauth2/token").form(&pairs)).await
    }

    async fn refresh(&self, platform: &Platform, token: &str) -> Response {
        let pairs = [
            ("client_id", self.id),
            ("client_secret", self.secret),
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
        ];
        platform.at_api(Call::post("/api/v2/auth/oauth2/token").form(&pairs)).await
    }

    /// The whole way to a pair.
    async fn connect(&self, platform: &Platform, account: &str) -> Pair {
        let location = self.allow(platform, account).await;
        Pair::of(&self.exchange(platform, &parameter(&location, "code")).await)
    }

    /// A sign-in token for an account.
    async fn token(&self, platform: &Platform, account: &str) -> String {
        let reply = self.call(platform, "sign-in-account", &[("accountId", account), ("appId", self.id)]).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.member("token")
    }

    /// The mini-app's address as the document prints it.
    fn mini_app(&self, account: &str, token: &str) -> String {
        with_query("/integrations", &[("account-id", account), ("app-id", self.id), ("token", token)])
    }

    /// Where the developer's list of this app's accounts is.
    fn accounts_page(&self, platform: &Platform) -> String {
        format!("/developer/apps/{}/accounts", platform.app(self.id).id)
    }
}

/// A parameter of an address; empty when absent.
fn parameter(url: &str, name: &str) -> String {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let found = form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
    found.map_or_else(String::new, |(_, value)| value.into_owned())
}

/// The developer's list, as the developer sees it.
async fn dashboard(platform: &Platform) -> Page {
    let mut browser = Browser::of(platform, DEV).await;
    browser.open(platform, &EXAMPLE.accounts_page(platform)).await
}

/// What the developer's list says of an account.
async fn status(platform: &Platform, account: &str) -> &'static str {
    let text = dashboard(platform).await.text();
    let row = text.split(account).nth(1).unwrap_or_else(|| panic!("no {account} in {text}"));
    match (row.find("Online"), row.find("Offline")) {
        (Some(on), Some(off)) if on < off => "Online",
        (Some(_), None) => "Online",
        (_, Some(_)) => "Offline",
        (None, None) => panic!("no status in {text}"),
    }
}
