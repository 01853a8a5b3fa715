//! The engines, as one type: static dispatch, no trait objects. What an engine does stands in its own folder.

use causeway_protocol::change::Standing;
use causeway_protocol::records::{App, Connection, Customer, Decided, FeedEntry, Person, Session};
use causeway_protocol::{AppId, Change, ConnectionId, CustomerId, FamilyId, Outcome, Position, UserId};

use crate::{AuditRow, Boot, Model, Page, Sqlite, Store, Stored};

/// A store of any kind.
pub enum Engine {
    /// One file on this machine.
    Sqlite(Sqlite),
    /// Memory only: tests.
    Model(Model),
}

macro_rules! ask {
    ($engine:ident.$method:ident($($argument:expr),*)) => {
        match $engine {
            Engine::Sqlite(store) => store.$method($($argument),*).await,
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
