//! Opens what a platform stands on: store, key ring, sockets. One line per problem; nothing is served here.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causeway_protocol::cluster::NodeId;
use causeway_protocol::seal::KeyRing;
use causeway_protocol::secret::Secret;
use causeway_storage::{Engine, Postgres, Sqlite, Store, postgres};
use tokio::net::TcpListener;

use super::settings::{KeysAt, StoreAt};
use super::{Problems, key_marks, one};
use crate::clock::{Clock, Entropy};
use crate::keys;
use crate::ring::{HeldRing, KeyFile};

/// Opens store and keys; notes say what the operator should hear. The data directory first: whoever holds its lock may make a
/// key file.
pub(super) async fn open(
    (platform, node): (&str, NodeId),
    store: StoreAt,
    keys: KeysAt,
    (clock, entropy): (Arc<dyn Clock>, &dyn Entropy),
    notes: &mut Vec<String>,
) -> Result<(Engine, HeldRing), Problems> {
    match store {
        StoreAt::Directory(data) => {
            private(&data).map_err(one)?;
            let engine = Engine::Sqlite(Sqlite::open(&data).map_err(|error| one(error.to_string()))?);
            // Looked at only where it is not written down: counting takes longer than opening.
            let used = !keys::has_check(&data) && is_used(&engine).await?;
            let data = Data { used, path: data };
            let ring = ring_of(platform, &data, keys, entropy, notes)?;
            key_marks::belongs(&engine, platform).await.map_err(one)?;
            Ok((engine, ring))
        }
        StoreAt::Database(url) => {
            let options = postgres::Options::new(node, Arc::new(move || clock.now()));
            let opened = Postgres::open(url.expose(), options).await;
            let engine = Engine::Postgres(opened.map_err(|error| one(error.to_string()))?);
            let ring = shared_ring(platform, &engine, keys, entropy, notes).await?;
            key_marks::belongs(&engine, platform).await.map_err(one)?;
            Ok((engine, ring))
        }
        StoreAt::Ready(engine) => match keys {
            KeysAt::File(path) => Ok((engine, of_file(platform, path, None)?)),
            KeysAt::Ready(ring) => Ok((engine, ring.into())),
            KeysAt::BesideData | KeysAt::InData => Err(one("there is no data directory to keep the keys with")),
        },
    }
}

/// A data directory that is ours now.
struct Data {
    path: PathBuf,
    /// Whether it holds records, but not of which key ring.
    used: bool,
}

/// Refuses a data directory that others can look into, and a database that others can read: it holds whom the platform
/// knows and what they allowed.
fn private(data: &Path) -> Result<(), String> {
    let open_to_others =
        |path: &Path| std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0);
    let name = data.display();
    if !data.is_dir() {
        return Ok(());
    }
    if open_to_others(data) {
        return Err(format!("{name}: others can look into the data directory: run `chmod 700 {name}`"));
    }
    let entries = std::fs::read_dir(data).map_err(|error| format!("{name}: {error}"))?;
    let databases = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("causeway.db"));
    match databases.map(|entry| entry.path()).find(|path| open_to_others(path)) {
        Some(path) => Err(format!("{0}: others can read the database: run `chmod 600 {0}`", path.display())),
        None => Ok(()),
    }
}

async fn is_used(engine: &Engine) -> Result<bool, Problems> {
    let counts = engine.counts().await.map_err(|error| one(error.to_string()))?;
    let telling = ["apps", "customers", "people", "connections", "families"];
    Ok(counts.iter().any(|(table, rows)| telling.contains(table) && *rows > 0))
}

/// The ring of a data directory: read, or made at first start, and compared with what the data was made with.
fn ring_of(
    platform: &str,
    data: &Data,
    keys: KeysAt,
    entropy: &dyn Entropy,
    notes: &mut Vec<String>,
) -> Result<HeldRing, Problems> {
    let path = match keys {
        KeysAt::Ready(ring) => {
            known(data, "the key ring")?;
            keys::check(&ring, &data.path, "the key ring").map_err(one)?;
            return Ok(ring.into());
        }
        KeysAt::File(path) => path,
        KeysAt::BesideData => keys::beside(&data.path),
        KeysAt::InData => data.path.join("keys"),
    };
    made(data, &path, entropy, notes)?;
    known(data, &path.display().to_string())?;
    of_file(platform, path, Some(&data.path))
}

fn of_file(platform: &str, path: PathBuf, data: Option<&Path>) -> Result<HeldRing, Problems> {
    let file = KeyFile { platform: platform.to_owned(), path, data: data.map(Path::to_owned) };
    Ok(HeldRing::of_file(file.read()?, file))
}

/// The ring of a shared database: read, or made by the first node at its first start, and compared with what the database was
/// made with.
async fn shared_ring(
    platform: &str,
    engine: &Engine,
    keys: KeysAt,
    entropy: &dyn Entropy,
    notes: &mut Vec<String>,
) -> Result<HeldRing, Problems> {
    let (ring, name) = match keys {
        KeysAt::File(path) => {
            let name = path.display().to_string();
            if !path.exists() {
                if key_marks::is_marked(engine).await.map_err(|error| one(error.to_string()))? {
                    return Err(one(format!(
                        "{name}: there is no key file, and the database was made with one: copy it here"
                    )));
                }
                keys::create(&path, entropy).map_err(one)?;
                notes.push(format!("a new key file was made: {name}. Back it up, and copy it to every other node"));
            } else if !key_marks::is_marked(engine).await.map_err(|error| one(error.to_string()))? {
                notes.push(older_keys(&name));
            }
            (of_file(platform, path, None)?, name)
        }
        KeysAt::Ready(ring) => (ring.into(), "the key ring".to_owned()),
        KeysAt::BesideData | KeysAt::InData => {
            return Err(one("--database wants --keys FILE: every node has the same keys"));
        }
    };
    key_marks::check(engine, &ring.get(), &name).await.map_err(one)?;
    Ok(ring)
}

/// A token names its subjects by the numbers that its store gave them.
fn older_keys(name: &str) -> String {
    format!(
        "the store is new, and {name} is not: if these keys were ever used with another store, its tokens are good in this one, for \
         whoever has the same numbers here. Give a new store a new key file"
    )
}

/// Makes the key file of a store that is empty. One that was there once is never made anew.
fn made(data: &Data, path: &Path, entropy: &dyn Entropy, notes: &mut Vec<String>) -> Result<(), Problems> {
    if path.exists() {
        if !data.used && !keys::has_check(&data.path) {
            notes.push(older_keys(&path.display().to_string()));
        }
        return Ok(());
    }
    if data.used {
        return Err(one(keys::gone(path, &data.path)));
    }
    keys::may_make(path, &data.path).map_err(one)?;
    keys::create(path, entropy).map_err(one)?;
    notes.push(format!("a new key file was made: {}. Back it up, apart from the data", path.display()));
    Ok(())
}

/// Whether it is written down which keys the data were made with. For records without that nobody could tell whether the
/// key file is the right one.
fn known(data: &Data, key_file: &str) -> Result<(), Problems> {
    if keys::has_check(&data.path) {
        return Ok(());
    }
    if data.used {
        return Err(one(keys::check_gone(&data.path, key_file)));
    }
    keys::begin(&data.path).map_err(one)
}

/// The admin door's key when none is configured: it stays the same as long as the newest ring key does.
pub(super) fn admin_key(ring: &KeyRing) -> Secret {
    door_key(ring, "admin door", "adm_")
}

/// The edges' key when none is configured, likewise.
pub(super) fn edge_key(ring: &KeyRing) -> Secret {
    door_key(ring, "edge door", "edg_")
}

fn door_key(ring: &KeyRing, purpose: &str, prefix: &str) -> Secret {
    use base64::Engine as _;
    let key = ring.derive(purpose);
    Secret::new(format!("{prefix}{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.as_ref())))
}

/// Binds the addresses, unless there are sockets already.
pub(crate) async fn bind(
    addresses: Vec<SocketAddr>,
    bound: Vec<std::net::TcpListener>,
) -> Result<Vec<TcpListener>, Problems> {
    if !bound.is_empty() {
        let adopt = |socket: std::net::TcpListener| {
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        };
        return bound.into_iter().map(adopt).collect::<Result<_, _>>().map_err(|error| one(error.to_string()));
    }
    let (mut sockets, mut problems) = (Vec::new(), Vec::new());
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(socket) => sockets.push(socket),
            Err(error) => problems.push(format!("cannot listen on {address}: {error}")),
        }
    }
    if problems.is_empty() { Ok(sockets) } else { Err(problems) }
}

pub(crate) fn addresses(sockets: &[TcpListener]) -> Result<Vec<SocketAddr>, Problems> {
    sockets.iter().map(TcpListener::local_addr).collect::<Result<_, _>>().map_err(|error| one(error.to_string()))
}
