//! The measuring tools: an HTTP/1.1 load generator and what it needs to get tokens as a person would; probes of what the
//! machine can do; and a store filled with millions of connections.
//!
//! The load generator knows the product from outside only, by its description and its pages. Crates of ours are used by the
//! probe of the store, and to make tokens for families that were filled in.

pub mod args;
pub mod arrivals;
pub mod chain;
pub mod check;
mod check_family;
pub mod connect;
pub mod fill;
pub mod history;
pub mod history_asked;
pub mod history_load;
pub mod history_steady;
pub mod http;
pub mod meter;
pub mod pages;
pub mod place;
pub mod probe;
pub mod resume;
pub mod takeback;
pub mod trees;
pub mod visit;
pub mod work;

/// What a tool answers when it cannot go on: a sentence for the person who started it.
pub type Result<T> = std::result::Result<T, String>;
