//! One value of a file: its name for messages, its place, and the readings it can be asked for. Each reports what is
//! wrong. No meaning of any value belongs here.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::DeValue;

use super::facts::{self, Facts};
use super::{Document, Table, nearest, shown};
use crate::UnixTime;
use crate::time::Seconds;

/// No text of a file is longer than this many characters.
const MAX_TEXT: usize = 4096;

/// One value: its name for messages, its place, and what stands there.
#[derive(Clone)]
pub struct Value<'d> {
    document: &'d Document<'d>,
    path: String,
    at: usize,
    value: &'d DeValue<'d>,
}

impl<'d> Value<'d> {
    pub(super) fn new(document: &'d Document<'d>, path: String, found: &'d Spanned<DeValue<'d>>) -> Self {
        Self { document, path, at: found.span().start, value: found.get_ref() }
    }

    fn note(&self, note: impl FnOnce(&mut Facts)) {
        self.document.asked(&self.path, note);
    }

    /// Puts a problem with this value on record: "`key` {message}".
    pub fn report(&self, message: impl AsRef<str>) {
        self.document.problems.report(self.at, format!("`{}` {}", self.path, message.as_ref()));
    }

    /// The value's own words, for a message; only where it cannot be a secret.
    pub fn shown(&self) -> String {
        self.value.as_str().map_or_else(|| self.value.type_str().to_owned(), shown)
    }

    /// Reports the wrong type, unless the value is only what the parser put where it could read nothing.
    fn not(&self, wanted: &str) {
        if !self.document.is_unreadable(self.at) {
            self.report(format!("must be {wanted}, not {}", article(self.value.type_str())));
        }
    }

    /// A text: at most 4096 characters, none of them a control character.
    pub fn text(&self) -> Option<&'d str> {
        self.text_or("must not be empty")
    }

    /// The text of a key that may be left out.
    pub(super) fn text_if_any(&self) -> Option<&'d str> {
        self.text_or("must not be empty: leave the key out or give it a value")
    }

    fn text_or(&self, when_empty: &str) -> Option<&'d str> {
        let Some(text) = self.value.as_str() else {
            self.not("a text in quotes");
            return None;
        };
        if text.chars().nth(MAX_TEXT).is_some() {
            self.report(format!("is longer than {MAX_TEXT} characters"));
        } else if text.chars().any(char::is_control) {
            self.report("holds a line break or another control character");
        } else if text.is_empty() {
            self.report(when_empty);
        } else {
            return Some(text);
        }
        None
    }

    /// Whether it is this very text; nothing is reported.
    pub fn is_text(&self, text: &str) -> bool {
        self.value.as_str() == Some(text)
    }

    /// True or false.
    pub fn boolean(&self) -> Option<bool> {
        let found = self.value.as_bool();
        if found.is_none() {
            self.not("true or false");
        }
        found
    }

    /// A whole number within `range`.
    pub fn whole(&self, range: RangeInclusive<i64>) -> Option<i64> {
        self.note(|facts| facts.bounds = Some((range.start().to_string(), range.end().to_string())));
        let Some(number) = self.value.as_integer() else {
            self.not("a whole number");
            return None;
        };
        let found = i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| range.contains(n));
        if found.is_none() {
            self.report(format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        found
    }

    /// A duration within `range` (seconds): a whole number and `s`, `min`, `h` or `d`.
    pub fn seconds(&self, range: RangeInclusive<i64>) -> Option<Seconds> {
        const WANTED: &str = "a duration in quotes: a whole number and s, min, h or d, such as \"90s\" or \"2h\"";
        let written = |end: &i64| facts::duration(Seconds(*end));
        self.note(|facts| facts.bounds = Some((written(range.start()), written(range.end()))));
        let Some(text) = self.value.as_str() else {
            self.not(WANTED);
            return None;
        };
        let Some(seconds) = duration(text) else {
            self.report(format!("must be {WANTED}"));
            return None;
        };
        if !range.contains(&seconds) {
            let (least, most) = (Seconds(*range.start()), Seconds(*range.end()));
            self.report(format!("must be from {least} to {most}"));
            return None;
        }
        Some(Seconds(seconds))
    }

    /// An instant: a TOML date and time with its offset, such as `2026-07-01T00:00:00Z`.
    pub fn instant(&self) -> Option<UnixTime> {
        let found = self.value.as_datetime().and_then(|stamp| {
            let (date, time, offset) = (stamp.date?, stamp.time?, stamp.offset?);
            let clock =
                i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0));
            let days = days(date.year.into(), date.month.into(), date.day.into());
            Some(UnixTime(days * 86_400 + clock - east(&offset.to_string())?))
        });
        if found.is_none() {
            self.not("a date and time with its offset and without quotes, such as 2026-07-01T00:00:00Z");
        }
        found
    }

    /// One of some words.
    pub fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        self.note(|facts| facts.words = choices.iter().map(|(name, _)| facts::quoted(name)).collect());
        let word = self.text()?;
        let found = choices.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let guess = nearest(word, choices.iter().map(|(name, _)| *name));
            let guess = guess.map_or(String::new(), |name| format!(": did you mean \"{name}\"?"));
            self.report(format!("is \"{}\"; it must be one of {}{guess}", shown(word), names.join(", ")));
        }
        found
    }

    /// The items of a list: at most `max`.
    pub fn list(&self, max: usize) -> Option<Vec<Value<'d>>> {
        self.note(|facts| facts.most = Some(max));
        let Some(items) = self.value.as_array() else {
            self.not("a list");
            return None;
        };
        if items.len() > max {
            self.report(format!("has {} entries; at most {max} are possible", items.len()));
            return None;
        }
        Some(items.iter().map(|item| Value::new(self.document, self.path.clone(), item)).collect())
    }

    /// A table. One of a wrong type is reported and reads as an empty one.
    pub fn table(&self) -> Table<'d> {
        let entries = self.value.as_table();
        let broken = entries.is_none();
        if broken {
            self.not("a table");
        }
        Table::new(self.document, self.path.clone(), self.at, entries).broken(broken)
    }

    /// Whatever stands there, as JSON. Dates become texts; numbers that JSON does not have are reported.
    pub fn json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        let inside = |item: &'d Spanned<DeValue<'d>>| Value::new(self.document, self.path.clone(), item).json();
        match self.value {
            DeValue::String(text) => Json::String(text.to_string()),
            DeValue::Boolean(truth) => Json::Bool(*truth),
            DeValue::Datetime(date) => Json::String(date.to_string()),
            DeValue::Array(items) => Json::Array(items.iter().map(inside).collect()),
            DeValue::Table(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.get_ref().to_string(), inside(value))).collect())
            }
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Json::from(number),
                Err(_) => self.no_json(),
            },
            DeValue::Float(number) => number
                .as_str()
                .parse::<f64>()
                .ok()
                .and_then(serde_json::Number::from_f64)
                .map_or_else(|| self.no_json(), Json::Number),
        }
    }

    fn no_json(&self) -> serde_json::Value {
        self.report("holds a number that JSON cannot carry");
        serde_json::Value::Null
    }
}

/// Seconds that "Z", "+02:00" or "-07:30" lie east of Greenwich.
fn east(offset: &str) -> Option<i64> {
    let (sign, clock) = match offset.split_at_checked(1)? {
        ("Z", "") => return Some(0),
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = clock.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60))
}

/// Days from 1970-01-01 in the Gregorian calendar, for years from 0 on. A year is counted from March, so that the leap
/// day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day
        - 719_469
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'i']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// "90s", "10min", "2h", "365d" in seconds.
fn duration(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}
