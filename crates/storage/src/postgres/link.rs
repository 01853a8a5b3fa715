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
use tokio_postgres::{CancelToken, Client, Statement};

use super::KeyLayout;
use super::layout::spelled;
use super::target::causes;
pub(super) use super::values::PgRow;
use super::values::owned;
use crate::sql::db::{Db, Sql, SqlError, Value};

/// Longer than the database itself allows a statement (`SETTINGS`): no answer by then means that nobody is there.
pub(super) const ANSWER: Duration = Duration::from_secs(6);

/// What a session is told first. A node that stands still in a transaction holds up all others: it loses it.
pub(super) const SETTINGS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '4s'; \
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
    /// Something was sent since an answer was last waited for.
    unheard: bool,
    /// How often that was: each costs the way to the database and back.
    round_trips: u64,
}

/// A query that was sent; its rows are taken later.
pub(super) struct Asked {
    query: Answer<Vec<tokio_postgres::Row>>,
    early: Option<Result<Vec<tokio_postgres::Row>, tokio_postgres::Error>>,
}

/// Values of any type, for [`Link::query`].
pub(super) type Values = Vec<Box<dyn ToSql + Send + Sync>>;

impl Link {
    pub(super) fn new(client: Client, layout: KeyLayout) -> Self {
        Link {
            client: Arc::new(client),
            statements: HashMap::new(),
            layout,
            sent: Vec::new(),
            patience: ANSWER,
            unheard: false,
            round_trips: 0,
        }
    }

    /// How often this connection has waited for the database since it was made.
    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips
    }

    /// What ends the statement under way.
    pub(super) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
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
    pub(super) async fn query(&mut self, sql: &str, values: Values) -> Sql<Vec<PgRow>> {
        let asked = self.send_query(sql, values).await?;
        self.take(asked).await
    }

    /// Prepares a statement, so that sending it later waits for nothing.
    pub(super) async fn prepare(&mut self, sql: &str) -> Sql<()> {
        self.statement(sql).await.map(drop)
    }

    /// Sends a statement whose parameters are no plain values; its answer can wait.
    pub(super) async fn send_query(&mut self, sql: &str, values: Values) -> Sql<Asked> {
        let statement = self.statement(sql).await?;
        let client = Arc::clone(&self.client);
        let mut query: Answer<Vec<tokio_postgres::Row>> = Box::pin(async move {
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
            client.query(&statement, &values).await
        });
        let early = self.begin_to_ask(&mut query);
        Ok(Asked { query, early })
    }

    /// The rows of what was sent, behind the answers to everything before it.
    pub(super) async fn take(&mut self, asked: Asked) -> Sql<Vec<PgRow>> {
        self.settle().await?;
        let rows = match asked.early {
            Some(result) => result.map_err(|error| meaning(&error))?,
            None => self.wait(asked.query).await?,
        };
        Ok(rows.into_iter().map(PgRow).collect())
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
        let early = self.begin_to_ask(&mut answer);
        self.sent.push(match early {
            None => answer,
            Some(result) => Box::pin(std::future::ready(result)),
        });
    }

    /// Waits for everything that was sent. The first error is the one that counts: the others follow from it.
    async fn settle(&mut self) -> Sql<()> {
        let sent = std::mem::take(&mut self.sent);
        if sent.is_empty() {
            return Ok(());
        }
        self.wait(async {
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
        let early = self.begin_to_ask(&mut answer);
        self.settle().await?;
        match early {
            Some(result) => result.map_err(|error| meaning(&error)),
            None => self.wait(answer).await,
        }
    }

    /// The first poll sends; whatever is sent before the next wait goes with it.
    fn begin_to_ask<T>(&mut self, answer: &mut Answer<T>) -> Option<Result<T, tokio_postgres::Error>> {
        self.unheard = true;
        poll_once(answer)
    }

    /// Waits for an answer, with patience.
    async fn wait<T>(&mut self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Sql<T> {
        if std::mem::take(&mut self.unheard) {
            self.round_trips += 1;
        }
        match tokio::time::timeout(self.patience, answer).await {
            Ok(result) => result.map_err(|error| meaning(&error)),
            Err(_) => Err(SqlError::Gone("no answer".to_owned())),
        }
    }
}

fn poll_once<T>(answer: &mut Answer<T>) -> Option<Result<T, tokio_postgres::Error>> {
    match answer.poll_unpin(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(result) => Some(result),
        std::task::Poll::Pending => None,
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
        _ if *code == SqlState::DISK_FULL => SqlError::Full(what),
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
            let early = self.begin_to_ask(&mut query);
            asked.push(Asked { query, early });
        }
        let mut found = Vec::with_capacity(sets.len());
        for asked in asked {
            found.push(self.take(asked).await?.into_iter().next());
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
