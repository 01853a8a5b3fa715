//! One line per request, and the id under which it is found. What is a secret (query, `Location`, `X-Original-URI`,
//! `Idempotency-Key`, `Authorization`, cookies, bodies) never reaches this file.

use std::net::IpAddr;

use causeway_protocol::Reason;
use http::HeaderMap;

use super::headers::{RequestId, X_REQUEST_ID};
use crate::node::Node;

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

/// The id of a request: a trusted proxy's own, if it is 1 to 64 plain characters; else a fresh one.
pub fn request_id(node: &Node, headers: &HeaderMap, trusted: bool) -> RequestId {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let given = headers.get(X_REQUEST_ID).filter(|_| trusted).and_then(|value| value.to_str().ok());
    match given.filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(plain)) {
        Some(id) => RequestId(id.to_owned()),
        None => RequestId(format!("{:024x}", u128::from_be_bytes(node.random()) >> 32)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
