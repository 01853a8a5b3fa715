//! The command line. The flags of `serve` are the server's own table of settings; their values are checked there, all
//! at once.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use causeway_server::config::{CONFIG, Given, SETTINGS, Setting};
use clap::{Arg, ArgAction, ArgMatches, value_parser};

/// What was asked for.
pub(crate) enum Command {
    /// Everything on this machine, to look at.
    Demo(DemoOptions),
    /// A platform.
    Serve(Given),
    /// A guard at the edge.
    Guard(Box<crate::guard::Options>),
    /// Look for mistakes.
    Check(Vec<PathBuf>),
    /// Who still calls with OAuth 1.0.
    LegacyReport(crate::legacy::Options),
    /// The partner's way out of OAuth 1.0.
    Migrate(crate::migrate::Migrate),
    /// Print the settings.
    Config,
}

/// See [`Command::Demo`].
pub(crate) struct DemoOptions {
    /// The dashboard's address.
    pub(crate) listen: SocketAddr,
    /// Kept between runs; `None`: a temporary directory.
    pub(crate) data: Option<PathBuf>,
    /// Where to write the description.
    pub(crate) describe: Option<PathBuf>,
}

/// Reads a command line.
///
/// # Errors
/// A usage message, or the help that was asked for.
pub(crate) fn read(line: impl Iterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut matches = command().try_get_matches_from(line)?;
    Ok(match matches.remove_subcommand() {
        Some((name, found)) if name == "demo" => Command::Demo(demo_options(found)),
        Some((name, found)) if name == "serve" => Command::Serve(serve_flags(&found)),
        Some((name, found)) if name == "guard" => Command::Guard(Box::new(crate::guard::options(found))),
        Some((name, mut found)) if name == "check" => {
            Command::Check(found.remove_many("file").map(Iterator::collect).unwrap_or_default())
        }
        Some((name, mut found)) if name == "legacy" => match found.remove_subcommand() {
            Some((_, mut found)) => Command::LegacyReport(crate::legacy::Options {
                data: found.remove_one("data").unwrap_or_default(),
                csv: found.get_flag("csv"),
            }),
            None => Command::Config,
        },
        Some((name, found)) if name == "migrate" => Command::Migrate(crate::migrate::options(found)),
        _ => Command::Config,
    })
}

fn command() -> clap::Command {
    clap::Command::new("causeway")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Lets partner apps connect to a platform's customers, and stay connected.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(demo())
        .subcommand(serve())
        .subcommand(crate::guard::command())
        .subcommand(
            clap::Command::new("check").about("Tell every problem of a profile, seed or settings file at once.").arg(
                Arg::new("file").value_name("FILE").num_args(1..).required(true).value_parser(value_parser!(PathBuf)),
            ),
        )
        .subcommand(legacy())
        .subcommand(crate::migrate::command())
        .subcommand(clap::Command::new("config").about("Print every setting of `serve` with its default."))
}

fn legacy() -> clap::Command {
    let report = clap::Command::new("report")
        .about("Who still calls with OAuth 1.0, with what, how often, and who is left to move.")
        .arg(
            flag("data", "DIR", "The platform's data directory. A server may be using it.")
                .required(true)
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(Arg::new("csv").long("csv").action(ArgAction::SetTrue).help("For a spreadsheet."));
    clap::Command::new("legacy")
        .about("OAuth 1.0 on its way out.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(report)
}

fn demo() -> clap::Command {
    clap::Command::new("demo")
        .about("Start a platform and a partner on this machine, with people and data to try them with.")
        .arg(
            flag(
                "listen",
                "ADDR",
                "The dashboard's address. The platforms take the next free ports; port 0 is any free one.",
            )
            .default_value("127.0.0.1:8080")
            .value_parser(value_parser!(SocketAddr)),
        )
        .arg(
            flag("data", "DIR", "Keep the data here. By default a temporary directory, removed at the end.")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            flag("describe", "FILE", "Write addresses and credentials to this file (0600) once ready.")
                .value_parser(value_parser!(PathBuf)),
        )
}

fn serve() -> clap::Command {
    let settings = SETTINGS.iter().chain([&CONFIG]).filter(|setting| setting.flag);
    let args = settings.map(|setting| {
        let action = if setting.many { ArgAction::Append } else { ArgAction::Set };
        let default = setting.default.map_or_else(String::new, |default| format!(" [default: {default}]"));
        flag(setting.name, setting.value, &format!("{}{default}", setting.prose())).action(action)
    });
    clap::Command::new("serve").about("Run a platform's authorization server and its API's guard.").args(args).after_help(
        "The admin door's key is no flag: it is CAUSEWAY_ADMIN_KEY, or admin_key in the settings file, or else derived from \
         the key file and shown by --describe. docs/OPERATING.md has examples.",
    )
}

/// `--admin-listen ADDR` for `admin_listen`.
fn flag(name: &'static str, value: &'static str, help: &str) -> Arg {
    // Two dozen short words, once a process: clap wants them for as long as it lives.
    let long: &'static str = Box::leak(name.replace('_', "-").into_boxed_str());
    Arg::new(name).long(long).value_name(value).help(help.to_owned())
}

fn demo_options(mut found: ArgMatches) -> DemoOptions {
    DemoOptions {
        listen: found.remove_one("listen").unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
        data: found.remove_one("data"),
        describe: found.remove_one("describe"),
    }
}

fn serve_flags(found: &ArgMatches) -> Given {
    let mut given = Given::default();
    let mut take = |setting: &'static Setting| {
        for value in found.get_many::<String>(setting.name).into_iter().flatten() {
            given.push(setting.name, value.as_str());
        }
    };
    SETTINGS.iter().filter(|setting| setting.flag).for_each(&mut take);
    take(&CONFIG);
    given
}
