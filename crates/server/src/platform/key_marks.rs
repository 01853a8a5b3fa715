//! Which keys the records of a shared database were made with: marks in the database itself, since there is no directory to note
//! it in. A mark verifies a key and reveals none. What a directory notes is `keys`' business.

use std::time::Duration;

use causeway_protocol::seal::{KeyRing, sha256};
use causeway_protocol::{Change, Outcome};
use causeway_storage::{Engine, Store, Stored};

/// What the marks are of.
const OF: &[u8] = b"causeway key mark";
const CHECK_TEXT: &str = "causeway database";
/// Another node that starts at the same moment needs no longer than this to say which key its id means.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// Some key was noted: the database is not new.
fn begun() -> [u8; 32] {
    sha256(&[OF, b"begun"])
}

/// A key of this id was noted, whichever.
fn named(id: u16) -> [u8; 32] {
    sha256(&[OF, b"id", &id.to_be_bytes()])
}

/// It was this one.
fn same(ring: &KeyRing, id: u16) -> [u8; 32] {
    let mac = ring.sealing_with(id).map(|ring| ring.verifier(CHECK_TEXT).mac).unwrap_or_default();
    sha256(&[OF, b"key", &id.to_be_bytes(), &mac])
}

/// Whether the database was made with some key ring.
pub(super) async fn is_marked(store: &Engine) -> Stored<bool> {
    store.seed_loaded(begun()).await
}

/// Compares the ring with what the database was made with, and notes a newest key that is new.
///
/// # Errors
/// One line: another key under the same id, or no key in common.
pub(crate) async fn check(store: &Engine, ring: &KeyRing, file: &str) -> Result<(), String> {
    let failed = |error: causeway_storage::StoreError| error.to_string();
    let mut known = 0;
    for id in ring.ids() {
        if store.seed_loaded(named(id)).await.map_err(failed)? {
            known += 1;
            agrees(store, ring, id, file).await?;
        }
    }
    if known == 0 && is_marked(store).await.map_err(failed)? {
        return Err(format!(
            "{file}: holds none of the keys that the database was made with. Put the right key file back"
        ));
    }
    let newest = ring.newest();
    if store.seed_loaded(named(newest)).await.map_err(failed)? {
        return Ok(());
    }
    store.apply(Change::MarkSeed(begun())).await.map_err(failed)?;
    // Whoever names the id first says which key it means.
    match store.apply(Change::MarkSeed(named(newest))).await.map_err(failed)? {
        Outcome::Applied(_) => store.apply(Change::MarkSeed(same(ring, newest))).await.map(drop).map_err(failed),
        Outcome::Stale => agrees(store, ring, newest, file).await,
    }
}

/// Whether the id means the same key in the database. Another node may be about to say so.
async fn agrees(store: &Engine, ring: &KeyRing, id: u16, file: &str) -> Result<(), String> {
    for _ in 0..TRIES {
        if store.seed_loaded(same(ring, id)).await.map_err(|error| error.to_string())? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(format!(
        "{file}: key {id} is not the one that the database was made with: nothing sealed with it could be opened. Put the right \
         key file back"
    ))
}
