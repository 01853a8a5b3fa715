//! The embedded engine: SQLite, write-ahead log, `synchronous=FULL`, one writer thread, a few readers.
//! Of SQL only what this engine alone does stands here; the changes and reads are shared ([`crate::sql`]).

mod advance;
mod copier;
mod db;
mod open;
mod read_only;
mod readers;
mod writer;

use std::path::Path;
use std::sync::Arc;

use causeway_protocol::change::Standing;
use causeway_protocol::cluster::{Beat, NodeId, Share};
use causeway_protocol::legacy::{
    Account, ApiKey, ConsumerStanding, ConsumerToken, Exchanged, LegacyLine, Logo, Temporary,
};
use causeway_protocol::records::{
    App, Connection, Customer, Decided, Family, FeedEntry, Person, Role, Session, SubjectKey,
};
use causeway_protocol::{
    ApiKeyId, AppId, Change, ConnectionId, ConsumerId, CustomerId, FamilyId, Outcome, Position, UserId,
};

use crate::sql::{accounts, apps, connections, exchange, families, legacy, people, reads, records, sessions};
use crate::{AuditRow, Boot, OpenError, Page, Store, StoreError, Stored, Tail};
use open::Lock;
pub use read_only::ReadOnly;
use readers::Readers;
use writer::Writer;

/// A store in one data directory. Dropping it waits for the changes already queued.
pub struct Sqlite {
    // Dropped in this order: the writer closes last and so removes the log; then the directory is free.
    readers: Arc<Readers>,
    writer: Writer,
    _lock: Lock,
}

/// What may be tuned; the default is what was measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Jobs that may wait; one more is answered [`StoreError::Busy`].
    pub queue: usize,
    /// Changes in one commit, at most.
    pub batch: usize,
    /// Reads that may run at once.
    pub readers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { queue: 4096, batch: 256, readers: 4 }
    }
}

impl Sqlite {
    /// Opens the data directory, making it (0700) and its file (0600) as needed. One process at a time.
    ///
    /// # Errors
    /// Another process holds it, it cannot be written, the file is not ours, is damaged, or has a newer schema.
    pub fn open(dir: &Path) -> Result<Sqlite, OpenError> {
        Sqlite::open_with(dir, Options::default())
    }

    /// [`Sqlite::open`], with other sizes.
    ///
    /// # Errors
    /// As [`Sqlite::open`].
    pub fn open_with(dir: &Path, options: Options) -> Result<Sqlite, OpenError> {
        let opened = open::open(dir)?;
        let writer = Writer::start(opened.writer, &options)
            .map_err(|why| OpenError(format!("{}: the database cannot be opened: {why}", opened.file.display())))?;
        let readers = Arc::new(Readers::new(&opened.file, options.readers.max(1)));
        Ok(Sqlite { readers, writer, _lock: opened.lock })
    }

    /// Applies many changes in one commit, in their order; a failing one undoes all of them. For bulk loading.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub async fn apply_many(&self, changes: Vec<Change>) -> Stored<Vec<Outcome>> {
        self.writer.apply(changes).await
    }
}

impl Store for Sqlite {
    async fn apply(&self, change: Change) -> Stored<Outcome> {
        let outcomes = self.writer.apply(vec![change]).await?;
        outcomes.into_iter().next().ok_or_else(|| StoreError::Failed("the writer gave no answer".to_owned()))
    }

    async fn feed(&self, after: Position, limit: u32) -> Stored<Vec<FeedEntry>> {
        self.readers.read(async move |db| reads::feed(db, after, limit).await).await
    }

    async fn tail(&self, after: Position, limit: u32) -> Stored<Tail> {
        self.readers.snapshot(async move |db| reads::tail(db, after, limit).await).await
    }

    async fn news(&self) {
        std::future::pending().await
    }

    async fn beat(&self, beat: Beat) -> Stored<Vec<Beat>> {
        Ok(vec![beat])
    }

    async fn leave(&self, _: NodeId) -> Stored<()> {
        Ok(())
    }

    async fn share(&self, _: Share) -> Stored<Vec<Share>> {
        Ok(Vec::new())
    }

    async fn boot(&self) -> Stored<Boot> {
        self.readers.snapshot(async |db| reads::boot(db).await).await
    }

    async fn app(&self, id: AppId) -> Stored<Option<App>> {
        self.readers.snapshot(async move |db| apps::app(db, id).await).await
    }

    async fn customer(&self, id: CustomerId) -> Stored<Option<Customer>> {
        self.readers.snapshot(async move |db| records::customer(db, id).await).await
    }

    async fn customer_by_external(&self, id: &str) -> Stored<Option<Customer>> {
        let id = id.to_owned();
        self.readers.snapshot(async move |db| records::customer_by_external(db, &id).await).await
    }

    async fn customer_by_site(&self, site: &str) -> Stored<Option<Customer>> {
        let site = site.to_owned();
        self.readers.snapshot(async move |db| records::customer_by_site(db, &site).await).await
    }

    async fn person(&self, id: UserId) -> Stored<Option<Person>> {
        self.readers.snapshot(async move |db| people::person(db, id).await).await
    }

    async fn person_by_email(&self, email: &str) -> Stored<Option<Person>> {
        let email = email.to_owned();
        self.readers.snapshot(async move |db| people::by_email(db, &email).await).await
    }

    async fn session(&self, digest: [u8; 32]) -> Stored<Option<Session>> {
        self.readers.read(async move |db| sessions::session(db, &digest).await).await
    }

    async fn decided(&self, transaction: [u8; 16]) -> Stored<Option<Decided>> {
        self.readers.read(async move |db| connections::decided(db, &transaction).await).await
    }

    async fn connection(&self, id: ConnectionId) -> Stored<Option<Connection>> {
        self.readers.read(async move |db| connections::connection(db, id).await).await
    }

    async fn connections(
        &self,
        customer: Option<CustomerId>,
        live_only: bool,
        page: Page<ConnectionId>,
    ) -> Stored<Vec<Connection>> {
        self.readers.read(async move |db| connections::page(db, customer, live_only, page).await).await
    }

    async fn seed_loaded(&self, digest: [u8; 32]) -> Stored<bool> {
        self.readers.read(async move |db| records::seed_loaded(db, &digest).await).await
    }

    async fn connections_allowed_by(&self, person: UserId) -> Stored<Vec<Connection>> {
        self.readers.read(async move |db| connections::allowed_by(db, person).await).await
    }

    async fn standing(
        &self,
        family: FamilyId,
        connection: ConnectionId,
        app: AppId,
        customer: CustomerId,
        user: UserId,
    ) -> Stored<Standing> {
        self.readers.snapshot(async move |db| reads::standing(db, family, connection, app, customer, user).await).await
    }

    async fn families(&self, connection: ConnectionId) -> Stored<Vec<Family>> {
        self.readers.snapshot(async move |db| families::of(db, connection).await).await
    }

    async fn first_person(&self, customer: CustomerId, role: Role) -> Stored<Option<Person>> {
        self.readers.snapshot(async move |db| people::first(db, customer, role).await).await
    }

    async fn logo(&self, app: AppId) -> Stored<Option<Logo>> {
        self.readers.read(async move |db| apps::logo(db, app).await).await
    }

    async fn consumer(&self, key: &str) -> Stored<Option<ConsumerStanding>> {
        let key = key.to_owned();
        self.readers.read(async move |db| legacy::consumer(db, &key).await).await
    }

    async fn consumer_by_id(&self, id: ConsumerId) -> Stored<Option<ConsumerStanding>> {
        self.readers.read(async move |db| legacy::consumer_by_id(db, id).await).await
    }

    async fn has_consumer(&self, customer: CustomerId) -> Stored<bool> {
        self.readers.read(async move |db| legacy::has_consumer(db, customer).await).await
    }

    async fn consumer_token(&self, digest: [u8; 32]) -> Stored<Option<ConsumerToken>> {
        self.readers.read(async move |db| legacy::consumer_token(db, &digest).await).await
    }

    async fn temporary(&self, digest: [u8; 32]) -> Stored<Option<Temporary>> {
        self.readers.read(async move |db| legacy::temporary(db, &digest).await).await
    }

    async fn exchanged(&self, app: AppId, consumer: ConsumerId) -> Stored<Option<Exchanged>> {
        self.readers.read(async move |db| exchange::exchanged(db, app, consumer).await).await
    }

    async fn legacy(&self, since_day: i64, page: Page<ConsumerId>) -> Stored<Vec<LegacyLine>> {
        self.readers.read(async move |db| legacy::report(db, since_day, page).await).await
    }

    async fn api_key(&self, digest: [u8; 32]) -> Stored<Option<ApiKey>> {
        self.readers.read(async move |db| accounts::api_key(db, &digest).await).await
    }

    async fn api_key_by_id(&self, id: ApiKeyId) -> Stored<Option<ApiKey>> {
        self.readers.read(async move |db| accounts::api_key_by_id(db, id).await).await
    }

    async fn account(&self, customer: CustomerId) -> Stored<Option<Account>> {
        self.readers.read(async move |db| accounts::account(db, customer).await).await
    }

    async fn account_by_external(&self, id: &str) -> Stored<Option<Account>> {
        let id = id.to_owned();
        self.readers.read(async move |db| accounts::by_external(db, &id).await).await
    }

    async fn accounts(&self, app: AppId, page: Page<CustomerId>) -> Stored<Vec<Account>> {
        self.readers.read(async move |db| accounts::page(db, app, page).await).await
    }

    async fn connection_of(&self, app: AppId, subject: SubjectKey) -> Stored<Option<Connection>> {
        self.readers.read(async move |db| connections::of(db, app, subject).await).await
    }

    async fn counts(&self) -> Stored<Vec<(&'static str, u64)>> {
        self.readers.snapshot(async |db| reads::counts(db).await).await
    }

    async fn audit_check(&self) -> Stored<Result<u64, String>> {
        self.readers.snapshot(async |db| reads::audit_check(db).await).await
    }

    async fn audit_tail(&self, limit: u32) -> Stored<Vec<AuditRow>> {
        self.readers.read(async move |db| reads::audit_tail(db, limit).await).await
    }
}
