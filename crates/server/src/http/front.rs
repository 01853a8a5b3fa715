//! What stands behind a guarded API, wherever the guard runs: in a node, or in a process of its own at the edge. The
//! proxy, forward-auth and the listeners ask for no more than this. What an answer means does not belong here.

use std::future::Future;
use std::sync::Arc;

use axum::response::Response;
use causeway_guard::{Authority, Denied, Identified, Pass};
use causeway_protocol::profile::{OAuth1Rules, Profile};
use causeway_protocol::{ConsumerId, UnixTime};
use http::request::Parts;

use super::oauth1;
use super::proxy::{self, Api, Content};
use crate::clock::{Clock, Entropy};
use crate::flows::oauth1::{Signed, caller};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::shared::{LastUsed, Shared};
use crate::trust::TrustedProxies;
use causeway_protocol::Reason;
use causeway_protocol::seal::KeyRing;

/// Who signed a call by OAuth 1.0, and when that ends for them; `None`: it was not signed after all.
pub type SignedBy = Option<(Identified, Option<UnixTime>)>;

/// What a listener needs of the process that it belongs to.
pub trait House: Send + Sync + 'static {
    /// Time.
    fn clock(&self) -> &Arc<dyn Clock>;
    /// Randomness, for request ids.
    fn entropy(&self) -> &dyn Entropy;
    /// Whose forwarding headers count.
    fn proxies(&self) -> &TrustedProxies;
    /// Who besides them may ask the guard.
    fn askers(&self) -> &TrustedProxies;
    /// What `/metrics` shows.
    fn metrics(&self) -> &Metrics;
    /// Which platform.
    fn profile(&self) -> &Profile;
}

/// What an API call is checked against, and what becomes of it.
pub trait Front: Authority + House {
    /// The guarded API.
    fn api(&self) -> &Api;
    /// Where callers reach it: `https://api.example`.
    fn api_origin(&self) -> &str;
    /// When connections were last used.
    fn last_used(&self) -> &LastUsed;

    /// The keys to try again with after `before` did not hold the one that sealed this (prefix, text); `began` is when
    /// the call was looked at, on the monotonic clock. `None`: nobody knows (503).
    fn keys_after(
        &self,
        before: &Arc<Self::Keys>,
        sealed: (&str, &str),
        began: u64,
    ) -> impl Future<Output = Option<Arc<Self::Keys>>> + Send;

    /// Who signed this call. Uses its nonce up.
    fn signed(&self, rules: &OAuth1Rules, call: &Signed<'_>) -> impl Future<Output = Result<SignedBy, Denied>> + Send;

    /// A call of this consumer passed, on this route ("GET /locations").
    fn signed_call_passed(&self, consumer: ConsumerId, route: &str, now: UnixTime);

    /// A guard that cannot know asks again, so that the next call may pass.
    fn catch_up(&self) -> impl Future<Output = ()> + Send;

    /// Answers a call that passed where no upstream does.
    fn answer_here(
        &self,
        pass: &Pass,
        parts: &Parts,
        body: Content,
    ) -> impl Future<Output = Result<Response, Denied>> + Send;
}

impl House for Shared {
    fn clock(&self) -> &Arc<dyn Clock> {
        &self.node.clock
    }

    fn entropy(&self) -> &dyn Entropy {
        self.node.entropy.as_ref()
    }

    fn proxies(&self) -> &TrustedProxies {
        &self.options.proxies
    }

    fn askers(&self) -> &TrustedProxies {
        &self.options.askers
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn profile(&self) -> &Profile {
        &self.node.profile
    }
}

impl Authority for Shared {
    type Keys = KeyRing;
    type Customers = Node;

    fn held(&self) -> &causeway_guard::Held {
        &self.node.held
    }

    fn keys(&self) -> Arc<KeyRing> {
        self.node.ring()
    }

    fn customers(&self) -> &Node {
        &self.node
    }

    fn now(&self) -> UnixTime {
        self.node.now()
    }

    fn monotonic_nanos(&self) -> u64 {
        self.node.clock.monotonic_nanos()
    }
}

impl Front for Shared {
    fn api(&self) -> &Api {
        &self.api
    }

    fn api_origin(&self) -> &str {
        &self.node.origins.api
    }

    fn last_used(&self) -> &LastUsed {
        &self.last_used
    }

    async fn keys_after(&self, before: &Arc<KeyRing>, sealed: (&str, &str), began: u64) -> Option<Arc<KeyRing>> {
        self.node.ring_for(before, sealed, began).await
    }

    async fn signed(&self, rules: &OAuth1Rules, call: &Signed<'_>) -> Result<SignedBy, Denied> {
        let Some(request) = call.read(rules)? else { return Ok(None) };
        // Parameters in the URL or the body, and another credential in the header.
        if call.authorization.is_some_and(|text| !oauth1::is_scheme(text)) {
            return Err(Reason::CredentialsTwice.into());
        }
        Ok(Some(caller(self, rules, call, request).await?))
    }

    fn signed_call_passed(&self, consumer: ConsumerId, route: &str, now: UnixTime) {
        self.legacy_use.seen(consumer, route, now);
    }

    async fn catch_up(&self) {
        let _the_next_call_will_see = self.node.read_feed().await;
    }

    async fn answer_here(&self, pass: &Pass, parts: &Parts, body: Content) -> Result<Response, Denied> {
        proxy::answer_in_the_node(self, pass, parts, body).await
    }
}
