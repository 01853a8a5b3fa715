//! Reads the partner's side of a profile (`partner.rs`), with what contradicts itself in it.

use super::read::{is_base, path_problem};
use super::read_api::{is_name, texts};
use super::*;
use crate::document::Table;

const CENTURY: i64 = 36_500 * 86_400;

const AUTH: &[(&str, ClientAuthStyle)] = &[("body", ClientAuthStyle::Body), ("basic", ClientAuthStyle::Basic)];
const BODY: &[(&str, BodyStyle)] = &[("form", BodyStyle::Form), ("json", BodyStyle::Json)];

/// Reads `[partner]`. The same file serves the platform, so the two sides must understand each other.
pub(super) fn partner(
    table: &Table<'_>,
    authorize: &AuthorizeRules,
    token: &TokenRules,
    endpoints: &Endpoints,
    api: &ApiRules,
) -> PartnerRules {
    let client_auth = table.choice_or("client_auth", ClientAuthStyle::Basic, AUTH);
    let body = table.choice_or("body", BodyStyle::Form, BODY);
    let revokes = table.boolean_or("revokes", true);
    let scope_parameter = parameter(table, "scope_parameter", "scope");
    let rules = PartnerRules {
        login_base: base(table, "login_base"),
        api_base: base(table, "api_base"),
        token_base: table.get("token_base").map(|_| base(table, "token_base")),
        api_prefix: api_prefix(table, &api.prefixes),
        client_auth,
        body,
        scope_separator: separator(table, &authorize.scope_separators),
        authorize_extra: extra(
            table,
            &[authorize.account_parameter.as_slice(), std::slice::from_ref(&scope_parameter)].concat(),
        ),
        scope_parameter,
        refresh_in_header: table.boolean_or("refresh_in_header", false),
        reply_root: dotted(table, "reply_root"),
        ended: ended(table),
        refresh_ahead: table.seconds_or("refresh_ahead", 300, 0..=86_400),
        default_access_life: access_life(table),
        refresh_life: table.get("refresh_life").and_then(|value| value.seconds(1..=CENTURY)),
        refresh_slides: table.boolean_or("refresh_slides", false),
        refresh_warn: table.seconds_or("refresh_warn", 3 * 86_400, 0..=90 * 86_400),
        revokes,
        revoke: revoke(table, revokes, client_auth, body),
        token_refused: texts(table, "token_refused", 32),
        scope_refused: texts(table, "scope_refused", 32),
        test: test(table, endpoints),
        sites_path: table.optional_text("sites_path"),
        shows: shows(table),
    };
    if rules.refresh_life.is_none() && rules.refresh_slides {
        table.report("refresh_slides", "means nothing without `partner.refresh_life`");
    }
    if rules.refresh_in_header && client_auth == ClientAuthStyle::Basic {
        table.report("refresh_in_header", "wants `partner.client_auth = \"body\"`: both would need the same header");
    }
    if rules.refresh_in_header && !token.refresh_in_header {
        table.report(
            "refresh_in_header",
            "is set, but `token.refresh_in_header` is false: the platform would not look there",
        );
    }
    if rules.default_access_life.is_some_and(|life| life <= rules.refresh_ahead) {
        let key = if table.get("refresh_ahead").is_some() { "refresh_ahead" } else { "default_access_life" };
        let problem = "contradicts: `partner.refresh_ahead` is not shorter than `partner.default_access_life`, so every call \
                       would refresh";
        table.report(key, problem);
    }
    if let Some(problem) = rules.sites_path.as_deref().and_then(path_problem) {
        table.report("sites_path", problem);
    } else if rules.sites_path.is_some() && api.site_parameter.is_none() {
        table.report("sites_path", "means nothing without `api.site_parameter`: no call could name the chosen site");
    }
    rules
}

fn base(table: &Table<'_>, key: &'static str) -> String {
    let text = table.text(key);
    if !text.is_empty() && !is_base(&text) {
        table.report(key, "must be an address such as \"https://api.example.com\", without / at its end");
    }
    text
}

/// `"/"` says that there is none: the language has no empty texts.
fn api_prefix(table: &Table<'_>, prefixes: &[String]) -> String {
    let prefix = table.optional_text("api_prefix").unwrap_or_else(|| prefixes.first().cloned().unwrap_or_default());
    if prefix == "/" {
        return String::new();
    }
    if let Some(problem) = path_problem(&prefix).filter(|_| !prefix.is_empty()) {
        table.report("api_prefix", problem);
    }
    prefix
}

fn separator(table: &Table<'_>, separators: &[char]) -> char {
    let text = table.text_or("scope_separator", &String::from_iter(separators.first()));
    let separator = text.chars().next().filter(|_| text.chars().count() == 1);
    if separator.is_none_or(|one| !separators.contains(&one)) && table.get("scope_separator").is_some() {
        table.report("scope_separator", "must be one of `authorize.scope_separators`");
    }
    separator.unwrap_or(' ')
}

fn shows(table: &Table<'_>) -> Vec<(String, String)> {
    let read = |each: Table<'_>| {
        let show = (each.text("title"), each.text("path"));
        if let Some(problem) = path_problem(&show.1).filter(|_| !show.1.is_empty()) {
            each.report("path", problem);
        }
        show
    };
    table.tables("shows", 16).into_iter().map(read).collect()
}

fn dotted(table: &Table<'_>, key: &'static str) -> Option<String> {
    let text = table.optional_text(key)?;
    is_dotted(table, key, &text);
    Some(text)
}

pub(super) fn is_dotted(table: &Table<'_>, key: &'static str, text: &str) {
    let proper = text.len() <= 200 && text.split('.').all(|part| !part.is_empty() && is_name(part));
    if !text.is_empty() && !proper {
        table.report(key, "must be names with dots between them, such as \"user.login\"");
    }
}

/// Parameters of the authorize URL that are ours to set.
const OWN: &[&str] = &["client_id", "redirect_uri", "response_type", "scope", "state"];

/// A parameter's own name, with a default.
fn parameter(table: &Table<'_>, key: &'static str, default: &str) -> String {
    let name = table.text_or(key, default);
    if name != default && (!is_name(&name) || OWN.contains(&name.as_str())) {
        table.report(key, "must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no parameter that has another meaning");
    }
    name
}

fn extra(table: &Table<'_>, sent: &[String]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for each in table.tables("authorize_extra", 16) {
        let (name, value) = (each.text("name"), each.text("value"));
        let own = OWN.contains(&name.as_str()) || name.starts_with("code_challenge") || sent.contains(&name);
        if own || !is_name(&name) {
            each.report("name", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no parameter that is sent anyway");
        } else if !name.is_empty() && found.iter().any(|(known, _)| *known == name) {
            each.report("name", &format!("names \"{name}\" a second time"));
        }
        found.push((name, value));
    }
    found
}

fn ended(table: &Table<'_>) -> Vec<String> {
    match table.get("ended") {
        None => vec!["invalid_grant".to_owned()],
        Some(_) => texts(table, "ended", 32),
    }
}

/// A duration, or `"none"`: it lives until a call answers 401.
fn access_life(table: &Table<'_>) -> Option<Seconds> {
    match table.get("default_access_life") {
        None => Some(Seconds(1_800)),
        Some(value) if value.is_text("none") => None,
        Some(value) => value.seconds(1..=30 * 86_400),
    }
}

fn revoke(partner: &Table<'_>, revokes: bool, client_auth: ClientAuthStyle, body: BodyStyle) -> RevokeRules {
    const METHODS: &[(&str, RevokeMethod)] = &[("POST", RevokeMethod::Post), ("DELETE", RevokeMethod::Delete)];
    const HOSTS: &[(&str, Option<HostWord>)] =
        &[("token", None), ("api", Some(HostWord::Api)), ("login", Some(HostWord::Login))];
    const TOKENS: &[(&str, RevokedToken)] = &[("refresh", RevokedToken::Refresh), ("access", RevokedToken::Access)];
    let table = &partner.table("revoke");
    if table.is_present() && !revokes {
        partner.report("revoke", "means nothing while `partner.revokes` is false");
    }
    let path = table.optional_text("path");
    let filled = path.as_ref().map(|path| path.replace("{client_id}", "id"));
    if let Some(problem) = filled.as_deref().and_then(path_problem) {
        table.report("path", &format!("{problem}, with {{client_id}} for the app's"));
    }
    RevokeRules {
        method: table.choice_or("method", RevokeMethod::Post, METHODS),
        host: table.choice_or("host", None, HOSTS),
        path,
        token: table.choice_or("token", RevokedToken::Refresh, TOKENS),
        field: parameter(table, "field", "token"),
        client_auth: table.choice_or("client_auth", client_auth, AUTH),
        body: table.choice_or("body", body, BODY),
    }
}

fn test(partner: &Table<'_>, endpoints: &Endpoints) -> Option<(String, String)> {
    let table = &partner.table("test");
    if !table.is_present() {
        return None;
    }
    let test = (table.text("path"), table.text("name"));
    let own = endpoints.userinfo.as_ref() == Some(&test.0);
    if let Some(problem) = path_problem(&test.0).filter(|_| !own && !test.0.is_empty()) {
        table.report("path", problem);
    }
    is_dotted(table, "name", &test.1);
    Some(test)
}
