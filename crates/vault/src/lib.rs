//! The partner's side: connect customers of any platform, keep their tokens encrypted and alive, call without a dead
//! token. Pages do not belong here (`causeway-hub`); the rules of OAuth that both sides share are
//! `causeway-protocol`'s.
//!
//! `speech` says, `reply` understands, `client` sends, `store` keeps; `connect` and `lifecycle` are the flows on top.
//! Add a platform by its profile alone.

mod accounts;
mod client;
pub mod clock;
pub mod configured;
mod connect;
mod keys;
pub mod legacy;
mod lifecycle;
mod lock;
pub mod migrate;
mod platform;
pub mod platforms;
mod refresh;
pub mod reply;
pub mod show;
pub mod speech;
mod store;
pub mod timeline;
mod vault;

pub use accounts::{NewAccount, Registered};
pub use keys::MasterKeys;
pub use lifecycle::{ApiReply, Revocation};
pub use platform::Platform;
pub use reply::LifeFrom;
pub use speech::{ApiRequest, Method};
pub use store::{Connection, Site, Status};
pub use vault::{Limits, PAGE, Tokens, Vault};
