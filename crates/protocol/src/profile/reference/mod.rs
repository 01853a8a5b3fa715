//! The reference of the profile language: for every key what it means, why, and an example. Defaults, bounds and words are the
//! reader's own, so that they cannot drift; only prose stands here. docs/PROFILES.md is made of it.
//!
//! A new key gets one line in the section's file beside this one; a test names the keys that have none.

mod api;
mod extras;
mod flow;
mod page;
mod pages;
mod partner;

use std::collections::BTreeSet;

pub use page::renew;

use super::read;
use crate::document::{self, AllFacts, Facts, Holds};

/// A value of a dotted path, as TOML.
type Pair = (&'static str, &'static str);

/// One key of the language.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted.
    pub path: &'static str,
    /// What an absent key means, where the reader does not say it itself: TOML, or words. Else empty.
    pub default: &'static str,
    /// What it means, and why.
    pub says: &'static str,
    /// A value, as TOML; empty for a key that holds others.
    pub example: &'static str,
}

/// Keys that the manual shows in one table.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its mark in the manual.
    pub name: &'static str,
    /// What must be set besides, so that its examples contradict nothing.
    needs: &'static [Pair],
    /// The same, where it is a second one of a list.
    more: &'static str,
    /// In the manual's order.
    pub keys: &'static [Key],
}

/// In the manual's order.
pub const SECTIONS: &[Section] = &[
    pages::PLATFORM,
    pages::BRAND,
    pages::ENDPOINTS,
    flow::AUTHORIZE,
    flow::TOKEN,
    flow::POLICY,
    flow::SCOPES,
    api::API,
    extras::REGISTRATION,
    extras::OAUTH1,
    extras::API_KEYS,
    extras::ACCOUNTS,
    extras::USERINFO,
    partner::PARTNER,
];

/// The smallest profile.
const SMALLEST: &[Pair] = &[
    ("version", "1"),
    ("name", r#""My Platform""#),
    ("policy.account_proof", r#""sign_in""#),
    ("scopes.name", r#""items:read""#),
    ("scopes.sentence", r#""see your items""#),
    ("scopes.group", r#""see""#),
    ("api.routes.path", r#""/items""#),
    ("api.routes.scopes", r#"["items:read"]"#),
    ("partner.login_base", r#""https://login.example.com""#),
    ("partner.api_base", r#""https://api.example.com""#),
];

/// What a platform with accounts must say besides.
const WITH_ACCOUNTS: &[Pair] = &[
    ("policy.account_proof", r#""none""#),
    ("authorize.account_parameter", r#"["account_id"]"#),
    ("api_keys.header", r#""x-api-key""#),
    ("accounts.mini_app", r#""/integrations""#),
];

const fn key(path: &'static str, default: &'static str, says: &'static str, example: &'static str) -> Key {
    Key { path, default, says, example }
}

impl Section {
    /// A profile in which every key of this section stands with its example.
    pub fn example(&self) -> String {
        let examples = self.keys.iter().filter(|key| !key.example.is_empty()).map(|key| (key.path, key.example));
        written(SMALLEST.iter().chain(self.needs).copied().chain(examples)) + self.more
    }

    /// Two profiles that must mean the same: without the keys that have a default, and with each of these stated. Required
    /// ones stand in both; a default in words is left out.
    pub fn plain_and_stated(&self) -> (String, String) {
        let facts = facts();
        let required = |key: &&Key| key.default == "required" || facts.get(key.path).is_some_and(|f| f.required);
        let examples = self.keys.iter().filter(required).map(|key| (key.path, key.example));
        let plain: Vec<(&str, String)> = SMALLEST
            .iter()
            .chain(self.needs)
            .copied()
            .chain(examples.filter(|(_, example)| !example.is_empty()))
            .map(|(path, value)| (path, value.to_owned()))
            .collect();
        let stands =
            |path: &str| plain.iter().any(|(other, _)| *other == path || other.starts_with(&format!("{path}.")));
        let defaults = self.keys.iter().filter(|key| !stands(key.path)).filter_map(|key| {
            let default = key.default_in(facts.get(key.path)?);
            is_value(&default).then_some((key.path, default))
        });
        let stated: Vec<(&str, String)> = plain.iter().cloned().chain(defaults).collect();
        (written(plain) + self.more, written(stated) + self.more)
    }
}

impl Key {
    /// What an absent key means: TOML, or words.
    fn default_in(&self, facts: &Facts) -> String {
        match (self.default, &facts.default) {
            ("", _) if facts.required => "required".to_owned(),
            ("", Some(default)) if default != "\"\"" => default.clone(),
            ("", _) if facts.optional => "none".to_owned(),
            (said, _) => said.to_owned(),
        }
    }
}

/// The smallest profile, as the manual prints it.
pub fn smallest() -> String {
    written(SMALLEST.iter().copied())
}

/// Every key of the language, and what the reader asks of it.
pub fn facts() -> AllFacts {
    let mut all = of("");
    let texts = SECTIONS.iter().map(Section::example).chain(read::SHIPPED.iter().map(|(_, text)| (*text).to_owned()));
    for text in texts {
        for (path, found) in of(&text) {
            let known = all.entry(path).or_default();
            known.holds = known.holds.or(found.holds);
            known.required |= found.required;
            known.optional |= found.optional;
            known.default = known.default.take().or(found.default);
            known.bounds = known.bounds.take().or(found.bounds);
            known.most = known.most.or(found.most);
            if known.words.is_empty() {
                known.words = found.words;
            }
        }
    }
    all
}

/// What an absent key means: TOML, or words. `None`: there is no such key.
pub fn default_of(path: &str) -> Option<String> {
    let key = SECTIONS.iter().flat_map(|section| section.keys).find(|key| key.path == path)?;
    Some(key.default_in(facts().get(path)?))
}

/// What the reference lacks, has too much, or says badly. Each line says what to do about it.
pub fn problems() -> Vec<String> {
    let facts = facts();
    let keys = || SECTIONS.iter().flat_map(|section| section.keys.iter().map(move |key| (section, key)));
    let named: BTreeSet<&str> = keys().map(|(_, key)| key.path).collect();
    let mut found = Vec::new();
    for (path, _) in facts.iter().filter(|(path, f)| f.holds != Some(Holds::Table) && !named.contains(path.as_str())) {
        let section = path.split('.').next().unwrap_or_default();
        found.push(format!(
            "`{path}` stands in no table: add key(\"{path}\", \"\", \"what it means, and why\", \"an example\") to the \
             section `{section}` in crates/protocol/src/profile/reference, then run `cargo xtask generate`"
        ));
    }
    for (section, key) in keys() {
        let path = key.path;
        let Some(known) = facts.get(path) else {
            found.push(format!(
                "`{path}` is a key that no reader asks for: remove it from the section `{}`",
                section.name
            ));
            continue;
        };
        if key.default_in(known).is_empty() {
            found.push(format!("`{path}`: say what stands where it is left out, as the reader does not"));
        }
        if key.example.is_empty() && known.holds.is_none() {
            found.push(format!("`{path}` has no example"));
        }
        if !key.says.ends_with(['.', ':', ',']) || [key.says, key.example, key.default].concat().contains('|') {
            found.push(format!("`{path}`: end the sentence, and use no | in a table"));
        }
    }
    if named.len() != keys().count() {
        found.push("a key stands twice".to_owned());
    }
    found
}

fn of(text: &str) -> AllFacts {
    document::facts(text, |root| read::profile("sample", root))
}

/// Whether it is TOML, and not words.
fn is_value(text: &str) -> bool {
    document::read(&format!("it = {text}"), |root| drop(root.get("it"))).is_ok()
}

/// The pairs as a file. A later value of a path replaces an earlier one.
fn written<'a, V: Into<String>>(pairs: impl IntoIterator<Item = (&'a str, V)>) -> String {
    let kinds = of("");
    let mut tables: Vec<(&str, Vec<(&str, String)>)> = Vec::new();
    for (path, value) in pairs {
        let (table, name) = path.rsplit_once('.').unwrap_or(("", path));
        let at = tables.iter().position(|(known, _)| *known == table).unwrap_or_else(|| {
            tables.push((table, Vec::new()));
            tables.len() - 1
        });
        let lines = &mut tables[at].1;
        match lines.iter_mut().find(|(known, _)| *known == name) {
            Some(line) => line.1 = value.into(),
            None => lines.push((name, value.into())),
        }
    }
    let mut text = String::new();
    for (table, lines) in tables {
        let list = kinds.get(table).is_some_and(|facts| facts.holds == Some(Holds::Tables));
        match (table, list) {
            ("", _) => {}
            (table, true) => text.push_str(&format!("\n[[{table}]]\n")),
            (table, false) => text.push_str(&format!("\n[{table}]\n")),
        }
        lines.iter().for_each(|(name, value)| text.push_str(&format!("{name} = {value}\n")));
    }
    text
}
