//! The way out of OAuth 1.0, for people (TSM-21, TSM-23): a list of consumer pairs is pasted, each pair is exchanged once
//! while the page counts, and what was refused says why. The exchanging itself is the vault's.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::{Reason, Refusal};
use causeway_vault::migrate::{BadLine, Campaign, Options};
use http::Uri;

use crate::form::Form;
use crate::gate::RequestId;
use crate::hub::{Hub, Notice};
use crate::session::Session;
use crate::{actions, reply, view};

/// The columns of a list that does not name them itself.
const HEAD: &str = "account,consumer_key,consumer_secret\n";
/// So many bad lines are told.
const TOLD: usize = 3;

/// What is said next on the page; an empty text says nothing. `mood` is a class of the style sheet.
struct Came {
    mood: &'static str,
    text: String,
}

impl Came {
    fn well(text: &str) -> Self {
        Self { mood: "good", text: text.to_owned() }
    }
}

/// `GET /migrate/{platform}[?after=…]`.
pub(crate) async fn page(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Response {
    let hub = &*hub.0;
    let shown = async {
        let campaign = hub.vault.campaign(&platform)?;
        let query = Params::form(uri.query().unwrap_or_default().as_bytes())?;
        let after = query.get("after")?.map_or(Ok(0), str::parse);
        let after = after.map_err(|_| Reason::ParameterMalformed.about("after"))?;
        view::migration(hub, &session, &campaign, after).await
    };
    shown.await.unwrap_or_else(|refusal| view::refused(hub, refusal, &id, None))
}

/// `POST /migrate/{platform}`: `do` says what.
pub(crate) async fn act(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    body: Body,
) -> Response {
    let hub = &*hub.0;
    let result = async {
        let form = Form::with_list(&session, body).await?;
        let campaign = hub.vault.campaign(&platform)?;
        match form.require("do")? {
            "start" => start(&campaign, form.list("pairs")).await,
            "retry" => {
                campaign.start(Options { retry_refused: true, ..Options::default() }).await?;
                Ok(Came::well("The refused pairs are asked for again."))
            }
            "stop" => {
                campaign.stop().await;
                Ok(Came::well("Stopped. What was under way is stored, and nothing is lost: Continue takes it up."))
            }
            "erase" => {
                let erased = campaign.erase(None).await?;
                let text = format!("{erased} consumer secrets are erased. Pairs that are not done keep theirs.");
                Ok(Came { mood: "good", text })
            }
            _ => Err(Reason::ParameterMalformed.about("do")),
        }
    };
    match result.await {
        Ok(came) if came.text.is_empty() => {}
        Ok(Came { mood, text }) => {
            hub.notify(&session.id, Notice { platform: platform.clone(), mood, text, number: None });
        }
        Err(refusal) if actions::deserves_a_page(&refusal) || refusal.reason == Reason::NoLegacyHere => {
            return view::refused(hub, refusal, &id, None);
        }
        Err(refusal) => actions::say(hub, &session, &platform, &refusal),
    }
    reply::see_other(&format!("/migrate/{platform}"))
}

/// Takes the list in, and begins. A list without its columns' names has the usual three.
async fn start(campaign: &Campaign, list: &str) -> Result<Came, Refusal> {
    let (list, shift) = match list.trim_start() {
        "" => ("", 0),
        list if list.to_ascii_lowercase().lines().next().is_some_and(|line| line.contains("consumer_key")) => (list, 0),
        list => (list, 1),
    };
    let mut text = String::new();
    if !list.is_empty() {
        let head = if shift == 0 { "" } else { HEAD };
        let mut bad: Vec<BadLine> = Vec::new();
        let reader = std::io::Read::chain(head.as_bytes(), list.as_bytes());
        let imported = campaign
            .import(reader, |line| {
                if bad.len() < TOLD {
                    bad.push(line);
                }
            })
            .await?;
        if imported.bad > 0 {
            text = format!("{} of {} lines were not taken.", imported.bad, imported.lines);
            for line in &bad {
                text.push_str(&format!(" Line {}: {}.", line.line.saturating_sub(shift).max(1), line.what));
            }
        }
    }
    if campaign.progress().await?.counts.pairs() == 0 {
        let text = if text.is_empty() { "There is no pair in the list.".to_owned() } else { text };
        return Ok(Came { mood: "bad", text });
    }
    campaign.start(Options::default()).await?;
    tracing::info!(platform = campaign.platform(), "a migration was started from the dashboard");
    Ok(Came { mood: "warn", text })
}
