//! From rows to records and back, with the few columns whose stored form differs from the record's. No statement here.

use causeway_protocol::records::{
    App, AppStatus, ClientKind, Connection, Cuts, Decided, Decision, Family, FamilyDigest, FeedEntry, FeedEvent,
    Person, RetryDigest, Role, Session, SubjectKey, Visibility,
};
use causeway_protocol::secret::PasswordHash;
use causeway_protocol::{
    AppId, ConnectionId, CustomerId, FamilyId, Position, ScopeSet, Subject, SubjectKind, UnixTime, UserId,
};

use super::db::{Row, Sql, strange};

/// Added to a generation and to a key's number, so that neither changes its width while a family lives (schema.sql).
const GENERATION: i64 = 1 << 15;
const KEY: i64 = 1 << 7;
/// `last_used` of a connection that never was.
pub(crate) const NEVER: i64 = i32::MIN as i64;
const NO_RETRY: [u8; 8] = [0; 8];

pub(crate) const FAMILY: &str =
    "id, generation, moved_at, key_id, retry, digest, ends_at, connection, scopes, repudiated";
pub(crate) const CONNECTION: &str = "id, app, subject_kind, subject_id, customer, authorized_by, scopes, created_at, \
     allowed_at, live, cut_at, last_used";

pub(crate) fn stored_generation(generation: u32) -> i64 {
    i64::from(generation) + GENERATION
}

pub(crate) fn stored_key(key: u16) -> i64 {
    i64::from(key) + KEY
}

pub(crate) fn stored_retry(retry: Option<RetryDigest>) -> [u8; 8] {
    retry.map_or(NO_RETRY, |digest| digest.0)
}

pub(crate) fn scopes<R: Row>(row: &R, at: usize) -> Sql<ScopeSet> {
    ScopeSet::from_bytes(row.slice(at)?).ok_or_else(|| strange(at, "scopes"))
}

pub(crate) fn family<R: Row>(row: &R) -> Sql<Family> {
    let retry: [u8; 8] = row.bytes(4)?;
    Ok(Family {
        id: FamilyId(row.int(0)?),
        generation: u32::try_from(row.int(1)? - GENERATION).map_err(|_| strange(1, "generation"))?,
        moved_at: UnixTime(row.int(2)?),
        key_id: u16::try_from(row.int(3)? - KEY).map_err(|_| strange(3, "key"))?,
        retry: (retry != NO_RETRY).then_some(RetryDigest(retry)),
        digest: FamilyDigest(row.bytes(5)?),
        ends_at: UnixTime(row.int(6)?),
        connection: ConnectionId(row.int(7)?),
        scopes: scopes(row, 8)?,
        repudiated: row.flag(9)?,
    })
}

pub(crate) fn connection<R: Row>(row: &R) -> Sql<Connection> {
    let used: i64 = row.int(11)?;
    Ok(Connection {
        id: ConnectionId(row.int(0)?),
        app: AppId(row.int(1)?),
        subject: SubjectKey::from_numbers(row.int(2)?, row.int(3)?).ok_or_else(|| strange(2, "subject key"))?,
        customer: CustomerId(row.int(4)?),
        authorized_by: UserId(row.int(5)?),
        scopes: scopes(row, 6)?,
        created_at: UnixTime(row.int(7)?),
        allowed_at: UnixTime(row.int(8)?),
        live: row.flag(9)?,
        cut_at: row.int_or_null(10)?.map(UnixTime),
        last_used: (used != NEVER).then_some(UnixTime(used)),
    })
}

/// `cut_access, cut_all, off`, from this column on.
pub(crate) fn cuts<R: Row>(row: &R, at: usize) -> Sql<Cuts> {
    Ok(Cuts { access: Position(row.int(at)?), all: Position(row.int(at + 1)?), off: row.flag(at + 2)? })
}

/// `kind, id`, from this column on.
pub(crate) fn subject<R: Row>(row: &R, at: usize) -> Sql<Subject> {
    let kind = SubjectKind::from_number(row.int(at)?).ok_or_else(|| strange(at, "kind of subject"))?;
    Ok(Subject { kind, id: row.int(at + 1)? })
}

/// `position, at, kind, id, event`.
pub(crate) fn feed_entry<R: Row>(row: &R) -> Sql<FeedEntry> {
    Ok(FeedEntry {
        position: Position(row.int(0)?),
        at: UnixTime(row.int(1)?),
        subject: subject(row, 2)?,
        event: FeedEvent::from_number(row.int(4)?).ok_or_else(|| strange(4, "event"))?,
    })
}

/// `id, client_id, name, owner, description, info_url, kind, private_to, status, verified, pkce_required, scopes, off,
/// registered_by, home, logo, review_note`; secrets, redirect URIs and providers are added by the caller.
pub(crate) fn app<R: Row>(row: &R) -> Sql<App> {
    Ok(App {
        id: AppId(row.int(0)?),
        client_id: row.text(1)?,
        name: row.text(2)?,
        owner: row.text(3)?,
        description: row.text(4)?,
        info_url: row.text(5)?,
        kind: match row.int(6)? {
            1 => ClientKind::Confidential,
            2 => ClientKind::Public,
            _ => return Err(strange(6, "kind of client")),
        },
        visibility: row.int_or_null(7)?.map_or(Visibility::Public, |id| Visibility::Private(CustomerId(id))),
        status: match row.int(8)? {
            1 => AppStatus::Pending,
            2 => AppStatus::Approved,
            3 => AppStatus::Rejected,
            _ => return Err(strange(8, "status")),
        },
        verified: row.flag(9)?,
        pkce_required: row.flag(10)?,
        scopes: scopes(row, 11)?,
        active: !row.flag(12)?,
        secrets: Vec::new(),
        redirect_uris: Vec::new(),
        providers: Vec::new(),
        registered_by: row.int_or_null(13)?.map(UserId),
        home: row.int_or_null(14)?.map(CustomerId),
        logo: row.bytes_or_null(15)?,
        review_note: row.text(16)?,
    })
}

/// The numbers of an app's enums: kind, private_to, status.
pub(crate) fn app_numbers(app: &App) -> (i64, Option<i64>, i64) {
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
pub(crate) fn role<R: Row>(row: &R, at: usize) -> Sql<Role> {
    let role: i64 = row.int(at)?;
    Role::ALL.into_iter().find(|known| *known as i64 == role).ok_or_else(|| strange(at, "role"))
}

/// `id, email, role, customer, password, off, name`; teams are added by the caller.
pub(crate) fn person<R: Row>(row: &R) -> Sql<Person> {
    Ok(Person {
        id: UserId(row.int(0)?),
        email: row.text(1)?,
        name: row.text(6)?,
        teams: Vec::new(),
        role: role(row, 2)?,
        customer: row.int_or_null(3)?.map(CustomerId),
        password: PasswordHash(row.text(4)?),
        active: !row.flag(5)?,
    })
}

/// `digest, person, created_at, seen_at`.
pub(crate) fn session<R: Row>(row: &R) -> Sql<Session> {
    Ok(Session {
        digest: row.bytes(0)?,
        person: UserId(row.int(1)?),
        created_at: UnixTime(row.int(2)?),
        seen_at: UnixTime(row.int(3)?),
    })
}

/// `txn, allowed, at, expires_at, as_of, connection`.
pub(crate) fn decided<R: Row>(row: &R) -> Sql<Decided> {
    Ok(Decided {
        transaction: row.bytes(0)?,
        decision: if row.flag(1)? { Decision::Allow } else { Decision::Deny },
        at: UnixTime(row.int(2)?),
        expires_at: UnixTime(row.int(3)?),
        as_of: Position(row.int(4)?),
        connection: row.int_or_null(5)?.map(ConnectionId),
    })
}
