//! Requests of the token endpoint and its kin: one builder for every step, its shape from the profile.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_protocol::params::encode;
use causeway_protocol::profile::{BodyStyle, ClientAuthStyle, RevokeMethod, RevokedToken};
use causeway_protocol::secret::Secret;
use serde_json::{Map, Value};

use super::Outgoing;
use crate::platform::Platform;
use crate::show;

/// One field of a request.
struct Field<'a> {
    name: &'a str,
    value: &'a str,
    secret: bool,
}

fn open<'a>(name: &'a str, value: &'a str) -> Field<'a> {
    Field { name, value, secret: false }
}

fn hidden<'a>(name: &'a str, value: &'a str) -> Field<'a> {
    Field { name, value, secret: true }
}

/// A request by the app itself.
struct Step<'a> {
    method: &'static str,
    url: String,
    fields: Vec<Field<'a>>,
    client_auth: ClientAuthStyle,
    body: BodyStyle,
    /// A token in the header, where the client's Basic would stand.
    bearer: Option<&'a Secret>,
    /// Makes a repeat safe (SECURITY R-01).
    retry_key: Option<&'a Secret>,
}

/// RFC 6749 4.1.3: the code becomes tokens.
pub fn exchange(platform: &Platform, code: &Secret, verifier: &Secret, retry_key: &Secret) -> Outgoing {
    let mut step = Step::at_token(platform, &platform.profile.endpoints.token);
    step.fields = vec![
        open("grant_type", "authorization_code"),
        hidden("code", code.expose()),
        open("redirect_uri", &platform.redirect_uri),
        hidden("code_verifier", verifier.expose()),
    ];
    step.retry_key = Some(retry_key);
    step.request(platform)
}

/// RFC 6749 6. The key makes a repeat safe: the platform answers it with the same pair. The token stands in the body
/// or, by profile, in the header (CAL-14).
pub fn refresh(platform: &Platform, token: &Secret, retry_key: &Secret) -> Outgoing {
    let endpoints = &platform.profile.endpoints;
    let mut step = Step::at_token(platform, endpoints.refresh.as_ref().unwrap_or(&endpoints.token));
    step.fields = vec![open("grant_type", "refresh_token")];
    if platform.profile.partner.refresh_in_header {
        step.bearer = Some(token);
    } else {
        step.fields.push(hidden("refresh_token", token.expose()));
    }
    step.retry_key = Some(retry_key);
    step.request(platform)
}

/// The consumer pair of OAuth 1.0 becomes tokens (TOKENS 5). A repeat before the first refresh is answered with the
/// same grant, so it needs no key.
pub fn oauth1_exchange(platform: &Platform, consumer_key: &str, consumer_secret: &Secret) -> Outgoing {
    let mut step = Step::at_token(platform, &platform.profile.endpoints.token);
    step.fields = vec![
        open("grant_type", "oauth1_exchange"),
        open("consumer_key", consumer_key),
        hidden("consumer_secret", consumer_secret.expose()),
    ];
    step.request(platform)
}

/// RFC 7009, or what the profile has instead: the whole authorization ends.
pub fn revoke(platform: &Platform, access: &Secret, refresh: Option<&Secret>) -> Outgoing {
    let rules = &platform.profile.partner.revoke;
    let (token, hint) = match (rules.token, refresh) {
        (RevokedToken::Refresh, Some(refresh)) => (refresh, "refresh_token"),
        _ => (access, "access_token"),
    };
    let base = rules.host.map_or_else(|| platform.token_base(), |host| platform.base(host));
    let path = rules.path.as_ref().unwrap_or(&platform.profile.endpoints.revoke);
    let mut fields = vec![hidden(&rules.field, token.expose())];
    if rules.field == "token" {
        fields.push(open("token_type_hint", hint));
    }
    let step = Step {
        method: match rules.method {
            RevokeMethod::Post => "POST",
            RevokeMethod::Delete => "DELETE",
        },
        url: format!("{base}{}", path.replace("{client_id}", &encode(&platform.client_id))),
        fields,
        client_auth: rules.client_auth,
        body: rules.body,
        bearer: None,
        retry_key: None,
    };
    step.request(platform)
}

impl<'a> Step<'a> {
    fn at_token(platform: &'a Platform, path: &str) -> Self {
        let partner = &platform.profile.partner;
        Self {
            method: "POST",
            url: format!("{}{path}", platform.token_base()),
            fields: Vec::new(),
            client_auth: partner.client_auth,
            body: partner.body,
            bearer: None,
            retry_key: None,
        }
    }

    fn request(mut self, platform: &'a Platform) -> Outgoing {
        let (mut headers, mut shown) = (Vec::new(), vec![format!("{} {}", self.method, self.url)]);
        if let Some(token) = self.bearer {
            headers.push(("authorization", Secret::new(format!("Bearer {}", token.expose()))));
            let token = show::hidden(token.expose(), &platform.profile.token.prefixes.refresh);
            shown.push(format!("Authorization: Bearer {token}"));
        }
        match (self.client_auth, &platform.client_secret) {
            (ClientAuthStyle::Basic, Some(secret)) if self.bearer.is_none() => {
                headers.push(("authorization", basic(&platform.client_id, secret)));
                shown.push(format!("Authorization: Basic {}", show::DOTS));
            }
            (_, secret) => {
                self.fields.push(open("client_id", &platform.client_id));
                self.fields.extend(secret.as_ref().map(|secret| hidden("client_secret", secret.expose())));
            }
        }
        if let Some(key) = self.retry_key {
            headers.push(("idempotency-key", key.clone()));
            shown.push(format!("Idempotency-Key: {}", show::hidden(key.expose(), "")));
        }
        let (content_type, body) = match self.body {
            BodyStyle::Form => ("application/x-www-form-urlencoded", form(&self.fields)),
            BodyStyle::Json => ("application/json", json(&self.fields)),
        };
        shown.push(String::new());
        shown.extend(self.fields.iter().map(|field| {
            let secret = |value| show::hidden(value, prefix(platform, field.name));
            let value = if field.secret { secret(field.value) } else { field.value.to_owned() };
            format!("{} = {value}", field.name)
        }));
        let body = Some((content_type, Secret::new(body)));
        Outgoing { method: self.method, url: self.url, headers, api_key: None, body, shown: shown.join("\n") }
    }
}

/// The visible beginning that this field's value may have.
fn prefix<'a>(platform: &'a Platform, field: &str) -> &'a str {
    let prefixes = &platform.profile.token.prefixes;
    match field {
        "code" => &prefixes.code,
        "refresh_token" | "token" => &prefixes.refresh,
        "access_token" => &prefixes.access,
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
