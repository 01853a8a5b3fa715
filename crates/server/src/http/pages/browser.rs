//! The browser at the other end: its two cookies, and whether a form comes from our own page. Who is signed in is the
//! flows' question.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::seal::sha256;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal};
use http::header::{COOKIE, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use crate::flows::authorize::Browser;
use crate::node::Node;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// 128 bits in base64url.
const BROWSER_LENGTH: usize = 22;

/// What a browser brought.
#[derive(Clone, Debug)]
pub struct Visitor {
    names: Names,
    browser: Option<String>,
    session: Option<String>,
    visit: Option<String>,
}

/// Cookie names (CONTRACTS, "Where we stand on the network"). Cookies do not know ports, so the platform's key is in
/// them.
#[derive(Clone, Debug)]
struct Names {
    browser: String,
    session: String,
    visit: String,
    secure: bool,
}

impl Names {
    fn of(node: &Node) -> Self {
        let (key, secure) = (&node.profile.key, !is_plain_loopback(&node.origins.login));
        // `__Host-`: the browser takes it only with Secure and Path=/, without Domain, so no sub-domain can plant one.
        let prefix = if secure { "__Host-" } else { "" };
        let name = |what: &str| format!("{prefix}{key}_{what}");
        Self { browser: name("browser"), session: name("session"), visit: name("visit"), secure }
    }
}

fn is_plain_loopback(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

impl Visitor {
    /// From a request's headers.
    pub fn of(node: &Node, headers: &HeaderMap) -> Self {
        let names = Names::of(node);
        let browser = cookie(headers, &names.browser).filter(|value| value.len() == BROWSER_LENGTH).map(str::to_owned);
        let session = cookie(headers, &names.session).map(str::to_owned);
        let visit = cookie(headers, &names.visit).map(str::to_owned);
        Self { names, browser, session, visit }
    }

    /// The session cookie's value.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The cookie of a visit to the mini-app.
    pub fn visit(&self) -> Option<&str> {
        self.visit.as_deref()
    }

    /// The cookie of a new visit.
    pub fn enter(&self, sealed: &str, life: Seconds) -> Option<HeaderValue> {
        self.set(&self.names.visit, sealed, &format!("; Max-Age={}", life.0.max(1)))
    }

    /// What forms are bound to; a browser without the cookie owns no form.
    pub fn browser(&self) -> Browser {
        self.browser.as_deref().map(digest).unwrap_or_default()
    }

    /// The same, with the cookie to set where there is none yet.
    pub fn browser_or_new(&self, node: &Node) -> (Browser, Option<HeaderValue>) {
        match &self.browser {
            Some(value) => (digest(value), None),
            None => {
                let value = URL_SAFE_NO_PAD.encode(node.random::<16>());
                (digest(&value), self.set(&self.names.browser, &value, ""))
            }
        }
    }

    /// The cookie of a new session.
    pub fn sign_in(&self, secret: &str) -> Option<HeaderValue> {
        self.set(&self.names.session, secret, "")
    }

    /// The cookie that removes it.
    pub fn sign_out(&self) -> Option<HeaderValue> {
        self.set(&self.names.session, "", "; Max-Age=0")
    }

    /// Without Max-Age it ends with the browser; the store ends it earlier (SECURITY UI-05).
    fn set(&self, name: &str, value: &str, more: &str) -> Option<HeaderValue> {
        let secure = if self.names.secure { "; Secure" } else { "" };
        HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}")).ok()
    }
}

fn digest(value: &str) -> Browser {
    sha256(&[b"browser", value.as_bytes()])
}

/// A cookie that is there once. Twice means that somebody else wrote one of them.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = texts.flat_map(|text| text.split(';')).filter_map(|pair| {
        let (known, value) = pair.trim().split_once('=')?;
        (known == name).then_some(value)
    });
    let first = found.next();
    first.filter(|value| found.next().is_none() && !value.is_empty())
}

/// Refuses a form that another site's page sent (SECURITY UI-01, attack 17). Browsers say where it comes from; clients
/// that say nothing are bound by cookie and seal alone. Under `no-referrer` our own pages' Origin is `null`.
pub fn same_origin(node: &Node, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let own = match (text(&SEC_FETCH_SITE), text(&ORIGIN)) {
        (Some(site), origin) => {
            matches!(site, "same-origin" | "none")
                && origin.is_none_or(|origin| origin == "null" || origin == node.origins.login)
        }
        (None, Some(origin)) => origin == "null" || origin.eq_ignore_ascii_case(&node.origins.login),
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(Reason::CrossSite.refuse()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ui_05_only_plain_loopback_does_without_secure() {
        for origin in ["http://localhost:8081", "http://127.0.0.1:1", "http://[::1]:80"] {
            assert!(is_plain_loopback(origin), "{origin}");
        }
        for origin in
            ["https://localhost", "https://login.example", "http://login.example", "http://localhost.evil.example"]
        {
            assert!(!is_plain_loopback(origin), "{origin}");
        }
    }

    #[test]
    fn a_cookie_counts_only_once() {
        let headers = |texts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for text in texts {
                headers.append(COOKIE, HeaderValue::from_static(text));
            }
            headers
        };
        assert_eq!(cookie(&headers(&["x=1; a=2"]), "a"), Some("2"));
        assert_eq!(cookie(&headers(&["a=1; a=2"]), "a"), None);
        assert_eq!(cookie(&headers(&["a=1", "b=3"]), "b"), Some("3"));
        assert_eq!(cookie(&headers(&["ba=1; a="]), "a"), None);
    }
}
