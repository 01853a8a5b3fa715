//! OAuth 1.0 secrets as a node seals and opens them, and the digests that rows are found by. The layout, and what binds a
//! secret to its row, is `protocol::legacy_secret`'s business; nothing is looked up here.

use causeway_protocol::legacy::SealedSecret;
use causeway_protocol::legacy_secret;
use causeway_protocol::seal::{SealError, sha256};
use causeway_protocol::secret::Secret;
use causeway_protocol::{Reason, Refusal};

use crate::node::Node;

/// What a row of something long and random (a token, an API key) is found by.
pub fn digest(text: &str) -> [u8; 32] {
    sha256(&[text.as_bytes()])
}

/// Seals a secret for the row that it will stand in; `key` is the row's own on the wire: `oauth_consumer_key` or
/// `oauth_token`.
pub fn seal(node: &Node, key: &str, secret: &str) -> SealedSecret {
    legacy_secret::seal(&node.ring(), key, &Secret::new(secret))
}

/// Opens a row's secret. A ring key that is not held may have come meanwhile: the ring is read again, at most once a second.
///
/// # Errors
/// `KeyUnknown` (503, never the caller's fault), or `Internal` where the text was changed or belongs to another row.
pub async fn open(node: &Node, key: &str, sealed: &SealedSecret) -> Result<Secret, Refusal> {
    let ring = node.ring();
    let mut opened = legacy_secret::open(&ring, key, sealed);
    if matches!(opened, Err(SealError::UnknownKey(_)))
        && let Some(ring) = node.ring_after(&ring).await
    {
        opened = legacy_secret::open(&ring, key, sealed);
    }
    opened.map_err(|error| match error {
        SealError::UnknownKey(key_id) => {
            tracing::error!(key_id, "an OAuth 1.0 secret is kept under a key that this node does not hold");
            Reason::KeyUnknown.refuse()
        }
        SealError::Junk | SealError::Forged => {
            tracing::error!("an OAuth 1.0 secret in the store was changed, or stands in another row than its own");
            Reason::Internal.refuse()
        }
    })
}
