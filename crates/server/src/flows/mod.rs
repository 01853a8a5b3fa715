//! The flows: load → decide → apply → reply, with records and text, without HTTP. One file a flow.

pub mod admin;
pub mod authorize;
pub mod caller;
pub mod connected;
mod hand_out;
pub mod introspect;
pub mod metadata;
pub mod passwords;
mod redeem;
mod refresh;
pub mod revoke;
pub mod session;
pub mod token;
