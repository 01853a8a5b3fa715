//! `causeway legacy report`: beside a running server, after it, and where there is nothing to read.

use causeway_protocol::UnixTime;
use causeway_protocol::oauth1::{SignatureMethod, Signing, sign};
use causeway_protocol::secret::Secret;

use crate::program::{Dir, Running, causeway, ended, http};

const SEED: &str = r#"
[[customers]]
id = "7"
name = "Seven, & Sons"
[[customers.sites]]
id = "71"
name = "North"

[[people]]
email = "ann@seven.example"
password = "pass-ann"
role = "customer_admin"
customer = "7"

[[oauth1]]
customer = "7"
consumer_key = "seven-key"
consumer_secret = "seven-secret-0123456789"

[legacy]
oauth1_ends = 2136-07-01T00:00:00Z
"#;

#[allow(clippy::disallowed_methods, reason = "the program that is called lives in real time")]
fn now() -> UnixTime {
    let passed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixTime(passed.as_secs() as i64)
}

fn report(dir: &Dir, more: &[&str]) -> (i32, String, String) {
    let mut command = causeway(["legacy", "report", "--data"]);
    command.arg(dir.path("data")).args(more);
    ended(command)
}

#[test]
fn tsm_16_the_report_is_a_table_or_csv_and_adds_up() {
    let dir = Dir::new();
    let seed = dir.file("seed.toml", SEED);
    let mut command = causeway(["serve", "--profile", "tripleseat", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(dir.path("data")).arg("--seed").arg(seed);
    let running = Running::start(command, &dir.path("describe.json"));
    let (code, out, err) = report(&dir, &[]);
    assert_eq!(code, 0, "beside a running server: {err}");
    assert!(out.contains("seven-key") && out.contains("1 keys work; 0 called"), "{out}");

    let api = running.platform()["api_url"].as_str().unwrap().to_owned();
    for n in 0..3 {
        let signing = Signing {
            consumer_key: "seven-key",
            consumer_secret: &Secret::new("seven-secret-0123456789"),
            token: None,
            method: SignatureMethod::HmacSha1,
            nonce: &format!("nonce-{n}"),
            timestamp: now(),
            extra: &[],
        };
        let header = sign("GET", &format!("{api}/v1/locations"), None, &signing).unwrap();
        let (status, body) = http("GET", &api, "/v1/locations", &[("Authorization", &header)], "");
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(running.stop("TERM").0, 0);

    let (code, out, _) = report(&dir, &[]);
    assert_eq!(code, 0);
    assert!(out.contains("1 called in the last 30 days, 1 of them not exchanged yet; 0 exchanged."), "{out}");
    assert!(out.contains("GET /locations") && out.contains("not yet"), "{out}");
    let (code, csv, _) = report(&dir, &["--csv"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!((code, lines.len()), (0, 2), "{csv}");
    assert!(lines[1].starts_with("7,\"Seven, & Sons\",seven-key,true,3,GET /locations,"), "{csv}");
    assert!(!csv.contains("secret"));
}

#[test]
fn where_there_is_nothing_to_read_one_line_says_so() {
    let dir = Dir::new();
    let (code, _, err) = report(&dir, &[]);
    assert_eq!(code, 2);
    assert!(err.contains("there is no Causeway database here") && err.lines().count() == 1, "{err}");
    let (code, _, err) = ended(causeway(["legacy"]));
    assert_eq!(code, 2);
    assert!(err.contains("report"), "{err}");
}
