//! `causeway migrate` against `causeway serve`: what a partner types, sees, and gets as exit code.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::program::{Dir, Running, causeway, ended};

const HEAD: &str = "account,consumer_key,consumer_secret\n";

/// A platform with pairs, and a partner's directory that knows it.
struct Both {
    dir: Dir,
    platform: Running,
}

fn seed(pairs: usize) -> String {
    let mut text = String::from(
        "[legacy]\noauth1_ends = 2999-01-01T00:00:00Z\nexchange_ends = 2999-01-01T00:00:00Z\n\n[[apps]]\nname = \"Mover\"\n\
         client_id = \"mover\"\nclient_secret = \"mover-secret-0123456789abcdef\"\nkind = \"confidential\"\n\
         visibility = \"public\"\nstatus = \"approved\"\nredirect_uris = [\"https://mover.example/callback\"]\n\
         scopes = \"read write\"\n\n[[people]]\nemail = \"owner@mover.example\"\npassword = \"mover-password\"\n\
         role = \"customer_admin\"\ncustomer = \"1000\"\n",
    );
    for n in 0..pairs {
        write!(
            text,
            "\n[[customers]]\nid = \"{0}\"\nname = \"Customer\"\n\n[[customers.sites]]\nid = \"{1}\"\nname = \"Hall\"\n\
             active = true\ncreator = \"owner@mover.example\"\n\n[[oauth1]]\ncustomer = \"{0}\"\n\
             consumer_key = \"key-{n}\"\nconsumer_secret = \"secret-{n}\"\n",
            1000 + n,
            5000 + n
        )
        .unwrap();
    }
    text
}

fn list(pairs: std::ops::Range<usize>) -> String {
    pairs.fold(HEAD.to_owned(), |text, n| text + &format!("account-{n},key-{n},secret-{n}\n"))
}

impl Both {
    fn start(pairs: usize, faults: &str) -> Self {
        let dir = Dir::new();
        let seed = dir.file("seed.toml", &seed(pairs));
        let mut serve = causeway(["serve", "--profile", "tripleseat"]);
        // A port that nobody else is given when the platform is gone.
        serve.args(["--listen", &format!("127.0.0.1:{}", causeway_testbed::free_port())]);
        serve.arg("--data").arg(dir.path("data")).arg("--seed").arg(seed);
        if !faults.is_empty() {
            serve.args(["--fault", faults, "--fault-seed", "1"]);
        }
        let platform = Running::start(serve, &dir.path("describe.json"));
        let base = platform.platform()["api_url"].as_str().unwrap().to_owned();
        fs::create_dir(dir.path("store")).unwrap();
        let text = format!(
            "[[platforms]]\nprofile = \"tripleseat\"\nlogin_url = \"{base}\"\napi_url = \"{base}\"\nclient_id = \"mover\"\n\
             client_secret = \"mover-secret-0123456789abcdef\"\nredirect_uri = \"https://mover.example/callback\"\n"
        );
        let both = Self { dir, platform };
        both.file("platforms.toml", &text);
        both
    }

    /// A file in the partner's directory, its owner's alone.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.file(&format!("store/{name}"), text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn migrate(&self, what: &str, more: &[&str]) -> (i32, String, String) {
        let mut command = causeway(["migrate", what, "--store"]);
        command.arg(self.dir.path("store")).args(more);
        ended(command)
    }
}

#[test]
fn tsm_21_a_list_is_migrated_once_and_the_report_adds_up() {
    let both = Both::start(12, "lose-reply=0.3,500=0.2");
    let text = list(0..12).replace("secret-7", "wrong") + "nobody,key-99\naccount-3,key-98,x\n";
    let pairs = both.file("pairs.csv", &text);
    let (code, out, err) = both.migrate("run", &["--pairs", pairs.to_str().unwrap()]);
    assert!(out.contains("14 lines: 12 taken, 0 known already, 2 not taken"), "{out}{err}");
    assert!(err.contains("line 14: has 2 fields") && err.contains("line 15: this account stands in the file"), "{err}");
    assert!(out.contains("12 pairs = 11 done + 1 refused + 0 pending"), "{out}{err}");
    assert_eq!(code, 1, "lines were not taken: {err}");
    assert!(!format!("{out}{err}").contains("secret-"), "{out}{err}");
    // The mended list: what is done is not asked for again, what was refused has another secret now.
    let pairs = both.file("pairs.csv", &list(0..12));
    let (code, out, err) = both.migrate("run", &["--pairs", pairs.to_str().unwrap(), "--erase"]);
    assert!(out.contains("1 taken, 11 known already") && out.contains("12 done + 0 refused + 0 pending"), "{out}{err}");
    assert_eq!(code, 0, "{err}");
    let (code, table, _) = both.migrate("report", &["--try", "/locations"]);
    assert_eq!(
        (code, table.lines().filter(|line| line.contains("OAuth 2.0") && line.contains("  200")).count()),
        (0, 12)
    );
    assert!(table.contains("12 pairs = 12 done + 0 refused + 0 pending"), "{table}");
    let (_, csv, _) = both.migrate("report", &["--csv"]);
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 12);
    assert!(rows.iter().all(|row| row[2] == "done" && row[5] == "yes" && row[8] == "no"), "{csv}");
    let connected = rows.iter().map(|row| row[4]).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(connected.len(), 12);
}

#[test]
fn tsm_21_a_platform_that_is_gone_leaves_them_pending_and_says_how_to_go_on() {
    let both = Both::start(40, "");
    let pairs = both.file("pairs.csv", &list(0..40));
    let Both { dir, platform } = both;
    assert_eq!(platform.stop("TERM").0, 0);
    let mut command = causeway(["migrate", "run", "--store"]);
    command.arg(dir.path("store")).arg("--pairs").arg(pairs);
    let (code, out, err) = ended(command);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("40 pairs = 0 done + 0 refused + 40 pending"), "{out}");
    assert!(err.contains("requests in a row") && err.contains("causeway migrate run --store"), "{err}");
}

#[test]
fn tsm_21_ctrl_c_finishes_what_is_under_way() {
    let both = Both::start(60, "slow:300ms");
    let pairs = both.file("pairs.csv", &list(0..60));
    let mut command = causeway(["migrate", "run", "--concurrency", "1", "--store"]);
    command.arg(both.dir.path("store")).arg("--pairs").arg(pairs).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = command.spawn().unwrap();
    // The first ones are done, so others are under way.
    let mut seen = String::new();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap());
    while !seen.lines().any(|line| line.contains(" done") && !line.contains(" 0 done")) {
        assert!(std::io::BufRead::read_line(&mut lines, &mut seen).unwrap() > 0, "{seen}");
    }
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    std::io::Read::read_to_string(&mut lines, &mut seen).unwrap();
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{seen}");
    assert!(seen.contains("what is under way is finished first") && seen.contains("go on with"), "{seen}");
    let (_, csv, _) = both.migrate("report", &["--csv"]);
    assert!(!csv.contains(",asking,") && csv.contains(",done,") && csv.contains(",pending,"), "{csv}");
    let (code, out, err) = both.migrate("run", &["--concurrency", "16"]);
    assert_eq!((code, out.contains("60 pairs = 60 done")), (0, true), "{out}{err}");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_sent() {
    let both = Both::start(1, "");
    let problems = |text: &str, mode: u32| {
        let path = both.file("platforms.toml", text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (code, _, err) = both.migrate("run", &[]);
        assert_eq!(code, 2, "{err}");
        err
    };
    let good = fs::read_to_string(both.dir.path("store/platforms.toml")).unwrap();
    assert!(problems(&good, 0o644).contains("chmod 600"));
    assert!(problems(&good.replace("client_id", "client_uid"), 0o600).contains("line 5"), "{good}");
    assert!(problems(&good.replace("\"tripleseat\"", "\"default\""), 0o600).contains("exchanges OAuth 1.0 pairs"));
    both.file("platforms.toml", &good);
    assert!(both.migrate("report", &[]).2.contains("no vault is there yet"));
    assert_eq!(both.migrate("run", &["--pairs", "/nowhere.csv"]).0, 2);
    assert_eq!(both.migrate("run", &["--platform", "other"]).0, 2);
    assert_eq!(both.migrate("run", &["--concurrency", "0"]).0, 2);
}

#[test]
fn check_reads_a_list_of_platforms() {
    let both = Both::start(1, "");
    let path = both.dir.path("store/platforms.toml");
    let (code, out, err) = ended(causeway([PathBuf::from("check"), path.clone()]));
    assert!(code == 0 && out.contains("a good list of platforms"), "{out}{err}");
    let text = fs::read_to_string(&path).unwrap().replace("http://", "http://user:secret@");
    both.file("platforms.toml", &text);
    let (code, _, err) = ended(causeway([PathBuf::from("check"), path]));
    assert!(code == 2 && err.contains("must not hold a user"), "{err}");
}
