//! Answers of every kind, and what is made of them.

use causeway_protocol::profile::shipped;

use super::*;

const NOW: UnixTime = UnixTime(1_800_000_000);

fn platform() -> Platform {
    Platform {
        profile: shipped("default").unwrap(),
        login_url: String::new(),
        api_url: String::new(),
        token_url: None,
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
        notice: Default::default(),
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
        ("a", Some(NOW + Seconds(60)), Some("x y"))
    );
    assert_eq!(tokens.refresh.unwrap().expose(), "r");
    assert_eq!(tokens.refresh_ends, None, "nobody said so");
    let small = read(200, r#"{"access_token":"a"}"#).unwrap();
    assert_eq!((small.refresh, small.refresh_ends, small.scope), (None, None, None));
    assert_eq!((small.access_ends, small.life_from), (Some(NOW + Seconds(1_800)), LifeFrom::Profile));
    let said =
        read(200, r#"{"access_token":"a","refresh_token":"r","expires_in":"90","refresh_token_expires_in":100}"#)
            .unwrap();
    assert_eq!((said.access_ends, said.refresh_ends), (Some(NOW + Seconds(90)), Some(NOW + Seconds(100))));
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
    let soon = read(200, r#"{"ok":false,"error":"ratelimited"}"#);
    assert!(matches!(soon, Err(TokenFailure::Transient { .. })), "{soon:?}");
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

fn jwt(claims: &str) -> String {
    use base64::Engine as _;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2lnbmF0dXJl", part("{}"), part(claims))
}

#[test]
fn core_25_a_life_is_read_however_it_is_said_and_the_next_rung_counts_where_it_is_not() {
    let at = |seconds| (Some(NOW + Seconds(seconds)), LifeFrom::Reply);
    let profile = (Some(NOW + Seconds(1_800)), LifeFrom::Profile);
    for (said, expected) in [
        (r#""expires_in":"90""#, at(90)),
        (r#""expires_in":90.9"#, at(90)),
        (r#""expires_in":"90.9""#, at(90)),
        (r#""expires_in":0"#, at(0)),
        (r#""expires_in":1e300"#, at(3_650 * 86_400)),
        (r#""expires_in":-1"#, profile),
        (r#""expires_in":"soon""#, profile),
        (r#""expires_in":null"#, profile),
        (r#""expires_in":{}"#, profile),
        (r#""expires_in":"NaN""#, profile),
        (r#""expires_at":1800000090"#, at(90)),
        (r#""expires_at":"1800000090""#, at(90)),
        (r#""expires_at":1800000090500"#, at(90)),
        (r#""expires_at":"2027-01-15T08:01:30Z""#, at(90)),
        (r#""expires_at":"2027-01-15T10:01:30.25+02:00""#, at(90)),
        (r#""expires_at":"2027-01-15T06:31:30-01:30""#, at(90)),
        (r#""expires_at":"2027-13-15T06:31:30Z""#, profile),
        (r#""expires_at":"tomorrow""#, profile),
        (r#""expires_at":-7"#, profile),
        (r#""expires_in":-1,"expires_at":1800000060"#, at(60)),
    ] {
        let tokens = read(200, &format!(r#"{{"access_token":"a",{said}}}"#)).unwrap();
        assert_eq!((tokens.access_ends, tokens.life_from), expected, "{said}");
    }
}

#[test]
fn core_25_the_ladder_of_a_life_is_reply_token_profile_nobody() {
    let (with_iat, alone) = (jwt(r#"{"iat":1700000000,"exp":1700000600}"#), jwt(r#"{"exp":1800000300}"#));
    let mut platform = platform();
    let life = |platform: &Platform, token: &str, more: &str| {
        let answer = answer(200, &format!(r#"{{"access_token":"{token}"{more}}}"#));
        let tokens = tokens(platform, &answer, NOW).unwrap();
        (tokens.access_ends.map(|end| end.since(NOW).0), tokens.life_from)
    };
    assert_eq!(life(&platform, &with_iat, r#","expires_in":60"#), (Some(60), LifeFrom::Reply));
    assert_eq!(life(&platform, &with_iat, ""), (Some(600), LifeFrom::Token), "whatever the two clocks say");
    assert_eq!(life(&platform, &alone, ""), (Some(300), LifeFrom::Token));
    for none in ["a.b.c", "a..c", "....", "opaque", &jwt("[]"), &jwt(r#"{"exp":"never"}"#), &jwt(r#"{"exp":-1}"#)] {
        assert_eq!(life(&platform, none, ""), (Some(1_800), LifeFrom::Profile), "{none}");
    }
    platform.profile.partner.default_access_life = None;
    assert_eq!(life(&platform, "opaque", ""), (None, LifeFrom::Nobody));
}

#[test]
fn cal_12_core_25_odd_replies_are_tokens_all_the_same() {
    let mut platform = platform();
    platform.profile.partner.reply_root = Some("authed_user".to_owned());
    platform.profile.authorize.scope_separators = vec![' ', ';'];
    let read = |kind: Option<&str>, body: &str| {
        let answer = Answer { content_type: kind.map(str::to_owned), ..answer(200, body) };
        let tokens = tokens(&platform, &answer, NOW).unwrap();
        (tokens.access.expose().to_owned(), tokens.refresh.map(|token| token.expose().to_owned()), tokens.scope)
    };
    let all = |access: &str, refresh: Option<&str>, scope: Option<&str>| {
        (access.to_owned(), refresh.map(str::to_owned), scope.map(str::to_owned))
    };
    assert_eq!(read(None, r#"{"access_token":"a","refresh_token":"r"}"#), all("a", Some("r"), None), "two fields");
    assert_eq!(read(None, r#"{"access_token":"a"}"#), all("a", None, None), "one");
    for scope in [r#""x y""#, r#""x,y""#, r#""x, y""#, r#""x;y""#, r#"["x","y"]"#, r#"["x y"]"#] {
        let body = format!(r#"{{"access_token":"a","scope":{scope}}}"#);
        assert_eq!(read(None, &body), all("a", None, Some("x y")), "{scope}");
    }
    for nothing in [r#""""#, "[]", "7", "null"] {
        let body = format!(r#"{{"access_token":"a","scope":{nothing}}}"#);
        assert_eq!(read(None, &body), all("a", None, None), "{nothing}");
    }
    for kind in ["bot", "user", "bearer", "BEARER", ""] {
        let body = format!(r#"{{"access_token":"a","token_type":"{kind}"}}"#);
        assert_eq!(read(None, &body), all("a", None, None), "{kind}");
    }
    let slack = r#"{"ok":true,"access_token":"bot","token_type":"bot","scope":"x","refresh_token":"bots",
        "authed_user":{"id":"U1","scope":"chat:write,users:read","access_token":"user","token_type":"user"}}"#;
    assert_eq!(read(None, slack), all("user", None, Some("chat:write users:read")), "nothing of the bot's");
    let renewed = r#"{"ok":true,"access_token":"user","refresh_token":"r","authed_user":{"id":"U1"}}"#;
    assert_eq!(read(None, renewed), all("user", Some("r"), None), "at the top, where it is not below");
    let form = "access_token=gho_1&scope=repo%2Cgist&token_type=bearer";
    assert_eq!(
        read(Some("application/x-www-form-urlencoded; charset=utf-8"), form),
        all("gho_1", None, Some("repo gist"))
    );
    assert_eq!(read(None, form), all("gho_1", None, Some("repo gist")));
    assert_eq!(read(None, "\u{feff}{\"access_token\":\"a\"}"), all("a", None, None), "a byte order mark");
    assert_eq!(read(None, r#"{"access_token":"a","error":null,"message":"hello"}"#), all("a", None, None));
}

#[test]
fn core_25_errors_are_understood_in_every_common_shape() {
    let mut platform = platform();
    platform.profile.partner.ended = vec!["invalid_grant".to_owned(), "token_revoked".to_owned(), "Go away".to_owned()];
    let read = |status, body: &str| tokens(&platform, &answer(status, body), NOW).unwrap_err();
    let over = |words: &str| TokenFailure::InvalidGrant(words.to_owned());
    let other = |code: &str, said: &str| TokenFailure::Other { code: code.to_owned(), said: said.to_owned() };
    for (status, body, expected) in [
        (200, r#"{"ok":false,"error":"token_revoked"}"#, over("token_revoked")),
        (200, r#"{"ok":false,"error":"invalid_code"}"#, other("invalid_code", "")),
        (200, r#"{"ok":false,"error":"invalid_code","access_token":"a"}"#, other("invalid_code", "")),
        (200, r#"{"ok":false}"#, other("", "")),
        (
            200,
            r#"{"error":"bad_verification_code","error_description":"Old."}"#,
            other("bad_verification_code", "Old."),
        ),
        (200, "error=bad_verification_code&error_description=Old.", other("bad_verification_code", "Old.")),
        (400, r#"{"error":"INVALID_GRANT"}"#, over("INVALID_GRANT")),
        (401, r#"{"message":"go away"}"#, over("go away")),
        (401, r#"{"message":"Unauthorized"}"#, other("", "Unauthorized")),
        (401, r#"{"message":"invalid_grant: It was revoked."}"#, over("It was revoked.")),
        (401, r#"{"message":"invalid_client: Who?"}"#, other("invalid_client", "Who?")),
        (400, r#"{"message":"Note: this is no code"}"#, other("", "Note: this is no code")),
        (400, r#"{"error":{"type":"t","message":"m","code":"invalid_grant"}}"#, over("m")),
        (400, r#"{"error":{"type":"t","message":"m","code":17}}"#, other("17", "m")),
        (400, r#"{"error":{"type":"t","message":"m"}}"#, other("t", "m")),
    ] {
        assert_eq!(read(status, body), expected, "{status} {body}");
    }
    for (status, body) in [
        (503, r#"{"ok":false,"error":"token_revoked"}"#),
        (429, r#"{"ok":false,"error":"token_revoked"}"#),
        (200, r#"{"ok":false,"error":"internal_error"}"#),
        (408, r#"{"error":"invalid_grant"}"#),
    ] {
        assert!(matches!(read(status, body), TokenFailure::Transient { .. }), "{status} {body}");
    }
    let page = tokens(&platform, &answer(200, "  <!doctype html><title>Sign in</title>"), NOW);
    assert!(matches!(&page, Err(TokenFailure::Transient { why, .. }) if why.contains("web page")), "{page:?}");
}

#[test]
fn orc_16_ote_13_a_refresh_moves_the_end_only_where_it_slides() {
    let mut platform = platform();
    platform.profile.partner.refresh_life = Some(Seconds(100));
    let (pair, alone) = (r#"{"access_token":"a","refresh_token":"r"}"#, r#"{"access_token":"a"}"#);
    let first = |platform: &Platform, body| tokens(platform, &answer(200, body), NOW).unwrap().refresh_ends;
    let later = |platform: &Platform, body| renewed(platform, &answer(200, body), NOW).unwrap().refresh_ends;
    let end = Some(NOW + Seconds(100));
    assert_eq!((first(&platform, pair), first(&platform, alone)), (end, None), "no refresh token, no end of it");
    assert_eq!((later(&platform, pair), later(&platform, alone)), (None, None), "the known end stays");
    platform.profile.partner.refresh_slides = true;
    assert_eq!((later(&platform, pair), later(&platform, alone)), (end, end));
    let said = r#"{"access_token":"a","refresh_token":"r","refresh_token_expires_in":7}"#;
    assert_eq!((first(&platform, said), later(&platform, said)), (Some(NOW + Seconds(7)), Some(NOW + Seconds(7))));
}

#[test]
fn codes_of_a_platform_s_own_say_what_a_status_says_elsewhere() {
    let mut platform = platform();
    let revoked = answer(200, r#"{"ok":false,"error":"token_revoked"}"#);
    assert_eq!(meaning_at(&platform, &revoked), CallMeaning::Answered, "not where the profile knows nothing of it");
    platform.profile.partner.token_refused = vec!["token_revoked".to_owned()];
    platform.profile.partner.scope_refused = vec!["missing_scope".to_owned()];
    assert_eq!(meaning_at(&platform, &revoked), CallMeaning::TokenRefused);
    let lacking = answer(200, r#"{"ok":false,"error":"missing_scope"}"#);
    assert_eq!(meaning_at(&platform, &lacking), CallMeaning::PermissionMissing(None));
    let data = answer(200, r#"{"ok":true,"error":"token_revoked","channels":[]}"#);
    assert_eq!((meaning_at(&platform, &data), refusal_inside(&platform, &data)), (CallMeaning::Answered, None));
    let wrong = answer(200, r#"{"ok":false,"error":"channel_not_found"}"#);
    assert_eq!(meaning_at(&platform, &wrong), CallMeaning::Answered);
    assert!(refusal_inside(&platform, &wrong).is_some(), "answered, and not done");
    for (status, body, done) in [
        (200, "", true),
        (204, "", true),
        (200, "{}", true),
        (200, r#"{"ok":true,"revoked":true}"#, true),
        (200, r#"{"error":null}"#, true),
        (200, r#"{"ok":false,"error":"invalid_auth"}"#, false),
        (200, r#"{"error":"invalid_request"}"#, false),
        (404, "{}", false),
        (503, "", false),
    ] {
        assert_eq!(is_given_back(&answer(status, body)), done, "{status} {body}");
    }
}
