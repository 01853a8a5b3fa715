//! The platform's HTTP edge: endpoints, pages, guard in front of the API, configuration and jobs.
//! It translates and decides nothing: decisions are `causeway-protocol`'s, storage applies them.
//!
//! `node` is one running platform; `flows` are the four beats load → decide → apply → reply without HTTP; `http` is the
//! translation; `router` is the table of routes.

pub mod clock;
pub mod cluster;
pub mod config;
pub mod describe;
pub mod edge;
pub mod flows;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod legacy_secrets;
pub mod legacy_use;
pub mod load_seed;
pub mod metrics;
pub mod node;
pub mod platform;
pub mod providers;
pub mod ring;
pub mod router;
pub mod seed;
pub mod shared;
pub mod shares;
pub mod throttle;
pub mod trust;
