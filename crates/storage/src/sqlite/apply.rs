//! From a change to the function that applies it. One arm per change, no statement of its own.

use causeway_protocol::change::{Change, Outcome};
use rusqlite::Connection;

use super::txn::{Head, Txn};
use super::{apps, connections, families, records, sessions};

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
        Change::PutPerson(person, act) => records::put_person(txn, person, act),
        Change::RegisterScopes(words) => records::register_scopes(txn, words),
        Change::MarkSeed(digest) => records::mark_seed(txn, digest),
        Change::RaiseAccessLife(life) => records::raise_access_life(txn, *life),
        Change::SetPassword { person, password, end_sessions, act } => {
            sessions::set_password(txn, *person, password, *end_sessions, act.as_ref())
        }
        Change::StartSession(session) => sessions::start(txn, session),
        Change::TouchSession { digest, seen_at } => sessions::touch(txn, digest, *seen_at),
        Change::EndSession(digest) => sessions::end(txn, digest),
        Change::Sweep(sweep) => sessions::sweep(txn, sweep, sweep_cursor),
    }
}

/// Whether a change is one statement, which SQLite undoes by itself when it fails; all others need a savepoint.
pub(super) fn is_one_statement(change: &Change) -> bool {
    use Change::{EndSession, MarkSeed, MoveFamily, RaiseAccessLife, TouchSession};
    matches!(change, MoveFamily(_) | TouchSession { .. } | EndSession(_) | MarkSeed(_) | RaiseAccessLife(_))
}
