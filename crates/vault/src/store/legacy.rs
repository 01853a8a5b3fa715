//! OAuth 1.0 pairs: kept in envelopes, bound to platform, account and key. Which scheme an account uses is read here too.
//! The journal of their exchange is the same rows' other half: `campaign.rs`.

use causeway_protocol::UnixTime;
use causeway_protocol::secret::Secret;
use rusqlite::{Connection as Db, OptionalExtension as _, Row, params};

use super::{Ground, Store, Stored};
use crate::keys::Place;
use crate::legacy::{Account, Notice, Scheme};
use crate::migrate::PairState;

/// A pair from outside, its fields checked.
#[derive(Debug)]
pub(crate) struct NewPair {
    pub(crate) account: String,
    pub(crate) consumer_key: String,
    pub(crate) consumer_secret: Secret,
    pub(crate) token: Option<(String, Secret)>,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is new, or its secret is.
    Taken,
    /// It was there already.
    Known,
    /// Why it was not taken.
    Not(String),
}

/// Whose secrets sign.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) consumer_key: String,
    pub(crate) consumer_secret: Secret,
    pub(crate) token: Option<(String, Secret)>,
    pub(crate) notice: Notice,
}

/// What an account can call with.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It has, or had, a connection.
    Connection(i64),
    /// Only a pair.
    Pair(Box<Signer>),
    Nothing,
}

impl Store {
    /// Takes pairs in, in one transaction. `import` is the same for all of one file.
    pub(crate) async fn add_pairs(
        &self,
        platform: String,
        import: i64,
        pairs: Vec<NewPair>,
        now: UnixTime,
    ) -> Stored<Vec<Added>> {
        self.run(move |db, ground| {
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let added = pairs.iter().map(|pair| add(&tx, ground, &platform, import, pair, now));
            let added = added.collect::<Stored<Vec<Added>>>()?;
            tx.commit()?;
            Ok(added)
        })
        .await
    }

    /// TSM-22: a connection counts first, working or not; a pair only where there never was one.
    pub(crate) async fn standing(&self, platform: String, account: String) -> Stored<Standing> {
        self.run(move |db, ground| {
            let of = params![platform, account];
            let connection =
                db.query_row("SELECT id FROM connections WHERE platform = ?1 AND account = ?2", of, |row| row.get(0));
            if let Some(id) = connection.optional()? {
                return Ok(Standing::Connection(id));
            }
            let mut statement =
                db.prepare_cached("SELECT * FROM pairs WHERE platform = ?1 AND account = ?2 AND state <> 2")?;
            let kept = statement.query_row(of, |row| Ok((Kept::read(row)?, notice(row)?))).optional()?;
            let Some((kept, notice)) = kept else { return Ok(Standing::Nothing) };
            let Some((consumer_secret, token)) = kept.secrets(ground)? else { return Ok(Standing::Nothing) };
            let signer = Signer { consumer_key: kept.consumer_key, consumer_secret, token, notice };
            Ok(Standing::Pair(Box::new(signer)))
        })
        .await
    }

    /// What a platform said to this account about the end of OAuth 1.0.
    pub(crate) async fn set_notice(&self, platform: String, account: String, notice: Notice) -> Stored<()> {
        self.run(move |db, _| {
            let deprecated = notice.deprecated.then(|| notice.since.map_or(0, |at| at.0));
            let (ends, guide) = (notice.ends_at.map(|at| at.0), notice.guide);
            db.execute(
                "UPDATE pairs SET deprecated = ?3, ends = ?4, guide = ?5 WHERE platform = ?1 AND account = ?2",
                params![platform, account, deprecated, ends, guide],
            )?;
            Ok(())
        })
        .await
    }

    /// Accounts in the order of their names, after `after`.
    pub(crate) async fn accounts(&self, platform: String, after: String, most: u32) -> Stored<Vec<Account>> {
        self.run(move |db, _| {
            let names = ["connections", "pairs", "accounts"].map(|table| {
                format!(
                    "SELECT account FROM (SELECT account FROM {table}
                         WHERE platform = ?1 AND account > ?2 ORDER BY account LIMIT ?3)"
                )
            });
            let sql = format!("{} ORDER BY names.account LIMIT ?3", facts_of(&names.join(" UNION ")));
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map(params![platform, after, most], account)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One of them; `None`: nothing is known of it.
    pub(crate) async fn account(&self, platform: String, name: String) -> Stored<Option<Account>> {
        self.run(move |db, _| {
            let mut statement = db.prepare_cached(&facts_of("SELECT ?2 AS account"))?;
            let found = statement.query_row(params![platform, name], account)?;
            let is_known = found.connection.is_some() || found.pair.is_some() || found.name.is_some();
            Ok(is_known.then_some(found))
        })
        .await
    }
}

/// What is known of each of these accounts of platform ?1.
fn facts_of(names: &str) -> String {
    format!(
        "SELECT names.account, a.name AS a_name, c.id AS c_id, c.status, p.* FROM ({names}) AS names
         LEFT JOIN accounts AS a ON a.platform = ?1 AND a.account = names.account
         LEFT JOIN connections AS c ON c.platform = ?1 AND c.account = names.account
         LEFT JOIN pairs AS p ON p.platform = ?1 AND p.account = names.account"
    )
}

/// A consumer secret, and a token with its own.
type Secrets = (Secret, Option<(String, Secret)>);

/// A pair as its row holds it.
pub(super) struct Kept {
    pub(super) id: i64,
    platform: String,
    pub(super) account: String,
    pub(super) consumer_key: String,
    token: Option<String>,
    consumer_secret: Option<Vec<u8>>,
    token_secret: Option<Vec<u8>>,
    state: i64,
    import: i64,
}

impl Kept {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            platform: row.get("platform")?,
            account: row.get("account")?,
            consumer_key: row.get("consumer_key")?,
            token: row.get("token")?,
            consumer_secret: row.get("consumer_secret")?,
            token_secret: row.get("token_secret")?,
            state: row.get("state")?,
            import: row.get("import")?,
        })
    }

    /// Consumer secret, and token with its secret. `None`: they were erased.
    pub(super) fn secrets(&self, ground: &Ground) -> Stored<Option<Secrets>> {
        let row = bound(&self.platform, &self.account, &self.consumer_key);
        let Some(consumer) = &self.consumer_secret else { return Ok(None) };
        let consumer = ground.open(place(&row, "consumer_secret"), consumer)?;
        let token = match (&self.token, &self.token_secret) {
            (Some(token), Some(secret)) => Some((token.clone(), ground.open(place(&row, "token_secret"), secret)?)),
            _ => None,
        };
        Ok(Some((consumer, token)))
    }
}

fn add(db: &Db, ground: &Ground, platform: &str, import: i64, pair: &NewPair, now: UnixTime) -> Stored<Added> {
    let not = |why: String| Ok(Added::Not(why));
    let held = db
        .prepare_cached("SELECT account FROM pairs WHERE platform = ?1 AND consumer_key = ?2 AND account <> ?3")?
        .query_row(params![platform, pair.consumer_key, pair.account], |row| row.get::<_, String>(0))
        .optional()?;
    if let Some(other) = held {
        // Two connections out of one pair would be one grant in two hands: the first refresh ends the other.
        return not(format!("this consumer key belongs to the account {other} already"));
    }
    let kept = db
        .prepare_cached("SELECT * FROM pairs WHERE platform = ?1 AND account = ?2")?
        .query_row(params![platform, pair.account], Kept::read)
        .optional()?;
    let Some(kept) = kept else { return write(db, ground, platform, import, pair, now) };
    if kept.import == import {
        return not("this account stands in the file already".to_owned());
    }
    let done = PairState::of(kept.state) == PairState::Done;
    if done && kept.consumer_key != pair.consumer_key {
        return not("this account was migrated already, with another consumer key".to_owned());
    }
    let same = kept.consumer_key == pair.consumer_key
        && kept.secrets(ground).is_ok_and(|held| held == Some((pair.consumer_secret.clone(), pair.token.clone())));
    if done || same {
        db.execute("UPDATE pairs SET import = ?2 WHERE id = ?1", [kept.id, import])?;
        return Ok(Added::Known);
    }
    write(db, ground, platform, import, pair, now)
}

/// A new pair, or another secret for one that is not done: it is asked for afresh, whatever was said to the old one.
fn write(db: &Db, ground: &Ground, platform: &str, import: i64, pair: &NewPair, now: UnixTime) -> Stored<Added> {
    let row = bound(platform, &pair.account, &pair.consumer_key);
    let consumer = ground.seal(place(&row, "consumer_secret"), pair.consumer_secret.expose());
    let token = pair.token.as_ref();
    let token_secret = token.map(|(_, secret)| ground.seal(place(&row, "token_secret"), secret.expose()));
    db.prepare_cached(
        "INSERT INTO pairs (platform, account, consumer_key, token, consumer_secret, token_secret, import, state, claim,
             tries, asked, unanswered, due, why, updated)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, 0, 0, 0, 0, '', ?8)
         ON CONFLICT (platform, account) DO UPDATE SET consumer_key = ?3, token = ?4, consumer_secret = ?5,
             token_secret = ?6, import = ?7, state = 0, claim = 0, tries = 0, due = 0, why = '', updated = ?8",
    )?
    .execute(params![
        platform,
        pair.account,
        pair.consumer_key,
        token.map(|(token, _)| token),
        consumer,
        token_secret,
        import,
        now.0
    ])?;
    Ok(Added::Taken)
}

/// What an envelope is bound to: it opens for no other account, no other key.
fn bound(platform: &str, account: &str, consumer_key: &str) -> Vec<u8> {
    [platform, account, consumer_key].join("\n").into_bytes()
}

fn place<'a>(row: &'a [u8], field: &'static str) -> Place<'a> {
    Place { table: "pairs", row, field }
}

fn notice(row: &Row<'_>) -> rusqlite::Result<Notice> {
    let deprecated: Option<i64> = row.get("deprecated")?;
    Ok(Notice {
        deprecated: deprecated.is_some(),
        since: deprecated.filter(|at| *at != 0).map(UnixTime),
        ends_at: row.get::<_, Option<i64>>("ends")?.map(UnixTime),
        guide: row.get("guide")?,
    })
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let connection: Option<i64> = row.get("c_id")?;
    let state: Option<i64> = row.get("state")?;
    let erased = row.get::<_, Option<Vec<u8>>>("consumer_secret")?.is_none();
    Ok(Account {
        account: row.get("account")?,
        name: row.get("a_name")?,
        scheme: Scheme::of(connection.is_some(), state.is_some() && !erased),
        connection,
        connected: row.get::<_, Option<i64>>("status")? == Some(1),
        pair: state.map(PairState::of),
        secret_kept: state.is_some() && !erased,
        notice: notice(row)?,
    })
}
