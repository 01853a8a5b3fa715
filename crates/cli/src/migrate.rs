//! `causeway migrate`: a partner's customers move from OAuth 1.0 to 2.0, from a CSV list of their consumer pairs. What
//! is asked and kept stands in the vault; the report is `migrate/report.rs`.

use std::fs::File;
use std::io::{BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use causeway_protocol::Refusal;
use causeway_vault::clock::System;
use causeway_vault::configured;
use causeway_vault::migrate::{BadLine, Campaign, Counts, Ended, Imported, Options};
use causeway_vault::{Limits, MasterKeys, Vault};
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::stop::{Asked, Signals};
use crate::{Failure, logging, terminal};

mod report;

/// How often the journal is looked at, and the bar drawn.
const LOOK: Duration = Duration::from_millis(50);
/// Characters of the bar.
const BAR: u64 = 30;

/// What was asked for.
pub(crate) enum Migrate {
    /// Exchange what is not exchanged yet.
    Run(Run),
    /// Say what became of each.
    Report {
        /// The vault's directory.
        store: PathBuf,
        /// See [`Run::platform`].
        platform: Option<String>,
        /// For a spreadsheet.
        csv: bool,
        /// A path of the API to call once for each account.
        attempt: Option<String>,
    },
}

/// See [`Migrate::Run`].
pub(crate) struct Run {
    /// The vault's directory: `platforms.toml`, and what the vault makes beside it.
    store: PathBuf,
    /// The list; `-` is the standard input. Without it, what was read earlier is gone on with.
    pairs: Option<PathBuf>,
    /// Needed when several platforms exchange pairs.
    platform: Option<String>,
    options: Options,
}

/// The command line of both.
pub(crate) fn command() -> clap::Command {
    let word = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let store = || {
        word("store", "DIR", "The vault's directory, with platforms.toml (0600). docs/PARTNERS.md has an example.")
            .required(true)
            .value_parser(value_parser!(PathBuf))
    };
    let platform = || word("platform", "KEY", "Which platform, when platforms.toml lists several that exchange pairs.");
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let run = clap::Command::new("run")
        .about("Exchange consumer pairs for OAuth 2.0 tokens, each once. Safe to stop, to kill and to run again.")
        .arg(store())
        .arg(
            word(
                "pairs",
                "FILE.csv",
                "account,consumer_key,consumer_secret[,token,token_secret]; - is standard input.",
            )
            .value_parser(value_parser!(PathBuf)),
        )
        .arg(platform())
        .arg(
            word("concurrency", "N", "Requests under way at once, 1 to 64.")
                .default_value("4")
                .value_parser(value_parser!(u8).range(1..=64)),
        )
        .arg(flag("erase", "Erase each consumer secret once its tokens are stored."))
        .arg(flag("retry-refused", "Ask again for pairs that the platform refused."))
        .after_help(
            "Exit 0 when nothing is pending and every line was read, 1 when something is left, 2 on bad usage.",
        );
    let report = clap::Command::new("report")
        .about("What became of each pair.")
        .arg(store())
        .arg(platform())
        .arg(flag("csv", "For a spreadsheet."))
        .arg(word(
            "try",
            "PATH",
            "Call this path of the API for each account, such as /sites, and say what came back.",
        ));
    clap::Command::new("migrate")
        .about("Move a partner's customers from OAuth 1.0 to 2.0 without asking them anything.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(run)
        .subcommand(report)
}

/// What the command line said.
pub(crate) fn options(mut found: ArgMatches) -> Migrate {
    let (name, mut found) = found.remove_subcommand().unwrap_or_default();
    let (store, platform) = (found.remove_one("store").unwrap_or_default(), found.remove_one("platform"));
    if name == "report" {
        return Migrate::Report { store, platform, csv: found.get_flag("csv"), attempt: found.remove_one("try") };
    }
    let concurrency = found.remove_one::<u8>("concurrency").unwrap_or(4).into();
    let options =
        Options { concurrency, erase: found.get_flag("erase"), retry_refused: found.get_flag("retry-refused") };
    Migrate::Run(Run { store, pairs: found.remove_one("pairs"), platform, options })
}

/// Does it.
pub(crate) async fn migrate(wish: Migrate) -> Result<(), Failure> {
    logging::errors();
    match wish {
        Migrate::Run(wish) => run(&wish).await,
        Migrate::Report { store, platform, csv, attempt } => {
            if !store.join("vault.db").exists() {
                return Err(problem(format!("{}: no vault is there yet", store.display())));
            }
            report::print(&open(&store, platform.as_deref())?, csv, attempt).await.map_err(refused)
        }
    }
}

fn problem(text: impl Into<String>) -> Failure {
    Failure::Problems(vec![text.into()])
}

fn refused(refusal: Refusal) -> Failure {
    problem(format!("{} {}", refusal.description(), refusal.reason.next_step()))
}

/// The vault, and the one platform's migration.
fn open(store: &Path, platform: Option<&str>) -> Result<Campaign, Failure> {
    let platforms = configured::open(&store.join(configured::FILE)).map_err(Failure::Problems)?;
    let exchanges = |each: &&causeway_vault::Platform| each.profile.oauth1.as_ref().is_some_and(|rules| rules.exchange);
    let able: Vec<String> = platforms.iter().filter(exchanges).map(|each| each.key().to_owned()).collect();
    let key = match (platform, able.as_slice()) {
        (Some(key), able) if able.iter().any(|known| known == key) => key.to_owned(),
        (None, [only]) => only.clone(),
        (_, []) => return Err(problem("no platform of platforms.toml exchanges OAuth 1.0 pairs")),
        (_, able) => return Err(problem(format!("say which platform: --platform {}", able.join(" or ")))),
    };
    let keys = MasterKeys::open_or_make(&store.join("keys"), &System).map_err(Failure::Problems)?;
    let vault = Vault::open(store, keys, platforms, Limits::default(), Arc::new(System), Arc::new(System))
        .map_err(Failure::Problems)?;
    vault.campaign(&key).map_err(refused)
}

async fn run(wish: &Run) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(|error| problem(error.to_string()))?;
    let campaign = open(&wish.store, wish.platform.as_deref())?;
    let imported = match &wish.pairs {
        Some(path) => import(&campaign, path).await?,
        None => Imported::default(),
    };
    campaign.start(wish.options).await.map_err(refused)?;
    let mut bar = Bar::new();
    let ended = loop {
        bar.draw(campaign.progress().await.map_err(refused)?.counts);
        tokio::select! {
            ended = campaign.wait() => break ended.unwrap_or(Ended::Stopped),
            () = tokio::time::sleep(LOOK) => {}
            asked = signals.next() => if asked == Asked::Stop {
                bar.say("stopping: what is under way is finished first");
                tokio::select! {
                    ended = campaign.stop() => break ended.unwrap_or(Ended::Stopped),
                    // A second time: the journal heals that as well.
                    _ = signals.next() => break Ended::Stopped,
                }
            },
        }
    };
    let counts = campaign.progress().await.map_err(refused)?.counts;
    bar.end(counts);
    terminal::out(&report::sum(counts));
    outcome(wish, ended, counts, imported)
}

/// What is left, and how to go on.
fn outcome(wish: &Run, ended: Ended, counts: Counts, imported: Imported) -> Result<(), Failure> {
    let mut left = Vec::new();
    if let Ended::Halted(why) = ended {
        left.push(why);
    }
    if counts.pending > 0 {
        let store = wish.store.display();
        left.push(format!("{} pairs are pending; go on with: causeway migrate run --store {store}", counts.pending));
    }
    if imported.bad > 0 {
        left.push(format!("{} lines of the list were not taken; mend them and run it again", imported.bad));
    }
    if left.is_empty() { Ok(()) } else { Err(Failure::Unfinished(left.join("\ncauseway: "))) }
}

async fn import(campaign: &Campaign, path: &Path) -> Result<Imported, Failure> {
    let shown = path.display();
    let bad = |line: BadLine| terminal::err(&format!("causeway: {shown}: {line}"));
    let imported = if path == Path::new("-") {
        campaign.import(BufReader::new(std::io::stdin()), bad).await
    } else {
        let file = File::open(path).map_err(|error| problem(format!("{shown}: {error}")))?;
        campaign.import(BufReader::new(file), bad).await
    };
    let imported = imported.map_err(refused)?;
    let Imported { lines, taken, known, bad } = imported;
    terminal::out(&format!("{lines} lines: {taken} taken, {known} known already, {bad} not taken"));
    Ok(imported)
}

/// The progress: a bar that is drawn over itself on a terminal, a line for each fiftieth elsewhere.
struct Bar {
    terminal: bool,
    drawn: Option<u64>,
}

impl Bar {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), drawn: None }
    }

    fn draw(&mut self, counts: Counts) {
        let (settled, pairs) = (counts.done + counts.refused, counts.pairs());
        let text = format!("{settled} of {pairs}: {} done, {} refused", counts.done, counts.refused);
        if self.terminal {
            let full = (settled * BAR).checked_div(pairs).unwrap_or(BAR);
            let bar: String = (0..BAR).map(|at| if at < full { '█' } else { '░' }).collect();
            write(&format!("\r\x1b[2K{bar} {text}"));
            self.drawn = Some(full);
            return;
        }
        let step = (settled * 50).checked_div(pairs).unwrap_or(50);
        if self.drawn != Some(step) {
            self.drawn = Some(step);
            write(&format!("{text}\n"));
        }
    }

    fn say(&mut self, text: &str) {
        write(&format!("{}{text}\n", if self.terminal { "\n" } else { "" }));
    }

    fn end(&mut self, counts: Counts) {
        self.draw(counts);
        if self.terminal {
            write("\n");
        }
    }
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _closed_pipe = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
