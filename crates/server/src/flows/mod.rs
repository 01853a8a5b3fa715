//! The flows: load → decide → apply → reply, with records and text, without HTTP. One file a flow.

pub mod accounts;
pub mod admin;
pub mod apps;
pub mod authorize;
pub mod caller;
mod client_credentials;
pub mod connected;
mod exchange;
mod hand_out;
pub mod introspect;
pub mod legacy;
pub mod metadata;
pub mod mini_app;
pub(crate) mod oauth1;
pub(crate) mod oauth1_tokens;
pub mod passwords;
pub mod queries;
mod redeem;
mod refresh;
pub mod revoke;
pub mod session;
pub mod token;
pub mod userinfo;
