//! A service of your own that guards itself: an axum router behind the layer, fed by the platform's nodes. Run it beside a
//! node that has an admin listener; the edge key stands in the file that `--describe` writes.
//!
//! ```text
//! causeway serve --profile tripleseat --data ./data --admin-listen 127.0.0.1:9090 --describe run.json
//! export EDGE_KEY=$(sed -n 's/.*"edge_key": "\(.*\)".*/\1/p' run.json)
//! cargo run -p causeway-guard --example axum_service --features remote -- http://127.0.0.1:9090
//! curl -H "Authorization: Bearer $token" http://127.0.0.1:3000/v1/sites
//! ```

use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};
use causeway_guard::layer::GuardLayer;
use causeway_guard::remote::{Remote, Settings};
use causeway_guard::{Guard, Pass};
use causeway_protocol::profile::shipped;
use causeway_protocol::secret::Secret;
use tokio::net::TcpListener;

#[tokio::main]
#[allow(clippy::disallowed_methods, reason = "an example's one setting")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let nodes: Vec<String> = std::env::args().skip(1).collect();
    let key = Secret::new(std::env::var("EDGE_KEY")?);
    let profile = shipped("tripleseat").ok_or("there is no such profile")?;

    let remote = Remote::connect(Settings::of(&profile, nodes, key)).map_err(|problems| problems.join("\n"))?;
    let guard = Arc::new(Guard::new(&profile));
    // Budgets are kept together with the nodes, and they hear what was used here.
    tokio::spawn(remote.clone().tell(guard.clone()));
    let guarded = GuardLayer::new(guard, remote);
    // The layer stands outermost: what it checks is what the router serves. What passes it has a `Pass`, and only that.
    let app = Router::new().route("/v1/sites", get(sites)).layer(guarded);

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}

/// The sites of whoever allowed the call, and of nobody else.
async fn sites(pass: Extension<Pass>) -> String {
    pass.active_sites().map(|site| format!("{} {}\n", site.external_id, site.name)).collect()
}
