//! The model's accounts that apps register, each a customer, and API keys.

use causeway_protocol::change::Row;
use causeway_protocol::legacy::{Account, ApiKey};
use causeway_protocol::records::{Act, Customer, FeedEvent};
use causeway_protocol::{ApiKeyId, AppId, ConnectionId, CustomerId};

use super::State;
use crate::rules;

impl State {
    /// An account with the id and name of its customer.
    pub(super) fn account(&self, id: CustomerId) -> Option<Account> {
        let account = self.accounts.get(&id)?.clone();
        let customer = self.customers.iter().find(|customer| customer.id == id)?;
        Some(Account { external_id: customer.external_id.clone(), name: customer.name.clone(), ..account })
    }

    pub(super) fn register_account(&mut self, account: Account, act: Act) -> Option<Row> {
        if self.customers.iter().any(|known| known.external_id == account.external_id) {
            return None;
        }
        if self.account_ids.get(&account.external_id).is_some_and(|app| *app != account.app) {
            return None;
        }
        self.account_ids.insert(account.external_id.clone(), account.app);
        let id = CustomerId(self.customers.len() as i64 + 1);
        let (external_id, name) = (account.external_id.clone(), account.name.clone());
        let customer = Customer { id, external_id, name, active: true, sites: Vec::new() };
        self.customers.push(customer.clone());
        self.accounts.insert(id, Account { customer: id, ..account });
        self.audit_on(id, act);
        Some(Row::Customer(customer))
    }

    pub(super) fn edit_account(&mut self, wanted: &Account, act: Act) -> Option<Row> {
        let id = wanted.customer;
        let old = self.account(id).filter(|old| old.app == wanted.app)?;
        let new = rules::edited(&old, wanted);
        if new == old {
            return Some(Row::None);
        }
        self.customers.iter_mut().filter(|one| one.id == id).for_each(|one| one.name.clone_from(&new.name));
        self.accounts.insert(id, new);
        self.take_back(id, FeedEvent::Changed, act.at);
        self.audit_on(id, act);
        Some(Row::None)
    }

    pub(super) fn delete_account(&mut self, id: CustomerId, app: AppId, act: Act) -> Option<Row> {
        self.accounts.get(&id).filter(|account| account.app == app)?;
        self.accounts.remove(&id);
        let live = self.connections.iter().filter(|one| one.customer == id && one.live);
        for connection in live.map(|one| one.id).collect::<Vec<ConnectionId>>() {
            self.cut_row(connection, act.at)?;
            self.audit(&rules::went_with_account(connection, &act));
        }
        let customer = self.customers.iter_mut().find(|one| one.id == id)?;
        customer.external_id = rules::deleted_id(id);
        let was_active = std::mem::replace(&mut customer.active, false);
        for event in rules::customer_deleted(was_active) {
            self.take_back(id, event, act.at);
        }
        self.audit_on(id, act);
        Some(Row::None)
    }

    pub(super) fn put_api_key(&mut self, key: ApiKey, act: Act) -> Row {
        let at = self.api_keys.iter().position(|known| known.digest == key.digest);
        let old = at.map(|at| self.api_keys[at].clone());
        let id = old.as_ref().map_or(ApiKeyId(self.api_keys.len() as i64 + 1), |old| old.id);
        let new = ApiKey { id, ..key };
        if old.as_ref() == Some(&new) {
            return Row::None;
        }
        match at {
            Some(at) => self.api_keys[at] = new.clone(),
            None => self.api_keys.push(new.clone()),
        }
        for event in rules::api_key_put(old.as_ref(), &new) {
            self.take_back(id, event, act.at);
        }
        self.audit_on(id, act);
        Row::None
    }
}
