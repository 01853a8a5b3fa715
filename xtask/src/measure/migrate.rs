//! A partner's migration from OAuth 1.0, killed and restarted: every pair once, none lost, and the report adds up.
//!
//! The platform loses every twentieth reply after it did what was asked, and answers 500 to every twentieth request.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::rig;
use crate::house::House;
use crate::server::{Beside, Server, fresh_directory, spawn};
use crate::shell;

const FAULTS: &str = "lose-reply=0.05,500=0.05";
const KILLS: u64 = 10;
/// Customers in one seed file: it stays below the size that is read.
const IN_A_FILE: u64 = 2_000;
const NAME: &str = "migrate";
/// Ten thousand customers with their sites and pairs are loaded one after the other.
const LOADING: Duration = Duration::from_secs(600);

/// `pairs` consumer pairs, ten kills.
pub(crate) fn prove(house: &House, pairs: u64) -> Result<(), String> {
    let server = start(house, pairs)?;
    let store = partner(house, &server, pairs)?;
    // A small list is over before a kill could hit it, if four are under way at once.
    let at_once = if pairs > 1_000 { "4" } else { "1" };
    let list = text(&store.join("pairs.csv"));
    let first = ["--pairs", list.as_str(), "--concurrency", at_once];
    for kill in 1..=KILLS {
        // The list itself is read again every other time: nothing of it may count twice.
        let arguments = if kill % 2 == 1 { &first[..] } else { &first[2..] };
        killed(house, &store, arguments, pairs * kill / (KILLS + 1), kill)?;
    }
    let said = shell::capture(causeway(house, "run", &store, &first)?)?;
    let sum = format!("{pairs} pairs = {pairs} done + 0 refused + 0 pending");
    if !said.contains(&sum) {
        return Err(format!("the last run said {said}, not {sum}"));
    }
    let (asked, unanswered) = check_partner(house, &store, pairs)?;
    check_platform(&server, pairs)?;
    let (lost, failed) = struck(house)?;
    if lost < pairs / 100 || failed < pairs / 100 {
        return Err(format!("the faults hardly struck: {lost} replies lost, {failed} answers of 500"));
    }
    println!("  {pairs} pairs, {asked} exchanges begun, {KILLS} kills");
    println!(
        "  {lost} replies lost after the exchange was done, {failed} refused with 500, {unanswered} never answered"
    );
    println!("  one connection at the platform and one stored pair that works for each; the report adds up");
    server.stop()
}

/// The platform, with so many customers that hold a pair and an active site.
fn start(house: &House, pairs: u64) -> Result<Server, String> {
    let data = text(&fresh_directory(house, &format!("{NAME}-data"))?);
    let mut arguments: Vec<String> = ["serve", "--profile", rig::PLATFORM, "--data", &data].map(str::to_owned).into();
    arguments.extend(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"].map(str::to_owned));
    arguments.extend(["--fault", FAULTS, "--fault-seed", "1"].map(str::to_owned));
    for (number, from) in (0..pairs).step_by(IN_A_FILE as usize).enumerate() {
        let path = house.target(&format!("run/{NAME}/seed-{number}.toml"))?;
        write(&path, &seed(from, (from + IN_A_FILE).min(pairs)))?;
        arguments.extend(["--seed".to_owned(), text(&path)]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Server::start_within(house, NAME, &arguments, &[], LOADING)
}

fn seed(from: u64, to: u64) -> String {
    let mut text = String::from("# Written by `cargo xtask prove migrate`.\n");
    if from == 0 {
        text.push_str(
            "[legacy]\noauth1_ends = 2999-01-01T00:00:00Z\nexchange_ends = 2999-01-01T00:00:00Z\n\n\
             [[apps]]\nname = \"Mover\"\nclient_id = \"mover\"\nclient_secret = \"mover-secret-0123456789abcdef\"\n\
             kind = \"confidential\"\nvisibility = \"public\"\nstatus = \"approved\"\n\
             redirect_uris = [\"https://mover.example/callback\"]\nscopes = \"read write\"\n",
        );
    }
    // One person made the sites of a whole file: hashing a password for each customer would take longer than the proof.
    let owner = format!("owner-{from}@mover.example");
    let _ = write!(
        text,
        "\n[[people]]\nemail = \"{owner}\"\npassword = \"mover-password\"\nrole = \"customer_admin\"\ncustomer = \"{}\"\n",
        customer(from)
    );
    for n in from..to {
        let id = customer(n);
        let _ = write!(
            text,
            "\n[[customers]]\nid = \"{id}\"\nname = \"Customer {n}\"\n\n[[customers.sites]]\nid = \"{}\"\nname = \"Site {n}\"\n\
             active = true\ncreator = \"{owner}\"\n\n[[oauth1]]\ncustomer = \"{id}\"\nconsumer_key = \"{}\"\n\
             consumer_secret = \"{}\"\n",
            50_000_000 + n,
            key(n),
            secret(n)
        );
    }
    text
}

fn customer(n: u64) -> u64 {
    10_000_000 + n
}

fn key(n: u64) -> String {
    format!("consumer-key-{n:05}")
}

fn secret(n: u64) -> String {
    format!("consumer-secret-{n:05}-+/&")
}

/// The partner's directory: the platform as its app sees it, and the list.
fn partner(house: &House, server: &Server, pairs: u64) -> Result<PathBuf, String> {
    let store = fresh_directory(house, &format!("{NAME}-store"))?;
    let made = fs::create_dir_all(&store).and_then(|()| fs::set_permissions(&store, fs::Permissions::from_mode(0o700)));
    made.map_err(|e| format!("cannot make {}: {e}", store.display()))?;
    let of = |key: &str| server.of(rig::PLATFORM, key);
    let platforms = format!(
        "[[platforms]]\nprofile = \"{}\"\nlogin_url = \"{}\"\napi_url = \"{}\"\nissuer = \"{}\"\nclient_id = \"mover\"\n\
         client_secret = \"mover-secret-0123456789abcdef\"\nredirect_uri = \"https://mover.example/callback\"\n\
         scopes = \"read write\"\n",
        rig::PLATFORM,
        of("login_url")?,
        of("api_url")?,
        of("issuer")?
    );
    write(&store.join("platforms.toml"), &platforms)?;
    let mut list = String::from("account,consumer_key,consumer_secret\n");
    for n in 0..pairs {
        let _ = writeln!(list, "account-{n:05},{},{}", key(n), secret(n));
    }
    write(&store.join("pairs.csv"), &list)?;
    Ok(store)
}

fn causeway(house: &House, what: &str, store: &Path, arguments: &[&str]) -> Result<Command, String> {
    let program = house.binary("causeway")?;
    let store = text(store);
    let all = ["migrate", what, "--store", store.as_str()].into_iter().chain(arguments.iter().copied());
    Ok(shell::command(&program.to_string_lossy(), all))
}

/// A run that is killed once so many pairs are settled.
fn killed(house: &House, store: &Path, arguments: &[&str], settled: u64, kill: u64) -> Result<(), String> {
    let mut command = causeway(house, "run", store, arguments)?;
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Beside(spawn(command)?);
    let lines = BufReader::new(child.0.stderr.take().ok_or("the run has no error output")?).lines();
    let mut last = String::new();
    for line in lines {
        last = line.map_err(|e| format!("kill {kill}: {e}"))?;
        let number = last.split(' ').next().and_then(|word| word.parse::<u64>().ok());
        if number.is_some_and(|number| number >= settled) {
            // Spread over what a pair takes, and the same in every run.
            thread::sleep(Duration::from_micros((kill * 1_370) % 9_000));
            let over = child.0.try_wait().map_err(|e| format!("cannot wait for the run: {e}"))?;
            return match over {
                Some(status) => Err(format!("kill {kill} hit nothing: the run had ended with {status}")),
                // Dropped, it is killed.
                None => Ok(()),
            };
        }
    }
    Err(format!("kill {kill}: the run ended by itself before {settled} were settled; it said {last}"))
}

/// The partner's own report: all done, each with a stored pair of its own that works. Answers requests begun, and those
/// that nobody answered.
fn check_partner(house: &House, store: &Path, pairs: u64) -> Result<(u64, u64), String> {
    let report = shell::capture(causeway(house, "report", store, &["--csv", "--try", "/locations"])?)?;
    let (mut accounts, mut connections) = (BTreeSet::new(), BTreeSet::new());
    let (mut asked, mut unanswered) = (0, 0);
    for line in report.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [account, _, "done", "OAuth 2.0", connection, "yes", begun, lost, _, _, "200", ..] = cells[..] else {
            return Err(format!("the report says {line}"));
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("the report says {line}"));
        asked += number(begun)?;
        unanswered += number(lost)?;
        accounts.insert(account.to_owned());
        connections.insert(number(connection)?);
    }
    if accounts.len() as u64 != pairs || connections.len() as u64 != pairs {
        return Err(format!("{} accounts with {} connections are stored", accounts.len(), connections.len()));
    }
    Ok((asked, unanswered))
}

/// The platform's own list: as many live connections, each of another customer.
fn check_platform(server: &Server, pairs: u64) -> Result<(), String> {
    let (admin, key) = (server.of(rig::PLATFORM, "admin_url")?, server.of(rig::PLATFORM, "admin_key")?);
    let (mut customers, mut listed, mut after) = (BTreeSet::new(), 0, 0);
    loop {
        let url = format!("{admin}/admin/connections?live=true&limit=400&after={after}");
        let header = format!("Authorization: Bearer {key}");
        let said = shell::capture(shell::command("curl", ["-sS", "--fail", "-H", &header, &url]))?;
        let page: Value = serde_json::from_str(&said).map_err(|e| format!("the admin door said {said}: {e}"))?;
        for connection in page["connections"].as_array().into_iter().flatten() {
            listed += 1;
            customers.insert(connection["customer"].to_string());
        }
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    if listed != pairs || customers.len() as u64 != pairs {
        return Err(format!("the platform has {listed} connections of {} customers, not {pairs}", customers.len()));
    }
    Ok(())
}

/// What the platform's log says of faults: replies that were lost although the exchange was done, and answers of 500.
fn struck(house: &House) -> Result<(u64, u64), String> {
    let path = house.target(&format!("run/{NAME}.log"))?;
    let file = File::open(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let (mut lost, mut failed) = (0, 0);
    for line in BufReader::new(file).lines().map_while(Result::ok) {
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        match (line["fault"].as_str(), line["status"].as_u64()) {
            (Some("lose-reply"), Some(200)) => lost += 1,
            (Some("500"), _) => failed += 1,
            _ => {}
        }
    }
    Ok((lost, failed))
}

/// Nobody else may read it: it holds secrets.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let _ = fs::remove_file(path);
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|e| format!("cannot write {}: {e}", path.display()))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
