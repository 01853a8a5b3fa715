//! `causeway demo`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use causeway_protocol::UnixTime;
use causeway_protocol::oauth1::{SignatureMethod, Signing, sign};
use causeway_protocol::secret::Secret;
use serde_json::Value;

use crate::program::{Dir, Running, causeway, ended, get, http};

/// The demo on free ports, its temporary data where the test can look.
fn start(dir: &Dir, more: &[&str]) -> Running {
    let mut command = causeway(["demo", "--listen", "127.0.0.1:0"]);
    fs::create_dir_all(dir.path("tmp")).unwrap();
    command.args(more).env("TMPDIR", dir.path("tmp"));
    Running::start(command, &dir.path("describe.json"))
}

fn texts(value: &Value, names: &[&str]) {
    for name in names {
        assert!(value[name].is_string(), "{name} in {value}");
    }
}

/// Each platform of the demo, with every scope word that its documents print.
const PLATFORMS: [(&str, &str); 4] = [
    ("tripleseat", "read write leads:read leads:write events:read events:write"),
    ("cal", "READ_BOOKING READ_PROFILE"),
    ("otesse", "bookings:read customers:read"),
    ("orcabase", "offline_access offline"),
];

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("{name} in {value}"))
}

#[test]
fn the_description_has_the_shape_that_others_rely_on() {
    let dir = Dir::new();
    let demo = start(&dir, &[]);
    let mode = fs::metadata(dir.path("describe.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let all = demo.description();
    assert_eq!(all["version"], 1);
    texts(&all, &["hub"]);
    let keys: Vec<&String> = all["platforms"].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), PLATFORMS.len(), "{keys:?}");
    for (key, scopes) in PLATFORMS {
        platform(key, scopes, &all);
    }
    assert_eq!(list(&all["platforms"]["tripleseat"], "oauth1").len(), 2);
}

fn platform(key: &str, scopes: &str, all: &Value) {
    let platform = &all["platforms"][key];
    texts(platform, &["login_url", "api_url", "issuer", "admin_url", "admin_key"]);
    let paths = &platform["paths"];
    texts(paths, &["authorize", "token", "refresh", "revoke", "introspect", "guard_check"]);
    assert!(paths.as_object().unwrap().contains_key("userinfo"), "{key}");
    let (apps, people) = (list(platform, "apps"), list(platform, "people"));
    for app in apps {
        texts(app, &["name", "client_id", "kind", "visibility", "status", "scopes"]);
        assert!(app["client_secret"].is_string() == (app["kind"] == "confidential"), "{app}");
        assert!(app["redirect_uris"].is_array());
    }
    let (first, id) = (&apps[0], &apps[0]["client_id"]);
    let kind = ["status", "kind", "visibility"].map(|name| first[name].as_str().unwrap());
    assert_eq!(kind, ["approved", "confidential", "public"], "{key}");
    for word in scopes.split(' ') {
        assert!(first["scopes"].as_str().unwrap().split(' ').any(|held| held == word), "{key}: {word}");
    }
    let callback = format!("{}/callback/{key}", all["hub"].as_str().unwrap());
    assert!(list(first, "redirect_uris").contains(&Value::from(callback)), "{key}");

    people.iter().for_each(|person| texts(person, &["email", "password", "role"]));
    assert!(people.iter().any(|person| person["role"] == "member"), "{key}: a member");
    let admin = people.iter().find(|person| person["role"] == "customer_admin").unwrap();
    let customers = list(platform, "customers");
    let own = customers.iter().find(|customer| customer["id"] == admin["customer"]).unwrap();
    let count = |of: &Value, active: bool| list(of, "sites").iter().filter(|site| site["active"] == active).count();
    assert_eq!((count(own, true), count(own, false)), (2, 1), "{key}");
    let others = || customers.iter().filter(|customer| customer["id"] != own["id"]);
    assert!(others().any(|customer| count(customer, true) == 1), "{key}: a second customer has one site");

    list(platform, "oauth1");
    if let Some(account) = list(platform, "accounts").first() {
        texts(account, &["app", "account_id"]);
        assert_eq!((&account["app"], &list(platform, "api_keys")[0]["app"]), (id, id), "{key}");
    }
    for api_key in list(platform, "api_keys") {
        texts(api_key, &["key"]);
        assert!(api_key["customer"].is_string() || api_key["app"].is_string(), "{api_key}");
    }
}

#[test]
fn the_demo_stands_before_the_end_of_oauth_1_and_its_pairs_wait_to_be_exchanged() {
    let dir = Dir::new();
    let demo = start(&dir, &[]);
    let platform = &demo.description()["platforms"]["tripleseat"];
    let (api, app) = (platform["api_url"].as_str().unwrap(), &platform["apps"][0]);
    for (at, pair) in list(platform, "oauth1").iter().enumerate() {
        let text = |name: &str| pair[name].as_str().unwrap();
        let signed = |nonce: &str| {
            let by = Signing {
                consumer_key: text("consumer_key"),
                consumer_secret: &Secret::new(text("consumer_secret")),
                token: None,
                method: SignatureMethod::HmacSha1,
                nonce: &format!("{nonce}-{at}"),
                timestamp: now(),
                extra: &[],
            };
            let header = sign("GET", &format!("{api}/v1/locations"), None, &by).unwrap();
            http("GET", api, "/v1/locations", &[("Authorization", &header)], "").0
        };
        assert_eq!(signed("before"), 200, "{pair}");
        let body = format!(
            "grant_type=oauth1_exchange&client_id={}&client_secret={}&consumer_key={}&consumer_secret={}",
            app["client_id"].as_str().unwrap(),
            app["client_secret"].as_str().unwrap(),
            text("consumer_key"),
            text("consumer_secret")
        );
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let (status, reply) = http("POST", api, platform["paths"]["token"].as_str().unwrap(), &form, &body);
        assert_eq!(status, 200, "{reply}");
        assert_eq!(signed("after"), 200, "it still signs after its exchange: {pair}");
    }
}

/// The machine's own time, as the platform has it.
fn now() -> UnixTime {
    let told = std::process::Command::new("date").arg("+%s").output().unwrap().stdout;
    UnixTime(String::from_utf8(told).unwrap().trim().parse().unwrap())
}

#[test]
fn every_origin_answers_and_a_stop_leaves_nothing_behind() {
    let dir = Dir::new();
    let demo = start(&dir, &[]);
    let all = demo.description();
    let mut origins = vec![all["hub"].as_str().unwrap()];
    for (key, _) in PLATFORMS {
        let platform = &all["platforms"][key];
        origins.extend(["login_url", "api_url", "admin_url"].map(|name| platform[name].as_str().unwrap()));
    }
    for origin in &origins {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(get(origin, path).0, 200, "{origin}{path}");
        }
    }
    origins.sort_unstable();
    origins.dedup();
    assert_eq!(origins.len(), 13, "each has a port of its own");
    let platform = &all["platforms"]["tripleseat"];
    assert_eq!(get(platform["login_url"].as_str().unwrap(), "/sign-in").0, 200);
    assert_eq!(get(platform["api_url"].as_str().unwrap(), "/v1/sites").0, 401);
    let hub = all["hub"].as_str().unwrap();
    assert_eq!(get(hub, "/").0, 200);
    // Whoever takes `localhost` for 127.0.0.1 is right as well.
    assert_eq!(get(hub, "/healthz").0, 200);
    assert_eq!(fs::read_dir(dir.path("tmp")).unwrap().count(), 1, "its data");
    let (code, out, err) = demo.stop("TERM");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_eq!(fs::read_dir(dir.path("tmp")).unwrap().count(), 0, "a temporary directory is removed");
    assert_eq!(out.matches(hub).count(), 1, "one address to open: {out}");
    for (key, _) in PLATFORMS {
        let platform = &all["platforms"][key];
        let by_link = !list(platform, "accounts").is_empty();
        let roles = if by_link { ["developer", "staff"] } else { ["customer_admin", "staff"] };
        for role in roles {
            let person = list(platform, "people").iter().find(|person| person["role"] == role).unwrap();
            for shown in [&person["email"], &person["password"]] {
                assert!(out.contains(shown.as_str().unwrap()), "{key}, {role}: {out}");
            }
        }
    }
    let at = |key: &str| out.find(all["platforms"][key]["login_url"].as_str().unwrap()).unwrap();
    assert!(PLATFORMS.windows(2).all(|two| at(two[0].0) < at(two[1].0)), "in the order of the dashboard: {out}");
}

#[test]
fn a_taken_port_means_the_next_free_one_said_aloud() {
    let dir = Dir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let demo = Running::start(causeway(["demo", "--listen", &format!("127.0.0.1:{port}")]), &dir.path("describe.json"));
    let hub = demo.description()["hub"].as_str().unwrap().to_owned();
    assert!(!hub.ends_with(&format!(":{port}")), "{hub}");
    let (code, _, err) = demo.stop("INT");
    assert_eq!(code, 0);
    assert!(err.contains(&format!("port {port} is taken")) && err.contains(hub.rsplit(':').next().unwrap()), "{err}");
}

#[test]
fn data_that_was_asked_for_stays() {
    let dir = Dir::new();
    let data = dir.path("kept");
    let first = start(&dir, &["--data", data.to_str().unwrap()]);
    let key = first.description()["platforms"]["tripleseat"]["admin_key"].clone();
    assert_eq!(first.stop("TERM").0, 0);
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let second = start(&dir, &["--data", data.to_str().unwrap()]);
    let platform = second.description()["platforms"]["tripleseat"].clone();
    assert_eq!(platform["admin_key"], key, "the same keys");
    // The dashboard may be on another port: the app returns there, and nowhere else that the seed does not say.
    let uris = platform["apps"][0]["redirect_uris"].as_array().unwrap().clone();
    assert_eq!(
        uris.iter().filter(|uri| uri.as_str().unwrap().ends_with("/callback/tripleseat")).count(),
        1,
        "{uris:?}"
    );
    assert_eq!(second.stop("TERM").0, 0);
}

#[test]
fn the_demo_stays_on_loopback() {
    let (code, out, err) = ended(causeway(["demo", "--listen", "0.0.0.0:0"]));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("loopback only"), "{err}");
}
