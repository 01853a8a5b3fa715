//! The API check, embeddable: credential → seal → taken-back set → route → scope → site → budget (DESIGN, "Flows").
//! No store is known here: what a guard holds in memory is kept right by the feed, and a customer it has not met yet is
//! asked for through [`CustomerSource`].
//!
//! One call is checked like this:
//!
//! ```text
//! let mut admitted = guard.begin(&call, &held, &ring)?;         // who is it, and may it call this route at all?
//! if admitted.wants_body() { admitted.read_body(headers, &bytes)?; }   // only where the profile says so
//! let pass = guard.finish(admitted, &held, &source).await?;     // for this site, within its budget
//! ```
//!
//! A [`Denied`] becomes a response by [`Guard::reply`]; a [`Pass`] becomes identity headers by [`Pass::identity`]. All of that
//! for a service that speaks `http` and `tower` is in [`layer`].

pub mod authority;
mod body;
mod budget;
mod call;
mod check;
mod credential;
mod denied;
pub mod held;
mod identity;
pub mod layer;
mod path;
mod query;
#[cfg(feature = "remote")]
pub mod remote;
pub mod reply;
mod routes;
mod sharded;
mod site;

pub use authority::Authority;
pub use budget::Left;
pub use call::{Admitted, Call, Carried, Credential, Identified, Pass, Reach, Tenant};
pub use check::{Guard, MAX_SITE_BODY};
pub use denied::Denied;
pub use held::{CustomerSource, Held, Stale, Unavailable};
pub use identity::{HEADERS as IDENTITY_HEADERS, is_identity, plain as plain_header};
