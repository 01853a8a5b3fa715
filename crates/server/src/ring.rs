//! The keys as a running node holds them, how they are read again while it runs (TOKENS 3: on SIGHUP, and when something was
//! sealed with a key that is not held), and which of them seals. How a key file reads is `keys`' business.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use causeway_protocol::Position;
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
    /// When it was last read again because of an unknown key.
    asked: Mutex<Option<u64>>,
    /// What must be held before it seals: the keys of every other living node.
    others: RwLock<Vec<Vec<u16>>>,
}

impl From<KeyRing> for HeldRing {
    /// A ring that stays as it is.
    fn from(ring: KeyRing) -> Self {
        Self { held: RwLock::new(Arc::new(ring)), file: None, asked: Mutex::new(None), others: RwLock::default() }
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
    /// most once a second. `feed` is read first, since it may have replaced an access key. `None`: there is none to be had now.
    pub async fn after(
        &self,
        this: &Arc<KeyRing>,
        clock: &dyn Clock,
        feed: impl Future<Output = bool>,
    ) -> Option<Arc<KeyRing>> {
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
        if !feed.await {
            return None;
        }
        let Some(file) = &self.file else { return Some(self.get()) };
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

    /// What the other living nodes hold: a key seals once all of them have it (published, confirmed, only then used). A node
    /// that is alone uses a new one at once.
    pub fn confirm(&self, others: Vec<Vec<u16>>) {
        *self.others.write().unwrap_or_else(PoisonError::into_inner) = others;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let id = self.seals(&held.ids(), held.sealing());
        if id == held.sealing() {
            return;
        }
        if let Some(ring) = held.sealing_with(id) {
            tracing::info!(before = held.sealing(), now = id, "another key seals");
            *held = Arc::new(ring);
        }
    }

    /// The newest key that everybody holds; where there is none, the one of before.
    fn seals(&self, ids: &[u16], before: u16) -> u16 {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        let everybodys = ids.iter().find(|id| others.iter().all(|held| held.contains(id)));
        everybodys.or(ids.iter().find(|id| **id == before)).or(ids.first()).copied().unwrap_or(before)
    }

    /// The audience's access key was replaced by the take-back at this position (TOKENS 3).
    pub fn cut_at(&self, cut: Position) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if cut > held.access_cut() {
            *held = Arc::new(held.after_cut(cut));
        }
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
        // What was learnt of the old one counts for the new one: where its access key was replaced, and which key may seal.
        let fresh = if held.access_cut() == Position::ZERO { fresh } else { fresh.after_cut(held.access_cut()) };
        let id = self.seals(&fresh.ids(), held.sealing());
        *held = Arc::new(fresh.sealing_with(id).unwrap_or(fresh));
        Ok(Arc::clone(&held))
    }
}
