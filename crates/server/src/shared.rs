//! What every handler is given: the node, and the edge's own bounded memory (throttles, counters, hashing slots).

use std::sync::Arc;

use crate::node::Node;

/// One platform's HTTP edge. Add a field here when a handler needs something that outlives a request.
pub struct Shared {
    /// The running platform.
    pub node: Node,
}

/// As handlers take it.
pub type Edge = Arc<Shared>;
