//! Accounts of the partner's own users at a platform that wants them registered first (ORC-14): one by a form, many by a
//! list, and whoever is connected without having been registered. How the platform is asked is the vault's.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use causeway_protocol::secret::Secret;
use causeway_protocol::{Reason, Refusal};
use causeway_vault::{NewAccount, Platform, Registered};

use crate::form::Form;
use crate::gate::RequestId;
use crate::hub::{Hub, Inner, MAIN, card_url};
use crate::session::Session;
use crate::{actions, reply, view};

/// Lines of a list that are registered at once: each is a request.
pub(crate) const MOST: usize = 500;
/// What is said of an account that came without them.
const TIMEZONE: &str = "UTC";
const CURRENCY: &str = "USD";
/// So many lines that failed are told.
const TOLD: usize = 3;

/// `POST /accounts/{platform}`: registers the account of the form's fields, or those of its list.
pub(crate) async fn register(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    body: Body,
) -> Response {
    let hub = &*hub.0;
    let result = async {
        let form = Form::with_list(&session, body).await?;
        let known = hub.vault.platform(&platform).ok_or(Reason::NoSuchPage.refuse())?;
        let key = hub.api_key(known).ok_or(Reason::NoSuchPage.refuse())?;
        match form.list("list").trim() {
            "" => one(hub, &platform, key, &form).await,
            list => many(hub, &platform, key, list).await,
        }
    };
    match result.await {
        Ok(text) => actions::good(hub, &session, &platform, text),
        Err(refusal) if refusal.reason == Reason::FormForeign || refusal.reason == Reason::NoSuchPage => {
            return view::refused(hub, refusal, &id, None);
        }
        Err(refusal) => actions::say(hub, &session, &platform, &refusal),
    }
    reply::see_other(&card_url(&platform, MAIN))
}

async fn one(hub: &Inner, platform: &str, key: &Secret, form: &Form) -> Result<String, Refusal> {
    let new = NewAccount {
        account: form.require("id")?.to_owned(),
        name: form.require("name")?.to_owned(),
        timezone: form.require("timezone")?.to_owned(),
        currency: form.require("currency")?.to_owned(),
    };
    Ok(match hub.vault.register_account(platform, key, &new).await? {
        Registered::Now => format!("{} is registered. It can be connected now.", new.account),
        Registered::Before => format!("{} was registered already. It can be connected.", new.account),
    })
}

/// One after the other: the platform's limits are not known, and a person waits for some hundred at most.
async fn many(hub: &Inner, platform: &str, key: &Secret, list: &str) -> Result<String, Refusal> {
    let lines = list.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    let lines: Vec<(usize, &str)> = lines.filter(|(_, line)| !is_head(line)).collect();
    if lines.len() > MOST {
        return Err(Reason::ParameterMalformed.about(format!("more than {MOST} lines")));
    }
    let (mut now, mut before, mut failed) = (0, 0, Vec::new());
    for (at, line) in lines {
        let Some(new) = read_line(line) else {
            failed.push(format!("line {}: a line is an id, a name, a time zone and a currency.", at + 1));
            continue;
        };
        match hub.vault.register_account(platform, key, &new).await {
            Ok(Registered::Now) => now += 1,
            Ok(Registered::Before) => before += 1,
            // The key is wrong, or the platform is away, for every further line as well.
            Err(refusal) if matches!(refusal.reason, Reason::AppKeyWrong | Reason::PlatformUnreachable) => {
                return Err(refusal);
            }
            Err(refusal) => failed.push(format!("line {}: {}", at + 1, actions::words(&refusal))),
        }
    }
    let mut text = format!("{now} registered, {before} were there already, {} not taken.", failed.len());
    for line in failed.iter().take(TOLD) {
        text.push(' ');
        text.push_str(line);
    }
    Ok(text)
}

/// The line that names the columns.
fn is_head(line: &str) -> bool {
    line.to_ascii_lowercase().starts_with("accountid,")
}

/// `id,name,time zone,currency`; a name may hold commas. The last two may be left out together.
fn read_line(line: &str) -> Option<NewAccount> {
    let (account, rest) = line.split_once(',').unwrap_or((line, line));
    let parts: Vec<&str> = rest.rsplitn(3, ',').collect();
    let (name, timezone, currency) = match parts[..] {
        [currency, timezone, name] => (name, timezone, currency),
        [name] => (name, TIMEZONE, CURRENCY),
        _ => return None,
    };
    let [account, name, timezone, currency] = [account, name, timezone, currency].map(|part| part.trim().to_owned());
    let whole = ![&account, &name, &timezone, &currency].iter().any(|part| part.is_empty());
    whole.then_some(NewAccount { account, name, timezone, currency })
}

/// Registers an account that is about to be connected for the first time, where the platform wants it registered.
pub(crate) async fn register_first(hub: &Inner, platform: &Platform, account: &str) -> Result<(), Refusal> {
    let Some(key) = hub.api_key(platform).filter(|_| platform.names_accounts()) else { return Ok(()) };
    let vault = &hub.vault;
    let is_known = vault.knows_account(platform.key(), account).await?
        || vault.connection_of(platform.key(), account).await?.is_some();
    if is_known {
        return Ok(());
    }
    let new = NewAccount {
        account: account.to_owned(),
        name: account.to_owned(),
        timezone: TIMEZONE.to_owned(),
        currency: CURRENCY.to_owned(),
    };
    vault.register_account(platform.key(), key, &new).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orc_14_a_line_is_an_account() {
        let read =
            |line: &str| read_line(line).map(|new| [new.account, new.name, new.timezone, new.currency].join("|"));
        assert_eq!(read("a1, Ada, Ltd., Europe/Berlin, EUR").unwrap(), "a1|Ada, Ltd.|Europe/Berlin|EUR");
        assert_eq!(read("a1,Ada").unwrap(), "a1|Ada|UTC|USD");
        assert_eq!(read("a1").unwrap(), "a1|a1|UTC|USD");
        for bad in ["a1,Ada,EUR", ",Ada", "a1,,Europe/Berlin,EUR"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
