//! Redeeming a code, without a store: what is checked before the insert, and what a stale insert means (TOKENS 4).

use causeway_protocol::authorize::ReturnTo;
use causeway_protocol::change::Standing;
use causeway_protocol::client_auth::{Client, authenticate, claim};
use causeway_protocol::family::{FamilySecret, IdempotencyKey};
use causeway_protocol::params::Params;
use causeway_protocol::pkce::{challenge_of, parse_challenge};
use causeway_protocol::profile::{self, TokenRules};
use causeway_protocol::records::{App, ClientKind, Family};
use causeway_protocol::redeem::{AfterStale, Redemption, after_stale, decide};
use causeway_protocol::time::Seconds;
use causeway_protocol::token::{Bearer, Code};
use causeway_protocol::{AppId, Change, ConnectionId, CustomerId, FamilyId, Position, Reason, ScopeSet, UserId};

use crate::sample::{NOON, app, ring};

const CALLBACK: &str = "https://partner.example/cb";

pub(crate) fn rules() -> TokenRules {
    profile::shipped("tripleseat").unwrap().token
}

pub(crate) fn client(app: &App) -> Client<'_> {
    let secret = if app.kind == ClientKind::Confidential { "&client_secret=s3cret" } else { "" };
    let params = Params::form(format!("client_id=app-7{secret}").as_bytes()).unwrap();
    authenticate(&claim(None, &params).unwrap(), Some(app), &ring(&[1])).unwrap()
}

pub(crate) fn bearer() -> Bearer {
    Bearer {
        family: FamilyId::at(NOON.0 as u64 * 1_000, 5),
        connection: ConnectionId(1),
        as_of: Position::new(1, 10),
        app: AppId(7),
        user: UserId(3),
        customer: CustomerId(2),
    }
}

fn code() -> Code {
    Code {
        bearer: bearer(),
        scopes: ScopeSet(0b11),
        redirect: ReturnTo::digest(CALLBACK),
        redirect_sent: true,
        challenge: None,
        expires_at: NOON + Seconds(600),
        secret: FamilySecret([4; 16]),
    }
}

fn request(app: &App) -> Redemption<'_> {
    Redemption { client: client(app), redirect_uri: Some(CALLBACK), verifier: None, key: None, now: NOON }
}

fn verdict(request: &Redemption<'_>, code: &Code) -> Result<(), Reason> {
    decide(request, code, &rules(), 1).map(drop).map_err(|refusal| {
        assert_eq!(refusal.change, None, "a refusal before the insert changes nothing");
        refusal.reason
    })
}

#[test]
fn cg_03_a_code_is_bound_to_client_redirect_and_time() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let good = request(&app);
    assert_eq!(verdict(&good, &code()), Ok(()));
    let other = Code { bearer: Bearer { app: AppId(8), ..bearer() }, ..code() };
    assert_eq!(verdict(&good, &other), Err(Reason::CodeOtherClient));
    for uri in ["https://partner.example/cb/", "https://partner.example/CB", "https://partner.example/cb?a=b"] {
        let moved = Redemption { redirect_uri: Some(uri), ..good };
        assert_eq!(verdict(&moved, &code()), Err(Reason::CodeRedirectMismatch), "{uri}");
    }
    let last = Redemption { now: NOON + Seconds(599), ..good };
    assert_eq!(verdict(&last, &code()), Ok(()));
    let late = Redemption { now: NOON + Seconds(600), ..good };
    assert_eq!(verdict(&late, &code()), Err(Reason::CodeExpired));
    let off = App { active: false, ..app.clone() };
    assert_eq!(verdict(&request(&off), &code()), Err(Reason::GrantSuspended));
}

#[test]
fn cg_04_redirect_uri_is_wanted_when_it_was_sent_unless_pkce_binds() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let without = Redemption { redirect_uri: None, ..request(&app) };
    assert_eq!(verdict(&without, &code()), Err(Reason::CodeRedirectMismatch));
    assert_eq!(verdict(&without, &Code { redirect_sent: false, ..code() }), Ok(()));
    let verifier = "v".repeat(43);
    let bound = Code { challenge: parse_challenge(&challenge_of(&verifier)), ..code() };
    assert_eq!(verdict(&Redemption { verifier: Some(&verifier), ..without }, &bound), Ok(()));
    let wrong = Redemption { verifier: Some(&verifier), redirect_uri: Some("https://x.example/"), ..without };
    assert_eq!(verdict(&wrong, &bound), Err(Reason::CodeRedirectMismatch), "sent, it must still be the same");
}

#[test]
fn cg_07_attack_13_a_verifier_exactly_where_there_was_a_challenge() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let verifier = "v".repeat(43);
    let bound = Code { challenge: parse_challenge(&challenge_of(&verifier)), ..code() };
    let (other, plain) = ("w".repeat(43), challenge_of(&verifier));
    let with = |verifier| Redemption { verifier, ..request(&app) };
    assert_eq!(verdict(&with(None), &code()), Ok(()));
    assert_eq!(verdict(&with(Some(&verifier)), &code()), Err(Reason::VerifierUnexpected));
    assert_eq!(verdict(&with(None), &bound), Err(Reason::VerifierMissing));
    assert_eq!(verdict(&with(Some(&other)), &bound), Err(Reason::VerifierMismatch));
    assert_eq!(verdict(&with(Some(&plain)), &bound), Err(Reason::VerifierMismatch), "plain is off");
    assert_eq!(verdict(&with(Some(&verifier)), &bound), Ok(()));
}

/// What stands after the first redemption.
fn redeemed() -> Standing {
    let family = Family {
        id: bearer().family,
        generation: 0,
        digest: code().secret.digest(),
        moved_at: NOON,
        ends_at: NOON + Seconds::DAY,
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
        position: Position::new(1, 12),
    }
}

fn with_family(change: impl FnOnce(&mut Family)) -> Standing {
    let mut standing = redeemed();
    change(standing.family.as_mut().unwrap());
    standing
}

#[test]
fn cg_05_core_08_a_second_redemption_repudiates() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let AfterStale::Refuse(refusal) = after_stale(&request(&app), &code(), &redeemed(), &rules()) else { panic!() };
    assert_eq!(refusal.reason, Reason::CodeRedeemed);
    let Some(Change::RepudiateFamily { family, .. }) = refusal.change.map(|change| *change) else { panic!() };
    assert_eq!(family, bearer().family);
    let dead = with_family(|family| family.repudiated = true);
    let AfterStale::Refuse(refusal) = after_stale(&request(&app), &code(), &dead, &rules()) else { panic!() };
    assert_eq!(
        (refusal.reason, refusal.change),
        (Reason::CodeRedeemed, None),
        "a repudiated family is not written again"
    );
}

#[test]
fn an_id_collision_is_our_fault_and_revokes_nothing() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let other = with_family(|family| family.digest = FamilySecret([5; 16]).digest());
    let AfterStale::Refuse(refusal) = after_stale(&request(&app), &code(), &other, &rules()) else { panic!() };
    assert_eq!((refusal.reason, refusal.change), (Reason::FamilyCollision, None));
}

#[test]
fn r_01_the_same_key_or_the_grace_gets_the_same_pair_while_nothing_moved() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let (key, other) = (IdempotencyKey::parse("k-1").unwrap(), IdempotencyKey::parse("k-2").unwrap());
    let kept = with_family(|family| family.retry = Some(key.digest(AppId(7), 0, None)));
    let ask = |key, seconds| Redemption { key, now: NOON + Seconds(seconds), ..request(&app) };
    let is_resend = |request: &Redemption<'_>, standing: &Standing, rules: &TokenRules| {
        matches!(after_stale(request, &code(), standing, rules), AfterStale::Resend(_))
    };
    assert!(is_resend(&ask(Some(&key), 30), &kept, &rules()));
    assert!(!is_resend(&ask(Some(&other), 30), &kept, &rules()), "another key proves nothing");
    assert!(!is_resend(&ask(None, 30), &kept, &rules()));
    assert!(!is_resend(&ask(Some(&key), 7_200), &kept, &rules()), "that access token has expired");
    let mut revoked = kept.clone();
    revoked.cut_all = Position::new(1, 11);
    assert!(!is_resend(&ask(Some(&key), 30), &revoked, &rules()), "none across a cut_all");
    let mut moved = kept.clone();
    moved.family.as_mut().unwrap().generation = 1;
    assert!(!is_resend(&ask(Some(&key), 30), &moved, &rules()), "only while the generation is 0");
    let grace = TokenRules { reuse_grace: Seconds(20), ..rules() };
    assert!(is_resend(&ask(None, 19), &redeemed(), &grace));
    assert!(!is_resend(&ask(None, 20), &redeemed(), &grace));
}

#[test]
fn tk_12_a_stale_insert_without_a_row_says_what_stands_in_the_way() {
    let app = app(ClientKind::Confidential, &ring(&[1]));
    let none = Standing { family: None, ..redeemed() };
    let reason = |standing: &Standing| match after_stale(&request(&app), &code(), standing, &rules()) {
        AfterStale::Refuse(refusal) => Some(refusal.reason),
        _ => None,
    };
    assert_eq!(reason(&none), None, "nothing: decide once more");
    assert_eq!(reason(&Standing { off: true, ..none.clone() }), Some(Reason::GrantSuspended));
    assert_eq!(reason(&Standing { cut_all: Position::new(1, 11), ..none.clone() }), Some(Reason::RefreshRevoked));
    assert_eq!(reason(&Standing { cut_all: Position::new(1, 10), ..none.clone() }), None, "issued after the cut");
    assert_eq!(reason(&Standing { connection: None, ..none.clone() }), Some(Reason::RefreshRevoked));
    assert_eq!(reason(&Standing { connection: Some((ScopeSet(1), false)), ..none }), Some(Reason::RefreshRevoked));
}
