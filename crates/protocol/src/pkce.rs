//! Proof Key for Code Exchange, S256 only (RFC 7636; `plain` is off, RFC 9700 2.1.1).

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Reads a `code_challenge`: base64url of 32 bytes, so exactly 43 characters.
pub fn parse_challenge(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The challenge of a verifier, as the client sends it.
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// Whether a `code_verifier` is 43 to 128 unreserved characters (RFC 7636 4.1).
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// Whether the verifier is the challenge's, in constant time.
pub fn matches(challenge: &[u8; 32], verifier: &str) -> bool {
    let made = digest::digest(&digest::SHA256, verifier.as_bytes());
    is_verifier(verifier) && aws_lc_rs::constant_time::verify_slices_are_equal(made.as_ref(), challenge).is_ok()
}
