//! Client authentication at the token, revocation and introspection endpoints (RFC 6749 2.3, 3.2.1).
//! It happens before any code or token is looked at: a failed attempt burns nothing (SECURITY TK-05).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::params::Params;
use crate::records::{App, ClientKind};
use crate::seal::KeyRing;
use crate::secret::Secret;
use crate::{AppId, Reason, Refusal};

/// Who the caller says it is. Nothing is proven yet.
#[derive(Debug)]
pub struct Claim {
    /// The `client_id`.
    pub client_id: String,
    /// The secret, if one was sent.
    pub secret: Option<Secret>,
    /// Whether it came by HTTP Basic: a failure must then be answered with a Basic challenge (RFC 6749 5.2).
    pub basic: bool,
}

/// Reads the credentials of a request: `Authorization: Basic` or `client_id` and `client_secret` in the body, not both.
/// A `Bearer` authorization is none of ours here and is left to the caller.
pub fn claim(authorization: Option<&str>, body: &Params) -> Result<Claim, Refusal> {
    let body_id = body.get("client_id")?;
    let body_secret = body.get("client_secret")?;
    let basic = authorization.and_then(|value| scheme(value, "basic"));
    let Some(encoded) = basic else {
        let client_id = body_id.ok_or(Reason::ClientAuthMissing.refuse())?.to_owned();
        return Ok(Claim { client_id, secret: body_secret.map(Secret::new), basic: false });
    };
    let (client_id, secret) = read_basic(encoded).ok_or(Reason::BasicMalformed.refuse())?;
    // TOKENS 7: two authentications are refused, equal or not; a bare client_id equal to Basic's is fine.
    if body_secret.is_some() || body_id.is_some_and(|id| id != client_id) {
        return Err(Reason::ClientAuthTwice.refuse());
    }
    let secret = Some(secret).filter(|secret| !secret.is_empty()).map(Secret::new);
    Ok(Claim { client_id, secret, basic: true })
}

/// The rest of an Authorization header if its scheme is this one (case-insensitive, RFC 9110 11.1).
pub fn scheme<'a>(header: &'a str, scheme: &str) -> Option<&'a str> {
    let (word, rest) = header.split_once(' ').unwrap_or((header, ""));
    word.eq_ignore_ascii_case(scheme).then(|| rest.trim_start_matches(' '))
}

/// base64 of form-encoded id, colon, form-encoded secret (RFC 6749 2.3.1): decoded once, strictly.
fn read_basic(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim_end()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let parsed = Params::form(format!("v={part}").as_bytes()).ok()?;
        if part.contains('&') { Some(part.to_owned()) } else { Some(parsed.get("v").ok()?.unwrap_or("").to_owned()) }
    };
    Some((decode(id)?, decode(secret)?)).filter(|(id, _)| !id.is_empty())
}

/// An app that has proven to be itself, as far as its kind can. Only [`authenticate`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    app: &'a App,
}

impl<'a> Client<'a> {
    /// The app.
    pub fn app(&self) -> &'a App {
        self.app
    }

    /// Its number.
    pub fn id(&self) -> AppId {
        self.app.id
    }

    /// Whether it proved itself by a secret.
    pub fn confidential(&self) -> bool {
        self.app.kind == ClientKind::Confidential
    }
}

/// Proves a claim. Unknown app and wrong secret take the same time and give the same answer (SECURITY C-03, C-15).
///
/// An app that is switched off still authenticates: its grants are refused but kept, and it may revoke.
pub fn authenticate<'a>(claim: &Claim, app: Option<&'a App>, ring: &KeyRing) -> Result<Client<'a>, Refusal> {
    let kept = app.map_or(&[][..], |app| app.secrets.as_slice());
    let proven = ring.verify(claim.secret.as_ref().map_or("", Secret::expose), kept);
    let app = app.ok_or(Reason::ClientUnknown.refuse())?;
    match (app.kind, &claim.secret) {
        (ClientKind::Confidential, _) if !proven => Err(Reason::ClientUnknown.refuse()),
        (ClientKind::Public, Some(_)) => Err(Reason::PublicClientSecret.refuse()),
        _ if !app.passes_review() => Err(Reason::ClientNotApproved.refuse()),
        _ => Ok(Client { app }),
    }
}
