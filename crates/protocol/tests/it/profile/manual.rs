//! The manual of the language: it names every key, its examples work, its defaults are the reader's.

use causeway_protocol::profile::reference::{self, SECTIONS};

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
