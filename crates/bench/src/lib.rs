//! The measuring tools: a closed-loop HTTP/1.1 load generator, and what it needs to get tokens as a person would.
//!
//! It imports no crate of ours: it knows the product from outside only, by its description and its pages.

pub mod args;
pub mod chain;
pub mod connect;
pub mod http;
pub mod meter;
pub mod pages;
pub mod place;
pub mod resume;
pub mod work;

/// What a tool answers when it cannot go on: a sentence for the person who started it.
pub type Result<T> = std::result::Result<T, String>;
