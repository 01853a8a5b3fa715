//! Opens what a platform stands on: store, key ring, sockets. One line per problem; nothing is served here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use causeway_protocol::seal::KeyRing;
use causeway_protocol::secret::Secret;
use causeway_storage::{Engine, Sqlite};
use tokio::net::TcpListener;

use super::settings::{KeysAt, StoreAt};
use super::{Problems, one};
use crate::clock::Entropy;
use crate::keys;
use crate::ring::{HeldRing, KeyFile};

/// Opens store and keys; notes say what the operator should hear. The data directory first: whoever holds its lock may make a
/// key file.
pub(super) fn open(
    platform: &str,
    store: StoreAt,
    keys: KeysAt,
    entropy: &dyn Entropy,
    notes: &mut Vec<String>,
) -> Result<(Engine, HeldRing), Problems> {
    match store {
        StoreAt::Directory(data) => {
            let engine = Sqlite::open(&data).map_err(|error| one(error.to_string()))?;
            let ring = ring_of(platform, &data, keys, entropy, notes)?;
            Ok((Engine::Sqlite(engine), ring))
        }
        StoreAt::Ready(engine) => match keys {
            KeysAt::File(path) => Ok((engine, of_file(platform, path, None)?)),
            KeysAt::Ready(ring) => Ok((engine, ring.into())),
            KeysAt::BesideData | KeysAt::InData => Err(one("there is no data directory to keep the keys with")),
        },
    }
}

/// The ring of a data directory: read, or made at first start, and compared with what the data was made with.
fn ring_of(
    platform: &str,
    data: &Path,
    keys: KeysAt,
    entropy: &dyn Entropy,
    notes: &mut Vec<String>,
) -> Result<HeldRing, Problems> {
    let path = match keys {
        KeysAt::Ready(ring) => {
            keys::check(&ring, data, "the key ring").map_err(one)?;
            return Ok(ring.into());
        }
        KeysAt::File(path) => path,
        KeysAt::BesideData => own(data, keys::beside(data), entropy, notes)?,
        KeysAt::InData => own(data, data.join("keys"), entropy, notes)?,
    };
    of_file(platform, path, Some(data))
}

fn of_file(platform: &str, path: PathBuf, data: Option<&Path>) -> Result<HeldRing, Problems> {
    let file = KeyFile { platform: platform.to_owned(), path, data: data.map(Path::to_owned) };
    Ok(HeldRing::of_file(file.read()?, file))
}

/// The key file at the place that is ours to choose. One that was there once is never made anew.
fn own(data: &Path, path: PathBuf, entropy: &dyn Entropy, notes: &mut Vec<String>) -> Result<PathBuf, Problems> {
    let name = path.display().to_string();
    if !path.exists() {
        if keys::has_check(data) {
            let data = data.display();
            return Err(one(format!(
                "{name}: the key file of {data} is gone: put it back, or say where it is with --keys"
            )));
        }
        keys::create(&path, entropy).map_err(one)?;
        notes.push(format!("a new key file was made: {name}. Back it up, apart from the data"));
    }
    Ok(path)
}

/// The admin door's key when none is configured: it stays the same as long as the newest ring key does.
pub(super) fn admin_key(ring: &KeyRing) -> Secret {
    use base64::Engine as _;
    let key = ring.derive("admin door");
    Secret::new(format!("adm_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.as_ref())))
}

/// Binds the addresses, unless there are sockets already.
pub(super) async fn bind(
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

pub(super) fn addresses(sockets: &[TcpListener]) -> Result<Vec<SocketAddr>, Problems> {
    sockets.iter().map(TcpListener::local_addr).collect::<Result<_, _>>().map_err(|error| one(error.to_string()))
}
