//! The partner's migration from OAuth 1.0: a list of consumer pairs becomes connections, each pair exchanged once
//! (TSM-21, TSM-23). Which scheme a call uses meanwhile is `legacy`'s; pages and the command line are the callers'.
//!
//! `pairs` reads the list, `run` asks, `store/campaign.rs` keeps the journal: pending → asking → done | refused | retry.

mod pairs;
mod run;

use std::io::BufRead;
use std::sync::Arc;

use causeway_protocol::{Reason, Refusal, UnixTime};

pub use pairs::{BadLine, MAX_LINES};
pub(crate) use run::Board;
pub use run::Ended;

use crate::clock::random;
use crate::legacy::Scheme;
use crate::store::{Added, NewPair};
use crate::vault::Vault;

/// Pairs that are stored in one transaction.
const BATCH: usize = 500;

/// Where a pair stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairState {
    /// Not asked for yet.
    Pending,
    /// Sent; the answer is not stored.
    Asking,
    /// Its connection is stored.
    Done,
    /// The platform said no.
    Refused,
    /// Asked for without an answer that says anything; will be asked for again.
    Retry,
}

impl PairState {
    /// For people and reports.
    pub fn word(self) -> &'static str {
        match self {
            PairState::Pending => "pending",
            PairState::Asking => "asking",
            PairState::Done => "done",
            PairState::Refused => "refused",
            PairState::Retry => "retry",
        }
    }

    pub(crate) fn of(number: i64) -> Self {
        match number {
            0 => PairState::Pending,
            1 => PairState::Asking,
            2 => PairState::Done,
            3 => PairState::Refused,
            _ => PairState::Retry,
        }
    }
}

/// How many pairs stand where: `pairs() == done + refused + pending`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Their connections are stored.
    pub done: u64,
    /// The platform said no.
    pub refused: u64,
    /// All others: not asked for, being asked for, to be asked for again.
    pub pending: u64,
}

impl Counts {
    /// All of them.
    pub fn pairs(self) -> u64 {
        self.done + self.refused + self.pending
    }

    /// Counts one more.
    pub fn count(&mut self, state: PairState) {
        self.add(state, 1);
    }

    pub(crate) fn add(&mut self, state: PairState, count: u64) {
        *match state {
            PairState::Done => &mut self.done,
            PairState::Refused => &mut self.refused,
            PairState::Pending | PairState::Asking | PairState::Retry => &mut self.pending,
        } += count;
    }
}

/// A migration at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// From the journal.
    pub counts: Counts,
    /// Whether this process is at it.
    pub running: bool,
    /// How this process's last run ended, if it did.
    pub ended: Option<Ended>,
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairLine {
    /// Rises along the report; the next page begins after the last one's.
    pub number: i64,
    /// The partner's own account.
    pub account: String,
    /// The pair, without its secret.
    pub consumer_key: String,
    /// Where it stands.
    pub state: PairState,
    /// The platform's words, or why it has to wait.
    pub why: String,
    /// What the account's calls carry; `None`: it cannot call.
    pub scheme: Option<Scheme>,
    /// The account's connection.
    pub connection: Option<i64>,
    /// Whether that connection's tokens are stored and it works.
    pub connected: bool,
    /// Requests that were begun for it.
    pub asked: u64,
    /// Of these, those that nobody answered.
    pub unanswered: u64,
    /// Whether its secret is still here.
    pub secret_kept: bool,
    /// When it came to stand so.
    pub updated: UnixTime,
}

/// What came of reading a list. `lines` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Lines with something on them, without the first.
    pub lines: u64,
    /// New, or with a new secret.
    pub taken: u64,
    /// There already.
    pub known: u64,
    /// Not taken; each was named.
    pub bad: u64,
}

/// How to migrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Requests that are under way at once: 1 to 64.
    pub concurrency: usize,
    /// Erase each consumer secret when its tokens are stored (TSM-23), and those that are left of pairs done earlier.
    pub erase: bool,
    /// Ask again for those that were refused.
    pub retry_refused: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { concurrency: 4, erase: false, retry_refused: false }
    }
}

/// The migration of one platform. A handle; what happened is in the vault's file, and outlives it.
#[derive(Clone, Debug)]
pub struct Campaign {
    vault: Vault,
    platform: String,
}

impl Vault {
    /// The migration of a platform. 920: it exchanges no OAuth 1.0 pairs.
    pub fn campaign(&self, platform: &str) -> Result<Campaign, Refusal> {
        let known = self.platform(platform).and_then(|platform| platform.profile.oauth1.as_ref());
        match known {
            Some(rules) if rules.exchange => Ok(Campaign { vault: self.clone(), platform: platform.to_owned() }),
            _ => Err(Reason::NoLegacyHere.refuse()),
        }
    }
}

impl Campaign {
    /// The vault that it fills.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The platform's key.
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// Takes in a CSV list: `account,consumer_key,consumer_secret[,token,token_secret]`, the first line naming the
    /// columns. Every line that is not taken is told to `bad`; the others count. The same list twice changes nothing.
    pub async fn import(&self, list: impl BufRead, mut bad: impl FnMut(BadLine)) -> Result<Imported, Refusal> {
        let mut imported = Imported::default();
        let lines = match pairs::Lines::new(list) {
            Ok(lines) => lines,
            Err(line) => {
                bad(line);
                return Ok(Imported { lines: 1, bad: 1, ..imported });
            }
        };
        let import = i64::from_be_bytes(random(self.vault.0.entropy.as_ref()));
        let mut batch: Vec<(u64, NewPair)> = Vec::with_capacity(BATCH);
        for line in lines {
            imported.lines += 1;
            match line {
                Ok(pair) => batch.push(pair),
                Err(line) => {
                    imported.bad += 1;
                    bad(line);
                }
            }
            if batch.len() == BATCH {
                self.take(import, std::mem::take(&mut batch), &mut imported, &mut bad).await?;
            }
        }
        self.take(import, batch, &mut imported, &mut bad).await?;
        Ok(imported)
    }

    async fn take(
        &self,
        import: i64,
        batch: Vec<(u64, NewPair)>,
        imported: &mut Imported,
        bad: &mut impl FnMut(BadLine),
    ) -> Result<(), Refusal> {
        let (lines, pairs): (Vec<u64>, Vec<NewPair>) = batch.into_iter().unzip();
        let inner = &self.vault.0;
        let added = inner.store.add_pairs(self.platform.clone(), import, pairs, inner.clock.now()).await?;
        for (line, added) in lines.into_iter().zip(added) {
            match added {
                Added::Taken => imported.taken += 1,
                Added::Known => imported.known += 1,
                Added::Not(what) => {
                    imported.bad += 1;
                    bad(BadLine { line, what });
                }
            }
        }
        Ok(())
    }

    /// Begins to ask, in the background. 921: somebody is at it already, in this process or in another.
    pub async fn start(&self, options: Options) -> Result<(), Refusal> {
        Arc::clone(&self.vault.0).start_run(self.platform.clone(), options).await
    }

    /// No new request is sent; those under way are waited for and stored. `None`: nothing was running.
    pub async fn stop(&self) -> Option<Ended> {
        self.vault.0.campaigns.stop(&self.platform);
        self.wait().await
    }

    /// Until the run of this process ends. `None`: there was none.
    pub async fn wait(&self) -> Option<Ended> {
        self.vault.0.campaigns.wait(&self.platform).await
    }

    /// Where it stands.
    pub async fn progress(&self) -> Result<Progress, Refusal> {
        let inner = &self.vault.0;
        let (running, ended) = inner.campaigns.state(&self.platform);
        let counts = inner.store.pair_counts(self.platform.clone()).await?;
        Ok(Progress { counts, running, ended })
    }

    /// Lines of the report after line number `after` (0 at first), at most `most`.
    pub async fn report(&self, after: i64, most: u32) -> Result<Vec<PairLine>, Refusal> {
        Ok(self.vault.0.store.pair_lines(self.platform.clone(), after, most).await?)
    }

    /// Erases the secrets of an account's pair, or of all (`None`), where the exchange is done (TSM-23). Answers how
    /// many there were; pairs that are not done keep theirs.
    pub async fn erase(&self, account: Option<&str>) -> Result<u64, Refusal> {
        Ok(self.vault.0.store.erase_pairs(self.platform.clone(), account.map(str::to_owned)).await?)
    }
}
