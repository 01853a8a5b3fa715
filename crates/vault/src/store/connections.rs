//! The connections: what is known of each, and its tokens in envelopes. A pair is written whole or not at all.

use causeway_protocol::UnixTime;
use causeway_protocol::secret::Secret;
use rusqlite::{Connection as Db, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};

use super::{Ground, Store, Stored};
use crate::keys::Place;
use crate::reply::{LifeFrom, Tokens};

/// One connection of a partner's account to a platform's customer. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Stays the same when it is repaired.
    pub id: i64,
    /// The platform's key.
    pub platform: String,
    /// The partner's own account.
    pub account: String,
    /// The customer's name, or the platform's id where it tells no name, once its sites were listed.
    pub customer: Option<String>,
    /// What the platform listed last; empty where it has no sites.
    pub sites: Vec<Site>,
    /// The id of the chosen one.
    pub site: Option<String>,
    /// Does it work?
    pub status: Status,
    /// Space-separated words that were granted.
    pub scope: String,
    /// When a person connected it, the last time.
    pub connected_at: UnixTime,
    /// When the present tokens came.
    pub obtained: UnixTime,
    /// When the access token ends; `None`: nobody says, so it lives until a call answers 401.
    pub access_ends: Option<UnixTime>,
    /// Who said so.
    pub life_from: LifeFrom,
    /// When the refresh token ends, if that is known.
    pub refresh_ends: Option<UnixTime>,
    /// From when on a person should be told that it ends soon (OTE-13), if its end is known.
    pub warns_at: Option<UnixTime>,
    /// Rises with each new pair.
    pub generation: i64,
}

impl Connection {
    /// Whether a person should connect again, soon: it works, but what renews it nears its end.
    pub fn ends_soon(&self, now: UnixTime) -> bool {
        self.status == Status::Connected && self.warns_at.is_some_and(|from| from <= now)
    }

    /// Whether its access token has ended, as far as anybody said.
    pub(crate) fn access_is_over(&self, now: UnixTime) -> bool {
        self.access_ends.is_some_and(|end| end <= now)
    }

    /// Whether its refresh token has ended, as far as anybody said.
    pub(crate) fn refresh_is_over(&self, now: UnixTime) -> bool {
        self.refresh_ends.is_some_and(|end| end <= now)
    }
}

/// Does a connection work?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Yes.
    Connected,
    /// The platform ended it: a person must connect again. Settings are kept.
    ReconnectNeeded {
        /// The platform's own words, or ours.
        reason: String,
        /// Since when.
        at: UnixTime,
    },
    /// It was ended here; its tokens are deleted.
    Disconnected {
        /// Since when.
        at: UnixTime,
    },
}

/// One site of the customer, as the platform lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// What calls carry.
    pub id: String,
    /// For people.
    pub name: String,
    /// Only active ones can be called for.
    pub active: bool,
}

/// A connection with its tokens, for use.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) connection: Connection,
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
}

pub(super) const COLUMNS: &str = "id, platform, account, customer, sites, site, status, reason, scope, connected_at, \
     obtained, access_ends, life_from, refresh_ends, updated, generation, access, refresh";

impl Store {
    /// Those behind this number, oldest first, at most `most`.
    pub(crate) async fn connections(&self, after: i64, most: u32) -> Stored<Vec<Connection>> {
        self.run(move |db, _| {
            let sql = format!("SELECT {COLUMNS} FROM connections WHERE id > ?1 ORDER BY id LIMIT ?2");
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map((after, most), read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// By platform and account.
    pub(crate) async fn connection_of(&self, platform: String, account: String) -> Stored<Option<Connection>> {
        self.run(move |db, _| {
            let sql = format!("SELECT {COLUMNS} FROM connections WHERE platform = ?1 AND account = ?2");
            Ok(db.prepare_cached(&sql)?.query_row(params![platform, account], read).optional()?)
        })
        .await
    }

    /// By its own number.
    pub(crate) async fn connection(&self, id: i64) -> Stored<Option<Connection>> {
        self.run(move |db, _| row(db, id)).await
    }

    /// With its tokens; `None` when there is none, or its tokens are gone.
    pub(crate) async fn live(&self, id: i64) -> Stored<Option<Live>> {
        self.run(move |db, ground| live(db, ground, id)).await
    }

    /// A person connected: makes the connection, or repairs the one that this account has.
    pub(crate) async fn connect(
        &self,
        platform: String,
        account: String,
        asked: String,
        tokens: Tokens,
        now: UnixTime,
    ) -> Stored<Connection> {
        self.run(move |db, ground| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let id = connect_in(&tx, ground, (&platform, &account), &asked, &tokens, now)?;
            let connection = row(&tx, id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            tx.commit()?;
            Ok(connection)
        })
        .await
    }

    /// Ends it here: the tokens are deleted, the row and its settings stay.
    pub(crate) async fn disconnect(&self, id: i64, now: UnixTime) -> Stored<()> {
        self.run(move |db, _| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            tx.execute(
                "UPDATE connections SET status = 3, reason = '', updated = ?2, generation = generation + 1,
                     access = NULL, refresh = NULL, refresh_ends = NULL WHERE id = ?1",
                params![id, now.0],
            )?;
            tx.execute("DELETE FROM refreshes WHERE connection = ?1", [id])?;
            Ok(tx.commit()?)
        })
        .await
    }

    /// What the platform lists. A chosen site that is gone, or is switched off, is chosen no more.
    pub(crate) async fn set_sites(&self, id: i64, customer: Option<String>, sites: Vec<Site>) -> Stored<()> {
        self.run(move |db, _| {
            let text = serde_json::to_string(&sites).unwrap_or_else(|_| "[]".to_owned());
            let chosen: Option<String> = db
                .query_row("SELECT site FROM connections WHERE id = ?1", [id], |row| row.get(0))
                .optional()?
                .flatten()
                .filter(|chosen| sites.iter().any(|site| site.id == *chosen && site.active));
            let first = || sites.iter().find(|site| site.active).map(|site| site.id.clone());
            db.execute(
                "UPDATE connections SET customer = coalesce(?2, customer), sites = ?3, site = ?4 WHERE id = ?1",
                params![id, customer, text, chosen.or_else(first)],
            )?;
            Ok(())
        })
        .await
    }

    /// What the platform calls the customer.
    pub(crate) async fn name_customer(&self, id: i64, name: String) -> Stored<()> {
        self.run(move |db, _| {
            db.execute("UPDATE connections SET customer = ?2 WHERE id = ?1", params![id, name])?;
            Ok(())
        })
        .await
    }

    /// Which site calls are about.
    pub(crate) async fn choose_site(&self, id: i64, site: String) -> Stored<()> {
        self.run(move |db, _| {
            db.execute("UPDATE connections SET site = ?2 WHERE id = ?1", params![id, site])?;
            Ok(())
        })
        .await
    }
}

/// Makes or repairs the connection of (platform, account), in the caller's transaction. Answers its number.
pub(super) fn connect_in(
    db: &Db,
    ground: &Ground,
    of: (&str, &str),
    asked: &str,
    tokens: &Tokens,
    now: UnixTime,
) -> rusqlite::Result<i64> {
    let id: i64 = db.query_row(
        "INSERT INTO connections (platform, account, sites, status, reason, scope, connected_at, obtained,
             access_ends, updated, generation)
         VALUES (?1, ?2, '[]', 1, '', '', ?3, ?3, ?3, ?3, 0)
         ON CONFLICT (platform, account) DO UPDATE SET connected_at = ?3
         RETURNING id",
        params![of.0, of.1, now.0],
        |row| row.get(0),
    )?;
    // No scope in the reply: what was asked for was granted (RFC 6749 5.1). No refresh token: the old one is not ours
    // to keep, it belongs to another authorization.
    db.execute(
        "UPDATE connections SET scope = ?2, refresh = NULL, refresh_ends = NULL WHERE id = ?1",
        params![id, asked],
    )?;
    store_pair(db, ground, id, tokens, now)?;
    db.execute("DELETE FROM refreshes WHERE connection = ?1", [id])?;
    Ok(id)
}

/// Writes a new pair over the old one. A reply without a refresh token or a scope leaves the present ones.
pub(super) fn store_pair(db: &Db, ground: &Ground, id: i64, tokens: &Tokens, now: UnixTime) -> rusqlite::Result<()> {
    let access = ground.seal(place(&id.to_be_bytes(), "access"), tokens.access.expose());
    let refresh = tokens.refresh.as_ref().map(|token| ground.seal(place(&id.to_be_bytes(), "refresh"), token.expose()));
    db.execute(
        "UPDATE connections SET status = 1, reason = '', updated = ?2, obtained = ?2, access_ends = ?3,
             refresh_ends = coalesce(?4, refresh_ends), scope = coalesce(?5, scope), access = ?6,
             refresh = coalesce(?7, refresh), life_from = ?8, generation = generation + 1 WHERE id = ?1",
        params![
            id,
            now.0,
            tokens.access_ends.unwrap_or(now).0,
            tokens.refresh_ends.map(|at| at.0),
            tokens.scope,
            access,
            refresh,
            number(tokens.life_from)
        ],
    )?;
    Ok(())
}

pub(super) fn row(db: &Db, id: i64) -> Stored<Option<Connection>> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM connections WHERE id = ?1"))?;
    Ok(statement.query_row([id], read).optional()?)
}

pub(super) fn live(db: &Db, ground: &Ground, id: i64) -> Stored<Option<Live>> {
    let mut statement = db.prepare_cached(&format!("SELECT {COLUMNS} FROM connections WHERE id = ?1"))?;
    let found = statement
        .query_row([id], |row| {
            let envelopes: (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get("access")?, row.get("refresh")?);
            Ok((read(row)?, envelopes))
        })
        .optional()?;
    let Some((connection, (Some(access), refresh))) = found else { return Ok(None) };
    let row = id.to_be_bytes();
    let access = ground.open(place(&row, "access"), &access)?;
    let refresh = refresh.map(|envelope| ground.open(place(&row, "refresh"), &envelope)).transpose()?;
    Ok(Some(Live { connection, access, refresh }))
}

fn place<'a>(row: &'a [u8], field: &'static str) -> Place<'a> {
    Place { table: "connections", row, field }
}

fn number(from: LifeFrom) -> i64 {
    match from {
        LifeFrom::Reply => 1,
        LifeFrom::Token => 2,
        LifeFrom::Profile => 3,
        LifeFrom::Nobody => 4,
    }
}

fn life_from(number: i64) -> LifeFrom {
    match number {
        1 => LifeFrom::Reply,
        2 => LifeFrom::Token,
        3 => LifeFrom::Profile,
        _ => LifeFrom::Nobody,
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Connection> {
    let updated = UnixTime(row.get("updated")?);
    let status = match row.get::<_, i64>("status")? {
        1 => Status::Connected,
        2 => Status::ReconnectNeeded { reason: row.get("reason")?, at: updated },
        _ => Status::Disconnected { at: updated },
    };
    let sites: String = row.get("sites")?;
    let life_from = life_from(row.get("life_from")?);
    let access_ends = UnixTime(row.get("access_ends")?);
    Ok(Connection {
        id: row.get("id")?,
        platform: row.get("platform")?,
        account: row.get("account")?,
        customer: row.get("customer")?,
        sites: serde_json::from_str(&sites).unwrap_or_default(),
        site: row.get("site")?,
        status,
        scope: row.get("scope")?,
        connected_at: UnixTime(row.get("connected_at")?),
        obtained: UnixTime(row.get("obtained")?),
        access_ends: (life_from != LifeFrom::Nobody).then_some(access_ends),
        life_from,
        refresh_ends: row.get::<_, Option<i64>>("refresh_ends")?.map(UnixTime),
        // The profile's, not the row's: `vault.rs` fills it in.
        warns_at: None,
        generation: row.get("generation")?,
    })
}
