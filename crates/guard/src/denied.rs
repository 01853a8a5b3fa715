//! A call that does not pass, as a value. How it reads on the wire is `reply`'s business.

use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal};

use crate::budget::Left;

/// Why a call does not pass, and what its answer must say besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Why.
    pub reason: Reason,
    /// Which parameter or header it is about. Never a secret, never what the caller sent.
    pub detail: Option<String>,
    /// The scope that would have been enough (RFC 6750 3).
    pub scope: Option<String>,
    /// When it is worth trying again.
    pub retry_after: Option<Seconds>,
    /// The methods that the resource takes (RFC 9110 15.5.6).
    pub allow: Option<String>,
    /// What is left of the budget, where that is why.
    pub left: Option<Left>,
}

impl From<Reason> for Denied {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: None, scope: None, retry_after: None, allow: None, left: None }
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self { detail: refusal.detail, ..Self::from(refusal.reason) }
    }
}

impl Denied {
    /// With the name of what it is about.
    #[must_use]
    pub fn about(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
