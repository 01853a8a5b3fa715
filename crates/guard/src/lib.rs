//! The API check, embeddable: credential → seal → taken-back set → route rules → pass or challenge (DESIGN, "Flows").
//! No store is known here: what a guard holds in memory is kept right by the feed, and a customer it has not met yet is
//! asked for through [`CustomerSource`].

pub mod held;

pub use held::{CustomerSource, Held, Unavailable};
