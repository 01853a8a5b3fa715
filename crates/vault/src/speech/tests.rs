//! Every dialect that a profile can ask for, on the wire.

use causeway_protocol::profile::{BodyStyle, ClientAuthStyle, shipped};

use super::*;

fn platform() -> Platform {
    Platform {
        profile: shipped("default").unwrap(),
        login_url: "https://login.example".to_owned(),
        api_url: "https://api.example".to_owned(),
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
    let url = authorize_url(&platform, "state", &Secret::new("v"));
    assert!(url.starts_with("https://login.example/oauth/authorize?") && url.contains("&scope=a%2Cb&"), "{url}");
    platform.scopes.clear();
    assert!(!authorize_url(&platform, "state", &Secret::new("v")).contains("scope="));
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
