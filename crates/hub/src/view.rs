//! What the templates show: each page is a struct, and each struct is made here from what the vault knows.
//! Nothing is fetched for a page: showing changes nothing and calls nobody.

mod card;
mod facts;
mod live;
mod migration;
mod rows;
mod steps;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::{Reason, Refusal};
use causeway_vault::Platform;
use http::Uri;

use crate::gate::RequestId;
use crate::hub::{Hub, Inner};
use crate::reply;
use crate::session::Session;
use card::{Body, Card};
use facts::{Facts, Wanted};
pub(crate) use migration::migration;

/// The dashboard.
#[derive(Template)]
#[template(path = "dashboard.html")]
struct Dashboard<'a> {
    title: &'a str,
    initial: String,
    cards: Vec<Card>,
}

/// Something was refused.
#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    title: &'a str,
    initial: String,
    heading: String,
    says: &'static str,
    next: &'static str,
    /// What the platform or the check said, for developers.
    detail: Option<String>,
    /// Nothing failed: the person said no. What the platform said is small then.
    is_choice: bool,
    /// Key and name of the platform to try again with.
    again: Option<(String, String)>,
    number: u16,
    request: &'a str,
}

/// `GET /[?show=PLATFORM[&account=…]]`: one card is open, the others are a line or two.
pub(crate) async fn dashboard(
    State(hub): State<Hub>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Response {
    let hub = &*hub.0;
    // Whatever else stands in the address is nobody's.
    let query = Params::form(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let wanted = Wanted::of(&query);
    match cards(hub, &session, &wanted).await {
        Ok(cards) => reply::good(&Dashboard { title: &hub.settings.title, initial: initial(hub), cards }),
        Err(refusal) => refused(hub, refusal, &id, None),
    }
}

/// Stands for the partner's logo.
fn initial(hub: &Inner) -> String {
    hub.settings.title.chars().take(1).flat_map(char::to_uppercase).collect()
}

async fn cards(hub: &Inner, session: &Session, wanted: &Wanted) -> Result<Vec<Card>, Refusal> {
    let notice = hub.notice(&session.id);
    let mut all = Vec::new();
    for platform in hub.platforms() {
        all.push(Facts::gather(hub, platform, wanted).await?);
    }
    // What somebody asks to see; else where something happened last.
    let latest = all.iter().filter(|facts| facts.last > 0).max_by_key(|facts| facts.last);
    let open = wanted.platform.clone().or(latest.map(|facts| facts.platform.key().to_owned()));
    let mut cards = Vec::new();
    for facts in all {
        let key = facts.platform.key();
        let notice = notice.clone().filter(|notice| notice.platform == key);
        let is_open = open.as_deref() == Some(key);
        cards.push(card::card(hub, session, facts, is_open, notice).await?);
    }
    Ok(cards)
}

/// No such page.
pub(crate) async fn nowhere(State(hub): State<Hub>, Extension(id): Extension<RequestId>) -> Response {
    refused(&hub.0, Reason::NoSuchPage.refuse(), &id, None)
}

/// The page of a refusal: what happened, what to do, and the way on.
pub(crate) fn refused(hub: &Inner, refusal: Refusal, id: &RequestId, platform: Option<&Platform>) -> Response {
    let heading = match (refusal.reason.number(), platform) {
        (900..=911, Some(platform)) => format!("{} was not connected", platform.profile.name),
        (108, _) => "There is nothing here".to_owned(),
        _ => "That did not work".to_owned(),
    };
    let is_choice = is_choice(&refusal);
    let page = Refused {
        title: &hub.settings.title,
        initial: initial(hub),
        heading,
        says: if is_choice { "You chose Deny. Nothing was shared." } else { refusal.reason.sentence() },
        next: match refusal.reason {
            Reason::NoSuchPage => "Go back to the dashboard.",
            _ if is_choice => "You can connect at any time.",
            reason => reason.next_step(),
        },
        is_choice,
        detail: refusal.detail,
        again: platform.map(|platform| (platform.key().to_owned(), platform.profile.name.clone())),
        number: refusal.reason.number(),
        request: &id.0,
    };
    reply::page(reply::status(refusal.reason.wire()), &page)
}

/// The person pressed Deny (RFC 6749 4.1.2.1, `access_denied`). A platform of ours numbers its reasons: another number
/// than that of Deny means that the person was not asked.
fn is_choice(refusal: &Refusal) -> bool {
    let said = refusal.detail.as_deref().filter(|_| refusal.reason == Reason::CallbackRefused).unwrap_or_default();
    let Some(rest) = said.strip_prefix("access_denied") else { return false };
    let denied = format!("C-{}", Reason::PersonDenied.number());
    (rest.is_empty() || rest.starts_with(": ")) && (rest.contains(&denied) || !rest.contains("C-"))
}
