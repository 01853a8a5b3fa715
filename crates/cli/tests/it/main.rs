//! The binary itself: what it starts, what it refuses, and how it ends (CONTRACTS, "Commands").

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod check;
mod database;
mod demo;
mod edge;
mod legacy;
mod migrate;
mod program;
mod serve;
mod stop;
