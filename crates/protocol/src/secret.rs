//! Secrets and what we keep of them. Plain and kept forms are different types; neither prints (SECURITY C-09).

use std::fmt;
use zeroize::Zeroizing;

/// Text that must not be seen: prints as `[secret]`, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Every caller is a place to look at.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What is kept of a client secret: HMAC-SHA-256 under a key of the ring, so that a copied database verifies nothing (C-03).
#[derive(Clone, PartialEq, Eq)]
pub struct SecretVerifier {
    /// The ring key it was made with.
    pub key_id: u16,
    /// The keyed digest.
    pub mac: [u8; 32],
}

impl fmt::Debug for SecretVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretVerifier(key {})", self.key_id)
    }
}

/// An Argon2id hash in PHC form.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}
