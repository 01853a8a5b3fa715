//! The guard from outside: every rule of a check, over real seals and a real taken-back set.
//! What a single file can show by itself is tested there.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod claims;
mod fuzz;
mod layer;
mod rules;
mod shares;
mod taken_back;
mod world;
