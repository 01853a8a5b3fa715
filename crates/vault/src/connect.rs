//! Connecting: the person is sent to the platform, comes back with a code, and the code becomes tokens.
//! The order of the checks on the way back is a defence: nothing is sent before the return is proven to be ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::params::Params;
use causeway_protocol::refusal::allowed_ascii;
use causeway_protocol::seal::sha256;
use causeway_protocol::secret::Secret;
use causeway_protocol::{Reason, Refusal};

use crate::client::TOKEN_ANSWER;
use crate::clock::random;
use crate::platform::Platform;
use crate::reply::{self, TokenFailure, Tokens};
use crate::store::{Connection, Pending};
use crate::timeline::{Outcome, StepKind};
use crate::vault::{Inner, Vault};
use crate::{show, speech};

/// The longest name of an account, in bytes.
const MOST_ACCOUNT: usize = 200;

const SENT_THERE: &str = "The address says which app asks and for what. “state” ties the way back to this browser; \
     “code_challenge” ties the code to this server.";
const CAME_BACK: &str = "You allowed it, and came back with a code: good once, for a short time, and worthless to \
     anybody who does not hold this app's secret and this server's verifier. “state” matched.";
const TRADED: &str = "The server, not the browser, traded the code for two tokens. The access token goes with every \
     call and ends soon; the refresh token gets the next pair.";

impl Vault {
    /// Begins: answers the address to send this session's person to. The `state` in it is good once, for this session.
    ///
    /// `account` is the partner's own name of whom it connects: one account has one connection to a platform, and
    /// connecting again repairs it. Where the platform wants the account named, it is told this very name, under which
    /// the partner registered it there (ORC-13). Error: 317 it is empty.
    pub async fn begin(&self, platform: &str, account: &str, session: &str) -> Result<String, Refusal> {
        let inner = &self.0;
        let platform = inner.platforms.get(platform).ok_or(Reason::NoSuchPage.refuse())?;
        let state = inner.random_text();
        let verifier = Secret::new(inner.random_text());
        if account.is_empty() || account.len() > MOST_ACCOUNT || account.chars().any(char::is_control) {
            return Err(Reason::AccountMissing.refuse());
        }
        let url = speech::authorize_url(platform, account, &state, &verifier);
        let now = inner.clock.now();
        let pending = Pending {
            state: sha256(&[state.as_bytes()]),
            session: sha256(&[session.as_bytes()]),
            platform: platform.key().to_owned(),
            account: account.to_owned(),
            verifier,
            ends: now + inner.limits.connect_life,
        };
        inner.store.begin(pending, now, inner.limits.connects).await?;
        let shown = format!("GET {}", url.replacen(&state, &show::hidden(&state, ""), 1).replace('&', "\n  &"));
        let meaning = format!("Your browser goes to {}. {SENT_THERE}", platform.profile.name);
        inner.note((platform.key(), account), StepKind::Authorize, Outcome::Good, (shown, String::new()), meaning);
        Ok(url)
    }

    /// Ends it: the query that the person came back with, for the session that began it.
    ///
    /// Errors: 900 the return is not this session's, was used or is too old · 901 another platform answers · 902 the
    /// platform or the person said no · 903, 905, 911 the code did not become tokens. None leaves a half-made
    /// connection.
    pub async fn finish(&self, platform: &str, session: Option<&str>, query: &Params) -> Result<Connection, Refusal> {
        let inner = &self.0;
        let platform = inner.platforms.get(platform).ok_or(Reason::NoSuchPage.refuse())?;
        let pending = inner.prove_return(platform, session, query).await?;
        let of = (platform.key(), pending.account.as_str());
        if let Err(refusal) = check_issuer(platform, query) {
            inner.note(
                of,
                StepKind::Code,
                Outcome::Bad,
                (shown_return(platform, query), String::new()),
                refusal.description(),
            );
            return Err(refusal);
        }
        if let Some(error) = query.get("error")? {
            let said = query.get("error_description")?.map(|text| format!(": {text}")).unwrap_or_default();
            let refusal = Reason::CallbackRefused.about(allowed_ascii(&format!("{error}{said}")));
            inner.note(
                of,
                StepKind::Code,
                Outcome::Bad,
                (shown_return(platform, query), String::new()),
                refusal.description(),
            );
            return Err(refusal);
        }
        let code = Secret::new(query.require("code")?);
        inner.note(
            of,
            StepKind::Code,
            Outcome::Good,
            (shown_return(platform, query), String::new()),
            CAME_BACK.to_owned(),
        );
        // From here on, the browser may go away: what the platform hands out must not be lost.
        let (vault, key) = (self.clone(), platform.key().to_owned());
        let task = tokio::spawn(async move { vault.0.redeem(&key, pending, &code).await });
        let connection = task.await.map_err(|_| Reason::Internal.refuse())??;
        // Names the customer and its sites; a platform in trouble must not undo the connection.
        if let Err(refusal) = self.load_sites(connection.id).await {
            tracing::warn!(reason = refusal.reason.number(), "the sites could not be listed");
        }
        self.connection(connection.id).await
    }
}

impl Inner {
    /// 256 random bits as 43 characters: good as `state` and as `code_verifier`.
    pub(crate) fn random_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(random::<32>(self.entropy.as_ref()))
    }

    /// RFC 6749 10.12: `state` first, before anything is believed or sent. What is not this session's is not burnt.
    async fn prove_return(
        &self,
        platform: &Platform,
        session: Option<&str>,
        query: &Params,
    ) -> Result<Pending, Refusal> {
        let unknown = |_| Reason::CallbackStateUnknown.refuse();
        for name in ["code", "error", "error_description", "iss"] {
            query.get(name).map_err(unknown)?;
        }
        let state = query.get("state").map_err(unknown)?.ok_or(Reason::CallbackStateUnknown.refuse())?;
        let session = session.ok_or(Reason::CallbackStateUnknown.refuse())?;
        let (state, session) = (sha256(&[state.as_bytes()]), sha256(&[session.as_bytes()]));
        let taken = self.store.take(state, session, platform.key().to_owned(), self.clock.now()).await?;
        taken.ok_or(Reason::CallbackStateUnknown.into())
    }

    async fn redeem(&self, platform: &str, pending: Pending, code: &Secret) -> Result<Connection, Refusal> {
        let platform = self.platforms.get(platform).ok_or(Reason::NoSuchPage.refuse())?;
        let tokens = self.exchange(platform, &pending, code).await?;
        let asked = speech::asked(platform).join(" ");
        let (key, now) = (platform.key().to_owned(), self.clock.now());
        Ok(self.store.connect(key, pending.account, asked, tokens, now).await?)
    }

    /// A lost answer is asked for once more under the same key; a code is good once, so there is no third time.
    async fn exchange(&self, platform: &Platform, pending: &Pending, code: &Secret) -> Result<Tokens, Refusal> {
        let out = speech::exchange(platform, code, &pending.verifier, &Secret::new(self.random_text()));
        let mut attempt = 0;
        loop {
            let of = (platform.key(), pending.account.as_str());
            let (failure, reply) = match self.send(platform, &out, TOKEN_ANSWER).await {
                Ok(answer) => {
                    let reply = reply::shown_tokens(platform, &answer);
                    match reply::tokens(platform, &answer, self.clock.now()) {
                        Ok(tokens) => {
                            self.note(of, StepKind::Tokens, Outcome::Good, (out.shown, reply), TRADED.to_owned());
                            return Ok(tokens);
                        }
                        Err(failure) => (failure, reply),
                    }
                }
                Err(why) => {
                    (TokenFailure::Transient { why: why.words().to_owned(), retry_after: None }, why.words().to_owned())
                }
            };
            let refusal = refusal_of(&failure);
            self.note(of, StepKind::Tokens, Outcome::Bad, (out.shown.clone(), reply), refusal.description());
            let wait = match &failure {
                TokenFailure::Transient { retry_after, .. } if attempt == 0 => self.wait(attempt, *retry_after),
                _ => None,
            };
            self.clock.pause(wait.ok_or(refusal)?).await;
            attempt += 1;
        }
    }
}

fn refusal_of(failure: &TokenFailure) -> Refusal {
    match failure {
        TokenFailure::InvalidGrant(said) => Reason::ExchangeFailed.about(reply::both("invalid_grant", said)),
        TokenFailure::Other { code, said } => Reason::ExchangeFailed.about(reply::both(code, said)),
        TokenFailure::Transient { why, .. } => Reason::PlatformUnreachable.about(why.clone()),
    }
}

/// RFC 9207 2.4: compared as it is; must be there when the platform promises it.
fn check_issuer(platform: &Platform, query: &Params) -> Result<(), Refusal> {
    match query.get("iss")? {
        Some(issuer) if issuer == platform.issuer => Ok(()),
        Some(_) => Err(Reason::CallbackIssuer.refuse()),
        None if platform.profile.authorize.iss => Err(Reason::CallbackIssuer.about("iss is missing")),
        None => Ok(()),
    }
}

/// The query of the way back, for people.
fn shown_return(platform: &Platform, query: &Params) -> String {
    let mut lines = vec![format!("GET {}", platform.redirect_uri), String::new()];
    for (name, secret) in
        [("code", true), ("state", true), ("iss", false), ("error", false), ("error_description", false)]
    {
        if let Ok(Some(value)) = query.get(name) {
            let prefix = if name == "code" { platform.profile.token.prefixes.code.as_str() } else { "" };
            let shown = if secret { show::hidden(value, prefix) } else { show::excerpt(value, 300) };
            lines.push(format!("{name} = {shown}"));
        }
    }
    lines.join("\n")
}
