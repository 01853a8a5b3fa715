//! `--name value` arguments of the tools.
//!
//! No dependency: the tools are started by xtask, which spells everything out.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::Result;

/// The first word, and the named values after it.
pub struct Args {
    /// What to do.
    pub command: String,
    named: BTreeMap<String, String>,
}

impl Args {
    /// Reads the program's arguments.
    pub fn read() -> Result<Self> {
        let mut words = std::env::args().skip(1);
        let command = words.next().ok_or("say what to do")?;
        let mut named = BTreeMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("`{word}` is no --name"))?;
            let value = words.next().ok_or_else(|| format!("--{name} needs a value"))?;
            named.insert(name.to_string(), value);
        }
        Ok(Self { command, named })
    }

    /// A value that must be there.
    pub fn text(&self, name: &str) -> Result<&str> {
        self.named.get(name).map(String::as_str).ok_or_else(|| format!("--{name} is missing"))
    }

    /// A value that may be absent.
    pub fn maybe(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    /// A number, or what it is when absent.
    pub fn number<N: FromStr>(&self, name: &str, otherwise: N) -> Result<N> {
        match self.named.get(name) {
            None => Ok(otherwise),
            Some(text) => text.parse().map_err(|_| format!("--{name} is no number: {text}")),
        }
    }
}
