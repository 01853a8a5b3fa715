//! What every engine must answer alike and no record says: which feed entries follow from replacing a record, which
//! family gives way, how far a sweep looks. Pure; no engine's types here.

use aws_lc_rs::digest;
use causeway_protocol::change::{Allow, scopes_event};
use causeway_protocol::legacy::{Account, ApiKey, Consumer, ConsumerToken, Exchanged, Logo, Temporary};
use causeway_protocol::records::{
    Act, App, AppStatus, Connection, Customer, Family, FeedEntry, FeedEvent, Membership, Person, Site,
};
use causeway_protocol::time::Seconds;
use causeway_protocol::token::Bearer;
use causeway_protocol::{ConnectionId, CustomerId, FamilyId, Position, ScopeSet, Subject, UnixTime};

/// A sweep deletes at most `limit` rows of a kind; of families it looks at this many times more.
pub(crate) const FAMILIES_LOOKED_AT: u32 = 10;
/// No list of a connection's families is longer.
pub(crate) const FAMILIES_SHOWN: usize = 64;
/// Counts of calls with OAuth 1.0 are kept for so many days.
const LEGACY_DAYS: i64 = 400;
/// Stands in front of what was the id of an account that was deleted. No valid id holds a control character.
const DELETED: char = '\u{7f}';

/// Off or on, if the switch moved. A new record comes from "on".
pub(crate) fn switched(was: bool, is: bool) -> Option<FeedEvent> {
    match (was, is) {
        (true, false) => Some(FeedEvent::Off),
        (false, true) => Some(FeedEvent::On),
        _ => None,
    }
}

/// The entries of an app that is put: its switch first, then what it lost, or that it changed. Nodes hold every app, so
/// a new one is news, too.
pub(crate) fn app_put(old: Option<&App>, new: &App) -> Vec<FeedEvent> {
    let rest = old.map_or(FeedEvent::Changed, |old| {
        let lost_approval = old.status == AppStatus::Approved && new.status != AppStatus::Approved;
        let lost_trial = old.passes_review() && !new.passes_review();
        if lost_approval || lost_trial { FeedEvent::CutAccess } else { scopes_event(old.scopes, new.scopes) }
    });
    let switched_only = old.is_some_and(|old| App { active: new.active, ..old.clone() } == *new);
    let switch = switched(old.is_none_or(|old| old.active), new.active);
    switch.into_iter().chain((!switched_only).then_some(rest)).collect()
}

/// The entries of a customer that is put: switches of itself and its sites, and that it changed. A new one is nobody's
/// news unless it comes switched off.
pub(crate) fn customer_put(old: Option<&Customer>, new: &Customer) -> Vec<(Subject, FeedEvent)> {
    let switch = switched(old.is_none_or(|old| old.active), new.active).map(|event| (new.id.into(), event));
    let sites = new.sites.iter().filter_map(|site| {
        let was = old.and_then(|old| old.sites.iter().find(|known| known.id == site.id));
        switched(was.is_none_or(|was| was.active), site.active).map(|event| (site.id.into(), event))
    });
    let switches_aside = |customer: &Customer| {
        let sites = customer.sites.iter().map(|site| Site { active: true, ..site.clone() }).collect::<Vec<_>>();
        (customer.name.clone(), sites)
    };
    let changed = old.is_some_and(|old| switches_aside(old) != switches_aside(new));
    switch.into_iter().chain(sites).chain(changed.then_some((new.id.into(), FeedEvent::Changed))).collect()
}

/// The entries of a person who is put.
pub(crate) fn person_put(old: Option<&Person>, new: &Person) -> Vec<FeedEvent> {
    let switch = switched(old.is_none_or(|old| old.active), new.active);
    let changed = old.is_some_and(|old| Person { active: new.active, ..old.clone() } != *new);
    switch.into_iter().chain(changed.then_some(FeedEvent::Changed)).collect()
}

/// The entry of a connection that is allowed again. Another customer's data is another grant: everything from before
/// dies. What was cut already needs no second cut, only a reload.
pub(crate) fn allowed_again(old: &Connection, allow: &Allow) -> Option<FeedEvent> {
    let same = old.live && old.scopes == allow.scopes && old.customer == allow.customer;
    match () {
        () if same => None,
        () if !old.live => Some(FeedEvent::Changed),
        () if old.customer != allow.customer => Some(FeedEvent::CutAll),
        () => Some(scopes_event(old.scopes, allow.scopes)),
    }
}

/// The families that must give way before one more fits: the longest unused first.
pub(crate) fn giving_way(mut living: Vec<Family>, max_families: u32) -> Vec<FamilyId> {
    living.sort_by_key(|family| (family.moved_at, family.id));
    let room = (max_families.max(1) - 1) as usize;
    let too_many = living.len().saturating_sub(room);
    living.into_iter().take(too_many).map(|family| family.id).collect()
}

/// Whether a family counts among those that a connection holds.
pub(crate) fn is_living(family: &Family, now: UnixTime) -> bool {
    !family.repudiated && now < family.ends_at
}

/// The audit row of a family that gave way to the redemption `act`.
pub(crate) fn gave_way(family: FamilyId, max_families: u32, act: &Act) -> Act {
    Act {
        at: act.at,
        actor: act.actor.clone(),
        verb: "family.repudiated",
        subject: Some(family.into()),
        detail: format!("longest unused of more than {max_families} families of its connection"),
    }
}

/// Whatever may refuse a token without a family already: a later cut of one of them makes one more entry needless.
pub(crate) fn refusing(token: &Bearer) -> [Subject; 4] {
    [token.family.into(), Subject::app_itself(token.app), token.app.into(), token.customer.into()]
}

/// The audit row of a token that was taken back by `act` when its app had used up its budget of single entries.
pub(crate) fn went_with_all(budget: u32, act: &Act) -> Act {
    let detail = format!("{}; with all that the app had for itself: more than {budget} one by one", act.detail);
    Act { detail, ..act.clone() }
}

/// The feed after a position, from the rows that stand there: what a later entry replaced is one without effect. What has
/// left the feed stays missing: that is everything before `oldest`, and nothing after it.
pub(crate) fn without_holes(after: Position, oldest: Position, rows: Vec<FeedEntry>, limit: u32) -> Vec<FeedEntry> {
    let mut last = after.max(Position(oldest.0 - 1));
    let whole = rows.into_iter().flat_map(|row| {
        // Between two incarnations no position was ever given.
        let first = if last.incarnation() == row.position.incarnation() { last.next() } else { row.position };
        last = row.position;
        let holes = (first.0..row.position.0).map(move |hole| FeedEntry::replaced(Position(hole), row.at));
        holes.chain([row])
    });
    whole.take(limit as usize).collect()
}

/// A person's teams as they are kept: in the order of their numbers, each once.
pub(crate) fn teams(given: &[Membership]) -> Vec<Membership> {
    let mut teams = given.to_vec();
    teams.sort_by_key(|team| team.customer);
    teams.dedup_by_key(|team| team.customer);
    teams
}

/// What `App::logo` holds.
pub(crate) fn logo_digest(logo: &Logo) -> [u8; 8] {
    let hash = digest::digest(&digest::SHA256, &logo.bytes);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    first
}

/// The entries of a consumer that is put.
pub(crate) fn consumer_put(old: Option<&Consumer>, new: &Consumer) -> Vec<FeedEvent> {
    let switch = switched(old.is_none_or(|old| old.active), new.active);
    let changed = old.is_some_and(|old| Consumer { active: new.active, ..old.clone() } != *new);
    switch.into_iter().chain(changed.then_some(FeedEvent::Changed)).collect()
}

/// The entries of an API key that is put. Nodes hold every key, so a new one is news, too.
pub(crate) fn api_key_put(old: Option<&ApiKey>, new: &ApiKey) -> Vec<FeedEvent> {
    let switch = switched(old.is_none_or(|old| old.active), new.active);
    let changed = old.is_none_or(|old| ApiKey { active: new.active, ..old.clone() } != *new);
    switch.into_iter().chain(changed.then_some(FeedEvent::Changed)).collect()
}

/// Whether temporary credentials may become this token, as far as they themselves go.
pub(crate) fn may_finish(held: &Temporary, token: &ConsumerToken, at: UnixTime) -> bool {
    held.allowed.is_some_and(|(person, _)| person == token.user)
        && held.consumer == token.consumer
        && at < held.expires_at
}

/// Whether a pair may be exchanged into this connection: once, or once more when staff said so; never over anybody's
/// revocation, and never into a live connection that reaches another customer's data.
pub(crate) fn may_exchange(mark: Option<&Exchanged>, old: Option<&Connection>, allow: &Allow) -> bool {
    let reopened = mark.is_some_and(|mark| mark.reopened);
    let fits = |old: &Connection| if old.live { old.customer == allow.customer } else { reopened };
    (mark.is_none() || reopened) && old.is_none_or(fits)
}

/// The scopes of a live connection into which a pair is exchanged: never fewer than before.
pub(crate) fn widened(old: &Connection, allow: &Allow) -> ScopeSet {
    old.scopes.union(allow.scopes)
}

/// The first day of which counts of calls with OAuth 1.0 are kept.
pub(crate) fn first_legacy_day(now: UnixTime) -> i64 {
    now.0.div_euclid(Seconds::DAY.0) - LEGACY_DAYS
}

/// Calls as they are added: no node counts more in one go, and no sum overflows.
pub(crate) fn counted(calls: u64) -> u32 {
    u32::try_from(calls).unwrap_or(u32::MAX)
}

/// An account after an edit: only name, time zone and currency can change.
pub(crate) fn edited(old: &Account, new: &Account) -> Account {
    let (name, timezone, currency) = (new.name.clone(), new.timezone.clone(), new.currency.clone());
    Account { name, timezone, currency, ..old.clone() }
}

/// What the customer of a deleted account is called: its id is no customer's any more.
pub(crate) fn deleted_id(customer: CustomerId) -> String {
    format!("{DELETED}{customer}")
}

/// Whether this is what a deleted account's customer is called.
pub(crate) fn is_deleted(external_id: &str) -> bool {
    external_id.starts_with(DELETED)
}

/// The entries of the customer of an account that is deleted.
pub(crate) fn customer_deleted(was_active: bool) -> impl Iterator<Item = FeedEvent> {
    [FeedEvent::CutAll].into_iter().chain(switched(was_active, false))
}

/// The audit row of a connection that was cut because its account was deleted by `act`.
pub(crate) fn went_with_account(connection: ConnectionId, act: &Act) -> Act {
    Act {
        at: act.at,
        actor: act.actor.clone(),
        verb: "connection.cut",
        subject: Some(connection.into()),
        detail: "its account was deleted".to_owned(),
    }
}
