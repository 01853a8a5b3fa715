//! The journal of a migration: whose turn it is, what became of each, and the numbers. Each write names the claim that it
//! answers, so of two who ask for one pair only the later stores. Asking itself is `migrate/run.rs`'s.

use causeway_protocol::UnixTime;
use causeway_protocol::secret::Secret;
use rusqlite::{Connection as Db, OptionalExtension as _, Row, params};

use super::connections::connect_in;
use super::legacy::Kept;
use super::{Store, Stored};
use crate::legacy::Scheme;
use crate::migrate::{Counts, PairLine, PairState};
use crate::reply::Tokens;

/// Not before the next run.
pub(crate) const NOT_IN_THIS_RUN: i64 = i64::MAX;

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// This pair is ours to ask for.
    Pair(Asking),
    /// The next one is due then, in milliseconds since the epoch.
    Later(i64),
    /// No more in this run.
    Nothing,
}

/// A pair that is being asked for.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) id: i64,
    /// Our mark on it.
    pub(crate) claim: i64,
    pub(crate) account: String,
    pub(crate) consumer_key: String,
    pub(crate) consumer_secret: Secret,
    /// Times that it was asked for in this run, this one included.
    pub(crate) tries: u32,
}

/// Not yet.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) why: String,
    /// In milliseconds since the epoch.
    pub(crate) due: i64,
    /// It was sent, and nobody knows what the platform did.
    pub(crate) unanswered: bool,
}

impl Store {
    /// A run begins, and no other is at it: what a dead one was asking for is asked for again.
    pub(crate) async fn begin_run(&self, platform: String, refused_too: bool, now: UnixTime) -> Stored<()> {
        self.run(move |db, _| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let asking = "UPDATE pairs SET state = 4, claim = 0, unanswered = unanswered + 1, updated = ?2,
                     why = 'the program ended while it was asked for' WHERE platform = ?1 AND state = 1";
            tx.execute(asking, params![platform, now.0])?;
            if refused_too {
                let refused = "UPDATE pairs SET state = 4, updated = ?2 WHERE platform = ?1 AND state = 3";
                tx.execute(refused, params![platform, now.0])?;
            }
            let due = "UPDATE pairs SET due = 0, tries = 0 WHERE platform = ?1 AND state IN (0, 4) AND tries > 0";
            tx.execute(due, [&platform])?;
            // Asked for again because the file was read again, or somebody wishes it: due at once as well.
            tx.execute("UPDATE pairs SET due = 0 WHERE platform = ?1 AND state IN (0, 4) AND due > 0", [&platform])?;
            Ok(tx.commit()?)
        })
        .await
    }

    /// The next pair. An account that a person connected meanwhile needs none: it is done.
    pub(crate) async fn claim_pair(&self, platform: String, claim: i64, now_ms: i64) -> Stored<Claimed> {
        self.run(move |db, ground| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let claimed = loop {
                let next = tx
                    .prepare_cached(
                        "SELECT *, (SELECT c.id FROM connections AS c WHERE c.platform = pairs.platform
                             AND c.account = pairs.account AND c.status = 1 AND c.access IS NOT NULL) AS connected
                         FROM pairs WHERE platform = ?1 AND state IN (0, 4) ORDER BY due, id LIMIT 1",
                    )?
                    .query_row([&platform], |row| {
                        let connected: Option<i64> = row.get("connected")?;
                        Ok((Kept::read(row)?, row.get::<_, i64>("due")?, row.get::<_, u32>("tries")?, connected))
                    })
                    .optional()?;
                let Some((kept, due, tries, connected)) = next else { break Claimed::Nothing };
                if due == NOT_IN_THIS_RUN {
                    break Claimed::Nothing;
                }
                if due > now_ms {
                    break Claimed::Later(due);
                }
                let seconds = UnixTime::from_millis(now_ms.max(0) as u64).0;
                if let Some(connection) = connected {
                    let sql = "UPDATE pairs SET state = 2, connection = ?2, updated = ?3,
                                   why = 'the account was connected already' WHERE id = ?1";
                    tx.execute(sql, params![kept.id, connection, seconds])?;
                    continue;
                }
                // One row that somebody tampered with must not hold up the others.
                let Ok(Some((consumer_secret, _))) = kept.secrets(ground) else {
                    let sql = "UPDATE pairs SET state = 3, updated = ?2,
                                   why = 'its secret does not open: import the pair again' WHERE id = ?1";
                    tx.execute(sql, params![kept.id, seconds])?;
                    continue;
                };
                let sql = "UPDATE pairs SET state = 1, claim = ?2, tries = tries + 1, asked = asked + 1, updated = ?3
                           WHERE id = ?1";
                tx.prepare_cached(sql)?.execute(params![kept.id, claim, seconds])?;
                let Kept { id, account, consumer_key, .. } = kept;
                break Claimed::Pair(Asking { id, claim, account, consumer_key, consumer_secret, tries: tries + 1 });
            };
            tx.commit()?;
            Ok(claimed)
        })
        .await
    }

    /// The tokens and the end of the asking, in one transaction: a crash before it is healed by asking again, a crash
    /// after it finds both. `None`: somebody else asks for this pair now, and its answer will count.
    pub(crate) async fn pair_done(
        &self,
        asking: &Asking,
        platform: String,
        scope: String,
        tokens: Tokens,
        erase: bool,
        now: UnixTime,
    ) -> Stored<Option<i64>> {
        let (id, claim, account) = (asking.id, asking.claim, asking.account.clone());
        self.run(move |db, ground| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            if !is_ours(&tx, id, claim)? {
                return Ok(None);
            }
            let connection = connect_in(&tx, ground, (&platform, &account), &scope, &tokens, now)?;
            let sql = "UPDATE pairs SET state = 2, connection = ?2, why = '', updated = ?3 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute(params![id, connection, now.0])?;
            if erase {
                tx.prepare_cached(&format!("{ERASE} WHERE id = ?1"))?.execute([id])?;
            }
            tx.commit()?;
            Ok(Some(connection))
        })
        .await
    }

    /// The platform said no; it is not asked again by itself.
    pub(crate) async fn pair_refused(&self, asking: &Asking, why: String, now: UnixTime) -> Stored<()> {
        let (id, claim) = (asking.id, asking.claim);
        self.run(move |db, _| {
            let sql = "UPDATE pairs SET state = 3, claim = 0, why = ?3, updated = ?4
                       WHERE id = ?1 AND state = 1 AND claim = ?2";
            db.prepare_cached(sql)?.execute(params![id, claim, why, now.0])?;
            Ok(())
        })
        .await
    }

    /// Nothing is known: it will be asked for again.
    pub(crate) async fn pair_retry(&self, asking: &Asking, retry: Retry, now: UnixTime) -> Stored<()> {
        let (id, claim) = (asking.id, asking.claim);
        self.run(move |db, _| {
            let sql = "UPDATE pairs SET state = 4, claim = 0, why = ?3, updated = ?4, due = ?5,
                           unanswered = unanswered + ?6 WHERE id = ?1 AND state = 1 AND claim = ?2";
            db.prepare_cached(sql)?.execute(params![id, claim, retry.why, now.0, retry.due, retry.unanswered])?;
            Ok(())
        })
        .await
    }

    /// How many stand where, all from one moment.
    pub(crate) async fn pair_counts(&self, platform: String) -> Stored<Counts> {
        self.run(move |db, _| {
            let mut statement =
                db.prepare_cached("SELECT state, count(*) FROM pairs WHERE platform = ?1 GROUP BY state")?;
            let mut counts = Counts::default();
            let rows = statement
                .query_map([platform], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            for row in rows {
                let (state, count) = row?;
                counts.add(PairState::of(state), count);
            }
            Ok(counts)
        })
        .await
    }

    /// Lines of the report, in the order in which the pairs came, after line `after`.
    pub(crate) async fn pair_lines(&self, platform: String, after: i64, most: u32) -> Stored<Vec<PairLine>> {
        self.run(move |db, _| {
            let mut statement = db.prepare_cached(
                "SELECT p.*, c.id AS c_id, c.status = 1 AND c.access IS NOT NULL AS works FROM pairs AS p
                 LEFT JOIN connections AS c ON c.platform = p.platform AND c.account = p.account
                 WHERE p.platform = ?1 AND p.id > ?2 ORDER BY p.id LIMIT ?3",
            )?;
            let rows = statement.query_map(params![platform, after, most], line)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Deletes secrets of pairs that are done: of one account, or of all. Answers how many had one.
    pub(crate) async fn erase_pairs(&self, platform: String, account: Option<String>) -> Stored<u64> {
        self.run(move |db, _| {
            let sql = format!(
                "{ERASE} WHERE platform = ?1 AND state = 2 AND consumer_secret IS NOT NULL
                 AND (?2 IS NULL OR account = ?2)"
            );
            let erased = db.execute(&sql, params![platform, account])?;
            // What the write-ahead log still holds of them goes as well; a reader may keep it a little longer.
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(erased as u64)
        })
        .await
    }
}

const ERASE: &str = "UPDATE pairs SET consumer_secret = NULL, token = NULL, token_secret = NULL";

fn is_ours(db: &Db, id: i64, claim: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT count(*) FROM pairs WHERE id = ?1 AND state = 1 AND claim = ?2")?
        .query_row([id, claim], |row| row.get::<_, i64>(0).map(|count| count == 1))
}

fn line(row: &Row<'_>) -> rusqlite::Result<PairLine> {
    let connection = row.get::<_, Option<i64>>("c_id")?;
    let secret_kept = row.get::<_, Option<Vec<u8>>>("consumer_secret")?.is_some();
    Ok(PairLine {
        number: row.get("id")?,
        account: row.get("account")?,
        consumer_key: row.get("consumer_key")?,
        state: PairState::of(row.get("state")?),
        why: row.get("why")?,
        scheme: Scheme::of(connection.is_some(), secret_kept),
        connection,
        connected: row.get::<_, Option<bool>>("works")?.unwrap_or(false),
        asked: row.get::<_, i64>("asked")?.unsigned_abs(),
        unanswered: row.get::<_, i64>("unanswered")?.unsigned_abs(),
        secret_kept,
        updated: UnixTime(row.get("updated")?),
    })
}
