//! Redemptions and exchanges that wait together, as far as they are plain: one statement over arrays for all redemptions, one for
//! all exchanges, sent with the lock in front of them. A batch costs two round trips, however many it holds: one to here, one for
//! the audit rows and the commit. Whatever is not plain is left out by its statement, and goes the general way behind them.
//!
//! Unlike a lone one (`plain.rs`) these stand in a transaction that holds the lock: each statement sees everything that was
//! committed before, as the general way does, and what it looked at cannot change before the commit. The changes of a batch
//! all wait at the same moment, so that any order among them is right; two that touch the same rows are kept apart.

use std::collections::{HashMap, HashSet};

use causeway_protocol::change::{Applied, Change, CreateFamily, Exchange, Outcome, Row};
use causeway_protocol::records::{Act, Family};
use causeway_protocol::{ConnectionId, FamilyId, Position};
use tokio_postgres::types::ToSql;

use super::KeyLayout;
use super::layout::shard;
use super::link::{Link, PgRow, Values};
use crate::sql::db::{Row as _, Sql, SqlError};
use crate::sql::{Head, audit_all, families::slots_blob, rows};

/// The columns of a family, in the order of their arrays.
const FAMILY: &str = "family, shard, generation, moved_at, key_id, retry, digest, ends_at, scopes, slots";
const FAMILY_ARRAYS: &str = "CAST($1 AS BIGINT[]), CAST($2 AS SMALLINT[]), CAST($3 AS INTEGER[]), CAST($4 AS BIGINT[]),
    CAST($5 AS INTEGER[]), CAST($6 AS BYTEA[]), CAST($7 AS BYTEA[]), CAST($8 AS BIGINT[]), CAST($9 AS BYTEA[]),
    CAST($10 AS BYTEA[])";

/// A first family of its connection, which finds the slot free.
const REDEEMED: &str = "
    WITH t AS (SELECT {family}, connection, as_of, app, customer, person
                 FROM unnest({arrays}, CAST($11 AS BIGINT[]), CAST($12 AS BIGINT[]), CAST($13 AS BIGINT[]),
                             CAST($14 AS BIGINT[]), CAST($15 AS BIGINT[]))
                      AS t ({family}, connection, as_of, app, customer, person)),
         held AS (UPDATE connections AS c SET families = t.slots FROM t
                   WHERE c.id = t.connection AND c.live = 1 AND c.families = CAST($16 AS BYTEA)
                     AND NOT EXISTS (SELECT 1 FROM families AS f WHERE f.id = t.family{of_shard})
                     AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 2 AND x.id = t.connection
                                        AND (x.off = 1 OR x.cut_all > t.as_of))
                     AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 3 AND x.id = t.app
                                        AND (x.off = 1 OR x.cut_all > t.as_of))
                     AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 4 AND x.id = t.customer
                                        AND (x.off = 1 OR x.cut_all > t.as_of))
                     AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 5 AND x.id = t.person
                                        AND (x.off = 1 OR x.cut_all > t.as_of))
               RETURNING t.family, t.shard, t.generation, t.moved_at, t.key_id, t.retry, t.digest, t.ends_at, t.scopes,
                         c.id AS connection, c.scopes AS allowed),";

/// An exchange that finds neither mark nor connection: a connection of its own, and the mark.
const EXCHANGED: &str = "
    WITH t AS (SELECT {family}, app, kind, subject, customer, person, allowed, at, consumer
                 FROM unnest({arrays}, CAST($11 AS BIGINT[]), CAST($12 AS SMALLINT[]), CAST($13 AS BIGINT[]),
                             CAST($14 AS BIGINT[]), CAST($15 AS BIGINT[]), CAST($16 AS BYTEA[]), CAST($17 AS BIGINT[]),
                             CAST($18 AS BIGINT[]))
                      AS t ({family}, app, kind, subject, customer, person, allowed, at, consumer)
                WHERE NOT EXISTS (SELECT 1 FROM exchanges AS e WHERE e.app = t.app AND e.consumer = t.consumer)
                  AND NOT EXISTS (SELECT 1 FROM connections AS c
                                   WHERE c.subject_kind = t.kind AND c.subject_id = t.subject AND c.app = t.app)
                  AND NOT EXISTS (SELECT 1 FROM families AS f WHERE f.id = t.family{of_shard})
                  AND EXISTS (SELECT 1 FROM consumers AS c WHERE c.id = t.consumer)
                  AND EXISTS (SELECT 1 FROM apps AS a WHERE a.id = t.app)
                  AND EXISTS (SELECT 1 FROM customers AS c WHERE c.id = t.customer)
                  AND (t.person = 0 OR EXISTS (SELECT 1 FROM people AS p WHERE p.id = t.person))
                  AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 3 AND x.id = t.app AND x.off = 1)
                  AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 4 AND x.id = t.customer AND x.off = 1)
                  AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 5 AND x.id = t.person AND x.off = 1)
                  AND NOT EXISTS (SELECT 1 FROM cuts AS x WHERE x.kind = 8 AND x.id = t.consumer AND x.off = 1)),
         held AS (SELECT {family}, app, kind, subject, customer, person, allowed, at, consumer,
                         (SELECT coalesce(max(id), 0) FROM connections) + row_number() OVER (ORDER BY family) AS connection
                    FROM t),
         connected AS (INSERT INTO connections (id, app, subject_kind, subject_id, customer, authorized_by, scopes, created_at,
                                                allowed_at, live, cut_at, last_used, families)
                       SELECT connection, app, kind, subject, customer, person, allowed, at, at, 1, NULL,
                              CAST($19 AS BIGINT), slots FROM held),
         mark AS (INSERT INTO exchanges (app, consumer, family, connection, at, reopened)
                  SELECT app, consumer, family, connection, at, 0 FROM held),";

/// The end of both.
const MADE: &str = "
         made AS (INSERT INTO families ({shard}id, generation, moved_at, key_id, retry, digest, ends_at, connection, scopes,
                                        repudiated)
                  SELECT {shard}family, generation, moved_at, key_id, retry, digest, ends_at, connection, scopes, 0 FROM held)
    SELECT family, connection, allowed FROM held";

/// Both statements, for a layout of keys.
fn statements(layout: KeyLayout) -> &'static [String; 2] {
    static TEXTS: std::sync::OnceLock<[[String; 2]; 2]> = std::sync::OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        [("", ""), ("shard, ", " AND f.shard = t.shard")].map(|(shard, of_shard)| {
            [REDEEMED, EXCHANGED].map(|beginning| {
                let text = beginning.to_owned() + MADE;
                let text = text.replace("{family}", FAMILY).replace("{arrays}", FAMILY_ARRAYS);
                text.replace("{of_shard}", of_shard).replace("{shard}", shard)
            })
        })
    });
    &texts[usize::from(layout == KeyLayout::Sharded)]
}

/// Those of a batch that may share a statement, each with the number of its job.
#[derive(Default)]
pub(super) struct Together<'a> {
    redeemed: Vec<(usize, &'a CreateFamily)>,
    exchanged: Vec<(usize, &'a Exchange)>,
}

impl<'a> Together<'a> {
    /// Of jobs with one change each; of several that touch the same rows, the first.
    pub(super) fn of(jobs: impl Iterator<Item = &'a [Change]>) -> Self {
        let mut together = Together::default();
        let (mut families, mut connections) = (HashSet::new(), HashSet::new());
        let (mut pairs, mut subjects) = (HashSet::new(), HashSet::new());
        for (n, changes) in jobs.enumerate() {
            match changes {
                [Change::CreateFamily(change)] => {
                    let family = &change.family;
                    if families.insert(family.id) && connections.insert(family.connection) {
                        together.redeemed.push((n, change));
                    }
                }
                [Change::Exchange(change)] => {
                    let allow = &change.allow;
                    if families.insert(change.family.id)
                        && pairs.insert((allow.app, change.consumer))
                        && subjects.insert((allow.app, allow.subject.numbers()))
                    {
                        together.exchanged.push((n, change));
                    }
                }
                _ => {}
            }
        }
        together
    }

    /// Begins the transaction: locks the head, and makes what is plain. Answers the head and, by job, what was made.
    pub(super) async fn begin(&self, link: &mut Link) -> Sql<(Head, HashMap<usize, Outcome>)> {
        let [redeemed, exchanged] = statements(link.layout());
        // Before anything is sent: preparing waits, and holds nothing here.
        link.prepare(Head::LOCK).await?;
        let mut wanted: Vec<(&str, Values)> = Vec::new();
        if !self.redeemed.is_empty() {
            wanted.push((redeemed, self.redemptions()));
        }
        if !self.exchanged.is_empty() {
            wanted.push((exchanged, self.exchanges()));
        }
        for (sql, _) in &wanted {
            link.prepare(sql).await?;
        }
        link.begin();
        let lock = link.send_query(Head::LOCK, Vec::new()).await?;
        let mut asked = Vec::with_capacity(wanted.len());
        for (sql, values) in wanted {
            asked.push(link.send_query(sql, values).await?);
        }
        let locked = link.take(lock).await?;
        let head = Head::of(locked.first().ok_or_else(|| SqlError::Failed("the row of meta is gone".to_owned()))?)?;
        let mut made = HashMap::new();
        for asked in asked {
            for row in link.take(asked).await? {
                made.insert(FamilyId(row.int(0)?), row);
            }
        }
        Ok((head, self.outcomes(head.position, &made)?))
    }

    fn families(&self) -> impl Iterator<Item = (usize, &'a Family)> {
        let redeemed = self.redeemed.iter().map(|(n, change)| (*n, &change.family));
        redeemed.chain(self.exchanged.iter().map(|(n, change)| (*n, &change.family)))
    }

    fn outcomes(&self, position: Position, made: &HashMap<FamilyId, PgRow>) -> Sql<HashMap<usize, Outcome>> {
        let mut outcomes = HashMap::with_capacity(made.len());
        for (n, family) in self.families() {
            let Some(row) = made.get(&family.id) else { continue };
            let family = Family { connection: ConnectionId(row.int(1)?), ..family.clone() };
            let row = Row::Family { family, connection_scopes: rows::scopes(row, 2)? };
            outcomes.insert(n, Outcome::Applied(Applied { position, feed: Vec::new(), row }));
        }
        Ok(outcomes)
    }

    /// The audit rows of what was made.
    pub(super) async fn audit(&self, link: &mut Link, head: &mut Head, made: &HashMap<usize, Outcome>) -> Sql<()> {
        let redeemed = self.redeemed.iter().filter(|(n, _)| made.contains_key(n)).map(|(_, change)| change.act.clone());
        let exchanged = self.exchanged.iter().filter_map(|(n, change)| match made.get(n) {
            Some(Outcome::Applied(Applied { row: Row::Family { family, .. }, .. })) => {
                Some(Act { subject: change.act.subject.or(Some(family.connection.into())), ..change.act.clone() })
            }
            _ => None,
        });
        audit_all(link, head, &redeemed.chain(exchanged).collect::<Vec<_>>()).await
    }

    fn redemptions(&self) -> Values {
        let all: Vec<&CreateFamily> = self.redeemed.iter().map(|(_, change)| *change).collect();
        let mut values = of_families(&all.iter().map(|change| &change.family).collect::<Vec<_>>());
        values.push(array(&all, |change| change.family.connection.0));
        values.push(array(&all, |change| change.as_of.0));
        values.push(array(&all, |change| change.app.0));
        values.push(array(&all, |change| change.customer.0));
        values.push(array(&all, |change| change.user.0));
        values.push(Box::new(slots_blob(&[])));
        values
    }

    fn exchanges(&self) -> Values {
        let all: Vec<&Exchange> = self.exchanged.iter().map(|(_, change)| *change).collect();
        let mut values = of_families(&all.iter().map(|change| &change.family).collect::<Vec<_>>());
        values.push(array(&all, |change| change.allow.app.0));
        // A kind of subject is a small number.
        values.push(array(&all, |change| i16::try_from(change.allow.subject.numbers().0).unwrap_or(-1)));
        values.push(array(&all, |change| change.allow.subject.numbers().1));
        values.push(array(&all, |change| change.allow.customer.0));
        values.push(array(&all, |change| change.allow.person.0));
        values.push(array(&all, |change| change.allow.scopes.to_bytes().to_vec()));
        values.push(array(&all, |change| change.act.at.0));
        values.push(array(&all, |change| change.consumer.0));
        values.push(Box::new(rows::NEVER));
        values
    }
}

fn array<C, T: ToSql + Send + Sync + 'static>(all: &[&C], one: impl Fn(&C) -> T) -> Box<dyn ToSql + Send + Sync> {
    Box::new(all.iter().map(|change| one(change)).collect::<Vec<T>>())
}

/// The arrays of [`FAMILY`].
fn of_families(all: &[&Family]) -> Values {
    // Both fit: a new family's generation is 0, a key's number has two bytes.
    let narrow = |number: i64| i32::try_from(number).unwrap_or(-1);
    vec![
        array(all, |family: &Family| family.id.0),
        array(all, |family| shard(family.id.0)),
        array(all, |family| narrow(rows::stored_generation(family.generation))),
        array(all, |family| family.moved_at.0),
        array(all, |family| narrow(rows::stored_key(family.key_id))),
        array(all, |family| rows::stored_retry(family.retry).to_vec()),
        array(all, |family| family.digest.0.to_vec()),
        array(all, |family| family.ends_at.0),
        array(all, |family| family.scopes.to_bytes().to_vec()),
        array(all, |family| slots_blob(&[family.id])),
    ]
}
