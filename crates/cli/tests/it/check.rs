//! `causeway check`.

use crate::program::{Dir, causeway, ended};

const PROFILE: &str = include_str!("../../../../profiles/tripleseat.toml");
const SEED: &str = include_str!("../../../../demo/tripleseat.toml");

#[test]
fn good_files_of_every_kind_pass() {
    let dir = Dir::new();
    let profile = dir.file("tripleseat.toml", PROFILE);
    let seed = dir.file("seed.toml", SEED);
    let config = dir.file("config.toml", "listen = \"127.0.0.1:1\"\n");
    let (code, out, err) = ended(causeway([&std::path::PathBuf::from("check"), &seed, &profile, &config]));
    assert_eq!((code, err.as_str()), (0, ""));
    for said in ["tripleseat.toml: a good profile", "seed.toml: a good seed", "config.toml: a good settings file"] {
        assert!(out.contains(said), "{said} in {out}");
    }
}

#[test]
fn all_problems_of_all_files_are_told_with_their_lines() {
    let dir = Dir::new();
    let broken =
        PROFILE.replacen("[policy]", "[policy]\nnonsense = 1", 1).replacen("[brand]", "[brand]\nshade = \"x\"", 1);
    let line_of = |text: &str, what: &str| text.lines().position(|line| line.starts_with(what)).map_or(0, |at| at + 1);
    let (first, second) = (line_of(&broken, "shade"), line_of(&broken, "nonsense"));
    let profile = dir.file("broken.toml", &broken);
    let seed = dir.file("seed.toml", "[[apps]]\nname = \"x\"\n[[people]]\nemial = \"a@b\"\n");
    let config = dir.file("config.toml", "listen = \"127.0.0.1:1\"\nlissen = 1\n");
    let (code, _, err) = ended(causeway([&std::path::PathBuf::from("check"), &profile, &seed, &config]));
    assert_eq!(code, 2);
    let has = |file: &str, line: usize| err.lines().any(|l| l.contains(file) && l.contains(&format!("line {line},")));
    assert!(has("broken.toml", first) && has("broken.toml", second), "{first} {second}: {err}");
    assert!(has("seed.toml", 1) && has("seed.toml", 4) && has("config.toml", 2), "{err}");
    assert!(err.lines().all(|line| line.starts_with("causeway: ")), "{err}");
}

#[test]
fn files_that_cannot_be_read_or_are_no_toml_are_told() {
    let dir = Dir::new();
    let torn = dir.file("torn.toml", "version = 1\nname = \"x\n");
    let missing = dir.path("missing.toml");
    let binary = dir.path("binary.toml");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    let (code, _, err) = ended(causeway([&std::path::PathBuf::from("check"), &torn, &missing, &binary]));
    assert_eq!(code, 2);
    for said in
        ["torn.toml: line 2", "missing.toml: No such file", "binary.toml: line 1, column 1: the file is not UTF-8"]
    {
        assert!(err.contains(said), "{said} in {err}");
    }
}

#[test]
fn what_is_allowed_but_should_be_known_is_told() {
    let dir = Dir::new();
    let app = |uri: &str| {
        format!(
            "[[apps]]\nname = \"A\"\nclient_id = \"a\"\nclient_secret = \"s\"\nstatus = \"approved\"\n\
             redirect_uris = [\"{uri}\"]\nscopes = \"read\"\n"
        )
    };
    let bare = dir.file("bare.toml", &app("http://partner.example/callback"));
    let (code, out, err) = ended(causeway([&std::path::PathBuf::from("check"), &bare]));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("warning: app a returns to http://partner.example/callback, plain http"), "{out}");
    assert!(out.contains("bare.toml: scopes were not checked: add its profile"), "{out}");
    let local = dir.file("local.toml", &app("http://127.0.0.1:9/callback"));
    let profile = dir.file("tripleseat.toml", PROFILE);
    let (code, out, err) = ended(causeway([&std::path::PathBuf::from("check"), &local, &profile]));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(!out.contains("plain http") && !out.contains("not checked"), "{out}");
}

#[test]
fn empty_texts_and_wrong_settings_are_told() {
    let dir = Dir::new();
    let profile = dir.file("empty.toml", &PROFILE.replacen("name = \"Tripleseat\"", "name = \"\"", 1));
    let config = dir.file("config.toml", "upstream = \"ftp://x\"\n");
    let (code, _, err) = ended(causeway([&std::path::PathBuf::from("check"), &profile, &config]));
    assert_eq!(code, 2);
    assert!(err.lines().any(|line| line.contains("empty.toml") && line.ends_with("`name` must not be empty")), "{err}");
    assert!(err.contains("config.toml: upstream = \"ftp://x\": not an address"), "{err}");
}

#[test]
fn the_readmes_example_is_good_for_the_default_profile() {
    let dir = Dir::new();
    let profile = dir.file("acme.toml", include_str!("../../../../profiles/default.toml"));
    let seed = dir.file("apps.toml", include_str!("../../../../docs/examples/apps.toml"));
    let (code, out, err) = ended(causeway([&std::path::PathBuf::from("check"), &profile, &seed]));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("apps.toml: a good seed") && !out.contains("warning"), "{out}");
    // What the README's commands say of it.
    let readme = include_str!("../../../../README.md");
    for said in ["acme-booking:change-me-0123456789-0123456789", "admin@customer.example (password change-me-now)"] {
        assert!(readme.contains(said), "{said}");
    }
    let mut serve = causeway(["serve", "--listen", "127.0.0.1:0"]);
    serve.arg("--profile").arg(profile).arg("--seed").arg(seed).arg("--data").arg(dir.path("data"));
    let running = crate::program::Running::start(serve, &dir.path("describe.json"));
    let platform = running.platform();
    assert_eq!(platform["apps"][0]["client_secret"], "change-me-0123456789-0123456789");
    assert_eq!(
        crate::program::get(platform["api_url"].as_str().unwrap(), "/v1/items").0,
        401,
        "the curl's route is there"
    );
}

#[test]
fn every_shipped_profile_and_every_seed_of_the_demo_is_clean() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for (key, _) in causeway_protocol::profile::SHIPPED {
        let mut check = causeway(["check"]);
        check.arg(format!("{root}/profiles/{key}.toml"));
        let seed = format!("{root}/demo/{key}.toml");
        let seeded = std::path::Path::new(&seed).exists();
        if seeded {
            check.arg(&seed);
        }
        let (code, out, err) = ended(check);
        assert_eq!((code, err.as_str()), (0, ""), "{key}");
        assert!(out.contains(&format!("{key}.toml: a good profile")), "{out}");
        assert_eq!(out.contains(&format!("{key}.toml: a good seed")), seeded, "{out}");
    }
}

#[test]
fn the_manual_s_walk_through_is_good_and_serves() {
    let manual = include_str!("../../../../docs/PROFILES.md");
    let block = |mark: &str| {
        let (_, rest) = manual.split_once(&format!("<!-- {mark}: bookwell -->\n```toml\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    let dir = Dir::new();
    let (profile, seed) = (dir.file("bookwell.toml", block("profile")), dir.file("bookwell-seed.toml", block("seed")));
    let (code, out, err) = ended(causeway([&std::path::PathBuf::from("check"), &profile, &seed]));
    assert_eq!((code, err.as_str()), (0, ""));
    for line in manual.lines().filter(|line| line.starts_with("bookwell.toml: ")) {
        assert!(out.contains(&line["bookwell.toml: ".len()..]), "{line} in {out}");
    }
    let mut serve =
        causeway(["serve", "--listen", "127.0.0.1:0", "--fault", "lose-reply=0.2,no-expiry=0.5", "--fault-seed", "1"]);
    serve.arg("--profile").arg(profile).arg("--seed").arg(seed).arg("--data").arg(dir.path("data"));
    let running = crate::program::Running::start(serve, &dir.path("describe.json"));
    let platform = running.platform();
    let api = platform["api_url"].as_str().unwrap();
    assert_eq!(crate::program::get(api, "/v2/bookings").0, 401, "the route is there");
    assert_eq!(platform["paths"]["token"], "/auth/token");
}
