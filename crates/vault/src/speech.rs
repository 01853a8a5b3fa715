//! What the vault says to a platform: the authorize URL, the token, revocation and API requests. Pure; the profile
//! drives all. Nothing is sent from here, and what comes back is read in `reply.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_protocol::params::{append_query, encode};
use causeway_protocol::profile::{BodyStyle, ClientAuthStyle};
use causeway_protocol::secret::Secret;
use causeway_protocol::{Reason, Refusal};
use serde_json::{Map, Value};

use crate::platform::Platform;
use crate::show;

/// A request, ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Upper-case.
    pub method: &'static str,
    /// Below one of the platform's bases.
    pub url: String,
    /// Besides `Accept`, `User-Agent` and `Content-Type`. Some are secrets, so all are treated so.
    pub headers: Vec<(&'static str, Secret)>,
    /// Content type and text.
    pub body: Option<(&'static str, Secret)>,
    /// The same for people, secrets masked.
    pub shown: String,
}

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

/// Where the person is sent. PKCE always, S256 (RFC 7636); `state` always.
pub fn authorize_url(platform: &Platform, state: &str, verifier: &Secret) -> String {
    let separator = platform.profile.partner.scope_separator.to_string();
    let scope = platform.scopes.join(&separator);
    let challenge = causeway_protocol::pkce::challenge_of(verifier.expose());
    let mut pairs = vec![
        ("client_id", platform.client_id.as_str()),
        ("redirect_uri", &platform.redirect_uri),
        ("response_type", "code"),
    ];
    if !scope.is_empty() {
        pairs.push(("scope", &scope));
    }
    pairs.extend([("state", state), ("code_challenge", &challenge), ("code_challenge_method", "S256")]);
    append_query(&format!("{}{}", platform.login_url, platform.profile.endpoints.authorize), &pairs)
}

/// One field of a token request.
struct Field<'a> {
    name: &'static str,
    value: &'a str,
    secret: bool,
}

fn open<'a>(name: &'static str, value: &'a str) -> Field<'a> {
    Field { name, value, secret: false }
}

fn hidden<'a>(name: &'static str, value: &'a str) -> Field<'a> {
    Field { name, value, secret: true }
}

/// RFC 6749 4.1.3: the code becomes tokens.
pub fn exchange(platform: &Platform, code: &Secret, verifier: &Secret, retry_key: &Secret) -> Outgoing {
    let fields = vec![
        open("grant_type", "authorization_code"),
        hidden("code", code.expose()),
        open("redirect_uri", &platform.redirect_uri),
        hidden("code_verifier", verifier.expose()),
    ];
    to_client_endpoint(platform, &platform.profile.endpoints.token, fields, Some(retry_key))
}

/// RFC 6749 6. The key makes a repeat safe: the platform answers it with the same pair (SECURITY R-01).
pub fn refresh(platform: &Platform, token: &Secret, retry_key: &Secret) -> Outgoing {
    let endpoints = &platform.profile.endpoints;
    let path = endpoints.refresh.as_ref().unwrap_or(&endpoints.token);
    let fields = vec![open("grant_type", "refresh_token"), hidden("refresh_token", token.expose())];
    to_client_endpoint(platform, path, fields, Some(retry_key))
}

/// RFC 7009: the whole authorization ends, whichever of its tokens is named.
pub fn revoke(platform: &Platform, token: &Secret) -> Outgoing {
    let fields = vec![hidden("token", token.expose()), open("token_type_hint", "refresh_token")];
    to_client_endpoint(platform, &platform.profile.endpoints.revoke, fields, None)
}

fn to_client_endpoint<'a>(
    platform: &'a Platform,
    path: &str,
    mut fields: Vec<Field<'a>>,
    key: Option<&Secret>,
) -> Outgoing {
    let mut headers = Vec::new();
    let mut shown_headers = Vec::new();
    match (platform.profile.partner.client_auth, &platform.client_secret) {
        (ClientAuthStyle::Basic, Some(secret)) => {
            headers.push(("authorization", basic(&platform.client_id, secret)));
            shown_headers.push(format!("Authorization: Basic {}", show::DOTS));
        }
        (_, secret) => {
            fields.push(open("client_id", &platform.client_id));
            if let Some(secret) = secret {
                fields.push(hidden("client_secret", secret.expose()));
            }
        }
    }
    if let Some(key) = key {
        headers.push(("idempotency-key", key.clone()));
        shown_headers.push(format!("Idempotency-Key: {}", show::hidden(key.expose(), "")));
    }
    let (content_type, body) = match platform.profile.partner.body {
        BodyStyle::Form => ("application/x-www-form-urlencoded", form(&fields)),
        BodyStyle::Json => ("application/json", json(&fields)),
    };
    let url = format!("{}{path}", platform.api_url);
    let mut shown = vec![format!("POST {url}")];
    shown.extend(shown_headers);
    shown.push(String::new());
    shown.extend(fields.iter().map(|field| {
        let value =
            if field.secret { show::hidden(field.value, prefix(platform, field.name)) } else { field.value.to_owned() };
        format!("{} = {value}", field.name)
    }));
    Outgoing { method: "POST", url, headers, body: Some((content_type, Secret::new(body))), shown: shown.join("\n") }
}

/// The visible beginning that this field's value may have.
fn prefix<'a>(platform: &'a Platform, field: &str) -> &'a str {
    let prefixes = &platform.profile.token.prefixes;
    match field {
        "code" => &prefixes.code,
        "refresh_token" | "token" => &prefixes.refresh,
        _ => "",
    }
}

/// RFC 6749 2.3.1: both halves are form-encoded before they are joined.
fn basic(id: &str, secret: &Secret) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret.expose())))))
}

fn form(fields: &[Field<'_>]) -> String {
    let pairs: Vec<String> = fields.iter().map(|field| format!("{}={}", field.name, encode(field.value))).collect();
    pairs.join("&")
}

fn json(fields: &[Field<'_>]) -> String {
    let pairs = fields.iter().map(|field| (field.name.to_owned(), Value::from(field.value)));
    Value::Object(pairs.collect::<Map<_, _>>()).to_string()
}

/// A call with a bearer token (RFC 6750 2.1). Refused when the path could lead elsewhere than below the API prefix.
pub fn api_call(platform: &Platform, request: &ApiRequest, access: &Secret) -> Result<Outgoing, Refusal> {
    let api = &platform.profile.api;
    let prefix = api.prefixes.first().map_or("", String::as_str);
    if !is_plain_path(&request.path) {
        return Err(Reason::ParameterMalformed.about("path"));
    }
    let mut pairs: Vec<(&str, &str)> = request.query.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    if let (Some(name), Some(site)) = (&api.site_parameter, &request.site) {
        pairs.push((name, site));
    }
    let pairs: Vec<(String, &str)> = pairs.into_iter().map(|(name, value)| (encode(name), value)).collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let url = append_query(&format!("{}{prefix}{}", platform.api_url, request.path), &pairs);
    let token = show::hidden(access.expose(), &platform.profile.token.prefixes.access);
    let shown = format!("{} {url}\nAuthorization: Bearer {token}", request.method.word());
    Ok(Outgoing {
        method: request.method.word(),
        url,
        headers: vec![("authorization", Secret::new(format!("Bearer {}", access.expose())))],
        body: request.body.as_ref().map(|body| ("application/json", Secret::new(body.to_string()))),
        shown,
    })
}

/// A path that stays where it is put: no authority, no query, no steps upwards.
fn is_plain_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    path.starts_with('/')
        && path.len() <= 500
        && path.bytes().all(plain)
        && !path.split('/').skip(1).any(|part| part.is_empty() || part == "." || part == "..")
}

#[cfg(test)]
mod tests;
