//! What the nodes of one platform tell each other through the store: that they live, what time it is for them, which keys they
//! hold, and how much of shared budgets was used. Plain records; nothing here is needed for a decision about a token.

use crate::time::Seconds;
use crate::{AppId, CustomerId, Position};

/// A node: a number that a process chooses at random when it starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i64);

/// A node's sign of life (TOKENS 6). A row of its own, overwritten at every beat; it leaves when the node stops, or when it was
/// not renewed for [`Beat::FORGOTTEN`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub node: NodeId,
    /// The node's own wall time when it was written, in milliseconds since the Unix epoch.
    pub at_millis: u64,
    /// How many beats it has written: a beat whose number stands still is no sign of life.
    pub count: u64,
    /// How far it has read the feed.
    pub position: Position,
    /// The ids of the ring keys that it holds, newest first; at most 64. A key seals only when every living node holds it
    /// (TOKENS 3).
    pub keys: Vec<u16>,
}

impl Beat {
    /// A beat is written so often.
    pub const EVERY: Seconds = Seconds(1);
    /// A node whose beat is older than this (by the reader's own watching, not by either's wall clock) counts as gone.
    pub const GONE: Seconds = Seconds(10);
    /// Rows older than this are deleted.
    pub const FORGOTTEN: Seconds = Seconds(600);
}

/// Calls that one node let through on one budget: running sums since it began to tell about it, so that nothing is lost where a
/// telling is missed. Sums that fell have begun anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Used {
    /// The budget's customer, …
    pub customer: CustomerId,
    /// … and app; 0 where the profile counts by customer alone.
    pub app: AppId,
    /// How many calls were let through.
    pub passed: u32,
    /// How many were refused: how much more was wanted here.
    pub refused: u32,
}

/// What another node used, as it published it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Whose.
    pub node: NodeId,
    /// Counts up with each publication, so that none is taken in twice.
    pub number: u64,
    /// The node's wall time, in milliseconds.
    pub at_millis: u64,
    /// At most [`Share::MOST`] entries.
    pub used: Vec<Used>,
}

impl Share {
    /// No publication holds more; those with the most calls go first.
    pub const MOST: usize = 2_000;
}
