//! The vault's own SQLite file: connections with their tokens in envelopes, refreshes in flight, people on their way.
//! Opening and sharing stand here; each table has a file. When to do what is `lifecycle.rs`'s and `connect.rs`'s.

mod accounts;
mod campaign;
mod connections;
mod connects;
mod legacy;
mod refreshes;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_protocol::{Reason, Refusal};
use rusqlite::Connection as Db;

pub(crate) use campaign::{Asking, Claimed, NOT_IN_THIS_RUN, Retry};
pub(crate) use connections::Live;
pub use connections::{Connection, Site, Status};
pub(crate) use connects::Pending;
pub(crate) use legacy::{Added, NewPair, Signer, Standing};
pub(crate) use refreshes::{Ask, Claim};

use crate::clock::{Entropy, random};
use crate::keys::{MasterKeys, Place, is_open_to_others, private_file};
use crate::lock::Lock;

/// Each brings the file from one version to the next; the first makes version 1 of an empty one. Never changed once
/// released: a new step is added.
const STEPS: &[&str] = &[include_str!("schema.sql"), include_str!("schema-2.sql")];
/// OAuth 1.0 pairs and the journal of their exchange: only ever added to.
const LEGACY: &str = include_str!("legacy.sql");
/// Registered accounts: only ever added to.
const ACCOUNTS: &str = include_str!("accounts.sql");
const PROOF: &[u8] = b"this vault's key";
const PROOF_PLACE: Place<'static> = Place { table: "vault", row: b"1", field: "proof" };

/// The store failed. The detail goes to the log; nothing of it is for the wire.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the vault's file: {0}")]
    Db(#[from] rusqlite::Error),
    #[error("an envelope of the vault does not open")]
    Envelope,
    #[error("the vault is stopping")]
    Stopping,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the vault's store failed");
        Reason::StoreFailed.refuse()
    }
}

type Stored<T> = Result<T, StoreError>;

/// What the closures that run on the file are given.
pub(crate) struct Ground {
    db: Mutex<Db>,
    keys: MasterKeys,
    entropy: Arc<dyn Entropy>,
    /// This process among those that share the file.
    holder: i64,
    _lock: Lock,
}

/// A handle; cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    ground: Arc<Ground>,
}

impl Store {
    /// Opens or makes `directory/vault.db`. Problems are one clear line each.
    pub(crate) fn open(directory: &Path, keys: MasterKeys, entropy: Arc<dyn Entropy>) -> Result<Self, Vec<String>> {
        let path = directory.join("vault.db");
        let problem = |what: String| vec![format!("{}: {what}", path.display())];
        let (lock, alone) = Lock::shared(&directory.join("vault.lock")).map_err(|error| problem(error.to_string()))?;
        if !path.exists() {
            private_file(&path).map_err(|error| problem(format!("cannot be made: {error}")))?;
        } else if is_open_to_others(&path) {
            return Err(problem("others may read this file: chmod 600 it".to_owned()));
        }
        let db = connect(&path, alone).map_err(|error| problem(error.to_string()))?;
        prove(&db, &keys, entropy.as_ref()).map_err(|error| match error {
            StoreError::Envelope => problem("the key file does not hold the key of this vault".to_owned()),
            other => problem(other.to_string()),
        })?;
        let holder = i64::from_be_bytes(random(entropy.as_ref()));
        Ok(Self { ground: Arc::new(Ground { db: Mutex::new(db), keys, entropy, holder, _lock: lock }) })
    }

    /// See [`MasterKeys::mark`].
    pub(crate) fn mark(&self, purpose: &str, text: &str) -> [u8; 16] {
        self.ground.keys.mark(purpose, text)
    }

    /// Runs on a thread that may block. A commit that it makes is on disk when it returns.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db, &Ground) -> Stored<T> + Send + 'static,
    ) -> Stored<T> {
        let ground = Arc::clone(&self.ground);
        let (answer, answered) = tokio::sync::oneshot::channel();
        // Boxed, so that the machinery of such a task is compiled once and not for each of some sixty kinds of work.
        let task: Box<dyn FnOnce() + Send> = Box::new(move || {
            let done = work(&mut ground.db.lock().unwrap_or_else(PoisonError::into_inner), &ground);
            // First: whoever is answered may drop the store, and open it again at once.
            drop(ground);
            let _nobody_waits_any_more = answer.send(done);
        });
        tokio::task::spawn_blocking(task);
        answered.await.unwrap_or(Err(StoreError::Stopping))
    }
}

impl Ground {
    fn seal(&self, place: Place<'_>, secret: &str) -> Vec<u8> {
        self.keys.seal(place, secret.as_bytes(), self.entropy.as_ref())
    }

    fn open(&self, place: Place<'_>, envelope: &[u8]) -> Stored<causeway_protocol::secret::Secret> {
        let plain = self.keys.open(place, envelope).map_err(|_| StoreError::Envelope)?;
        let text = std::str::from_utf8(&plain).map_err(|_| StoreError::Envelope)?;
        Ok(causeway_protocol::secret::Secret::new(text))
    }
}

fn connect(path: &Path, alone: bool) -> rusqlite::Result<Db> {
    let mut db = Db::open(path)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;",
    )?;
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let missing = usize::try_from(version).ok().and_then(|version| STEPS.get(version..));
    let newer = || rusqlite::Error::InvalidParameterName("made by a newer program".to_owned());
    for step in missing.ok_or_else(newer)? {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", STEPS.len() as i64)?;
    tx.execute_batch(LEGACY)?;
    tx.execute_batch(ACCOUNTS)?;
    if alone {
        // Whoever held these is dead. The keys stay: their refreshes may have been answered.
        tx.execute("UPDATE refreshes SET lease_ends = 0", [])?;
    }
    tx.commit()?;
    Ok(db)
}

fn prove(db: &Db, keys: &MasterKeys, entropy: &dyn Entropy) -> Stored<()> {
    let fresh = keys.seal(PROOF_PLACE, PROOF, entropy);
    db.execute("INSERT INTO vault (id, proof) VALUES (1, ?1) ON CONFLICT DO NOTHING", [fresh])?;
    let kept: Vec<u8> = db.query_row("SELECT proof FROM vault", [], |row| row.get(0))?;
    let opened = keys.open(PROOF_PLACE, &kept).map_err(|_| StoreError::Envelope)?;
    if opened.as_slice() == PROOF { Ok(()) } else { Err(StoreError::Envelope) }
}
