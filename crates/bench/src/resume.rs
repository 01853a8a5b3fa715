//! After a crash: does every pair that a client received still work, and is nothing spent twice?
//!
//! Each chain asks once more: under the Idempotency-Key of the request whose reply never came, or freshly.

use serde_json::{Value, json};

use crate::Result;
use crate::chain::Chain;
use crate::http::{Connection, Url};
use crate::work::refresh::{take_pair, write_refresh};

/// Refreshes every chain once. `sacrifice` chains first present their spent token, which must be refused, and are left
/// out afterwards: such a replay may end their family.
///
/// The figures: `resumed`, `lost` (a received pair does not work), `false_reconnect` (a retry was refused),
/// `double_spent` (a spent token was taken).
pub async fn resume(url: &Url, chains: Vec<Chain>, sacrifice: usize) -> Result<(Value, Vec<Chain>)> {
    let mut connection = Connection::to(&url.authority);
    let mut kept = Vec::with_capacity(chains.len());
    let (mut lost, mut false_reconnect, mut double_spent, mut sacrificed) = (0, 0, 0, 0);
    let mut refusals = Vec::new();
    for mut chain in chains {
        if sacrificed < sacrifice && chain.pending.is_empty() && !chain.spent.is_empty() {
            sacrificed += 1;
            let spent = chain.spent.clone();
            if present(&mut connection, url, &mut chain, &spent).await?.is_ok() {
                double_spent += 1;
            }
            continue;
        }
        let retried = !chain.pending.is_empty();
        let token = chain.refresh.clone();
        match present(&mut connection, url, &mut chain, &token).await? {
            Ok(()) => kept.push(chain),
            Err(refusal) => {
                *(if retried { &mut false_reconnect } else { &mut lost }) += 1;
                refusals.push(refusal);
            }
        }
    }
    let figures = json!({"resumed": kept.len(), "lost": lost, "false_reconnect": false_reconnect,
        "double_spent": double_spent, "sacrificed": sacrificed, "first_refusal": refusals.first()});
    Ok((figures, kept))
}

/// Presents a token of the chain: a new pair, or what was said instead.
async fn present(
    connection: &mut Connection,
    url: &Url,
    chain: &mut Chain,
    token: &str,
) -> Result<std::result::Result<(), String>> {
    let mut request = Vec::new();
    write_refresh(&mut request, url, chain, token);
    let glance = connection.call(&request).await.map_err(|e| format!("{}: {e}", url.authority))?;
    let reply = connection.reply(glance);
    if take_pair(chain, reply.status, &reply.body) {
        return Ok(Ok(()));
    }
    Ok(Err(format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body))))
}
