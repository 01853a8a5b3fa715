//! Refreshes in flight: one at a time per connection, across processes, and safe to repeat after a crash.
//!
//! The row is written before the request is sent, and deleted in the transaction that stores the new pair. Whoever
//! finds one whose holder is gone repeats that very refresh, with the key that it had.

use causeway_protocol::UnixTime;
use causeway_protocol::secret::Secret;
use rusqlite::{Connection as Db, OptionalExtension as _, params};

use super::connections::{live, store_pair};
use super::{Ground, Live, Status, Store, Stored};
use crate::keys::Place;
use crate::reply::Tokens;

/// Asks to be the one who refreshes.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) id: i64,
    /// The generation of the pair to be replaced.
    pub(crate) seen: i64,
    /// Also when the platform said that the connection ended.
    pub(crate) revive: bool,
    /// The retry key, unless this very refresh was begun before.
    pub(crate) fresh_key: Secret,
    pub(crate) now_ms: i64,
    pub(crate) lease_ms: i64,
}

/// What came of asking.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It is ours until the lease ends. `begun`: it was sent before, and nobody knows how that ended.
    Mine { live: Live, refresh: Secret, retry_key: Secret, begun: bool },
    /// Somebody else stored a newer pair meanwhile.
    Newer(Live),
    /// Another process is at it.
    Held,
    /// There is no refresh token.
    NoRefreshToken,
    /// The connection was ended; `None` when there is no such connection.
    Ended(Option<Status>),
}

impl Store {
    /// Asks for the right to replace the pair `ask.seen`.
    pub(crate) async fn claim(&self, ask: Ask) -> Stored<Claim> {
        self.run(move |db, ground| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let claim = claim(&tx, ground, ask)?;
            tx.commit()?;
            Ok(claim)
        })
        .await
    }

    /// The new pair, and the end of the refresh, in one transaction: durable before anybody uses it (CORE-21). `None`:
    /// somebody else moved the connection on first, and the pair is void.
    pub(crate) async fn save(&self, id: i64, generation: i64, tokens: Tokens, now: UnixTime) -> Stored<Option<Live>> {
        self.run(move |db, ground| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            if !stands_at(&tx, id, generation)? {
                return Ok(None);
            }
            store_pair(&tx, ground, id, &tokens, now)?;
            tx.execute("DELETE FROM refreshes WHERE connection = ?1", [id])?;
            let saved = live(&tx, ground, id)?;
            tx.commit()?;
            Ok(saved)
        })
        .await
    }

    /// The platform ended the connection. False: somebody else moved it on first, and it may live.
    pub(crate) async fn end(&self, id: i64, generation: i64, reason: String, now: UnixTime) -> Stored<bool> {
        self.run(move |db, _| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            if !stands_at(&tx, id, generation)? {
                return Ok(false);
            }
            tx.execute(
                "UPDATE connections SET status = 2, reason = ?2, updated = ?3 WHERE id = ?1 AND status = 1",
                params![id, reason, now.0],
            )?;
            tx.execute("DELETE FROM refreshes WHERE connection = ?1", [id])?;
            tx.commit()?;
            Ok(true)
        })
        .await
    }

    /// Nothing is known about the end: whoever is next repeats it with the same key.
    pub(crate) async fn release(&self, id: i64) -> Stored<()> {
        self.run(move |db, ground| {
            let mine = params![id, ground.holder];
            db.execute("UPDATE refreshes SET lease_ends = 0 WHERE connection = ?1 AND holder = ?2", mine)?;
            Ok(())
        })
        .await
    }

    /// The platform refused it, surely without doing it: the next one is a new one.
    pub(crate) async fn abandon(&self, id: i64) -> Stored<()> {
        self.run(move |db, ground| {
            db.execute("DELETE FROM refreshes WHERE connection = ?1 AND holder = ?2", params![id, ground.holder])?;
            Ok(())
        })
        .await
    }
}

fn claim(db: &Db, ground: &Ground, ask: Ask) -> Stored<Claim> {
    let Ask { id, seen, now_ms, lease_ms, .. } = ask;
    let Some(live) = live(db, ground, id)? else {
        return Ok(Claim::Ended(super::connections::row(db, id)?.map(|connection| connection.status)));
    };
    match live.connection.status {
        Status::Connected => {}
        Status::ReconnectNeeded { .. } if ask.revive => {}
        status => return Ok(Claim::Ended(Some(status))),
    }
    if live.connection.generation != seen {
        return Ok(Claim::Newer(live));
    }
    let Some(refresh) = live.refresh.clone() else { return Ok(Claim::NoRefreshToken) };
    let begun = db
        .query_row(
            "SELECT generation, retry_key, holder, lease_ends FROM refreshes WHERE connection = ?1",
            [id],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?)),
        )
        .optional()?;
    let (retry_key, begun) = match begun {
        // A lease that ends later than any lease can was written under another clock.
        Some((of, _, holder, ends))
            if of == seen && holder != ground.holder && (now_ms + 1..=now_ms + lease_ms).contains(&ends) =>
        {
            return Ok(Claim::Held);
        }
        Some((of, envelope, ..)) if of == seen => (ground.open(place(&id.to_be_bytes()), &envelope)?, true),
        _ => (ask.fresh_key, false),
    };
    let envelope = ground.seal(place(&id.to_be_bytes()), retry_key.expose());
    db.execute(
        "INSERT INTO refreshes (connection, generation, retry_key, holder, lease_ends) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (connection) DO UPDATE SET generation = ?2, retry_key = ?3, holder = ?4, lease_ends = ?5",
        params![id, seen, envelope, ground.holder, now_ms + lease_ms],
    )?;
    Ok(Claim::Mine { live, refresh, retry_key, begun })
}

fn stands_at(db: &Db, id: i64, generation: i64) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) FROM connections WHERE id = ?1 AND generation = ?2", [id, generation], |row| {
        row.get::<_, i64>(0).map(|count| count == 1)
    })
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "refreshes", row, field: "retry_key" }
}
