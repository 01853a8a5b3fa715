//! One contract for every engine, and what only the engine on disk can prove. What a change means is tested in
//! `protocol`; here it must be written whole, once, and never lost.

mod accounts;
mod bad_days;
mod configured;
mod contract;
mod disk;
mod durable;
mod families;
mod fixture;
mod full_disk;
mod growth;
mod legacy;
mod merged;
mod migrate;
mod postgres;
mod postgres_open;
mod races;
mod random;
mod records;
mod sql_text;
