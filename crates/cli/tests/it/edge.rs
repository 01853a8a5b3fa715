//! `causeway guard` beside `causeway serve`.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::program::{Dir, HANG, Running, causeway, ended, get, http, stopwatch};

const SEED: &str = r#"
[[customers]]
id = "7"
name = "Seven"

[[api_keys]]
customer = "7"
key = "cal_live_seven_0123456789abcdef"
"#;
const CALL: &str = "/api/integrations/zapier/listBookings?apiKey=cal_live_seven_0123456789abcdef";

fn serve(dir: &Dir, admin: &str) -> Running {
    let seed = dir.file("seed.toml", SEED);
    let mut command = causeway(["serve", "--profile", "cal", "--listen", "127.0.0.1:0", "--admin-listen", admin]);
    command.arg("--data").arg(dir.path("data")).arg("--seed").arg(seed);
    Running::start(command, &dir.path("describe.json"))
}

/// An API that says who calls it, on a thread that ends with the process.
fn api() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    seen.extend_from_slice(&piece[..count]);
                    if seen.ends_with(b"\r\n\r\n") {
                        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", seen.len());
                        let _gone = stream.write_all(&[head.as_bytes(), &seen].concat());
                        seen.clear();
                    }
                }
            });
        }
    });
    address
}

fn key_file(dir: &Dir, key: &str, mode: u32) -> PathBuf {
    let path = dir.file("edge.key", key);
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn guard(dir: &Dir, node: &str, stale_limit: &str) -> Command {
    let mut command = causeway(["guard", "--profile", "cal", "--listen", "127.0.0.1:0", "--stale-limit", stale_limit]);
    command.args(["--node", node, "--upstream", &format!("http://{}", api())]);
    command.args(["--admin-listen", "127.0.0.1:0"]);
    command.arg("--edge-key-file").arg(dir.path("edge.key"));
    command
}

/// Calls until the answer is this one; what else came meanwhile.
fn until(wanted: u16, url: &str) -> Vec<u16> {
    let (begun, mut seen) = (stopwatch(), Vec::new());
    loop {
        let (status, body) = get(url, CALL);
        if status == wanted {
            return seen;
        }
        seen.push(status);
        assert!(begun.elapsed() < HANG, "{seen:?}: {body}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_guard_beside_the_api_goes_on_through_a_node_s_restart() {
    let (node_dir, edge_dir) = (Dir::new(), Dir::new());
    // It comes back to the same port.
    let node = serve(&node_dir, &format!("127.0.0.1:{}", causeway_testbed::free_port()));
    let platform = node.platform();
    let admin = platform["admin_url"].as_str().unwrap().to_owned();
    key_file(&edge_dir, &format!("{}\n", platform["edge_key"].as_str().unwrap()), 0o600);
    let edge = Running::start(guard(&edge_dir, &admin, "2"), &edge_dir.path("describe.json"));
    // One that goes on for as long as this machine may stand still.
    let patient = Running::start(guard(&edge_dir, &admin, "60"), &edge_dir.path("patient.json"));
    let patient_url = patient.description()["guard"]["url"].as_str().unwrap().to_owned();
    until(200, &patient_url);
    let about = edge.description()["guard"].clone();
    let url = about["url"].as_str().unwrap().to_owned();
    let early = until(200, &url);
    assert!(early.iter().all(|status| *status == 503), "before it has heard anything it cannot know: {early:?}");
    let (_, seen) = get(&url, CALL);
    assert!(seen.to_ascii_lowercase().contains("x-causeway-customer: 7") && !seen.contains("cal_live"), "{seen}");
    assert_eq!(get(&url, "/api/integrations/zapier/listBookings").0, 401);
    assert_eq!(get(about["admin_url"].as_str().unwrap(), "/readyz").0, 200);

    // The node goes, and comes back at the same address.
    assert_eq!(node.stop("TERM").0, 0);
    assert_eq!(get(&patient_url, CALL).0, 200, "nobody needs the node for this");
    let away = until(503, &url);
    assert!(away.iter().all(|status| *status == 200), "{away:?}");
    let node = serve(&node_dir, admin.strip_prefix("http://").unwrap());
    assert_eq!(patient.stop("TERM").0, 0);
    let back = until(200, &url);
    assert!(back.iter().all(|status| *status == 503), "it never says that a key is bad: {back:?}");

    assert_eq!(http("POST", &admin, "/admin/customers/7/state", &[], "{}").0, 401, "the edge key is not needed there");
    let (code, _, err) = edge.stop("TERM");
    assert_eq!(code, 0, "{err}");
    assert!(!edge_dir.path("describe.json").exists());
    assert_eq!(node.stop("TERM").0, 0);
}

#[test]
fn a_guard_s_mistakes_are_told_at_once() {
    let dir = Dir::new();
    let (code, _, err) = ended(causeway(["guard"]));
    assert_eq!(code, 2);
    for what in ["--profile", "--node", "--edge-key-file", "--upstream"] {
        assert!(err.contains(what), "{what}: {err}");
    }
    key_file(&dir, "edge-key-of-the-tests-0123456789", 0o644);
    let (code, _, err) = ended(guard(&dir, "http://127.0.0.1:1", "2"));
    assert!(code == 2 && err.contains("chmod 600"), "{err}");
    key_file(&dir, "short", 0o600);
    let (code, _, err) = ended(guard(&dir, "http://127.0.0.1:1", "2"));
    assert!(code == 2 && err.contains("shorter than 16"), "{err}");
    key_file(&dir, "edge-key-of-the-tests-0123456789", 0o600);
    let (code, _, err) = ended(guard(&dir, "http://192.0.2.1:9090", "2"));
    assert!(code == 2 && err.contains("wants https"), "{err}");
    let mut open = guard(&dir, "http://127.0.0.1:1", "2");
    open.args(["--api-url", "https://api.example", "--trusted-proxy", "0.0.0.0/0"]);
    let (code, _, err) = ended(open);
    assert!(code == 2 && err.contains("trusts everybody"), "{err}");
}
