//! People who were sent to a platform: the `state` of each, good once, for one session, for ten minutes.

use causeway_protocol::UnixTime;
use causeway_protocol::secret::Secret;
use rusqlite::{OptionalExtension as _, params};

use super::{Store, StoreError, Stored};
use crate::keys::Place;

/// At most this many of one session are on their way at once.
const MOST_OF_SESSION: u32 = 20;

/// One person on the way.
#[derive(Debug)]
pub(crate) struct Pending {
    /// SHA-256 of `state`.
    pub(crate) state: [u8; 32],
    /// SHA-256 of the session.
    pub(crate) session: [u8; 32],
    pub(crate) platform: String,
    pub(crate) account: String,
    pub(crate) verifier: Secret,
    pub(crate) ends: UnixTime,
}

impl Store {
    /// Remembers one, and forgets those whose time is over. A flood of visits must not fill the disk, and must not keep
    /// anybody from connecting: beyond `most`, and beyond a session's share, the oldest is forgotten.
    pub(crate) async fn begin(&self, pending: Pending, now: UnixTime, most: u32) -> Stored<()> {
        self.run(move |db, ground| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            tx.execute("DELETE FROM connects WHERE ends <= ?1", [now.0])?;
            tx.execute(
                "DELETE FROM connects WHERE state IN (
                     SELECT state FROM connects WHERE session = ?1 ORDER BY ends DESC LIMIT -1 OFFSET ?2)",
                params![pending.session, MOST_OF_SESSION - 1],
            )?;
            tx.execute(
                "DELETE FROM connects WHERE state IN (
                     SELECT state FROM connects ORDER BY ends DESC LIMIT -1 OFFSET ?1)",
                [most.saturating_sub(1)],
            )?;
            let verifier = ground.seal(place(&pending.state), pending.verifier.expose());
            tx.execute(
                "INSERT INTO connects (state, session, platform, account, verifier, ends)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![pending.state, pending.session, pending.platform, pending.account, verifier, pending.ends.0],
            )?;
            tx.commit()?;
            Ok(())
        })
        .await
    }

    /// Takes one out, once: only for its own session and platform, and in time. One that is somebody else's stays.
    pub(crate) async fn take(
        &self,
        state: [u8; 32],
        session: [u8; 32],
        platform: String,
        now: UnixTime,
    ) -> Stored<Option<Pending>> {
        self.run(move |db, ground| {
            let taken = db
                .query_row(
                    "DELETE FROM connects WHERE state = ?1 AND session = ?2 AND platform = ?3
                     RETURNING account, verifier, ends",
                    params![state, session, platform],
                    |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?)),
                )
                .optional()?;
            let Some((account, verifier, ends)) = taken.filter(|(_, _, ends)| now.0 < *ends) else {
                return Ok(None);
            };
            let verifier = ground.open(place(&state), &verifier).map_err(|_| StoreError::Envelope)?;
            Ok(Some(Pending { state, session, platform, account, verifier, ends: UnixTime(ends) }))
        })
        .await
    }
}

fn place(state: &[u8; 32]) -> Place<'_> {
    Place { table: "connects", row: state, field: "verifier" }
}
