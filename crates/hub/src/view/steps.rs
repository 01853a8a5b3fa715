//! What happened between partner and platform, for somebody who meets OAuth for the first time: five stages, and each
//! exchange.

use causeway_protocol::UnixTime;
use causeway_vault::timeline::{Outcome, Step, StepKind};

use crate::words;

/// Exchanges that a card shows, newest first.
const SHOWN: usize = 12;
/// Of these, so many without a click.
pub(super) const UNFOLDED: usize = 6;

/// One of the five stages of the flow.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) says: String,
    /// `done`, `failed` or `ahead`: a class of the style sheet.
    pub(super) look: &'static str,
}

/// One exchange.
pub(super) struct StepView {
    pub(super) name: &'static str,
    /// `good`, `wait` or `bad`.
    pub(super) look: &'static str,
    pub(super) meaning: String,
    pub(super) request: String,
    pub(super) reply: String,
    pub(super) at: String,
    pub(super) exact: String,
}

/// Where the flow stands: the last word on each stage.
pub(super) fn stages(happened: &[Step], platform: &str) -> Vec<Stage> {
    let all = [
        (StepKind::Authorize, format!("The browser asks {platform} for permission")),
        (StepKind::Code, "The browser brings back a one-time code".to_owned()),
        (StepKind::Tokens, "Our server trades the code for two tokens".to_owned()),
        (StepKind::Call, "The access token opens the API".to_owned()),
        (StepKind::Refresh, "The refresh token gets the next pair".to_owned()),
    ];
    let stage = |(kind, says)| {
        let last = happened.iter().rev().find(|step| step.kind == kind);
        let look = match last.map(|step| step.outcome) {
            None => "ahead",
            Some(Outcome::Bad) => "failed",
            Some(_) => "done",
        };
        Stage { name: name(kind), says, look }
    };
    all.into_iter().map(stage).collect()
}

/// The latest exchanges, newest first.
pub(super) fn steps(happened: &[Step], now: UnixTime) -> Vec<StepView> {
    let view = |step: &Step| {
        let at = UnixTime::from_millis(step.at);
        StepView {
            name: name(step.kind),
            look: match step.outcome {
                Outcome::Good => "good",
                Outcome::Wait => "wait",
                Outcome::Bad => "bad",
            },
            meaning: step.meaning.clone(),
            request: step.request.clone(),
            reply: step.reply.clone(),
            at: words::ago(now, at),
            exact: words::exact(at),
        }
    };
    happened.iter().rev().take(SHOWN).map(view).collect()
}

fn name(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Account => "Account",
        StepKind::Authorize => "Authorize",
        StepKind::Code => "Code",
        StepKind::Tokens => "Tokens",
        StepKind::Call => "Call",
        StepKind::Refresh => "Refresh",
        StepKind::Revoke => "Revoke",
    }
}
