//! Getting grants through the front door: sign in, consent, code, exchange, over plain HTTP forms.
//!
//! One person signs in once and then connects one app after another, as a customer's admin would.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Result;
use crate::chain::{Chain, Code};
use crate::http::{Connection, Reply, Url};
use crate::pages::{Form, forms};
use crate::place::Platform;

/// Pages between a link and its callback: sign-in, consent, and some redirects.
const MOST_STEPS: usize = 12;
pub(crate) const ALLOW: &[&str] = &["allow", "approve", "authorize"];

/// Codes for `count` pairs of an admin and an app, each pair `each` times in a row before the next.
pub async fn codes(platform: &Platform, count: usize, each: usize, skip: usize) -> Result<Vec<Code>> {
    let people = platform.list("people").iter().filter(|person| person["role"] == "customer_admin");
    let mut made = Vec::with_capacity(count);
    let mut skip = skip;
    for person in people {
        let mut browser = Browser::default();
        for app in platform.list("apps").iter().filter(|app| app["status"] == "approved") {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            for _ in 0..each {
                if made.len() == count {
                    return Ok(made);
                }
                made.push(browser.connect(platform, person, app).await?);
            }
        }
    }
    if made.len() == count { Ok(made) } else { Err(format!("the seed is good for {} codes, not {count}", made.len())) }
}

/// Redeems codes into chains.
pub async fn redeem(platform: &Platform, codes: &[Code]) -> Result<Vec<Chain>> {
    let url = Url::parse(&platform.url("token")?)?;
    let mut connection = Connection::to(&url.authority);
    let mut chains = Vec::with_capacity(codes.len());
    for code in codes {
        let mut request = Vec::new();
        write_form(&mut request, &url, &exchange_body(code), &[]);
        let glance = connection.call(&request).await.map_err(|e| format!("{}: {e}", url.authority))?;
        let reply = connection.reply(glance);
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let (Some(access), Some(refresh)) = (body["access_token"].as_str(), body["refresh_token"].as_str()) else {
            return Err(format!("the exchange answered {}: {body}", reply.status));
        };
        chains.push(Chain {
            client_id: code.client_id.clone(),
            client_secret: code.client_secret.clone(),
            access: access.to_string(),
            refresh: refresh.to_string(),
            ..Chain::default()
        });
    }
    Ok(chains)
}

/// The form body of a code exchange.
pub fn exchange_body(code: &Code) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "authorization_code")
        .append_pair("code", &code.code)
        .append_pair("redirect_uri", &code.redirect_uri)
        .append_pair("client_id", &code.client_id)
        .append_pair("client_secret", &code.client_secret)
        .finish()
}

/// The form body of a revocation (RFC 7009), with the refresh token.
pub fn revocation_body(chain: &Chain) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("token", &chain.refresh)
        .append_pair("client_id", &chain.client_id)
        .append_pair("client_secret", &chain.client_secret)
        .finish()
}

/// Writes a form POST with further header lines.
pub fn write_form(request: &mut Vec<u8>, url: &Url, body: &str, headers: &[(&str, &str)]) {
    let Url { authority, path } = url;
    let length = body.len();
    request.extend_from_slice(format!("POST {path} HTTP/1.1\r\nHost: {authority}\r\n").as_bytes());
    for (name, value) in headers {
        request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let kind = "Content-Type: application/x-www-form-urlencoded";
    request.extend_from_slice(format!("{kind}\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes());
}

/// A person's browser without script: cookies and forms.
#[derive(Default)]
pub(crate) struct Browser {
    /// By authority: cookies do not know ports, but our two origins may differ.
    pub(crate) cookies: BTreeMap<String, BTreeMap<String, String>>,
    connections: BTreeMap<String, Connection>,
}

impl Browser {
    async fn connect(&mut self, platform: &Platform, person: &Value, app: &Value) -> Result<Code> {
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_string();
        let redirect_uri = app["redirect_uris"][0].as_str().ok_or("an app without redirect URI")?.to_string();
        let client_id = text(app, "client_id");
        let mut url = Url::parse(&link(platform, &client_id, &redirect_uri)?)?;
        let mut form: Option<Form> = None;
        for _ in 0..MOST_STEPS {
            let reply = self.visit(&url, form.take()).await?;
            if let Some(location) = reply.headers("location").next() {
                if location.starts_with(&redirect_uri) {
                    let code = code_of(location).ok_or_else(|| format!("the callback brings no code: {location}"))?;
                    return Ok(Code { client_id, client_secret: text(app, "client_secret"), code, redirect_uri });
                }
                url = join(&url, location)?;
                continue;
            }
            let page = String::from_utf8_lossy(&reply.body).into_owned();
            let filled = fill(&page, &text(person, "email"), &text(person, "password"), ALLOW)
                .ok_or_else(|| format!("{} {}: no form to go on with:\n{page}", reply.status, url.path))?;
            if !filled.action.is_empty() {
                url = join(&url, &filled.action)?;
            }
            form = Some(filled);
        }
        Err("the flow does not come to an end".into())
    }

    /// One request: a form that is posted, or a page.
    pub(crate) async fn visit(&mut self, url: &Url, form: Option<Form>) -> Result<Reply> {
        let Url { authority, path } = url;
        let jar = self.cookies.entry(authority.clone()).or_default();
        let cookie = jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let origin = format!("http://{authority}");
        let mut headers = vec![];
        if !cookie.is_empty() {
            headers.push(("Cookie", cookie.as_str()));
        }
        let mut request = Vec::new();
        match form {
            Some(form) => {
                headers.push(("Origin", &origin));
                write_form(&mut request, url, &form.body(), &headers);
            }
            None => {
                let cookie = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
                request
                    .extend_from_slice(format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n{cookie}\r\n").as_bytes());
            }
        }
        let connection = self.connections.entry(authority.clone()).or_insert_with(|| Connection::to(authority));
        let glance = connection.call(&request).await.map_err(|e| format!("{authority}{path}: {e}"))?;
        let reply = connection.reply(glance);
        for cookie in reply.headers("set-cookie") {
            if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                jar.insert(name.trim().to_string(), value.trim().to_string());
            }
        }
        Ok(reply)
    }
}

/// The link with which an app sends a person to the platform.
pub(crate) fn link(platform: &Platform, client_id: &str, redirect_uri: &str) -> Result<String> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("state", "bench")
        .finish();
    Ok(format!("{}?{query}", platform.url("authorize")?))
}

/// The form that leads on: the one with a password, or the one with a button of these words.
pub(crate) fn fill(page: &str, email: &str, password: &str, words: &[&str]) -> Option<Form> {
    let mut found = forms(page);
    if let Some(form) = found.iter_mut().find(|form| !form.passwords.is_empty()) {
        for name in form.passwords.clone() {
            form.set(&name, password);
        }
        let login = form.texts.first().cloned()?;
        form.set(&login, email);
        if let Some((name, value, _)) = form.buttons.first().cloned().filter(|(name, ..)| !name.is_empty()) {
            form.set(&name, &value);
        }
        return Some(form.clone());
    }
    let form = found.iter_mut().find(|form| form.button(words).is_some())?;
    form.press(words);
    Some(form.clone())
}

pub(crate) fn code_of(location: &str) -> Option<String> {
    let query = location.split_once('?')?.1.split('#').next()?;
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").map(|(_, value)| value.into_owned())
}

pub(crate) fn join(base: &Url, location: &str) -> Result<Url> {
    if location.starts_with("http://") {
        return Url::parse(location);
    }
    if location.starts_with('/') {
        return Ok(Url { authority: base.authority.clone(), path: location.to_string() });
    }
    Err(format!("a redirect that this tool cannot follow: {location}"))
}
