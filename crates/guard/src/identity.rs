//! Who calls, as the API behind the guard is told: immutable ids in headers (CONTRACTS, "Forward-auth"; SECURITY BG-15).

use http::{HeaderName, HeaderValue};

use causeway_protocol::Scopes;

use crate::call::Pass;

/// The `client_id`.
const APP: HeaderName = HeaderName::from_static("x-causeway-app");
/// The platform's own id of the customer.
const CUSTOMER: HeaderName = HeaderName::from_static("x-causeway-customer");
/// Our number of the person who allowed it: never reused, unlike an address.
const USER: HeaderName = HeaderName::from_static("x-causeway-user");
/// The platform's own id of this call's site; absent if it is about none.
const SITE: HeaderName = HeaderName::from_static("x-causeway-site");
/// The platform's own ids of every site that may be called for, between commas; `*` where they are too many to list.
const SITES: HeaderName = HeaderName::from_static("x-causeway-sites");
/// Scope words, between spaces.
const SCOPES: HeaderName = HeaderName::from_static("x-causeway-scopes");
/// Our number of the connection.
const CONNECTION: HeaderName = HeaderName::from_static("x-causeway-connection");

/// Every identity header. None of them, nor anything else that begins like them, is taken from a caller.
pub const HEADERS: [HeaderName; 7] = [APP, CUSTOMER, USER, SITE, SITES, SCOPES, CONNECTION];

/// The longest list of sites, in bytes: far below what servers accept as a header.
const MAX_SITES: usize = 4_096;

/// A header's name as the loosest reader behind us could take it: in small letters, every other character than letters and
/// digits a `-`. CGI and its heirs make `_` of each of them.
pub fn plain(name: &str) -> String {
    let letter = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte.to_ascii_lowercase()) } else { '-' };
    name.bytes().map(letter).collect()
}

/// Whether a header's name could be taken for one of ours by whoever stands behind us. Such a header is never passed on.
pub fn is_identity(name: &str) -> bool {
    let ours = b"x-causeway-";
    name.len() >= ours.len()
        && name
            .bytes()
            .zip(ours)
            .all(|(sent, known)| sent.eq_ignore_ascii_case(known) || (*known == b'-' && !sent.is_ascii_alphanumeric()))
}

impl Pass {
    /// The identity headers of this call.
    pub fn identity(&self, scopes: &Scopes) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let customer = self.customer();
        [
            (APP, self.app().map(|app| value(&app.client_id))),
            (CUSTOMER, Some(value(&customer.external_id))),
            (USER, Some(HeaderValue::from(self.user().0))),
            (SITE, self.site().map(|site| value(&site.external_id))),
            (SITES, Some(self.sites())),
            (SCOPES, Some(value(&scopes.text(self.scopes())))),
            (CONNECTION, self.connection().map(|connection| HeaderValue::from(connection.0))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    fn sites(&self) -> HeaderValue {
        let mut list = String::new();
        for site in self.active_sites() {
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(&site.external_id);
            if list.len() > MAX_SITES {
                return HeaderValue::from_static("*");
            }
        }
        value(&list)
    }
}

/// An id as a header. Ids are visible ASCII by the rules of those who make them; another would be percent-encoded, so that
/// two ids never become one text.
fn value(text: &str) -> HeaderValue {
    let encoded = || form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    HeaderValue::from_str(text)
        .or_else(|_| HeaderValue::from_str(&encoded()))
        .unwrap_or(const { HeaderValue::from_static("") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bg_15_whatever_looks_like_an_identity_header_is_one() {
        for name in [
            "x-causeway-app",
            "X-Causeway-Customer",
            "x_causeway_app",
            "X-CAUSEWAY_SITE",
            "x-causeway-",
            "x-causeway-new",
            "x-causeway.site",
            "x!causeway!customer",
            "X.Causeway~Site",
            "x'causeway|app",
        ] {
            assert!(is_identity(name), "{name}");
        }
        for name in ["x-causewa", "x-causeway", "causeway-app", "xx-causeway-app", ""] {
            assert!(!is_identity(name), "{name}");
        }
    }
}
