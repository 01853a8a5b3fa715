//! The family's secret and the digests that recognise it and its retries (TOKENS 4).

use crate::AppId;
use crate::records::{FamilyDigest, RetryDigest};
use crate::seal::sha256;
use crate::secret::Secret;

/// Sixteen bytes that travel inside the seals of one family and are stored nowhere: a leaked key forges no refresh token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FamilySecret(pub [u8; 16]);

impl std::fmt::Debug for FamilySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FamilySecret")
    }
}

impl FamilySecret {
    /// What the row keeps.
    pub fn digest(&self) -> FamilyDigest {
        FamilyDigest(sha256(&[b"family", &self.0]))
    }
}

impl FamilyDigest {
    /// In constant time.
    pub fn is(&self, other: &FamilyDigest) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

/// An `Idempotency-Key` header: 1 to 255 printable ASCII characters. A secret to the log.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(Secret);

/// A public app's key is all that tells its lost reply from a thief's replay, so one that can be guessed proves nothing.
const PUBLIC_KEY: usize = 16;

/// How a retry relates to the request that it may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Another key, or none was remembered.
    Unknown,
    /// The same request again.
    Same,
    /// The same key with another scope.
    OtherScope,
}

impl IdempotencyKey {
    /// `None` when the header's value is not of the form.
    pub fn parse(value: &str) -> Option<Self> {
        let fits = (1..=255).contains(&value.len()) && value.bytes().all(|b| (0x21..=0x7e).contains(&b));
        fits.then(|| Self(Secret::new(value)))
    }

    /// Whether a resend may rest on this key: a confidential app has proved its secret beside it; a public app's key must
    /// be long enough not to be guessed (TOKENS 4, "Resend").
    pub fn proves(&self, confidential: bool) -> bool {
        confidential || self.0.expose().len() >= PUBLIC_KEY
    }

    /// What the row remembers of the move that this key made: six bytes for key, client and generation, two for the scope
    /// asked, so that the same key with another scope is told apart from another key.
    pub fn digest(&self, app: AppId, generation: u32, scope: Option<&str>) -> RetryDigest {
        let who: [u8; 6] =
            sha256(&[b"retry", self.0.expose().as_bytes(), &app.0.to_be_bytes(), &generation.to_be_bytes()]);
        let what: [u8; 2] = sha256(&[b"scope", scope.unwrap_or("").as_bytes()]);
        let mut digest = [0; 8];
        digest[..6].copy_from_slice(&who);
        digest[6..].copy_from_slice(&what);
        RetryDigest(digest)
    }
}

/// Compares what a request would have left with what the row remembers.
pub fn retry(remembered: Option<RetryDigest>, offered: Option<RetryDigest>) -> Retry {
    match (remembered, offered) {
        (Some(kept), Some(new)) if kept == new => Retry::Same,
        (Some(kept), Some(new)) if kept.0[..6] == new.0[..6] => Retry::OtherScope,
        _ => Retry::Unknown,
    }
}
