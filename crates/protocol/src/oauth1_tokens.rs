//! What the OAuth 1.0 provider decides besides signatures: what makes a request unique, where a person may be sent back to,
//! and which request tokens become tokens (RFC 5849 2, 3.3). Nothing is looked up here, and no random text made.

use crate::legacy::{Consumer, Temporary};
use crate::oauth1::OAuth1Request;
use crate::seal::sha256;
use crate::{ConsumerId, Reason, Refusal, UnixTime, UserId};

/// What is remembered of a request so that it counts once: RFC 5849 3.3, for (consumer, token, timestamp) a nonce is unique.
pub fn once(consumer: ConsumerId, request: &OAuth1Request) -> [u8; 16] {
    sha256(&[
        b"oauth1 nonce",
        &consumer.0.to_be_bytes(),
        request.token.as_deref().unwrap_or_default().as_bytes(),
        &request.timestamp.0.to_be_bytes(),
        request.nonce.as_bytes(),
    ])
}

/// The parameter's word for "there is nowhere to return to" (RFC 5849 2.1).
const OUT_OF_BAND: &str = "oob";

/// Where the person shall return to, and whether a verifier must come back from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// `None`: nowhere, the person reads the verifier and types it.
    pub callback: Option<String>,
    /// False: OAuth 1.0 before the revision A.
    pub wants_verifier: bool,
}

/// Reads `oauth_callback`. Without one it is OAuth 1.0 before the revision A, which a profile may allow (TSM-15).
///
/// # Errors
/// None where one is needed, or one that nobody should be sent to.
pub fn callback(request: &OAuth1Request, without_verifier: bool) -> Result<Return, Refusal> {
    match request.callback.as_deref() {
        None if without_verifier => Ok(Return { callback: None, wants_verifier: false }),
        None => Err(Reason::OAuth1CallbackMissing.refuse()),
        Some(OUT_OF_BAND) => Ok(Return { callback: None, wants_verifier: true }),
        Some(url) if is_address(url) => Ok(Return { callback: Some(url.to_owned()), wants_verifier: true }),
        Some(_) => Err(Reason::OAuth1CallbackMalformed.refuse()),
    }
}

/// `https` anywhere, `http` on this machine; a host and no user; no fragment, for parameters are added at the end.
fn is_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => port.bytes().all(|b| b.is_ascii_digit()).then_some(host),
        _ => Some(authority),
    };
    let plain = url.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{|}#".contains(&b)) && !authority.contains('@');
    let named = host.is_some_and(|host| !host.is_empty());
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => matches!(host, Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    };
    plain && named && scheme
}

/// Whether temporary credentials are still this consumer's and good.
pub fn is_good(temporary: &Temporary, consumer: &Consumer, now: UnixTime) -> bool {
    temporary.consumer == consumer.id && now < temporary.expires_at
}

/// Who allowed these temporary credentials, if the verifier is the one that the person was given. `verifier` is the SHA-256
/// of what came back.
///
/// # Errors
/// Nobody allowed them yet, or the verifier is missing or another one. Nothing is used up by that.
pub fn allowed_by(temporary: &Temporary, verifier: Option<[u8; 32]>) -> Result<UserId, Refusal> {
    let (user, kept) = temporary.allowed.ok_or_else(|| Reason::OAuth1VerifierWrong.about("nobody allowed it yet"))?;
    if !temporary.wants_verifier {
        return Ok(user);
    }
    let sent = verifier.unwrap_or_default();
    let same = aws_lc_rs::constant_time::verify_slices_are_equal(&kept, &sent).is_ok();
    if same && verifier.is_some() { Ok(user) } else { Err(Reason::OAuth1VerifierWrong.refuse()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o1_12_people_are_sent_back_to_plain_addresses_only() {
        for fine in [
            "https://app.example/cb",
            "https://app.example:8443/cb?x=1&y=%20",
            "HTTPS://app.example",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:4711/cb",
        ] {
            assert!(is_address(fine), "{fine}");
        }
        for wrong in [
            "",
            "app.example/cb",
            "javascript://x/%0aalert(1)",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://app.example/cb",
            "http://localhost.evil.example/",
            "https://user@evil.example/",
            "https://app.example@evil.example/",
            "https:///cb",
            "https://:80/cb",
            "https://app.example:port/cb",
            "https://app.example/cb#x",
            "https://app.example/a b",
            "https://app.example/\u{fc}",
            "https://app.example\\@evil.example",
            "//app.example",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
