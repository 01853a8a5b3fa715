//! The authorization endpoint: what is shown, what is sent back, and that nothing is sent where it was not proven to
//! belong (SECURITY 3 and 9, attacks 7 to 12 and 14).

use causeway_protocol::Change;
use causeway_protocol::authorize::{MAX_REDIRECT_URI, MAX_STATE};
use causeway_protocol::params::encode;
use causeway_protocol::records::{Act, App};
use causeway_testkit::actors::{ACME, CAREFUL, DESKTOP, EVERYTHING, ODD, Partner, VERIFIER};
use causeway_testkit::browser::with_query;
use causeway_testkit::world::{MARCO, OLIVIA};
use causeway_testkit::{Browser, Call, Page, Platform};

pub(crate) const AUTHORIZE: &str = "/oauth2/authorize";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Parameters of a link that differ from the usual ones.
type Changes<'a> = &'a [(&'a str, &'a str)];

/// What this app's link says, with changes: `("scope", "")` leaves scope out.
pub(crate) fn link(app: &Partner, changes: &[(&str, &str)]) -> String {
    let mut pairs = vec![("response_type", "code"), ("client_id", app.client_id), ("redirect_uri", app.redirect_uri)];
    if app.secret.is_none() || *app == CAREFUL {
        pairs.extend([("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
    }
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    with_query(AUTHORIZE, &pairs)
}

/// A page that shows a refusal and leads nowhere.
#[track_caller]
fn assert_shown(page: &Page, number: u16, what: &str) {
    assert!((400..500).contains(&page.reply.status), "{what}: {}", page.reply.status);
    assert_eq!(page.location(), "", "{what}");
    assert_eq!(page.refusal(), number, "{what}: {}", page.text());
    assert!(page.text().contains("Nothing was shared"), "{what}: {}", page.text());
    assert!(page.reply.header("content-type").starts_with("text/html"), "{what}");
    assert!(page.html.contains("href=\"/\""), "{what}: a way on");
}

#[track_caller]
fn assert_consent(page: &Page, what: &str) {
    assert_eq!(page.reply.status, 200, "{what}: {}", page.text());
    assert!(page.buttons().contains(&"Allow".to_owned()), "{what}: {}", page.text());
}

#[tokio::test]
async fn core_04_az_02_unproven_apps_and_addresses_never_redirect() {
    let platform = Platform::start().await;
    let uri = ACME.redirect_uri;
    let cases: &[(&str, u16)] = &[
        ("", 300),
        ("response_type=code", 300),
        ("client_id=&redirect_uri=https://acme.example/callback", 300),
        ("client_id=nobody", 300),
        ("client_id=ACME", 300),
        ("client_id=acme%20", 300),
        ("client_id=acme&client_id=acme", 100),
        ("client_id=acme&redirect_uri=", 303),
        ("client_id=everything", 301),
        ("client_id=everything&redirect_uri=", 301),
        ("client_id=acme&redirect_uri=https://evil.example/callback", 302),
        ("client_id=acme&redirect_uri=https://everything.example/callback", 302),
        ("client_id=acme&redirect_uri=/callback", 302),
        ("client_id=acme&redirect_uri=javascript:alert(1)", 302),
        ("client_id=acme&redirect_uri=data:text/html,hi", 302),
        ("client_id=acme&redirect_uri=//evil.example", 302),
        ("client_id=acme&redirect_uri=https://acme.example/callback&redirect_uri=https://evil.example", 100),
        ("client_id=acme&redirect_uri=https://acme.example/callback%00", 102),
        ("client_id=acme&redirect_uri=https://acme.example/callback%0d%0aSet-Cookie:%20a=b", 102),
        ("client_id=acme&redirect_uri=https://acme.example/callback%ff", 102),
        ("client_id=guestlist&redirect_uri=https://guestlist.example/callback", 311),
        ("client_id=everything&redirect_uri=https://evil.example&scope=nonsense&response_type=token", 302),
        ("client_id=everything&redirect_uri=javascript:alert(1)&prompt=none&scope=nonsense", 302),
    ];
    // Signed in or not: the same page.
    for browser in [&mut Browser::new(), &mut Browser::of(&platform, OLIVIA).await] {
        for (query, number) in cases {
            let page = browser.open(&platform, &format!("{AUTHORIZE}?{query}&state=s")).await;
            if *number == 303 {
                // The only registered address counts when none is sent, so this one may be answered.
                continue;
            }
            assert_shown(&page, *number, query);
        }
    }
    // What the developer is told.
    let page = Browser::new().open(&platform, &format!("{AUTHORIZE}?client_id=acme&redirect_uri={uri}/")).await;
    assert!(page.text().contains("Expected One of the app’s registered redirect URIs"), "{}", page.text());
    let (people, developer) = page.html.split_once("<details>").expect("folded");
    assert!(!people.contains("acme.example"), "nobody else is shown what was sent");
    assert!(developer.contains("<dd>https://acme.example/callback/</dd>"), "inert text: {developer}");
}

/// Spellings of a registered address that are not it (SECURITY AZ-03, attacks 7 to 11).
fn spellings(uri: &str) -> Vec<String> {
    let (scheme, rest) = uri.split_once("://").expect("a scheme");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut all = vec![
        format!("{uri}/"),
        format!("{uri}//"),
        format!("{uri}?"),
        format!("{uri}?a=b"),
        format!("{uri}#"),
        format!("{uri}#x"),
        format!("{uri} "),
        format!(" {uri}"),
        format!("{uri}%20"),
        format!("{uri}%00"),
        format!("{uri}%2f"),
        format!("{uri}%2e"),
        format!("{uri}/."),
        format!("{uri}/.."),
        format!("{uri}/../{path}"),
        format!("{uri};a"),
        format!("{uri};/../x"),
        format!("{uri}..;/x"),
        format!("{uri}/..;/{path}"),
        format!("{uri}/%2e%2e/{path}"),
        format!("{uri}%252e"),
        format!("{uri}x"),
        uri.to_uppercase(),
        uri.replace("callback", "Callback"),
        uri.replace("call", "%63all"),
        uri.replace("https", "HTTPS"),
        uri.replace("https", "http"),
        uri.replace("https://", "https:/"),
        uri.replace("https://", "https:///"),
        uri.replace("https://", "https:\\\\"),
        uri.replace("https://", "//"),
        uri.replace("https:", ""),
        format!("{scheme}://{host}:443/{path}"),
        format!("{scheme}://{host}:444/{path}"),
        format!("{scheme}://{host}:/{path}"),
        format!("{scheme}://{host}:0443/{path}"),
        format!("{scheme}://{host}./{path}"),
        format!("{scheme}://{host}%2e/{path}"),
        format!("{scheme}://{host}//{path}"),
        format!("{scheme}://{host}/./{path}"),
        format!("{scheme}://{host}/x/../{path}"),
        format!("{scheme}://{host}\\{path}"),
        format!("{scheme}://{host}/%2e/{path}"),
        format!("{scheme}://{host}/;/{path}"),
        format!("{scheme}://user@{host}/{path}"),
        format!("{scheme}://user:pw@{host}/{path}"),
        format!("{scheme}://@{host}/{path}"),
        format!("{scheme}://{host}@evil.example/{path}"),
        format!("{scheme}://{host}:80@evil.example/{path}"),
        format!("{scheme}://{host}%40evil.example/{path}"),
        format!("{scheme}://evil.example\\@{host}/{path}"),
        format!("{scheme}://evil.example#@{host}/{path}"),
        format!("{scheme}://evil.example?@{host}/{path}"),
        format!("{scheme}://evil.example/{host}/{path}"),
        format!("{scheme}://{host}.evil.example/{path}"),
        format!("{scheme}://evil-{host}/{path}"),
        format!("{scheme}://sub.{host}/{path}"),
        format!("{scheme}://{}/{path}", host.replace('.', "X")),
        format!("{scheme}://{}/{path}", host.replace('.', "\u{3002}")),
        format!("{scheme}://{}/{path}", host.replace('a', "\u{430}")),
        format!("{scheme}://{}/{path}", host.replace("acme", "xn--acme")),
        format!("{scheme}://127.0.0.1/{path}"),
        format!("{scheme}://[::1]/{path}"),
        format!("{scheme}://[fe80::1%25lo]/{path}"),
        format!("{scheme}://{host}"),
        format!("{scheme}://{host}/"),
        format!("{scheme}://{host}/other"),
        format!("{uri},https://evil.example"),
        format!("https://evil.example,{uri}"),
        format!("{uri} https://evil.example"),
        format!("javascript:alert(1)//{uri}"),
        format!("data:text/html,<script>/*{uri}*/"),
        format!("{scheme}:{host}/{path}"),
        format!("*://{host}/{path}"),
        format!("{scheme}://{host}/*"),
        format!("{scheme}://*/{path}"),
    ];
    all.retain(|spelling| spelling != uri);
    all
}

#[tokio::test]
async fn core_05_az_03_attacks_7_to_11_only_the_registered_spelling_is_the_registered_address() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    assert_consent(&browser.open(&platform, &link(&ACME, &[])).await, "the address itself");
    let spellings = spellings(ACME.redirect_uri);
    assert!(spellings.len() >= 60, "{}", spellings.len());
    for spelling in &spellings {
        let page = browser.open(&platform, &link(&ACME, &[("redirect_uri", spelling)])).await;
        assert_shown(&page, 302, spelling);
    }
    // Tabs and line ends are no part of any address.
    for spelling in
        ["https://acme.example/call\tback", "https://acme.example/callback\r\nX: y", "https://acme.example/callback\0"]
    {
        assert_shown(&browser.open(&platform, &link(&ACME, &[("redirect_uri", spelling)])).await, 102, spelling);
    }
}

#[tokio::test]
async fn az_04_attack_10_only_the_port_of_a_loopback_literal_is_free() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    for good in ["http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback"] {
        let page = browser.open(&platform, &link(&DESKTOP, &[("redirect_uri", good)])).await;
        assert_consent(&page, good);
        let back = browser.press(&platform, &page, "Deny", &[]).await;
        assert!(back.location().starts_with(good), "{}", back.location());
    }
    for bad in [
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:08080/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:80x/callback",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.1:4711/Callback",
        "http://127.0.0.1:4711/callback/",
        "http://127.0.0.1:4711/callback?a=b",
        "http://127.0.0.1:4711",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.2/callback",
        "http://127.1/callback",
        "http://0x7f.1/callback",
        "http://localhost/callback",
        "http://[::1]/callback",
        "https://127.0.0.1/callback",
        "HTTP://127.0.0.1/callback",
    ] {
        assert_shown(&browser.open(&platform, &link(&DESKTOP, &[("redirect_uri", bad)])).await, 302, bad);
    }
}

#[tokio::test]
async fn az_01_get_and_post_are_the_same() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    assert_consent(&browser.open(&platform, &link(&ACME, &[("scope", "leads:read")])).await, "GET");
    let pairs = [
        ("response_type", "code"),
        ("client_id", "acme"),
        ("redirect_uri", ACME.redirect_uri),
        ("scope", "leads:read"),
    ];
    assert_consent(&browser.send(&platform, Call::post(AUTHORIZE).form(&pairs)).await, "POST");
    let split = with_query(AUTHORIZE, &pairs[..2]);
    assert_consent(&browser.send(&platform, Call::post(&split).form(&pairs[2..])).await, "half and half");
    // T-04: once in each is twice.
    let page = browser.send(&platform, Call::post(&with_query(AUTHORIZE, &pairs)).form(&pairs[1..2])).await;
    assert_shown(&page, 100, "client_id in both");
    let page = browser.send(&platform, Call::post(&link(&ACME, &[])).json(&pairs)).await;
    assert_eq!((page.reply.status, page.location()), (415, ""), "no JSON here");
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let page = browser.send(&platform, Call::new(method, &link(&ACME, &[]))).await;
        assert_eq!((page.reply.status, page.location()), (405, ""), "{method}");
    }
}

#[tokio::test]
async fn az_06_az_07_az_09_other_errors_go_back_with_state_and_issuer() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let cases: &[(&Partner, Changes<'_>, &str, &str)] = &[
        (&ACME, &[("response_type", "")], "invalid_request", "C-303"),
        (&ACME, &[("response_type", "token")], "unsupported_response_type", "C-304"),
        (&ACME, &[("response_type", "id_token")], "unsupported_response_type", "C-304"),
        (&ACME, &[("response_type", "code token")], "unsupported_response_type", "C-304"),
        (&ACME, &[("response_type", "CODE")], "unsupported_response_type", "C-304"),
        (&ACME, &[("response_type", "none")], "unsupported_response_type", "C-304"),
        (&ACME, &[("scope", "bookings:read")], "invalid_scope", "C-305"),
        (&ACME, &[("scope", "leads:read bookings:read")], "invalid_scope", "C-305"),
        (&ACME, &[("scope", "nonsense")], "invalid_scope", "C-305"),
        (&ACME, &[("scope", "LEADS:READ")], "invalid_scope", "C-305"),
        (&ACME, &[("scope", "leads:read,leads:write")], "invalid_scope", "C-305"),
        (&ACME, &[("scope", "\"><script>alert(1)</script>")], "invalid_scope", "C-305"),
        (&ACME, &[("code_challenge", CHALLENGE)], "invalid_request", "C-309"),
        (&ACME, &[("code_challenge_method", "S256")], "invalid_request", "C-308"),
    ];
    for (app, changes, error, number) in cases {
        let mut all = changes.to_vec();
        all.push(("state", "x y+z"));
        let page = browser.open(&platform, &link(app, &all)).await;
        assert_eq!(page.reply.status, 303, "{changes:?}: {}", page.text());
        assert!(page.location().starts_with("https://acme.example/callback?error="), "{}", page.location());
        assert_eq!(page.returned("error").as_deref(), Some(*error), "{changes:?}");
        assert!(page.returned("error_description").unwrap().starts_with(number), "{changes:?}: {}", page.location());
        assert_eq!(page.returned("state").as_deref(), Some("x y+z"), "{changes:?}");
        assert_eq!(page.returned("iss").as_deref(), Some(platform.login()), "{changes:?}");
        assert_eq!(page.returned("code"), None, "{changes:?}");
        assert!(!page.location().contains('<'), "{}", page.location());
    }
    assert_eq!(platform.rows("connections").await, 0, "nothing is written before consent");
}

#[tokio::test]
async fn ts_03_sc_02_a_scope_that_was_not_approved_yields_no_code() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    for scope in ["bookings:read", "leads:read contacts:write", "leads:write accounts:read unknown", "admin"] {
        let page = browser.open(&platform, &link(&ACME, &[("scope", scope)])).await;
        assert_eq!(page.returned("error").as_deref(), Some("invalid_scope"), "{scope}");
        assert_eq!(page.returned("code"), None);
    }
}

#[tokio::test]
async fn az_13_nobody_is_bounced_to_an_app_before_signing_in() {
    let platform = Platform::start().await;
    for changes in [[("scope", "nonsense")], [("response_type", "token")], [("code_challenge_method", "plain")]] {
        let mut browser = Browser::new();
        let all = [changes[0], ("state", "abc")];
        let page = browser.open(&platform, &link(&ACME, &all)).await;
        assert_eq!((page.reply.status, page.location()), (200, ""), "{changes:?}");
        assert!(page.text().contains("Sign in to Tripleseat"), "{}", page.text());
        // A wrong password does not lose it.
        let page = browser.press(&platform, &page, "Sign in", &[("email", OLIVIA), ("password", "wrong")]).await;
        let back = browser.sign_in(&platform, &page, OLIVIA).await;
        assert_eq!(back.reply.status, 303, "{}", back.text());
        assert!(back.location().starts_with("https://acme.example/callback?error="), "{}", back.location());
        assert_eq!((back.returned("state").as_deref(), back.returned("code")), (Some("abc"), None));
    }
}

#[tokio::test]
async fn core_06_az_08_state_comes_back_byte_for_byte_and_is_not_invented() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let long = "a\"'<>&%+ü€😀/?#=\\;,".repeat(90);
    assert!(long.len() > 2_000);
    for state in ["abc", "a b+c%20d", "&code=evil&state=x", "ünï", "=", "0", "null", "%", "%zz", long.as_str()] {
        for button in ["Allow", "Deny"] {
            let page = browser.open(&platform, &link(&ACME, &[("state", state)])).await;
            let back = browser.press(&platform, &page, button, &[]).await;
            assert_eq!(back.reply.status, 303, "{state:.20}");
            assert_eq!(back.returned("state").as_deref(), Some(state));
            assert_eq!(back.location().matches("state=").count(), 1);
        }
    }
    for changes in [&[][..], &[("state", "")][..]] {
        let page = browser.open(&platform, &link(&ACME, changes)).await;
        let back = browser.press(&platform, &page, "Allow", &[]).await;
        assert!(back.returned("code").is_some() && !back.location().contains("state"), "{}", back.location());
    }
    // As long as it may be, through sign-in and back.
    let longest = "ü".repeat(2_048);
    let mut other = Browser::new();
    let page = other.open(&platform, &link(&ACME, &[("state", &longest)])).await;
    let page = other.sign_in(&platform, &page, OLIVIA).await;
    let back = other.press(&platform, &page, "Allow", &[]).await;
    assert_eq!(back.returned("state").as_deref(), Some(longest.as_str()));
    let page = browser.open(&platform, &link(&ACME, &[("state", &"s".repeat(4_097))])).await;
    assert_eq!((page.returned("error").as_deref(), page.returned("state")), (Some("invalid_request"), None));
}

#[tokio::test]
async fn az_10_az_11_core_27_pkce_is_honoured_when_sent_and_wanted_where_it_must() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let s256 = |challenge: &'static str| [("code_challenge", challenge), ("code_challenge_method", "S256")];
    let bad: &[(&Partner, Changes<'_>, &str)] = &[
        (&DESKTOP, &[("code_challenge", ""), ("code_challenge_method", "")], "C-308"),
        (&CAREFUL, &[("code_challenge", ""), ("code_challenge_method", "")], "C-308"),
        (&ACME, &[("code_challenge", CHALLENGE), ("code_challenge_method", "plain")], "C-309"),
        (&ACME, &[("code_challenge", CHALLENGE), ("code_challenge_method", "s256")], "C-309"),
        (&ACME, &[("code_challenge", CHALLENGE), ("code_challenge_method", "junk")], "C-309"),
        (&ACME, &s256("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c"), "C-310"),
        (&ACME, &s256("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMx"), "C-310"),
        (&ACME, &s256("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), "C-310"),
        (&ACME, &s256("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM="), "C-310"),
    ];
    for (app, changes, number) in bad {
        let page = browser.open(&platform, &link(app, changes)).await;
        assert_eq!(page.returned("error").as_deref(), Some("invalid_request"), "{changes:?}");
        assert!(page.returned("error_description").unwrap().starts_with(number), "{changes:?}");
    }
    // A confidential app without it, and one with it: the code is bound.
    let page = browser.open(&platform, &link(&ACME, &[])).await;
    let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
    let page = browser.open(&platform, &link(&ACME, &s256(CHALLENGE))).await;
    let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
    let mut pairs = ACME.exchange_pairs(&code);
    assert_eq!(ACME.token(&platform, &pairs).await.member("error"), "invalid_grant", "no verifier");
    pairs.push(("code_verifier", VERIFIER));
    assert_eq!(ACME.token(&platform, &pairs).await.status, 200);
}

#[tokio::test]
async fn ts_04_sc_01_sc_03_sc_04_scopes_are_words_between_spaces() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let base = format!("{AUTHORIZE}?response_type=code&client_id=acme&redirect_uri={}", encode(ACME.redirect_uri));
    let good: &[(&str, &str)] = &[
        ("&scope=leads:read+leads:write", "leads:read leads:write"),
        ("&scope=leads:read%20leads:write", "leads:read leads:write"),
        ("&scope=leads:write%20leads:read", "leads:read leads:write"),
        ("&scope=leads:read%20leads:read", "leads:read"),
        ("&scope=%20leads:read%20%20", "leads:read"),
        ("&scope=", "read write leads:read leads:write events:read events:write"),
        ("", "read write leads:read leads:write events:read events:write"),
    ];
    for (query, granted) in good {
        let page = browser.open(&platform, &format!("{base}{query}")).await;
        let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
        assert_eq!(ACME.exchange(&platform, &code).await.member("scope"), *granted, "{query}");
    }
    for query in ["&scope=leads:read%2Bleads:write", "&scope=leads:read%0Aleads:write", "&scope=read%252Bwrite"] {
        let page = browser.open(&platform, &format!("{base}{query}")).await;
        assert_eq!(page.returned("code"), None, "{query}");
        assert!(page.returned("error").is_some() || page.refusal() == 102, "{query}: {}", page.text());
    }
    let page = browser.open(&platform, &format!("{base}&scope=%20")).await;
    assert_eq!(page.returned("error").as_deref(), Some("invalid_scope"), "asked for nothing");
}

#[tokio::test]
async fn t_04_t_05_t_06_repeated_empty_and_unknown_parameters() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let full = link(
        &ACME,
        &[("scope", "leads:read"), ("state", "s"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")],
    );
    for again in [
        "response_type=code",
        "scope=leads:read",
        "state=s",
        "state=t",
        "code_challenge=x",
        "code_challenge_method=S256",
    ] {
        let page = browser.open(&platform, &format!("{full}&{again}")).await;
        assert_eq!(page.returned("error").as_deref(), Some("invalid_request"), "{again}: {}", page.text());
        assert!(page.returned("error_description").unwrap().starts_with("C-100"), "{again}");
    }
    let empty = link(&ACME, &[]) + "&scope=&state=&code_challenge=&code_challenge_method=";
    assert_consent(&browser.open(&platform, &empty).await, "empty is absent");
    let unknown = "&access_type=offline&approval_prompt=force&account_id=1&resource=https://x&prompt=none&nonce=n&display=p\
        &login_hint=a&max_age=0&ui_locales=de&x=1&x=2&request=abc";
    let page = browser.open(&platform, &(link(&ACME, &[("state", "s")]) + unknown)).await;
    assert_consent(&page, "unknown is ignored");
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    assert!(back.returned("code").is_some() && !back.location().contains("nonce"), "{}", back.location());
}

#[tokio::test]
async fn t_12_junk_is_refused_and_comes_back_nowhere() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let base = link(&ACME, &[]);
    for junk in [
        "&state=%00",
        "&state=a%0d%0aX-Evil:%201",
        "&state=%c0%af",
        "&state=%ff",
        "&state=%ed%a0%80",
        "&%00=1",
        "&scope=%07",
        "&a%0a=b",
    ] {
        let page = browser.open(&platform, &format!("{base}{junk}")).await;
        assert_shown(&page, 102, junk);
        assert_eq!(page.reply.header("x-evil"), "");
    }
    let many = "&p=1".repeat(101);
    assert_shown(&browser.open(&platform, &format!("{base}{many}")).await, 102, "more than 100 parameters");
    assert_shown(&browser.open(&platform, &format!("{base}&state={}", "s".repeat(8_193))).await, 102, "a long value");
    let body = format!("state={}", "s".repeat(70_000));
    let page = browser.send(&platform, Call::post(&base).body("application/x-www-form-urlencoded", body)).await;
    assert_eq!((page.reply.status, page.location()), (413, ""));
    // Half an escape is text, and stays what it is.
    let page = browser.open(&platform, &format!("{base}&state=100%")).await;
    assert_eq!(browser.press(&platform, &page, "Deny", &[]).await.returned("state").as_deref(), Some("100%"));
}

#[tokio::test]
async fn core_17_signing_in_goes_on_with_the_same_request() {
    let platform = Platform::start().await;
    let mut browser = Browser::new();
    let changes = [
        ("scope", "leads:read events:read"),
        ("state", "st=1&2"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let page = browser.open(&platform, &link(&ACME, &changes)).await;
    assert_eq!(page.reply.status, 200);
    assert!(page.text().contains("to connect Acme Booking"), "{}", page.text());
    assert!(!page.buttons().iter().any(|text| text.contains("Allow")), "nothing to allow yet");
    let page = browser.sign_in(&platform, &page, OLIVIA).await;
    assert_consent(&page, "signed in");
    let text = page.text();
    assert!(
        text.contains("See your leads") && text.contains("See your events") && !text.contains("Create leads"),
        "{text}"
    );
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    assert_eq!(back.returned("state").as_deref(), Some("st=1&2"));
    let code = back.returned("code").expect("a code");
    let mut pairs = ACME.exchange_pairs(&code);
    pairs.push(("code_verifier", VERIFIER));
    let reply = ACME.token(&platform, &pairs).await;
    assert_eq!(reply.member("scope"), "leads:read events:read", "{}", reply.text());
}

#[tokio::test]
async fn az_05_a_registered_query_is_kept() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    for (button, name) in [("Allow", "code"), ("Deny", "error")] {
        let page = browser.open(&platform, &link(&ODD, &[("state", "s")])).await;
        let back = browser.press(&platform, &page, button, &[]).await;
        assert!(back.location().starts_with(&format!("https://odd.example/cb?a=b&{name}=")), "{}", back.location());
    }
}

#[tokio::test]
async fn core_01_ts_01_the_pages_stand_on_the_login_host_only_and_one_flow_spans_both() {
    let platform = Platform::start().await;
    let page = platform.at_api(Call::get(&link(&ACME, &[]))).await;
    assert_eq!((page.status, page.header("location")), (401, ""), "the guard's: {}", page.text());
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let page = browser.open(&platform, &link(&ACME, &[])).await;
    let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
}

#[tokio::test]
async fn az_12_a_code_says_nothing_to_others() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let page = browser
        .open(&platform, &link(&ACME, &[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]))
        .await;
    let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
    let body = code.strip_prefix("ts_ac_").expect("the visible prefix");
    assert!(code.len() <= 255 && !code.contains(CHALLENGE) && !code.contains("acme"), "{code}");
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).expect("base64url");
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("leads") && !text.contains("acme") && !text.contains(OLIVIA));
    // Two consents, two codes.
    let page = browser.open(&platform, &link(&ACME, &[])).await;
    assert_ne!(browser.press(&platform, &page, "Allow", &[]).await.returned("code"), Some(code));
}

#[tokio::test]
async fn t_11_attack_14_no_cors_and_no_implicit_grant() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let preflight = Call::new("OPTIONS", &link(&ACME, &[]))
        .header("Origin", "https://evil.example")
        .header("Access-Control-Request-Method", "GET");
    for call in [preflight, Call::get(&link(&ACME, &[])).header("Origin", "https://evil.example")] {
        let page = browser.send(&platform, call).await;
        assert!(
            !page.reply.headers.keys().any(|name| name.as_str().starts_with("access-control")),
            "{:?}",
            page.reply.headers
        );
    }
    for response_type in ["token", "code id_token", "code token id_token"] {
        let page = browser.open(&platform, &link(&ACME, &[("response_type", response_type)])).await;
        assert!(!page.location().contains('#') && !page.location().contains("access_token"), "{}", page.location());
    }
}

#[tokio::test]
async fn az_18_attack_15_two_tabs_never_mix_and_every_request_is_asked_about() {
    let platform = Platform::start().await;
    let mut browser = Browser::new();
    let one = browser.open(&platform, &link(&ACME, &[("scope", "leads:read"), ("state", "one")])).await;
    let two = browser.open(&platform, &link(&EVERYTHING, &[("scope", "bookings:read"), ("state", "two")])).await;
    let one = browser.sign_in(&platform, &one, OLIVIA).await;
    // The second tab's sign-in page is older than the session; it still goes on with its own request.
    let two = browser.sign_in(&platform, &two, OLIVIA).await;
    assert!(one.text().contains("Acme Booking wants to") && two.text().contains("Everything wants to"));
    let back = browser.press(&platform, &two, "Allow", &[]).await;
    assert!(back.location().starts_with(EVERYTHING.redirect_uri) && back.returned("state").as_deref() == Some("two"));
    let reply = EVERYTHING.exchange(&platform, &back.returned("code").expect("a code")).await;
    assert_eq!(reply.member("scope"), "bookings:read");
    // The first tab's session was replaced: its form is refused, and its way on is the same request.
    let stale = browser.press(&platform, &one, "Allow", &[]).await;
    assert_eq!((stale.reply.status, stale.refusal(), stale.location()), (403, 401, ""));
    let again = browser.open(&platform, &stale.link("Look at the request again")).await;
    assert!(again.text().contains("Acme Booking wants to"), "{}", again.text());
    let back = browser.press(&platform, &again, "Allow", &[]).await;
    assert!(back.location().starts_with(ACME.redirect_uri) && back.returned("state").as_deref() == Some("one"));
    // Attack 15: whatever was allowed before, a public app is asked about again.
    for _ in 0..2 {
        let page = browser.open(&platform, &link(&DESKTOP, &[])).await;
        assert_consent(&page, "asked again");
        browser.press(&platform, &page, "Allow", &[]).await;
    }
}

#[tokio::test]
async fn az_19_what_the_person_saw_is_what_is_sealed() {
    let platform = Platform::start().await;
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let page = browser.open(&platform, &link(&ACME, &[("scope", "leads:read")])).await;
    let sealed = page.form("Allow").field("request").to_owned();
    let post = |pairs: Vec<(&str, &str)>| Call::post("/consent").form(&pairs).header("Sec-Fetch-Site", "same-origin");
    for (n, flip) in [0, 1, 10, sealed.len() / 2, sealed.len() - 1].into_iter().enumerate() {
        let mut bytes = sealed.clone().into_bytes();
        bytes[flip] = if bytes[flip] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        let page = browser.send(&platform, post(vec![("request", &changed), ("decision", "allow")])).await;
        assert_eq!((page.reply.status, page.location()), (403, ""), "{n}");
        assert!(matches!(page.refusal(), 400 | 403), "{n}: {}", page.refusal());
    }
    for junk in ["x", "AAAA", &sealed[..sealed.len() - 4], &format!("{sealed}{sealed}")] {
        let page = browser.send(&platform, post(vec![("request", junk), ("decision", "allow")])).await;
        assert_eq!((page.reply.status, page.location(), page.refusal()), (403, "", 403));
    }
    // Fields beside it change nothing; a sign-in form's seal is no consent form's.
    let extra = vec![
        ("request", sealed.as_str()),
        ("decision", "allow"),
        ("scope", "write"),
        ("redirect_uri", "https://evil.example"),
    ];
    let back = browser.send(&platform, post(extra)).await;
    assert!(back.location().starts_with(ACME.redirect_uri));
    let reply = ACME.exchange(&platform, &back.returned("code").expect("a code")).await;
    assert_eq!(reply.member("scope"), "leads:read");
    let first = Browser::new().open(&platform, &link(&ACME, &[])).await;
    let pending = first.form("Sign in").field("request").to_owned();
    let page = browser.send(&platform, post(vec![("request", &pending), ("decision", "allow")])).await;
    assert_eq!((page.reply.status, page.refusal(), page.location()), (403, 403, ""));
}

#[tokio::test]
async fn az_15_az_16_az_17_every_page_of_the_flow_has_its_headers() {
    let platform = Platform::start().await;
    let mut browser = Browser::new();
    let sign_in = browser.open(&platform, &link(&ACME, &[])).await;
    let consent = browser.sign_in(&platform, &sign_in, OLIVIA).await;
    let refused = browser.open(&platform, &format!("{AUTHORIZE}?client_id=nobody")).await;
    let hindered = Browser::of(&platform, MARCO).await.open(&platform, &link(&ACME, &[])).await;
    let connected = browser.open(&platform, "/settings/oauth-applications").await;
    let missing = browser.open(&platform, "/nothing/here").await;
    for (name, page) in [
        ("sign-in", &sign_in),
        ("consent", &consent),
        ("refused", &refused),
        ("hindered", &hindered),
        ("connected", &connected),
        ("missing", &missing),
    ] {
        let reply = &page.reply;
        let policy = reply.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self' data:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{name}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{name}: {policy}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{name}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{name}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{name}");
        assert_eq!(reply.header("cache-control"), "no-store", "{name}");
        assert_ne!(reply.header("permissions-policy"), "", "{name}");
        // Settings are not part of the OAuth flow: there, one link leads to the platform's help.
        let help = r#"<a href="https://support.tripleseat.com" rel="noreferrer">"#;
        assert_eq!(page.html.contains(help), *name == *"connected", "{name}");
        let html = page.html.replace(help, "");
        assert!(!html.contains("http://") && !html.contains("https://"), "{name}: a foreign address");
        assert!(!page.html.contains("<script") && !page.html.contains("style="), "{name}");
    }
    // Chromium asks form-action of the redirect to the app as well.
    for page in [&sign_in, &consent, &hindered] {
        let policy = page.reply.header("content-security-policy");
        assert!(policy.contains("form-action 'self' https://acme.example"), "{policy}");
    }
    assert!(!refused.reply.header("content-security-policy").contains("acme"));
}

/// An app whose only address is as long as one may be.
async fn with_the_longest_address(platform: &Platform, partner: &Partner) -> String {
    let app = App::clone(&platform.app(partner.client_id));
    let uri = format!("{}/", partner.redirect_uri);
    let uri = format!("{uri}{}", "u".repeat(MAX_REDIRECT_URI - uri.len()));
    let at = platform.clock.now();
    let act = Act { at, actor: "seed".to_owned(), verb: "app.put", subject: None, detail: String::new() };
    platform.apply(Change::PutApp(App { redirect_uris: vec![uri.clone()], ..app }, act)).await;
    uri
}

#[tokio::test]
async fn az_08_the_longest_state_and_address_come_through_every_form() {
    let platform = Platform::start().await;
    for partner in [ACME, DESKTOP] {
        let registered = with_the_longest_address(&platform, &partner).await;
        // A loopback port makes it longer still. Every character of this state grows when it is encoded.
        let uri = registered.replacen("127.0.0.1", "127.0.0.1:65535", 1);
        let state = "%&".repeat(MAX_STATE / 2);
        let link = link(&partner, &[("redirect_uri", &uri), ("state", &state)]);
        let mut browser = Browser::new();
        let page = browser.open(&platform, &link).await;
        let page = browser.press(&platform, &page, "Sign in", &[("email", OLIVIA), ("password", "wrong")]).await;
        let page = browser.sign_in(&platform, &page, OLIVIA).await;
        assert_consent(&page, partner.client_id);
        let back = browser.press(&platform, &page, "Allow", &[]).await;
        assert!(back.location().starts_with(&format!("{uri}?")), "{:.60} {}", back.location(), back.text());
        assert_eq!(back.returned("state"), Some(state.clone()));
        let code = back.returned("code").unwrap();
        let pairs = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &uri)];
        let pairs = [&pairs[..], &[("code_verifier", VERIFIER)][..usize::from(partner.secret.is_none())]].concat();
        assert_eq!(partner.token(&platform, &partner.signed(&pairs)).await.status, 200);
        // The same request for another account, by the page's own link, is not too long either.
        let page = browser.open(&platform, &link).await;
        assert_consent(&page, "again");
        let page = browser.open(&platform, &page.link("Use another account")).await;
        assert!(page.buttons().contains(&"Sign in".to_owned()), "{}", page.text());
    }
}
