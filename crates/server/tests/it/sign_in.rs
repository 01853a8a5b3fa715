//! Signing in and out: passwords, throttles, sessions and their cookies (SECURITY 4).

use causeway_protocol::time::Seconds;
use causeway_testkit::actors::ACME;
use causeway_testkit::browser::with_query;
use causeway_testkit::world::{MARCO, OLIVIA, PRIYA, password};
use causeway_testkit::{Browser, Call, Page, Platform};

use crate::authorize::link;

const APPS: &str = "/settings/oauth-applications";

async fn try_in(platform: &Platform, email: &str, password: &str) -> Page {
    let call = Call::post("/sign-in").form(&[("email", email), ("password", password)]);
    Browser::new().send(platform, call).await
}

#[tokio::test]
async fn ui_04_a_wrong_half_is_not_named() {
    let platform = Platform::start().await;
    let wrong = try_in(&platform, OLIVIA, "wrong").await;
    let unknown = try_in(&platform, "nobody@harbor.example", "wrong").await;
    platform.switch("people", PRIYA, false).await;
    let off = try_in(&platform, PRIYA, &password(PRIYA)).await;
    let empty = try_in(&platform, OLIVIA, "").await;
    let long = try_in(&platform, OLIVIA, &"x".repeat(2_000)).await;
    for (name, page) in [("wrong", &wrong), ("unknown", &unknown), ("off", &off), ("empty", &empty), ("long", &long)] {
        assert_eq!((page.reply.status, page.refusal()), (403, 404), "{name}: {}", page.text());
        assert!(page.text().contains("Email or password is wrong. Try again."), "{name}");
        assert_eq!(page.reply.header("set-cookie"), "", "{name}");
    }
    let body = |page: &Page| page.text().split("Request ").next().unwrap_or_default().to_owned();
    assert_eq!(body(&wrong), body(&unknown));
    assert_eq!(body(&wrong), body(&off));
    assert!(!wrong.html.contains("\"wrong\""), "a password is never repeated");
}

#[tokio::test]
async fn ui_04_guessing_is_told_to_wait_and_the_right_password_always_signs_in() {
    let platform = Platform::start().await;
    let mut told_to_wait = 0;
    for n in 0..60 {
        let page = try_in(&platform, OLIVIA, &format!("guess {n}")).await;
        assert!(matches!((page.reply.status, page.refusal()), (403, 404) | (429, 405)), "{n}: {}", page.text());
        if page.reply.status == 429 {
            told_to_wait += 1;
            assert!(page.reply.header("retry-after").parse::<u32>().expect("seconds") > 0);
            assert!(page.buttons().contains(&"Sign in".to_owned()), "a way on");
        }
    }
    assert!(told_to_wait >= 45, "{told_to_wait}");
    // The victim, and a neighbour behind the same address, get in.
    for email in [OLIVIA, MARCO] {
        let page = try_in(&platform, email, &password(email)).await;
        assert_eq!((page.reply.status, page.location()), (303, APPS), "{email}: {}", page.text());
    }
    // Other guesses from this place stay refused until the window ends.
    assert_eq!(try_in(&platform, PRIYA, "guess").await.reply.status, 429);
    platform.clock.advance(Seconds(15 * 60));
    assert_eq!(try_in(&platform, PRIYA, "guess").await.reply.status, 403);
}

#[tokio::test]
async fn ui_05_the_session_is_new_after_signing_in_and_dead_after_signing_out() {
    let platform = Platform::start().await;
    let mut browser = Browser::new();
    let page = browser.open(&platform, &link(&ACME, &[])).await;
    // A cookie that somebody planted before is not taken over.
    let planted = "A".repeat(43);
    let call = Call::post("/sign-in")
        .header("Cookie", &format!("{}; tripleseat_session={planted}", browser.cookie_header()))
        .form(&[
            ("email", OLIVIA),
            ("password", &password(OLIVIA)),
            ("request", page.form("Sign in").field("request")),
        ]);
    let page = Browser::new().send(&platform, call).await;
    assert!(page.buttons().contains(&"Allow".to_owned()), "{}", page.text());
    let cookie = page.reply.header("set-cookie").to_owned();
    assert!(cookie.starts_with("tripleseat_session=") && !cookie.contains(&planted), "{cookie}");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "plain http on loopback: {cookie}");

    let mut browser = Browser::of(&platform, OLIVIA).await;
    let first = browser.cookie("_session").unwrap().to_owned();
    assert_eq!(first.len(), 43, "256 bits");
    assert_eq!(browser.open(&platform, APPS).await.reply.status, 200);
    let copied = browser.clone();
    let ask = browser.open(&platform, "/sign-out").await;
    assert!(browser.clone().open(&platform, APPS).await.html.contains("These apps"), "a link signs nobody out");
    let out = browser.press(&platform, &ask, "Sign out", &[]).await;
    assert_eq!((out.reply.status, out.location()), (303, "/sign-in?signed-out"));
    assert!(out.reply.header("set-cookie").contains("Max-Age=0"));
    assert!(browser.open(&platform, out.location()).await.text().contains("You are signed out."));
    let page = copied.clone().open(&platform, APPS).await;
    assert!(page.text().contains("Sign in to Tripleseat"), "the copied cookie is dead: {}", page.text());
    // Signing in again over a session ends that session.
    let mut browser = Browser::of(&platform, OLIVIA).await;
    let before = browser.clone();
    let page = browser.open(&platform, &link(&ACME, &[("prompt", "select_account")])).await;
    browser.sign_in(&platform, &page, OLIVIA).await;
    assert_ne!(browser.cookie("_session"), before.cookie("_session"));
    assert!(before.clone().open(&platform, APPS).await.text().contains("Sign in to Tripleseat"));
}

#[tokio::test]
async fn ui_05_a_session_ends_by_idleness_by_age_and_with_the_person() {
    let platform = Platform::start().await;
    let signed_in =
        async |browser: &Browser| browser.clone().open(&platform, APPS).await.text().contains("These apps can reach");
    let idle = Browser::of(&platform, OLIVIA).await;
    platform.clock.advance(Seconds(12 * 3_600 - 1));
    assert!(signed_in(&idle).await, "seen in time");
    platform.clock.advance(Seconds(12 * 3_600 - 1));
    assert!(signed_in(&idle).await, "being seen prolongs it");
    platform.clock.advance(Seconds(12 * 3_600));
    assert!(!signed_in(&idle).await, "idle");

    let busy = Browser::of(&platform, OLIVIA).await;
    for _ in 0..14 {
        assert!(signed_in(&busy).await);
        platform.clock.advance(Seconds(12 * 3_600 - 1));
    }
    platform.clock.advance(Seconds(14));
    assert!(!signed_in(&busy).await, "seven days");

    let browser = Browser::of(&platform, OLIVIA).await;
    platform.switch("people", OLIVIA, false).await;
    assert!(!signed_in(&browser).await, "switched off");
}

#[tokio::test]
async fn ui_05_cookies_are_secure_where_the_login_host_is() {
    let platform = causeway_testkit::Builder::new()
        .tune(|settings| settings.login_url = Some("https://login.example".to_owned()))
        .start()
        .await;
    let page = platform.at_login(Call::get(&link(&ACME, &[])).host("login.example")).await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-tripleseat_browser="), "{cookie}");
    assert!(cookie.contains("; Secure") && cookie.contains("; Path=/") && !cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn ui_06_only_verifiers_are_stored() {
    let platform = Platform::start().await;
    let person = {
        use causeway_storage::Store as _;
        platform.edge.node.store.person_by_email(OLIVIA).await.unwrap().unwrap()
    };
    assert!(person.password.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", person.password.0);
    assert!(!person.password.0.contains(&password(OLIVIA)));
}

#[tokio::test]
async fn t_09_nothing_redirects_to_where_a_parameter_says() {
    let platform = Platform::start().await;
    let browser = Browser::of(&platform, OLIVIA).await;
    let targets = [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:evil()",
        "%2f%2fevil.example",
        "https:evil",
    ];
    let names = ["return_to", "next", "redirect", "redirect_uri", "url", "continue", "post_logout_redirect_uri"];
    for (target, name) in targets.iter().flat_map(|target| names.iter().map(move |name| (*target, *name))) {
        let query = with_query("", &[(name, target)]);
        for path in ["/", "/sign-in", "/sign-out", APPS] {
            for mut browser in [browser.clone(), Browser::new()] {
                let page = browser.open(&platform, &format!("{path}{query}")).await;
                assert!(!page.location().contains("evil") && !page.html.contains("evil"), "{path}{query}");
            }
        }
        // Each signs a copy of the same session out; only the first ends anything.
        let out =
            browser.clone().send(&platform, Call::post(&format!("/sign-out{query}")).form(&[(name, target)])).await;
        assert_eq!(out.location(), "/sign-in?signed-out", "{query}");
    }
    for name in names {
        let pairs = [("email", OLIVIA), ("password", &password(OLIVIA)), (name, "https://evil.example")];
        let page = Browser::new().send(&platform, Call::post("/sign-in?next=//evil.example").form(&pairs)).await;
        assert_eq!((page.reply.status, page.location()), (303, APPS), "{name}");
    }
}

#[tokio::test]
async fn t_10_every_redirect_after_a_form_is_303() {
    let platform = Platform::start().await;
    let mut browser = Browser::new();
    let page = browser.open(&platform, "/sign-in").await;
    assert_eq!(browser.sign_in(&platform, &page, OLIVIA).await.reply.status, 303);
    for button in ["Deny", "Allow"] {
        let page = browser.open(&platform, &link(&ACME, &[])).await;
        assert_eq!(browser.press(&platform, &page, button, &[]).await.reply.status, 303);
    }
    let page = browser.open(&platform, "/sign-out").await;
    assert_eq!(browser.press(&platform, &page, "Sign out", &[]).await.reply.status, 303);
}

#[tokio::test]
async fn ui_01_attack_37_nobody_is_signed_in_from_elsewhere_or_into_somebody_elses_request() {
    let platform = Platform::start().await;
    let pairs = [("email", OLIVIA), ("password", &password(OLIVIA))];
    for (name, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "http://localhost"),
    ] {
        let page = Browser::new().send(&platform, Call::post("/sign-in").form(&pairs).header(name, value)).await;
        assert_eq!(
            (page.reply.status, page.refusal(), page.reply.header("set-cookie")),
            (403, 111, ""),
            "{name}: {value}"
        );
    }
    // The attacker's request in the victim's browser.
    let attackers = Browser::new().open(&platform, &link(&ACME, &[])).await;
    let sealed = attackers.form("Sign in").field("request").to_owned();
    let mut victim = Browser::new();
    victim.open(&platform, &link(&ACME, &[])).await;
    let mut all = pairs.to_vec();
    all.push(("request", &sealed));
    for mut browser in [victim, Browser::new()] {
        let page = browser.send(&platform, Call::post("/sign-in").form(&all)).await;
        assert_eq!((page.reply.status, page.refusal()), (403, 401), "{}", page.text());
        assert_eq!(browser.cookie("_session"), None);
    }
}

#[tokio::test]
async fn a_sign_in_page_that_was_open_for_too_long_leads_on() {
    let platform = Platform::start().await;
    let mut browser = Browser::new();
    let page = browser.open(&platform, &link(&ACME, &[("state", "s")])).await;
    platform.clock.advance(Seconds(30 * 60));
    let page = browser.sign_in(&platform, &page, OLIVIA).await;
    assert_eq!((page.reply.status, page.refusal()), (403, 400), "{}", page.text());
    let page = browser.open(&platform, &page.link("Look at the request again")).await;
    let page = browser.sign_in(&platform, &page, OLIVIA).await;
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    assert_eq!(back.returned("state").as_deref(), Some("s"));
}

#[tokio::test]
async fn forms_of_other_kinds_and_repeated_fields_are_refused() {
    let platform = Platform::start().await;
    let pairs = [("email", OLIVIA), ("password", &password(OLIVIA))];
    for (call, status) in [
        (Call::post("/sign-in").json(&pairs), 415),
        (Call::post("/sign-in").multipart(&pairs), 415),
        (Call::post("/sign-in").body("text/plain", "email=a&password=b"), 415),
        (Call::post("/sign-in"), 415),
        (Call::post("/sign-in").form(&[("email", OLIVIA), ("email", MARCO), ("password", "x")]), 400),
        (Call::post("/sign-in").form(&[("email", OLIVIA), ("password", &"x".repeat(9_000))]), 400),
        (Call::post("/sign-in").form(&[("email", OLIVIA), ("password", &"x".repeat(70_000))]), 413),
        (Call::post("/consent").json(&[("decision", "allow")]), 415),
        (Call::get("/consent"), 405),
        (Call::new("PUT", "/sign-in"), 405),
    ] {
        let page = Browser::new().send(&platform, call).await;
        assert_eq!(page.reply.status, status, "{}", page.text());
        assert!(page.refusal() > 0 && page.reply.header("content-type").starts_with("text/html"));
        assert_eq!(page.reply.header("set-cookie"), "");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let platform = Platform::start().await;
    for (method, path, allow) in [
        ("PUT", "/sign-in", "GET,HEAD,POST"),
        ("GET", "/consent", "POST"),
        ("POST", "/settings/oauth-applications", "GET,HEAD"),
        ("DELETE", "/oauth2/authorize", "GET,HEAD,POST"),
    ] {
        let page = Browser::new().send(&platform, Call::new(method, path)).await;
        assert_eq!(
            (page.reply.status, page.reply.header("allow"), page.refusal()),
            (405, allow, 107),
            "{method} {path}"
        );
    }
}
