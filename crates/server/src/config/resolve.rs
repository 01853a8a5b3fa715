//! From what was said to settings that a platform can be started with, or to every reason why not.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use causeway_protocol::document;
use causeway_protocol::profile::{self, Profile};
use causeway_protocol::secret::Secret;

use super::sources::{Given, from_file};
use super::values::{
    address, connections, fault_seed, holds_password, instant, is_loopback_url, origin, stale_limit, stop_delay,
    upstream,
};
use crate::http::faults::Plan;
use crate::http::tls::{Tls, TlsFiles};
use crate::keys::Readable;
use crate::load_seed::SeedFile;
use crate::platform::{KeysAt, Settings, StoreAt};
use crate::seed::{self, Legacy, Seed};
use crate::trust::{Cidr, TrustedProxies};

/// An admin key shorter than this could be guessed.
const MIN_ADMIN_KEY: usize = 16;

/// Whoever asks there can spend any customer's budget, and learns whose a token is.
pub(crate) const ENVOY_BEYOND_LOOPBACK: &str =
    "the listener for Envoy is not on loopback: it wants the --trusted-proxy that asks there, and a key that it bears:";

/// What `serve` starts with.
pub struct Serve {
    /// For [`crate::platform::Platform::start`].
    pub settings: Settings,
    /// Where to write the description.
    pub describe: Option<PathBuf>,
    /// What is allowed but should be known: the profile's and the seeds' own warnings.
    pub warnings: Vec<String>,
}

/// Reads the settings file, if one is named, and checks everything.
///
/// # Errors
/// Every problem, one line each.
pub fn resolve(flags: Given, environment: Given) -> Result<Serve, Vec<String>> {
    let seen = flags.one("database").is_some_and(holds_password);
    let mut given = flags.or(environment);
    let mut problems = Vec::new();
    if let Some(path) = given.one("config").map(PathBuf::from) {
        match read_text(&path).and_then(|text| from_file(&text).map_err(|found| located(&path, &found))) {
            Ok(file) => {
                problems.extend(readable_by_others(&path, &file));
                given = given.or(file);
            }
            Err(found) => problems.extend(found),
        }
    }
    let mut checks = Checks { given, problems };
    if seen {
        checks.wrong("database: the command line is seen by everybody; a URL with a password stands in CAUSEWAY_DATABASE, or in --config");
    }
    let profile = checks.profile();
    let seeds = checks.seeds(profile.as_ref());
    let listen = checks.listen();
    let made = checks.settings(profile, seeds, listen);
    match made {
        Some(serve) if checks.problems.is_empty() => Ok(serve),
        _ => Err(checks.problems),
    }
}

/// A small text file, read whole.
fn read_text(path: &Path) -> Result<String, Vec<String>> {
    let bytes = std::fs::read(path).map_err(|error| vec![format!("{}: {error}", path.display())])?;
    let text = document::decode(&bytes).map_err(|problem| located(path, &[problem]))?;
    Ok(text.to_owned())
}

fn located(path: &Path, problems: &[document::Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{}: {problem}", path.display())).collect()
}

/// A profile by its file or its shipped name, with the file's path for messages.
pub(crate) fn read_profile(named: &str) -> Result<Profile, Vec<String>> {
    let path = Path::new(named);
    if !named.contains('/') && path.extension().is_none() && !path.exists() {
        let known: Vec<&str> = profile::SHIPPED.iter().map(|(name, _)| *name).collect();
        return profile::shipped(named).ok_or_else(|| {
            vec![format!("profile \"{named}\": no such file, and the shipped ones are {}", known.join(", "))]
        });
    }
    let text = read_text(path)?;
    let key = path.file_stem().unwrap_or_default().to_string_lossy();
    profile::parse(&key, &text).map_err(|found| located(path, &found))
}

/// Whether others than this machine may come to an address.
pub(crate) fn is_public(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

/// The values of a settings file alone: whether each can be read. What they mean together, and the files that they name,
/// is looked at when the program starts.
pub fn check_values(file: Given) -> Vec<String> {
    let mut checks = Checks { given: file, problems: Vec::new() };
    checks.parsed("listen", address);
    checks.parsed("login_url", origin);
    checks.parsed("api_url", origin);
    checks.parsed("upstream", upstream);
    checks.parsed("connections", connections);
    checks.parsed("stale_limit", stale_limit);
    checks.parsed("stop_delay", stop_delay);
    checks.parsed("fault_seed", fault_seed);
    checks.parsed("oauth1_ends", instant);
    checks.parsed("oauth1_exchange_ends", instant);
    checks.parsed("admin_listen", address);
    checks.parsed("authz_listen", address);
    checks.admin_key();
    checks.secret_key("edge_key");
    checks.secret_key("authz_key");
    checks.proxies();
    checks.faults(false);
    checks.problems
}

struct Checks {
    given: Given,
    problems: Vec<String>,
}

/// A settings file with a secret in it is the owner's, and at most a group's.
fn readable_by_others(path: &Path, file: &Given) -> Option<String> {
    let holds_key = ["admin_key", "edge_key", "authz_key"].iter().any(|name| file.one(name).is_some());
    let holds_secret = holds_key || file.one("database").is_some_and(holds_password);
    let about = std::fs::metadata(path).ok().filter(|_| holds_secret)?;
    Readable::ByGroup.check(&about).err().map(|why| format!("{}: it holds secrets, and {why}", path.display()))
}

impl Checks {
    fn wrong(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// A value through a parser that says what is wrong.
    fn parsed<T>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let value = self.given.one(name)?.to_owned();
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                self.wrong(format!("{name} = \"{value}\": {why}"));
                None
            }
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.given.one(name).map(PathBuf::from)
    }

    fn profile(&mut self) -> Option<Profile> {
        let Some(named) = self.given.one("profile").map(str::to_owned) else {
            self.wrong("say which platform: --profile FILE|NAME");
            return None;
        };
        read_profile(&named).map_err(|found| self.problems.extend(found)).ok()
    }

    fn seeds(&mut self, profile: Option<&Profile>) -> Vec<SeedFile> {
        let (mut files, mut earlier): (Vec<SeedFile>, Vec<Seed>) = (Vec::new(), Vec::new());
        for named in self.given.all("seed").to_vec() {
            let path = Path::new(&named);
            let read = read_text(path).and_then(|text| {
                let seed = seed::parse(&text, profile, &earlier).map_err(|found| located(path, &found))?;
                Ok(SeedFile::new(named.as_str(), &text, seed))
            });
            match read {
                Ok(file) => {
                    earlier.push(file.seed.clone());
                    files.push(file);
                }
                Err(found) => self.problems.extend(found),
            }
        }
        files
    }

    fn listen(&mut self) -> Option<SocketAddr> {
        match self.given.one("listen") {
            None => Some(SocketAddr::from(([127, 0, 0, 1], 8081))),
            Some(_) => self.parsed("listen", address),
        }
    }

    fn settings(
        &mut self,
        profile: Option<Profile>,
        seeds: Vec<SeedFile>,
        listen: Option<SocketAddr>,
    ) -> Option<Serve> {
        let store = self.store();
        let tls = self.tls();
        let proxies = self.proxies();
        let public = listen.is_some_and(is_public);
        let secured = tls.is_some() || self.given.one("tls_cert").is_some() || !proxies.0.is_empty();
        if public && !secured {
            self.wrong(
                "the listener is not on loopback: it wants --tls-cert and --tls-key, or a --trusted-proxy before it",
            );
        }
        let login_url = self.parsed("login_url", origin);
        let api_url = self.parsed("api_url", origin);
        if listen.is_some_and(|address| address.ip().is_unspecified()) && self.given.one("login_url").is_none() {
            self.wrong("the listener is on every address: say with --login-url which one people see");
        }
        let (admin_listen, admin_key) = self.admin(secured);
        let (authz_listen, authz_key) = self.authz(&proxies);
        let edge_key = self.secret_key("edge_key");
        let upstream = self.parsed("upstream", upstream);
        let faults = self.faults(public);
        let fault_seed = self.parsed("fault_seed", fault_seed);
        let connections = self.parsed("connections", connections);
        let stale_limit = self.parsed("stale_limit", stale_limit);
        let stop_delay = self.parsed("stop_delay", stop_delay);
        let legacy = self.legacy(profile.as_ref());
        let seen = [&login_url, &api_url].into_iter().flatten().any(|url| !is_loopback_url(url));
        self.demo_secrets(&seeds, public || seen);
        let providers = self.providers();
        let keys = self.path("keys");
        self.keys(keys.as_deref(), profile.as_ref(), store.as_ref());
        let profile = profile?;
        let mut warnings = profile::warnings(&profile);
        warnings.extend(seeds.iter().flat_map(|file| file.seed.warnings()));
        let mut settings = Settings::new(profile, store?, keys.map_or(KeysAt::BesideData, KeysAt::File));
        settings.listen = vec![listen?];
        settings.limits.connections = connections.unwrap_or(settings.limits.connections);
        settings.stale_limit = stale_limit.unwrap_or(settings.stale_limit);
        settings.stop_delay = stop_delay.unwrap_or_default();
        let settings = Settings {
            login_url,
            api_url,
            admin_listen,
            authz_listen,
            authz_tls: tls.is_some() && authz_listen.is_some_and(is_public),
            authz_key,
            admin_key,
            edge_key,
            upstream,
            admin_tls: tls.is_some() && admin_listen.is_some_and(is_public),
            tls,
            proxies,
            seeds,
            legacy,
            providers,
            faults,
            fault_seed: fault_seed.unwrap_or_default(),
            ..settings
        };
        Some(Serve { settings, describe: self.path("describe"), warnings })
    }

    /// The dates of OAuth 1.0, where the profile has it.
    fn legacy(&mut self, profile: Option<&Profile>) -> Legacy {
        let names = ["oauth1_ends", "oauth1_exchange_ends"];
        let [oauth1_ends, exchange_ends] = names.map(|name| self.parsed(name, instant));
        for name in names.iter().filter(|name| self.given.one(name).is_some()).collect::<Vec<_>>() {
            if profile.is_some_and(|profile| profile.oauth1.is_none()) {
                self.wrong(format!("{name} means nothing: this profile has no [oauth1]"));
            }
        }
        Legacy { oauth1_ends, exchange_ends }
    }

    /// The providers' file holds secrets, so others must not read it.
    fn providers(&mut self) -> Vec<causeway_vault::Platform> {
        use std::os::unix::fs::PermissionsExt;
        let Some(path) = self.path("providers") else { return Vec::new() };
        if std::fs::metadata(&path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0) {
            self.wrong(format!("{0}: others can read the providers' secrets: run `chmod 600 {0}`", path.display()));
        }
        let profile = |named: &str| read_profile(named).map_err(|problems| problems.join("; "));
        let read = read_text(&path)
            .and_then(|text| causeway_vault::platforms::read(&text, &profile).map_err(|found| located(&path, &found)));
        read.unwrap_or_else(|found| {
            self.problems.extend(found);
            Vec::new()
        })
    }

    fn store(&mut self) -> Option<StoreAt> {
        match (self.path("data"), self.given.one("database").map(Secret::new)) {
            (Some(_), Some(_)) => self.wrong(
                "data and database exclude each other: say one of them (CAUSEWAY_DATA and CAUSEWAY_DATABASE count as well)",
            ),
            (None, None) => self.wrong("say where the data are: --data DIR, or --database postgres://…"),
            (Some(data), None) => return Some(StoreAt::Directory(data)),
            (None, Some(url)) => {
                let scheme = url.expose().split_once("://").map(|(scheme, _)| scheme);
                if matches!(scheme, Some("postgres" | "postgresql")) {
                    return Some(StoreAt::Database(url));
                }
                self.wrong("database: not an address such as postgres://user@host:5432/database");
            }
        }
        None
    }

    fn tls(&mut self) -> Option<TlsFiles> {
        match (self.path("tls_cert"), self.path("tls_key")) {
            (Some(cert), Some(key)) => {
                let files = TlsFiles { cert, key };
                Tls::load(files.clone()).map_err(|why| self.wrong(why)).ok()?;
                Some(files)
            }
            (None, None) => None,
            (Some(_), None) => {
                self.wrong("tls_cert is set but tls_key is not: both are needed");
                None
            }
            (None, Some(_)) => {
                self.wrong("tls_key is set but tls_cert is not: both are needed");
                None
            }
        }
    }

    fn proxies(&mut self) -> TrustedProxies {
        let mut blocks = Vec::new();
        for text in self.given.all("trusted_proxy").to_vec() {
            match Cidr::parse(&text) {
                Ok(block) if block.is_everybody() => {
                    self.wrong(format!(
                        "trusted_proxy = \"{text}\": that trusts everybody; name the proxy's own addresses"
                    ));
                }
                Ok(block) => blocks.push(block),
                Err(why) => self.wrong(format!("trusted_proxy: {why}")),
            }
        }
        TrustedProxies(blocks)
    }

    /// A key file that is there must be good; one that is not may be made at the start.
    fn keys(&mut self, path: Option<&Path>, profile: Option<&Profile>, store: Option<&StoreAt>) {
        if path.is_none() && matches!(store, Some(StoreAt::Database(_))) {
            self.wrong("database: say with --keys where the key file is; every node has the same one");
        }
        let Some(path) = path else { return };
        if path.exists() {
            let key = profile.map_or("", |profile| &profile.key);
            crate::keys::load(key, path).map_err(|found| self.problems.extend(found)).ok();
        } else if let Some(StoreAt::Directory(data)) = store {
            crate::keys::may_make(path, data).map_err(|why| self.wrong(why)).ok();
        }
    }

    fn admin(&mut self, secured: bool) -> (Option<SocketAddr>, Option<Secret>) {
        let listen = self.parsed("admin_listen", address);
        let key = self.admin_key();
        if listen.is_some_and(is_public) && key.is_none() {
            self.wrong(
                "the admin listener is not on loopback: it wants a key (CAUSEWAY_ADMIN_KEY, or admin_key in the file)",
            );
        }
        if listen.is_some_and(is_public) && !secured {
            self.wrong(
                "the admin listener is not on loopback: it wants --tls-cert and --tls-key, or a --trusted-proxy before \
                 it",
            );
        }
        (listen, key)
    }

    fn authz(&mut self, proxies: &TrustedProxies) -> (Option<SocketAddr>, Option<Secret>) {
        let listen = self.parsed("authz_listen", address);
        let key = self.secret_key("authz_key");
        if listen.is_some_and(is_public) && (proxies.0.is_empty() || key.is_none()) {
            self.wrong(format!("{ENVOY_BEYOND_LOOPBACK} authz_key (CAUSEWAY_AUTHZ_KEY, or in the file)"));
        }
        (listen, key)
    }

    fn admin_key(&mut self) -> Option<Secret> {
        self.secret_key("admin_key")
    }

    fn secret_key(&mut self, name: &'static str) -> Option<Secret> {
        let key = self.given.one(name).map(Secret::new);
        if key.as_ref().is_some_and(|key| key.expose().len() < MIN_ADMIN_KEY) {
            self.wrong(format!("{name} is shorter than {MIN_ADMIN_KEY} characters"));
        }
        key
    }

    fn faults(&mut self, public: bool) -> Plan {
        let Some(text) = self.given.one("fault").map(str::to_owned) else { return Plan::default() };
        if public {
            self.wrong("fault: only on a loopback listener");
        }
        Plan::parse(&text).unwrap_or_else(|found| {
            self.problems.extend(found);
            Plan::default()
        })
    }

    /// The demo's secrets are printed in public: nobody may start a real platform with them (SECURITY R-31).
    fn demo_secrets(&mut self, seeds: &[SeedFile], seen: bool) {
        let secrets: Vec<String> = seed::DEMOS
            .iter()
            .filter_map(|(key, _)| seed::demo(key)?.ok())
            .flat_map(|demo| demo.apps.into_iter().filter_map(|app| Some(app.client_secret?.expose().to_owned())))
            .collect();
        for file in seeds.iter().filter(|_| seen) {
            let own = file.seed.apps.iter().filter_map(|app| app.client_secret.as_ref());
            if own.into_iter().any(|secret| secrets.iter().any(|known| known == secret.expose())) {
                self.wrong(format!("{}: holds a client secret of the demo, which everybody knows", file.name));
            }
        }
    }
}
