//! Where a person allows an OAuth 1.0 application (RFC 5849 2.2): the sign-in page if need be, the question, and the answer by
//! POST only. Who may allow it, and what comes of it, is the flow's.

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::Reason;
use causeway_protocol::params::Params;
use causeway_protocol::profile::OAuth1Rules;
use http::request::Parts;

use super::browser::{Visitor, same_origin};
use super::consent::permissions;
use super::views::{OAuth1Consent, OAuth1Done};
use super::{FormEnds, form, frame_of, page, refused, sign_in, signed_in, words};
use crate::flows::authorize::Shown;
use crate::flows::oauth1_tokens::{self, Answered, Question};
use crate::flows::session::SignedIn;
use crate::http::oauth1::warn;
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// No request token of ours is longer.
const MAX_TOKEN: usize = 64;

/// Whether a text can be a request token of ours: then it may travel in a form or an address of our own.
pub(super) fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(plain)
}

/// The address at which a request token is answered, after somebody signed in.
pub(super) fn address(rules: &OAuth1Rules, token: &str) -> String {
    format!("{}?oauth_token={token}", rules.authorize)
}

/// GET: `oauth_token`. The callback was said with the signed request for it; one in this address is nobody's word, and is
/// not gone to (SECURITY O1-12).
pub async fn show(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let Some(rules) = &edge.node.profile.oauth1 else { return refused::page(&edge, &parts, Reason::NoSuchPage) };
    let answered = async {
        let params = Params::form(parts.uri.query().unwrap_or_default().as_bytes())?;
        let token = params.require("oauth_token")?;
        if !is_token(token) {
            return Err(Reason::FormExpired.into());
        }
        let Some(who) = signed_in(&edge, &Visitor::of(&edge.node, &parts.headers)).await? else {
            let tried = sign_in::Tried { oauth_token: Some(token.to_owned()), ..sign_in::Tried::default() };
            return Ok(sign_in::ask(&edge, &parts, None, None, tried));
        };
        let question = oauth1_tokens::question(&edge.node, rules, token, &who.person).await?;
        Ok::<_, Shown>(ask(&edge, &parts, rules, token, &question, &who))
    };
    let mut response = answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown));
    warn(rules, rules.ends_at, response.headers_mut());
    response
}

fn ask(
    edge: &Shared,
    parts: &Parts,
    rules: &OAuth1Rules,
    token: &str,
    question: &Question,
    who: &SignedIn,
) -> Response {
    let profile = &edge.node.profile;
    let registry = edge.node.held.scopes();
    let scopes = registry.set(rules.scopes.iter().map(String::as_str)).unwrap_or_default();
    let view = OAuth1Consent {
        frame: frame_of(edge, parts),
        customer: words::name(&question.customer.name),
        key: words::name(&question.standing.consumer.key),
        person: words::name(&who.person.email),
        may: permissions(profile, &registry, scopes),
        ends: question.ends_at(rules).map(words::exact).unwrap_or_default(),
        proves_return: question.wants_verifier(),
        returns_to: question.callback().map(words::returns_to).unwrap_or_default(),
        action: rules.authorize.clone(),
        oauth_token: token.to_owned(),
        token: who.token(&deed(token)),
    };
    page(Kind::Ok, &view, question.callback().map_or(FormEnds::Here, FormEnds::BeyondApp))
}

/// What the form does, for its token.
fn deed(token: &str) -> String {
    format!("allow OAuth 1.0 {token}")
}

/// POST: `oauth_token`, `token` and `decision`.
pub async fn submit(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(rules) = &edge.node.profile.oauth1 else { return refused::page(&edge, &parts, Reason::NoSuchPage) };
    let answered = async {
        same_origin(&edge.node, &parts.headers)?;
        let fields = form(&parts.headers, body).await?;
        let token = fields.require("oauth_token")?;
        let allowed = match fields.require("decision")? {
            "allow" => true,
            "deny" => false,
            _ => return Err(Reason::ParameterMalformed.about("decision").into()),
        };
        let who = signed_in(&edge, &Visitor::of(&edge.node, &parts.headers)).await?.ok_or(Reason::SignInNeeded)?;
        if !who.owns(fields.require("token")?, &deed(token)) {
            return Err(Reason::FormForeign.into());
        }
        let question = oauth1_tokens::question(&edge.node, rules, token, &who.person).await?;
        let answered = match allowed {
            true => oauth1_tokens::allow(&edge.node, token, &question, &who.person).await?,
            false => oauth1_tokens::deny(token, &question)?,
        };
        Ok::<_, Shown>(match answered {
            Answered::Return(url) => reply::see_other(&url),
            Answered::Here(verifier) => {
                let title = if allowed { "The application may connect" } else { "You said no" };
                page(Kind::Ok, &OAuth1Done { frame: frame_of(&edge, &parts), title, verifier }, FormEnds::Here)
            }
        })
    };
    let mut response = answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown));
    warn(rules, rules.ends_at, response.headers_mut());
    response
}
