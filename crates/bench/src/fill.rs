//! A store with millions of live connections, made in seconds: rows are copies of what the server itself wrote, under other
//! numbers, put straight into the file. And tokens for some of them, made with the store's own keys.
//!
//! The server must not run. What a row means is its business: only the columns that must differ are known here.

use std::collections::BTreeMap;
use std::path::Path;

use causeway_protocol::seal::{KeyRing, Sealed};
use causeway_protocol::token::{AccessToken, RefreshToken};
use causeway_protocol::{AppId, ConnectionId, CustomerId, FamilyId, UnixTime, UserId};
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Value, json};

use crate::Result;
use crate::chain::Chain;

/// Family ids are in the order of time, a second apart: their upper bits are milliseconds (TOKENS 4).
const SECOND: i64 = 1000 << 22;
/// Connections to a commit.
const STRIDE: usize = 100_000;
/// Longest prefix of a token that is tried.
const PREFIX: usize = 24;
/// One connection of so many was cut once, long ago, and allowed again: its cut stays. (Kind 2 is a connection's.)
const ONCE_CUT: i64 = 10;
const CUT: &str = "INSERT INTO cuts (kind, id, cut_access, cut_all, off) VALUES (2, ?1, 1, 1, 0)";
/// So many customers have an OAuth 1.0 key, in a store of any size: that is what a platform leaves behind.
const CONSUMERS: i64 = 150;

/// What is to be made of what.
pub struct Order<'a> {
    /// The data directory.
    pub dir: &'a Path,
    /// Keys and platform of the server that wrote it.
    pub ring: &'a KeyRing,
    /// Chains as they stand; the first is the pattern of all that is made.
    pub chains: &'a [Chain],
    /// Connections to add, each with one family; every app of the chains is connected to every new customer, which has a site
    /// and an administrator: `filled-NUMBER@bench.example`, with the password of the pattern's.
    pub count: usize,
    /// Make tokens for so many of them, evenly spread.
    pub take: usize,
}

/// Fills, and answers the chains of those that were taken.
pub fn fill(order: &Order<'_>, mut progress: impl FnMut(usize)) -> Result<(Value, Vec<Chain>)> {
    let say = |e: rusqlite::Error| format!("{}: {e}", order.dir.display());
    let pattern = Pattern::read(order)?;
    let mut db = Connection::open(order.dir.join("causeway.db")).map_err(say)?;
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144").map_err(say)?;
    // What was taken back so far has left the feed, as it has a day later.
    db.execute_batch("DELETE FROM feed").map_err(say)?;
    let mut rows = Rows::read(&db, &pattern).map_err(say)?;
    let oldest: i64 = db.query_row("SELECT min(id) FROM families", [], |row| row.get(0)).map_err(say)?;
    let first = oldest - SECOND * order.count as i64;
    if first <= 0 {
        return Err(format!("{} families do not fit before those that are there", order.count));
    }
    let step = order.count.div_ceil(order.take.max(1)).max(1);
    let (mut chains, mut made) = (Vec::with_capacity(order.take), 0);
    while made < order.count {
        let transaction = db.transaction().map_err(say)?;
        for number in made..order.count.min(made + STRIDE) {
            let app = &pattern.apps[number % pattern.apps.len()];
            if number % pattern.apps.len() == 0 {
                rows.customer(&transaction).map_err(say)?;
            }
            let family = first + SECOND * number as i64;
            rows.connection(&transaction, app.id, family).map_err(say)?;
            if number % step == 0 && chains.len() < order.take {
                chains.push(pattern.chain(order.ring, app, family, &rows));
            }
        }
        transaction.commit().map_err(say)?;
        made = order.count.min(made + STRIDE);
        progress(made);
    }
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(say)?;
    let customers = order.count.div_ceil(pattern.apps.len());
    Ok((json!({"connections": made, "customers": customers, "chains": chains.len()}), chains))
}

/// Makes the file longer by a table that nobody reads, so that a small store is opened as a large one is: files of a few
/// megabytes are checked whole at start, and then lie in the cache. The table stays: free pages would be read by writes.
pub fn pad(dir: &Path, bytes: u32) -> Result<Value> {
    let say = |e: rusqlite::Error| format!("{}: {e}", dir.display());
    let db = Connection::open(dir.join("causeway.db")).map_err(say)?;
    db.execute_batch(&format!(
        "CREATE TABLE padding (bytes BLOB); INSERT INTO padding VALUES (zeroblob({bytes}));
         PRAGMA wal_checkpoint(TRUNCATE);"
    ))
    .map_err(say)?;
    Ok(json!({"bytes": bytes}))
}

struct App {
    id: AppId,
    client_id: String,
    client_secret: String,
}

/// One chain taken apart, and every app with its secret.
struct Pattern {
    access: (String, AccessToken),
    refresh: (String, RefreshToken),
    apps: Vec<App>,
}

impl Pattern {
    fn read(order: &Order<'_>) -> Result<Self> {
        let first = order.chains.first().ok_or("there is no chain to take after")?;
        let mut apps = BTreeMap::new();
        for chain in order.chains {
            let (_, token): (_, RefreshToken) = open(order.ring, &chain.refresh)?;
            apps.entry(token.bearer.app.0).or_insert_with(|| App {
                id: token.bearer.app,
                client_id: chain.client_id.clone(),
                client_secret: chain.client_secret.clone(),
            });
        }
        let (access, refresh) = (open(order.ring, &first.access)?, open(order.ring, &first.refresh)?);
        Ok(Self { access, refresh, apps: apps.into_values().collect() })
    }

    fn chain(&self, ring: &KeyRing, app: &App, family: i64, rows: &Rows) -> Chain {
        let (mut access, mut refresh) = (self.access.1.clone(), self.refresh.1.clone());
        for bearer in [&mut access.bearer, &mut refresh.bearer] {
            bearer.family = FamilyId(family);
            bearer.connection = ConnectionId(rows.last_connection);
            bearer.app = app.id;
            bearer.customer = CustomerId(rows.last_customer);
            bearer.user = UserId(rows.last_person);
        }
        Chain {
            client_id: app.client_id.clone(),
            client_secret: app.client_secret.clone(),
            access: ring.seal(&self.access.0, &access, UnixTime(0)),
            refresh: ring.seal(&self.refresh.0, &refresh, UnixTime(0)),
            ..Chain::default()
        }
    }
}

/// A token with its prefix: that one with which it opens.
pub(crate) fn open<T: Sealed>(ring: &KeyRing, text: &str) -> Result<(String, T)> {
    let beginnings = (0..PREFIX).filter_map(|length| text.get(..length));
    let mut found =
        beginnings.filter_map(|prefix| Some((prefix.to_owned(), ring.open(prefix, text, UnixTime(0)).ok()?)));
    found.next().ok_or_else(|| "a chain's token does not open: other keys, or another platform".to_owned())
}

/// Rows to be copied, and the numbers that were given out.
struct Rows {
    family: Copied,
    connection: Copied,
    customer: Copied,
    site: Copied,
    person: Copied,
    /// Where the platform ever had OAuth 1.0.
    consumer: Option<Copied>,
    last_connection: i64,
    last_customer: i64,
    last_site: i64,
    last_person: i64,
    last_consumer: i64,
    consumers_left: i64,
}

impl Rows {
    fn read(db: &Connection, pattern: &Pattern) -> rusqlite::Result<Self> {
        let bearer = pattern.refresh.1.bearer;
        let last =
            |table: &str| db.query_row(&format!("SELECT coalesce(max(id), 0) FROM {table}"), [], |row| row.get(0));
        let any: Option<i64> = db.query_row("SELECT min(id) FROM consumers", [], |row| row.get(0))?;
        Ok(Self {
            family: Copied::read(db, "families", "id", bearer.family.0)?,
            connection: Copied::read(db, "connections", "id", bearer.connection.0)?,
            customer: Copied::read(db, "customers", "id", bearer.customer.0)?,
            site: Copied::read(db, "sites", "customer", bearer.customer.0)?,
            person: Copied::read(db, "people", "id", bearer.user.0)?,
            consumer: any.map(|id| Copied::read(db, "consumers", "id", id)).transpose()?,
            last_connection: last("connections")?,
            last_customer: last("customers")?,
            last_site: last("sites")?,
            last_person: last("people")?,
            last_consumer: last("consumers")?,
            consumers_left: CONSUMERS,
        })
    }

    /// A customer with its site and its administrator.
    fn customer(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.last_customer += 1;
        self.last_site += 1;
        self.last_person += 1;
        let number = self.last_customer;
        self.customer.set("id", number).set("external_id", format!("filled-{number}"));
        self.site.set("id", self.last_site).set("customer", number).set("external_id", format!("filled-site-{number}"));
        self.person.set("id", self.last_person).set("customer", number);
        self.person.set("email", format!("filled-{number}@bench.example"));
        self.customer.insert(db)?;
        self.site.insert(db)?;
        self.person.insert(db)?;
        let Some(consumer) = self.consumer.as_mut().filter(|_| self.consumers_left > 0) else { return Ok(()) };
        self.consumers_left -= 1;
        self.last_consumer += 1;
        consumer.set("id", self.last_consumer).set("customer", number);
        consumer.set("consumer_key", format!("filled-{number}"));
        consumer.insert(db)
    }

    /// A connection of the newest customer, with its family.
    fn connection(&mut self, db: &Connection, app: AppId, family: i64) -> rusqlite::Result<()> {
        self.last_connection += 1;
        let slots = family.to_be_bytes().to_vec();
        self.connection.set("id", self.last_connection).set("app", app.0).set("subject_id", self.last_customer);
        self.connection.set("customer", self.last_customer).set("families", slots);
        self.connection.set("authorized_by", self.last_person);
        self.family.set("id", family).set("connection", self.last_connection);
        if self.last_connection % ONCE_CUT == 0 {
            db.prepare_cached(CUT)?.execute([self.last_connection])?;
        }
        self.connection.insert(db)?;
        self.family.insert(db)
    }
}

/// A row as it was found, with the statement that writes one more like it.
struct Copied {
    insert: String,
    columns: Vec<String>,
    cells: Vec<Cell>,
}

impl Copied {
    fn read(db: &Connection, table: &str, key: &str, value: i64) -> rusqlite::Result<Self> {
        let mut ask = db.prepare(&format!("SELECT * FROM {table} WHERE {key} = ?1 LIMIT 1"))?;
        let columns: Vec<String> = ask.column_names().map(str::to_owned).collect();
        let cells = ask.query_row([value], |row| (0..columns.len()).map(|n| row.get(n)).collect())?;
        let marks = vec!["?"; columns.len()].join(", ");
        Ok(Self { insert: format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", ")), columns, cells })
    }

    fn set(&mut self, column: &str, value: impl Into<Cell>) -> &mut Self {
        if let Some(at) = self.columns.iter().position(|name| name == column) {
            self.cells[at] = value.into();
        }
        self
    }

    fn insert(&self, db: &Connection) -> rusqlite::Result<()> {
        db.prepare_cached(&self.insert)?.execute(params_from_iter(&self.cells)).map(drop)
    }
}
