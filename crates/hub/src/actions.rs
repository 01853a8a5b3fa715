//! The buttons of a connection. Each does one thing, leaves a notice, and goes back to its card by a redirect.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use causeway_protocol::{Reason, Refusal};
use causeway_vault::{ApiRequest, Connection, Revocation};

use crate::data::{Section, Seen, read};
use crate::form::{Form, known};
use crate::gate::RequestId;
use crate::hub::{Hub, Inner, Notice, card_url};
use crate::session::Session;
use crate::{reply, view};

/// What an action is about, and who asks.
pub(crate) struct Asked<'a> {
    pub(crate) hub: &'a Inner,
    pub(crate) session: &'a Session,
    pub(crate) platform: &'a str,
    pub(crate) account: String,
    pub(crate) form: Form,
}

impl<'a> Asked<'a> {
    async fn read(hub: &'a Inner, session: &'a Session, platform: &'a str, body: Body) -> Result<Self, Refusal> {
        let form = Form::read(session, body).await?;
        known(hub, platform)?;
        let account = form.account()?.to_owned();
        Ok(Self { hub, session, platform, account, form })
    }

    async fn connection(&self) -> Result<Connection, Refusal> {
        let found = self.hub.vault.connection_of(self.platform, &self.account).await?;
        found.ok_or(Reason::NotConnected.into())
    }

    /// Back to the card, with what came of it.
    fn done(&self, id: &RequestId, result: Result<String, Refusal>) -> Response {
        match result {
            Ok(text) => good(self.hub, self.session, self.platform, text),
            Err(refusal) if deserves_a_page(&refusal) => return view::refused(self.hub, refusal, id, None),
            Err(refusal) => say(self.hub, self.session, self.platform, &refusal),
        }
        reply::see_other(&card_url(self.platform, &self.account))
    }
}

/// A form that is not this page's, or not of its making, is no matter of a card.
pub(crate) fn deserves_a_page(refusal: &Refusal) -> bool {
    matches!(refusal.reason.number(), 100..=199 | 400..=499)
}

/// Leaves good news.
pub(crate) fn good(hub: &Inner, session: &Session, platform: &str, text: String) {
    hub.notify(&session.id, Notice { platform: platform.to_owned(), mood: "good", text, number: None });
}

/// Leaves a refusal as a notice.
pub(crate) fn say(hub: &Inner, session: &Session, platform: &str, refusal: &Refusal) {
    let number = Some(refusal.reason.number());
    hub.notify(&session.id, Notice { platform: platform.to_owned(), mood: "bad", text: words(refusal), number });
}

/// A refusal in sentences.
pub(crate) fn words(refusal: &Refusal) -> String {
    let detail = refusal.detail.as_deref().filter(|detail| !detail.is_empty());
    let detail = detail.map(|detail| format!(" The platform says: {detail}.")).unwrap_or_default();
    format!("{}{} {}", refusal.reason.sentence(), detail.replace("..", "."), refusal.reason.next_step())
}

/// An action as a handler: reads the form, does it, and goes back.
macro_rules! action {
    ($(#[$doc:meta])* $name:ident = $act:expr) => {
        $(#[$doc])*
        pub(crate) async fn $name(
            State(hub): State<Hub>,
            Path(platform): Path<String>,
            Extension(session): Extension<Session>,
            Extension(id): Extension<RequestId>,
            body: Body,
        ) -> Response {
            match Asked::read(&hub.0, &session, &platform, body).await {
                Ok(asked) => {
                    let result = $act(&asked).await;
                    asked.done(&id, result)
                }
                Err(refusal) => view::refused(&hub.0, refusal, &id, None),
            }
        }
    };
}

action! {
    /// `POST /load/{platform}`: calls the API for everything that the dashboard shows.
    load = load_all
}
action! {
    /// `POST /site/{platform}`: chooses the site, and loads its data.
    choose_site = choose
}
action! {
    /// `POST /refresh/{platform}`: a new pair now.
    refresh = renew
}
action! {
    /// `POST /test/{platform}`: asks the platform whose connection it is (CAL-15).
    test = try_out
}
action! {
    /// `POST /disconnect/{platform}`: ends it on both sides.
    disconnect = end
}

async fn load_all(asked: &Asked<'_>) -> Result<String, Refusal> {
    let vault = &asked.hub.vault;
    let mut site = None;
    if let Some(connection) = vault.connection_of(asked.platform, &asked.account).await? {
        if connection.sites.is_empty() {
            vault.load_sites(connection.id).await?;
        }
        site = vault.connection(connection.id).await?.site;
    }
    fetched(asked, site).await
}

async fn choose(asked: &Asked<'_>) -> Result<String, Refusal> {
    let (connection, site) = (asked.connection().await?, asked.form.require("site")?);
    asked.hub.vault.choose_site(connection.id, site).await?;
    fetched(asked, Some(site.to_owned())).await
}

async fn renew(asked: &Asked<'_>) -> Result<String, Refusal> {
    let (vault, connection) = (&asked.hub.vault, asked.connection().await?);
    let before = vault.tokens(connection.id).await?;
    vault.refresh_now(connection.id).await?;
    let after = vault.tokens(connection.id).await?;
    let (Some(before), Some(after)) = (before, after) else { return Err(Reason::NotConnected.refuse()) };
    let (old, new) = (before.refresh.unwrap_or_default(), after.refresh.unwrap_or_default());
    // Where refresh tokens are not replaced, there is no new pair.
    Ok(if old == new {
        format!("A new access token: #{} became #{}; refresh token #{old} stays.", before.access, after.access)
    } else {
        let access = format!("Access token #{} became #{}", before.access, after.access);
        format!("A new pair. {access}; refresh token #{old} became #{new}.")
    })
}

async fn try_out(asked: &Asked<'_>) -> Result<String, Refusal> {
    let name = asked.hub.vault.test_connection(asked.connection().await?.id).await?;
    Ok(format!("The connection works. The platform says whose it is: {name}."))
}

async fn end(asked: &Asked<'_>) -> Result<String, Refusal> {
    let told = asked.hub.vault.disconnect(asked.connection().await?.id).await?;
    asked.hub.keep(asked.platform, &asked.account, None);
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
}

async fn fetched(asked: &Asked<'_>, site: Option<String>) -> Result<String, Refusal> {
    match fetch(asked.hub, asked.platform, &asked.account, site).await {
        Some(refusal) => Err(refusal),
        None => Ok("The data below was fetched just now.".to_owned()),
    }
}

/// Fetches everything that the dashboard shows of an account, by whichever scheme it has. Answers the first refusal; what
/// could be had is kept.
pub(crate) async fn fetch(hub: &Inner, platform: &str, account: &str, site: Option<String>) -> Option<Refusal> {
    let shows = hub.vault.platform(platform).map(|platform| platform.profile.partner.shows.clone());
    let mut seen = Seen { at: hub.vault.now(), scheme: None, notice: Default::default(), site, sections: Vec::new() };
    let mut first = None;
    for (title, path) in shows.unwrap_or_default() {
        let request = ApiRequest::get(path).at_site(seen.site.clone());
        let content = match hub.vault.call_account(platform, account, &request).await {
            Ok(answer) => {
                seen.scheme = Some(answer.scheme);
                seen.notice = answer.notice;
                read(&answer.reply)
            }
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
        seen.sections.push(Section { title, content });
    }
    hub.keep(platform, account, Some(seen));
    first
}

/// What a fresh connection shows at once: whose it is, and its data. A platform in trouble is said on the page.
pub(crate) async fn greet(hub: &Inner, connection: &Connection) {
    let has_test = hub.vault.platform(&connection.platform).is_some_and(|known| known.profile.partner.test.is_some());
    if has_test && let Err(refusal) = hub.vault.test_connection(connection.id).await {
        tracing::warn!(reason = refusal.reason.number(), "the new connection could not be tested");
    }
    fetch(hub, &connection.platform, &connection.account, connection.site.clone()).await;
}
