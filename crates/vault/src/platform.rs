//! A platform as one partner reaches it: its profile, its addresses and the app's own credentials there.
//! How it is spoken to stands in `speech.rs`.

use causeway_protocol::profile::{HostWord, Profile};
use causeway_protocol::secret::Secret;
use url::{Host, Url};

/// One platform that this partner connects to.
#[derive(Clone, Debug)]
pub struct Platform {
    /// What makes it differ from every other.
    pub profile: Profile,
    /// Base of the authorization endpoint; no trailing slash.
    pub login_url: String,
    /// Base of the API; no trailing slash.
    pub api_url: String,
    /// Base of the token endpoint where it is neither of the two; `None`: the one that `endpoints.token_host` names.
    pub token_url: Option<String>,
    /// What `iss` must say (RFC 9207).
    pub issuer: String,
    /// The app's public name there.
    pub client_id: String,
    /// `None` for a public app.
    pub client_secret: Option<Secret>,
    /// Our callback, as registered there, byte for byte.
    pub redirect_uri: String,
    /// What is asked for. Empty: the parameter is left out, and the platform decides.
    pub scopes: Vec<String>,
}

impl Platform {
    /// The profile's key.
    pub fn key(&self) -> &str {
        &self.profile.key
    }

    /// What is wrong with the addresses and names, one line each. Secrets travel to them, so plain http is for loopback
    /// only.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let bases = self.bases();
        let redirect = ("redirect_uri", self.redirect_uri.as_str());
        for (name, text) in bases.clone().chain([redirect]) {
            if let Some(problem) = address_problem(text) {
                problems.push(format!("{}: {name} {problem}", self.key()));
            }
        }
        for (name, text) in bases {
            if text.ends_with('/') || text.contains(['?', '#']) {
                problems.push(format!("{}: {name} must end without /, query and fragment", self.key()));
            }
        }
        if self.client_id.is_empty() {
            problems.push(format!("{}: client_id is empty", self.key()));
        }
        problems
    }

    /// Whether a base is reached over TLS.
    pub(crate) fn wants_tls(&self) -> bool {
        self.bases().any(|(_, base)| base.starts_with("https://"))
    }

    /// The addresses that requests go to, and no other.
    pub(crate) fn bases(&self) -> impl Iterator<Item = (&'static str, &str)> + Clone {
        let token = self.token_url.as_deref().map(|text| ("token_url", text));
        [("login_url", self.login_url.as_str()), ("api_url", self.api_url.as_str())].into_iter().chain(token)
    }

    /// The base of a host.
    pub(crate) fn base(&self, host: HostWord) -> &str {
        match host {
            HostWord::Login => &self.login_url,
            HostWord::Api => &self.api_url,
        }
    }

    /// The base of the token endpoint and its kin.
    pub(crate) fn token_base(&self) -> &str {
        self.token_url.as_deref().unwrap_or_else(|| self.base(self.profile.endpoints.token_host))
    }

    /// Whether a connection is about an account that the platform knows by the name that the partner gives it (ORC-13).
    pub fn names_accounts(&self) -> bool {
        !self.profile.authorize.account_parameter.is_empty()
    }
}

fn address_problem(text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text) else { return Some("is not an address") };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Some("names no host"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must not hold a user or a password");
    }
    match url.scheme() {
        "https" => None,
        "http" if loopback => None,
        "http" => Some("must begin with https://: plain http is for loopback only"),
        _ => Some("must begin with https://"),
    }
}
