//! Refreshing, without a store: what is checked before the move, and what a stale move means (TOKENS 4).

use causeway_protocol::change::Standing;
use causeway_protocol::family::{FamilySecret, IdempotencyKey};
use causeway_protocol::issue::Grant;
use causeway_protocol::profile::{self, Profile, Rotation, TokenRules};
use causeway_protocol::records::{App, ClientKind, Family};
use causeway_protocol::refresh::{AfterStale, Refreshing, Step, after_stale, decide, unrotated};
use causeway_protocol::time::Seconds;
use causeway_protocol::token::{Bearer, RefreshToken};
use causeway_protocol::{AppId, Change, ConnectionId, Position, Reason, ScopeSet, Scopes, UnixTime};

use crate::redeem::{bearer, client, rules};
use crate::sample::{NOON, app, ring};

fn words() -> Scopes {
    Scopes::new(["read", "write", "leads:read", "leads:write"].map(str::to_owned).to_vec())
}

fn token(generation: u32) -> RefreshToken {
    RefreshToken { bearer: bearer(), generation, scopes: ScopeSet(0b11), secret: FamilySecret([4; 16]) }
}

fn request(app: &App) -> Refreshing<'_> {
    Refreshing { client: client(app), scope: None, key: None, now: NOON + Seconds(100) }
}

fn ask(request: &Refreshing<'_>, token: &RefreshToken, rules: &TokenRules) -> Result<(Step, ScopeSet), Reason> {
    let profile = Profile { token: rules.clone(), ..profile::shipped("tripleseat").unwrap() };
    decide(request, token, &profile, &words(), 1).map_err(|refusal| {
        assert_eq!(refusal.change, None, "a refusal before the move changes nothing");
        refusal.reason
    })
}

/// A family at this generation, moved at noon.
fn standing(generation: u32) -> Standing {
    let family = Family {
        id: bearer().family,
        generation,
        digest: FamilySecret([4; 16]).digest(),
        moved_at: NOON,
        ends_at: NOON + Seconds(3_650 * 86_400),
        connection: ConnectionId(1),
        scopes: ScopeSet(0b11),
        repudiated: false,
        key_id: 1,
        retry: None,
    };
    Standing {
        family: Some(family),
        connection: Some((ScopeSet(0b11), true)),
        cut_all: Position::ZERO,
        off: false,
        position: Position::new(1, 20),
    }
}

#[derive(Debug, PartialEq)]
enum Said {
    Again,
    Resend,
    No(Reason),
    NoAndRepudiated(Reason),
}

fn said(request: &Refreshing<'_>, token: &RefreshToken, standing: &Standing, rules: &TokenRules) -> Said {
    match after_stale(request, token, token.scopes, standing, rules) {
        AfterStale::Again => Said::Again,
        AfterStale::Resend(_) => Said::Resend,
        AfterStale::Refuse(refusal) => match refusal.change.map(|change| *change) {
            None => Said::No(refusal.reason),
            Some(Change::RepudiateFamily { family, .. }) if family == bearer().family => {
                Said::NoAndRepudiated(refusal.reason)
            }
            Some(other) => panic!("{other:?}"),
        },
    }
}

#[test]
fn rf_06_scope_absent_equal_narrower_wider() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let scoped = |scope| ask(&Refreshing { scope, ..request(&app) }, &token(0), &rules()).map(|(_, asked)| asked.0);
    assert_eq!(scoped(None), Ok(0b11));
    assert_eq!(scoped(Some("read write")), Ok(0b11));
    assert_eq!(scoped(Some("write read write")), Ok(0b11));
    assert_eq!(scoped(Some("write")), Ok(0b10));
    assert_eq!(scoped(Some("read leads:read")), Err(Reason::ScopeWider));
    assert_eq!(scoped(Some("admin")), Err(Reason::ScopeWider));
    assert_eq!(scoped(Some("READ")), Err(Reason::ScopeWider), "case counts");
    assert_eq!(scoped(Some(" ")), Err(Reason::ScopeWider));
}

#[test]
fn rf_01_rf_07_a_refresh_is_bound_to_its_app_and_to_both_ends() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let foreign = RefreshToken { bearer: Bearer { app: AppId(8), ..bearer() }, ..token(0) };
    assert_eq!(ask(&request(&app), &foreign, &rules()).unwrap_err(), Reason::RefreshOtherClient);
    let off = App { active: false, ..app.clone() };
    assert_eq!(ask(&request(&off), &token(0), &rules()).unwrap_err(), Reason::GrantSuspended);
    let end = bearer().family.created_at() + rules().refresh_life.absolute;
    let late = Refreshing { now: end, ..request(&app) };
    assert_eq!(ask(&late, &token(0), &rules()).unwrap_err(), Reason::RefreshExpired);
    assert!(ask(&Refreshing { now: end - Seconds(1), ..request(&app) }, &token(0), &rules()).is_ok());
}

#[test]
fn rf_03_older_than_the_predecessor_repudiates_whatever_the_grace() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let grace = TokenRules { reuse_grace: Seconds(60), ..rules() };
    let soon = Refreshing { now: NOON + Seconds(1), ..request(&app) };
    for (presented, stands) in [(0, 2), (0, 9), (7, 9)] {
        for rules in [rules(), grace.clone()] {
            let said = said(&soon, &token(presented), &standing(stands), &rules);
            assert_eq!(said, Said::NoAndRepudiated(Reason::RefreshReused), "{presented} of {stands}");
        }
    }
}

#[test]
fn r_04_two_workers_of_a_confidential_app_may_race_a_public_app_may_not() {
    let (confidential, public) = (app(ClientKind::Confidential, &ring(&[1])), app(ClientKind::Public, &ring(&[1])));
    let at = |app, seconds| Refreshing { now: NOON + Seconds(seconds), ..request(app) };
    let says = |request: &Refreshing<'_>| said(request, &token(0), &standing(1), &rules());
    assert_eq!(says(&at(&confidential, 9)), Said::No(Reason::RefreshSuperseded));
    assert_eq!(says(&at(&confidential, 10)), Said::NoAndRepudiated(Reason::RefreshReused));
    assert_eq!(says(&at(&public, 0)), Said::NoAndRepudiated(Reason::RefreshReused));
}

#[test]
fn rf_05_r_01_a_resend_only_for_the_immediate_predecessor_in_time() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let grace = TokenRules { reuse_grace: Seconds(20), race_window: Seconds(0), ..rules() };
    let at = |seconds| Refreshing { now: NOON + Seconds(seconds), ..request(&app) };
    assert_eq!(said(&at(19), &token(0), &standing(1), &grace), Said::Resend);
    assert_eq!(said(&at(20), &token(0), &standing(1), &grace), Said::NoAndRepudiated(Reason::RefreshReused));
    // A public app has no grace.
    let public = crate::sample::app(ClientKind::Public, &ring(&[1]));
    let soon = Refreshing { now: NOON, ..request(&public) };
    assert_eq!(said(&soon, &token(0), &standing(1), &grace), Said::NoAndRepudiated(Reason::RefreshReused));
}

#[test]
fn r_01_the_key_of_the_move_gets_the_same_successor_until_it_expired() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let (key, other) = (IdempotencyKey::parse("k-1").unwrap(), IdempotencyKey::parse("k-2").unwrap());
    let mut stands = standing(1);
    stands.family.as_mut().unwrap().retry = Some(key.digest(AppId(7), 1, None));
    let with = |key, scope, seconds| Refreshing { key, scope, now: NOON + Seconds(seconds), ..request(&app) };
    let says = |request: Refreshing<'_>| said(&request, &token(0), &stands, &rules());
    assert_eq!(says(with(Some(&key), None, 5)), Said::Resend);
    assert_eq!(says(with(Some(&key), None, 7_199)), Said::Resend);
    assert_eq!(says(with(Some(&key), None, 7_200)), Said::No(Reason::RefreshSuperseded));
    assert_eq!(says(with(Some(&key), Some("read"), 5)), Said::No(Reason::RetryScope));
    assert_eq!(says(with(Some(&other), None, 60)), Said::NoAndRepudiated(Reason::RefreshReused));
    // The same key one generation later was another move.
    let mut later = stands.clone();
    later.family.as_mut().unwrap().generation = 2;
    assert_eq!(
        said(&with(Some(&key), None, 60), &token(1), &later, &rules()),
        Said::NoAndRepudiated(Reason::RefreshReused)
    );
}

#[test]
fn rf_04_a_public_app_needs_a_key_that_nobody_guesses() {
    let (confidential, public) = (app(ClientKind::Confidential, &ring(&[1])), app(ClientKind::Public, &ring(&[1])));
    let says = |app: &App, text: &str| {
        let key = IdempotencyKey::parse(text).unwrap();
        let asks = Refreshing { key: Some(&key), now: NOON + Seconds(60), ..request(app) };
        let Ok((Step::Move(moved), _)) = ask(&asks, &token(0), &rules()) else { panic!("a public app rotates") };
        let mut stands = standing(1);
        // What a row that was moved before this rule remembers.
        stands.family.as_mut().unwrap().retry = Some(key.digest(AppId(7), 1, None));
        (moved.retry.is_some(), said(&asks, &token(0), &stands, &rules()))
    };
    let stolen = Said::NoAndRepudiated(Reason::RefreshReused);
    assert_eq!(says(&public, "1"), (false, stolen), "a guess must not hide a replay");
    assert!(!says(&public, &"k".repeat(15)).0, "nothing is remembered");
    assert_eq!(says(&public, &"k".repeat(16)), (true, Said::Resend));
    assert_eq!(says(&confidential, "1"), (true, Said::Resend), "its secret was proved beside the key");
}

#[test]
fn attack_41_rf_10_no_grace_and_no_key_honours_what_was_taken_back() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let key = IdempotencyKey::parse("k-1").unwrap();
    let grace = TokenRules { reuse_grace: Seconds(60), ..rules() };
    let request = Refreshing { key: Some(&key), now: NOON + Seconds(1), ..request(&app) };
    let remembered = Some(key.digest(AppId(7), 1, None));
    let with = |change: fn(&mut Standing)| {
        let mut standing = standing(1);
        standing.family.as_mut().unwrap().retry = remembered;
        change(&mut standing);
        said(&request, &token(0), &standing, &grace)
    };
    assert_eq!(with(|_| {}), Said::Resend);
    let dead = |standing: &mut Standing| standing.family.as_mut().unwrap().repudiated = true;
    assert_eq!(with(dead), Said::No(Reason::RefreshRevoked));
    assert_eq!(with(|standing| standing.cut_all = Position::new(1, 11)), Said::No(Reason::RefreshRevoked));
    assert_eq!(with(|standing| standing.connection = None), Said::No(Reason::RefreshRevoked));
    assert_eq!(with(|standing| standing.off = true), Said::No(Reason::GrantSuspended));
    assert_eq!(with(|standing| standing.family = None), Said::No(Reason::RefreshInvalid));
    let ended = |standing: &mut Standing| standing.family.as_mut().unwrap().ends_at = NOON;
    assert_eq!(with(ended), Said::No(Reason::RefreshExpired));
}

#[test]
fn a_wrong_secret_learns_and_changes_nothing_and_a_newer_token_than_the_store_neither() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let forged = RefreshToken { secret: FamilySecret([5; 16]), ..token(0) };
    assert_eq!(said(&request(&app), &forged, &standing(5), &rules()), Said::No(Reason::RefreshInvalid));
    assert_eq!(said(&request(&app), &token(6), &standing(5), &rules()), Said::No(Reason::RefreshAhead));
    assert_eq!(said(&request(&app), &token(5), &standing(5), &rules()), Said::Again);
}

#[test]
fn rotation_never_reads_and_public_apps_rotate_anyway() {
    let rules = TokenRules { rotation: Rotation::Never, ..rules() };
    let (confidential, public) = (app(ClientKind::Confidential, &ring(&[1])), app(ClientKind::Public, &ring(&[1])));
    assert!(matches!(ask(&request(&confidential), &token(0), &rules), Ok((Step::Read, _))));
    assert!(matches!(ask(&request(&public), &token(0), &rules), Ok((Step::Move(_), _))));
    let read = |standing: &Standing| unrotated(&request(&confidential), &token(0), standing, &rules).map(drop);
    assert!(read(&standing(0)).is_ok());
    assert_eq!(read(&standing(1)).unwrap_err().reason, Reason::RefreshInvalid);
    assert_eq!(read(&Standing { off: true, ..standing(0) }).unwrap_err().reason, Reason::GrantSuspended);
}

#[test]
fn rf_07_a_pair_holds_the_intersection_and_never_outlives_its_family() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let family = standing(3).family.unwrap();
    let grant = Grant {
        family: &family,
        bearer: bearer(),
        secret: FamilySecret([4; 16]),
        asked: ScopeSet(0b11),
        connection_scopes: ScopeSet(0b110),
        app: &app,
        position: Position::new(1, 30),
        access_life: Seconds(7_200),
    };
    let pair = grant.fresh(NOON, [1; 4]).unwrap();
    assert_eq!(pair.access.scopes, ScopeSet(0b10), "granted, and still on the connection");
    assert_eq!(pair.refresh.scopes, ScopeSet(0b11), "a narrow answer does not shrink the refresh token");
    assert_eq!((pair.refresh.generation, pair.expires_in), (3, Seconds(7_200)));
    assert_eq!(pair.access.bearer.as_of, Position::new(1, 30));
    // Once more, an hour later: the same times, what is left of the life, and one text for two.
    let later = NOON + Seconds(3_600);
    let (first, second) = (grant.resend(later).unwrap(), grant.resend(later).unwrap());
    assert_eq!(first, second);
    assert_eq!((first.access.issued, first.expires_in), (NOON, Seconds(3_600)));
    assert_eq!(first.access.expires_at(), pair.access.expires_at());
    let ending = Family { ends_at: NOON + Seconds(60), ..family.clone() };
    let pair = Grant { family: &ending, ..grant }.fresh(NOON, [0; 4]).unwrap();
    assert_eq!(pair.access.expires_at(), UnixTime(NOON.0 + 60));
    let nothing = Grant { connection_scopes: ScopeSet(0b1000), ..grant }.fresh(NOON, [0; 4]);
    let nothing = nothing.unwrap_err();
    assert_eq!(nothing.reason, Reason::NothingGranted);
    assert_eq!(nothing.reason.wire().word(), "invalid_grant", "invalid_scope would blame what was asked");
}
