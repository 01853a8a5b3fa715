//! Every change and every read, written once over [`db::Db`] and run by both SQL engines. What an engine does better its own way
//! (the refresh, opening, waiting) stands in its own folder.

pub(crate) mod accounts;
mod apply;
pub(crate) mod apps;
pub(crate) mod connections;
pub(crate) mod db;
pub(crate) mod exchange;
pub(crate) mod families;
pub(crate) mod legacy;
pub(crate) mod people;
pub(crate) mod reads;
pub(crate) mod records;
pub(crate) mod rows;
pub(crate) mod sessions;
mod sweep;
mod txn;

pub(crate) use apply::{SWEEP_START, apply};
pub(crate) use txn::{Head, audit_all};
