//! Who makes an API call: the seam where a token goes to the guard, and what a node must look up itself (an OAuth 1.0
//! signature, an API key) is found out here. The proxy and forward-auth share it; whether the call may go on is the guard's.

use bytes::Bytes;
use causeway_guard::{Admitted, Call, Carried, Denied, MAX_SITE_BODY};
use causeway_protocol::profile::OAuth1Rules;
use causeway_protocol::{Reason, UnixTime};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::headers::single;
use super::proxy::{Content, withheld};
use super::{api_key, body, oauth1};
use crate::flows::oauth1::{Signed, caller};
use crate::shared::Shared;

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
    pub(super) fn mark(self, edge: &Shared, headers: &mut HeaderMap) {
        if let (Scheme::OAuth1(ends_at), Some(rules)) = (self, &edge.node.profile.oauth1) {
            oauth1::warn(rules, ends_at, headers);
        }
    }
}

/// The first half of the check. The content comes back whole where it had to be read.
pub(super) async fn begin(
    edge: &Shared,
    call: &Call<'_>,
    content: Content,
    scheme: &mut Scheme,
) -> Result<(Admitted, Content), Denied> {
    match (edge.api.guard.carried(call)?, &edge.node.profile.oauth1) {
        (Carried::ApiKey(key), _) => {
            let who = api_key::identify(&edge.node, key).await?;
            Ok((edge.api.guard.begin_as(call, who, &edge.node.held)?, content))
        }
        (Carried::OAuth1, Some(rules)) => signed(edge, rules, call, content, scheme).await,
        (Carried::Token, Some(rules)) if is_form(call)? => token_or_form(edge, rules, call, content, scheme).await,
        (Carried::Token | Carried::OAuth1, _) => Ok((token(edge, call).await?, content)),
    }
}

/// A token. A key that is not held may have come meanwhile: the ring is read again, at most once a second (TOKENS 3).
async fn token(edge: &Shared, call: &Call<'_>) -> Result<Admitted, Denied> {
    let node = &edge.node;
    let ring = node.ring();
    match edge.api.guard.begin(call, &node.held, &ring) {
        Err(denied) if denied.reason == Reason::KeyUnknown => match node.ring_after(&ring).await {
            Some(ring) => edge.api.guard.begin(call, &node.held, &ring),
            None => Err(denied),
        },
        begun => begun,
    }
}

/// A form may carry OAuth 1.0's parameters itself (RFC 5849 3.5.2): then it is the one credential of the call.
async fn token_or_form(
    edge: &Shared,
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
    edge: &Shared,
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
    let Some(request) = signed.read(rules)? else {
        *scheme = Scheme::Other;
        return Ok((token(edge, call).await?, content));
    };
    // Parameters in the URL or the body, and another credential in the header.
    if signed.authorization.is_some_and(|text| !oauth1::is_scheme(text)) {
        return Err(Reason::CredentialsTwice.into());
    }
    let (who, ends_at) = caller(edge, rules, &signed, request).await?;
    *scheme = Scheme::OAuth1(ends_at);
    Ok((edge.api.guard.begin_as(call, who, &edge.node.held)?, content))
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
