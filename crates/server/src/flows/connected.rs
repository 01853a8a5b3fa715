//! The customer's connected apps: list, look, cut (SECURITY UI-08, PLATFORMS TS-12). Every read and every write goes
//! through [`Cutter`], which holds whose apps they are: another customer's connection is simply not there.

use std::sync::Arc;

use causeway_protocol::profile::{Profile, SubjectRule};
use causeway_protocol::records::{Act, App, Connection, Customer, Membership, Person, SubjectKey};
use causeway_protocol::{Change, ConnectionId, CustomerId, Outcome, Reason, Refusal, UserId};
use causeway_storage::{Page, Store};

use super::session::SignedIn;
use crate::node::{Node, refusal_of};

/// So many rows a page.
pub const PAGE: u32 = 50;

/// Somebody who may look after a customer's connections.
#[derive(Clone, Debug)]
pub struct Cutter {
    person: Person,
    /// Whose connections.
    pub customer: Customer,
    /// Every account whose connections this person may look after, the own one first.
    pub accounts: Vec<Customer>,
    /// Only those that are this person's own.
    own_only: bool,
}

/// Whose connections are to be looked after.
#[derive(Clone, Copy, Debug)]
pub enum Whose {
    /// The first account's: the own one, where it is this person's to look after.
    First,
    /// This one's.
    Account(CustomerId),
    /// The one's that has this connection.
    Of(ConnectionId),
}

/// A connection with what a person wants to know about it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The row.
    pub connection: Connection,
    /// Whose app.
    pub app: Arc<App>,
    /// Who allowed it.
    pub by: Option<Person>,
    /// How it is.
    pub health: Health,
}

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Its calls are served.
    Working,
    /// It has not called yet.
    New,
    /// The platform switched the app off.
    AppOff,
    /// Whoever allowed it is switched off.
    AuthorizerOff,
}

/// Whether this person may look after these connections. Somebody else's connection is simply not there.
pub async fn cutter(node: &Node, who: &SignedIn, whose: Whose) -> Result<Cutter, Refusal> {
    let accounts = accounts(node, &who.person).await?;
    let named = |id: CustomerId| accounts.iter().find(|account| account.id == id);
    let customer = match whose {
        Whose::First => accounts.first().ok_or(Reason::NoCustomer.refuse())?,
        Whose::Account(id) => named(id).ok_or(Reason::NotAllowedHere.refuse())?,
        Whose::Of(connection) => {
            let row = node.store.connection(connection).await.map_err(refusal_of)?;
            row.and_then(|row| named(row.customer)).ok_or(Reason::NoSuchConnection.refuse())?
        }
    };
    let own_only = !node.profile.policy.cutters.contains(&who.person.role) && is_personal(&node.profile);
    Ok(Cutter { person: who.person.clone(), customer: customer.clone(), accounts, own_only })
}

/// Connections belong to persons here: whoever may allow one for themselves may look after it.
fn is_personal(profile: &Profile) -> bool {
    profile.policy.subject == SubjectRule::User
}

/// Whether this person may look after connections of the own account, be it only the own ones.
pub fn may_look_after(profile: &Profile, person: &Person) -> bool {
    let policy = &profile.policy;
    policy.cutters.contains(&person.role) || is_personal(profile) && policy.approvers.contains(&person.role)
}

/// The accounts whose connections this person may look after: the own one, and the teams that the person helps to run
/// (CAL-09).
async fn accounts(node: &Node, person: &Person) -> Result<Vec<Customer>, Refusal> {
    let policy = &node.profile.policy;
    let may = may_look_after(&node.profile, person);
    let own = person.customer.filter(|_| may);
    let runs = |team: &&Membership| policy.teams && policy.team_approvers.contains(&team.role);
    let teams = person.teams.iter().filter(runs).map(|team| team.customer);
    let ids: Vec<CustomerId> = own.into_iter().chain(teams.filter(|team| Some(*team) != own)).collect();
    if ids.is_empty() && !may {
        return Err(Reason::NotAllowedHere.refuse());
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(node.store.customer(id).await.map_err(refusal_of)?.filter(|customer| customer.active));
    }
    Ok(found)
}

impl Cutter {
    /// The live connections after one, and whether there are more.
    pub async fn list(&self, node: &Node, after: Option<ConnectionId>) -> Result<(Vec<Listed>, bool), Refusal> {
        let page = Page { after, limit: PAGE + 1 };
        let mut rows = node.store.connections(Some(self.customer.id), true, page).await.map_err(refusal_of)?;
        let more = rows.len() > PAGE as usize;
        rows.truncate(PAGE as usize);
        let mut listed = Vec::with_capacity(rows.len());
        for connection in rows.into_iter().filter(|row| self.sees(row)) {
            listed.extend(look(node, connection).await?);
        }
        Ok((listed, more))
    }

    /// Whether this customer has an OAuth 1.0 key that is on.
    pub async fn signs_with_oauth1(&self, node: &Node) -> Result<bool, Refusal> {
        node.store.has_consumer(self.customer.id).await.map_err(refusal_of)
    }

    fn sees(&self, row: &Connection) -> bool {
        let own = row.subject == SubjectKey::User(self.person.id);
        row.customer == self.customer.id && (own || !self.own_only)
    }

    /// One of this customer's connections, live or cut.
    async fn row(&self, node: &Node, id: ConnectionId) -> Result<Connection, Refusal> {
        let row = node.store.connection(id).await.map_err(refusal_of)?;
        row.filter(|row| self.sees(row)).ok_or(Reason::NoSuchConnection.refuse())
    }

    /// One live connection.
    pub async fn find(&self, node: &Node, id: ConnectionId) -> Result<Listed, Refusal> {
        let row = self.row(node, id).await?;
        let listed = if row.live { look(node, row).await? } else { None };
        listed.ok_or(Reason::NoSuchConnection.refuse())
    }

    /// The name of an app whose connection was cut: for the notice afterwards.
    pub async fn name_of_cut(&self, node: &Node, id: ConnectionId) -> Result<Option<String>, Refusal> {
        let row = self.row(node, id).await?;
        Ok(node.held.app(row.app).filter(|_| !row.live).map(|app| app.name.clone()))
    }

    /// Cuts one of this customer's connections.
    pub async fn cut(&self, node: &Node, id: ConnectionId) -> Result<(), Refusal> {
        self.row(node, id).await?;
        cut(node, id, format!("person:{}", self.person.id), "").await
    }
}

async fn look(node: &Node, connection: Connection) -> Result<Option<Listed>, Refusal> {
    let Some(app) = node.held.app(connection.app) else { return Ok(None) };
    let by = node.store.person(connection.authorized_by).await.map_err(refusal_of)?;
    let health = if !app.serves(connection.customer) {
        Health::AppOff
    } else if connection.authorized_by != UserId::NOBODY && by.as_ref().is_none_or(|by| !by.active) {
        Health::AuthorizerOff
    } else if connection.last_used.is_none() {
        Health::New
    } else {
        Health::Working
    };
    Ok(Some(Listed { connection, app, by, health }))
}

/// Cuts a connection: every token and every unredeemed code of it is dead from the next request on. One that is cut
/// already stays so.
pub async fn cut(node: &Node, connection: ConnectionId, actor: String, detail: &str) -> Result<(), Refusal> {
    let (at, subject, detail) = (node.now(), Some(connection.into()), detail.to_owned());
    let act = Act { at, actor, verb: "connection.cut", subject, detail };
    match node.apply(Change::CutConnection { connection, act }).await? {
        Outcome::Applied(_) => Ok(()),
        Outcome::Stale => match node.store.connection(connection).await.map_err(refusal_of)? {
            Some(row) if !row.live => Ok(()),
            Some(_) => Err(Reason::StoreBusy.refuse()),
            None => Err(Reason::NoSuchConnection.refuse()),
        },
    }
}
