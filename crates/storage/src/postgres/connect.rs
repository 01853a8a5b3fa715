//! One more connection to a target, ready to be spoken on, and the task that moves its bytes. What may be wrong with a target
//! stands in `target.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, CancelToken, Connection, NoTls};

use super::KeyLayout;
use super::link::{ADVICE, Link, SETTINGS};
use super::target::{CONNECT, Target, causes};
use crate::sql::db::SqlError;

impl Target {
    /// One more connection, ready to be spoken on; whoever waits on `heard` is woken when the database says something of itself.
    pub(super) async fn connect(&self, layout: KeyLayout, heard: Option<Heard>) -> Result<Link, String> {
        let connecting = async {
            match &self.tls {
                None => self.config.connect(NoTls).await.map(|(client, connection)| {
                    tokio::spawn(drive(connection, heard));
                    client
                }),
                Some(tls) => self.config.connect(tls.clone()).await.map(|(client, connection)| {
                    tokio::spawn(drive(connection, heard));
                    client
                }),
            }
        };
        let hosts = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        let patience = CONNECT * u32::try_from(hosts + 1).unwrap_or(u32::MAX);
        let client = match tokio::time::timeout(patience, connecting).await {
            Ok(client) => client.map_err(|error| self.why(&error))?,
            Err(_) => return Err(format!("{}: the database cannot be reached: no answer", self.name())),
        };
        let mut link = Link::new(client, layout);
        let failed = |error: SqlError| format!("{}: {error}", self.name());
        link.run(SETTINGS).await.map_err(failed)?;
        for advice in ADVICE {
            match link.run(advice).await {
                Err(SqlError::Gone(why)) => return Err(format!("{}: {why}", self.name())),
                Err(error) => tracing::debug!(%error, advice, "the database does without"),
                Ok(()) => {}
            }
        }
        Ok(link)
    }
}

impl Target {
    /// Ends what the database does for a connection. Nothing is known of it afterwards.
    pub(super) async fn cancel(&self, token: CancelToken) {
        let ended = match &self.tls {
            None => token.cancel_query(NoTls).await,
            Some(tls) => token.cancel_query(tls.clone()).await,
        };
        if let Err(error) = ended {
            tracing::debug!(error = causes(&error), "a statement could not be ended");
        }
    }
}

/// Who is woken by what the database says unasked, and by the end of the connection.
pub(super) struct Heard {
    pub(super) news: Arc<Notify>,
    /// Whose own words are no news: the process that serves this connection; 0 until it is known.
    pub(super) own: Arc<AtomicI32>,
    pub(super) ended: Arc<Notify>,
}

/// Moves bytes until one side hangs up.
async fn drive<S, T>(mut connection: Connection<S, T>, heard: Option<Heard>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        match (message, &heard) {
            (Ok(AsyncMessage::Notification(note)), Some(heard))
                if note.process_id() != heard.own.load(Ordering::Relaxed) =>
            {
                heard.news.notify_one();
            }
            (Err(error), _) => {
                tracing::debug!(error = causes(&error), "a connection to the database ended");
                break;
            }
            _ => {}
        }
    }
    if let Some(heard) = heard {
        heard.ended.notify_one();
    }
}
