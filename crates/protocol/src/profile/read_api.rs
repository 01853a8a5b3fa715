//! Reads a profile's scopes, the API behind the guard and the partner's side, with what contradicts itself in them.
//! The flow's rules are read in `read_flow.rs`.

use super::read::path_problem;
use super::*;
use crate::document::{Table, Value};
use crate::scope::MAX_SCOPES;

/// A profile holds at most this many routes: the guard walks them at every call.
const MAX_ROUTES: usize = 500;

/// Reads `[[scopes]]`, in the order in which the words enter the registry.
pub(super) fn scopes(root: &Table<'_>) -> Vec<ScopeWord> {
    const GROUPS: &[(&str, ScopeGroup)] =
        &[("see", ScopeGroup::See), ("change", ScopeGroup::Change), ("stay", ScopeGroup::Stay)];
    root.need("scopes");
    let tables = root.tables("scopes", MAX_SCOPES);
    if tables.is_empty() && root.get("scopes").is_some_and(|value| value.list(MAX_SCOPES).is_some()) {
        root.report("scopes", "is empty: an app could be granted nothing");
    }
    let mut words: Vec<ScopeWord> = Vec::new();
    for table in &tables {
        let word = ScopeWord {
            name: table.text("name"),
            sentence: table.text("sentence"),
            group: table.choice("group", GROUPS),
            risky: table.boolean_or("risky", false),
            includes: texts(table, "includes", MAX_SCOPES),
            aliases: texts(table, "aliases", MAX_ALIASES),
        };
        if !word.name.is_empty() && !is_scope_word(&word.name) {
            table.report("name", SCOPE_WORD);
        } else if !word.name.is_empty() && words.iter().any(|earlier| earlier.name == word.name) {
            table.report("name", &format!("names \"{}\" a second time", word.name));
        }
        if word.sentence.chars().count() > 200 {
            table.report("sentence", "is longer than 200 characters");
        }
        words.push(word);
    }
    for (n, table) in tables.iter().enumerate() {
        let others: Vec<&ScopeWord> = words.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, word)| word).collect();
        patterns(table, "includes", &others, "covers no other scope");
        aliases(table, &words, n);
    }
    words
}

/// Reports other spellings of word number `n` that mean something else already.
fn aliases(table: &Table<'_>, words: &[ScopeWord], n: usize) {
    let mut own = Vec::new();
    for item in table.list("aliases", MAX_ALIASES).unwrap_or_default() {
        let Some(alias) = item.text() else { continue };
        let other = words[..n].iter().find(|word| word.aliases.iter().any(|known| known == alias));
        if !is_scope_word(alias) {
            item.report(SCOPE_WORD);
        } else if words.iter().any(|word| word.name == alias) {
            item.report(format!("names \"{}\", which is a scope itself", item.shown()));
        } else if let Some(other) = other {
            item.report(format!("names \"{}\", which is another spelling of `{}` already", item.shown(), other.name));
        } else if own.contains(&alias) {
            item.report(format!("names \"{}\" twice", item.shown()));
        }
        own.push(alias);
    }
}

const MAX_ALIASES: usize = 8;

const SCOPE_WORD: &str =
    "must be 1 to 64 visible ASCII characters without \" \\ and *, none of them a space (RFC 6749 3.3)";

/// RFC 6749 3.3's characters, less `*`, which stands for "any" in patterns.
fn is_scope_word(word: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x29 | 0x2b..=0x5b | 0x5d..=0x7e);
    word.len() <= 64 && word.bytes().all(allowed)
}

/// Reports the patterns under `key` that match none of `words`.
fn patterns(table: &Table<'_>, key: &'static str, words: &[&ScopeWord], if_none: &str) {
    // In a torn file, the word may stand where it could not be read; a nameless one was reported itself.
    if !table.is_whole() || words.iter().any(|word| word.name.is_empty()) {
        return;
    }
    for item in table.list(key, MAX_SCOPES).unwrap_or_default() {
        let Some(pattern) = item.text() else { continue };
        let matches = |word: &&ScopeWord| match pattern.strip_prefix('*') {
            Some(suffix) => word.name.ends_with(suffix),
            None => word.name == pattern,
        };
        if !words.iter().any(matches) {
            item.report(format!("names \"{}\", which {if_none}", item.shown()));
        }
    }
}

/// Reads a list of words that must be scopes of this profile; patterns are none.
pub(super) fn known_words(table: &Table<'_>, key: &'static str, scopes: &[ScopeWord]) -> Vec<String> {
    // In a torn file, the word may stand where it could not be read; a nameless one was reported itself.
    if table.is_whole() && scopes.iter().all(|word| !word.name.is_empty()) {
        for item in table.list(key, MAX_SCOPES).unwrap_or_default() {
            if item.text().is_some_and(|word| !scopes.iter().any(|known| known.name == word)) {
                item.report(format!("names \"{}\", which is no scope of this profile", item.shown()));
            }
        }
    }
    texts(table, key, MAX_SCOPES)
}

pub(super) fn texts(table: &Table<'_>, key: &'static str, max: usize) -> Vec<String> {
    let items = table.list(key, max).unwrap_or_default();
    items.iter().filter_map(Value::text).map(str::to_owned).collect()
}

/// Reads `[api]`.
pub(super) fn api(table: &Table<'_>, scopes: &[ScopeWord], has_accounts: bool) -> ApiRules {
    let site_parameter = table.optional_text("site_parameter");
    if site_parameter.as_ref().is_some_and(|name| !is_name(name)) {
        table.report("site_parameter", "must be 1 to 64 of A-Z, a-z, 0-9, _ and -");
    }
    let form = [("digits", SiteIdForm::Digits), ("text", SiteIdForm::Text)];
    let rules = ApiRules {
        prefixes: prefixes(table),
        suffixes: suffixes(table),
        site_id_form: table.choice_or("site_id_form", SiteIdForm::Text, &form),
        routes: routes(table, scopes, site_parameter.is_some(), has_accounts),
        errors: table.choice_or(
            "errors",
            ErrorShape::OAuth,
            &[("oauth", ErrorShape::OAuth), ("message", ErrorShape::Message), ("nested", ErrorShape::Nested)],
        ),
        scope_missing_is_401: table.boolean_or("scope_missing_is_401", false),
        budgets: budgets(table),
        budget_key: table.choice_or(
            "budget_key",
            BudgetKey::Customer,
            &[("customer", BudgetKey::Customer), ("app_and_customer", BudgetKey::AppAndCustomer)],
        ),
        budget_headers: table.boolean_or("budget_headers", false),
        list: table.choice_or(
            "list",
            ListShape::Data,
            &[("results", ListShape::Results), ("data", ListShape::Data), ("array", ListShape::Array)],
        ),
        site_parameter,
    };
    if rules.site_parameter.is_none() && table.get("site_id_form").is_some() {
        table.report("site_id_form", "means nothing without `api.site_parameter`");
    }
    rules
}

pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn prefixes(table: &Table<'_>) -> Vec<String> {
    let Some(items) = table.list("prefixes", 8) else {
        return vec!["/v1".to_owned()];
    };
    if items.is_empty() {
        table.report("prefixes", "is empty: no call could reach the API");
    }
    let mut found: Vec<&str> = Vec::new();
    let below = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    for item in &items {
        let Some(prefix) = item.text() else { continue };
        match path_problem(prefix) {
            Some(problem) => item.report(problem),
            None if prefix == "/" => item.report("must be more than /"),
            None => {}
        }
        if let Some(other) = found.iter().find(|other| below(prefix, other) || below(other, prefix)) {
            item.report(format!("names \"{}\" and \"{other}\": no prefix may lie below another", item.shown()));
        }
        found.push(prefix);
    }
    found.into_iter().map(str::to_owned).collect()
}

fn suffixes(table: &Table<'_>) -> Vec<String> {
    for item in table.list("suffixes", 8).unwrap_or_default() {
        let proper = |text: &str| text.strip_prefix('.').is_some_and(|rest| !rest.is_empty() && is_name(rest));
        if item.text().is_some_and(|text| !proper(text)) {
            item.report("must begin with a dot, such as \".json\"");
        }
    }
    texts(table, "suffixes", 8)
}

fn budgets(table: &Table<'_>) -> Vec<Budget> {
    let stated = table.tables("budgets", 8);
    if table.get("budgets").is_none() {
        return vec![Budget { requests: 600, per: Seconds(60) }];
    }
    let mut found: Vec<Budget> = Vec::new();
    for each in stated {
        let requests = each.need("requests").and_then(|value| value.whole(1..=1_000_000_000));
        let per = each.need("per").and_then(|value| value.seconds(1..=30 * 86_400));
        let (Some(requests), Some(per)) = (requests, per) else { continue };
        if found.iter().any(|earlier| earlier.per == per) {
            each.report("per", "has a budget already");
        }
        found.push(Budget { requests: requests as u32, per });
    }
    found
}

fn routes(table: &Table<'_>, scopes: &[ScopeWord], has_sites: bool, has_accounts: bool) -> Vec<Route> {
    const PLACES: &[(&str, SitePlace)] =
        &[("none", SitePlace::None), ("query", SitePlace::Query), ("form", SitePlace::Form), ("json", SitePlace::Json)];
    let words: Vec<&ScopeWord> = scopes.iter().collect();
    // The strict place is the default: a forgotten key must not open every site of a customer.
    let place = if has_sites { SitePlace::Query } else { SitePlace::None };
    let mut found: Vec<Route> = Vec::new();
    for each in table.tables("routes", MAX_ROUTES) {
        let route = Route {
            methods: methods(&each),
            path: each.text("path"),
            scopes: texts(&each, "scopes", MAX_SCOPES),
            site: each.choice_or("site", place, PLACES),
            collection: each.optional_text("collection"),
            status: each.whole_or("status", 200, 200..=203) as u16,
            providers: each.boolean_or("providers", false),
        };
        patterns(&each, "scopes", &words, "is no scope of this profile");
        route_path(&each, &route.path);
        if !has_sites && route.site != SitePlace::None {
            each.report("site", "is set, but `api.site_parameter` is not");
        }
        if matches!(route.site, SitePlace::Form | SitePlace::Json) && route.methods.iter().any(|m| m == "GET") {
            each.report("site", "looks into the body, but GET has none");
        }
        if route.providers && !has_accounts && table.is_whole() {
            each.report("providers", "is set, but there is no `[accounts]` whose providers could answer");
        }
        if let Some(earlier) = found.iter().find(|earlier| hides(earlier, &route)) {
            each.report("path", &format!("can never be reached: the route \"{}\" above takes its calls", earlier.path));
        }
        found.push(route);
    }
    found
}

fn methods(table: &Table<'_>) -> Vec<String> {
    const METHODS: &[(&str, &str)] =
        &[("GET", "GET"), ("POST", "POST"), ("PUT", "PUT"), ("PATCH", "PATCH"), ("DELETE", "DELETE")];
    let Some(items) = table.list("methods", METHODS.len()) else {
        return vec!["GET".to_owned()];
    };
    if items.is_empty() {
        table.report("methods", "is empty: the route could never match");
    }
    read_flow::distinct(&items, METHODS).into_iter().map(str::to_owned).collect()
}

fn route_path(table: &Table<'_>, path: &str) {
    let filled: Vec<&str> = path
        .split('/')
        .map(|part| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !name.is_empty() && is_name(name) => "any",
            _ => part,
        })
        .collect();
    let filled = filled.join("/");
    let plain = filled.strip_suffix("/**").unwrap_or(&filled);
    if path.is_empty() || plain.is_empty() {
        return;
    }
    if let Some(problem) = path_problem(plain) {
        table.report("path", &format!("{problem}, with {{name}} for one part and ** at the end for the rest"));
    }
}

/// Whether every call that `later` is for is taken by `earlier`.
fn hides(earlier: &Route, later: &Route) -> bool {
    let mut mine = earlier.path.split('/');
    let mut theirs = later.path.split('/');
    let covered = loop {
        match (mine.next(), theirs.next()) {
            (Some("**"), Some(_)) | (None, None) => break true,
            (Some(part), Some(other)) if part == other || part.starts_with('{') && other != "**" => {}
            _ => break false,
        }
    };
    covered && !later.path.is_empty() && later.methods.iter().all(|method| earlier.methods.contains(method))
}
