//! The pages of apps: the list, one of them, and what can be done with it. The form stands in `apps/form.rs`. Whose they
//! are, and what may be done, is the flow's question.

mod facts;
mod form;
pub mod samples;
mod sent;
pub mod views;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::records::{App, AppStatus, ClientKind};
use causeway_protocol::{AppId, Reason, Refusal};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderName, HeaderValue};

pub use form::{create, edit, fill, new};

use self::facts::{facts, reach, state, trail, whose};
use self::sent::Sent;
use self::views::{AppSecret, Apps, OneApp, Review, Row};
use super::browser::{Visitor, same_origin};
use super::refused::support;
use super::{FormEnds, card, page, path_part, refused, sign_in, signed_frame, signed_in, words};
use crate::flows::apps::{self, Not, Registrar, Verdict, state_of};
use crate::flows::authorize::Shown;
use crate::flows::session::SignedIn;
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Somebody who opened one of these pages, and may.
struct Visit {
    who: SignedIn,
    registrar: Registrar,
}

/// Who it is, or the page in place of this one.
async fn visit(edge: &Shared, parts: &Parts) -> Result<Visit, Response> {
    let answered = async {
        let who = signed_in(edge, &Visitor::of(&edge.node, &parts.headers)).await?;
        let Some(who) = who else { return Ok(None) };
        Ok::<_, Refusal>(Some(Visit { registrar: apps::registrar(&edge.node, &who).await?, who }))
    };
    match answered.await {
        Ok(Some(visit)) => Ok(visit),
        Ok(None) => {
            Err(sign_in::ask(edge, parts, None, None, sign_in::Tried { then_apps: true, ..Default::default() }))
        }
        Err(refusal) => Err(refused::page(edge, parts, refusal)),
    }
}

/// The same for a form that was posted: from our own page, by somebody who is signed in.
async fn posted(edge: &Shared, parts: &Parts, body: Body) -> Result<(Visit, Sent), Shown> {
    same_origin(&edge.node, &parts.headers)?;
    let who = signed_in(edge, &Visitor::of(&edge.node, &parts.headers)).await?.ok_or(Reason::SignInNeeded)?;
    let registrar = apps::registrar(&edge.node, &who).await?;
    Ok((Visit { who, registrar }, Sent::read(&parts.headers, body).await?))
}

/// The list: `?after=ID` for the next page, `?waiting` for what staff has to look at.
pub async fn list(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visit = match visit(&edge, &parts).await {
        Ok(visit) => visit,
        Err(reply) => return reply,
    };
    let (node, registrar) = (&edge.node, &visit.registrar);
    let profile = &node.profile;
    let query = parts.uri.query().unwrap_or_default();
    let only_waiting = registrar.is_staff() && query.split('&').any(|pair| pair == "waiting");
    let after = query.split('&').find_map(|pair| pair.strip_prefix("after=")?.parse().ok()).map(AppId);
    let (found, more) = registrar.list(node, after, only_waiting);
    let path = &profile.endpoints.apps;
    let flag = if only_waiting { "waiting&" } else { "" };
    let mut rows = Vec::with_capacity(found.len());
    for app in &found {
        rows.push(Row {
            href: format!("{path}/{}", app.id),
            app: card(app, profile),
            client_id: words::received(&app.client_id),
            reach: reach(&edge, app).await,
            state: state(app, profile),
        });
    }
    let view = Apps {
        frame: signed_frame(&edge, &parts, &visit.who),
        trail: trail(profile),
        whose: whose(registrar, profile),
        id_word: profile.registration.id_word.clone(),
        rows,
        waiting: registrar.waiting(node),
        only_waiting,
        later: after.is_some(),
        next: found.last().filter(|_| more).map(|app| format!("{path}?{flag}after={}", app.id)),
        support: support(profile, true),
    };
    page(Kind::Ok, &view, FormEnds::Here)
}

/// One app.
pub async fn show(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visit = match visit(&edge, &parts).await {
        Ok(visit) => visit,
        Err(reply) => return reply,
    };
    let answered = async {
        let app = visit.registrar.find(&edge.node, id_of(&parts, 0)?).await?;
        let view = one(&edge, &parts, &visit, &app).await;
        Ok::<_, Shown>(page(Kind::Ok, &view, FormEnds::Here))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

async fn one(edge: &Shared, parts: &Parts, visit: &Visit, app: &App) -> OneApp {
    let (profile, registrar) = (&edge.node.profile, &visit.registrar);
    let id = app.id;
    let review = registrar.may_review(&edge.node, app).then(|| Review {
        token: visit.who.token(&deed("review", id)),
        note: String::new(),
        verified: app.verified,
        approved: app.status == AppStatus::Approved,
        problem: None,
    });
    OneApp {
        frame: signed_frame(edge, parts, &visit.who),
        trail: trail(profile),
        href: format!("{}/{id}", profile.endpoints.apps),
        app: card(app, profile),
        state: state(app, profile),
        facts: facts(edge, app).await,
        notice: match parts.uri.query() {
            Some(SAVED) => Some("Saved."),
            Some(APPROVED) => Some("Approved. It can be connected from now on."),
            Some(REJECTED) => Some("Rejected. Its maker sees what you wrote."),
            _ => None,
        },
        seen: state_of(app),
        secret_token: (app.kind == ClientKind::Confidential).then(|| visit.who.token(&deed("secret", id))),
        switch_token: registrar.may_switch(!app.active).then(|| visit.who.token(&deed("switch", id))),
        active: app.active,
        may_switch_on: registrar.may_switch(true),
        review,
    }
}

const SAVED: &str = "saved";
const APPROVED: &str = "approved";
const REJECTED: &str = "rejected";

/// Gives an app a new secret and shows it.
pub async fn secret(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let (visit, sent) = posted(&edge, &parts, body).await?;
        let id = owned(&visit, &parts, &sent, "secret")?;
        let (app, secret) = visit.registrar.renew_secret(&edge.node, id, sent.text("seen")).await?;
        let says = "The old secret has stopped working. Tokens that were issued before live on.".to_owned();
        let heading = format!("A new secret for {}", words::name(&app.name));
        let view = shown_once(&edge, &parts, &visit, &app, heading, Some(secret.expose().to_owned()), says);
        Ok::<_, Shown>(page(Kind::Ok, &view, FormEnds::Here))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, back_to_app(&edge, &parts, shown)))
}

/// Switches an app off or on.
pub async fn switch(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let (visit, sent) = posted(&edge, &parts, body).await?;
        let id = owned(&visit, &parts, &sent, "switch")?;
        let active = match sent.text("active") {
            "true" => true,
            "false" => false,
            _ => return Err(Reason::ParameterMalformed.about("active").into()),
        };
        visit.registrar.switch(&edge.node, id, active).await?;
        Ok::<_, Shown>(reply::see_other(&format!("{}/{id}?{SAVED}", edge.node.profile.endpoints.apps)))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, back_to_app(&edge, &parts, shown)))
}

/// Staff approve an app, or reject it and say why.
pub async fn review(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let (visit, sent) = posted(&edge, &parts, body).await?;
        let id = owned(&visit, &parts, &sent, "review")?;
        let approve = match sent.text("decision") {
            "approve" => true,
            "reject" => false,
            _ => return Err(Reason::ParameterMalformed.about("decision").into()),
        };
        let note = sent.text("note").to_owned();
        let verdict = Verdict { approve, verified: sent.is_ticked("verified"), note };
        match visit.registrar.review(&edge.node, id, sent.text("seen"), &verdict).await {
            Ok(_) => {
                let done = if approve { APPROVED } else { REJECTED };
                Ok(reply::see_other(&format!("{}/{id}?{done}", edge.node.profile.endpoints.apps)))
            }
            Err(Not::Refused(refusal)) => Err(refusal.into()),
            Err(Not::Fields(problems)) => {
                let app = visit.registrar.find(&edge.node, id).await?;
                let mut view = one(&edge, &parts, &visit, &app).await;
                if let Some(review) = &mut view.review {
                    review.problem = problems.into_iter().next().map(|problem| problem.says);
                    (review.note, review.verified) = (verdict.note, verdict.verified);
                }
                Ok(page(Kind::Refused(Reason::FormIncomplete), &view, FormEnds::Here))
            }
        }
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, back_to_app(&edge, &parts, shown)))
}

/// An app's logo.
pub async fn logo(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let found = async {
        let id = path_part(&parts, 1).parse().map_err(|_| Reason::NoSuchPage)?;
        apps::logo(&edge.node, AppId(id), path_part(&parts, 0)).await
    };
    let logo = match found.await {
        Ok(logo) => logo,
        Err(refusal) => return refused::page(&edge, &parts, refusal),
    };
    let mut reply = Response::new(Body::from(logo.bytes));
    let headers = reply.headers_mut();
    // Whatever it is, it is shown as one of three kinds of picture, or not at all.
    let media = HeaderValue::try_from(logo.content_type);
    headers.insert(CONTENT_TYPE, media.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(CORP, HeaderValue::from_static("same-origin"));
    reply
}

/// What a form does: its token is good for nothing else.
fn deed(what: &str, id: AppId) -> String {
    format!("app {what} {id}")
}

fn id_of(parts: &Parts, from_end: usize) -> Result<AppId, Reason> {
    path_part(parts, from_end).parse().map(AppId).map_err(|_| Reason::NoSuchApp)
}

/// The app that a posted form is about, if this session may send it.
fn owned(visit: &Visit, parts: &Parts, sent: &Sent, what: &str) -> Result<AppId, Reason> {
    let id = id_of(parts, 1)?;
    if visit.who.owns(sent.text("token"), &deed(what, id)) { Ok(id) } else { Err(Reason::FormForeign) }
}

/// Where an app was changed meanwhile, the way on leads to it.
fn back_to_app(edge: &Shared, parts: &Parts, mut shown: Shown) -> Shown {
    if let (Reason::AppChanged, Ok(id)) = (shown.refusal.reason, id_of(parts, 1)) {
        shown.again = Some(format!("{}/{id}", edge.node.profile.endpoints.apps));
    }
    shown
}

/// The page that shows a secret. It is the answer to a POST, so it has no address, and no cache keeps it.
fn shown_once(
    edge: &Shared,
    parts: &Parts,
    visit: &Visit,
    app: &App,
    heading: String,
    secret: Option<String>,
    says: String,
) -> AppSecret {
    let profile = &edge.node.profile;
    AppSecret {
        frame: signed_frame(edge, parts, &visit.who),
        trail: trail(profile),
        heading,
        app: card(app, profile),
        href: format!("{}/{}", profile.endpoints.apps, app.id),
        id_word: profile.registration.id_word.clone(),
        client_id: words::received(&app.client_id),
        secret,
        says,
    }
}
