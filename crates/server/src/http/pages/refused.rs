//! A refusal as a page: what happened, what it means for the reader, what to do next, and, folded, what its developer
//! needs to know. Never a redirect, never a dead end.

use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::profile::Profile;
use causeway_protocol::{Reason, Refusal};
use http::HeaderValue;
use http::header::RETRY_AFTER;
use http::request::Parts;

use super::views::{Problem, Refused, Support, Way};
use super::{FormEnds, frame_of, page as show, problem, words};
use crate::flows::authorize::Shown;
use crate::http::reply::Kind;
use crate::shared::Shared;

/// The page of a refusal.
pub fn page(edge: &Shared, parts: &Parts, shown: impl Into<Shown>) -> Response {
    let Shown { refusal, again, wait } = shown.into();
    let profile = &edge.node.profile;
    let words = words_of(refusal.reason);
    let apps = profile.endpoints.connected_apps.clone();
    let way = match (again, refusal.reason) {
        (Some(href), _) => Way { href, text: "Look at the request again" },
        (None, Reason::NoSuchApp | Reason::TooManyApps | Reason::TooManyOwnApps) => {
            Way { href: profile.endpoints.apps.clone(), text: "See the apps" }
        }
        (None, Reason::NoSuchConnection) => Way { href: apps, text: "See connected apps" },
        (None, Reason::NotAllowedHere | Reason::NoCustomer) => Way { href: "/sign-out".to_owned(), text: "Sign out" },
        (None, _) => Way { href: "/".to_owned(), text: "Go to your account" },
    };
    let view = Refused {
        frame: frame_of(edge, parts),
        title: words.title,
        meaning: words.meaning,
        problem: Problem { next: words.next.unwrap_or(refusal.reason.next_step()).to_owned(), ..problem(&refusal) },
        way,
        developer: developer(&refusal, parts),
        support: support(profile, parts.uri.path().starts_with(&profile.endpoints.connected_apps)),
    };
    let mut reply = show(Kind::Refused(refusal.reason), &view, FormEnds::Here);
    if let Some(wait) = wait {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.0.max(1)));
    }
    reply
}

/// `https://help.example/x` → `help.example/x`. A link on pages of settings; text in the OAuth flow, whose pages lead
/// nowhere else.
pub(super) fn support(profile: &Profile, in_settings: bool) -> Support {
    let Some(url) = profile.brand.support_url.as_deref() else { return Support::default() };
    let text = words::name(url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/'));
    Support { text, href: Some(url.to_owned()).filter(|url| in_settings && url.starts_with("https://")) }
}

struct Words {
    title: &'static str,
    meaning: &'static str,
    /// In place of the reason's own next step, where that is a developer's.
    next: Option<&'static str>,
}

fn words_of(reason: Reason) -> Words {
    use Reason::*;
    let (title, meaning) = match reason {
        AppUnknown | RedirectMissing | RedirectUnregistered => (
            "This link is broken",
            "Nothing was shared. Go back to where you found the link and try again; if it stays broken, tell the app’s \
             maker.",
        ),
        ParameterRepeated | ParameterMissing | ParameterMalformed | BodyUnreadable | HeaderMalformed
        | MediaTypeUnknown | BodyTooLarge => ("This request is broken", "Nothing was shared, and nothing was changed."),
        AppNotAvailable => ("This app cannot be connected now", "Nothing was shared."),
        FormExpired => ("Please look at this again", "Nothing was shared."),
        FormForeign => (
            "This page belongs to somebody else",
            "Nothing was shared. If your browser keeps no cookies, let it keep those of this site.",
        ),
        FormDecided => ("You answered this already", "Your first answer stands."),
        FormBroken => ("This page cannot be used any more", "Nothing was shared."),
        CrossSite => ("This came from another site", "Nothing was done."),
        NotAllowedHere => ("You cannot open this page", ""),
        NotApprover => ("An administrator has to do this", "Nothing was shared."),
        AppPrivate => ("This app is private", "Nothing was shared."),
        NoCustomer => ("There is nothing to connect here", ""),
        NoSuchConnection => ("This connection is gone", ""),
        NoSuchApp => ("There is no such app here", ""),
        AppChanged => ("Somebody was faster", "Nothing was saved."),
        TooManyApps | TooManyOwnApps => ("No more apps fit here", "Nothing was saved."),
        NoSuchPage => ("Page not found", ""),
        MethodNotAllowed => ("This page works another way", "Nothing was done."),
        SignInNeeded => ("Please sign in again", "Your session has ended. Nothing was shared."),
        SignInBusy
        | StoreBusy
        | StoreFailed
        | GuardNotReady
        | Draining
        | AccountsThrottled
        | RegistrationsThrottled => ("Please try again in a moment", "Nothing was done."),
        ScopeUnknown => ("What this app may ask for has changed", "Nothing was shared."),
        _ => ("This did not work", "Nothing was shared."),
    };
    let next = match reason {
        NoSuchPage => Some("Check the address."),
        MethodNotAllowed | MediaTypeUnknown | BodyUnreadable | BodyTooLarge | HeaderMalformed | ParameterMissing => {
            Some("Go back, load the page again, and use its own buttons.")
        }
        ScopeUnknown => Some("Start again from the app."),
        _ => None,
    };
    Words { title, meaning, next }
}

/// For whoever made the link: which parameter, what was expected, how to fix it.
fn developer(refusal: &Refusal, parts: &Parts) -> Vec<(&'static str, String)> {
    use Reason::*;
    let (parameter, expected) = match refusal.reason {
        AppUnknown => ("client_id", "The client id of an app that is registered here, sent once."),
        RedirectMissing => {
            ("redirect_uri", "One of the app’s redirect URIs. It may be left out only if the app has exactly one.")
        }
        RedirectUnregistered => (
            "redirect_uri",
            "One of the app’s registered redirect URIs, byte for byte: scheme, host, port, path, query and a slash at the \
             end all count. Only the port of a loopback address is free.",
        ),
        ParameterRepeated => ("", "Each parameter once, in the query or in the body."),
        ParameterMalformed => ("", "UTF-8 without control characters, at most 8 kB a value and 100 parameters."),
        _ => return Vec::new(),
    };
    let named = refusal.detail.as_deref().filter(|detail| !detail.is_empty()).unwrap_or(parameter);
    let mut lines = vec![("Parameter", words::name(named)), ("Expected", expected.to_owned())];
    if refusal.reason == RedirectUnregistered {
        // Inert text, escaped: only its developer can tell what is wrong with it.
        lines.extend(sent(parts, parameter).map(|value| ("Received", words::received(&value))));
    }
    lines.push(("To fix it", refusal.reason.next_step().to_owned()));
    lines
}

/// A parameter of the query, as it was sent.
fn sent(parts: &Parts, name: &str) -> Option<String> {
    let query = Params::form(parts.uri.query()?.as_bytes()).ok()?;
    query.get(name).ok()?.map(str::to_owned)
}
