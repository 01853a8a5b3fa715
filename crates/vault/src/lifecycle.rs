//! A connection in use: calls that never go out with a dead token, the list of sites, and the end.
//! How a pair is replaced stands in `refresh.rs`.

use bytes::Bytes;
use causeway_protocol::{Reason, Refusal};
use serde_json::Value;

use crate::client::{TOKEN_ANSWER, Unreached};
use crate::platform::Platform;
use crate::refresh::Why;
use crate::reply::{self, Answer, CallMeaning};
use crate::speech::{self, ApiRequest, Outgoing};
use crate::store::{Live, Site};
use crate::timeline::{Outcome, StepKind};
use crate::vault::{Inner, Vault};

/// The longest name that a test answers, in characters.
const MOST_NAME: usize = 200;
/// Sites that are kept of a list.
const MOST_SITES: usize = 500;

/// What the platform's API answered.
#[derive(Clone, Debug)]
pub struct ApiReply {
    /// HTTP's number.
    pub status: u16,
    /// Was it done?
    pub success: bool,
    /// As sent.
    pub content_type: Option<String>,
    /// Bounded by `Limits::answer`.
    pub body: Bytes,
}

/// What came of telling the platform that a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// It ended the authorization.
    Done,
    /// It could not be told, or did not do it.
    Failed,
    /// It has no way to be told: people cut the connection there.
    NotOffered,
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Api,
    Userinfo,
}

/// What to do after one try of a call.
enum Next {
    Return(ApiReply),
    Renew,
    Repeat(Option<causeway_protocol::time::Seconds>, Refusal),
    Refuse(Refusal),
}

impl Vault {
    /// Calls the platform's API.
    ///
    /// Renews first if it is time; after a 401 renews once and repeats once. Errors: 904 a person must connect again ·
    /// 906 the permission is missing, renewing would not help · 907 the platform asks for fewer calls · 905 it cannot
    /// be reached.
    pub async fn call(&self, id: i64, request: &ApiRequest) -> Result<ApiReply, Refusal> {
        self.call_at(id, request, Place::Api).await
    }

    async fn call_at(&self, id: i64, request: &ApiRequest, place: Place) -> Result<ApiReply, Refusal> {
        let inner = &self.0;
        let mut live = inner.usable(id).await?;
        let (mut renewed, mut attempt) = (false, 0);
        loop {
            match inner.try_call(&live, request, place).await? {
                Next::Return(reply) => return Ok(reply),
                Next::Refuse(refusal) => return Err(refusal),
                Next::Renew if !renewed => {
                    live = inner.renew(id, live.connection.generation, Why::Needed).await?;
                    renewed = true;
                }
                // Here a 401 may mean a missing permission, and the platform has just honoured the grant.
                Next::Renew if inner.platform_of(&live.connection)?.profile.api.scope_missing_is_401 => {
                    return Err(Reason::PermissionMissing.refuse());
                }
                Next::Renew => {
                    let said = "The platform refuses a token that it has just issued.".to_owned();
                    inner.ended(id, live.connection.generation, said).await?;
                    return Err(Reason::PlatformUnreachable.refuse());
                }
                Next::Repeat(asked, refusal) => {
                    attempt += 1;
                    let wait = (attempt < inner.limits.tries).then(|| inner.wait(attempt - 1, asked)).flatten();
                    inner.clock.pause(wait.ok_or(refusal)?).await;
                }
            }
        }
    }

    /// Tests the connection (CAL-15): asks the platform whose it is, by the profile's `partner.test`, and answers the
    /// name.
    ///
    /// Errors: those of [`Vault::call`] · 911 the answer is no success, or holds no name · 108 the profile names no
    /// test.
    pub async fn test_connection(&self, id: i64) -> Result<String, Refusal> {
        let connection = self.connection(id).await?;
        let profile = &self.0.platform_of(&connection)?.profile;
        let Some((path, name)) = profile.partner.test.clone() else { return Err(Reason::NoSuchPage.refuse()) };
        let own = profile.endpoints.userinfo.as_ref() == Some(&path);
        let place = if own { Place::Userinfo } else { Place::Api };
        let reply = self.call_at(id, &ApiRequest::get(path), place).await?;
        if !reply.success {
            return Err(Reason::AnswerUnreadable.about(format!("it answered {}", reply.status)));
        }
        let fields = serde_json::from_slice::<serde_json::Map<String, Value>>(&reply.body).ok();
        let name = fields.as_ref().and_then(|fields| reply::plain(reply::dig(fields, &name)?));
        let name = name.map(|name| crate::show::excerpt(name.trim(), MOST_NAME)).filter(|name| !name.is_empty());
        let name = name.ok_or(Reason::AnswerUnreadable.about("it holds no name"))?;
        if profile.partner.sites_path.is_none() {
            self.0.store.name_customer(id, name.clone()).await?;
        }
        Ok(name)
    }

    /// Asks the platform which sites there are, and remembers them and the customer. Nothing happens where there are
    /// none.
    pub async fn load_sites(&self, id: i64) -> Result<(), Refusal> {
        let connection = self.connection(id).await?;
        let Some(path) = self.0.platform_of(&connection)?.profile.partner.sites_path.clone() else { return Ok(()) };
        let reply = self.call(id, &ApiRequest::get(path)).await?;
        let list = if reply.success { serde_json::from_slice(&reply.body).ok() } else { None };
        let list: Value = list.ok_or(Reason::AnswerUnreadable.about("the list of sites"))?;
        let sites: Vec<Site> = items(&list).iter().filter_map(site).take(MOST_SITES).collect();
        let first = items(&list).first();
        let customer = ["customer_name", "customer_id"].iter().find_map(|field| word(first?.get(*field)?));
        Ok(self.0.store.set_sites(id, customer, sites).await?)
    }

    /// Ends the connection here, and tells the platform if it can be told. The tokens are deleted in any case.
    /// Answers what the platform knows.
    pub async fn disconnect(&self, id: i64) -> Result<Revocation, Refusal> {
        let vault = self.clone();
        let task = tokio::spawn(async move {
            let gate = vault.0.gate(id);
            let _alone = gate.lock().await;
            vault.0.disconnect(id).await
        });
        task.await.map_err(|_| Reason::Internal.refuse())?
    }
}

impl Inner {
    /// Tokens that work as far as one can know: renewed when it is time. An early renewal that fails is no harm.
    async fn usable(self: &std::sync::Arc<Self>, id: i64) -> Result<Live, Refusal> {
        let connection = self.store.connection(id).await?.ok_or(Reason::NotConnected.refuse())?;
        Self::working(&connection)?;
        let live = self.store.live(id).await?.ok_or(Reason::NotConnected.refuse())?;
        if live.connection.access_is_over(self.clock.now()) {
            return self.renew(id, live.connection.generation, Why::Needed).await;
        }
        if live.refresh.is_none() || !self.is_due(&live.connection) {
            return Ok(live);
        }
        match self.renew(id, live.connection.generation, Why::Early).await {
            Err(refusal) if !matches!(refusal.reason, Reason::ReconnectNeeded | Reason::NotConnected) => Ok(live),
            result => result,
        }
    }

    async fn try_call(&self, live: &Live, request: &ApiRequest, place: Place) -> Result<Next, Refusal> {
        let platform = self.platform_of(&live.connection)?;
        let out = match place {
            Place::Api => speech::api_call(platform, request, &live.access)?,
            Place::Userinfo => speech::userinfo_call(platform, request, &live.access)?,
        };
        let result = self.send(platform, &out, self.limits.answer).await;
        let repeatable = request.method.is_idempotent();
        let (next, outcome, meaning) = match &result {
            Ok(answer) => understood(platform, answer, repeatable),
            Err(why) => unreached(why, repeatable),
        };
        let site = request.site.as_ref().map(|site| format!(" for site {site}")).unwrap_or_default();
        let meaning = format!("{} {}{site}: {meaning}", request.method.word(), request.path);
        let reply = result.as_ref().map_or_else(|why| why.words().to_owned(), reply::shown_call);
        let of = (platform.key(), live.connection.account.as_str());
        self.note(of, StepKind::Call, outcome, (out.shown, reply), meaning);
        Ok(next)
    }

    async fn disconnect(&self, id: i64) -> Result<Revocation, Refusal> {
        let connection = self.store.connection(id).await?.ok_or(Reason::NotConnected.refuse())?;
        let platform = self.platform_of(&connection)?;
        let of = (platform.key(), connection.account.as_str());
        // Tokens that do not open any more cannot be given back; deleting them goes on.
        let live = self.store.live(id).await.unwrap_or_default();
        let told = match &live {
            _ if !platform.profile.partner.revokes => Revocation::NotOffered,
            Some(live) => {
                let out = speech::revoke(platform, &live.access, live.refresh.as_ref());
                self.give_back(platform, of, &out).await
            }
            None => Revocation::Failed,
        };
        self.store.disconnect(id, self.clock.now()).await?;
        Ok(told)
    }

    /// RFC 7009. One try: a failing platform must not keep anybody connected (CORE-28).
    async fn give_back(&self, platform: &Platform, of: (&str, &str), out: &Outgoing) -> Revocation {
        let result = self.send(platform, out, TOKEN_ANSWER).await;
        let told = result.as_ref().is_ok_and(reply::is_given_back);
        let reply = match &result {
            Ok(answer) => reply::shown_tokens(platform, answer),
            Err(why) => why.words().to_owned(),
        };
        let (outcome, meaning) = if told {
            (Outcome::Good, "The platform ended the whole authorization. Our copies of the tokens are deleted.")
        } else {
            (Outcome::Bad, "The platform could not be told. Our copies of the tokens are deleted all the same.")
        };
        self.note(of, StepKind::Revoke, outcome, (out.shown.clone(), reply), meaning.to_owned());
        if told { Revocation::Done } else { Revocation::Failed }
    }
}

fn understood(platform: &Platform, answer: &Answer, repeatable: bool) -> (Next, Outcome, String) {
    let bad = |next, meaning: &str| (next, Outcome::Bad, meaning.to_owned());
    match reply::meaning_at(platform, answer) {
        CallMeaning::Answered => {
            let success = reply::is_success(answer.status) && reply::refusal_inside(platform, answer).is_none();
            let (content_type, body) = (answer.content_type.clone(), answer.body.clone());
            let reply = ApiReply { status: answer.status, success, content_type, body };
            if success {
                (Next::Return(reply), Outcome::Good, "the access token is good for it.".to_owned())
            } else {
                bad(Next::Return(reply), "the token was accepted; the call itself was not.")
            }
        }
        CallMeaning::TokenRefused => bad(
            Next::Renew,
            "the platform does not accept the access token. One refresh is tried, and then the call once more.",
        ),
        CallMeaning::PermissionMissing(scope) => {
            let refusal = Reason::PermissionMissing;
            let refusal = scope.map_or_else(|| refusal.refuse(), |scope| refusal.about(scope));
            bad(
                Next::Refuse(refusal),
                "the token is good, but lacks a permission. Refreshing would not help, so none is tried.",
            )
        }
        CallMeaning::Throttled(asked) => {
            let seconds = asked.map(|wait| format!("wait {wait}")).unwrap_or_default();
            let next = Next::Repeat(asked, Reason::CallThrottled.about(seconds));
            (
                next,
                Outcome::Wait,
                "too many calls. The vault waits as long as the platform asks, then repeats.".to_owned(),
            )
        }
        CallMeaning::Failing(asked) => {
            let refusal = Reason::PlatformUnreachable.about(format!("it answered {}", answer.status));
            let meaning = "the platform is in trouble. That says nothing about the connection.".to_owned();
            (if repeatable { Next::Repeat(asked, refusal) } else { Next::Refuse(refusal) }, Outcome::Wait, meaning)
        }
    }
}

fn unreached(why: &Unreached, repeatable: bool) -> (Next, Outcome, String) {
    let refusal = match why {
        Unreached::TooLarge => Reason::AnswerUnreadable.about(why.words()),
        _ => Reason::PlatformUnreachable.about(why.words()),
    };
    let meaning = format!("no answer, {}. That says nothing about the connection.", why.words());
    let again = repeatable && matches!(why, Unreached::Broken | Unreached::Slow);
    (if again { Next::Repeat(None, refusal) } else { Next::Refuse(refusal) }, Outcome::Wait, meaning)
}

/// The objects of a list, in whichever of the common envelopes.
fn items(list: &Value) -> &[Value] {
    let inside = ["results", "data", "sites"].iter().find_map(|name| list.get(name)?.as_array());
    list.as_array().or(inside).map_or(&[], Vec::as_slice)
}

fn site(item: &Value) -> Option<Site> {
    let id = word(item.get("id")?)?;
    let name =
        item.get("name").and_then(Value::as_str).map_or_else(|| id.clone(), |name| name.chars().take(200).collect());
    Some(Site { id, name, active: item.get("active").and_then(Value::as_bool).unwrap_or(true) })
}

/// An id, whether it came as a number or as text.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if (1..=64).contains(&text.len()) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
