//! What clients of several nodes asked and were told, with the times at which they asked and were answered; and what went wrong
//! on purpose meanwhile. One JSON array a line. Whether it was right is `check`'s business.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};

use serde_json::{Value, json};

use crate::Result;

/// Microseconds since the beginning of the history, on one monotonic clock.
pub type Micros = u64;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A refresh token of this generation was presented, under this Idempotency-Key (0: none).
    Refresh {
        /// Of the token.
        generation: u32,
        /// A number for the key.
        key: u32,
    },
    /// A guarded call with an access token that was issued with this generation.
    Check {
        /// Of its pair.
        generation: u32,
    },
    /// RFC 7009.
    Revoke,
    /// The admin door's end of the connection.
    Disconnect,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A pair of this generation.
    Moved(u32),
    /// Yes.
    Good,
    /// No, for good: the status and the error's word.
    Refused(u16, String),
    /// Not now (503), and whether it said when to come again.
    Later(bool),
    /// Something that no client can use.
    Strange(u16, String),
    /// Nothing: the connection broke, or the client gave up.
    Nothing,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Of which family: a number of this history.
    pub family: u32,
    /// At which node.
    pub node: u8,
    /// What.
    pub what: What,
    /// When it was sent.
    pub sent: Micros,
    /// When the answer was there; for [`Said::Nothing`], when the client gave up. The node may act later still.
    pub answered: Micros,
    /// The answer.
    pub said: Said,
}

impl Op {
    /// Whether the node may or may not have done it, then or later.
    pub fn is_uncertain(&self) -> bool {
        matches!(self.said, Said::Later(_) | Said::Nothing | Said::Strange(..))
    }

    /// Whether it was to end the family.
    pub fn is_revocation(&self) -> bool {
        matches!(self.what, What::Revoke | What::Disconnect)
    }
}

/// Something that went wrong on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub class: Class,
    /// Which nodes it is about, a bit each.
    pub nodes: u8,
    /// Not before.
    pub from: Micros,
    /// Not after; `None`: to the end.
    pub to: Option<Micros>,
}

/// Kinds of fault, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// None.
    Calm,
    /// A node was killed and started again.
    Killed,
    /// Nobody hears that there is news.
    Silent,
    /// A node cannot reach the database, or the database is gone.
    Cut,
}

impl Class {
    /// All of them.
    pub const ALL: [Class; 4] = [Class::Calm, Class::Killed, Class::Silent, Class::Cut];

    /// As it stands in the file.
    pub fn word(self) -> &'static str {
        match self {
            Class::Calm => "calm",
            Class::Killed => "killed",
            Class::Silent => "silent",
            Class::Cut => "cut",
        }
    }

    /// By its word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// In the order of the answers.
    pub ops: Vec<Op>,
    /// In the order of their beginning.
    pub faults: Vec<Fault>,
    /// When this program itself stood still, and for how long: the machine was busy.
    pub stalls: Vec<(Micros, Micros)>,
    /// The generation of each family when the history begins.
    pub first: Vec<u32>,
}

impl History {
    /// Writes it.
    pub fn write(&self, file: &str) -> Result<()> {
        let failed = |e: std::io::Error| format!("cannot write {file}: {e}");
        let mut out = BufWriter::new(File::create(file).map_err(failed)?);
        let head = json!(["first", self.first]);
        let stalls = self.stalls.iter().map(|stall| json!(["stall", stall.0, stall.1]));
        let faults = self.faults.iter().map(|f| json!(["fault", f.class.word(), f.nodes, f.from, f.to]));
        let lines = std::iter::once(head).chain(stalls).chain(faults).chain(self.ops.iter().map(line));
        for line in lines {
            writeln!(out, "{line}").map_err(failed)?;
        }
        out.flush().map_err(failed)
    }

    /// Reads it.
    pub fn read(file: &str) -> Result<Self> {
        let failed = |e: std::io::Error| format!("cannot read {file}: {e}");
        let mut history = Self::default();
        for line in BufReader::new(File::open(file).map_err(failed)?).lines() {
            let line = line.map_err(failed)?;
            let value: Value = serde_json::from_str(&line).map_err(|e| format!("{file}: {e}"))?;
            history.take(&value).ok_or_else(|| format!("{file}: a line that means nothing: {line}"))?;
        }
        Ok(history)
    }

    fn take(&mut self, line: &Value) -> Option<()> {
        match line[0].as_str()? {
            "first" => {
                let number = |value: &Value| value.as_u64()?.try_into().ok();
                self.first = line[1].as_array()?.iter().map(number).collect::<Option<_>>()?;
            }
            "stall" => self.stalls.push((line[1].as_u64()?, line[2].as_u64()?)),
            "fault" => self.faults.push(Fault {
                class: Class::of(line[1].as_str()?)?,
                nodes: line[2].as_u64()?.try_into().ok()?,
                from: line[3].as_u64()?,
                to: line[4].as_u64(),
            }),
            word => self.ops.push(op(word, line)?),
        }
        Some(())
    }
}

/// `[what, generation, key, family, node, sent, answered, said, number, word]`
fn line(op: &Op) -> Value {
    let (what, generation, key) = match op.what {
        What::Refresh { generation, key } => ("refresh", generation, key),
        What::Check { generation } => ("check", generation, 0),
        What::Revoke => ("revoke", 0, 0),
        What::Disconnect => ("disconnect", 0, 0),
    };
    let (said, number, word) = match &op.said {
        Said::Moved(generation) => ("moved", *generation, ""),
        Said::Good => ("good", 0, ""),
        Said::Refused(status, word) => ("refused", (*status).into(), word.as_str()),
        Said::Later(told) => ("later", u32::from(*told), ""),
        Said::Strange(status, word) => ("strange", (*status).into(), word.as_str()),
        Said::Nothing => ("nothing", 0, ""),
    };
    json!([what, generation, key, op.family, op.node, op.sent, op.answered, said, number, word])
}

fn op(word: &str, line: &Value) -> Option<Op> {
    let number = |at: usize| -> Option<u32> { line[at].as_u64()?.try_into().ok() };
    let status = || -> Option<u16> { line[8].as_u64()?.try_into().ok() };
    let what = match word {
        "refresh" => What::Refresh { generation: number(1)?, key: number(2)? },
        "check" => What::Check { generation: number(1)? },
        "revoke" => What::Revoke,
        "disconnect" => What::Disconnect,
        _ => return None,
    };
    let text = || Some(line[9].as_str()?.to_owned());
    let said = match line[7].as_str()? {
        "moved" => Said::Moved(number(8)?),
        "good" => Said::Good,
        "refused" => Said::Refused(status()?, text()?),
        "later" => Said::Later(number(8)? == 1),
        "strange" => Said::Strange(status()?, text()?),
        "nothing" => Said::Nothing,
        _ => return None,
    };
    let node = line[4].as_u64()?.try_into().ok()?;
    Some(Op { family: number(3)?, node, what, sent: line[5].as_u64()?, answered: line[6].as_u64()?, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let op = |what, said| Op { family: 1, node: 2, what, sent: 3, answered: 4, said };
        let history = History {
            ops: vec![
                op(What::Refresh { generation: 7, key: 9 }, Said::Moved(8)),
                op(What::Check { generation: 8 }, Said::Good),
                op(What::Revoke, Said::Later(true)),
                op(What::Disconnect, Said::Nothing),
                op(What::Check { generation: 8 }, Said::Refused(401, "invalid_token".into())),
                op(What::Check { generation: 8 }, Said::Strange(500, "x".into())),
            ],
            faults: vec![Fault { class: Class::Cut, nodes: 5, from: 1, to: None }],
            stalls: vec![(1, 2)],
            first: vec![0, 3],
        };
        let file = std::env::temp_dir().join(format!("causeway-history-{}", std::process::id()));
        let file = file.to_string_lossy();
        history.write(&file).unwrap();
        let read = History::read(&file).unwrap();
        std::fs::remove_file(&*file).unwrap();
        assert_eq!(read, history);
    }
}
