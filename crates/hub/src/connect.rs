//! The way to a platform, and the way back. The vault proves the return; here it is only taken in, once, and left at
//! once: no page is shown under an address that holds a code that was good (SECURITY PV-06).

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use causeway_protocol::params::Params;
use causeway_protocol::{Reason, Refusal};
use causeway_vault::Platform;
use http::header::REFERRER_POLICY;
use http::{HeaderValue, Uri};

use crate::gate::RequestId;
use crate::hub::{Hub, Inner, MAIN, card_url};
use crate::session::Session;
use crate::{accounts, actions, reply, view};

/// Accounts that are looked through for one that is not connected.
const LOOK: u32 = 200;

/// `GET /connect/{platform}[?account=…]`: off to the platform.
pub(crate) async fn begin(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Response {
    let hub = &*hub.0;
    let Some(known) = hub.vault.platform(&platform) else {
        return view::refused(hub, Reason::NoSuchPage.refuse(), &id, None);
    };
    let begun = async {
        let asked = Params::form(uri.query().unwrap_or_default().as_bytes())?;
        let account = match asked.get("account")? {
            Some(account) => account.to_owned(),
            None if known.names_accounts() => next(hub, known).await?,
            None => MAIN.to_owned(),
        };
        // Somebody's first sign-in: the platform is told of the account before its consent is asked for (ORC-14).
        accounts::register_first(hub, known, &account).await?;
        hub.vault.begin(&platform, &account, &session.id).await
    };
    match begun.await {
        Ok(url) => reply::see_other(&url),
        Err(refusal) => view::refused(hub, refusal, &id, None),
    }
}

/// Whose turn it is where no account is named: the first that is not connected.
async fn next(hub: &Inner, platform: &Platform) -> Result<String, Refusal> {
    let all = hub.vault.accounts(platform.key(), "", LOOK).await?;
    let open = all.iter().find(|account| !account.connected).or(all.first());
    open.map(|account| account.account.clone()).ok_or(Reason::AccountMissing.refuse())
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
            actions::greet(inner, &connection).await;
            let name = inner.vault.platform(&platform).map_or("", |platform| platform.profile.name.as_str());
            let of = if connection.account == MAIN { String::new() } else { format!(" for {}", connection.account) };
            let text = format!("{name} is connected{of}. The tokens are encrypted, and are renewed before they end.");
            actions::good(inner, &session, &platform, text);
            reply::see_other(&card_url(&platform, &connection.account))
        }
        // The code was ours and may be good still: away from the address that holds it.
        Err(refusal) if query.has("code") && !is_unproven(&refusal) => {
            actions::say(inner, &session, &platform, &refusal);
            reply::see_other(&card_url(&platform, MAIN))
        }
        Err(refusal) => refuse(&hub, refusal, &id, &platform),
    }
}

/// `GET /manage/{platform}?account=…`: into the platform's mini-app, signed in by a token that is fetched now (ORC-15).
///
/// A link and no form, like the way to a platform: it ends on another host.
pub(crate) async fn manage(
    State(hub): State<Hub>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Response {
    let hub = &*hub.0;
    let account = Params::form(uri.query().unwrap_or_default().as_bytes())
        .and_then(|asked| asked.require("account").map(str::to_owned));
    let key = hub.vault.platform(&platform).and_then(|known| hub.api_key(known));
    match (account, key) {
        (Ok(account), Some(key)) => match hub.vault.mini_app(&platform, key, &account).await {
            Ok(url) => reply::see_other(&url),
            Err(refusal) => {
                actions::say(hub, &session, &platform, &refusal);
                reply::see_other(&card_url(&platform, &account))
            }
        },
        (Err(refusal), _) => view::refused(hub, refusal, &id, None),
        (_, None) => view::refused(hub, Reason::NoSuchPage.refuse(), &id, None),
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
