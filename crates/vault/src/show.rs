//! How secrets and exchanges look to people: masked, with a short fingerprint, so that a change is visible.
//! What an exchange means is decided where it happens.

use aws_lc_rs::digest;

/// Stands where a secret was.
pub const DOTS: &str = "••••••••";

/// The first four hex digits of the SHA-256: enough to see that a token changed, useless for anything else.
pub fn fingerprint(secret: &str) -> String {
    let digest = digest::digest(&digest::SHA256, secret.as_bytes());
    digest.as_ref()[..2].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A masked secret: its visible beginning if it has that one, dots, its fingerprint.
pub fn hidden(secret: &str, prefix: &str) -> String {
    let prefix = if secret.starts_with(prefix) { prefix } else { "" };
    format!("{prefix}{DOTS} #{}", fingerprint(secret))
}

/// Text of somebody else, cut to `most` characters and to printable ones.
pub fn excerpt(text: &str, most: usize) -> String {
    let mut shown: String =
        text.chars().take(most).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}
