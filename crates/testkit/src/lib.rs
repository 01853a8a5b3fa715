//! For tests only: a clock and randomness that the test holds, a platform on a real socket, and actors who can do what
//! their credentials allow. Nothing that ships uses this crate.
//!
//! `clock` time and chance · `client` HTTP as bytes · `platform` the running server · `browser` pages without script ·
//! `grant` a consent without pages · `actors` partner and API caller · `operator` the admin door · `world` the seed
//! that the platform starts with · `wait` for what comes by itself.

pub mod actors;
pub mod browser;
pub mod client;
pub mod clock;
pub mod grant;
pub mod operator;
pub mod platform;
mod temp_dir;
pub mod wait;
pub mod world;

pub use actors::{Api, Partner};
pub use browser::{Browser, Page};
pub use causeway_server::http::faults::Plan;
pub use client::{Call, Response};
pub use clock::{Chance, Clock};
pub use grant::Consent;
pub use platform::{Builder, Common, Platform};
pub use wait::{PATIENCE, until};
