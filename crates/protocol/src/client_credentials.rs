//! `grant_type=client_credentials` (RFC 6749 4.4): an app gets an access token for itself, on its own customer. Nothing is
//! written and nothing is read (TOKENS 4): how the caller proved itself and where the feed stands are arguments.

use crate::client_auth::Client;
use crate::profile::Profile;
use crate::records::{App, AppStatus};
use crate::token::{AccessToken, Bearer, SiteSet};
use crate::{
    AudienceId, ConnectionId, CustomerId, FamilyId, Position, Reason, Refusal, ScopeSet, Scopes, UnixTime, UserId,
};

/// What the token is made of besides the app.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The app, proven.
    pub client: Client<'a>,
    /// `scope`, as sent.
    pub scope: Option<&'a str>,
    /// The time.
    pub now: UnixTime,
    /// Where this node's feed stood when nothing spoke against app and customer.
    pub position: Position,
    /// Random: becomes the token's number behind its app's, …
    pub number: u64,
    /// … and makes two tokens of one second different texts.
    pub noise: [u8; 4],
}

/// Whether the platform offers the grant at all.
pub fn offered(profile: &Profile) -> Result<(), Refusal> {
    if profile.token.client_credentials { Ok(()) } else { Err(Reason::GrantTypeUnsupported.refuse()) }
}

/// For which customer this app may have a token of its own. Nobody consents, so the platform must have looked at the app: one
/// that waits for review may be connected by its customer's people, but gets nothing by itself.
pub fn customer(client: Client<'_>) -> Result<CustomerId, Refusal> {
    let app = client.app();
    // SECURITY TK-11: a public app proves nothing.
    if !client.confidential() {
        return Err(Reason::GrantNotAllowed.refuse());
    }
    if app.status != AppStatus::Approved {
        return Err(Reason::ClientNotApproved.refuse());
    }
    if !app.active {
        return Err(Reason::GrantSuspended.refuse());
    }
    app.own_customer().ok_or(Reason::AppWithoutCustomer.refuse())
}

/// The token, before sealing: of the app for itself, under no connection and for no person.
pub fn token(asking: &Asking<'_>, profile: &Profile, known: &Scopes) -> Result<AccessToken, Refusal> {
    let app = asking.client.app();
    let bearer = Bearer {
        family: FamilyId::lone(app.id, asking.number),
        connection: ConnectionId(0),
        as_of: asking.position,
        app: app.id,
        user: UserId::NOBODY,
        customer: customer(asking.client)?,
    };
    Ok(AccessToken {
        bearer,
        sites: SiteSet::All,
        scopes: scopes(asking.scope, app, profile, known)?,
        audience: AudienceId(0),
        issued: asking.now,
        life: profile.token.access_life,
        noise: asking.noise,
    })
}

/// RFC 6749 3.3: absent means all that the app has. All or nothing otherwise: a silently narrowed token breaks strict clients
/// (SECURITY TK-10).
fn scopes(asked: Option<&str>, app: &App, profile: &Profile, known: &Scopes) -> Result<ScopeSet, Refusal> {
    let asked = match asked {
        Some(text) => profile.read_scope(text, known).map_err(|word| Reason::ScopeUnknown.about(word))?,
        None => app.scopes,
    };
    match known.names(asked.without(app.scopes)).next() {
        Some(word) => Err(Reason::ScopeUnknown.about(word)),
        None if asked.is_empty() => Err(Reason::ScopeMissing.about("scope")),
        None => Ok(asked),
    }
}

/// Whether the customer that a token names is still one that the app may use so. Every other token stands for a connection,
/// and says nothing about that.
pub fn stands(bearer: &Bearer, app: &App) -> bool {
    !bearer.family.is_lone() || app.status == AppStatus::Approved && app.own_customer() == Some(bearer.customer)
}
