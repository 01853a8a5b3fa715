//! Single values of settings: text in, a value or what is wrong with it out.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use causeway_protocol::UnixTime;
use causeway_protocol::document;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// `127.0.0.1:8081`
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "not an address and port, such as 127.0.0.1:8081 or [::1]:8081".to_owned())
}

/// A number of connections.
pub(super) fn connections(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=100_000).contains(n)).ok_or_else(|| "not a number from 1 to 100000".to_owned())
}

/// How long calls are checked without a word from the store.
pub(super) fn stale_limit(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|n| (1..=60).contains(n));
    seconds.map(Duration::from_secs).ok_or_else(|| "not a number of seconds from 1 to 60".to_owned())
}

/// How long who is asked to stop goes on as before. A stop takes ten seconds at most, and calls under way want some of them.
pub(crate) fn stop_delay(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|n| (0..=5).contains(n));
    seconds.map(Duration::from_secs).ok_or_else(|| "not a number of seconds from 0 to 5".to_owned())
}

/// The part of a database URL that must not be seen. The database's client takes more for a password than a standard URL may
/// hold, and several hosts.
pub(super) fn holds_password(url: &str) -> bool {
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let named = place.rsplit_once('@').is_some_and(|(who, _)| who.contains(':'));
    let mut names = url.split(['?', '&']).skip(1).filter_map(|pair| pair.split('=').next());
    named || names.any(|name| percent_decode_str(name).decode_utf8_lossy() == "password")
}

/// `2026-07-01T00:00:00Z`, read as the files of profiles and seeds are.
pub(super) fn instant(text: &str) -> Result<UnixTime, String> {
    let read = document::read(&format!("at = {text}"), |root| root.get("at").and_then(|value| value.instant()));
    let wrong = || "not a date and time with its offset, such as 2026-07-01T00:00:00Z".to_owned();
    read.ok().flatten().filter(|_| !text.contains(['\n', '#'])).ok_or_else(wrong)
}

/// What makes chances repeatable.
pub(super) fn fault_seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "not a number".to_owned())
}

/// `https://login.example`: scheme, host, perhaps a port. Plain http only on loopback: codes and tokens travel there.
pub(crate) fn origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_| "not an address such as https://login.example".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("not an address such as https://login.example".to_owned());
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err("only a scheme, a host and perhaps a port, such as https://login.example".to_owned());
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("plain http is for loopback only: the issuer must be https".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// `http://127.0.0.1:3000`, perhaps with a path.
pub(crate) fn upstream(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_| "not an address such as http://127.0.0.1:3000".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || url.query().is_some() {
        return Err("not an address such as http://127.0.0.1:3000".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether an origin is this machine.
pub(crate) fn is_loopback_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_loopback(&url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}
