//! Real parts that tests start and stop: a PostgreSQL cluster, the proxies in front of a guarded API. Std only, nothing of
//! Causeway: whoever tests, from the store to xtask, can use it.

mod scratch;

pub mod netns;
pub mod postgres;
pub mod proxies;

pub use scratch::Scratch;
