//! Foreign OAuth clients, unmodified: connect, call, refresh, and a stale refresh refused.
//!
//! Each script takes the description and a variant, and says `ok` or why not. One client is one test.

use std::process::Command;

use super::install;
use crate::house::House;
use crate::server::{Server, fresh_directory};
use crate::shell;
use crate::tally::Tally;

/// (its name, the program, the script, its variant)
const CLIENTS: &[(&str, &str, &str, &str)] = &[
    ("requests-oauthlib", "target/clients/venv/bin/python", "clients/python/requests_oauthlib_client.py", ""),
    ("ruby-oauth2", "ruby", "clients/ruby/oauth2_client.rb", ""),
    ("axios, form", "node", "target/clients/node/axios_client.mjs", "form"),
    ("axios, JSON", "node", "target/clients/node/axios_client.mjs", "json"),
    ("oauth4webapi", "node", "target/clients/node/oauth4webapi_client.mjs", ""),
    ("PHP curl", "php", "clients/php/curl_client.php", ""),
    ("curl", "bash", "clients/curl/curl_client.sh", ""),
];

/// Runs each against one server that was seeded like the demo.
pub(crate) fn run(house: &House) -> Result<Tally, String> {
    let _alone = house.alone("clients")?;
    install::run(house)?;
    let data = fresh_directory(house, "clients-data")?;
    let server = Server::start(
        house,
        "clients",
        &[
            "serve",
            "--profile",
            "tripleseat",
            "--data",
            &data.to_string_lossy(),
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--seed",
            "demo/tripleseat.toml",
        ],
    )?;
    let mut tally = Tally::default();
    for (name, program, script, variant) in CLIENTS {
        let outcome = shell::capture(client(&server, program, script, variant));
        println!("  {} {name}", if outcome.is_ok() { "ok  " } else { "FAIL" });
        if let Err(why) = &outcome {
            println!("{why}");
        }
        tally += Tally::of(&format!("clients: {name}"), outcome.map(drop));
    }
    tally += Tally::of("clients: the server stops well", server.stop());
    Ok(tally)
}

fn client(server: &Server, program: &str, script: &str, variant: &str) -> Command {
    let mut command = shell::command(program, [script, &server.describe.to_string_lossy(), "tripleseat"]);
    if !variant.is_empty() {
        command.arg(variant);
    }
    command.env("CAUSEWAY_WALK", "clients/walk.py");
    // An outer proxy setting must not reach for the loopback.
    command.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
    command
}
