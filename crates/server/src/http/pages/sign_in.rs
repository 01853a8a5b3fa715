//! Signing in and out. A pending request travels through the sign-in form in a hidden field and goes on as the answer
//! to the POST, never through a URL. Nothing here takes an address to go to: there is nowhere to be sent (SECURITY
//! T-09).

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::Refusal;
use http::HeaderValue;
use http::header::RETRY_AFTER;
use http::request::Parts;

use super::browser::{Visitor, same_origin};
use super::views::{SignIn, SignOut};
use super::{
    FormEnds, authorize as authorize_page, card, form, frame_of, landing, oauth1, page, problem, refused, signed_in,
    with_cookie, words,
};
use crate::flows::authorize::{self, Shown, SignInFirst};
use crate::flows::passwords::{self, Denied, MAX_EMAIL};
use crate::flows::session::{self, SignedIn};
use crate::http::headers;
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// What was tried on the page before, and what to say about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tried {
    /// The address that was typed.
    pub(super) email: String,
    /// Why it did not work.
    pub(super) denied: Option<Denied>,
    /// Good news.
    pub(super) notice: Option<&'static str>,
    /// Signing in leads to the apps. A word, never an address: there is nowhere else to be sent.
    pub(super) then_apps: bool,
    /// Signing in leads to the question about this OAuth 1.0 request token.
    pub(super) oauth_token: Option<String>,
}

/// The sign-in page; it goes on with `first` if there is one.
pub(super) fn ask(
    edge: &Shared,
    parts: &Parts,
    first: Option<SignInFirst>,
    who: Option<&SignedIn>,
    tried: Tried,
) -> Response {
    let profile = &edge.node.profile;
    let return_to = first.as_ref().map(|first| (first.return_to.clone(), first.app.is_some()));
    let ends = match &return_to {
        None => FormEnds::Here,
        Some((uri, true)) => FormEnds::AtApp(uri),
        // A refusal waits: signing in leads to the app at once.
        Some((uri, false)) => FormEnds::BeyondApp(uri),
    };
    let view = SignIn {
        frame: frame_of(edge, parts),
        app: first.as_ref().and_then(|first| first.app.as_deref()).map(|app| card(app, profile)),
        request: first.map(|first| first.pending),
        email: tried.email.chars().take(MAX_EMAIL).collect(),
        problem: tried.denied.as_ref().map(|denied| problem(&denied.refusal)),
        notice: tried.notice,
        current: who.map(|who| words::name(&who.person.email)),
        then_apps: tried.then_apps,
        oauth_token: tried.oauth_token,
    };
    let kind = tried.denied.as_ref().map_or(Kind::Ok, |denied| Kind::Refused(denied.refusal.reason));
    let mut reply = page(kind, &view, ends);
    if let Some(wait) = tried.denied.and_then(|denied| denied.wait) {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.0.max(1)));
    }
    reply
}

/// GET /sign-in.
pub async fn show(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visitor = Visitor::of(&edge.node, &parts.headers);
    match signed_in(&edge, &visitor).await {
        Ok(Some(who)) => reply::see_other(landing(&edge.node.profile, &who.person, false)),
        Ok(None) => {
            let notice = (parts.uri.query() == Some(SIGNED_OUT)).then_some("You are signed out.");
            ask(&edge, &parts, None, None, Tried { notice, ..Tried::default() })
        }
        Err(refusal) => refused::page(&edge, &parts, refusal),
    }
}

const SIGNED_OUT: &str = "signed-out";

/// POST /sign-in: `email`, `password`, and `request` if one waits.
pub async fn submit(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&edge.node, &parts.headers);
    let answered = async {
        same_origin(&edge.node, &parts.headers)?;
        let fields = form(&parts.headers, body).await?;
        // Whose request it is comes before any password: nobody finishes another browser's sign-in (attack 37).
        let pending = match fields.get("request")? {
            Some(sealed) => Some(authorize::open_pending(&edge.node, sealed, visitor.browser()).await?),
            None => None,
        };
        let (email, password) = (fields.get("email")?.unwrap_or_default(), fields.get("password")?.unwrap_or_default());
        let then_apps = fields.get("then")? == Some("apps");
        let oauth_token = fields.get("oauth_token")?.filter(|token| oauth1::is_token(token)).map(str::to_owned);
        let entered = enter(&edge, &parts, &visitor, email, password).await;
        let (cookie, who) = match entered {
            Ok(entered) => entered,
            Err(denied) => {
                let first = pending.as_ref().map(|pending| authorize::sign_in_first(&edge.node, pending));
                let tried =
                    Tried { email: email.to_owned(), denied: Some(denied), notice: None, then_apps, oauth_token };
                return Ok::<_, Shown>(ask(&edge, &parts, first, None, tried));
            }
        };
        let reply = match pending {
            None => match (&oauth_token, &edge.node.profile.oauth1) {
                (Some(token), Some(rules)) => reply::see_other(&oauth1::address(rules, token)),
                _ => reply::see_other(landing(&edge.node.profile, &who.person, then_apps)),
            },
            Some(pending) => match authorize::go_on(&edge.node, pending, &who).await {
                Ok(answer) => authorize_page::reply_to(&edge, &parts, answer, Some(&who)),
                Err(shown) => refused::page(&edge, &parts, shown),
            },
        };
        Ok(with_cookie(reply, cookie))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// A new session for the right password, in place of whatever session the browser had.
async fn enter(
    edge: &Shared,
    parts: &Parts,
    visitor: &Visitor,
    email: &str,
    password: &str,
) -> Result<(Option<HeaderValue>, SignedIn), Denied> {
    let person = passwords::check(edge, email, password, headers::source(parts).0).await?;
    let (secret, who) = session::start(&edge.node, person, visitor.session()).await?;
    Ok((visitor.sign_in(secret.expose()), who))
}

/// GET /sign-out: a form, since a link must not sign anybody out.
pub async fn ask_out(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match signed_in(&edge, &Visitor::of(&edge.node, &parts.headers)).await {
        Ok(Some(who)) => {
            let view = SignOut { frame: frame_of(&edge, &parts), person: words::name(&who.person.email) };
            page(Kind::Ok, &view, FormEnds::Here)
        }
        Ok(None) => reply::see_other(&format!("/sign-in?{SIGNED_OUT}")),
        Err(refusal) => refused::page(&edge, &parts, refusal),
    }
}

/// POST /sign-out.
pub async fn out(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visitor = Visitor::of(&edge.node, &parts.headers);
    let done: Result<(), Refusal> = async {
        same_origin(&edge.node, &parts.headers)?;
        session::end(&edge.node, visitor.session()).await
    }
    .await;
    match done {
        Ok(()) => with_cookie(reply::see_other(&format!("/sign-in?{SIGNED_OUT}")), visitor.sign_out()),
        Err(refusal) => refused::page(&edge, &parts, refusal),
    }
}
