//! Addresses that apps return to and link to: which are whole, and which are safe. Nothing is fetched or followed.

use crate::authorize::MAX_REDIRECT_URI;
use crate::records::ClientKind;

/// What no app's redirect URI may be, whoever wrote it down: RFC 6749 3.1.2, and addresses that a browser would run.
/// Completes "The list …": whoever writes a file
/// may know of schemes that nobody can register here.
pub fn uri_problem(uri: &str) -> Option<String> {
    const RUN: [&str; 5] = ["javascript", "data", "vbscript", "file", "blob"];
    let scheme = Address::scheme_of(uri);
    let printable = uri.bytes().all(|byte| byte.is_ascii_graphic());
    match scheme {
        None => Some("must hold absolute addresses without a fragment (RFC 6749 3.1.2)".to_owned()),
        Some(_) if uri.contains('#') || !printable => {
            Some("must hold absolute addresses without a fragment (RFC 6749 3.1.2)".to_owned())
        }
        Some(_) if uri.len() > MAX_REDIRECT_URI => {
            Some(format!("must hold addresses of at most {MAX_REDIRECT_URI} characters"))
        }
        Some(scheme) if RUN.iter().any(|run| scheme.eq_ignore_ascii_case(run)) => {
            Some("must not hold an address that a browser would run or open as a file".to_owned())
        }
        Some(_) if wanders(uri) => Some("must not hold addresses with . or .. among the parts of the path".to_owned()),
        Some(_) if answers_itself(uri) => Some(
            "must not hold addresses with code, state, error, error_description or iss in the query: the answer adds them"
                .to_owned(),
        ),
        Some(_) => None,
    }
}

/// Whether the path has a dot segment, in whatever spelling: browsers follow it to another address than the one that was
/// compared (RFC 3986 5.2.4; SECURITY AR-03).
fn wanders(uri: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    // Browsers read a backslash as a slash, and `%2e` as a dot.
    let dots = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    path.split_once(':').is_some_and(|(_, rest)| rest.split(['/', '\\']).any(dots))
}

/// Whether the query has a parameter that the answer adds (RFC 6749 4.1.2, RFC 9207): the app would find two of it.
fn answers_itself(uri: &str) -> bool {
    const ANSWER: [&[u8]; 5] = [b"code", b"state", b"error", b"error_description", b"iss"];
    let query = uri.split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        ANSWER.contains(&percent_encoding::percent_decode_str(name).collect::<Vec<u8>>().as_slice())
    })
}

/// Why an app of this kind cannot return there, if so. Completes "(the address) …".
pub fn redirect_problem(uri: &str, kind: ClientKind) -> Option<&'static str> {
    if uri.len() > MAX_REDIRECT_URI {
        return Some("is too long: 1024 characters are the most");
    }
    if uri.contains('#') {
        return Some("has a fragment, the part from # on: leave it out");
    }
    let Some(address) = Address::read(uri) else {
        return Some("is not a whole address such as https://app.example/callback");
    };
    if wanders(uri) {
        return Some("has . or .. among the parts of its path: write the address that it leads to");
    }
    if answers_itself(uri) {
        return Some("has code, state, error, error_description or iss in its query: the answer adds them");
    }
    match (address.scheme.to_ascii_lowercase().as_str(), kind) {
        ("https", _) if address.is_named() => None,
        ("http", _) if address.is_loopback() => None,
        ("http", _) if address.is_named() => {
            Some("must begin with https: only addresses of this computer may do without")
        }
        ("https" | "http", _) => Some("has no proper host name, or names a user in it"),
        // RFC 8252 7.1: a reversed domain name of the maker's, so that no two apps share a scheme.
        (scheme, ClientKind::Public) if scheme.contains('.') => None,
        (_, ClientKind::Public) => {
            Some("has a scheme that others could claim: use one such as com.example.app (RFC 8252)")
        }
        (_, ClientKind::Confidential) => Some("must begin with https: a scheme of its own is for apps on devices"),
    }
}

/// An absolute address in parts. Only characters of RFC 3986 are in it, so that every reader finds the same parts.
pub(super) struct Address<'a> {
    scheme: &'a str,
    /// What stands between `//` and the path; `None` without `//`.
    authority: Option<&'a str>,
}

impl<'a> Address<'a> {
    fn scheme_of(text: &'a str) -> Option<&'a str> {
        let (scheme, rest) = text.split_once(':')?;
        let proper = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        (proper && !rest.is_empty()).then_some(scheme)
    }

    pub(super) fn read(text: &'a str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%#".contains(&byte);
        let scheme = Self::scheme_of(text)?;
        if !text.bytes().all(plain) {
            return None;
        }
        let rest = &text[scheme.len() + 1..];
        let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        Some(Self { scheme, authority })
    }

    pub(super) fn is_web(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("https") || self.scheme.eq_ignore_ascii_case("http")
    }

    /// Host and port; `None` where there is neither, or what stands there is no such thing.
    fn host(&self) -> Option<&'a str> {
        let authority = self.authority?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let six =
            |inside: &str| inside.contains(':') && inside.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).is_some_and(six);
        let label =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let named = host.split('.').all(label);
        let port =
            port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0) && !port.starts_with(['+', '0']));
        ((named || literal) && port).then_some(host)
    }

    pub(super) fn is_named(&self) -> bool {
        self.host().is_some()
    }

    /// RFC 8252 7.3 and 8.3.
    fn is_loopback(&self) -> bool {
        self.host().is_some_and(|host| host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]")
    }
}
