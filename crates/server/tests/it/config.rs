//! Settings: where they come from, which are refused, and the key file (SECURITY R-31, C-13).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use causeway_protocol::seal::KeyRing;
use causeway_server::config::{Given, SETTINGS, from_env, from_file, manual, resolve};
use causeway_server::keys;
use causeway_server::platform::{KeysAt, Platform, Settings, StoreAt};
use causeway_testkit::platform::TempDir;

fn flags(pairs: &[(&'static str, &str)]) -> Given {
    let mut given = Given::default();
    pairs.iter().for_each(|(name, value)| given.push(name, *value));
    given
}

/// Enough to start with.
const ENOUGH: [(&str, &str); 2] = [("profile", "tripleseat"), ("data", "/tmp/causeway-never-made")];

fn problems(more: &[(&'static str, &str)]) -> Vec<String> {
    let pairs: Vec<_> = ENOUGH.iter().chain(more).copied().collect();
    resolve(flags(&pairs), Given::default()).err().unwrap_or_default()
}

fn write(dir: &TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = dir.0.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn r_31_insecure_settings_are_refused_with_a_line_each() {
    let dir = TempDir::new();
    let key = write(&dir, "open.key", &KeyRing::line(1, &[7; 32]), 0o644);
    let zeros = write(&dir, "zeros.key", &KeyRing::line(1, &[0; 32]), 0o600);
    let (cert, cert_key) = (write(&dir, "cert", "nothing", 0o644), write(&dir, "cert.key", "nothing", 0o644));
    let demo = write(&dir, "demo.toml", include_str!("../../../../demo/tripleseat.toml"), 0o600);
    let table: &[(&[(&'static str, &str)], &str)] = &[
        (&[("listen", "192.0.2.1:80")], "wants --tls-cert"),
        (&[("listen", "0.0.0.0:80"), ("trusted_proxy", "10.0.0.0/8")], "--login-url"),
        (&[("listen", "here")], "not an address"),
        (&[("login_url", "http://login.example")], "plain http"),
        (&[("api_url", "http://api.example")], "plain http"),
        (&[("login_url", "https://login.example/path")], "only a scheme"),
        (&[("login_url", "https://a:b@login.example")], "only a scheme"),
        (&[("login_url", "ftp://login.example")], "not an address"),
        (&[("admin_listen", "192.0.2.1:80"), ("trusted_proxy", "10.0.0.1")], "wants a key"),
        (
            &[("admin_listen", "192.0.2.1:80"), ("admin_key", "sixteen-or-longer")],
            "the admin listener is not on loopback",
        ),
        (&[("admin_key", "short")], "shorter than 16"),
        (&[("authz_listen", "192.0.2.1:80")], "the listener for Envoy is not on loopback"),
        (&[("authz_listen", "192.0.2.1:80"), ("trusted_proxy", "10.0.0.1")], "and a key that it bears: authz_key"),
        (&[("authz_listen", "192.0.2.1:80"), ("authz_key", "sixteen-or-longer")], "wants the --trusted-proxy"),
        (&[("authz_key", "short")], "authz_key is shorter than 16"),
        (&[("stop_delay", "6")], "from 0 to 5"),
        (&[("trusted_proxy", "0.0.0.0/0")], "trusts everybody"),
        (&[("trusted_proxy", "nginx")], "not an address block"),
        (&[("database", "postgres://db")], "exclude each other"),
        (&[("stale_limit", "0")], "from 1 to 60"),
        (&[("tls_cert", "cert.pem")], "tls_key is not"),
        (&[("tls_key", "key.pem")], "tls_cert is not"),
        (&[("tls_cert", text(&cert)), ("tls_key", text(&cert_key))], "holds no certificate"),
        (&[("keys", text(&key))], "others can read it"),
        (&[("keys", "/nowhere/keys")], "there is no directory /nowhere"),
        (&[("keys", text(&zeros))], "all zeros"),
        (&[("upstream", "nowhere")], "not an address"),
        (&[("fault", "explode")], "unknown"),
        (&[("fault", "500"), ("listen", "192.0.2.1:80"), ("trusted_proxy", "10.0.0.1")], "only on a loopback"),
        (&[("connections", "0")], "1 to 100000"),
        (&[("seed", "/nowhere/seed.toml")], "No such file"),
        (&[("seed", text(&demo)), ("login_url", "https://login.example")], "everybody knows"),
        (&[("config", "/nowhere/config.toml")], "No such file"),
    ];
    for (settings, wanted) in table {
        let found = problems(settings);
        assert!(found.len() == 1 && found[0].contains(wanted), "{settings:?}: {found:?}");
        assert!(!found[0].contains('\n'), "one line: {found:?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let wrong = flags(&[("listen", "x"), ("login_url", "y"), ("trusted_proxy", "z"), ("fault", "a,b")]);
    let found = resolve(wrong, Given::default()).err().unwrap();
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn good_settings_are_taken() {
    assert_eq!(problems(&[]), [""; 0]);
    assert_eq!(
        problems(&[
            ("listen", "0.0.0.0:80"),
            ("trusted_proxy", "10.0.0.0/8"),
            ("login_url", "https://a.example"),
            ("api_url", "https://b.example:8443")
        ]),
        [""; 0]
    );
    assert_eq!(
        problems(&[
            ("login_url", "http://localhost:9000"),
            ("admin_listen", "127.0.0.1:0"),
            ("fault", "lose-reply=0.5")
        ]),
        [""; 0]
    );
    let asked = [("authz_listen", "192.0.2.1:80"), ("trusted_proxy", "10.0.0.1"), ("authz_key", "sixteen-or-longer")];
    assert_eq!(problems(&asked), [""; 0]);
    let dir = TempDir::new();
    let key = write(&dir, "keys", &KeyRing::line(1, &[7; 32]), 0o600);
    assert_eq!(problems(&[("keys", text(&key))]), [""; 0]);
}

#[test]
fn flags_beat_the_environment_and_it_beats_the_file() {
    let dir = TempDir::new();
    let file = r#"
        listen = "127.0.0.1:1"
        login_url = "http://localhost:1"
        upstream = "http://127.0.0.1:1"
        fault_seed = 7
    "#;
    let file = write(&dir, "config.toml", file, 0o600);
    let variables = [
        ("CAUSEWAY_LISTEN", "127.0.0.1:2"),
        ("CAUSEWAY_LOGIN_URL", "http://localhost:2"),
        ("CAUSEWAY_CONFIG", text(&file)),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (environment, warnings) = from_env(variables.into_iter());
    assert_eq!(warnings, [""; 0]);
    let serve = resolve(flags(&[ENOUGH[0], ENOUGH[1], ("listen", "127.0.0.1:3")]), environment).ok().unwrap();
    assert_eq!(serve.settings.listen[0].port(), 3);
    assert_eq!(serve.settings.login_url.as_deref(), Some("http://localhost:2"));
    assert_eq!(serve.settings.upstream.as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!(serve.settings.fault_seed, 7);
}

#[test]
fn unknown_settings_are_refused_in_the_file_and_warned_of_in_the_environment() {
    let found = from_file("listen = \"127.0.0.1:1\"\nlissen = 1\nfault_seed = \"x\"\n").unwrap_err();
    assert_eq!(found.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 3], "{found:?}");
    let variables = [("CAUSEWAY_LISSEN", "x"), ("CAUSEWAY_SEED", "a, b"), ("PATH", "/bin"), ("CAUSEWAY_KEYS", "")];
    let (given, warnings) = from_env(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
    assert!(warnings.len() == 1 && warnings[0].contains("CAUSEWAY_LISSEN"), "{warnings:?}");
    assert_eq!(given.all("seed"), ["a", "b"]);
    assert_eq!(given.one("keys"), None);
}

#[test]
fn the_manual_names_every_setting_and_is_a_good_file() {
    let manual = manual();
    assert_eq!(from_file(&manual), Ok(Given::default()), "everything in it is a comment");
    for setting in SETTINGS {
        assert!(manual.contains(&format!("\n# {} = ", setting.name)), "{}", setting.name);
    }
    let shipped: Vec<&str> = causeway_protocol::profile::SHIPPED.iter().map(|(name, _)| *name).collect();
    let said = format!("the name of a shipped one ({}).", shipped.join(", "));
    assert!(manual.replace("\n#", "").contains(&said), "{manual}");
    // What it shows as a default is one.
    let shown: String = manual
        .lines()
        .filter(|line| line.contains(" = ") && !line.contains("# not set"))
        .map(|line| line.trim_start_matches("# ").to_owned() + "\n")
        .collect();
    assert!(from_file(&shown).is_ok(), "{shown}");
}

#[test]
fn c_13_a_key_file_is_its_owners_alone() {
    let dir = TempDir::new();
    for (mode, fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o644, false), (0o666, false)] {
        let path = write(&dir, "keys", &KeyRing::line(1, &[7; 32]), mode);
        let read = keys::load("tripleseat", &path);
        assert_eq!(read.is_ok(), fine, "{mode:o}: {read:?}");
    }
    let broken = write(&dir, "broken", "1 short\nx y\n", 0o600);
    let found = keys::load("tripleseat", &broken).unwrap_err();
    assert!(
        found.len() == 2 && found.iter().all(|line| line.contains("broken: line ") && !line.contains("short\n")),
        "{found:?}"
    );
    let huge = write(&dir, "huge", &"#\n".repeat(100_000), 0o600);
    assert!(keys::load("tripleseat", &huge).unwrap_err()[0].contains("too large"));
    assert!(keys::load("tripleseat", &dir.0).unwrap_err()[0].contains("not a file"));
}

#[test]
fn c_13_a_settings_file_with_a_secret_is_its_owners_or_a_groups() {
    let dir = TempDir::new();
    let secrets = ["admin_key = \"0123456789abcdef\"\n", "edge_key = \"0123456789abcdef\"\n"];
    for (text_of, mode, fine) in [
        (secrets[0], 0o600, true),
        (secrets[1], 0o640, true),
        (secrets[0], 0o644, false),
        (secrets[1], 0o604, false),
        ("stale_limit = 5\n", 0o644, true),
    ] {
        let file = write(&dir, "causeway.toml", text_of, mode);
        let found = problems(&[("config", text(&file))]);
        let open = found.iter().any(|line| line.contains("it holds secrets, and others can read it: run `chmod 640`"));
        assert_eq!(open, !fine, "{mode:o}: {found:?}");
    }
}

fn settings(dir: &TempDir, keys: KeysAt) -> Settings {
    let profile = causeway_protocol::profile::shipped("tripleseat").unwrap();
    Settings::new(profile, StoreAt::Directory(dir.0.join("data")), keys)
}

#[tokio::test]
async fn a_key_file_is_made_beside_the_data_and_missed_when_it_is_gone() {
    let dir = TempDir::new();
    let path = dir.0.join("data.keys");
    let first = Platform::start(settings(&dir, KeysAt::BesideData)).await.unwrap();
    assert!(first.notes()[0].contains(text(&path)), "{:?}", first.notes());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    first.stop().await;
    let again = Platform::start(settings(&dir, KeysAt::BesideData)).await.unwrap();
    assert_eq!(again.notes(), [""; 0], "it is made once");
    again.stop().await;
    fs::rename(&path, dir.0.join("elsewhere")).unwrap();
    let gone = Platform::start(settings(&dir, KeysAt::BesideData)).await.err().unwrap();
    assert!(gone.len() == 1 && gone[0].contains("is gone"), "{gone:?}");
    assert!(!path.exists(), "no new key hides that the old one is gone");
    let there = Platform::start(settings(&dir, KeysAt::File(dir.0.join("elsewhere")))).await.unwrap();
    there.stop().await;
}

#[tokio::test]
async fn a_wrong_key_for_the_data_is_refused_and_a_newer_one_beside_it_is_not() {
    let dir = TempDir::new();
    let ring = |lines: &[(u16, u8)]| {
        let lines: Vec<_> = lines.iter().map(|(id, byte)| KeyRing::line(*id, &[*byte; 32])).collect();
        KeysAt::Ready(KeyRing::parse("tripleseat", &lines.join("\n")).unwrap())
    };
    Platform::start(settings(&dir, ring(&[(1, 1)]))).await.unwrap().stop().await;
    let other = Platform::start(settings(&dir, ring(&[(1, 9)]))).await.err().unwrap();
    assert!(other.len() == 1 && other[0].contains("key 1 is not the one"), "{other:?}");
    let none = Platform::start(settings(&dir, ring(&[(2, 2)]))).await.err().unwrap();
    assert!(none[0].contains("none of the keys"), "{none:?}");
    Platform::start(settings(&dir, ring(&[(2, 2), (1, 1)]))).await.unwrap().stop().await;
    Platform::start(settings(&dir, ring(&[(2, 2)]))).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_taken_port_and_a_second_process_are_told() {
    let dir = TempDir::new();
    let first = Platform::start(settings(&dir, KeysAt::BesideData)).await.unwrap();
    let other = TempDir::new();
    let mut same_port = settings(&other, KeysAt::BesideData);
    same_port.listen = vec![first.addresses()[0]];
    let taken = Platform::start(same_port).await.err().unwrap();
    assert!(taken[0].contains("cannot listen on"), "{taken:?}");
    let second = Platform::start(settings(&dir, KeysAt::BesideData)).await.err().unwrap();
    assert!(second[0].contains("another process"), "{second:?}");
    first.stop().await;
}

#[tokio::test]
async fn a_named_key_file_is_made_once_and_missed_when_it_is_gone() {
    let dir = TempDir::new();
    let path = dir.0.join("elsewhere.keys");
    let file = || KeysAt::File(path.clone());
    let first = Platform::start(settings(&dir, file())).await.unwrap();
    assert!(first.notes()[0].contains(text(&path)), "{:?}", first.notes());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    first.stop().await;
    fs::remove_file(&path).unwrap();
    let gone = Platform::start(settings(&dir, file())).await.err().unwrap();
    assert!(gone.len() == 1 && gone[0].contains("put its copy back"), "{gone:?}");
    assert!(!path.exists(), "no new key hides that the old one is gone");
    let data = dir.0.join("data");
    assert_eq!(problems(&[("keys", text(&path))]), [""; 0], "data that are not there yet may have it made");
    let pairs = [("profile", "tripleseat"), ("data", text(&data)), ("keys", text(&path))];
    let found = resolve(flags(&pairs), Given::default()).err().unwrap();
    assert!(found.len() == 1 && found[0].contains("put its copy back"), "{found:?}");
}

#[tokio::test]
async fn data_that_do_not_say_which_keys_made_them_are_refused_unless_they_are_empty() {
    let dir = TempDir::new();
    let check = dir.0.join("data/key-check");
    Platform::start(settings(&dir, KeysAt::BesideData)).await.unwrap().stop().await;
    fs::remove_file(&check).unwrap();
    Platform::start(settings(&dir, KeysAt::BesideData)).await.unwrap().stop().await;
    assert!(check.exists(), "nobody is in the store yet");
    let mut seeded = settings(&dir, KeysAt::BesideData);
    let profile = seeded.profile.clone();
    let seed = "[[customers]]\nid = \"7\"\nname = \"Seven\"\n";
    let read = causeway_server::seed::parse(seed, Some(&profile), &[]).unwrap();
    seeded.seeds = vec![causeway_server::load_seed::SeedFile::new("seed", seed, read)];
    Platform::start(seeded).await.unwrap().stop().await;
    fs::remove_file(&check).unwrap();
    let gone = Platform::start(settings(&dir, KeysAt::BesideData)).await.err().unwrap();
    assert!(gone.len() == 1 && gone[0].contains("key-check is gone"), "{gone:?}");
    assert!(!check.exists(), "it is not made anew in silence");
    fs::write(&check, "").unwrap();
    Platform::start(settings(&dir, KeysAt::BesideData)).await.unwrap().stop().await;
    assert!(fs::metadata(&check).unwrap().len() > 0, "the operator said that the keys are right");
}

#[tokio::test]
async fn c_13_data_that_others_can_read_are_refused() {
    let dir = TempDir::new();
    let data = dir.0.join("data");
    fs::create_dir(&data).unwrap();
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o755, 0o750, 0o701] {
        set(&data, mode);
        let found = Platform::start(settings(&dir, KeysAt::BesideData)).await.err().unwrap();
        let wanted = format!("chmod 700 {}", data.display());
        assert!(found.len() == 1 && found[0].contains(&wanted), "{mode:o}: {found:?}");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "nothing was made in it");
    }
    set(&data, 0o700);
    Platform::start(settings(&dir, KeysAt::BesideData)).await.unwrap().stop().await;
    set(&data.join("causeway.db"), 0o644);
    let found = Platform::start(settings(&dir, KeysAt::BesideData)).await.err().unwrap();
    assert!(found.len() == 1 && found[0].contains("chmod 600") && found[0].contains("causeway.db"), "{found:?}");
    set(&data.join("causeway.db"), 0o600);
    Platform::start(settings(&dir, KeysAt::BesideData)).await.unwrap().stop().await;
}

#[test]
fn c_13_a_description_follows_no_link_and_is_its_owners_alone() {
    let dir = TempDir::new();
    let (victim, path) = (dir.0.join("victim"), dir.0.join("describe.json"));
    fs::write(&victim, "mine").unwrap();
    // Where it was written before, and where it is to stand: somebody else's link is replaced, never followed.
    let old = dir.0.join(format!("describe.json.{}.new", std::process::id()));
    std::os::unix::fs::symlink(&victim, &old).unwrap();
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    causeway_server::describe::write(&path, &serde_json::json!({"secret": "x"})).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    let about = fs::symlink_metadata(&path).unwrap();
    assert!(about.is_file() && about.permissions().mode() & 0o777 == 0o600, "{about:?}");
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 3, "nothing else is left");
}

#[test]
fn values_of_a_settings_file_are_checked_alone() {
    let file = "listen = \"x\"\nupstream = \"ftp://x\"\nadmin_key = \"short\"\nfault = \"explode\"\n";
    let found = causeway_server::config::check_values(from_file(file).unwrap());
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.iter().any(|why| why.starts_with("upstream = \"ftp://x\": ")), "{found:?}");
    let file = "listen = \"127.0.0.1:1\"\ntls_cert = \"not-here.pem\"\n";
    assert_eq!(causeway_server::config::check_values(from_file(file).unwrap()), [""; 0]);
}

#[test]
fn providers_are_read_from_a_file_that_only_we_can_read() {
    let dir = TempDir::new();
    let good = "[[platforms]]\nprofile = \"tripleseat\"\nclient_id = \"a\"\nclient_secret = \"b\"\nscopes = \"read\"\n";
    let file = write(&dir, "providers.toml", good, 0o600);
    let pairs = [("profile", "orcabase"), ENOUGH[1], ("providers", text(&file))];
    let serve = resolve(flags(&pairs), Given::default()).unwrap_or_else(|found| panic!("{found:?}"));
    let known: Vec<&str> = serve.settings.providers.iter().map(causeway_vault::Platform::key).collect();
    assert_eq!(known, ["tripleseat"]);
    let open = write(&dir, "open.toml", good, 0o644);
    let torn = write(&dir, "torn.toml", "[[platforms]]\nprofile = \"nobody\"\nclient_id = \"a\"\nsecret = 1\n", 0o600);
    for (path, parts) in [(&open, vec!["chmod 600"]), (&torn, vec!["nobody", "secret"])] {
        let found = problems(&[("providers", text(path))]).join("\n");
        assert!(parts.iter().all(|part| found.contains(part)), "{found}");
    }
}

#[tokio::test]
async fn providers_want_a_profile_with_accounts_and_a_place_to_keep_what_they_hand_out() {
    let provider = || causeway_vault::Platform {
        profile: causeway_protocol::profile::shipped("tripleseat").unwrap(),
        login_url: "http://127.0.0.1:1".to_owned(),
        api_url: "http://127.0.0.1:1".to_owned(),
        token_url: None,
        issuer: "http://127.0.0.1:1".to_owned(),
        client_id: "a".to_owned(),
        client_secret: None,
        redirect_uri: String::new(),
        scopes: Vec::new(),
    };
    for (profile, part) in [("tripleseat", "has no accounts"), ("orcabase", "")] {
        let dir = TempDir::new();
        let profile = causeway_protocol::profile::shipped(profile).unwrap();
        let data = dir.0.join("data");
        let mut settings = Settings::new(profile, StoreAt::Directory(data.clone()), KeysAt::BesideData);
        settings.providers = vec![provider()];
        match Platform::start(settings).await {
            Ok(platform) => {
                assert_eq!(part, "");
                let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
                assert_eq!((mode(&data.join("providers")), mode(&dir.0.join("data.keys.providers"))), (0o700, 0o600));
                platform.stop().await;
            }
            Err(found) => assert!(!part.is_empty() && found[0].contains(part), "{found:?}"),
        }
    }
}

#[test]
fn c_13_r_31_a_database_wants_keys_and_its_password_is_on_no_command_line() {
    let dir = TempDir::new();
    let keys = write(&dir, "keys", &KeyRing::line(1, &[7; 32]), 0o600);
    let found = |said: &[(&'static str, &str)], environment: &[(&'static str, &str)]| {
        let said: Vec<_> = [("profile", "tripleseat")].iter().chain(said).copied().collect();
        resolve(flags(&said), flags(environment)).err().unwrap_or_default()
    };
    let secret = ("database", "postgres://causeway:hunter2@db.example/causeway");
    let in_query = ("database", "postgres://causeway@db.example/causeway?password=hunter2");
    let keys = ("keys", text(&keys));
    assert_eq!(found(&[keys], &[secret]), [""; 0]);
    assert_eq!(found(&[keys, ("database", "postgresql://causeway@localhost/causeway")], &[]), [""; 0]);
    for (said, environment, wanted) in [
        (&[keys, secret][..], &[][..], "the command line is seen by everybody"),
        (&[keys, in_query], &[], "the command line is seen by everybody"),
        (&[], &[secret], "say with --keys"),
        (&[keys, ("data", "/tmp/causeway-never-made")], &[secret], "exclude each other"),
        (&[keys], &[("database", "mysql://causeway:hunter2@db.example")], "not an address such as postgres://"),
    ] {
        let problems = found(said, environment);
        assert!(problems.len() == 1 && problems[0].contains(wanted), "{problems:?}");
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }
}
