//! Values that several modules test with: a ring, an app, tokens of any size.

use causeway_protocol::family::FamilySecret;
use causeway_protocol::records::{App, AppStatus, ClientKind, Visibility};
use causeway_protocol::seal::KeyRing;
use causeway_protocol::time::Seconds;
use causeway_protocol::token::{AccessToken, Bearer, Code, RefreshToken, SiteSet};
use causeway_protocol::{AppId, AudienceId, ConnectionId, CustomerId, FamilyId, Position, ScopeSet, UnixTime, UserId};

use crate::draw::Draw;

/// 2026-11-21T12:00:00Z
pub(crate) const NOON: UnixTime = UnixTime(1_795_262_400);

/// A ring of these keys, newest first. Key n is 32 times the byte n.
pub(crate) fn ring(keys: &[u8]) -> KeyRing {
    ring_of("tripleseat", keys)
}

pub(crate) fn ring_of(platform: &str, keys: &[u8]) -> KeyRing {
    let lines: Vec<String> = keys.iter().map(|key| KeyRing::line(u16::from(*key), &[*key; 32])).collect();
    KeyRing::parse(platform, &lines.join("\n")).unwrap()
}

/// An approved app number 7 whose secret is "s3cret"; public: without.
pub(crate) fn app(kind: ClientKind, ring: &KeyRing) -> App {
    let secrets = if kind == ClientKind::Confidential { vec![ring.verifier("s3cret")] } else { Vec::new() };
    App {
        id: AppId(7),
        client_id: "app-7".into(),
        name: "Seven".into(),
        owner: String::new(),
        description: String::new(),
        info_url: String::new(),
        kind,
        visibility: Visibility::Public,
        status: AppStatus::Approved,
        active: true,
        verified: false,
        pkce_required: false,
        secrets,
        redirect_uris: vec!["https://partner.example/cb".into()],
        scopes: ScopeSet(0b1111),
        registered_by: None,
        home: None,
        providers: Vec::new(),
        logo: None,
        review_note: String::new(),
    }
}

/// The largest of every field.
pub(crate) fn largest_bearer() -> Bearer {
    Bearer {
        family: FamilyId(i64::MAX),
        connection: ConnectionId(i64::MAX),
        as_of: Position(i64::MAX),
        app: AppId(i64::MAX),
        user: UserId(i64::MAX),
        customer: CustomerId(i64::MAX),
    }
}

pub(crate) fn bearer(draw: &mut Draw) -> Bearer {
    Bearer {
        family: FamilyId(draw.id()),
        connection: ConnectionId(draw.id()),
        as_of: Position(draw.id()),
        app: AppId(draw.id()),
        user: UserId(draw.id()),
        customer: CustomerId(draw.id()),
    }
}

fn scopes(draw: &mut Draw) -> ScopeSet {
    let all = u128::from(draw.next()) << 64 | u128::from(draw.next());
    ScopeSet(all >> draw.below(128))
}

pub(crate) fn access(draw: &mut Draw) -> AccessToken {
    AccessToken {
        bearer: bearer(draw),
        sites: SiteSet::All,
        scopes: scopes(draw),
        audience: AudienceId(draw.id()),
        issued: UnixTime(draw.id()),
        life: Seconds(draw.id()),
        noise: draw.array(),
    }
}

pub(crate) fn refresh(draw: &mut Draw) -> RefreshToken {
    RefreshToken {
        bearer: bearer(draw),
        generation: draw.next() as u32 >> draw.below(32),
        scopes: scopes(draw),
        secret: FamilySecret(draw.array()),
    }
}

pub(crate) fn code(draw: &mut Draw) -> Code {
    Code {
        bearer: bearer(draw),
        scopes: scopes(draw),
        redirect: draw.array(),
        redirect_sent: draw.below(2) == 1,
        challenge: (draw.below(2) == 1).then(|| draw.array()),
        expires_at: UnixTime(draw.id()),
        secret: FamilySecret(draw.array()),
    }
}
