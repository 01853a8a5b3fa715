//! What the machine can do in the same minute: the echo, the disk, and rotations of a store in the usual way.
//!
//! Every ratio of the bench is taken to one of these, within the round.

use super::book::{Book, number};
use super::postgres::Database;
use super::rig;
use crate::house::House;

/// Rotations of one commit.
const BATCH: &str = "64";
/// Clients of the one-statement rotation on PostgreSQL.
const CLIENTS: &str = "32";

/// E and e of this round: requests a second, and CPU seconds of a thousand.
pub(super) fn echo(house: &House, usual: &[&str], book: &mut Book) -> Result<(f64, f64), String> {
    let (beside, url) = rig::echo(house)?;
    let pid = beside.0.id().to_string();
    let said = rig::load(house, &[&["echo", "--url", &url, "--pid", &pid][..], usual].concat())?;
    drop(beside);
    let rps = book.keep("echo", &said)?;
    let cpu = number(&said, "cpu_s_per_1000");
    book.push("E", rps);
    book.push("e_us", cpu * 1000.0);
    Ok((rps, cpu))
}

/// One sync of the disk, in milliseconds: 4 KiB written over what is there, as a log that is used again does.
pub(super) fn sync(house: &House, place: &str, seconds: &str, book: &mut Book) -> Result<f64, String> {
    let said = rig::probe(house, &["sync", "--dir", place, "--seconds", seconds])?;
    let (over, append) = (number(&said["overwrite"], "p50_us") / 1000.0, number(&said["append"], "p50_us") / 1000.0);
    println!("    one sync of the disk: {over:.3} ms over old bytes, {append:.3} ms appended");
    book.push("sync_ms", over);
    Ok(over)
}

/// R64: SQLite in the usual way, random keys.
pub(super) fn random_keys(
    house: &House,
    place: &str,
    rows: &str,
    seconds: &str,
    book: &mut Book,
) -> Result<f64, String> {
    let arguments = ["random-keys", "--dir", place, "--rows", rows, "--batch", BATCH, "--seconds", seconds];
    rotations(house, "R64", &arguments, book)
}

/// The same number of moves to a commit in our own store, without a server.
pub(super) fn store(house: &House, data: &str, seconds: &str, book: &mut Book) -> Result<f64, String> {
    rotations(house, "store64", &["store", "--dir", data, "--batch", BATCH, "--seconds", seconds], book)
}

/// PGR: PostgreSQL, one statement a rotation.
pub(super) fn postgres(house: &House, database: &Database, seconds: &str, book: &mut Book) -> Result<f64, String> {
    let arguments = ["postgres", "--url", &database.probe_url(), "--clients", CLIENTS, "--seconds", seconds];
    rotations(house, "PGR", &arguments, book)
}

fn rotations(house: &House, name: &str, arguments: &[&str], book: &mut Book) -> Result<f64, String> {
    let rate = number(&rig::probe(house, arguments)?, "per_s");
    println!("    {name:<34} {rate:>8.0} rotations a second");
    book.push(name, rate);
    Ok(rate)
}
