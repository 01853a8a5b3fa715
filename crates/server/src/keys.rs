//! Key files: read only where nobody else can read them, made at first start, and compared with the data they belong
//! to. What a key is for is `protocol::seal`'s business; no key's content is ever part of a message.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use causeway_protocol::seal::KeyRing;
use causeway_protocol::secret::SecretVerifier;
use zeroize::Zeroizing;

use crate::clock::{Entropy, random};

/// Key files are small; more is not read.
const MAX_FILE: u64 = 64 * 1024;
/// In the data directory: which keys the data was made with, one line `id mac` each. Verifies keys, reveals none.
const CHECK_FILE: &str = "key-check";
/// What the macs in it are of.
const CHECK_TEXT: &str = "causeway data directory";

/// Who besides the owner may read a secret file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    /// Nobody: 0600 or less.
    ByOwner,
    /// The group: 0640 or less (certificates' keys).
    ByGroup,
}

impl Readable {
    /// Whether nobody else can read a file with a secret in it.
    ///
    /// # Errors
    /// What to do about it.
    pub(crate) fn check(self, about: &std::fs::Metadata) -> Result<(), String> {
        let (forbidden, wanted) = match self {
            Readable::ByOwner => (0o077, "600"),
            Readable::ByGroup => (0o037, "640"),
        };
        if about.permissions().mode() & forbidden == 0 {
            return Ok(());
        }
        Err(format!(
            "others can read it: run `chmod {wanted}` on it, and replace what it holds if it may have been seen"
        ))
    }
}

/// Reads a file that holds a secret.
///
/// # Errors
/// One line: unreadable, too large, readable for others, or somebody else's.
pub fn read_secret_file(path: &Path, readable: Readable) -> Result<Zeroizing<Vec<u8>>, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let file = File::open(path).map_err(|error| failed(&error))?;
    let about = file.metadata().map_err(|error| failed(&error))?;
    if !about.is_file() {
        return Err(failed(&"not a file"));
    }
    readable.check(&about).map_err(|why| failed(&why))?;
    if own_user().is_some_and(|own| own != about.uid()) {
        return Err(failed(&"it belongs to another user than the one that runs this program"));
    }
    if about.len() > MAX_FILE {
        return Err(failed(&"too large for a key file"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(about.len() as usize));
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// Whom this process runs as, where the system says so in /proc.
fn own_user() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|about| about.uid())
}

/// Reads a key ring.
///
/// # Errors
/// Every problem, one line each.
pub fn load(platform: &str, path: &Path) -> Result<KeyRing, Vec<String>> {
    let bytes = read_secret_file(path, Readable::ByOwner).map_err(|why| vec![why])?;
    let text = std::str::from_utf8(&bytes).map_err(|_| vec![format!("{}: not UTF-8", path.display())])?;
    let named = |problems: Vec<String>| problems.iter().map(|why| format!("{}: {why}", path.display())).collect();
    KeyRing::parse(platform, text).map_err(named)
}

/// Makes a key file (0600) with one fresh key. Never overwrites one.
///
/// # Errors
/// One line.
pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: the key file cannot be made: {error}", path.display());
    let key = Zeroizing::new(random::<32>(entropy));
    let text = Zeroizing::new(format!("{}\n", KeyRing::line(1, &key)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Where `serve` keeps the keys of a data directory unless told otherwise: beside it, never inside.
pub fn beside(data: &Path) -> PathBuf {
    let mut name = data.components().next_back().map_or_else(Default::default, |last| last.as_os_str().to_owned());
    name.push(".keys");
    // `.` and `..` have no name to put the file beside: the directory's real path has.
    match std::path::absolute(data).ok().and_then(|path| std::fs::canonicalize(path).ok()) {
        Some(real) => match (real.parent(), real.file_name()) {
            (Some(parent), Some(last)) => parent.join(format!("{}.keys", last.to_string_lossy())),
            _ => data.with_file_name(name),
        },
        None => data.with_file_name(name),
    }
}

/// Whether the directory holds data that was made with some key ring.
pub fn has_check(data: &Path) -> bool {
    data.join(CHECK_FILE).exists()
}

/// What to do about a key file that is gone while the data are there. One line.
pub fn gone(path: &Path, data: &Path) -> String {
    format!(
        "{}: the key file of {} is gone: put its copy back (mode 0600), or say where it is with --keys. No other one opens \
         what the data hold",
        path.display(),
        data.display()
    )
}

/// Whether a key file may be made at this place: its directory is there, and no data were made with one that is gone.
///
/// # Errors
/// One line.
pub fn may_make(path: &Path, data: &Path) -> Result<(), String> {
    if has_check(data) {
        return Err(gone(path, data));
    }
    let parent = path
        .parent()
        .map_or(Path::new("."), |parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    match parent.is_dir() {
        true => Ok(()),
        false => Err(format!("{}: there is no directory {} to make it in", path.display(), parent.display())),
    }
}

/// What to do about data that do not say which keys they were made with. One line.
pub fn check_gone(data: &Path, key_file: &str) -> String {
    let path = data.join(CHECK_FILE);
    format!(
        "{0} is gone: it says which keys the data were made with. Put its copy back; if there is none, and {key_file} is \
         surely the right one, make an empty file in its place (`touch {0}`)",
        path.display()
    )
}

/// Begins to note which keys the data were made with.
///
/// # Errors
/// One line.
pub fn begin(data: &Path) -> Result<(), String> {
    let path = data.join(CHECK_FILE);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    made.map(drop).map_err(|error| format!("{}: {error}", path.display()))
}

/// Compares the ring with what the data was made with, and notes a newest key that is new.
///
/// # Errors
/// One line: another key under the same id, no key in common, or nothing to compare with.
pub fn check(ring: &KeyRing, data: &Path, key_file: &str) -> Result<(), String> {
    let path = data.join(CHECK_FILE);
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(check_gone(data, key_file)),
        Err(error) => return Err(failed(error)),
    };
    let kept: Vec<SecretVerifier> = text.lines().filter_map(verifier).collect();
    let held = ring.ids();
    let known: Vec<&SecretVerifier> = kept.iter().filter(|verifier| held.contains(&verifier.key_id)).collect();
    if let Some(other) = known.iter().find(|verifier| !ring.verify(CHECK_TEXT, std::slice::from_ref(*verifier))) {
        return Err(format!(
            "{key_file}: key {} is not the one that {} was made with: nothing sealed with it could be opened. Put \
             the right key file back",
            other.key_id,
            data.display()
        ));
    }
    if known.is_empty() && !kept.is_empty() {
        let ids: Vec<String> = kept.iter().map(|verifier| verifier.key_id.to_string()).collect();
        return Err(format!(
            "{key_file}: holds none of the keys that {} was made with (ids {}). Put the right key file back",
            data.display(),
            ids.join(", ")
        ));
    }
    if known.iter().any(|verifier| verifier.key_id == ring.newest()) {
        return Ok(());
    }
    let line = line(&ring.verifier(CHECK_TEXT));
    let mut file = OpenOptions::new().append(true).open(&path).map_err(failed)?;
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

fn line(verifier: &SecretVerifier) -> String {
    let mac: String = verifier.mac.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {mac}\n", verifier.key_id)
}

fn verifier(line: &str) -> Option<SecretVerifier> {
    let (id, hex) = line.trim().split_once(' ')?;
    let mut mac = [0u8; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (at, byte) in mac.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(SecretVerifier { key_id: id.parse().ok()?, mac })
}
