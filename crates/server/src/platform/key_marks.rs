//! Whose records a store holds, and which keys those of a shared database were made with: marks in the store itself. A mark
//! verifies a key and reveals none. What a directory notes is `keys`' business.

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

/// Which one it is stands there: whoever named it lived to say so.
fn whole(id: u16) -> [u8; 32] {
    sha256(&[OF, b"whole", &id.to_be_bytes()])
}

/// The same of some key: the database is in use.
fn settled() -> [u8; 32] {
    sha256(&[OF, b"settled"])
}

/// Some platform keeps its records in the store, whichever.
fn of_a_platform() -> [u8; 32] {
    sha256(&[OF, b"of a platform"])
}

/// It is this one.
fn of(platform: &str) -> [u8; 32] {
    sha256(&[OF, b"of", platform.as_bytes()])
}

/// Compares the platform with the one whose records the store holds, and notes the first: under another profile good tokens
/// would be refused, for good as it would seem.
///
/// # Errors
/// One line.
pub(crate) async fn belongs(store: &Engine, platform: &str) -> Result<(), String> {
    let failed = |error: causeway_storage::StoreError| error.to_string();
    if store.seed_loaded(of(platform)).await.map_err(failed)? {
        return Ok(());
    }
    if store.seed_loaded(of_a_platform()).await.map_err(failed)? {
        return Err(format!(
            "the store holds another platform's records, and this profile is \"{platform}\": say the right --profile, or give \
             this platform a store of its own"
        ));
    }
    // In this order: a kill between the two leaves a store that the same platform takes up.
    for mark in [of(platform), of_a_platform()] {
        store.apply(Change::MarkSeed(mark)).await.map_err(failed)?;
    }
    Ok(())
}

/// Whether the database was made with some key ring.
pub(super) async fn is_marked(store: &Engine) -> Stored<bool> {
    store.seed_loaded(begun()).await
}

/// Compares the ring with what the database was made with, and notes a newest key that is new.
///
/// A node may be killed after any mark. Nothing was sealed with a key before all of its marks stood, so whoever finds some of them,
/// and nobody who goes on, makes the others.
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
    if known == 0 && is_marked(store).await.map_err(failed)? && comes(store, settled()).await.map_err(failed)? {
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
        Outcome::Applied(_) => note(store, ring, newest).await.map_err(failed),
        Outcome::Stale => agrees(store, ring, newest, file).await,
    }
}

/// Says which key the id means.
async fn note(store: &Engine, ring: &KeyRing, id: u16) -> Stored<()> {
    for mark in [same(ring, id), whole(id), settled()] {
        store.apply(Change::MarkSeed(mark)).await?;
    }
    Ok(())
}

/// Whether a mark stands, or comes: another node may be about to make it.
async fn comes(store: &Engine, mark: [u8; 32]) -> Stored<bool> {
    for _ in 0..TRIES {
        if store.seed_loaded(mark).await? {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

/// Whether the id means the same key in the database.
async fn agrees(store: &Engine, ring: &KeyRing, id: u16, file: &str) -> Result<(), String> {
    let failed = |error: causeway_storage::StoreError| error.to_string();
    let is_whole = comes(store, whole(id)).await.map_err(failed)?;
    // Not whole: whoever named it was killed before it said which one it is, or before it was done.
    if !is_whole {
        return note(store, ring, id).await.map_err(failed);
    }
    match store.seed_loaded(same(ring, id)).await.map_err(failed)? {
        true => Ok(()),
        false => Err(format!(
            "{file}: key {id} is not the one that the database was made with: nothing sealed with it could be opened. Put the \
             right key file back"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway_storage::Model;

    use super::*;

    fn ring(id: u16, key: u8) -> KeyRing {
        KeyRing::parse("tripleseat", &KeyRing::line(id, &[key; 32])).expect("a good key file")
    }

    async fn noted(store: &Engine, marks: &[[u8; 32]]) {
        for mark in marks {
            store.apply(Change::MarkSeed(*mark)).await.expect("the model answers");
        }
    }

    fn new_database() -> Engine {
        Engine::Model(Arc::new(Model::default()).node())
    }

    #[tokio::test]
    async fn a_store_belongs_to_one_platform() {
        let store = new_database();
        for platform in ["tripleseat", "tripleseat"] {
            assert_eq!(belongs(&store, platform).await, Ok(()));
        }
        assert!(belongs(&store, "otesse").await.is_err_and(|why| why.contains("otesse") && !why.contains('\n')));
    }

    /// A node is killed after each of the marks that it makes: nothing was sealed by then, and what it left must not shut anybody
    /// out for ever.
    #[tokio::test]
    async fn r_23_a_node_killed_between_two_marks_shuts_nobody_out() {
        let right = ring(1, 7);
        let steps = [begun(), named(1), same(&right, 1)];
        for made in 0..=steps.len() {
            let store = new_database();
            noted(&store, &steps[..made]).await;
            let again = check(&store, &right, "keys").await;
            assert_eq!(again, Ok(()), "the same node again, after {made} marks");
            let why = check(&store, &ring(1, 8), "keys").await.expect_err("another key under the same id");
            assert!(why.contains("key 1 is not the one"), "{why}");
            let why = check(&store, &ring(2, 8), "keys").await.expect_err("none of the keys");
            assert!(why.contains("holds none of the keys"), "{why}");
            assert_eq!(check(&store, &right, "keys").await, Ok(()), "and for good");
        }
    }

    /// The same with a second key of a database that is in use.
    #[tokio::test]
    async fn r_23_a_new_key_is_noted_however_often_its_node_is_killed() {
        let line = |id: u16| KeyRing::line(id, &[id as u8; 32]);
        let both = KeyRing::parse("tripleseat", &format!("{}\n{}", line(2), line(1))).expect("a good key file");
        for made in 0..=2 {
            let store = new_database();
            check(&store, &ring(1, 1), "keys").await.expect("a new database");
            noted(&store, &[named(2), same(&both, 2)][..made]).await;
            assert_eq!(check(&store, &both, "keys").await, Ok(()), "after {made} marks");
            assert_eq!(check(&store, &ring(1, 1), "keys").await, Ok(()), "who has only the old one goes on");
            let other = KeyRing::parse("tripleseat", &format!("{}\n{}", KeyRing::line(2, &[9; 32]), line(1)));
            assert!(check(&store, &other.expect("a good key file"), "keys").await.is_err());
        }
    }
}
