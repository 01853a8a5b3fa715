//! What some platforms have beside connections: OAuth 1.0 consumers and what is left of them, API keys, and accounts that
//! apps register. Plain records; the rules stand in `exchange`, `oauth1` and `accounts`.

use crate::time::Seconds;
use crate::{ApiKeyId, AppId, ConnectionId, ConsumerId, CustomerId, FamilyId, UnixTime, UserId};

/// A secret that must be read back to verify signatures: sealed, with the row's own key inside, so that a copied blob opens
/// nowhere else (SECURITY O1-11).
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(pub String);

impl std::fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedSecret")
    }
}

/// A customer's OAuth 1.0 application: `consumer_key` and its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Our number; 0 in a record that the store is to number.
    pub id: ConsumerId,
    /// Whose.
    pub customer: CustomerId,
    /// On the wire; unique.
    pub key: String,
    /// Signs.
    pub secret: SealedSecret,
    /// False while switched off or revoked.
    pub active: bool,
}

/// A consumer and what decides about it, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerStanding {
    /// The row.
    pub consumer: Consumer,
    /// This customer may go on after the end, until then (A8).
    pub extended_until: Option<UnixTime>,
}

/// A token of the three-legged flow, long-lived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerToken {
    /// SHA-256 of `oauth_token`.
    pub digest: [u8; 32],
    /// Of which consumer.
    pub consumer: ConsumerId,
    /// Whose data; the consumer's own customer in every platform so far.
    pub customer: CustomerId,
    /// Who allowed it; `NOBODY` from a seed.
    pub user: UserId,
    /// Signs.
    pub secret: SealedSecret,
    /// When it was given out.
    pub created_at: UnixTime,
}

/// Temporary credentials (RFC 5849 2.1): single-use and short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temporary {
    /// SHA-256 of `oauth_token`.
    pub digest: [u8; 32],
    /// Of which consumer.
    pub consumer: ConsumerId,
    /// Signs the next step.
    pub secret: SealedSecret,
    /// Where the person returns; `None` for `oob` and for 1.0.
    pub callback: Option<String>,
    /// True: 1.0a, so the verifier must come back.
    pub wants_verifier: bool,
    /// Who allowed it and SHA-256 of the verifier, once somebody did.
    pub allowed: Option<(UserId, [u8; 32])>,
    /// The first second in which it is no longer good.
    pub expires_at: UnixTime,
}

/// The permanent mark of an exchange: one per app and consumer (TOKENS 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// By which app.
    pub app: AppId,
    /// Which pair.
    pub consumer: ConsumerId,
    /// Into which family.
    pub family: FamilyId,
    /// Of which connection.
    pub connection: ConnectionId,
    /// When.
    pub at: UnixTime,
    /// True: staff re-opened the pair; it may be exchanged once more.
    pub reopened: bool,
}

/// So many calls signed with 1.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyUse {
    /// By whom.
    pub consumer: ConsumerId,
    /// Days since the Unix epoch.
    pub day: i64,
    /// The method and the profile's route: "GET /locations".
    pub route: String,
    /// How many.
    pub calls: u64,
    /// The last one.
    pub last_at: UnixTime,
}

/// A line of the report on who still calls with 1.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyLine {
    /// The consumer; its secret is not in it.
    pub consumer: ConsumerId,
    /// `oauth_consumer_key`.
    pub key: String,
    /// Whose.
    pub customer: CustomerId,
    /// The platform's own id of the customer.
    pub customer_external: String,
    /// Its name.
    pub customer_name: String,
    /// Whether the pair still works.
    pub active: bool,
    /// See [`ConsumerStanding::extended_until`].
    pub extended_until: Option<UnixTime>,
    /// Calls on and after the day asked for, over all routes.
    pub calls: u64,
    /// The busiest route, if there was any call.
    pub route: Option<String>,
    /// The last call ever noted.
    pub last_at: Option<UnixTime>,
    /// To how many apps it was exchanged.
    pub exchanges: u64,
}

/// An API key: a row, held by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Our number; 0 in a record that the store is to number.
    pub id: ApiKeyId,
    /// SHA-256 of the key. Keys are long and random, so a plain digest suffices.
    pub digest: [u8; 32],
    /// Whose data it reaches; `None` for a key of an app.
    pub customer: Option<CustomerId>,
    /// For which app it speaks; `None` for a customer's own.
    pub app: Option<AppId>,
    /// Its last four characters, for people.
    pub hint: String,
    /// False while switched off.
    pub active: bool,
}

/// An account that an app registered for one of its users. It *is* a customer: `customers.external_id` is the account's id,
/// so cuts, budgets and the guard treat it like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The customer that it is; 0 in a record that the store is to number.
    pub customer: CustomerId,
    /// By which app.
    pub app: AppId,
    /// The id that the app chose: unique on the platform.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// IANA time zone.
    pub timezone: String,
    /// ISO 4217.
    pub currency: String,
    /// When it was registered.
    pub created_at: UnixTime,
}

/// A logo, as uploaded: an image of a kind that no browser runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// `image/png`, `image/jpeg` or `image/webp`.
    pub content_type: String,
    /// At most 64 KiB.
    pub bytes: Vec<u8>,
}

/// The largest logo, in bytes.
pub const MAX_LOGO: usize = 64 * 1024;

/// How long temporary credentials live.
pub const TEMPORARY_LIFE: Seconds = Seconds(600);
