//! What a guard at the edge opens access tokens with: the access keys of its own audience, and nothing that they were
//! made from (TOKENS 3). How a ring makes them is `seal`'s business.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::LessSafeKey;
use zeroize::Zeroizing;

use crate::seal::{HEADER, Kind, OpenAccess, SealError, aad, aead, decode, unseal};
use crate::token::AccessToken;
use crate::{Position, UnixTime};

/// One working key: wiped when dropped, does not print.
pub struct AccessKey {
    /// Of the ring's root that it was made from.
    pub id: u16,
    /// AES-256.
    pub bytes: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccessKey({})", self.id)
    }
}

/// The access keys of one audience, as a node gives them to an edge.
#[derive(Debug)]
pub struct Exported {
    /// Whose tokens.
    pub platform: String,
    /// The take-back at whose position they were made; zero: they were never replaced.
    pub cut: Position,
    /// Newest first.
    pub keys: Vec<AccessKey>,
}

/// Opens access tokens of one audience, and no other seal. It could seal as well: an edge that is broken into can forge
/// calls to the API that it guards, until the key is replaced (docs/SECURITY.md).
pub struct AccessKeys {
    platform: String,
    cut: Position,
    keys: Vec<(u16, LessSafeKey)>,
    epochs: Epochs,
}

impl std::fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<u16> = self.keys.iter().map(|(id, _)| *id).collect();
        write!(f, "AccessKeys({}, keys {ids:?}, {:?})", self.platform, self.cut)
    }
}

impl AccessKeys {
    /// Keys to open with. `before` are those that these replace: what only they know is known to be over.
    pub fn new(exported: &Exported, before: Option<&AccessKeys>) -> Self {
        let keys = exported.keys.iter().map(|key| (key.id, aead(&key.bytes))).collect();
        let epochs = before.map_or_else(|| Epochs::new(exported.cut), |before| before.epochs.then(exported.cut));
        Self { platform: exported.platform.clone(), cut: exported.cut, keys, epochs }
    }

    /// None yet: every token is sealed with a key that is not known.
    pub fn none(platform: &str) -> Self {
        Self::new(&Exported { platform: platform.to_owned(), cut: Position::ZERO, keys: Vec::new() }, None)
    }

    /// See [`Exported::cut`].
    pub fn cut(&self) -> Position {
        self.cut
    }

    /// As [`crate::seal::KeyRing::is_replaced`].
    pub fn is_replaced(&self, prefix: &str, text: &str) {
        if let Ok((bytes, _)) = decode(prefix, text)
            && self.keys.iter().any(|(id, _)| id.to_be_bytes() == bytes[1..3])
        {
            self.epochs.mark(bytes[3]);
        }
    }
}

impl OpenAccess for AccessKeys {
    fn open_access(&self, prefix: &str, text: &str, _: UnixTime) -> Result<AccessToken, SealError> {
        let (mut bytes, checked) = decode(prefix, text)?;
        let (header, sealed) = bytes[..checked].split_at_mut(HEADER);
        let key_id = u16::from_be_bytes([header[1], header[2]]);
        let (_, key) = self.keys.iter().find(|(id, _)| *id == key_id).ok_or(SealError::UnknownKey(key_id))?;
        self.epochs.check(header[3], key_id)?;
        unseal(key, aad(&self.platform, header, Kind::Access), sealed)
    }
}

/// One byte in a token's header says at which cut its key was made, so that a guard that has not yet heard of a
/// replacement knows that it does not know (503, never a false 401). It proves nothing: the key does.
///
/// Several nodes may seal with the old key for a moment after the cut. Such a token dies with that key: whoever has
/// read the cut opens nothing with it any more, however new its `as_of`, and what was issued without a write has an
/// `as_of` from before the cut besides. Its refresh token is untouched, so its client refreshes once more.
pub(crate) struct Epochs {
    current: u8,
    /// A bit for each that is known to be over. Zero, which stands for "never replaced", is over as soon as anything
    /// was.
    over: [AtomicU64; 4],
}

impl Epochs {
    pub(crate) fn new(cut: Position) -> Self {
        let epochs = Self { current: Self::of(cut), over: Default::default() };
        if epochs.current != 0 {
            epochs.mark(0);
        }
        epochs
    }

    /// After a further cut.
    pub(crate) fn then(&self, cut: Position) -> Self {
        let next = Self::new(cut);
        for (next, known) in next.over.iter().zip(&self.over) {
            next.fetch_or(known.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        next.mark(self.current);
        next
    }

    /// Cuts that follow each other differ: their counters are no 255 apart.
    fn of(cut: Position) -> u8 {
        if cut == Position::ZERO { 0 } else { 1 + (cut.counter() % 255) as u8 }
    }

    pub(crate) fn current(&self) -> u8 {
        self.current
    }

    /// From now on this one is over.
    pub(crate) fn mark(&self, epoch: u8) {
        self.over[usize::from(epoch >> 6)].fetch_or(1 << (epoch & 63), Ordering::Relaxed);
    }

    pub(crate) fn check(&self, epoch: u8, key_id: u16) -> Result<(), SealError> {
        if epoch == self.current {
            return Ok(());
        }
        let over = self.over[usize::from(epoch >> 6)].load(Ordering::Relaxed) >> (epoch & 63) & 1 == 1;
        Err(if over { SealError::Forged } else { SealError::UnknownKey(key_id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::KeyRing;
    use crate::time::Seconds;
    use crate::token::{Bearer, SiteSet};
    use crate::{AppId, AudienceId, ConnectionId, CustomerId, FamilyId, ScopeSet, UserId};

    const NOW: UnixTime = UnixTime(1_795_262_400);

    fn ring() -> KeyRing {
        let lines = [KeyRing::line(2, &[2; 32]), KeyRing::line(1, &[1; 32])].join("\n");
        KeyRing::parse("tripleseat", &lines).unwrap()
    }

    fn token(as_of: i64) -> AccessToken {
        let bearer = Bearer {
            family: FamilyId(1),
            connection: ConnectionId(2),
            as_of: Position(as_of),
            app: AppId(3),
            user: UserId(4),
            customer: CustomerId(5),
        };
        AccessToken {
            bearer,
            sites: SiteSet::All,
            scopes: ScopeSet(1),
            audience: AudienceId(0),
            issued: NOW,
            life: Seconds(7_200),
            noise: [7; 4],
        }
    }

    fn seal(ring: &KeyRing, as_of: i64) -> String {
        ring.seal("at_", &token(as_of), NOW)
    }

    #[test]
    fn an_edge_opens_access_tokens_of_every_key_of_the_ring_and_nothing_else() {
        let ring = ring();
        let older = KeyRing::parse("tripleseat", &KeyRing::line(1, &[1; 32])).unwrap();
        let keys = AccessKeys::new(&ring.access_keys(), None);
        for sealed in [seal(&ring, 9), seal(&older, 9)] {
            assert_eq!(keys.open_access("at_", &sealed, NOW), Ok(token(9)));
        }
        let elsewhere = KeyRing::parse("otesse", &KeyRing::line(2, &[2; 32])).unwrap();
        assert_eq!(keys.open_access("at_", &seal(&elsewhere, 9), NOW), Err(SealError::Forged));
        let unknown = KeyRing::parse("tripleseat", &KeyRing::line(7, &[7; 32])).unwrap();
        assert_eq!(keys.open_access("at_", &seal(&unknown, 9), NOW), Err(SealError::UnknownKey(7)));
        assert_eq!(keys.open_access("at_", "at_x", NOW), Err(SealError::Junk));
        assert!(ring.access_keys().keys.iter().all(|key| *key.bytes != [1; 32] && *key.bytes != [2; 32]), "no roots");
        assert_eq!(format!("{:?}", ring.access_keys().keys[0]), "AccessKey(2)");
    }

    #[test]
    fn a_replaced_key_opens_nothing_and_forges_nothing() {
        let before = ring();
        let cut = Position::new(0, 41);
        let after = before.after_cut(cut);
        let leaked = AccessKeys::new(&before.access_keys(), None);
        let keys = AccessKeys::new(&after.access_keys(), Some(&leaked));
        // Who holds the old key may write any position.
        for as_of in [1, 41, i64::MAX] {
            let forged = seal(&before, as_of);
            assert_eq!(after.open_access("at_", &forged, NOW), Err(SealError::Forged), "a node that read the cut");
            assert_eq!(keys.open_access("at_", &forged, NOW), Err(SealError::Forged), "an edge that read the cut");
        }
        let fresh = seal(&after, 41);
        assert_eq!(keys.open_access("at_", &fresh, NOW), Ok(token(41)));
        assert_ne!(after.access_keys().keys[0].bytes, before.access_keys().keys[0].bytes);
        // Who has not heard of the cut yet knows that it does not know.
        assert_eq!(leaked.open_access("at_", &fresh, NOW), Err(SealError::UnknownKey(2)));
        assert_eq!(before.open_access("at_", &fresh, NOW), Err(SealError::UnknownKey(2)));
        // An epoch that it writes into the header by itself helps nobody.
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let mut bytes = engine.decode(&seal(&before, i64::MAX)[3..]).unwrap();
        bytes[3] = engine.decode(&fresh[3..]).unwrap()[3];
        let end = bytes.len() - 4;
        let sum = crc32fast::hash(&bytes[..end]).to_be_bytes();
        bytes[end..].copy_from_slice(&sum);
        let dressed = format!("at_{}", engine.encode(bytes));
        assert_eq!(after.open_access("at_", &dressed, NOW), Err(SealError::Forged));
    }

    #[test]
    fn what_was_replaced_before_a_start_is_known_once_it_was_looked_up() {
        let first = ring().after_cut(Position::new(0, 5));
        let old = seal(&first, 5);
        // A node that starts now knows the last cut only.
        let started = ring().after_cut(Position::new(0, 9));
        assert_eq!(started.open_access("at_", &old, NOW), Err(SealError::UnknownKey(2)));
        started.is_replaced("at_", &old);
        assert_eq!(started.open_access("at_", &old, NOW), Err(SealError::Forged));
        assert_eq!(started.open_access("at_", &seal(&ring(), 1), NOW), Err(SealError::Forged), "never replaced: over");
        let third = started.after_cut(Position::new(0, 12));
        assert_eq!(third.open_access("at_", &seal(&started, 9), NOW), Err(SealError::Forged));
        assert_eq!(third.open_access("at_", &old, NOW), Err(SealError::Forged), "and what was known stays known");
    }

    #[test]
    fn a_key_that_was_never_replaced_is_the_one_that_it_always_was() {
        let ring = ring();
        let same = ring.after_cut(Position::ZERO);
        assert_eq!(seal(&ring, 1), seal(&same, 1));
        assert_eq!(seal(&ring, 1).as_bytes()[3..8], seal(&same, 1).as_bytes()[3..8]);
        for kind in ["code", "refresh"] {
            assert_eq!(ring.derive(kind), ring.after_cut(Position(9)).derive(kind), "other purposes are untouched");
        }
    }
}
