//! The page of a migration: how far it is, what became of each pair, and what can be done next. While it runs the page
//! asks for itself again, without a script.

use askama::Template;
use axum::response::Response;
use causeway_protocol::Refusal;
use causeway_vault::legacy::Scheme;
use causeway_vault::migrate::{Campaign, Counts, Ended, PairLine, PairState};

use super::initial;
use super::live::{Moment, past};
use crate::hub::{Inner, Notice, card_url};
use crate::reply;
use crate::session::Session;

/// Pairs on a page.
const LINES: u32 = 25;

#[derive(Template)]
#[template(path = "migration.html")]
struct Migration<'a> {
    title: &'a str,
    initial: String,
    key: &'a str,
    name: &'a str,
    monogram: &'a str,
    mark: String,
    notice: Option<Notice>,
    counts: Counts,
    percent: u64,
    running: bool,
    /// It ended before everything was asked for: why.
    halted: Option<String>,
    finished: bool,
    /// What the list begins with, in a demonstration.
    example: &'a str,
    guide: Option<&'a str>,
    lines: Vec<LineView>,
    /// It is not the first page.
    is_later: bool,
    /// Where the next page begins.
    next: Option<i64>,
    /// Some secret of a done pair is still here, on this page.
    can_erase: bool,
}

struct LineView {
    account: String,
    consumer_key: String,
    look: &'static str,
    state: &'static str,
    why: String,
    scheme: &'static str,
    secret: &'static str,
    at: Moment,
    show: Option<String>,
}

/// The page as it stands now.
pub(crate) async fn migration(
    hub: &Inner,
    session: &Session,
    campaign: &Campaign,
    after: i64,
) -> Result<Response, Refusal> {
    let key = campaign.platform();
    let Some(platform) = hub.vault.platform(key) else { return Err(causeway_protocol::Reason::NoSuchPage.refuse()) };
    let progress = campaign.progress().await?;
    let mut report = campaign.report(after, LINES + 1).await?;
    let has_next = report.len() > LINES as usize;
    report.truncate(LINES as usize);
    let counts = progress.counts;
    let (profile, all) = (&platform.profile, counts.pairs());
    let page = Migration {
        title: &hub.settings.title,
        initial: initial(hub),
        key,
        name: &profile.name,
        monogram: &profile.brand.monogram,
        mark: session.form_mark(),
        notice: hub.notice(&session.id).filter(|notice| notice.platform == key),
        percent: ((counts.done + counts.refused) * 100).checked_div(all).unwrap_or(0),
        counts,
        running: progress.running,
        finished: !progress.running && all > 0 && counts.pending == 0,
        halted: match progress.ended {
            Some(Ended::Halted(why)) if !progress.running => Some(why),
            _ => None,
        },
        example: if all == 0 { hub.settings.pairs.get(key).map_or("", String::as_str) } else { "" },
        guide: profile.oauth1.as_ref().and_then(|rules| rules.guide.as_deref()),
        next: report.last().map(|line| line.number).filter(|_| has_next),
        can_erase: report.iter().any(|line| line.state == PairState::Done && line.secret_kept),
        lines: report.into_iter().map(|line| shown(hub, key, line)).collect(),
        is_later: after > 0,
    };
    Ok(reply::good(&page))
}

fn shown(hub: &Inner, platform: &str, line: PairLine) -> LineView {
    let (look, state) = match line.state {
        PairState::Pending => ("new", "Waiting"),
        PairState::Asking => ("new", "Being asked"),
        PairState::Done => ("good", "Moved"),
        PairState::Refused => ("bad", "Refused"),
        PairState::Retry => ("warn", "Asked again soon"),
    };
    LineView {
        show: line.scheme.map(|_| card_url(platform, &line.account)),
        account: line.account,
        consumer_key: line.consumer_key,
        look,
        state,
        why: line.why,
        scheme: line.scheme.map_or("none", Scheme::word),
        secret: if line.secret_kept { "kept" } else { "erased" },
        at: past(hub.vault.now(), line.updated),
    }
}
