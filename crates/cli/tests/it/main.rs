//! The binary itself: what it starts, what it refuses, and how it ends (CONTRACTS, "Commands").

mod check;
mod demo;
mod program;
mod serve;
