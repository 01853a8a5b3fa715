//! Where records live: one trait, several engines, one contract suite.
//!
//! An engine has about a dozen reads, one `apply`, and the feed. It decides nothing: `protocol` does. SQL stands in
//! `sql`, once for both SQL engines, and in the engines' own folders. To add an engine: implement [`Store`], add it to
//! [`Engine`], run `tests/it/contract.rs` on it.

mod audit;
mod engine;
pub mod model;
pub mod postgres;
mod rules;
mod sql;
pub mod sqlite;

use std::future::Future;

use causeway_protocol::change::Standing;
use causeway_protocol::cluster::{Beat, NodeId, Share};
use causeway_protocol::legacy::{
    Account, ApiKey, ConsumerStanding, ConsumerToken, Exchanged, LegacyLine, Logo, Temporary,
};
use causeway_protocol::records::{
    App, Connection, Customer, Cuts, Decided, Family, FeedEntry, Person, Role, Session, SubjectKey,
};
use causeway_protocol::time::Seconds;
use causeway_protocol::{
    ApiKeyId, AppId, Change, ConnectionId, ConsumerId, CustomerId, FamilyId, Outcome, Position, Scopes, Subject, UserId,
};

pub use engine::Engine;
pub use model::Model;
pub use postgres::Postgres;
pub use sqlite::Sqlite;

/// No list that a store answers with is longer, whatever was asked.
pub const PAGE_MAX: u32 = 500;

/// A row of the audit trail: number, time (seconds since the Unix epoch), actor, verb, detail.
pub type AuditRow = (i64, i64, String, String, String);

/// What an engine can suffer. Never the caller's fault, never a decision.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue of writes is full, or too many wait to read: shed with 503. Nothing was done.
    #[error("too many are waiting for the store")]
    Busy,
    /// The disk has no room. Nothing of the change was applied.
    #[error("the store's disk is full: {0}")]
    Full(String),
    /// Read or write failed (file gone, corrupt, no connection). Nothing of the change was applied.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Why a store could not be opened: one line a person can act on.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

/// What a node needs to know at start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Boot {
    /// The feed's head.
    pub head: Position,
    /// Every switch that is off and every cut that could still matter for an access token, as of `head`.
    pub cuts: Vec<(Subject, Cuts)>,
    /// Every app.
    pub apps: Vec<App>,
    /// Every API key, those switched off included: like apps, they are held whole.
    pub api_keys: Vec<ApiKey>,
    /// The scope registry.
    pub scopes: Scopes,
    /// The longest access life ever used.
    pub longest_access_life: Seconds,
}

/// A piece of the feed, and where the feed ends: read together, so that a reader knows whether it has missed anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// After the position asked for, oldest first, without gaps among them. If the first does not follow that position, what
    /// lay between has left the feed: the reader must [`Store::boot`] again.
    pub entries: Vec<FeedEntry>,
    /// The feed's head. Beyond the last entry when the limit cut the piece short, or when everything up to it has left.
    pub head: Position,
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page<After> {
    /// Start behind this one; `None` starts at the beginning.
    pub after: Option<After>,
    /// At most this many (engines cap it at 500).
    pub limit: u32,
}

/// The answer of an engine.
pub type Stored<T> = Result<T, StoreError>;

/// What every engine can do. Reads see everything whose `apply` was answered before them.
pub trait Store: Send + Sync + 'static {
    /// Applies one change, whole or not at all. Answers only after it is durable.
    fn apply(&self, change: Change) -> impl Future<Output = Stored<Outcome>> + Send;
    /// The feed after a position, oldest first, at most `limit` entries, without gaps.
    fn feed(&self, after: Position, limit: u32) -> impl Future<Output = Stored<Vec<FeedEntry>>> + Send;
    /// The same with the feed's head, in one snapshot: what a node tails.
    fn tail(&self, after: Position, limit: u32) -> impl Future<Output = Stored<Tail>> + Send;
    /// Completes when another node may have written to the feed: an accelerator, never a promise. Where nobody else writes, and
    /// where the engine cannot tell, it never completes.
    fn news(&self) -> impl Future<Output = ()> + Send;
    /// Whether writes take much longer than they should, so that some are shed ([`StoreError::Busy`]). An engine that never
    /// waits for anybody never says so.
    fn is_slow(&self) -> bool {
        false
    }
    /// Writes this node's sign of life and answers everybody's, its own included, in ascending order of node; rows that are older
    /// than [`Beat::FORGOTTEN`] by this beat's time are deleted. An engine of one process answers this beat alone.
    fn beat(&self, beat: Beat) -> impl Future<Output = Stored<Vec<Beat>>> + Send;
    /// This node stops: its sign of life and its share are deleted.
    fn leave(&self, node: NodeId) -> impl Future<Output = Stored<()>> + Send;
    /// Publishes what this node used of shared budgets, in the place of what it published before, and answers what every other
    /// node stands with. Need not survive a crash. An engine of one process answers nothing.
    fn share(&self, own: Share) -> impl Future<Output = Stored<Vec<Share>>> + Send;
    /// What a node loads at start, in one snapshot.
    fn boot(&self) -> impl Future<Output = Stored<Boot>> + Send;
    /// One app, by number.
    fn app(&self, id: AppId) -> impl Future<Output = Stored<Option<App>>> + Send;
    /// A customer with its sites.
    fn customer(&self, id: CustomerId) -> impl Future<Output = Stored<Option<Customer>>> + Send;
    /// A customer by the platform's id.
    fn customer_by_external(&self, id: &str) -> impl Future<Output = Stored<Option<Customer>>> + Send;
    /// The customer that has a site of this external id; of several, the first.
    fn customer_by_site(&self, site: &str) -> impl Future<Output = Stored<Option<Customer>>> + Send;
    /// A person, by number.
    fn person(&self, id: UserId) -> impl Future<Output = Stored<Option<Person>>> + Send;
    /// A person by address; the engine compares lower-cased.
    fn person_by_email(&self, email: &str) -> impl Future<Output = Stored<Option<Person>>> + Send;
    /// A session by its cookie's digest.
    fn session(&self, digest: [u8; 32]) -> impl Future<Output = Stored<Option<Session>>> + Send;
    /// A consent that was decided.
    fn decided(&self, transaction: [u8; 16]) -> impl Future<Output = Stored<Option<Decided>>> + Send;
    /// One connection.
    fn connection(&self, id: ConnectionId) -> impl Future<Output = Stored<Option<Connection>>> + Send;
    /// Connections in ascending order of number: of one customer, or of all; with `live_only`, only those not cut.
    fn connections(
        &self,
        customer: Option<CustomerId>,
        live_only: bool,
        page: Page<ConnectionId>,
    ) -> impl Future<Output = Stored<Vec<Connection>>> + Send;
    /// Whether a seed file with this digest was loaded ([`Change::MarkSeed`]).
    fn seed_loaded(&self, digest: [u8; 32]) -> impl Future<Output = Stored<bool>> + Send;
    /// The live connections that this person allowed last (for `on_authorizer_…`), at most 500.
    fn connections_allowed_by(&self, person: UserId) -> impl Future<Output = Stored<Vec<Connection>>> + Send;
    /// The family and everything that could speak against it, in one snapshot.
    fn standing(
        &self,
        family: FamilyId,
        connection: ConnectionId,
        app: AppId,
        customer: CustomerId,
        user: UserId,
    ) -> impl Future<Output = Stored<Standing>> + Send;
    /// The families that a connection holds, living or not; at most 64.
    fn families(&self, connection: ConnectionId) -> impl Future<Output = Stored<Vec<Family>>> + Send;
    /// The active person of this role and customer with the lowest number.
    fn first_person(&self, customer: CustomerId, role: Role) -> impl Future<Output = Stored<Option<Person>>> + Send;
    /// An app's logo.
    fn logo(&self, app: AppId) -> impl Future<Output = Stored<Option<Logo>>> + Send;
    /// An OAuth 1.0 consumer by its key.
    fn consumer(&self, key: &str) -> impl Future<Output = Stored<Option<ConsumerStanding>>> + Send;
    /// An OAuth 1.0 consumer by number.
    fn consumer_by_id(&self, id: ConsumerId) -> impl Future<Output = Stored<Option<ConsumerStanding>>> + Send;
    /// Whether this customer has a consumer that is on: then its pages warn (TSM-16).
    fn has_consumer(&self, customer: CustomerId) -> impl Future<Output = Stored<bool>> + Send;
    /// A token of a consumer, by the SHA-256 of `oauth_token`.
    fn consumer_token(&self, digest: [u8; 32]) -> impl Future<Output = Stored<Option<ConsumerToken>>> + Send;
    /// Temporary credentials, by the SHA-256 of `oauth_token`; also those that have expired.
    fn temporary(&self, digest: [u8; 32]) -> impl Future<Output = Stored<Option<Temporary>>> + Send;
    /// The mark of an exchange.
    fn exchanged(&self, app: AppId, consumer: ConsumerId) -> impl Future<Output = Stored<Option<Exchanged>>> + Send;
    /// Every consumer with what it still calls, counting from this day on, in ascending order of number.
    fn legacy(&self, since_day: i64, page: Page<ConsumerId>) -> impl Future<Output = Stored<Vec<LegacyLine>>> + Send;
    /// An API key by its digest.
    fn api_key(&self, digest: [u8; 32]) -> impl Future<Output = Stored<Option<ApiKey>>> + Send;
    /// An API key by number.
    fn api_key_by_id(&self, id: ApiKeyId) -> impl Future<Output = Stored<Option<ApiKey>>> + Send;
    /// An account by the customer that it is.
    fn account(&self, customer: CustomerId) -> impl Future<Output = Stored<Option<Account>>> + Send;
    /// An account by its id; one that was deleted is not found.
    fn account_by_external(&self, id: &str) -> impl Future<Output = Stored<Option<Account>>> + Send;
    /// An app's accounts, in ascending order of customer.
    fn accounts(&self, app: AppId, page: Page<CustomerId>) -> impl Future<Output = Stored<Vec<Account>>> + Send;
    /// The connection of an app under a subject key, cut or not.
    fn connection_of(&self, app: AppId, subject: SubjectKey)
    -> impl Future<Output = Stored<Option<Connection>>> + Send;
    /// Counts of rows by table, for tests, metrics and `prove`.
    fn counts(&self) -> impl Future<Output = Stored<Vec<(&'static str, u64)>>> + Send;
    /// Whether the audit chain holds from the first row to the last; the number of rows.
    fn audit_check(&self) -> impl Future<Output = Stored<Result<u64, String>>> + Send;
    /// The newest audit rows, newest first: (number, time, actor, verb, detail).
    fn audit_tail(&self, limit: u32) -> impl Future<Output = Stored<Vec<AuditRow>>> + Send;
}
