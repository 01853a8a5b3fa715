//! The model's changes to what is configured: apps, customers, people, sessions, scopes, seeds and switches.

use causeway_protocol::change::{Applied, Row, scopes_event};
use causeway_protocol::legacy::Logo;
use causeway_protocol::records::{Act, App, Customer, FeedEntry, FeedEvent, Person, Session, Site};
use causeway_protocol::scope::MAX_SCOPES;
use causeway_protocol::{AppId, Change, CustomerId, Outcome, SiteId, Subject, SubjectKind, UnixTime, UserId};

use super::State;
use crate::{audit, rules};

impl State {
    pub(super) fn apply(&mut self, change: Change) -> Outcome {
        let before = self.history.len();
        match self.change(change) {
            None => Outcome::Stale,
            Some(row) => {
                Outcome::Applied(Applied { position: self.head(), feed: self.history[before..].to_vec(), row })
            }
        }
    }

    /// `None` is stale. Whoever answers `None` has written nothing.
    fn change(&mut self, change: Change) -> Option<Row> {
        match change {
            Change::Decide(change) => self.decide(change),
            Change::CreateFamily(change) => self.create_family(change),
            Change::MoveFamily(change) => self.move_family(change),
            Change::RepudiateFamily { family, act } => self.repudiate(family, &act),
            Change::CutToken { bearer, budget, act } => self.cut_token(&bearer, budget, &act),
            Change::CutConnection { connection, act } => self.cut_connection(connection, &act),
            Change::RecordUse(used) => self.record_use(&used),
            Change::CutAudience { audience, act } => {
                self.take_back(audience, FeedEvent::CutAccess, act.at);
                self.audit(&act);
                Some(Row::None)
            }
            Change::Switch { subject, active, act } => self.switch(subject, active, &act),
            Change::SetAppScopes { app, scopes, act } => {
                let at = self.apps.iter().position(|known| known.id == app)?;
                let event = scopes_event(self.apps[at].scopes, scopes);
                self.apps[at].scopes = scopes;
                self.take_back(app, event, act.at);
                self.audit(&act);
                Some(Row::None)
            }
            Change::SetAppSecrets { app, expected, secrets, act } => {
                let at = self.apps.iter().position(|known| known.id == app && known.secrets == expected)?;
                self.apps[at].secrets = secrets;
                self.take_back(app, FeedEvent::Changed, act.at);
                self.audit(&act);
                Some(Row::None)
            }
            Change::SetPassword { person, password, end_sessions, act } => {
                self.people.iter_mut().find(|known| known.id == person)?.password = password;
                if end_sessions {
                    self.sessions.retain(|_, session| session.person != person);
                }
                act.iter().for_each(|act| self.audit(act));
                Some(Row::None)
            }
            Change::StartSession(session) => self.start_session(session),
            Change::TouchSession { digest, seen_at } => {
                let session = self.sessions.get_mut(&digest)?;
                session.seen_at = session.seen_at.max(seen_at);
                Some(Row::None)
            }
            Change::EndSession(digest) => self.sessions.remove(&digest).map(|_| Row::None),
            Change::PutApp(app, act) => Some(self.put_app(app, act)),
            Change::PutCustomer(customer, act) => Some(self.put_customer(customer, act)),
            Change::PutPerson(person, act) => Some(self.put_person(person, act)),
            Change::RegisterScopes(words) => self.register_scopes(words),
            Change::MarkSeed(digest) => self.seeds.insert(digest).then_some(Row::None),
            Change::RaiseAccessLife(life) => {
                self.longest_access_life = self.longest_access_life.max(life);
                Some(Row::None)
            }
            Change::Sweep(sweep) => {
                self.sweep(&sweep);
                Some(Row::None)
            }
            Change::ReplaceApp { expected, app, act } => self.replace_app(&expected, *app, act),
            Change::SetLogo { app, logo, act } => self.set_logo(app, logo, act),
            Change::SpendOnce { digest, expires_at } => {
                let new = !self.spent.contains_key(&digest);
                self.spent.entry(digest).or_insert(expires_at);
                new.then_some(Row::None)
            }
            Change::PutConsumer(consumer, act) => Some(self.put_consumer(consumer, act)),
            Change::PutConsumerToken(token, act) => Some(self.put_consumer_token(token, act)),
            Change::BeginLegacy(temporary) => self.begin_legacy(temporary),
            Change::AllowLegacy { digest, person, verifier, act } => self.allow_legacy(digest, person, verifier, act),
            Change::FinishLegacy { digest, token, act } => self.finish_legacy(digest, token, act),
            Change::ExtendLegacy { customer, until, act } => self.extend_legacy(customer, until, act),
            Change::RecordLegacy(uses) => Some(self.record_legacy(uses)),
            Change::Exchange(change) => self.exchange(change),
            Change::ReopenExchange { app, consumer, act } => self.reopen_exchange(app, consumer, act),
            Change::PutApiKey(key, act) => Some(self.put_api_key(key, act)),
            Change::RegisterAccount(account, act) => self.register_account(account, act),
            Change::EditAccount(account, act) => self.edit_account(&account, act),
            Change::DeleteAccount { customer, app, act } => self.delete_account(customer, app, act),
        }
    }

    /// An audit row, on this subject unless the act names another.
    pub(super) fn audit_on(&mut self, subject: impl Into<Subject>, act: Act) {
        self.audit(&Act { subject: act.subject.or(Some(subject.into())), ..act });
    }

    pub(super) fn take_back(&mut self, subject: impl Into<Subject>, event: FeedEvent, at: UnixTime) {
        let (position, subject) = (self.head().next(), subject.into());
        self.history.push(FeedEntry { position, at, subject, event });
    }

    pub(super) fn audit(&mut self, act: &Act) {
        let line = audit::Line::of(self.audit.len() as i64 + 1, act);
        let hash = line.chained_to(self.audit.last().map_or(&audit::START, |(_, hash)| hash));
        self.audit.push((line, hash));
    }

    fn switch(&mut self, subject: Subject, active: bool, act: &Act) -> Option<Row> {
        let mut sites = self.customers.iter_mut().flat_map(|customer| &mut customer.sites);
        let switch = match subject.kind {
            SubjectKind::Site => sites.find(|site| site.id.0 == subject.id).map(|site| &mut site.active),
            SubjectKind::App => self.apps.iter_mut().find(|app| app.id.0 == subject.id).map(|app| &mut app.active),
            SubjectKind::User => self.people.iter_mut().find(|one| one.id.0 == subject.id).map(|one| &mut one.active),
            SubjectKind::Customer => {
                let known = self.customers.iter_mut().find(|one| one.id.0 == subject.id);
                known.filter(|one| !rules::is_deleted(&one.external_id)).map(|one| &mut one.active)
            }
            SubjectKind::Consumer => {
                self.consumers.iter_mut().find(|one| one.id.0 == subject.id).map(|one| &mut one.active)
            }
            SubjectKind::ApiKey => {
                self.api_keys.iter_mut().find(|one| one.id.0 == subject.id).map(|one| &mut one.active)
            }
            SubjectKind::Family | SubjectKind::Connection | SubjectKind::Audience | SubjectKind::AppItself => None,
        }?;
        if *switch == active {
            return None;
        }
        *switch = active;
        self.take_back(subject, if active { FeedEvent::On } else { FeedEvent::Off }, act.at);
        self.audit(act);
        Some(Row::None)
    }

    fn start_session(&mut self, session: Session) -> Option<Row> {
        let person = self.people.iter().find(|person| person.id == session.person)?;
        if !person.active || self.sessions.contains_key(&session.digest) {
            return None;
        }
        self.sessions.insert(session.digest, session);
        Some(Row::None)
    }

    fn put_app(&mut self, app: App, act: Act) -> Row {
        let at = self.apps.iter().position(|known| known.client_id == app.client_id);
        let old = at.map(|at| self.apps[at].clone());
        let id = old.as_ref().map_or(AppId(self.apps.len() as i64 + 1), |old| old.id);
        let new = App { id, logo: old.as_ref().and_then(|old| old.logo), ..app };
        if old.as_ref() == Some(&new) {
            return Row::App(new);
        }
        match at {
            Some(at) => self.apps[at] = new.clone(),
            None => self.apps.push(new.clone()),
        }
        for event in rules::app_put(old.as_ref(), &new) {
            self.take_back(id, event, act.at);
        }
        self.audit_on(id, act);
        Row::App(new)
    }

    fn replace_app(&mut self, expected: &App, app: App, act: Act) -> Option<Row> {
        let old = self.apps.iter().find(|known| *known == expected)?;
        if (old.id, &old.client_id) != (app.id, &app.client_id) {
            return None;
        }
        // To put it is the same, now that it stands as expected.
        Some(self.put_app(app, act))
    }

    fn set_logo(&mut self, id: AppId, logo: Option<Logo>, act: Act) -> Option<Row> {
        let app = self.apps.iter_mut().find(|known| known.id == id)?;
        if self.logos.get(&id) == logo.as_ref() {
            return Some(Row::App(app.clone()));
        }
        app.logo = logo.as_ref().map(rules::logo_digest);
        let row = Row::App(app.clone());
        match logo {
            None => self.logos.remove(&id),
            Some(logo) => self.logos.insert(id, logo),
        };
        self.take_back(id, FeedEvent::Changed, act.at);
        self.audit_on(id, act);
        Some(row)
    }

    fn put_customer(&mut self, customer: Customer, act: Act) -> Row {
        let at = self.customers.iter().position(|known| known.external_id == customer.external_id);
        let old = at.map(|at| self.customers[at].clone());
        let id = old.as_ref().map_or(CustomerId(self.customers.len() as i64 + 1), |old| old.id);
        let mut next_site = self.customers.iter().map(|known| known.sites.len() as i64).sum::<i64>();
        let mut sites = old.as_ref().map_or_else(Vec::new, |old| old.sites.clone());
        for site in customer.sites {
            match sites.iter_mut().find(|known| known.external_id == site.external_id) {
                Some(known) => *known = Site { id: known.id, ..site },
                None => {
                    next_site += 1;
                    sites.push(Site { id: SiteId(next_site), ..site });
                }
            }
        }
        let new = Customer { id, sites, ..customer };
        if old.as_ref() == Some(&new) {
            return Row::Customer(new);
        }
        match at {
            Some(at) => self.customers[at] = new.clone(),
            None => self.customers.push(new.clone()),
        }
        for (subject, event) in rules::customer_put(old.as_ref(), &new) {
            self.take_back(subject, event, act.at);
        }
        self.audit_on(id, act);
        Row::Customer(new)
    }

    fn put_person(&mut self, person: Person, act: Act) -> Row {
        let email = person.email.to_lowercase();
        let at = self.people.iter().position(|known| known.email == email);
        let old = at.map(|at| self.people[at].clone());
        let id = old.as_ref().map_or(UserId(self.people.len() as i64 + 1), |old| old.id);
        let new = Person { id, email, teams: rules::teams(&person.teams), ..person };
        if old.as_ref() == Some(&new) {
            return Row::Person(id);
        }
        match at {
            Some(at) => self.people[at] = new.clone(),
            None => self.people.push(new.clone()),
        }
        for event in rules::person_put(old.as_ref(), &new) {
            self.take_back(id, event, act.at);
        }
        self.audit_on(id, act);
        Row::Person(id)
    }

    fn register_scopes(&mut self, wanted: Vec<String>) -> Option<Row> {
        let mut words = self.scopes.clone();
        for word in wanted {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        if words.len() > MAX_SCOPES {
            return None;
        }
        self.scopes.clone_from(&words);
        Some(Row::Scopes(words))
    }
}
