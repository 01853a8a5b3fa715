//! The engine for many nodes: PostgreSQL, and what speaks like it. A connection that writes, a few that refresh, a few that
//! read, one that listens. What a change means is `protocol`'s business; what the engines share stands in [`crate::sql`].

mod connect;
mod gate;
mod layout;
mod link;
mod migrate;
mod news;
mod nodes;
mod open;
mod plain;
mod pool;
mod refresh;
mod standing;
mod target;
mod tls;
mod together;
mod values;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use causeway_protocol::change::Standing;
use causeway_protocol::cluster::{Beat, NodeId, Share};
use causeway_protocol::legacy::{
    Account, ApiKey, ConsumerStanding, ConsumerToken, Exchanged, LegacyLine, Logo, Temporary,
};
use causeway_protocol::records::{
    App, Connection, Customer, Decided, Family, FeedEntry, Person, Role, Session, SubjectKey,
};
use causeway_protocol::{
    ApiKeyId, AppId, Change, ConnectionId, ConsumerId, CustomerId, FamilyId, Outcome, Position, UnixTime, UserId,
};

use crate::sql::db::SqlError;
use crate::sql::{accounts, apps, connections, exchange, families, legacy, people, reads, records, sessions};
use crate::{AuditRow, Boot, OpenError, Page, Store, StoreError, Stored, Tail};
use gate::{DEADLINE, within};
pub use layout::KeyLayout;
use news::News;
use nodes::Nodes;
use pool::Pool;
use refresh::Refresher;
use writer::Writer;

/// A store in a PostgreSQL database that other nodes may be using as well. Dropping it does not wait: what is queued is still
/// written as long as the runtime lives.
pub struct Postgres {
    pool: Arc<Pool>,
    /// For the feed alone: what a node knows of take-backs does not wait behind its callers.
    feed: Arc<Pool>,
    writer: Writer,
    refresher: Refresher,
    nodes: Nodes,
    news: News,
}

/// What time it is for this node.
pub type Clock = Arc<dyn Fn() -> UnixTime + Send + Sync>;

/// What may be tuned; [`Options::new`] holds what was measured.
#[derive(Clone)]
pub struct Options {
    /// Who this process is among those that share the database.
    pub node: NodeId,
    /// Its clock: the lock of a migration expires by it.
    pub clock: Clock,
    /// Changes, refreshes, and reads that may wait; one more is answered [`StoreError::Busy`].
    pub queue: usize,
    /// Changes in one commit, and refreshes in one statement, at most.
    pub batch: usize,
    /// Reads that may run at once, each on a connection.
    pub readers: usize,
    /// Statements of refreshes that may run at once, each on a connection.
    pub refreshers: usize,
    /// How the keys of families lie: decides for a new database, must agree with an old one. The URL's `causeway_keys` says
    /// the same.
    pub keys: Option<KeyLayout>,
}

impl Options {
    /// The usual sizes.
    pub fn new(node: NodeId, clock: Clock) -> Self {
        Options { node, clock, queue: 4096, batch: 256, readers: 4, refreshers: 1, keys: None }
    }
}

impl Postgres {
    /// Opens a database by its URL (`postgres://user:password@host:port/database`), making or migrating its tables as needed.
    /// Must be called on a runtime, which then also runs this store.
    ///
    /// Beside what the driver knows, the URL may say `sslmode` (`disable`, `require` and `verify-full`, which are the same,
    /// `verify-ca`), `sslrootcert` (a PEM file), `causeway_keys` (`ordered`, `sharded`). Another machine is spoken to over TLS
    /// with its certificate checked unless `sslmode=disable` is written.
    ///
    /// # Errors
    /// One line, without the password: the URL is wrong, the host cannot be reached, its certificate is not accepted, it lets
    /// the user not in, the database is missing, holds something else, has a schema too old or too new, or may not be written.
    pub async fn open(url: &str, options: Options) -> Result<Postgres, OpenError> {
        let (target, layout) = open::open(url, &options).await?;
        let news = News::start(target.clone());
        Ok(Postgres {
            pool: Pool::new(target.clone(), layout, options.readers, options.queue),
            feed: Pool::new(target.clone(), layout, 1, FEED_READERS),
            writer: Writer::start(target.clone(), layout, &options, news.teller()),
            refresher: Refresher::start(&target, layout, &options),
            nodes: Nodes::new(target),
            news,
        })
    }

    /// Applies many changes in one commit, in their order; a failing one undoes all of them. For bulk loading.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub async fn apply_many(&self, changes: Vec<Change>) -> Stored<Vec<Outcome>> {
        self.writer.apply(changes).await
    }
}

/// So many may wait to read the feed.
const FEED_READERS: usize = 16;
/// Reads of whole tables, which no request waits for.
const LONG: Duration = Duration::from_secs(60);

/// A read of one statement, with its deadline. A connection that broke is worth a second one: nothing was written.
macro_rules! read {
    ($store:ident, $db:ident => $read:expr) => {
        read!($store.pool, $db => $read, {}, done, DEADLINE)
    };
    ($store:ident.$pool:ident, $db:ident => $read:expr, $begin:expr, $end:ident, $patience:expr) => {
        // Boxed: whoever asks for several things one after another would hold room for each.
        within(
            $patience,
            Box::pin(async {
                let mut again = true;
                loop {
                    let mut reader = $store.$pool.reader().await?;
                    let $db = reader.link();
                    $begin;
                    match $read.await {
                        Ok(found) => {
                            reader.$end();
                            break Ok(found);
                        }
                        Err(error) => {
                            reader.failed();
                            match error {
                                SqlError::Gone(_) | SqlError::Conflict(_) if again => again = false,
                                error => break Err(error.into()),
                            }
                        }
                    }
                }
            }),
        )
        .await
    };
}

/// A read of several statements on one snapshot.
macro_rules! snapshot {
    ($store:ident, $db:ident => $read:expr) => {
        snapshot!($store.pool, $db => $read, DEADLINE)
    };
    ($store:ident.$pool:ident, $db:ident => $read:expr, $patience:expr) => {
        read!($store.$pool, $db => $read, $db.begin_snapshot(), end_snapshot, $patience)
    };
}

impl Store for Postgres {
    async fn apply(&self, change: Change) -> Stored<Outcome> {
        match change {
            Change::MoveFamily(change) => self.refresher.apply(change).await,
            change => {
                let outcomes = self.writer.apply(vec![change]).await?;
                outcomes.into_iter().next().ok_or_else(|| StoreError::Failed("the writer gave no answer".to_owned()))
            }
        }
    }

    async fn feed(&self, after: Position, limit: u32) -> Stored<Vec<FeedEntry>> {
        read!(self, db => reads::feed(db, after, limit))
    }

    async fn tail(&self, after: Position, limit: u32) -> Stored<Tail> {
        snapshot!(self.feed, db => reads::tail(db, after, limit), DEADLINE)
    }

    async fn news(&self) {
        self.news.wait().await;
    }

    fn is_slow(&self) -> bool {
        self.writer.is_slow() || self.refresher.is_slow()
    }

    async fn beat(&self, beat: Beat) -> Stored<Vec<Beat>> {
        Ok(self.nodes.beat(beat).await?)
    }

    async fn leave(&self, node: NodeId) -> Stored<()> {
        Ok(self.nodes.leave(node).await?)
    }

    async fn share(&self, own: Share) -> Stored<Vec<Share>> {
        Ok(self.nodes.share(own).await?)
    }

    async fn boot(&self) -> Stored<Boot> {
        snapshot!(self.feed, db => reads::boot(db), LONG)
    }

    async fn app(&self, id: AppId) -> Stored<Option<App>> {
        snapshot!(self, db => apps::app(db, id))
    }

    async fn customer(&self, id: CustomerId) -> Stored<Option<Customer>> {
        snapshot!(self, db => records::customer(db, id))
    }

    async fn customer_by_external(&self, id: &str) -> Stored<Option<Customer>> {
        snapshot!(self, db => records::customer_by_external(db, id))
    }

    async fn customer_by_site(&self, site: &str) -> Stored<Option<Customer>> {
        snapshot!(self, db => records::customer_by_site(db, site))
    }

    async fn person(&self, id: UserId) -> Stored<Option<Person>> {
        snapshot!(self, db => people::person(db, id))
    }

    async fn person_by_email(&self, email: &str) -> Stored<Option<Person>> {
        snapshot!(self, db => people::by_email(db, email))
    }

    async fn session(&self, digest: [u8; 32]) -> Stored<Option<Session>> {
        read!(self, db => sessions::session(db, &digest))
    }

    async fn decided(&self, transaction: [u8; 16]) -> Stored<Option<Decided>> {
        read!(self, db => connections::decided(db, &transaction))
    }

    async fn connection(&self, id: ConnectionId) -> Stored<Option<Connection>> {
        read!(self, db => connections::connection(db, id))
    }

    async fn connections(
        &self,
        customer: Option<CustomerId>,
        live_only: bool,
        page: Page<ConnectionId>,
    ) -> Stored<Vec<Connection>> {
        read!(self, db => connections::page(db, customer, live_only, page))
    }

    async fn seed_loaded(&self, digest: [u8; 32]) -> Stored<bool> {
        read!(self, db => records::seed_loaded(db, &digest))
    }

    async fn connections_allowed_by(&self, person: UserId) -> Stored<Vec<Connection>> {
        read!(self, db => connections::allowed_by(db, person))
    }

    async fn standing(
        &self,
        family: FamilyId,
        connection: ConnectionId,
        app: AppId,
        customer: CustomerId,
        user: UserId,
    ) -> Stored<Standing> {
        read!(self, db => standing::standing(db, family, connection, app, customer, user))
    }

    async fn families(&self, connection: ConnectionId) -> Stored<Vec<Family>> {
        snapshot!(self, db => families::of(db, connection))
    }

    async fn first_person(&self, customer: CustomerId, role: Role) -> Stored<Option<Person>> {
        snapshot!(self, db => people::first(db, customer, role))
    }

    async fn logo(&self, app: AppId) -> Stored<Option<Logo>> {
        read!(self, db => apps::logo(db, app))
    }

    async fn consumer(&self, key: &str) -> Stored<Option<ConsumerStanding>> {
        read!(self, db => legacy::consumer(db, key))
    }

    async fn consumer_by_id(&self, id: ConsumerId) -> Stored<Option<ConsumerStanding>> {
        read!(self, db => legacy::consumer_by_id(db, id))
    }

    async fn has_consumer(&self, customer: CustomerId) -> Stored<bool> {
        read!(self, db => legacy::has_consumer(db, customer))
    }

    async fn consumer_token(&self, digest: [u8; 32]) -> Stored<Option<ConsumerToken>> {
        read!(self, db => legacy::consumer_token(db, &digest))
    }

    async fn temporary(&self, digest: [u8; 32]) -> Stored<Option<Temporary>> {
        read!(self, db => legacy::temporary(db, &digest))
    }

    async fn exchanged(&self, app: AppId, consumer: ConsumerId) -> Stored<Option<Exchanged>> {
        read!(self, db => exchange::exchanged(db, app, consumer))
    }

    async fn legacy(&self, since_day: i64, page: Page<ConsumerId>) -> Stored<Vec<LegacyLine>> {
        read!(self.pool, db => legacy::report(db, since_day, page), {}, done, LONG)
    }

    async fn api_key(&self, digest: [u8; 32]) -> Stored<Option<ApiKey>> {
        read!(self, db => accounts::api_key(db, &digest))
    }

    async fn api_key_by_id(&self, id: ApiKeyId) -> Stored<Option<ApiKey>> {
        read!(self, db => accounts::api_key_by_id(db, id))
    }

    async fn account(&self, customer: CustomerId) -> Stored<Option<Account>> {
        read!(self, db => accounts::account(db, customer))
    }

    async fn account_by_external(&self, id: &str) -> Stored<Option<Account>> {
        read!(self, db => accounts::by_external(db, id))
    }

    async fn accounts(&self, app: AppId, page: Page<CustomerId>) -> Stored<Vec<Account>> {
        read!(self, db => accounts::page(db, app, page))
    }

    async fn connection_of(&self, app: AppId, subject: SubjectKey) -> Stored<Option<Connection>> {
        read!(self, db => connections::of(db, app, subject))
    }

    async fn counts(&self) -> Stored<Vec<(&'static str, u64)>> {
        snapshot!(self.pool, db => reads::counts(db), LONG)
    }

    async fn audit_check(&self) -> Stored<Result<u64, String>> {
        snapshot!(self.pool, db => reads::audit_check(db), LONG)
    }

    async fn audit_tail(&self, limit: u32) -> Stored<Vec<AuditRow>> {
        read!(self, db => reads::audit_tail(db, limit))
    }
}
