//! Every dialect that a profile can ask for, on the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_protocol::profile::{BodyStyle, ClientAuthStyle, HostWord, shipped};
use serde_json::Value;

use super::*;
use crate::show;

fn platform() -> Platform {
    Platform {
        profile: shipped("default").unwrap(),
        login_url: "https://login.example".to_owned(),
        api_url: "https://api.example".to_owned(),
        token_url: None,
        issuer: "https://login.example".to_owned(),
        client_id: "the app:1".to_owned(),
        client_secret: Some(Secret::new("s&cret+/ü")),
        redirect_uri: "https://partner.example/callback".to_owned(),
        scopes: vec!["a".to_owned(), "b".to_owned()],
    }
}

fn key() -> Secret {
    Secret::new("retry-key")
}

fn header<'a>(out: &'a Outgoing, name: &str) -> Option<&'a str> {
    out.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.expose())
}

fn body(out: &Outgoing) -> (&str, &str) {
    out.body.as_ref().map(|(kind, text)| (*kind, text.expose())).unwrap()
}

#[test]
fn core_25_client_credentials_go_by_basic_form_encoded_first() {
    let mut platform = platform();
    platform.profile.partner.client_auth = ClientAuthStyle::Basic;
    let out = refresh(&platform, &Secret::new("r"), &key());
    let expected = STANDARD.encode("the%20app%3A1:s%26cret%2B%2F%C3%BC");
    assert_eq!(header(&out, "authorization"), Some(format!("Basic {expected}").as_str()));
    assert_eq!(body(&out), ("application/x-www-form-urlencoded", "grant_type=refresh_token&refresh_token=r"));
    platform.client_secret = None;
    let out = refresh(&platform, &Secret::new("r"), &key());
    assert_eq!(header(&out, "authorization"), None, "a public app only names itself");
    assert_eq!(body(&out).1, "grant_type=refresh_token&refresh_token=r&client_id=the%20app%3A1");
}

#[test]
fn core_25_bodies_are_forms_or_json() {
    let mut platform = platform();
    platform.profile.partner.client_auth = ClientAuthStyle::Body;
    let (code, verifier) = (Secret::new("c d"), Secret::new("v"));
    let out = exchange(&platform, &code, &verifier, &key());
    let expected = "grant_type=authorization_code&code=c%20d&redirect_uri=https%3A%2F%2Fpartner.example%2Fcallback\
                    &code_verifier=v&client_id=the%20app%3A1&client_secret=s%26cret%2B%2F%C3%BC";
    assert_eq!(body(&out).1, expected);
    assert_eq!(header(&out, "idempotency-key"), Some("retry-key"));
    platform.profile.partner.body = BodyStyle::Json;
    let out = exchange(&platform, &code, &verifier, &key());
    let read: Value = serde_json::from_str(body(&out).1).unwrap();
    assert_eq!(
        (body(&out).0, &read["client_secret"], &read["code"]),
        ("application/json", &"s&cret+/ü".into(), &"c d".into())
    );
}

#[test]
fn core_25_the_refresh_url_and_the_scope_separator_are_the_profiles() {
    let mut platform = platform();
    assert_eq!(refresh(&platform, &Secret::new("r"), &key()).url, "https://api.example/oauth/token");
    platform.profile.endpoints.refresh = Some("/oauth/refreshToken".to_owned());
    assert_eq!(refresh(&platform, &Secret::new("r"), &key()).url, "https://api.example/oauth/refreshToken");
    platform.profile.partner.scope_separator = ',';
    let url = authorize_url(&platform, "main", "state", &Secret::new("v"));
    assert!(url.starts_with("https://login.example/oauth/authorize?") && url.contains("&scope=a%2Cb&"), "{url}");
    platform.scopes.clear();
    assert!(!authorize_url(&platform, "main", "state", &Secret::new("v")).contains("scope="));
    platform.profile.authorize.required_scopes = vec!["offline".to_owned()];
    platform.profile.partner.scope_parameter = "user_scope".to_owned();
    assert!(authorize_url(&platform, "main", "state", &Secret::new("v")).contains("&user_scope=offline&"));
}

#[test]
fn c_09_what_is_shown_holds_no_secret() {
    let mut platform = platform();
    for style in [ClientAuthStyle::Body, ClientAuthStyle::Basic] {
        platform.profile.partner.client_auth = style;
        let (code, verifier) = (Secret::new("the-code"), Secret::new("the-verifier"));
        let out = exchange(&platform, &code, &verifier, &key());
        for secret in ["the-code", "the-verifier", "retry-key", "s&cret", &STANDARD.encode("the%20app")[..8]] {
            assert!(!out.shown.contains(secret) && !format!("{out:?}").contains(secret), "{secret}");
        }
        assert!(out.shown.contains("code = ") && out.shown.contains(show::DOTS));
    }
}

#[test]
fn core_25_each_step_goes_to_its_own_host() {
    let mut platform = platform();
    platform.profile.endpoints.token_host = HostWord::Login;
    let (code, verifier) = (Secret::new("c"), Secret::new("v"));
    assert_eq!(exchange(&platform, &code, &verifier, &key()).url, "https://login.example/oauth/token");
    assert_eq!(refresh(&platform, &code, &key()).url, "https://login.example/oauth/token");
    assert_eq!(revoke(&platform, &code, None).url, "https://login.example/oauth/revoke");
    platform.token_url = Some("https://token.example".to_owned());
    assert_eq!(exchange(&platform, &code, &verifier, &key()).url, "https://token.example/oauth/token");
    let call = ApiRequest::get("/me");
    assert_eq!(api_call(&platform, &call, &code).unwrap().url, "https://api.example/v1/me");
    platform.profile.partner.api_prefix = String::new();
    assert_eq!(api_call(&platform, &call, &code).unwrap().url, "https://api.example/me");
    assert_eq!(userinfo_call(&platform, &call, &code).unwrap().url, "https://api.example/me");
    platform.profile.endpoints.userinfo_host = HostWord::Login;
    assert_eq!(userinfo_call(&platform, &call, &code).unwrap().url, "https://login.example/me");
}

#[test]
fn core_25_orc_13_the_authorize_url_holds_what_the_profile_adds() {
    let mut platform = platform();
    platform.profile.partner.authorize_extra = vec![("access_type".to_owned(), "off line".to_owned())];
    let url = authorize_url(&platform, "shop/1", "state", &Secret::new("v"));
    assert!(url.ends_with("&code_challenge_method=S256&access_type=off%20line"), "{url}");
    platform.profile.authorize.account_parameter = vec!["account_id".to_owned(), "account-id".to_owned()];
    let url = authorize_url(&platform, "shop/1", "state", &Secret::new("v"));
    assert!(url.contains("&account_id=shop%2F1&") && !url.contains("account-id"), "{url}");
}

#[test]
fn cal_14_the_refresh_token_goes_in_the_header_where_the_profile_says_so() {
    let mut platform = platform();
    platform.profile.partner.refresh_in_header = true;
    // Even if somebody asked for Basic: one header carries one of the two.
    for style in [ClientAuthStyle::Body, ClientAuthStyle::Basic] {
        platform.profile.partner.client_auth = style;
        let out = refresh(&platform, &Secret::new("the-token"), &key());
        assert_eq!(header(&out, "authorization"), Some("Bearer the-token"));
        let expected = "grant_type=refresh_token&client_id=the%20app%3A1&client_secret=s%26cret%2B%2F%C3%BC";
        assert_eq!(body(&out).1, expected);
        assert!(!out.shown.contains("the-token") && out.shown.contains("Authorization: Bearer "), "{}", out.shown);
    }
}

#[test]
fn ote_11_every_step_of_the_token_endpoint_is_json_where_the_profile_says_so() {
    let mut platform = platform();
    platform.profile.partner.client_auth = ClientAuthStyle::Body;
    platform.profile.partner.body = BodyStyle::Json;
    platform.profile.partner.revoke.body = BodyStyle::Json;
    platform.profile.partner.revoke.client_auth = ClientAuthStyle::Body;
    let token = Secret::new("t");
    for (out, name) in [
        (exchange(&platform, &token, &token, &key()), "code"),
        (refresh(&platform, &token, &key()), "refresh_token"),
        (revoke(&platform, &token, Some(&token)), "token"),
    ] {
        let read: Value = serde_json::from_str(body(&out).1).unwrap();
        assert_eq!(
            (body(&out).0, &read[name], &read["client_id"]),
            ("application/json", &"t".into(), &"the app:1".into())
        );
    }
}

#[test]
fn core_28_a_token_is_given_back_as_the_platform_wants_it() {
    let mut platform = platform();
    let (access, new) = (Secret::new("a"), Secret::new("r"));
    platform.profile.partner.revoke.client_auth = ClientAuthStyle::Body;
    let (out, bare) = (revoke(&platform, &access, Some(&new)), revoke(&platform, &access, None));
    assert!(body(&out).1.starts_with("token=r&token_type_hint=refresh_token&client_id="), "{}", body(&out).1);
    assert!(body(&bare).1.starts_with("token=a&token_type_hint=access_token&"), "{}", body(&bare).1);
    platform.profile.partner.revoke = shipped("github").unwrap().partner.revoke;
    let out = revoke(&platform, &access, None);
    assert_eq!((out.method, out.url.as_str()), ("DELETE", "https://api.example/applications/the%20app%3A1/grant"));
    assert_eq!(body(&out), ("application/json", r#"{"access_token":"a"}"#));
    assert!(header(&out, "authorization").unwrap().starts_with("Basic "));
}
