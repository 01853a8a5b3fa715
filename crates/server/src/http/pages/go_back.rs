//! What is wrong with a request where nobody signs in (TOKENS 7): a page that says it, and a button back to the app. What is
//! wrong is the flow's to say.

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::{Reason, Refusal};
use http::request::Parts;

use super::account_views::GoBack;
use super::browser::{Visitor, same_origin};
use super::{FormEnds, form, frame_of, page, problem, refused, words};
use crate::flows::authorize::{self, Shown};
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// Path of the button's form.
pub const PATH: &str = "/go-back";

/// The page.
pub(super) fn ask(edge: &Shared, parts: &Parts, back: &authorize::GoBack) -> Response {
    let reason = back.refusal.reason;
    let title = match reason {
        Reason::AccountMissing | Reason::AccountUnknown => "This link names no account",
        Reason::SignInTokenSpent | Reason::SignInTokenForeign => "This link does not work any more",
        _ => "This link is broken",
    };
    let view = GoBack {
        frame: frame_of(edge, parts),
        title,
        problem: problem(&back.refusal),
        developer: developer(&back.refusal),
        returns_to: words::returns_to(&back.return_to),
        request: back.pending.clone(),
    };
    page(Kind::Refused(reason), &view, FormEnds::BeyondApp(&back.return_to))
}

fn developer(refusal: &Refusal) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(detail) = refusal.detail.as_deref().filter(|detail| !detail.is_empty()) {
        lines.push(("About", words::received(detail)));
    }
    lines.push(("Error", refusal.reason.wire().word().to_owned()));
    lines.push(("To fix it", refusal.reason.next_step().to_owned()));
    lines
}

/// POST: `request`.
pub async fn submit(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let visitor = Visitor::of(&edge.node, &parts.headers);
    let answered = async {
        same_origin(&edge.node, &parts.headers)?;
        let fields = form(&parts.headers, body).await?;
        authorize::go_back(&edge.node, fields.require("request")?, visitor.browser()).await
    };
    match answered.await {
        Ok(url) => reply::see_other(&url),
        Err(shown) => refused::page(&edge, &parts, shown as Shown),
    }
}
