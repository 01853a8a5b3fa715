//! Who signed a request by OAuth 1.0: read it, find consumer and token, prove the signature, use its nonce up (RFC 5849 3.2).
//! What a proven request may do is asked elsewhere; giving tokens out stands in `oauth1_tokens`.

use std::sync::Arc;

use causeway_guard::{Credential, Identified};
use causeway_protocol::exchange::site_creator;
use causeway_protocol::legacy::{Consumer, ConsumerStanding, ConsumerToken};
use causeway_protocol::oauth1::{OAuth1Request, Target, within_window};
use causeway_protocol::profile::OAuth1Rules;
use causeway_protocol::records::Customer;
use causeway_protocol::secret::Secret;
use causeway_protocol::sunset::{self, Standing};
use causeway_protocol::time::Seconds;
use causeway_protocol::{Change, Outcome, Reason, Refusal, ScopeSet, UnixTime, UserId, oauth1_tokens};
use causeway_storage::Store;

use crate::legacy_secrets;
use crate::node::{Node, refusal_of};
use crate::shared::Shared;

/// A request as it was signed. The host is never the request's: it is the configured one (SECURITY O1-08).
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// As sent.
    pub method: &'a str,
    /// As sent, escapes and all.
    pub path: &'a str,
    /// As sent.
    pub query: Option<&'a str>,
    /// The header's value.
    pub authorization: Option<&'a str>,
    /// The body, only where the request says that it is a form: nothing else is signed (SECURITY O1-13).
    pub form: Option<&'a [u8]>,
}

impl Signed<'_> {
    /// Its parameters; `None` where it holds none of OAuth 1.0's own.
    pub(crate) fn read(&self, rules: &OAuth1Rules) -> Result<Option<OAuth1Request>, Refusal> {
        OAuth1Request::read(self.authorization, self.query, self.form, &rules.methods)
    }

    /// The same for an endpoint that takes nothing else.
    pub(crate) fn require(&self, rules: &OAuth1Rules) -> Result<OAuth1Request, Refusal> {
        self.read(rules)?.ok_or_else(|| Reason::ParameterMissing.about("oauth_consumer_key"))
    }
}

/// A request whose signature was right, and which came for the first time.
pub(crate) struct Proven {
    /// What it says.
    pub(crate) request: OAuth1Request,
    /// Who signed it.
    pub(crate) consumer: Consumer,
    /// Whose consumer it is; active.
    pub(crate) customer: Arc<Customer>,
    /// When OAuth 1.0 ends for this customer.
    pub(crate) ends_at: Option<UnixTime>,
}

/// What a request says about a token, and what is known of it.
pub(crate) enum TokenSecret {
    /// It names none.
    None,
    /// It names one that there is not.
    Unknown,
    /// It names one that signs with this.
    Known(Secret),
}

/// The consumer that a request names, if there is one. An unknown key costs the same as a wrong secret (TOKENS 7).
pub(crate) struct Claim {
    request: OAuth1Request,
    found: Option<ConsumerStanding>,
    secret: Secret,
}

impl Claim {
    /// Looks the consumer up. Nothing is proven yet.
    pub(crate) async fn load(node: &Node, request: OAuth1Request) -> Result<Self, Refusal> {
        let key = &request.consumer_key;
        let found = node.store.consumer(key).await.map_err(refusal_of)?;
        let secret = match &found {
            Some(standing) => legacy_secrets::open(node, key, &standing.consumer.secret).await?,
            None => decoy(node, key).await?,
        };
        Ok(Self { request, found, secret })
    }

    /// What the request says.
    pub(crate) fn request(&self) -> &OAuth1Request {
        &self.request
    }

    /// The consumer that it names.
    pub(crate) fn consumer(&self) -> Option<&Consumer> {
        self.found.as_ref().map(|standing| &standing.consumer)
    }

    /// Proves it, and uses its nonce up. Whatever is wrong has one answer (SECURITY O1-07); after the end that answer is the
    /// end, so that nobody without a signature learns who was given more time.
    pub(crate) async fn prove(
        self,
        shared: &Shared,
        rules: &OAuth1Rules,
        signed: &Signed<'_>,
        token: TokenSecret,
    ) -> Result<Proven, Refusal> {
        let (node, now) = (&shared.node, shared.node.now());
        let target = Target { method: signed.method, origin: &node.origins.api, path: signed.path };
        let none = Secret::new("");
        let token_secret = match &token {
            TokenSecret::None => None,
            TokenSecret::Unknown => Some(&none),
            TokenSecret::Known(secret) => Some(secret),
        };
        let right = self.request.verify(&target, &self.secret, token_secret) & !matches!(token, TokenSecret::Unknown);
        let everybody = sunset::standing(rules, None, now);
        let unproven = || everybody.refusal(rules).unwrap_or(Reason::OAuth1Refused.refuse());
        let found = self.found.filter(|found| right && found.consumer.active).ok_or_else(unproven)?;
        let customer = active_customer(node, &found.consumer).await?.ok_or_else(unproven)?;

        let over = sunset::standing(rules, found.extended_until, now);
        let refused = over.refusal(rules);
        if !within_window(self.request.timestamp, now, rules.window) {
            return Err(refused.unwrap_or(Reason::OAuth1Refused.refuse()));
        }
        if let Some(refused) = refused {
            shared.legacy_use.refused(found.consumer.id, over == Standing::Ended, now);
            return Err(refused);
        }
        spend(node, rules, &found.consumer, &self.request).await?;
        let ends_at = sunset::ends_at(rules, found.extended_until);
        Ok(Proven { request: self.request, consumer: found.consumer, customer, ends_at })
    }
}

/// Opening something costs what opening a row's secret costs.
async fn decoy(node: &Node, key: &str) -> Result<Secret, Refusal> {
    legacy_secrets::open(node, key, &legacy_secrets::seal(node, key, key)).await
}

/// The consumer's customer, unless that is switched off.
async fn active_customer(node: &Node, consumer: &Consumer) -> Result<Option<Arc<Customer>>, Refusal> {
    let customer = node.held.customer(consumer.customer, node).await;
    let customer = customer.map_err(|_| Reason::StoreFailed.refuse())?;
    Ok(customer.filter(|customer| customer.active))
}

/// Remembers the nonce for as long as its timestamp could be taken; the row outlives a restart (SECURITY O1-06).
async fn spend(node: &Node, rules: &OAuth1Rules, consumer: &Consumer, request: &OAuth1Request) -> Result<(), Refusal> {
    let digest = oauth1_tokens::once(consumer.id, request);
    let expires_at = request.timestamp + rules.window + Seconds(1);
    match node.apply(Change::SpendOnce { digest, expires_at }).await? {
        Outcome::Applied(_) => Ok(()),
        Outcome::Stale => Err(Reason::OAuth1Refused.refuse()),
    }
}

/// Who makes an API call, and when OAuth 1.0 ends for them.
pub(crate) async fn caller(
    shared: &Shared,
    rules: &OAuth1Rules,
    signed: &Signed<'_>,
    request: OAuth1Request,
) -> Result<(Identified, Option<UnixTime>), Refusal> {
    let node = &shared.node;
    let claim = Claim::load(node, request).await?;
    let token = token_of(node, &claim).await?;
    let secret = match (&claim.request().token, &token) {
        (None, _) => TokenSecret::None,
        (Some(text), Some(token)) => TokenSecret::Known(legacy_secrets::open(node, text, &token.secret).await?),
        (Some(text), None) => {
            decoy(node, text).await?;
            TokenSecret::Unknown
        }
    };
    let proven = claim.prove(shared, rules, signed, secret).await?;
    // Without a token it acts as whoever made the site, as an exchanged grant does (A16).
    let (customer, user) = match &token {
        Some(token) => (token.customer, token.user),
        None => (proven.customer.id, site_creator(&proven.customer).unwrap_or(UserId::NOBODY)),
    };
    let words = rules.scopes.iter().map(String::as_str);
    // The profile's reader compared the words.
    let scopes = node.held.scopes().set(words).unwrap_or(ScopeSet::EMPTY);
    let credential = Credential::Consumer(proven.consumer.id);
    Ok((Identified { credential, customer, user, scopes }, proven.ends_at))
}

/// The token that a call names: one of its own consumer's, or none.
async fn token_of(node: &Node, claim: &Claim) -> Result<Option<ConsumerToken>, Refusal> {
    let Some(text) = &claim.request().token else { return Ok(None) };
    let found = node.store.consumer_token(legacy_secrets::digest(text)).await.map_err(refusal_of)?;
    Ok(found.filter(|token| claim.consumer().is_some_and(|consumer| consumer.id == token.consumer)))
}
