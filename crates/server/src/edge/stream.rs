//! One edge's stream: where it stands, what it has not heard yet, and a sign of life four times a second. An edge that
//! does not read is dropped; it begins anew where it stood.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use causeway_guard::remote::wire::{Line, MAX_BATCH, VERSION, WireApiKey, WireApp};
use causeway_protocol::seal::KeyRing;
use causeway_protocol::{AudienceId, Position, Scopes};
use causeway_storage::Store;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::seats::Seat;
use crate::shared::Edge;

/// Without news, a sign of life so often.
const BEAT: Duration = Duration::from_millis(250);
/// An edge that takes nothing for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many pieces wait for an edge.
const WAITING: usize = 16;

/// Why a stream ends. The edge comes again, so nobody needs to be told.
struct End;

/// Begins a stream for an edge that stands at `after`, or nowhere.
pub(super) fn begin(edge: Edge, after: Option<Position>, seat: Seat) -> Body {
    let (out, lines) = mpsc::channel::<Bytes>(WAITING);
    tokio::spawn(async move {
        let _the_edge_comes_again = Stream { edge, out, seat, ring: None, scopes: None }.run(after).await;
    });
    let next = |mut lines: mpsc::Receiver<Bytes>| async move {
        lines.recv().await.map(|bytes| (Ok::<_, std::convert::Infallible>(bytes), lines))
    };
    Body::from_stream(futures_util::stream::unfold(lines, next))
}

struct Stream {
    edge: Edge,
    out: mpsc::Sender<Bytes>,
    seat: Seat,
    /// What was sent last.
    ring: Option<Arc<KeyRing>>,
    scopes: Option<Arc<Scopes>>,
}

impl Stream {
    async fn run(mut self, after: Option<Position>) -> Result<(), End> {
        let edge = self.edge.clone();
        let (node, mut bell) = (&edge.node, edge.edges.listen());
        let at = node.clock.monotonic_nanos();
        let hello = |whole| Line::Hello { version: VERSION, platform: node.profile.key.clone(), at, whole };
        let continued = match after {
            Some(after) => edge.edges.after(node, after).await.map_err(|_| End)?.map(|_| after),
            None => None,
        };
        self.say(&hello(continued.is_none())).await?;
        let mut position = match continued {
            Some(position) => position,
            None => self.whole().await?,
        };
        loop {
            bell.borrow_and_update();
            position = self.news(position).await?;
            if edge.is_draining() {
                return Ok(());
            }
            tokio::select! {
                _rung = bell.changed() => {}
                () = sleep(BEAT) => {}
                () = self.out.closed() => return Err(End),
            }
        }
    }

    /// Everything, as the store has it.
    async fn whole(&mut self) -> Result<Position, End> {
        let boot = self.edge.node.store.boot().await.map_err(|_| End)?;
        let audience = boot.cuts.iter().find(|(subject, _)| *subject == AudienceId(0).into());
        self.keys_of(audience.map_or(Position::ZERO, |(_, cuts)| cuts.access.max(cuts.all))).await?;
        self.say(&Line::Scopes { words: boot.scopes.words().to_vec() }).await?;
        for cuts in boot.cuts.chunks(MAX_BATCH) {
            self.say(&Line::cuts(cuts)).await?;
        }
        for apps in boot.apps.chunks(MAX_BATCH) {
            let apps = apps.iter().map(WireApp::from).collect();
            self.say(&Line::Records { apps, api_keys: Vec::new() }).await?;
        }
        for keys in boot.api_keys.chunks(MAX_BATCH) {
            let api_keys = keys.iter().map(WireApiKey::from).collect();
            self.say(&Line::Records { apps: Vec::new(), api_keys }).await?;
        }
        self.say(&Line::Loaded { head: boot.head.0 }).await?;
        Ok(boot.head)
    }

    /// What is new after a position, and a sign of life. How fresh this node is, is looked at first: what comes to be
    /// known after that only makes the edge know more than is said.
    async fn news(&mut self, mut position: Position) -> Result<Position, End> {
        let edge = self.edge.clone();
        let (node, at) = (&edge.node, edge.node.clock.monotonic_nanos());
        let fresh_for = if node.held.is_ready() { node.held.fresh_for(at) } else { Some(0) };
        let (head, forgotten) = (node.held.head(), node.held.forgotten().0);
        self.keys_of(Position::ZERO).await?;
        let scopes = node.held.scopes();
        if !self.scopes.as_ref().is_some_and(|sent| Arc::ptr_eq(sent, &scopes)) {
            self.say(&Line::Scopes { words: scopes.words().to_vec() }).await?;
            self.scopes = Some(scopes);
        }
        let mut reached = true;
        while position < head {
            // A store that does not answer is no reason to leave the edge: it will hear that this node is cut off.
            let Ok(piece) = edge.edges.after(node, position).await else {
                reached = false;
                break;
            };
            let piece = piece.ok_or(End)?;
            if piece.to <= position {
                reached = false;
                break;
            }
            if let Some(cut) = piece.key_cut {
                self.keys_of(cut).await?;
            }
            self.send(piece.text.clone()).await?;
            position = piece.to;
        }
        let fresh_for = if reached { fresh_for.map(|nanos| nanos / 1_000_000) } else { Some(0) };
        self.say(&Line::Beat { at, head: position.0, fresh_for, forgotten }).await?;
        self.seat.sent(position);
        Ok(position)
    }

    /// Sends the access keys where they are others than before: made at this cut, or a later one. They go before the
    /// entry that replaced the old ones, so that an edge that has read it opens nothing with those.
    async fn keys_of(&mut self, cut: Position) -> Result<(), End> {
        let node = &self.edge.node;
        if node.ring().access_cut() < cut {
            node.read_feed().await.map_err(|_| End)?;
        }
        let ring = node.ring();
        if ring.access_cut() < cut {
            return Err(End);
        }
        if !self.ring.as_ref().is_some_and(|sent| Arc::ptr_eq(sent, &ring)) {
            self.say(&Line::keys(&ring.access_keys())).await?;
            self.ring = Some(ring);
        }
        Ok(())
    }

    async fn say(&self, line: &Line) -> Result<(), End> {
        self.send(Bytes::copy_from_slice(line.text().as_bytes())).await
    }

    async fn send(&self, bytes: Bytes) -> Result<(), End> {
        match timeout(PATIENCE, self.out.send(bytes)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End),
        }
    }
}
