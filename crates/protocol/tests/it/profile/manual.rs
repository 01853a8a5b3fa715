//! The manual of the language: it names every key, its examples work, its defaults are the reader's.

use causeway_protocol::profile::reference::{self, SECTIONS};
use causeway_protocol::profile::warnings;

use super::{good, lines, problems};

pub(super) const PAGE: &str = include_str!("../../../../../docs/PROFILES.md");

#[test]
fn the_reference_names_every_key_and_no_other() {
    let problems = reference::problems();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn the_manual_is_made_of_the_reference() {
    let renewed = reference::renew(PAGE).unwrap_or_else(|problem| panic!("docs/PROFILES.md: {problem}"));
    let stale = PAGE.lines().zip(renewed.lines()).find(|(is, should)| is != should);
    assert!(renewed == PAGE, "docs/PROFILES.md is stale, run `cargo xtask generate`: {stale:?}");
}

#[test]
fn every_example_is_right() {
    for section in SECTIONS {
        let text = section.example();
        let found = problems(&text);
        assert!(found.is_empty(), "[{}]\n{}\n{text}", section.name, lines(&found));
    }
}

#[test]
fn a_default_that_is_stated_changes_nothing() {
    let mut count = 0;
    for section in SECTIONS {
        let (plain, stated) = section.plain_and_stated();
        assert_eq!(good(&stated), good(&plain), "{stated}");
        count += stated.lines().count() - plain.lines().count();
    }
    assert!(count > 80, "{count}");
}

#[test]
fn budgets_have_the_default_that_the_manual_names() {
    let stated = format!("{}[api]\nbudgets = [{{ requests = 600, per = \"1min\" }}]\n", super::SMALL);
    assert_eq!(good(&stated), good(super::SMALL));
}

/// The profile of the walk-through.
fn walked() -> &'static str {
    let (_, rest) = PAGE.split_once("<!-- profile: bookwell -->\n```toml\n").expect("its mark");
    rest.split_once("```").expect("its end").0
}

#[test]
fn the_walk_through_ends_in_a_good_profile_and_shows_what_check_says_of_it() {
    for warning in warnings(&good(walked())) {
        assert!(PAGE.contains(&format!("bookwell.toml: warning: {warning}\n")), "{warning}");
    }
    assert_eq!(PAGE.matches("bookwell.toml: warning: ").count(), warnings(&good(walked())).len());
}

#[test]
fn the_walk_through_shows_mistakes_as_they_are_reported() {
    let wrong = walked()
        .replacen("state_required", "state_requird", 1)
        .replacen("code_life = \"5min\"", "code_life = \"15min\"", 1)
        .replacen("site_parameter = \"venue\"\nsite_id_form = \"digits\"\n", "", 1)
        .replacen("site = \"none\"\n", "", 1)
        .replacen("site = \"json\"\n", "", 1);
    let shown: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("causeway: bookwell.toml: ")).collect();
    assert_eq!(lines(&problems(&wrong)), shown.join("\n"));
}

/// The lines of `profiles/default.toml` that are commented out: dotted path, value, what is said beside it.
fn shown_defaults() -> Vec<(String, &'static str, &'static str)> {
    let text = causeway_protocol::profile::SHIPPED.iter().find(|(key, _)| *key == "default").expect("it ships").1;
    let (mut section, mut shown) = ("", Vec::new());
    for line in text.lines() {
        let (commented, code) = line.strip_prefix("# ").map_or((false, line), |code| (true, code));
        if code.starts_with('[') {
            section = code.trim_matches(['[', ']']);
        } else if let Some((key, rest)) =
            code.split_once(" = ").filter(|(key, _)| commented && !key.contains([' ', '.']))
        {
            let (value, said) = rest.split_once('#').unwrap_or((rest, ""));
            shown.push((format!("{section}.{key}"), value.trim(), said.trim()));
        }
    }
    shown
}

#[test]
fn the_default_profile_shows_defaults_that_are_the_reader_s() {
    let shown = shown_defaults();
    for (path, value, said) in &shown {
        let default =
            reference::default_of(path).unwrap_or_else(|| panic!("profiles/default.toml: no such key: {path}"));
        match default.as_str() {
            "none" => assert!(said.starts_with("none"), "{path}: say that it is none"),
            "required" => assert_eq!(*said, "has no default", "{path}"),
            words if words.starts_with(|c: char| c.is_ascii_lowercase()) && !["true", "false"].contains(&words) => {}
            default => assert_eq!(*value, default, "{path}"),
        }
    }
    for section in SECTIONS
        .iter()
        .filter(|section| ["registration", "oauth1", "api_keys", "accounts", "userinfo"].contains(&section.name))
    {
        for key in section
            .keys
            .iter()
            .filter(|key| !key.path.starts_with("oauth1.brown_outs.") && key.path != "registration.providers")
        {
            assert!(
                shown.iter().any(|(path, ..)| path == key.path),
                "profiles/default.toml does not show {}",
                key.path
            );
        }
    }
}
