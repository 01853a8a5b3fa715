//! Client authentication: one way at a time, decoded once, and no hint of what was wrong (RFC 6749 2.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_protocol::Reason;
use causeway_protocol::client_auth::{Claim, authenticate, claim};
use causeway_protocol::params::Params;
use causeway_protocol::records::{App, AppStatus, ClientKind};

use crate::draw::Draw;
use crate::pkce::vectors;
use crate::sample::{app, ring};

fn read(authorization: Option<&str>, body: &str) -> Result<Claim, Reason> {
    claim(authorization, &Params::form(body.as_bytes()).unwrap()).map_err(|refusal| refusal.reason)
}

fn basic(text: &str) -> String {
    format!("Basic {}", STANDARD.encode(text))
}

#[test]
fn tk_02_basic_is_form_encoded_and_decoded_once() {
    let all = vectors();
    for vector in all["basic_auth"].as_array().unwrap() {
        let claim = read(vector["header"].as_str(), "").unwrap();
        assert_eq!(claim.client_id, vector["client_id"].as_str().unwrap());
        assert_eq!(claim.secret.unwrap().expose(), vector["client_secret"].as_str().unwrap());
        assert!(claim.basic);
    }
    let claim = read(Some(&basic("a:p%2525")), "").unwrap();
    assert_eq!(claim.secret.unwrap().expose(), "p%25");
    let claim = read(Some(&basic("a:b:c")), "").unwrap();
    assert_eq!(claim.secret.unwrap().expose(), "b:c", "an unencoded colon belongs to the secret");
    assert!(read(Some(&basic("a:")), "").unwrap().secret.is_none(), "an empty secret is none");
    assert_eq!(read(Some(&format!("bAsIc  {}", STANDARD.encode("a:b"))), "").unwrap().client_id, "a");
}

#[test]
fn tk_03_core_03_two_authentications_are_refused_equal_or_not() {
    for body in ["client_secret=s", "client_secret=other", "client_id=b", "client_id=a&client_secret=s"] {
        assert_eq!(read(Some(&basic("a:s")), body).unwrap_err(), Reason::ClientAuthTwice, "{body}");
    }
    assert_eq!(read(Some(&basic("a:s")), "client_id=a").unwrap().client_id, "a");
    assert_eq!(read(Some(&basic("a:s")), "client_id=&client_secret=").unwrap().client_id, "a", "empty is absent");
}

#[test]
fn tk_04_what_is_no_claim_is_named() {
    for header in ["Basic", "Basic ", "Basic §", "Basic Og==", "Basic YQ==", "Basic OnM=", "Basic YTpi YTpi"] {
        assert_eq!(read(Some(header), "").unwrap_err(), Reason::BasicMalformed, "{header}");
    }
    assert_eq!(read(Some(&format!("Basic {}", STANDARD.encode(b"a:\xff"))), "").unwrap_err(), Reason::BasicMalformed);
    assert_eq!(read(Some(&basic("a:%00")), "").unwrap_err(), Reason::BasicMalformed);
    assert_eq!(read(None, "").unwrap_err(), Reason::ClientAuthMissing);
    assert_eq!(read(None, "client_secret=s").unwrap_err(), Reason::ClientAuthMissing);
    assert_eq!(read(Some("Bearer abc"), "").unwrap_err(), Reason::ClientAuthMissing, "another scheme is none of ours");
    assert_eq!(read(None, "client_id=a&client_id=a").unwrap_err(), Reason::ParameterRepeated);
}

#[test]
fn attack_38_any_header_is_read_or_refused() {
    let mut draw = Draw(11);
    for _ in 0..3_000 {
        let length = draw.below(40);
        let raw = draw.bytes(length);
        let _ = read(Some(&format!("Basic {}", STANDARD.encode(&raw))), "");
        let _ = read(Some(&String::from_utf8_lossy(&raw)), "client_id=a");
    }
}

fn prove(app: Option<&App>, secret: Option<&str>) -> Result<bool, Reason> {
    let secret = secret.map_or(String::new(), |secret| format!("&client_secret={secret}"));
    let claim = read(None, &format!("client_id=app-7{secret}")).unwrap();
    authenticate(&claim, app, &ring(&[1])).map(|client| client.confidential()).map_err(|refusal| refusal.reason)
}

#[test]
fn c_15_unknown_app_and_wrong_secret_are_one_answer() {
    let known = app(ClientKind::Confidential, &ring(&[1]));
    assert_eq!(prove(Some(&known), Some("s3cret")), Ok(true));
    assert_eq!(prove(Some(&known), Some("s3cre")), Err(Reason::ClientUnknown));
    assert_eq!(prove(Some(&known), None), Err(Reason::ClientUnknown));
    assert_eq!(prove(None, Some("s3cret")), Err(Reason::ClientUnknown));
    let without = App { secrets: Vec::new(), ..known.clone() };
    assert_eq!(prove(Some(&without), None), Err(Reason::ClientUnknown), "no secret kept proves nothing");
}

#[test]
fn ar_02_tk_11_a_public_app_has_no_secret_and_an_unapproved_one_gets_nothing() {
    let public = app(ClientKind::Public, &ring(&[1]));
    assert_eq!(prove(Some(&public), None), Ok(false));
    assert_eq!(prove(Some(&public), Some("anything")), Err(Reason::PublicClientSecret));
    let pending = App { status: AppStatus::Pending, ..app(ClientKind::Confidential, &ring(&[1])) };
    assert_eq!(prove(Some(&pending), Some("s3cret")), Err(Reason::ClientNotApproved));
    assert_eq!(prove(Some(&pending), Some("wrong")), Err(Reason::ClientUnknown), "who proved nothing learns nothing");
    let off = App { active: false, ..app(ClientKind::Confidential, &ring(&[1])) };
    assert_eq!(prove(Some(&off), Some("s3cret")), Ok(true), "switched off it may still revoke");
}
