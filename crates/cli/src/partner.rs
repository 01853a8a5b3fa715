//! The partner of the demo: the hub over a vault, told about each platform what a developer would copy from its
//! console.

use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use causeway_hub::{Hub, Settings, serve};
use causeway_vault::clock::System;
use causeway_vault::{Limits, MasterKeys, Platform, Vault};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the partner knows of the platforms.
pub(crate) struct Known {
    /// Where they are, and as which app it speaks there.
    pub(crate) platforms: Vec<Platform>,
    /// Accounts that stand there already: the platform's key, the account's id, its name.
    pub(crate) accounts: Vec<(String, String, String)>,
}

/// A running dashboard.
pub(crate) struct Partner {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Ends when it is dropped: what it did last is on disk.
    renewing: JoinSet<()>,
}

impl Partner {
    /// Starts it on bound sockets, over a vault in this directory. The demo's keys stand beside the data that they
    /// open.
    pub(crate) async fn start(
        sockets: Vec<TcpListener>,
        data: &Path,
        settings: Settings,
        known: Known,
    ) -> Result<Self, Vec<String>> {
        let failed = |error: std::io::Error| vec![format!("{}: {error}", data.display())];
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(failed)?;
        let keys = MasterKeys::open_or_make(&data.join("keys"), &System)?;
        let vault = Vault::open(data, keys, known.platforms, Limits::default(), Arc::new(System), Arc::new(System))?;
        for (platform, account, name) in known.accounts {
            let remembered = vault.remember_account(&platform, &account, &name).await;
            remembered.map_err(|refusal| vec![format!("{}: {}", data.display(), refusal.description())])?;
        }
        let hub = Hub::new(vault, settings, Arc::new(System))?;
        let mut partner = Self { stop: watch::Sender::new(false), tasks: JoinSet::new(), renewing: JoinSet::new() };
        partner.renewing.spawn(hub.vault().clone().keep_renewing());
        for socket in sockets {
            socket.set_nonblocking(true).map_err(failed)?;
            let socket = tokio::net::TcpListener::from_std(socket).map_err(failed)?;
            let mut stop = partner.stop.subscribe();
            let router = hub.router();
            partner.tasks.spawn(async move {
                serve(socket, router, async move { drop(stop.wait_for(|stop| *stop).await) }).await;
            });
        }
        Ok(partner)
    }

    /// Stops it: requests in flight are answered.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
