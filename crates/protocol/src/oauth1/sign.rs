//! The signatures themselves, and the partner's signer (RFC 5849 3.4.2; TSM-24).
//! Nonce and time are arguments; sending is the caller's.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::params::{Pairs, any_own};
use super::{SignatureMethod, Target, header, split_url};
use crate::params::encode;
use crate::secret::Secret;
use crate::{Reason, Refusal, UnixTime};

/// Who signs, and how.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// The consumer key.
    pub consumer_key: &'a str,
    /// The consumer secret.
    pub consumer_secret: &'a Secret,
    /// Token and token secret; `None` for a two-legged call.
    pub token: Option<(&'a str, &'a Secret)>,
    /// How to sign.
    pub method: SignatureMethod,
    /// Fresh and random for each request.
    pub nonce: &'a str,
    /// Now.
    pub timestamp: UnixTime,
    /// Further parameters of the header: `oauth_callback`, `oauth_verifier`.
    pub extra: &'a [(&'a str, &'a str)],
}

/// The `Authorization` header of a call. `form_body` is given exactly if the body is sent as
/// `application/x-www-form-urlencoded`; then it and the URL must be sent byte for byte as they are passed here.
///
/// # Errors
/// A URL that is not absolute, an escape that is none, more than 256 parameters, or `oauth_` parameters in URL or body.
pub fn sign(http_method: &str, url: &str, form_body: Option<&[u8]>, by: &Signing<'_>) -> Result<String, Refusal> {
    let (origin, path, query) = split_url(url)?;
    let (query, body) = (query.unwrap_or_default().as_bytes(), form_body.unwrap_or_default());
    if any_own(query) || any_own(body) {
        return Err(Reason::CredentialsTwice.about("oauth_ parameters in the URL or the body"));
    }
    let timestamp = by.timestamp.0.to_string();
    let mut own = vec![
        ("oauth_consumer_key", by.consumer_key),
        ("oauth_nonce", by.nonce),
        ("oauth_signature_method", by.method.word()),
        ("oauth_timestamp", &timestamp),
        ("oauth_version", "1.0"),
    ];
    own.extend(by.token.map(|(token, _)| ("oauth_token", token)));
    own.extend(by.extra);

    let mut pairs = Pairs::default();
    pairs.form(query)?;
    pairs.form(body)?;
    own.iter().try_for_each(|(name, value)| pairs.push((*name).into(), (*value).into()))?;
    pairs.refuse_repeated()?;
    let base = Target { method: http_method, origin, path }.base_string(&pairs);
    let token_secret = by.token.map_or("", |(_, secret)| secret.expose());
    let signature = signature(by.method, &base, by.consumer_secret.expose(), token_secret);
    own.push(("oauth_signature", &signature));
    Ok(header::write(&own))
}

/// The signature of a base string, in base64.
pub fn signature(method: SignatureMethod, base: &str, consumer_secret: &str, token_secret: &str) -> String {
    STANDARD.encode(hmac::sign(&key(method, consumer_secret, token_secret), base.as_bytes()))
}

/// Whether a signature is the one of this base string: compared in constant time.
pub(super) fn is_signature(
    method: SignatureMethod,
    base: &str,
    consumer_secret: &str,
    token_secret: &str,
    sent: &str,
) -> bool {
    let key = key(method, consumer_secret, token_secret);
    // What is no base64 costs the same: an empty tag never verifies.
    let sent = STANDARD.decode(sent).unwrap_or_default();
    hmac::verify(&key, base.as_bytes(), &sent).is_ok()
}

/// RFC 5849 3.4.2: both secrets encoded, `&` between, even where one is empty.
fn key(method: SignatureMethod, consumer_secret: &str, token_secret: &str) -> hmac::Key {
    let algorithm = match method {
        SignatureMethod::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        SignatureMethod::HmacSha256 => hmac::HMAC_SHA256,
    };
    let [consumer, token] = [consumer_secret, token_secret].map(|secret| Zeroizing::new(encode(secret)));
    let text = Zeroizing::new(format!("{}&{}", *consumer, *token));
    hmac::Key::new(algorithm, text.as_bytes())
}
