//! What the store remembers: apps, people, customers, connections and families. Plain records; nothing here decides.

use crate::secret::{PasswordHash, SecretVerifier};
use crate::time::Seconds;
use crate::{AppId, ConnectionId, CustomerId, FamilyId, Position, ScopeSet, SiteId, Subject, UnixTime, UserId};

/// A partner's app: an OAuth client (RFC 6749 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Our number; 0 in a record that the store is to number.
    pub id: AppId,
    /// Its public name on the wire.
    pub client_id: String,
    /// What people read on consent.
    pub name: String,
    /// Who made it.
    pub owner: String,
    /// One paragraph for the consent page; may be empty.
    pub description: String,
    /// The maker's page; may be empty. Shown, never fetched.
    pub info_url: String,
    /// Can it keep a secret (RFC 6749 2.1)?
    pub kind: ClientKind,
    /// Who may connect it.
    pub visibility: Visibility,
    /// Where it stands in review.
    pub status: AppStatus,
    /// False while switched off.
    pub active: bool,
    /// Did the platform check who made it?
    pub verified: bool,
    /// PKCE wanted from this app even though it is confidential.
    pub pkce_required: bool,
    /// Newest first; at most two, so that a secret can be replaced with overlap.
    pub secrets: Vec<SecretVerifier>,
    /// Compared byte for byte, except the port of a loopback literal (RFC 8252 7.3).
    pub redirect_uris: Vec<String>,
    /// The most it can ever be granted.
    pub scopes: ScopeSet,
    /// Who registered it; `None` for the platform's staff and seeds.
    pub registered_by: Option<UserId>,
    /// Whose app it is, if it was registered by a customer's person: that customer's admins may edit it, and may use it
    /// before it is approved.
    pub home: Option<CustomerId>,
    /// Profiles of the providers that its users may connect in the mini-app (ORC-01).
    pub providers: Vec<String>,
    /// First bytes of the logo's digest, if it has one: part of the logo's address.
    pub logo: Option<[u8; 8]>,
    /// What staff said when they decided about it; may be empty.
    pub review_note: String,
}

/// RFC 6749 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Proves itself by a secret.
    Confidential,
    /// Cannot keep one: PKCE instead.
    Public,
}

/// Who may connect an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Any customer.
    Public,
    /// Only the customer that owns it.
    Private(CustomerId),
}

/// Where an app stands in review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppStatus {
    /// Not looked at yet: gets nothing.
    Pending,
    /// May be used.
    Approved,
    /// Turned down: gets nothing.
    Rejected,
}

impl App {
    /// Approved, or waiting for review with a customer of its own that may try it meanwhile.
    pub fn passes_review(&self) -> bool {
        self.status == AppStatus::Approved || self.status == AppStatus::Pending && self.home.is_some()
    }

    /// Whether anybody may use it.
    pub fn is_usable(&self) -> bool {
        self.active && self.passes_review()
    }

    /// The customer whose own app it is: where it was registered, or the one that it is private to.
    pub fn own_customer(&self) -> Option<CustomerId> {
        self.home.or(match self.visibility {
            Visibility::Private(owner) => Some(owner),
            Visibility::Public => None,
        })
    }

    /// Whether it may be used for this customer: an app that waits for review serves only its own.
    pub fn serves(&self, customer: CustomerId) -> bool {
        self.is_usable() && (self.status == AppStatus::Approved || self.home == Some(customer))
    }
}

/// A tenant of the platform, with its sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Our number.
    pub id: CustomerId,
    /// The platform's own id, as the API shows it.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// False while switched off.
    pub active: bool,
    /// In ascending order of our number.
    pub sites: Vec<Site>,
}

/// One site of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Our number.
    pub id: SiteId,
    /// The platform's own id: what `site_id` carries.
    pub external_id: String,
    /// Its name.
    pub name: String,
    /// Only active sites can be called for.
    pub active: bool,
    /// Who made it: an exchanged grant acts as the creator of the lowest active site (A16).
    pub creator: Option<UserId>,
}

/// Someone who can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Our number, and `sub` on the wire: never reused, unlike an address.
    pub id: UserId,
    /// Signs in with this; stored lower-cased.
    pub email: String,
    /// What others call the person (`username` at the userinfo endpoint); may be empty.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The customer the person belongs to; developers and staff may have none.
    pub customer: Option<CustomerId>,
    /// Teams that the person works in, beside the own account; at most 100, in ascending order of customer (CAL-09).
    pub teams: Vec<Membership>,
    /// Argon2id.
    pub password: PasswordHash,
    /// False while switched off.
    pub active: bool,
}

/// A person's part in a team. To us a team is a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The team.
    pub customer: CustomerId,
    /// What the person may do there.
    pub role: Role,
}

/// What a person may do. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Runs the customer's account; may connect and cut apps.
    CustomerAdmin = 1,
    /// Works for the customer.
    Member = 2,
    /// Builds apps for a partner.
    Developer = 3,
    /// Works for the platform.
    Staff = 4,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::CustomerAdmin, Role::Member, Role::Developer, Role::Staff];

    /// The word in profiles, seeds and descriptions.
    pub fn word(self) -> &'static str {
        match self {
            Role::CustomerAdmin => "customer_admin",
            Role::Member => "member",
            Role::Developer => "developer",
            Role::Staff => "staff",
        }
    }
}

/// What an app is connected to: unique per app, so connecting twice leaves one connection (TOKENS 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKey {
    /// The whole customer (Tripleseat).
    Customer(CustomerId),
    /// One person (Otesse).
    User(UserId),
}

impl SubjectKey {
    /// As two integers for a unique index.
    pub fn numbers(self) -> (i64, i64) {
        match self {
            SubjectKey::Customer(id) => (1, id.0),
            SubjectKey::User(id) => (2, id.0),
        }
    }

    /// The reverse of [`SubjectKey::numbers`].
    pub fn from_numbers(kind: i64, id: i64) -> Option<Self> {
        match kind {
            1 => Some(SubjectKey::Customer(CustomerId(id))),
            2 => Some(SubjectKey::User(UserId(id))),
            _ => None,
        }
    }
}

/// One app × customer connection: what the customer's admin sees and cuts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Our number.
    pub id: ConnectionId,
    /// Whose app.
    pub app: AppId,
    /// Unique together with `app`.
    pub subject: SubjectKey,
    /// The customer whose data it reaches.
    pub customer: CustomerId,
    /// Who allowed it last; [`UserId::NOBODY`] where nobody signs in.
    pub authorized_by: UserId,
    /// What was allowed last: the upper bound of every token's scopes.
    pub scopes: ScopeSet,
    /// First allowed.
    pub created_at: UnixTime,
    /// Allowed last.
    pub allowed_at: UnixTime,
    /// False once cut, until somebody allows it again.
    pub live: bool,
    /// When cut, if it is.
    pub cut_at: Option<UnixTime>,
    /// Last API call, to the minute or so: flushed in batches.
    pub last_used: Option<UnixTime>,
}

/// One row per authorization: it moves, it never multiplies (TOKENS 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Time-ordered, chosen when the code was sealed.
    pub id: FamilyId,
    /// Which refresh token is the living one.
    pub generation: u32,
    /// Proves that a token belongs to this family even if a ring key leaked.
    pub digest: FamilyDigest,
    /// When `generation` began.
    pub moved_at: UnixTime,
    /// The absolute end.
    pub ends_at: UnixTime,
    /// Whose.
    pub connection: ConnectionId,
    /// What was granted to it.
    pub scopes: ScopeSet,
    /// Once true it is never written again.
    pub repudiated: bool,
    /// The ring key that sealed the living token.
    pub key_id: u16,
    /// Digest of (Idempotency-Key, client, generation, scope asked) of the move that made `generation`.
    pub retry: Option<RetryDigest>,
}

/// SHA-256 of the family secret, cut to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyDigest(pub [u8; 16]);

/// Eight bytes that recognise a retried request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryDigest(pub [u8; 8]);

/// Where a subject was cut (TOKENS 1). Absent means never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Access tokens issued before this are dead.
    pub access: Position,
    /// Everything issued before this is dead.
    pub all: Position,
    /// Switched off: refused, but kept.
    pub off: bool,
}

/// One entry of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its place: no gaps.
    pub position: Position,
    /// When, for people and for compaction.
    pub at: UnixTime,
    /// What.
    pub subject: Subject,
    /// What happened to it.
    pub event: FeedEvent,
}

impl FeedEntry {
    /// What a reader finds where a later entry on the same subject took this one's place: a position, and nothing to do.
    pub fn replaced(position: Position, at: UnixTime) -> Self {
        Self { position, at, subject: Subject::app_itself(AppId(0)), event: FeedEvent::Changed }
    }
}

/// What can happen to a subject. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FeedEvent {
    /// Narrowed: access tokens die, refresh tokens live.
    CutAccess = 1,
    /// Revoked: everything dies.
    CutAll = 2,
    /// Switched off: sets the switch and cuts access.
    Off = 3,
    /// Switched on: clears the switch, never a cut.
    On = 4,
    /// The record changed in a way that takes nothing back (a name, a wider scope): reload it.
    Changed = 5,
}

impl FeedEvent {
    /// The event that this stored number means.
    pub fn from_number(number: i64) -> Option<Self> {
        use FeedEvent::*;
        [CutAccess, CutAll, Off, On, Changed].into_iter().find(|event| *event as i64 == number)
    }
}

impl Cuts {
    /// These cuts after one more event.
    #[must_use]
    pub fn after(mut self, event: FeedEvent, position: Position) -> Self {
        match event {
            FeedEvent::CutAccess => self.access = position,
            FeedEvent::CutAll => self.all = position,
            FeedEvent::Off => {
                self.off = true;
                self.access = position;
            }
            FeedEvent::On => self.off = false,
            FeedEvent::Changed => {}
        }
        self
    }
}

/// A signed-in browser. The cookie holds the secret; the store holds its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie's value.
    pub digest: [u8; 32],
    /// Who.
    pub person: UserId,
    /// When signed in: the absolute limit counts from here.
    pub created_at: UnixTime,
    /// Last seen, to the minute: the idle limit counts from here.
    pub seen_at: UnixTime,
}

/// A consent that was decided: kept until its form has expired, so that a second click gets the same redirect (TOKENS 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The form's random transaction id.
    pub transaction: [u8; 16],
    /// What was decided.
    pub decision: Decision,
    /// When: the code's life counts from here.
    pub at: UnixTime,
    /// The row may go after this.
    pub expires_at: UnixTime,
    /// The position that the deciding transaction saw: the code's `as_of`.
    pub as_of: Position,
    /// The connection that was made or renewed; `None` for a denial.
    pub connection: Option<ConnectionId>,
}

/// What a person can decide on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allow.
    Allow,
    /// Deny.
    Deny,
}

/// One line of the audit trail, before it is chained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: UnixTime,
    /// Who: `person:7`, `app:3`, `admin`, `seed`.
    pub actor: String,
    /// What: `connection.allowed`, `family.repudiated`, …
    pub verb: &'static str,
    /// On what.
    pub subject: Option<Subject>,
    /// Why or how, in words without secrets; at most 200 characters.
    pub detail: String,
}

/// How long a family's refresh tokens live (TOKENS 4, "Ends").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshLife {
    /// Unused for this long: over.
    pub idle: Seconds,
    /// However much used: over.
    pub absolute: Seconds,
}
