//! The keys as a running node holds them, and how they are read again while it runs (TOKENS 3): on SIGHUP, and when
//! something was sealed with a key that is not held. How a key file reads is `keys`' business, what a key opens the seal's.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use causeway_protocol::seal::KeyRing;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::keys;

/// Unknown keys make a node read its file at most this often, in nanoseconds of the monotonic clock.
const PAUSE: u64 = 1_000_000_000;
/// What two rings are compared by: the same id must be the same key.
const SAME: &str = "causeway ring";

/// Where a ring comes from.
#[derive(Clone, Debug)]
pub struct KeyFile {
    /// Whose keys.
    pub platform: String,
    /// The file.
    pub path: PathBuf,
    /// The data that the keys must fit; `None` where the records are elsewhere.
    pub data: Option<PathBuf>,
}

impl KeyFile {
    /// Reads the ring, and compares it with the data.
    ///
    /// # Errors
    /// Every problem, one line each.
    pub fn read(&self) -> Result<KeyRing, Vec<String>> {
        let ring = keys::load(&self.platform, &self.path)?;
        if let Some(data) = &self.data {
            keys::check(&ring, data, &self.path.display().to_string()).map_err(|why| vec![why])?;
        }
        Ok(ring)
    }
}

/// The ring of a node.
pub struct HeldRing {
    held: RwLock<Arc<KeyRing>>,
    file: Option<Arc<KeyFile>>,
    /// When the file was last read because of an unknown key.
    asked: Mutex<Option<u64>>,
}

impl From<KeyRing> for HeldRing {
    /// A ring that stays as it is.
    fn from(ring: KeyRing) -> Self {
        Self { held: RwLock::new(Arc::new(ring)), file: None, asked: Mutex::new(None) }
    }
}

impl HeldRing {
    /// A ring that was read from this file, and may be again.
    pub fn of_file(ring: KeyRing, file: KeyFile) -> Self {
        Self { file: Some(Arc::new(file)), ..Self::from(ring) }
    }

    /// The ring now. A request uses one from its beginning to its end.
    pub fn get(&self) -> Arc<KeyRing> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A ring that was read after `this` one, which did not hold some key: somebody else's reading, or one of our own, at
    /// most once a second. `None`: there is none to be had now.
    pub async fn after(&self, this: &Arc<KeyRing>, clock: &dyn Clock) -> Option<Arc<KeyRing>> {
        let file = self.file.as_ref()?;
        let mut asked = self.asked.lock().await;
        let held = self.get();
        if !Arc::ptr_eq(&held, this) {
            return Some(held);
        }
        let now = clock.monotonic_nanos();
        if asked.is_some_and(|last| now.saturating_sub(last) < PAUSE) {
            return None;
        }
        *asked = Some(now);
        match self.read(file).await {
            Ok(ring) => Some(ring),
            Err(why) => {
                tracing::error!(why, "the keys could not be read again: the old ones stay");
                None
            }
        }
    }

    /// Reads the file again because somebody asks for it. Nothing happens where there is none; the old ring stays when
    /// the new one is not good.
    ///
    /// # Errors
    /// One line.
    pub async fn reload(&self) -> Result<(), String> {
        match &self.file {
            Some(file) => self.read(file).await.map(drop),
            None => Ok(()),
        }
    }

    async fn read(&self, file: &Arc<KeyFile>) -> Result<Arc<KeyRing>, String> {
        let file = Arc::clone(file);
        let read = tokio::task::spawn_blocking(move || file.read()).await.map_err(|error| error.to_string())?;
        self.take(read.map_err(|problems| problems.join("; "))?)
    }

    fn take(&self, fresh: KeyRing) -> Result<Arc<KeyRing>, String> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let known = held.verifier(SAME);
        if fresh.holds(known.key_id) && !fresh.verify(SAME, std::slice::from_ref(&known)) {
            return Err(format!("key {} is another one than before under the same id", known.key_id));
        }
        if held.ids() != fresh.ids() {
            tracing::info!(before = ?held.ids(), now = ?fresh.ids(), "the ring of keys changed");
        }
        *held = Arc::new(fresh);
        Ok(Arc::clone(&held))
    }
}
