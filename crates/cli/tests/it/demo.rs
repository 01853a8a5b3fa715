//! `causeway demo`.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Dir, Running, causeway, ended, get};

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

#[test]
fn the_description_has_the_shape_that_others_rely_on() {
    let dir = Dir::new();
    let demo = start(&dir, &[]);
    let mode = fs::metadata(dir.path("describe.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let all = demo.description();
    assert_eq!(all["version"], 1);
    texts(&all, &["hub"]);
    let platform = &all["platforms"]["tripleseat"];
    texts(platform, &["login_url", "api_url", "issuer", "admin_url", "admin_key"]);
    let paths = &platform["paths"];
    texts(paths, &["authorize", "token", "refresh", "revoke", "introspect", "guard_check"]);
    assert!(paths.as_object().unwrap().contains_key("userinfo"));
    let (apps, people) = (platform["apps"].as_array().unwrap(), platform["people"].as_array().unwrap());
    for app in apps {
        texts(app, &["name", "client_id", "kind", "visibility", "status", "scopes"]);
        assert!(app["client_secret"].is_string() == (app["kind"] == "confidential"), "{app}");
        assert!(app["redirect_uris"].is_array());
    }
    let first = (&apps[0]["status"], &apps[0]["kind"], &apps[0]["visibility"]);
    assert_eq!(
        (first.0.as_str(), first.1.as_str(), first.2.as_str()),
        (Some("approved"), Some("confidential"), Some("public"))
    );
    let callback = format!("{}/callback/tripleseat", all["hub"].as_str().unwrap());
    assert!(apps[0]["redirect_uris"].as_array().unwrap().contains(&Value::from(callback)));
    people.iter().for_each(|person| texts(person, &["email", "password", "role"]));
    for role in ["customer_admin", "member"] {
        assert!(people.iter().any(|person| person["role"] == role), "{role}");
    }
    let admin = people.iter().find(|person| person["role"] == "customer_admin").unwrap();
    let customers = platform["customers"].as_array().unwrap();
    let own = customers.iter().find(|customer| customer["id"] == admin["customer"]).unwrap();
    let count = |active: bool| own["sites"].as_array().unwrap().iter().filter(|site| site["active"] == active).count();
    assert_eq!((count(true), count(false)), (2, 1));
    for list in ["oauth1", "accounts", "api_keys"] {
        assert!(platform[list].is_array(), "{list}");
    }
    assert_eq!(platform["oauth1"].as_array().map(Vec::len), Some(2));
}

#[test]
fn every_origin_answers_and_a_stop_leaves_nothing_behind() {
    let dir = Dir::new();
    let demo = start(&dir, &[]);
    let all = demo.description();
    let platform = &all["platforms"]["tripleseat"];
    for origin in [&platform["login_url"], &platform["api_url"], &platform["admin_url"]] {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(get(origin.as_str().unwrap(), path).0, 200, "{origin}{path}");
        }
    }
    assert_eq!(get(platform["login_url"].as_str().unwrap(), "/sign-in").0, 200);
    assert_eq!(get(platform["api_url"].as_str().unwrap(), "/v1/sites").0, 401);
    let hub = all["hub"].as_str().unwrap();
    assert_eq!(get(hub, "/").0, 200);
    // Whoever takes `localhost` for 127.0.0.1 is right as well.
    assert_eq!(get(hub, "/healthz").0, 200);
    assert_eq!(fs::read_dir(dir.path("tmp")).unwrap().count(), 1, "its data");
    let (code, took, out, err) = demo.stop("TERM");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(fs::read_dir(dir.path("tmp")).unwrap().count(), 0, "a temporary directory is removed");
    assert_eq!(out.matches(hub).count(), 1, "one address to open: {out}");
    let people = platform["people"].as_array().unwrap();
    let admin = people.iter().find(|person| person["role"] == "customer_admin").unwrap();
    for shown in [&admin["email"], &admin["password"]] {
        assert!(out.contains(shown.as_str().unwrap()), "{out}");
    }
}

#[test]
fn a_taken_port_means_the_next_free_one_said_aloud() {
    let dir = Dir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let demo = Running::start(causeway(["demo", "--listen", &format!("127.0.0.1:{port}")]), &dir.path("describe.json"));
    let hub = demo.description()["hub"].as_str().unwrap().to_owned();
    assert!(!hub.ends_with(&format!(":{port}")), "{hub}");
    let (code, _, _, err) = demo.stop("INT");
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
