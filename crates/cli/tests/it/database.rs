//! `causeway serve --database`: whatever may be wrong at the start is one line and exit code 2, and nobody reads the password. The
//! real program and a real PostgreSQL; what nodes do together is tested elsewhere.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use causeway_testbed::postgres::{Cluster, Options, PASSWORD, USER};

use crate::program::{Dir, HANG, Running, causeway, ended, get, stopwatch};

/// One for all tests, ended by the end of this process.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start_with(&Options { tls: true, ..Options::default() }))
}

fn serve(dir: &Dir, url: &str) -> Command {
    let mut command =
        causeway(["serve", "--profile", "cal", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.arg("--keys").arg(dir.path("keys")).env("CAUSEWAY_DATABASE", url);
    command
}

/// Whatever is said of a URL, this is not.
fn holds_a_password(text: &str) -> bool {
    [PASSWORD, &PASSWORD.replace(' ', "%20"), "hunter2", "hun%74er2"].iter().any(|secret| text.contains(secret))
}

/// The one line with which it ends, before anything is made or served.
fn refusal_of(mut command: Command, dir: &Dir) -> String {
    command.arg("--describe").arg(dir.path("describe.json"));
    let (code, out, err) = ended(command);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(!holds_a_password(&err), "{err}");
    assert!(!dir.path("describe.json").exists());
    // What else there is are log lines.
    let said: Vec<&str> = err.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(said.len(), 1, "{err}");
    said[0].strip_prefix("causeway: ").unwrap_or_else(|| panic!("{err}")).to_owned()
}

fn refusal(url: &str) -> String {
    let dir = Dir::new();
    let mut command = serve(&dir, url);
    // The most that anybody can ask it to say.
    command.env("RUST_LOG", "trace");
    refusal_of(command, &dir)
}

/// It starts on this database, and stops.
fn starts(url: &str) {
    let dir = Dir::new();
    // The database may know these keys from an earlier start.
    fs::write(dir.path("keys"), "1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n").unwrap();
    fs::set_permissions(dir.path("keys"), fs::Permissions::from_mode(0o600)).unwrap();
    let running = Running::start(serve(&dir, url), &dir.path("describe.json"));
    assert_eq!(get(running.platform()["api_url"].as_str().unwrap(), "/readyz").0, 200);
    let (code, _, err) = running.stop("TERM");
    assert_eq!(code, 0, "{err}");
    assert!(!holds_a_password(&err), "{err}");
}

/// Answers one connection at a time, in a way that is not PostgreSQL's.
fn stranger(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _whatever_was_asked = stream.read(&mut [0; 512]);
            let _may_be_gone = stream.write_all(answer);
        }
    });
    port
}

#[test]
fn an_address_that_is_none_is_one_line_without_its_password() {
    for url in ["nonsense", "mysql://u:hunter2@h/d", "u:hunter2@h/d", "//u:hunter2@h/d"] {
        assert!(refusal(url).contains("database: not an address such as postgres://"));
    }
    for (url, what) in [
        ("postgres://u:hunter2@h:port/d", "postgres://user:password@host:port/database"),
        ("postgres://u:hunter2@h/d?what=ever", "unknown option `what`"),
        ("postgres://u:hunter2@h/d?connect_timeout=soon", "connect_timeout"),
        ("postgres://u:hunter2@h/d?sslmode=prefer", "sslmode prefer"),
        ("postgres://u:hunter2@h/d?sslmode=maybe", "sslmode is disable"),
        ("postgres://u:hunter2@h/d?sslrootcert=/nowhere.pem", "sslrootcert /nowhere.pem"),
        ("postgres://u:hunter2@h/d?causeway_keys=random", "causeway_keys is ordered or sharded"),
        ("postgres://u:hun@hunter2@h/d", "%40"),
        ("postgres://u:hun/hunter2@h/d", "%2F"),
        ("postgres://u:hun?hunter2@h/d?sslmode=disable", "%3F"),
        ("postgres://u:hun#hunter2@h/d?what=ever", "unknown option `what`"),
        ("postgres://u:hun%zzhunter2@h/d?what=ever", "unknown option `what`"),
        ("postgres://u:hunter2/d", "not of the form"),
        ("postgres://h/d", "it names no user"),
        ("postgres://u:hunter2@/d", "it names no host"),
    ] {
        let why = refusal(url);
        assert!(why.contains("the database URL cannot be used") && why.contains(what), "{url}: {why}");
    }
}

#[test]
fn a_password_on_the_command_line_is_refused_however_it_is_spelled() {
    for url in [
        "postgres://u:hunter2@h/d",
        "postgres://u@h/d?password=hunter2",
        // No standard URL, and the database's client would take it.
        "postgres://u:hun#hunter2@h/d",
        "postgres://u:hun%zzhunter2@h/d",
        "postgres://u:hunter2@%2Frun%2Fpostgresql/d",
        "postgres://u:hunter2@a:5432,b:5433/d",
    ] {
        let dir = Dir::new();
        let mut command = causeway(["serve", "--profile", "cal", "--listen", "127.0.0.1:0", "--database", url]);
        command.arg("--keys").arg(dir.path("keys"));
        let why = refusal_of(command, &dir);
        assert!(why.contains("the command line is seen by everybody"), "{url}: {why}");
    }
}

#[test]
fn nobody_there_is_one_line() {
    // Port 1 of loopback is nobody's.
    let why = refusal("postgres://u:hunter2@127.0.0.1:1/d");
    assert!(why.contains("127.0.0.1:1/d: the database cannot be reached") && why.contains("refused"), "{why}");
    let why = refusal("postgres://u:hunter2@nowhere.invalid/d");
    assert!(why.contains("nowhere.invalid:5432/d: the database cannot be reached"), "{why}");
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let port = stranger(answer);
        let why = refusal(&format!("postgres://u:hunter2@127.0.0.1:{port}/d"));
        assert!(why.contains(&format!("127.0.0.1:{port}/d: the database cannot be reached")), "{why}");
    }
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let database = cluster().database();
    let at = format!("127.0.0.1:{}", cluster().port());
    let why = refusal(&format!("postgres://{USER}:hunter2@{at}/{database}"));
    assert!(why.contains(&format!("{at}/{database}")) && why.contains("wrong password"), "{why}");
    let why = refusal(&format!("postgres://nobody-knows:hunter2@{at}/{database}"));
    assert!(why.contains("nobody-knows") && why.contains("no such user"), "{why}");
    let why = refusal(&format!("postgres://{USER}@{at}/{database}"));
    assert!(why.contains("asks for a password, and the URL has none"), "{why}");
    let why = refusal(&cluster().url("nowhere"));
    assert!(why.contains("there is no database nowhere: create it first"), "{why}");
    cluster().sql("postgres", "CREATE ROLE shut_out LOGIN PASSWORD 'hunter2'");
    cluster().sql("postgres", &format!("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC"));
    let why = refusal(&format!("postgres://shut_out:hunter2@{at}/{database}"));
    assert!(why.contains("permission denied for database"), "{why}");
    cluster().sql("postgres", "ALTER ROLE shut_out CONNECTION LIMIT 0");
    let why = refusal(&format!("postgres://shut_out:hunter2@{at}/postgres"));
    assert!(why.contains("too many connections"), "{why}");
}

#[test]
fn missing_rights_are_told_with_the_table() {
    let database = cluster().database();
    let guest = format!("postgres://guest:hunter2@127.0.0.1:{}/{database}", cluster().port());
    let sql = |statements: &str| cluster().sql(&database, statements);
    sql("CREATE ROLE guest LOGIN PASSWORD 'hunter2'; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let why = refusal(&guest);
    assert!(why.contains("tables cannot be made here: permission denied for schema public"), "{why}");
    assert!(why.contains("guest lacks that right") && why.contains("GRANTs"), "it says what mends it: {why}");
    starts(&cluster().url(&database));
    sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest");
    let why = refusal(&guest);
    assert!(why.contains("permission denied for table") && why.contains("GRANTs"), "{why}");
    sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO guest");
    starts(&guest);
    for (right, table) in
        [("SELECT", "people"), ("SELECT", "feed"), ("INSERT", "audit"), ("UPDATE", "families"), ("DELETE", "cuts")]
    {
        sql(&format!("REVOKE {right} ON {table} FROM guest"));
        let why = refusal(&guest);
        assert!(why.contains(&format!("permission denied for table {table}")), "{right} on {table}: {why}");
        sql(&format!("GRANT {right} ON {table} TO guest"));
    }
    for state in ["SELECT", "UPDATE"] {
        sql(&format!("REVOKE {state} ON schema_state FROM guest"));
        let why = refusal(&guest);
        assert!(why.contains("permission denied for table schema_state"), "{why}");
        sql(&format!("GRANT {state} ON schema_state TO guest"));
    }
    starts(&guest);
}

#[test]
fn a_database_that_cannot_keep_a_promise_is_refused() {
    let database = cluster().database();
    let url = cluster().url(&database);
    let alter = |what: &str| cluster().sql("postgres", &format!("ALTER DATABASE {database} {what}"));
    alter("SET default_transaction_read_only = on");
    // The first thing that it would write.
    assert!(refusal(&url).contains("read-only"));
    alter("RESET ALL");
    starts(&url);
    alter("SET default_transaction_read_only = on");
    assert!(refusal(&url).contains("takes no writes"));
    alter("RESET ALL");
    alter("SET synchronous_commit = off");
    assert!(refusal(&url).contains("synchronous_commit = off"));
    cluster().sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    assert!(refusal(&cluster().url("latin")).contains("ENCODING 'UTF8'"));
    let foreign = cluster().database();
    cluster().sql(&foreign, "CREATE TABLE people (name text)");
    assert!(refusal(&cluster().url(&foreign)).contains("somebody else's table people"));
}

#[test]
fn an_older_schema_moves_and_a_newer_one_is_refused_when_it_took_something_away() {
    let database = cluster().database();
    let url = cluster().url(&database);
    let sql = |statements: &str| cluster().sql(&database, statements);
    starts(&url);
    let known = sql("SELECT number FROM schema_state");
    // As a program of before left it: its tables are there, and none of the steps since is taken.
    let older = cluster().database();
    let columns = sql("SELECT string_agg(column_name || ' ' || data_type, ', ') FROM information_schema.columns
                       WHERE table_name = 'schema_state'");
    cluster().sql(&older, &format!("CREATE TABLE schema_state ({columns}, PRIMARY KEY (one))"));
    let rows = "INSERT INTO schema_state (one, number, compatible_from, keys, expires) VALUES (1, 0, 1, 'ordered', 0)";
    cluster().sql(&older, rows);
    starts(&cluster().url(&older));
    assert_eq!(cluster().sql(&older, "SELECT number FROM schema_state"), known, "it moved");
    // A newer program only added.
    sql("UPDATE schema_state SET number = 99");
    starts(&url);
    // It took something away.
    sql("UPDATE schema_state SET compatible_from = 98");
    let why = refusal(&url);
    assert!(why.contains("the database has schema 99") && why.contains("use a newer one"), "{why}");
    assert_eq!(sql("SELECT number, compatible_from FROM schema_state"), "99|98", "nothing is moved back");
}

#[test]
fn c_10_a_wrong_certificate_is_one_line() {
    let database = cluster().database();
    let url = |host: &str, more: &str| cluster().url(&database).replace("127.0.0.1", host) + more;
    let roots = |file: std::path::PathBuf| format!("&sslrootcert={}", file.display());
    let (right, wrong) = (roots(cluster().certificate()), roots(cluster().strange_certificate()));
    starts(&url("127.0.0.1", &format!("?sslmode=require{right}")));
    let why = refusal(&url("127.0.0.1", &format!("?sslmode=require{wrong}")));
    assert!(why.contains("certificate is not accepted"), "{why}");
    // The same server under a name that its certificate does not have.
    let why = refusal(&url("db.example", &format!("?sslmode=verify-full{right}&hostaddr=127.0.0.1")));
    assert!(why.contains("certificate is not accepted") && why.contains("db.example"), "{why}");
    // What nobody signs whom this machine trusts.
    let why = refusal(&url("127.0.0.1", "?sslmode=require"));
    assert!(why.contains("certificate"), "{why}");
    let plain = Cluster::start();
    let why = refusal(&format!("{}?sslmode=require{right}", plain.url("postgres")));
    assert!(why.contains("offers no TLS, and nothing is sent in the clear"), "{why}");
}

#[test]
fn a_key_file_of_other_data_is_one_line() {
    let database = cluster().database();
    let url = cluster().url(&database);
    starts(&url);
    // Without a file none is made: the database is not new.
    assert!(refusal(&url).contains("there is no key file, and the database was made with one: copy it here"));
    let dir = Dir::new();
    fs::write(dir.path("keys"), "1 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n").unwrap();
    fs::set_permissions(dir.path("keys"), fs::Permissions::from_mode(0o600)).unwrap();
    let why = refusal_of(serve(&dir, &url), &dir);
    assert!(why.contains("key 1 is not the one that the database was made with"), "{why}");
    let dir = Dir::new();
    let mut command = serve(&dir, &url);
    command.arg("--data").arg(dir.path("data"));
    assert!(refusal_of(command, &dir).contains("exclude each other"));
}

/// The database is never asked what time it is: clocks are the nodes' (no text of SQL holds one, and a lint keeps it so).
#[test]
fn r_12_a_clock_apart_by_a_minute_is_not_ready_and_says_so() {
    let (database, dir) = (cluster().database(), Dir::new());
    let url = cluster().url(&database);
    let first = Running::start(serve(&dir, &url), &dir.path("first.json"));
    let mut late = serve(&dir, &url);
    late.args(["--fault", "skew:60s", "--fault-seed", "1"]);
    let late = Running::start(late, &dir.path("late.json"));
    let at = |running: &Running, what: &str| running.platform()[what].as_str().unwrap().to_owned();
    let begun = stopwatch();
    let why = loop {
        let (status, why) = get(&at(&late, "api_url"), "/readyz");
        // A beat that was long on its way says less than is so, and never more.
        if status == 503 && why.contains("C-8") && (why.contains("+59.") || why.contains("+60.")) {
            break why;
        }
        assert!(begun.elapsed() < HANG, "{status} {why}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(why.contains("clock"), "{why}");
    assert_eq!(get(&at(&first, "api_url"), "/readyz").0, 200, "who was there first goes on");
    let begun = stopwatch();
    while !get(&at(&first, "admin_url"), "/metrics").1.lines().any(|line| line == "causeway_clocks_apart 1") {
        assert!(begun.elapsed() < HANG, "the other node sees it too");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (code, _, err) = late.stop("TERM");
    let told = "this node's clock is apart from the others': it is not ready";
    let times = err.lines().filter(|line| line.contains(told)).count();
    // Again only when a node that stood still for seconds was thought gone meanwhile.
    assert!(code == 0 && (1..=3).contains(&times), "not every second: {err}");
    assert_eq!(first.stop("TERM").0, 0);
}
