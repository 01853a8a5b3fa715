//! The model's OAuth 1.0: consumers, their tokens, temporary credentials, exchanges, and who still calls.

use std::collections::BTreeMap;

use causeway_protocol::change::{Exchange, Row};
use causeway_protocol::legacy::{
    Consumer, ConsumerStanding, ConsumerToken, Exchanged, LegacyLine, LegacyUse, Temporary,
};
use causeway_protocol::records::{Act, Family, FeedEvent};
use causeway_protocol::{AppId, ConsumerId, CustomerId, UnixTime, UserId};

use super::State;
use crate::rules;

impl State {
    pub(super) fn consumer_where(&self, wanted: impl Fn(&Consumer) -> bool) -> Option<ConsumerStanding> {
        let consumer = self.consumers.iter().find(|one| wanted(one))?.clone();
        let extended_until = self.extended.get(&consumer.customer).copied();
        Some(ConsumerStanding { consumer, extended_until })
    }

    pub(super) fn legacy_line(&self, consumer: &Consumer, since_day: i64) -> LegacyLine {
        let customer = self.customers.iter().find(|one| one.id == consumer.customer);
        let mut routes: BTreeMap<&str, u64> = BTreeMap::new();
        for ((_, _, route), calls) in
            self.legacy_use.iter().filter(|(key, _)| key.0 == consumer.id && key.1 >= since_day)
        {
            *routes.entry(route).or_default() += calls;
        }
        let busiest = routes.iter().rev().max_by_key(|(_, calls)| **calls);
        LegacyLine {
            consumer: consumer.id,
            key: consumer.key.clone(),
            customer: consumer.customer,
            customer_external: customer.map(|one| one.external_id.clone()).unwrap_or_default(),
            customer_name: customer.map(|one| one.name.clone()).unwrap_or_default(),
            active: consumer.active,
            extended_until: self.extended.get(&consumer.customer).copied(),
            calls: routes.values().sum(),
            route: busiest.map(|(route, _)| (*route).to_owned()),
            last_at: self.last_legacy.get(&consumer.id).copied(),
            exchanges: self.exchanges.keys().filter(|(_, one)| *one == consumer.id).count() as u64,
        }
    }

    fn consumer_stands(&self, id: ConsumerId) -> bool {
        self.consumers.iter().any(|one| one.id == id && one.active)
    }

    pub(super) fn put_consumer(&mut self, consumer: Consumer, act: Act) -> Row {
        let at = self.consumers.iter().position(|known| known.key == consumer.key);
        let old = at.map(|at| self.consumers[at].clone());
        let id = old.as_ref().map_or(ConsumerId(self.consumers.len() as i64 + 1), |old| old.id);
        let new = Consumer { id, ..consumer };
        if old.as_ref() == Some(&new) {
            return Row::None;
        }
        match at {
            Some(at) => self.consumers[at] = new.clone(),
            None => self.consumers.push(new.clone()),
        }
        for event in rules::consumer_put(old.as_ref(), &new) {
            self.take_back(id, event, act.at);
        }
        self.audit_on(id, act);
        Row::None
    }

    pub(super) fn put_consumer_token(&mut self, token: ConsumerToken, act: Act) -> Row {
        if !self.consumer_tokens.contains_key(&token.digest) {
            self.audit_on(token.consumer, act);
            self.consumer_tokens.insert(token.digest, token);
        }
        Row::None
    }

    pub(super) fn begin_legacy(&mut self, new: Temporary) -> Option<Row> {
        if !self.consumer_stands(new.consumer) || self.temporaries.contains_key(&new.digest) {
            return None;
        }
        self.temporaries.insert(new.digest, new);
        Some(Row::None)
    }

    pub(super) fn allow_legacy(
        &mut self,
        digest: [u8; 32],
        person: UserId,
        verifier: [u8; 32],
        act: Act,
    ) -> Option<Row> {
        let held = self.temporaries.get(&digest)?;
        if held.allowed.is_some() || act.at >= held.expires_at || !self.consumer_stands(held.consumer) {
            return None;
        }
        let consumer = held.consumer;
        self.temporaries.entry(digest).and_modify(|held| held.allowed = Some((person, verifier)));
        self.audit_on(consumer, act);
        Some(Row::None)
    }

    pub(super) fn finish_legacy(&mut self, digest: [u8; 32], token: ConsumerToken, act: Act) -> Option<Row> {
        let held = self.temporaries.get(&digest)?;
        let may = rules::may_finish(held, &token, act.at)
            && self.consumer_stands(held.consumer)
            && !self.consumer_tokens.contains_key(&token.digest);
        if !may {
            return None;
        }
        self.temporaries.remove(&digest);
        self.audit_on(token.consumer, act);
        self.consumer_tokens.insert(token.digest, token);
        Some(Row::None)
    }

    pub(super) fn extend_legacy(&mut self, id: CustomerId, until: Option<UnixTime>, act: Act) -> Option<Row> {
        self.customers.iter().find(|one| one.id == id)?;
        match until {
            None => self.extended.remove(&id),
            Some(until) => self.extended.insert(id, until),
        };
        self.audit_on(id, act);
        Some(Row::None)
    }

    pub(super) fn record_legacy(&mut self, uses: Vec<LegacyUse>) -> Row {
        for one in uses {
            if one.calls == 0 || !self.consumers.iter().any(|known| known.id == one.consumer) {
                continue;
            }
            let last = self.last_legacy.entry(one.consumer).or_insert(one.last_at);
            *last = (*last).max(one.last_at);
            let calls = self.legacy_use.entry((one.consumer, one.day, one.route)).or_default();
            *calls += u64::from(rules::counted(one.calls));
        }
        Row::None
    }

    pub(super) fn exchange(&mut self, change: Exchange) -> Option<Row> {
        let (allow, at, key) = (&change.allow, change.act.at, (change.allow.app, change.consumer));
        let old = self.connection_of(allow.app, allow.subject).cloned();
        let may = self.consumer_stands(change.consumer)
            && self.subjects_stand(allow)
            && rules::may_exchange(self.exchanges.get(&key), old.as_ref(), allow)
            && !self.families.contains_key(&change.family.id);
        if !may {
            return None;
        }
        let connection = match old.filter(|old| old.live) {
            None => self.allow(allow, at)?,
            Some(old) => {
                let wider = rules::widened(&old, allow);
                if wider != old.scopes {
                    self.connections.iter_mut().filter(|one| one.id == old.id).for_each(|one| one.scopes = wider);
                    self.take_back(old.id, FeedEvent::Changed, at);
                }
                old.id
            }
        };
        let family = Family { connection, ..change.family };
        let act = Act { subject: change.act.subject.or(Some(connection.into())), ..change.act };
        self.add_family(&family, change.max_families, &act);
        let (app, consumer) = key;
        let mark = Exchanged { app, consumer, family: family.id, connection, at, reopened: false };
        self.exchanges.insert(key, mark);
        let connection_scopes = self.connection(connection)?.scopes;
        Some(Row::Family { family, connection_scopes })
    }

    pub(super) fn reopen_exchange(&mut self, app: AppId, consumer: ConsumerId, act: Act) -> Option<Row> {
        self.exchanges.get_mut(&(app, consumer)).filter(|mark| !mark.reopened)?.reopened = true;
        self.audit_on(consumer, act);
        Some(Row::None)
    }
}
