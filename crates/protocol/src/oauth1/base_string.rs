//! The signature base string (RFC 5849 3.4.1): what both ends must build alike, byte for byte.
//! No secret comes in here.

use super::params::Pairs;
use crate::params::encode;
use crate::{Reason, Refusal};

/// What is called.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// Scheme and authority as the outside knows them (`https://api.example.com`). A provider takes it from its settings,
    /// never from the request or from what stands behind its proxy (SECURITY O1-08).
    pub origin: &'a str,
    /// The path exactly as sent, escapes and all, without the query.
    pub path: &'a str,
}

impl Target<'_> {
    /// RFC 5849 3.4.1.2: scheme and host in lower case, the scheme's own port left out, any other kept, the path as sent.
    fn base_uri(&self) -> String {
        let (scheme, rest) = self.origin.split_once("://").unwrap_or(("", self.origin));
        let authority = rest.split('/').next().unwrap_or(rest).to_ascii_lowercase();
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = split_port(&authority);
        let port = match (scheme.as_str(), port) {
            (_, "") | ("http", "80") | ("https", "443") => String::new(),
            (_, port) => format!(":{port}"),
        };
        let path = if self.path.is_empty() { "/" } else { self.path };
        format!("{scheme}://{host}{port}{path}")
    }

    pub(super) fn base_string(&self, pairs: &Pairs) -> String {
        let method = self.method.to_ascii_uppercase();
        let parts = [method.as_str(), &self.base_uri(), &pairs.normalised()];
        parts.map(encode).join("&")
    }
}

/// Host and port. An IPv6 address has colons of its own, inside brackets.
fn split_port(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    }
}

/// The base string of a request: `oauth` are the decoded parameters of its Authorization header, those of the query and
/// of a form body (single-part, so labelled) are added. `realm` and `oauth_signature` are left out wherever they belong.
///
/// # Errors
/// An escape that is none, or more than 256 parameters.
pub fn base_string(
    target: &Target<'_>,
    query: Option<&str>,
    form_body: Option<&[u8]>,
    oauth: &[(&str, &str)],
) -> Result<String, Refusal> {
    let mut pairs = Pairs::default();
    pairs.form(query.unwrap_or_default().as_bytes())?;
    pairs.form(form_body.unwrap_or_default())?;
    for (name, value) in oauth.iter().filter(|(name, _)| *name != "realm") {
        pairs.push((*name).into(), (*value).into())?;
    }
    Ok(target.base_string(&pairs))
}

/// An absolute URL as (origin, path, query), each exactly as written; a fragment is dropped, for it is never sent.
///
/// # Errors
/// A URL without scheme or host, or with a user in it.
pub fn split_url(url: &str) -> Result<(&str, &str, Option<&str>), Refusal> {
    let malformed = || Reason::OAuth1Malformed.about("the URL");
    let url = url.split('#').next().unwrap_or(url);
    let authority_at = url.find("://").filter(|at| *at > 0).ok_or_else(malformed)? + 3;
    let end = url[authority_at..].find(['/', '?']).map_or(url.len(), |at| authority_at + at);
    let (origin, rest) = url.split_at(end);
    if end == authority_at || origin.contains('@') {
        return Err(malformed());
    }
    Ok(match rest.split_once('?') {
        Some((path, query)) => (origin, path, Some(query)),
        None => (origin, rest, None),
    })
}
