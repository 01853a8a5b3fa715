//! What the vault says to a platform: the authorize URL here, the token endpoint's requests in `endpoint`, API calls in
//! `call`. Pure; the profile drives all. Nothing is sent from here, and what comes back is read in `reply.rs`.

mod call;
mod endpoint;

use causeway_protocol::params::append_query;
use causeway_protocol::secret::Secret;

use crate::platform::Platform;
pub use call::{ApiRequest, Method, api_call};
pub(crate) use call::{account_call, userinfo_call};
pub use endpoint::{exchange, oauth1_exchange, refresh, revoke};

/// A request, ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Upper-case.
    pub method: &'static str,
    /// Below one of the platform's bases.
    pub url: String,
    /// Besides `Accept`, `User-Agent` and `Content-Type`. Some are secrets, so all are treated so.
    pub headers: Vec<(&'static str, Secret)>,
    /// The app's API key, behind the header that the profile names.
    pub api_key: Option<(String, Secret)>,
    /// Content type and text.
    pub body: Option<(&'static str, Secret)>,
    /// The same for people, secrets masked.
    pub shown: String,
}

/// The scope words that are asked for: the partner's, and those without which the platform refuses.
pub fn asked(platform: &Platform) -> Vec<&str> {
    let mut words: Vec<&str> = platform.scopes.iter().map(String::as_str).collect();
    for required in &platform.profile.authorize.required_scopes {
        if !words.contains(&required.as_str()) {
            words.push(required);
        }
    }
    words
}

/// Where the person is sent. PKCE always, S256 (RFC 7636); `state` always. Where the platform wants the account named
/// (ORC-13), `account` is that name.
pub fn authorize_url(platform: &Platform, account: &str, state: &str, verifier: &Secret) -> String {
    let partner = &platform.profile.partner;
    let scope = asked(platform).join(&partner.scope_separator.to_string());
    let challenge = causeway_protocol::pkce::challenge_of(verifier.expose());
    let mut pairs = vec![
        ("client_id", platform.client_id.as_str()),
        ("redirect_uri", &platform.redirect_uri),
        ("response_type", "code"),
    ];
    if !scope.is_empty() {
        pairs.push((&partner.scope_parameter, &scope));
    }
    pairs.extend([("state", state), ("code_challenge", &challenge), ("code_challenge_method", "S256")]);
    // The first name is the canonical one.
    pairs.extend(platform.profile.authorize.account_parameter.first().map(|name| (name.as_str(), account)));
    pairs.extend(partner.authorize_extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    append_query(&format!("{}{}", platform.login_url, platform.profile.endpoints.authorize), &pairs)
}

#[cfg(test)]
mod tests;
