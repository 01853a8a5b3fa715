//! What the platform's API answered, as tables for people: whatever the platform, whatever its fields.
//! Which calls are made is `actions.rs`'s.

use causeway_protocol::UnixTime;
use causeway_vault::ApiReply;
use causeway_vault::legacy::{Notice, Scheme};
use serde_json::{Map, Value};

/// Rows and columns that a table shows.
const ROWS: usize = 8;
const COLUMNS: usize = 6;
/// The longest text in a cell, in characters.
const CELL: usize = 80;

/// What was fetched last for an account.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: UnixTime,
    /// What the calls carried.
    pub(crate) scheme: Option<Scheme>,
    /// What the platform said of the end of OAuth 1.0.
    pub(crate) notice: Notice,
    pub(crate) site: Option<String>,
    pub(crate) sections: Vec<Section>,
}

/// One list of the dashboard; or, instead of it, a sentence.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) content: Result<Table, String>,
}

/// A list, laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Rows that there are besides.
    pub(crate) more: usize,
}

/// A column's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) text: String,
    /// Every value under it is an amount: it stands at the right like them.
    pub(crate) is_number: bool,
}

/// One value, under its column's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) is_number: bool,
}

/// Lays an answer out, or says why there is nothing to lay out.
pub(crate) fn read(answer: &ApiReply) -> Result<Table, String> {
    if !answer.success {
        return Err(format!("The platform answered {}.", answer.status));
    }
    let value: Value = serde_json::from_slice(&answer.body).map_err(|_| "The answer is not JSON.".to_owned())?;
    let records = records(&value).ok_or("The answer holds no list.")?;
    let columns = columns(&records);
    let row = |record: &&Map<String, Value>| {
        columns.iter().map(|name| cell(name, record.get(*name).unwrap_or(&Value::Null))).collect()
    };
    Ok(Table {
        heads: columns.iter().map(|name| Head { text: head(name), is_number: holds_numbers(&records, name) }).collect(),
        rows: records.iter().take(ROWS).map(row).collect(),
        more: records.len().saturating_sub(ROWS),
    })
}

/// The objects of a list, in whichever of the common envelopes.
fn records(value: &Value) -> Option<Vec<&Map<String, Value>>> {
    let list = value.as_array().or_else(|| ["results", "data"].iter().find_map(|name| value.get(name)?.as_array()))?;
    Some(list.iter().filter_map(Value::as_object).collect())
}

/// What people look for first. A field's place is that of the first of these that it is, or has among its words.
const WORDS: &[&str] = &[
    "id",
    "first_name",
    "last_name",
    "name",
    "title",
    "subject",
    "company",
    "status",
    "date",
    "guest",
    "email",
    "description",
    "phone",
    "amount",
    "total",
    "source",
    "start",
    "end",
];

fn columns<'a>(records: &[&'a Map<String, Value>]) -> Vec<&'a str> {
    let mut names: Vec<(usize, &str)> = Vec::new();
    for (name, value) in records.iter().take(ROWS).flat_map(|record| record.iter()) {
        let plain = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
        let twin = ["_id", "_iso8601", "_utc"].iter().any(|end| name.ends_with(end));
        if plain && !twin && !names.iter().any(|(_, known)| known == name) {
            names.push((rank(name), name));
        }
    }
    names.sort();
    names.into_iter().take(COLUMNS).map(|(_, name)| name).collect()
}

fn holds_numbers(records: &[&Map<String, Value>], name: &str) -> bool {
    is_amount(name) && records.iter().take(ROWS).filter_map(|record| record.get(name)).all(Value::is_number)
}

fn rank(name: &str) -> usize {
    let parts = parts(name);
    let is_or_has = |word: &str| name == word || (word != "id" && parts.iter().any(|part| part == word));
    WORDS.iter().position(|word| is_or_has(word)).unwrap_or(WORDS.len())
}

/// `event_date` and `eventDate` are both "event", "date".
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut after_small = false;
    for letter in name.chars() {
        let is_break = letter == '_' || letter == '-';
        if is_break || (letter.is_uppercase() && after_small) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| !is_break) {
            part.extend(letter.to_lowercase());
        }
        after_small = letter.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// `event_date` reads "Event date".
fn head(name: &str) -> String {
    if name.eq_ignore_ascii_case("id") {
        return "ID".to_owned();
    }
    let text: String = parts(name).join(" ").chars().take(40).collect();
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn cell(name: &str, value: &Value) -> Cell {
    let text = match value {
        Value::String(text) => plain_time(text),
        Value::Null => String::new(),
        // 5440.0 is a number of a machine.
        Value::Number(number) if is_amount(name) => grouped(number.to_string().trim_end_matches(".0")),
        Value::Number(number) => number.to_string().trim_end_matches(".0").to_owned(),
        other => other.to_string(),
    };
    let mut shown: String = text.chars().take(CELL).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(CELL).is_some() {
        shown.push('…');
    }
    Cell { head: head(name), text: shown, is_number: value.is_number() && is_amount(name) }
}

/// `2026-12-01T09:30:00Z` reads "2026-12-01 09:30"; everything else as it is.
fn plain_time(text: &str) -> String {
    let shape = "dddd-dd-ddTdd:dd:dd";
    let fits = |(byte, shape): (u8, u8)| if shape == b'd' { byte.is_ascii_digit() } else { byte == shape };
    let is_time = text.len() >= shape.len() && text.bytes().zip(shape.bytes()).all(fits);
    match text.split_once('T') {
        Some((day, time)) if is_time && matches!(&time[8..], "Z" | ".000Z") => format!("{day} {}", &time[..5]),
        _ => text.to_owned(),
    }
}

/// Whether a number under this name says how much: an id or a year does not.
fn is_amount(name: &str) -> bool {
    !parts(name).iter().any(|part| ["id", "year", "code", "number"].contains(&part.as_str()))
}

/// `5440.5` reads "5,440.5".
fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let whole = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (whole, fraction) = rest.split_at(whole);
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests;
