//! The schema's steps: expand, migrate, contract. Each is a transaction of its own, recorded in it, taken under a lock row that
//! expires, so that a kill at any moment costs a repetition of one step at most. What the tables are is `schema.sql`'s business.
//!
//! A step that expands leaves every older program working; one that migrates moves data between what the old and the new
//! program use; one that contracts takes away what only older programs used, and waits until none of them lives. So a program
//! refuses a database only if something it needs was contracted (`compatible_from`), and a newer schema is no reason.

use std::time::Duration;

use causeway_protocol::UnixTime;
use causeway_protocol::cluster::{Beat, NodeId};

use super::KeyLayout;
use super::link::Link;
use crate::sql::db::{Db, Row, Sql, SqlError, values};

/// This program's steps, in order and without gaps. A published step is never edited: the next one corrects it.
pub(super) const STEPS: &[Step] =
    &[Step { number: 1, phase: Phase::Expand, what: "the tables", work: Work::Once(include_str!("schema.sql")) }];

/// The last step that this program knows.
pub(super) const KNOWN: i64 = STEPS[STEPS.len() - 1].number;

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) number: i64,
    pub(super) phase: Phase,
    /// For people.
    pub(super) what: &'static str,
    pub(super) work: Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Expand,
    #[allow(dead_code, reason = "the first schema moves no data")]
    Migrate,
    /// Programs that do not know this step's number are refused from then on.
    Contract,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Statements, separated by semicolons.
    Once(&'static str),
    /// One statement that touches a bounded number of rows, repeated in transactions of its own until it touches none.
    #[allow(dead_code, reason = "the first schema moves no data")]
    Slices(&'static str),
}

/// A lock that was not renewed for so long is nobody's. Longer than any step of a living program waits.
const LOCK_SECONDS: i64 = 60;
/// How long to wait for another node's migration, and how often to look.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: u32 = 360;
/// How often a step is tried that found a table in use (`lock_timeout` each time).
const TRIES: u32 = 4;
/// An index over many rows may take its time.
const PATIENCE: Duration = Duration::from_secs(3600);

const STATE: &str = "SELECT number, compatible_from, keys FROM schema_state WHERE one = 1";
const MAKE_STATE: &str = "CREATE TABLE IF NOT EXISTS schema_state (
    one             SMALLINT PRIMARY KEY CHECK (one = 1),
    number          BIGINT   NOT NULL,
    compatible_from BIGINT   NOT NULL,
    keys            TEXT     NOT NULL,
    holder          BIGINT,
    expires         BIGINT   NOT NULL
)";
const LOCK: &str = "UPDATE schema_state SET holder = ?1, expires = ?2
    WHERE one = 1 AND number = ?3 AND (holder IS NULL OR holder = ?1 OR expires < ?4)";
const RENEW: &str = "UPDATE schema_state SET expires = ?1 WHERE one = 1 AND holder = ?2 AND number = ?3";
const RECORD: &str = "UPDATE schema_state SET number = ?1, compatible_from = ?2 WHERE one = 1 AND holder = ?3";
const UNLOCK: &str = "UPDATE schema_state SET holder = NULL WHERE one = 1 AND holder = ?1";
const OLDER_NODES: &str = "SELECT count(*) FROM nodes WHERE schema < ?1 AND at_millis > ?2";

/// Who migrates, and what time it is for it.
pub(super) struct Migrator<'a> {
    pub(super) steps: &'a [Step],
    pub(super) node: NodeId,
    pub(super) clock: &'a (dyn Fn() -> UnixTime + Send + Sync),
    /// For a new database, or to be sure of an old one's.
    pub(super) keys: Option<KeyLayout>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    number: i64,
    compatible_from: i64,
    keys: KeyLayout,
}

/// How a step ended.
enum Ended {
    Recorded,
    /// Somebody else took over: look again.
    Overtaken,
}

impl Migrator<'_> {
    /// Brings the database to what this program needs, and says how its keys lie.
    ///
    /// # Errors
    /// One line: not ours, too new, too old, made with other keys, or a step that failed, which is then undone.
    pub(super) async fn run(&self, link: &mut Link) -> Result<KeyLayout, String> {
        let known = self.steps.last().map_or(0, |step| step.number);
        for _ in 0..LOOKS {
            let state = self.state(link).await?;
            if state.compatible_from > known {
                return Err(format!(
                    "the database has schema {}, which programs before {} cannot use, and this one knows only {known}: \
                     use a newer one",
                    state.number, state.compatible_from
                ));
            }
            if self.keys.is_some_and(|wanted| wanted != state.keys) {
                return Err(format!(
                    "the database was made with {} keys, and that cannot be changed",
                    state.keys.name()
                ));
            }
            let next = self.steps.iter().find(|step| step.number > state.number);
            let Some(next) = next else { return Ok(state.keys) };
            if next.number != state.number + 1 {
                return Err(format!(
                    "the database has schema {}, and this program migrates from {} on: start one of the versions between \
                     them first",
                    state.number,
                    next.number - 1
                ));
            }
            if next.phase == Phase::Contract && self.older_nodes(link, next.number).await? {
                let later = self.steps.iter().any(|step| step.number > next.number);
                if !later {
                    return Ok(state.keys);
                }
                return Err(format!("schema {} waits for nodes with an older program to stop", next.number));
            }
            match self.lock(link, state.number).await? {
                true => self.take(link, state, next).await?,
                false => tokio::time::sleep(LOOK).await,
            }
        }
        Err("another node migrates the database; start again when it is done".to_owned())
    }

    /// The state; made where there is none.
    async fn state(&self, link: &mut Link) -> Result<State, String> {
        let failed = |error: SqlError| format!("the database's schema cannot be read: {error}");
        let tables = names_of_tables(link).await.map_err(failed)?;
        if !tables.iter().any(|name| name == "schema_state") {
            if let Some(foreign) =
                tables.iter().find(|name| ["meta", "apps", "families", "people"].contains(&name.as_str()))
            {
                return Err(format!(
                    "the database holds somebody else's table {foreign}: give Causeway a database of its own"
                ));
            }
            // Two nodes may do this at once; of two, one is told that it is there.
            if let Err(error) = link.run(MAKE_STATE).await
                && !names_of_tables(link).await.map_err(failed)?.iter().any(|name| name == "schema_state")
            {
                return Err(format!("tables cannot be made here: {error}"));
            }
        }
        let keys = self.keys.unwrap_or_default().name();
        let insert = "INSERT INTO schema_state (one, number, compatible_from, keys, holder, expires)
            VALUES (1, 0, 1, ?1, NULL, 0) ON CONFLICT (one) DO NOTHING";
        let row = link.row(STATE, &[]).await.map_err(failed)?;
        let row = match row {
            Some(row) => row,
            None => {
                link.execute(insert, &values![keys]).await.map_err(failed)?;
                link.one(STATE, &[]).await.map_err(failed)?
            }
        };
        let read = || {
            let keys = row.text(2)?;
            let keys = KeyLayout::ALL.into_iter().find(|layout| layout.name() == keys);
            let keys = keys.ok_or_else(|| SqlError::Failed("unknown layout of keys".to_owned()))?;
            Ok(State { number: row.int(0)?, compatible_from: row.int(1)?, keys })
        };
        read().map_err(failed)
    }

    /// Whether a node still lives whose program does not know this step.
    async fn older_nodes(&self, link: &mut Link, number: i64) -> Result<bool, String> {
        let since = ((self.clock)().0 - Beat::FORGOTTEN.0) * 1000;
        let row = link.one(OLDER_NODES, &values![number, since]).await;
        Ok(row.and_then(|row| row.int(0)).map_err(|error| format!("the nodes cannot be read: {error}"))? > 0)
    }

    async fn lock(&self, link: &mut Link, at: i64) -> Result<bool, String> {
        let now = (self.clock)().0;
        match link.execute(LOCK, &values![self.node.0, now + LOCK_SECONDS, at, now]).await {
            Ok(locked) => Ok(locked == 1),
            // Its holder is in the middle of a step.
            Err(error) if is_in_use(&error) => Ok(false),
            Err(error) => Err(format!("the schema cannot be locked: {error}")),
        }
    }

    /// One step under the lock, and the lock given back.
    async fn take(&self, link: &mut Link, state: State, step: &Step) -> Result<(), String> {
        tracing::info!(step = step.number, what = step.what, "the database's schema moves");
        let mut tries = 0;
        let ended = loop {
            match self.step(link, state, step).await {
                Err(error) if is_in_use(&error) && tries < TRIES => {
                    tries += 1;
                    link.roll_back().await.map_err(|error| error.to_string())?;
                }
                ended => break ended,
            }
        };
        if ended.is_err() {
            link.roll_back().await.ok();
        }
        link.execute(UNLOCK, &values![self.node.0]).await.ok();
        match ended {
            Ok(Ended::Recorded | Ended::Overtaken) => Ok(()),
            Err(error) => Err(format!(
                "the database stays at schema {}, step {} ({}) failed: {error}",
                state.number, step.number, step.what
            )),
        }
    }

    async fn step(&self, link: &mut Link, state: State, step: &Step) -> Sql<Ended> {
        link.set_patience(PATIENCE);
        if let Work::Slices(slice) = step.work {
            loop {
                if !self.begin(link, state).await? {
                    return Ok(Ended::Overtaken);
                }
                let touched = link.execute(slice, &[]).await?;
                link.commit().await?;
                if touched == 0 {
                    break;
                }
            }
        }
        if !self.begin(link, state).await? {
            return Ok(Ended::Overtaken);
        }
        if let Work::Once(statements) = step.work {
            link.send(&of_layout(statements, state.keys));
        }
        let compatible_from = if step.phase == Phase::Contract { step.number } else { state.compatible_from };
        link.execute(RECORD, &values![step.number, compatible_from, self.node.0]).await?;
        link.commit().await?;
        Ok(Ended::Recorded)
    }

    /// Begins a transaction that holds the lock row; false, and nothing begun, if the lock is another's by now.
    async fn begin(&self, link: &mut Link, state: State) -> Sql<bool> {
        link.begin();
        link.send("SET LOCAL statement_timeout = '50min'");
        let expires = (self.clock)().0 + LOCK_SECONDS;
        let held = link.execute(RENEW, &values![expires, self.node.0, state.number]).await? == 1;
        if !held {
            link.roll_back().await?;
        }
        Ok(held)
    }
}

/// A lock was not to be had in time.
fn is_in_use(error: &SqlError) -> bool {
    matches!(error, SqlError::Conflict(_)) || error.to_string().contains("55P03")
}

async fn names_of_tables(link: &mut Link) -> Sql<Vec<String>> {
    let names = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema()";
    link.rows(names, &[]).await?.iter().map(|row| row.text(0)).collect()
}

/// The statements of a step, for keys that lie so.
fn of_layout(statements: &str, keys: KeyLayout) -> String {
    let (shard, family_key) = match keys {
        KeyLayout::Ordered => ("", "id"),
        KeyLayout::Sharded => ("shard      SMALLINT NOT NULL,\n    ", "shard, id"),
    };
    statements.replace("{shard}", shard).replace("{family_key}", family_key)
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
pub(super) mod tests;
