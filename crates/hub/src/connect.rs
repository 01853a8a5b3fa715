//! The way to a platform, and the way back. The vault proves the return; here it is only taken in, once, and left at
//! once: no page is shown under an address that holds a code that was good (SECURITY PV-06).

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::{Reason, Refusal};
use http::header::REFERRER_POLICY;
use http::{HeaderValue, Uri};

use crate::gate::RequestId;
use crate::hub::{ACCOUNT, Hub, Notice};
use crate::session::Session;
use crate::{actions, reply, view};

/// `GET /connect/{platform}`: off to the platform.
pub(crate) async fn begin(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
) -> Response {
    match hub.0.vault.begin(&platform, ACCOUNT, &session.id).await {
        Ok(url) => reply::see_other(&url),
        Err(refusal) => view::refused(&hub.0, refusal, &id, None),
    }
}

/// `GET /callback/{platform}`: back from it.
pub(crate) async fn finish(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Response {
    let inner = &*hub.0;
    let query = match Params::form(uri.query().unwrap_or_default().as_bytes()) {
        Ok(query) => query,
        Err(_) => return refuse(&hub, Reason::CallbackStateUnknown.refuse(), &id, &platform),
    };
    let known = Some(session.id.as_str()).filter(|_| !session.is_fresh);
    match inner.vault.finish(&platform, known, &query).await {
        Ok(connection) => {
            // What was connected shows its data at once; a platform in trouble is said on the page.
            actions::fetch(inner, &connection).await;
            let name = inner.vault.platform(&platform).map_or("", |platform| platform.profile.name.as_str());
            let text = format!("{name} is connected. The tokens are encrypted, and are renewed before they end.");
            inner.notify(&session.id, Notice { platform: platform.clone(), mood: "good", text, number: None });
            reply::see_other(&format!("/#{platform}"))
        }
        // The code was ours and may be good still: away from the address that holds it.
        Err(refusal) if query.has("code") && !is_unproven(&refusal) => {
            actions::say(inner, &session, &platform, &refusal);
            reply::see_other(&format!("/#{platform}"))
        }
        Err(refusal) => refuse(&hub, refusal, &id, &platform),
    }
}

/// The return was not proven to be ours: what it carries is a stranger's.
fn is_unproven(refusal: &Refusal) -> bool {
    matches!(refusal.reason, Reason::CallbackStateUnknown | Reason::CallbackIssuer | Reason::NoSuchPage)
}

fn refuse(hub: &Hub, refusal: Refusal, id: &RequestId, platform: &str) -> Response {
    let mut response = view::refused(&hub.0, refusal, id, hub.0.vault.platform(platform));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
