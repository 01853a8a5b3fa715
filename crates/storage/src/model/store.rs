//! The model as a [`Store`]: its reads, straight from the maps. What changes do stands beside.

use causeway_protocol::change::Standing;
use causeway_protocol::cluster::{Beat, NodeId, Share};
use causeway_protocol::legacy::{
    Account, ApiKey, ConsumerStanding, ConsumerToken, Exchanged, LegacyLine, Logo, Temporary,
};
use causeway_protocol::records::{
    App, Connection, Customer, Decided, Family, FeedEntry, Person, Role, Session, SubjectKey,
};
use causeway_protocol::{
    ApiKeyId, AppId, Change, ConnectionId, ConsumerId, CustomerId, FamilyId, Outcome, Position, UserId,
};

use super::Model;
use crate::{AuditRow, Boot, PAGE_MAX, Page, Store, Stored, Tail, audit, rules};

fn capped<T>(among: impl Iterator<Item = T>, limit: u32) -> Stored<Vec<T>> {
    Ok(among.take(limit.min(PAGE_MAX) as usize).collect())
}

impl Store for Model {
    async fn apply(&self, change: Change) -> Stored<Outcome> {
        let outcome = self.state()?.apply(change);
        if matches!(&outcome, Outcome::Applied(applied) if !applied.feed.is_empty()) {
            self.tell_others();
        }
        Ok(outcome)
    }

    async fn feed(&self, after: Position, limit: u32) -> Stored<Vec<FeedEntry>> {
        capped(self.state()?.feed_shown().into_iter().filter(|entry| entry.position > after), limit)
    }

    async fn tail(&self, after: Position, limit: u32) -> Stored<Tail> {
        let state = self.state()?;
        let entries = state.feed_shown().into_iter().filter(|entry| entry.position > after);
        Ok(Tail { entries: capped(entries, limit)?, head: state.head() })
    }

    async fn news(&self) {
        self.link.news().await;
    }

    async fn beat(&self, beat: Beat) -> Stored<Vec<Beat>> {
        self.beaten(beat)
    }

    async fn leave(&self, node: NodeId) -> Stored<()> {
        self.left(node)
    }

    async fn share(&self, own: Share) -> Stored<Vec<Share>> {
        self.shared_out(own)
    }

    async fn boot(&self) -> Stored<Boot> {
        Ok(self.state()?.boot())
    }

    async fn app(&self, id: AppId) -> Stored<Option<App>> {
        Ok(self.state()?.apps.iter().find(|app| app.id == id).cloned())
    }

    async fn customer(&self, id: CustomerId) -> Stored<Option<Customer>> {
        Ok(self.state()?.customers.iter().find(|customer| customer.id == id).cloned())
    }

    async fn customer_by_external(&self, id: &str) -> Stored<Option<Customer>> {
        Ok(self.state()?.customers.iter().find(|customer| customer.external_id == id).cloned())
    }

    async fn customer_by_site(&self, site: &str) -> Stored<Option<Customer>> {
        let state = self.state()?;
        let sites = state.customers.iter().flat_map(|customer| customer.sites.iter().map(move |site| (site, customer)));
        let first = sites.filter(|(known, _)| known.external_id == site).min_by_key(|(known, _)| known.id);
        Ok(first.map(|(_, customer)| customer.clone()))
    }

    async fn seed_loaded(&self, digest: [u8; 32]) -> Stored<bool> {
        Ok(self.state()?.seeds.contains(&digest))
    }

    async fn person(&self, id: UserId) -> Stored<Option<Person>> {
        Ok(self.state()?.people.iter().find(|person| person.id == id).cloned())
    }

    async fn person_by_email(&self, email: &str) -> Stored<Option<Person>> {
        Ok(self.state()?.people.iter().find(|person| person.email == email.to_lowercase()).cloned())
    }

    async fn session(&self, digest: [u8; 32]) -> Stored<Option<Session>> {
        Ok(self.state()?.sessions.get(&digest).cloned())
    }

    async fn decided(&self, transaction: [u8; 16]) -> Stored<Option<Decided>> {
        Ok(self.state()?.decisions.get(&transaction).copied())
    }

    async fn connection(&self, id: ConnectionId) -> Stored<Option<Connection>> {
        Ok(self.state()?.connection(id).cloned())
    }

    async fn connections(
        &self,
        customer: Option<CustomerId>,
        live_only: bool,
        page: Page<ConnectionId>,
    ) -> Stored<Vec<Connection>> {
        let state = self.state()?;
        let wanted = |found: &&Connection| {
            customer.is_none_or(|id| found.customer == id)
                && (found.live || !live_only)
                && page.after.is_none_or(|after| found.id > after)
        };
        capped(state.connections.iter().filter(wanted).cloned(), page.limit)
    }

    async fn connections_allowed_by(&self, person: UserId) -> Stored<Vec<Connection>> {
        let state = self.state()?;
        capped(state.connections.iter().filter(|found| found.authorized_by == person && found.live).cloned(), PAGE_MAX)
    }

    async fn standing(
        &self,
        family: FamilyId,
        connection: ConnectionId,
        app: AppId,
        customer: CustomerId,
        user: UserId,
    ) -> Stored<Standing> {
        let subjects = [connection.into(), app.into(), customer.into(), user.into()];
        Ok(self.state()?.standing(family, connection, subjects))
    }

    async fn families(&self, connection: ConnectionId) -> Stored<Vec<Family>> {
        let state = self.state()?;
        let held = state.held.get(&connection).into_iter().flatten().take(rules::FAMILIES_SHOWN);
        Ok(held.filter_map(|id| state.families.get(id)).cloned().collect())
    }

    async fn first_person(&self, customer: CustomerId, role: Role) -> Stored<Option<Person>> {
        let state = self.state()?;
        let mut fits = state.people.iter().filter(|one| one.active && one.role == role);
        Ok(fits.find(|one| one.customer == Some(customer)).cloned())
    }

    async fn logo(&self, app: AppId) -> Stored<Option<Logo>> {
        Ok(self.state()?.logos.get(&app).cloned())
    }

    async fn consumer(&self, key: &str) -> Stored<Option<ConsumerStanding>> {
        Ok(self.state()?.consumer_where(|one| one.key == key))
    }

    async fn consumer_by_id(&self, id: ConsumerId) -> Stored<Option<ConsumerStanding>> {
        Ok(self.state()?.consumer_where(|one| one.id == id))
    }

    async fn has_consumer(&self, customer: CustomerId) -> Stored<bool> {
        Ok(self.state()?.consumers.iter().any(|one| one.customer == customer && one.active))
    }

    async fn consumer_token(&self, digest: [u8; 32]) -> Stored<Option<ConsumerToken>> {
        Ok(self.state()?.consumer_tokens.get(&digest).cloned())
    }

    async fn temporary(&self, digest: [u8; 32]) -> Stored<Option<Temporary>> {
        Ok(self.state()?.temporaries.get(&digest).cloned())
    }

    async fn exchanged(&self, app: AppId, consumer: ConsumerId) -> Stored<Option<Exchanged>> {
        Ok(self.state()?.exchanges.get(&(app, consumer)).copied())
    }

    async fn legacy(&self, since_day: i64, page: Page<ConsumerId>) -> Stored<Vec<LegacyLine>> {
        let state = self.state()?;
        let wanted = state.consumers.iter().filter(|one| page.after.is_none_or(|after| one.id > after));
        capped(wanted.map(|one| state.legacy_line(one, since_day)), page.limit)
    }

    async fn api_key(&self, digest: [u8; 32]) -> Stored<Option<ApiKey>> {
        Ok(self.state()?.api_keys.iter().find(|key| key.digest == digest).cloned())
    }

    async fn api_key_by_id(&self, id: ApiKeyId) -> Stored<Option<ApiKey>> {
        Ok(self.state()?.api_keys.iter().find(|key| key.id == id).cloned())
    }

    async fn account(&self, customer: CustomerId) -> Stored<Option<Account>> {
        Ok(self.state()?.account(customer))
    }

    async fn account_by_external(&self, id: &str) -> Stored<Option<Account>> {
        let state = self.state()?;
        let customer = state.customers.iter().find(|customer| customer.external_id == id);
        Ok(customer.and_then(|customer| state.account(customer.id)))
    }

    async fn accounts(&self, app: AppId, page: Page<CustomerId>) -> Stored<Vec<Account>> {
        let state = self.state()?;
        let ids = state.accounts.keys().filter(|id| page.after.is_none_or(|after| **id > after));
        capped(ids.filter_map(|id| state.account(*id)).filter(|account| account.app == app), page.limit)
    }

    async fn connection_of(&self, app: AppId, subject: SubjectKey) -> Stored<Option<Connection>> {
        Ok(self.state()?.connection_of(app, subject).cloned())
    }

    async fn counts(&self) -> Stored<Vec<(&'static str, u64)>> {
        Ok(self.state()?.counts())
    }

    async fn audit_check(&self) -> Stored<Result<u64, String>> {
        let state = self.state()?;
        let mut check = audit::Check::new();
        Ok(state.audit.iter().try_for_each(|(line, hash)| check.follow(line, hash)).map(|()| state.audit.len() as u64))
    }

    async fn audit_tail(&self, limit: u32) -> Stored<Vec<AuditRow>> {
        let state = self.state()?;
        let row =
            |line: &audit::Line| (line.number, line.at, line.actor.clone(), line.verb.clone(), line.detail.clone());
        capped(state.audit.iter().rev().map(|(line, _)| row(line)), limit)
    }
}
