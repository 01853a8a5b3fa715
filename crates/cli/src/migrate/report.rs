//! What became of each pair, as a table with its sum, or as CSV. Pages of the journal are printed as they are read, so
//! a million pairs take no more memory than a thousand.

use std::collections::BTreeMap;

use causeway_protocol::Refusal;
use causeway_vault::ApiRequest;
use causeway_vault::legacy::Scheme;
use causeway_vault::migrate::{Campaign, Counts, PairLine, PairState};

use crate::terminal;

const PAGE: u32 = 1_000;
/// So many different reasons are counted one by one.
const REASONS: usize = 20;
const CSV_HEAD: &str =
    "account,consumer_key,state,scheme,connection,connected,asked,unanswered,secret_kept,updated,tried,why";

/// Prints it.
pub(super) async fn print(campaign: &Campaign, csv: bool, attempt: Option<String>) -> Result<(), Refusal> {
    let widths = if csv { [0; 2] } else { widths(campaign).await? };
    terminal::out(&if csv { CSV_HEAD.to_owned() } else { table_line(widths, &HEAD.map(str::to_owned)) });
    let (mut counts, mut reasons) = (Counts::default(), BTreeMap::<String, u64>::new());
    let mut after = 0;
    loop {
        let page = campaign.report(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        let mut shown = Vec::with_capacity(page.len());
        for line in &page {
            counts.count(line.state);
            let tried = match &attempt {
                Some(path) => tried(campaign, line, path).await,
                None => String::new(),
            };
            shown.push(if csv { csv_line(line, &tried) } else { row(widths, line, &tried) });
            if line.state == PairState::Refused && (reasons.len() < REASONS || reasons.contains_key(&line.why)) {
                *reasons.entry(line.why.clone()).or_default() += 1;
            }
        }
        terminal::out(&shown.join("\n"));
    }
    if !csv {
        terminal::out(&format!("\n{}", sum(counts)));
        reasons.iter().for_each(|(why, count)| terminal::out(&format!("  refused {count}: {why}")));
    }
    Ok(())
}

/// The sum, in a line.
pub(super) fn sum(counts: Counts) -> String {
    let Counts { done, refused, pending } = counts;
    format!("{} pairs = {done} done + {refused} refused + {pending} pending", counts.pairs())
}

const HEAD: [&str; 7] = ["ACCOUNT", "CONSUMER KEY", "STATE", "CALLS WITH", "ASKED", "TRIED", "WHY"];

/// How wide the first two columns are.
async fn widths(campaign: &Campaign) -> Result<[usize; 2], Refusal> {
    let mut widths = [HEAD[0].len(), HEAD[1].len()];
    let mut after = 0;
    loop {
        let page = campaign.report(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(widths) };
        after = last.number;
        for line in &page {
            for (width, text) in widths.iter_mut().zip([&line.account, &line.consumer_key]) {
                *width = (*width).max(text.chars().count()).min(40);
            }
        }
    }
}

fn table_line(widths: [usize; 2], cells: &[String; 7]) -> String {
    let [account, key, state, scheme, asked, tried, why] = cells;
    let [first, second] = widths;
    format!("{account:first$}  {key:second$}  {state:7}  {scheme:10}  {asked:>5}  {tried:5}  {why}")
        .trim_end()
        .to_owned()
}

fn row(widths: [usize; 2], line: &PairLine, tried: &str) -> String {
    let cut = |text: &str| {
        if text.chars().count() > 40 { text.chars().take(39).chain(['…']).collect() } else { text.to_owned() }
    };
    let cells = [
        cut(&line.account),
        cut(&line.consumer_key),
        line.state.word().to_owned(),
        scheme(line).to_owned(),
        line.asked.to_string(),
        tried.to_owned(),
        line.why.clone(),
    ];
    table_line(widths, &cells)
}

/// What the API answers this account: a status, or the number of the refusal.
async fn tried(campaign: &Campaign, line: &PairLine, path: &str) -> String {
    let reply = campaign.vault().call_account(campaign.platform(), &line.account, &ApiRequest::get(path)).await;
    match reply {
        Ok(reply) => reply.reply.status.to_string(),
        Err(refusal) => format!("C-{}", refusal.reason.number()),
    }
}

fn scheme(line: &PairLine) -> &'static str {
    line.scheme.map_or("nothing", Scheme::word)
}

fn csv_line(line: &PairLine, tried: &str) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let cells = [
        line.account.as_str(),
        &line.consumer_key,
        line.state.word(),
        scheme(line),
        &line.connection.map_or_else(String::new, |id| id.to_string()),
        yes(line.connected),
        &line.asked.to_string(),
        &line.unanswered.to_string(),
        yes(line.secret_kept),
        &line.updated.rfc3339(),
        tried,
        &harmless(&line.why),
    ];
    cells.map(quoted).join(",")
}

/// RFC 4180.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// The platform's words come from outside: a spreadsheet must not take them for a formula.
fn harmless(why: &str) -> String {
    if why.starts_with(['=', '+', '-', '@']) { format!("'{why}") } else { why.to_owned() }
}
