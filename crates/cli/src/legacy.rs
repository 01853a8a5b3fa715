//! `causeway legacy report`: who still calls with OAuth 1.0, as a table or as CSV. What counts stands in the server.

use std::path::PathBuf;

use causeway_protocol::UnixTime;
use causeway_protocol::legacy::LegacyLine;
use causeway_server::clock::{Clock, System};
use causeway_server::flows::legacy::{CSV_HEAD, DAYS, Totals, csv, of_directory};

use crate::{Failure, terminal};

/// What was asked for.
pub(crate) struct Options {
    /// The platform's data directory; it may be in use.
    pub(crate) data: PathBuf,
    /// For a spreadsheet.
    pub(crate) csv: bool,
}

/// Prints the report.
pub(crate) async fn report(options: Options) -> Result<(), Failure> {
    let (lines, totals) =
        of_directory(&options.data, System.now()).await.map_err(|why| Failure::Problems(vec![why]))?;
    terminal::out(if options.csv { table_as_csv(&lines) } else { table(&lines, totals) }.trim_end());
    Ok(())
}

fn table_as_csv(lines: &[LegacyLine]) -> String {
    lines.iter().fold(CSV_HEAD.to_owned(), |text, line| text + &csv(line))
}

fn table(lines: &[LegacyLine], totals: Totals) -> String {
    let head = ["CUSTOMER", "NAME", "KEY", "CALLS", "MOSTLY", "LAST CALL", "MOVED"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(lines.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..7).map(width).collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body: Vec<String> = rows.iter().map(line).collect();
    let Totals { active, calling, left, exchanged, .. } = totals;
    format!(
        "{}\n\n{active} keys work; {calling} called in the last {DAYS} days, {left} of them not exchanged yet; {exchanged} exchanged.",
        body.join("\n")
    )
}

fn row(line: &LegacyLine) -> [String; 7] {
    let moved = match (line.exchanges, line.active && line.calls > 0) {
        (1.., _) => "yes",
        (0, true) => "not yet",
        (0, false) => "quiet",
    };
    [
        plain(&line.customer_external),
        plain(&line.customer_name),
        plain(&line.key) + if line.active { "" } else { " (off)" },
        line.calls.to_string(),
        plain(line.route.as_deref().unwrap_or("-")),
        line.last_at.map_or_else(|| "never".to_owned(), UnixTime::rfc3339),
        moved.to_owned(),
    ]
}

/// A name as a terminal may show it: no control characters, not too long.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect()
}
