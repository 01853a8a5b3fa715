//! Who still calls with OAuth 1.0: the report for the platform's staff. Calls are counted in memory and flushed by the jobs;
//! what is shown is what was flushed.

use std::path::Path;

use causeway_protocol::legacy::LegacyLine;
use causeway_protocol::records::Role;
use causeway_protocol::time::Seconds;
use causeway_protocol::{ConsumerId, Reason, Refusal, UnixTime};
use causeway_storage::sqlite::ReadOnly;
use causeway_storage::{PAGE_MAX, Page, Store};

use super::session::SignedIn;
use crate::node::{Node, refusal_of};

/// So many days count as "still calling".
pub const DAYS: i64 = 30;
/// So many consumers are on a page.
pub const PAGE: u32 = 100;
/// At most so many consumers are read for the totals.
const COUNTED: usize = 10_000;

/// Only the platform's own people read it. Holding one is the permission.
pub struct Reader(());

/// Whether this person may.
///
/// # Errors
/// `NotAllowedHere`, or `NoSuchPage` on a platform that never had OAuth 1.0.
pub fn reader(node: &Node, who: &SignedIn) -> Result<Reader, Refusal> {
    if node.profile.oauth1.is_none() {
        return Err(Reason::NoSuchPage.refuse());
    }
    if who.person.role == Role::Staff { Ok(Reader(())) } else { Err(Reason::NotAllowedHere.refuse()) }
}

/// The first day that counts.
pub fn since_day(now: UnixTime) -> i64 {
    now.0.div_euclid(Seconds::DAY.0) - DAYS + 1
}

/// What is left to do, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Consumers that work.
    pub active: usize,
    /// Of these, who called within the last days.
    pub calling: usize,
    /// Of those that still call, who was never exchanged: they lose access at the end.
    pub left: usize,
    /// Whoever was exchanged by some app.
    pub exchanged: usize,
    /// There are more than were counted.
    pub more: bool,
}

impl Totals {
    /// Counts one more line.
    pub fn add(&mut self, line: &LegacyLine) {
        let calls = line.active && line.calls > 0;
        self.active += usize::from(line.active);
        self.calling += usize::from(calls);
        self.left += usize::from(calls && line.exchanges == 0);
        self.exchanged += usize::from(line.exchanges > 0);
    }
}

impl Reader {
    /// A page of lines, and whether more follow.
    pub async fn page(&self, node: &Node, after: Option<ConsumerId>) -> Result<(Vec<LegacyLine>, bool), Refusal> {
        let page = Page { after, limit: PAGE + 1 };
        let mut lines = node.store.legacy(since_day(node.now()), page).await.map_err(refusal_of)?;
        let more = lines.len() > PAGE as usize;
        lines.truncate(PAGE as usize);
        Ok((lines, more))
    }

    /// Every line, up to a bound.
    pub async fn all(&self, node: &Node) -> Result<(Vec<LegacyLine>, Totals), Refusal> {
        let mut gathered = Gathered::default();
        while gathered.all.len() < COUNTED {
            let lines = node.store.legacy(since_day(node.now()), gathered.next()).await.map_err(refusal_of)?;
            if !gathered.take(lines) {
                return Ok((gathered.all, gathered.totals));
            }
        }
        gathered.totals.more = true;
        Ok((gathered.all, gathered.totals))
    }
}

/// What was read so far, page by page.
#[derive(Default)]
struct Gathered {
    all: Vec<LegacyLine>,
    totals: Totals,
}

impl Gathered {
    fn next(&self) -> Page<ConsumerId> {
        Page { after: self.all.last().map(|last| last.consumer), limit: PAGE_MAX }
    }

    /// Whether there was anything.
    fn take(&mut self, lines: Vec<LegacyLine>) -> bool {
        let some = !lines.is_empty();
        lines.iter().for_each(|line| self.totals.add(line));
        self.all.extend(lines);
        some
    }
}

/// The whole report of a data directory, beside whoever serves it: for the command line.
///
/// # Errors
/// One line.
pub async fn of_directory(dir: &Path, now: UnixTime) -> Result<(Vec<LegacyLine>, Totals), String> {
    let store = ReadOnly::open(dir).map_err(|error| error.to_string())?;
    let mut gathered = Gathered::default();
    loop {
        let lines = store.legacy(since_day(now), gathered.next()).await.map_err(|error| error.to_string())?;
        if !gathered.take(lines) {
            return Ok((gathered.all, gathered.totals));
        }
    }
}

/// The heading of the CSV.
pub const CSV_HEAD: &str = "customer,customer_name,consumer_key,active,calls_30_days,busiest_route,last_call,exchanged_by_apps,extended_until\r\n";

/// One line of the CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets a quote before it.
pub fn csv(line: &LegacyLine) -> String {
    let time = |at: Option<UnixTime>| at.map_or_else(String::new, UnixTime::rfc3339);
    let cells = [
        cell(&line.customer_external),
        cell(&line.customer_name),
        cell(&line.key),
        line.active.to_string(),
        line.calls.to_string(),
        cell(line.route.as_deref().unwrap_or_default()),
        time(line.last_at),
        line.exchanges.to_string(),
        time(line.extended_until),
    ];
    cells.join(",") + "\r\n"
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_data_and_never_a_formula() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("Harbor & Vine"), "Harbor & Vine");
    }
}
