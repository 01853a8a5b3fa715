//! The stories in Chromium, one a platform: script on and off, desktop and phone, light and dark.
//!
//! A story prints `ok NAME` or `FAIL NAME: why` for each check; those are counted. Add one: a file in browser/, a word in
//! `STORIES`.

use std::path::Path;

use super::install;
use crate::house::House;
use crate::server::{Server, fresh_directory};
use crate::shell;
use crate::tally::Tally;

/// Files of browser/ without their ending, as they are played one after the other on one demo.
const STORIES: [&str; 5] = ["story", "cal", "otesse", "orcabase", "migrate"];

/// Plays them with and without script, each time against a fresh demo.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let _alone = house.alone("browser")?;
    install::run(house)?;
    let mut tally = Tally::default();
    for mode in ["no-script", "script"] {
        let data = fresh_directory(house, "browser-data")?;
        let demo =
            Server::start(house, "browser", &["demo", "--listen", "127.0.0.1:0", "--data", &data.to_string_lossy()])?;
        for name in STORIES {
            tally += story(house, &demo.describe, name, mode)?;
        }
        tally += Tally::of("browser: the demo stops well", demo.stop());
    }
    Ok(tally)
}

fn story(house: &House, describe: &Path, name: &str, mode: &str) -> Result<Tally, String> {
    let script = house.target(&format!("clients/node/{name}.mjs"))?;
    let shots = house.target("screenshots")?;
    let mut story = shell::command("node", [script, describe.to_owned(), shots]);
    story.arg(mode);
    let (good, said) = shell::tee(story)?;
    let mut tally = Tally::default();
    for line in said.lines() {
        if line.starts_with("ok ") {
            tally += Tally::pass();
        } else if let Some(why) = line.strip_prefix("FAIL ") {
            tally += Tally::fail(format!("browser: {why}"));
        }
    }
    if !good && tally.failed == 0 {
        tally += Tally::fail(format!("browser: the story {name} broke off ({mode})"));
    }
    if tally.passed + tally.failed == 0 {
        tally += Tally::fail(format!("browser: the story {name} checked nothing ({mode})"));
    }
    Ok(tally)
}
