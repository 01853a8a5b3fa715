//! What every engine must answer alike and no record says: which feed entries follow from replacing a record, which
//! family gives way, how far a sweep looks. Pure; no engine's types here.

use causeway_protocol::change::{Allow, scopes_event};
use causeway_protocol::records::{Act, App, AppStatus, Connection, Customer, Family, FeedEvent, Person};
use causeway_protocol::{FamilyId, Subject, UnixTime};

/// A sweep deletes at most `limit` rows of a kind; of families it looks at this many times more.
pub(crate) const FAMILIES_LOOKED_AT: u32 = 10;

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
        if lost_approval { FeedEvent::CutAccess } else { scopes_event(old.scopes, new.scopes) }
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
        let sites: Vec<_> = customer.sites.iter().map(|s| (s.id, s.external_id.clone(), s.name.clone())).collect();
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
