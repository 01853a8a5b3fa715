//! A query over the account's connected providers (ORC-09): the token says which account, each provider is called through the
//! vault with that account's own tokens, and what one cannot answer is said of that one. Nothing here understands a question:
//! the answer is what the providers hold.

use std::time::Duration;

use causeway_protocol::params::Params;
use causeway_protocol::{AppId, CustomerId, Reason, Refusal};
use causeway_vault::{ApiRequest, Connection, Platform, Status, Vault};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::mini_app::vault_account;
use crate::shared::Shared;

/// The longest question, in characters.
const MAX_QUESTION: usize = 2_000;
/// All providers together answer within this.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// For people.
    question: String,
    /// Only this provider.
    provider: Option<String>,
    /// This path below its API prefix, in place of the first that its profile shows.
    path: Option<String>,
}

impl Query {
    /// Reads a body: `question`, [`provider`], [`path`].
    pub fn read(params: &Params) -> Result<Self, Refusal> {
        let question = params.require("question")?;
        if question.chars().count() > MAX_QUESTION {
            return Err(Reason::ParameterMalformed.about(format!("question has more than {MAX_QUESTION} characters")));
        }
        let text = |name| params.get(name).map(|value| value.map(str::to_owned));
        Ok(Self { question: question.to_owned(), provider: text("provider")?, path: text("path")? })
    }
}

/// What one provider said.
struct Source {
    provider: String,
    name: String,
    path: String,
    said: Result<Value, Refusal>,
}

/// Asks: `{"answer", "sources": [{"provider", "path", "data"}]}`; a provider that fails has `error` in the place of `data`.
pub async fn ask(shared: &Shared, app: AppId, customer: CustomerId, query: &Query) -> Result<Value, Refusal> {
    let offered = shared.node.held.app(app).map(|app| app.providers.clone()).unwrap_or_default();
    if let Some(named) = &query.provider
        && !offered.contains(named)
    {
        return Err(Reason::ProviderNotOffered.refuse());
    }
    let wanted = offered.into_iter().filter(|key| query.provider.as_ref().is_none_or(|named| named == key));
    let account = vault_account(app, customer);
    let mut asked = Vec::new();
    if let Some(vault) = &shared.providers {
        for key in wanted {
            let Some(platform) = vault.platform(&key) else { continue };
            let connection = vault.connection_of(&key, &account).await?;
            let connected = connection.filter(|one| !matches!(one.status, Status::Disconnected { .. }));
            asked.extend(connected.map(|connection| source(vault, platform, connection, query.path.as_deref())));
        }
    }
    let sources = join_all(asked).await;
    let list: Vec<Value> = sources.iter().map(shown).collect();
    Ok(json!({"answer": answer(&query.question, &sources), "sources": list}))
}

async fn source(vault: &Vault, platform: &Platform, connection: Connection, path: Option<&str>) -> Source {
    let first = platform.profile.partner.shows.first().map(|(_, path)| path.as_str());
    let path = path.or(first).unwrap_or("/").to_owned();
    let request = ApiRequest::get(path.clone()).at_site(connection.site.clone());
    let said = match tokio::time::timeout(PATIENCE, vault.call(connection.id, &request)).await {
        Ok(Ok(reply)) if reply.success => {
            serde_json::from_slice(&reply.body).map_err(|_| Reason::AnswerUnreadable.about("not JSON"))
        }
        Ok(Ok(reply)) => Err(Reason::AnswerUnreadable.about(format!("it answered {}", reply.status))),
        Ok(Err(refusal)) => Err(refusal),
        Err(_) => Err(Reason::PlatformUnreachable.about("no answer within the time allowed")),
    };
    Source { provider: platform.key().to_owned(), name: platform.profile.name.clone(), path, said }
}

fn shown(source: &Source) -> Value {
    let Source { provider, path, said, .. } = source;
    match said {
        Ok(data) => json!({"provider": provider, "path": path, "data": data}),
        Err(refusal) => json!({
            "provider": provider,
            "path": path,
            "error": refusal.reason.wire().word(),
            "error_description": refusal.description(),
        }),
    }
}

/// One line for people: who was asked, and how much each holds.
fn answer(question: &str, sources: &[Source]) -> String {
    if sources.is_empty() {
        return "No provider is connected to this account yet: its person can connect them in the integrations."
            .to_owned();
    }
    let said: Vec<String> = sources
        .iter()
        .map(|source| match &source.said {
            Ok(data) => match records(data) {
                Some(1) => format!("{} holds 1 record", source.name),
                Some(count) => format!("{} holds {count} records", source.name),
                None => format!("{} answered", source.name),
            },
            Err(_) => format!("{} did not answer", source.name),
        })
        .collect();
    format!("{question} {}.", said.join("; "))
}

/// How many objects a list has, in whichever of the common envelopes.
fn records(data: &Value) -> Option<usize> {
    let inside = ["results", "data"].iter().find_map(|name| data.get(name)?.as_array());
    data.as_array().or(inside).map(Vec::len)
}
