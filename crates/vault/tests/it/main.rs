//! The vault against a platform with faults, over real HTTP and a real file.
//! Against our own platform it is tested where both sides are at hand: in the hub's tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall say where")]

mod connect;
mod dialects;
mod ends;
mod fake;
mod kill;
mod legacy;
mod lifecycle;
mod migrate;
mod provider;
mod refresh;
mod store;
mod world;
