//! An OAuth 1.0 secret on its way to and from rest (SECURITY O1-11): sealed together with the key of the row that it stands
//! in. What the rows are stands in `legacy`; which secret is whose is asked elsewhere.

use crate::UnixTime;
use crate::legacy::SealedSecret;
use crate::seal::{KeyRing, Kind, SealError, Sealed};
use crate::secret::Secret;
use crate::wire::{Reader, Writer};

/// A secret and the row that it belongs to.
#[derive(Debug)]
struct Bound {
    /// The row's own key, as it is said on the wire: `oauth_consumer_key`, or `oauth_token`.
    key: String,
    secret: Secret,
}

impl Sealed for Bound {
    const KIND: Kind = Kind::LegacySecret;

    fn write(&self, to: &mut Writer) {
        to.bytes(self.key.as_bytes()).bytes(self.secret.expose().as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { key: from.text()?.to_owned(), secret: Secret::new(from.text()?) })
    }
}

/// What stands at rest has no visible prefix: nobody copies it.
const NO_PREFIX: &str = "";
/// The key of this kind does not roll: any time will do.
const ANY_TIME: UnixTime = UnixTime(0);

/// Seals a secret for the row with this key. The same again gives the same text, under the same ring key.
pub fn seal(ring: &KeyRing, key: &str, secret: &Secret) -> SealedSecret {
    let bound = Bound { key: key.to_owned(), secret: secret.clone() };
    SealedSecret(ring.seal(NO_PREFIX, &bound, ANY_TIME))
}

/// The reverse, for that row only: a blob that was copied into another row opens there as nothing.
///
/// # Errors
/// `Forged` also where the text was sealed for another row.
pub fn open(ring: &KeyRing, key: &str, sealed: &SealedSecret) -> Result<Secret, SealError> {
    let bound: Bound = ring.open(NO_PREFIX, &sealed.0, ANY_TIME)?;
    if bound.key == key { Ok(bound.secret) } else { Err(SealError::Forged) }
}
