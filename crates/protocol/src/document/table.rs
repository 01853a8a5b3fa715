//! A table of a file, as a reader sees it: ask for a key, get a value of the right kind or a default, and have every
//! mistake on record. No meaning of any key belongs here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use toml::de::DeTable;

use super::facts::{Facts, Holds, duration, quoted};
use super::{Document, Value, nearest, shown};
use crate::time::Seconds;

/// One table. When it goes out of scope, keys that nobody asked for are reported.
pub struct Table<'d> {
    document: &'d Document<'d>,
    path: String,
    at: usize,
    entries: Option<&'d DeTable<'d>>,
    asked: RefCell<BTreeSet<&'static str>>,
    /// It stands for something of a wrong type, which was reported: what it lacks is not.
    broken: bool,
}

impl<'d> Table<'d> {
    pub(super) fn new(document: &'d Document<'d>, path: String, at: usize, entries: Option<&'d DeTable<'d>>) -> Self {
        Self { document, path, at, entries, asked: RefCell::default(), broken: false }
    }

    pub(super) fn broken(mut self, broken: bool) -> Self {
        self.broken = broken;
        self
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value under `key`, if there is one.
    pub fn get(&self, key: &'static str) -> Option<Value<'d>> {
        self.asked.borrow_mut().insert(key);
        let path = self.join(key);
        self.document.asked(&path, |_| {});
        let found = self.entries?.get(key)?;
        Some(Value::new(self.document, path, found))
    }

    fn note(&self, key: &str, note: impl FnOnce(&mut Facts)) {
        if self.document.asked.is_some() {
            self.document.asked(&self.join(key), note);
        }
    }

    fn default_is(&self, key: &str, default: impl FnOnce() -> String) {
        self.note(key, |facts| facts.default = Some(default()));
    }

    /// The value under `key`; reports when there is none.
    pub fn need(&self, key: &'static str) -> Option<Value<'d>> {
        self.note(key, |facts| facts.required = true);
        let found = self.get(key);
        if found.is_none() && !self.broken && !self.document.torn {
            self.report(key, "is missing");
        }
        found
    }

    /// Whether the file holds this table at all.
    pub fn is_present(&self) -> bool {
        self.entries.is_some()
    }

    /// Whether the file could be parsed to its end: only then does it mean anything that something is not in it.
    pub fn is_whole(&self) -> bool {
        !self.document.torn
    }

    /// Puts a problem on record at the value of `key` or, where there is none, at the table: "`key` {message}".
    pub fn report(&self, key: &'static str, message: &str) {
        let at = self.entries.and_then(|entries| entries.get(key)).map_or(self.at, |value| value.span().start);
        self.document.problems.report(at, format!("`{}` {message}", self.join(key)));
    }

    /// Puts a problem on record at the table itself.
    pub fn report_whole(&self, message: String) {
        self.document.problems.report(self.at, message);
    }

    /// A text that must be there.
    pub fn text(&self, key: &'static str) -> String {
        self.need(key).and_then(|value| value.text()).unwrap_or_default().to_owned()
    }

    /// A text with a default.
    pub fn text_or(&self, key: &'static str, default: &str) -> String {
        self.default_is(key, || quoted(default));
        self.get(key).and_then(|value| value.text_if_any()).unwrap_or(default).to_owned()
    }

    /// A text that may be absent.
    pub fn optional_text(&self, key: &'static str) -> Option<String> {
        self.note(key, |facts| facts.optional = true);
        self.get(key)?.text_if_any().map(str::to_owned)
    }

    /// True or false, with a default.
    pub fn boolean_or(&self, key: &'static str, default: bool) -> bool {
        self.default_is(key, || default.to_string());
        self.get(key).and_then(|value| value.boolean()).unwrap_or(default)
    }

    /// A whole number with a default.
    pub fn whole_or(&self, key: &'static str, default: i64, range: RangeInclusive<i64>) -> i64 {
        self.default_is(key, || default.to_string());
        self.get(key).and_then(|value| value.whole(range)).unwrap_or(default)
    }

    /// A duration with a default. The range is in seconds.
    pub fn seconds_or(&self, key: &'static str, default: i64, range: RangeInclusive<i64>) -> Seconds {
        self.default_is(key, || duration(Seconds(default)));
        self.get(key).and_then(|value| value.seconds(range)).unwrap_or(Seconds(default))
    }

    /// One of some words, which must be there.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> T {
        self.need(key).and_then(|value| value.choice(choices)).unwrap_or(choices[0].1)
    }

    /// One of some words, with a default.
    pub fn choice_or<T: Copy + PartialEq>(&self, key: &'static str, default: T, choices: &[(&'static str, T)]) -> T {
        if let Some((word, _)) = choices.iter().find(|(_, value)| *value == default) {
            self.default_is(key, || quoted(word));
        }
        self.get(key).and_then(|value| value.choice(choices)).unwrap_or(default)
    }

    /// The items of a list, at most `max`; `None` where there is none.
    pub fn list(&self, key: &'static str, max: usize) -> Option<Vec<Value<'d>>> {
        self.get(key)?.list(max)
    }

    /// The table under `key`; one that is absent reads as an empty one.
    pub fn table(&self, key: &'static str) -> Table<'d> {
        self.note(key, |facts| facts.holds = Some(Holds::Table));
        match self.get(key) {
            Some(value) => value.table(),
            None => Table::new(self.document, self.join(key), self.at, None).broken(self.broken),
        }
    }

    /// The tables of the list under `key` (`[[key]]`), at most `max`.
    pub fn tables(&self, key: &'static str, max: usize) -> Vec<Table<'d>> {
        self.note(key, |facts| facts.holds = Some(Holds::Tables));
        self.list(key, max).unwrap_or_default().iter().map(Value::table).collect()
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        let asked = self.asked.get_mut();
        for key in self.entries.iter().flat_map(|entries| entries.keys()) {
            if asked.contains(&**key.get_ref()) || self.document.is_unreadable(key.span().start) {
                continue;
            }
            let place = if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
            let guess = nearest(key.get_ref(), asked.iter().copied());
            let guess = guess.map_or(String::new(), |word| format!(": did you mean `{word}`?"));
            let message = format!("unknown key `{}`{place}{guess}", shown(key.get_ref()));
            self.document.problems.report(key.span().start, message);
        }
    }
}
