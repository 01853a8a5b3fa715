//! Encryption of what the vault keeps: envelopes under a master key that stands in a file of its own (SECURITY C-05,
//! PV-05). Where the envelopes are stored does not belong here.
//!
//! An envelope: version (1) · key id (2) · nonce (12) · wrapped data key (48) · nonce (12) · ciphertext · tag (16).
//! Each has a data key of its own, so random nonces never meet. Associated data of both: table, row, field and key id;
//! an envelope moved to another row or field does not open.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use causeway_protocol::seal::KeyRing;
use zeroize::Zeroizing;

use crate::clock::{Entropy, random};

const VERSION: u8 = 1;
const NONCE: usize = 12;
const KEY: usize = 32;
const TAG: usize = 16;
const HEADER: usize = 3;
const WRAPPED: usize = HEADER + NONCE + KEY + TAG;
const PURPOSE: &str = "vault data keys";

/// Where an envelope stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a [u8],
    pub(crate) field: &'static str,
}

/// The envelope did not open: another key's, another row's, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotOurs;

/// The master keys, newest first. Does not print.
#[derive(Debug)]
pub struct MasterKeys {
    ring: KeyRing,
}

impl MasterKeys {
    /// Reads the text of a key file: one line `id base64(32 bytes)` per key, newest first. Problems name lines only.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        KeyRing::parse("vault", text).map(|ring| Self { ring })
    }

    /// Reads the file, or makes it (mode 0600) with one fresh key. Refused when others may read it.
    pub fn open_or_make(path: &Path, entropy: &dyn Entropy) -> Result<Self, Vec<String>> {
        let problem = |what: String| vec![format!("{}: {what}", path.display())];
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let fresh = Zeroizing::new(random::<KEY>(entropy));
                let text = Zeroizing::new(format!("{}\n", KeyRing::line(1, &fresh)));
                private_file(path)
                    .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
                    .map_err(|error| problem(format!("cannot be made: {error}")))?;
                text
            }
            Err(error) => return Err(problem(format!("cannot be read: {error}"))),
        };
        if is_open_to_others(path) {
            return Err(problem("others may read this key file: chmod 600 it".to_owned()));
        }
        Self::parse(&text).map_err(|lines| lines.iter().flat_map(|line| problem(line.clone())).collect())
    }

    fn wrapping(&self, id: u16) -> Option<LessSafeKey> {
        self.ring.derive_from(id, PURPOSE).map(|key| aes(&key))
    }

    /// HMAC-SHA-256 of a text, cut to 16 bytes, under a key of its own for each purpose.
    pub(crate) fn mark(&self, purpose: &str, text: &str) -> [u8; 16] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.ring.derive(purpose)[..]);
        let mut mark = [0; 16];
        mark.copy_from_slice(&hmac::sign(&key, text.as_bytes()).as_ref()[..16]);
        mark
    }

    /// Puts a secret into an envelope for this place.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let id = self.ring.newest();
        let wrapping = self.wrapping(id).expect("the newest key is in the ring");
        let data_key = Zeroizing::new(random::<KEY>(entropy));
        let mut envelope = Vec::with_capacity(WRAPPED + NONCE + secret.len() + TAG);
        envelope.push(VERSION);
        envelope.extend_from_slice(&id.to_be_bytes());
        lock(&wrapping, &data_key[..], aad(place, id, "data key"), entropy, &mut envelope);
        lock(&aes(&data_key), secret, aad(place, id, "secret"), entropy, &mut envelope);
        envelope
    }

    /// Takes it out again.
    pub(crate) fn open(&self, place: Place<'_>, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
        let (wrapped, rest) = envelope.split_at_checked(WRAPPED).ok_or(NotOurs)?;
        let id = u16::from_be_bytes([wrapped[1], wrapped[2]]);
        let wrapping = self.wrapping(id).filter(|_| wrapped[0] == VERSION).ok_or(NotOurs)?;
        let data_key = unlock(&wrapping, &wrapped[HEADER..], aad(place, id, "data key"))?;
        let data_key: Zeroizing<[u8; KEY]> = Zeroizing::new(data_key.as_slice().try_into().map_err(|_| NotOurs)?);
        unlock(&aes(&data_key), rest, aad(place, id, "secret"))
    }
}

fn aes(key: &[u8; KEY]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes make an AES-256 key"))
}

/// Appends nonce, ciphertext and tag.
fn lock(key: &LessSafeKey, plain: &[u8], aad: Aad<Vec<u8>>, entropy: &dyn Entropy, to: &mut Vec<u8>) {
    let nonce = random::<NONCE>(entropy);
    let mut text = Zeroizing::new(plain.to_vec());
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text)
        .expect("encrypting a few kilobytes cannot fail");
    to.extend_from_slice(&nonce);
    to.extend_from_slice(&text);
    to.extend_from_slice(tag.as_ref());
}

fn unlock(key: &LessSafeKey, text: &[u8], aad: Aad<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
    let (nonce, text) = text.split_first_chunk::<NONCE>().ok_or(NotOurs)?;
    let mut buffer = Zeroizing::new(text.to_vec());
    let length = key.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut buffer).map_err(|_| NotOurs)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

fn aad(place: Place<'_>, key_id: u16, layer: &str) -> Aad<Vec<u8>> {
    let mut data = Vec::new();
    for part in [place.table.as_bytes(), place.row, place.field.as_bytes(), &key_id.to_be_bytes(), layer.as_bytes()] {
        data.extend_from_slice(&(part.len() as u32).to_be_bytes());
        data.extend_from_slice(part);
    }
    Aad::from(data)
}

/// Makes a file that only we may read; fails when it exists.
pub(crate) fn private_file(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether the file's mode lets anybody but its owner in.
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    return fs::metadata(path)
        .is_ok_and(|data| std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o077 != 0);
    #[cfg(not(unix))]
    return false;
}

#[cfg(test)]
mod tests;
