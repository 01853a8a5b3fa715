//! The crate's one integration test binary: the running platform over real sockets, driven by `testkit`'s actors.
//! Each module is an endpoint or a part of the edge; a test bears the id of the item that it proves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod admin;
mod apps;
mod authorize;
mod authz;
mod cal;
mod client_auth;
mod client_credentials;
mod cluster;
mod config;
mod connected;
mod consent;
mod edge;
mod exchange;
mod faults;
mod forward_auth;
mod guard;
mod introspect;
mod legacy;
mod listen;
mod metadata;
mod oauth1;
mod orcabase;
mod otesse;
mod pages;
mod people;
mod proxies;
mod proxy;
mod redeem;
mod refresh;
mod revoke;
mod revoke_budget;
mod ring;
mod secrets;
mod sequences;
mod shares;
mod sign_in;
mod sites;
mod story;
mod token;
