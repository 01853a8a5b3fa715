//! Everything that can be written, as values. An engine applies a change whole or not at all, in one transaction with its
//! feed entry and its audit row; every change names the state it expects and answers `Stale` when that is not what stands.

use crate::legacy::{Account, ApiKey, Consumer, ConsumerToken, LegacyUse, Logo, Temporary};
use crate::records::{
    Act, App, Customer, Cuts, Decided, Family, FamilyDigest, FeedEntry, FeedEvent, Person, RetryDigest, Session,
    SubjectKey,
};
use crate::secret::{PasswordHash, SecretVerifier};
use crate::time::Seconds;
use crate::token::Bearer;
use crate::{
    AppId, AudienceId, ConnectionId, ConsumerId, CustomerId, FamilyId, Position, ScopeSet, Subject, UnixTime, UserId,
};

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A person decided on the consent page. `Stale`: this transaction was decided already, or a subject stands switched off.
    Decide(Decide),
    /// A code is redeemed: insert its family at generation 0. `Stale`: the id exists, a subject was cut or is off, or the
    /// connection is not live.
    CreateFamily(CreateFamily),
    /// A refresh token is used: generation n → n+1. `Stale`: any condition of [`MoveFamily`] does not hold.
    MoveFamily(MoveFamily),
    /// A family is repudiated. `Stale`: it is gone or repudiated already.
    RepudiateFamily {
        /// Which.
        family: FamilyId,
        /// The audit row; its time is the entry's.
        act: Act,
    },
    /// An access token without a family is taken back: an entry on its number alone, which leaves with the tokens of its time.
    /// Where `budget` entries of its app's tokens stand in the feed, it is a cut of everything that the app has for itself, in
    /// the place of the last such cut (TOKENS 6). `Stale`: it is refused already, by whichever of its subjects.
    CutToken {
        /// Whom the token stands for: its number ([`FamilyId::lone`]), its app, its position.
        bearer: Bearer,
        /// So many of an app's tokens have an entry each.
        budget: u32,
        /// The audit row; its time is the entry's.
        act: Act,
    },
    /// A connection is cut: its families' tokens and unredeemed codes die. `Stale`: it is not live.
    CutConnection {
        /// Which.
        connection: ConnectionId,
        /// The audit row.
        act: Act,
    },
    /// An audience's access key is replaced (TOKENS 3): an entry that cuts the access of everything issued for it, and at whose
    /// position the next key is made. Never `Stale`.
    CutAudience {
        /// Which.
        audience: AudienceId,
        /// The audit row; its time is the entry's.
        act: Act,
    },
    /// A person, app, customer, site, consumer or API key is switched off or on. `Stale`: it does not exist, stands so
    /// already, or is the customer of a deleted account, which stays off.
    Switch {
        /// An app, customer, user, site, consumer or API key.
        subject: Subject,
        /// The new state.
        active: bool,
        /// The audit row.
        act: Act,
    },
    /// An app's approved scopes. Losing one cuts access; gaining only is a `Changed`. `Stale`: no such app.
    SetAppScopes {
        /// Which.
        app: AppId,
        /// The new list.
        scopes: ScopeSet,
        /// The audit row.
        act: Act,
    },
    /// An app's secrets, newest first: an old one left out fails at once. `Stale`: no such app, or its secrets are not `expected`.
    SetAppSecrets {
        /// Which.
        app: AppId,
        /// What stands now.
        expected: Vec<SecretVerifier>,
        /// What shall stand.
        secrets: Vec<SecretVerifier>,
        /// The audit row.
        act: Act,
    },
    /// A person's password; ends all the person's sessions when `end_sessions`. `Stale`: no such person.
    SetPassword {
        /// Who.
        person: UserId,
        /// The new hash.
        password: PasswordHash,
        /// False only for a rehash of the same password.
        end_sessions: bool,
        /// The audit row; `None` for a rehash.
        act: Option<Act>,
    },
    /// Somebody signed in. `Stale`: the person stands switched off.
    StartSession(Session),
    /// A session was seen. `Stale`: it is gone.
    TouchSession {
        /// Which.
        digest: [u8; 32],
        /// When.
        seen_at: UnixTime,
    },
    /// Somebody signed out. `Stale`: it is gone.
    EndSession([u8; 32]),
    /// Inserts or replaces an app by its `client_id`, but for its logo; answers [`Row::App`]. Nothing is written, not even
    /// the audit row, where nothing differs: loading a seed again is no act.
    PutApp(App, Act),
    /// Inserts or replaces a customer and its sites by their external ids; sites left out stay. Answers [`Row::Customer`].
    PutCustomer(Customer, Act),
    /// Inserts or replaces a person by address; answers [`Row::Person`].
    PutPerson(Person, Act),
    /// Adds words to the scope registry, in order, skipping those it has; answers [`Row::Scopes`].
    RegisterScopes(Vec<String>),
    /// Replaces an app that stands as `expected`; its logo stays, whatever is given. `Stale`: it does not stand so, or `app`
    /// is another one. Answers [`Row::App`].
    ReplaceApp {
        /// What stands now.
        expected: Box<App>,
        /// What shall stand: the same id and `client_id`.
        app: Box<App>,
        /// The audit row.
        act: Act,
    },
    /// An app's logo, or none; sets `App::logo`. `Stale`: no such app. Answers [`Row::App`].
    SetLogo {
        /// Whose.
        app: AppId,
        /// The image.
        logo: Option<Logo>,
        /// The audit row.
        act: Act,
    },
    /// Remembers a random or signed text as used until it would have expired anyway: nonces of OAuth 1.0, sign-in tokens.
    /// `Stale`: it was used already.
    SpendOnce {
        /// Sixteen bytes of a SHA-256 over everything that makes it unique.
        digest: [u8; 16],
        /// The row may go after this.
        expires_at: UnixTime,
    },
    /// Inserts a consumer, or replaces the one with its key; nothing is written where nothing differs.
    PutConsumer(Consumer, Act),
    /// Inserts a token of a consumer; one that is there stays.
    PutConsumerToken(ConsumerToken, Act),
    /// Temporary credentials are given out. `Stale`: the digest exists, or the consumer is off.
    BeginLegacy(Temporary),
    /// A person allowed temporary credentials. `Stale`: they are gone, were allowed already, or are no longer good, their
    /// consumer's switch included.
    AllowLegacy {
        /// Which.
        digest: [u8; 32],
        /// Who.
        person: UserId,
        /// SHA-256 of the verifier that was given out.
        verifier: [u8; 32],
        /// The audit row; its time is the time.
        act: Act,
    },
    /// Temporary credentials become a token, once: they are deleted. `Stale`: they are gone, were not allowed by
    /// `token.user`, or are no longer good.
    FinishLegacy {
        /// Which.
        digest: [u8; 32],
        /// What they become.
        token: ConsumerToken,
        /// The audit row; its time is the time.
        act: Act,
    },
    /// A consumer pair becomes a connection, its family at generation 0 and a permanent mark, in one transaction.
    /// Answers [`Row::Family`]. `Stale`: see [`Exchange`].
    Exchange(Exchange),
    /// Staff allow a pair to be exchanged once more. `Stale`: it was never exchanged, or stands so already.
    ReopenExchange {
        /// By which app.
        app: AppId,
        /// Which pair.
        consumer: ConsumerId,
        /// The audit row.
        act: Act,
    },
    /// A customer may go on with OAuth 1.0 after its end, until then; `None` takes that back. `Stale`: no such customer.
    ExtendLegacy {
        /// Who.
        customer: CustomerId,
        /// Until when.
        until: Option<UnixTime>,
        /// The audit row.
        act: Act,
    },
    /// Adds counted calls to what is known: many rows, one commit.
    RecordLegacy(Vec<LegacyUse>),
    /// Inserts an API key, or replaces the one with its digest; nothing is written where nothing differs.
    PutApiKey(ApiKey, Act),
    /// An app registers an account: the customer and its account row. `Stale`: the id is taken, or
    /// was ever an account of another app. Answers [`Row::Customer`].
    RegisterAccount(Account, Act),
    /// Changes name, time zone and currency. `Stale`: no such account of that app.
    EditAccount(Account, Act),
    /// An account goes for good: its connections are cut, its customer is switched off for ever, and its id may be
    /// registered again by the same app only. `Stale`: no such account of that app.
    DeleteAccount {
        /// The account's customer.
        customer: CustomerId,
        /// By which app.
        app: AppId,
        /// The audit row.
        act: Act,
    },
    /// Remembers that a seed file with this digest was loaded. `Stale`: it was already.
    MarkSeed([u8; 32]),
    /// When these connections were last used: many rows, one commit. A later time only.
    RecordUse(Vec<(ConnectionId, UnixTime)>),
    /// Raises the longest life that any access token was ever sealed with (TOKENS 6, the access horizon); never lowers it.
    /// Applied before a longer life is used.
    RaiseAccessLife(Seconds),
    /// Deletes a slice of what nobody can need any more: expired sessions, decisions, temporary credentials and things used
    /// once, ended families, old counts of calls, feed entries past the horizon.
    Sweep(Sweep),
}

/// See [`Change::Decide`].
#[derive(Clone, Debug, PartialEq)]
pub struct Decide {
    /// The row that marks the browser's transaction spent; `as_of` and `connection` are filled in by the engine.
    pub decided: Decided,
    /// What to connect; `None` for a denial.
    pub allow: Option<Allow>,
    /// The audit row.
    pub act: Act,
}

/// The connection that a consent makes or renews, under its subject key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// Whose app.
    pub app: AppId,
    /// Unique together with `app`.
    pub subject: SubjectKey,
    /// Whose data.
    pub customer: CustomerId,
    /// Who allows; [`UserId::NOBODY`] where nobody signs in.
    pub person: UserId,
    /// What is allowed. If a live connection held more, its access is cut: narrowing acts at once.
    pub scopes: ScopeSet,
}

/// See [`Change::Exchange`]. All must hold: the consumer is on, there is no mark for (app, consumer) or it was re-opened,
/// and no connection of that app and subject stands cut by anybody (TOKENS 5: an exchange never undoes a revocation), unless
/// re-opened; a live one reaches the same customer's data; app, customer and user are on.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// Which pair.
    pub consumer: ConsumerId,
    /// The connection that is made or widened, as a consent would; scopes of a live connection are kept beside the new ones.
    pub allow: Allow,
    /// The row at generation 0; `connection` is filled in by the engine.
    pub family: Family,
    /// A connection holds at most this many.
    pub max_families: u32,
    /// The audit row; its time is the time.
    pub act: Act,
}

/// See [`Change::CreateFamily`].
#[derive(Clone, Debug, PartialEq)]
pub struct CreateFamily {
    /// The row at generation 0.
    pub family: Family,
    /// The code's position: any `cut_all` of a subject after it refuses.
    pub as_of: Position,
    /// The app, customer and user that the code names (the connection stands in the row).
    pub app: AppId,
    /// See `app`.
    pub customer: CustomerId,
    /// See `app`.
    pub user: UserId,
    /// A connection holds at most this many; one more repudiates the longest unused (TOKENS 4).
    pub max_families: u32,
    /// The audit row.
    pub act: Act,
}

/// See [`Change::MoveFamily`]: the one conditional write of a refresh. All must hold: still at `generation`, digest equal, not
/// repudiated, `now` before both ends, the connection live and holding one of the scopes that are `wanted`, no subject off,
/// no `cut_all` of a subject after `as_of`.
#[derive(Clone, Debug, PartialEq)]
pub struct MoveFamily {
    /// Which.
    pub family: FamilyId,
    /// The presented token's generation.
    pub generation: u32,
    /// The presented secret's digest.
    pub digest: FamilyDigest,
    /// The presented token's position.
    pub as_of: Position,
    /// Subjects that the token names.
    pub connection: ConnectionId,
    /// See `connection`.
    pub app: AppId,
    /// See `connection`.
    pub customer: CustomerId,
    /// See `connection`.
    pub user: UserId,
    /// The time.
    pub now: UnixTime,
    /// The profile's idle life.
    pub idle: Seconds,
    /// The ring key that will seal the successor.
    pub key_id: u16,
    /// Remembers an Idempotency-Key for one generation.
    pub retry: Option<RetryDigest>,
    /// What was asked of what the app may have: if the connection holds none of it any more, nothing would be granted, and
    /// the token is not used up for nothing.
    pub wanted: ScopeSet,
}

/// See [`Change::Sweep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The time.
    pub now: UnixTime,
    /// Sessions older than this (unused, in all).
    pub session_idle: Seconds,
    /// See `session_idle`.
    pub session_absolute: Seconds,
    /// Families unused for longer than this.
    pub refresh_idle: Seconds,
    /// At most this many rows of each kind.
    pub limit: u32,
}

/// How a change ended. Errors of the engine itself are not outcomes.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is made once a write and moved once; a box would cost more")]
pub enum Outcome {
    /// Durable.
    Applied(Applied),
    /// The state was not the expected one; nothing was written. Load again and decide once more.
    Stale,
}

/// What a durable change left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The feed's head as this transaction saw it (after its own entries): what to seal as `as_of`.
    pub position: Position,
    /// The entries it wrote, oldest first; this node takes them in before it replies.
    pub feed: Vec<FeedEntry>,
    /// The row it made, where the change says so.
    pub row: Row,
}

/// A row that a change answers with.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is made once a write and moved once; a box would cost more")]
pub enum Row {
    /// Nothing to say.
    None,
    /// `Decide`: the completed row.
    Decided(Decided),
    /// `CreateFamily`, `MoveFamily`, `Exchange`: the row as it stands now, and its connection's scopes as they stand now.
    Family {
        /// After the write.
        family: Family,
        /// The intersection's other half.
        connection_scopes: ScopeSet,
    },
    /// `PutApp`, `ReplaceApp`, `SetLogo`.
    App(App),
    /// `PutCustomer`, `RegisterAccount`.
    Customer(Customer),
    /// `PutPerson`.
    Person(UserId),
    /// `RegisterScopes`: the whole registry.
    Scopes(Vec<String>),
}

/// Everything the authoritative store knows of the subjects that a token names, read together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The family's row, if it exists.
    pub family: Option<Family>,
    /// The connection's scopes and whether it is live, if it exists.
    pub connection: Option<(ScopeSet, bool)>,
    /// The largest `cut_all` of connection, app, customer and user.
    pub cut_all: Position,
    /// Whether one of them is switched off.
    pub off: bool,
    /// The feed's head in the same snapshot.
    pub position: Position,
}

impl Applied {
    /// A change that wrote no feed entry and has no row to show.
    pub fn plain(position: Position) -> Self {
        Self { position, feed: Vec::new(), row: Row::None }
    }
}

/// Whether an app change takes something away (then access is cut) or not (then nodes just reload).
pub fn scopes_event(old: ScopeSet, new: ScopeSet) -> FeedEvent {
    if old.within(new) { FeedEvent::Changed } else { FeedEvent::CutAccess }
}

/// The state that a row of `cuts` would have, for engines that fold events.
pub fn fold_cuts<'a>(entries: impl IntoIterator<Item = &'a FeedEntry>) -> Cuts {
    entries.into_iter().fold(Cuts::default(), |cuts, entry| cuts.after(entry.event, entry.position))
}
