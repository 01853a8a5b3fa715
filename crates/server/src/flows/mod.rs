//! The flows: load → decide → apply → reply, with records and text, without HTTP. One file a flow.

pub mod authorize;
pub mod connected;
pub mod passwords;
pub mod session;
pub mod token;
