//! One request of a person or an app, and no more: what the person's browser holds is kept in a file between two of them, so
//! that a proof can start the server anew for each.
//!
//! Which pages there are is not known here: forms are filled in and redirects followed as they come.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::Result;
use crate::args::Args;
use crate::connect::{ALLOW, Browser, code_of, fill, join, link, write_form};
use crate::http::{Connection, Url};
use crate::pages::Form;
use crate::place::Platform;

/// `--state FILE`, and one of: `--link CLIENT_ID`, an app's link; `--page PATH` of the login host; nothing: the form of the last
/// page, filled in for `--email` and `--password` (or with the button that says `--press`), or its redirect.
/// Or, without a state: `--post PATH_NAME` of the description with `--form BODY`; `--page PATH` of `--at ORIGIN` with `--bearer`.
///
/// # Errors
/// Any status from 400 on, but for a page that asks to sign in.
pub async fn visit(args: &Args) -> Result<Value> {
    let platform = Platform::read(args.text("describe")?, args.text("platform")?)?;
    match args.maybe("state") {
        Some(file) => {
            let text = fs::read_to_string(file).unwrap_or_else(|_| "{}".to_owned());
            let before: Value = serde_json::from_str(&text).map_err(|e| format!("{file}: {e}"))?;
            let (said, after) = of_person(args, &platform, &before).await?;
            fs::write(file, after.to_string()).map_err(|e| format!("cannot write {file}: {e}"))?;
            Ok(said)
        }
        None => of_program(args, &platform).await,
    }
}

async fn of_program(args: &Args, platform: &Platform) -> Result<Value> {
    let mut request = Vec::new();
    let url = match args.maybe("post") {
        Some(path) => {
            let url = Url::parse(&platform.url(path)?)?;
            write_form(&mut request, &url, args.text("form")?, &[]);
            url
        }
        None => {
            let url = Url::parse(&format!("{}{}", platform.text(args.text("at")?)?, args.text("page")?))?;
            let (Url { authority, path }, bearer) = (&url, args.text("bearer")?);
            let method = args.maybe("method").unwrap_or("GET");
            let head =
                format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {bearer}\r\n\r\n");
            request.extend_from_slice(head.as_bytes());
            url
        }
    };
    let mut connection = Connection::to(&url.authority);
    let glance = connection.call(&request).await.map_err(|e| format!("{}{}: {e}", url.authority, url.path))?;
    let reply = connection.reply(glance);
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    if reply.status >= 400 {
        return Err(format!("{} answered {}: {body}", url.path, reply.status));
    }
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    if body["active"] == false {
        return Err(format!("{} says that the token is dead", url.path));
    }
    Ok(json!({"status": reply.status, "body": body}))
}

async fn of_person(args: &Args, platform: &Platform, before: &Value) -> Result<(Value, Value)> {
    let mut browser = Browser::default();
    browser.cookies = cookies(&before["cookies"]);
    let app = args.maybe("link").or(before["app"].as_str()).unwrap_or_default().to_owned();
    let apps = platform.list("apps");
    let redirect_uri = apps.iter().find(|one| one["client_id"] == app.as_str()).map(|one| &one["redirect_uris"][0]);
    let redirect_uri = redirect_uri.and_then(Value::as_str).unwrap_or("none").to_owned();
    let (url, form) = match (args.maybe("link"), args.maybe("page")) {
        (Some(_), _) => (link(platform, &app, &redirect_uri)?, None),
        (None, Some(path)) => (format!("{}{path}", platform.text("login_url")?.trim_end_matches('/')), None),
        (None, None) => (before["url"].as_str().ok_or("there was no page before")?.to_owned(), form(&before["form"])),
    };
    let mut url = Url::parse(&url)?;
    let reply = browser.visit(&url, form).await?;
    let page = String::from_utf8_lossy(&reply.body).into_owned();
    let words: Vec<&str> = args.maybe("press").map_or(ALLOW.to_vec(), |word| vec![word]);
    let (email, password) = (args.maybe("email").unwrap_or_default(), args.maybe("password").unwrap_or_default());
    let (mut next, mut code) = (None, None);
    if let Some(location) = reply.headers("location").next() {
        if location.starts_with(&redirect_uri) {
            code = Some(code_of(location).ok_or_else(|| format!("the callback brings no code: {location}"))?);
        } else {
            url = join(&url, location)?;
        }
    } else {
        next = fill(&page, email, password, &words);
        if reply.status >= 400 && next.as_ref().is_none_or(|form| form.passwords.is_empty()) {
            return Err(format!("{} answered {}:\n{page}", url.path, reply.status));
        }
        if let Some(form) = next.as_ref().filter(|form| !form.action.is_empty()) {
            url = join(&url, &form.action)?;
        }
    }
    let fields = next.as_ref().map(|form| json!(form.fields));
    let asks = next.as_ref().is_some_and(|form| !form.passwords.is_empty());
    let after = json!({"cookies": browser.cookies, "app": app, "form": fields,
                       "url": format!("http://{}{}", url.authority, url.path)});
    let said = json!({"status": reply.status, "asks_to_sign_in": asks, "leads_on": next.is_some(), "code": code, "app": app,
                      "redirect_uri": redirect_uri, "bytes": page.len()});
    Ok((said, after))
}

fn cookies(kept: &Value) -> BTreeMap<String, BTreeMap<String, String>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let jar =
        |jar: &Value| jar.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect();
    kept.as_object().into_iter().flatten().map(|(authority, held)| (authority.clone(), jar(held))).collect()
}

fn form(kept: &Value) -> Option<Form> {
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
    let fields = kept.as_array()?.iter().map(pair).collect::<Option<Vec<_>>>()?;
    Some(Form { fields, ..Form::default() })
}
