//! Reads consumer pairs from CSV (RFC 4180), a line at a time: a million lines cost no more memory than one. Every bad
//! line is named and the others are read. A field with a line break in it is bad here: no key, secret or account has one.

use std::io::BufRead;

use causeway_protocol::secret::Secret;
use zeroize::Zeroizing;

use crate::store::NewPair;

/// So many lines are read, the header included.
pub const MAX_LINES: u64 = 1_000_000;
/// The longest line, in bytes.
const MAX_LINE: usize = 8_192;
/// The longest account's name, key, token and secret, in characters.
const MAX_FIELD: usize = 255;
const COLUMNS: [&str; 5] = ["account", "consumer_key", "consumer_secret", "token", "token_secret"];

/// A line that was not taken, and why. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Counts from 1, the header's.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A file being read. Yields each line's pair with its number, or what is wrong with the line.
pub(crate) struct Lines<R> {
    input: R,
    line: u64,
    /// Which column stands where.
    columns: Vec<usize>,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    /// Reads the header: the names of the columns, in any order; the last two may be left out.
    pub(crate) fn new(input: R) -> Result<Self, BadLine> {
        let mut lines = Self { input, line: 0, columns: Vec::new(), ended: false };
        let bad = |what: String| BadLine { line: 1, what };
        let wanted = "account,consumer_key,consumer_secret[,token,token_secret]";
        let header = lines.read_line().ok_or_else(|| bad(format!("the file is empty; it begins with {wanted}")))??;
        let fields = split(header.trim_start_matches('\u{feff}')).map_err(&bad)?;
        for name in &fields {
            let known = COLUMNS.iter().position(|column| *column == name.trim());
            let known = known.ok_or_else(|| bad(format!("the first line names the columns: {wanted}")))?;
            if lines.columns.contains(&known) {
                return Err(bad(format!("the column {} stands there twice", COLUMNS[known])));
            }
            lines.columns.push(known);
        }
        match (0..3).find(|column| !lines.columns.contains(column)) {
            Some(column) => Err(bad(format!("the column {} is missing", COLUMNS[column]))),
            None => Ok(lines),
        }
    }

    /// The next line's text, without its end. `None` at the end of the file.
    fn read_line(&mut self) -> Option<Result<Zeroizing<String>, BadLine>> {
        self.line += 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        let mut length = 0;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(self.bad(&format!("cannot be read: {error}; nothing after it was read"))));
                }
            };
            if chunk.is_empty() && length == 0 {
                return None;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            let room = MAX_LINE.saturating_sub(bytes.len());
            bytes.extend_from_slice(&chunk[..taken.min(room)]);
            length += taken;
            let is_last = chunk.is_empty();
            self.input.consume(taken);
            if end.is_some() || is_last {
                break;
            }
        }
        if length > MAX_LINE {
            return Some(Err(self.bad(&format!("longer than {MAX_LINE} bytes"))));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| self.bad("not UTF-8"));
        let text = text.map(|text| text.strip_suffix('\n').unwrap_or(text));
        Some(text.map(|text| Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned())))
    }

    fn bad(&self, what: &str) -> BadLine {
        BadLine { line: self.line, what: what.to_owned() }
    }

    fn pair(&self, text: &str) -> Result<NewPair, String> {
        let fields = split(text)?;
        if fields.len() != self.columns.len() {
            return Err(format!("has {} fields where the first line names {}", fields.len(), self.columns.len()));
        }
        let field = |column: usize| {
            let place = self.columns.iter().position(|known| *known == column)?;
            Some(fields[place].as_str()).filter(|text| !text.is_empty())
        };
        let checked = |column: usize| {
            let name = COLUMNS[column];
            let text = field(column).ok_or_else(|| format!("{name} is empty"))?;
            match text {
                _ if text.chars().count() > MAX_FIELD => Err(format!("{name} is longer than {MAX_FIELD} characters")),
                _ if text.contains(char::is_control) => Err(format!("{name} holds a control character")),
                _ if text.trim() != text => Err(format!("{name} begins or ends with a blank")),
                _ => Ok(text.to_owned()),
            }
        };
        let token = match (field(3), field(4)) {
            (None, None) => None,
            (Some(_), Some(_)) => Some((checked(3)?, Secret::new(checked(4)?))),
            _ => return Err("token and token_secret go together: one of them is missing".to_owned()),
        };
        let consumer_secret = Secret::new(checked(2)?);
        Ok(NewPair { account: checked(0)?, consumer_key: checked(1)?, consumer_secret, token })
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<(u64, NewPair), BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let text = self.read_line()?;
            if self.line > MAX_LINES {
                self.ended = true;
                return Some(Err(self.bad(&format!("more than {MAX_LINES} lines: from here on nothing was read"))));
            }
            return Some(match text {
                Ok(text) if text.is_empty() => continue,
                Ok(text) => self.pair(&text).map(|pair| (self.line, pair)).map_err(|what| self.bad(&what)),
                Err(bad) => Err(bad),
            });
        }
        None
    }
}

/// The fields of a line. A quoted one may hold commas, and quotes written twice.
fn split(line: &str) -> Result<Vec<Zeroizing<String>>, String> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                if field.contains('"') {
                    return Err(
                        "a quote stands in the middle of a field: write the field in quotes, and \"\" for it".into()
                    );
                }
                (Zeroizing::new(field.to_owned()), after)
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(fields),
            None => return Err("something stands between a closing quote and the next comma".to_owned()),
        }
    }
}

/// A quoted field after its opening quote, and what follows it.
fn unquote(text: &str) -> Result<(Zeroizing<String>, &str), String> {
    let mut field = Zeroizing::new(String::new());
    let mut rest = text;
    loop {
        let end = rest.find('"').ok_or("a quote is not closed on its line")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests;
