//! OAuth 1.0 signatures (RFC 5849), for both faces: the provider reads and verifies with it, the partner signs with it.
//! No nonce is remembered, no consumer looked up and no date of an end decided here: that is the callers'.
//!
//! It follows the RFC where common clients do not, and never tries a second reading (SECURITY O1-09).

mod base_string;
mod header;
mod params;
mod request;
mod sign;

pub use base_string::{Target, base_string, split_url};
pub use request::OAuth1Request;
pub use sign::{Signing, sign, signature};

use crate::UnixTime;
use crate::time::Seconds;

/// How a request is signed (RFC 5849 3.4). RSA-SHA1 and PLAINTEXT are unsupported (SECURITY O1-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureMethod {
    /// As every document prints it.
    HmacSha1,
    /// An extension that several signers know.
    HmacSha256,
}

impl SignatureMethod {
    /// Every method that there is.
    pub const ALL: &'static [SignatureMethod] = &[SignatureMethod::HmacSha1, SignatureMethod::HmacSha256];

    /// The word on the wire, case-sensitive.
    pub fn word(self) -> &'static str {
        match self {
            SignatureMethod::HmacSha1 => "HMAC-SHA1",
            SignatureMethod::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// The method of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|method| method.word() == word)
    }
}

/// Whether a timestamp lies at most `window` before or after now (RFC 5849 3.3). Within the window the caller remembers
/// nonces; outside of it nothing is accepted, so nothing older need be remembered (SECURITY O1-06).
pub fn within_window(timestamp: UnixTime, now: UnixTime, window: Seconds) -> bool {
    timestamp.0.abs_diff(now.0) <= window.0.max(0) as u64
}
