//! The browser's session: a random cookie, and the mark that ties a form to it. Nobody signs in here; the cookie tells,
//! on the way back from a platform, the browser that went there.

use std::fmt::Write as _;

use causeway_protocol::seal::sha256;
use causeway_vault::clock::random;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::hub::Inner;

/// A session's id: so many random hex digits, then as many of our mark on them.
const HALF: usize = 32;

/// Which browser this is.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The cookie's value: a secret to everybody but this browser.
    pub(crate) id: String,
    /// The browser did not have it before this request.
    pub(crate) is_fresh: bool,
}

impl Session {
    /// The one that the browser sent, or a fresh one.
    pub(crate) fn of(hub: &Inner, headers: &HeaderMap) -> Self {
        match sent(hub, headers) {
            Some(id) => Self { id, is_fresh: false },
            None => Self { id: issue(hub), is_fresh: true },
        }
    }

    /// The cookie to set. Lax: it must come along when a platform sends the person back.
    pub(crate) fn cookie(&self, hub: &Inner) -> Option<HeaderValue> {
        let secure = if hub.is_https { "; Secure" } else { "" };
        let text = format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", cookie_name(hub), self.id);
        HeaderValue::from_str(&text).ok()
    }

    /// What this session's forms carry. Whoever does not know the cookie cannot know it, and it does not tell the
    /// cookie.
    pub(crate) fn form_mark(&self) -> String {
        hex(&sha256::<32>(&[b"a form of the hub", self.id.as_bytes()]))
    }

    /// Whether a form is this session's.
    pub(crate) fn owns(&self, mark: &str) -> bool {
        // Compared by digests: the time tells nothing about the mark.
        let digest = |mark: &str| sha256::<32>(&[mark.as_bytes()]);
        digest(&self.form_mark()) == digest(mark) && !self.is_fresh
    }
}

fn cookie_name(hub: &Inner) -> &'static str {
    if hub.is_https { "__Host-causeway_hub" } else { "causeway_hub" }
}

fn sent(hub: &Inner, headers: &HeaderMap) -> Option<String> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == cookie_name(hub));
    let (_, value) = values.next()?;
    // An id that this hub did not issue was planted, so that somebody else knows it.
    let (random, mark) = value.split_at_checked(HALF)?;
    let digest = |text: &str| sha256::<32>(&[text.as_bytes()]);
    let proper = digest(mark) == digest(&mark_of(hub, random));
    // Two cookies of one name: somebody planted one.
    (proper && values.next().is_none()).then(|| value.to_owned())
}

fn issue(hub: &Inner) -> String {
    let random = hex(&random::<{ HALF / 2 }>(hub.entropy.as_ref()));
    let mark = mark_of(hub, &random);
    random + &mark
}

fn mark_of(hub: &Inner, random: &str) -> String {
    hex(&hub.vault.mark("hub sessions", random))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _never_fails = write!(text, "{byte:02x}");
        text
    })
}
