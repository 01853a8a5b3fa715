//! The translation between HTTP and the flows. One file an endpoint or a group of pages; statuses only in `reply`.

pub mod admin;
pub mod body;
pub mod forward_auth;
pub mod headers;
pub mod health;
pub mod introspect;
pub mod listen;
pub mod log;
pub mod metadata;
pub mod pages;
pub mod proxy;
pub mod reply;
pub mod revoke;
pub mod sample;
pub mod token;
