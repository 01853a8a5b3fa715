//! SQLite under the shared changes and reads: a connection is a [`Db`] whose every future is done when it is made. No
//! statement stands here.

use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use rusqlite::types::{ToSqlOutput, Value as Held, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};

use crate::sql::db::{Db, Row, Sql, SqlError, Value, portable, strange};

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        SqlError::Failed(error.to_string())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Int(int) => ValueRef::Integer(int),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(blob) => ValueRef::Blob(blob),
        }))
    }
}

/// A row, taken out of its statement.
pub(crate) struct Cells(Vec<Held>);

impl Row for Cells {
    fn int_or_null(&self, at: usize) -> Sql<Option<i64>> {
        match self.0.get(at) {
            Some(Held::Integer(int)) => Ok(Some(*int)),
            Some(Held::Null) => Ok(None),
            _ => Err(strange(at, "type, not an integer")),
        }
    }

    fn text_or_null(&self, at: usize) -> Sql<Option<String>> {
        match self.0.get(at) {
            Some(Held::Text(text)) => Ok(Some(text.clone())),
            Some(Held::Null) => Ok(None),
            _ => Err(strange(at, "type, not a text")),
        }
    }

    fn slice_or_null(&self, at: usize) -> Sql<Option<&[u8]>> {
        match self.0.get(at) {
            Some(Held::Blob(blob)) => Ok(Some(blob)),
            Some(Held::Null) => Ok(None),
            _ => Err(strange(at, "type, not bytes")),
        }
    }
}

impl Db for Connection {
    type Row = Cells;

    fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<u64>> + Send {
        ready(statement(self, sql).and_then(|mut statement| run(&mut statement, values)))
    }

    fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<Vec<Cells>>> + Send {
        ready(statement(self, sql).and_then(|mut statement| find(&mut statement, values, usize::MAX)))
    }

    fn row(&mut self, sql: &str, values: &[Value<'_>]) -> impl Future<Output = Sql<Option<Cells>>> + Send {
        ready(statement(self, sql).and_then(|mut statement| first(&mut statement, values)))
    }

    fn write_each<const N: usize>(
        &mut self,
        sql: &str,
        sets: &[[Value<'_>; N]],
    ) -> impl Future<Output = Sql<()>> + Send {
        ready(
            statement(self, sql)
                .and_then(|mut statement| sets.iter().try_for_each(|values| run(&mut statement, values).map(drop))),
        )
    }

    fn row_each<const N: usize>(
        &mut self,
        sql: &str,
        sets: &[[Value<'_>; N]],
    ) -> impl Future<Output = Sql<Vec<Option<Cells>>>> + Send {
        ready(
            statement(self, sql)
                .and_then(|mut statement| sets.iter().map(|values| first(&mut statement, values)).collect()),
        )
    }
}

fn statement<'db>(db: &'db Connection, sql: &str) -> Sql<CachedStatement<'db>> {
    debug_assert!(portable(sql), "not for every engine: {sql}");
    Ok(db.prepare_cached(sql)?)
}

fn run(statement: &mut CachedStatement<'_>, values: &[Value<'_>]) -> Sql<u64> {
    Ok(statement.execute(params_from_iter(values))? as u64)
}

fn first(statement: &mut CachedStatement<'_>, values: &[Value<'_>]) -> Sql<Option<Cells>> {
    Ok(find(statement, values, 1)?.pop())
}

fn find(statement: &mut CachedStatement<'_>, values: &[Value<'_>], most: usize) -> Sql<Vec<Cells>> {
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        found.push(Cells((0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?));
    }
    Ok(found)
}

/// What a future answers that never waits: over this engine, every one of the shared changes and reads.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("nothing that runs on SQLite waits"),
    }
}
