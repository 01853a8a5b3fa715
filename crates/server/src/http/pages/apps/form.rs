//! The form of a new app, and of one that is edited. What was typed is kept whatever is wrong with it, and nothing is
//! written then; a form that is sent twice makes one app.

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_protocol::Reason;
use causeway_protocol::profile::{self, Registration};
use causeway_protocol::records::{App, AppStatus, ClientKind, Visibility};
use causeway_protocol::registration::{Problem, Reach, Wish};
use http::request::Parts;

use super::super::{FormEnds, card, page, problem, refused, signed_frame, words};
use super::views::{AppForm, Choice};
use super::{SAVED, Visit, deed, id_of, owned, posted, shown_once, trail, visit};
use crate::flows::apps::{Not, Registered, state_of};
use crate::flows::authorize::Shown;
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// GET …/new
pub async fn new(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match visit(&edge, &parts).await {
        Ok(visit) => {
            let required = edge.node.profile.authorize.required_scopes.clone();
            let wish = Wish { scopes: required, ..Wish::default() };
            page(Kind::Ok, &empty_form(&edge, &parts, &visit, &wish), FormEnds::Here)
        }
        Err(reply) => reply,
    }
}

/// POST …/new: the app, and its secret this one time.
pub async fn create(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let (visit, mut sent) = posted(&edge, &parts, body).await?;
        let nonce = sent.text("form").to_owned();
        if nonce.is_empty() || !visit.who.owns(sent.text("token"), &new_deed(&nonce)) {
            return Err(Shown::from(Reason::FormForeign));
        }
        let (wish, logo) = (sent.wish(), sent.logo());
        let again = |problems: Vec<Problem>, reason| {
            let form = empty_form(&edge, &parts, &visit, &wish);
            page(Kind::Refused(reason), &with_problems(form, problems, reason), FormEnds::Here)
        };
        match visit.registrar.register(&edge.node, &wish, logo, &nonce).await {
            Ok(Registered::New(app, secret)) => {
                let (heading, says) = (format!("{} is registered", words::name(&app.name)), what_now(&edge, &app));
                let secret = secret.map(|secret| secret.expose().to_owned());
                let view = shown_once(&edge, &parts, &visit, &app, heading, secret, says);
                Ok(page(Kind::Ok, &view, FormEnds::Here))
            }
            Ok(Registered::Before(Some(app))) => {
                let heading = format!("{} was registered before", words::name(&app.name));
                let says = "This form was sent already: no second app was made. Its secret was shown then, and is not \
                            shown again. If you did not keep it, make a new one on the app’s page.";
                let says = if app.kind == ClientKind::Public {
                    "This form was sent already: no second app was made."
                } else {
                    says
                };
                let view = shown_once(&edge, &parts, &visit, &app, heading, None, says.to_owned());
                Ok(page(Kind::Ok, &view, FormEnds::Here))
            }
            // The first try failed half-way: the same words in a fresh form.
            Ok(Registered::Before(None)) => Ok(again(Vec::new(), Reason::FormExpired)),
            Err(Not::Fields(problems)) => Ok(again(problems, Reason::FormIncomplete)),
            Err(Not::Refused(refusal)) => Err(refusal.into()),
        }
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

fn what_now(edge: &Shared, app: &App) -> String {
    let place = &edge.node.profile.name;
    match (app.status, &app.home) {
        (AppStatus::Pending, Some(_)) => {
            format!("{place} will look at it. Until it is approved, only your own account can connect it.")
        }
        (AppStatus::Pending, None) => format!("{place} will look at it. It can be connected once it is approved."),
        _ => "It can be connected from now on.".to_owned(),
    }
}

/// GET …/{id}/edit
pub async fn edit(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let visit = match visit(&edge, &parts).await {
        Ok(visit) => visit,
        Err(reply) => return reply,
    };
    let answered = async {
        let app = visit.registrar.find(&edge.node, id_of(&parts, 1)?).await?;
        let form = filled_form(&edge, &parts, &visit, &app, &as_wish(&edge, &app));
        Ok::<_, Shown>(page(Kind::Ok, &form, FormEnds::Here))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// POST …/{id}/edit
pub async fn fill(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let (visit, mut sent) = posted(&edge, &parts, body).await?;
        let id = owned(&visit, &parts, &sent, "edit")?;
        let (wish, logo) = (sent.wish(), sent.logo());
        let (problems, reason) = match visit.registrar.edit(&edge.node, id, sent.text("seen"), &wish, logo).await {
            Ok(_) => return Ok(reply::see_other(&format!("{}/{id}?{SAVED}", edge.node.profile.endpoints.apps))),
            Err(Not::Fields(problems)) => (problems, Reason::FormIncomplete),
            // What was typed, in a form for the app as it stands now.
            Err(Not::Refused(refusal)) if refusal.reason == Reason::AppChanged => (Vec::new(), Reason::AppChanged),
            Err(Not::Refused(refusal)) => return Err(Shown::from(refusal)),
        };
        let app = visit.registrar.find(&edge.node, id).await?;
        let mut form = with_problems(filled_form(&edge, &parts, &visit, &app, &wish), problems, reason);
        if reason == Reason::FormIncomplete {
            // Still for the state that was seen: what changed meanwhile is not overwritten by mending a field.
            form.hidden = vec![("token", sent.text("token").to_owned()), ("seen", sent.text("seen").to_owned())];
        }
        Ok(page(Kind::Refused(reason), &form, FormEnds::Here))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

fn new_deed(nonce: &str) -> String {
    format!("app new {nonce}")
}

fn as_wish(edge: &Shared, app: &App) -> Wish {
    let registry = edge.node.held.scopes();
    Wish {
        name: app.name.clone(),
        description: app.description.clone(),
        link: app.info_url.clone(),
        redirect_uris: app.redirect_uris.join("\n"),
        visibility: if app.visibility == Visibility::Public { "public" } else { "private" }.to_owned(),
        // Not asked: it stays.
        kind: String::new(),
        scopes: registry.names(app.scopes).map(str::to_owned).collect(),
        providers: app.providers.clone(),
    }
}

fn empty_form(edge: &Shared, parts: &Parts, visit: &Visit, wish: &Wish) -> AppForm {
    let profile = &edge.node.profile;
    let nonce = URL_SAFE_NO_PAD.encode(edge.node.random::<16>());
    AppForm {
        heading: "New application".to_owned(),
        action: format!("{}/new", profile.endpoints.apps),
        back: profile.endpoints.apps.clone(),
        button: "Register application",
        hidden: vec![("token", visit.who.token(&new_deed(&nonce))), ("form", nonce)],
        // What was not chosen is chosen as it is best: narrow.
        public_client: Some(wish.kind == "public"),
        private: (visit.registrar.reach(profile, None) == Reach::Asked).then_some(wish.visibility != "public"),
        consequence: match profile.registration.mode {
            Registration::Review if !visit.registrar.is_staff() => {
                "Your own account can try it at once. Everybody else can once it was reviewed."
            }
            _ => "It can be connected at once.",
        },
        ..form_for(edge, parts, visit, wish)
    }
}

fn filled_form(edge: &Shared, parts: &Parts, visit: &Visit, app: &App, wish: &Wish) -> AppForm {
    let profile = &edge.node.profile;
    let href = format!("{}/{}", profile.endpoints.apps, app.id);
    let may_choose = visit.registrar.reach(profile, Some(app)) == Reach::Asked;
    let public = match wish.visibility.as_str() {
        "public" => true,
        "private" => false,
        _ => app.visibility == Visibility::Public,
    };
    AppForm {
        heading: format!("Edit {}", words::name(&app.name)),
        action: format!("{href}/edit"),
        back: href,
        button: "Save",
        hidden: vec![("token", visit.who.token(&deed("edit", app.id))), ("seen", state_of(app))],
        private: may_choose.then_some(!public),
        logo_of: app.logo.map(|_| card(app, profile)),
        consequence: match (profile.registration.mode, app.status) {
            (Registration::Review, AppStatus::Approved) if !visit.registrar.is_staff() => {
                "Another name, logo or link, or more permissions, are reviewed again; fewer permissions are not."
            }
            (Registration::Review, AppStatus::Rejected) if !visit.registrar.is_staff() => {
                "Saving asks for another review."
            }
            _ => "What you change counts at once.",
        },
        ..form_for(edge, parts, visit, wish)
    }
}

/// What both forms ask.
fn form_for(edge: &Shared, parts: &Parts, visit: &Visit, wish: &Wish) -> AppForm {
    let profile = &edge.node.profile;
    let rules = &profile.registration;
    let scopes = profile.scopes.iter().filter(|_| rules.scopes).map(|word| Choice {
        value: word.name.clone(),
        sentence: words::sentence(&word.sentence),
        risky: word.risky,
        chosen: wish.scopes.contains(&word.name),
    });
    let providers = rules.providers.iter().map(|key| Choice {
        value: key.clone(),
        sentence: provider_name(key),
        risky: false,
        chosen: wish.providers.contains(key),
    });
    AppForm {
        frame: signed_frame(edge, parts, &visit.who),
        trail: trail(profile),
        name: wish.name.clone(),
        description: wish.description.clone(),
        link: wish.link.clone(),
        link_word: rules.link_word.clone(),
        redirect_uris: wish.redirect_uris.clone(),
        most_uris: rules.redirect_uris,
        customer: visit
            .registrar
            .home
            .as_ref()
            .map_or_else(|| "its own customer".to_owned(), |home| words::name(&home.name)),
        scopes: scopes.collect(),
        providers: providers.collect(),
        asks_logo: rules.logo,
        ..AppForm::default()
    }
}

/// A provider's name as its own profile has it.
pub(super) fn provider_name(key: &str) -> String {
    profile::shipped(key).map_or_else(|| words::name(key), |profile| profile.name)
}

fn with_problems(form: AppForm, problems: Vec<Problem>, reason: Reason) -> AppForm {
    let problems = problems.into_iter().map(|problem| (problem.field, problem.says)).collect();
    AppForm { problems, problem: Some(problem(&reason.refuse())), ..form }
}
