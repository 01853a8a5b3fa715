//! What the dashboard is made with, and what it remembers between two requests: data seen and notices, bounded, in
//! memory. What is shown of it is `view.rs`'s.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use causeway_protocol::params::append_query;
use causeway_protocol::secret::Secret;
use causeway_vault::clock::Entropy;
use causeway_vault::{Platform, Vault};
use http::Uri;

use crate::data::Seen;
use crate::router;

/// The partner's own account of the vault: what "Connect to …" connects where a platform does not want accounts named.
pub(crate) const MAIN: &str = "main";

/// Notices that wait for their page.
const NOTICES: usize = 1_000;
/// Accounts whose data are kept.
const SEEN: usize = 200;

/// How the dashboard is reached and called.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `http://localhost:8080`: no trailing slash. Requests for another host are sent here or refused.
    pub origin: String,
    /// The partner's own name, such as "Acme Booking".
    pub title: String,
    /// Platforms by key, as they stand on the page; others follow.
    pub order: Vec<String>,
    /// The app's API keys, by platform: with one, accounts can be registered and sent to a mini-app.
    pub api_keys: BTreeMap<String, Secret>,
    /// Sign-ins to print beside a platform, by its key. For demonstrations only.
    pub hints: BTreeMap<String, Vec<Hint>>,
    /// Consumer pairs to begin a platform's migration with, as CSV. For demonstrations only.
    pub pairs: BTreeMap<String, String>,
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

/// Where the card of a platform shows this account, opened.
pub(crate) fn card_url(platform: &str, account: &str) -> String {
    let mut pairs = vec![("show", platform)];
    pairs.extend((account != MAIN).then_some(("account", account)));
    format!("{}#{platform}", append_query("/", &pairs))
}

/// How an action went, for the card that it was asked from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) platform: String,
    /// `good`, `warn` or `bad`: a class of the style sheet.
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
    seen: Mutex<HashMap<(String, String), Seen>>,
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
    /// The platforms, in the order of the page.
    pub(crate) fn platforms(&self) -> Vec<&Platform> {
        let mut all: Vec<&Platform> = self.vault.platforms().collect();
        let place = |platform: &&Platform| self.settings.order.iter().position(|key| key == platform.key());
        all.sort_by_key(|platform| place(platform).unwrap_or(usize::MAX));
        all
    }

    /// The app's API key at a platform that has accounts to register.
    pub(crate) fn api_key(&self, platform: &Platform) -> Option<&Secret> {
        self.settings.api_keys.get(platform.key()).filter(|_| platform.profile.accounts.is_some())
    }

    /// Keeps what was fetched last for an account.
    pub(crate) fn keep(&self, platform: &str, account: &str, seen: Option<Seen>) {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (platform.to_owned(), account.to_owned());
        let Some(seen) = seen else {
            all.remove(&of);
            return;
        };
        if all.len() >= SEEN
            && let Some(oldest) = all.iter().min_by_key(|(_, seen)| seen.at).map(|(of, _)| of.clone())
        {
            all.remove(&oldest);
        }
        all.insert(of, seen);
    }

    /// What was fetched last for an account.
    pub(crate) fn seen(&self, platform: &str, account: &str) -> Option<Seen> {
        let all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(platform.to_owned(), account.to_owned())).cloned()
    }

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
