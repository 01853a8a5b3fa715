//! Every call of the API: through the guard, then to the platform's own API or to the sample. What is allowed is the guard's
//! decision; how a refusal reads on the wire is its `reply`'s business.

mod hygiene;
mod upstream;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use causeway_guard::reply::tell_left;
use causeway_guard::{Call, Credential, Denied, Guard, MAX_SITE_BODY, Pass};
use causeway_protocol::profile::Profile;
use causeway_protocol::records::Role;
use causeway_protocol::{Reason, Refusal, UserId};
use causeway_storage::Store;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Request};

use super::body;
use super::front::Front;
use super::identify::{self, Scheme};
use super::paced::TooSlow;
use super::queries;
use super::sample::{Sample, Seer};
use crate::node::refusal_of;
use crate::seed::SeedRecord;
use crate::shared::Shared;
use upstream::Upstream;

/// How much and how long on the way to the API behind the guard.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body: usize,
    /// For a connection to the upstream.
    pub connect: Duration,
    /// From the last byte that was sent to the upstream until the head of its answer.
    pub head: Duration,
    /// Between two pieces of its answer.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { body: 16 * 1024 * 1024, connect: seconds(5), head: seconds(30), idle: seconds(60) }
    }
}

/// The guarded API of one platform.
pub struct Api {
    /// The guard in front.
    pub guard: Guard,
    behind: Behind,
    limits: Limits,
}

enum Behind {
    Upstream(Box<Upstream>),
    Sample(Sample),
}

impl Api {
    /// Of this platform: in front of `upstream` (`http://…` or `https://…`), or of a sample made of these records.
    pub fn new(profile: &Profile, upstream: Option<&str>, records: Vec<SeedRecord>, limits: Limits) -> Self {
        let behind = match upstream {
            Some(base) => Behind::Upstream(Box::new(Upstream::new(base, limits))),
            None => Behind::Sample(Sample::new(&profile.api, records)),
        };
        Self { guard: Guard::new(profile), behind, limits }
    }
}

/// Everything on the API host that is no endpoint.
pub async fn guarded<F: Front>(State(edge): State<Arc<F>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut scheme = Scheme::default();
    let mut response = match answer(edge.as_ref(), parts, body, &mut scheme).await {
        Ok(response) => response,
        Err(denied) => edge.api().guard.reply(&denied).map(Body::from),
    };
    scheme.mark(edge.as_ref(), response.headers_mut());
    response
}

async fn answer(edge: &impl Front, parts: Parts, body: Body, scheme: &mut Scheme) -> Result<Response, Denied> {
    let admitted = admit(edge, &parts, body, scheme).await.map_err(|denied| scheme.denied(denied));
    let (pass, body) = verdict(edge, admitted).await?;
    let left = pass.left().filter(|_| edge.api().guard.api().budget_headers);
    let mut response = answer_behind(edge, &pass, parts, body).await.map_err(|denied| Denied { left, ..denied })?;
    if let Some(left) = left {
        tell_left(response.headers_mut(), left);
    }
    Ok(response)
}

async fn answer_behind(edge: &impl Front, pass: &Pass, parts: Parts, body: Content) -> Result<Response, Denied> {
    match &edge.api().behind {
        Behind::Upstream(upstream) if !edge.profile().api.routes[pass.route()].providers => {
            // Boxed, as every long way is: the future of a call that takes a short one is moved about less.
            Box::pin(upstream.forward(edge, pass, parts, body)).await
        }
        _ => edge.answer_here(pass, &parts, body).await,
    }
}

/// What a node answers itself: what it knows of accounts' providers, and the sample.
pub(super) async fn answer_in_the_node(
    edge: &Shared,
    pass: &Pass,
    parts: &Parts,
    body: Content,
) -> Result<Response, Denied> {
    if edge.node.profile.api.routes[pass.route()].providers {
        return Box::pin(queries::answer(edge, pass, parts, body)).await;
    }
    let Behind::Sample(sample) = &edge.api.behind else { return Err(Reason::RouteUnknown.into()) };
    let seer = if sample.is_personal() { Box::pin(seer(edge, pass)).await? } else { Seer::All };
    sample.answer(pass, &seer, parts, body).await.map(|reply| reply.map(Body::from))
}

/// As whom a call looks at the sample's records. A real API is told by `X-Causeway-User`, and asks its own records.
async fn seer(edge: &Shared, pass: &Pass) -> Result<Seer, Denied> {
    if pass.user() == UserId::NOBODY {
        return Ok(Seer::All);
    }
    let person = edge.node.store.person(pass.user()).await.map_err(refusal_of)?;
    let Some(person) = person else { return Err(Reason::TokenInvalid.into()) };
    let here = pass.customer().id;
    let runs = person.customer == Some(here) && person.role == Role::CustomerAdmin
        || person.teams.iter().any(|team| team.customer == here && team.role == Role::CustomerAdmin);
    Ok(if runs { Seer::All } else { Seer::Person(person.email.to_lowercase()) })
}

/// The body of a call, whole where the guard had to look into it.
pub enum Content {
    /// Read already.
    Whole(Bytes),
    /// Still to come.
    Stream(Body),
}

async fn admit(edge: &impl Front, parts: &Parts, body: Body, scheme: &mut Scheme) -> Result<(Pass, Content), Denied> {
    framing(parts)?;
    hygiene::own_hop(&parts.headers)?;
    let call = Call {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        now: edge.now(),
        monotonic_nanos: edge.monotonic_nanos(),
    };
    let (mut admitted, content) = identify::begin(edge, &call, Content::Stream(body), scheme).await?;
    let content = match content {
        Content::Stream(body) if admitted.wants_body() => {
            Content::Whole(body::collect(&parts.headers, body, MAX_SITE_BODY).await.map_err(withheld)?)
        }
        Content::Stream(body) => {
            announced(parts, edge.api().limits.body)?;
            Content::Stream(body)
        }
        whole => whole,
    };
    if let Content::Whole(whole) = &content {
        admitted.read_body(&parts.headers, whole)?;
    }
    let pass = edge.api().guard.finish(admitted, edge.held(), edge.customers()).await?;
    Ok((pass, content))
}

/// Counts what the guard said, and notes the use. A guard that cannot know asks the feed, so that the next call may pass.
pub(super) async fn verdict<T: AsPass>(edge: &impl Front, verdict: Result<T, Denied>) -> Result<T, Denied> {
    edge.metrics().verdict(verdict.as_ref().err().map(|denied| denied.reason));
    match &verdict {
        Ok(pass) => {
            let (pass, now) = (pass.as_pass(), edge.now());
            if let Some(connection) = pass.connection() {
                edge.last_used().seen(connection, now);
            }
            if let Credential::Consumer(consumer) = pass.credential() {
                let route = &edge.profile().api.routes[pass.route()];
                edge.signed_call_passed(*consumer, &format!("{} {}", route.methods.join(","), route.path), now);
            }
        }
        Err(denied) if denied.reason == Reason::GuardNotReady => {
            Box::pin(edge.catch_up()).await;
        }
        Err(_) => {}
    }
    verdict
}

/// What a verdict in favour holds.
pub(super) trait AsPass {
    /// The pass itself.
    fn as_pass(&self) -> &Pass;
}

impl AsPass for Pass {
    fn as_pass(&self) -> &Pass {
        self
    }
}

impl AsPass for (Pass, Content) {
    fn as_pass(&self) -> &Pass {
        &self.0
    }
}

/// Only plain chunks: hyper has dropped a Content-Length beside them and will close the connection (RFC 9112 6.3), but another
/// coding underneath would be read differently by whoever stands before or behind us. A GET has no body: nobody looks for a
/// site in one here, and some frameworks do (RFC 9110 9.3.1).
fn framing(parts: &Parts) -> Result<(), Denied> {
    let malformed = |what: &str| Err(Denied::from(Reason::HeaderMalformed).about(what));
    let bodiless = matches!(parts.method, Method::GET | Method::HEAD);
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => {}
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") && !bodiless => {}
        _ => return malformed("transfer-encoding"),
    }
    let length = parts.headers.get(CONTENT_LENGTH).map_or(Some(0), |value| value.to_str().ok()?.parse::<u64>().ok());
    if bodiless && length != Some(0) { malformed("content-length") } else { Ok(()) }
}

/// A body that announces more than is accepted is not read at all.
fn announced(parts: &Parts, limit: usize) -> Result<(), Denied> {
    let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) { Err(Reason::BodyTooLarge.into()) } else { Ok(()) }
}

pub(super) fn withheld(refusal: Refusal) -> Denied {
    if refusal.reason == Reason::BodyTooLarge { Reason::BodyWithheld.into() } else { refusal.into() }
}

/// Whether this error, or one that caused it, is an `E`.
fn caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    error.is::<E>() || error.source().is_some_and(caused_by::<E>)
}

/// What went wrong with the caller's own body, if anything did.
fn fault_of_the_body(error: &(dyn Error + 'static)) -> Option<Reason> {
    if caused_by::<http_body_util::LengthLimitError>(error) {
        Some(Reason::BodyTooLarge)
    } else if caused_by::<TooSlow>(error) {
        Some(Reason::RequestSlow)
    } else {
        None
    }
}
