//! From a change to the function that applies it. One arm per change, no statement of its own.

use causeway_protocol::change::{Change, Outcome};
use rusqlite::Connection;

use super::txn::{Head, Txn};
use super::{accounts, apps, connections, exchange, families, legacy, people, records, sessions, sweep};

/// Where the next sweep looks at families first; forgotten at a restart, which is harmless.
pub(super) const SWEEP_START: i64 = i64::MIN;

pub(super) fn apply(
    db: &Connection,
    head: &mut Head,
    sweep_cursor: &mut i64,
    change: &Change,
) -> rusqlite::Result<Outcome> {
    let txn = Txn::new(db, head);
    match change {
        Change::MoveFamily(change) => families::advance(txn, change),
        Change::CreateFamily(change) => families::create(txn, change),
        Change::RepudiateFamily { family, act } => families::repudiate(txn, *family, act),
        Change::Decide(change) => connections::decide(txn, change),
        Change::CutConnection { connection, act } => connections::cut(txn, *connection, act),
        Change::RecordUse(used) => connections::record_use(txn, used),
        Change::Switch { subject, active, act } => records::switch(txn, *subject, *active, act),
        Change::SetAppScopes { app, scopes, act } => apps::set_scopes(txn, *app, *scopes, act),
        Change::SetAppSecrets { app, expected, secrets, act } => apps::set_secrets(txn, *app, expected, secrets, act),
        Change::PutApp(app, act) => apps::put(txn, app, act),
        Change::PutCustomer(customer, act) => records::put_customer(txn, customer, act),
        Change::ReplaceApp { expected, app, act } => apps::replace(txn, expected, app, act),
        Change::SetLogo { app, logo, act } => apps::set_logo(txn, *app, logo.as_ref(), act),
        Change::PutPerson(person, act) => people::put(txn, person, act),
        Change::RegisterScopes(words) => records::register_scopes(txn, words),
        Change::MarkSeed(digest) => records::mark_seed(txn, digest),
        Change::RaiseAccessLife(life) => records::raise_access_life(txn, *life),
        Change::SetPassword { person, password, end_sessions, act } => {
            sessions::set_password(txn, *person, password, *end_sessions, act.as_ref())
        }
        Change::StartSession(session) => sessions::start(txn, session),
        Change::TouchSession { digest, seen_at } => sessions::touch(txn, digest, *seen_at),
        Change::EndSession(digest) => sessions::end(txn, digest),
        Change::SpendOnce { digest, expires_at } => sessions::spend_once(txn, digest, *expires_at),
        Change::PutConsumer(consumer, act) => legacy::put_consumer(txn, consumer, act),
        Change::PutConsumerToken(token, act) => legacy::put_token(txn, token, act),
        Change::BeginLegacy(temporary) => legacy::begin(txn, temporary),
        Change::AllowLegacy { digest, person, verifier, act } => legacy::allow(txn, digest, *person, verifier, act),
        Change::FinishLegacy { digest, token, act } => legacy::finish(txn, digest, token, act),
        Change::ExtendLegacy { customer, until, act } => legacy::extend_legacy(txn, *customer, *until, act),
        Change::RecordLegacy(uses) => legacy::record(txn, uses),
        Change::Exchange(change) => exchange::exchange(txn, change),
        Change::ReopenExchange { app, consumer, act } => exchange::reopen(txn, *app, *consumer, act),
        Change::PutApiKey(key, act) => accounts::put_key(txn, key, act),
        Change::RegisterAccount(account, act) => accounts::register(txn, account, act),
        Change::EditAccount(account, act) => accounts::edit(txn, account, act),
        Change::DeleteAccount { customer, app, act } => accounts::delete(txn, *customer, *app, act),
        Change::Sweep(change) => sweep::sweep(txn, change, sweep_cursor),
    }
}

/// Whether a change is one statement, which SQLite undoes by itself when it fails; all others need a savepoint.
pub(super) fn is_one_statement(change: &Change) -> bool {
    use Change::{EndSession, MarkSeed, MoveFamily, RaiseAccessLife, SpendOnce, TouchSession};
    matches!(
        change,
        MoveFamily(_) | TouchSession { .. } | EndSession(_) | SpendOnce { .. } | MarkSeed(_) | RaiseAccessLife(_)
    )
}
