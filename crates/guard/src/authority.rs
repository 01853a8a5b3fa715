//! What stands behind a check, wherever the guard runs: in a node, at the edge, in a service of somebody else's.
//! How each of them comes by it does not belong here.

use std::future::{Future, ready};
use std::sync::Arc;

use causeway_protocol::seal::OpenAccess;
use causeway_protocol::{ConnectionId, Reason, UnixTime};

use crate::call::{Call, Identified};
use crate::denied::Denied;
use crate::held::{CustomerSource, Held};

/// Everything that one call is checked against, and what time it is. See the crate for how a call goes through it.
pub trait Authority: Send + Sync {
    /// What opens access tokens.
    type Keys: OpenAccess;
    /// Where a customer is read from on first use.
    type Customers: CustomerSource;

    /// What is held in memory.
    fn held(&self) -> &Held;
    /// The keys as they are now: one call uses one set of them from its beginning to its end.
    fn keys(&self) -> Arc<Self::Keys>;
    /// Who is asked for customers that are not held.
    fn customers(&self) -> &Self::Customers;
    /// Wall time, for expiry.
    fn now(&self) -> UnixTime;
    /// A clock that never goes back, in nanoseconds: for budgets and freshness.
    fn monotonic_nanos(&self) -> u64;

    /// Who made a call that OAuth 1.0 signed; `form` is its body, where that is a form. Secrets and used nonces stand in the
    /// store, so only a node can tell: somebody who can ask one says so here, and by default nobody can.
    fn judge(&self, call: &Call<'_>, form: Option<&[u8]>) -> impl Future<Output = Result<Identified, Denied>> + Send {
        let _of_no_use = (call, form);
        ready(Err(Denied::from(Reason::OAuth1Elsewhere)))
    }

    /// The keys to try again with after `before` did not hold the one that sealed this token: it may have come meanwhile.
    /// `None`: nobody knows (503), which is what is said by default.
    fn newer_keys(
        &self,
        before: &Arc<Self::Keys>,
        token: &str,
    ) -> impl Future<Output = Option<Arc<Self::Keys>>> + Send {
        let _of_no_use = (before, token);
        ready(None)
    }

    /// A call with a token of this connection passed. For whoever shows when something was used last.
    fn passed(&self, connection: ConnectionId, at: UnixTime) {
        let _of_no_use = (connection, at);
    }
}
