//! What a change or a read needs of a database, whichever engine: run a statement, get rows. The values are those that both
//! engines have exactly: 64-bit integers, text, bytes, null. No statement stands here, and no engine's types.
//!
//! Statements number their parameters `?1`, `?2`, … in SQLite's spelling, each appearing first in ascending order; the
//! PostgreSQL engine writes them `$1`, `$2`, … when it prepares. What only one engine understands does not belong in a shared
//! statement ([`portable`], which every statement that a test runs is held to): no `REPLACE`, no engine's clock, no sequence, no
//! `last_insert_rowid`, no `max` of two columns. A parameter whose type nothing else tells is written `CAST(?4 AS BIGINT)`, and
//! so is a sum; nothing selects a truth value; no order of texts matters but that of their bytes.

use std::future::Future;

use crate::StoreError;

/// A parameter. Flags are integers, 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// Nothing.
    Null,
    /// Ids, times, counts, flags, enums' numbers.
    Int(i64),
    /// UTF-8 without NUL.
    Text(&'a str),
    /// Digests, scopes, slots.
    Blob(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Value::Int(value.into())
    }
}

impl From<u16> for Value<'_> {
    fn from(value: u16) -> Self {
        Value::Int(value.into())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Int(value.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Value::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Value::Blob(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Value::Blob(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Value::Blob(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Parameters, in the order of their numbers.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::sql::db::Value::from($value)),*] };
}
pub(crate) use values;

/// Why a statement failed. Everything but `Conflict` is for the log.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// The whole transaction lost against another one (SQLSTATE 40001, 40P01): it may be run again as it was.
    #[error("the transaction met another one: {0}")]
    Conflict(String),
    /// The connection broke or could not be had: whether a commit under way stands is not known.
    #[error("the database cannot be reached: {0}")]
    Gone(String),
    /// There is no room where the database writes.
    #[error("the database's disk is full: {0}")]
    Full(String),
    /// Too many wait already; nothing was asked of the database.
    #[error("too many are waiting")]
    Busy,
    /// Anything else: missing rights, a value that does not fit.
    #[error("{0}")]
    Failed(String),
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Busy => StoreError::Busy,
            SqlError::Full(why) => StoreError::Full(why),
            error => StoreError::Failed(error.to_string()),
        }
    }
}

/// How everything in this folder answers.
pub(crate) type Sql<T> = Result<T, SqlError>;

/// A row that was read; columns count from 0.
pub(crate) trait Row: Sized {
    /// An integer or null.
    fn int_or_null(&self, at: usize) -> Sql<Option<i64>>;
    /// A text or null.
    fn text_or_null(&self, at: usize) -> Sql<Option<String>>;
    /// Bytes or null, where they lie.
    fn slice_or_null(&self, at: usize) -> Sql<Option<&[u8]>>;

    /// An integer.
    fn int(&self, at: usize) -> Sql<i64> {
        self.int_or_null(at)?.ok_or_else(|| strange(at, "null"))
    }

    /// A flag.
    fn flag(&self, at: usize) -> Sql<bool> {
        Ok(self.int(at)? != 0)
    }

    /// A text.
    fn text(&self, at: usize) -> Sql<String> {
        self.text_or_null(at)?.ok_or_else(|| strange(at, "null"))
    }

    /// Bytes, where they lie.
    fn slice(&self, at: usize) -> Sql<&[u8]> {
        self.slice_or_null(at)?.ok_or_else(|| strange(at, "null"))
    }

    /// Bytes of a known number.
    fn bytes<const N: usize>(&self, at: usize) -> Sql<[u8; N]> {
        self.bytes_or_null(at)?.ok_or_else(|| strange(at, "null"))
    }

    /// Bytes of a known number, or null.
    fn bytes_or_null<const N: usize>(&self, at: usize) -> Sql<Option<[u8; N]>> {
        let bytes = self.slice_or_null(at)?.map(<[u8; N]>::try_from);
        bytes.transpose().map_err(|_| strange(at, "number of bytes"))
    }
}

/// A stored value that no version of this program writes.
pub(crate) fn strange(at: usize, what: &str) -> SqlError {
    SqlError::Failed(format!("column {at} holds a strange {what}"))
}

/// A transaction under way, or a snapshot. On SQLite its futures are done when they are first polled; nothing else may be
/// awaited by what runs on it.
pub(crate) trait Db: Send {
    /// What rows are.
    type Row: Row + Send;

    /// Runs a statement and answers how many rows it touched.
    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<u64>> + Send;

    /// Runs a query and answers its rows, in its order.
    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<Vec<Self::Row>>> + Send;

    /// The first row, or none.
    fn row(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<Option<Self::Row>>> + Send {
        async { Ok(self.rows(sql, values).await?.into_iter().next()) }
    }

    /// The row that is always there.
    fn one(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<Self::Row>> + Send {
        async move { self.row(sql, values).await?.ok_or_else(|| SqlError::Failed(format!("no row: {sql}"))) }
    }

    /// Runs a statement whose count decides nothing. An engine may send it with what follows, and its failure may be
    /// reported there, at the latest by the commit.
    fn write(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<()>> + Send {
        async { self.execute(sql, values).await.map(drop) }
    }

    /// [`Db::write`] with many sets of values, in their order. An engine may send them together.
    fn write_each<const N: usize>(
        &mut self,
        sql: &str,
        sets: &[[Value<'_>; N]],
    ) -> impl Future<Output = Sql<()>> + Send {
        async move {
            for values in sets {
                self.write(sql, values).await?;
            }
            Ok(())
        }
    }

    /// [`Db::row`] with many sets of values, answered in their order. An engine may send them together.
    fn row_each<const N: usize>(
        &mut self,
        sql: &str,
        sets: &[[Value<'_>; N]],
    ) -> impl Future<Output = Sql<Vec<Option<Self::Row>>>> + Send {
        async move {
            let mut found = Vec::with_capacity(sets.len());
            for values in sets {
                found.push(self.row(sql, values).await?);
            }
            Ok(found)
        }
    }
}

/// What no shared statement may hold: what only one engine knows, or what the two understand differently.
const FOREIGN: [&str; 11] =
    ["REPLACE", "last_insert_rowid", "changes()", "rowid", "now()", "datetime", "nextval", "strftime", "\"", "::", "$"];

/// Whether a statement may be shared: nothing of one engine alone, and parameters that appear first in ascending order.
pub(crate) fn portable(sql: &str) -> bool {
    !FOREIGN.iter().any(|word| sql.contains(word)) && ascending(sql)
}

fn ascending(sql: &str) -> bool {
    let mut known = 0;
    sql.split('?').skip(1).all(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let number = digits.parse::<usize>().unwrap_or(0);
        known = known.max(number.min(known + 1));
        (1..=known).contains(&number)
    })
}

#[cfg(test)]
mod tests {
    use super::portable;

    #[test]
    fn shared_statements_hold_nothing_of_one_engine() {
        assert!(portable("SELECT a FROM b WHERE c = ?1 AND (d = ?2 OR e = ?1) LIMIT ?3"));
        assert!(portable("SELECT count(*) FROM b"));
        for foreign in [
            "SELECT a FROM b WHERE c = ?2 AND d = ?1",
            "SELECT a FROM b WHERE c = ?1 AND d = ?3",
            "SELECT a FROM b WHERE c = ?",
            "SELECT a FROM b WHERE c = ?0",
            "SELECT a FROM b WHERE c = $1",
            "SELECT \"a\" FROM b",
            "REPLACE INTO b (a) VALUES (?1)",
        ] {
            assert!(!portable(foreign), "{foreign}");
        }
    }
}
