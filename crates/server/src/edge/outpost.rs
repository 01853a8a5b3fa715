//! What calls are checked against at the edge: what the stream keeps right, and nodes for what only they can know. No
//! record is kept here, and none is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::response::Response;
use causeway_guard::remote::{Clock as RemoteClock, Remote, SignedCall, wire};
use causeway_guard::{Authority, Denied, Held, Pass, Unavailable};
use causeway_protocol::access_keys::AccessKeys;
use causeway_protocol::profile::{OAuth1Rules, Profile};
use causeway_protocol::{ConsumerId, Reason, UnixTime};
use http::request::Parts;

use crate::clock::{Clock, Entropy};
use crate::flows::oauth1::Signed;
use crate::http::front::{Front, House, SignedBy};
use crate::http::proxy::{Api, Content};
use crate::http::{oauth1, reply};
use crate::legacy_use::LegacyCounts;
use crate::metrics::{CONTENT_TYPE, Live, Metrics};
use crate::shared::LastUsed;
use crate::trust::TrustedProxies;

/// See the module.
pub struct Outpost {
    /// What is held, and the way to the nodes.
    pub remote: Arc<Remote>,
    pub(super) profile: Profile,
    pub(super) api: Api,
    pub(super) api_origin: String,
    pub(super) metrics: Metrics,
    pub(super) last_used: LastUsed,
    pub(super) legacy_use: LegacyCounts,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) proxies: TrustedProxies,
    pub(super) nobody: TrustedProxies,
    pub(super) draining: AtomicBool,
}

/// The server's clock, as the stream's client wants it.
pub(super) struct OneClock(pub(super) Arc<dyn Clock>);

impl RemoteClock for OneClock {
    fn now(&self) -> UnixTime {
        self.0.now()
    }

    fn monotonic_nanos(&self) -> u64 {
        self.0.monotonic_nanos()
    }
}

impl Outpost {
    /// What a node is to hear, and anew from here.
    pub(super) fn take_report(&self) -> wire::Report {
        let used = self.last_used.take().into_iter().take(wire::MAX_REPORT);
        let signed = self.legacy_use.take().into_iter().take(wire::MAX_REPORT);
        wire::Report {
            used: used.map(|(connection, at)| (connection.0, at.0)).collect(),
            signed: signed.map(|one| (one.consumer.0, one.day, one.route, one.calls, one.last_at.0)).collect(),
            ..wire::Report::default()
        }
    }

    /// Keeps budgets together with the nodes; see [`Remote::tell_shares`].
    ///
    /// # Errors
    /// No node heard it.
    pub async fn tell_shares(&self) -> Result<(), Unavailable> {
        self.remote.tell_shares(&self.api.guard).await
    }

    fn live(&self) -> Live {
        let held = self.remote.held();
        Live {
            feed_position: held.head().counter(),
            taken_back: held.taken_back_len(),
            customer_misses: held.customer_misses(),
            ..Live::default()
        }
    }
}

/// `GET /readyz`: calls are judged here, and nobody asked us to stop.
pub(super) async fn ready(State(outpost): State<Arc<Outpost>>) -> Response {
    if outpost.draining.load(Ordering::Relaxed) {
        return reply::refused(&Reason::Draining.refuse());
    }
    if outpost.remote.is_fresh() {
        return reply::text("text/plain; charset=utf-8", "ready\n".to_owned());
    }
    reply::refused(&Reason::GuardNotReady.refuse())
}

/// `GET /metrics`: for Prometheus.
pub(super) async fn metrics(State(outpost): State<Arc<Outpost>>) -> Response {
    reply::text(CONTENT_TYPE, outpost.metrics.render(outpost.live()))
}

impl House for Outpost {
    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    fn entropy(&self) -> &dyn Entropy {
        self.entropy.as_ref()
    }

    fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    fn askers(&self) -> &TrustedProxies {
        &self.nobody
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }
}

impl Authority for Outpost {
    type Keys = AccessKeys;
    type Customers = Remote;

    fn held(&self) -> &Held {
        self.remote.held()
    }

    fn keys(&self) -> Arc<AccessKeys> {
        self.remote.keys()
    }

    fn customers(&self) -> &Remote {
        &self.remote
    }

    fn now(&self) -> UnixTime {
        self.clock.now()
    }

    fn monotonic_nanos(&self) -> u64 {
        self.clock.monotonic_nanos()
    }
}

impl Front for Outpost {
    fn api(&self) -> &Api {
        &self.api
    }

    fn api_origin(&self) -> &str {
        &self.api_origin
    }

    fn last_used(&self) -> &LastUsed {
        &self.last_used
    }

    async fn keys_after(&self, before: &Arc<AccessKeys>, (_, text): (&str, &str), _: u64) -> Option<Arc<AccessKeys>> {
        self.remote.keys_after(before, text).await
    }

    /// What is no signature at all is refused here; what may be one, by a node.
    async fn signed(&self, rules: &OAuth1Rules, call: &Signed<'_>) -> Result<SignedBy, Denied> {
        if call.read(rules)?.is_none() {
            return Ok(None);
        }
        if call.authorization.is_some_and(|text| !oauth1::is_scheme(text)) {
            return Err(Reason::CredentialsTwice.into());
        }
        let Signed { method, path, query, authorization, form } = *call;
        self.remote.judge(SignedCall { method, path, query, authorization, form }).await
    }

    fn signed_call_passed(&self, consumer: ConsumerId, route: &str, now: UnixTime) {
        self.legacy_use.seen(consumer, route, now);
    }

    /// The stream goes on by itself.
    async fn catch_up(&self) {}

    /// What a node answers itself is not at the edge.
    async fn answer_here(&self, _: &Pass, _: &Parts, _: Content) -> Result<Response, Denied> {
        Err(Reason::RouteUnknown.into())
    }
}
