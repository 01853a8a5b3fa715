//! Calls of the platform's API, and of its userinfo endpoint.

use causeway_protocol::params::{append_query, encode};
use causeway_protocol::secret::Secret;
use causeway_protocol::{Reason, Refusal};
use serde_json::{Map, Value};

use super::Outgoing;
use crate::platform::Platform;
use crate::show;

/// A call of the platform's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRequest {
    /// How.
    pub method: Method,
    /// Below the API prefix, such as `/leads`.
    pub path: String,
    /// Names and values, not yet encoded.
    pub query: Vec<(String, String)>,
    /// The site that the call is about; goes where the profile's `site_parameter` says.
    pub site: Option<String>,
    /// A JSON body.
    pub body: Option<Value>,
}

/// HTTP methods of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates: never repeated unless the platform says that nothing was done.
    Post,
    /// Replaces.
    Put,
    /// Changes: like POST, not repeated.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// On the wire.
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Whether twice is the same as once (RFC 9110 9.2.2).
    pub fn is_idempotent(self) -> bool {
        matches!(self, Method::Get | Method::Put | Method::Delete)
    }
}

impl ApiRequest {
    /// A plain `GET`.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::Get, path: path.into(), query: Vec::new(), site: None, body: None }
    }

    /// About this site.
    #[must_use]
    pub fn at_site(mut self, site: Option<String>) -> Self {
        self.site = site;
        self
    }
}

/// A call with a bearer token (RFC 6750 2.1). Refused when the path could lead elsewhere than below the API prefix.
pub fn api_call(platform: &Platform, request: &ApiRequest, access: &Secret) -> Result<Outgoing, Refusal> {
    let base = format!("{}{}", platform.api_url, platform.profile.partner.api_prefix);
    call(platform, &base, request, access)
}

/// The same at the userinfo endpoint, which stands below no API prefix.
pub(crate) fn userinfo_call(platform: &Platform, request: &ApiRequest, access: &Secret) -> Result<Outgoing, Refusal> {
    call(platform, platform.base(platform.profile.endpoints.userinfo_host), request, access)
}

fn call(platform: &Platform, base: &str, request: &ApiRequest, access: &Secret) -> Result<Outgoing, Refusal> {
    if !is_plain_path(&request.path) {
        return Err(Reason::ParameterMalformed.about("path"));
    }
    let mut pairs: Vec<(&str, &str)> = request.query.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    if let (Some(name), Some(site)) = (&platform.profile.api.site_parameter, &request.site) {
        pairs.push((name, site));
    }
    let pairs: Vec<(String, &str)> = pairs.into_iter().map(|(name, value)| (encode(name), value)).collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let url = append_query(&format!("{base}{}", request.path), &pairs);
    let token = show::hidden(access.expose(), &platform.profile.token.prefixes.access);
    let shown = format!("{} {url}\nAuthorization: Bearer {token}", request.method.word());
    Ok(Outgoing {
        method: request.method.word(),
        url,
        headers: vec![("authorization", Secret::new(format!("Bearer {}", access.expose())))],
        api_key: None,
        body: request.body.as_ref().map(|body| ("application/json", Secret::new(body.to_string()))),
        shown,
    })
}

/// A call about an account, with the app's API key (ORC-14): a JSON object of texts. The key stands in the header that
/// the profile names, else where a bearer token would.
pub(crate) fn account_call(platform: &Platform, path: &str, key: &Secret, fields: &[(&str, &str)]) -> Outgoing {
    let url = format!("{}{path}", platform.api_url);
    let named = platform.profile.api_keys.as_ref().and_then(|rules| rules.header.clone());
    let dots = show::hidden(key.expose(), "");
    let (headers, api_key, shown) = match named {
        Some(name) => (Vec::new(), Some((name.clone(), key.clone())), format!("{name}: {dots}")),
        None => {
            let bearer = Secret::new(format!("Bearer {}", key.expose()));
            (vec![("authorization", bearer)], None, format!("Authorization: Bearer {dots}"))
        }
    };
    let mut lines = vec![format!("POST {url}"), shown, String::new()];
    lines.extend(fields.iter().map(|(name, value)| format!("{name} = {}", show::excerpt(value, 200))));
    let body: Map<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    let body = Some(("application/json", Secret::new(Value::Object(body).to_string())));
    Outgoing { method: "POST", url, headers, api_key, body, shown: lines.join("\n") }
}

/// A path that stays where it is put: no authority, no query, no steps upwards.
fn is_plain_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    path.starts_with('/')
        && path.len() <= 500
        && path.bytes().all(plain)
        && !path.split('/').skip(1).any(|part| part.is_empty() || part == "." || part == "..")
}
