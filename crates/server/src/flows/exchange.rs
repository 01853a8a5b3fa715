//! grant_type=oauth1_exchange: prove the pair, then connect or answer the same grant again (TOKENS 5). Never a page, never a
//! person; every rule stands in `causeway_protocol::exchange`.

use std::net::IpAddr;

use causeway_protocol::client_auth::Client;
use causeway_protocol::exchange::{self, Exchanging};
use causeway_protocol::legacy::Consumer;
use causeway_protocol::params::Params;
use causeway_protocol::profile::SubjectRule;
use causeway_protocol::records::{ClientKind, Customer, Family, Role, SubjectKey};
use causeway_protocol::token::Bearer;
use causeway_protocol::{Change, Outcome, Position, Reason, Refusal, Row, UserId};
use causeway_storage::Store;

use super::caller::{Refused, octets};
use super::hand_out::{Presented, Stands};
use super::token::ATTEMPTS;
use crate::legacy_secrets;
use crate::node::{Node, refusal_of};
use crate::shared::Shared;
use crate::throttle::Key;

/// No key and no secret is longer, in bytes.
const MAX_PAIR: usize = 512;

pub(crate) async fn run(
    shared: &Shared,
    client: Client<'_>,
    params: &Params,
    source: IpAddr,
) -> Result<String, Refused> {
    let node = &shared.node;
    let now = node.now();
    exchange::offered(&node.profile, now)?;
    if client.app().kind != ClientKind::Confidential {
        return Err(Reason::GrantNotAllowed.into());
    }
    let (key, secret) = (params.require("consumer_key")?, params.require("consumer_secret")?);
    if key.len() > MAX_PAIR || secret.len() > MAX_PAIR {
        return Err(Reason::ParameterMalformed.about("consumer_key or consumer_secret is too long").into());
    }
    let (consumer, customer) = proven(shared, client, key, secret, source).await?;
    let asking = Exchanging { client, consumer: &consumer, customer: &customer, now };
    exchange::check(&asking)?;
    for _ in 0..ATTEMPTS {
        if let Some(mark) = node.store.exchanged(client.id(), consumer.id).await.map_err(refusal_of)?
            && !mark.reopened
        {
            let connection = node.store.connection(mark.connection).await.map_err(refusal_of)?;
            let connection = connection.ok_or(Reason::ExchangeRevoked)?;
            let held = node.store.families(connection.id).await.map_err(refusal_of)?;
            let idle = node.profile.token.refresh_life.idle;
            let family = exchange::again(&mark, &held, connection.live, idle, now)?;
            let user = acting(node, &customer).await?;
            return again(shared, &asking, secret, family, user).await;
        }
        if let Some(reply) = first(shared, &asking, secret).await? {
            return Ok(reply);
        }
        // Somebody was quicker, or the connection stands cut.
        still_open(node, &asking).await?;
    }
    Err(Reason::StoreFailed.into())
}

/// The pair, if key and secret go together. An unknown key, a wrong secret and a pair that is off are one answer, after the
/// same work; only who fails is throttled, so nobody can lock a customer out.
async fn proven(
    shared: &Shared,
    client: Client<'_>,
    key: &str,
    secret: &str,
    source: IpAddr,
) -> Result<(Consumer, Customer), Refused> {
    let node = &shared.node;
    let found = node.store.consumer(key).await.map_err(refusal_of)?.map(|standing| standing.consumer);
    let kept = match &found {
        Some(consumer) => legacy_secrets::open(node, key, &consumer.secret).await?,
        None => legacy_secrets::open(node, key, &legacy_secrets::seal(node, key, key)).await?,
    };
    let digests = (legacy_secrets::digest(kept.expose()), legacy_secrets::digest(secret));
    let same = aws_lc_rs::constant_time::verify_slices_are_equal(&digests.0, &digests.1).is_ok();
    if let Some(consumer) = found.filter(|_| same) {
        let customer = node.store.customer(consumer.customer).await.map_err(refusal_of)?;
        return Ok((consumer, customer.ok_or(Reason::ExchangePairInvalid)?));
    }
    let who = Key::of(&[b"exchange", &client.id().0.to_be_bytes(), &octets(source)]);
    Err(match shared.exchange_failures.failed(who, node.clock.monotonic_nanos()) {
        Some(wait) => Refused { refusal: Reason::ExchangeThrottled.refuse(), wait: Some(wait) },
        None => Reason::ExchangePairInvalid.into(),
    })
}

/// Whom the grant acts as.
async fn acting(node: &Node, customer: &Customer) -> Result<UserId, Refusal> {
    if let Some(creator) = exchange::site_creator(customer) {
        return Ok(creator);
    }
    // Sites that were brought in without their makers: the customer's first administrator stands for them.
    let admin = node.store.first_person(customer.id, Role::CustomerAdmin).await.map_err(refusal_of)?;
    admin.map(|person| person.id).ok_or_else(|| Reason::ExchangePairInvalid.about("nobody administers this customer"))
}

/// A first exchange; `None` is stale.
async fn first(shared: &Shared, asking: &Exchanging<'_>, consumer_secret: &str) -> Result<Option<String>, Refused> {
    let node = &shared.node;
    let ring = node.ring();
    let user = acting(node, asking.customer).await?;
    let (app, consumer, family) = (asking.client.id(), asking.consumer.id, node.family_id());
    let secret = exchange::secret(&ring.derive(exchange::PURPOSE), consumer_secret, app, consumer, family);
    let change = exchange::first(asking, user, family, &secret, ring.sealing(), &node.profile);
    let Outcome::Applied(applied) = node.apply(Change::Exchange(change)).await? else { return Ok(None) };
    let Row::Family { family, .. } = &applied.row else { return Err(Reason::Internal.into()) };
    let presented = Presented {
        client: asking.client,
        bearer: bearer(asking, family, user),
        secret,
        asked: family.scopes,
        ring: &ring,
        now: asking.now,
    };
    Ok(Some(presented.fresh(shared, &Stands::written(applied)?, &node.profile.token.reply, None)?))
}

/// The same grant once more, with a fresh access token.
async fn again(
    shared: &Shared,
    asking: &Exchanging<'_>,
    consumer_secret: &str,
    family: Family,
    user: UserId,
) -> Result<String, Refused> {
    let node = &shared.node;
    let ring = node.ring();
    let (app, consumer) = (asking.client.id(), asking.consumer.id);
    let key = ring.derive_from(family.key_id, exchange::PURPOSE).ok_or(Reason::KeyUnknown)?;
    let secret = exchange::secret(&key, consumer_secret, app, consumer, family.id);
    if !family.digest.is(&secret.digest()) {
        // The consumer secret was replaced since.
        return Err(Reason::ExchangeDone.into());
    }
    let of = bearer(asking, &family, user);
    let standing = node.store.standing(of.family, of.connection, of.app, of.customer, of.user).await;
    let standing = standing.map_err(refusal_of)?;
    if standing.off {
        return Err(Reason::GrantSuspended.into());
    }
    let (asked, now) = (family.scopes, asking.now);
    let presented = Presented { client: asking.client, bearer: of, secret, asked, ring: &ring, now };
    Ok(presented.fresh(shared, &Stands::read(family, &standing), &node.profile.token.reply, None)?)
}

fn bearer(asking: &Exchanging<'_>, family: &Family, user: UserId) -> Bearer {
    Bearer {
        family: family.id,
        connection: family.connection,
        as_of: Position::ZERO,
        app: asking.client.id(),
        user,
        customer: asking.customer.id,
    }
}

/// Why a first exchange may have been stale, where trying again would not help.
async fn still_open(node: &Node, asking: &Exchanging<'_>) -> Result<(), Refusal> {
    let subject = match node.profile.policy.subject {
        SubjectRule::Customer => SubjectKey::Customer(asking.customer.id),
        SubjectRule::User => SubjectKey::User(acting(node, asking.customer).await?),
    };
    let connection = node.store.connection_of(asking.client.id(), subject).await.map_err(refusal_of)?;
    if connection.is_some_and(|connection| !connection.live) {
        return Err(Reason::ExchangeRevoked.refuse());
    }
    let consumer = node.store.consumer_by_id(asking.consumer.id).await.map_err(refusal_of)?;
    if !consumer.is_some_and(|standing| standing.consumer.active) {
        return Err(Reason::ExchangePairInvalid.refuse());
    }
    let person = node.store.person(acting(node, asking.customer).await?).await.map_err(refusal_of)?;
    match person {
        Some(person) if person.active => Ok(()),
        _ => Err(Reason::GrantSuspended.refuse()),
    }
}
