//! What a change or a read needs of a database, whichever engine: run a statement, get rows. The values are those that both
//! engines have exactly: 64-bit integers, text, bytes, null. No statement stands here, and no engine's types.
//!
//! Statements number their parameters `?1`, `?2`, … in SQLite's spelling, each appearing first in ascending order; the
//! PostgreSQL engine writes them `$1`, `$2`, … when it prepares. What only one engine understands does not belong in a shared
//! statement: no `REPLACE`, no engine's clock, no sequence, no `last_insert_rowid`; a parameter whose type nothing else tells is
//! written `CAST(?4 AS BIGINT)`.

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

/// Why a statement failed. Everything but `Conflict` is for the log.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum SqlError {
    /// The whole transaction lost against another one (SQLSTATE 40001, 40P01): it may be run again as it was.
    #[error("the transaction met another one: {0}")]
    Conflict(String),
    /// The connection broke or could not be had: whether a commit under way stands is not known.
    #[error("the database cannot be reached: {0}")]
    Gone(String),
    /// Anything else: full disk, missing rights, a value that does not fit.
    #[error("{0}")]
    Failed(String),
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        StoreError::Failed(error.to_string())
    }
}

/// How everything in this folder answers.
pub(crate) type Sql<T> = Result<T, SqlError>;

/// A row that was read; columns count from 0.
pub(crate) trait Row: Sized {
    /// An integer.
    fn int(&self, at: usize) -> Sql<i64>;
    /// An integer or null.
    fn int_or_null(&self, at: usize) -> Sql<Option<i64>>;
    /// A text.
    fn text(&self, at: usize) -> Sql<String>;
    /// A text or null.
    fn text_or_null(&self, at: usize) -> Sql<Option<String>>;
    /// Bytes.
    fn blob(&self, at: usize) -> Sql<Vec<u8>>;
    /// Bytes or null.
    fn blob_or_null(&self, at: usize) -> Sql<Option<Vec<u8>>>;

    /// A flag.
    fn flag(&self, at: usize) -> Sql<bool> {
        Ok(self.int(at)? != 0)
    }

    /// Bytes of a known number.
    fn bytes<const N: usize>(&self, at: usize) -> Sql<[u8; N]> {
        self.blob(at)?.try_into().map_err(|_| strange(at, "number of bytes"))
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

    /// Runs a statement and answers its rows, in its order.
    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<Vec<Self::Row>>> + Send;

    /// The only row, or none.
    fn row(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<Option<Self::Row>>> + Send {
        async { Ok(self.rows(sql, values).await?.into_iter().next()) }
    }

    /// Runs one statement with many sets of values. An engine may send them together.
    fn execute_each(&mut self, sql: &str, sets: &[Vec<Value<'_>>]) -> impl Future<Output = Sql<u64>> + Send {
        async move {
            let mut touched = 0;
            for values in sets {
                touched += self.execute(sql, values).await?;
            }
            Ok(touched)
        }
    }
}
