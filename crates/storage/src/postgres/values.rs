//! Values and rows as the driver has them: what the shared statements bind, as narrow as the column, and what they read. No
//! statement and no connection here.

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::sql::db::{Row, Sql, Value, strange};

/// A [`Value`] that outlives its caller: it is sent before the caller waits.
#[derive(Debug)]
pub(super) enum Owned {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

pub(super) fn owned(values: &[Value<'_>]) -> Vec<Owned> {
    let one = |value: &Value<'_>| match *value {
        Value::Null => Owned::Null,
        Value::Int(number) => Owned::Int(number),
        Value::Text(text) => Owned::Text(text.to_owned()),
        Value::Blob(bytes) => Owned::Blob(bytes.to_owned()),
    };
    values.iter().map(one).collect()
}

type Encoded = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Owned {
    fn to_sql(&self, ty: &Type, out: &mut bytes::BytesMut) -> Encoded {
        match self {
            Owned::Null => Ok(IsNull::Yes),
            Owned::Int(number) if *ty == Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
            Owned::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Owned::Int(number) if *ty == Type::INT8 => number.to_sql(ty, out),
            Owned::Text(text) if *ty == Type::TEXT || *ty == Type::VARCHAR => text.to_sql(ty, out),
            Owned::Blob(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            other => Err(format!("{} cannot be a {ty}", other.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Owned {
    /// For messages: what a value holds is never printed.
    fn kind(&self) -> &'static str {
        match self {
            Owned::Null => "null",
            Owned::Int(_) => "an integer",
            Owned::Text(_) => "a text",
            Owned::Blob(_) => "bytes",
        }
    }
}

/// A row that was read.
pub(crate) struct PgRow(pub(super) tokio_postgres::Row);

impl PgRow {
    fn get<'a, T: FromSql<'a>>(&'a self, at: usize, what: &str) -> Sql<Option<T>> {
        self.0.try_get(at).map_err(|_| strange(at, what))
    }
}

impl Row for PgRow {
    fn int_or_null(&self, at: usize) -> Sql<Option<i64>> {
        let Some(column) = self.0.columns().get(at) else { return Err(strange(at, "absence")) };
        match *column.type_() {
            Type::INT2 => Ok(self.get::<i16>(at, "integer")?.map(i64::from)),
            Type::INT4 => Ok(self.get::<i32>(at, "integer")?.map(i64::from)),
            Type::BOOL => Ok(self.get::<bool>(at, "truth")?.map(i64::from)),
            _ => self.get(at, "integer"),
        }
    }

    fn text_or_null(&self, at: usize) -> Sql<Option<String>> {
        self.get(at, "text")
    }

    fn slice_or_null(&self, at: usize) -> Sql<Option<&[u8]>> {
        self.get(at, "blob")
    }
}
