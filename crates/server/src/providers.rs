//! The platform as a partner of others: the vault that holds what its apps' users connected in the mini-app, beside the
//! platform's own data. What is asked of it is `flows::mini_app`'s and `flows::queries`'s business.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use causeway_protocol::profile::Profile;
use causeway_vault::clock::{Clock as VaultClock, Entropy as VaultEntropy, Pause};
use causeway_vault::{Limits, MasterKeys, Platform, Vault};

use crate::clock::{Clock, Entropy};
use crate::node::Origins;
use crate::platform::KeysAt;

/// The vault has one writer, so nodes cannot share one.
const NO_PLACE: &str = "providers: what they hand out is kept beside a data directory, and there is none: run this platform on --data \
    instead of --database, or leave --providers out";

/// Where the vault and its keys are.
pub struct Place {
    /// The vault's directory.
    pub data: PathBuf,
    /// Its key file.
    pub keys: PathBuf,
}

impl Place {
    /// Beside the platform's own: the vault in the data directory, its key file wherever the platform's is.
    pub fn beside(data: &Path, keys: &KeysAt) -> Self {
        let own = match keys {
            KeysAt::File(path) => path.clone(),
            KeysAt::BesideData => crate::keys::beside(data),
            KeysAt::InData | KeysAt::Ready(_) => data.join("keys"),
        };
        let mut keys = own.into_os_string();
        keys.push(".providers");
        Self { data: data.join("providers"), keys: keys.into() }
    }
}

/// Where providers send people back to: what must be registered there.
pub fn callback_url(profile: &Profile, login: &str, provider: &str) -> String {
    let mini_app = profile.accounts.as_ref().map_or("", |accounts| accounts.mini_app.as_str());
    format!("{login}{mini_app}/callback/{provider}")
}

/// Opens the vault of these providers. A provider without a `redirect_uri` gets ours.
///
/// # Errors
/// One line per problem.
pub fn open(
    profile: &Profile,
    origins: &Origins,
    mut providers: Vec<Platform>,
    place: Option<&Place>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Option<Vault>, Vec<String>> {
    if providers.is_empty() {
        return Ok(None);
    }
    if profile.accounts.is_none() {
        return Err(vec![format!("providers: {} has no accounts that could connect any", profile.name)]);
    }
    let place = place.ok_or_else(|| vec![NO_PLACE.to_owned()])?;
    for provider in &mut providers {
        if provider.redirect_uri.is_empty() {
            provider.redirect_uri = callback_url(profile, &origins.login, provider.key());
        }
    }
    private_directory(&place.data).map_err(|error| vec![format!("{}: {error}", place.data.display())])?;
    let (clock, entropy) = (Arc::new(Adapted(clock)), Arc::new(Adapted(entropy)));
    let keys = MasterKeys::open_or_make(&place.keys, entropy.as_ref())?;
    // Somebody waits for each answer: shorter and fewer tries than a partner's own.
    let limits = Limits {
        timeout: Duration::from_secs(5),
        tries: 2,
        longest_wait: Duration::from_secs(3),
        answer: 256 * 1024,
        ..Limits::default()
    };
    Vault::open(&place.data, keys, providers, limits, clock, entropy).map(Some)
}

fn private_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The server's clock and randomness as the vault takes them.
struct Adapted<T: ?Sized>(Arc<T>);

impl VaultClock for Adapted<dyn Clock> {
    fn millis(&self) -> u64 {
        self.0.millis()
    }

    fn pause(&self, length: Duration) -> Pause {
        Box::pin(tokio::time::sleep(length))
    }
}

impl VaultEntropy for Adapted<dyn Entropy> {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
