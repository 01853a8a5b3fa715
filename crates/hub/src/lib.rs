//! The partner's dashboard: connect customers, see that the connection lives, and understand what happened between the
//! two. Tokens, their storage and their renewal are `causeway-vault`'s; this crate shows and asks.
//!
//! `router` is the table of addresses; `connect` is the way to a platform and back; `actions` are the buttons of a
//! connection, `accounts` those of accounts, `migrate` those of the way out of OAuth 1.0; `view` turns what the vault
//! knows into what the templates show; `gate` guards every address.

mod accounts;
mod actions;
mod assets;
mod connect;
mod data;
mod form;
mod gate;
mod hub;
mod migrate;
mod reply;
mod router;
mod serve;
mod session;
mod view;
mod words;

pub use hub::{Hint, Hub, Settings, callback_url};
pub use serve::serve;
