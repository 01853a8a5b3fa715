//! What stands before every address: the right host, no forms from elsewhere, a session, and headers that keep pages
//! safe. Pages and actions find their session among the request's extensions.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use causeway_protocol::Reason;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::hub::{Hub, Inner};
use crate::session::Session;
use crate::{reply, view};

/// A request's id: small on error pages, and in the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// No script, nothing from elsewhere, no frame around us. Ways to a platform are links, which no rule for forms
/// hinders: a platform may send people through as many hosts of its own as it likes.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// The layer around all pages.
pub(crate) async fn guard(State(hub): State<Hub>, mut request: Request, next: Next) -> Response {
    let hub = &*hub.0;
    let id =
        RequestId(format!("{:024x}", u128::from_be_bytes(causeway_vault::clock::random(hub.entropy.as_ref())) >> 32));
    let session = Session::of(hub, request.headers());
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(session.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = match check(hub, &request) {
        // In a task of its own: a browser that goes away stops nothing half-way, and a panic is this request's alone.
        Check::Pass => match tokio::spawn(next.run(request)).await {
            Ok(response) => response,
            Err(_) => view::refused(hub, Reason::Internal.refuse(), &id, None),
        },
        Check::Elsewhere(to) => reply::see_other(&to),
        Check::Refuse(reason) => view::refused(hub, reason.refuse(), &id, None),
    };
    tracing::info!(request = id.0, %method, path, status = response.status().as_u16());
    let headers = response.headers_mut();
    if let Some(cookie) = session.cookie(hub).filter(|_| session.is_fresh && !path.starts_with("/static/")) {
        headers.append(SET_COOKIE, cookie);
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(X_REQUEST_ID, id);
    }
    protect(hub, headers);
    response
}

enum Check {
    Pass,
    Elsewhere(String),
    Refuse(Reason),
}

fn check(hub: &Inner, request: &Request) -> Check {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !host.eq_ignore_ascii_case(&hub.authority) {
        // The same listener under another name of this machine: cookies know names, so people belong under ours.
        // Anything else may be a stranger's name that leads to us (DNS rebinding).
        let is_reading = request.method() == Method::GET && request.uri().path() == "/";
        return if is_reading && is_alias(host, &hub.authority) {
            Check::Elsewhere(format!("{}/", hub.settings.origin))
        } else {
            Check::Refuse(Reason::HostUnknown)
        };
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    // Going to a platform changes nothing that matters, but no foreign page shall send anybody.
    let leaves = ["/connect/", "/manage/"].iter().any(|way| request.uri().path().starts_with(way));
    if (changes || leaves) && is_from_elsewhere(hub, request.headers()) {
        return if leaves { Check::Elsewhere("/".to_owned()) } else { Check::Refuse(Reason::CrossSite) };
    }
    Check::Pass
}

/// Loopback under another name, same port.
fn is_alias(host: &str, ours: &str) -> bool {
    let port = |authority: &str| authority.rsplit_once(':').map(|(_, port)| port.to_owned());
    let name = |authority: &str| authority.rsplit_once(':').map_or(authority.to_owned(), |(name, _)| name.to_owned());
    let is_loopback = |authority: &str| matches!(name(authority).as_str(), "localhost" | "127.0.0.1" | "[::1]");
    is_loopback(host) && is_loopback(ours) && port(host) == port(ours)
}

/// Fetch metadata first, Origin where a browser has none; without either no browser asks, and forms carry their mark
/// anyway.
fn is_from_elsewhere(hub: &Inner, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() != hub.settings.origin.as_bytes())
}

fn protect(hub: &Inner, headers: &mut HeaderMap) {
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    if hub.is_https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// Can it serve?
pub(crate) async fn ready(State(hub): State<Hub>) -> Response {
    reply::plain(hub.0.vault.connections().await.is_ok())
}
