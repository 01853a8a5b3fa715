//! PGR: rotations on PostgreSQL in one statement, old row marked and new one inserted, one client a connection.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls, Statement};

use super::Chance;
use crate::Result;

const ROTATE: &str = "WITH old AS (UPDATE bench_tokens SET used = true WHERE key = $1 AND NOT used RETURNING value)
                      INSERT INTO bench_tokens SELECT $2, false, value FROM old";
/// Rows that a client has to itself, so that nobody waits for a lock.
const EACH: usize = 1_000;

/// Rotations a second with so many clients.
pub async fn run(url: &str, clients: usize, time: Duration) -> Result<Value> {
    let first = connect(url).await?;
    first
        .batch_execute(
            "DROP TABLE IF EXISTS bench_tokens;
             CREATE TABLE bench_tokens (key bytea PRIMARY KEY, used boolean NOT NULL, value bytea NOT NULL);",
        )
        .await
        .map_err(said)?;
    let mut tasks = Vec::new();
    for number in 0..clients {
        let client = connect(url).await?;
        let (statement, keys) = prepare(&client, number as u64).await?;
        tasks.push((client, statement, keys, number as u64));
    }
    let start = Instant::now();
    let tasks: Vec<_> = tasks
        .into_iter()
        .map(|(client, statement, keys, number)| {
            tokio::spawn(async move { rotate(&client, &statement, keys, start + time, number).await })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.map_err(|e| format!("a client died: {e}"))??;
    }
    Ok(json!({"rotations": done, "per_s": done as f64 / start.elapsed().as_secs_f64(), "clients": clients}))
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(said)?;
    tokio::spawn(connection);
    Ok(client)
}

async fn prepare(client: &Client, number: u64) -> Result<(Statement, Vec<[u8; 32]>)> {
    let mut chance = Chance(number);
    let keys: Vec<[u8; 32]> = (0..EACH).map(|_| chance.key()).collect();
    let all: Vec<&[u8]> = keys.iter().map(<[u8; 32]>::as_slice).collect();
    let value: &[u8] = &[7; 160];
    client
        .execute(
            "INSERT INTO bench_tokens SELECT key, false, $2::bytea FROM unnest($1::bytea[]) AS t (key)",
            &[&all, &value],
        )
        .await
        .map_err(said)?;
    Ok((client.prepare(ROTATE).await.map_err(said)?, keys))
}

async fn rotate(
    client: &Client,
    statement: &Statement,
    mut keys: Vec<[u8; 32]>,
    until: Instant,
    seed: u64,
) -> Result<u64> {
    let (mut chance, mut done) = (Chance(seed ^ 0xb0a7), 0);
    while Instant::now() < until {
        let (at, new) = (chance.below(keys.len()), chance.key());
        let rows = client.execute(statement, &[&keys[at].as_slice(), &new.as_slice()]).await.map_err(said)?;
        if rows != 1 {
            return Err(format!("a rotation wrote {rows} rows"));
        }
        keys[at] = new;
        done += 1;
    }
    Ok(done)
}

fn said(e: tokio_postgres::Error) -> String {
    let detail = e.as_db_error().map(ToString::to_string).unwrap_or_default();
    format!("PostgreSQL: {e} {detail}")
}
