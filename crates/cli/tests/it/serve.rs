//! `causeway serve` and `causeway config`.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::program::{Dir, Running, causeway, ended, get, http};

const SEED: &str = r#"
[[customers]]
id = "7"
name = "Seven"
[[customers.sites]]
id = "71"
name = "North"

[[people]]
email = "ann@seven.example"
password = "pass-ann"
role = "customer_admin"
customer = "7"

[[apps]]
name = "One"
client_id = "one"
client_secret = "secret-of-app-one-0123456789"
status = "approved"
redirect_uris = ["https://one.example/callback"]
scopes = "read"
"#;

fn serve(dir: &Dir) -> Command {
    let seed = dir.file("seed.toml", SEED);
    let mut command =
        causeway(["serve", "--profile", "tripleseat", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.arg("--data").arg(dir.path("data")).arg("--seed").arg(seed);
    command
}

fn start(dir: &Dir) -> Running {
    Running::start(serve(dir), &dir.path("describe.json"))
}

/// Whether the app's secret is this one.
fn knows(platform: &Value, secret: &str) -> bool {
    let api = platform["api_url"].as_str().unwrap();
    let body = format!("client_id=one&client_secret={secret}&token=x");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    http("POST", api, platform["paths"]["introspect"].as_str().unwrap(), &form, &body).0 == 200
}

fn administer(platform: &Value, method: &str, path: &str, body: &str) -> Value {
    let key = format!("Bearer {}", platform["admin_key"].as_str().unwrap());
    let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
    let (status, reply) = http(method, platform["admin_url"].as_str().unwrap(), path, &headers, body);
    assert_eq!(status, 200, "{path}: {reply}");
    serde_json::from_str(&reply).unwrap()
}

#[test]
fn a_restart_keeps_everything() {
    let dir = Dir::new();
    let first = start(&dir);
    let platform = first.platform();
    assert!(knows(&platform, "secret-of-app-one-0123456789"));
    let renewed = administer(&platform, "POST", "/admin/apps/one/secret", "");
    let renewed = renewed["client_secret"].as_str().unwrap().to_owned();
    administer(&platform, "POST", "/admin/sites/71/state", r#"{"active": false}"#);
    let (code, _, err) = first.stop("TERM");
    assert_eq!(code, 0, "{err}");
    assert!(err.contains(dir.path("data.keys").to_str().unwrap()), "it says where the keys are: {err}");
    assert_eq!(fs::metadata(dir.path("data.keys")).unwrap().permissions().mode() & 0o777, 0o600);

    let second = start(&dir);
    let again = second.platform();
    assert!(knows(&again, &renewed), "the seed did not undo what the operator did");
    assert!(!knows(&again, "secret-of-app-one-0123456789"));
    assert_eq!(again["admin_key"], platform["admin_key"]);
    let (code, _, err) = second.stop("INT");
    assert_eq!(code, 0);
    assert!(!err.contains("key file"), "{err}");
    assert!(!dir.path("describe.json").exists(), "nothing runs any more that it could describe");
}

#[test]
fn a_changed_seed_adds_and_undoes_nothing() {
    let dir = Dir::new();
    let first = start(&dir);
    let platform = first.platform();
    let renewed = administer(&platform, "POST", "/admin/apps/one/secret", "");
    let renewed = renewed["client_secret"].as_str().unwrap().to_owned();
    administer(&platform, "PUT", "/admin/apps/one/scopes", r#"{"scopes": "leads:read"}"#);
    administer(&platform, "POST", "/admin/people/ann%40seven.example/password", r#"{"password": "another-one"}"#);
    for what in ["apps/one", "people/ann%40seven.example", "customers/7", "sites/71"] {
        administer(&platform, "POST", &format!("/admin/{what}/state"), r#"{"active": false}"#);
    }
    assert_eq!(first.stop("TERM").0, 0);

    let more = "[[customers.sites]]\nid = \"72\"\nname = \"South\"\n\n[[people]]\nemail = \"bob@seven.example\"\n\
                password = \"pass-bob\"\nrole = \"member\"\ncustomer = \"7\"\n\n[[people]]";
    let two = "[[apps]]\nname = \"Two\"\nclient_id = \"two\"\nclient_secret = \"secret-of-app-two-0123456789\"\n\
               status = \"approved\"\nredirect_uris = [\"https://two.example/callback\"]\nscopes = \"read\"\n";
    let changed = format!("# changed\n{}{two}", SEED.replacen("[[people]]", more, 1));
    let mut command = serve(&dir);
    dir.file("seed.toml", &changed);
    command.env("RUST_LOG", "info");
    let second = Running::start(command, &dir.path("describe.json"));
    let again = second.platform();
    assert!(!knows(&again, "secret-of-app-one-0123456789"), "the old secret does not come back");
    administer(&again, "POST", "/admin/apps/one/state", r#"{"active": true}"#);
    assert!(knows(&again, &renewed) && !knows(&again, "secret-of-app-one-0123456789"));
    for added in ["apps/two", "people/bob%40seven.example", "sites/72"] {
        administer(&again, "POST", &format!("/admin/{added}/state"), r#"{"active": true}"#);
    }
    let (_, _, err) = second.stop("TERM");
    for line in [
        "kept: app one differs from the seed in active, client_secret, scopes\"",
        "kept: person ann@seven.example differs from the seed in password, active\"",
        "kept: customer 7 differs from the seed in active\"",
        "kept: site 71 differs from the seed in active\"",
    ] {
        assert!(err.contains(line), "{line} in {err}");
    }
    let third = start(&dir);
    // `start` writes the first seed again, which was loaded once: nothing is said of it any more.
    let (_, _, err) = third.stop("TERM");
    assert!(!err.contains("kept:"), "{err}");
}

/// A limit on the size of files stands in for a full disk: both end in a write that fails.
#[test]
fn a_full_disk_is_not_ready_and_is_again_when_there_is_room() {
    let dir = Dir::new();
    let mut command = Command::new("sh");
    let plain = serve(&dir);
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    let running = Running::start(command, &dir.path("describe.json"));
    let platform = running.platform();
    let (api, admin) = (platform["api_url"].as_str().unwrap(), platform["admin_url"].as_str().unwrap());
    if !running.limit_files("1:unlimited") {
        eprintln!("SKIPPED a_full_disk_is_not_ready_and_is_again_when_there_is_room: no prlimit on this machine");
        return;
    }
    let key = format!("Bearer {}", platform["admin_key"].as_str().unwrap());
    let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
    let switch = |active| http("POST", admin, "/admin/sites/71/state", &headers, &format!("{{\"active\": {active}}}"));
    let (status, reply) = switch(false);
    assert!(status == 503 && reply.contains("C-801"), "{status} {reply}");
    assert_eq!((get(api, "/readyz").0, get(api, "/healthz").0), (503, 200));
    assert!(running.limit_files("unlimited:unlimited"));
    assert_eq!(switch(false).0, 200);
    assert_eq!(get(api, "/readyz").0, 200);
    assert_eq!(running.stop("TERM").0, 0);
}

#[test]
fn logs_are_json_lines_and_hold_no_query() {
    let dir = Dir::new();
    let running = start(&dir);
    let platform = running.platform();
    get(platform["login_url"].as_str().unwrap(), "/oauth2/authorize?client_id=one&state=state-5510");
    get(platform["api_url"].as_str().unwrap(), "/v1/sites");
    let (_, out, err) = running.stop("TERM");
    assert_eq!(out, "", "logs are not output");
    let lines: Vec<Value> = err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let sites = lines.iter().find(|line| line["path"] == "/v1/sites").unwrap();
    assert_eq!((&sites["method"], &sites["status"], &sites["refusal"]), (&"GET".into(), &401.into(), &"C-600".into()));
    assert!(sites["request_id"].as_str().is_some_and(|id| id.len() == 24) && sites["ms"].is_number(), "{sites}");
    assert!(lines.iter().any(|line| line["path"] == "/oauth2/authorize") && !err.contains("state-5510"), "{err}");
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let dir = Dir::new();
    let mut first = start(&dir);
    let (code, _, err) = ended(serve(&dir));
    assert_eq!(code, 2);
    assert!(err.contains("another process uses this data directory"), "{err}");
    assert!(first.is_running());
    assert_eq!(get(first.platform()["api_url"].as_str().unwrap(), "/readyz").0, 200);
}

#[test]
fn sighup_stops_nothing_and_a_silent_client_holds_up_no_stop() {
    let dir = Dir::new();
    let mut running = start(&dir);
    let api = running.platform()["api_url"].as_str().unwrap().to_owned();
    running.signal("HUP");
    assert_eq!(get(&api, "/healthz").0, 200);
    assert!(running.is_running());
    let mut silent = TcpStream::connect(api.strip_prefix("http://").unwrap()).unwrap();
    silent.write_all(b"GET /healthz HTTP/1.1\r\nHos").unwrap();
    let (code, _, _) = running.stop("TERM");
    assert_eq!(code, 0);
}

#[test]
fn r_31_each_problem_is_one_line_and_nothing_listens() {
    let dir = Dir::new();
    let key = dir.file("open.keys", "1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let config = dir.file("config.toml", "listen = 7\nlissen = \"x\"\n");
    let mut command =
        causeway(["serve", "--profile", "nothing", "--login-url", "http://login.example", "--trusted-proxy", "x"]);
    command.arg("--data").arg(dir.path("data")).arg("--keys").arg(&key).arg("--config").arg(config);
    let (code, out, err) = ended(command);
    assert_eq!((code, out.as_str()), (2, ""));
    let wanted =
        ["profile \"nothing\"", "line 1", "line 2", "login_url", "trusted_proxy", "open.keys: others can read"];
    assert_eq!(err.lines().count(), wanted.len(), "{err}");
    for word in wanted {
        assert!(err.lines().any(|line| line.starts_with("causeway: ") && line.contains(word)), "{word} in {err}");
    }
    assert!(!dir.path("data").exists(), "nothing was made");
}

#[test]
fn r_31_a_key_file_that_others_can_read_is_refused() {
    let dir = Dir::new();
    assert_eq!(start(&dir).stop("TERM").0, 0);
    fs::set_permissions(dir.path("data.keys"), fs::Permissions::from_mode(0o604)).unwrap();
    // The profile's own warnings are log lines; what is wrong is said to the person.
    let said = |err: &str| err.lines().filter(|line| line.starts_with("causeway: ")).count();
    let (code, _, err) = ended(serve(&dir));
    assert_eq!(code, 2);
    assert!(said(&err) == 1 && err.contains("others can read it"), "{err}");
    fs::set_permissions(dir.path("data.keys"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(dir.path("data.keys"), "1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n").unwrap();
    let (code, _, err) = ended(serve(&dir));
    assert_eq!(code, 2);
    assert!(said(&err) == 1 && err.contains("is not the one that"), "{err}");
}

#[test]
fn the_environment_counts_and_secrets_have_no_flag() {
    let dir = Dir::new();
    let mut command = serve(&dir);
    command.env("CAUSEWAY_ADMIN_KEY", "a-key-from-the-environment").env("CAUSEWAY_NONSENSE", "x");
    let running = Running::start(command, &dir.path("describe.json"));
    assert_eq!(running.platform()["admin_key"], "a-key-from-the-environment");
    let (_, _, err) = running.stop("TERM");
    assert!(err.contains("CAUSEWAY_NONSENSE is no setting"), "{err}");
    let mut command = serve(&dir);
    command.args(["--admin-key", "on-a-command-line-000"]);
    let (code, _, err) = ended(command);
    assert_eq!(code, 2);
    assert!(err.contains("--admin-key"), "{err}");
}

#[test]
fn one_origin_by_default_and_a_lost_reply_on_request() {
    let dir = Dir::new();
    let mut command = serve(&dir);
    command.args(["--fault", "lose-reply", "--fault-seed", "1"]);
    let running = Running::start(command, &dir.path("describe.json"));
    let platform = running.platform();
    assert_eq!(platform["login_url"], platform["api_url"]);
    assert_eq!(platform["issuer"], platform["login_url"]);
    let api = platform["api_url"].as_str().unwrap();
    assert_eq!(http("POST", api, "/oauth2/token", &[], "grant_type=x"), (0, String::new()), "not a byte");
    assert_eq!(http("POST", api, "/oauth2/revoke", &[], "token=x").0, 401, "other endpoints are well");
}

#[test]
fn config_prints_what_a_file_may_say() {
    let (code, out, err) = ended(causeway(["config"]));
    assert_eq!((code, err.as_str()), (0, ""));
    let dir = Dir::new();
    let file = dir.file("config.toml", &out);
    let uncommented: String =
        out.lines().filter(|line| line.starts_with("# fault_seed = ")).map(|line| &line[2..]).collect();
    let both = dir.file("both.toml", &format!("{out}\n{uncommented}\n"));
    for path in [file, both] {
        let mut command = serve(&dir);
        command.arg("--config").arg(path);
        assert_eq!(Running::start(command, &dir.path("describe.json")).stop("TERM").0, 0);
    }
}

#[test]
fn wrong_usage_exits_2_and_help_exits_0() {
    for wrong in [&["dance"][..], &[], &["serve", "--no-such-flag"], &["check"], &["demo", "--listen", "x"]] {
        let (code, _, err) = ended(causeway(wrong));
        assert!(code == 2 && !err.is_empty(), "{wrong:?}: {code} {err}");
    }
    for right in [&["--help"][..], &["serve", "--help"], &["--version"]] {
        let (code, out, _) = ended(causeway(right));
        assert!(code == 0 && !out.is_empty(), "{right:?}");
    }
}
