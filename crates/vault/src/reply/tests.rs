//! Answers of every kind, and what is made of them.

use causeway_protocol::profile::shipped;

use super::*;

const NOW: UnixTime = UnixTime(1_800_000_000);

fn platform() -> Platform {
    Platform {
        profile: shipped("default").unwrap(),
        login_url: String::new(),
        api_url: String::new(),
        issuer: String::new(),
        client_id: String::new(),
        client_secret: None,
        redirect_uri: String::new(),
        scopes: Vec::new(),
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        retry_after: None,
        challenge: None,
        content_type: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn read(status: u16, body: &str) -> Result<Tokens, TokenFailure> {
    tokens(&platform(), &answer(status, body), NOW)
}

#[test]
fn a_full_reply_and_the_smallest_one() {
    let full =
        r#"{"access_token":"a","token_type":"bearer","expires_in":60,"refresh_token":"r","scope":"x y","new":[1]}"#;
    let tokens = read(200, full).unwrap();
    assert_eq!(
        (tokens.access.expose(), tokens.access_ends, tokens.scope.as_deref()),
        ("a", NOW + Seconds(60), Some("x y"))
    );
    assert_eq!(tokens.refresh.unwrap().expose(), "r");
    assert_eq!(tokens.refresh_ends, Some(NOW + platform().profile.token.refresh_life.idle));
    let small = read(200, r#"{"access_token":"a"}"#).unwrap();
    assert_eq!((small.refresh, small.refresh_ends, small.scope), (None, None, None));
    assert_eq!(small.access_ends, NOW + platform().profile.partner.default_access_life);
    let said =
        read(200, r#"{"access_token":"a","refresh_token":"r","expires_in":"90","refresh_token_expires_in":100}"#)
            .unwrap();
    assert_eq!((said.access_ends, said.refresh_ends), (NOW + Seconds(90), Some(NOW + Seconds(100))));
}

#[test]
fn what_is_no_reply_says_nothing_about_the_grant() {
    for (status, body) in [
        (200, ""),
        (200, "<html>"),
        (200, "[]"),
        (200, "{}"),
        (200, "null"),
        (201, r#"{"access_token":7}"#),
        (200, r#"{"access_token":"a b"}"#),
        (200, r#"{"access_token":"a\nX: y"}"#),
        (200, r#"{"access_token":"a","token_type":"mac"}"#),
        (200, r#"{"access_token":"a","expires_in":"soon"}"#),
        (200, r#"{"access_token":"a","expires_in":-5}"#),
        (400, "{}"),
        (404, "gone"),
        (302, ""),
        (500, r#"{"error":"invalid_grant"}"#),
        (503, r#"{"error":"invalid_grant"}"#),
        (429, r#"{"error":"invalid_grant"}"#),
        (400, r#"{"error":"temporarily_unavailable"}"#),
        (200, r#"{"error":"server_error"}"#),
    ] {
        assert!(matches!(read(status, body), Err(TokenFailure::Transient { .. })), "{status} {body}");
    }
}

#[test]
fn refusals_are_read_whatever_the_status() {
    for status in [200, 400, 401] {
        let said = read(status, r#"{"error":"invalid_grant","error_description":"revo\"ked\n"}"#).unwrap_err();
        assert_eq!(said, TokenFailure::InvalidGrant("revo'ked?".to_owned()), "{status}");
    }
    let other = read(401, r#"{"error":"invalid_client"}"#).unwrap_err();
    assert_eq!(other, TokenFailure::Other { code: "invalid_client".to_owned(), said: String::new() });
}

#[test]
fn calls_mean_what_their_status_says() {
    assert_eq!(meaning(&answer(401, "")), CallMeaning::TokenRefused);
    assert_eq!(meaning(&answer(403, r#"{"error":"forbidden"}"#)), CallMeaning::Answered);
    assert_eq!(meaning(&answer(403, r#"{"error":"insufficient_scope"}"#)), CallMeaning::PermissionMissing(None));
    let challenge = Some(r#"Bearer error="insufficient_scope", scope="a b""#.to_owned());
    let asked = CallMeaning::PermissionMissing(Some("a b".to_owned()));
    assert_eq!(meaning(&Answer { challenge, ..answer(403, "") }), asked);
    let wait = Some(Seconds(9));
    assert_eq!(meaning(&Answer { retry_after: wait, ..answer(429, "") }), CallMeaning::Throttled(wait));
    assert_eq!(meaning(&answer(503, "")), CallMeaning::Failing(None));
    for status in [200, 204, 302, 400, 404, 501] {
        assert_eq!(meaning(&answer(status, "")), CallMeaning::Answered, "{status}");
    }
}

#[test]
fn shown_calls_hold_no_data_of_the_customer_but_errors_in_full() {
    let body =
        r#"{"results":[{"id":7,"name":"Ada"},{"id":8,"name":"Bob"}],"total_pages":3,"note":"Ada","tags":["Ada"]}"#;
    let shown = shown_call(&answer(200, body));
    let expected = format!(
        "200\n{} bytes\nnote = text\nresults = 2 × {{ id, name }}\ntags = 1 items\ntotal_pages = 3",
        body.len()
    );
    assert_eq!(shown, expected);
    assert!(!shown_call(&answer(200, "Ada")).contains("Ada"));
    assert_eq!(shown_call(&answer(404, r#"{"error":"x"}"#)), "404\n{\"error\":\"x\"}");
}

#[test]
fn c_09_shown_replies_hold_no_token_and_no_unknown_value() {
    let body =
        r#"{"access_token":"tok-1","refresh_token":"tok-2","id_token":"tok-3","scope":"x","error":{"deep":"tok-4"}}"#;
    let shown = shown_tokens(&platform(), &answer(200, body));
    assert!(shown.contains("scope = x"));
    assert!(!["tok-1", "tok-2", "tok-3"].iter().any(|secret| shown.contains(secret)), "{shown}");
}
