//! `grant_type=oauth1_exchange`: a customer's OAuth 1.0 pair becomes a connection, once, without anybody being asked (TSM-07
//! to TSM-12; the rules are TOKENS 5's). How the pair is proven, and what is written, stands here; nothing is looked up.

use aws_lc_rs::hmac;

use crate::change::{Allow, Exchange};
use crate::client_auth::Client;
use crate::family::FamilySecret;
use crate::legacy::{Consumer, Exchanged};
use crate::profile::{OAuth1Rules, Profile, SubjectRule};
use crate::records::{Act, Customer, Family, SubjectKey, Visibility};
use crate::{AppId, ConnectionId, ConsumerId, FamilyId, Reason, Refusal, UnixTime, UserId};

/// The purpose of the ring key that family secrets of exchanges are derived from.
pub const PURPOSE: &str = "oauth1 exchange";

/// A proven pair that asks.
#[derive(Clone, Copy, Debug)]
pub struct Exchanging<'a> {
    /// The app.
    pub client: Client<'a>,
    /// The pair.
    pub consumer: &'a Consumer,
    /// Its customer.
    pub customer: &'a Customer,
    /// The time.
    pub now: UnixTime,
}

/// Whether the grant is offered now (A9: the end of OAuth 1.0 itself does not end it).
pub fn offered(profile: &Profile, now: UnixTime) -> Result<&OAuth1Rules, Refusal> {
    let rules = profile.oauth1.as_ref().filter(|rules| rules.exchange);
    let rules = rules.ok_or_else(|| Reason::GrantTypeUnsupported.refuse())?;
    match rules.exchange_ends_at {
        Some(end) if now >= end => Err(Reason::ExchangeEnded.refuse()),
        _ => Ok(rules),
    }
}

/// Whether this pair may be exchanged by this app at all (A17). The secret was compared before.
pub fn check(asking: &Exchanging<'_>) -> Result<(), Refusal> {
    let app = asking.client.app();
    if !asking.consumer.active || !asking.customer.active {
        return Err(Reason::ExchangePairInvalid.refuse());
    }
    match app.visibility {
        Visibility::Private(owner) if owner != asking.customer.id => return Err(Reason::ExchangePrivate.refuse()),
        _ => {}
    }
    if !app.serves(asking.customer.id) {
        return Err(Reason::ClientNotApproved.refuse());
    }
    let has_site = asking.customer.sites.iter().any(|site| site.active);
    if has_site { Ok(()) } else { Err(Reason::ExchangeNoActiveSite.refuse()) }
}

/// Whom the grant acts as: the creator of the lowest active site (A16). `None`: nobody knows who made them.
pub fn site_creator(customer: &Customer) -> Option<UserId> {
    let active = customer.sites.iter().filter(|site| site.active);
    active.min_by_key(|site| site.id).and_then(|site| site.creator)
}

/// The secret of the family that an exchange makes. It is derived, so that a repeat gets the same refresh token; from the
/// consumer secret too, which travels with each request, so that a leaked ring key alone still forges none; and it is stored
/// nowhere, as ever (TOKENS 4).
pub fn secret(
    ring_key: &[u8; 32],
    consumer_secret: &str,
    app: AppId,
    consumer: ConsumerId,
    family: FamilyId,
) -> FamilySecret {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, ring_key));
    for number in [app.0, consumer.0, family.0] {
        context.update(&number.to_be_bytes());
    }
    context.update(consumer_secret.as_bytes());
    let tag = context.sign();
    let mut secret = [0; 16];
    secret.copy_from_slice(&tag.as_ref()[..16]);
    FamilySecret(secret)
}

/// What to write for a first exchange.
pub fn first(
    asking: &Exchanging<'_>,
    user: UserId,
    family: FamilyId,
    secret: &FamilySecret,
    key_id: u16,
    profile: &Profile,
) -> Exchange {
    let (app, customer, now) = (asking.client.app(), asking.customer.id, asking.now);
    let subject = match profile.policy.subject {
        SubjectRule::Customer => SubjectKey::Customer(customer),
        SubjectRule::User => SubjectKey::User(user),
    };
    let act = Act {
        at: now,
        actor: format!("app:{}", app.id),
        verb: "connection.exchanged",
        subject: Some(asking.consumer.id.into()),
        detail: String::new(),
    };
    Exchange {
        consumer: asking.consumer.id,
        allow: Allow { app: app.id, subject, customer, person: user, scopes: app.scopes },
        family: Family {
            id: family,
            generation: 0,
            digest: secret.digest(),
            moved_at: now,
            ends_at: family.created_at() + profile.token.refresh_life.absolute,
            connection: ConnectionId(0),
            scopes: app.scopes,
            repudiated: false,
            key_id,
            retry: None,
        },
        max_families: profile.token.max_families,
        act,
    }
}

/// A repeat: before the first refresh, the same family once more; after it, or after anybody ended it, no (TOKENS 5).
/// `held` are the families that the connection holds, `live` whether it is. A cut frees the slots of its families, so a family
/// from before a cut is not found again, even if somebody allowed the app anew since.
pub fn again(
    mark: &Exchanged,
    held: &[Family],
    live: bool,
    idle: crate::time::Seconds,
    now: UnixTime,
) -> Result<Family, Refusal> {
    let family = held.iter().find(|family| family.id == mark.family);
    let family = family.filter(|family| live && !family.repudiated).ok_or(Reason::ExchangeRevoked.refuse())?;
    if family.generation > 0 || now >= family.ends_at || now >= family.moved_at + idle {
        return Err(Reason::ExchangeDone.refuse());
    }
    Ok(family.clone())
}
