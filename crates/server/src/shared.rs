//! What every handler is given: the node, and the edge's own bounded memory (throttles, counters, hashing slots).
//! Nothing here decides or speaks HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use causeway_protocol::numbered::Numbered;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{ConnectionId, UnixTime};
use causeway_vault::Vault;
use tokio::sync::Notify;

use crate::edge::hub::Hub;
use crate::flows::passwords::SignIns;
use crate::http::pages::look::Look;
use crate::http::proxy::{Api, Limits};
use crate::legacy_use::LegacyCounts;
use crate::metrics::Metrics;
use crate::node::Node;
use crate::seed::SeedRecord;
use crate::shares::Shares;
use crate::throttle::Throttle;
use crate::trust::TrustedProxies;

/// One platform's HTTP edge. Add a field here when a handler needs something that outlives a request.
pub struct Shared {
    /// The running platform.
    pub node: Node,
    /// The guarded API.
    pub api: Api,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// What was told of budgets that nodes keep together.
    pub shares: Shares,
    /// Which connections were used since the last flush.
    pub last_used: LastUsed,
    /// Who called with OAuth 1.0 since the last flush.
    pub legacy_use: LegacyCounts,
    /// Guards at the edge that listen to this node.
    pub edges: Arc<Hub>,
    /// What the operator chose.
    pub options: Options,
    /// Wrong client secrets, by client and place.
    pub client_failures: Throttle,
    /// Wrong OAuth 1.0 pairs, by app and source.
    pub exchange_failures: Throttle,
    /// Texts at the introspection endpoint that nobody sealed, by app and place.
    pub scans: Throttle,
    /// Pairs that were handed out once more, by family: more than a few a day is worth a look (TOKENS 4).
    pub resends: Throttle,
    /// Where passwords are hashed, and who failed to sign in.
    pub sign_ins: SignIns,
    /// Wrong API keys of apps, by place.
    pub app_key_failures: Throttle,
    /// Accounts that apps register, by app: all of them, not only what failed.
    pub registrations: Throttle,
    /// Links that name no account of their app, by app and place.
    pub unknown_accounts: Throttle,
    /// What accounts connected in the mini-app; `None` where there are no providers.
    pub providers: Option<Vault>,
    /// The files that pages load.
    pub look: Look,
    /// True once the process is about to stop: not ready any more, still serving.
    draining: AtomicBool,
}

/// As handlers take it.
pub type Edge = Arc<Shared>;

/// What the operator chose for the edge.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The admin door's bearer key; `None` leaves the door shut.
    pub admin_key: Option<Secret>,
    /// The edges' bearer key; `None`: no edge is served.
    pub edge_key: Option<Secret>,
    /// Whose forwarding headers count.
    pub proxies: TrustedProxies,
    /// Who besides them may ask the guard (`/guard/check`): nothing else that these say is believed.
    pub askers: TrustedProxies,
    /// The platform's own API (`http://…`, no trailing slash); `None`: the sample API answers.
    pub upstream: Option<String>,
    /// What the sample API answers with.
    pub records: Vec<SeedRecord>,
    /// How much and how long on the way to the upstream.
    pub proxy: Limits,
    /// What accounts connect in the mini-app.
    pub providers: Option<Vault>,
}

impl Shared {
    /// The edge of a node.
    pub fn new(node: Node, mut options: Options) -> Self {
        let records = std::mem::take(&mut options.records);
        let edges = Arc::new(Hub::default());
        let bell = Arc::clone(&edges);
        node.held.when_it_moves(move || bell.ring());
        Self {
            api: Api::new(&node.profile, options.upstream.as_deref(), records, options.proxy),
            sign_ins: SignIns::default(),
            app_key_failures: Throttle::new(20, Seconds(60)),
            registrations: Throttle::new(600, Seconds(60)),
            unknown_accounts: Throttle::new(20, Seconds(60)),
            providers: options.providers.take(),
            look: Look::of(&node.profile),
            node,
            metrics: Metrics::new(),
            shares: Shares::default(),
            last_used: LastUsed::default(),
            legacy_use: LegacyCounts::default(),
            edges,
            options,
            client_failures: Throttle::new(10, Seconds(60)),
            exchange_failures: Throttle::new(60, Seconds(60)),
            scans: Throttle::new(100, Seconds(60)),
            resends: Throttle::new(3, Seconds::DAY),
            draining: AtomicBool::new(false),
        }
    }

    /// From now on `/readyz` says no.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the process is about to stop.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// So many connections are remembered between two flushes; uses beyond are not recorded, which costs a date on a page.
const MAX_USED: usize = 100_000;

/// When connections were last used: collected here, written in batches (TOKENS: never a commit per request).
#[derive(Debug, Default)]
pub struct LastUsed {
    used: Mutex<Used>,
    /// A connection was used that this process had not seen before.
    first: Notify,
}

/// A connection's date is written this often at most: each is a page of the store, and a busy app uses thousands of them at
/// once.
const WRITTEN_EVERY: Seconds = Seconds(60);

#[derive(Debug, Default)]
struct Used {
    since_flush: Numbered<ConnectionId, UnixTime>,
    /// When each was handed over last.
    handed: Numbered<ConnectionId, UnixTime>,
}

impl LastUsed {
    /// A call went through.
    pub fn seen(&self, connection: ConnectionId, now: UnixTime) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.since_flush.len() >= MAX_USED && !used.since_flush.contains_key(&connection) {
            return;
        }
        let is_new = used.since_flush.insert(connection, now).is_none();
        if is_new && used.handed.len() < MAX_USED && !used.handed.contains_key(&connection) {
            self.first.notify_one();
        }
    }

    /// Waits until a connection is used that was not used before: that one is written at once.
    pub async fn first_use(&self) {
        self.first.notified().await;
    }

    /// Hands over what is due, in order of number: connections that were not handed over for a minute.
    pub fn due(&self, now: UnixTime) -> Vec<(ConnectionId, UnixTime)> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let Used { since_flush, handed } = &mut *used;
        let fresh = |at: &UnixTime| (*at..*at + WRITTEN_EVERY).contains(&now);
        let due = |id: &ConnectionId| !handed.get(id).is_some_and(fresh);
        let mut list: Vec<_> = since_flush.iter().filter(|(id, _)| due(id)).map(|(id, at)| (*id, *at)).collect();
        if handed.len() + list.len() > MAX_USED {
            handed.retain(|_, at| fresh(at));
        }
        for (id, _) in &list {
            since_flush.remove(id);
            if handed.len() < MAX_USED {
                handed.insert(*id, now);
            }
        }
        drop(used);
        list.sort_unstable();
        list
    }

    /// Hands over everything that was collected, in order of number, and starts anew.
    pub fn take(&self) -> Vec<(ConnectionId, UnixTime)> {
        let used = std::mem::take(&mut self.used.lock().unwrap_or_else(PoisonError::into_inner).since_flush);
        let mut list: Vec<_> = used.into_iter().collect();
        list.sort_unstable();
        list
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn only_a_first_use_asks_to_be_written_at_once_and_later_ones_once_a_minute() {
        let used = LastUsed::default();
        let asks = || used.first_use().now_or_never().is_some();
        assert!(!asks());
        used.seen(ConnectionId(1), UnixTime(10));
        used.seen(ConnectionId(2), UnixTime(11));
        assert!(asks() && !asks(), "two first uses, one write");
        let (one, two) = (ConnectionId(1), ConnectionId(2));
        assert_eq!(used.due(UnixTime(11)), [(one, UnixTime(10)), (two, UnixTime(11))]);
        used.seen(one, UnixTime(20));
        assert!(!asks(), "later ones wait for their batch");
        assert_eq!(used.due(UnixTime(70)), []);
        used.seen(one, UnixTime(70));
        assert_eq!(used.due(UnixTime(71)), [(one, UnixTime(70))]);
        used.seen(two, UnixTime(72));
        assert_eq!(used.take(), [(two, UnixTime(72))], "the end of the process waits for nothing");
        assert_eq!(used.due(UnixTime(5)), []);
        used.seen(one, UnixTime(6));
        assert_eq!(used.due(UnixTime(6)), [(one, UnixTime(6))], "a clock that was set back");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let used = LastUsed::default();
        let many = |from: i64| (from..from + MAX_USED as i64).map(ConnectionId);
        many(0).for_each(|id| used.seen(id, UnixTime(10)));
        assert_eq!(used.due(UnixTime(10)).len(), MAX_USED);
        many(1_000_000).for_each(|id| used.seen(id, UnixTime(80)));
        assert_eq!(used.due(UnixTime(80)).len(), MAX_USED);
        let used = used.used.lock().unwrap();
        assert_eq!((used.handed.len(), used.since_flush.len()), (MAX_USED, 0));
    }
}
