//! `causeway serve`: one platform, until somebody stops it.

use std::path::Path;

use causeway_server::config::{Given, from_env, resolve};
use causeway_server::describe;
use causeway_server::platform::Platform;
use serde_json::Map;

use crate::stop::{Asked, PATIENCE, Signals};
use crate::{Failure, logging, terminal};

/// Runs until SIGTERM or Ctrl-C.
pub(crate) async fn run(flags: Given) -> Result<(), Failure> {
    let (environment, warnings) = from_env(
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    );
    warnings.iter().for_each(|warning| terminal::err(&format!("causeway: {warning}")));
    let serve = resolve(flags, environment).map_err(Failure::Problems)?;
    logging::json();
    serve.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let mut signals = Signals::listen().map_err(|error| Failure::Problems(vec![error.to_string()]))?;
    if let Some(path) = &serve.describe {
        forget(path)?;
    }
    let key = serve.settings.profile.key.clone();
    let platform = Platform::start(serve.settings).await.map_err(Failure::Problems)?;
    platform.notes().iter().for_each(|note| terminal::err(&format!("causeway: {note}")));
    if let Some(path) = &serve.describe {
        let platforms = Map::from_iter([(key.clone(), platform.description().clone())]);
        describe::write(path, &describe::document(None, platforms)).map_err(|why| Failure::Problems(vec![why]))?;
    }
    let origins = &platform.edge().node.origins;
    let admin = platform.admin_address().map(|address| address.to_string());
    tracing::info!(platform = key, login = origins.login, api = origins.api, admin, "ready");
    while signals.next().await == Asked::Reload {
        match platform.reload_tls() {
            Ok(()) => tracing::info!("certificate and key were read again"),
            Err(why) => tracing::error!(why, "the old certificate stays"),
        }
        match platform.reload_keys().await {
            Ok(()) => tracing::info!("the key file was read again"),
            Err(why) => tracing::error!(why, "the old keys stay"),
        }
    }
    tracing::info!("stopping");
    if tokio::time::timeout(PATIENCE, platform.stop()).await.is_err() {
        tracing::warn!("what was still open was closed");
    }
    serve.describe.as_deref().map_or(Ok(()), forget)
}

/// A description of another run must not look as if this one were ready; nor must this one's once it has ended.
pub(crate) fn forget(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::Problems(vec![format!("{}: {error}", path.display())]))
        }
        _ => Ok(()),
    }
}
