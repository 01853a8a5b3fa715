//! Foreign OAuth clients, unmodified: connect, call, refresh, and a stale refresh refused.
//!
//! Each script takes the description and a variant, and says `ok` or why not. One client is one test.

use std::process::Command;

use super::install;
use crate::house::House;
use crate::server::{Server, fresh_directory};
use crate::shell;
use crate::tally::Tally;

const PYTHON: &str = "target/clients/venv/bin/python";

/// A platform and who is tried against it: (its name, the program, the script, its variant).
type Set = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str, &'static str, &'static str)]);

/// Profile, further seeds, clients. The exchanges' variants are places in the description's list of pairs.
const SETS: &[Set] = &[
    (
        "tripleseat",
        &["clients/pairs.toml"],
        &[
            ("requests-oauthlib", PYTHON, "clients/python/requests_oauthlib_client.py", ""),
            ("ruby-oauth2", "ruby", "clients/ruby/oauth2_client.rb", ""),
            ("axios, form", "node", "target/clients/node/axios_client.mjs", "form"),
            ("axios, JSON", "node", "target/clients/node/axios_client.mjs", "json"),
            ("oauth4webapi", "node", "target/clients/node/oauth4webapi_client.mjs", ""),
            ("PHP curl", "php", "clients/php/curl_client.php", ""),
            ("curl", "bash", "clients/curl/curl_client.sh", ""),
            ("tsm_13 OAuth1Session", PYTHON, "clients/python/oauth1_client.py", ""),
            ("tsm_13 ruby-oauth", "ruby", "clients/ruby/oauth1_client.rb", ""),
            ("tsm_13 npm oauth", "node", "target/clients/node/oauth1_client.mjs", ""),
            ("tsm_13 PHP oauth", "php", "clients/php/oauth1_client.php", ""),
            ("tsm_07 Ruby sample", "ruby", "clients/ruby/exchange_client.rb", "2"),
            ("tsm_07 Python sample", PYTHON, "clients/python/exchange_client.py", "3"),
            ("tsm_07 Node sample", "node", "target/clients/node/exchange_client.mjs", "4"),
            ("tsm_07 PHP sample", "php", "clients/php/exchange_client.php", "5"),
        ],
    ),
    ("cal", &[], &[("cal_04 curl", "bash", "clients/curl/bearer_refresh_client.sh", "")]),
    ("otesse", &[], &[("ote_04 curl", "bash", "clients/curl/json_client.sh", "")]),
    ("orcabase", &[], &[("orc_07 fetch", "node", "target/clients/node/account_client.mjs", "")]),
];

/// Runs each against a server that was seeded like the demo.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let _alone = house.alone("clients")?;
    install::run(house)?;
    let mut tally = Tally::default();
    for (platform, seeds, clients) in SETS {
        let data = fresh_directory(house, &format!("clients-{platform}"))?;
        let demo = format!("demo/{platform}.toml");
        let profile = unhurried(house, platform)?;
        let data = data.to_string_lossy();
        let mut words = vec!["serve", "--profile", &profile, "--data", &data, "--listen", "127.0.0.1:0"];
        words.extend(["--admin-listen", "127.0.0.1:0", "--seed", &demo]);
        words.extend(seeds.iter().flat_map(|seed| ["--seed", seed]));
        let server = Server::start(house, &format!("clients-{platform}"), &words)?;
        for (name, program, script, variant) in *clients {
            let outcome = shell::capture(client(&server, platform, program, script, variant));
            println!("  {} {platform}: {name}", if outcome.is_ok() { "ok  " } else { "FAIL" });
            if let Err(why) = &outcome {
                println!("{why}");
            }
            tally += Tally::of(&format!("clients: {platform}: {name}"), outcome.map(drop));
        }
        tally += Tally::of(&format!("clients: {platform}: the server stops well"), server.stop());
    }
    Ok(tally)
}

/// The profile without its budget of calls a second: a client tries in one second what its users do in a day.
fn unhurried(house: &House, platform: &str) -> Result<String, String> {
    let text = house.read(&format!("profiles/{platform}.toml"))?;
    let (before, after) = text.split_once("\nbudgets = ").ok_or(format!("{platform}: no budgets"))?;
    let rest = after.split_once('\n').map_or("", |(_, rest)| rest);
    let place = house.target("run/profiles")?;
    let file = place.join(format!("{platform}.toml"));
    let text = format!("{before}\nbudgets = [{{ requests = 100000, per = \"1s\" }}]\n{rest}");
    std::fs::create_dir_all(&place).and_then(|()| std::fs::write(&file, text)).map_err(|error| error.to_string())?;
    Ok(file.to_string_lossy().into_owned())
}

fn client(server: &Server, platform: &str, program: &str, script: &str, variant: &str) -> Command {
    let mut command = shell::command(program, [script, &server.describe.to_string_lossy(), platform]);
    if !variant.is_empty() {
        command.arg(variant);
    }
    command.env("CAUSEWAY_WALK", "clients/walk.py");
    // An outer proxy setting must not reach for the loopback.
    command.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
    command
}
