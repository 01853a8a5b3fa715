//! The translation between HTTP and the flows. One file an endpoint or a group of pages; statuses only in `reply`.

pub mod accounts;
pub mod admin;
pub mod authz;
pub mod body;
pub mod dispatch;
pub mod faults;
pub mod forward_auth;
pub mod front;
pub mod headers;
pub mod health;
mod identify;
pub mod introspect;
mod json_object;
pub mod listen;
pub mod log;
pub mod metadata;
pub mod oauth1;
pub mod paced;
pub mod pages;
pub mod proxy;
mod queries;
pub mod reply;
pub mod revoke;
pub mod sample;
pub mod tls;
pub mod token;
pub mod userinfo;
