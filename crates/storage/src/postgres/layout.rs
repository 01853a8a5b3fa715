//! How shared statements are spelled here: `$1` for `?1`, and the table of families when its keys are spread over shards. Every
//! place that knows of shards, but the refresh, is in this file.

use crate::sql::db::{Sql, SqlError};

/// How the keys of families lie. Chosen when the database is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyLayout {
    /// In the order of time: right for PostgreSQL, whose newest pages stay in memory.
    #[default]
    Ordered,
    /// Spread over sixteen shards by the random end of the id: for engines that split a table into ranges, where the newest
    /// keys would all be one machine's.
    Sharded,
}

impl KeyLayout {
    /// Both.
    pub const ALL: [KeyLayout; 2] = [KeyLayout::Ordered, KeyLayout::Sharded];

    /// As in the URL and in the database.
    pub fn name(self) -> &'static str {
        match self {
            KeyLayout::Ordered => "ordered",
            KeyLayout::Sharded => "sharded",
        }
    }
}

/// Sixteen shards, told by the lowest bits of an id, which are random.
const SHARD: i64 = 15;

/// Where a family lies.
pub(super) fn shard(family: i64) -> i16 {
    (family & SHARD) as i16
}

/// A shared statement in this engine's spelling.
pub(super) fn spelled(sql: &str, layout: KeyLayout) -> Sql<String> {
    let sharded = match layout {
        KeyLayout::Ordered => None,
        KeyLayout::Sharded => of_shards(sql)?,
    };
    let mut text = String::with_capacity(sql.len());
    let mut rest = sharded.as_deref().unwrap_or(sql).chars().peekable();
    while let Some(c) = rest.next() {
        let number = c == '?' && rest.peek().is_some_and(char::is_ascii_digit);
        text.push(if number { '$' } else { c });
    }
    Ok(text)
}

const BY_ID: &str = "WHERE id = ?1";
const BY_ID_OF_SHARD: &str = "WHERE id = ?1 AND shard = (CAST(?1 AS BIGINT) & 15)";
const NEXT: &str = "FROM families WHERE id > ?1 ORDER BY id LIMIT ";
const NEXT_OF_SHARDS: &str = "FROM (SELECT f.* FROM generate_series(0, 15) AS s (n), LATERAL
    (SELECT * FROM families WHERE shard = s.n AND id > ?1 ORDER BY id LIMIT {limit}) AS f) AS f ORDER BY id LIMIT ";
const INSERT: &str = "INSERT INTO families (id, ";
const INSERT_OF_SHARD: &str = "INSERT INTO families (shard, id, ";

/// The statement for a table whose key begins with the shard, if it touches that table's keys. One that this does not know is
/// an error, not a slow scan: the contract suite runs on this layout, too.
fn of_shards(sql: &str) -> Sql<Option<String>> {
    let touched = ["FROM families", "UPDATE families", "INTO families"].iter().any(|phrase| sql.contains(phrase));
    if !touched || sql == "SELECT count(*) FROM families" || sql.contains("shard") {
        return Ok(None);
    }
    if sql.contains(INSERT) && sql.contains("VALUES (?1, ") && sql.contains("ON CONFLICT (id)") {
        let text = sql.replace(INSERT, INSERT_OF_SHARD).replace("ON CONFLICT (id)", "ON CONFLICT (shard, id)");
        return Ok(Some(text.replace("VALUES (?1, ", "VALUES (CAST(?1 AS BIGINT) & 15, ?1, ")));
    }
    if let Some((_, limit)) = sql.split_once(NEXT) {
        return Ok(Some(sql.replace(NEXT, &NEXT_OF_SHARDS.replace("{limit}", limit.trim()))));
    }
    if sql.matches(BY_ID).count() == 1 {
        return Ok(Some(sql.replace(BY_ID, BY_ID_OF_SHARD)));
    }
    Err(SqlError::Failed(format!("no spelling for shards: {sql}")))
}
