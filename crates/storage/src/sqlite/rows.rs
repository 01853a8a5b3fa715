//! From rows to records and back, with the few columns whose stored form differs from the record's. No statement here.

use causeway_protocol::records::{
    App, AppStatus, ClientKind, Connection, Cuts, Decided, Decision, Family, FamilyDigest, FeedEntry, FeedEvent,
    Person, RetryDigest, Role, Session, SubjectKey, Visibility,
};
use causeway_protocol::secret::PasswordHash;
use causeway_protocol::{
    AppId, ConnectionId, CustomerId, FamilyId, Position, ScopeSet, Subject, SubjectKind, UnixTime, UserId,
};
use rusqlite::Row;
use rusqlite::types::Type;

/// Added to a generation and to a key's number, so that neither changes its width while a family lives (schema.sql).
const GENERATION: i64 = 1 << 15;
const KEY: i64 = 1 << 7;
/// `last_used` of a connection that never was.
pub(super) const NEVER: i64 = i32::MIN as i64;
const NO_RETRY: [u8; 8] = [0; 8];

pub(super) const FAMILY: &str =
    "id, generation, moved_at, key_id, retry, digest, ends_at, connection, scopes, repudiated";
pub(super) const CONNECTION: &str = "id, app, subject_kind, subject_id, customer, authorized_by, scopes, created_at, \
     allowed_at, live, cut_at, last_used";

/// A stored value that no version of this program writes.
pub(super) fn strange(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, format!("unknown {what}").into())
}

pub(super) fn stored_generation(generation: u32) -> i64 {
    i64::from(generation) + GENERATION
}

pub(super) fn stored_key(key: u16) -> i64 {
    i64::from(key) + KEY
}

pub(super) fn stored_retry(retry: Option<RetryDigest>) -> [u8; 8] {
    retry.map_or(NO_RETRY, |digest| digest.0)
}

pub(super) fn scopes(row: &Row<'_>, at: usize) -> rusqlite::Result<ScopeSet> {
    ScopeSet::from_bytes(row.get_ref(at)?.as_blob()?).ok_or_else(|| strange(at, "scopes"))
}

pub(super) fn family(row: &Row<'_>) -> rusqlite::Result<Family> {
    let retry: [u8; 8] = row.get(4)?;
    Ok(Family {
        id: FamilyId(row.get(0)?),
        generation: u32::try_from(row.get::<_, i64>(1)? - GENERATION).map_err(|_| strange(1, "generation"))?,
        moved_at: UnixTime(row.get(2)?),
        key_id: u16::try_from(row.get::<_, i64>(3)? - KEY).map_err(|_| strange(3, "key"))?,
        retry: (retry != NO_RETRY).then_some(RetryDigest(retry)),
        digest: FamilyDigest(row.get(5)?),
        ends_at: UnixTime(row.get(6)?),
        connection: ConnectionId(row.get(7)?),
        scopes: scopes(row, 8)?,
        repudiated: row.get(9)?,
    })
}

pub(super) fn connection(row: &Row<'_>) -> rusqlite::Result<Connection> {
    let used: i64 = row.get(11)?;
    Ok(Connection {
        id: ConnectionId(row.get(0)?),
        app: AppId(row.get(1)?),
        subject: SubjectKey::from_numbers(row.get(2)?, row.get(3)?).ok_or_else(|| strange(2, "subject key"))?,
        customer: CustomerId(row.get(4)?),
        authorized_by: UserId(row.get(5)?),
        scopes: scopes(row, 6)?,
        created_at: UnixTime(row.get(7)?),
        allowed_at: UnixTime(row.get(8)?),
        live: row.get(9)?,
        cut_at: row.get::<_, Option<i64>>(10)?.map(UnixTime),
        last_used: (used != NEVER).then_some(UnixTime(used)),
    })
}

/// `cut_access, cut_all, off`, from this column on.
pub(super) fn cuts(row: &Row<'_>, at: usize) -> rusqlite::Result<Cuts> {
    Ok(Cuts { access: Position(row.get(at)?), all: Position(row.get(at + 1)?), off: row.get(at + 2)? })
}

/// `kind, id`, from this column on.
pub(super) fn subject(row: &Row<'_>, at: usize) -> rusqlite::Result<Subject> {
    let kind = SubjectKind::from_number(row.get(at)?).ok_or_else(|| strange(at, "kind of subject"))?;
    Ok(Subject { kind, id: row.get(at + 1)? })
}

/// `position, at, kind, id, event`.
pub(super) fn feed_entry(row: &Row<'_>) -> rusqlite::Result<FeedEntry> {
    Ok(FeedEntry {
        position: Position(row.get(0)?),
        at: UnixTime(row.get(1)?),
        subject: subject(row, 2)?,
        event: FeedEvent::from_number(row.get(4)?).ok_or_else(|| strange(4, "event"))?,
    })
}

/// `id, client_id, name, owner, description, info_url, kind, private_to, status, verified, pkce_required, scopes, off,
/// registered_by, home, logo, review_note`; secrets, redirect URIs and providers are added by the caller.
pub(super) fn app(row: &Row<'_>) -> rusqlite::Result<App> {
    Ok(App {
        id: AppId(row.get(0)?),
        client_id: row.get(1)?,
        name: row.get(2)?,
        owner: row.get(3)?,
        description: row.get(4)?,
        info_url: row.get(5)?,
        kind: match row.get(6)? {
            1 => ClientKind::Confidential,
            2 => ClientKind::Public,
            _ => return Err(strange(6, "kind of client")),
        },
        visibility: row.get::<_, Option<i64>>(7)?.map_or(Visibility::Public, |id| Visibility::Private(CustomerId(id))),
        status: match row.get(8)? {
            1 => AppStatus::Pending,
            2 => AppStatus::Approved,
            3 => AppStatus::Rejected,
            _ => return Err(strange(8, "status")),
        },
        verified: row.get(9)?,
        pkce_required: row.get(10)?,
        scopes: scopes(row, 11)?,
        active: !row.get::<_, bool>(12)?,
        secrets: Vec::new(),
        redirect_uris: Vec::new(),
        providers: Vec::new(),
        registered_by: row.get::<_, Option<i64>>(13)?.map(UserId),
        home: row.get::<_, Option<i64>>(14)?.map(CustomerId),
        logo: row.get(15)?,
        review_note: row.get(16)?,
    })
}

/// The numbers of an app's enums: kind, private_to, status.
pub(super) fn app_numbers(app: &App) -> (i64, Option<i64>, i64) {
    let kind = match app.kind {
        ClientKind::Confidential => 1,
        ClientKind::Public => 2,
    };
    let private_to = match app.visibility {
        Visibility::Public => None,
        Visibility::Private(customer) => Some(customer.0),
    };
    let status = match app.status {
        AppStatus::Pending => 1,
        AppStatus::Approved => 2,
        AppStatus::Rejected => 3,
    };
    (kind, private_to, status)
}

/// A stored role.
pub(super) fn role(row: &Row<'_>, at: usize) -> rusqlite::Result<Role> {
    let role: i64 = row.get(at)?;
    Role::ALL.into_iter().find(|known| *known as i64 == role).ok_or_else(|| strange(at, "role"))
}

/// `id, email, role, customer, password, off, name`; teams are added by the caller.
pub(super) fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        id: UserId(row.get(0)?),
        email: row.get(1)?,
        name: row.get(6)?,
        teams: Vec::new(),
        role: role(row, 2)?,
        customer: row.get::<_, Option<i64>>(3)?.map(CustomerId),
        password: PasswordHash(row.get(4)?),
        active: !row.get::<_, bool>(5)?,
    })
}

/// `digest, person, created_at, seen_at`.
pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        digest: row.get(0)?,
        person: UserId(row.get(1)?),
        created_at: UnixTime(row.get(2)?),
        seen_at: UnixTime(row.get(3)?),
    })
}

/// `txn, allowed, at, expires_at, as_of, connection`.
pub(super) fn decided(row: &Row<'_>) -> rusqlite::Result<Decided> {
    Ok(Decided {
        transaction: row.get(0)?,
        decision: if row.get(1)? { Decision::Allow } else { Decision::Deny },
        at: UnixTime(row.get(2)?),
        expires_at: UnixTime(row.get(3)?),
        as_of: Position(row.get(4)?),
        connection: row.get::<_, Option<i64>>(5)?.map(ConnectionId),
    })
}
