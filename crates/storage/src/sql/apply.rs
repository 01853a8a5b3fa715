//! From a change to the function that applies it. One arm per change, no statement of its own.

use causeway_protocol::change::{Change, Outcome};

use super::db::{Db, Sql, SqlError};
use super::txn::{Head, Txn};
use super::{accounts, apps, connections, exchange, families, legacy, people, records, sessions, sweep};

/// Where the next sweep looks at families first; forgotten at a restart, which is harmless.
pub(crate) const SWEEP_START: i64 = i64::MIN;

/// Applies one change in the transaction under way; whoever commits saves the head. A refresh is the engine's own.
pub(crate) async fn apply<D: Db>(db: &mut D, head: &mut Head, sweep_cursor: &mut i64, change: &Change) -> Sql<Outcome> {
    let txn = Txn::new(db, head);
    match change {
        Change::MoveFamily(_) => Err(SqlError::Failed("a refresh is the engine's own".to_owned())),
        Change::CutToken { bearer, budget, act } => families::cut_token(txn, bearer, *budget, act).await,
        Change::CutAudience { audience, act } => records::cut_audience(txn, *audience, act).await,
        Change::CreateFamily(change) => families::create(txn, change).await,
        Change::RepudiateFamily { family, act } => families::repudiate(txn, *family, act).await,
        Change::Decide(change) => connections::decide(txn, change).await,
        Change::CutConnection { connection, act } => connections::cut(txn, *connection, act).await,
        Change::RecordUse(used) => connections::record_use(txn, used).await,
        Change::Switch { subject, active, act } => records::switch(txn, *subject, *active, act).await,
        Change::SetAppScopes { app, scopes, act } => apps::set_scopes(txn, *app, *scopes, act).await,
        Change::SetAppSecrets { app, expected, secrets, act } => {
            apps::set_secrets(txn, *app, expected, secrets, act).await
        }
        Change::PutApp(app, act) => apps::put(txn, app, act).await,
        Change::PutCustomer(customer, act) => records::put_customer(txn, customer, act).await,
        Change::ReplaceApp { expected, app, act } => apps::replace(txn, expected, app, act).await,
        Change::SetLogo { app, logo, act } => apps::set_logo(txn, *app, logo.as_ref(), act).await,
        Change::PutPerson(person, act) => people::put(txn, person, act).await,
        Change::RegisterScopes(words) => records::register_scopes(txn, words).await,
        Change::MarkSeed(digest) => records::mark_seed(txn, digest).await,
        Change::RaiseAccessLife(life) => records::raise_access_life(txn, *life).await,
        Change::SetPassword { person, password, end_sessions, act } => {
            sessions::set_password(txn, *person, password, *end_sessions, act.as_ref()).await
        }
        Change::StartSession(session) => sessions::start(txn, session).await,
        Change::TouchSession { digest, seen_at } => sessions::touch(txn, digest, *seen_at).await,
        Change::EndSession(digest) => sessions::end(txn, digest).await,
        Change::SpendOnce { digest, expires_at } => sessions::spend_once(txn, digest, *expires_at).await,
        Change::PutConsumer(consumer, act) => legacy::put_consumer(txn, consumer, act).await,
        Change::PutConsumerToken(token, act) => legacy::put_token(txn, token, act).await,
        Change::BeginLegacy(temporary) => legacy::begin(txn, temporary).await,
        Change::AllowLegacy { digest, person, verifier, act } => {
            legacy::allow(txn, digest, *person, verifier, act).await
        }
        Change::FinishLegacy { digest, token, act } => legacy::finish(txn, digest, token, act).await,
        Change::ExtendLegacy { customer, until, act } => legacy::extend_legacy(txn, *customer, *until, act).await,
        Change::RecordLegacy(uses) => legacy::record(txn, uses).await,
        Change::Exchange(change) => exchange::exchange(txn, change).await,
        Change::ReopenExchange { app, consumer, act } => exchange::reopen(txn, *app, *consumer, act).await,
        Change::PutApiKey(key, act) => accounts::put_key(txn, key, act).await,
        Change::RegisterAccount(account, act) => accounts::register(txn, account, act).await,
        Change::EditAccount(account, act) => accounts::edit(txn, account, act).await,
        Change::DeleteAccount { customer, app, act } => accounts::delete(txn, *customer, *app, act).await,
        Change::Sweep(change) => sweep::sweep(txn, change, sweep_cursor).await,
    }
}
