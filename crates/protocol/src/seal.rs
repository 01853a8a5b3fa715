//! Sealing and opening (TOKENS 3): prefix + base64url of an authenticated encryption. No field of a token is known here.
//!
//! Layout of the bytes: version (1) · key id (2) · epoch (1) · ciphertext · tag (16) · CRC-32 (4). The first four are
//! associated data, together with platform and kind, which are not transmitted. AES-256-GCM-SIV (RFC 8452) under a fixed
//! nonce is deterministic authenticated encryption: equal plaintexts give equal texts, so plaintexts that must differ
//! carry random bytes. The budget is 2^36 seals a working key.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::access_keys::{AccessKey, Epochs, Exported};
use crate::secret::SecretVerifier;
use crate::time::Seconds;
use crate::wire::{Reader, Writer};
use crate::{Position, UnixTime};

/// The kinds of seals. The number separates the keys: a seal of one kind never opens as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Access token.
    Access = 1,
    /// Refresh token.
    Refresh = 2,
    /// Authorization code; its key rolls daily and never leaves the nodes.
    Code = 3,
    /// The pending authorization request in the sign-in form.
    Pending = 4,
    /// The same on the consent form, bound to session and person.
    Consent = 5,
    /// An OAuth 1.0 secret at rest, with the row that it belongs to.
    LegacySecret = 6,
    /// A sign-in token for the mini-app.
    SignIn = 7,
    /// A visit to the mini-app, in a cookie.
    Visit = 8,
}

/// How many kinds have a key that does not roll.
const FIXED: usize = 7;

impl Kind {
    /// Kinds whose key does not roll.
    const FIXED: [Kind; FIXED] =
        [Kind::Access, Kind::Refresh, Kind::Pending, Kind::Consent, Kind::LegacySecret, Kind::SignIn, Kind::Visit];
}

/// Something that can be sealed.
pub trait Sealed: Sized {
    /// Its kind.
    const KIND: Kind;
    /// Its fields.
    fn write(&self, to: &mut Writer);
    /// The reverse; `None` for bytes of another layout.
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

/// What a guard opens access tokens with: a whole ring on a node, at the edge the access keys of its own audience (TOKENS 3).
pub trait OpenAccess: Send + Sync {
    /// As [`KeyRing::open`], for this one kind.
    fn open_access(&self, prefix: &str, text: &str, now: UnixTime) -> Result<crate::token::AccessToken, SealError>;
}

/// Why a text did not open. None of them says more to the caller than "not valid", but an unknown key may become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// Not a text of ours: refused before cryptography.
    Junk,
    /// Well-formed, sealed with a key that this ring does not hold: re-read the ring, else 503, never a false 401.
    UnknownKey(u16),
    /// The authentication failed, or the layout is not the kind's.
    Forged,
}

pub(crate) const VERSION: u8 = 1;
pub(crate) const HEADER: usize = 4;
const TAG: usize = 16;
const CHECKSUM: usize = 4;
/// The longest text that is looked at: forms carry a `state` of up to 4 kB.
const MAX_TEXT: usize = 16_384;

/// A root key: never leaves the node, wiped when dropped, does not print.
#[derive(Clone)]
struct Root {
    id: u16,
    prk: hkdf::Prk,
}

impl Root {
    fn derive(&self, purpose: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0u8; 32]);
        self.prk
            .expand(purpose, hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(key.as_mut()))
            .expect("HKDF-SHA256 yields 32 bytes for any purpose");
        key
    }
}

/// The ring of root keys, newest first, with the working keys of one platform.
pub struct KeyRing {
    platform: String,
    roots: Vec<Root>,
    fixed: Vec<[LessSafeKey; FIXED]>,
    peppers: Vec<hmac::Key>,
    /// At whose position the access keys are made ([`KeyRing::after_cut`]), and what its tokens are known by.
    access_cut: Position,
    epochs: Epochs,
    /// Which root seals: the newest, unless [`KeyRing::sealing_with`] said otherwise.
    seals: usize,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({}, keys {:?})", self.platform, self.ids())
    }
}

impl KeyRing {
    /// Reads a key file (CONTRACTS, `--keys`): one line `id base64(32 bytes)` per key, newest first; `#` starts a comment.
    /// Problems name lines, never their content.
    pub fn parse(platform: &str, text: &str) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut roots: Vec<Root> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_line(line) {
                Ok((id, _)) if roots.iter().any(|root| root.id == id) => {
                    problems.push(format!("line {number}: key id {id} stands twice"));
                }
                Ok((id, value)) => {
                    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"causeway root").extract(value.as_ref());
                    roots.push(Root { id, prk });
                }
                Err(why) => problems.push(format!("line {number}: {why}")),
            }
        }
        if roots.is_empty() && problems.is_empty() {
            problems.push("holds no key".to_owned());
        }
        if problems.is_empty() { Ok(Self::build(platform, roots, Position::ZERO)) } else { Err(problems) }
    }

    /// One line of a key file.
    pub fn line(id: u16, value: &[u8; 32]) -> String {
        format!("{id} {}", STANDARD.encode(value))
    }

    fn build(platform: &str, roots: Vec<Root>, access_cut: Position) -> Self {
        let working = |root: &Root, kind| match kind {
            Kind::Access => aead(&access_key(root, platform, access_cut)),
            kind => working_key(root, platform, kind, 0),
        };
        let fixed = roots.iter().map(|root| Kind::FIXED.map(|kind| working(root, kind))).collect();
        let peppers = roots
            .iter()
            .map(|root| hmac::Key::new(hmac::HMAC_SHA256, root.derive(&[b"client secret"]).as_ref()))
            .collect();
        let epochs = Epochs::new(access_cut);
        Self { platform: platform.to_owned(), roots, fixed, peppers, access_cut, epochs, seals: 0 }
    }

    /// The same ring after its audience's access key was replaced by the take-back at this position (TOKENS 3): access tokens
    /// are sealed and opened with keys that are made at it, and no others. Everything else stays as it is.
    #[must_use]
    pub fn after_cut(&self, cut: Position) -> Self {
        let mut ring = Self::build(&self.platform, self.roots.clone(), cut);
        ring.epochs = self.epochs.then(cut);
        ring.seals = self.seals;
        ring
    }

    /// The same ring, in which the key of this id makes whatever is made from now on: a key is published, confirmed by every
    /// living node, and only then used (TOKENS 3). `None` when the ring does not hold it.
    pub fn sealing_with(&self, id: u16) -> Option<Self> {
        let seals = self.roots.iter().position(|root| root.id == id)?;
        let mut ring = self.after_cut(self.access_cut);
        ring.seals = seals;
        Some(ring)
    }

    /// The key that seals. Rows name it.
    pub fn sealing(&self) -> u16 {
        self.roots[self.seals].id
    }

    /// The position that the access keys are made at; zero: they were never replaced.
    pub fn access_cut(&self) -> Position {
        self.access_cut
    }

    /// What an edge guard of the audience is given: the access keys, newest first, and nothing that they were made from.
    pub fn access_keys(&self) -> Exported {
        let key = |root: &Root| AccessKey { id: root.id, bytes: access_key(root, &self.platform, self.access_cut) };
        let keys = self.roots.iter().map(key).collect();
        Exported { platform: self.platform.clone(), cut: self.access_cut, keys }
    }

    /// Says that what sealed this text was replaced, since whoever asks has read the feed to its end meanwhile and the ring
    /// still does not know it: from now on it is forged, not unknown.
    pub fn is_replaced(&self, prefix: &str, text: &str) {
        if let Ok((bytes, _)) = decode(prefix, text)
            && self.holds(u16::from_be_bytes([bytes[1], bytes[2]]))
        {
            self.epochs.mark(bytes[3]);
        }
    }

    /// The ids, newest first.
    pub fn ids(&self) -> Vec<u16> {
        self.roots.iter().map(|root| root.id).collect()
    }

    /// Whether it holds the key of this id.
    pub fn holds(&self, id: u16) -> bool {
        self.roots.iter().any(|root| root.id == id)
    }

    /// The first key of the file. It seals, unless some node does not hold it yet: [`KeyRing::sealing`].
    pub fn newest(&self) -> u16 {
        self.roots[0].id
    }

    /// A key of 32 bytes for another purpose (cookies, rows at rest), from the root that seals.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        self.roots[self.seals].derive(&[b"purpose", purpose.as_bytes()])
    }

    /// The same from the root of that id; `None` when the ring does not hold it.
    pub fn derive_from(&self, id: u16, purpose: &str) -> Option<Zeroizing<[u8; 32]>> {
        self.roots.iter().find(|root| root.id == id).map(|root| root.derive(&[b"purpose", purpose.as_bytes()]))
    }

    /// Seals with [`KeyRing::sealing`]. `prefix` is for people and scanners.
    pub fn seal<T: Sealed>(&self, prefix: &str, value: &T, now: UnixTime) -> String {
        let mut fields = Writer::default();
        value.write(&mut fields);
        let mut sealed = fields.into_bytes();
        let (key_id, day) = (self.sealing().to_be_bytes(), day_of(T::KIND, now));
        let epoch = if T::KIND == Kind::Access { self.epochs.current() } else { day as u8 };
        let header = [VERSION, key_id[0], key_id[1], epoch];
        self.with_key(self.seals, T::KIND, day, |key| {
            key.seal_in_place_append_tag(nonce(), self.aad(&header, T::KIND), &mut sealed)
                .expect("sealing a few hundred bytes cannot fail");
        });
        let mut bytes = Vec::with_capacity(HEADER + sealed.len() + CHECKSUM);
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&sealed);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        let mut text = String::with_capacity(prefix.len() + bytes.len() * 4 / 3 + 3);
        text.push_str(prefix);
        URL_SAFE_NO_PAD.encode_string(&bytes, &mut text);
        text
    }

    /// Opens a text of the expected kind. There is no "open any".
    pub fn open<T: Sealed>(&self, prefix: &str, text: &str, now: UnixTime) -> Result<T, SealError> {
        let (mut bytes, checked) = decode(prefix, text)?;
        let header = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let key_id = u16::from_be_bytes([header[1], header[2]]);
        let index = self.roots.iter().position(|root| root.id == key_id).ok_or(SealError::UnknownKey(key_id))?;
        let today = day_of(T::KIND, now);
        // A rolling key opens on its own day and the next; a clock a little behind may meet tomorrow's.
        let rolls = || [today, today - 1, today + 1].into_iter().find(|day| *day as u8 == header[3]);
        let day = match T::KIND {
            Kind::Access => self.epochs.check(header[3], key_id).map(|()| 0)?,
            _ => rolls().ok_or(SealError::Forged)?,
        };
        let aad = self.aad(&header, T::KIND);
        self.with_key(index, T::KIND, day, |key| unseal(key, aad, &mut bytes[HEADER..checked]))
    }

    fn with_key<R>(&self, index: usize, kind: Kind, day: i64, run: impl FnOnce(&LessSafeKey) -> R) -> R {
        match Kind::FIXED.iter().position(|fixed| *fixed == kind) {
            Some(slot) => run(&self.fixed[index][slot]),
            None => run(&working_key(&self.roots[index], &self.platform, kind, day)),
        }
    }

    fn aad(&self, header: &[u8; HEADER], kind: Kind) -> Aad<Vec<u8>> {
        aad(&self.platform, header, kind)
    }

    /// What to keep of a client secret.
    pub fn verifier(&self, secret: &str) -> SecretVerifier {
        SecretVerifier { key_id: self.sealing(), mac: mac(&self.peppers[self.seals], secret) }
    }

    /// Whether one of the kept verifiers is this secret's, in time that does not depend on which, or on whether there is any.
    pub fn verify(&self, secret: &str, kept: &[SecretVerifier]) -> bool {
        let decoy = [SecretVerifier { key_id: self.newest(), mac: [0; 32] }];
        let (candidates, real) = if kept.is_empty() { (&decoy[..], false) } else { (kept, true) };
        candidates.iter().fold(false, |found, verifier| {
            let pepper = self.roots.iter().position(|root| root.id == verifier.key_id);
            let made = mac(&self.peppers[pepper.unwrap_or(0)], secret);
            let equal = aws_lc_rs::constant_time::verify_slices_are_equal(&made, &verifier.mac).is_ok();
            found | (equal & pepper.is_some() & real)
        })
    }
}

impl<T: OpenAccess + ?Sized> OpenAccess for std::sync::Arc<T> {
    fn open_access(&self, prefix: &str, text: &str, now: UnixTime) -> Result<crate::token::AccessToken, SealError> {
        (**self).open_access(prefix, text, now)
    }
}

impl OpenAccess for KeyRing {
    fn open_access(&self, prefix: &str, text: &str, now: UnixTime) -> Result<crate::token::AccessToken, SealError> {
        self.open(prefix, text, now)
    }
}

fn parse_line(line: &str) -> Result<(u16, Zeroizing<Vec<u8>>), &'static str> {
    let (id, value) = line.split_once(char::is_whitespace).ok_or("wants an id, a space and a key")?;
    let id = id.parse().map_err(|_| "the id is not a number from 0 to 65535")?;
    let value = STANDARD.decode(value.trim()).map(Zeroizing::new).map_err(|_| "the key is not base64")?;
    match value.len() {
        32 if value.iter().all(|byte| *byte == 0) => Err("the key is all zeros: nobody made it at random"),
        32 => Ok((id, value)),
        _ => Err("the key is not 32 bytes long"),
    }
}

/// The bytes of a text, and how many of them the checksum covers. No cryptography yet.
pub(crate) fn decode(prefix: &str, text: &str) -> Result<(Vec<u8>, usize), SealError> {
    let body = text.strip_prefix(prefix).filter(|_| text.len() <= MAX_TEXT).ok_or(SealError::Junk)?;
    let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| SealError::Junk)?;
    let checked = bytes.len().checked_sub(CHECKSUM).filter(|n| *n >= HEADER + TAG).ok_or(SealError::Junk)?;
    if crc32fast::hash(&bytes[..checked]).to_be_bytes() != bytes[checked..] || bytes[0] != VERSION {
        return Err(SealError::Junk);
    }
    Ok((bytes, checked))
}

/// Opens what lies between the header and the checksum.
pub(crate) fn unseal<T: Sealed>(key: &LessSafeKey, aad: Aad<Vec<u8>>, sealed: &mut [u8]) -> Result<T, SealError> {
    let opened = key.open_in_place(nonce(), aad, sealed).map_err(|_| SealError::Forged)?;
    let mut fields = Reader::new(opened);
    T::read(&mut fields).filter(|_| fields.is_done()).ok_or(SealError::Forged)
}

/// What is authenticated beside the fields.
pub(crate) fn aad(platform: &str, header: &[u8], kind: Kind) -> Aad<Vec<u8>> {
    let mut data = Vec::with_capacity(HEADER + 1 + platform.len());
    data.extend_from_slice(header);
    data.push(kind as u8);
    data.extend_from_slice(platform.as_bytes());
    Aad::from(data)
}

/// HKDF(root; platform, kind, audience, day). One audience a platform today: number 0.
fn working_key(root: &Root, platform: &str, kind: Kind, day: i64) -> LessSafeKey {
    let length = (platform.len() as u64).to_be_bytes();
    let audience = 0u64.to_be_bytes();
    aead(&root.derive(&[b"seal", &length, platform.as_bytes(), &[kind as u8], &audience, &day.to_be_bytes()]))
}

/// HKDF(root; platform, access, audience, the position of the cut that replaced it last). A key that was never replaced has no
/// position, and so is the one that it always was.
fn access_key(root: &Root, platform: &str, cut: Position) -> Zeroizing<[u8; 32]> {
    let length = (platform.len() as u64).to_be_bytes();
    let (audience, day) = (0u64.to_be_bytes(), 0i64.to_be_bytes());
    let position = cut.0.to_be_bytes();
    let position = if cut == Position::ZERO { &[][..] } else { &position };
    root.derive(&[b"seal", &length, platform.as_bytes(), &[Kind::Access as u8], &audience, &day, position])
}

pub(crate) fn aead(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).expect("32 bytes make an AES-256 key"))
}

fn day_of(kind: Kind, now: UnixTime) -> i64 {
    if kind == Kind::Code { now.0.div_euclid(Seconds::DAY.0) } else { 0 }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn mac(pepper: &hmac::Key, secret: &str) -> [u8; 32] {
    let mut out = [0u8; 32];
    out.copy_from_slice(hmac::sign(pepper, secret.as_bytes()).as_ref());
    out
}

/// SHA-256, cut to `N` bytes, over parts that cannot run into each other.
pub fn sha256<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0u8; N];
    out.copy_from_slice(&context.finish().as_ref()[..N]);
    out
}
