//! What just happened between the partner and a platform: each exchange with its meaning, secrets masked, newest last.
//! In memory and bounded; the log and the store know nothing of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Steps that are kept for one account of one platform.
const STEPS: usize = 40;
/// Accounts whose steps are kept.
const ACCOUNTS: usize = 500;

/// Which part of the flow it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// The app spoke of an account with its API key.
    Account,
    /// The person was sent to the platform.
    Authorize,
    /// The person came back.
    Code,
    /// The code became tokens.
    Tokens,
    /// An API call.
    Call,
    /// A new pair for the old one.
    Refresh,
    /// The tokens were given back.
    Revoke,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Good,
    /// Not yet: it is, or can be, tried again.
    Wait,
    /// Refused.
    Bad,
}

/// One exchange, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds since the epoch.
    pub at: u64,
    /// Which part of the flow.
    pub kind: StepKind,
    /// How it went.
    pub outcome: Outcome,
    /// Request line, headers and fields.
    pub request: String,
    /// Status, headers and fields; empty when there was none.
    pub reply: String,
    /// One or two sentences.
    pub meaning: String,
}

#[derive(Default)]
pub(crate) struct Timeline {
    steps: Mutex<HashMap<(String, String), VecDeque<Step>>>,
}

impl Timeline {
    pub(crate) fn add(&self, platform: &str, account: &str, step: Step) {
        let mut all = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (platform.to_owned(), account.to_owned());
        if all.len() >= ACCOUNTS && !all.contains_key(&key) {
            let quietest = all.iter().min_by_key(|(_, steps)| steps.back().map_or(0, |step| step.at));
            if let Some(key) = quietest.map(|(key, _)| key.clone()) {
                all.remove(&key);
            }
        }
        let steps = all.entry(key).or_default();
        if steps.len() >= STEPS {
            steps.pop_front();
        }
        steps.push_back(step);
    }

    pub(crate) fn of(&self, platform: &str, account: &str) -> Vec<Step> {
        let all = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&(platform.to_owned(), account.to_owned()))
            .map_or_else(Vec::new, |steps| steps.iter().cloned().collect())
    }
}
