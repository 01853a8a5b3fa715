//! Who calls the machine-facing endpoints: a partner's app with its credentials, and a caller of the API with a token.
//! An actor can do what its credentials allow, and what it was told to do wrongly.

use crate::client::{Call, Response};
use crate::grant::Consent;
use crate::platform::Platform;

/// A partner's app. Its methods send what the documents show: a form, credentials in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// On the wire.
    pub client_id: &'static str,
    /// `None`: a public app.
    pub secret: Option<&'static str>,
    /// The first registered one.
    pub redirect_uri: &'static str,
}

/// Confidential; the six scopes that the documents print.
pub const ACME: Partner = Partner {
    client_id: "acme",
    secret: Some("acme-secret-0123456789abcdef"),
    redirect_uri: "https://acme.example/callback",
};
/// Confidential; every scope, two redirect URIs.
pub const EVERYTHING: Partner = Partner {
    client_id: "everything",
    secret: Some("everything-secret-0123456789"),
    redirect_uri: "https://everything.example/callback",
};
/// Confidential; id and secret full of characters that must be encoded.
pub const ODD: Partner =
    Partner { client_id: "odd:app+1", secret: Some("p:+q%&ü /=r"), redirect_uri: "https://odd.example/cb?a=b" };
/// Public.
pub const DESKTOP: Partner = Partner { client_id: "desktop", secret: None, redirect_uri: "http://127.0.0.1/callback" };
/// Confidential and private to the customer "4100".
pub const REPORTS: Partner = Partner {
    client_id: "reports",
    secret: Some("reports-secret-0123456789abc"),
    redirect_uri: "https://reports.example/callback",
};
/// Not approved.
pub const GUESTLIST: Partner = Partner {
    client_id: "guestlist",
    secret: Some("guestlist-secret-0123456789a"),
    redirect_uri: "https://guestlist.example/callback",
};
/// Confidential; PKCE is wanted from it.
pub const CAREFUL: Partner = Partner {
    client_id: "careful",
    secret: Some("careful-secret-0123456789abc"),
    redirect_uri: "https://careful.example/callback",
};

/// A PKCE verifier for tests.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Parameters of a request.
pub type Pairs<'a> = Vec<(&'a str, &'a str)>;

impl Partner {
    /// These parameters with the app's credentials in the body.
    pub fn signed<'a>(&self, pairs: &[(&'a str, &'a str)]) -> Pairs<'a> {
        let mut all = pairs.to_vec();
        all.push(("client_id", self.client_id));
        all.extend(self.secret.map(|secret| ("client_secret", secret)));
        all
    }

    /// What an exchange of this code sends.
    pub fn exchange_pairs<'a>(&self, code: &'a str) -> Pairs<'a> {
        self.signed(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", self.redirect_uri)])
    }

    /// What a refresh with this token sends.
    pub fn refresh_pairs<'a>(&self, token: &'a str) -> Pairs<'a> {
        self.signed(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// Exchanges a code.
    pub async fn exchange(&self, platform: &Platform, code: &str) -> Response {
        self.token(platform, &self.exchange_pairs(code)).await
    }

    /// Refreshes.
    pub async fn refresh(&self, platform: &Platform, token: &str) -> Response {
        self.token(platform, &self.refresh_pairs(token)).await
    }

    /// Any form at the token endpoint.
    pub async fn token(&self, platform: &Platform, pairs: &[(&str, &str)]) -> Response {
        platform.at_token_host(Call::post(&platform.profile().endpoints.token).form(pairs)).await
    }

    /// Revokes (RFC 7009).
    pub async fn revoke(&self, platform: &Platform, token: &str) -> Response {
        let pairs = self.signed(&[("token", token)]);
        platform.at_token_host(Call::post(&platform.profile().endpoints.revoke).form(&pairs)).await
    }

    /// Introspects (RFC 7662).
    pub async fn introspect(&self, platform: &Platform, token: &str) -> Response {
        let pairs = self.signed(&[("token", token)]);
        platform.at_token_host(Call::post(&platform.profile().endpoints.introspect).form(&pairs)).await
    }

    /// Whether this app's introspection calls a token active.
    pub async fn is_active(&self, platform: &Platform, token: &str) -> bool {
        let answer = self.introspect(platform, token).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["active"].as_bool().expect("introspection says whether")
    }

    /// The whole way to a pair: this person allows, this app exchanges. PKCE where the app must.
    pub async fn connect(&self, platform: &Platform, person: &str) -> Pair {
        let wants_pkce = self.secret.is_none() || *self == CAREFUL;
        let mut consent = Consent::new(self.client_id, person);
        consent.verifier = wants_pkce.then_some(VERIFIER);
        let code = platform.grant(consent).await;
        let mut pairs = self.exchange_pairs(&code);
        pairs.extend(wants_pkce.then_some(("code_verifier", VERIFIER)));
        Pair::of(&self.token(platform, &pairs).await)
    }
}

/// What a token reply hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl Pair {
    /// From a reply that must be a success.
    pub fn of(reply: &Response) -> Self {
        assert_eq!(reply.status, 200, "{}", reply.text());
        Self { access: reply.member("access_token"), refresh: reply.member("refresh_token") }
    }
}

/// A caller of the API.
#[derive(Clone, Debug)]
pub struct Api<'a> {
    /// Its bearer token.
    pub token: &'a str,
}

impl Api<'_> {
    /// `GET` on the API host.
    pub async fn get(&self, platform: &Platform, path: &str) -> Response {
        platform.at_api(Call::get(path).bearer(self.token)).await
    }
}

/// Many at once: every answer, in no order. The runtime must have several threads for it to be a race.
pub async fn race<F, T>(count: usize, mut one: impl FnMut(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let mut all = tokio::task::JoinSet::new();
    (0..count).for_each(|n| drop(all.spawn(one(n))));
    all.join_all().await
}
