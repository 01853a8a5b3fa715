//! Who makes an API call: the seam where a token goes to the guard, and what a node must look up itself (an OAuth 1.0
//! signature, an API key) is found out here. The proxy and forward-auth share it; whether the call may go on is the guard's.

use std::sync::Arc;

use bytes::Bytes;
use causeway_guard::{Admitted, Call, Carried, Denied, MAX_SITE_BODY};
use causeway_protocol::profile::OAuth1Rules;
use causeway_protocol::{Reason, UnixTime};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::front::Front;
use super::headers::single;
use super::proxy::{Content, withheld};
use super::{body, oauth1};
use crate::flows::oauth1::Signed;

/// By what a call came, as far as it was found out: answers to OAuth 1.0 read differently, and warn (TSM-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Scheme {
    /// A token, a key, or nothing.
    #[default]
    Other,
    /// OAuth 1.0, which ends then for this caller.
    OAuth1(Option<UnixTime>),
}

impl Scheme {
    /// A refusal in this scheme's words: a 1.0 caller has no access token that could be invalid.
    pub(super) fn denied(self, denied: Denied) -> Denied {
        match (self, denied.reason) {
            (Scheme::OAuth1(_), Reason::TokenInvalid) => Denied { reason: Reason::OAuth1Refused, ..denied },
            _ => denied,
        }
    }

    /// Warns in the headers of an answer to OAuth 1.0, and leaves every other as it is.
    pub(super) fn mark(self, edge: &impl Front, headers: &mut HeaderMap) {
        if let (Scheme::OAuth1(ends_at), Some(rules)) = (self, &edge.profile().oauth1) {
            oauth1::warn(rules, ends_at, headers);
        }
    }
}

/// The first half of the check. The content comes back whole where it had to be read.
pub(super) async fn begin(
    edge: &impl Front,
    call: &Call<'_>,
    content: Content,
    scheme: &mut Scheme,
) -> Result<(Admitted, Content), Denied> {
    match (edge.api().guard.carried(call)?, &edge.profile().oauth1) {
        (Carried::ApiKey(key), _) => {
            let who = edge.api().guard.api_key(call, key, edge.held())?;
            Ok((edge.api().guard.begin_as(call, who, edge.held())?, content))
        }
        (Carried::OAuth1, Some(rules)) => Box::pin(signed(edge, rules, call, content, scheme)).await,
        (Carried::Token, Some(rules)) if is_form(call)? => {
            Box::pin(token_or_form(edge, rules, call, content, scheme)).await
        }
        (Carried::Token | Carried::OAuth1, _) => Ok((token(edge, call).await?, content)),
    }
}

/// A token.
async fn token(edge: &impl Front, call: &Call<'_>) -> Result<Admitted, Denied> {
    with_ring(edge, call, |ring| edge.api().guard.begin(call, edge.held(), ring)).await
}

/// Judges with the ring as it is. A key that is not held may have come meanwhile: the ring is read again, at most once a second
/// (TOKENS 3).
pub(super) async fn with_ring<F: Front, T>(
    edge: &F,
    call: &Call<'_>,
    judge: impl Fn(&Arc<F::Keys>) -> Result<T, Denied>,
) -> Result<T, Denied> {
    let ring = edge.keys();
    match judge(&ring) {
        Err(denied) if denied.reason == Reason::KeyUnknown => {
            let header = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let text = header.and_then(|value| value.split_once(' ')).map_or("", |(_, text)| text.trim());
            let sealed = (edge.profile().token.prefixes.access.as_str(), text);
            match Box::pin(edge.keys_after(&ring, sealed, call.monotonic_nanos)).await {
                Some(ring) => judge(&ring),
                None => Err(denied),
            }
        }
        judged => judged,
    }
}

/// A form may carry OAuth 1.0's parameters itself (RFC 5849 3.5.2): then it is the one credential of the call.
async fn token_or_form(
    edge: &impl Front,
    rules: &OAuth1Rules,
    call: &Call<'_>,
    content: Content,
    scheme: &mut Scheme,
) -> Result<(Admitted, Content), Denied> {
    // Nothing is read for somebody whose token is not good.
    let by_token = match call.headers.contains_key(AUTHORIZATION) {
        true => Some(token(edge, call).await?),
        false => None,
    };
    let form = whole(call.headers, content).await?;
    let holds = !matches!(of(call, Some(&form))?.read(rules), Ok(None));
    let content = Content::Whole(form);
    match by_token {
        Some(_) if holds => Err(Reason::CredentialsTwice.into()),
        Some(admitted) => Ok((admitted, content)),
        None if holds => signed(edge, rules, call, content, scheme).await,
        None => Ok((token(edge, call).await?, content)),
    }
}

/// A call that OAuth 1.0 signed.
async fn signed(
    edge: &impl Front,
    rules: &OAuth1Rules,
    call: &Call<'_>,
    content: Content,
    scheme: &mut Scheme,
) -> Result<(Admitted, Content), Denied> {
    *scheme = Scheme::OAuth1(rules.ends_at);
    let (form, content) = match is_form(call)? {
        true => {
            let form = whole(call.headers, content).await?;
            (Some(form.clone()), Content::Whole(form))
        }
        false => (None, content),
    };
    let signed = of(call, form.as_ref())?;
    let Some((who, ends_at)) = edge.signed(rules, &signed).await? else {
        *scheme = Scheme::Other;
        return Ok((token(edge, call).await?, content));
    };
    *scheme = Scheme::OAuth1(ends_at);
    Ok((edge.api().guard.begin_as(call, who, edge.held())?, content))
}

fn of<'a>(call: &Call<'a>, form: Option<&'a Bytes>) -> Result<Signed<'a>, Denied> {
    let authorization = single(call.headers, &AUTHORIZATION)?;
    let Call { method, path, query, .. } = *call;
    Ok(Signed { method, path, query, authorization, form: form.map(AsRef::as_ref) })
}

/// Whether the call says that its body is a form. A GET has none, whatever it says (npm's oauth does).
fn is_form(call: &Call<'_>) -> Result<bool, Denied> {
    Ok(!matches!(call.method, "GET" | "HEAD") && oauth1::is_form(single(call.headers, &CONTENT_TYPE)?))
}

async fn whole(headers: &HeaderMap, content: Content) -> Result<Bytes, Denied> {
    match content {
        Content::Whole(bytes) => Ok(bytes),
        Content::Stream(stream) => body::collect(headers, stream, MAX_SITE_BODY).await.map_err(withheld),
    }
}
