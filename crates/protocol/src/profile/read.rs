//! Turns the text of a profile into a [`Profile`], or into every problem of it at once. `read_flow.rs` reads the flow's
//! rules, `read_api.rs` the scopes, the API and the partner's side. Every key stands in
//! `reference` with what it means; a test compares the two.

use super::colour::{self, AA};
use super::*;
use super::{read_api, read_flow, read_more, read_partner};
use crate::document::{self, Problem, Table};

/// Compiled-in profiles: key and text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("tripleseat", include_str!("../../../../profiles/tripleseat.toml")),
    ("cal", include_str!("../../../../profiles/cal.toml")),
    ("cal-v2", include_str!("../../../../profiles/cal-v2.toml")),
    ("otesse", include_str!("../../../../profiles/otesse.toml")),
    ("orcabase", include_str!("../../../../profiles/orcabase.toml")),
    ("google", include_str!("../../../../profiles/google.toml")),
    ("slack", include_str!("../../../../profiles/slack.toml")),
    ("github", include_str!("../../../../profiles/github.toml")),
    ("default", include_str!("../../../../profiles/default.toml")),
];

/// The version of the language that this program reads.
const VERSION: i64 = 1;

/// Reads a profile. `key` is the file's stem; the problems come in the order of the file.
pub fn parse(key: &str, text: &str) -> Result<Profile, Vec<Problem>> {
    document::read(text, |root| profile(key, root))
}

/// A compiled-in profile by its key.
pub fn shipped(key: &str) -> Option<Profile> {
    let (key, text) = SHIPPED.iter().find(|(name, _)| *name == key)?;
    parse(key, text).ok()
}

/// Reads the root.
pub(super) fn profile(key: &str, root: &Table<'_>) -> Profile {
    version(root);
    let name = root.text("name");
    if !is_key(key) {
        root.report_whole(
            "the file's name is the platform's key: it must be 1 to 32 of a-z, 0-9, _ and -, then .toml".to_owned(),
        );
    }
    let scopes = read_api::scopes(root);
    let has_accounts = root.get("accounts").is_some();
    let authorize = read_flow::authorize(&root.table("authorize"), &scopes);
    let endpoints = endpoints(&root.table("endpoints"));
    let api = read_api::api(&root.table("api"), &scopes, has_accounts);
    let policy = read_flow::policy(&root.table("policy"), !authorize.account_parameter.is_empty(), has_accounts);
    let token_table = root.table("token");
    let token = read_flow::token(&token_table);
    let registration = read_more::registration(&root.table("registration"), has_accounts);
    client_credentials(&token_table, &token, &registration, &policy);
    let mut paths = read_more::Paths::of(&endpoints);
    let api_keys = read_more::api_keys(root, &scopes, &token, &api);
    let partner = read_partner::partner(&root.table("partner"), &authorize, &token, &endpoints, &api);
    Profile {
        key: key.to_owned(),
        brand: brand(&root.table("brand"), &name),
        registration,
        oauth1: read_more::oauth1(root, &scopes, &mut paths),
        accounts: read_more::accounts(root, &mut paths, api_keys.as_ref()),
        userinfo: read_more::userinfo(root, &scopes, endpoints.userinfo.is_some()),
        api_keys,
        partner,
        endpoints,
        token,
        policy,
        api,
        name,
        authorize,
        scopes,
    }
}

/// Who registers an app that is used at once gets a token for the whole customer with it: nobody may reach so what they may not
/// allow.
fn client_credentials(table: &Table<'_>, token: &TokenRules, registration: &RegistrationRules, policy: &Policy) {
    let at_once = registration.mode == Registration::SelfService;
    let others = registration.registrars.iter().find(|role| !policy.approvers.contains(role));
    if let Some(role) = others.filter(|_| token.client_credentials && at_once) {
        let problem = format!(
            "contradicts: `registration.registrars` has \"{}\", who may not allow apps (`policy.approvers`), but would get \
             tokens for the whole customer by an app of their own",
            role.word()
        );
        table.report("client_credentials", &problem);
    }
}

/// Whether it can be a platform's key.
pub(super) fn is_key(key: &str) -> bool {
    let proper = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=32).contains(&key.len()) && key.bytes().all(proper)
}

fn version(root: &Table<'_>) {
    match root.need("version").and_then(|value| value.whole(1..=i64::MAX)) {
        None | Some(VERSION) => {}
        Some(other) => root.report("version", &format!("is {other}; this program reads version {VERSION}")),
    }
}

fn brand(table: &Table<'_>, name: &str) -> Brand {
    let initial: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    let brand = Brand {
        accent: table.text_or("accent", "#1f5fbf"),
        accent_dark: table.text_or("accent_dark", "#8ab4f8"),
        monogram: table.text_or("monogram", &initial),
        sites_word: table.text_or("sites_word", "sites"),
        support_url: table.optional_text("support_url"),
        never: table.text_or("never", "It cannot see your password, and it cannot change who has access."),
        cut_where: table.text_or("cut_where", "Settings > Connected apps"),
    };
    accent(table, "accent", &brand.accent, colour::WHITE, "white");
    accent(table, "accent_dark", &brand.accent_dark, colour::DARK_GROUND, "the dark ground");
    if brand.monogram.chars().count() > 2 {
        table.report("monogram", "must be one or two characters");
    }
    if brand.support_url.as_ref().is_some_and(|link| !is_link(link)) {
        table.report("support_url", "must be an https:// or http:// address, or mailto:");
    }
    brand
}

fn accent(table: &Table<'_>, key: &'static str, text: &str, ground: colour::Rgb, ground_name: &str) {
    let Some(colour) = colour::parse(text) else {
        return table.report(key, "must be a colour such as \"#1f5fbf\"");
    };
    let contrast = colour::contrast(colour, ground);
    if contrast < AA {
        // Rounded down: 4.49 must not read as 4.5.
        let contrast = (contrast * 10.0).floor() / 10.0;
        table.report(
            key,
            &format!("has a contrast of {contrast}:1 with {ground_name}; at least {AA}:1 can be read (WCAG AA)"),
        );
    }
}

pub(super) fn is_link(text: &str) -> bool {
    let printable = text.len() <= 500 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let web =
        |text: &str| is_base(text.split_once(['?', '#']).map_or(text, |(address, _)| address).trim_end_matches('/'));
    printable && (text.strip_prefix("mailto:").is_some_and(|address| address.contains('@')) || web(text))
}

/// An `https://` or `http://` address without user, query, fragment and final `/`.
pub(super) fn is_base(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |start| rest.split_at(start));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, "443"),
    };
    let six = |inside: &str| inside.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
    let named = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).is_some_and(six);
    (named || literal)
        && port.parse::<u16>().is_ok()
        && (path.is_empty() || path_problem(path).is_none() && path != "/")
}

fn endpoints(table: &Table<'_>) -> Endpoints {
    const HOSTS: &[(&str, HostWord)] = &[("api", HostWord::Api), ("login", HostWord::Login)];
    let token_host = table.choice_or("token_host", HostWord::Api, HOSTS);
    let endpoints = Endpoints {
        authorize: table.text_or("authorize", "/oauth/authorize"),
        token: table.text_or("token", "/oauth/token"),
        refresh: table.optional_text("refresh"),
        revoke: table.text_or("revoke", "/oauth/revoke"),
        introspect: table.text_or("introspect", "/oauth/introspect"),
        userinfo: table.optional_text("userinfo"),
        token_host,
        userinfo_host: table.choice_or("userinfo_host", token_host, HOSTS),
        connected_apps: table.text_or("connected_apps", "/settings/connected-apps"),
        apps: table.text_or("apps", "/settings/apps"),
    };
    if endpoints.userinfo.is_none() && table.get("userinfo_host").is_some() {
        table.report("userinfo_host", "means nothing without `endpoints.userinfo`");
    }
    let paths = [
        ("authorize", Some(&endpoints.authorize)),
        ("token", Some(&endpoints.token)),
        ("refresh", endpoints.refresh.as_ref()),
        ("revoke", Some(&endpoints.revoke)),
        ("introspect", Some(&endpoints.introspect)),
        ("userinfo", endpoints.userinfo.as_ref()),
        ("connected_apps", Some(&endpoints.connected_apps)),
        ("apps", Some(&endpoints.apps)),
    ];
    for (n, (key, path)) in paths.iter().enumerate() {
        let Some(path) = path else { continue };
        path_problem(path).into_iter().for_each(|problem| table.report(key, problem));
        if is_ours(path) {
            table.report(key, "is an address that Causeway needs for itself");
        }
        // One listener may serve both hosts: no two paths may be equal, whichever host they stand on.
        if let Some((other, _)) = paths[..n].iter().find(|(_, earlier)| *earlier == Some(*path)) {
            table.report(key, &format!("is the same path as `{other}`"));
        }
    }
    endpoints
}

/// What is wrong with a path of a URL, if anything.
pub(super) fn path_problem(path: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if !path.starts_with('/') {
        Some("must start with /")
    } else if path.len() > 200 || !path.bytes().all(plain) {
        Some("must be a plain path: at most 200 of A-Z, a-z, 0-9, - . _ ~ and /")
    } else if path.len() > 1 && path.ends_with('/') {
        Some("must not end with /")
    } else if path.split('/').skip(1).any(|part| part.is_empty() && path.len() > 1 || part == "." || part == "..") {
        Some("must not hold //, /. or /..")
    } else {
        None
    }
}

/// Addresses that every listener answers itself (CONTRACTS, "Where we stand on the network" and "Forward-auth").
pub(super) fn is_ours(path: &str) -> bool {
    let below = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    ["/guard", "/admin", "/.well-known", "/healthz", "/readyz", "/metrics"].into_iter().any(below)
}
