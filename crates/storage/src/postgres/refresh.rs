//! The refresh: one statement, one round trip, one commit, for as many families as wait. It takes no lock but the rows'.
//!
//! Whatever arrives while the connections are busy goes together with the next one that is free; nothing ever waits for a timer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use causeway_protocol::change::{Applied, MoveFamily, Outcome, Row};
use causeway_protocol::records::Family;
use causeway_protocol::{FamilyId, Position, ScopeSet, UnixTime};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::types::ToSql;

use super::KeyLayout;
use super::gate::{DEADLINE, Gate};
use super::layout::shard;
use super::link::{Link, PgRow, Values};
use super::target::Target;
use crate::Stored;
use crate::sql::db::{Row as _, Sql, SqlError};
use crate::sql::rows;

/// A batch that lost against another transaction is sent again so many times.
pub(super) const TRIES: u32 = 6;

/// Everything that must hold stands in the WHERE, as in `sqlite/advance.rs`. The position is read in the statement's own
/// snapshot, the one that the conditions saw (READ COMMITTED: one statement, one snapshot). If the statement waits for a row,
/// only that row is looked at anew; cuts and position stay those of the snapshot. So a take-back that commits meanwhile has
/// a later position than what is answered here, and what is sealed with it is born dead.
///
/// What scopes share: the first byte decides nearly always; the others are looked at when it does not. Scopes are stored
/// without trailing zeros, what is wanted comes with all its sixteen bytes.
const MOVE: &str = "
    UPDATE families AS f
       SET generation = f.generation + 1, moved_at = t.now, key_id = t.key_id, retry = t.retry
      FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS SMALLINT[]), CAST($3 AS INTEGER[]), CAST($4 AS BYTEA[]),
                  CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]), CAST($8 AS BIGINT[]),
                  CAST($9 AS BIGINT[]), CAST($10 AS BIGINT[]), CAST($11 AS BIGINT[]), CAST($12 AS INTEGER[]),
                  CAST($13 AS BYTEA[]), CAST($14 AS BYTEA[]))
               AS t (family, shard, generation, digest, connection, app, customer, person, as_of, now, unused_since, key_id,
                     retry, wanted)
           JOIN connections AS c ON c.id = t.connection
     WHERE f.id = t.family{of_shard} AND f.generation = t.generation AND f.digest = t.digest AND f.repudiated = 0
       AND f.connection = t.connection AND f.ends_at > t.now AND f.moved_at > t.unused_since AND c.live = 1
       AND CASE WHEN length(c.scopes) > 0 AND (get_byte(c.scopes, 0) & get_byte(t.wanted, 0)) <> 0 THEN TRUE
                ELSE EXISTS (SELECT 1 FROM generate_series(1, length(c.scopes) - 1) AS b (n)
                              WHERE (get_byte(c.scopes, b.n) & get_byte(t.wanted, b.n)) <> 0) END
       AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 2 AND x.id = t.connection AND (x.off = 1 OR x.cut_all > t.as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 3 AND x.id = t.app AND (x.off = 1 OR x.cut_all > t.as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 4 AND x.id = t.customer AND (x.off = 1 OR x.cut_all > t.as_of))
       AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 5 AND x.id = t.person AND (x.off = 1 OR x.cut_all > t.as_of))
 RETURNING f.id, f.ends_at, f.scopes, c.scopes, (SELECT position FROM meta WHERE one = 1)";

fn statement(layout: KeyLayout) -> &'static str {
    static TEXTS: std::sync::OnceLock<[String; 2]> = std::sync::OnceLock::new();
    let texts = TEXTS.get_or_init(|| ["", " AND f.shard = t.shard"].map(|shard| MOVE.replace("{of_shard}", shard)));
    &texts[usize::from(layout == KeyLayout::Sharded)]
}

/// Sends these, of different families, and answers each in its order. Nothing is assumed: who is not among the rows is stale.
pub(super) async fn send(link: &mut Link, changes: &[&MoveFamily]) -> Sql<Vec<Outcome>> {
    // In one order everywhere: two batches then never wait for each other in a circle.
    let mut ordered: Vec<&MoveFamily> = changes.to_vec();
    ordered.sort_unstable_by_key(|change| change.family);
    let rows = link.query(statement(link.layout()), arrays(&ordered)).await?;
    let mut moved = HashMap::with_capacity(rows.len());
    for row in &rows {
        moved.insert(FamilyId(row.int(0)?), row);
    }
    let outcome = |change: &&MoveFamily| match moved.get(&change.family) {
        Some(row) => applied(change, row),
        None => Ok(Outcome::Stale),
    };
    changes.iter().map(outcome).collect()
}

fn applied(change: &MoveFamily, row: &PgRow) -> Sql<Outcome> {
    let family = Family {
        id: change.family,
        generation: change.generation + 1,
        digest: change.digest,
        moved_at: change.now,
        ends_at: UnixTime(row.int(1)?),
        connection: change.connection,
        scopes: rows::scopes(row, 2)?,
        repudiated: false,
        key_id: change.key_id,
        retry: change.retry,
    };
    let row_of = Row::Family { family, connection_scopes: rows::scopes(row, 3)? };
    Ok(Outcome::Applied(Applied { position: Position(row.int(4)?), feed: Vec::new(), row: row_of }))
}

fn arrays(changes: &[&MoveFamily]) -> Values {
    fn of<T: ToSql + Send + Sync + 'static>(
        changes: &[&MoveFamily],
        one: impl Fn(&MoveFamily) -> T,
    ) -> Box<dyn ToSql + Send + Sync> {
        Box::new(changes.iter().map(|change| one(change)).collect::<Vec<T>>())
    }
    // A generation or a key beyond what a column holds is nobody's.
    let narrow = |number: i64| i32::try_from(number).unwrap_or(-1);
    vec![
        of(changes, |change| change.family.0),
        of(changes, |change| shard(change.family.0)),
        of(changes, |change| narrow(rows::stored_generation(change.generation))),
        of(changes, |change| change.digest.0.to_vec()),
        of(changes, |change| change.connection.0),
        of(changes, |change| change.app.0),
        of(changes, |change| change.customer.0),
        of(changes, |change| change.user.0),
        of(changes, |change| change.as_of.0),
        of(changes, |change| change.now.0),
        of(changes, |change| (change.now - change.idle).0),
        of(changes, |change| narrow(rows::stored_key(change.key_id))),
        of(changes, |change| rows::stored_retry(change.retry).to_vec()),
        of(changes, |change| wanted(change.wanted)),
    ]
}

/// All sixteen bytes.
fn wanted(scopes: ScopeSet) -> Vec<u8> {
    scopes.0.to_le_bytes().to_vec()
}

struct Job {
    change: MoveFamily,
    reply: oneshot::Sender<Stored<Outcome>>,
}

/// The queue's near end. Dropping it ends the senders when the queue is empty.
pub(super) struct Refresher {
    queue: mpsc::Sender<Job>,
    gate: Arc<Gate>,
}

/// What the senders share: the queue's far end, and what came twice for a family and must not share a statement.
struct Waiting {
    jobs: mpsc::Receiver<Job>,
    put_off: VecDeque<Job>,
}

impl Refresher {
    pub(super) fn start(target: &Target, layout: KeyLayout, options: &super::Options) -> Self {
        let (queue, jobs) = mpsc::channel(options.queue.max(1));
        let waiting = Arc::new(Mutex::new(Waiting { jobs, put_off: VecDeque::new() }));
        let gate = Arc::new(Gate::new(options.batch.max(1)));
        for _ in 0..options.refreshers.max(1) {
            let sender = Sender {
                target: target.clone(),
                layout,
                link: None,
                waiting: Arc::clone(&waiting),
                most: options.batch.max(1),
                gate: Arc::clone(&gate),
            };
            tokio::spawn(sender.run());
        }
        Refresher { queue, gate }
    }

    /// Queues one and waits for its commit.
    pub(super) async fn apply(&self, change: MoveFamily) -> Stored<Outcome> {
        self.gate.pass(&self.queue, |reply| Job { change, reply }, Some(DEADLINE)).await
    }

    /// Whether commits take too long.
    pub(super) fn is_slow(&self) -> bool {
        self.gate.is_slow()
    }
}

/// One connection, and the task that owns it.
struct Sender {
    target: Target,
    layout: KeyLayout,
    link: Option<Link>,
    waiting: Arc<Mutex<Waiting>>,
    most: usize,
    gate: Arc<Gate>,
}

impl Sender {
    async fn run(mut self) {
        while let Some(batch) = self.next().await {
            if batch.is_empty() {
                continue;
            }
            let changes: Vec<&MoveFamily> = batch.iter().map(|job| &job.change).collect();
            let gate = Arc::clone(&self.gate);
            match gate.watch(self.commit(&changes)).await {
                Ok(outcomes) => {
                    for (job, outcome) in batch.into_iter().zip(outcomes) {
                        // Whoever asked may have gone meanwhile.
                        let _ = job.reply.send(Ok(outcome));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, refreshes = batch.len(), "a batch of refreshes failed");
                    for job in batch {
                        let _ = job.reply.send(Err(error.clone().into()));
                    }
                }
            }
        }
    }

    /// One that waits, and whatever else waits; a family at most once.
    async fn next(&mut self) -> Option<Vec<Job>> {
        let mut waiting = self.waiting.lock().await;
        let first = match waiting.put_off.pop_front() {
            Some(job) => job,
            None => waiting.jobs.recv().await?,
        };
        let (mut families, mut batch, mut again) = (HashSet::new(), Vec::new(), VecDeque::new());
        waiting.put_off.push_front(first);
        while batch.len() < self.most
            && let Some(job) = waiting.put_off.pop_front().or_else(|| waiting.jobs.try_recv().ok())
        {
            if job.reply.is_closed() {
                // Nobody waits for it any more: it was not begun, and is not.
                continue;
            }
            if families.insert(job.change.family) {
                batch.push(job)
            } else {
                again.push_back(job)
            }
            if again.len() >= self.most {
                break;
            }
        }
        again.append(&mut waiting.put_off);
        waiting.put_off = again;
        Some(batch)
    }

    /// A connection that breaks under a statement leaves it unknown whether it was committed: then nobody is told that it was.
    async fn commit(&mut self, changes: &[&MoveFamily]) -> Sql<Vec<Outcome>> {
        let mut tries = 0;
        loop {
            let kept = self.link.take().filter(|link| !link.is_closed());
            let mut link = match kept {
                Some(link) => link,
                None => self.target.connect(self.layout, None).await.map_err(SqlError::Gone)?,
            };
            let sent = send(&mut link, changes).await;
            if !matches!(sent, Err(SqlError::Gone(_))) {
                self.link = Some(link);
            }
            match sent {
                Err(SqlError::Conflict(_)) if tries < TRIES => {
                    tokio::time::sleep(pause(tries)).await;
                    tries += 1;
                }
                sent => return sent,
            }
        }
    }
}

/// Before a transaction that lost is run again.
pub(super) fn pause(tries: u32) -> Duration {
    Duration::from_millis(1 << tries.min(6))
}
