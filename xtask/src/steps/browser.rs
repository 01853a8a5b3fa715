//! The whole story in Chromium: script on and off, desktop and phone, light and dark.
//!
//! The story prints `ok NAME` or `FAIL NAME: why` for each check; those are counted.

use super::install;
use crate::house::House;
use crate::server::{Server, fresh_directory};
use crate::shell;
use crate::tally::Tally;

/// Plays it with and without script, each against a fresh demo.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let _alone = house.alone("browser")?;
    install::run(house)?;
    let mut tally = Tally::default();
    for mode in ["no-script", "script"] {
        tally += story(house, mode)?;
    }
    Ok(tally)
}

fn story(house: &House, mode: &str) -> Result<Tally, String> {
    let data = fresh_directory(house, "browser-data")?;
    let demo =
        Server::start(house, "browser", &["demo", "--listen", "127.0.0.1:0", "--data", &data.to_string_lossy()])?;
    let script = house.target("clients/node/story.mjs")?;
    let shots = house.target("screenshots")?;
    let mut story = shell::command("node", [script, demo.describe.clone(), shots]);
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
        tally += Tally::fail(format!("browser: the story broke off ({mode})"));
    }
    if tally.passed + tally.failed == 0 {
        tally += Tally::fail(format!("browser: the story checked nothing ({mode})"));
    }
    tally += Tally::of("browser: the demo stops well", demo.stop());
    Ok(tally)
}
