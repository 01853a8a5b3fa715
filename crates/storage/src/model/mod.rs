//! The oracle: the same promises over plain maps behind one mutex, written to be obviously right. No SQL, nothing fast,
//! nothing kept: for tests, and for comparing the other engines with.

mod changes;
mod grants;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use causeway_protocol::change::{Standing, fold_cuts};
use causeway_protocol::records::{App, Connection, Customer, Cuts, Decided, Family, FeedEntry, Person, Session};
use causeway_protocol::time::Seconds;
use causeway_protocol::{
    AppId, Change, ConnectionId, CustomerId, FamilyId, Outcome, Position, Scopes, Subject, SubjectKind, UserId,
};

use crate::{AuditRow, Boot, PAGE_MAX, Page, Store, Stored, audit};

/// A store in memory.
#[derive(Default)]
pub struct Model {
    state: Mutex<Box<State>>,
}

/// Everything there is. Apps, customers, people and connections are never deleted: number n stands at index n − 1.
#[derive(Default)]
struct State {
    /// Every entry ever; the cuts of a subject are the fold of its entries.
    history: Vec<FeedEntry>,
    /// How many of the oldest have left the feed.
    left: usize,
    longest_access_life: Seconds,
    scopes: Vec<String>,
    seeds: BTreeSet<[u8; 32]>,
    apps: Vec<App>,
    customers: Vec<Customer>,
    people: Vec<Person>,
    connections: Vec<Connection>,
    /// The families that count for a connection's `max_families`.
    held: BTreeMap<ConnectionId, Vec<FamilyId>>,
    families: BTreeMap<FamilyId, Family>,
    sessions: BTreeMap<[u8; 32], Session>,
    decisions: BTreeMap<[u8; 16], Decided>,
    audit: Vec<(audit::Line, audit::Hash)>,
    /// Where the next sweep of families goes on.
    swept_to: Option<FamilyId>,
}

impl State {
    fn head(&self) -> Position {
        self.history.last().map_or(Position::ZERO, |entry| entry.position)
    }

    fn feed(&self) -> &[FeedEntry] {
        &self.history[self.left..]
    }

    fn cuts(&self, subject: impl Into<Subject>) -> Cuts {
        let subject = subject.into();
        fold_cuts(self.history.iter().filter(|entry| entry.subject == subject))
    }

    fn subjects_with_cuts(&self) -> Vec<(Subject, Cuts)> {
        let subjects: BTreeSet<Subject> = self.history.iter().map(|entry| entry.subject).collect();
        let cuts = subjects.into_iter().map(|subject| (subject, self.cuts(subject)));
        cuts.filter(|(_, cuts)| *cuts != Cuts::default()).collect()
    }

    fn still_matters(&self, cuts: &Cuts) -> bool {
        self.feed().first().is_some_and(|oldest| cuts.access.max(cuts.all) >= oldest.position)
    }

    fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id == id)
    }

    fn boot(&self) -> Boot {
        let mut cuts = self.subjects_with_cuts();
        cuts.retain(|(_, cuts)| cuts.off || self.still_matters(cuts));
        Boot {
            head: self.head(),
            cuts,
            apps: self.apps.clone(),
            scopes: Scopes::new(self.scopes.clone()),
            longest_access_life: self.longest_access_life,
        }
    }

    fn standing(&self, family: FamilyId, connection: ConnectionId, subjects: [Subject; 4]) -> Standing {
        let cuts = subjects.map(|subject| self.cuts(subject));
        Standing {
            family: self.families.get(&family).cloned(),
            connection: self.connection(connection).map(|found| (found.scopes, found.live)),
            cut_all: cuts.iter().map(|cuts| cuts.all).max().unwrap_or_default(),
            off: cuts.iter().any(|cuts| cuts.off),
            position: self.head(),
        }
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let mut cuts = self.subjects_with_cuts();
        cuts.retain(|(subject, cuts)| subject.kind != SubjectKind::Family || self.still_matters(cuts));
        let sites = self.customers.iter().map(|customer| customer.sites.len()).sum();
        let counts = [
            ("apps", self.apps.len()),
            ("audit", self.audit.len()),
            ("connections", self.connections.len()),
            ("customers", self.customers.len()),
            ("cuts", cuts.len()),
            ("decisions", self.decisions.len()),
            ("families", self.families.len()),
            ("feed", self.feed().len()),
            ("people", self.people.len()),
            ("scopes", self.scopes.len()),
            ("seeds", self.seeds.len()),
            ("sessions", self.sessions.len()),
            ("sites", sites),
        ];
        counts.map(|(table, count)| (table, count as u64)).to_vec()
    }
}

impl Model {
    fn state(&self) -> MutexGuard<'_, Box<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn capped<T>(among: impl Iterator<Item = T>, limit: u32) -> Stored<Vec<T>> {
    Ok(among.take(limit.min(PAGE_MAX) as usize).collect())
}

impl Store for Model {
    async fn apply(&self, change: Change) -> Stored<Outcome> {
        Ok(self.state().apply(change))
    }

    async fn feed(&self, after: Position, limit: u32) -> Stored<Vec<FeedEntry>> {
        capped(self.state().feed().iter().filter(|entry| entry.position > after).copied(), limit)
    }

    async fn boot(&self) -> Stored<Boot> {
        Ok(self.state().boot())
    }

    async fn app(&self, id: AppId) -> Stored<Option<App>> {
        Ok(self.state().apps.iter().find(|app| app.id == id).cloned())
    }

    async fn customer(&self, id: CustomerId) -> Stored<Option<Customer>> {
        Ok(self.state().customers.iter().find(|customer| customer.id == id).cloned())
    }

    async fn customer_by_external(&self, id: &str) -> Stored<Option<Customer>> {
        Ok(self.state().customers.iter().find(|customer| customer.external_id == id).cloned())
    }

    async fn customer_by_site(&self, site: &str) -> Stored<Option<Customer>> {
        let state = self.state();
        let sites = state.customers.iter().flat_map(|customer| customer.sites.iter().map(move |site| (site, customer)));
        let first = sites.filter(|(known, _)| known.external_id == site).min_by_key(|(known, _)| known.id);
        Ok(first.map(|(_, customer)| customer.clone()))
    }

    async fn seed_loaded(&self, digest: [u8; 32]) -> Stored<bool> {
        Ok(self.state().seeds.contains(&digest))
    }

    async fn person(&self, id: UserId) -> Stored<Option<Person>> {
        Ok(self.state().people.iter().find(|person| person.id == id).cloned())
    }

    async fn person_by_email(&self, email: &str) -> Stored<Option<Person>> {
        Ok(self.state().people.iter().find(|person| person.email == email.to_lowercase()).cloned())
    }

    async fn session(&self, digest: [u8; 32]) -> Stored<Option<Session>> {
        Ok(self.state().sessions.get(&digest).cloned())
    }

    async fn decided(&self, transaction: [u8; 16]) -> Stored<Option<Decided>> {
        Ok(self.state().decisions.get(&transaction).copied())
    }

    async fn connection(&self, id: ConnectionId) -> Stored<Option<Connection>> {
        Ok(self.state().connection(id).cloned())
    }

    async fn connections(
        &self,
        customer: Option<CustomerId>,
        live_only: bool,
        page: Page<ConnectionId>,
    ) -> Stored<Vec<Connection>> {
        let state = self.state();
        let wanted = |found: &&Connection| {
            customer.is_none_or(|id| found.customer == id)
                && (found.live || !live_only)
                && page.after.is_none_or(|after| found.id > after)
        };
        capped(state.connections.iter().filter(wanted).cloned(), page.limit)
    }

    async fn connections_allowed_by(&self, person: UserId) -> Stored<Vec<Connection>> {
        let state = self.state();
        capped(state.connections.iter().filter(|found| found.authorized_by == person && found.live).cloned(), PAGE_MAX)
    }

    async fn standing(
        &self,
        family: FamilyId,
        connection: ConnectionId,
        app: AppId,
        customer: CustomerId,
        user: UserId,
    ) -> Stored<Standing> {
        let subjects = [connection.into(), app.into(), customer.into(), user.into()];
        Ok(self.state().standing(family, connection, subjects))
    }

    async fn counts(&self) -> Stored<Vec<(&'static str, u64)>> {
        Ok(self.state().counts())
    }

    async fn audit_check(&self) -> Stored<Result<u64, String>> {
        let state = self.state();
        let mut check = audit::Check::new();
        Ok(state.audit.iter().try_for_each(|(line, hash)| check.follow(line, hash)).map(|()| state.audit.len() as u64))
    }

    async fn audit_tail(&self, limit: u32) -> Stored<Vec<AuditRow>> {
        let state = self.state();
        let row =
            |line: &audit::Line| (line.number, line.at, line.actor.clone(), line.verb.clone(), line.detail.clone());
        capped(state.audit.iter().rev().map(|(line, _)| row(line)), limit)
    }
}
