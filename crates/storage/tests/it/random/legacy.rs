//! The driver's changes to what stands beside connections: OAuth 1.0, API keys, accounts, logos, things used once.

use causeway_protocol::legacy::{Account, LegacyUse, Logo, SealedSecret, Temporary};
use causeway_protocol::records::SubjectKey;
use causeway_protocol::time::Seconds;
use causeway_protocol::{AppId, Change, ConsumerId, CustomerId, Row, ScopeSet, UserId};
use causeway_storage::Engine;

use super::Driver;
use crate::fixture::{World, account, api_key, app, consumer, consumer_token, family_id, temporary};

impl Driver {
    fn below(&mut self, bound: u64) -> i64 {
        self.random.below(bound) as i64
    }

    fn consumer(&mut self) -> ConsumerId {
        ConsumerId(self.below(4) + 1)
    }

    fn app(&mut self) -> AppId {
        AppId(self.below(3) + 1)
    }

    /// Mostly one of the last few, with the app that registered it.
    fn known_account(&mut self) -> (CustomerId, AppId) {
        let known = self.accounts.iter().rev().take(3).copied().collect::<Vec<_>>();
        if known.is_empty() || self.random.one_in(5) {
            return (CustomerId(self.below(12) + 1), self.app());
        }
        self.random.pick(&known)
    }

    /// Mostly one of the last few.
    fn temporary(&mut self) -> (u8, ConsumerId, UserId) {
        let known = self.temporaries.iter().rev().take(3).copied().collect::<Vec<_>>();
        if known.is_empty() || self.random.one_in(5) {
            return (self.below(60) as u8, self.consumer(), UserId(1));
        }
        self.random.pick(&known)
    }

    pub(super) fn learn_legacy(&mut self, change: &Change, row: &Row) {
        match (change, row) {
            (Change::RegisterAccount(account, _), Row::Customer(made)) => self.accounts.push((made.id, account.app)),
            (Change::BeginLegacy(one), _) => self.temporaries.push((one.digest[0], one.consumer, UserId(1))),
            (Change::AllowLegacy { digest, person, .. }, _) => {
                self.temporaries.iter_mut().filter(|one| one.0 == digest[0]).for_each(|one| one.2 = *person);
            }
            _ => {}
        }
    }

    pub(super) fn legacy_change(&mut self, world: &World<Engine>) -> (&'static str, Change) {
        match self.random.below(28) {
            0..3 => {
                let expires_at = self.now + Seconds(self.below(200));
                ("SpendOnce", Change::SpendOnce { digest: [self.below(20) as u8; 16], expires_at })
            }
            3 => {
                let key = self.random.pick(&["k1", "k2", "k3"]);
                let mut one = consumer(key, CustomerId(self.below(3) + 1));
                one.active = !self.random.one_in(5);
                one.secret = SealedSecret(format!("secret {}", self.below(2)));
                ("PutConsumer", Change::PutConsumer(one, self.act("consumer.put")))
            }
            4 => {
                let token = consumer_token(self.below(8) as u8, self.consumer(), UserId(self.below(2)));
                ("PutConsumerToken", Change::PutConsumerToken(token, self.act("consumer_token.put")))
            }
            5..7 => {
                let consumer = self.consumer();
                let expires_at = self.now + Seconds(self.below(2000));
                let one = Temporary { expires_at, ..temporary(self.below(60) as u8, consumer) };
                ("BeginLegacy", Change::BeginLegacy(one))
            }
            7..9 => {
                let (digest, person) = ([self.temporary().0; 32], UserId(self.below(2) + 1));
                let act = self.act("consumer_token.allowed");
                ("AllowLegacy", Change::AllowLegacy { digest, person, verifier: [self.below(9) as u8; 32], act })
            }
            9..12 => {
                let (n, consumer, person) = self.temporary();
                let token = consumer_token(self.below(250) as u8, consumer, person);
                let act = self.act("consumer_token.created");
                ("FinishLegacy", Change::FinishLegacy { digest: [n; 32], token, act })
            }
            12..16 => ("Exchange", self.exchange(world)),
            16 => {
                let (app, consumer) = (self.app(), ConsumerId(self.below(2) + 1));
                ("ReopenExchange", Change::ReopenExchange { app, consumer, act: self.act("exchange.reopened") })
            }
            17 => {
                let until = self.random.one_in(2).then_some(self.now);
                let customer = CustomerId(self.below(6));
                ("ExtendLegacy", Change::ExtendLegacy { customer, until, act: self.act("legacy.extended") })
            }
            18 => ("RecordLegacy", Change::RecordLegacy((0..3).map(|_| self.use_of_legacy()).collect())),
            19 => {
                let mut key = api_key(self.below(4) as u8, Some(CustomerId(self.below(3))), None);
                key.active = !self.random.one_in(4);
                ("PutApiKey", Change::PutApiKey(key, self.act("api_key.put")))
            }
            20..22 => {
                let one = self.account();
                ("RegisterAccount", Change::RegisterAccount(one, self.act("account.registered")))
            }
            22..24 => {
                let (customer, app) = self.known_account();
                let mut one = Account { customer, app, ..self.account() };
                one.currency = self.random.pick(&["CHF", "EUR"]).to_owned();
                ("EditAccount", Change::EditAccount(one, self.act("account.edited")))
            }
            24 => {
                let (customer, app) = self.known_account();
                ("DeleteAccount", Change::DeleteAccount { customer, app, act: self.act("account.deleted") })
            }
            25 => {
                let bytes = vec![self.below(3) as u8; 9];
                let logo = (!self.random.one_in(3)).then(|| Logo { content_type: "image/png".to_owned(), bytes });
                ("SetLogo", Change::SetLogo { app: AppId(self.below(4)), logo, act: self.act("app.logo") })
            }
            _ => {
                let expected = Box::new(app("one"));
                let act = self.act("app.edited");
                // The caller knows what stands, mostly.
                ("ReplaceApp", Change::ReplaceApp { app: expected.clone(), expected, act })
            }
        }
    }

    fn exchange(&mut self, world: &World<Engine>) -> Change {
        if !self.random.one_in(6) {
            self.next += 1;
        }
        let mut change = world.exchange(self.next, self.consumer(), u128::from(self.random.below(16)));
        change.family.id = family_id(self.next);
        (change.family.moved_at, change.family.ends_at) = (self.now, self.now + Seconds(3000));
        change.max_families = self.random.below(4) as u32;
        change.act = self.act("connection.exchanged");
        let customer = if self.random.one_in(4) { self.known_account().0 } else { CustomerId(self.below(3) + 1) };
        change.allow.app = self.app();
        change.allow.person = UserId(self.below(3));
        change.allow.scopes = ScopeSet(u128::from(self.random.below(16)));
        change.allow.customer = customer;
        let user = SubjectKey::User(UserId(self.below(3) + 1));
        change.allow.subject = if self.random.one_in(4) { user } else { SubjectKey::Customer(customer) };
        Change::Exchange(change)
    }

    fn use_of_legacy(&mut self) -> LegacyUse {
        LegacyUse {
            consumer: self.consumer(),
            day: self.now.0 / 86_400 - 380 - self.below(30),
            route: self.random.pick(&["GET /a", "GET /b"]).to_owned(),
            calls: self.random.below(4),
            last_at: self.now - Seconds(self.below(100)),
        }
    }

    fn account(&mut self) -> Account {
        account(self.app(), self.random.pick(&["a1", "a2", "a3", "c1"]))
    }
}
