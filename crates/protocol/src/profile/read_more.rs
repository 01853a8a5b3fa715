//! Reads what only some platforms have (`more.rs`), with what contradicts itself in it. The partner's side is
//! read in `read_partner.rs`.

use super::read::{is_key, is_link, is_ours, path_problem};
use super::read_api::{is_name, known_words};
use super::read_flow::{distinct, roles};
use super::read_partner::is_dotted;
use super::*;
use crate::UnixTime;
use crate::document::Table;
use crate::oauth1::SignatureMethod;

/// Paths that are taken already, with the key that took them.
pub(super) struct Paths(Vec<(String, String)>);

impl Paths {
    pub(super) fn of(endpoints: &Endpoints) -> Self {
        let all = [
            ("endpoints.authorize", Some(&endpoints.authorize)),
            ("endpoints.token", Some(&endpoints.token)),
            ("endpoints.refresh", endpoints.refresh.as_ref()),
            ("endpoints.revoke", Some(&endpoints.revoke)),
            ("endpoints.introspect", Some(&endpoints.introspect)),
            ("endpoints.userinfo", endpoints.userinfo.as_ref()),
            ("endpoints.connected_apps", Some(&endpoints.connected_apps)),
            ("endpoints.apps", Some(&endpoints.apps)),
        ];
        Self(all.into_iter().filter_map(|(key, path)| Some((key.to_owned(), path?.clone()))).collect())
    }

    /// A path with a default, which nobody else has. What is not there takes none.
    fn path(&mut self, table: &Table<'_>, section: &str, key: &'static str, default: &str) -> String {
        let path = table.text_or(key, default);
        if !table.is_present() {
            return path;
        }
        path_problem(&path).into_iter().for_each(|problem| table.report(key, problem));
        if is_ours(&path) {
            table.report(key, "is an address that Causeway needs for itself");
        }
        if let Some((other, _)) = self.0.iter().find(|(_, taken)| *taken == path) {
            table.report(key, &format!("is the same path as `{other}`"));
        }
        self.0.push((format!("{section}.{key}"), path.clone()));
        path
    }
}

pub(super) fn registration(table: &Table<'_>, has_accounts: bool) -> RegistrationRules {
    let mode = table.choice_or(
        "mode",
        Registration::Staff,
        &[
            ("staff", Registration::Staff),
            ("self_service", Registration::SelfService),
            ("review", Registration::Review),
        ],
    );
    if mode == Registration::Staff && table.get("registrars").is_some() {
        table.report("registrars", "means nothing while `registration.mode` is \"staff\"");
    }
    if mode == Registration::Staff && table.boolean_or("private", false) {
        table.report("private", "means nothing while `registration.mode` is \"staff\": staff have no customer");
    }
    let registrars = match mode {
        Registration::Staff => vec![Role::Staff],
        _ => roles(table, "registrars", "nobody could register an app"),
    };
    RegistrationRules {
        mode,
        registrars,
        redirect_uris: table.whole_or("redirect_uris", 10, 1..=32) as u32,
        private: table.boolean_or("private", false),
        scopes: table.boolean_or("scopes", true),
        logo: table.boolean_or("logo", true),
        providers: providers(table, has_accounts),
        client_id: table.choice_or("client_id", AppIdForm::Hex, &[("hex", AppIdForm::Hex), ("uuid", AppIdForm::Uuid)]),
        title: table.text_or("title", "Apps"),
        id_word: table.text_or("id_word", "Client ID"),
        link_word: table.text_or("link_word", "Website"),
    }
}

fn providers(table: &Table<'_>, has_accounts: bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for item in table.list("providers", 32).unwrap_or_default() {
        let Some(key) = item.text() else { continue };
        if !is_key(key) {
            item.report("must hold keys of profiles: 1 to 32 of a-z, 0-9, _ and -");
        } else if found.iter().any(|known| known == key) {
            item.report(format!("names \"{}\" twice", item.shown()));
        }
        found.push(key.to_owned());
    }
    if !found.is_empty() && !has_accounts && table.is_whole() {
        table.report("providers", "is set, but there is no `[accounts]` and so no mini-app that could offer them");
    }
    found
}

pub(super) fn oauth1(root: &Table<'_>, scopes: &[ScopeWord], paths: &mut Paths) -> Option<OAuth1Rules> {
    let table = &root.table("oauth1");
    const METHODS: &[(&str, SignatureMethod)] =
        &[("HMAC-SHA1", SignatureMethod::HmacSha1), ("HMAC-SHA256", SignatureMethod::HmacSha256)];
    let (deprecated_at, ends_at) = (instant(table, "deprecated_at"), instant(table, "ends_at"));
    let methods = table.list("methods", 4).map(|items| distinct(&items, METHODS));
    let rules = OAuth1Rules {
        request_token: paths.path(table, "oauth1", "request_token", "/oauth/request_token"),
        authorize: paths.path(table, "oauth1", "authorize", "/oauth/authorize1"),
        access_token: paths.path(table, "oauth1", "access_token", "/oauth/access_token"),
        methods: methods.unwrap_or_else(|| vec![SignatureMethod::HmacSha1]),
        without_verifier: table.boolean_or("without_verifier", false),
        window: table.seconds_or("window", 300, 1..=86_400),
        scopes: known_words(table, "scopes", scopes),
        deprecated_at,
        ends_at,
        brown_outs: brown_outs(table, deprecated_at, ends_at),
        guide: table.optional_text("guide"),
        exchange: table.boolean_or("exchange", false),
        exchange_ends_at: instant(table, "exchange_ends_at"),
    };
    if !table.is_present() {
        return None;
    }
    if table.list("methods", 4).is_some_and(|items| items.is_empty()) {
        table.report("methods", "is empty: no call could be signed");
    }
    if rules.scopes.is_empty() {
        table.report("scopes", "is missing or empty: a signed call could do nothing");
    }
    if let (Some(from), Some(end)) = (rules.deprecated_at, rules.ends_at)
        && from > end
    {
        table.report("deprecated_at", "is later than `oauth1.ends_at`");
    }
    if let (Some(from), Some(end)) = (rules.deprecated_at, rules.exchange_ends_at)
        && from >= end
    {
        table.report(
            "exchange_ends_at",
            "is not later than `oauth1.deprecated_at`: it would be over before anybody was told",
        );
    }
    if rules.guide.as_ref().is_some_and(|link| !is_link(link)) {
        table.report("guide", "must be an https:// or http:// address, or mailto:");
    }
    if !rules.exchange && rules.exchange_ends_at.is_some() {
        table.report("exchange_ends_at", "means nothing while `oauth1.exchange` is false");
    }
    Some(rules)
}

fn instant(table: &Table<'_>, key: &'static str) -> Option<UnixTime> {
    table.get(key)?.instant()
}

fn brown_outs(table: &Table<'_>, deprecated_at: Option<UnixTime>, ends_at: Option<UnixTime>) -> Vec<BrownOut> {
    let mut found: Vec<BrownOut> = Vec::new();
    for each in table.tables("brown_outs", 64) {
        let from = each.need("from").and_then(|value| value.instant());
        let lasts = each.need("lasts").and_then(|value| value.seconds(1..=30 * 86_400));
        let (Some(from), Some(lasts)) = (from, lasts) else { continue };
        if found.iter().any(|other| from < other.from + other.lasts && other.from < from + lasts) {
            each.report("from", "begins while another one lasts, or lasts until another begins");
        }
        match ends_at {
            None if table.get("ends_at").is_none() => {
                each.report("from", "rehearses an end, but `oauth1.ends_at` sets none");
            }
            Some(end) if from >= end => each.report("from", "is not earlier than `oauth1.ends_at`"),
            _ => {}
        }
        if deprecated_at.is_some_and(|since| from < since) {
            each.report("from", "is earlier than `oauth1.deprecated_at`: nobody was told yet");
        }
        found.push(BrownOut { from, lasts });
    }
    found
}

/// Parameters and headers that mean something else.
const NO_KEY: &[&str] = &[
    "access_token",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "idempotency-key",
];

pub(super) fn api_keys(
    root: &Table<'_>,
    scopes: &[ScopeWord],
    token: &TokenRules,
    api: &ApiRules,
) -> Option<ApiKeyRules> {
    let table = &root.table("api_keys");
    let rules = ApiKeyRules {
        query: table.optional_text("query"),
        header: table.optional_text("header").map(|name| name.to_ascii_lowercase()),
        bearer_prefix: table.optional_text("bearer_prefix"),
        scopes: known_words(table, "scopes", scopes),
    };
    if !table.is_present() {
        return None;
    }
    for (key, name) in [("query", &rules.query), ("header", &rules.header)] {
        let taken = |name: &str| {
            NO_KEY.contains(&name)
                || ["oauth_", "x-forwarded-", "x-original-", "x-causeway-"].iter().any(|begin| name.starts_with(begin))
        };
        if name.as_ref().is_some_and(|name| !is_name(name) || taken(name)) {
            table.report(key, "must be 1 to 64 of A-Z, a-z, 0-9, _ and -, and no name that has another meaning");
        }
    }
    if rules.query.is_some() && rules.query == api.site_parameter {
        table.report("query", "is the same as `api.site_parameter`");
    }
    let Prefixes { access, refresh, code, secret } = &token.prefixes;
    for (key, known) in [("access", access), ("refresh", refresh), ("code", code), ("secret", secret)] {
        if rules
            .bearer_prefix
            .as_ref()
            .is_some_and(|own| own.starts_with(known.as_str()) || known.starts_with(own.as_str()))
        {
            table.report(
                "bearer_prefix",
                &format!("and `token.prefixes.{key}` begin alike: nobody could tell the two apart"),
            );
        }
    }
    if rules.bearer_prefix.as_ref().is_some_and(|prefix| prefix.len() > 16 || !is_name(prefix)) {
        table.report("bearer_prefix", "must be at most 16 of A-Z, a-z, 0-9, _ and -");
    }
    if rules.query.is_none() && rules.header.is_none() && rules.bearer_prefix.is_none() {
        table.report_whole("`api_keys` says nowhere a key may stand: set query, header or bearer_prefix".to_owned());
    }
    Some(rules)
}

pub(super) fn accounts(root: &Table<'_>, paths: &mut Paths, keys: Option<&ApiKeyRules>) -> Option<AccountRules> {
    let table = &root.table("accounts");
    if table.is_present() && table.is_whole() && keys.is_none_or(|keys| keys.header.is_none()) {
        table.report_whole("`accounts` needs `api_keys.header`: an app registers accounts with its key".to_owned());
    }
    let rules = AccountRules {
        register: paths.path(table, "accounts", "register", "/accounts/register"),
        edit: paths.path(table, "accounts", "edit", "/accounts/edit"),
        delete: paths.path(table, "accounts", "delete", "/accounts/delete"),
        sign_in: paths.path(table, "accounts", "sign_in", "/accounts/sign-in"),
        sign_in_life: table.seconds_or("sign_in_life", 300, 10..=3_600),
        mini_app: paths.path(table, "accounts", "mini_app", "/integrations"),
        visit_life: table.seconds_or("visit_life", 3_600, 60..=86_400),
    };
    table.is_present().then_some(rules)
}

pub(super) fn userinfo(root: &Table<'_>, scopes: &[ScopeWord], has_path: bool) -> Option<UserinfoRules> {
    let table = &root.table("userinfo");
    if table.is_present() && !has_path {
        table.report_whole("`userinfo` means nothing without `endpoints.userinfo`".to_owned());
    }
    let scope = table.optional_text("scope");
    if scope.as_ref().is_some_and(|word| !scopes.iter().any(|known| known.name == *word)) {
        table.report("scope", "is no scope of this profile");
    }
    let rules = UserinfoRules {
        scope,
        status: table.whole_or("status", 200, 200..=201) as u16,
        name_field: table.text_or("name_field", "username"),
    };
    is_dotted(table, "name_field", &rules.name_field);
    has_path.then_some(rules)
}
