//! Just enough of Rust's lexical form to tell code from comments, strings and tests.
//!
//! Blanked text keeps its length and its lines, so that positions stay true. No grammar beyond that.

/// A source text in two blanked forms.
pub(crate) struct Stripped {
    /// Comments and test modules blanked; strings kept.
    pub(crate) code: String,
    /// Strings blanked as well.
    pub(crate) bare: String,
}

/// Blanks comments, strings and `#[cfg(test)]` items.
pub(crate) fn strip(text: &str) -> Stripped {
    let mut scan = Scan { chars: text.char_indices().collect(), at: 0, code: String::new(), bare: String::new() };
    while scan.at < scan.chars.len() {
        scan.step();
    }
    let Scan { mut code, mut bare, .. } = scan;
    for (from, to) in test_items(&bare) {
        for blanked in [&mut code, &mut bare] {
            let space: String = blanked[from..to].chars().map(blank).collect();
            blanked.replace_range(from..to, &space);
        }
    }
    Stripped { code, bare }
}

/// Spaces of the same number of bytes; line breaks stay.
fn blank(c: char) -> char {
    if c == '\n' || c.len_utf8() > 1 { c } else { ' ' }
}

struct Scan {
    chars: Vec<(usize, char)>,
    at: usize,
    code: String,
    bare: String,
}

impl Scan {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).map_or('\0', |&(_, c)| c)
    }

    fn take(&mut self, in_code: bool, in_bare: bool) {
        let c = self.peek(0);
        for (text, keep) in [(&mut self.code, in_code), (&mut self.bare, in_bare)] {
            if keep || c == '\n' {
                text.push(c);
            } else {
                text.extend(std::iter::repeat_n(' ', c.len_utf8()));
            }
        }
        self.at += 1;
    }

    fn step(&mut self) {
        let before = if self.at == 0 { ' ' } else { self.chars[self.at - 1].1 };
        let starts_word = !(before.is_alphanumeric() || before == '_');
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => {
                while self.at < self.chars.len() && self.peek(0) != '\n' {
                    self.take(false, false);
                }
            }
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('r', '"' | '#') if starts_word || before == 'b' => self.raw_string(),
            ('\'', '\\') => {
                self.take(true, false);
                self.take(true, false);
                self.take(true, false);
                while self.at < self.chars.len() && self.peek(0) != '\'' {
                    self.take(true, false);
                }
                self.take(true, false);
            }
            ('\'', _) if self.peek(2) == '\'' => (0..3).for_each(|_| self.take(true, false)),
            _ => self.take(true, true),
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.take(false, false);
                    continue;
                }
            }
            self.take(false, false);
            self.take(false, false);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take(true, false);
        while self.at < self.chars.len() && self.peek(0) != '"' {
            if self.peek(0) == '\\' {
                self.take(true, false);
            }
            self.take(true, false);
        }
        if self.at < self.chars.len() {
            self.take(true, false);
        }
    }

    fn raw_string(&mut self) {
        let hashes = (1..).take_while(|&n| self.peek(n) == '#').count();
        if self.peek(1 + hashes) != '"' {
            return self.take(true, true); // r#identifier
        }
        (0..hashes + 2).for_each(|_| self.take(true, false));
        while self.at < self.chars.len() {
            let ends = self.peek(0) == '"' && (1..=hashes).all(|n| self.peek(n) == '#');
            self.take(true, false);
            if ends {
                return (0..hashes).for_each(|_| self.take(true, false));
            }
        }
    }
}

/// Byte ranges from `#[cfg(test)]` to the end of the braces that follow it.
fn test_items(bare: &str) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut from = 0;
    while let Some(found) = bare[from..].find("#[cfg(test)]") {
        let start = from + found;
        let mut depth = 0usize;
        let mut end = bare.len();
        for (offset, c) in bare[start..].char_indices() {
            match c {
                ';' if depth == 0 => end = start + offset + 1,
                '{' => {
                    depth += 1;
                    continue;
                }
                '}' if depth == 1 => end = start + offset + 1,
                '}' => {
                    depth = depth.saturating_sub(1);
                    continue;
                }
                _ => continue,
            }
            break;
        }
        ranges.push((start, end));
        from = end;
    }
    ranges
}

/// Whether the text holds the word, not as a part of a longer one.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word)
        .any(|(at, _)| !joins(text[..at].chars().next_back()) && !joins(text[at + word.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_tests_are_told_apart() {
        let text = concat!(
            "let a = \"// not a comment\"; // a comment\n",
            "let b = r#\"SELECT \"x\"\"#; let c = '\"'; let d: &'static str = \"\\\"\";\n",
            "/* outer /* inner */ still */ unsafe_code\n",
            "#[cfg(test)]\nmod tests { fn f() { \"}\"; } }\nfn after() {}\n",
        );
        let Stripped { code, bare } = strip(text);
        assert_eq!(code.lines().count(), text.lines().count());
        assert!(code.contains("// not a comment") && !code.contains("a comment\n"));
        assert!(code.contains("SELECT") && !bare.contains("SELECT"));
        assert!(!code.contains("still") && code.contains("unsafe_code"));
        assert!(!code.contains("fn f") && code.contains("fn after"));
        assert!(!has_word(&bare, "unsafe") && has_word("a unsafe {", "unsafe"));
    }
}
