//! One connection: its prepared statements, what an error on it means, and what may be sent without waiting for the answer. Which connection is used for what is not its business.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

use super::KeyLayout;
use super::layout::spelled;
use super::target::causes;
pub(super) use super::values::PgRow;
use super::values::owned;
use crate::sql::db::{Db, Sql, SqlError, Value};

/// Longer than the database itself allows a statement (`SETTINGS`): no answer by then means that nobody is there.
const ANSWER: Duration = Duration::from_secs(15);

/// What a session is told first. A node that stands still in a transaction holds up all others: it loses it.
pub(super) const SETTINGS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '5s'";

/// What an engine may not know; it goes on without. Every statement finds its rows by a key, and its plan must not depend on
/// what the tables held when it was made.
pub(super) const ADVICE: [&str; 5] = [
    "SET enable_seqscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET jit = off",
    "SET plan_cache_mode = force_generic_plan",
];

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, tokio_postgres::Error>> + Send>>;

/// See the module.
pub(super) struct Link {
    client: Arc<Client>,
    statements: HashMap<String, Statement>,
    layout: KeyLayout,
    /// Sent, in this order, and not yet answered.
    sent: Vec<Answer<u64>>,
    /// How long an answer may take.
    patience: Duration,
}

impl Link {
    pub(super) fn new(client: Client, layout: KeyLayout) -> Self {
        Link { client: Arc::new(client), statements: HashMap::new(), layout, sent: Vec::new(), patience: ANSWER }
    }

    /// Whether the database has hung up.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn layout(&self) -> KeyLayout {
        self.layout
    }

    /// For what is expected to take long.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Statements without parameters, several of them separated by semicolons.
    pub(super) async fn run(&mut self, sql: &str) -> Sql<()> {
        self.send(sql);
        self.settle().await
    }

    /// The same, sent with whatever follows.
    pub(super) fn send(&mut self, sql: &str) {
        let (client, sql) = (Arc::clone(&self.client), sql.to_owned());
        self.push(Box::pin(async move { client.batch_execute(&sql).await.map(|()| 0) }));
    }

    /// Begins a transaction in which each statement sees what was committed before it. It costs no round trip.
    pub(super) fn begin(&mut self) {
        self.send("BEGIN ISOLATION LEVEL READ COMMITTED");
    }

    /// Begins a read of several statements on one snapshot.
    pub(super) fn begin_snapshot(&mut self) {
        self.send("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    }

    /// Commits. An error of anything that was sent before counts: then the database has rolled back.
    pub(super) async fn commit(&mut self) -> Sql<()> {
        self.run("COMMIT").await
    }

    /// Undoes what was begun. An error means that the connection is of no use any more.
    pub(super) async fn roll_back(&mut self) -> Sql<()> {
        self.sent.clear();
        self.run("ROLLBACK").await
    }

    /// Runs a statement whose parameters are no plain values, and answers its rows.
    pub(super) async fn query(&mut self, sql: &str, values: Vec<Box<dyn ToSql + Send + Sync>>) -> Sql<Vec<PgRow>> {
        let statement = self.statement(sql).await?;
        let client = Arc::clone(&self.client);
        let query = Box::pin(async move {
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
            client.query(&statement, &values).await
        });
        Ok(self.answer(query).await?.into_iter().map(PgRow).collect())
    }

    /// Prepared once a connection.
    async fn statement(&mut self, sql: &str) -> Sql<Statement> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let (client, text) = (Arc::clone(&self.client), spelled(sql, self.layout)?);
        let statement = self.answer(Box::pin(async move { client.prepare(&text).await })).await?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// The first poll puts the message into the connection's queue; the answer can wait.
    fn push(&mut self, mut answer: Answer<u64>) {
        let early = poll_once(&mut answer);
        self.sent.push(match early {
            None => answer,
            Some(result) => Box::pin(std::future::ready(result)),
        });
    }

    /// Waits for everything that was sent. The first error is the one that counts: the others follow from it.
    async fn settle(&mut self) -> Sql<()> {
        let sent = std::mem::take(&mut self.sent);
        within(self.patience, async {
            let mut verdict = Ok(());
            for answer in sent {
                let result = answer.await;
                if verdict.is_ok() {
                    verdict = result.map(drop);
                }
            }
            verdict
        })
        .await
    }

    /// Sends one more and waits for its answer, behind those of everything that was sent before.
    async fn answer<T: Send>(&mut self, mut answer: Answer<T>) -> Sql<T> {
        let early = poll_once(&mut answer);
        self.settle().await?;
        match early {
            Some(result) => result.map_err(|error| meaning(&error)),
            None => within(self.patience, answer).await,
        }
    }
}

fn poll_once<T>(answer: &mut Answer<T>) -> Option<Result<T, tokio_postgres::Error>> {
    match answer.poll_unpin(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(result) => Some(result),
        std::task::Poll::Pending => None,
    }
}

async fn within<T>(patience: Duration, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Sql<T> {
    match tokio::time::timeout(patience, answer).await {
        Ok(result) => result.map_err(|error| meaning(&error)),
        Err(_) => Err(SqlError::Gone("no answer".to_owned())),
    }
}

/// What an error means for who must go on.
pub(super) fn meaning(error: &tokio_postgres::Error) -> SqlError {
    let Some(refusal) = error.as_db_error() else {
        let what = causes(error);
        // A value that does not fit, or a row that is not as expected, is found on this side; the connection is fine.
        let ours = what.starts_with("error serializing") || what.starts_with("error deserializing");
        return if ours { SqlError::Failed(what) } else { SqlError::Gone(what) };
    };
    let code = refusal.code();
    let what = format!("{} (SQLSTATE {})", refusal.message(), code.code());
    match code {
        _ if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED => {
            SqlError::Conflict(what)
        }
        _ if *code == SqlState::DISK_FULL => SqlError::Failed(format!("the database's disk is full: {what}")),
        // The session was ended, or the server became a standby: another connection may do.
        _ if code.code().starts_with("08") || code.code().starts_with("57P") => SqlError::Gone(what),
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => SqlError::Gone(what),
        _ if *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => SqlError::Gone(what),
        _ => SqlError::Failed(what),
    }
}

impl Db for Link {
    type Row = PgRow;

    async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Sql<u64> {
        let statement = self.statement(sql).await?;
        let (client, values) = (Arc::clone(&self.client), owned(values));
        self.answer(Box::pin(async move { client.execute_raw(&statement, values).await })).await
    }

    async fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Sql<Vec<PgRow>> {
        let query = self.ask(sql, values).await?;
        Ok(self.answer(query).await?.into_iter().map(PgRow).collect())
    }

    async fn write(&mut self, sql: &str, values: &[Value<'_>]) -> Sql<()> {
        let statement = self.statement(sql).await?;
        let (client, values) = (Arc::clone(&self.client), owned(values));
        self.push(Box::pin(async move { client.execute_raw(&statement, values).await }));
        // Bounded: a list of thousands must not lie in memory twice.
        if self.sent.len() >= 256 { self.settle().await } else { Ok(()) }
    }

    async fn row_each<const N: usize>(&mut self, sql: &str, sets: &[[Value<'_>; N]]) -> Sql<Vec<Option<PgRow>>> {
        let mut asked = Vec::with_capacity(sets.len());
        for values in sets {
            let mut query = self.ask(sql, values).await?;
            let early = poll_once(&mut query);
            asked.push((query, early));
        }
        self.settle().await?;
        let mut found = Vec::with_capacity(sets.len());
        for (query, early) in asked {
            let rows = match early {
                Some(result) => result.map_err(|error| meaning(&error))?,
                None => within(self.patience, query).await?,
            };
            found.push(rows.into_iter().next().map(PgRow));
        }
        Ok(found)
    }
}

impl Link {
    async fn ask(&mut self, sql: &str, values: &[Value<'_>]) -> Sql<Answer<Vec<tokio_postgres::Row>>> {
        let statement = self.statement(sql).await?;
        let (client, values) = (Arc::clone(&self.client), owned(values));
        Ok(Box::pin(async move {
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            client.query(&statement, &values).await
        }))
    }
}
