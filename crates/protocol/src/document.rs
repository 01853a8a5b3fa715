//! Reads a TOML file that a person wrote (profile, seed, configuration) and reports every problem at once, with its
//! place. What the keys mean does not belong here: each reader asks a [`Table`] for the keys that it knows.

mod facts;
mod table;
mod value;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use toml::de::DeTable;

pub use facts::{AllFacts, Facts, Holds};
pub use table::Table;
pub use value::Value;

/// Files larger than this are refused unread.
pub const MAX_BYTES: usize = 1 << 20;

/// More problems than this are counted, not listed.
const MAX_PROBLEMS: usize = 200;

/// Something wrong in a file. Lines and columns count from 1; a column is a character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// In which line.
    pub line: usize,
    /// At which character of the line.
    pub column: usize,
    /// What is wrong and what would be right. Never holds a secret of the file.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Problem {}

/// Reads `text` with `reader` and answers with what it made, or with every problem in the order of the file.
///
/// `reader` may answer with nonsense where a value was wrong: its result is dropped as soon as there is one problem.
/// Keys that it did not ask for are problems too.
pub fn read<T>(text: &str, reader: impl FnOnce(&Table<'_>) -> T) -> Result<T, Vec<Problem>> {
    let document = Document::new(text);
    let made = reader(&document.root());
    let problems = document.problems.into_list();
    if problems.is_empty() { Ok(made) } else { Err(problems) }
}

/// Every key that `reader` asks for while it reads `text`, and what it asks of it: what a manual has to name.
///
/// What is asked of a value shows only where there is one, so the text should hold every key.
pub fn facts<T>(text: &str, reader: impl FnOnce(&Table<'_>) -> T) -> AllFacts {
    let document = Document { asked: Some(RefCell::default()), ..Document::new(text) };
    reader(&document.root());
    document.asked.map(RefCell::into_inner).unwrap_or_default()
}

/// The bytes of a file as text, or why they cannot be: too many, or not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > MAX_BYTES {
        return Err(too_large(bytes.len()));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let problems = Problems::new(&good);
        problems.place(good.len(), "the file is not UTF-8 from here on".to_owned())
    })
}

fn too_large(bytes: usize) -> Problem {
    let message = format!("the file has {bytes} bytes; at most {MAX_BYTES} are read");
    Problem { line: 1, column: 1, message }
}

/// A parsed file and what was found wrong with it so far.
struct Document<'t> {
    root: DeTable<'t>,
    problems: Problems<'t>,
    /// What was asked, where somebody wants to know.
    asked: Option<RefCell<AllFacts>>,
    /// Syntax errors were found: what is missing may only be unreadable.
    torn: bool,
    /// The lines they are in: what else is wrong there follows from them.
    torn_lines: BTreeSet<usize>,
}

impl<'t> Document<'t> {
    fn new(text: &'t str) -> Self {
        let problems = Problems::new(text);
        let (root, torn_lines) = (DeTable::new(), BTreeSet::new());
        let mut document = Self { root, problems, asked: None, torn: false, torn_lines };
        if text.len() > MAX_BYTES {
            document.problems.report(0, too_large(text.len()).message);
            document.torn = true;
            return document;
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(text.len(), |span| span.start);
            document.torn_lines.insert(document.problems.line_of(at));
            document.problems.report(at, syntax(error.message()));
        }
        document.root = root.into_inner();
        document.torn = !errors.is_empty();
        document
    }

    /// Whether the parser may have made up what stands there: its stand-in for an unreadable value has the place 0.
    fn is_unreadable(&self, at: usize) -> bool {
        self.torn && (at == 0 || self.torn_lines.contains(&self.problems.line_of(at)))
    }

    /// Puts on record that a reader asked for the key, and what it made of it.
    fn asked(&self, path: &str, note: impl FnOnce(&mut Facts)) {
        let Some(asked) = &self.asked else { return };
        let mut asked = asked.borrow_mut();
        if !asked.contains_key(path) {
            asked.insert(path.to_owned(), Facts::default());
        }
        if let Some(facts) = asked.get_mut(path) {
            note(facts);
        }
    }

    fn root(&self) -> Table<'_> {
        Table::new(self, String::new(), 0, Some(&self.root))
    }
}

/// The parser's own sentence, without its trailing list when that says nothing.
fn syntax(message: &str) -> String {
    format!("not TOML: {}", message.trim_end_matches(", expected nothing"))
}

/// Collects problems by their byte offset and places them in lines at the end.
struct Problems<'t> {
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    found: RefCell<Vec<(usize, String)>>,
}

impl<'t> Problems<'t> {
    fn new(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect();
        Self { text, lines, found: RefCell::default() }
    }

    fn report(&self, at: usize, message: String) {
        self.found.borrow_mut().push((at, message));
    }

    fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    fn place(&self, at: usize, message: String) -> Problem {
        let line = self.line_of(at);
        let start = self.lines[line - 1];
        let column = self.text.get(start..at).map_or(at - start, |before| before.chars().count()) + 1;
        Problem { line, column, message }
    }

    fn into_list(self) -> Vec<Problem> {
        let mut found = self.found.take();
        // Stable: two problems of one place keep the order in which they were found.
        found.sort_by_key(|(at, _)| *at);
        found.dedup();
        let more = found.len().saturating_sub(MAX_PROBLEMS);
        found.truncate(MAX_PROBLEMS);
        let mut list: Vec<Problem> = found.into_iter().map(|(at, message)| self.place(at, message)).collect();
        if let (Some(last), 1..) = (list.last().cloned(), more) {
            list.push(Problem { message: format!("and {more} more problems from here on"), ..last });
        }
        list
    }
}

/// A word of the file, fit to be shown in a message: short and without control characters.
fn shown(word: &str) -> String {
    let short: String = word.chars().take(40).map(|c| if c.is_control() { '?' } else { c }).collect();
    if word.chars().nth(40).is_some() { format!("{short}…") } else { short }
}

/// The word of `known` that a person most likely meant, if one is near enough.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 40 {
        return None;
    }
    let enough = (word.len() / 4).max(1);
    known
        .into_iter()
        .map(|other| (distance(word, other), other))
        .filter(|(far, _)| *far <= enough)
        .min()
        .map(|(_, w)| w)
}

/// How many letters to add, drop, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                let swapped: usize = before[j - 2];
                least = least.min(swapped + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}
