//! What a reader was seen to ask of a key: its default, its bounds, the words that it takes. Manuals are made of it, so that
//! they cannot say otherwise. What a key means is not known here.

use std::collections::BTreeMap;

use crate::time::Seconds;

/// What one key takes. Everything is written as it stands in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What kind of thing holds others: none for a plain value.
    pub holds: Option<Holds>,
    /// True: a file without it is refused.
    pub required: bool,
    /// True: it may be left out, and then there is none.
    pub optional: bool,
    /// What an absent key means, where the reader has one value for that.
    pub default: Option<String>,
    /// The only words that it takes; empty where any text will do.
    pub words: Vec<String>,
    /// The least and the most.
    pub bounds: Option<(String, String)>,
    /// A list has at most so many entries.
    pub most: Option<usize>,
}

/// A key that holds other keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// `[table]`
    Table,
    /// `[[table]]`, any number of times
    Tables,
}

/// By dotted path.
pub type AllFacts = BTreeMap<String, Facts>;

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A duration in the largest unit that leaves nothing over.
pub(super) fn duration(length: Seconds) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("min", 60)];
    let fits = |(_, unit): &&(&str, i64)| length.0 != 0 && length.0 % unit == 0;
    let (unit, seconds) = units.iter().find(fits).copied().unwrap_or(("s", 1));
    quoted(&format!("{}{unit}", length.0 / seconds))
}
