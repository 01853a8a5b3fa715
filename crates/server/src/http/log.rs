//! One line per request, and the id under which it is found. What is a secret (query, `Location`, `X-Original-URI`,
//! `Idempotency-Key`, `Authorization`, cookies, bodies) never reaches this file.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use causeway_protocol::Reason;
use http::{HeaderMap, HeaderValue};

use super::headers::{RequestId, X_REQUEST_ID};
use crate::clock::{Entropy, random};

/// Of a path, so many parts are logged: what follows them is somebody's choice.
const PARTS: usize = 2;
/// No word and no id in a path is longer: what is may be a token that somebody put where it does not belong.
const MAX_PART: usize = 40;

/// The target of the request lines.
pub const TARGET: &str = "request";

/// The word for calls of the API behind the guard.
pub const GUARDED: &str = "api";
/// The word for questions of a forward-auth proxy.
pub const GUARD_CHECK: &str = "guard-check";

/// The token endpoint.
pub const TOKEN: &str = "token";
/// The introspection endpoint.
pub const INTROSPECT: &str = "introspect";

/// What is known of a request once it is answered.
#[derive(Debug)]
pub struct Line<'a> {
    /// `GET`
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// A word for the endpoint.
    pub endpoint: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// How long it took.
    pub micros: u64,
    /// The request's id.
    pub id: &'a str,
    /// Where it came from.
    pub source: IpAddr,
    /// Why it was refused, if it was.
    pub refused: Option<Reason>,
    /// Words that tokens and secrets begin with.
    pub prefixes: &'a [String],
}

/// Writes the line. A call that went through the guard and well has none at this level: it is counted, the API behind
/// logs its own calls, and at tens of thousands a second a line costs more than the check.
pub fn write(line: &Line<'_>) {
    let let_through = matches!(line.endpoint, GUARDED | GUARD_CHECK) && line.refused.is_none() && line.status < 500;
    if let_through {
        tracing::debug!(target: TARGET, method = line.method, endpoint = line.endpoint, request_id = line.id);
        return;
    }
    if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
        return;
    }
    let path = shown(line.path, line.prefixes);
    let ms = line.micros as f64 / 1000.0;
    let (status, id, source) = (line.status, line.id, line.source);
    match line.refused {
        Some(reason) => tracing::info!(
            target: TARGET, method = line.method, path, endpoint = line.endpoint, status, ms, request_id = id, %source,
            refusal = format!("C-{}", reason.number()), reason = reason.name()
        ),
        None => tracing::info!(
            target: TARGET, method = line.method, path, endpoint = line.endpoint, status, ms, request_id = id, %source
        ),
    }
}

/// The first parts of a path, `…` for whatever may be a token that somebody put where it does not belong. An escape could
/// hide one.
fn shown(path: &str, prefixes: &[String]) -> String {
    let doubtful = |part: &str| {
        part.len() > MAX_PART || part.contains('%') || prefixes.iter().any(|prefix| part.contains(prefix.as_str()))
    };
    let mut text = String::new();
    let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
    for part in parts.by_ref().take(PARTS) {
        text.push('/');
        text.push_str(if doubtful(part) { "…" } else { part });
    }
    if parts.next().is_some() {
        text.push_str("/…");
    }
    text
}

/// Makes the ids of one process's requests. They are names and no secrets: a random beginning, and a counter that is mixed so
/// that two of them look alike as little as two random numbers. None comes twice.
#[derive(Debug)]
pub struct Ids {
    place: [u8; 4],
    seed: u64,
    count: AtomicU64,
}

impl Ids {
    /// A series of its own.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self { place: random(entropy), seed: u64::from_be_bytes(random(entropy)), count: AtomicU64::new(0) }
    }

    /// The id of a request: a trusted proxy's own, if it is 1 to 64 plain characters; else a fresh one.
    pub fn of(&self, headers: &HeaderMap, trusted: bool) -> RequestId {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let given = if trusted { headers.get(X_REQUEST_ID) } else { None };
        match given.filter(|id| (1..=64).contains(&id.len()) && id.as_bytes().iter().all(plain)) {
            Some(id) => RequestId(id.clone()),
            None => self.fresh(),
        }
    }

    fn fresh(&self) -> RequestId {
        // SplitMix64 (Steele, Lea and Flood, 2014): one number for each state, and one state for each count.
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut mixed = self.seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let mut text = [0; 24];
        let (place, number) = text.split_at_mut(8);
        let digits = |number: u64, text: &mut [u8]| {
            for (at, digit) in text.iter_mut().rev().enumerate() {
                *digit = b"0123456789abcdef"[(number >> (4 * at)) as usize & 15];
            }
        };
        digits(u64::from(u32::from_be_bytes(self.place)), place);
        digits(mixed, number);
        RequestId(HeaderValue::from_bytes(&text).unwrap_or(const { HeaderValue::from_static("") }))
    }
}

/// The same for a question that comes by another door, one at a time.
pub fn request_id(entropy: &dyn Entropy, headers: &HeaderMap, trusted: bool) -> RequestId {
    Ids::new(entropy).of(headers, trusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_24_digits_and_none_comes_twice() {
        let ids = Ids::new(&crate::clock::System);
        let all: std::collections::HashSet<String> =
            (0..10_000).map(|_| ids.of(&HeaderMap::new(), false).as_str().to_owned()).collect();
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().all(|id| id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }

    #[test]
    fn an_id_is_taken_from_a_trusted_proxy_only_and_only_if_it_is_plain() {
        let ids = Ids::new(&crate::clock::System);
        let headers = |id: &'static str| HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_static(id))]);
        assert_eq!(ids.of(&headers("a-1_b.C"), true).as_str(), "a-1_b.C");
        assert_ne!(ids.of(&headers("a-1_b.C"), false).as_str(), "a-1_b.C");
        assert_eq!(ids.of(&headers("a b"), true).as_str().len(), 24);
        assert_eq!(ids.of(&headers(""), true).as_str().len(), 24);
    }

    #[test]
    fn c_09_a_token_in_a_path_is_not_shown() {
        let prefixes = ["ts_at_".to_owned()];
        for (path, text) in [
            ("/", "/"),
            ("/v1/leads", "/v1/leads"),
            ("/v1/leads/9101", "/v1/leads/…"),
            ("/v1/ts_at_x", "/v1/…"),
            ("/xts_at_x", "/…"),
            ("/v1/ts%5Fat_x", "/v1/…"),
            ("/v1/leads/ts_at_x/y", "/v1/leads/…"),
        ] {
            assert_eq!(shown(path, &prefixes), text, "{path}");
        }
        assert_eq!(shown(&format!("/v1/{}", "x".repeat(41)), &prefixes), "/v1/…");
    }
}
