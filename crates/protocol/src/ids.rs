//! Identities and the feed's position: small integers with a type each, so that no two can be confused.

use std::ops::RangeInclusive;

use crate::UnixTime;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

id! {
    /// A partner's app (an OAuth client). Its public name is `client_id`; this number is ours.
    AppId,
    /// A tenant of the platform.
    CustomerId,
    /// A person who signs in on the platform.
    UserId,
    /// One site of a customer.
    SiteId,
    /// One app × customer connection (or × user, team, account: the profile's subject key).
    ConnectionId,
    /// A token family: everything that descends from one authorization code. Time-ordered (TOKENS 4).
    FamilyId,
    /// What a token may be presented to. One a platform today.
    AudienceId,
    /// An OAuth 1.0 consumer: a customer's key and secret.
    ConsumerId,
    /// An API key.
    ApiKeyId,
}

/// The start of family time: 2024-01-01T00:00:00Z, in milliseconds since the Unix epoch.
const FAMILY_EPOCH_MS: u64 = 1_704_067_200_000;
const FAMILY_RANDOM_BITS: u32 = 22;
/// What a lone token's number holds below its sign: so many bits of its app's, then so many random ones.
const LONE_APP_BITS: u32 = 24;
const LONE_RANDOM_BITS: u32 = 63 - LONE_APP_BITS;

impl UserId {
    /// Nobody: a grant that no person made (an account connected by whoever holds its link, ORC-03).
    pub const NOBODY: UserId = UserId(0);
}

impl FamilyId {
    /// An id whose order is the order of time: 41 bits of milliseconds, then `noise`. Random primary keys cost four times
    /// the write throughput (STACK 0.2).
    pub fn at(millis: u64, noise: u32) -> Self {
        let time = millis.saturating_sub(FAMILY_EPOCH_MS) & ((1 << 41) - 1);
        Self(((time << FAMILY_RANDOM_BITS) | u64::from(noise & ((1 << FAMILY_RANDOM_BITS) - 1))) as i64)
    }

    /// The family field of an access token that has no family (`client_credentials`): below zero, so that it is never the id
    /// of a row; those are not negative. It begins with its app's number, so that a store can count what one app took back by
    /// a range of its keys, without a column for it. The rest is `noise`; two tokens of an app that share a number end together.
    pub fn lone(app: AppId, noise: u64) -> Self {
        let app = app.0 as u64 & ((1 << LONE_APP_BITS) - 1);
        Self((1 << 63 | app << LONE_RANDOM_BITS | noise & ((1 << LONE_RANDOM_BITS) - 1)) as i64)
    }

    /// Every number that [`FamilyId::lone`] gives tokens of this app. Apps that are 2^24 numbers apart share one range.
    pub fn lone_of(app: AppId) -> RangeInclusive<Self> {
        Self::lone(app, 0)..=Self::lone(app, u64::MAX)
    }

    /// Whether it stands for one access token alone: there is no row, no refresh token and no connection.
    pub fn is_lone(self) -> bool {
        self.0 < 0
    }

    /// When the authorization code that this family begins with was sealed.
    pub fn created_at(self) -> UnixTime {
        UnixTime::from_millis((self.0 as u64 >> FAMILY_RANDOM_BITS) + FAMILY_EPOCH_MS)
    }
}

/// A place in the feed of take-backs: our clock for "before" and "after" (TOKENS 1).
///
/// (incarnation, counter) in one ordered number, so that an engine can compare it as a 64-bit integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

const COUNTER_BITS: u32 = 40;

impl Position {
    /// Before everything.
    pub const ZERO: Position = Position(0);

    /// The position with this counter in this incarnation of the store.
    pub fn new(incarnation: u32, counter: u64) -> Self {
        Self((i64::from(incarnation) << COUNTER_BITS) | (counter & ((1 << COUNTER_BITS) - 1)) as i64)
    }

    /// How many times the store was restored from a backup.
    pub fn incarnation(self) -> u32 {
        (self.0 >> COUNTER_BITS) as u32
    }

    /// The place within the incarnation.
    pub fn counter(self) -> u64 {
        (self.0 & ((1 << COUNTER_BITS) - 1)) as u64
    }

    /// The next one. The feed has no gaps.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Anything that can be taken back (TOKENS 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Which kind of thing.
    pub kind: SubjectKind,
    /// Its internal number.
    pub id: i64,
}

/// The kinds of subjects. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SubjectKind {
    /// One token family.
    Family = 1,
    /// One connection.
    Connection = 2,
    /// One app, everywhere.
    App = 3,
    /// One customer, for every app.
    Customer = 4,
    /// One person.
    User = 5,
    /// One site.
    Site = 6,
    /// Everything issued for one audience.
    Audience = 7,
    /// One OAuth 1.0 consumer.
    Consumer = 8,
    /// One API key.
    ApiKey = 9,
    /// What one app has for itself, its id the app's: every `client_credentials` token of it, and no connection.
    AppItself = 10,
}

impl SubjectKind {
    /// The kind that this stored number means.
    pub fn from_number(number: i64) -> Option<Self> {
        use SubjectKind::*;
        [Family, Connection, App, Customer, User, Site, Audience, Consumer, ApiKey, AppItself]
            .into_iter()
            .find(|kind| *kind as i64 == number)
    }
}

impl Subject {
    /// What this app has for itself; see [`SubjectKind::AppItself`].
    pub fn app_itself(app: AppId) -> Self {
        Self { kind: SubjectKind::AppItself, id: app.0 }
    }
}

macro_rules! subject {
    ($($id:ident => $kind:ident),+) => {$(
        impl From<$id> for Subject {
            fn from(id: $id) -> Subject {
                Subject { kind: SubjectKind::$kind, id: id.0 }
            }
        }
    )+};
}

subject!(FamilyId => Family, ConnectionId => Connection, AppId => App, CustomerId => Customer, UserId => User,
    SiteId => Site, AudienceId => Audience, ConsumerId => Consumer, ApiKeyId => ApiKey);
