//! Who calls a machine-facing endpoint, and how a "no" leaves the flows. Client authentication stands here once for the
//! token, revocation and introspection endpoints; grants and tokens are not looked at.

use std::net::IpAddr;
use std::sync::Arc;

use causeway_protocol::client_auth::{self, Claim, Client};
use causeway_protocol::family::IdempotencyKey;
use causeway_protocol::params::Params;
use causeway_protocol::records::App;
use causeway_protocol::seal::{KeyRing, SealError, Sealed};
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal, UnixTime};

use crate::node::Node;
use crate::shared::Shared;
use crate::throttle::Key;

/// A request of a machine-facing endpoint, without HTTP.
#[derive(Debug)]
pub struct Asked {
    /// Body parameters.
    pub params: Params,
    /// The Authorization header.
    pub authorization: Option<String>,
    /// The Idempotency-Key header.
    pub retry_key: Option<String>,
    /// Where it comes from: throttles count by it.
    pub source: IpAddr,
}

impl Asked {
    /// The Idempotency-Key, refused when it is not of the form.
    pub fn retry_key(&self) -> Result<Option<IdempotencyKey>, Refusal> {
        let parse = |text: &String| IdempotencyKey::parse(text).ok_or(Reason::IdempotencyKeyMalformed.refuse());
        self.retry_key.as_ref().map(parse).transpose()
    }
}

/// A refusal on its way out of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// How long to wait, where the flow knows.
    pub wait: Option<Seconds>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, wait: None }
    }
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        reason.refuse().into()
    }
}

/// Who the caller says it is, with the app of that name: what [`Caller::prove`] borrows from.
pub struct Caller {
    claim: Claim,
    app: Option<Arc<App>>,
}

impl Caller {
    /// Reads the claim. Nothing is proven yet.
    pub fn read(node: &Node, asked: &Asked) -> Result<Self, Refusal> {
        let claim = client_auth::claim(asked.authorization.as_deref(), &asked.params)?;
        let app = node.app(&claim.client_id);
        Ok(Self { claim, app })
    }

    /// The key that one of the app's secrets is kept under and the ring does not hold: never the app's fault.
    fn unknown_key(&self, ring: &KeyRing) -> Option<u16> {
        let kept = self.app.iter().flat_map(|app| &app.secrets);
        kept.map(|secret| secret.key_id).find(|id| !ring.holds(*id))
    }

    /// The ring to prove it with: read again where a secret's key is missing (TOKENS 3).
    async fn ring(&self, node: &Node) -> Arc<KeyRing> {
        let ring = node.ring();
        match self.unknown_key(&ring) {
            Some(_) => node.ring_after(&ring).await.unwrap_or(ring),
            None => ring,
        }
    }

    /// Proves it. The secret is looked at first: only who fails is throttled, so nobody can lock a client out (TK-06).
    pub async fn prove(&self, shared: &Shared, source: IpAddr) -> Result<Client<'_>, Refused> {
        shared.node.speaks()?;
        let ring = self.ring(&shared.node).await;
        let proof = client_auth::authenticate(&self.claim, self.app.as_deref(), &ring);
        proof.map_err(|refusal| {
            if refusal.reason != Reason::ClientUnknown {
                return refusal.into();
            }
            if let Some(key_id) = self.unknown_key(&ring) {
                tracing::error!(key_id, "an app's secret is kept under a key that this node does not hold");
                return Reason::KeyUnknown.into();
            }
            let key = Key::of(&[b"client", self.claim.client_id.as_bytes(), &octets(source)]);
            match shared.client_failures.failed(key, shared.node.clock.monotonic_nanos()) {
                Some(wait) => Refused { refusal: Reason::ClientThrottled.refuse(), wait: Some(wait) },
                None => refusal.into(),
            }
        })
    }
}

/// An address as bytes. An IPv6 customer holds a whole /64: it counts as one place.
pub(crate) fn octets(source: IpAddr) -> Vec<u8> {
    match source.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

/// Opens a text of one kind. An unknown key is never the caller's fault (TOKENS 3): 503, so that the token is kept.
pub(crate) async fn open<T: Sealed>(
    node: &Node,
    prefix: &str,
    text: &str,
    now: UnixTime,
    invalid: Reason,
) -> Result<T, Refusal> {
    node.open(prefix, text, now).await.map_err(|error| match error {
        SealError::UnknownKey(key_id) => {
            tracing::warn!(key_id, "a token was sealed with a key that this node does not hold");
            Reason::KeyUnknown.refuse()
        }
        SealError::Junk | SealError::Forged => invalid.refuse(),
    })
}
