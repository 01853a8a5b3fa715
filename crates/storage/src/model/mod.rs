//! The oracle: the same promises over plain maps behind one mutex, written to be obviously right. No SQL, nothing fast,
//! nothing kept: for tests, and for comparing the other engines with.

mod accounts;
mod changes;
mod grants;
mod legacy;
mod link;
mod store;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use causeway_protocol::change::{Standing, fold_cuts};
use causeway_protocol::legacy::{Account, ApiKey, Consumer, ConsumerToken, Exchanged, Logo, Temporary};
use causeway_protocol::records::{
    App, Connection, Customer, Cuts, Decided, Family, FeedEntry, Person, Session, SubjectKey,
};
use causeway_protocol::time::Seconds;
use causeway_protocol::{
    AppId, ConnectionId, ConsumerId, CustomerId, FamilyId, Position, Scopes, Subject, SubjectKind, UnixTime,
};

use crate::{Boot, audit};

pub use link::Link;

/// A store in memory, as one node reaches it: [`Model::node`] gives another node's way to the same store.
pub struct Model {
    shared: Arc<link::Shared>,
    link: Arc<Link>,
}

/// Everything there is. Apps, customers, people and connections are never deleted: number n stands at index n − 1.
#[derive(Default)]
struct State {
    /// Every entry ever; the cuts of a subject are the fold of its entries.
    history: Vec<FeedEntry>,
    /// How many of the oldest have left the feed.
    left: usize,
    /// Entries that a later one of the same subject replaced.
    replaced: BTreeSet<Position>,
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
    logos: BTreeMap<AppId, Logo>,
    /// What was used once, until when that is remembered.
    spent: BTreeMap<[u8; 16], UnixTime>,
    consumers: Vec<Consumer>,
    consumer_tokens: BTreeMap<[u8; 32], ConsumerToken>,
    temporaries: BTreeMap<[u8; 32], Temporary>,
    exchanges: BTreeMap<(AppId, ConsumerId), Exchanged>,
    /// Calls by consumer, day and route, …
    legacy_use: BTreeMap<(ConsumerId, i64, String), u64>,
    /// … the last call ever noted, …
    last_legacy: BTreeMap<ConsumerId, UnixTime>,
    /// … and until when a customer may go on.
    extended: BTreeMap<CustomerId, UnixTime>,
    api_keys: Vec<ApiKey>,
    /// Id and name are the customer's.
    accounts: BTreeMap<CustomerId, Account>,
    /// Every id that was ever an account's, and of which app.
    account_ids: BTreeMap<String, AppId>,
    /// Where the next sweep of families goes on.
    swept_to: Option<FamilyId>,
}

impl State {
    fn head(&self) -> Position {
        self.history.last().map_or(Position::ZERO, |entry| entry.position)
    }

    /// The feed as it stands, without what was replaced.
    fn feed(&self) -> Vec<FeedEntry> {
        let all = self.history[self.left..].iter();
        all.filter(|entry| !self.replaced.contains(&entry.position)).copied().collect()
    }

    /// The feed as readers see it, from its oldest entry on: no gaps.
    fn feed_shown(&self) -> Vec<FeedEntry> {
        let (mut at, mut shown) = (UnixTime(0), Vec::new());
        for entry in self.history[self.left..].iter().rev() {
            if self.replaced.contains(&entry.position) {
                shown.push(FeedEntry::replaced(entry.position, at));
            } else {
                at = entry.at;
                shown.push(*entry);
            }
        }
        shown.reverse();
        shown
    }

    fn cuts(&self, subject: impl Into<Subject>) -> Cuts {
        let subject = subject.into();
        fold_cuts(self.history.iter().filter(|entry| entry.subject == subject))
    }

    fn subjects_with_cuts(&self) -> Vec<(Subject, Cuts)> {
        let mut all = BTreeMap::<Subject, Cuts>::new();
        for entry in &self.history {
            let cuts = all.entry(entry.subject).or_default();
            *cuts = cuts.after(entry.event, entry.position);
        }
        all.into_iter().filter(|(_, cuts)| *cuts != Cuts::default()).collect()
    }

    fn still_matters(&self, cuts: &Cuts) -> bool {
        // The oldest entry is never replaced.
        self.history.get(self.left).is_some_and(|oldest| cuts.access.max(cuts.all) >= oldest.position)
    }

    fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id == id)
    }

    fn connection_of(&self, app: AppId, subject: SubjectKey) -> Option<&Connection> {
        self.connections.iter().find(|one| one.app == app && one.subject == subject)
    }

    fn boot(&self) -> Boot {
        let mut cuts = self.subjects_with_cuts();
        // An audience's key is made at its cut's position: that is never forgotten.
        cuts.retain(|(subject, cuts)| cuts.off || subject.kind == SubjectKind::Audience || self.still_matters(cuts));
        Boot {
            head: self.head(),
            cuts,
            apps: self.apps.clone(),
            api_keys: self.api_keys.clone(),
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

    /// What is remembered of each subject. What only access tokens or a family's row need is forgotten with its entry.
    fn cuts_kept(&self) -> Vec<(Subject, Cuts)> {
        let leaves = |subject: &Subject| matches!(subject.kind, SubjectKind::Family | SubjectKind::AppItself);
        let mut cuts = self.subjects_with_cuts();
        cuts.retain(|(subject, cuts)| !leaves(subject) || self.still_matters(cuts));
        cuts
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let cuts = self.cuts_kept();
        let sites = self.customers.iter().map(|customer| customer.sites.len()).sum();
        let counts = [
            ("account_ids", self.account_ids.len()),
            ("accounts", self.accounts.len()),
            ("api_keys", self.api_keys.len()),
            ("apps", self.apps.len()),
            ("audit", self.audit.len()),
            ("connections", self.connections.len()),
            ("consumer_tokens", self.consumer_tokens.len()),
            ("consumers", self.consumers.len()),
            ("customers", self.customers.len()),
            ("cuts", cuts.len()),
            ("decisions", self.decisions.len()),
            ("exchanges", self.exchanges.len()),
            ("families", self.families.len()),
            ("feed", self.feed().len()),
            ("legacy_use", self.legacy_use.len()),
            ("logos", self.logos.len()),
            ("people", self.people.len()),
            ("scopes", self.scopes.len()),
            ("seeds", self.seeds.len()),
            ("sessions", self.sessions.len()),
            ("sites", sites),
            ("spent", self.spent.len()),
            ("temporaries", self.temporaries.len()),
        ];
        counts.map(|(table, count)| (table, count as u64)).to_vec()
    }
}
