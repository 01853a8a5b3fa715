//! Cal.com's dialect: the two files `cal` and `cal-v2` against the running program. Each test bears the item that it proves.

use causeway_protocol::Change;
use causeway_protocol::records::{Act, Person, Role};
use causeway_protocol::time::Seconds;
use causeway_storage::Store;
use causeway_testkit::actors::{ACME, DESKTOP, Pair, Partner};
use causeway_testkit::browser::with_query;
use causeway_testkit::platform::Builder;
use causeway_testkit::world::{ALBA, ALBA_KEY, BEN, CAL};
use causeway_testkit::{Api, Browser, Call, Page, Platform, Response};
use serde_json::Value;

const AUTHORIZE: &str = "/auth/oauth2/authorize";
const TOKEN: &str = "/api/auth/oauth/token";
const REFRESH: &str = "/api/auth/oauth/refreshToken";
const ME: &str = "/api/auth/oauth/me";
const LIST: &str = "/api/integrations/zapier/listBookings";
const APPS: &str = "/settings/connected-apps";
const DAY: i64 = 86_400;

/// Private to the team "team-51".
const STUDIO: Partner = Partner {
    client_id: "reports",
    secret: Some("reports-secret-0123456789abc"),
    redirect_uri: "https://reports.example/callback",
};

async fn start() -> Platform {
    Builder::shipped("cal", CAL).start().await
}

/// Today's Cal.com, where the same words are spelled otherwise.
async fn today() -> Platform {
    let seed = CAL.replace("READ_BOOKING", "BOOKING_READ").replace("READ_PROFILE", "PROFILE_READ");
    Builder::shipped("cal-v2", &seed).start().await
}

/// The link as the document prints it: client_id, state, redirect_uri and scope.
fn link(app: &Partner, scope: &str) -> String {
    let pairs = [("client_id", app.client_id), ("state", "s-1"), ("redirect_uri", app.redirect_uri), ("scope", scope)];
    with_query(AUTHORIZE, &pairs)
}

/// The consent page as this person sees it.
async fn asked(platform: &Platform, app: &Partner, email: &str, scope: &str) -> (Browser, Page) {
    let mut browser = Browser::of(platform, email).await;
    let page = browser.open(platform, &link(app, scope)).await;
    (browser, page)
}

/// Signs in, allows, exchanges. `account`: the name of another account than the first one.
async fn connect(platform: &Platform, app: &Partner, email: &str, scope: &str, account: Option<&str>) -> Pair {
    let (mut browser, page) = asked(platform, app, email, scope).await;
    let number = match account {
        Some(name) => Some(number(platform, name).await),
        None => None,
    };
    let fill: Vec<(&str, &str)> = number.iter().map(|number| ("account", number.as_str())).collect();
    let back = browser.press(platform, &page, "Allow", &fill).await;
    let code = back.returned("code").unwrap_or_else(|| panic!("no code: {}", back.text()));
    Pair::of(&app.exchange(platform, &code).await)
}

/// What the consent form calls a customer.
async fn number(platform: &Platform, external: &str) -> String {
    let found = platform.edge.node.store.customer_by_external(external).await.expect("the store answers");
    found.expect("the seed has this customer").id.to_string()
}

fn refresh_form() -> Vec<(&'static str, &'static str)> {
    ACME.signed(&[("grant_type", "refresh_token")])
}

fn members(reply: &Response) -> Vec<String> {
    let mut names: Vec<String> = reply.json().as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    names.sort_unstable();
    names
}

/// A refusal in the `{"message"}` envelope: its status, and nothing beside the message.
#[track_caller]
fn assert_message(reply: &Response, status: u16, number: u16, what: &str) {
    assert_eq!(reply.status, status, "{what}: {}", reply.text());
    assert_eq!(members(reply), ["message"], "{what}");
    assert!(reply.member("message").contains(&format!("C-{number}:")), "{what}: {}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json", "{what}");
}

async fn bookings(platform: &Platform, token: &str) -> Vec<i64> {
    let reply = Api { token }.get(platform, LIST).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    ids(&reply)
}

fn ids(reply: &Response) -> Vec<i64> {
    reply.json().as_array().into_iter().flatten().filter_map(|one| one["id"].as_i64()).collect()
}

async fn me(platform: &Platform, token: &str) -> Response {
    platform.at_login(Call::get(ME).bearer(token)).await
}

#[tokio::test]
async fn cal_01_authorize_works_without_a_response_type() {
    let platform = start().await;
    let (mut browser, page) = asked(&platform, &ACME, BEN, "READ_BOOKING").await;
    assert!(page.text().contains("Acme Booking wants to see your bookings"), "{}", page.text());
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    assert!(back.location().starts_with(ACME.redirect_uri));
    assert_eq!(back.returned("state").as_deref(), Some("s-1"));
    let code = back.returned("code").expect("a code");
    assert_eq!(ACME.exchange(&platform, &code).await.status, 200);
    // Another one is still refused.
    let other = format!("{}&response_type=token", link(&ACME, "READ_BOOKING"));
    assert_eq!(browser.open(&platform, &other).await.returned("error").as_deref(), Some("unsupported_response_type"));
    // Without state, none is invented.
    let bare = with_query(AUTHORIZE, &[("client_id", "acme"), ("scope", "READ_BOOKING")]);
    let page = browser.open(&platform, &bare).await;
    assert_eq!(browser.press(&platform, &page, "Allow", &[]).await.returned("state"), None);
}

#[tokio::test]
async fn cal_02_a_comma_and_a_space_part_the_same_scopes_in_either_spelling() {
    let platform = start().await;
    for scope in [
        "READ_BOOKING,READ_PROFILE",
        "READ_BOOKING READ_PROFILE",
        "READ_PROFILE, READ_BOOKING",
        "BOOKING_READ,PROFILE_READ",
        "BOOKING_READ READ_BOOKING READ_PROFILE",
    ] {
        let pair = connect(&platform, &ACME, BEN, scope, None).await;
        let said = ACME.introspect(&platform, &pair.access).await.member("scope");
        assert_eq!(said, "READ_BOOKING READ_PROFILE", "{scope}");
    }
    let mut browser = Browser::of(&platform, BEN).await;
    for scope in ["READ_BOOKING;READ_PROFILE", "read_booking", "BOOKING_WRITE"] {
        let back = browser.open(&platform, &link(&ACME, scope)).await;
        assert_eq!(back.returned("error").as_deref(), Some("invalid_scope"), "{scope}");
    }
    // A word that the app has not, by its other name.
    let pairs = [("scope", "BOOKING_READ"), ("code_challenge_method", "S256")];
    let challenge = ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let link = with_query(AUTHORIZE, &[pairs[0], pairs[1], challenge, ("client_id", DESKTOP.client_id)]);
    assert_eq!(browser.open(&platform, &link).await.returned("error").as_deref(), Some("invalid_scope"));
    // Metadata names each once.
    let metadata = platform.at_login(Call::get("/.well-known/oauth-authorization-server")).await.json();
    assert_eq!(metadata["scopes_supported"], serde_json::json!(["READ_BOOKING", "READ_PROFILE"]));
}

#[tokio::test]
async fn cal_03_the_exchange_answers_two_fields_and_nothing_else() {
    let platform = start().await;
    let (mut browser, page) = asked(&platform, &ACME, BEN, "READ_BOOKING").await;
    let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
    let reply = ACME.exchange(&platform, &code).await;
    assert_eq!(members(&reply), ["access_token", "refresh_token"]);
    assert_eq!(reply.header("cache-control"), "no-store");
    let (access, refresh) = (reply.member("access_token"), reply.member("refresh_token"));
    assert!(access.starts_with("calat_") && refresh.starts_with("calrt_"));
    // Half an hour, though nothing says so.
    assert_eq!(bookings(&platform, &access).await, [21]);
    platform.clock.advance(Seconds(30 * 60 - 1));
    assert_eq!(bookings(&platform, &access).await, [21]);
    platform.clock.advance(Seconds(1));
    assert_message(&Api { token: &access }.get(&platform, LIST).await, 401, 601, "expired");
}

#[tokio::test]
async fn cal_04_the_refresh_token_stands_in_the_header_or_in_the_body() {
    let platform = start().await;
    let pair = connect(&platform, &ACME, BEN, "READ_BOOKING", None).await;
    let form = refresh_form();
    let with_body: Vec<_> = form.iter().copied().chain([("refresh_token", pair.refresh.as_str())]).collect();
    let with_junk: Vec<_> = form.iter().copied().chain([("refresh_token", "calrt_junk")]).collect();
    let post = |form: &[(&str, &str)]| Call::post(REFRESH).form(form);
    let json = Call::post(REFRESH).json(&form).bearer(&pair.refresh);
    let lower = post(&form).header("Authorization", &format!("bearer  {}", pair.refresh));
    for (what, call) in [
        ("header", post(&form).bearer(&pair.refresh)),
        ("header, other letters", lower),
        ("header, JSON", json),
        ("body", post(&with_body)),
        ("both: the body wins", post(&with_body).bearer("junk")),
        ("the first path", Call::post(TOKEN).form(&form).bearer(&pair.refresh)),
    ] {
        let reply = platform.at_login(call).await;
        assert_eq!(reply.status, 200, "{what}: {}", reply.text());
        assert_eq!(bookings(&platform, &reply.member("access_token")).await, [21], "{what}");
    }
    for (what, call, status, number) in [
        ("both: the body wins", post(&with_junk).bearer(&pair.refresh), 401, 511),
        ("junk", post(&form).bearer("junk"), 401, 511),
        ("an access token", post(&form).bearer(&pair.access), 401, 511),
        ("neither", post(&form), 400, 101),
        ("an empty header", post(&form).header("Authorization", "Bearer"), 400, 101),
        ("no client", Call::post(REFRESH).form(&[("grant_type", "refresh_token")]).bearer(&pair.refresh), 401, 202),
    ] {
        assert_message(&platform.at_login(call).await, status, number, what);
    }
    // Basic proves the client, so the token is in the body.
    let basic = [("grant_type", "refresh_token"), ("refresh_token", pair.refresh.as_str())];
    let call = Call::post(REFRESH).form(&basic).basic("acme", ACME.secret.expect("confidential"));
    assert_eq!(platform.at_login(call).await.status, 200);
    // Where the profile does not say so, a header is no place for it.
    let platform = Builder::shipped("cal", CAL).profile(|p| p.token.refresh_in_header = false).start().await;
    let pair = connect(&platform, &ACME, BEN, "READ_BOOKING", None).await;
    assert_message(&platform.at_login(post(&form).bearer(&pair.refresh)).await, 400, 101, "not this profile");
}

#[tokio::test]
async fn cal_05_a_refresh_answers_one_field_and_the_refresh_token_stays() {
    let platform = start().await;
    let pair = connect(&platform, &ACME, BEN, "READ_BOOKING", None).await;
    for _ in 0..29 {
        platform.clock.advance(Seconds(DAY));
        let reply = platform.at_login(Call::post(REFRESH).form(&refresh_form()).bearer(&pair.refresh)).await;
        assert_eq!(members(&reply), ["access_token"], "{}", reply.text());
        assert_eq!(bookings(&platform, &reply.member("access_token")).await, [21]);
    }
    // Nothing slid: thirty days from the exchange it is over.
    platform.clock.advance(Seconds(DAY));
    let late = platform.at_login(Call::post(REFRESH).form(&refresh_form()).bearer(&pair.refresh)).await;
    assert_message(&late, 401, 514, "after thirty days");
}

#[tokio::test]
async fn cal_05_a_public_app_rotates_and_is_told_its_new_token() {
    let platform = start().await;
    let pair = DESKTOP.connect(&platform, BEN).await;
    let reply = DESKTOP.refresh(&platform, &pair.refresh).await;
    assert_eq!(members(&reply), ["access_token", "refresh_token"], "{}", reply.text());
    assert_ne!(reply.member("refresh_token"), pair.refresh);
    assert_eq!(DESKTOP.refresh(&platform, &reply.member("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn cal_06_exchange_and_refresh_have_two_paths_on_the_login_host() {
    let platform = start().await;
    let (mut browser, page) = asked(&platform, &ACME, BEN, "READ_BOOKING").await;
    let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
    // The second path only refreshes, and burns nothing.
    let wrong = platform.at_login(Call::post(REFRESH).form(&ACME.exchange_pairs(&code))).await;
    assert_message(&wrong, 400, 501, "a code at the refresh path");
    let pair = Pair::of(&platform.at_login(Call::post(TOKEN).form(&ACME.exchange_pairs(&code))).await);
    for path in [TOKEN, REFRESH] {
        let reply = platform.at_login(Call::post(path).form(&ACME.refresh_pairs(&pair.refresh))).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        // Not on the other host.
        let elsewhere = platform.at_api(Call::post(path).form(&ACME.refresh_pairs(&pair.refresh))).await;
        assert!(elsewhere.status >= 400 && elsewhere.member("access_token").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn cal_07_me_says_the_name_and_wants_its_scope() {
    let platform = start().await;
    let pair = connect(&platform, &ACME, ALBA, "READ_PROFILE", None).await;
    for call in [Call::get(ME), Call::post(ME)] {
        let reply = platform.at_login(call.bearer(&pair.access)).await;
        assert_eq!((reply.status, reply.json()), (201, serde_json::json!({"username": "Alba Moreno"})));
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    let ben = connect(&platform, &ACME, BEN, "READ_PROFILE", None).await;
    assert_eq!(me(&platform, &ben.access).await.member("username"), "ben", "who has no name is called by the address");
    // A missing scope is 401 here, like no token and a bad one.
    let narrow = connect(&platform, &STUDIO, ALBA, "READ_BOOKING", None).await;
    assert_message(&me(&platform, &narrow.access).await, 401, 602, "without READ_PROFILE");
    assert_message(&me(&platform, "junk").await, 401, 601, "junk");
    assert_message(&platform.at_login(Call::get(ME)).await, 401, 600, "nothing");
    assert_message(&me(&platform, &ben.refresh).await, 401, 601, "a refresh token");
    let wrong = platform.at_login(Call::new("DELETE", ME).bearer(&pair.access)).await;
    assert_message(&wrong, 405, 107, "DELETE");
    assert_eq!(wrong.header("allow"), "GET, HEAD, POST");
    // It draws on the same budget as calls of the API.
    let mut last = me(&platform, &pair.access).await;
    for _ in 0..500 {
        if last.status == 429 {
            break;
        }
        last = me(&platform, &pair.access).await;
    }
    assert_eq!(last.status, 429, "{}", last.text());
    assert_ne!(last.header("retry-after"), "");
    // Switched off is switched off.
    platform.switch("people", BEN, false).await;
    assert_message(&me(&platform, &ben.access).await, 401, 601, "switched off");
    // Today's shape, and 403 as RFC 6750 has it.
    let platform = today().await;
    let pair = connect(&platform, &ACME, ALBA, "READ_PROFILE", None).await;
    let reply = Api { token: &pair.access }.get(&platform, "/v2/me").await;
    assert_eq!((reply.status, reply.json()), (200, serde_json::json!({"data": {"username": "Alba Moreno"}})));
    let narrow = connect(&platform, &ACME, BEN, "READ_BOOKING", None).await;
    assert_eq!(Api { token: &narrow.access }.get(&platform, "/v2/me").await.status, 403);
}

#[tokio::test]
async fn cal_09_who_helps_to_run_a_team_may_choose_it() {
    let platform = start().await;
    let (mut browser, page) = asked(&platform, &ACME, ALBA, "READ_BOOKING READ_PROFILE").await;
    let text = page.text();
    for part in [
        "Acme Booking wants to see data of the account that you choose",
        "Connect it to",
        "Alba's account Your own account",
        "Bright Studio Team: you are an administrator",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("Night School"), "she only works there: {text}");
    assert_eq!((page.forms().len(), page.buttons()), (1, vec!["Deny".to_owned(), "Allow".to_owned()]));
    // The own account is the working default; both stand in the form that answers.
    let (own, team) = (number(&platform, "user-1").await, number(&platform, "team-51").await);
    let form = page.form("Allow");
    assert_eq!(form.choices, [("account".to_owned(), own.clone()), ("account".to_owned(), team.clone())]);
    assert_eq!(form.field("account"), own);
    // The token acts for the chosen one.
    let back = browser.press(&platform, &page, "Allow", &[("account", &team)]).await;
    let of_team = Pair::of(&ACME.exchange(&platform, &back.returned("code").expect("a code")).await);
    assert_eq!(bookings(&platform, &of_team.access).await, [51]);
    assert_eq!(me(&platform, &of_team.access).await.member("username"), "Bright Studio");
    // The same answer once more goes to the same place; another choice is another answer, and is refused.
    let again = browser.press(&platform, &page, "Allow", &[("account", &team)]).await;
    assert_eq!(again.location(), back.location());
    assert_eq!(browser.press(&platform, &page, "Allow", &[("account", &own)]).await.refusal(), 402);
    assert_eq!(platform.rows("connections").await, 1);
    // Her own account beside it, by default or by the button.
    let mine = connect(&platform, &ACME, ALBA, "READ_BOOKING", None).await;
    assert_eq!(bookings(&platform, &mine.access).await, [11]);
    assert_eq!(bookings(&platform, &of_team.access).await, [51]);
    assert_eq!(platform.rows("connections").await, 2);
    let refreshed = platform.at_login(Call::post(REFRESH).form(&refresh_form()).bearer(&of_team.refresh)).await;
    assert_eq!(bookings(&platform, &refreshed.member("access_token")).await, [51], "after a refresh as well");
}

#[tokio::test]
async fn cal_09_nobody_chooses_a_team_without_running_it() {
    let platform = start().await;
    let (mut browser, page) = asked(&platform, &ACME, BEN, "READ_BOOKING").await;
    assert!(page.form("Allow").choices.is_empty() && !page.text().contains("Bright Studio"), "{}", page.text());
    assert!(page.text().contains("For your own account, Ben's account"), "{}", page.text());
    let sealed = page.form("Allow").field("request").to_owned();
    let foreign = ["team-51", "team-52", "user-1"];
    let mut crafted: Vec<String> = Vec::new();
    for external in foreign {
        crafted.push(number(&platform, external).await);
    }
    crafted.extend(["0", "-1", "x", "team-51", "999999999999999999999"].map(str::to_owned));
    for account in &crafted {
        let pairs = [("request", sealed.as_str()), ("decision", "allow"), ("account", account)];
        let refused = browser.send(&platform, Call::post("/consent").form(&pairs)).await;
        assert_eq!((refused.reply.status, refused.refusal()), (403, 313), "{account}: {}", refused.text());
    }
    assert_eq!(platform.rows("connections").await, 0);
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    let pair = Pair::of(&ACME.exchange(&platform, &back.returned("code").expect("nothing was burnt")).await);
    assert_eq!(bookings(&platform, &pair.access).await, [21]);
    // Who loses the part while the page is open loses the choice.
    let (mut browser, page) = asked(&platform, &ACME, ALBA, "READ_BOOKING").await;
    let alba = platform.person(ALBA).await;
    let teams = alba.teams.iter().map(|team| causeway_protocol::records::Membership { role: Role::Member, ..*team });
    put(&platform, Person { teams: teams.collect(), ..alba.clone() }).await;
    let team = number(&platform, "team-51").await;
    let refused = browser.press(&platform, &page, "Allow", &[("account", &team)]).await;
    assert_eq!(refused.refusal(), 313, "{}", refused.text());
}

async fn put(platform: &Platform, person: Person) {
    let act = Act {
        at: platform.clock.now(),
        actor: "test".into(),
        verb: "person.put",
        subject: None,
        detail: String::new(),
    };
    platform.apply(Change::PutPerson(person, act)).await;
}

#[tokio::test]
async fn cal_09_an_app_that_is_private_to_a_team_is_offered_for_it_alone() {
    let platform = start().await;
    let (mut browser, page) = asked(&platform, &STUDIO, ALBA, "READ_BOOKING").await;
    assert!(page.form("Allow").choices.is_empty(), "there is nothing to choose");
    assert!(page.text().contains("Administrator of Bright Studio"), "{}", page.text());
    let back = browser.press(&platform, &page, "Allow", &[]).await;
    let pair = Pair::of(&STUDIO.exchange(&platform, &back.returned("code").expect("a code")).await);
    assert_eq!(bookings(&platform, &pair.access).await, [51]);
    let (_, page) = asked(&platform, &STUDIO, BEN, "READ_BOOKING").await;
    assert_eq!(page.refusal(), 312, "{}", page.text());
}

#[tokio::test]
async fn cal_09_the_teams_connections_are_seen_and_cut_by_who_runs_it() {
    let platform = start().await;
    let of_team = connect(&platform, &ACME, ALBA, "READ_BOOKING", Some("team-51")).await;
    let mine = connect(&platform, &ACME, ALBA, "READ_BOOKING", Some("user-1")).await;
    let bens = connect(&platform, &ACME, BEN, "READ_BOOKING", None).await;
    let mut alba = Browser::of(&platform, ALBA).await;
    let own = alba.open(&platform, APPS).await;
    assert!(own.text().contains("can reach the data of Alba's account"), "{}", own.text());
    assert_eq!(own.html.matches("<tr>").count(), 2, "a head and one row");
    let team = alba.open(&platform, &own.link("<bdi>Bright Studio")).await;
    assert!(team.text().contains("can reach the data of Bright Studio"), "{}", team.text());
    let href = team.link("<bdi>Acme Booking");
    // Who only works in the team neither sees nor cuts.
    let mut ben = Browser::of(&platform, BEN).await;
    let his = ben.open(&platform, APPS).await;
    assert!(!his.text().contains("Bright Studio"), "{}", his.text());
    let number = number(&platform, "team-51").await;
    assert_eq!(ben.open(&platform, &format!("{APPS}?account={number}")).await.refusal(), 408);
    assert_eq!(ben.open(&platform, &href).await.refusal(), 409);
    let page = ben.open(&platform, &his.link("<bdi>Acme Booking")).await;
    let token = page.form("Disconnect Acme Booking").field("token").to_owned();
    let forged = Call::post(&format!("{href}/disconnect")).form(&[("token", &token)]);
    assert_eq!(ben.send(&platform, forged).await.location(), "");
    assert_eq!(bookings(&platform, &of_team.access).await, [51]);
    // Cut, and back on the team's list.
    let page = alba.open(&platform, &href).await;
    let cut = alba.press(&platform, &page, "Disconnect Acme Booking", &[]).await;
    let list = alba.open(&platform, cut.location()).await;
    assert!(list.text().contains("Acme Booking is disconnected") && list.text().contains("Bright Studio"));
    assert_message(&Api { token: &of_team.access }.get(&platform, LIST).await, 401, 601, "cut");
    assert_eq!(bookings(&platform, &mine.access).await, [11], "her own is another connection");
    assert_eq!(bookings(&platform, &bens.access).await, [21]);
}

#[tokio::test]
async fn cal_10_an_api_key_or_a_bearer_token_opens_the_same_address() {
    let platform = start().await;
    let pair = connect(&platform, &ACME, ALBA, "READ_BOOKING", None).await;
    let with_key = format!("{LIST}?apiKey={ALBA_KEY}");
    let by_key = platform.at_api(Call::get(&with_key)).await;
    let by_token = Api { token: &pair.access }.get(&platform, LIST).await;
    assert_eq!((by_key.status, ids(&by_key)), (201, vec![11]), "{}", by_key.text());
    assert_eq!(by_key.body, by_token.body);
    assert_message(&platform.at_api(Call::get(LIST)).await, 401, 600, "neither");
    assert_message(&platform.at_api(Call::get(&with_key).bearer(&pair.access)).await, 400, 603, "both");
    assert_message(&platform.at_api(Call::get(&format!("{with_key}&apiKey=x"))).await, 400, 603, "two keys");
    for junk in ["cal_live_alba_0123456789abcdee", "x", "%00", ALBA] {
        let reply = platform.at_api(Call::get(&format!("{LIST}?apiKey={junk}"))).await;
        assert_message(&reply, 401, 615, junk);
        assert!(reply.header("www-authenticate").starts_with("Bearer "), "RFC 9110 15.5.2");
    }
    assert_eq!(platform.at_api(Call::get(&format!("{LIST}?apiKey="))).await.status, 400);
    // A key is no token, and a token no key.
    assert_message(&platform.at_api(Call::get(LIST).bearer(ALBA_KEY)).await, 401, 601, "a key as a token");
    let as_key = format!("{LIST}?apiKey={}", pair.access);
    assert_message(&platform.at_api(Call::get(&as_key)).await, 401, 615, "a token as a key");
    // Both draw on the account, so its switch ends both.
    platform.switch("customers", "user-1", false).await;
    for call in [Call::get(&with_key), Call::get(LIST).bearer(&pair.access)] {
        assert_message(&platform.at_api(call).await, 401, 601, "switched off");
    }
    platform.switch("customers", "user-1", true).await;
    assert_eq!(platform.at_api(Call::get(&with_key)).await.status, 201, "a switch is no cut");
    // A key that is switched off.
    let store = &platform.edge.node.store;
    let digest = causeway_server::legacy_secrets::digest(ALBA_KEY);
    let key = store.api_key(digest).await.expect("the store answers").expect("the seed's");
    assert_eq!(key.hint, "cdef");
    let act = Act {
        at: platform.clock.now(),
        actor: "test".into(),
        verb: "api_key.put",
        subject: None,
        detail: String::new(),
    };
    platform.apply(Change::PutApiKey(causeway_protocol::legacy::ApiKey { active: false, ..key }, act)).await;
    assert_message(&platform.at_api(Call::get(&with_key)).await, 401, 615, "the key is off");
}

#[tokio::test]
async fn cal_10_a_key_goes_to_neither_the_api_behind_nor_the_budget_of_others() {
    let backend = crate::proxy::backend::Backend::echo().await;
    let url = backend.url();
    let limit = |profile: &mut causeway_protocol::profile::Profile| {
        profile.api.budgets = vec![causeway_protocol::profile::Budget { requests: 2, per: Seconds(60) }];
    };
    let builder = Builder::shipped("cal", CAL).profile(limit);
    let platform = builder.tune(move |settings| settings.upstream = Some(url.clone())).start().await;
    let call = || Call::get(&format!("{LIST}?a=1&apiKey={ALBA_KEY}&b=%20"));
    let sent = platform.at_api(call()).await.text();
    assert!(sent.starts_with(&format!("GET {LIST}?a=1&b=%20 HTTP/1.1")), "{sent}");
    assert!(!sent.contains(ALBA_KEY), "{sent}");
    assert!(sent.contains("x-causeway-customer: user-1\r\n") && sent.contains("x-causeway-user: 0\r\n"), "{sent}");
    assert!(sent.contains("x-causeway-scopes: READ_BOOKING READ_PROFILE\r\n"), "{sent}");
    assert!(!sent.contains("x-causeway-app:") && !sent.contains("x-causeway-connection:"), "{sent}");
    // One budget for the account, whatever the credential.
    let pair = connect(&platform, &ACME, ALBA, "READ_BOOKING", None).await;
    assert_eq!(Api { token: &pair.access }.get(&platform, LIST).await.status, 200);
    assert_message(&platform.at_api(call()).await, 429, 609, "the third");
}

#[tokio::test]
async fn cal_10_c_09_a_key_in_an_address_is_in_no_log() {
    let logged = crate::proxy::Logged::default();
    let writer = logged.clone();
    let level = tracing::Level::TRACE;
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(move || writer.clone()).finish();
    // With one dispatcher alive, tracing remembers the no of other tests' threads; with two it asks again.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _until_the_end = tracing::subscriber::set_default(subscriber);
    let platform = start().await;
    for address in [format!("{LIST}?apiKey={ALBA_KEY}"), format!("{LIST}?apiKey={ALBA_KEY}x")] {
        platform.at_api(Call::get(&address)).await;
    }
    let log = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("ApiKeyInvalid"), "{log}");
    assert!(!log.contains(ALBA_KEY), "{log}");
}

/// Otesse's two places for a key.
#[tokio::test]
async fn cal_10_a_key_in_a_header_or_behind_bearer() {
    let key = "otesse_live_sk_0123456789abcdef";
    let seed = CAL.replace(ALBA_KEY, key);
    let rules = causeway_protocol::profile::ApiKeyRules {
        query: None,
        header: Some("x-api-key".to_owned()),
        bearer_prefix: Some("otesse_live_sk_".to_owned()),
        scopes: vec!["READ_BOOKING".to_owned()],
    };
    let platform = Builder::shipped("cal", &seed).profile(|profile| profile.api_keys = Some(rules)).start().await;
    let get = || Call::get(LIST);
    for call in [get().header("X-API-Key", key), get().header("x-api-key", key), get().bearer(key)] {
        let reply = platform.at_api(call).await;
        assert_eq!((reply.status, ids(&reply)), (201, vec![11]), "{}", reply.text());
    }
    let both = get().header("X-API-Key", key).bearer(key);
    assert_message(&platform.at_api(both).await, 400, 603, "twice");
    assert_message(&platform.at_api(get().bearer("otesse_live_sk_x")).await, 401, 615, "unknown");
    assert_message(&platform.at_api(get().header("X-API-Key", "x")).await, 401, 615, "unknown");
    let in_query = format!("{LIST}?apiKey={key}");
    assert_message(&platform.at_api(Call::get(&in_query)).await, 401, 600, "not in this profile's query");
    // Forward-auth asks the same way.
    let ask = |call: Call| call.header("X-Original-Method", "GET").header("X-Original-URI", LIST);
    let check = async |call: Call| ask(call).send(platform.admin_address()).await;
    let passed = check(Call::get("/guard/check").header("X-API-Key", key)).await;
    assert_eq!((passed.status, passed.header("x-causeway-customer")), (200, "user-1"), "{}", passed.text());
    assert_eq!(passed.header("x-causeway-scopes"), "READ_BOOKING");
    assert_message(&check(Call::get("/guard/check").header("X-API-Key", "x")).await, 401, 615, "unknown");
}

#[tokio::test]
async fn cal_11_refusals_are_messages_with_400_401_and_405() {
    let platform = start().await;
    let (mut browser, page) = asked(&platform, &ACME, BEN, "READ_BOOKING").await;
    let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
    let exchange = |changes: &[(&'static str, &'static str)]| {
        let mut pairs = ACME.exchange_pairs(&code);
        for (name, value) in changes {
            pairs.retain(|(known, _)| known != name);
            pairs.push((name, value));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Call::post(TOKEN).form(&pairs)
    };
    for (what, call, status, number) in [
        ("grant type", exchange(&[("grant_type", "password")]), 400, 501),
        ("no grant type", exchange(&[("grant_type", "")]), 400, 500),
        ("no code", exchange(&[("code", "")]), 400, 101),
        ("client", exchange(&[("client_id", "nobody")]), 401, 200),
        ("secret", exchange(&[("client_secret", "wrong")]), 401, 200),
        ("redirect URI", exchange(&[("redirect_uri", "https://acme.example/other")]), 401, 506),
        ("code", exchange(&[("code", "calac_junk")]), 401, 502),
        ("query", Call::post(&format!("{TOKEN}?code=x")), 400, 103),
        ("GET", Call::get(TOKEN), 405, 107),
        ("GET refresh", Call::get(REFRESH), 405, 107),
        ("GET revoke", Call::get("/api/auth/oauth/revoke"), 405, 107),
        ("introspect", Call::post("/api/auth/oauth/introspect").form(&[("token", "x")]), 401, 202),
    ] {
        let reply = platform.at_login(call).await;
        assert_message(&reply, status, number, what);
        assert_eq!(reply.header("allow"), if status == 405 { "POST" } else { "" }, "{what}");
        assert_eq!(reply.header("www-authenticate").is_empty(), status != 401, "{what}");
    }
    // Nothing was burnt.
    assert_eq!(platform.at_login(exchange(&[])).await.status, 200);
    assert_message(&platform.at_login(exchange(&[])).await, 401, 504, "the code again");
    // The other shape is a setting away.
    let errors = causeway_protocol::profile::TokenErrors::OAuth;
    let platform = Builder::shipped("cal", CAL).profile(|profile| profile.token.errors = errors).start().await;
    let reply = platform.at_login(Call::post(TOKEN).form(&ACME.exchange_pairs("calac_junk"))).await;
    assert_eq!(reply.refused(), (400, "invalid_grant".to_owned(), 502));
}

#[tokio::test]
async fn cal_today_one_token_address_json_rotation_and_lower_case_bearer() {
    let platform = today().await;
    let (mut browser, page) = asked(&platform, &ACME, ALBA, "READ_BOOKING,PROFILE_READ").await;
    let code = browser.press(&platform, &page, "Allow", &[]).await.returned("code").expect("a code");
    let reply = platform.at_api(Call::post("/v2/auth/oauth2/token").json(&ACME.exchange_pairs(&code))).await;
    assert_eq!(members(&reply), ["access_token", "expires_in", "refresh_token", "scope", "token_type"]);
    assert_eq!((reply.member("token_type"), reply.json()["expires_in"].clone()), ("bearer".into(), Value::from(1800)));
    assert_eq!(reply.member("scope"), "BOOKING_READ PROFILE_READ");
    let first = Pair::of(&reply);
    let second = Pair::of(&ACME.refresh(&platform, &first.refresh).await);
    assert_ne!(second.refresh, first.refresh);
    // Connecting twice ends the first connection's refresh tokens.
    let again = connect(&platform, &ACME, ALBA, "BOOKING_READ", None).await;
    assert_eq!(ACME.refresh(&platform, &second.refresh).await.refused().1, "invalid_grant");
    assert_eq!(ACME.refresh(&platform, &again.refresh).await.status, 200);
    // A key where a token may stand.
    let reply = platform.at_api(Call::get("/v2/bookings").bearer(ALBA_KEY)).await;
    assert_eq!((reply.status, reply.json()["data"][0]["id"].as_i64()), (200, Some(11)), "{}", reply.text());
}
