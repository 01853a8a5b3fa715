//! The authorization endpoint (RFC 6749 3.1): GET, and POST as well. The answer is a page or a redirect; which one is
//! the flow's decision.

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::params::Params;
use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::browser::Visitor;
use super::{consent, form, go_back, refused, sign_in, signed_in, with_cookie};
use crate::flows::authorize::{self, ANOTHER, Answer, Shown};
use crate::flows::session::SignedIn;
use crate::http::headers::source;
use crate::http::reply;
use crate::shared::{Edge, Shared};

/// Handles an authorization request.
pub async fn show(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let sent = if parts.method == Method::POST { Some(body) } else { None };
    let visitor = Visitor::of(&edge.node, &parts.headers);
    let answered = async {
        let params = read(&parts, sent).await?;
        let who = signed_in(&edge, &visitor).await?;
        let another = matches!(params.get(ANOTHER.0), Ok(Some(word)) if word == ANOTHER.1);
        let (browser, cookie) = visitor.browser_or_new(&edge.node);
        let answer = authorize::begin(&edge, &params, (browser, source(&parts).0), who.as_ref(), another).await?;
        Ok::<_, Shown>(with_cookie(reply_to(&edge, &parts, answer, who.as_ref()), cookie))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// Query and body together: one parameter in both is repeated.
async fn read(parts: &Parts, body: Option<axum::body::Body>) -> Result<Params, Shown> {
    let mut params = Params::form(parts.uri.query().unwrap_or_default().as_bytes())?;
    if let Some(body) = body.filter(|_| parts.headers.contains_key(CONTENT_TYPE)) {
        params.extend(form(&parts.headers, body).await?)?;
    }
    Ok(params)
}

/// What a flow's answer looks like.
pub(super) fn reply_to(edge: &Shared, parts: &Parts, answer: Answer, who: Option<&SignedIn>) -> Response {
    match answer {
        Answer::Return(url) => reply::see_other(&url),
        Answer::SignIn(first) => sign_in::ask(edge, parts, Some(first), who, sign_in::Tried::default()),
        Answer::GoBack(back) => go_back::ask(edge, parts, &back),
        Answer::Ask(question) => consent::ask(edge, parts, &question),
    }
}
