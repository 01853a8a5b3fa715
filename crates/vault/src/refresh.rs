//! Renewing: one refresh at a time per connection, the new pair on disk before anybody uses it, a lost answer asked for
//! again under the same key. When to renew is decided here too; what a call does with the token is `lifecycle.rs`'s.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal};

use crate::client::TOKEN_ANSWER;
use crate::reply::{self, TokenFailure, Tokens};
use crate::speech;
use crate::store::{Ask, Claim, Connection, Live, Status};
use crate::timeline::{Outcome, StepKind};
use crate::vault::{Inner, Vault};

/// How often a refresh held by another process is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// After an early refresh failed, the next early one is not before this.
const EARLY_REST: Seconds = Seconds(30);

const OVER: &str = "The refresh token has ended: the platform lets none live longer.";
const NO_REFRESH: &str = "The access token is not good any more, and the platform gave no refresh token.";

/// Why a pair is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It still works: a failure is no harm, so there is one try.
    Early,
    /// It does not work any more.
    Needed,
    /// A person asked, also for a connection that the platform ended.
    Asked,
}

impl Vault {
    /// A new pair now, because a person asks. On a connection that the platform ended, this finds out whether it lives
    /// again.
    pub async fn refresh_now(&self, id: i64) -> Result<Connection, Refusal> {
        let connection = self.connection(id).await?;
        Ok(self.0.seen(self.0.renew(id, connection.generation, Why::Asked).await?.connection))
    }

    /// Renews every connection whose time has come, and ends those whose time is over. Answers how many were renewed;
    /// failures are retried at the next call.
    pub async fn renew_due(&self) -> Result<usize, Refusal> {
        let (mut renewed, mut after) = (0, 0);
        loop {
            let page = self.connections_after(after).await?;
            let Some(last) = page.last() else { return Ok(renewed) };
            after = last.id;
            for connection in page {
                let over = connection.access_is_over(self.now()) && connection.refresh_is_over(self.now());
                let due = connection.status == Status::Connected && (over || self.0.is_due(&connection));
                if due && self.0.renew(connection.id, connection.generation, Why::Early).await.is_ok() {
                    renewed += 1;
                }
            }
        }
    }

    /// Keeps all connections fresh until dropped: looks every half minute.
    pub async fn keep_renewing(self) {
        loop {
            self.0.clock.pause(Duration::from_secs(30)).await;
            if let Err(refusal) = self.renew_due().await {
                tracing::warn!(reason = refusal.reason.number(), "the connections could not be looked through");
            }
        }
    }
}

impl Inner {
    /// Whether it is time to renew early. Never where the refresh token has ended: the platform would say no.
    pub(crate) fn is_due(&self, connection: &Connection) -> bool {
        let now = self.clock.now();
        let rests = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        self.renews(connection).is_some_and(|at| at <= now)
            && !connection.refresh_is_over(now)
            && rests.get(&connection.id).is_none_or(|until| *until <= now)
    }

    /// Replaces pair `seen`, unless that happened already. A caller that goes away does not stop it: the answer must be
    /// stored.
    pub(crate) async fn renew(self: &Arc<Self>, id: i64, seen: i64, why: Why) -> Result<Live, Refusal> {
        let inner = Arc::clone(self);
        let task = tokio::spawn(async move {
            let gate = inner.gate(id);
            let _alone = gate.lock().await;
            let result = inner.renew_alone(id, seen, why).await;
            let mut rests = inner.not_before.lock().unwrap_or_else(PoisonError::into_inner);
            match &result {
                Err(_) => rests.insert(id, inner.clock.now() + EARLY_REST),
                Ok(_) => rests.remove(&id),
            };
            drop(rests);
            result
        });
        task.await.map_err(|_| Reason::Internal.refuse())?
    }

    async fn renew_alone(&self, id: i64, seen: i64, why: Why) -> Result<Live, Refusal> {
        if why != Why::Asked && self.is_over(id, seen).await? {
            return self.ended(id, seen, OVER.to_owned()).await;
        }
        let tries = if why == Why::Early { 1 } else { self.limits.tries };
        // A lease outlives one request, never a crash by much.
        let lease = self.limits.timeout + Duration::from_secs(5);
        let mut looks = lease.as_millis() / LOOK.as_millis() + 2;
        let mut attempt = 0;
        loop {
            let ask = Ask {
                id,
                seen,
                revive: why == Why::Asked,
                fresh_key: Secret::new(self.random_text()),
                now_ms: self.clock.millis() as i64,
                lease_ms: lease.as_millis() as i64,
            };
            let (live, refresh, retry_key, begun) = match self.store.claim(ask).await? {
                Claim::Mine { live, refresh, retry_key, begun } => (live, refresh, retry_key, begun),
                Claim::Newer(live) => return Ok(live),
                Claim::NoRefreshToken => return self.cannot_renew(id, seen, why).await,
                Claim::Ended(Some(Status::ReconnectNeeded { reason, .. })) => {
                    return Err(Reason::ReconnectNeeded.about(reason));
                }
                Claim::Ended(_) => return Err(Reason::NotConnected.refuse()),
                Claim::Held if looks == 0 || why == Why::Early => {
                    return Err(Reason::PlatformUnreachable.about("another process is renewing the tokens"));
                }
                Claim::Held => {
                    looks -= 1;
                    self.clock.pause(LOOK).await;
                    continue;
                }
            };
            let failure = match self.ask_for_pair(&live, &refresh, &retry_key).await {
                Ok(tokens) => match self.store.save(id, seen, tokens, self.clock.now()).await? {
                    Some(live) => return Ok(live),
                    None => continue,
                },
                Err(failure) => failure,
            };
            match failure {
                TokenFailure::InvalidGrant(said) => return self.ended(id, seen, said).await,
                TokenFailure::Other { code, said } => {
                    // An earlier try may have been done, its answer lost: only its key finds that answer again.
                    if begun {
                        self.store.release(id).await?
                    } else {
                        self.store.abandon(id).await?
                    }
                    return Err(Reason::RefreshRefused.about(reply::both(&code, &said)));
                }
                TokenFailure::Transient { why, retry_after } => {
                    self.store.release(id).await?;
                    attempt += 1;
                    let wait = (attempt < tries).then(|| self.wait(attempt - 1, retry_after)).flatten();
                    self.clock.pause(wait.ok_or_else(|| Reason::PlatformUnreachable.about(why))?).await;
                }
            }
        }
    }

    /// One request, and its step for the timeline.
    async fn ask_for_pair(&self, live: &Live, refresh: &Secret, key: &Secret) -> Result<Tokens, TokenFailure> {
        let unknown = |_| TokenFailure::Other { code: "unconfigured".to_owned(), said: String::new() };
        let platform = self.platform_of(&live.connection).map_err(unknown)?;
        let out = speech::refresh(platform, refresh, key);
        let (result, reply) = match self.send(platform, &out, TOKEN_ANSWER).await {
            Ok(answer) => (reply::renewed(platform, &answer, self.clock.now()), reply::shown_tokens(platform, &answer)),
            Err(why) => {
                let words = why.words().to_owned();
                (Err(TokenFailure::Transient { why: words.clone(), retry_after: None }), words)
            }
        };
        let (outcome, meaning) = told(&result);
        let of = (platform.key(), live.connection.account.as_str());
        self.note(of, StepKind::Refresh, outcome, (out.shown, reply), meaning);
        result
    }

    /// `invalid_grant` ends the connection (CORE-22), unless somebody moved it on meanwhile.
    pub(crate) async fn ended(&self, id: i64, seen: i64, said: String) -> Result<Live, Refusal> {
        if self.store.end(id, seen, said.clone(), self.clock.now()).await? {
            return Err(Reason::ReconnectNeeded.about(said));
        }
        match self.store.live(id).await? {
            Some(live) => Self::working(&live.connection).map(|()| live),
            None => Err(Reason::NotConnected.refuse()),
        }
    }

    /// Whether the refresh token of pair `seen` has ended: asking would be useless (OTE-13).
    async fn is_over(&self, id: i64, seen: i64) -> Result<bool, Refusal> {
        let of_pair = |connection: &Connection| connection.generation == seen && connection.status == Status::Connected;
        let found = self.store.connection(id).await?.filter(of_pair);
        Ok(found.is_some_and(|connection| connection.refresh_is_over(self.clock.now())))
    }

    /// Without a refresh token, a connection ends with its access token, and not before.
    async fn cannot_renew(&self, id: i64, seen: i64, why: Why) -> Result<Live, Refusal> {
        let connection = self.store.connection(id).await?.ok_or(Reason::NotConnected.refuse())?;
        Self::working(&connection)?;
        if why == Why::Needed || connection.access_is_over(self.clock.now()) {
            return self.ended(id, seen, NO_REFRESH.to_owned()).await;
        }
        Err(Reason::RefreshRefused.about("the platform gave no refresh token"))
    }
}

/// What the answer means, for the timeline.
fn told(result: &Result<Tokens, TokenFailure>) -> (Outcome, String) {
    match result {
        Ok(tokens) if tokens.refresh.is_some() => (
            Outcome::Good,
            "A new pair came, and was stored before it is used. The old refresh token is spent.".to_owned(),
        ),
        Ok(_) => (Outcome::Good, "A new access token came. The refresh token stays the same.".to_owned()),
        Err(TokenFailure::InvalidGrant(_)) => {
            let meaning = "The platform does not honour the refresh token any more: a person must connect again.";
            (Outcome::Bad, format!("{meaning} Nothing is tried again by itself."))
        }
        Err(TokenFailure::Other { code, said }) => {
            let why = reply::both(code, said);
            (Outcome::Bad, format!("The platform refused for another reason ({why}). The connection is kept."))
        }
        Err(TokenFailure::Transient { why, .. }) => {
            let meaning = format!("No usable answer: {why}. That says nothing about the connection.");
            (Outcome::Wait, format!("{meaning} The same request is repeated, under the same key."))
        }
    }
}
