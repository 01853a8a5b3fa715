//! What the streams to all edges share: the newest pieces of the feed with the records that they changed, read from the
//! store once for all of them, and a bell that rings when there is more. No key passes through here.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use causeway_guard::remote::wire::{Line, MAX_BATCH, WireApiKey, WireApp};
use causeway_protocol::records::FeedEntry;
use causeway_protocol::{ApiKeyId, AppId, Position, SubjectKind};
use causeway_storage::{Store, Stored, Tail};
use tokio::sync::watch;

use super::seats::Seats;
use crate::node::Node;

/// So many pieces are kept; whoever is further behind reads the store.
const MAX_PIECES: usize = 64;

/// See the module.
pub struct Hub {
    bell: watch::Sender<()>,
    pieces: Mutex<VecDeque<Arc<Piece>>>,
    reading: tokio::sync::Mutex<()>,
    /// Who listens.
    pub seats: Arc<Seats>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            bell: watch::Sender::new(()),
            pieces: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            seats: Arc::default(),
        }
    }
}

/// A stretch of the feed as it goes out.
pub(super) struct Piece {
    /// It follows this position.
    pub(super) after: Position,
    /// It goes up to here.
    pub(super) to: Position,
    /// The last replacement of the audience's access key in it: the new keys go out first.
    pub(super) key_cut: Option<Position>,
    /// Records, then entries, as lines.
    pub(super) text: Bytes,
}

impl Hub {
    /// Rings: the feed has moved. Called by whoever takes entries in.
    pub fn ring(&self) {
        self.bell.send_replace(());
    }

    /// Hears the bell.
    pub(super) fn listen(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }

    /// What follows a position: from memory, else from the store. `Ok(None)`: it has left the feed, a whole state is
    /// needed.
    pub(super) async fn after(&self, node: &Node, position: Position) -> Stored<Option<Arc<Piece>>> {
        if let Some(piece) = self.held(position) {
            return Ok(Some(piece));
        }
        let _one = self.reading.lock().await;
        if let Some(piece) = self.held(position) {
            return Ok(Some(piece));
        }
        let Some(piece) = read(node, position).await?.map(Arc::new) else { return Ok(None) };
        if piece.to > position {
            let mut pieces = self.pieces();
            // What nobody listened to is missing in between: the new stretch is the one that everybody follows.
            if pieces.back().is_some_and(|newest| newest.to < piece.after) {
                pieces.clear();
            }
            // An edge that is far behind reads for itself.
            if pieces.back().is_none_or(|newest| newest.to == piece.after) {
                pieces.push_back(Arc::clone(&piece));
            }
            while pieces.len() > MAX_PIECES {
                pieces.pop_front();
            }
        }
        Ok(Some(piece))
    }

    /// Entries that an edge has already are skipped by it, so a piece that begins earlier will do.
    fn held(&self, position: Position) -> Option<Arc<Piece>> {
        let fits = |piece: &&Arc<Piece>| piece.after <= position && position < piece.to;
        self.pieces().iter().find(fits).cloned()
    }

    fn pieces(&self) -> MutexGuard<'_, VecDeque<Arc<Piece>>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the feed can be continued from there.
async fn read(node: &Node, after: Position) -> Stored<Option<Piece>> {
    let Tail { entries, head } = node.store.tail(after, MAX_BATCH as u32).await?;
    let follows = match entries.first() {
        Some(first) => first.position == after.next(),
        None => head == after,
    };
    if !follows || head.incarnation() != after.incarnation() {
        return Ok(None);
    }
    let to = entries.last().map_or(after, |last| last.position);
    // Read after the entries: a record is at least as new as what says that it changed.
    let (apps, api_keys) = records(node, &entries).await?;
    let mut text = String::new();
    if !apps.is_empty() || !api_keys.is_empty() {
        text.push_str(&Line::Records { apps, api_keys }.text());
    }
    text.push_str(&Line::feed(&entries).text());
    let of_audience = |entry: &&FeedEntry| entry.subject.kind == SubjectKind::Audience;
    let key_cut = entries.iter().rev().find(of_audience).map(|entry| entry.position);
    Ok(Some(Piece { after, to, key_cut, text: Bytes::from(text) }))
}

async fn records(node: &Node, entries: &[FeedEntry]) -> Stored<(Vec<WireApp>, Vec<WireApiKey>)> {
    let of = |kind: SubjectKind| {
        let those = entries.iter().filter(move |entry| entry.subject.kind == kind);
        those.map(|entry| entry.subject.id).collect::<BTreeSet<i64>>()
    };
    let (mut apps, mut keys) = (Vec::new(), Vec::new());
    for id in of(SubjectKind::App) {
        apps.extend(node.store.app(AppId(id)).await?.as_ref().map(WireApp::from));
    }
    for id in of(SubjectKind::ApiKey) {
        keys.extend(node.store.api_key_by_id(ApiKeyId(id)).await?.as_ref().map(WireApiKey::from));
    }
    Ok((apps, keys))
}
