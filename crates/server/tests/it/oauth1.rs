//! Calls that OAuth 1.0 signs, against the running program (TSM-13 to TSM-19; SECURITY O1-01 to O1-13). The three legs stand
//! in `oauth1/legs`, headers as clients write them in `oauth1/clients`.

mod clients;
mod end;
mod legs;
pub(crate) mod world;

use causeway_protocol::Change;
use causeway_protocol::legacy::SealedSecret;
use causeway_protocol::oauth1::SignatureMethod;
use causeway_protocol::profile::Budget;
use causeway_protocol::records::Act;
use causeway_protocol::time::Seconds;
use causeway_server::jobs;
use causeway_server::trust::{Cidr, TrustedProxies};
use causeway_storage::{Page, Store};
use causeway_testkit::actors::{ACME, EVERYTHING};
use causeway_testkit::world::{MARCO, OLIVIA, PRIYA};
use causeway_testkit::{Api, Call, Platform, Response};

use world::{HARBOR, HARBOR_TOKEN, KETTLE, KETTLE_TOKEN, OFF, Signer, builder, equip, look, rules, start};

const LEADS: &str = "/v1/leads?site_id=2101";
const LOCATIONS: &str = "/api/v1/locations";

fn is_refused(reply: &Response) -> bool {
    (reply.status, reply.refusal()) == (401, 1003) && reply.header("www-authenticate") == "OAuth realm=\"Tripleseat\""
}

#[tokio::test]
async fn tsm_13_a_call_verifies_with_a_token_and_without_one() {
    let platform = start().await;
    for by in [Signer::of(HARBOR), Signer::of(HARBOR).token(HARBOR_TOKEN)] {
        for path in [LEADS, LOCATIONS, "/v1/leads.json?site_id=2102&q=a+b%20c%2Bd&q=%E2%98%83&c%40=1&c2=2&empty=&bare"]
        {
            let reply = by.get(&platform, path).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        }
        // A 1.0 integration may read and write (A10).
        let sent = br#"{"site_id": 2101, "first_name": "Nora"}"#;
        let call = by.call(&platform, "POST", "/v1/leads", None).body("application/json", sent.as_slice());
        assert_eq!(platform.at_api(call).await.status, 201);
    }
    let kettle = Signer::of(KETTLE).get(&platform, "/v1/sites").await;
    assert!(kettle.text().contains("2201") && !kettle.text().contains("2101"), "{}", kettle.text());
}

#[tokio::test]
async fn tsm_14_o1_07_whatever_is_wrong_has_one_answer() {
    let platform = start().await;
    let good = || Signer::of(HARBOR).token(HARBOR_TOKEN);
    let (key, secret) = HARBOR;
    let (token, token_secret) = HARBOR_TOKEN;
    let mut answers = Vec::new();
    for (what, by) in [
        ("a wrong consumer secret", Signer::of((key, "wrong")).token(HARBOR_TOKEN)),
        ("a wrong token secret", good().token((token, "wrong"))),
        ("an unknown key", Signer::of(("nobody", secret)).token(HARBOR_TOKEN)),
        ("an unknown token", good().token(("nobody", token_secret))),
        ("an unknown token, signed without a secret", good().token(("nobody", ""))),
        ("another consumer's token", good().token(KETTLE_TOKEN)),
        ("a key that is off", Signer::of(OFF)),
        ("a token secret without a token", Signer::of((key, &format!("{secret}&{token_secret}")))),
        ("a timestamp that is too old", good().off(-301)),
        ("a timestamp that is too new", good().off(301)),
        ("two hours behind", good().off(-7_200)),
    ] {
        let reply = by.get(&platform, LEADS).await;
        assert!(is_refused(&reply), "{what}: {} {}", reply.status, reply.text());
        assert!(!reply.text().contains(secret) && !reply.text().contains(key), "{what}");
        answers.push(look(&reply));
    }
    for (method, path) in
        [("GET", "/v1/leads?site_id=2102"), ("GET", "/v1/events?site_id=2101"), ("HEAD", LEADS), ("GET", "/v1/nowhere")]
    {
        let header = good().header(&platform, "GET", LEADS, None);
        let reply = platform.at_api(Call::new(method, path).header("Authorization", &header)).await;
        assert_eq!(reply.status, 401, "tampered: {method} {path}");
        assert!(method == "HEAD" || is_refused(&reply), "{method} {path}");
    }
    let once = good().header(&platform, "GET", LEADS, None);
    let send = || platform.at_api(Call::get(LEADS).header("Authorization", &once));
    assert_eq!(send().await.status, 200);
    answers.push(look(&send().await));
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    for by in [good().off(-300), good().off(300)] {
        assert_eq!(by.get(&platform, LEADS).await.status, 200, "the window's own ends are inside");
    }
    // A fresh nonce at the same second, and the same nonce at another second or with another token, are other requests.
    let one = good().nonce("again");
    for by in [one.clone(), one.clone().off(1), Signer::of(HARBOR).nonce("again"), good().nonce("other")] {
        assert_eq!(by.get(&platform, LEADS).await.status, 200);
    }
    assert!(is_refused(&one.get(&platform, LOCATIONS).await), "for another address it is still used");
}

#[tokio::test]
async fn o1_06_a_replay_is_refused_after_a_restart_and_forgotten_when_it_is_too_old_anyway() {
    let platform = start().await;
    platform.clock.advance(Seconds(100));
    let by = Signer::of(HARBOR).nonce("once").off(-100);
    assert_eq!(by.get(&platform, LEADS).await.status, 200);
    assert_eq!(platform.rows("spent").await, 1);
    let at = platform.clock.now();
    let platform = platform.restart().await;
    assert!(is_refused(&by.clone().get(&platform, LEADS).await), "the nonce outlives the process");
    platform.clock.jump_to(at + Seconds(200));
    assert!(
        is_refused(&by.clone().off(-300).get(&platform, LEADS).await),
        "the last second in which it could be taken"
    );
    jobs::sweep(&platform.edge).await;
    assert_eq!(platform.rows("spent").await, 1, "kept for as long");
    platform.clock.jump_to(at + Seconds(202));
    jobs::sweep(&platform.edge).await;
    assert_eq!(platform.rows("spent").await, 0, "and no longer");
    assert!(is_refused(&by.off(-302).get(&platform, LEADS).await), "now its time alone refuses it");
}

#[tokio::test]
async fn o1_06_nothing_is_remembered_of_who_proved_nothing() {
    let platform = start().await;
    for by in
        [Signer::of(("nobody", "x")), Signer::of((HARBOR.0, "wrong")), Signer::of(OFF), Signer::of(HARBOR).off(-301)]
    {
        assert_eq!(by.get(&platform, LEADS).await.status, 401);
    }
    assert_eq!(platform.rows("spent").await, 0);
}

#[tokio::test]
async fn o1_03_o1_04_o1_05_what_is_no_proper_request_is_400() {
    let platform = start().await;
    let header = |name: &str, value: &str| {
        let good = Signer::of(HARBOR).header(&platform, "GET", LEADS, None);
        let (before, rest) = good.split_once(&format!("{name}=\"")).unwrap();
        format!("{before}{name}=\"{value}\"{}", rest.split_once('"').unwrap().1)
    };
    let good = Signer::of(HARBOR).header(&platform, "GET", LEADS, None);
    for (header, number, about) in [
        (header("oauth_signature_method", "PLAINTEXT"), 1001, ""),
        (header("oauth_signature_method", "RSA-SHA1"), 1001, ""),
        (header("oauth_signature_method", "HMAC-SHA256"), 1001, ""),
        (header("oauth_version", "2.0"), 1002, ""),
        (header("oauth_timestamp", "-5"), 1000, "oauth_timestamp"),
        (header("oauth_timestamp", "soon"), 1000, "oauth_timestamp"),
        (header("oauth_nonce", ""), 101, "oauth_nonce"),
        (header("oauth_consumer_key", ""), 101, "oauth_consumer_key"),
        (format!("{good}, oauth_nonce=\"x\""), 100, "oauth_nonce"),
        ("OAuth oauth_consumer_key=\"x\"".to_owned(), 101, "oauth_signature_method"),
        (format!("{good} oauth_x"), 1000, "Authorization"),
    ] {
        let reply = platform.at_api(Call::get(LEADS).header("Authorization", &header)).await;
        assert_eq!((reply.status, reply.refusal()), (400, number), "{header}: {}", reply.text());
        assert!(reply.text().contains(about) && reply.header("www-authenticate").is_empty(), "{}", reply.text());
    }
    // Two places, or two credentials.
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let in_query = format!("{LEADS}&oauth_nonce=x");
    let form = |text: &str| Call::post("/v1/leads?site_id=2101").body("application/x-www-form-urlencoded", text);
    for call in [
        Call::get(&in_query).header("Authorization", &good),
        Call::get(&in_query).bearer(&token),
        Call::get(LEADS).bearer(&token).header("Authorization", &good),
        Call::get(&in_query).basic("a", "b"),
        form("oauth_nonce=x").header("Authorization", &good),
        form("first_name=x&oauth_signature=y").bearer(&token),
    ] {
        let shown = format!("{call:?}");
        let reply = platform.at_api(call).await;
        assert_eq!(reply.status, 400, "{shown}: {}", reply.text());
    }
    assert_eq!(platform.at_api(form("first_name=x").bearer(&token)).await.status, 201, "a plain form is a plain form");
    assert_eq!(platform.at_api(form("first_name=x")).await.refused(), (401, "unauthorized".to_owned(), 600));
}

#[tokio::test]
async fn o1_03_the_parameters_may_stand_in_the_query_or_in_a_form() {
    let platform = start().await;
    for by in [Signer::of(HARBOR), Signer::of(HARBOR).token(HARBOR_TOKEN)] {
        let query = by.parameters(&platform, "GET", LEADS, &[]);
        let reply = platform.at_api(Call::get(&format!("{LEADS}&{query}"))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(is_refused(&platform.at_api(Call::get(&format!("{LEADS}&{query}"))).await), "once, here too");
        let form = by.parameters(&platform, "POST", "/v1/leads", &[("site_id", "2101"), ("first_name", "N ö+ra")]);
        let whole = format!("site_id=2101&first_name=N+%C3%B6%2Bra&{form}");
        let post =
            |body: &str| platform.at_api(Call::post("/v1/leads").body("application/x-www-form-urlencoded", body));
        assert!(is_refused(&post(&whole.replace("N+", "M+")).await), "a form is signed");
        let reply = post(&whole).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert!(is_refused(&post(&whole).await));
    }
}

#[tokio::test]
async fn o1_04_hmac_sha256_is_a_setting() {
    let platform = builder().profile(|profile| rules(profile).methods.push(SignatureMethod::HmacSha256)).start().await;
    equip(&platform).await;
    let by = Signer::of(HARBOR).method(SignatureMethod::HmacSha256);
    assert_eq!(by.get(&platform, LEADS).await.status, 200);
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200);
    let header = by.header(&platform, "GET", LEADS, None).replace("HMAC-SHA256", "HMAC-SHA1");
    assert!(is_refused(&platform.at_api(Call::get(LEADS).header("Authorization", &header)).await));
}

#[tokio::test]
async fn o1_08_the_address_that_is_signed_is_the_one_outside() {
    let platform = builder()
        .tune(|settings| {
            settings.api_url = Some("https://API.example:443".to_owned());
            settings.login_url = Some("https://login.example".to_owned());
        })
        .start()
        .await;
    equip(&platform).await;
    let send = |header: String| {
        platform.at_api(Call::get(LEADS).host("api.example").header("Authorization", &header).header("Host2", "x"))
    };
    let outside = Signer::of(HARBOR).origin("https://api.example");
    assert_eq!(send(outside.header(&platform, "GET", LEADS, None)).await.status, 200);
    let port = platform.api_address().port();
    for inner in
        [format!("http://127.0.0.1:{port}"), "http://api.example".to_owned(), "https://login.example".to_owned()]
    {
        let header = Signer::of(HARBOR).origin(&inner).header(&platform, "GET", LEADS, None);
        assert!(is_refused(&send(header).await), "{inner}");
    }
}

#[tokio::test]
async fn o1_13_a_body_that_is_no_form_is_not_signed_and_a_form_is() {
    let platform = start().await;
    let json = |text: &str| {
        let header = Signer::of(HARBOR).header(&platform, "POST", LEADS, None);
        platform.at_api(Call::post(LEADS).header("Authorization", &header).body("application/json", text))
    };
    assert_eq!(json(r#"{"first_name": "Nora"}"#).await.status, 201);
    assert_eq!(json(r#"{"first_name": "oauth_nonce=1"}"#).await.status, 201, "any: it is not looked into");
    let form = b"first_name=N%C3%B6ra+B&a=1&a=0";
    let send = |signed: &[u8], sent: &'static [u8], content_type: &'static str| {
        let header = Signer::of(HARBOR).header(&platform, "POST", LEADS, Some(signed));
        platform.at_api(Call::post(LEADS).header("Authorization", &header).body(content_type, sent))
    };
    let plain = "application/x-www-form-urlencoded";
    assert_eq!(send(form, form, plain).await.status, 201);
    assert_eq!(send(form, form, "Application/X-WWW-Form-Urlencoded; charset=utf-8").await.status, 201);
    assert!(is_refused(&send(form, b"first_name=Other", plain).await));
    assert!(is_refused(&send(form, b"", plain).await));
    assert!(is_refused(&send(b"", form, plain).await), "a form that was not signed");
}

#[tokio::test]
async fn tsm_18_both_schemes_draw_on_one_budget() {
    let platform =
        builder().profile(|profile| profile.api.budgets = vec![Budget { requests: 4, per: Seconds(60) }]).start().await;
    equip(&platform).await;
    let token = ACME.connect(&platform, OLIVIA).await.access;
    let (by, bearer) = (Signer::of(HARBOR).token(HARBOR_TOKEN), Api { token: &token });
    for _ in 0..2 {
        assert_eq!(by.get(&platform, LEADS).await.status, 200);
        assert_eq!(bearer.get(&platform, LEADS).await.status, 200);
    }
    let (old, new) = (by.get(&platform, LEADS).await, bearer.get(&platform, LEADS).await);
    assert_eq!((old.refusal(), new.refusal()), (609, 609), "spent for both");
    assert_eq!(old.header("retry-after"), new.header("retry-after"));
    assert_eq!(old.text(), new.text());
    assert!(!old.header("deprecation").is_empty() && new.header("deprecation").is_empty());
    // What is refused takes nothing off it, and another customer has its own.
    assert_eq!(Signer::of((HARBOR.0, "wrong")).get(&platform, LEADS).await.refusal(), 1003);
    assert_eq!(Signer::of(KETTLE).get(&platform, "/v1/leads").await.status, 200);
    platform.clock.advance(Seconds(15));
    assert_eq!((by.get(&platform, LEADS).await.status, bearer.get(&platform, LEADS).await.status), (200, 429));
}

#[tokio::test]
async fn tsm_19_the_same_resource_is_byte_identical() {
    let platform = start().await;
    let token = EVERYTHING.connect(&platform, OLIVIA).await.access;
    for path in [
        LEADS,
        LOCATIONS,
        "/v1/sites",
        "/v1/sites.json",
        "/v1/leads/9101?site_id=2101",
        "/v1/leads",
        "/v1/leads?site_id=2201",
    ] {
        let new = Api { token: &token }.get(&platform, path).await;
        for by in [Signer::of(HARBOR), Signer::of(HARBOR).token(HARBOR_TOKEN)] {
            let old = by.get(&platform, path).await;
            assert_eq!((old.status, &old.body), (new.status, &new.body), "{path}");
            assert_eq!(old.header("content-type"), new.header("content-type"));
        }
    }
}

#[tokio::test]
async fn o1_11_a_copy_of_the_data_holds_no_secret() {
    let platform = start().await;
    assert_eq!(Signer::of(HARBOR).token(HARBOR_TOKEN).get(&platform, LEADS).await.status, 200);
    let platform = platform.restart().await;
    let mut files = 0;
    for entry in std::fs::read_dir(platform.directory().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        files += usize::from(!bytes.is_empty());
        for secret in [HARBOR.1, HARBOR_TOKEN.1, HARBOR_TOKEN.0] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret in clear");
        }
    }
    assert!(files > 0);
    let kept = platform.edge.node.store.consumer(HARBOR.0).await.unwrap().unwrap().consumer;
    assert!(!kept.secret.0.is_empty() && !format!("{kept:?}").contains(&kept.secret.0));
}

#[tokio::test]
async fn o1_11_a_secret_that_was_copied_into_another_row_opens_nothing() {
    let platform = start().await;
    let consumer = async |key: &str| platform.edge.node.store.consumer(key).await.unwrap().unwrap().consumer;
    let (mine, theirs) = (consumer(HARBOR.0).await, consumer(KETTLE.0).await);
    let act = || Act { at: platform.clock.now(), actor: "t".into(), verb: "t", subject: None, detail: String::new() };
    let copied = causeway_protocol::legacy::Consumer { secret: mine.secret.clone(), ..theirs.clone() };
    platform.apply(Change::PutConsumer(copied, act())).await;
    let forged = Signer::of((KETTLE.0, HARBOR.1)).get(&platform, "/v1/leads").await;
    assert_eq!((forged.status, forged.refusal()), (500, 802), "{}", forged.text());
    let broken = causeway_protocol::legacy::Consumer { secret: SealedSecret("AQAB".to_owned()), ..theirs };
    platform.apply(Change::PutConsumer(broken, act())).await;
    assert_eq!(Signer::of(KETTLE).get(&platform, "/v1/leads").await.status, 500);
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200);
}

#[tokio::test]
async fn o1_11_an_old_key_still_opens_and_a_missing_one_is_never_a_wrong_signature() {
    let platform = start().await;
    let platform = platform.restart_as(|builder| builder.keys(&[2, 1])).await;
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200);
    let platform = platform.restart_as(|builder| builder.keys(&[2])).await;
    let reply = Signer::of(HARBOR).get(&platform, LEADS).await;
    assert_eq!((reply.status, reply.refusal()), (503, 803), "{}", reply.text());
}

#[tokio::test]
async fn core_14_who_is_switched_off_gets_401() {
    let platform = start().await;
    let switch = async |subject: String, active: bool| {
        let body = format!("{{\"active\": {active}}}");
        let call = Call::post(&format!("/admin/{subject}/state")).body("application/json", body);
        assert!(platform.at_admin(call).await.status < 300, "{subject}");
    };
    let by = Signer::of(HARBOR).token(HARBOR_TOKEN);
    switch("customers/4100".to_owned(), false).await;
    assert!(is_refused(&by.get(&platform, LEADS).await));
    assert_eq!(Signer::of(KETTLE).get(&platform, "/v1/leads").await.status, 200);
    switch("customers/4100".to_owned(), true).await;
    assert_eq!(by.get(&platform, LEADS).await.status, 200);
}

#[tokio::test]
async fn a_proxy_that_asks_is_told_who_signed() {
    let loopback = TrustedProxies(vec![Cidr::parse("127.0.0.0/8").expect("a block")]);
    let platform = builder().tune(move |settings| settings.proxies = loopback.clone()).start().await;
    equip(&platform).await;
    let header = Signer::of(HARBOR).token(HARBOR_TOKEN).header(&platform, "GET", LEADS, None);
    let ask = |uri: &'static str, header: &str| {
        let call = Call::get("/guard/check").header("x-original-method", "GET").header("x-original-uri", uri);
        platform.at_api(call.header("Authorization", header))
    };
    let reply = ask(LEADS, &header).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    for (name, value) in [
        ("x-causeway-customer", "4100"),
        ("x-causeway-site", "2101"),
        ("x-causeway-scopes", "read write"),
        ("x-causeway-user", "0"),
        ("x-causeway-app", ""),
        ("x-causeway-connection", ""),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    assert!(!reply.header("deprecation").is_empty(), "the proxy can pass the warning on");
    let again = ask(LEADS, &header).await;
    assert!(is_refused(&again) && !again.header("sunset").is_empty());
    let other = Signer::of(HARBOR).header(&platform, "GET", LEADS, None);
    assert!(is_refused(&ask("/v1/leads?site_id=2102", &other).await), "for another address it is not signed");
}

#[tokio::test]
async fn a16_without_a_token_a_call_acts_as_whoever_made_the_site() {
    let platform = start().await;
    let (node, marco) = (&platform.edge.node, platform.person(MARCO).await);
    let mut customer = node.store.customer_by_external("4100").await.unwrap().unwrap();
    customer.sites.iter_mut().for_each(|site| site.creator = Some(marco.id));
    let act = Act { at: node.now(), actor: "t".into(), verb: "t", subject: None, detail: String::new() };
    platform.apply(Change::PutCustomer(customer, act)).await;
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200);
    let off = Call::post(&format!("/admin/people/{MARCO}/state")).body("application/json", "{\"active\": false}");
    assert!(platform.at_admin(off).await.status < 300);
    assert!(is_refused(&Signer::of(HARBOR).get(&platform, LEADS).await), "as an exchanged token would be");
    assert_eq!(
        Signer::of(HARBOR).token(HARBOR_TOKEN).get(&platform, LEADS).await.status,
        200,
        "the token names nobody"
    );
}

#[tokio::test]
async fn tsm_16_who_calls_with_it_is_counted_by_day_and_route() {
    let platform = start().await;
    let token = ACME.connect(&platform, PRIYA).await.access;
    for _ in 0..3 {
        assert_eq!(Signer::of(HARBOR).get(&platform, "/v1/leads.json?site_id=2101").await.status, 200);
    }
    assert_eq!(Signer::of(HARBOR).get(&platform, LOCATIONS).await.status, 200);
    assert_eq!(Signer::of((HARBOR.0, "wrong")).get(&platform, LEADS).await.status, 401);
    assert_eq!(Api { token: &token }.get(&platform, "/v1/leads").await.status, 200);
    let report = async |platform: &Platform| {
        let page = Page { after: None, limit: 10 };
        let since = platform.clock.now().0.div_euclid(86_400);
        let lines = platform.edge.node.store.legacy(since, page).await.unwrap();
        lines.into_iter().map(|line| (line.key, line.calls, line.route)).collect::<Vec<_>>()
    };
    jobs::flush(&platform.edge).await;
    let leads = Some("GET /leads".to_owned());
    let seen = report(&platform).await;
    assert!(seen.contains(&(HARBOR.0.to_owned(), 4, leads.clone())), "{seen:?}");
    assert!(seen.contains(&(KETTLE.0.to_owned(), 0, None)), "{seen:?}");
    // What was not written yet is written when the process ends.
    assert_eq!(Signer::of(HARBOR).get(&platform, LEADS).await.status, 200);
    let platform = platform.restart().await;
    assert!(report(&platform).await.contains(&(HARBOR.0.to_owned(), 5, leads)));
}
