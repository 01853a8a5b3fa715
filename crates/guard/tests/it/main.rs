//! The guard from outside: every rule of a check, over real seals and a real taken-back set.
//! What a single file can show by itself is tested there.

mod fuzz;
mod rules;
mod taken_back;
mod world;
