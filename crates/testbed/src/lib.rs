//! Real parts that tests start and stop: a PostgreSQL cluster, the proxies in front of a guarded API, a wire that is cut. Std only, nothing of
//! Causeway: whoever tests, from the store to xtask, can use it.

mod scratch;

pub mod netns;
mod ports;
pub mod postgres;
pub mod proxies;
pub mod wire;

pub use ports::free_port;
pub use scratch::Scratch;
