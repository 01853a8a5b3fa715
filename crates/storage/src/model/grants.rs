//! The model's changes to what was granted: connections and families.

use causeway_protocol::change::{Allow, CreateFamily, Decide, MoveFamily, Row};
use causeway_protocol::records::{Act, Connection, Cuts, Decided, Family, FeedEvent};
use causeway_protocol::token::Bearer;
use causeway_protocol::{ConnectionId, FamilyId, Position, Subject, SubjectKind, UnixTime, UserId};

use super::State;
use crate::rules;

impl State {
    /// Whether a refresh token or code of this position may still be honoured as far as this subject goes.
    fn permits(&self, subject: impl Into<Subject>, as_of: Position) -> bool {
        let cuts = self.cuts(subject);
        !cuts.off && as_of >= cuts.all
    }

    pub(super) fn decide(&mut self, change: Decide) -> Option<Row> {
        if self.decisions.contains_key(&change.decided.transaction) {
            return None;
        }
        let connection = match &change.allow {
            None => None,
            Some(wanted) => Some(self.allow(wanted, change.decided.at)?),
        };
        let decided = Decided { as_of: self.head(), connection, ..change.decided };
        self.decisions.insert(decided.transaction, decided);
        let subject = change.act.subject.or(connection.map(Into::into));
        self.audit(&Act { subject, ..change.act });
        Some(Row::Decided(decided))
    }

    /// Whether app, customer and person exist and are on; nobody is no person.
    pub(super) fn subjects_stand(&self, wanted: &Allow) -> bool {
        self.apps.iter().any(|one| one.id == wanted.app && one.active)
            && self.customers.iter().any(|one| one.id == wanted.customer && one.active)
            && (wanted.person == UserId::NOBODY || self.people.iter().any(|one| one.id == wanted.person && one.active))
    }

    pub(super) fn allow(&mut self, wanted: &Allow, at: UnixTime) -> Option<ConnectionId> {
        if !self.subjects_stand(wanted) {
            return None;
        }
        let old = self.connection_of(wanted.app, wanted.subject).cloned();
        let id = old.as_ref().map_or(ConnectionId(self.connections.len() as i64 + 1), |old| old.id);
        let new = Connection {
            id,
            app: wanted.app,
            subject: wanted.subject,
            customer: wanted.customer,
            authorized_by: wanted.person,
            scopes: wanted.scopes,
            created_at: old.as_ref().map_or(at, |old| old.created_at),
            allowed_at: at,
            live: true,
            cut_at: None,
            last_used: old.as_ref().and_then(|old| old.last_used),
        };
        self.connections.retain(|one| one.id != id);
        self.connections.push(new);
        self.connections.sort_by_key(|one| one.id);
        if let Some(event) = old.and_then(|old| rules::allowed_again(&old, wanted)) {
            self.take_back(id, event, at);
            if event == FeedEvent::CutAll {
                self.held.remove(&id);
            }
        }
        Some(id)
    }

    pub(super) fn cut_token(&mut self, token: &Bearer, budget: u32, act: &Act) -> Option<Row> {
        let kept = self.cuts_kept();
        let refuses = |subject: &Subject, cuts: &Cuts| {
            rules::refusing(token).contains(subject) && token.as_of < cuts.access.max(cuts.all)
        };
        if kept.iter().any(|(subject, cuts)| refuses(subject, cuts)) {
            return None;
        }
        let singles = FamilyId::lone_of(token.app);
        let is_single =
            |subject: &Subject| subject.kind == SubjectKind::Family && singles.contains(&FamilyId(subject.id));
        if kept.iter().filter(|(subject, _)| is_single(subject)).count() < budget as usize {
            self.take_back(token.family, FeedEvent::CutAll, act.at);
            self.audit(act);
        } else {
            let itself = Subject::app_itself(token.app);
            // Its last cut makes room, unless it is the oldest entry of all.
            let old = self.feed().iter().skip(1).rfind(|entry| entry.subject == itself).map(|entry| entry.position);
            self.replaced.extend(old);
            self.take_back(itself, FeedEvent::CutAll, act.at);
            self.audit(&rules::went_with_all(budget, act));
        }
        Some(Row::None)
    }

    pub(super) fn cut_connection(&mut self, id: ConnectionId, act: &Act) -> Option<Row> {
        self.cut_row(id, act.at)?;
        self.audit(act);
        Some(Row::None)
    }

    pub(super) fn cut_row(&mut self, id: ConnectionId, at: UnixTime) -> Option<()> {
        let connection = self.connections.iter_mut().find(|one| one.id == id && one.live)?;
        connection.live = false;
        connection.cut_at = Some(at);
        self.held.remove(&id);
        self.take_back(id, FeedEvent::CutAll, at);
        Some(())
    }

    pub(super) fn record_use(&mut self, used: &[(ConnectionId, UnixTime)]) -> Option<Row> {
        for (id, at) in used {
            if let Some(connection) = self.connections.iter_mut().find(|one| one.id == *id) {
                connection.last_used = connection.last_used.max(Some(*at));
            }
        }
        Some(Row::None)
    }

    pub(super) fn create_family(&mut self, change: CreateFamily) -> Option<Row> {
        let family = change.family.clone();
        let connection = self.connection(family.connection)?.clone();
        let may = connection.live
            && self.permits(connection.id, change.as_of)
            && self.permits(change.app, change.as_of)
            && self.permits(change.customer, change.as_of)
            && self.permits(change.user, change.as_of)
            && !self.families.contains_key(&family.id);
        if !may {
            return None;
        }
        self.add_family(&family, change.max_families, &change.act);
        Some(Row::Family { family, connection_scopes: connection.scopes })
    }

    /// Inserts a family beside those that its connection holds.
    pub(super) fn add_family(&mut self, family: &Family, max_families: u32, act: &Act) {
        self.audit(act);
        let held = self.held.get(&family.connection).into_iter().flatten();
        let living: Vec<Family> = held
            .filter_map(|id| self.families.get(id))
            .filter(|held| rules::is_living(held, family.moved_at))
            .cloned()
            .collect();
        let mut kept: Vec<FamilyId> = living.iter().map(|family| family.id).collect();
        for id in rules::giving_way(living, max_families) {
            kept.retain(|held| *held != id);
            self.families.entry(id).and_modify(|family| family.repudiated = true);
            self.take_back(id, FeedEvent::CutAll, act.at);
            self.audit(&rules::gave_way(id, max_families, act));
        }
        kept.push(family.id);
        self.held.insert(family.connection, kept);
        self.families.insert(family.id, family.clone());
    }

    pub(super) fn move_family(&mut self, change: MoveFamily) -> Option<Row> {
        let family = self.families.get(&change.family)?;
        let connection = self.connection(change.connection)?;
        let may = family.generation == change.generation
            && family.digest == change.digest
            && !family.repudiated
            && change.now < family.ends_at
            && change.now < family.moved_at + change.idle
            && family.connection == connection.id
            && connection.live
            && connection.scopes.touches(change.wanted)
            && self.permits(change.connection, change.as_of)
            && self.permits(change.app, change.as_of)
            && self.permits(change.customer, change.as_of)
            && self.permits(change.user, change.as_of);
        if !may {
            return None;
        }
        let moved = Family {
            generation: family.generation + 1,
            moved_at: change.now,
            key_id: change.key_id,
            retry: change.retry,
            ..family.clone()
        };
        let connection_scopes = connection.scopes;
        self.families.insert(moved.id, moved.clone());
        Some(Row::Family { family: moved, connection_scopes })
    }

    pub(super) fn repudiate(&mut self, id: FamilyId, act: &Act) -> Option<Row> {
        self.families.get_mut(&id).filter(|family| !family.repudiated)?.repudiated = true;
        self.take_back(id, FeedEvent::CutAll, act.at);
        self.audit(act);
        Some(Row::None)
    }
}
