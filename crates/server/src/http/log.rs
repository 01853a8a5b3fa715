//! One line per request, and the id under which it is found. What is a secret (query, `Location`, `X-Original-URI`,
//! `Idempotency-Key`, `Authorization`, cookies, bodies) never reaches this file.

use std::net::IpAddr;

use causeway_protocol::Reason;
use http::HeaderMap;

use super::headers::{RequestId, X_REQUEST_ID};
use crate::node::Node;

/// Of a path, so much is logged.
const MAX_PATH: usize = 200;
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
    let path = shown(line.path);
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

fn shown(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.len() > MAX_PART { "…" } else { part });
    parts.collect::<Vec<_>>().join("/").chars().take(MAX_PATH).collect()
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
