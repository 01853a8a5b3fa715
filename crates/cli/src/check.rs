//! `causeway check`: every problem of every file, with its line; which kind of file it is shows by its keys.

use std::path::{Path, PathBuf};

use causeway_protocol::document::{self, Problem};
use causeway_protocol::profile::{self, Profile};
use causeway_server::config::{SETTINGS, check_values, from_file};
use causeway_server::seed::{self, Seed};

use crate::{Failure, terminal};

/// The lists of a seed file.
const SEED_KEYS: [&str; 8] = ["apps", "people", "customers", "oauth1", "accounts", "api_keys", "records", "legacy"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Profile,
    Seed,
    Settings,
    /// A partner's list of platforms.
    Platforms,
}

/// Checks the files in their order; seeds are compared with the profile among the files, and may name each other's
/// customers.
pub(crate) fn run(files: &[PathBuf]) -> Result<(), Failure> {
    let (mut problems, mut read) = (Vec::new(), Vec::new());
    for path in files {
        match text(path) {
            Ok(text) => read.push((path.as_path(), kind(&text), text)),
            Err(problem) => problems.push(problem),
        }
    }
    let mut profile = None;
    for (path, _, text) in read.iter().filter(|(_, kind, _)| *kind == Kind::Profile) {
        match profile::parse(&path.file_stem().unwrap_or_default().to_string_lossy(), text) {
            Ok(good) => {
                warn(path, &profile::warnings(&good));
                fine(path, "profile");
                profile = Some(good);
            }
            Err(found) => problems.extend(located(path, &found)),
        }
    }
    let mut seeds: Vec<Seed> = Vec::new();
    for (path, _, text) in read.iter().filter(|(_, kind, _)| *kind == Kind::Seed) {
        let shipped = shipped_for(path);
        let against = profile.as_ref().or(shipped.as_ref());
        match seed::parse(text, against, &seeds) {
            Ok(good) => {
                warn(path, &good.warnings());
                if against.is_none() {
                    terminal::out(&format!("{}: scopes were not checked: add its profile", path.display()));
                }
                fine(path, "seed");
                seeds.push(good);
            }
            Err(found) => problems.extend(located(path, &found)),
        }
    }
    for (path, _, text) in read.iter().filter(|(_, kind, _)| *kind == Kind::Settings) {
        match from_file(text) {
            Ok(given) => match check_values(given) {
                wrong if wrong.is_empty() => fine(path, "settings file"),
                wrong => problems.extend(wrong.iter().map(|why| format!("{}: {why}", path.display()))),
            },
            Err(found) => problems.extend(located(path, &found)),
        }
    }
    for (path, ..) in read.iter().filter(|(_, kind, _)| *kind == Kind::Platforms) {
        match causeway_vault::configured::open(path) {
            Ok(_) => fine(path, "list of platforms"),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::Problems(problems)) }
}

fn text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    document::decode(&bytes).map(str::to_owned).map_err(|problem| format!("{}: {problem}", path.display()))
}

fn fine(path: &Path, kind: &str) {
    terminal::out(&format!("{}: a good {kind}", path.display()));
}

fn warn(path: &Path, warnings: &[String]) {
    warnings.iter().for_each(|warning| terminal::out(&format!("{}: warning: {warning}", path.display())));
}

fn located(path: &Path, problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{}: {problem}", path.display())).collect()
}

/// The shipped profile that a seed is named after.
fn shipped_for(path: &Path) -> Option<Profile> {
    profile::shipped(&path.file_stem()?.to_string_lossy())
}

/// Seeds, settings and lists of platforms have keys that profiles have not. What has neither is read as a profile, the kind with the most
/// to say.
fn kind(text: &str) -> Kind {
    let (table, _torn) = toml::de::DeTable::parse_recoverable(text);
    let has = |key: &str| table.get_ref().get(key).is_some();
    let count = |keys: &mut dyn Iterator<Item = &str>| keys.filter(|key| has(key)).count();
    let seeds = count(&mut SEED_KEYS.into_iter());
    let settings = count(&mut SETTINGS.iter().map(|setting| setting.name));
    if has("platforms") {
        return Kind::Platforms;
    }
    match (has("version"), seeds, settings) {
        (true, ..) | (false, 0, 0) => Kind::Profile,
        (false, seeds, settings) if seeds >= settings => Kind::Seed,
        _ => Kind::Settings,
    }
}
