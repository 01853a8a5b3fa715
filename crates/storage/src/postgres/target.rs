//! Where the database is and how it may be spoken to: the URL, whether TLS is demanded, and why a connection could not be had,
//! in one line without any secret. What is said over a connection stands in `link.rs`.

use std::error::Error;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;

use super::KeyLayout;
use super::tls::{Check, Tls};
use crate::OpenError;

/// For each host that the URL names.
pub(super) const CONNECT: Duration = Duration::from_secs(2);
/// Bytes that the database's host does not confirm for so long mean that it is gone.
const UNCONFIRMED: Duration = Duration::from_secs(10);
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// A database that was named, not yet spoken to.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) tls: Option<Tls>,
    /// What the URL says about the layout of keys, if it says anything.
    pub(super) keys: Option<KeyLayout>,
}

impl Target {
    /// Reads a URL: what `tokio-postgres` knows, and `sslmode`, `sslrootcert`, `causeway_keys`.
    pub(super) fn parse(url: &str) -> Result<Target, OpenError> {
        let unreadable = |why: &str| OpenError(format!("the database URL cannot be used: {why}"));
        let Some(rest) = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
            return Err(unreadable("it must begin with postgres://"));
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        // Whatever follows the first @ may be printed, and must not be the end of a password.
        if place.matches('@').count() > 1 || place.find('/').is_some_and(|slash| place[slash..].contains('@')) {
            return Err(unreadable("an @ or / in a user's name or password is written %40 or %2F"));
        }
        // What was taken for a query is the end of a password.
        if !place.contains('@') && query.contains('@') {
            return Err(unreadable("a ? in a user's name or password is written %3F"));
        }
        let mut known = Own::default();
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.take(name, value).map_err(|why| unreadable(&why))? {
                kept.push(pair);
            }
        }
        let mut config = Config::from_str(&format!("postgres://{place}?{}", kept.join("&"))).map_err(|error| {
            let why = error.into_source().map_or_else(String::new, |source| format!(": {source}"));
            unreadable(&format!("it is not of the form postgres://user:password@host:port/database{why}"))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(unreadable("it names no host"));
        }
        if config.get_user().is_none() {
            return Err(unreadable("it names no user"));
        }
        let tls = known.tls(is_near(&config)).map_err(|why| unreadable(&why))?;
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        with_defaults(&mut config);
        Ok(Target { config, tls, keys: known.keys })
    }

    /// `host:port/database`, for messages.
    pub(super) fn name(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let addresses = self.config.get_hostaddrs().iter().map(IpAddr::to_string);
        let mut hosts: Vec<String> = hosts.collect();
        if hosts.is_empty() {
            hosts = addresses.collect();
        }
        let ports = self.config.get_ports();
        let port = |n: usize| ports.get(n).or_else(|| ports.first()).copied().unwrap_or(5432);
        let named: Vec<String> = hosts.iter().enumerate().map(|(n, host)| format!("{host}:{}", port(n))).collect();
        format!("{}/{}", named.join(","), self.database())
    }

    fn database(&self) -> &str {
        self.config.get_dbname().or(self.config.get_user()).unwrap_or_default()
    }

    /// Why there is no connection, in one line.
    pub(super) fn why(&self, error: &tokio_postgres::Error) -> String {
        let (name, user) = (self.name(), self.config.get_user().unwrap_or_default());
        if let Some(refusal) = error.as_db_error() {
            let code = refusal.code();
            return match () {
                () if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                    format!("{name}: the database does not let user {user} in: wrong password, or no such user")
                }
                () if *code == SqlState::INVALID_CATALOG_NAME => {
                    format!("{name}: there is no database {}: create it first", self.database())
                }
                () => format!("{name}: {} (SQLSTATE {})", refusal.message(), code.code()),
            };
        }
        let why = causes(error);
        if why.contains("server does not support TLS") {
            return format!(
                "{name}: the database offers no TLS, and nothing is sent in the clear to another machine: switch it on \
                 there, or write sslmode=disable where the network is safe"
            );
        }
        if why.contains("certificate") {
            return format!("{name}: the database's certificate is not accepted: {why}");
        }
        if why.contains("password missing") {
            return format!("{name}: the database asks for a password, and the URL has none");
        }
        format!("{name}: the database cannot be reached: {why}")
    }
}

/// What of the query is ours.
#[derive(Default)]
struct Own {
    mode: Option<String>,
    roots: Option<PathBuf>,
    keys: Option<KeyLayout>,
}

impl Own {
    /// Whether the parameter was one of them.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("{name} is not UTF-8"))?;
        match name {
            "sslmode" => self.mode = Some(value.into_owned()),
            "sslrootcert" => self.roots = Some(PathBuf::from(&*value)),
            "causeway_keys" => {
                let known = KeyLayout::ALL.into_iter().find(|layout| layout.name() == value);
                self.keys = Some(known.ok_or("causeway_keys is ordered or sharded")?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// TLS is demanded of every other machine, with the certificate checked against its name, unless the URL says otherwise.
    fn tls(&self, near: bool) -> Result<Option<Tls>, String> {
        let check = match self.mode.as_deref() {
            None if near && self.roots.is_none() => return Ok(None),
            Some("disable") => return Ok(None),
            None | Some("require" | "verify-full") => Check::Full,
            Some("verify-ca") => Check::Authority,
            Some("prefer" | "allow") => {
                return Err("sslmode prefer and allow may fall back to plain text: write require or disable".to_owned());
            }
            Some(_) => return Err("sslmode is disable, require, verify-ca or verify-full".to_owned()),
        };
        Tls::new(check, self.roots.as_deref()).map(Some)
    }
}

/// Whether nothing of it leaves this machine.
fn is_near(config: &Config) -> bool {
    let near = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    };
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(near),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

/// What a URL that does not speak of it gets.
fn with_defaults(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name("causeway");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNCONFIRMED);
    }
    if config.get_keepalives_interval().is_none() {
        config
            .keepalives_idle(Duration::from_secs(5))
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(3);
    }
    // Of a primary and its standbys, whichever takes writes now.
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
}

/// An error and what lies under it, in one line.
pub(super) fn causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut under = error.source();
    while let Some(cause) = under {
        text += &format!(": {cause}");
        under = cause.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        Target::parse(url).err().map_or_else(|| panic!("{url} was accepted"), |why| why.to_string())
    }

    #[test]
    fn a_wrong_url_is_refused_in_one_line_without_its_password() {
        let wrong = [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunt@er2@h/d",
            "postgres://u:12/hunter2@h/d",
            "postgres://u:12?hunter2@h/d?sslmode=disable",
            "postgres://u:hunter2@/d",
            "postgres://h/d",
            "postgres://u:hunter2@h/d?sslmode=prefer",
            "postgres://u:hunter2@h/d?sslmode=yes",
            "postgres://u:hunter2@h/d?sslrootcert=/nowhere.pem",
            "postgres://u:hunter2@h/d?causeway_keys=random",
            "postgres://u:hunter2@h/d?what=ever",
        ];
        for url in wrong {
            let why = refusal(url);
            assert!(why.starts_with("the database URL cannot be used: "), "{why}");
            assert!(!why.contains("hunter2") && !why.contains("er2@") && !why.contains('\n'), "{why}");
        }
    }

    #[test]
    fn c_10_another_machine_is_spoken_to_over_tls_unless_the_url_says_otherwise() {
        let tls = |url: &str| Target::parse(url).expect("fine").tls.map(|tls| tls.check());
        assert_eq!(tls("postgres://u@db.example/d"), Some(Check::Full));
        assert_eq!(tls("postgres://u@db.example/d?sslmode=require"), Some(Check::Full));
        assert_eq!(tls("postgres://u@db.example,127.0.0.1/d"), Some(Check::Full));
        assert_eq!(tls("postgres://u@localhost/d?hostaddr=192.0.2.1"), Some(Check::Full));
        assert_eq!(tls("postgres://u@db.example/d?sslmode=verify-ca"), Some(Check::Authority));
        assert_eq!(tls("postgres://u@db.example/d?sslmode=disable"), None);
        assert_eq!(tls("postgres://u@localhost/d"), None);
        assert_eq!(tls("postgres://u@[::1]/d"), None);
        assert_eq!(tls("postgres://u@%2Frun%2Fpostgresql/d"), None);
        assert_eq!(tls("postgres://u@127.0.0.1/d?sslmode=verify-full"), Some(Check::Full));
    }
}
