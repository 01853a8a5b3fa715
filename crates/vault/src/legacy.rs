//! OAuth 1.0 while a platform still takes it: an account without a connection calls with its signed consumer pair, and
//! everybody can see which scheme is in use (TSM-22, TSM-24). How pairs become connections is `migrate`'s.

use causeway_protocol::oauth1::{SignatureMethod, Signing, sign};
use causeway_protocol::refusal::allowed_ascii;
use causeway_protocol::secret::Secret;
use causeway_protocol::time::Seconds;
use causeway_protocol::{Reason, Refusal};

use crate::client::Unreached;
use crate::migrate::PairState;
use crate::platform::Platform;
use crate::reply::{self, Answer, CallMeaning};
use crate::speech::{self, ApiRequest, Outgoing};
use crate::store::{Signer, Standing};
use crate::timeline::{Outcome, StepKind};
use crate::vault::{Inner, Vault};
use crate::{ApiReply, show};

mod notice;

pub use notice::Notice;

/// What an account's calls carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A bearer token.
    OAuth2,
    /// A signature of the consumer pair.
    OAuth1,
}

impl Scheme {
    /// What an account uses that has a connection, or a pair's secret, or neither (TSM-22).
    pub(crate) fn of(has_connection: bool, has_secret: bool) -> Option<Self> {
        match (has_connection, has_secret) {
            (true, _) => Some(Scheme::OAuth2),
            (false, true) => Some(Scheme::OAuth1),
            (false, false) => None,
        }
    }

    /// For people and reports: "OAuth 2.0".
    pub fn word(self) -> &'static str {
        match self {
            Scheme::OAuth2 => "OAuth 2.0",
            Scheme::OAuth1 => "OAuth 1.0",
        }
    }
}

/// An API call's answer, and what it went out with.
#[derive(Clone, Debug)]
pub struct AccountReply {
    /// What the call carried.
    pub scheme: Scheme,
    /// What came back.
    pub reply: ApiReply,
    /// What a 1.0 reply said of the end; empty for 2.0.
    pub notice: Notice,
}

/// An account of the partner at a platform, and how it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The partner's own name of it.
    pub account: String,
    /// For people, where it was registered under a name.
    pub name: Option<String>,
    /// What its calls carry; `None`: it cannot call.
    pub scheme: Option<Scheme>,
    /// Its connection, working or not.
    pub connection: Option<i64>,
    /// Whether that connection works.
    pub connected: bool,
    /// Where its pair stands in the migration; `None`: it has none.
    pub pair: Option<PairState>,
    /// Whether the consumer secret is still here.
    pub secret_kept: bool,
    /// What the platform said last of the end of 1.0.
    pub notice: Notice,
}

impl Vault {
    /// Calls the platform's API for an account: with its connection if it has one, else signed with its 1.0 pair.
    ///
    /// A connection that was ended, by whichever side, is not gone round by 1.0: the call is refused as [`Vault::call`]
    /// refuses it. Errors beside those: 909 neither a connection nor a pair · 922 the platform does not take the pair.
    pub async fn call_account(
        &self,
        platform: &str,
        account: &str,
        request: &ApiRequest,
    ) -> Result<AccountReply, Refusal> {
        let inner = &self.0;
        let platform = inner.platforms.get(platform).ok_or(Reason::NotConnected.refuse())?;
        match inner.store.standing(platform.key().to_owned(), account.to_owned()).await? {
            Standing::Connection(id) => {
                let reply = self.call(id, request).await?;
                Ok(AccountReply { scheme: Scheme::OAuth2, reply, notice: Notice::default() })
            }
            Standing::Pair(signer) => inner.signed(platform, account, &signer, request).await,
            Standing::Nothing => Err(Reason::NotConnected.refuse()),
        }
    }

    /// One account at a platform; `None`: nothing is known of it.
    pub async fn account(&self, platform: &str, account: &str) -> Result<Option<Account>, Refusal> {
        Ok(self.0.store.account(platform.to_owned(), account.to_owned()).await?)
    }

    /// Accounts at a platform with the scheme of each, in the order of their names, from after `after` on.
    pub async fn accounts(&self, platform: &str, after: &str, most: u32) -> Result<Vec<Account>, Refusal> {
        Ok(self.0.store.accounts(platform.to_owned(), after.to_owned(), most).await?)
    }
}

/// What to do after one try.
enum Next {
    Return(ApiReply),
    Repeat(Option<Seconds>, Refusal),
    Refuse(Refusal),
}

impl Inner {
    async fn signed(
        &self,
        platform: &Platform,
        account: &str,
        signer: &Signer,
        request: &ApiRequest,
    ) -> Result<AccountReply, Refusal> {
        let method = platform.profile.oauth1.as_ref().and_then(|rules| rules.methods.first().copied());
        let method = method.ok_or(Reason::NoLegacyHere.refuse())?;
        let mut attempt = 0;
        loop {
            // Signed anew for each try: a nonce is good once.
            let out = self.sign(platform, signer, method, request)?;
            let result = self.send(platform, &out, self.limits.answer).await;
            let next = understood(&result, request.method.is_idempotent());
            let (outcome, meaning) = match &next {
                Next::Return(reply) if reply.success => (Outcome::Good, "the signature was taken."),
                Next::Return(_) => (Outcome::Bad, "the signature was taken; the call itself was not."),
                Next::Repeat(..) => (Outcome::Wait, "not now. It is repeated with a new nonce."),
                Next::Refuse(_) => (Outcome::Bad, "it was not done."),
            };
            let meaning = format!("{} {} signed with OAuth 1.0: {meaning}", request.method.word(), request.path);
            let shown = result.as_ref().map_or_else(|why| why.words().to_owned(), reply::shown_call);
            self.note((platform.key(), account), StepKind::Call, outcome, (out.shown, shown), meaning);
            let notice = result.map(|answer| answer.notice).unwrap_or_default();
            if notice.deprecated && notice != signer.notice {
                self.store.set_notice(platform.key().to_owned(), account.to_owned(), notice.clone()).await?;
            }
            match next {
                Next::Return(reply) => return Ok(AccountReply { scheme: Scheme::OAuth1, reply, notice }),
                Next::Refuse(refusal) => return Err(refusal),
                Next::Repeat(asked, refusal) => {
                    attempt += 1;
                    let wait = (attempt < self.limits.tries).then(|| self.wait(attempt - 1, asked)).flatten();
                    self.clock.pause(wait.ok_or(refusal)?).await;
                }
            }
        }
    }

    /// The call that a bearer token would make, with a signature in its place.
    fn sign(
        &self,
        platform: &Platform,
        signer: &Signer,
        method: SignatureMethod,
        request: &ApiRequest,
    ) -> Result<Outgoing, Refusal> {
        let mut out = speech::api_call(platform, request, &Secret::new(""))?;
        let nonce = self.random_text();
        let by = Signing {
            consumer_key: &signer.consumer_key,
            consumer_secret: &signer.consumer_secret,
            token: signer.token.as_ref().map(|(token, secret)| (token.as_str(), secret)),
            method,
            nonce: &nonce,
            timestamp: self.clock.now(),
            extra: &[],
        };
        // A JSON body is not signed (RFC 5849 3.4.1.3.1).
        let header = sign(out.method, &out.url, None, &by)?;
        let key = show::excerpt(&signer.consumer_key, 100);
        let shown = format!("OAuth oauth_consumer_key = {key}, oauth_signature = {}", show::DOTS);
        out.shown = format!("{} {}\nAuthorization: {shown}", out.method, out.url);
        out.headers = vec![("authorization", Secret::new(header))];
        Ok(out)
    }
}

fn understood(result: &Result<Answer, Unreached>, repeatable: bool) -> Next {
    let answer = match result {
        Ok(answer) => answer,
        Err(Unreached::TooLarge) => return Next::Refuse(Reason::AnswerUnreadable.about(Unreached::TooLarge.words())),
        Err(why) => {
            let refusal = Reason::PlatformUnreachable.about(why.words());
            let again = repeatable && matches!(why, Unreached::Broken | Unreached::Slow);
            return if again { Next::Repeat(None, refusal) } else { Next::Refuse(refusal) };
        }
    };
    match reply::meaning(answer) {
        CallMeaning::Answered => Next::Return(ApiReply {
            status: answer.status,
            success: reply::is_success(answer.status),
            content_type: answer.content_type.clone(),
            body: answer.body.clone(),
        }),
        CallMeaning::TokenRefused => Next::Refuse(Reason::LegacyRefused.about(said(answer))),
        CallMeaning::PermissionMissing(scope) => {
            Next::Refuse(Refusal { detail: scope, ..Reason::PermissionMissing.refuse() })
        }
        CallMeaning::Throttled(asked) => Next::Repeat(asked, Reason::CallThrottled.refuse()),
        CallMeaning::Failing(asked) => {
            let refusal = Reason::PlatformUnreachable.about(format!("it answered {}", answer.status));
            if repeatable { Next::Repeat(asked, refusal) } else { Next::Refuse(refusal) }
        }
    }
}

/// The platform's words about a pair that it does not take.
fn said(answer: &Answer) -> String {
    allowed_ascii(&show::excerpt(&String::from_utf8_lossy(&answer.body[..answer.body.len().min(1000)]), 200))
}
