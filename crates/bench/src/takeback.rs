//! How long after a revocation was acknowledged at one node do the others still accept the access token?
//!
//! One token after another: what is wanted is the delay, not a rate.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Result;
use crate::chain::Chain;
use crate::connect::{revocation_body, write_form};
use crate::http::{Connection, Url};
use crate::meter::quantile;

/// A node that accepts for longer than this does not hear at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Revokes so many chains at `revoke` and asks each of `checks` until it refuses. Milliseconds from the acknowledgement; the
/// slowest of the nodes counts. A token that a node does not accept before is an error.
pub async fn watch(revoke: &Url, checks: &[Url], chains: Vec<Chain>, count: usize) -> Result<Value> {
    let mut at_first = Connection::to(&revoke.authority);
    let mut others: Vec<Connection> = checks.iter().map(|url| Connection::to(&url.authority)).collect();
    let mut micros = Vec::with_capacity(count);
    for chain in chains.into_iter().take(count) {
        let asks: Vec<Vec<u8>> = checks.iter().map(|url| ask(url, &chain.access)).collect();
        for (connection, request) in others.iter_mut().zip(&asks) {
            let status = status(connection, request).await?;
            if status != 200 {
                return Err(format!("the token is not good before it is revoked: {status}"));
            }
        }
        let mut request = Vec::new();
        let body = revocation_body(&chain);
        write_form(&mut request, revoke, &body, &[]);
        let said = status(&mut at_first, &request).await?;
        if said != 200 {
            return Err(format!("the revocation was answered with {said}"));
        }
        let acknowledged = Instant::now();
        let mut waiting: Vec<usize> = (0..checks.len()).collect();
        let mut last = Duration::ZERO;
        while !waiting.is_empty() {
            let mut still = Vec::new();
            for node in waiting {
                // The delay ends when the refused request was sent: it was judged after that.
                let sent = acknowledged.elapsed();
                match status(&mut others[node], &asks[node]).await? {
                    401 => last = last.max(sent),
                    200 => still.push(node),
                    other => return Err(format!("a node answered {other}, neither good nor refused")),
                }
                if sent > PATIENCE {
                    return Err(format!("node {node} still accepts {PATIENCE:?} after the revocation"));
                }
            }
            waiting = still;
        }
        micros.push(u32::try_from(last.as_micros()).unwrap_or(u32::MAX));
    }
    micros.sort_unstable();
    let at = |share: f64| f64::from(quantile(&micros, share)) / 1000.0;
    Ok(json!({"requests": micros.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0)}))
}

fn ask(url: &Url, bearer: &str) -> Vec<u8> {
    let Url { authority, path } = url;
    let original = "X-Original-Method: GET\r\nX-Original-URI: /v1/sites\r\n";
    format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {bearer}\r\n{original}\r\n").into_bytes()
}

async fn status(connection: &mut Connection, request: &[u8]) -> Result<u16> {
    connection.call(request).await.map(|glance| glance.status).map_err(|e| format!("no reply: {e}"))
}
