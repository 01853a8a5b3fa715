//! What a person sees on the platform's side. Each page is a struct and a template (`views`), samples (`samples`) and a
//! handler; the handlers here read cookies and forms, ask a flow, and fill the struct. Decisions are the flows' and
//! below.
//!
//! To add a page: a struct in `views`, a template in `templates/`, a sample in `samples`, a handler, a line in
//! `router`.

pub mod account_samples;
pub mod account_views;
pub mod accounts;
pub mod apps;
pub mod authorize;
pub mod browser;
pub mod connected;
pub mod consent;
pub mod go_back;
pub mod legacy;
pub mod look;
pub mod mini_app;
pub mod oauth1;
pub mod refused;
pub mod samples;
pub mod sign_in;
pub mod views;
pub mod words;

use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::profile::Profile;
use causeway_protocol::records::{App, Person, Role};
use causeway_protocol::{Reason, Refusal};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use self::browser::Visitor;
use self::look::Look;
use self::views::{AppCard, Frame, Problem, Tab};
use super::reply::Kind;
use super::{body, headers, reply};
use crate::flows::connected as connected_apps;
use crate::flows::session::{self, SignedIn};
use crate::shared::{Edge, Shared};

/// Where somebody who is signed in arrives.
pub async fn home(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match signed_in(&edge, &Visitor::of(&edge.node, &parts.headers)).await {
        Ok(Some(who)) => reply::see_other(landing(&edge.node.profile, &who.person, false)),
        Ok(None) => reply::see_other("/sign-in"),
        Err(refusal) => refused::page(&edge, &parts, refusal),
    }
}

/// Where somebody arrives after signing in: at the apps that they connected, or at those that they make.
fn landing<'a>(profile: &'a Profile, person: &Person, apps_first: bool) -> &'a str {
    let connects = connected_apps::may_look_after(profile, person);
    let makes = crate::flows::apps::may_register(profile, person);
    let paths = &profile.endpoints;
    if makes && (apps_first || !connects) { &paths.apps } else { &paths.connected_apps }
}

/// The style sheet, the colours, the mark: each under the hash of its content.
pub async fn asset(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let Some(asset) = edge.look.find(path_part(&parts, 0)) else {
        return refused::page(&edge, &parts, Reason::NoSuchPage);
    };
    let mut reply = reply::text(asset.media, asset.text.clone());
    let headers = reply.headers_mut();
    headers.remove(http::header::PRAGMA);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    reply
}

/// A part of the path as it was sent, counted from the end: whatever it is, the answer is a page of ours.
fn path_part(parts: &Parts, from_end: usize) -> &str {
    parts.uri.path().rsplit('/').nth(from_end).unwrap_or_default()
}

/// Where the login host has nothing.
pub async fn nothing_here(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    refused::page(&edge, &parts, Reason::NoSuchPage)
}

/// Where the login host has something, but not for this method.
pub async fn wrong_method(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    refused::page(&edge, &parts, Reason::MethodNotAllowed)
}

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Where posting a page's form may end. Chromium asks `form-action` of every hop: of ours to the app, and of the app's
/// own from its callback to wherever it goes on, which nobody knows (tried: a callback that hops to another origin is
/// blocked, and pressing Allow does nothing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormEnds<'a> {
    /// On this host.
    Here,
    /// With the app that owns this redirect URI. A page on which somebody types a password allows no more.
    AtApp(&'a str),
    /// Somewhere beyond the app that owns this redirect URI.
    BeyondApp(&'a str),
}

/// A page with its headers (SECURITY AZ-15 to AZ-17).
///
/// No Cross-Origin-Opener-Policy: an app may open this in a pop-up and wait for its own callback there; the policy
/// would cut the two apart for good.
fn page(kind: Kind, view: &impl Template, ends: FormEnds<'_>) -> Response {
    let html = match view.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page was not rendered");
            return reply::refused(&Reason::Internal.refuse());
        }
    };
    let mut reply = reply::page(kind, html);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy(ends));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let nothing = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(nothing));
    reply
}

fn policy(ends: FormEnds<'_>) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'{}; frame-ancestors 'none'; \
         base-uri 'none'",
        form_targets(ends)
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// The sources of `form-action` beside `'self'`, each with a space before it. An origin that the policy's grammar has
/// no word for (an IPv6 literal) becomes its scheme.
fn form_targets(ends: FormEnds<'_>) -> String {
    let (uri, beyond) = match ends {
        FormEnds::Here => return String::new(),
        FormEnds::AtApp(uri) => (uri, false),
        FormEnds::BeyondApp(uri) => (uri, true),
    };
    let Ok(url) = url::Url::parse(uri) else { return String::new() };
    let origin = url.origin().ascii_serialization();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
    let app = match url.scheme() {
        "http" | "https" if origin.chars().all(plain) => origin,
        scheme => format!("{scheme}:"),
    };
    match url.scheme() {
        "https" if beyond => format!(" {app} https:"),
        // A developer's machine: the callback's port and the page's are rarely one.
        "http" if beyond => format!(" {app} https: http://localhost:* http://127.0.0.1:*"),
        _ => format!(" {app}"),
    }
}

/// What every page of this platform shares.
pub fn frame(profile: &Profile, look: &Look, request_id: &str) -> Frame {
    Frame {
        platform: profile.name.clone(),
        monogram: profile.brand.monogram.clone(),
        style: look.style.name.clone(),
        brand: look.brand.name.clone(),
        icon: look.icon.name.clone(),
        person: None,
        tabs: Vec::new(),
        apps_path: profile.endpoints.connected_apps.clone(),
        request_id: request_id.to_owned(),
    }
}

fn frame_of(edge: &Shared, parts: &Parts) -> Frame {
    frame(&edge.node.profile, &edge.look, &headers::request_id(parts))
}

/// The same for a page on which somebody is signed in, with the ways to the other pages.
fn signed_frame(edge: &Shared, parts: &Parts, who: &SignedIn) -> Frame {
    let (profile, person) = (&edge.node.profile, &who.person);
    let title = profile.registration.title.rsplit('>').next().unwrap_or_default().trim();
    let connects = connected_apps::may_look_after(profile, person);
    let all = [
        (connects, profile.endpoints.connected_apps.as_str(), "Connected apps"),
        (crate::flows::apps::may_register(profile, person), profile.endpoints.apps.as_str(), title),
        (person.role == Role::Staff && profile.oauth1.is_some(), legacy::PATH, "OAuth 1.0"),
    ];
    let path = parts.uri.path();
    let under = |href: &str| path.strip_prefix(href).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let tab = |href: &str, text: &str| Tab { href: href.to_owned(), text: text.to_owned(), here: under(href) };
    let tabs: Vec<Tab> = all.iter().filter(|(may, ..)| *may).map(|(_, href, text)| tab(href, text)).collect();
    Frame {
        person: Some(words::name(&person.email)),
        tabs: if tabs.len() > 1 { tabs } else { Vec::new() },
        ..frame_of(edge, parts)
    }
}

/// An app as pages show it.
fn card(app: &App, profile: &Profile) -> AppCard {
    let info = url::Url::parse(&app.info_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    AppCard {
        name: words::name(&app.name),
        initial: words::initial(&app.name),
        logo: app
            .logo
            .map(|digest| format!("/logos/{}/{}", app.id, crate::flows::apps::logo_name(digest)))
            .unwrap_or_default(),
        owner: words::name(&app.owner),
        description: words::paragraph(&app.description),
        info: info.and_then(|url| url.host_str().map(words::name)).unwrap_or_default(),
        verified: app.verified,
        poses: !app.verified && (words::poses(&app.name, &profile.name) || words::poses(&app.owner, &profile.name)),
        private: matches!(app.visibility, causeway_protocol::records::Visibility::Private(_)),
    }
}

fn problem(refusal: &Refusal) -> Problem {
    Problem {
        sentence: refusal.reason.sentence().to_owned(),
        next: refusal.reason.next_step().to_owned(),
        number: refusal.reason.number(),
    }
}

async fn signed_in(edge: &Shared, visitor: &Visitor) -> Result<Option<SignedIn>, Refusal> {
    session::find(&edge.node, visitor.session()).await
}

/// The fields of a form that one of our pages posted. No other kind of body: a page of another site could send it.
async fn form(headers: &HeaderMap, sent: Body) -> Result<Params, Refusal> {
    let content_type = headers::single(headers, &CONTENT_TYPE)?.unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Reason::MediaTypeUnknown.about("Content-Type"));
    }
    Params::form(&body::collect(headers, sent, body::MAX_BODY).await?)
}

fn with_cookie(mut reply: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        reply.headers_mut().append(SET_COOKIE, cookie);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::FormEnds::{AtApp, BeyondApp, Here};
    use super::form_targets;

    #[test]
    fn az_17_the_way_to_the_app_and_beyond_is_a_form_target() {
        assert_eq!(form_targets(Here), "");
        assert_eq!(form_targets(AtApp("https://app.example:8443/cb?x=1")), " https://app.example:8443");
        assert_eq!(form_targets(BeyondApp("https://app.example/cb")), " https://app.example https:");
        assert_eq!(form_targets(AtApp("http://127.0.0.1:4711")), " http://127.0.0.1:4711");
        assert_eq!(form_targets(AtApp("http://[::1]:4711/cb")), " http:");
        assert_eq!(form_targets(BeyondApp("com.example.app:/cb")), " com.example.app:");
        assert_eq!(form_targets(AtApp("https://a.example;script-src/cb")), " https:", "no second directive");
    }
}
