//! The rules of Causeway, pure: records and text in, a decision out.
//!
//! Time and randomness are arguments. There is no async, HTTP, SQL, logging, clock or random source in this crate, and
//! `clippy.toml` and `cargo xtask tidy` keep it so. One file per flow; the small value types stand in files of their own.

pub mod access_keys;
pub mod accounts;
pub mod authorize;
pub mod change;
pub mod client_auth;
pub mod client_credentials;
pub mod cluster;
pub mod consent;
pub mod document;
pub mod exchange;
pub mod family;
mod flat_json;
pub mod ids;
pub mod introspect;
pub mod issue;
pub mod legacy;
pub mod legacy_secret;
pub mod numbered;
pub mod oauth1;
pub mod oauth1_tokens;
pub mod params;
pub mod pkce;
pub mod profile;
pub mod records;
pub mod redeem;
pub mod refresh;
pub mod refusal;
pub mod registration;
pub mod revoke;
pub mod scope;
pub mod seal;
pub mod secret;
pub mod sunset;
pub mod taken_back;
pub mod time;
pub mod token;
pub mod wire;

pub use change::{Applied, Change, Outcome, Row};
pub use ids::*;
pub use refusal::{Reason, Refusal};
pub use scope::{ScopeSet, Scopes};
pub use time::UnixTime;
