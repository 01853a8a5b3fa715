//! OAuth 1.0 with three legs (RFC 5849 2): temporary credentials, a person who allows them, a token. Temporary credentials
//! live short and are used up by the token that they become; a verifier ties the two ends together (SECURITY O1-12).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::consent::Decider;
use causeway_protocol::legacy::{ConsumerStanding, ConsumerToken, TEMPORARY_LIFE, Temporary};
use causeway_protocol::params::{append_query, encode};
use causeway_protocol::profile::OAuth1Rules;
use causeway_protocol::records::{Act, Customer, Person};
use causeway_protocol::secret::Secret;
use causeway_protocol::{Change, Outcome, Reason, Refusal, UnixTime, UserId, oauth1_tokens, sunset};
use causeway_storage::Store;

use super::oauth1::{Claim, Proven, Signed, TokenSecret};
use crate::legacy_secrets::{self, digest};
use crate::node::{Node, refusal_of};
use crate::shared::Shared;

/// What an endpoint answers: a form, and when OAuth 1.0 ends for whom it answers.
pub(crate) type Given = (String, Option<UnixTime>);

/// A token or its secret: 192 random bits.
fn fresh(node: &Node) -> String {
    URL_SAFE_NO_PAD.encode(node.random::<24>())
}

fn form(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// `POST request_token`: temporary credentials.
pub(crate) async fn begin(shared: &Shared, rules: &OAuth1Rules, signed: &Signed<'_>) -> Result<Given, Refusal> {
    let node = &shared.node;
    let request = signed.require(rules)?;
    let back = oauth1_tokens::callback(&request, rules.without_verifier)?;
    let claim = Claim::load(node, request).await?;
    // RFC 5849 2.1: nothing but the consumer signs here.
    let token = if claim.request().token.is_some() { TokenSecret::Unknown } else { TokenSecret::None };
    let proven = claim.prove(shared, rules, signed, token).await?;
    shared.legacy_use.seen(proven.consumer.id, &format!("POST {}", rules.request_token), node.now());
    let (token, secret) = (fresh(node), Secret::new(fresh(node)));
    let temporary = Temporary {
        digest: digest(&token),
        consumer: proven.consumer.id,
        secret: legacy_secrets::seal(node, &token, secret.expose()),
        callback: back.callback,
        wants_verifier: back.wants_verifier,
        allowed: None,
        expires_at: node.now() + TEMPORARY_LIFE,
    };
    let Outcome::Applied(_) = node.apply(Change::BeginLegacy(temporary)).await? else {
        return Err(Reason::OAuth1Refused.refuse());
    };
    let mut pairs = vec![("oauth_token", token.as_str()), ("oauth_token_secret", secret.expose())];
    if back.wants_verifier {
        // Before the revision A there was no such parameter, and no callback was taken.
        pairs.push(("oauth_callback_confirmed", "true"));
    }
    Ok((form(&pairs), proven.ends_at))
}

/// `POST access_token`: what was allowed becomes a token, once.
pub(crate) async fn finish(shared: &Shared, rules: &OAuth1Rules, signed: &Signed<'_>) -> Result<Given, Refusal> {
    let node = &shared.node;
    let request = signed.require(rules)?;
    let text = request.token.clone().ok_or_else(|| Reason::ParameterMissing.about("oauth_token"))?;
    let claim = Claim::load(node, request).await?;
    let temporary = node.store.temporary(digest(&text)).await.map_err(refusal_of)?;
    let temporary = temporary.filter(|temporary| {
        claim.consumer().is_some_and(|consumer| oauth1_tokens::is_good(temporary, consumer, node.now()))
    });
    let secret = match &temporary {
        Some(temporary) => TokenSecret::Known(legacy_secrets::open(node, &text, &temporary.secret).await?),
        None => TokenSecret::Unknown,
    };
    let Proven { request, consumer, ends_at, .. } = claim.prove(shared, rules, signed, secret).await?;
    shared.legacy_use.seen(consumer.id, &format!("POST {}", rules.access_token), node.now());
    let temporary = temporary.ok_or(Reason::Internal.refuse())?;
    let user = oauth1_tokens::allowed_by(&temporary, request.verifier.as_deref().map(digest))?;
    // Nothing is issued for somebody who was switched off meanwhile (SECURITY TK-12); the request token is kept.
    let person = node.store.person(user).await.map_err(refusal_of)?;
    if !person.is_some_and(|person| person.active) {
        return Err(Reason::OAuth1Refused.refuse());
    }
    let (token, secret) = (fresh(node), Secret::new(fresh(node)));
    let row = ConsumerToken {
        digest: digest(&token),
        consumer: consumer.id,
        customer: consumer.customer,
        user,
        secret: legacy_secrets::seal(node, &token, secret.expose()),
        created_at: node.now(),
    };
    let act = act(node, user, "consumer_token.made", &consumer.key, Some(consumer.id.into()));
    match node.apply(Change::FinishLegacy { digest: temporary.digest, token: row, act }).await? {
        Outcome::Applied(_) => {}
        // Somebody was quicker with the same credentials.
        Outcome::Stale => return Err(Reason::OAuth1Refused.refuse()),
    }
    Ok((form(&[("oauth_token", &token), ("oauth_token_secret", secret.expose())]), ends_at))
}

fn act(node: &Node, user: UserId, verb: &'static str, key: &str, subject: Option<causeway_protocol::Subject>) -> Act {
    let detail: String = key.chars().take(100).collect();
    Act { at: node.now(), actor: format!("person:{user}"), verb, subject, detail }
}

/// What a person is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    temporary: Temporary,
    /// Which consumer asks.
    pub(crate) standing: ConsumerStanding,
    /// Whose it is.
    pub(crate) customer: Customer,
}

impl Question {
    /// Where the person returns to; `None`: nowhere.
    pub(crate) fn callback(&self) -> Option<&str> {
        self.temporary.callback.as_deref()
    }

    /// Whether a verifier comes back, in the address or typed.
    pub(crate) fn wants_verifier(&self) -> bool {
        self.temporary.wants_verifier
    }

    /// When OAuth 1.0 ends for this customer.
    pub(crate) fn ends_at(&self, rules: &OAuth1Rules) -> Option<UnixTime> {
        sunset::ends_at(rules, self.standing.extended_until)
    }
}

/// Finds what a request token stands for, for a person who may answer it.
pub(crate) async fn question(
    node: &Node,
    rules: &OAuth1Rules,
    token: &str,
    person: &Person,
) -> Result<Question, Refusal> {
    let now = node.now();
    let temporary = node.store.temporary(digest(token)).await.map_err(refusal_of)?;
    let temporary = temporary.filter(|temporary| now < temporary.expires_at).ok_or(Reason::FormExpired.refuse())?;
    let standing = node.store.consumer_by_id(temporary.consumer).await.map_err(refusal_of)?;
    let standing = standing.filter(|standing| standing.consumer.active).ok_or(Reason::AppNotAvailable.refuse())?;
    if let Some(refusal) = sunset::standing(rules, standing.extended_until, now).refusal(rules) {
        return Err(refusal);
    }
    if !Decider::Person(person).may_approve_for(standing.consumer.customer, &node.profile) {
        return Err(Reason::NotApprover.refuse());
    }
    let customer = node.store.customer(standing.consumer.customer).await.map_err(refusal_of)?;
    let customer = customer.filter(|customer| customer.active).ok_or(Reason::NoCustomer.refuse())?;
    Ok(Question { temporary, standing, customer })
}

/// Where an answered request leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Back to where the consumer said.
    Return(String),
    /// Nowhere; this is to be typed, if anything is.
    Here(Option<String>),
}

/// The person says yes. The same again leads to the same place.
pub(crate) async fn allow(node: &Node, token: &str, question: &Question, person: &Person) -> Result<Answered, Refusal> {
    let verifier = verifier(node, token, person.id);
    let (consumer, temporary) = (&question.standing.consumer, &question.temporary);
    let kept = (person.id, digest(&verifier));
    if temporary.allowed.is_none() {
        let act = act(node, person.id, "consumer.allowed", &consumer.key, Some(consumer.id.into()));
        let change = Change::AllowLegacy { digest: temporary.digest, person: kept.0, verifier: kept.1, act };
        if node.apply(change).await? == Outcome::Stale {
            let now = node.store.temporary(temporary.digest).await.map_err(refusal_of)?;
            let now = now.ok_or(Reason::FormExpired.refuse())?;
            return answered(question, token, &verifier, now.allowed == Some(kept));
        }
        return answered(question, token, &verifier, true);
    }
    answered(question, token, &verifier, temporary.allowed == Some(kept))
}

fn answered(question: &Question, token: &str, verifier: &str, same: bool) -> Result<Answered, Refusal> {
    if !same {
        return Err(Reason::FormDecided.refuse());
    }
    Ok(match question.callback() {
        Some(callback) => {
            Answered::Return(append_query(callback, &[("oauth_token", token), ("oauth_verifier", verifier)]))
        }
        None => Answered::Here(question.wants_verifier().then(|| verifier.to_owned())),
    })
}

/// The person says no. The consumer hears the word that OAuth 1.0’s error reports have for it; the request token
/// is left to expire.
pub(crate) fn deny(token: &str, question: &Question) -> Result<Answered, Refusal> {
    if question.temporary.allowed.is_some() {
        return Err(Reason::FormDecided.refuse());
    }
    Ok(match question.callback() {
        Some(callback) => {
            Answered::Return(append_query(callback, &[("oauth_token", token), ("oauth_problem", "user_refused")]))
        }
        None => Answered::Here(None),
    })
}

/// So many letters: 60 bits, good for ten minutes and one request token, and still to be typed.
const VERIFIER: usize = 12;
/// Letters that nobody takes for another (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Made from the key ring, so that pressing Allow twice gives the same one, and stored nowhere but as its digest.
fn verifier(node: &Node, token: &str, person: UserId) -> String {
    let key = node.ring().derive("oauth1 verifier");
    let bytes: [u8; VERIFIER] =
        causeway_protocol::seal::sha256(&[key.as_ref(), token.as_bytes(), &person.0.to_be_bytes()]);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}
