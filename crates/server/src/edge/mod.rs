//! The guard at the edge (TOKENS 3): the endpoints by which a node feeds it, and the process itself. The two meet only
//! in `causeway_guard::remote::wire`.
//!
//! A node's side: `door` who may come in and what they may ask · `hub` what the streams share · `stream` one edge's
//! stream · `seats` who listens. The edge's side: `outpost` what calls are checked against · `process` its listeners and jobs · `settings`
//! what the command line said.

pub mod door;
pub mod hub;
pub mod outpost;
pub mod process;
pub mod seats;
pub mod settings;
mod stream;
