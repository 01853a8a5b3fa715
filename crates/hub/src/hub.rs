//! What the dashboard is made with, and what it remembers between two requests: data seen and notices, bounded, in
//! memory. What is shown of it is `view.rs`'s.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use causeway_vault::Vault;
use causeway_vault::clock::Entropy;
use http::Uri;

use crate::data::Seen;
use crate::router;

/// The dashboard serves one partner: one account of the vault.
pub(crate) const ACCOUNT: &str = "main";

/// Notices that wait for their page.
const NOTICES: usize = 1_000;

/// How the dashboard is reached and called.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http://localhost:8080`: no trailing slash. Requests for another host are sent here or refused.
    pub origin: String,
    /// The partner's own name, such as "Acme Booking".
    pub title: String,
    /// Sign-ins to print beside a platform, by its key. For demonstrations only.
    pub hints: BTreeMap<String, Vec<Hint>>,
}

/// Somebody who can sign in at a demonstration's platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// "Administrator of Harbor & Vine: may allow".
    pub who: String,
    /// Typed first.
    pub email: String,
    /// Typed second.
    pub password: String,
}

/// Where a platform sends people back to: what must be registered there.
pub fn callback_url(origin: &str, platform: &str) -> String {
    format!("{origin}/callback/{platform}")
}

/// How an action went, for the card that it was asked from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) platform: String,
    /// `good` or `bad`: a class of the style sheet.
    pub(crate) mood: &'static str,
    pub(crate) text: String,
    /// The reason's number, small.
    pub(crate) number: Option<u16>,
}

/// See the crate. A handle; cheap to clone.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) vault: Vault,
    pub(crate) settings: Settings,
    /// Host and port of the origin.
    pub(crate) authority: String,
    pub(crate) is_https: bool,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) seen: Mutex<HashMap<i64, Seen>>,
    notices: Mutex<HashMap<String, Notice>>,
}

impl Hub {
    /// Makes the dashboard of a vault. Problems: one clear line each.
    pub fn new(vault: Vault, settings: Settings, entropy: Arc<dyn Entropy>) -> Result<Self, Vec<String>> {
        let uri: Option<Uri> = settings.origin.parse().ok();
        let authority = uri.as_ref().and_then(|uri| uri.authority()).map(|authority| authority.as_str().to_owned());
        let plain = uri.as_ref().is_some_and(|uri| uri.path() == "/" && uri.query().is_none());
        let (true, Some(authority), false) = (plain, authority, settings.origin.ends_with('/')) else {
            return Err(vec![format!("hub: the origin {:?} is not of the form http://host:port", settings.origin)]);
        };
        Ok(Self(Arc::new(Inner {
            vault,
            authority,
            is_https: settings.origin.starts_with("https://"),
            settings,
            entropy,
            seen: Mutex::default(),
            notices: Mutex::default(),
        })))
    }

    /// Everything that the dashboard answers.
    pub fn router(&self) -> Router {
        router::router(self)
    }

    /// The vault behind it.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }
}

impl Inner {
    /// Leaves a notice for this session's next page.
    pub(crate) fn notify(&self, session: &str, notice: Notice) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() >= NOTICES {
            notices.clear();
        }
        notices.insert(session.to_owned(), notice);
    }

    /// Takes it.
    pub(crate) fn notice(&self, session: &str) -> Option<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).remove(session)
    }
}
