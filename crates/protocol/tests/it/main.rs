//! The crate's one integration test binary: the public face, used as the other crates use it.
//! What needs private items is tested beside them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod client_auth;
mod draw;
mod oauth1;
mod params;
mod pkce;
mod profile;
mod redeem;
mod refresh;
mod sample;
mod seal;
mod wire;
