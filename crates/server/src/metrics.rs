//! What is counted. Labels come from closed sets, never from a request's text: no secret and no flood can reach them.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use causeway_protocol::Reason;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The Prometheus text dialect that [`Metrics::render`] speaks.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency histogram, in seconds.
const BUCKETS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0];

/// The endpoints that are called tens of thousands of times a second, by the words of `dispatch`.
const HOT: [&str; 4] = ["api", "guard-check", "token", "introspect"];

/// The labels of `requests`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// A word for the endpoint.
    pub endpoint: &'static str,
    /// "2xx".
    pub class: &'static str,
}

/// The label of `refusals`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RefusalLabels {
    /// The stable number.
    pub number: u32,
    /// The variant's name.
    pub reason: &'static str,
}

/// The label of `verdicts`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct VerdictLabels {
    /// "pass" or a refusal's name.
    pub verdict: &'static str,
}

/// Every counter of the process. Handlers reach it through the edge.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests answered.
    pub requests: Family<RequestLabels, Counter>,
    /// Refusals, by number.
    pub refusals: Family<RefusalLabels, Counter>,
    /// What the guard said.
    pub verdicts: Family<VerdictLabels, Counter>,
    /// Refresh tokens that moved on.
    pub refreshes: Counter,
    /// Successors handed out a second time.
    pub resends: Counter,
    /// Of those, more than three of one family within a day.
    pub resend_alerts: Counter,
    /// Requests that panicked.
    pub panics: Counter,
    /// Connections turned away at the door.
    pub shed: Counter,
    /// How long the token endpoint took.
    pub token_seconds: Histogram,
    /// The counters that most requests move, found once.
    hot: [OnceLock<Counter>; HOT.len()],
    passed: OnceLock<Counter>,
    // The rest is set at scrape time, by `render`.
    take_backs: Gauge,
    feed_position: Gauge,
    taken_back: Gauge,
    customer_misses: Gauge<i64>,
    feed_head: Gauge,
    feed_age: Gauge<f64, AtomicU64>,
    nodes: Gauge,
    edges: Gauge,
    clock_ahead: Gauge<f64, AtomicU64>,
    clocks_apart: Gauge,
    connections: Gauge<i64>,
}

/// What is read at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub struct Live {
    /// Feed entries that this process wrote.
    pub take_backs: u64,
    /// The feed's counter as this node knows it.
    pub feed_position: u64,
    /// Subjects in the taken-back set.
    pub taken_back: usize,
    /// Customers that had to be read from the store.
    pub customer_misses: u64,
    /// Where the feed ends, as the store said last.
    pub feed_head: u64,
    /// How long ago this node knew everything, in seconds.
    pub feed_age: f64,
    /// Living nodes, this one included.
    pub nodes: usize,
    /// Guards at the edge that listen to this node.
    pub edges: usize,
    /// By how many seconds this node's clock is ahead of the nodes' median.
    pub clock_ahead: f64,
    /// Living nodes whose clocks are further from it than is permitted.
    pub clocks_apart: usize,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut made = Self {
            registry: Registry::with_prefix("causeway"),
            requests: Family::default(),
            refusals: Family::default(),
            verdicts: Family::default(),
            refreshes: Counter::default(),
            resends: Counter::default(),
            resend_alerts: Counter::default(),
            panics: Counter::default(),
            shed: Counter::default(),
            token_seconds: Histogram::new(BUCKETS),
            hot: Default::default(),
            passed: OnceLock::new(),
            take_backs: Gauge::default(),
            feed_position: Gauge::default(),
            taken_back: Gauge::default(),
            customer_misses: Gauge::default(),
            feed_head: Gauge::default(),
            feed_age: Gauge::default(),
            nodes: Gauge::default(),
            edges: Gauge::default(),
            clock_ahead: Gauge::default(),
            clocks_apart: Gauge::default(),
            connections: Gauge::default(),
        };
        made.register();
        made
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests answered, by endpoint and class of status", self.requests.clone());
        registry.register("refusals", "Refusals, by number (docs/ERRORS.md)", self.refusals.clone());
        registry.register("guard_verdicts", "What the guard said", self.verdicts.clone());
        registry.register("refreshes", "Refresh tokens that moved on", self.refreshes.clone());
        registry.register("resends", "Successors handed out a second time", self.resends.clone());
        let many = "Successors handed out a second time beyond three a day of one family";
        registry.register("resend_alerts", many, self.resend_alerts.clone());
        registry.register("take_backs", "Take-backs written by this node since start", self.take_backs.clone());
        registry.register("panics", "Requests that panicked", self.panics.clone());
        registry.register("shed_connections", "Connections turned away: one source held too many", self.shed.clone());
        registry.register("token_seconds", "How long the token endpoint took", self.token_seconds.clone());
        registry.register("feed_position", "The feed of take-backs: this node's position", self.feed_position.clone());
        registry.register("feed_head", "Where the feed ends, as the store said last", self.feed_head.clone());
        let age = "How long ago this node knew everything that was taken back";
        registry.register("feed_age_seconds", age, self.feed_age.clone());
        registry.register("nodes", "Living nodes, this one included", self.nodes.clone());
        registry.register("edges", "Guards at the edge that listen to this node", self.edges.clone());
        let ahead = "How far this node's clock is ahead of the nodes' median";
        registry.register("clock_ahead_seconds", ahead, self.clock_ahead.clone());
        registry.register("clocks_apart", "Living nodes with a wrong clock", self.clocks_apart.clone());
        registry.register("taken_back_subjects", "Size of the taken-back set", self.taken_back.clone());
        registry.register("customer_reads", "Customers read from the store since start", self.customer_misses.clone());
        registry.register("open_connections", "Connections open now", self.connections.clone());
    }

    /// One request was answered.
    pub fn request(&self, endpoint: &'static str, status: u16) {
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        let labels = RequestLabels { endpoint, class };
        match HOT.iter().position(|hot| class == "2xx" && *hot == endpoint) {
            Some(index) => self.hot[index].get_or_init(|| self.requests.get_or_create(&labels).clone()).inc(),
            None => self.requests.get_or_create(&labels).inc(),
        };
    }

    /// One refusal was given.
    pub fn refusal(&self, reason: Reason) {
        self.refusals.get_or_create(&RefusalLabels { number: reason.number().into(), reason: reason.name() }).inc();
    }

    /// The guard passed (`None`) or refused a call.
    pub fn verdict(&self, refused: Option<Reason>) {
        let of = |verdict| self.verdicts.get_or_create(&VerdictLabels { verdict });
        match refused {
            None => self.passed.get_or_init(|| of("pass").clone()).inc(),
            Some(reason) => of(reason.name()).inc(),
        };
    }

    /// A connection was opened (+1) or closed (−1).
    pub fn connection(&self, by: i64) {
        self.connections.inc_by(by);
    }

    /// The whole as text.
    pub fn render(&self, live: Live) -> String {
        self.take_backs.set(live.take_backs.try_into().unwrap_or(i64::MAX));
        self.feed_position.set(live.feed_position.try_into().unwrap_or(i64::MAX));
        self.taken_back.set(live.taken_back.try_into().unwrap_or(i64::MAX));
        self.customer_misses.set(live.customer_misses.try_into().unwrap_or(i64::MAX));
        self.feed_head.set(live.feed_head.try_into().unwrap_or(i64::MAX));
        self.feed_age.set(live.feed_age);
        self.nodes.set(live.nodes.try_into().unwrap_or(i64::MAX));
        self.edges.set(live.edges.try_into().unwrap_or(i64::MAX));
        self.clock_ahead.set(live.clock_ahead);
        self.clocks_apart.set(live.clocks_apart.try_into().unwrap_or(i64::MAX));
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _always_ok = text::encode(&mut out, &self.registry);
        out
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
