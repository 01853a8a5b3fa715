//! The dashboard in front of our own platform: real pages, real HTTP, real files, and a browser without script.
//! The vault against a platform with faults of every kind is tested in its own crate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall say where")]

mod accounts;
mod dialects;
mod gate;
mod migrate;
mod others;
mod pages;
mod story;
mod world;
