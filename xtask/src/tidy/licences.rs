//! Every crate that is built may be used: its SPDX expression holds under the list.
//!
//! The same list stands in deny.toml, for who has cargo-deny.

use super::tree::Tree;

/// Permissive, and asking no more than a notice.
const ALLOWED: &[&str] = &[
    "Apache-2.0",
    "MIT",
    "MIT-0",
    "ISC",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Zlib",
    "CC0-1.0",
    "Unicode-3.0",
    "Apache-2.0 WITH LLVM-exception",
];

/// Lists crates whose licence is missing or not covered.
pub(crate) fn allowed(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for package in tree.packages.values() {
        match holds(&package.licence) {
            Some(true) => {}
            Some(false) => problems.push(format!("{}: {} is not on the list", package.name, package.licence)),
            None => problems.push(format!("{}: cannot read its licence \"{}\"", package.name, package.licence)),
        }
    }
    problems
}

/// Whether an SPDX expression can be met with the list; `None` if it cannot be read.
fn holds(expression: &str) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let held = either(&words, &mut at)?;
    (at == words.len()).then_some(held)
}

fn either(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut held = both(words, at)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        held |= both(words, at)?;
    }
    Some(held)
}

fn both(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut held = one(words, at)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        held &= one(words, at)?;
    }
    Some(held)
}

fn one(words: &[&str], at: &mut usize) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let held = either(words, at)?;
        *at += 1;
        return (words.get(*at - 1) == Some(&")")).then_some(held);
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1)?;
        *at += 2;
        return Some(ALLOWED.contains(&format!("{word} WITH {exception}").as_str()));
    }
    Some(ALLOWED.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        assert_eq!(holds("MIT OR GPL-3.0"), Some(true));
        assert_eq!(holds("MIT AND GPL-3.0"), Some(false));
        assert_eq!(holds("ISC AND (GPL-3.0 OR MIT-0)"), Some(true));
        assert_eq!(holds("GPL-3.0 OR MIT AND ISC"), Some(true));
        assert_eq!(holds("MIT/Apache-2.0"), Some(true));
        assert_eq!(holds(""), None);
        assert_eq!(holds("(MIT"), None);
    }
}
