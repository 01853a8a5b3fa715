//! A run: so many at a time, each asks for the next pair, stores what came of it, and goes on until nothing is left, it
//! is stopped, or the platform makes clear that going on is of no use. Killed at any point, the next run heals it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Options;
use crate::client::{TOKEN_ANSWER, Unreached};
use crate::clock::random;
use crate::lock::Lock;
use crate::platform::Platform;
use crate::reply::{self, TokenFailure, Tokens};
use crate::show;
use crate::speech;
use crate::store::{Asking, Claimed, NOT_IN_THIS_RUN, Retry};
use crate::vault::Inner;

/// Times that a pair is asked for in one run.
const TRIES: u32 = 10;
/// After so many requests in a row without an answer that says anything, the platform is down.
const STREAK: u32 = 30;
/// A longer wait than this is not waited out: the run ends, and says so.
const LONGEST_WAIT: Seconds = Seconds(120);
/// The longest pause before a pair is asked for again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a worker with nothing to do now waits before it looks again.
const LOOK: Duration = Duration::from_secs(1);
/// The most requests at once.
const MOST_AT_ONCE: usize = 64;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything was asked for.
    Finished,
    /// Somebody stopped it.
    Stopped,
    /// Going on was of no use: why, in a sentence.
    Halted(String),
}

/// The runs of this process.
#[derive(Default)]
pub(crate) struct Board(Mutex<HashMap<String, Arc<Run>>>);

/// One run.
struct Run {
    stop: watch::Sender<bool>,
    ended: watch::Sender<Option<Ended>>,
    halted: Mutex<Option<String>>,
    /// Nobody asks before this, in milliseconds since the epoch: the platform wishes so.
    gate: AtomicI64,
    /// Requests without an answer that says anything, in a row.
    streak: AtomicU32,
    options: Options,
}

impl Board {
    fn get(&self, platform: &str) -> Option<Arc<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(platform).map(Arc::clone)
    }

    /// Whether one runs, and how the last one ended.
    pub(crate) fn state(&self, platform: &str) -> (bool, Option<Ended>) {
        let ended = self.get(platform).map(|run| run.ended.borrow().clone());
        (matches!(ended, Some(None)), ended.flatten())
    }

    pub(crate) fn stop(&self, platform: &str) {
        if let Some(run) = self.get(platform) {
            run.stop.send_replace(true);
        }
    }

    pub(crate) async fn wait(&self, platform: &str) -> Option<Ended> {
        let mut ended = self.get(platform)?.ended.subscribe();
        ended.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl Run {
    fn new(options: Options) -> Self {
        Self {
            stop: watch::Sender::new(false),
            ended: watch::Sender::new(None),
            halted: Mutex::default(),
            gate: AtomicI64::new(0),
            streak: AtomicU32::new(0),
            options,
        }
    }

    /// The first reason counts.
    fn halt(&self, why: String) {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.stop.send_replace(true);
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn end(&self, finished: bool) {
        let halted = self.halted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ended = match halted {
            Some(why) => Ended::Halted(why),
            None if finished => Ended::Finished,
            None => Ended::Stopped,
        };
        self.ended.send_replace(Some(ended));
    }
}

/// One run at a time for a platform, across processes.
fn take_lock(directory: &Path, platform: &str) -> Result<Lock, Refusal> {
    let taken = Lock::alone(&directory.join(format!("migrate-{platform}.lock"))).map_err(|error| {
        tracing::error!(%error, "the lock of the migration cannot be taken");
        Reason::StoreFailed.refuse()
    });
    taken?.ok_or(Reason::CampaignRuns.refuse())
}

impl Inner {
    /// Takes the lock, makes the journal ready, and sends the workers out.
    pub(crate) async fn start_run(self: Arc<Self>, platform: String, options: Options) -> Result<(), Refusal> {
        let lock = take_lock(&self.directory, &platform)?;
        self.store.begin_run(platform.clone(), options.retry_refused, self.clock.now()).await?;
        let run = Arc::new(Run::new(options));
        let mut board = self.campaigns.0.lock().unwrap_or_else(PoisonError::into_inner);
        board.insert(platform.clone(), Arc::clone(&run));
        drop(board);
        tokio::spawn(async move {
            let mut workers = JoinSet::new();
            for _ in 0..options.concurrency.clamp(1, MOST_AT_ONCE) {
                let (inner, platform, run) = (Arc::clone(&self), platform.clone(), Arc::clone(&run));
                workers.spawn(async move { inner.work(&platform, &run).await });
            }
            let mut finished = true;
            while let Some(worker) = workers.join_next().await {
                match worker {
                    Ok(Ok(done)) => finished &= done,
                    Ok(Err(refusal)) => run.halt(refusal.description()),
                    Err(_) => run.halt(Reason::Internal.refuse().description()),
                }
            }
            if options.erase
                && let Err(error) = self.store.erase_pairs(platform, None).await
            {
                run.halt(Refusal::from(error).description());
            }
            // Whoever waits for the end may start the next run at once.
            drop(lock);
            run.end(finished);
        });
        Ok(())
    }

    /// One worker. True: there was nothing left to do.
    async fn work(&self, platform: &str, run: &Run) -> Result<bool, Refusal> {
        let known = self.platforms.get(platform).ok_or(Reason::NoLegacyHere.refuse())?;
        while !run.is_stopped() {
            let now = self.clock.millis() as i64;
            let wait = match run.gate.load(Ordering::Relaxed) {
                gate if gate > now => gate - now,
                _ => {
                    let claim = i64::from_be_bytes(random(self.entropy.as_ref()));
                    match self.store.claim_pair(platform.to_owned(), claim, now).await? {
                        Claimed::Nothing => return Ok(true),
                        Claimed::Later(due) => due - now,
                        Claimed::Pair(asking) => {
                            self.ask(known, run, &asking).await.inspect_err(|refusal| {
                                // The others stop as well: what cannot be stored must not be asked for.
                                run.halt(refusal.description());
                            })?;
                            continue;
                        }
                    }
                }
            };
            let wait = Duration::from_millis(wait.unsigned_abs()).min(LOOK);
            let mut stop = run.stop.subscribe();
            tokio::select! {
                () = self.clock.pause(wait) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        Ok(false)
    }

    /// One request, and what came of it into the journal.
    async fn ask(&self, platform: &Platform, run: &Run, asking: &Asking) -> Result<(), Refusal> {
        let out = speech::oauth1_exchange(platform, &asking.consumer_key, &asking.consumer_secret);
        let sent = self.send(platform, &out, TOKEN_ANSWER).await;
        let unanswered = matches!(sent, Err(Unreached::Broken | Unreached::Slow));
        let failure = match sent {
            Ok(answer) => match reply::tokens(platform, &answer, self.clock.now()) {
                Ok(tokens) => return self.store_tokens(platform, run, asking, tokens).await,
                Err(failure) => failure,
            },
            Err(why) => TokenFailure::Transient { why: why.words().to_owned(), retry_after: None },
        };
        let now = self.clock.now();
        match failure {
            TokenFailure::InvalidGrant(said) => {
                run.streak.store(0, Ordering::Relaxed);
                Ok(self.store.pair_refused(asking, refused("invalid_grant", &said), now).await?)
            }
            TokenFailure::Other { code, said } if is_ours_to_mend(&code) => {
                run.halt(format!("The platform refuses the app, not the pair: {}", refused(&code, &said)));
                self.retry(asking, refused(&code, &said), 0, false).await
            }
            TokenFailure::Other { code, said } => {
                run.streak.store(0, Ordering::Relaxed);
                Ok(self.store.pair_refused(asking, refused(&code, &said), now).await?)
            }
            TokenFailure::Transient { why, retry_after } => self.later(run, asking, why, retry_after, unanswered).await,
        }
    }

    async fn store_tokens(
        &self,
        platform: &Platform,
        run: &Run,
        asking: &Asking,
        tokens: Tokens,
    ) -> Result<(), Refusal> {
        run.streak.store(0, Ordering::Relaxed);
        let (key, scope, now) = (platform.key().to_owned(), platform.scopes.join(" "), self.clock.now());
        let stored = self.store.pair_done(asking, key, scope, tokens, run.options.erase, now).await?;
        if stored.is_none() {
            tracing::warn!(account = asking.account, "another answer for this pair counts");
        }
        Ok(())
    }

    /// Nothing is known: when to ask again, and whether to go on at all.
    async fn later(
        &self,
        run: &Run,
        asking: &Asking,
        why: String,
        retry_after: Option<Seconds>,
        unanswered: bool,
    ) -> Result<(), Refusal> {
        let now = self.clock.millis() as i64;
        let mut pause = self.limits.back_off.saturating_mul(1 << (asking.tries - 1).min(10)).min(LONGEST_PAUSE);
        if let Some(asked) = retry_after {
            pause = pause.max(Duration::from_secs(asked.0.unsigned_abs()));
            run.gate.fetch_max(now + pause.as_millis() as i64, Ordering::Relaxed);
            if asked > LONGEST_WAIT {
                run.halt(format!("The platform asks to wait for {asked}."));
            }
        }
        if run.streak.fetch_add(1, Ordering::Relaxed) + 1 >= STREAK {
            run.halt(format!("{STREAK} requests in a row got no usable answer; the last one: {why}."));
        }
        let due = if asking.tries >= TRIES { NOT_IN_THIS_RUN } else { now + pause.as_millis() as i64 };
        self.retry(asking, why, due, unanswered).await
    }

    async fn retry(&self, asking: &Asking, why: String, due: i64, unanswered: bool) -> Result<(), Refusal> {
        Ok(self.store.pair_retry(asking, Retry { why, due, unanswered }, self.clock.now()).await?)
    }
}

/// Errors that every further pair would get as well (RFC 6749 5.2).
fn is_ours_to_mend(code: &str) -> bool {
    matches!(code, "invalid_client" | "unsupported_grant_type")
}

/// The platform's own words.
fn refused(code: &str, said: &str) -> String {
    let text = if said.is_empty() { code.to_owned() } else { format!("{code}: {said}") };
    show::excerpt(&text, 400)
}
