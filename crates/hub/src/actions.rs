//! The dashboard's buttons. Each does one thing, leaves a notice, and goes back to its card by a redirect.

use std::sync::PoisonError;

use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::{Reason, Refusal};
use causeway_vault::{ApiRequest, Connection, Revocation};

use crate::data::{Section, Seen, read};
use crate::gate::RequestId;
use crate::hub::{ACCOUNT, Hub, Inner, Notice};
use crate::session::Session;
use crate::{reply, view};

/// The longest form.
const FORM: usize = 16 * 1024;

/// What every action needs.
struct Asked {
    connection: Connection,
    form: Params,
}

async fn asked(hub: &Inner, session: &Session, platform: &str, body: Body) -> Result<Asked, Refusal> {
    let bytes = to_bytes(body, FORM).await.map_err(|_| Reason::BodyTooLarge.refuse())?;
    let form = Params::form(&bytes)?;
    if !session.owns(form.get("form")?.unwrap_or_default()) {
        return Err(Reason::FormForeign.refuse());
    }
    if hub.vault.platform(platform).is_none() {
        return Err(Reason::NoSuchPage.refuse());
    }
    Ok(Asked { connection: connection(hub, platform).await?, form })
}

async fn connection(hub: &Inner, platform: &str) -> Result<Connection, Refusal> {
    let all = hub.vault.connections().await?;
    let found = all.into_iter().find(|each| each.platform == platform && each.account == ACCOUNT);
    found.ok_or(Reason::NotConnected.into())
}

/// Back to the card, with what came of it.
fn done(hub: &Inner, session: &Session, platform: &str, id: &RequestId, result: Result<String, Refusal>) -> Response {
    match result {
        Ok(text) => {
            hub.notify(&session.id, Notice { platform: platform.to_owned(), mood: "good", text, number: None });
        }
        // A form that is not this page's deserves a page of its own.
        Err(refusal) if matches!(refusal.reason.number(), 100..=199 | 400..=499) => {
            return view::refused(hub, refusal, id, None);
        }
        Err(refusal) => say(hub, session, platform, &refusal),
    }
    reply::see_other(&format!("/#{platform}"))
}

/// Leaves a refusal as a notice.
pub(crate) fn say(hub: &Inner, session: &Session, platform: &str, refusal: &Refusal) {
    let detail = refusal.detail.as_deref().filter(|detail| !detail.is_empty());
    let detail = detail.map(|detail| format!(" The platform says: {detail}.")).unwrap_or_default();
    let text = format!("{}{} {}", refusal.reason.sentence(), detail.replace("..", "."), refusal.reason.next_step());
    let number = Some(refusal.reason.number());
    hub.notify(&session.id, Notice { platform: platform.to_owned(), mood: "bad", text, number });
}

/// `POST /load/{platform}`: calls the API for everything that the dashboard shows.
pub(crate) async fn load(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    body: Body,
) -> Response {
    let hub = &*hub.0;
    let result = async {
        let asked = asked(hub, &session, &platform, body).await?;
        if asked.connection.sites.is_empty() {
            hub.vault.load_sites(asked.connection.id).await?;
        }
        let connection = hub.vault.connection(asked.connection.id).await?;
        fetched(hub, &connection).await
    };
    done(hub, &session, &platform, &id, result.await)
}

/// `POST /site/{platform}`: chooses the site, and loads its data.
pub(crate) async fn choose_site(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    body: Body,
) -> Response {
    let hub = &*hub.0;
    let result = async {
        let asked = asked(hub, &session, &platform, body).await?;
        hub.vault.choose_site(asked.connection.id, asked.form.require("site")?).await?;
        let connection = hub.vault.connection(asked.connection.id).await?;
        fetched(hub, &connection).await
    };
    done(hub, &session, &platform, &id, result.await)
}

/// `POST /refresh/{platform}`: a new pair now.
pub(crate) async fn refresh(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    body: Body,
) -> Response {
    let hub = &*hub.0;
    let result = async {
        let connection = asked(hub, &session, &platform, body).await?.connection;
        let before = hub.vault.tokens(connection.id).await?;
        hub.vault.refresh_now(connection.id).await?;
        let after = hub.vault.tokens(connection.id).await?;
        let (Some(before), Some(after)) = (before, after) else { return Err(Reason::NotConnected.refuse()) };
        let mut text = format!("A new pair. Access token #{} became #{}", before.access, after.access);
        if let (Some(old), Some(new)) = (before.refresh, after.refresh) {
            let kept = format!("; refresh token #{old} stays");
            text.push_str(&if old == new { kept } else { format!("; refresh token #{old} became #{new}") });
        }
        Ok(format!("{text}."))
    };
    done(hub, &session, &platform, &id, result.await)
}

/// `POST /disconnect/{platform}`: ends it on both sides.
pub(crate) async fn disconnect(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    body: Body,
) -> Response {
    let hub = &*hub.0;
    let result = async {
        let connection = asked(hub, &session, &platform, body).await?.connection;
        let told = hub.vault.disconnect(connection.id).await?;
        hub.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection.id);
        let text = match told {
            Revocation::Done => "Disconnected. The platform ended the authorization, and our tokens are deleted.",
            Revocation::Failed => {
                "Disconnected. Our tokens are deleted. The platform could not be told: the customer can cut it there."
            }
            Revocation::NotOffered => {
                "Disconnected. Our tokens are deleted. This platform cannot be told: the customer can cut it there."
            }
        };
        Ok(text.to_owned())
    };
    done(hub, &session, &platform, &id, result.await)
}

async fn fetched(hub: &Inner, connection: &Connection) -> Result<String, Refusal> {
    match fetch(hub, connection).await {
        Some(refusal) => Err(refusal),
        None => Ok("The data below was fetched just now.".to_owned()),
    }
}

/// Fetches everything that the dashboard shows, for the chosen site. Answers the first refusal; what could be had is
/// kept.
pub(crate) async fn fetch(hub: &Inner, connection: &Connection) -> Option<Refusal> {
    let shows = hub.vault.platform(&connection.platform).map(|platform| platform.profile.partner.shows.clone());
    let mut sections = Vec::new();
    let mut first = None;
    for (title, path) in shows.unwrap_or_default() {
        let request = ApiRequest::get(path).at_site(connection.site.clone());
        let content = match hub.vault.call(connection.id, &request).await {
            Ok(answer) => read(&answer),
            Err(refusal) => {
                let says = format!("{} {}", refusal.reason.sentence(), refusal.reason.next_step());
                let is_over = matches!(refusal.reason, Reason::ReconnectNeeded | Reason::NotConnected);
                first.get_or_insert(refusal);
                if is_over {
                    return first;
                }
                Err(says)
            }
        };
        sections.push(Section { title, content });
    }
    let seen = Seen { at: hub.vault.now(), site: connection.site.clone(), sections };
    hub.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.id, seen);
    first
}
