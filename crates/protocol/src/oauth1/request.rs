//! The OAuth 1.0 parameters of a request, read once and strictly (RFC 5849 3.1, 3.2, 3.5), and their verification.
//! Who the consumer is and whether the nonce is new is asked by the caller.

use std::fmt;

use super::params::{Pairs, any_own};
use super::{SignatureMethod, Target, header, sign};
use crate::client_auth::scheme;
use crate::secret::Secret;
use crate::{Reason, Refusal, UnixTime};

/// The longest key, token, verifier, nonce and signature, in bytes.
const MAX_WORD: usize = 128;
/// The longest callback, in bytes.
const MAX_CALLBACK: usize = 2_048;
/// The most digits of a timestamp.
const MAX_DIGITS: usize = 12;

/// A signed request. Nothing is proven before [`verify`](Self::verify) says so.
#[derive(Clone)]
pub struct OAuth1Request {
    /// Whose key: 1 to 128 bytes.
    pub consumer_key: String,
    /// The token; an empty one is none, as some clients send for a two-legged call.
    pub token: Option<String>,
    /// How it is signed.
    pub method: SignatureMethod,
    /// When it was signed, by the client's clock.
    pub timestamp: UnixTime,
    /// Unique for (consumer, token, timestamp): 1 to 128 bytes without control characters.
    pub nonce: String,
    /// Base64, as sent.
    pub signature: String,
    /// Where a person shall return to, or `oob`. Absent in OAuth 1.0 without the revision A.
    pub callback: Option<String>,
    /// What the person brought back.
    pub verifier: Option<String>,
    /// Everything that is signed, from header, query and form body.
    signed: Pairs,
}

impl fmt::Debug for OAuth1Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { consumer_key, method, timestamp, .. } = self;
        write!(f, "OAuth1Request({consumer_key:?}, {}, {})", method.word(), timestamp.0)
    }
}

impl OAuth1Request {
    /// Reads the parameters of one request, wherever they stand. `None` where it has no parameter of OAuth 1.0's own; an
    /// Authorization header of another scheme counts as none. `form_body` is passed only if the request says that it is
    /// `application/x-www-form-urlencoded`; any other body is not signed (SECURITY O1-13).
    ///
    /// # Errors
    /// Parameters in more than one place, repeated, missing or malformed, and whatever is not in `allowed`: all are 400.
    pub fn read(
        authorization: Option<&str>,
        query: Option<&str>,
        form_body: Option<&[u8]>,
        allowed: &[SignatureMethod],
    ) -> Result<Option<Self>, Refusal> {
        let header = authorization.and_then(|value| scheme(value, "OAuth"));
        let (query, body) = (query.unwrap_or_default().as_bytes(), form_body.unwrap_or_default());
        match [header.is_some(), any_own(query), any_own(body)].iter().filter(|holds| **holds).count() {
            0 => return Ok(None),
            1 => {}
            // RFC 5849 3.5: one of the three.
            _ => return Err(Reason::CredentialsTwice.about("oauth_ parameters in more than one place")),
        }
        let mut pairs = Pairs::default();
        if let Some(rest) = header {
            header::read(rest, &mut pairs)?;
        }
        pairs.form(query)?;
        pairs.form(body)?;
        pairs.refuse_repeated()?;
        Self::of(pairs, allowed).map(Some)
    }

    fn of(pairs: Pairs, allowed: &[SignatureMethod]) -> Result<Self, Refusal> {
        let method = SignatureMethod::parse(&required(&pairs, "oauth_signature_method")?);
        let method =
            method.filter(|method| allowed.contains(method)).ok_or(Reason::OAuth1MethodUnsupported.refuse())?;
        // RFC 5849 3.1: optional, and nothing but "1.0".
        if pairs.get("oauth_version").is_some_and(|version| version != b"1.0") {
            return Err(Reason::OAuth1VersionUnsupported.refuse());
        }
        Ok(Self {
            consumer_key: required(&pairs, "oauth_consumer_key")?,
            token: text(&pairs, "oauth_token", MAX_WORD)?,
            method,
            timestamp: timestamp(&required(&pairs, "oauth_timestamp")?)?,
            nonce: required(&pairs, "oauth_nonce")?,
            signature: required(&pairs, "oauth_signature")?,
            callback: text(&pairs, "oauth_callback", MAX_CALLBACK)?,
            verifier: text(&pairs, "oauth_verifier", MAX_WORD)?,
            signed: pairs,
        })
    }

    /// Whether these secrets made the signature for this call, in constant time. One reading of the request is tried, no
    /// second one (SECURITY O1-09). For an unknown consumer or token, call it with a made-up secret: it takes as long.
    #[must_use]
    pub fn verify(&self, target: &Target<'_>, consumer_secret: &Secret, token_secret: Option<&Secret>) -> bool {
        let token_secret = token_secret.map_or("", Secret::expose);
        let base = target.base_string(&self.signed);
        sign::is_signature(self.method, &base, consumer_secret.expose(), token_secret, &self.signature)
    }

    /// What was signed, for `why` and for tests. It holds the token, but no secret.
    pub fn base_string(&self, target: &Target<'_>) -> String {
        target.base_string(&self.signed)
    }
}

fn required(pairs: &Pairs, name: &str) -> Result<String, Refusal> {
    text(pairs, name, MAX_WORD)?.ok_or_else(|| Reason::ParameterMissing.about(name))
}

/// A value as text, `None` when absent or empty.
fn text(pairs: &Pairs, name: &str, most: usize) -> Result<Option<String>, Refusal> {
    let Some(bytes) = pairs.get(name).filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= most && !text.contains(char::is_control));
    text.map(|text| Some(text.to_owned())).ok_or_else(|| Reason::OAuth1Malformed.about(name))
}

/// RFC 5849 3.3: a positive integer. A leading zero would be a second spelling of the same second.
fn timestamp(text: &str) -> Result<UnixTime, Refusal> {
    let plain = text.len() <= MAX_DIGITS && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| plain);
    seconds.map(UnixTime).ok_or_else(|| Reason::OAuth1Malformed.about("oauth_timestamp"))
}
