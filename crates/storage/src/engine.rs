//! The engines, as one type: static dispatch, no trait objects. What an engine does stands in its own folder.

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

use crate::{AuditRow, Boot, Model, Page, Postgres, Sqlite, Store, Stored, Tail};

/// A store of any kind.
#[allow(clippy::large_enum_variant, reason = "there is one a process")]
pub enum Engine {
    /// One file on this machine.
    Sqlite(Sqlite),
    /// A database that several nodes share.
    Postgres(Postgres),
    /// Memory only: tests.
    Model(Model),
}

macro_rules! ask {
    ($engine:ident.$method:ident($($argument:expr),*)) => {
        match $engine {
            Engine::Sqlite(store) => store.$method($($argument),*).await,
            // Boxed: its futures are ten times as large, and a request on SQLite would be moved about with room for them.
            Engine::Postgres(store) => Box::pin(store.$method($($argument),*)).await,
            Engine::Model(store) => store.$method($($argument),*).await,
        }
    };
}

impl Store for Engine {
    async fn apply(&self, change: Change) -> Stored<Outcome> {
        ask!(self.apply(change))
    }

    async fn feed(&self, after: Position, limit: u32) -> Stored<Vec<FeedEntry>> {
        ask!(self.feed(after, limit))
    }

    async fn tail(&self, after: Position, limit: u32) -> Stored<Tail> {
        ask!(self.tail(after, limit))
    }

    async fn news(&self) {
        ask!(self.news())
    }

    fn is_slow(&self) -> bool {
        match self {
            Engine::Sqlite(store) => store.is_slow(),
            Engine::Postgres(store) => store.is_slow(),
            Engine::Model(store) => store.is_slow(),
        }
    }

    async fn beat(&self, beat: Beat) -> Stored<Vec<Beat>> {
        ask!(self.beat(beat))
    }

    async fn leave(&self, node: NodeId) -> Stored<()> {
        ask!(self.leave(node))
    }

    async fn share(&self, own: Share) -> Stored<Vec<Share>> {
        ask!(self.share(own))
    }

    async fn boot(&self) -> Stored<Boot> {
        ask!(self.boot())
    }

    async fn app(&self, id: AppId) -> Stored<Option<App>> {
        ask!(self.app(id))
    }

    async fn customer(&self, id: CustomerId) -> Stored<Option<Customer>> {
        ask!(self.customer(id))
    }

    async fn customer_by_external(&self, id: &str) -> Stored<Option<Customer>> {
        ask!(self.customer_by_external(id))
    }

    async fn customer_by_site(&self, site: &str) -> Stored<Option<Customer>> {
        ask!(self.customer_by_site(site))
    }

    async fn seed_loaded(&self, digest: [u8; 32]) -> Stored<bool> {
        ask!(self.seed_loaded(digest))
    }

    async fn person(&self, id: UserId) -> Stored<Option<Person>> {
        ask!(self.person(id))
    }

    async fn person_by_email(&self, email: &str) -> Stored<Option<Person>> {
        ask!(self.person_by_email(email))
    }

    async fn session(&self, digest: [u8; 32]) -> Stored<Option<Session>> {
        ask!(self.session(digest))
    }

    async fn decided(&self, transaction: [u8; 16]) -> Stored<Option<Decided>> {
        ask!(self.decided(transaction))
    }

    async fn connection(&self, id: ConnectionId) -> Stored<Option<Connection>> {
        ask!(self.connection(id))
    }

    async fn connections(
        &self,
        customer: Option<CustomerId>,
        live_only: bool,
        page: Page<ConnectionId>,
    ) -> Stored<Vec<Connection>> {
        ask!(self.connections(customer, live_only, page))
    }

    async fn connections_allowed_by(&self, person: UserId) -> Stored<Vec<Connection>> {
        ask!(self.connections_allowed_by(person))
    }

    async fn standing(
        &self,
        family: FamilyId,
        connection: ConnectionId,
        app: AppId,
        customer: CustomerId,
        user: UserId,
    ) -> Stored<Standing> {
        ask!(self.standing(family, connection, app, customer, user))
    }

    async fn families(&self, connection: ConnectionId) -> Stored<Vec<Family>> {
        ask!(self.families(connection))
    }

    async fn first_person(&self, customer: CustomerId, role: Role) -> Stored<Option<Person>> {
        ask!(self.first_person(customer, role))
    }

    async fn logo(&self, app: AppId) -> Stored<Option<Logo>> {
        ask!(self.logo(app))
    }

    async fn consumer(&self, key: &str) -> Stored<Option<ConsumerStanding>> {
        ask!(self.consumer(key))
    }

    async fn consumer_by_id(&self, id: ConsumerId) -> Stored<Option<ConsumerStanding>> {
        ask!(self.consumer_by_id(id))
    }

    async fn has_consumer(&self, customer: CustomerId) -> Stored<bool> {
        ask!(self.has_consumer(customer))
    }

    async fn consumer_token(&self, digest: [u8; 32]) -> Stored<Option<ConsumerToken>> {
        ask!(self.consumer_token(digest))
    }

    async fn temporary(&self, digest: [u8; 32]) -> Stored<Option<Temporary>> {
        ask!(self.temporary(digest))
    }

    async fn exchanged(&self, app: AppId, consumer: ConsumerId) -> Stored<Option<Exchanged>> {
        ask!(self.exchanged(app, consumer))
    }

    async fn legacy(&self, since_day: i64, page: Page<ConsumerId>) -> Stored<Vec<LegacyLine>> {
        ask!(self.legacy(since_day, page))
    }

    async fn api_key(&self, digest: [u8; 32]) -> Stored<Option<ApiKey>> {
        ask!(self.api_key(digest))
    }

    async fn api_key_by_id(&self, id: ApiKeyId) -> Stored<Option<ApiKey>> {
        ask!(self.api_key_by_id(id))
    }

    async fn account(&self, customer: CustomerId) -> Stored<Option<Account>> {
        ask!(self.account(customer))
    }

    async fn account_by_external(&self, id: &str) -> Stored<Option<Account>> {
        ask!(self.account_by_external(id))
    }

    async fn accounts(&self, app: AppId, page: Page<CustomerId>) -> Stored<Vec<Account>> {
        ask!(self.accounts(app, page))
    }

    async fn connection_of(&self, app: AppId, subject: SubjectKey) -> Stored<Option<Connection>> {
        ask!(self.connection_of(app, subject))
    }

    async fn counts(&self) -> Stored<Vec<(&'static str, u64)>> {
        ask!(self.counts())
    }

    async fn audit_check(&self) -> Stored<Result<u64, String>> {
        ask!(self.audit_check())
    }

    async fn audit_tail(&self, limit: u32) -> Stored<Vec<AuditRow>> {
        ask!(self.audit_tail(limit))
    }
}
