//! For tests only: a clock and randomness that the test holds, a platform on a real socket, and actors who can do what their
//! credentials allow. Nothing that ships uses this crate.
//!
//! `clock` time and chance · `client` HTTP as bytes · `platform` the running server · `grant` a consent without pages ·
//! `person` somebody with a browser, `html` the pages · `actors` partner and API caller · `browser` a person with forms · `operator` the admin door · `world` the seed that the platform starts with.

pub mod actors;
pub mod browser;
pub mod client;
pub mod clock;
pub mod grant;
pub mod html;
pub mod operator;
pub mod person;
pub mod platform;
pub mod world;

pub use actors::{Api, Partner};
pub use browser::{Browser, Page};
pub use client::{Call, Response};
pub use clock::{Chance, Clock};
pub use grant::Consent;
pub use person::Person;
pub use causeway_server::http::faults::Plan;
pub use platform::{Builder, Platform};
