//! Every change and every read, written once over [`db::Db`] and run by both SQL engines. What an engine does better its own way
//! (the refresh, opening, waiting) stands in its own folder.

pub(crate) mod db;
