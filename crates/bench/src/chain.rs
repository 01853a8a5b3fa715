//! Chains of refresh tokens on disk: one JSON object a line.
//!
//! A chain is one family seen from its client. Only test tokens of a bench server ever stand in such a file.

use std::fs;

use serde_json::{Value, json};

use crate::Result;

/// One family, as its client knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The newest access token.
    pub access: String,
    /// The newest refresh token.
    pub refresh: String,
    /// The one before it, spent.
    pub spent: String,
    /// The Idempotency-Key of a refresh whose reply never came.
    pub pending: String,
}

/// An authorization code that waits for its exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The code.
    pub code: String,
    /// Where it was sent.
    pub redirect_uri: String,
}

const CHAIN: [&str; 6] = ["client_id", "client_secret", "access", "refresh", "spent", "pending"];

impl Chain {
    fn read(line: &Value) -> Self {
        let [client_id, client_secret, access, refresh, spent, pending] = CHAIN.map(|key| text(line, key));
        Self { client_id, client_secret, access, refresh, spent, pending }
    }

    fn write(&self) -> Value {
        json!({"client_id": self.client_id, "client_secret": self.client_secret, "access": self.access,
               "refresh": self.refresh, "spent": self.spent, "pending": self.pending})
    }
}

/// Reads chains.
pub fn read_chains(file: &str) -> Result<Vec<Chain>> {
    Ok(lines(file)?.iter().map(Chain::read).collect())
}

/// Writes chains.
pub fn write_chains(file: &str, chains: &[Chain]) -> Result<()> {
    write(file, chains.iter().map(Chain::write))
}

/// Reads codes.
pub fn read_codes(file: &str) -> Result<Vec<Code>> {
    let read = |line: &Value| Code {
        client_id: text(line, "client_id"),
        client_secret: text(line, "client_secret"),
        code: text(line, "code"),
        redirect_uri: text(line, "redirect_uri"),
    };
    Ok(lines(file)?.iter().map(read).collect())
}

/// Writes codes.
pub fn write_codes(file: &str, codes: &[Code]) -> Result<()> {
    let write_one = |code: &Code| {
        json!({"client_id": code.client_id, "client_secret": code.client_secret, "code": code.code,
               "redirect_uri": code.redirect_uri})
    };
    write(file, codes.iter().map(write_one))
}

fn lines(file: &str) -> Result<Vec<Value>> {
    let text = fs::read_to_string(file).map_err(|e| format!("cannot read {file}: {e}"))?;
    text.lines().map(|line| serde_json::from_str(line).map_err(|e| format!("{file}: {e}"))).collect()
}

fn write(file: &str, lines: impl Iterator<Item = Value>) -> Result<()> {
    let text = lines.fold(String::new(), |all, line| all + &line.to_string() + "\n");
    fs::write(file, text).map_err(|e| format!("cannot write {file}: {e}"))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_string()
}
