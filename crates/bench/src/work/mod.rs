//! What the load generator can send: one file for each kind of work.
//!
//! Add one: a type that implements `Work`, and an arm in `bin/load.rs`.

pub mod exchange;
pub mod fixed;
pub mod refresh;
