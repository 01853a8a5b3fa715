//! The second account: what was issued, what was taken back since, and hence what must not be accepted. It looks only at
//! operations and replies; of the tokens it reads the family and generation, to know which is whose.

use std::collections::{BTreeMap, BTreeSet};

use causeway_protocol::token::{AccessToken, Code};
use causeway_protocol::{FamilyId, ScopeSet, UnixTime};

use super::world::{Operation, PUBLIC, Switched, World, family_of};

pub(super) struct CodeText {
    pub(super) text: String,
    pub(super) app: usize,
    pub(super) challenge: bool,
    pub(super) family: FamilyId,
    pub(super) issued: usize,
}

pub(super) struct TokenText {
    pub(super) text: String,
    pub(super) app: usize,
    pub(super) family: FamilyId,
    pub(super) issued: usize,
}

/// One authorization, as the ledger knows it.
struct Authorization {
    app: usize,
    customer: usize,
    scopes: ScopeSet,
}

#[derive(Default)]
pub(super) struct Ledger {
    step: usize,
    pub(super) codes: Vec<CodeText>,
    pub(super) refresh_tokens: Vec<TokenText>,
    pub(super) access_tokens: Vec<TokenText>,
    /// Refreshes under a key: the token presented, by whom, the key.
    pub(super) keyed: Vec<(String, usize, String)>,
    authorizations: BTreeMap<FamilyId, Authorization>,
    /// Generation reached by a move that was not a resend.
    reached: BTreeMap<FamilyId, u32>,
    redeemed: BTreeSet<FamilyId>,
    /// When a family died for good.
    dead: BTreeMap<FamilyId, usize>,
    /// When all connections of (customer, app) were cut last.
    cut: BTreeMap<(usize, usize), usize>,
    /// When access was last cut for a subject.
    access_cut: BTreeMap<Switched, usize>,
    off: BTreeSet<Switched>,
    app_scopes: BTreeMap<usize, ScopeSet>,
    /// What the customer allowed last: older families may not hold more than that either.
    connection_scopes: BTreeMap<(usize, usize), ScopeSet>,
}

type Broken = Result<(), String>;

fn must(holds: bool, else_says: &str) -> Broken {
    if holds { Ok(()) } else { Err(else_says.to_owned()) }
}

impl Ledger {
    /// Books one operation and its answer; `Err` names the promise that was broken.
    pub(super) fn account(&mut self, world: &World, operation: &Operation, answer: &str) -> Broken {
        self.step += 1;
        let accepted = answer.starts_with('{') || answer == "ok";
        match operation {
            Operation::Allow { app, customer, scopes, challenge } if accepted => {
                self.stands(*app, *customer)?;
                self.allowed(world, *app, *customer, *scopes, *challenge, answer)
            }
            Operation::Redeem { code, app, key, .. } => self.redeemed(world, code, *app, key.as_ref(), answer),
            Operation::Refresh { token, app, key, lose_reply, scope } => {
                if let Some(key) = key.as_ref().filter(|_| scope.is_none()) {
                    self.keyed.push((token.clone(), *app, key.clone()));
                }
                self.refreshed(world, token, *app, answer, *lose_reply)
            }
            Operation::Retry { token, app, .. } => self.refreshed(world, token, *app, answer, false),
            Operation::Revoke { token, app } if accepted => {
                let (family, _) = family_of(&world.sqlite.node, token);
                if self.authorizations[&family].app == *app {
                    self.dead.insert(family, self.step);
                }
                Ok(())
            }
            Operation::Call { token } if accepted => self.called(world, token),
            Operation::Cut { customer, app } if accepted => {
                self.cut.insert((*customer, *app), self.step);
                Ok(())
            }
            Operation::Switch { what, active } if accepted => {
                if *active {
                    self.off.remove(what);
                } else {
                    self.off.insert(*what);
                    self.access_cut.insert(*what, self.step);
                }
                Ok(())
            }
            Operation::SetScopes { app, scopes } if accepted => {
                let before = self.app_scopes.insert(*app, *scopes).unwrap_or(world.all_scopes);
                if !before.within(*scopes) {
                    self.access_cut.insert(Switched::App(*app), self.step);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn allowed(
        &mut self,
        world: &World,
        app: usize,
        customer: usize,
        scopes: ScopeSet,
        challenge: bool,
        answer: &str,
    ) -> Broken {
        let text = field(answer, "code");
        let node = &world.sqlite.node;
        let code: Code = node.ring().open(&node.profile.token.prefixes.code, &text, node.now()).expect("ours");
        let family = code.bearer.family;
        must(scopes.within(self.scopes_of(world, app)), "a scope was allowed that the app has not")?;
        must(!self.authorizations.contains_key(&family), "two codes share a family")?;
        self.authorizations.insert(family, Authorization { app, customer, scopes });
        self.connection_scopes.insert((customer, app), scopes);
        self.codes.push(CodeText { text, app, challenge, family, issued: self.step });
        Ok(())
    }

    fn redeemed(&mut self, world: &World, code: &str, app: usize, key: Option<&String>, answer: &str) -> Broken {
        let code = self.codes.iter().find(|known| known.text == code).expect("drawn from here");
        let (family, issued, owner) = (code.family, code.issued, code.app);
        if answer == "C-504" {
            // Revoked now, or before: either way nothing of it may be accepted from here on.
            self.dead.entry(family).or_insert(self.step);
        }
        if !answer.starts_with('{') {
            return Ok(());
        }
        must(app == owner, "a code was redeemed by another app")?;
        self.not_taken_back(family, issued)?;
        let again = !self.redeemed.insert(family);
        must(!again || key.is_some(), "a code was redeemed twice")?;
        self.issued(world, family, answer, 0, again)
    }

    fn refreshed(&mut self, world: &World, token: &str, app: usize, answer: &str, lost: bool) -> Broken {
        let (family, generation) = family_of(&world.sqlite.node, token);
        let issued = self.refresh_tokens.iter().find(|known| known.text == token).expect("drawn from here").issued;
        if answer == "C-513" {
            self.dead.entry(family).or_insert(self.step);
        }
        if !answer.starts_with('{') {
            return Ok(());
        }
        must(app == self.authorizations[&family].app, "a refresh token was used by another app")?;
        self.not_taken_back(family, issued)?;
        let reached = self.reached[&family];
        must(generation == reached || generation + 1 == reached, "an older refresh token was accepted")?;
        let again = generation + 1 == reached;
        must(
            !again || app != PUBLIC || self.keyed.iter().any(|(known, ..)| known == token),
            "a used refresh token was accepted",
        )?;
        if lost {
            // The client never saw it: the successor exists, but nobody here may draw it.
            self.reached.insert(family, generation + 1);
            return Ok(());
        }
        self.issued(world, family, answer, generation + 1, again)
    }

    /// What a reply hands out: the right family and generation, never more than was allowed.
    fn issued(&mut self, world: &World, family: FamilyId, answer: &str, generation: u32, again: bool) -> Broken {
        let node = &world.sqlite.node;
        let authorization = &self.authorizations[&family];
        let (access, refresh) = (field(answer, "access_token"), field(answer, "refresh_token"));
        must(family_of(node, &refresh) == (family, generation), "the successor is of another family or generation")?;
        let token: AccessToken =
            node.ring().open(&node.profile.token.prefixes.access, &access, node.now()).expect("ours");
        let allowed = self.connection_scopes[&(authorization.customer, authorization.app)];
        let most = authorization.scopes.intersect(allowed).intersect(self.scopes_of(world, authorization.app));
        must(token.scopes.within(most), "a scope was gained")?;
        must(token.bearer.customer.0 == authorization.customer as i64 + 1, "a customer was gained")?;
        must(token.bearer.app.0 == authorization.app as i64 + 1, "an app was gained")?;
        if !again {
            self.reached.insert(family, generation);
        }
        let app = authorization.app;
        self.refresh_tokens.push(TokenText { text: refresh, app, family, issued: self.step });
        self.access_tokens.push(TokenText { text: access, app, family, issued: self.step });
        Ok(())
    }

    fn called(&self, world: &World, token: &str) -> Broken {
        let known = self.access_tokens.iter().rev().find(|known| known.text == token).expect("drawn from here");
        self.not_taken_back(known.family, known.issued)?;
        let Authorization { app, customer, .. } = self.authorizations[&known.family];
        for subject in [Switched::App(app), Switched::Customer(customer), Switched::Person(customer)] {
            let cut = self.access_cut.get(&subject).copied().unwrap_or(0);
            must(known.issued > cut, "an access token from before its access was cut was accepted")?;
        }
        let node = &world.sqlite.node;
        let opened: AccessToken =
            node.ring().open(&node.profile.token.prefixes.access, token, node.now()).expect("ours");
        let most = UnixTime(opened.issued.0) + node.profile.token.access_life;
        must(node.now() < most, "an access token outlived its life")
    }

    /// Nothing is accepted after it was taken back, or while something it depends on is off.
    fn not_taken_back(&self, family: FamilyId, issued: usize) -> Broken {
        must(!self.dead.contains_key(&family), "something of a repudiated or revoked family was accepted")?;
        let Authorization { app, customer, .. } = self.authorizations[&family];
        let cut = self.cut.get(&(customer, app)).copied().unwrap_or(0);
        must(issued > cut, "something from before its connection was cut was accepted")?;
        self.stands(app, customer)
    }

    /// Whether nothing booked so far speaks against it for good.
    pub(super) fn may_live(&self, token: &TokenText) -> bool {
        let Authorization { app, customer, .. } = self.authorizations[&token.family];
        let cut = self.cut.get(&(customer, app)).copied().unwrap_or(0);
        !self.dead.contains_key(&token.family) && token.issued > cut
    }

    fn stands(&self, app: usize, customer: usize) -> Broken {
        let needed = [Switched::App(app), Switched::Customer(customer), Switched::Person(customer)];
        must(!needed.iter().any(|subject| self.off.contains(subject)), "something was accepted while a subject is off")
    }

    fn scopes_of(&self, world: &World, app: usize) -> ScopeSet {
        self.app_scopes.get(&app).copied().unwrap_or(world.all_scopes)
    }
}

fn field(json: &str, name: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).expect("a JSON reply");
    value[name].as_str().expect("a text").to_owned()
}
